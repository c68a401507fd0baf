"""Linear operators in those of ONNX, on flat values (n, size), channels last."""

import numpy as np
from nengo.exceptions import Unconvertible

from ..layers import operators
from .graph import LARGEST


def write_operator(graph, op, x, bias=None):
    """Add the nodes of an operator.

    Parameters
    ----------
    graph : Graph
        Receives them.
    op : Operator
        The operator.
    x : str
        Name of what comes in.
    bias : (size_out,) ndarray, optional
        Is added, only if it `takes_bias`.

    Returns
    -------
    str
        Name of what comes out.
    """
    write = _FORMS.get(type(op), _multiply_out)
    return write(graph, op, x) if bias is None else write(graph, op, x, bias)


def takes_bias(op, bias):
    """Whether the node of an operator can add these numbers, too."""
    if isinstance(op, operators.Convolution):
        return bool(np.all(np.ptp(bias.reshape(-1, op.output_shape[2]), axis=0) == 0))
    return isinstance(op, operators.Matrix)


def _gather(graph, op, x):
    return graph.add("Gather", x, op.indices, axis=1)


def _place(graph, op, x):
    if len(np.unique(op.indices)) < op.size_in:
        return _multiply_out(graph, op, x)
    source = np.full(op.size_out, op.size_in)  # one past the last: zero
    source[op.indices] = np.arange(op.size_in)
    padded = graph.add("Pad", x, np.array([0, 0, 0, 1]))
    return graph.add("Gather", padded, source, axis=1)


def _scale(graph, op, x):
    return graph.add("Mul", x, np.asarray(op.weights, float))


def _multiply_out(graph, op, x, *bias):
    """Multiply by a matrix, with its zeros: runtimes know no others."""
    if 4 * op.size_in * op.size_out > LARGEST:
        raise Unconvertible(
            f"{op.connection or op} has to be written as a matrix of {op.size_out:,} x "
            f"{op.size_in:,}, which is larger than an ONNX file"
        )
    weights = op.matrix()
    weights = weights.toarray() if hasattr(weights, "toarray") else weights
    return graph.add("Gemm", x, np.asarray(weights, float), *bias, transB=1)


def _convolution(graph, op, x, bias=None):
    kernel = np.asarray(op.weights, float).transpose(3, 2, 0, 1)
    more = [] if bias is None else [bias[: op.output_shape[2]]]
    return _slide(graph, op, x, "Conv", kernel, *more, group=op.groups)


def _pool(graph, op, x):
    return _slide(graph, op, x, "AveragePool", count_include_pad=0)


def _slide(graph, op, x, kind, *inputs, **attributes):
    """Put what slides over images, channels first, between flat values."""
    x = graph.add("Reshape", x, [0, *op.input_shape])
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    (top, bottom), (left, right) = op.windows.margins
    x = graph.add(
        kind,
        *(x, *inputs),
        kernel_shape=op.windows.size,
        strides=op.windows.strides,
        pads=(top, left, bottom, right),
        **attributes,
    )
    x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    return graph.add("Reshape", x, [0, op.size_out])


def _local(graph, op, x):
    """Multiply what each window sees by its own matrix."""
    inside = op.windows.inside
    n_windows = int(np.prod(inside.shape[:2]))
    n_pixels, n_channels = int(np.prod(op.input_shape[:2])), op.input_shape[2]
    weights = np.asarray(op.weights, float).reshape(n_windows, -1, op.output_shape[2])
    pixel = np.where(inside, op.windows.pixel, n_pixels)  # one past the last: zero
    x = graph.add("Reshape", x, [0, n_pixels, n_channels])
    if not inside.all():
        x = graph.add("Pad", x, [0, 0, 0, 0, 1, 0])
    x = graph.add("Gather", x, pixel.ravel(), axis=1)
    x = graph.add("Reshape", x, [0, n_windows, weights.shape[1]])
    x = graph.add("MatMul", graph.add("Transpose", x, perm=[1, 0, 2]), weights)
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    return graph.add("Reshape", x, [0, op.size_out])


_FORMS = {
    operators.Slice: _gather,
    operators.Place: _place,
    operators.Scale: _scale,
    operators.Matrix: _multiply_out,
    operators.Convolution: _convolution,
    operators.Pool: _pool,
    operators.Local: _local,
}
