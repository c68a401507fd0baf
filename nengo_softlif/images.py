"""The form of images, tables and frames, and what looks wrong in them."""

import sys
import warnings

import numpy as np
from nengo.exceptions import NengoWarning, ValidationError

FORMS = (
    "(n, height, width, channels), (n, height, width), for a table (n, values) or for "
    "frames (n, n_steps, height, width, channels)"
)
"""Shapes that `in_one_form` takes, in words."""


def in_one_form(x, image_shape=None):
    """Bring images, or the rows of a table, into the form (n, height, width, channels).

    Rows of a table are images of one pixel, whose channels are the values, and signals
    images of one row: (n, n_steps, channels) is taken for those if images are known to
    have the shape (1, n_steps, channels). Arrays of other shapes, such as frames, are
    returned as they are, and all as views.
    """
    if x.ndim == 2:
        return x[:, np.newaxis, np.newaxis, :]
    if x.ndim == 3 and image_shape == (1, *x.shape[1:]):
        return x[:, np.newaxis]
    return x[..., np.newaxis] if x.ndim == 3 else x


def n_features(image_shape):
    """Count what has a scale of its own in images.

    Channels do. Rows and columns of a single channel are tables in another form: each
    value is a quantity of its own. The last axis of images, flattened, repeats them.
    """
    height, width, channels = image_shape
    return height * width if channels == 1 and 1 in (height, width) else channels


def by_feature(images):
    """Lay out the values of images by feature, (n_values, n_features)."""
    return images.reshape(-1, n_features(images.shape[1:]))


def real_numbers(attr, values):
    """Refuse what is not made of real numbers; return an array, in their type."""
    if np.ma.is_masked(values):
        raise ValidationError(
            f"{np.ma.count_masked(values)} of {values.size} values are masked; fill or "
            "remove them",
            attr=attr,
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValidationError(
            f"expected one array, got unequal parts ({error})", attr=attr
        ) from error
    if array.dtype.kind not in "biuf":
        raise ValidationError(
            f"expected an array of real numbers, got type {array.dtype}; convert",
            attr=attr,
        )
    return array


def checked_images(attr, values):
    """Refuse images that cannot be trained on; return a read-only view of others.

    They come in one of `FORMS`, and go as (n, height, width, channels). Frames keep
    their shape, and whole numbers in them get the smallest type that holds them.
    """
    given = _array(attr, values)
    images = in_one_form(given)
    if images.ndim not in (4, 5):
        raise ValidationError(
            f"expected images of shape {FORMS}, got {given.shape}; reshape them",
            attr=attr,
        )
    # float32 holds 3.4e38, which the distance from the mean must not reach either
    low, high = images.min(), images.max()
    if not (low >= -1e38 and high <= 1e38):
        n_bad = images.size - np.count_nonzero(np.isfinite(images))
        raise ValidationError(
            f"expected finite pixels, but {n_bad} of {images.size} are NaN or "
            "infinite; repair or remove these images"
            if n_bad
            else "expected values from -1e38 to 1e38, which float32 can hold, got "
            f"{low:g} to {high:g}; divide them by a unit",
            attr=attr,
        )
    if images.ndim == 5:
        images = small(images)
        images.flags.writeable = False
    return images


def small(array):
    """Give whole numbers the smallest type that holds them; return a view or copy."""
    if array.dtype.kind not in "iu" or array.size == 0:
        return array.view()
    low, high = int(array.min()), int(array.max())
    # signed types hold one more below zero than above
    needed = np.min_scalar_type(high if low >= 0 else min(low, -high - 1))
    return array.astype(needed, copy=False).view()


def checked_labels(attr, values):
    """Refuse labels that are no numbers of classes; return others as int64, (n,).

    They are whole numbers from 0, (n,) or (n, 1) in any type. The result is read-only.
    """
    values = _array(attr, values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValidationError(
            f"expected one label per image, shape (n,) or (n, 1), got {values.shape}; "
            "turn one-hot rows into labels with argmax(axis=1)",
            attr=attr,
        )
    with np.errstate(invalid="ignore"):  # NaN becomes some integer, and differs from it
        labels = values.astype(np.int64)
    wrong = (labels != values) | (labels < 0)
    if wrong.any():
        raise ValidationError(
            "expected whole numbers from 0 as labels, got "
            f"{some(np.unique(values[wrong]))}; number the classes from 0, as "
            "datasets.Dataset.from_arrays does",
            attr=attr,
        )
    labels.flags.writeable = False
    return labels


def check_classes(y_train, y_test):
    """Refuse classes without training images: networks would have outputs for them."""
    classes = np.unique(y_train)
    n_classes = int(classes[-1]) + 1
    if len(classes) < n_classes:
        missing = np.argmax(classes != np.arange(len(classes)))
        raise ValidationError(
            f"a largest label of {n_classes - 1} makes {n_classes} classes, but only "
            f"{len(classes)} of them occur ({missing} does not); add images of the "
            "others, or make the data set with datasets.Dataset.from_arrays(x_train, "
            "y_train, x_test, y_test), which counts those that occur from 0",
            attr="Dataset.y_train",
        )
    if n_classes == 1:
        _warn(
            "all examples are of one class, so that every answer is right; give "
            'examples of others, or task="regression" if these are values'
        )
    unseen = np.setdiff1d(y_test, classes)
    if len(unseen):
        raise ValidationError(
            f"expected classes that occur in y_train, got also {some(unseen)}; leave "
            "them out or add training images of them",
            attr="Dataset.y_test",
        )


def warn_of_values(x_train, x_test):
    """Say which images of finite values would train or test badly, without an error."""
    _warn_of_channels_first("x_train", x_train)
    if x_train.ndim == 5:
        return  # nearly everything is 0, and that is all that can be said
    middles = [_middle(x) for x in (x_train, x_test)]
    for name, images, middle in zip(
        ("x_train", "x_test"), (x_train, x_test), middles, strict=True
    ):
        if images.dtype.itemsize > 1:  # there is no room for extremes in a byte
            _warn_of_extremes(name, images, *middle)
            _warn_of_rounding(name, images, *middle)
    if not _warn_of_units(*(high - low for low, high in middles)):
        _warn_of_feature_units(x_train, *middles)


def _warn_of_channels_first(name, images):
    height, width, channels = images.shape[-3:]
    # what would be height and width of such images: more than a few pixels, of no very
    # different number, as images of a few rows with many channels exist
    low, high = sorted((width, channels))
    if height <= 4 < low and high <= 4 * low:
        _warn(
            f"{name} is taken for images of {height} x {width} pixels with {channels} "
            f"channels; if its channels come first, give np.moveaxis({name}, "
            f"{images.ndim - 3}, -1)"
        )


def _middle(images):
    """Where all but a hundredth on either side lie, for each feature: low, high."""
    values = by_feature(images)
    n_drawn = max(1000, 200_000 // values.shape[1])
    if len(values) > n_drawn:
        values = values[np.random.default_rng(0).integers(len(values), size=n_drawn)]
    values = values.astype(float)
    # inwards, so that of a few values the outermost do not count
    low = np.quantile(values, 0.01, axis=0, method="higher")
    return low, np.quantile(values, 0.99, axis=0, method="lower")


def _warn_of_extremes(name, images, low, high):
    # over the images first: long rows of memory, which is many times faster
    least, most = images.min(axis=0), images.max(axis=0)
    least = by_feature(least[np.newaxis]).min(axis=0).astype(float)
    most = by_feature(most[np.newaxis]).max(axis=0).astype(float)
    beyond = _of_spread(np.maximum(low - least, most - high), low, high)
    worst = beyond.argmax()
    if beyond[worst] > 100:
        below = low[worst] - least[worst] > most[worst] - high[worst]
        _warn(
            f"{name} has a value of {(least if below else most)[worst]:g} in channel "
            f"{worst} (counted from 0), where 98 % lie between {low[worst]:g} and "
            f"{high[worst]:g}, and such extremes in {np.sum(beyond > 100)} of "
            f"{len(beyond)} channels; the network will hardly tell the other values "
            "apart, so repair or clip these"
        )


def _warn_of_rounding(name, images, low, high):
    if images.dtype == np.float32:
        return  # what is lost was lost before
    steps = np.spacing(np.maximum(abs(low), abs(high)).astype(np.float32)).astype(float)
    coarse = _of_spread(steps, low, high)
    worst = coarse.argmax()
    if coarse[worst] > 0.01:
        _warn(
            f"{name} has values from {low[worst]:.9g} to {high[worst]:.9g} in channel "
            f"{worst} (counted from 0), which float32 rounds to steps of "
            f"{steps[worst]:g}, and the like in {np.sum(coarse > 0.01)} of "
            f"{len(coarse)} channels; subtract an offset or change the unit before"
        )


def _warn_of_units(trained, tested):
    """Warn if nearly all is in another unit, and say whether that is so."""
    varies = (trained > 0) & (tested > 0)
    times = np.median(tested[varies] / trained[varies]) if varies.any() else 1
    suspect = not 1 / 20 < times < 20
    if suspect:
        _warn(
            f"values of x_test spread {times:.3g} times as much as those of x_train; "
            "if one of them was divided by a number, so must the other be"
        )
    return suspect


def _warn_of_feature_units(x_train, trained, tested):
    """Warn of single features that lie far from all that was trained on."""
    low, high = trained
    # networks see constant values in units of 1, as Preprocessing has no better one
    unit = np.where(high > low, high - low, 1)
    far = np.flatnonzero(np.maximum(low - tested[0], tested[1] - high) > 100 * unit)
    if not len(far):
        return
    # only of those, as it takes time: rare values may lie there in training too
    values = by_feature(x_train)[:, far]
    least, most = values.min(axis=0).astype(float), values.max(axis=0).astype(float)
    low, high = tested[0][far], tested[1][far]
    beyond = np.maximum(least - low, high - most) / unit[far]
    worst = beyond.argmax()
    if beyond[worst] > 100:
        _warn(
            f"x_test has values from {low[worst]:g} to {high[worst]:g} in channel "
            f"{far[worst]} (counted from 0), where x_train has {least[worst]:g} to "
            f"{most[worst]:g}, and the like in {np.sum(beyond > 100)} of {len(unit)} "
            "channels; the network does not know such values: if one of them was "
            "divided by a number, so must the other be"
        )


def _of_spread(values, low, high):
    """Values as parts of the spread.

    0 where hardly anything varies: everything would be much there.
    """
    spread = np.maximum(high - low, 0)
    return np.divide(values, spread, out=np.zeros_like(spread), where=spread > 0)


def _array(attr, values):
    """Return a read-only view of numbers in native byte order, as TensorFlow takes."""
    array = real_numbers(attr, values)
    if array.size == 0:
        raise ValidationError(
            f"expected images, got an empty array of shape {array.shape}", attr=attr
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False).view()
    array.flags.writeable = False
    return array


def some(values):
    """Write the first few of several values."""
    shown = ", ".join(str(value) for value in values[:5])
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5} more"


def _warn(message):
    # from here out of the package, and past __init__, to whoever made the data set
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, NengoWarning, stacklevel=level)


def spread(images, mean):
    """Standard deviation of features around the mean image, 1 where there is none."""
    # in pieces, as all images in float64 would take eight times their memory
    pieces = (images[i : i + 1000] - mean for i in range(0, len(images), 1000))
    # of one feature all at once, in the order in which it was always summed
    n_scales = n_features(mean.shape)
    squares = sum(np.sum(p**2, axis=None if n_scales == 1 else 0) for p in pieces)
    squares = np.reshape(squares, (-1, n_scales)).sum(axis=0)
    spread = np.sqrt(squares / (images.size / n_scales))
    # of what is constant, rounding leaves a little
    largest = np.abs(by_feature(mean[np.newaxis])).max(axis=0)
    limits = np.finfo(np.float32)
    constant = (spread <= 1e-9 * largest) | (spread < limits.tiny)
    if constant.all():
        raise ValidationError(
            "all training images are the same, so there is no standard deviation to "
            "divide by; give a scale",
            attr="Preprocessing.scale",
        )
    # and less than float32 tells apart must not be blown up
    return np.where(constant, 1.0, np.maximum(spread, limits.eps * largest))


def whole_pixels(attr, given):
    """Return a number of pixels, or refuse what is none."""
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not whole or given < 0:
        raise ValidationError(
            f"expected 0 or a whole number of pixels, got {given!r}", attr=attr
        )
    return int(given)


def outside(rows, columns, shape):
    """Tell which pixels (n, height, width) are not on images of a shape.

    Their rows are (n, height), their columns (n, width).
    """
    off_rows, off_columns = (
        (index < 0) | (index >= length)
        for index, length in zip((rows, columns), shape, strict=True)
    )
    return off_rows[:, :, np.newaxis] | off_columns[:, np.newaxis]


def random_squares(rng, n, shape, side):
    """Draw a square with its centre anywhere on each of n images of a shape.

    Returns (n, height, width) bool: which pixels it covers.
    """
    first = rng.integers(shape, size=(n, 2)) - side // 2
    rows, columns = (
        np.arange(length) - start[:, np.newaxis]
        for length, start in zip(shape, first.T, strict=True)
    )
    return ~outside(rows, columns, (side, side))


def whole_numbers(values):
    """Return positive whole numbers as a tuple of int, empty if they are not."""
    values = np.asarray(values)
    fits = values.ndim == 1 and values.dtype.kind in "iu" and np.all(values > 0)
    return tuple(int(value) for value in values) if fits else ()
