"""Vectors of numbers for LLVM: what kernels that are written in its terms share."""

from llvmlite import ir

REGISTER = 64
"""Bytes of a register of AVX-512, or of two of AVX."""

_INDEX = ir.IntType(32)


def data_of(context, builder, signature, args, at):
    """Pointer to the values of an array among the arguments of an intrinsic."""
    array = context.make_array(signature.args[at])
    return array(context, builder, args[at]).data


def vector_at(builder, vector, pointer, index):
    """Pointer to a vector that begins at an entry of an array."""
    return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())


def repeat(builder, vector, value):
    """Vector of one value."""
    one = builder.insert_element(
        ir.Constant(vector, ir.Undefined), value, ir.Constant(_INDEX, 0)
    )
    lanes = ir.Constant(ir.VectorType(_INDEX, vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, one, lanes)


def multiply_add(builder, a, b, total):
    """``a * b + total``; "contract" allows one instruction for both."""
    product = builder.fmul(a, b, flags=["contract"])
    return builder.fadd(total, product, flags=["contract"])


def add_lanes(builder, vector):
    """Sum of a vector's values: halves are added, then halves of that, and so on."""
    n = vector.type.count
    while n > 1:
        n //= 2
        low, high = (
            builder.shuffle_vector(
                vector,
                vector,
                ir.Constant(ir.VectorType(_INDEX, n), list(range(i, i + n))),
            )
            for i in (0, n)
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(_INDEX, 0))
