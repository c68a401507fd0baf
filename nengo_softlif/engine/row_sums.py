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
