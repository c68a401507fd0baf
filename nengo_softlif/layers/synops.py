"""Counting synapses, and with firing rates synaptic operations.

There are two counts. `n_synapses` counts as the papers do: the weights of the
unfolded network, through which a layer of neurons drives the next layer; borders
included, pooling free. `fan_out` counts what each spike causes when every linear
operation between two layers is folded into one matrix.
"""

import nengo
import numpy as np
from nengo.transforms import (
    Convolution,
    ConvolutionTranspose,
    Dense,
    NoTransform,
    Sparse,
)

from ..checks import network_of
from ..transforms import AveragePool, LocallyConnected
from .sparsity import connection_pattern, encoder_pattern, stored_entries, unreadable


def n_synapses(network):
    """Count the synapses through which each layer of neurons drives the next.

    The network is unfolded: a convolution has a synapse for each output neuron,
    place of the kernel and input channel, also where the kernel hangs over the
    border. Pooling and other operations without trained weights are free. Values
    that reach their target without meeting any weights count one each.

    Parameters
    ----------
    network : nengo.Network or Model
        The network.

    Returns
    -------
    dict of nengo.Ensemble to int
        Number of synapses that leave each ensemble with neurons. Multiplied by
        its mean rate it gives the papers' synaptic operations per second [1]_.

    Raises
    ------
    ValidationError
        If it is none.
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
        return stored_entries(transform).nnz
    if isinstance(transform, Dense):
        return transform.size_out * transform.size_in
    raise unreadable(connection, f"its transform {transform} is not known")


def fan_out(network):
    """Count the neurons and readout values that each neuron reaches.

    Between two layers everything linear is folded into one matrix: pooling,
    passthrough nodes, transforms in a row or side by side, slices. A neuron
    reaches what has a weight that is not zero by structure: convolutions and
    locally connected layers reach all channels within their kernels, whatever
    the values; zeros of dense and sparse matrices do not count.

    Parameters
    ----------
    network : nengo.Network or Model
        The network.

    Returns
    -------
    dict of nengo.Ensemble to (n_neurons,) ndarray of int
        Number of neurons, and of values of nodes that pass nothing on, that
        each neuron reaches.

    Raises
    ------
    ValidationError
        If it is none.
    Unconvertible
        If the network has parts that it cannot read.
    """
    reading = _Reading(network)
    return {e: reading.fan_out(e) for e in reading.ensembles}


class _Reading:
    """What leads where in a network, once."""

    def __init__(self, network):
        network = network_of(network)
        self.ensembles = []
        for ensemble in network.all_ensembles:
            if isinstance(ensemble.neuron_type, nengo.Direct):
                raise unreadable(ensemble, "it has no neurons (nengo.Direct)")
            self.ensembles.append(ensemble)
        self.outgoing = {}
        for connection in network.all_connections:
            pre = _owner(connection.pre_obj)
            self.outgoing.setdefault(pre, []).append(connection)
        self.reached = {}  # for each passthrough node, what its values reach

    def n_synapses(self, source, path=()):
        """Synapses on the way from an ensemble or passthrough node."""
        if source in path:
            raise unreadable(source, "its output leads back to it")
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
                raise unreadable(source, "its output leads back to it")
            return self.reached[source]
        self.reached[source] = None  # being read
        patterns = {}
        for connection in self.outgoing.get(source, ()):
            first = connection_pattern(connection)
            post = connection.post_obj
            if self._passes_on(post):
                further = self._patterns(post)
                new = {target: p @ first for target, p in further.items()}
            elif isinstance(post, nengo.Ensemble):
                new = {post: encoder_pattern(post) @ first}
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
            raise unreadable(obj, "what its output depends on is not known")
        return True


def _is_diagonal(transform):
    """Whether values pass unmixed, at most scaled."""
    if isinstance(transform, Dense):
        init = transform.init
        return not isinstance(init, nengo.dists.Distribution) and np.ndim(init) < 2
    return isinstance(transform, NoTransform)


def _owner(obj):
    return obj.ensemble if isinstance(obj, nengo.ensemble.Neurons) else obj
