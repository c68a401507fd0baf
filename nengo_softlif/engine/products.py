"""Linear operators on many steps of many examples at once, also on spikes.

Each operator is compiled into a function that takes and returns either `Counts` of
spikes or an array of numbers, (n_examples, n_steps, n). Where few neurons spike it
follows the spikes, otherwise it multiplies everything.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..layers import operators
from . import product_kernels, window_kernels
from .threads import multiply, spread

DENSE_ADVANTAGE = 4
"""How much faster a multiplication is in a dense product than one for a spike.

Measured by ``python -m tests.benchmarks.crossover``. Spikes are followed where fewer
than one value in so many is not zero; the choice does not depend on timings, so that
the same simulation always adds up in the same order.
"""


@dataclass
class Counts:
    """Spikes: small whole numbers, and what each spike counts.

    Attributes
    ----------
    values : (n_examples, n_steps, n) ndarray of uint8, or int8 if some are negative
        How many.
    scale : (1,) or (n,) ndarray
        What one counts.
    largest : int
        No value can be larger.
    """

    values: np.ndarray
    scale: np.ndarray
    largest: int = 1

    @property
    def shape(self):
        """(n_examples, n_steps, n)."""
        return self.values.shape

    @property
    def flat(self):
        """Values in rows, (n_examples x n_steps, n)."""
        return self.values.reshape(-1, self.shape[-1])

    def is_sparse(self):
        """Whether following the spikes is faster than multiplying everything."""
        each = np.empty(self.shape[0], np.int64)
        spread(product_kernels.count_spiking, [np.ascontiguousarray(self.values), each])
        return DENSE_ADVANTAGE * each.sum() < self.values.size


def to_numbers(values):
    """Write spikes out as numbers; leave numbers as they are."""
    if not isinstance(values, Counts):
        return values
    out = np.empty(values.shape, values.scale.dtype)
    flat = np.ascontiguousarray(values.flat)
    written = out.reshape(flat.shape)
    spread(product_kernels.scale_counts, [flat, written], [values.scale])
    return out


def prepare(operator, dtype):
    """Prepare an operator for use on many chunks of time, in this precision.

    Returns a function from `Counts` or an array to `Counts` or an array.
    """
    return _KINDS.get(type(operator), _Called)(operator, dtype)


class _Called:
    """What follows no spikes: the operator itself."""

    def __init__(self, operator, dtype):
        self.operator = operator

    def __call__(self, values):
        return self.operator(to_numbers(values))


class _Slice:
    """Picks values, of spikes as of numbers."""

    def __init__(self, operator, dtype):
        self.indices = operator.indices

    def __call__(self, values):
        if not isinstance(values, Counts):
            return values[..., self.indices]
        scale = values.scale
        scale = scale if len(scale) == 1 else scale[self.indices]
        return Counts(values.values[..., self.indices], scale, values.largest)


class _Pool:
    """Average pooling: sums of windows, with the division left for later."""

    def __init__(self, pool, dtype):
        self.pool = pool
        share = pool.share.astype(dtype)
        if np.all(share == share[0, 0]):
            self.share = share[0, :1]
        else:
            self.share = share.repeat(pool.output_shape[2])
        self.area = pool.divisor

    def __call__(self, values):
        counted = isinstance(values, Counts)
        if counted and (len(values.scale) > 1 or values.largest * self.area > 255):
            values, counted = to_numbers(values), False
        if not counted:
            return self._sums(values) * self.share
        return Counts(
            self._sums(values.values),
            values.scale * self.share,
            values.largest * self.area,
        )

    def _sums(self, images):
        pool = self.pool
        out = np.empty((*images.shape[:2], pool.size_out), images.dtype)
        images = np.ascontiguousarray(images).reshape(-1, *pool.input_shape)
        spread(
            product_kernels.sum_windows,
            [images, out.reshape(-1, *pool.output_shape)],
            [*pool.windows.size, pool.windows.strides, pool.windows.before],
        )
        return out


class _Dense:
    """Product with a dense matrix."""

    def __init__(self, matrix, dtype):
        self.weights = np.asarray(matrix.weights, dtype).T

    @cached_property
    def blocks(self):
        """The weights, laid out for following spikes."""
        return product_kernels.lay_in_blocks(self.weights[None, None, None, None])

    def __call__(self, values):
        size_in, size_out = self.weights.shape
        if isinstance(values, Counts) and values.is_sparse():
            out = np.empty((*values.shape[:2], size_out), self.weights.dtype)
            counts = np.ascontiguousarray(values.values)
            spread(
                product_kernels.spikes_times_local,  # of images with one pixel
                [counts.reshape(-1, 1, 1, size_in), out.reshape(-1, 1, 1, size_out)],
                [values.scale, self.blocks, (1, 1), (0, 0)],
            )
            return out
        values = to_numbers(values)
        out = multiply(values.reshape(-1, size_in), self.weights)
        return out.reshape(*values.shape[:2], size_out)


class _Convolution:
    """Convolution: where it is dense, a product of what windows see with the kernel."""

    def __init__(self, convolution, dtype):
        self.convolution = convolution
        self.kernel = convolution.weights.astype(dtype)

    def __call__(self, values):
        operator, windows = self.convolution, self.convolution.windows
        if isinstance(values, Counts) and operator.groups == 1 and values.is_sparse():
            out = np.empty((*values.shape[:2], operator.size_out), self.kernel.dtype)
            counts = np.ascontiguousarray(values.values)
            spread(
                product_kernels.spikes_times_kernel,
                [
                    counts.reshape(-1, *operator.input_shape),
                    out.reshape(-1, *operator.output_shape),
                ],
                [values.scale, self.turned, windows.strides, self.frame],
            )
            return out
        values = to_numbers(values)
        return self._dense(values).reshape(*values.shape[:2], operator.size_out)

    @cached_property
    def turned(self):
        """The kernel, laid out for following spikes."""
        return product_kernels.turn_round(self.kernel)

    @cached_property
    def frame(self):
        """The frame around outputs, for the same."""
        return product_kernels.frame_outputs(self.convolution.windows)

    @cached_property
    def panels(self):
        """The kernel of each group of channels, laid out for multiplying everything."""
        groups = np.split(self.kernel, self.convolution.groups, axis=-1)
        return [window_kernels.lay_in_panels(kernel) for kernel in groups]

    def _dense(self, values):
        images = np.ascontiguousarray(values).reshape(-1, self.convolution.size_in)
        shape = (len(images), *self.convolution.output_shape)
        out = np.empty(shape, self.kernel.dtype)
        spread(self._multiply, [images, out], [self.panels])
        return out

    def _multiply(self, images, out, panels_of_groups):
        operator, windows = self.convolution, self.convolution.windows
        images = images.reshape(-1, *operator.input_shape)
        images = np.pad(images, [(0, 0), (0, 0), windows.margins[1], (0, 0)])
        channels = np.split(images, operator.groups, axis=-1)
        filters = np.split(out, operator.groups, axis=-1)
        for shown, target, panels in zip(
            channels, filters, panels_of_groups, strict=True
        ):
            n_panels, _, _, n = panels.shape
            sums = target
            if target.shape[-1] != n_panels * n or len(panels_of_groups) > 1:
                sums = np.empty((*out.shape[:3], n_panels * n), out.dtype)
            shown = np.ascontiguousarray(shown)
            above = windows.before[0]
            window_kernels.convolve(shown, sums, panels, windows.strides, above)
            if sums is not target:
                target[...] = sums[..., : target.shape[-1]]


class _Local:
    """Locally connected layer: a product of matrices for each position."""

    def __init__(self, local, dtype):
        self.local = local
        self.weights = local.weights.astype(dtype)
        self.windows = {}  # for each position the pixels that it sees, and weights
        rows, columns = (list(side.overlaps()) for side in local.windows.sides)
        for position in np.ndindex(*local.output_shape[:2]):
            (y, inside_y), (x, inside_x) = rows[position[0]], columns[position[1]]
            weights = self.weights[position][inside_y, inside_x]
            weights = weights.reshape(-1, weights.shape[-1])
            self.windows[position] = (y, x), np.ascontiguousarray(weights.T)

    @cached_property
    def blocks(self):
        """The weights, laid out for following spikes."""
        return product_kernels.lay_in_blocks(self.weights)

    def __call__(self, values):
        local, windows = self.local, self.local.windows
        out = np.empty((*values.shape[:2], local.size_out), self.weights.dtype)
        images = out.reshape(-1, *local.output_shape)
        if isinstance(values, Counts) and values.is_sparse():
            counts = np.ascontiguousarray(values.values)
            spread(
                product_kernels.spikes_times_local,
                [counts.reshape(-1, *local.input_shape), images],
                [values.scale, self.blocks, windows.strides, windows.before],
            )
        else:
            self._dense(to_numbers(values).reshape(-1, *local.input_shape), images)
        return out

    def _dense(self, images, out):
        local = self.local
        n_images = len(images)
        # images last, so that patches are blocks of memory
        turned = np.ascontiguousarray(images.reshape(n_images, -1).T)
        turned = turned.reshape(*local.input_shape, n_images)
        results = np.empty((*local.output_shape, n_images), out.dtype)
        for position, ((y, x), weights) in self.windows.items():
            patches = turned[y, x].reshape(-1, n_images)
            np.matmul(weights, patches, out=results[position])
        out.reshape(n_images, -1)[...] = results.reshape(-1, n_images).T


def _matrix(matrix, dtype):
    return (_Called if matrix.is_sparse else _Dense)(matrix, dtype)


_KINDS = {
    operators.Slice: _Slice,
    operators.Pool: _Pool,
    operators.Convolution: _Convolution,
    operators.Local: _Local,
    operators.Matrix: _matrix,
}
