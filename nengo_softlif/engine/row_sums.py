"""Weighted sums of rows, in registers: what following spikes spends its time on.

A loop over arrays would read and write the sum for every row, since LLVM cannot know
that the sum and the rows do not overlap. Here LLVM is told what to do.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import compile_once

WIDE, NARROW = 256, 32
"""Bytes of the sum that are held at a time: eight registers of AVX, or one."""


@intrinsic(prefer_literal=True)
def _add(typing, n_bytes, out, place, rows, shift, offsets, values, start, stop):
    """Do what `add_rows` does for as many entries as ``n_bytes`` hold."""
    if not isinstance(n_bytes, types.IntegerLiteral):
        return None
    n = n_bytes.literal_value * 8 // out.dtype.bitwidth

    def generate(context, builder, signature, args):
        def data(at):
            array = context.make_array(signature.args[at])
            return array(context, builder, args[at]).data

        out, rows, offsets, values = (data(at) for at in (1, 3, 5, 6))
        place, shift, start, stop = (args[at] for at in (2, 4, 7, 8))
        scalar = context.get_data_type(signature.args[1].dtype)
        vector = ir.VectorType(scalar, n)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), n), [0] * n)
        aligned = scalar.get_abi_size(context.target_data)

        def vector_at(pointer, index):
            pointer = builder.gep(pointer, [index])
            return builder.bitcast(pointer, vector.as_pointer())

        target = vector_at(out, place)
        total = cgutils.alloca_once_value(builder, builder.load(target, align=aligned))
        with cgutils.for_range_slice(
            builder, start, stop, ir.Constant(start.type, 1)
        ) as (k, _):
            offset = builder.load(builder.gep(offsets, [k]))
            value = builder.load(builder.gep(values, [k]))
            row = vector_at(rows, builder.add(shift, offset))
            factor = builder.insert_element(
                ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
            )
            factor = builder.shuffle_vector(factor, factor, lanes)
            # "contract" allows one instruction for both
            product = builder.fmul(
                builder.load(row, align=aligned), factor, flags=["contract"]
            )
            added = builder.fadd(builder.load(total), product, flags=["contract"])
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


VECTOR = 64
"""Bytes of a vector: a register of AVX-512, or two of AVX."""


def _begin(context, builder, signature, args, arrays):
    """Data of arrays among the arguments, the vector type and its size in bytes."""
    data = [
        context.make_array(signature.args[at])(context, builder, args[at]).data
        for at in arrays
    ]
    dtype = signature.args[arrays[0]].dtype
    scalar = context.get_data_type(dtype)
    n = VECTOR * 8 // dtype.bitwidth
    return data, ir.VectorType(scalar, n), n, scalar.get_abi_size(context.target_data)


def _spread_value(builder, vector, value):
    """Vector of one value."""
    first = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, first)
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, one, lanes)


def _at(builder, vector, pointer, index):
    return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())


@intrinsic
def scatter_rows(typing, out, place, apart, rows, at, n_rows, n_vectors, value):
    """Add a block of rows, times a value, to stretches of an array.

    ``out[place + y * apart + j] += value * rows[at + y * n + j]`` for y from 0 to
    n_rows and j from 0 to n, the ``n_vectors * VECTOR`` bytes of a row.
    """

    def generate(context, builder, signature, args):
        (target, source), vector, n, aligned = _begin(
            context, builder, signature, args, (0, 3)
        )
        place, apart, at, n_rows, n_vectors = (args[i] for i in (1, 2, 4, 5, 6))
        factor = _spread_value(builder, vector, args[7])
        width = ir.Constant(place.type, n)
        length = builder.mul(n_vectors, width)
        with cgutils.for_range(builder, n_rows) as row:
            start = builder.add(place, builder.mul(row.index, apart))
            begin = builder.add(at, builder.mul(row.index, length))
            with cgutils.for_range(builder, n_vectors) as loop:
                shift = builder.mul(loop.index, width)
                to = _at(builder, vector, target, builder.add(start, shift))
                given = _at(builder, vector, source, builder.add(begin, shift))
                product = builder.fmul(
                    builder.load(given, align=aligned), factor, flags=["contract"]
                )
                total = builder.fadd(
                    builder.load(to, align=aligned), product, flags=["contract"]
                )
                builder.store(total, to, align=aligned)
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
        (source, weights), vector, n, aligned = _begin(
            context, builder, signature, args, (0, 3)
        )
        place, apart, at, n_rows, n_vectors = (args[i] for i in (1, 2, 4, 5, 6))
        total = cgutils.alloca_once_value(builder, ir.Constant(vector, None))
        builder.store(ir.Constant(vector, None), total)
        width = ir.Constant(place.type, n)
        length = builder.mul(n_vectors, width)
        with cgutils.for_range(builder, n_rows) as row:
            start = builder.add(place, builder.mul(row.index, apart))
            begin = builder.add(at, builder.mul(row.index, length))
            with cgutils.for_range(builder, n_vectors) as loop:
                shift = builder.mul(loop.index, width)
                seen = _at(builder, vector, source, builder.add(start, shift))
                given = _at(builder, vector, weights, builder.add(begin, shift))
                product = builder.fmul(
                    builder.load(seen, align=aligned),
                    builder.load(given, align=aligned),
                    flags=["contract"],
                )
                added = builder.fadd(builder.load(total), product, flags=["contract"])
                builder.store(added, total)
        parts = builder.load(total)
        while n > 1:  # halves are added, and so on
            n //= 2
            low, high = (
                builder.shuffle_vector(
                    parts,
                    parts,
                    ir.Constant(
                        ir.VectorType(ir.IntType(32), n), list(range(i, i + n))
                    ),
                )
                for i in (0, n)
            )
            parts = builder.fadd(low, high)
        return builder.extract_element(parts, ir.Constant(ir.IntType(32), 0))

    whole = types.intp
    signature = values.dtype(values, whole, whole, rows, whole, whole, whole)
    return signature, generate
