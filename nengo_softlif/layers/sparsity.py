"""Where connections have weights, whatever their values."""

from dataclasses import dataclass

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
from .graph import has_full_weights
from .patterns import Outer, Pattern


@dataclass(frozen=True, eq=False)
class Structure:
    """What is known of a transform without the values of its weights.

    In the reading it takes the place of operators.

    Attributes
    ----------
    places : Pattern or Outer
        Where it has weights.
    size_out : int
        Values that come out.
    n_synapses : int
        Number of weights of the unfolded transform.
    connection : nengo.Connection, optional
        Whose transform it is.
    """

    places: Pattern | Outer
    size_out: int
    n_synapses: int = 0
    connection: nengo.Connection = None

    def pattern(self):
        """Where it has weights, as `.Operator.pattern` tells it."""
        return self.places


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
        return [Structure(Pattern(encoders), ensemble.n_neurons)]

    def neurons(self, ensemble):
        """Nothing."""
        return {}


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
    size_out = connection.size_out
    if isinstance(connection.pre_obj, nengo.Ensemble):
        # every neuron takes part in decoding every value
        n_neurons = connection.pre_obj.n_neurons
        n_synapses = size_out * n_neurons
        pattern = pattern @ _full(connection.size_mid, n_neurons)
        if has_full_weights(connection):  # counted as decoders, all the same
            size_out = connection.post_obj.n_neurons
            pattern = _full(size_out, n_neurons)
    return Structure(pattern, size_out, n_synapses, connection)


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
        positions = transform.windows.pattern()
        return Pattern(positions, sparse.eye(n_channels)), 0
    if isinstance(transform, LocallyConnected):
        n_channels = transform.input_shape[2]
        positions = transform.windows.pattern()
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


def _stored_entries(transform):
    """Entries of a sparse transform, as a scipy matrix."""
    matrix = transform.sample(np.random.RandomState(0))
    if isinstance(matrix, SparseMatrix):
        matrix = matrix.allocate()
    return sparse.csr_matrix(matrix)


def unreadable(obj, reason):
    """Error of a part of a network whose weights are not known."""
    return Unconvertible(f"cannot count the synapses of {obj}: {reason}")
