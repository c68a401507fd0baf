"""Where the matrices of connections have weights, whatever their values."""

import nengo
import numpy as np
from nengo.exceptions import Unconvertible
from nengo.transforms import (
    Convolution,
    ConvolutionTranspose,
    Dense,
    NoTransform,
    Sparse,
    SparseMatrix,
)
from scipy import sparse

from ..transforms import AveragePool, LocallyConnected
from . import operators
from .graph import has_full_weights

LARGEST = 50_000_000
"""Non-zero entries of the largest pattern that is written out."""


class Pattern:
    """Where a matrix is not zero: the Kronecker product of two sparse matrices.

    Images are positions times channels, and convolutions and pools are products
    of what they do to positions and what they do to channels; written out they
    would be thousands of times larger. Other matrices have a right factor of one.

    Parameters
    ----------
    left, right : scipy.sparse matrix
        The factors. Their values do not matter.
    """

    def __init__(self, left, right=None):
        self.left = _boolean(left)
        self.right = _boolean([[1]] if right is None else right)

    def __matmul__(self, first):
        """Pattern of the product of matrices; ``first`` acts first."""
        if isinstance(first, Outer):
            return Outer(self.reached_by(first.rows), first.columns)
        a, b = self, first
        if a.left.shape[1] != b.left.shape[0]:
            a, b = a.written_out(), b.written_out()
        left, right = a.left @ b.left, a.right @ b.right
        return Pattern(left, right)

    def __or__(self, other):
        """Pattern of the sum of matrices."""
        if isinstance(other, Outer):
            return other | self
        a, b = self.written_out(), other.written_out()
        return Pattern(a.left + b.left)

    def reached_by(self, columns):
        """Rows that have an entry in one of these columns."""
        image = columns.reshape(self.left.shape[1], self.right.shape[1])
        return (self.left @ image.astype(np.int32) @ self.right.T > 0).ravel()

    def column_counts(self):
        """Number of entries in each column."""
        left, right = (np.diff(m.tocsc().indptr) for m in (self.left, self.right))
        return np.kron(left.astype(np.int64), right)

    def written_out(self):
        """Return the same pattern as one matrix."""
        if self.right.shape == (1, 1) and self.right.nnz:
            return self
        if self.left.nnz * self.right.nnz > LARGEST:
            raise Unconvertible(
                f"a matrix of {self.left.nnz * self.right.nnz} weights is too large to "
                "be written out; avoid slices and connections side by side after "
                "convolutions"
            )
        return Pattern(sparse.kron(self.left, self.right))

    @property
    def T(self):
        """Pattern of the transposed matrix."""
        return Pattern(self.left.T, self.right.T)


class Outer:
    """Entries in all of some rows and some columns, as dense matrices have.

    Parameters
    ----------
    rows, columns : (n,) ndarray of bool
        The rows and columns.
    """

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns

    def __matmul__(self, first):
        """Pattern of the product of matrices; ``first`` acts first."""
        if isinstance(first, Outer):
            meets = np.any(self.columns & first.rows)
            return Outer(self.rows & meets, first.columns)
        return Outer(self.rows, first.T.reached_by(self.columns))

    def __or__(self, other):
        """Pattern of the sum of matrices."""
        if np.all(self.rows) and np.all(self.columns):
            return self
        return self.written_out() | other.written_out()

    def column_counts(self):
        """Number of entries in each column."""
        return self.columns * np.count_nonzero(self.rows)

    def written_out(self):
        """Return the same pattern as a sparse matrix."""
        n_entries = np.count_nonzero(self.rows) * np.count_nonzero(self.columns)
        if n_entries > LARGEST:
            raise Unconvertible(
                f"a matrix of {n_entries} weights is too large to be written out; "
                "avoid connections side by side with dense ones"
            )
        return Pattern(
            sparse.csr_matrix(self.rows[:, None]) @ sparse.csr_matrix(self.columns)
        )


def _boolean(matrix):
    """Sparse matrix with a one wherever there was an entry that is not zero."""
    matrix = sparse.csr_matrix(matrix, copy=True)
    matrix.eliminate_zeros()  # sparse.kron may store some
    ones = np.ones(matrix.nnz, dtype=np.int32)
    return sparse.csr_matrix((ones, matrix.indices, matrix.indptr), matrix.shape)


class Structure(operators.Operator):
    """What is known of a transform without the values of its weights.

    Parameters
    ----------
    pattern : Pattern or Outer
        Where it has weights.
    size_in, size_out : int
        Values that go in, and that come out.
    n_synapses : int
        Number of weights of the unfolded transform.
    connection : nengo.Connection, optional
        Whose transform it is.
    """

    def __init__(self, pattern, size_in, size_out, n_synapses=0, connection=None):
        super().__init__(size_in, size_out, connection)
        self.pattern = pattern
        self.n_synapses = n_synapses


class Structures:
    """Stands for `.Built` where nothing is built: tells where weights are.

    Gains and biases are no weights.
    """

    def weights(self, connection):
        """The transform, decoders included."""
        return [read_structure(connection)]

    def gain(self, ensemble, indices):
        """Nothing."""
        return []

    def encoders(self, ensemble):
        """Encoders; all that are yet to be drawn."""
        encoders = np.ones((ensemble.n_neurons, ensemble.dimensions))
        if not isinstance(ensemble.encoders, nengo.dists.Distribution):
            encoders = np.broadcast_to(ensemble.encoders, encoders.shape)
        return [Structure(Pattern(encoders), *reversed(encoders.shape))]

    def neurons(self, ensemble):
        """Nothing."""
        return {}


def pattern_of(op):
    """Tell where an operator has weights.

    Parameters
    ----------
    op : Structure, Slice or Place
        The operator.

    Returns
    -------
    Pattern or Outer
        From what goes in to what comes out.
    """
    if isinstance(op, operators.Slice):
        return _selection(op.indices, op.size_in)
    if isinstance(op, operators.Place):
        return _selection(op.indices, op.size_out).T
    return op.pattern


def read_structure(connection):
    """Tell where a connection has weights, and how many.

    Parameters
    ----------
    connection : nengo.Connection
        Any connection.

    Returns
    -------
    Structure
        Of its transform, with decoders, or full weights, where they are.

    Raises
    ------
    Unconvertible
        If the transform is not known.
    """
    pattern, n_synapses = _transform(connection)
    size_in, size_out = connection.size_mid, connection.size_out
    if isinstance(connection.pre_obj, nengo.Ensemble):
        # every neuron takes part in decoding every value
        n_neurons = connection.pre_obj.n_neurons
        n_synapses = size_out * n_neurons
        pattern = pattern @ _full(size_in, n_neurons)
        size_in = n_neurons
    if has_full_weights(connection):  # counted as decoders, all the same
        size_out = connection.post_obj.n_neurons
        pattern = _full(size_out, size_in)
    return Structure(pattern, size_in, size_out, n_synapses, connection)


def _transform(connection):
    """Pattern and number of synapses of a transform, as the papers count them."""
    transform = connection.transform
    if isinstance(transform, Convolution):
        n_channels = transform.input_shape.n_channels // transform.groups
        pattern = _convolution(transform, transform.input_shape, transform.output_shape)
        n_each = n_channels * np.prod(transform.kernel_size)
        return pattern, int(transform.size_out * n_each)
    if isinstance(transform, ConvolutionTranspose):
        # the transpose of the convolution that leads back
        back = _convolution(transform, transform.output_shape, transform.input_shape)
        n_filters = transform.n_filters // transform.groups
        n_each = n_filters * np.prod(transform.kernel_size)
        return back.T, int(transform.size_in * n_each)
    if isinstance(transform, AveragePool):
        n_channels = transform.input_shape[2]
        positions = _positions(transform, transform.pool_size)
        return Pattern(positions, sparse.eye(n_channels)), 0
    if isinstance(transform, LocallyConnected):
        n_channels = transform.input_shape[2]
        positions = _positions(transform, transform.kernel_size)
        channels = np.ones((transform.n_filters, n_channels))
        n_each = n_channels * np.prod(transform.kernel_size)
        return Pattern(positions, channels), int(transform.size_out * n_each)
    if isinstance(transform, Sparse):
        entries = _stored_entries(transform)
        return Pattern(entries), entries.nnz
    if isinstance(transform, NoTransform):
        return Pattern(sparse.eye(transform.size_in)), 0
    if isinstance(transform, Dense):
        return _dense(transform)
    raise unreadable(connection, f"its transform {transform} is not known")


def _convolution(transform, input_shape, output_shape):
    """Pattern of a convolution between images of these shapes."""
    positions = sparse.eye(1)
    for length, n_windows, width, stride in zip(
        input_shape.spatial_shape,
        output_shape.spatial_shape,
        transform.kernel_size,
        transform.strides,
        strict=True,
    ):
        before = 0
        if transform.padding == "same":
            before = max((n_windows - 1) * stride + width - length, 0) // 2
        window, place = np.indices((n_windows, width))
        pixel = window * stride + place - before
        inside = (pixel >= 0) & (pixel < length)
        axis = sparse.coo_matrix(
            (np.ones(inside.sum()), (window[inside], pixel[inside])),
            (n_windows, length),
        )
        positions = sparse.kron(positions, axis)

    group = np.ones(
        (
            output_shape.n_channels // transform.groups,
            input_shape.n_channels // transform.groups,
        )
    )
    channels = sparse.kron(sparse.eye(transform.groups), group)
    if transform.channels_last:
        return Pattern(positions, channels)
    return Pattern(channels, positions)


def _positions(transform, size):
    """Which pixels lie under each window of a pool or locally connected layer."""
    pixel, inside = transform.windows(size)
    n_windows = pixel.shape[0] * pixel.shape[1]
    n_inside = inside.sum(axis=(2, 3)).ravel()
    window = np.arange(n_windows).repeat(n_inside)
    return sparse.coo_matrix(
        (np.ones(len(window)), (window, pixel[inside])),
        (n_windows, int(np.prod(transform.input_shape[:2]))),
    )


def _dense(transform):
    n_synapses = transform.size_out * transform.size_in
    full = _full(transform.size_out, transform.size_in)
    if isinstance(transform.init, nengo.dists.Distribution):
        return full, n_synapses
    weights = np.asarray(transform.init)
    if weights.ndim < 2:  # values pass unmixed, at most scaled
        scale = np.broadcast_to(weights, transform.size_in)
        return Pattern(sparse.diags(scale)), 0
    return full if np.all(weights) else Pattern(weights), n_synapses


def _full(n_rows, n_columns):
    return Outer(np.ones(n_rows, dtype=bool), np.ones(n_columns, dtype=bool))


def _selection(indices, size):
    """Pattern of taking these values out of ``size``."""
    n = len(indices)
    entries = (np.ones(n), (np.arange(n), indices))
    return Pattern(sparse.coo_matrix(entries, (n, size)))


def _stored_entries(transform):
    """Entries of a sparse transform, as a scipy matrix."""
    matrix = transform.sample(np.random.RandomState(0))
    if isinstance(matrix, SparseMatrix):
        matrix = matrix.allocate()
    return sparse.csr_matrix(matrix)


def unreadable(obj, reason):
    """Error of a part of a network whose weights are not known."""
    return Unconvertible(f"cannot count the synapses of {obj}: {reason}")
