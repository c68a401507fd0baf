"""Where connections have weights, whatever their values."""

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
from .patterns import Outer, Pattern


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
