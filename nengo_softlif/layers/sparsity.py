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

from ..geometry import windows_of
from ..transforms import AveragePool, LocallyConnected

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


def connection_pattern(connection):
    """Find where a connection has weights.

    Parameters
    ----------
    connection : nengo.Connection
        Any connection.

    Returns
    -------
    Pattern or Outer
        From the neurons or values of the source to the values of the target.

    Raises
    ------
    Unconvertible
        If it ends in a learning rule, or its transform is not known.
    """
    pattern = _transform_pattern(connection)
    pre, post = connection.pre_obj, connection.post_obj
    if isinstance(pre, nengo.Ensemble):
        # every neuron takes part in decoding every value
        n_decoded = _size_in(pattern)
        pattern = pattern @ Outer(
            np.ones(n_decoded, dtype=bool), np.ones(pre.n_neurons, dtype=bool)
        )
    elif not _is_whole(connection.pre_slice, pre.size_out):
        pattern = pattern @ _selection(connection.pre_slice, pre.size_out)
    if isinstance(post, nengo.connection.LearningRule):
        raise unreadable(connection, "it ends in a learning rule")
    if not _is_whole(connection.post_slice, post.size_in):
        pattern = _selection(connection.post_slice, post.size_in).T @ pattern
    return pattern


def _size_in(pattern):
    if isinstance(pattern, Outer):
        return len(pattern.columns)
    return pattern.left.shape[1] * pattern.right.shape[1]


def _transform_pattern(connection):
    transform = connection.transform
    if isinstance(transform, Convolution):
        return _convolution(transform, transform.input_shape, transform.output_shape)
    if isinstance(transform, ConvolutionTranspose):
        # the transpose of the convolution that leads back
        back = _convolution(transform, transform.output_shape, transform.input_shape)
        return back.T
    if isinstance(transform, AveragePool):
        n_channels = transform.input_shape[2]
        positions = transform.windows.pattern()
        return Pattern(positions, sparse.eye(n_channels))
    if isinstance(transform, LocallyConnected):
        positions = transform.windows.pattern()
        channels = np.ones((transform.n_filters, transform.input_shape[2]))
        return Pattern(positions, channels)
    if isinstance(transform, Sparse):
        return Pattern(stored_entries(transform))
    if isinstance(transform, NoTransform):
        return Pattern(sparse.eye(transform.size_in))
    if isinstance(transform, Dense):
        return _dense(transform)
    raise unreadable(connection, f"its transform {transform} is not known")


def _convolution(transform, input_shape, output_shape):
    """Pattern of a convolution between images of these shapes."""
    positions = windows_of(transform).pattern()
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


def _dense(transform):
    full = Outer(
        np.ones(transform.size_out, dtype=bool), np.ones(transform.size_in, dtype=bool)
    )
    if isinstance(transform.init, nengo.dists.Distribution):
        return full
    weights = np.asarray(transform.init)
    if weights.ndim < 2:
        return Pattern(sparse.diags(np.broadcast_to(weights, transform.size_in)))
    return full if np.all(weights) else Pattern(weights)


def encoder_pattern(ensemble):
    """Pattern from the values an ensemble represents to its neurons."""
    encoders = np.ones((ensemble.n_neurons, ensemble.dimensions))
    if not isinstance(ensemble.encoders, nengo.dists.Distribution):
        encoders = np.broadcast_to(ensemble.encoders, encoders.shape)
    return Pattern(encoders)


def _selection(indices, size):
    """Pattern of taking these values out of ``size``."""
    chosen = np.arange(size)[indices]
    n = len(chosen)
    return Pattern(sparse.coo_matrix((np.ones(n), (np.arange(n), chosen)), (n, size)))


def _is_whole(indices, size):
    return np.array_equal(np.arange(size)[indices], np.arange(size))


def stored_entries(transform):
    """Entries of a sparse transform, as a scipy matrix."""
    matrix = transform.sample(np.random.RandomState(0))
    if isinstance(matrix, SparseMatrix):
        matrix = matrix.allocate()
    return sparse.csr_matrix(matrix)


def unreadable(obj, reason):
    """Error of a part of a network whose weights are not known."""
    return Unconvertible(f"cannot count the synapses of {obj}: {reason}")
