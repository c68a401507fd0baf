"""Kernels and images as NIR has them, and as Nengo has them.

Nengo has channels last, and pads images so that windows lie as in TensorFlow; NIR has
channels first, and pads both ends of a side alike, as PyTorch does.
"""

from dataclasses import dataclass

import numpy as np

from ..geometry import Windows
from ..layers import operators


def channels_first(shape, sides):
    """Shape in NIR of an image of (rows, columns, channels), of one side or two.

    That of one side is a single row here.
    """
    return (shape[2], *shape[2 - sides : 2])


def order_of(shape):
    """Index in NIR's order of each value that is flat with its channels last.

    Parameters
    ----------
    shape : tuple of int
        In NIR: channels and sides.
    """
    indices = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return np.moveaxis(indices, 0, -1).ravel() if len(shape) > 1 else indices


@dataclass(frozen=True)
class Placed:
    """How a kernel lies among zeros, so that padding is the same at both ends.

    Attributes
    ----------
    size : (int, int)
        Height and width of the larger kernel.
    padding : (int, int)
        Pixels to add at both ends of rows and of columns.
    before : (int, int)
        Zeros before the kernel's own numbers.
    """

    size: tuple
    padding: tuple
    before: tuple

    def lay(self, kernel):
        """Lay a kernel (height, width, channels, filters) there, channels first."""
        wide = np.zeros((*self.size, *kernel.shape[2:]))
        rows, columns = (
            slice(start, start + n)
            for start, n in zip(self.before, kernel.shape[:2], strict=True)
        )
        wide[rows, columns] = kernel
        return wide.transpose(3, 2, 0, 1)


def place(windows, sides):
    """Find out how kernels have to lie among zeros for windows to be where ours are.

    Parameters
    ----------
    windows : Windows
        On an image of rows and columns.
    sides : int
        One or two, as images have in NIR.

    Returns
    -------
    Placed or None
        The smallest; of two sides square, since nir (1.0.8) infers no shapes of others.
        None if there is none.
    """
    rows, columns = windows.sides
    limit = max(windows.size)
    wide = _fit(columns, limit)
    if sides == 1:
        width = min(wide)
        padding, before = wide[width]
        return Placed((1, width), (0, padding), (0, before))
    high = _fit(rows, limit)
    if not high.keys() & wide.keys():
        return None
    width = min(high.keys() & wide.keys())
    return Placed((width, width), *zip(high[width], wide[width], strict=True))


def _fit(side, limit):
    """Ways to do it along one side: from the width of the kernel to the rest.

    Windows begin at ``-before`` in Nengo and at ``-padding`` in NIR, so that the kernel
    begins with ``padding - before`` zeros. NIR has ``1 + (length + 2 padding - width)
    // stride`` of them, and there have to be as many as in Nengo.
    """
    found = {}
    for padding in range(side.before, side.before + limit + 1):
        before = padding - side.before
        padded = side.length + 2 * padding
        highest = padded - (side.n_windows - 1) * side.stride
        lowest = max(padded - side.n_windows * side.stride + 1, before + side.width)
        for width in range(lowest, highest + 1):
            found.setdefault(width, (padding, before))
    return found


def is_even(pool):
    """Whether all windows of a pool see equally much, so nothing beyond the edge."""
    return bool(np.all(pool.share * pool.divisor == 1))


def pointwise(shape, scale):
    """Convolution of 1 x 1 that multiplies the channels of an image by (channels,)."""
    windows = Windows(tuple(shape[:2]), (1, 1), (1, 1), "valid")
    return operators.Convolution(np.diag(scale)[None, None], windows)


def over_channels(values, shape):
    """Return the (channels,) numbers that are the same all over an image, or None."""
    image = np.reshape(values, shape)
    return None if np.any(image != image[0, 0]) else image[0, 0]
