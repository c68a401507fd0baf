"""Linear operators backwards: gradients by what goes in, and by the weights.

A row for each kind of operator. What is none of spikes is multiplied as a whole; a
convolution follows the spikes where there are few.
"""

from functools import cached_property

import numpy as np
from nengo.exceptions import Unconvertible

from ..engine import (
    Counts,
    convolve,
    frame_outputs,
    lay_in_panels,
    multiply,
    one_blas_thread,
    prepare,
    spread,
    to_numbers,
    turn_round,
)
from ..layers import operators
from . import product_kernels

GROUPS = 8
"""Parts in which gradients by weights are added up, so that sums do not depend on how
many threads there are."""

SUMS = 16_000_000
"""Bytes of these parts, unless there are two only."""

PATCHES = 16_000_000
"""Bytes of patches that are laid out at a time for a dense product."""


class Back:
    """An operator forward and backward, with weights that training may change.

    Parameters
    ----------
    op : Operator
        What was read of the network.
    weights : ndarray, optional
        In the place of its own, of the same shape.
    dtype : dtype
        Precision.
    """

    def __init__(self, op, weights, dtype):
        if weights is not None:
            op = op.with_weights(weights)
        self.op, self.dtype = op, dtype
        self.forward = prepare(op, dtype)

    def back(self, values, delta, wanted, firing):
        """Go back through the operator.

        Parameters
        ----------
        values : Counts or (n_examples or 1, n_steps or 1, size_in) ndarray
            What went in.
        delta : (n_examples, n_steps, size_out) ndarray
            Gradient by what came out.
        wanted : (bool, bool)
            Whether gradients by what went in, and by the weights, are wanted.
        firing : bool
            Whether the first is wanted only where there were spikes.

        Returns
        -------
        by_values : (n_examples, n_steps, size_in) ndarray or None
        by_weights : ndarray or None
            In the shape of the weights.
        """
        by_values = None
        if wanted[0]:
            by_values = self.by_values(delta).reshape(*delta.shape[:2], -1)
        by_weights = self.by_weights(*summed(values, delta)) if wanted[1] else None
        return by_values, by_weights


def summed(values, delta):
    """Numbers that went in, and the gradient summed over what all of them had."""
    values = to_numbers(values)
    for axis in (0, 1):
        if values.shape[axis] == 1 and delta.shape[axis] > 1:
            delta = delta.sum(axis=axis, keepdims=True)
    return values, delta


class _Slice(Back):
    def by_values(self, delta):
        return operators.Place(self.op.indices, self.op.size_in)(delta)


class _Place(Back):
    def by_values(self, delta):
        picked = operators.Slice(self.op.indices, self.op.size_out)(delta)
        return np.ascontiguousarray(picked)


class _Scale(Back):
    def by_values(self, delta):
        return delta * self.op.weights.astype(self.dtype)

    def by_weights(self, values, delta):
        return (values * delta).sum(axis=(0, 1))


class _Matrix(Back):
    def by_values(self, delta):
        op = self.op
        if op.is_sparse:
            flat = op.weights.T.astype(self.dtype) @ delta.reshape(-1, op.size_out).T
            return np.ascontiguousarray(flat.T)
        return multiply(delta.reshape(-1, op.size_out), op.weights.astype(self.dtype))

    def by_weights(self, values, delta):
        values = values.reshape(-1, self.op.size_in)
        delta = delta.reshape(-1, self.op.size_out)
        if not self.op.is_sparse:
            return _multiply_columns(delta, values)
        rows, columns = self.op.weights.nonzero()
        return np.einsum("nk,nk->k", delta[:, rows], values[:, columns])


def _multiply_columns(a, b):
    """``a.T @ b``, in several threads: of two halves of the rows."""
    middle = len(a) // 2
    edges = np.array([[0, middle], [middle, len(a)]])
    out = np.empty((2, a.shape[1], b.shape[1]), np.result_type(a, b))

    def part(edges, out):
        for (low, high), product in zip(edges, out, strict=True):
            np.matmul(a[low:high].T, b[low:high], out=product)

    with one_blas_thread():
        spread(part, [edges, out])
    return out[0] + out[1]


class _Pool(Back):
    def by_values(self, delta):
        pool = self.op
        out = np.empty((*delta.shape[:2], pool.size_in), delta.dtype)
        windows = pool.windows
        spread(
            product_kernels.spread_windows,
            [
                np.ascontiguousarray(delta).reshape(-1, *pool.output_shape),
                out.reshape(-1, *pool.input_shape),
            ],
            [
                pool.share.astype(delta.dtype),
                tuple(windows.size),
                tuple(windows.strides),
                tuple(windows.before),
            ],
        )
        return out


class _Convolution(Back):
    def __init__(self, op, weights, dtype):
        super().__init__(op, weights, dtype)
        self.kernel = self.op.weights.astype(dtype)
        self.windows = self.op.windows

    @cached_property
    def turned(self):
        """The kernel, laid out for following spikes."""
        return turn_round(self.kernel)

    def back(self, values, delta, wanted, firing):
        counted = isinstance(values, Counts) and self.op.groups == 1
        if not (counted and values.is_sparse()):
            return super().back(values, delta, wanted, firing)
        everywhere = wanted[0] and not firing
        by_values = None
        if everywhere:
            by_values = self.by_values(delta).reshape(*delta.shape[:2], -1)
        wanted = wanted[0] and firing, wanted[1]
        if not any(wanted):
            return by_values, None
        at_spikes, by_weights = self._follow(values, delta, wanted)
        return by_values if everywhere else at_spikes, by_weights

    def _follow(self, values, delta, wanted):
        op = self.op
        counts = np.ascontiguousarray(values.values).reshape(-1, *op.input_shape)
        delta = np.ascontiguousarray(delta).reshape(-1, *op.output_shape)
        kernel = self.turned
        out = np.empty((len(counts) * wanted[0], *op.input_shape), self.dtype)
        n_channels = kernel.shape[0] * wanted[1]
        n_groups = max(2, min(GROUPS, SUMS // kernel.nbytes))
        by_kernel = np.zeros((n_groups, n_channels, *kernel.shape[1:]), self.dtype)
        edges = np.arange(n_groups + 1) * len(counts) // n_groups
        frame = frame_outputs(self.windows)
        others = values.scale, kernel, tuple(self.windows.strides), frame

        def follow(first, by_kernel):
            product_kernels.follow_back(first, counts, delta, out, by_kernel, *others)

        first = np.stack([edges[:-1], edges[1:]], axis=1)
        spread(follow, [first, by_kernel], n_bytes=counts.nbytes + delta.nbytes)
        by_values = out.reshape(*values.shape) if wanted[0] else None
        by_weights = None
        if wanted[1]:
            by_weights = product_kernels.turn_back(
                by_kernel.sum(axis=0), op.weights.shape
            )
        return by_values, by_weights

    def by_values(self, delta):
        """Convolution of the gradient with the kernel turned round."""
        op, windows, groups = self.op, self.windows, self.op.groups
        delta = np.ascontiguousarray(delta).reshape(-1, *op.output_shape)
        out = np.empty((len(delta), *op.input_shape), self.dtype)
        turned = np.moveaxis(self.kernel[::-1, ::-1], 2, 3)
        panels = [lay_in_panels(part) for part in np.split(turned, groups, axis=2)]
        above, left = (
            int(size - 1 - before)
            for size, before in zip(windows.size, windows.before, strict=True)
        )
        n_columns = op.input_shape[1] + windows.size[1] - 1

        def convolve_part(delta, out):
            shape = len(delta), windows.strides[0] * (delta.shape[1] - 1) + 1, n_columns
            framed = np.zeros((*shape, delta.shape[3]), delta.dtype)
            columns = slice(left, left + windows.strides[1] * delta.shape[2])
            framed[:, :: windows.strides[0], columns][:, :, :: windows.strides[1]] = (
                delta
            )
            parts = np.split(framed, groups, axis=3), np.split(out, groups, axis=3)
            for shown, target, panel in zip(*parts, panels, strict=True):
                sums = np.empty(
                    (*out.shape[:3], panel.shape[0] * panel.shape[3]), out.dtype
                )
                convolve(np.ascontiguousarray(shown), sums, panel, (1, 1), above)
                target[...] = sums[..., : target.shape[3]]

        spread(convolve_part, [delta, out])
        return out

    def by_weights(self, values, delta):
        """Product of what windows see with the gradient, some images at a time."""
        op, groups = self.op, self.op.groups
        per_group = op.input_shape[2] // groups
        images = np.ascontiguousarray(values).reshape(-1, op.size_in)
        n_filters = op.output_shape[2]
        delta = np.ascontiguousarray(delta).reshape(len(images), -1, n_filters)
        n_places = int(np.prod(self.windows.size)) * per_group
        each = n_places * groups * delta.shape[1] * delta.itemsize
        each = max(1, PATCHES // each)
        shape = groups, n_places, n_filters // groups
        total = np.zeros(shape, self.dtype)
        for low in range(0, len(images), each):
            seen = op.patches(images[low : low + each])
            seen = seen.reshape(-1, *self.windows.size, groups, per_group)
            part = delta[low : low + each].reshape(len(seen), groups, -1)
            for group in range(groups):
                patches = seen[:, :, :, group].reshape(len(seen), -1)
                total[group] += _multiply_columns(patches, part[:, group])
        kernels = total.reshape(groups, *self.windows.size, per_group, -1)
        return np.concatenate(list(kernels), axis=-1)


class _Local(Back):
    """Products of BLAS, one for each position of the output."""

    def _positions(self, rows):
        """Each position in some rows of the output.

        With the pixels that it sees, and where their weights are among those rows'.
        """
        lines, columns = (list(side.overlaps()) for side in self.op.windows.sides)
        for i, row in enumerate(rows):
            y, inside_y = lines[row]
            for column, (x, inside_x) in enumerate(columns):
                inside = i, column, inside_y, inside_x
                yield np.s_[:, row, column], np.s_[:, y, x], inside

    def by_values(self, delta):
        op, weights = self.op, self.op.weights.astype(self.dtype)
        delta = np.ascontiguousarray(delta).reshape(-1, *op.output_shape)
        out = np.zeros((len(delta), *op.input_shape), self.dtype)

        def part(delta, out):
            for position, pixels, inside in self._positions(range(len(weights))):
                kernel = weights[inside]
                product = delta[position] @ kernel.reshape(-1, kernel.shape[-1]).T
                out[pixels] += product.reshape(len(out), *kernel.shape[:-1])

        with one_blas_thread():
            spread(part, [delta, out])
        return out

    def by_weights(self, values, delta):
        op = self.op
        images = values.reshape(-1, *op.input_shape)
        delta = delta.reshape(len(images), *op.output_shape)
        out = np.zeros(op.weights.shape, self.dtype)

        def part(rows, out):
            for position, pixels, inside in self._positions(rows):
                seen = images[pixels]
                product = seen.reshape(len(images), -1).T @ delta[position]
                out[inside] = product.reshape(out[inside].shape)

        with one_blas_thread():
            spread(part, [np.arange(len(out)), out], n_bytes=delta.nbytes)
        return out


_KINDS = {
    operators.Slice: _Slice,
    operators.Place: _Place,
    operators.Scale: _Scale,
    operators.Matrix: _Matrix,
    operators.Pool: _Pool,
    operators.Convolution: _Convolution,
    operators.Local: _Local,
}


def find_kind(op):
    """Find the subclass of `Back` for an operator, or refuse it as `Unconvertible`."""
    if type(op) not in _KINDS:
        raise Unconvertible(
            f"{op.connection or op} has no form for training in spikes: "
            f"{type(op).__name__} operators have none"
        )
    return _KINDS[type(op)]
