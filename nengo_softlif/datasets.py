"""Labelled images, or frames over time, for training and testing: as plain arrays."""

import contextlib
import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from . import files
from .checks import count_steps
from .events import ARRAYS as EVENTS
from .events import from_file
from .files import expanded
from .images import (
    check_classes,
    checked_images,
    checked_labels,
    small,
    warn_of_values,
)
from .tables import format_size

KNOWN = ("digits", "mnist", "fashion_mnist", "cifar10")
"""Names that `load` understands."""

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")

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


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images, or frames that change over time, checked on construction.

    Parameters
    ----------
    name : str
        What reports call it.
    x_train, x_test : array_like (n, height, width, channels) or (n, height, width)
        Images, in any numeric type and unit. Greyscale images may leave out the
        channel axis; it is added. Tables (n, values) are held as images of one pixel,
        1 x 1 x values, so that each value is a channel. Or frames (n, n_steps, height,
        width, channels), of which one is shown in each step of time, such as counts
        of events, whose channels are polarities.
    y_train, y_test : array_like (n,) or (n, 1)
        Classes, counted from 0, each of which occurs in training.

    Raises
    ------
    ValidationError
        If the arrays do not fit together, images hold NaN, infinity or values beyond
        1e38, or labels are not classes that occur in training.

    Warns
    -----
    NengoWarning
        If single values lie far from all others, if float32 does not tell values
        apart, if the channels of images seem to come first, or if training and test
        images, or single channels of them, seem to be in different units.

    Notes
    -----
    The attributes are read-only views: images keep their type, labels are int64. Whole
    numbers in frames get the smallest type that holds them.

    Examples
    --------
    >>> import numpy as np
    >>> from nengo_softlif.datasets import Dataset
    >>> x, y = np.zeros((6, 4, 4)), np.arange(6) % 3
    >>> Dataset("stripes", x, y, x[:3], y[:3])
    Dataset('stripes', 6 training and 3 test images of 4 x 4 x 1, 3 classes)
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self):
        """Check the arrays and bring them into the same form."""
        if not isinstance(self.name, str):
            raise ValidationError(
                "expected what to call the data set in reports, before the arrays, got "
                f"{type(self.name).__name__}",
                attr="Dataset.name",
            )
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            images = checked_images(f"Dataset.x_{part}", x)
            labels = checked_labels(f"Dataset.y_{part}", y)
            if len(images) != len(labels):
                raise ValidationError(
                    f"expected a label for each of the {len(images)} images in "
                    f"x_{part}, got {len(labels)} labels",
                    attr=f"Dataset.y_{part}",
                )
            object.__setattr__(self, f"x_{part}", images)
            object.__setattr__(self, f"y_{part}", labels)
        if self.x_test.shape[1:] != self.x_train.shape[1:]:
            sizes = (format_size(x.shape[1:]) for x in (self.x_train, self.x_test))
            raise ValidationError(
                f"expected images of {next(sizes)} as in x_train, got {next(sizes)} "
                "(height x width x channels, and n_steps before where these are "
                "frames)",
                attr="Dataset.x_test",
            )
        check_classes(self.y_train, self.y_test)
        warn_of_values(self.x_train, self.x_test)

    def __repr__(self):
        """Sizes, not the arrays themselves."""
        height, width, channels = self.image_shape
        kind = f"images of {format_size(self.image_shape)}"
        if self.n_frames is not None:
            size = format_size(self.image_shape)
            kind = f"examples of {self.n_frames} frames of {size}"
        elif (height, width) == (1, 1):
            kind = f"rows of {channels} values"
        return (
            f"Dataset({self.name!r}, {len(self.x_train)} training and "
            f"{len(self.x_test)} test {kind}, {self.n_classes} classes)"
        )

    @property
    def image_shape(self):
        """(height, width, channels) in pixels, of an image or a frame."""
        return self.x_train.shape[-3:]

    @property
    def n_frames(self):
        """Number of frames for each example; None if these are images."""
        return self.x_train.shape[1] if self.x_train.ndim == 5 else None

    @property
    def n_classes(self):
        """Number of classes: the largest label in training, plus one."""
        return int(self.y_train.max()) + 1

    @cached_property
    def sha256(self):
        """Checksum of the four arrays, in hexadecimal; the name is not part of it."""
        return files.sha256({key: getattr(self, key) for key in _ARRAYS})

    def summed(self):
        """Sum all frames of each example.

        Returns
        -------
        Dataset
            Of images, as whole numbers if the frames are.
        """
        return self._over_time("summed", lambda sums: small(sums))

    def averaged(self):
        """Average all frames of each example over time.

        For rate networks that are to be rebuilt in spikes: what is fitted to these
        images, preprocessing included, then takes the frames themselves. On average it
        sees the same.

        Returns
        -------
        Dataset
            Of images, as float32.
        """
        return self._over_time(
            "averaged", lambda sums: (sums / self.n_frames).astype(np.float32)
        )

    def _over_time(self, did, finish):
        if self.n_frames is None:
            raise ValidationError(
                f"{self!r} has no frames that could be {did}", attr="Dataset.x_train"
            )
        # in pieces, as sums take eight times the memory of frames
        x_train, x_test = (
            np.concatenate(
                [finish(x[i : i + 100].sum(axis=1)) for i in range(0, len(x), 100)]
            )
            for x in (self.x_train, self.x_test)
        )
        return replace(self, name=f"{self.name}, {did}", x_train=x_train, x_test=x_test)


def check_data(data, model):
    """Refuse what is not a `.Dataset`, or has more classes than the model."""
    if not isinstance(data, Dataset):
        remedy = (
            f"write datasets.load({data!r})"
            if isinstance(data, (str, os.PathLike))
            else "make one of arrays with datasets.Dataset(name, x_train, y_train, "
            "x_test, y_test), or load one with datasets.load"
        )
        raise ValidationError(
            f"expected a Dataset, got {type(data).__name__}; {remedy}", attr="data"
        )
    if data.n_classes > model.output.size_in:
        raise ValidationError(
            f"has {data.n_classes} classes, but the model answers with "
            f"{model.output.size_in}; make the network with "
            f"n_classes={data.n_classes}, or use other data",
            attr="data",
        )


def check_frames(data, presentation_time, dt):
    """Refuse to show examples for longer than they have frames, one in each step."""
    if count_steps(presentation_time, dt) > data.n_frames:
        raise ValidationError(
            f"expected at most {data.n_frames * dt:g} s, as {data.name!r} has "
            f"{data.n_frames} frames for each example, one for each step of {dt:g} s; "
            f"got {presentation_time:g} s",
            attr="presentation_time",
        )


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
        raise _unknown(name_or_path)
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
    arrays = files.read_data_set(path, {"x_train": _ARRAYS, "events_train": EVENTS})
    if "events_train" in arrays:
        arrays = from_file(arrays, dt, n_steps)
    else:
        _check_no_events(path, dt, n_steps)
    return Dataset(path.stem, **arrays)


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
            f"file with the arrays {', '.join(_ARRAYS)}",
            attr="Dataset.name",
        ) from error
    return Dataset(name, x_train, y_train, x_test, y_test)


def _unknown(name):
    return ValidationError(
        f"expected one of {', '.join(KNOWN)} or the path of an .npz file, got "
        f"{str(name)!r}, which is neither a known name nor an existing file",
        attr="Dataset.name",
    )
