"""Labelled images, or frames over time, for training and testing: as plain arrays."""

import contextlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from . import files
from .checks import suggest
from .events import ARRAYS as EVENTS
from .events import from_file
from .examples import ARRAYS, Dataset, check_data, check_frames
from .files import expanded
from .tasks import find_kind

KNOWN = ("digits", "mnist", "fashion_mnist", "cifar10")
"""Names that `load` understands."""

__all__ = ["KNOWN", "Dataset", "check_data", "check_frames", "find", "load"]

# where Keras keeps what its loaders download, relative to <Keras home>/datasets
_KERAS_FILES = {
    "fashion_mnist": [
        f"fashion-mnist/{part}.gz"
        for part in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        )
    ],
    "cifar10": ["cifar-10-batches-py.tar.gz"],
}


def load(name_or_path, dt=None, n_steps=None):
    """Load a data set by name or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        One of `KNOWN`, or a NumPy ``.npz`` file with the arrays ``x_train``,
        ``y_train``, ``x_test`` and ``y_test``, shaped as `Dataset` says; or a file of
        events, as `.events.save` writes it.
    dt : float, optional
        For events, the seconds in each frame, if they are to be other than the file
        says.
    n_steps : int, optional
        For events, the frames for each example. By default they are as many as the
        file says, or with another ``dt`` as many as take the same time.

    Returns
    -------
    Dataset
        Images in the type and unit of the file; of events, their number in each frame.

    Raises
    ------
    ValidationError
        If there is no such data set, it cannot be downloaded, or its file is damaged
        or incomplete; if events are out of order or out of range, or their frames take
        more than half of the machine's memory.

    Notes
    -----
    ``"digits"`` is part of scikit-learn: 1,797 images of 8 x 8 x 1, pixels 0 to 16.
    Its test set is the last fifth (360 images) in the order
    ``np.random.RandomState(0).permutation(1797)``, whatever their classes.

    The others are taken from ``<Keras home>/datasets/NAME.npz``, where the Keras home
    is the environment variable ``KERAS_HOME`` or else ``~/.keras``; failing that, from
    what Keras has stored there; failing that, Keras downloads them.
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise ValidationError(
            f"expected one of {', '.join(KNOWN)} or the path of an .npz file, got "
            f"{type(name_or_path).__name__}; make a data set of arrays with "
            "datasets.Dataset.from_arrays(x, y)",
            attr="Dataset.name",
        )
    if name_or_path in KNOWN:
        _check_no_events(name_or_path, dt, n_steps)
        if name_or_path == "digits":
            return _load_digits()
        stored = _cache() / f"{name_or_path}.npz"
        if stored.exists():
            return _load_npz(stored)
        return _load_keras(name_or_path)

    path = expanded(name_or_path)
    if path.suffix == ".npz" or path.exists():
        return _load_npz(path, dt, n_steps)
    raise _unknown(name_or_path)


def find(name):
    """Tell where `load` would find a known data set, without loading it.

    Parameters
    ----------
    name : str
        One of `KNOWN`.

    Returns
    -------
    str or None
        A path, ``"built in"``, or None if it would have to be downloaded.

    Raises
    ------
    ValidationError
        If the name is not known.
    """
    if name not in KNOWN:
        raise _unknown(name)
    if name == "digits":
        return "built in"
    for parts in ([f"{name}.npz"], _KERAS_FILES.get(name, [])):
        paths = [_cache() / part for part in parts]
        if paths and all(path.exists() for path in paths):
            return str(paths[0] if len(paths) == 1 else paths[0].parent)
    return None


def _cache():
    """Return the folder in which Keras keeps data sets."""
    return expanded(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets"


def _load_digits():
    pixels, target = _digits()
    # RandomState, because NumPy promises that its numbers never change
    order = np.random.RandomState(0).permutation(len(target))
    images = pixels[order].reshape(-1, 8, 8)
    labels = target[order]
    n_test = 360
    return Dataset(
        "digits", images[:-n_test], labels[:-n_test], images[-n_test:], labels[-n_test:]
    )


def _digits():
    """Pixels and classes of scikit-learn's digits, in its order."""
    # Its file, as importing scikit-learn takes as long as simulating all of them
    folder = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    path = Path(folder, "datasets", "data", "digits.csv.gz")
    if path.exists():
        table = np.loadtxt(path, delimiter=",").astype(np.uint8)
        return table[:, :-1], table[:, -1]
    from sklearn.datasets import load_digits  # where it has moved its files

    digits = load_digits()
    return digits.data.astype(np.uint8), digits.target


def _load_npz(path, dt=None, n_steps=None):
    arrays = files.read_data_set(path, {"x_train": ARRAYS, "events_train": EVENTS})
    if "events_train" in arrays:
        arrays = from_file(arrays, dt, n_steps)
    else:
        _check_no_events(path, dt, n_steps)
    return Dataset(path.stem, **arrays, task=find_kind(arrays["y_train"]))


def _check_no_events(name_or_path, dt, n_steps):
    if (dt, n_steps) != (None, None):
        raise ValidationError(
            f"{str(name_or_path)!r} holds no events, of which dt and n_steps make "
            "frames; leave them out",
            attr="n_steps" if dt is None else "dt",
        )


def _load_keras(name):
    # not at the top: it imports TensorFlow
    loader = importlib.import_module(f"tf_keras.datasets.{name}").load_data
    # older versions of tf_keras lack the argument and know only ~/.keras
    has_cache_dir = "cache_dir" in inspect.signature(loader).parameters
    options = {"cache_dir": str(_cache().parent)} if has_cache_dir else {}
    try:
        # Keras reports its progress on standard output, which is for results
        with contextlib.redirect_stdout(sys.stderr):
            (x_train, y_train), (x_test, y_test) = loader(**options)
    except Exception as error:  # a failed download is a bare Exception in Keras
        raise ValidationError(
            f"{name} is not in {str(_cache())!r}, and Keras could not get it "
            f"({error}). Offline? Put {name}.npz there, or give the path of an .npz "
            f"file with the arrays {', '.join(ARRAYS)}",
            attr="Dataset.name",
        ) from error
    return Dataset(name, x_train, y_train, x_test, y_test)


def _unknown(name):
    return ValidationError(
        f"expected one of {', '.join(KNOWN)} or the path of an .npz file, got "
        f"{str(name)!r}, which is neither a known name nor an existing file"
        f"{suggest(name, KNOWN)}",
        attr="Dataset.name",
    )
