"""Counting synapses, and with firing rates synaptic operations.

There are two counts. `n_synapses` counts as the papers do: the weights of the
unfolded network, through which a layer of neurons drives the next layer; borders
included, pooling free. `fan_out` counts what each spike causes when every linear
operation between two layers is folded into one matrix.
"""

import nengo
import numpy as np

from ..checks import network_of
from .graph import read_graph
from .patterns import multiply
from .sparsity import Structure, Structures, read_structure, unreadable


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

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> list(layers.n_synapses(model).values())
    [73728, 8192, 640]
    """
    reading = _Reading(network)
    return {e: reading.n_synapses(layer) for e, layer in reading.neurons.items()}


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

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> layers.connection_synapses(model.network.all_connections[0])
    9216
    """
    return read_structure(connection).n_synapses


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

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> layers.fan_out(model)[model.ensembles[-1]].tolist() == [data.n_classes] * 64
    True
    """
    reading = _Reading(network)
    return {e: reading.fan_out(layer) for e, layer in reading.neurons.items()}


class _Reading:
    """What leads where in a network, once."""

    def __init__(self, network):
        network = network_of(network)
        for ensemble in network.all_ensembles:
            if isinstance(ensemble.neuron_type, nengo.Direct):
                raise unreadable(ensemble, "it has no neurons (nengo.Direct)")
        layers = read_graph(network, Structures())
        self.neurons = {e: layers[e.neurons] for e in network.all_ensembles}
        self.outgoing = {}  # from each layer to where its values go, and how
        for target in layers.values():
            for path in target.inputs:
                self.outgoing.setdefault(path.source, []).append((target, path))
        self.reached = {}  # for each layer that passes on, what its values reach

    def n_synapses(self, source, path=()):
        """Synapses on the way from neurons or a passthrough node."""
        if source in path:
            raise unreadable(source.obj, "its output leads back to it")
        n = 0
        for target, way in self.outgoing.get(source, ()):
            weights = _weights(way)
            here = weights.n_synapses
            if here == 0 and isinstance(target.obj, nengo.Node):
                if self._passes_on(target):
                    here = self.n_synapses(target, (*path, source))
            n += here or weights.size_out
        return n

    def fan_out(self, neurons):
        n_reached = np.zeros(neurons.size, dtype=np.int64)
        for pattern in self._patterns(neurons).values():
            n_reached += pattern.column_counts()
        return n_reached

    def _patterns(self, source):
        """From each layer that another reaches to the pattern of the way there."""
        if source in self.reached:
            if self.reached[source] is None:
                raise unreadable(source.obj, "its output leads back to it")
            return self.reached[source]
        self.reached[source] = None  # being read
        patterns = {}
        for target, path in self.outgoing.get(source, ()):
            if isinstance(target.obj, nengo.connection.LearningRule):
                raise unreadable(
                    _weights(path).connection, "it ends in a learning rule"
                )
            first = multiply(op.pattern() for op in path.operators)
            new = {target: first}
            if self._passes_on(target):
                further = self._patterns(target)
                new = {reached: p @ first for reached, p in further.items()}
            for reached, pattern in new.items():
                known = patterns.get(reached)
                patterns[reached] = pattern if known is None else known | pattern
        self.reached[source] = patterns
        return patterns

    def _passes_on(self, layer):
        if layer.neuron_type is not None or layer not in self.outgoing:
            return False
        if layer.puts_out:
            raise unreadable(layer.obj, "what its output depends on is not known")
        return True


def _weights(path):
    """What a connection is, of the operators that it was read as."""
    (weights,) = (op for op in path.operators if isinstance(op, Structure))
    return weights
