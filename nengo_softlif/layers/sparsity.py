"""Which pattern of weights each connection has."""

import math
from functools import cached_property, partial, singledispatch

import nengo
import numpy as np
from nengo.dists import Distribution
from nengo.exceptions import Unconvertible
from nengo.transforms import Convolution, ConvolutionTranspose, Dense
from scipy import sparse

from ..geometry import windows_of
from ..transforms import LocallyConnected
from . import operators
from .graph import has_full_weights
from .patterns import Pattern, make_full, multiply


class Structure:
    """What is known of a transform without the values of its weights.

    In the reading it takes the place of operators. What is not asked for is not found
    out.

    Parameters
    ----------
    size_out : int
        Values that come out.
    find : callable
        Returns where there are weights, as `Pattern` or `Outer`, and how many synapses
        they are, unfolded.
    connection : nengo.Connection, optional
        Whose transform it is.
    """

    def __init__(self, size_out, find, connection=None):
        self.size_out = size_out
        self.connection = connection
        self._find = find

    @cached_property
    def _found(self):
        return self._find()

    @property
    def n_synapses(self):
        """Number of weights of the unfolded transform."""
        return self._found[1]

    def pattern(self):
        """Where there are weights, as `.Operator.pattern` tells it."""
        return self._found[0]


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
        return [Structure(ensemble.n_neurons, partial(_read_encoders, ensemble))]

    def neurons(self, ensemble):
        """Nothing."""
        return {}


def read_structure(connection):
    """Tell where a connection has weights, and how many.

    That is of its transform, with decoders, or full weights, where they are. If the
    transform is not known, it raises `Unconvertible` when it is asked.
    """
    full = has_full_weights(connection)
    size_out = connection.post_obj.n_neurons if full else connection.size_out
    return Structure(size_out, partial(_read_weights, connection), connection)


def _read_encoders(ensemble):
    encoders = np.ones((ensemble.n_neurons, ensemble.dimensions))
    if not isinstance(ensemble.encoders, Distribution):
        encoders = np.broadcast_to(ensemble.encoders, encoders.shape)
    return Pattern(encoders), encoders.size


def _read_weights(connection):
    pattern, n_synapses = _read(connection.transform, connection)
    if isinstance(connection.pre_obj, nengo.Ensemble):
        # every neuron takes part in decoding every value
        n_neurons = connection.pre_obj.n_neurons
        n_synapses = connection.size_out * n_neurons  # also of full weights
        pattern = pattern @ make_full(connection.size_mid, n_neurons)
        if has_full_weights(connection):
            pattern = make_full(connection.post_obj.n_neurons, n_neurons)
    return pattern, n_synapses


@singledispatch
def _read(transform, connection):
    """Pattern and number of synapses of a transform, as the papers count them.

    By its operators, but for those below, which are told without drawing weights.
    """
    try:
        path = operators.read_sampled(transform, connection)
    except Unconvertible:
        reason = f"its transform {transform} is not known"
        raise unreadable(connection, reason) from None
    n_synapses = sum(op.n_synapses for op in path)
    if not path:
        return Pattern(sparse.eye_array(transform.size_in)), n_synapses
    return multiply(op.pattern() for op in path), n_synapses


@_read.register(LocallyConnected)
def _read_local(transform, connection):
    channels = np.ones((transform.n_filters, transform.input_shape[2]))
    pattern = Pattern(transform.windows.pattern(), channels)
    n_each = math.prod(transform.kernel_size) * transform.input_shape[2]
    return pattern, int(transform.size_out) * n_each


@_read.register(Dense)
def _read_dense(transform, connection):
    if not isinstance(transform.init, Distribution):
        return _read.dispatch(object)(transform, connection)
    full = make_full(transform.size_out, transform.size_in)
    return full, transform.size_out * transform.size_in


@_read.register(Convolution)
@_read.register(ConvolutionTranspose)
def _read_convolution(transform, connection):
    """In any number of dimensions, the channels first or last.

    One that is transposed is the transpose of the convolution that leads back.
    """
    transposed = isinstance(transform, ConvolutionTranspose)
    ends = (transform.input_shape.n_channels, transform.output_shape.n_channels)
    n_in, n_out = (n // transform.groups for n in ends)
    block = np.ones((n_in, n_out) if transposed else (n_out, n_in))
    channels = sparse.kron(sparse.eye_array(transform.groups), block)
    positions = windows_of(transform).pattern()
    if transform.channels_last:
        pattern = Pattern(positions, channels)
    else:
        pattern = Pattern(channels, positions)
    n_places = math.prod(transform.kernel_size)
    if transposed:
        return pattern.T, int(transform.size_in) * n_places * n_out
    return pattern, int(transform.size_out) * n_places * n_in


def unreadable(obj, reason):
    """Error of a part of a network whose weights are not known."""
    return Unconvertible(f"cannot count the synapses of {obj}: {reason}")
