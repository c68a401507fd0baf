"""Operators that apply a small map at every position of an image.

Images are flat, with the channels last. How windows lie is `.geometry`'s.
"""

import numpy as np
from scipy import sparse

from ..geometry import block_indices
from .base import Operator
from .patterns import Pattern


class Windowed(Operator):
    """A small map that is applied at every position of an image.

    Parameters
    ----------
    windows : Windows
        How they lie.
    n_channels, n_out : int
        Channels of the image, and of what comes out.
    connection : nengo.Connection, optional
        Whose weights these are.

    Attributes
    ----------
    input_shape, output_shape : (int, int, int)
        Rows, columns and channels of the images.
    """

    name = None

    def __init__(self, windows, n_channels, n_out, connection=None):
        self.windows = windows
        self.input_shape = (*windows.shape, n_channels)
        self.output_shape = (*windows.output_shape, n_out)
        super().__init__(
            int(np.prod(self.input_shape)), int(np.prod(self.output_shape)), connection
        )

    def patches(self, x):
        """What each window sees.

        Parameters
        ----------
        x : (..., size_in) ndarray
            Flat images.

        Returns
        -------
        (..., rows, columns, height, width, channels) ndarray
            A view into padded images.
        """
        images = x.reshape(*x.shape[:-1], *self.input_shape)
        widths = [(0, 0)] * (x.ndim - 1) + [*self.windows.margins, (0, 0)]
        images = np.pad(images, widths)
        axes = (images.ndim - 3, images.ndim - 2)
        windows = np.lib.stride_tricks.sliding_window_view(
            images, self.windows.size, axes
        )
        rows, columns = (
            slice(None, (side.n_windows - 1) * side.stride + 1, side.stride)
            for side in self.windows.sides
        )
        return np.moveaxis(windows[..., rows, columns, :, :, :], -3, -1)

    def matrix(self, positions=None):
        """Write it out.

        Parameters
        ----------
        positions : sorted ndarray of int, optional
            Rows for these output positions only.

        Returns
        -------
        (size_out, size_in) scipy.sparse.csr_array
        """
        taps, n_windows = self.windows.taps(), int(np.prod(self.output_shape[:2]))
        row = taps[0]
        if positions is not None:
            keep = np.isin(row, positions)
            taps, n_windows = [index[keep] for index in taps], len(positions)
            row = np.searchsorted(positions, taps[0])
        product = self._written_out(*taps, row, n_windows)
        product.eliminate_zeros()
        return product

    def _written_out(self, window, pixel, place, row, n_rows):
        """Lay blocks, one for each place of each window, into the matrix."""
        n_channels, n_filters = self.input_shape[2], self.output_shape[2]
        rows, columns = block_indices(row, pixel, n_channels, n_filters)
        return sparse.csr_array(
            (self._blocks(window, place).ravel(), (rows.ravel(), columns.ravel())),
            shape=(n_rows * n_filters, self.size_in),
        )

    @property
    def n_filters(self):
        """Filters have a number each."""
        return self.output_shape[2]

    @property
    def n_synapses(self):
        """One for each output, place of the kernel and input channel."""
        return int(self.size_out * np.prod(self.weights.shape[-4:-1]))

    def in_words(self):
        """Say in a few words what it does."""
        windows = self.windows
        text = f"{self.name} {' x '.join(map(str, windows.size))} {windows.padding}"
        strides = windows.strides
        if len(set(strides)) > 1:
            return f"{text} strides {' x '.join(map(str, strides))}"
        return text if strides[0] == 1 else f"{text} stride {strides[0]}"


class Convolution(Windowed):
    """Convolution.

    Parameters
    ----------
    weights : (height, width, channels / groups, filters) ndarray
        The kernel.
    windows : Windows
        How it lies.
    groups : int
        Of channels, which see nothing of each other.
    connection : nengo.Connection, optional
        Whose weights these are.
    """

    name = "convolution"

    def __init__(self, weights, windows, groups=1, connection=None):
        *_, per_group, n_filters = weights.shape
        super().__init__(windows, per_group * groups, n_filters, connection)
        self.weights = weights
        self.groups = groups

    def __call__(self, x):
        """Apply to the last axis of an array."""
        patches = self.patches(x)
        *lead, channels = patches.shape
        patches = patches.reshape(*lead, self.groups, channels // self.groups)
        *window, per_group, n_filters = self.weights.shape
        kernel = self.weights.astype(x.dtype).reshape(
            *window, per_group, self.groups, n_filters // self.groups
        )
        out = np.einsum("...yxhwgc,hwcgf->...yxgf", patches, kernel, optimize=True)
        return out.reshape(*x.shape[:-1], self.size_out)

    def kernel(self):
        """Kernel with zeros from group to group."""
        if self.groups == 1:
            return self.weights
        n_channels, n_filters = self.input_shape[2], self.weights.shape[3]
        shape = (*self.windows.size, n_channels, n_filters)
        kernel = np.zeros(shape, self.weights.dtype)
        channels = np.split(np.arange(n_channels), self.groups)
        filters = np.split(np.arange(n_filters), self.groups)
        for inputs, outputs in zip(channels, filters, strict=True):
            kernel[:, :, inputs[:, None], outputs] = self.weights[..., outputs]
        return kernel

    def _blocks(self, window, place):
        kernel = self.kernel()
        return kernel.reshape(-1, *kernel.shape[2:])[place]

    def pattern(self):
        """All channels of a group within the kernel, whatever the values."""
        *_, per_group, n_filters = self.weights.shape
        block = np.ones((n_filters // self.groups, per_group))
        channels = sparse.kron(sparse.eye_array(self.groups), block)
        return Pattern(self.windows.pattern(), channels)

    def is_like(self, other):
        """Whether another is a convolution with as many groups."""
        return super().is_like(other) and self.groups == other.groups

    def times(self, scale):
        """Multiply what comes out, if by the same at all positions."""
        scale = scale.reshape(self.output_shape)
        if np.any(scale != scale[0, 0]):
            return None
        return self.with_weights(self.weights * scale[0, 0])

    def on_one_channel(self, rng):
        """Return one of the same geometry, with weights that cannot cancel."""
        weights = rng.uniform(1, 2, size=(*self.windows.size, 1, 1))
        return Convolution(weights, self.windows)

    def in_words(self):
        """Say in a few words what it does."""
        groups = f" in {self.groups} groups" if self.groups > 1 else ""
        return super().in_words() + groups


class Local(Windowed):
    """Convolution with another kernel at every position.

    Parameters
    ----------
    kernels : (n, channels, filters) ndarray
        For each place of each window that does not hang over the edge.
    windows : Windows
        How they lie.
    connection : nengo.Connection, optional
        Whose weights these are.

    Attributes
    ----------
    weights : (rows, columns, height, width, channels, filters) ndarray
        The weights; zero where a window hangs over the edge.
    """

    name = "locally connected"

    def __init__(self, kernels, windows, connection=None):
        super().__init__(windows, *kernels.shape[1:], connection)
        inside = windows.inside
        self.weights = np.zeros((*inside.shape, *kernels.shape[1:]), kernels.dtype)
        self.weights[inside] = kernels

    def __call__(self, x):
        """Apply to the last axis of an array."""
        kernels = self.weights.astype(x.dtype)
        out = np.einsum(
            "...yxhwc,yxhwcf->...yxf", self.patches(x), kernels, optimize=True
        )
        return out.reshape(*x.shape[:-1], self.size_out)

    def _blocks(self, window, place):
        flat = self.weights.reshape(-1, *self.weights.shape[-2:])
        return flat[window * int(np.prod(self.windows.size)) + place]

    def pattern(self):
        """All channels within the kernels, whatever the values."""
        channels = np.ones((self.output_shape[2], self.input_shape[2]))
        return Pattern(self.windows.pattern(), channels)

    @property
    def n_weights(self):
        """Number of weights; there is none where a window hangs over the edge."""
        n_inside = np.count_nonzero(self.windows.inside)
        return int(n_inside * np.prod(self.weights.shape[-2:]))

    def times(self, scale):
        """Multiply what comes out."""
        scale = scale.reshape(self.output_shape)[:, :, None, None, None]
        return self.with_weights(self.weights * scale)


class Pool(Windowed):
    """Average over windows; padding does not count.

    Parameters
    ----------
    windows : Windows
        How they lie.
    n_channels : int
        Of the image.

    Attributes
    ----------
    share : (rows, columns) ndarray
        What each value of a window counts.
    """

    name = "average pooling"
    n_filters = None
    n_synapses = 0

    def __init__(self, windows, n_channels):
        super().__init__(windows, n_channels, n_channels)
        self.share = 1 / windows.inside.sum(axis=(2, 3))
        self.divisor = int(np.prod(windows.size))

    def __call__(self, x):
        """Apply to the last axis of an array."""
        sums = self.patches(x).sum(axis=(-3, -2))
        return (sums * self.share[..., None].astype(x.dtype)).reshape(
            *x.shape[:-1], self.size_out
        )

    def _written_out(self, window, pixel, place, row, n_rows):
        n_pixels = int(np.prod(self.windows.shape))
        positions = sparse.csr_array(
            (self.share.ravel()[window], (row, pixel)), shape=(n_rows, n_pixels)
        )
        channels = sparse.eye_array(self.input_shape[2])
        return sparse.kron(positions, channels, format="csr")

    def kernel(self):
        """Kernel away from all edges."""
        share = np.full(self.windows.size, 1 / self.divisor)
        return share[:, :, None, None] * np.eye(self.input_shape[2])

    def pattern(self):
        """Each channel by itself."""
        return Pattern(self.windows.pattern(), sparse.eye_array(self.input_shape[2]))

    def on_one_channel(self, rng):
        """Return one of the same geometry."""
        return Pool(self.windows, 1)
