"""Labelled images for training and testing, as plain arrays."""

import contextlib
import importlib.util
import inspect
import math
import os
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from . import files
from .files import expanded, irregular, npz
from .images import (
    check_classes,
    checked_images,
    checked_labels,
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
    """Labelled images, checked on construction.

    Parameters
    ----------
    name : str
        What reports call it.
    x_train, x_test : array_like (n, height, width, channels) or (n, height, width)
        Images, in any numeric type and unit. Greyscale images may leave out the
        channel axis; it is added. Tables (n, values) are held as images of one pixel,
        1 x 1 x values, so that each value is a channel.
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
    The attributes are read-only views: images keep their type, labels are int64.

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
        if self.x_test.shape[1:] != self.image_shape:
            raise ValidationError(
                f"expected images of {format_size(self.image_shape)} as in x_train, "
                f"got {format_size(self.x_test.shape[1:])} (height x width x channels)",
                attr="Dataset.x_test",
            )
        check_classes(self.y_train, self.y_test)
        warn_of_values(self.x_train, self.x_test)

    def __repr__(self):
        """Sizes, not the arrays themselves."""
        height, width, channels = self.image_shape
        table = (height, width) == (1, 1)
        kind = (
            f"rows of {channels} values"
            if table
            else f"images of {format_size(self.image_shape)}"
        )
        return (
            f"Dataset({self.name!r}, {len(self.x_train)} training and "
            f"{len(self.x_test)} test {kind}, {self.n_classes} classes)"
        )

    @property
    def image_shape(self):
        """(height, width, channels) in pixels."""
        return self.x_train.shape[1:]

    @property
    def n_classes(self):
        """Number of classes: the largest label in training, plus one."""
        return int(self.y_train.max()) + 1

    @cached_property
    def sha256(self):
        """Checksum of the four arrays, in hexadecimal; the name is not part of it."""
        return files.sha256({key: getattr(self, key) for key in _ARRAYS})


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


def load(name_or_path):
    """Load a data set by name or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        One of `KNOWN`, or a NumPy ``.npz`` file with the arrays ``x_train``,
        ``y_train``, ``x_test`` and ``y_test``, shaped as `Dataset` says.

    Returns
    -------
    Dataset
        Images in the type and unit of the file.

    Raises
    ------
    ValidationError
        If there is no such data set, it cannot be downloaded, or its file is damaged
        or incomplete.

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
        if name_or_path == "digits":
            return _load_digits()
        stored = _cache() / f"{name_or_path}.npz"
        if stored.exists():
            return _load_npz(stored)
        return _load_keras(name_or_path)

    path = expanded(name_or_path)
    if path.suffix == ".npz" or path.exists():
        return _load_npz(path)
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


def _load_npz(path):
    if not path.exists():
        raise ValidationError(
            f"expected a data set at {str(path)!r}, found no file", attr="Dataset.name"
        )
    odd = irregular(path)
    if odd:
        raise ValidationError(
            f"expected an .npz file, but {str(path)!r} {odd[0]}; {odd[1]}",
            attr="Dataset.name",
        )
    if not zipfile.is_zipfile(path):
        raise ValidationError(
            f"expected an .npz file, but {str(path)!r} is something else or was cut "
            "off; write one with np.savez(path, x_train=..., y_train=..., x_test=..., "
            "y_test=...)",
            attr="Dataset.name",
        )
    try:
        with zipfile.ZipFile(path) as file:
            found = _declared(path, file)
            # measured, of checks of labels and of single images: much where each
            # image is a pixel, or one image is everything
            beside = 20 * math.prod(found["y_train"].shape)
            beside += 75 * math.prod(found["x_train"].shape[1:])
            arrays = npz.read(file, found, f"the data set {str(path)!r}", beside)
    except ValidationError:
        raise
    except npz.DAMAGED as error:
        raise ValidationError(
            f"cannot read {str(path)!r} ({error}); it must hold plain numeric arrays. "
            "If it is damaged, delete it and get it again",
            attr="Dataset.name",
        ) from error
    return Dataset(path.stem, **arrays)


def _declared(path, file):
    """Return what the open file says of its arrays, if these are a data set's."""
    names = npz.names(file)
    missing = [key for key in _ARRAYS if key not in names]
    if missing:
        raise ValidationError(
            f"expected the arrays {', '.join(_ARRAYS)} in {str(path)!r}, but "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            f"missing; found {', '.join(names[:9]) or 'none'}",
            attr=f"Dataset.{missing[0]}",
        )
    found = {key: npz.declared(file, key) for key in _ARRAYS}
    for part in ("train", "test"):
        n_images, n_labels = (found[f"{x}_{part}"].shape[:1] for x in "xy")
        if n_images != n_labels:
            raise ValidationError(
                f"expected a label for each of the {format_size(n_images)} images in "
                f"x_{part}, got {format_size(n_labels)} labels",
                attr=f"Dataset.y_{part}",
            )
    return found


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
