"""Linear operators: what connections do to the values that pass through them.

Each operator maps the last axis of an array. A convolution or a matrix that was
sampled by Nengo's build carries its weights, and the connection they belong to.
"""

from functools import singledispatch

import nengo
import numpy as np
from nengo.exceptions import Unconvertible
from nengo.transforms import NoTransform, SparseMatrix
from scipy import sparse

from ..checks import range_of
from ..geometry import Windows, windows_of
from ..transforms import AveragePool, LocallyConnected
from .base import Operator
from .patterns import Pattern, make_full
from .windows import Convolution, Local, Pool

__all__ = [
    "Convolution",
    "Local",
    "Matrix",
    "Operator",
    "Place",
    "Pool",
    "Scale",
    "Slice",
    "matrix",
    "read",
    "read_sampled",
    "simplified",
]


class Slice(Operator):
    """Picks values, in any order."""

    moves = True

    def __init__(self, indices, size_in):
        super().__init__(size_in, len(indices))
        self.indices = indices

    def __call__(self, x):
        """Apply to the last axis of an array."""
        return x[..., self.indices]

    def matrix(self):
        """One in each row."""
        n = self.size_out
        entries = (np.ones(n), (np.arange(n), self.indices))
        return sparse.csr_array(entries, shape=(n, self.size_in))

    def in_words(self):
        """Say in a few words what it does."""
        if self.size_out == self.size_in:
            return "reordering"
        return f"slice of {self.size_out:,} out of {self.size_in:,}"


class Place(Operator):
    """Puts values into places of an array of zeros; adds up in the same place."""

    moves = True

    def __init__(self, indices, size_out):
        super().__init__(len(indices), size_out)
        self.indices = indices

    def __call__(self, x):
        """Apply to the last axis of an array."""
        out = np.zeros((*x.shape[:-1], self.size_out), x.dtype)
        if len(np.unique(self.indices)) == len(self.indices):
            out[..., self.indices] = x
        else:
            np.add.at(out, (..., self.indices), x)
        return out

    def matrix(self):
        """One in each column."""
        n = self.size_in
        entries = (np.ones(n), (self.indices, np.arange(n)))
        return sparse.csr_array(entries, shape=(self.size_out, n))

    def in_words(self):
        """Say in a few words what it does."""
        return f"placing among {self.size_out:,}"


class Scale(Operator):
    """Multiplies each value by a number of its own, ``weights`` (size,).

    If ``is_gain``, by the gains of the neurons that it leads to.
    """

    n_synapses = 0

    def __init__(self, scale, connection=None, is_gain=False):
        super().__init__(len(scale), len(scale), connection)
        self.weights = scale
        self.is_gain = is_gain

    def __call__(self, x):
        """Apply to the last axis of an array."""
        return x * self.weights.astype(x.dtype)

    def matrix(self):
        """The numbers along the diagonal."""
        return sparse.csr_array(sparse.diags(self.weights))

    def is_identity(self):
        """Whether all numbers are one."""
        return bool(np.all(self.weights == 1))

    def times(self, scale):
        """Multiply what comes out."""
        return Scale(self.weights * scale)

    def in_words(self):
        """Say in a few words what it does."""
        return f"scale {range_of(self.weights)}"


class Matrix(Operator):
    """Product with a dense or sparse matrix, ``weights`` (size_out, size_in)."""

    def __init__(self, weights, connection=None):
        size_out, size_in = weights.shape
        super().__init__(size_in, size_out, connection)
        self.weights = weights

    @property
    def is_sparse(self):
        """Whether only weights that are not zero are stored."""
        return sparse.issparse(self.weights)

    @property
    def n_filters(self):
        """Each output has a number of its own."""
        return self.size_out

    def matrix(self):
        """The weights themselves."""
        return self.weights

    def pattern(self):
        """All rows and columns, unless there are zeros."""
        if self.is_sparse or not np.all(self.weights):
            return Pattern(self.weights)
        return make_full(self.size_out, self.size_in)

    def is_like(self, other):
        """Whether another is a matrix, dense or sparse as this one is."""
        return super().is_like(other) and self.is_sparse == other.is_sparse

    def times(self, scale):
        """Multiply what comes out."""
        if self.is_sparse:
            return Matrix(sparse.csr_array(sparse.diags(scale) @ self.weights))
        return Matrix(self.weights * scale[:, None])

    def in_words(self):
        """Say in a few words what it does."""
        if self.is_sparse:
            return f"sparse matrix of {self.n_weights:,} weights"
        return f"matrix {self.size_out:,} x {self.size_in:,}"


# -- one after the other ---------------------------------------------------------------


def simplified(path):
    """Multiply scales into the weights before them, where that is exact."""
    simple = []
    for op in path:
        if op.is_identity():
            continue
        if isinstance(op, Scale) and simple:
            merged = simple[-1].times(op.weights)
            if merged is not None:
                simple[-1] = merged
                continue
        simple.append(op)
    return simple


def matrix(path, size_in):
    """Matrix of operators that are applied one after the other to ``size_in`` values.

    It is sparse, unless a dense matrix is among them.
    """
    product = None
    for op in reversed(list(path)):
        factor = op.matrix()
        product = factor if product is None else product @ factor
    if product is None:
        return sparse.csr_array(sparse.eye(size_in))
    return product


# -- from Nengo's transforms -----------------------------------------------------------


@singledispatch
def read(transform, weights, connection):
    """Operators of a Nengo transform.

    Parameters
    ----------
    transform : nengo.transforms.Transform
        What a connection does. Other kinds become known by
        ``read.register(kind, function)``.
    weights : ndarray, SparseMatrix or scipy sparse matrix
        What Nengo's build sampled for it, decoders included.
    connection : nengo.Connection
        For the record, and for errors.

    Returns
    -------
    list of Operator
        To apply one after the other.

    Raises
    ------
    Unconvertible
        If the transform is of a kind that is not known.
    """
    raise Unconvertible(
        f"{connection} has the transform {transform}, which is not known to layers; "
        "use Dense, Sparse, Convolution, AveragePool or LocallyConnected"
    )


def read_sampled(transform, connection=None):
    """Operators of a transform with weights as they may be drawn, always the same.

    The connection is named in errors.
    """
    weights = None
    if not isinstance(transform, NoTransform):
        weights = transform.sample(rng=np.random.RandomState(0))
    return read(transform, weights, connection)


@read.register(nengo.Dense)
@read.register(NoTransform)
def _dense(transform, weights, connection):
    if np.ndim(weights) == 2:
        return [Matrix(weights, connection)]
    if isinstance(transform, NoTransform):
        return []
    return [Scale(np.broadcast_to(weights, transform.size_in), connection)]


@read.register(nengo.Sparse)
def _sparse(transform, weights, connection):
    return [Matrix(sparse.csr_array(_coo(weights)), connection)]


@read.register(AveragePool)
def _pool(transform, weights, connection):
    return [Pool(transform.windows, transform.input_shape[2])]


@read.register(LocallyConnected)
def _local(transform, weights, connection):
    shape = (-1, transform.input_shape[2], transform.n_filters)
    kernels = np.asarray(_coo(weights).data).reshape(shape)
    return [Local(kernels, transform.windows, connection)]


@read.register(nengo.Convolution)
def _convolution(transform, kernel, connection):
    """Convolution of one or two dimensions, channels first or last."""
    n_dimensions = transform.dimensions
    if n_dimensions > 2:
        raise Unconvertible(
            f"{connection} is a convolution in {n_dimensions} dimensions; one or two "
            "are known to layers"
        )
    one = (1,) * (2 - n_dimensions)  # a row of values is an image one row high
    along = windows_of(transform)
    windows = Windows(
        one + along.shape, one + along.size, one + along.strides, along.padding
    )
    kernel = kernel.reshape(*one, *kernel.shape)
    convolution = Convolution(kernel, windows, transform.groups, connection)
    if transform.channels_last:
        return [convolution]
    n_channels = transform.input_shape.n_channels
    last = np.arange(convolution.size_in).reshape(n_channels, -1).T.ravel()
    first = np.arange(convolution.size_out).reshape(-1, transform.n_filters).T.ravel()
    return [
        Slice(last, convolution.size_in),
        convolution,
        Slice(first, convolution.size_out),
    ]


def _coo(weights):
    if isinstance(weights, SparseMatrix):
        rows, columns = weights.indices.T
        return sparse.coo_array((weights.data, (rows, columns)), weights.shape)
    return weights.tocoo()
