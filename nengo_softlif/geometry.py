"""How windows lie on images, once for all that slides windows over images."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from nengo.transforms import ConvolutionTranspose
from scipy import sparse


@dataclass(frozen=True)
class Side:
    """Windows along one side of an image.

    Parameters
    ----------
    length, width, stride : int
        Of the side, of a window, and from one window to the next, in pixels.
    padding : {"valid", "same", "ceil"}
        As in `.AveragePool`.
    """

    length: int
    width: int
    stride: int
    padding: str

    @cached_property
    def n_windows(self):
        """Number of windows; none where they do not lie on the image."""
        slack = self.length - self.width
        if self.padding == "same":
            return -(-self.length // self.stride)
        if slack < 0:
            return 0
        if self.padding == "valid":
            return 1 + slack // self.stride
        last = -(-slack // self.stride)
        return 0 if last * self.stride >= self.length else 1 + last

    @cached_property
    def before(self):
        """How far the first window hangs over the beginning, in pixels."""
        return self._hanging // 2 if self.padding == "same" else 0

    @property
    def after(self):
        """How far the last window hangs over the end, in pixels."""
        return self._hanging - self.before

    @property
    def _hanging(self):
        return max((self.n_windows - 1) * self.stride + self.width - self.length, 0)

    @property
    def starts(self):
        """First pixel of each window, (n_windows,)."""
        return np.arange(self.n_windows) * self.stride - self.before

    @property
    def pixels(self):
        """Pixel under each place of each window, (n_windows, width).

        Some lie beyond the ends.
        """
        return self.starts[:, None] + np.arange(self.width)

    @property
    def inside(self):
        """Which of these pixels exist, (n_windows, width)."""
        return (self.pixels >= 0) & (self.pixels < self.length)

    def covering(self):
        """Find the windows that lie over each pixel.

        Returns
        -------
        first, stop : (length,) ndarray of int
            The first, and one past the last.
        """
        pixel = np.arange(self.length) + self.before
        first = -((self.width - 1 - pixel) // self.stride)
        stop = pixel // self.stride + 1
        return np.maximum(first, 0), np.minimum(stop, self.n_windows)

    def overlaps(self):
        """For each window the pixels it covers, and as which places, as slices."""
        for start in self.starts:
            low, high = max(start, 0), min(start + self.width, self.length)
            yield slice(low, high), slice(low - start, high - start)


@dataclass(frozen=True)
class Windows:
    """Windows laid over an image: the geometry of convolutions, local layers, pools.

    Windows that hang over the edge see zeros there.

    Parameters
    ----------
    shape : tuple of int
        Of the image without its channels: rows and columns.
    size, strides : tuple of int
        Of a window, and from one to the next, along each side.
    padding : {"valid", "same", "ceil"}
        As in `.AveragePool`.
    """

    shape: tuple
    size: tuple
    strides: tuple
    padding: str

    @cached_property
    def sides(self):
        """A `Side` for each side of the image."""
        along = zip(self.shape, self.size, self.strides, strict=True)
        return tuple(Side(*lengths, self.padding) for lengths in along)

    @property
    def output_shape(self):
        """Number of windows along each side."""
        return tuple(side.n_windows for side in self.sides)

    @property
    def before(self):
        """How far the first window hangs over the edge, along each side."""
        return tuple(side.before for side in self.sides)

    @property
    def margins(self):
        """Zeros to put around images: ((above, below), (left, right))."""
        return tuple((side.before, side.after) for side in self.sides)

    @property
    def pixel(self):
        """Flat index of the pixel under each place, (rows, columns, height, width)."""
        y, x = (side.pixels for side in self.sides)
        return y[:, None, :, None] * self.shape[1] + x[None, :, None, :]

    @property
    def inside(self):
        """Whether that pixel exists, (rows, columns, height, width)."""
        y, x = (side.inside for side in self.sides)
        return y[:, None, :, None] & x[None, :, None, :]

    def taps(self):
        """List the places of windows under which there is a pixel.

        Returns
        -------
        window, pixel, place : (n,) ndarray of int
            Flat indices, in the order of windows, and of places in each.
        """
        n_windows, n_places = math.prod(self.output_shape), math.prod(self.size)
        inside = self.inside.reshape(n_windows, n_places)
        window, place = np.nonzero(inside)
        return window, self.pixel.reshape(inside.shape)[window, place], place

    def pattern(self):
        """Which pixels lie under which window, as (n_windows, n_pixels) ones.

        Returns
        -------
        scipy.sparse.coo_array
        """
        everything = sparse.eye_array(1)
        for side in self.sides:
            window, place = np.nonzero(side.inside)
            entries = (window, side.pixels[window, place])
            along = sparse.coo_array(
                (np.ones(len(window)), entries), (side.n_windows, side.length)
            )
            everything = sparse.kron(everything, along, format="coo")
        return everything


def block_indices(window, pixel, n_channels, n_filters):
    """Where the matrix of a layer has weights, for pixels under windows.

    Pairs of these, (n,), have a block each: rows and columns are (n, n_channels,
    n_filters).
    """
    return np.broadcast_arrays(
        window[:, None, None] * n_filters + np.arange(n_filters),
        pixel[:, None, None] * n_channels + np.arange(n_channels)[:, None],
    )


def windows_of(convolution):
    """Geometry of one of Nengo's convolutions; of transposed ones on their output."""
    image = convolution.input_shape
    if isinstance(convolution, ConvolutionTranspose):
        image = convolution.output_shape
    return Windows(
        tuple(image.spatial_shape),
        tuple(convolution.kernel_size),
        tuple(convolution.strides),
        convolution.padding,
    )
