"""Weighted sums of rows, in registers: what following spikes spends its time on.

A loop over arrays would read and write the sum for every row, since LLVM cannot know
that the sum and the rows do not overlap. Here LLVM is told what to do.
"""

from contextlib import contextmanager

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import compile_once
from .vectors import (
    REGISTER,
    add_lanes,
    data_of,
    multiply_add,
    repeat,
    vector_at,
)

WIDE, NARROW = 256, 32
"""Bytes of the sum that are held at a time: eight registers of AVX, or one."""


@intrinsic(prefer_literal=True)
def _add(typing, n_bytes, out, place, rows, shift, offsets, values, start, stop):
    """Do what `add_rows` does for as many entries as ``n_bytes`` hold."""
    if not isinstance(n_bytes, types.IntegerLiteral):
        return None
    n = n_bytes.literal_value * 8 // out.dtype.bitwidth

    def generate(context, builder, signature, args):
        out, rows, offsets, values = (
            data_of(context, builder, signature, args, at) for at in (1, 3, 5, 6)
        )
        place, shift, start, stop = (args[at] for at in (2, 4, 7, 8))
        scalar = context.get_data_type(signature.args[1].dtype)
        vector = ir.VectorType(scalar, n)
        aligned = scalar.get_abi_size(context.target_data)
        target = vector_at(builder, vector, out, place)
        total = cgutils.alloca_once_value(builder, builder.load(target, align=aligned))
        with cgutils.for_range_slice(
            builder, start, stop, ir.Constant(start.type, 1)
        ) as (k, _):
            offset = builder.load(builder.gep(offsets, [k]))
            factor = repeat(builder, vector, builder.load(builder.gep(values, [k])))
            row = vector_at(builder, vector, rows, builder.add(shift, offset))
            row = builder.load(row, align=aligned)
            added = multiply_add(builder, row, factor, builder.load(total))
            builder.store(added, total)
        builder.store(builder.load(total), target, align=aligned)
        return context.get_dummy_value()

    whole = types.intp
    return (
        types.void(n_bytes, out, whole, rows, whole, offsets, values, whole, whole),
        generate,
    )


@compile_once
def add_rows(out, place, n, rows, shift, offsets, values, start, stop):
    """Add to n entries of an array the same stretch of several rows.

    ``out[place + j] += sum(values[k] * rows[shift + offsets[k] + j])`` for j from 0 to
    n, and k from start to stop, one k after the other.

    Parameters
    ----------
    out, rows : flat ndarray
        Of one type.
    place, n, shift, start, stop : int
        See above.
    offsets : flat ndarray of int64
        Where the rows begin.
    values : flat ndarray
        Their weights.
    """
    wide, narrow = WIDE // out.itemsize, NARROW // out.itemsize
    j = 0
    while j + wide <= n:
        _add(WIDE, out, place + j, rows, shift + j, offsets, values, start, stop)
        j += wide
    while j + narrow <= n:
        _add(NARROW, out, place + j, rows, shift + j, offsets, values, start, stop)
        j += narrow
    for last in range(j, n):
        total = out[place + last]
        for k in range(start, stop):
            total += values[k] * rows[shift + offsets[k] + last]
        out[place + last] = total


class _Block:
    """Two arrays among the arguments, seen vector by vector along rows.

    Rows of the first begin at ``place`` and lie ``apart``, those of the second begin at
    ``at`` and follow each other.
    """

    def __init__(self, context, builder, signature, args):
        self._builder, self._args = builder, args
        self._data = [data_of(context, builder, signature, args, at) for at in (0, 3)]
        dtype = signature.args[0].dtype
        scalar = context.get_data_type(dtype)
        self.vector = ir.VectorType(scalar, REGISTER * 8 // dtype.bitwidth)
        self.aligned = scalar.get_abi_size(context.target_data)

    @contextmanager
    def each(self):
        """Do what is in the ``with`` block for all pairs of pointers that it gets."""
        builder, (first, second) = self._builder, self._data
        place, apart, at, n_rows, n_vectors = (self._args[i] for i in (1, 2, 4, 5, 6))
        width = ir.Constant(place.type, self.vector.count)
        length = builder.mul(n_vectors, width)
        with cgutils.for_range(builder, n_rows) as row:
            start = builder.add(place, builder.mul(row.index, apart))
            begin = builder.add(at, builder.mul(row.index, length))
            with cgutils.for_range(builder, n_vectors) as loop:
                shift = builder.mul(loop.index, width)
                yield (
                    vector_at(builder, self.vector, first, builder.add(start, shift)),
                    vector_at(builder, self.vector, second, builder.add(begin, shift)),
                )


@intrinsic
def scatter_rows(typing, out, place, apart, rows, at, n_rows, n_vectors, value):
    """Add a block of rows, times a value, to stretches of an array.

    ``out[place + y * apart + j] += value * rows[at + y * n + j]`` for y from 0 to
    n_rows and j from 0 to n, the ``n_vectors * REGISTER`` bytes of a row.
    """

    def generate(context, builder, signature, args):
        block = _Block(context, builder, signature, args)
        factor = repeat(builder, block.vector, args[7])
        with block.each() as (target, row):
            row = builder.load(row, align=block.aligned)
            total = builder.load(target, align=block.aligned)
            added = multiply_add(builder, row, factor, total)
            builder.store(added, target, align=block.aligned)
        return context.get_dummy_value()

    whole = types.intp
    signature = types.void(out, whole, whole, rows, whole, whole, whole, out.dtype)
    return signature, generate


@intrinsic
def gather_rows(typing, values, place, apart, rows, at, n_rows, n_vectors):
    """Sum the products of a block of rows with stretches of an array.

    The sum of ``values[place + y * apart + j] * rows[at + y * n + j]``, see
    `scatter_rows`; always in the same order.
    """

    def generate(context, builder, signature, args):
        block = _Block(context, builder, signature, args)
        nothing = ir.Constant(block.vector, None)
        total = cgutils.alloca_once_value(builder, nothing)
        with block.each() as pair:
            seen, row = (builder.load(at, align=block.aligned) for at in pair)
            added = multiply_add(builder, seen, row, builder.load(total))
            builder.store(added, total)
        return add_lanes(builder, builder.load(total))

    whole = types.intp
    signature = values.dtype(values, whole, whole, rows, whole, whole, whole)
    return signature, generate
