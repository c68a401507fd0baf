"""What happens to an image before the network sees it."""

from dataclasses import dataclass, field

import numpy as np
from nengo.exceptions import ValidationError

from .images import (
    FORMS,
    in_one_form,
    n_features,
    outside,
    random_squares,
    real_numbers,
    spread,
    whole_numbers,
    whole_pixels,
)
from .tables import format_size

EVENT = 0.001
"""Scale of frames of events, in events: divided by it, one is as high as a spike of a
neuron in Nengo, 1 / dt, with the usual step. Weights then mean the same behind both."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """From raw images to the numbers the network's input node gives out.

    An image has its mean subtracted, is divided by a scale, cropped, and flattened
    (C order, channels last). Training crops and mirrors at random, which makes up more
    images than there are; testing crops the centre. It is saved with the model, as the
    weights mean nothing without it. Of frames, (n, n_steps, height, width, channels),
    each is an image; those of one example are cropped and mirrored alike.

    Parameters
    ----------
    image_shape : (int, int, int) or (int, int)
        Height, width and channels (default 1) of the raw images, in pixels.
    mean : float or array_like
        Subtracted, in the unit of the raw pixels: one number, one per channel
        (channels,), or one per pixel (height, width, channels). Kept as float32.
    scale : float or sequence of float
        Divides what is left, in the unit of the raw pixels: one number, or one per
        channel. Images of one row or one column of a single channel are tables: they
        may have one per pixel. Kept as a number or a tuple.
    crop : int or (int, int), optional
        Height and width of the part the network sees, in pixels. None is all of it.
    flip : bool
        Whether training mirrors each image left to right with probability 1/2.
    shift : int
        By how many pixels at most training moves the part that the network sees beyond
        the edges, where there is nothing but zeros.
    cutout : int
        Height and width in pixels of a square that training puts to zero in each image,
        as in arXiv:1708.04552. Its centre lies anywhere, and parts beyond the edges.

    Raises
    ------
    ValidationError
        If the mean or the crop does not fit the image, or the scale is not positive.
    """

    image_shape: tuple
    mean: np.ndarray = field(repr=False)
    scale: float | tuple
    crop: tuple | None = None
    flip: bool = False
    shift: int = 0
    cutout: int = 0

    def __post_init__(self):
        """Check the settings and bring them into the same form."""
        image_shape = _checked_shape(self.image_shape)
        for name, value in (
            ("image_shape", image_shape),
            ("mean", _checked_mean(self.mean, image_shape)),
            ("scale", _checked_scale(self.scale, image_shape)),
            ("crop", _checked_crop(self.crop, image_shape)),
            ("flip", bool(self.flip)),
            ("shift", whole_pixels("Preprocessing.shift", self.shift)),
            ("cutout", whole_pixels("Preprocessing.cutout", self.cutout)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_images(cls, x_train, scale=None, crop=None, flip=False, shift=0):
        """Take the mean, and unless given the scale, from the training images.

        Parameters
        ----------
        x_train : array_like (n, height, width, channels) or (n, height, width)
            Raw training images, or a table (n, values), or frames.
        scale : float or sequence of float, optional
            Default: for each channel (for each value of a table) the standard
            deviation over all pixels of all images once the mean is subtracted, so
            that what the network sees has unit variance. Where nothing varies it is 1.
            Of frames `EVENT`: each event is a spike then, for steps of 1 ms.
        crop, flip, shift
            See `Preprocessing`.

        Returns
        -------
        Preprocessing
            With one mean per pixel; of frames the mean is 0, as of events where nothing
            happens.
        """
        images = in_one_form(_numbers("x_train", x_train))
        if images.ndim == 5 and images.size > 0:
            scale = EVENT if scale is None else scale
            return cls(images.shape[2:], 0, scale, crop, flip, shift)
        if images.ndim != 4 or images.size == 0:
            raise ValidationError(
                f"expected images of shape {FORMS}, got {images.shape}",
                attr="Preprocessing.x_train",
            )
        mean = images.mean(axis=0, dtype=np.float64)
        if scale is None:
            scale = spread(images, mean)
        return cls(images.shape[1:], mean, scale, crop, flip, shift)

    @property
    def output_shape(self):
        """(height, width, channels) of what the network sees, in pixels."""
        return (self.crop or self.image_shape[:2]) + self.image_shape[2:]

    @property
    def size(self):
        """Numbers the network sees per image: the size of its input node."""
        return int(np.prod(self.output_shape))

    def test(self, images):
        """Prepare images for testing: the centre of each, always the same way.

        Parameters
        ----------
        images : array_like (n, height, width, channels) or (n, height, width)
            Raw images; without channel axis if they have one channel. Or frames.

        Returns
        -------
        ndarray (n, size)
            float32, in units of ``scale``; of frames (n, n_steps, size).
        """
        images = self._checked(images)
        if images.ndim == 5:
            return self.test(images.reshape(-1, *self.image_shape)).reshape(
                *images.shape[:2], self.size
            )
        top, left = self._room() // 2
        height, width, _ = self.output_shape
        rows, columns = slice(top, top + height), slice(left, left + width)
        mean, scale = (
            values[rows, columns] if values.ndim == 3 else values
            for values in (self._full_mean(), self._divisor())
        )
        return self._scaled(images[:, rows, columns], mean, scale)

    def train(self, images, rng):
        """Prepare images for training: a random part of each, mirrored at random.

        Without crop and flip this is what `test` does.

        Parameters
        ----------
        images : array_like (n, height, width, channels) or (n, height, width)
            Raw images; without channel axis if they have one channel. Or frames.
        rng : numpy.random.Generator
            Draws the parts; the same state draws the same ones.

        Returns
        -------
        ndarray (n, size)
            float32, in units of ``scale``; of frames (n, n_steps, size).
        """
        if not (self.crop or self.flip or self.shift or self.cutout):
            return self.test(images)
        images = self._checked(images)
        height, width, n_channels = self.output_shape
        room = self._room() + 2 * self.shift
        top, left = rng.integers(room + 1, size=(len(images), 2)).T - self.shift
        rows = top[:, np.newaxis] + np.arange(height)
        columns = left[:, np.newaxis] + np.arange(width)
        if self.flip:
            mirrored = rng.random(len(images)) < 0.5
            columns[mirrored] = columns[mirrored, ::-1]
        empty = self._empty(rows, columns, rng)
        n_rows, n_columns, _ = self.image_shape
        rows, columns = rows.clip(0, n_rows - 1), columns.clip(0, n_columns - 1)
        shape = (*images.shape[:-3], self.size)
        if images.ndim == 5:
            rows, columns = (np.repeat(x, shape[1], axis=0) for x in (rows, columns))
            empty = None if empty is None else np.repeat(empty, shape[1], axis=0)
            images = images.reshape(-1, *self.image_shape)
        # one index (n, height, width) crops and mirrors every image and its mean
        pixel = rows[:, :, np.newaxis] * n_columns + columns[:, np.newaxis, :]
        mean, scale = (
            values.reshape(-1, n_channels).take(pixel, axis=0)
            if values.ndim == 3
            else values
            for values in (self._full_mean(), self._divisor())
        )
        pixel += np.arange(0, len(images) * n_rows * n_columns, n_rows * n_columns)[
            :, np.newaxis, np.newaxis
        ]
        images = images.reshape(-1, n_channels).take(pixel, axis=0)
        scaled = self._scaled(images, mean, scale)
        if empty is not None:
            scaled.reshape(images.shape)[empty] = 0
        return scaled.reshape(shape)

    def _empty(self, rows, columns, rng):
        """Tell which pixels (n, height, width) of what is seen of images are nothing.

        They are beyond the edges, or cut out. The rows and columns seen are (n, height)
        and (n, width). None if all are something.
        """
        empty = outside(rows, columns, self.image_shape[:2]) if self.shift else None
        if self.cutout:
            shape = self.output_shape[:2]
            cut = random_squares(rng, len(rows), shape, self.cutout)
            empty = cut if empty is None else empty | cut
        return empty

    def header(self):
        """Return the settings but the mean, as JSON can hold them."""
        header = {
            "image_shape": list(self.image_shape),
            "scale": self.scale if isinstance(self.scale, float) else list(self.scale),
            "crop": None if self.crop is None else list(self.crop),
            "flip": self.flip,
        }
        for name in ("shift", "cutout"):
            if getattr(self, name):  # told only then, since trainings are known by this
                header[name] = getattr(self, name)
        return header

    def arrays(self):
        """Return the mean, as ``{"mean": ndarray}``."""
        return {"mean": self.mean}

    @classmethod
    def from_file(cls, header, arrays):
        """Restore what `header` and `arrays` gave.

        Parameters
        ----------
        header : dict
            As from `header`.
        arrays : dict of str to ndarray
            As from `arrays`; others are ignored.

        Returns
        -------
        Preprocessing
            Equal to the one saved.
        """
        try:
            return cls(
                header["image_shape"],
                arrays["mean"],
                header["scale"],
                header["crop"],
                header["flip"],
                header.get("shift") or 0,
                header.get("cutout") or 0,
            )
        except KeyError as error:
            raise ValidationError(
                "missing in the file; save the model again",
                attr=f"Preprocessing.{error.args[0]}",
            ) from error

    def __eq__(self, other):
        """Equal if every setting is."""
        if not isinstance(other, Preprocessing):
            return NotImplemented
        same_mean = np.array_equal(self.mean, other.mean)
        return same_mean and self.header() == other.header()

    def __hash__(self):
        """Equal ones have equal hashes; some settings are left out."""
        return hash((self.image_shape, self.scale, self.crop, self.flip))

    def _checked(self, given):
        given = _numbers("images", given)
        images = in_one_form(given, self.image_shape)
        if images.ndim not in (4, 5) or images.shape[-3:] != self.image_shape:
            raise ValidationError(
                f"expected images of {format_size(self.image_shape)} (height x width x "
                f"channels) in an array (n, ...), or (n, n_steps, ...) for frames, "
                f"got {format_size(given.shape[1:])} "
                f"in an array of shape {given.shape}; resize them, or use the model of "
                "such images",
                attr="Preprocessing.image_shape",
            )
        return images

    def _room(self):
        """Rows and columns that cropping leaves out."""
        return np.subtract(self.image_shape[:2], self.output_shape[:2])

    def _full_mean(self):
        return np.broadcast_to(self.mean, self.image_shape)

    def _divisor(self):
        """The scale, as one number, one per channel, or an image of them."""
        scale = np.float32(self.scale)
        one_each = scale.ndim == 0 or len(scale) == self.image_shape[2]
        return scale if one_each else scale.reshape(self.image_shape)

    def _scaled(self, images, mean, scale):
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.subtract(images, mean, dtype=np.float32)
            scaled = scaled.reshape(len(images), self.size)
            if scale.ndim > 0:
                # long rows divide several times faster than three channels at a time
                scale = np.broadcast_to(scale, scale.shape[:-3] + self.output_shape)
                scale = scale.reshape(-1, self.size)
            scaled /= scale
        n_bad = scaled.size - np.count_nonzero(np.isfinite(scaled))
        if n_bad:
            raise ValidationError(
                f"{n_bad} of {scaled.size} prepared pixels are NaN or beyond the range "
                "of float32; repair these images",
                attr="Preprocessing.images",
            )
        return scaled


def _checked_shape(given):
    shape = whole_numbers(given)
    if len(shape) == 2:
        shape += (1,)
    if len(shape) != 3:
        raise ValidationError(
            f"expected (height, width, channels) in whole pixels, got {given!r}",
            attr="Preprocessing.image_shape",
        )
    return shape


def _checked_mean(given, image_shape):
    with np.errstate(over="ignore"):  # infinity is refused
        mean = _numbers("mean", given).astype(np.float32)
    if mean.shape == image_shape[:2] and image_shape[2] == 1:
        mean = mean[..., np.newaxis]
    if mean.shape not in ((), image_shape[2:], image_shape):
        raise ValidationError(
            f"expected one number, {image_shape[2:]} or {image_shape} numbers, got "
            f"shape {mean.shape}",
            attr="Preprocessing.mean",
        )
    if not np.all(np.isfinite(mean)):
        raise ValidationError(
            "expected finite numbers, got NaN or infinity", attr="Preprocessing.mean"
        )
    mean.flags.writeable = False
    return mean


def _checked_scale(given, image_shape):
    scale = _numbers("scale", given).astype(float)
    with np.errstate(over="ignore"):  # infinity is refused
        float_scale = scale.astype(np.float32)
    wrong = ~((float_scale > 0) & (float_scale < np.inf))
    if wrong.any():
        raise ValidationError(
            f"expected a positive number, got {scale[wrong][0]} (float32 holds "
            "1.4e-45 to 3.4e38)",
            attr="Preprocessing.scale",
        )
    n_scales = n_features(image_shape)
    if scale.shape not in ((), (n_scales,)):
        raise ValidationError(
            f"expected one number, or {n_scales} for images of "
            f"{format_size(image_shape)}, got shape {scale.shape}",
            attr="Preprocessing.scale",
        )
    # of one channel it is the same, and faster
    return scale.item() if scale.size == 1 else tuple(scale.tolist())


def _checked_crop(given, image_shape):
    if given is None:
        return None
    crop = whole_numbers((given, given) if np.isscalar(given) else given)
    if len(crop) != 2 or crop[0] > image_shape[0] or crop[1] > image_shape[1]:
        raise ValidationError(
            "expected None or a height and width in whole pixels within "
            f"{format_size(image_shape[:2])}, got {given!r}",
            attr="Preprocessing.crop",
        )
    return crop


def _numbers(attr, values):
    return real_numbers(f"Preprocessing.{attr}", values)
