"""Counting synapses, and with firing rates synaptic operations.

There are two counts. `n_synapses` counts as the papers do: the weights of the
unfolded network, through which a layer of neurons drives the next layer; borders
included, pooling free. `fan_out` counts what each spike causes when every linear
operation between two layers is folded into one matrix.
"""

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

from .transforms import AveragePool, LocallyConnected

LARGEST = 50_000_000
"""Non-zero entries of the largest matrix that `fan_out` writes out."""


def n_synapses(network):
    """Count the synapses through which each layer of neurons drives the next.

    The network is unfolded: a convolution has a synapse for each output neuron,
    place of the kernel and input channel, also where the kernel hangs over the
    border. Pooling and other operations without trained weights are free. Values
    that reach their target without meeting any weights count one each.

    Parameters
    ----------
    network : nengo.Network
        The network.

    Returns
    -------
    dict of nengo.Ensemble to int
        Number of synapses that leave each ensemble with neurons. Multiplied by
        its mean rate it gives the papers' synaptic operations per second [1]_.

    Raises
    ------
    Unconvertible
        If the network has parts that it cannot read.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Training Spiking Deep Networks for
       Neuromorphic Hardware", arXiv:1611.05141, 2016: the sum over layers of
       S_i R_i in their energy model.
    """
    reading = _Reading(network)
    return {e: reading.n_synapses(e) for e in reading.ensembles}


def connection_synapses(connection):
    """Count the synapses of one connection, as `n_synapses` does.

    Parameters
    ----------
    connection : nengo.Connection
        Any connection.

    Returns
    -------
    int
        Number of weights of the unfolded transform; zero without weights.
    """
    transform = connection.transform
    if isinstance(connection.pre_obj, nengo.Ensemble):
        return connection.size_out * connection.pre_obj.n_neurons
    if isinstance(transform, Convolution):
        n_channels = transform.input_shape.n_channels // transform.groups
        return int(transform.size_out * np.prod(transform.kernel_size) * n_channels)
    if isinstance(transform, ConvolutionTranspose):
        n_filters = transform.n_filters // transform.groups
        return int(transform.size_in * np.prod(transform.kernel_size) * n_filters)
    if isinstance(transform, LocallyConnected):
        n_channels = transform.input_shape[2]
        return int(transform.size_out * np.prod(transform.kernel_size) * n_channels)
    if isinstance(transform, AveragePool) or _is_diagonal(transform):
        return 0
    if isinstance(transform, Sparse):
        return _stored(transform).nnz
    if isinstance(transform, Dense):
        return transform.size_out * transform.size_in
    raise _unreadable(connection, f"its transform {transform} is not known")


def fan_out(network):
    """Count the neurons and readout values that each neuron reaches.

    Between two layers everything linear is folded into one matrix: pooling,
    passthrough nodes, transforms in a row or side by side, slices. A neuron
    reaches what has a weight that is not zero by structure: convolutions and
    locally connected layers reach all channels within their kernels, whatever
    the values; zeros of dense and sparse matrices do not count.

    Parameters
    ----------
    network : nengo.Network
        The network.

    Returns
    -------
    dict of nengo.Ensemble to (n_neurons,) ndarray of int
        Number of neurons, and of values of nodes that pass nothing on, that
        each neuron reaches.

    Raises
    ------
    Unconvertible
        If the network has parts that it cannot read.
    """
    reading = _Reading(network)
    return {e: reading.fan_out(e) for e in reading.ensembles}


class _Reading:
    """What leads where in a network, once."""

    def __init__(self, network):
        self.ensembles = []
        for ensemble in network.all_ensembles:
            if isinstance(ensemble.neuron_type, nengo.Direct):
                raise _unreadable(ensemble, "it has no neurons (nengo.Direct)")
            self.ensembles.append(ensemble)
        self.outgoing = {}
        for connection in network.all_connections:
            pre = _owner(connection.pre_obj)
            self.outgoing.setdefault(pre, []).append(connection)
        self.reached = {}  # for each passthrough node, what its values reach

    def n_synapses(self, source, path=()):
        """Synapses on the way from an ensemble or passthrough node."""
        if source in path:
            raise _unreadable(source, "its output leads back to it")
        n = 0
        for connection in self.outgoing.get(source, ()):
            here = connection_synapses(connection)
            post = connection.post_obj
            if here == 0 and self._passes_on(post):
                here = self.n_synapses(post, (*path, source))
            n += here or connection.size_out
        return n

    def fan_out(self, ensemble):
        n_reached = np.zeros(ensemble.n_neurons, dtype=np.int64)
        for pattern in self._patterns(ensemble).values():
            n_reached += pattern.column_counts()
        return n_reached

    def _patterns(self, source):
        """From each target of an ensemble or passthrough node to the pattern."""
        if source in self.reached:
            if self.reached[source] is None:
                raise _unreadable(source, "its output leads back to it")
            return self.reached[source]
        self.reached[source] = None  # being read
        patterns = {}
        for connection in self.outgoing.get(source, ()):
            first = _connection_pattern(connection)
            post = connection.post_obj
            if self._passes_on(post):
                further = self._patterns(post)
                new = {target: p @ first for target, p in further.items()}
            elif isinstance(post, nengo.Ensemble):
                new = {post: _encoders(post) @ first}
            else:
                new = {_owner(post): first}
            for target, pattern in new.items():
                known = patterns.get(target)
                patterns[target] = pattern if known is None else known | pattern
        self.reached[source] = patterns
        return patterns

    def _passes_on(self, obj):
        if not isinstance(obj, nengo.Node) or obj not in self.outgoing:
            return False
        if obj.output is not None:
            raise _unreadable(obj, "what its output depends on is not known")
        return True


# -- where matrices have entries -------------------------------------------------------


class _Pattern:
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
        if isinstance(first, _Outer):
            return _Outer(self.reached_by(first.rows), first.columns)
        a, b = self, first
        if a.left.shape[1] != b.left.shape[0]:
            a, b = a.written_out(), b.written_out()
        left, right = a.left @ b.left, a.right @ b.right
        return _Pattern(left, right)

    def __or__(self, other):
        """Pattern of the sum of matrices."""
        if isinstance(other, _Outer):
            return other | self
        a, b = self.written_out(), other.written_out()
        return _Pattern(a.left + b.left)

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
        return _Pattern(sparse.kron(self.left, self.right))

    @property
    def T(self):
        """Pattern of the transposed matrix."""
        return _Pattern(self.left.T, self.right.T)


class _Outer:
    """Entries in all of some rows and some columns, as dense matrices have.

    Parameters
    ----------
    rows, columns : (n,) ndarray of bool
        The rows and columns.
    """

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns

    def __matmul__(self, first):
        if isinstance(first, _Outer):
            meets = np.any(self.columns & first.rows)
            return _Outer(self.rows & meets, first.columns)
        return _Outer(self.rows, first.T.reached_by(self.columns))

    def __or__(self, other):
        if np.all(self.rows) and np.all(self.columns):
            return self
        return self.written_out() | other.written_out()

    def column_counts(self):
        return self.columns * np.count_nonzero(self.rows)

    def written_out(self):
        n_entries = np.count_nonzero(self.rows) * np.count_nonzero(self.columns)
        if n_entries > LARGEST:
            raise Unconvertible(
                f"a matrix of {n_entries} weights is too large to be written out; "
                "avoid connections side by side with dense ones"
            )
        return _Pattern(
            sparse.csr_matrix(self.rows[:, None]) @ sparse.csr_matrix(self.columns)
        )


def _boolean(matrix):
    """Sparse matrix with a one wherever there was an entry that is not zero."""
    matrix = sparse.csr_matrix(matrix, copy=True)
    matrix.eliminate_zeros()  # sparse.kron may store some
    ones = np.ones(matrix.nnz, dtype=np.int32)
    return sparse.csr_matrix((ones, matrix.indices, matrix.indptr), matrix.shape)


def _connection_pattern(connection):
    """Pattern of a connection, from neurons or node values to its target."""
    pattern = _transform_pattern(connection)
    pre, post = connection.pre_obj, connection.post_obj
    if isinstance(pre, nengo.Ensemble):
        # every neuron takes part in decoding every value
        n_decoded = _size_in(pattern)
        pattern = pattern @ _Outer(
            np.ones(n_decoded, dtype=bool), np.ones(pre.n_neurons, dtype=bool)
        )
    elif not _is_whole(connection.pre_slice, pre.size_out):
        pattern = pattern @ _selection(connection.pre_slice, pre.size_out)
    if isinstance(post, nengo.connection.LearningRule):
        raise _unreadable(connection, "it ends in a learning rule")
    if not _is_whole(connection.post_slice, post.size_in):
        pattern = _selection(connection.post_slice, post.size_in).T @ pattern
    return pattern


def _size_in(pattern):
    if isinstance(pattern, _Outer):
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
        positions = _positions(transform, transform.pool_size)
        return _Pattern(positions, sparse.eye(n_channels))
    if isinstance(transform, LocallyConnected):
        positions = _positions(transform, transform.kernel_size)
        channels = np.ones((transform.n_filters, transform.input_shape[2]))
        return _Pattern(positions, channels)
    if isinstance(transform, Sparse):
        return _Pattern(_stored(transform))
    if isinstance(transform, NoTransform):
        return _Pattern(sparse.eye(transform.size_in))
    if isinstance(transform, Dense):
        return _dense(transform)
    raise _unreadable(connection, f"its transform {transform} is not known")


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
        return _Pattern(positions, channels)
    return _Pattern(channels, positions)


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
    full = _Outer(
        np.ones(transform.size_out, dtype=bool), np.ones(transform.size_in, dtype=bool)
    )
    if isinstance(transform.init, nengo.dists.Distribution):
        return full
    weights = np.asarray(transform.init)
    if weights.ndim < 2:
        return _Pattern(sparse.diags(np.broadcast_to(weights, transform.size_in)))
    return full if np.all(weights) else _Pattern(weights)


def _encoders(ensemble):
    """Pattern from the values an ensemble represents to its neurons."""
    encoders = np.ones((ensemble.n_neurons, ensemble.dimensions))
    if not isinstance(ensemble.encoders, nengo.dists.Distribution):
        encoders = np.broadcast_to(ensemble.encoders, encoders.shape)
    return _Pattern(encoders)


def _selection(indices, size):
    """Pattern of taking these values out of ``size``."""
    chosen = np.arange(size)[indices]
    n = len(chosen)
    return _Pattern(sparse.coo_matrix((np.ones(n), (np.arange(n), chosen)), (n, size)))


def _is_whole(indices, size):
    return np.array_equal(np.arange(size)[indices], np.arange(size))


def _is_diagonal(transform):
    """Whether values pass unmixed, at most scaled."""
    if isinstance(transform, Dense):
        init = transform.init
        return not isinstance(init, nengo.dists.Distribution) and np.ndim(init) < 2
    return isinstance(transform, NoTransform)


def _stored(transform):
    """Entries of a sparse transform, as a scipy matrix."""
    matrix = transform.sample(np.random.RandomState(0))
    if isinstance(matrix, SparseMatrix):
        matrix = matrix.allocate()
    return sparse.csr_matrix(matrix)


def _owner(obj):
    return obj.ensemble if isinstance(obj, nengo.ensemble.Neurons) else obj


def _unreadable(obj, reason):
    return Unconvertible(f"cannot count the synapses of {obj}: {reason}")
