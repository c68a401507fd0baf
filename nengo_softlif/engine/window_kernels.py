"""Convolution where all is multiplied, with sums in registers.

What a window sees lies in one piece for each of its rows. Several windows side by side
are multiplied by as many filters as a register holds: each weight that is loaded serves
them all, so that multiplying sets the pace and not the cache. To lay windows out for a
product of matrices would take about as long as that product.
"""

from functools import cache

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import compile_once
from .vectors import REGISTER, data_of, multiply_add, repeat, vector_at

MOST = 14 if get_host_cpu_features().get("avx512f") else 6
"""Windows whose sums are held at a time; AVX has half as many registers, of half the
size. A few of them hold weights and values."""


def lay_in_panels(kernel):
    """Lay a kernel out as `convolve` wants it.

    Parameters
    ----------
    kernel : (height, width, channels, filters) ndarray
        The kernel.

    Returns
    -------
    (n_panels, height, width * channels, n) ndarray
        As many filters in a panel as a register holds; the last is filled up with
        zeros.
    """
    height, _, _, n_filters = kernel.shape
    n = REGISTER // kernel.itemsize
    n_panels = -(-n_filters // n)
    filled = np.pad(kernel, [(0, 0)] * 3 + [(0, n_panels * n - n_filters)])
    panels = filled.reshape(height, -1, n_panels, n)
    return np.ascontiguousarray(np.moveaxis(panels, 2, 0))


@intrinsic(prefer_literal=True)
def _multiply(
    typing, n, out, place, apart, images, start, step, line, weights, at, height, length
):
    """Multiply n windows side by side by a panel of weights.

    Window i begins at ``images[start + i * step]`` and has ``height`` rows, ``line``
    apart, of ``length`` values. Its sums are written to ``out[place + i * apart]`` and
    what follows; the weights begin at ``weights[at]``. All arrays are flat.
    """
    if not isinstance(n, types.IntegerLiteral):
        return None
    n_windows, n_lanes = n.literal_value, REGISTER * 8 // out.dtype.bitwidth

    def generate(context, builder, signature, args):
        out, images, weights = (
            data_of(context, builder, signature, args, index) for index in (1, 4, 8)
        )
        place, apart, start, step, line, at, height, length = (
            args[index] for index in (2, 3, 5, 6, 7, 9, 10, 11)
        )
        scalar = context.get_data_type(signature.args[1].dtype)
        vector = ir.VectorType(scalar, n_lanes)
        aligned = scalar.get_abi_size(context.target_data)

        def number(value):
            return ir.Constant(start.type, value)

        totals = [
            cgutils.alloca_once_value(builder, ir.Constant(vector, None))
            for _ in range(n_windows)
        ]
        with cgutils.for_range(builder, height) as row:
            window = builder.add(start, builder.mul(row.index, line))
            passed = builder.mul(row.index, length)
            with cgutils.for_range(builder, length) as loop:
                term = builder.mul(builder.add(passed, loop.index), number(n_lanes))
                term = vector_at(builder, vector, weights, builder.add(at, term))
                loaded = builder.load(term, align=aligned)
                for i, total in enumerate(totals):
                    pixel = builder.add(window, builder.mul(step, number(i)))
                    pixel = builder.gep(images, [builder.add(pixel, loop.index)])
                    value = repeat(builder, vector, builder.load(pixel))
                    added = multiply_add(builder, loaded, value, builder.load(total))
                    builder.store(added, total)
        for i, total in enumerate(totals):
            target = builder.add(place, builder.mul(apart, number(i)))
            target = vector_at(builder, vector, out, target)
            builder.store(builder.load(total), target, align=aligned)
        return context.get_dummy_value()

    whole = types.intp
    given = n, out, *[whole] * 2, images, *[whole] * 3, weights, *[whole] * 3
    return types.void(*given), generate


@cache
def _make_convolver(together):
    """Make what `convolve` calls, for so many windows at a time."""

    @compile_once
    def function(images, out, panels, strides, above):
        n_rows, n_columns, n_channels = images.shape[1:]
        n_panels, height, length, n = panels.shape
        n_windows, apart = out.shape[2], n_panels * n
        line, step = n_columns * n_channels, strides[1] * n_channels
        weights = panels.reshape(-1)
        for image in range(len(images)):
            pixels, sums = images[image].reshape(-1), out[image].reshape(-1)
            for panel in range(n_panels):
                for row in range(out.shape[1]):
                    top = row * strides[0] - above
                    first, last = max(-top, 0), min(n_rows - top, height)
                    start = (top + first) * line
                    at = (panel * height + first) * length * n
                    place = row * n_windows * apart + panel * n
                    for column in range(0, n_windows, together):
                        # the last ones may be multiplied once more
                        column = min(column, n_windows - together)
                        _multiply(
                            together,
                            sums,
                            place + column * apart,
                            apart,
                            pixels,
                            start + column * step,
                            step,
                            line,
                            weights,
                            at,
                            last - first,
                            length,
                        )

    return function


def convolve(images, out, panels, strides, above):
    """Convolve images with a kernel.

    Parameters
    ----------
    images : (n_images, rows, columns, channels) ndarray
        Images with their margins to the left and to the right.
    out : (n_images, rows, columns, n_panels * n) ndarray
        Receives the convolution.
    panels : (n_panels, height, width * channels, n) ndarray
        The kernel, as `lay_in_panels` lays it out.
    strides : (int, int)
        Steps between windows.
    above : int
        How far the first window hangs over the upper edge.
    """
    n_windows = out.shape[2]
    n_times = -(-n_windows // MOST)
    _make_convolver(-(-n_windows // n_times))(images, out, panels, strides, above)
