"""The one reading of a feed-forward network: layers, and what leads to each.

Whatever is fast in this package starts from it: simulation, training, and what is
to come. Weights, gains, biases and initial states are those that Nengo's own build
makes, so that a seed means the same everywhere.
"""

from dataclasses import dataclass, field

import nengo
import numpy as np
from nengo.exceptions import Unconvertible

from ..checks import network_of
from . import operators
from .parameters import has_decoders


@dataclass(frozen=True, eq=False)
class Input:
    """What one layer gives to another.

    Attributes
    ----------
    source : Layer
        Where the values come from.
    operators : tuple of Operator
        Applied one after the other.
    synapses : tuple of nengo.synapses.Synapse
        Filters. As everything here is linear it does not matter before or after
        which operator they act.
    signal : str
        What of the source's is taken: its ``"output"``, or, for probes of neurons,
        their ``"input"`` current or a variable of their state.
    """

    source: "Layer"
    operators: tuple = ()
    synapses: tuple = ()
    signal: str = "output"


@dataclass(eq=False)
class Layer:
    """Values that belong together, and what they are the sum of.

    Attributes
    ----------
    obj : nengo.Node, nengo.Ensemble, nengo.ensemble.Neurons or nengo.Probe
        What it is in the network. A node that puts something out has no inputs
        here; an ensemble stands for its decoded input.
    size : int
        Number of values.
    inputs : list of Input
        Are added up.
    neuron_type : nengo.neurons.NeuronType, optional
        If these are neurons. Then the sum, with the bias, is their current.
    gain, bias : (size,) ndarray, optional
        Of neurons. The inputs' operators contain the gain already.
    seed : int, optional
        Of neurons: that of their ensemble, from which Nengo draws initial states.
    """

    obj: object
    size: int
    inputs: list = field(default_factory=list)
    neuron_type: nengo.neurons.NeuronType = None
    gain: np.ndarray = None
    bias: np.ndarray = None
    seed: int = None

    def __repr__(self):
        """Name the object and its size."""
        return f"Layer({self.obj}, {self.size})"

    @property
    def puts_out(self):
        """Whether this is a node with an output of its own."""
        return isinstance(self.obj, nengo.Node) and self.obj.output is not None

    def initial_state(self):
        """Draw the initial state of neurons, as Nengo's build does.

        Returns
        -------
        dict of str to ndarray or RandomState
            What the neuron type's ``step`` takes.
        """
        rng = np.random.RandomState(self.seed + 1)
        return self.neuron_type.make_state(self.size, rng=rng, dtype=np.float64)


def read(network, model=None, loops=False):
    """Read a network as layers.

    Parameters
    ----------
    network : nengo.Network or Model
        Without recurrent connections. Nodes may put out constants, functions of
        time and processes, or pass values on.
    model : nengo.builder.Model, optional
        An empty one, for Nengo to build the network into, or one that holds it.
    loops : bool
        Allow recurrent connections through neurons. Then neurons may come before
        their sources.

    Returns
    -------
    dict
        From Nengo objects (nodes, ensembles for decoded input, neurons, probes) to
        their `Layer`, in an order in which each comes after its sources. Nodes and
        ensembles that only pass values on may have been folded into what follows
        them.

    Raises
    ------
    Unconvertible
        If the network is recurrent or learns, or has other parts that are not
        feed-forward layers; names the object.
    """
    network = network_of(network)
    model = nengo.builder.Model() if model is None else model
    if not model.has_built(network):
        model.build(network)
    layers = {}
    for node in network.all_nodes:
        layers[node] = _node(node)
    for ensemble in network.all_ensembles:
        layers[ensemble] = Layer(ensemble, ensemble.dimensions)
        layers[ensemble.neurons] = _neurons(ensemble, layers[ensemble], model)
    for connection in network.all_connections:
        _connect(layers, connection, model)
    for probe in network.all_probes:
        layers[probe] = _probe(layers, probe, model)
    return _fold(_ordered(layers, loops))


def _node(node):
    size = node.size_in if node.output is None else node.size_out
    if node.size_in > 0 and node.output is not None:
        raise _unreadable(
            node,
            "it computes something of its input; only nodes that pass values on, or "
            "take no input, can be part of a feed-forward network",
        )
    return Layer(node, size)


def _neurons(ensemble, decoded, model):
    neuron_type = ensemble.neuron_type
    if isinstance(neuron_type, nengo.Direct):
        raise _unreadable(ensemble, "it has no neurons (nengo.Direct)")
    if ensemble.noise is not None:
        raise _unreadable(ensemble, "it injects noise")
    built = model.params[ensemble]
    base = getattr(neuron_type, "base_type", None)
    if base is not None and base.state:
        raise _unreadable(ensemble, f"its rates, by {base}, have a state")
    layer = Layer(
        ensemble.neurons,
        ensemble.n_neurons,
        neuron_type=neuron_type,
        gain=built.gain,
        bias=built.bias,
        seed=model.seeds[ensemble],
    )
    layer.inputs.append(Input(decoded, (operators.Matrix(built.scaled_encoders),)))
    return layer


def _connect(layers, connection, model):
    pre, post = connection.pre_obj, connection.post_obj
    if connection.learning_rule is not None:
        raise _unreadable(connection, "it learns while it runs")
    if isinstance(post, nengo.connection.LearningRule):
        raise _unreadable(connection, "it leads to a learning rule")
    weighted = has_decoders(pre) and connection.solver.weights
    if weighted and isinstance(post, nengo.Ensemble):
        # the weights contain the encoders, with their gains
        layers[post.neurons].inputs.append(_across(layers, connection, model))
        return
    target = layers[post]
    path = _across(layers, connection, model)
    extra = []
    indices = np.arange(target.size)[connection.post_slice]
    if target.neuron_type is not None:
        extra.append(operators.Scale(target.gain[indices]))
    if not np.array_equal(indices, np.arange(target.size)):
        extra.append(operators.Place(indices, target.size))
    target.inputs.append(
        Input(path.source, (*path.operators, *extra), path.synapses, path.signal)
    )


def _across(layers, connection, model):
    """What goes across a connection, before it reaches its target."""
    pre = connection.pre_obj
    decoded = has_decoders(pre)
    source = layers[pre.neurons if decoded else pre]
    path = []
    if not decoded:
        if connection.function is not None:
            raise _unreadable(connection, "it computes a function")
        path += _slice(connection.pre_slice, source.size)
    elif not isinstance(
        connection.transform, (nengo.Dense, nengo.transforms.NoTransform)
    ):
        raise _unreadable(
            connection,
            f"it applies {connection.transform} to decoded values; only dense "
            "transforms are known there",
        )
    weights = model.params[connection].weights
    path += operators.read(connection.transform, weights, connection)
    return Input(source, tuple(path), _synapses(connection))


def _probe(layers, probe, model):
    obj = probe.obj
    layer = Layer(probe, probe.size_in)
    synapses = _synapses(probe)
    if isinstance(obj, nengo.Ensemble) and probe.attr == "decoded_output":
        (decoded,) = (
            c for c in model.params if getattr(c, "post_obj", None) is probe
        )  # Nengo decodes through a connection that it makes for the probe
        layer.inputs.append(_across(layers, decoded, model))
        return layer
    if isinstance(obj, nengo.Connection):
        if probe.attr != "output":
            raise _unreadable(probe, f"it records the {probe.attr} of a connection")
        if obj.synapse is not None:  # Nengo shows this probe what comes one step later
            raise _unreadable(
                probe, "it records what leaves a synapse; probe what that leads to"
            )
        path = _across(layers, obj, model)
        # not the connection's own size, if its weights lead to neurons
        sizes = [path.source.size, *(op.size_out for op in path.operators)]
        sliced = _slice(probe.slice, sizes[-1])
        layer.size = sliced[0].size_out if sliced else sizes[-1]
        layer.inputs.append(
            Input(path.source, (*path.operators, *sliced), path.synapses + synapses)
        )
        return layer
    signal = probe.attr
    if signal in ("output", "spikes", "rates"):
        signal = "output"
    elif signal == "input" and isinstance(obj, nengo.Ensemble):
        signal = "output"  # of the layer that stands for its decoded input
    source = layers[obj]
    state = () if source.neuron_type is None else source.neuron_type.state
    if signal not in ("output", "input", *state):
        raise _unreadable(probe, f"it records {probe.attr}")
    sliced = tuple(_slice(probe.slice, source.size))
    layer.size = sliced[0].size_out if sliced else source.size
    layer.inputs.append(Input(source, sliced, synapses, signal))
    return layer


def _synapses(obj):
    if obj.synapse is None:
        return ()
    if not isinstance(obj.synapse, nengo.LinearFilter):
        raise _unreadable(obj, f"its synapse {obj.synapse} is not a linear filter")
    return (obj.synapse,)


def _slice(indices, size):
    everything = np.arange(size)
    picked = everything if indices is None else everything[indices]
    if np.array_equal(picked, everything):
        return []
    return [operators.Slice(np.atleast_1d(picked), size)]


def _ordered(layers, loops):
    """Sort layers so that each comes after its sources; with loops, unless neurons."""
    objects = {id(layer): obj for obj, layer in layers.items()}
    ordered, open_ = {}, []

    # not by recursion, since networks may be deeper than Python's stack
    for start in layers.values():
        stack = [(start, iter(start.inputs))]
        while stack:
            layer, inputs = stack[-1]
            obj = objects[id(layer)]
            if obj in ordered:
                stack.pop()
                continue
            if len(open_) < len(stack):
                if any(layer is other for other in open_):
                    raise _unreadable(
                        obj, "it is part of a loop; layers are for networks without any"
                    )
                open_.append(layer)
            for path in inputs:
                cut = loops and path.source.neuron_type is not None
                if not cut and objects[id(path.source)] not in ordered:
                    stack.append((path.source, iter(path.source.inputs)))
                    break
            else:
                ordered[obj] = layer
                stack.pop()
                open_.pop()
    return ordered


def _fold(layers):
    """Let layers read through those that only pass on what they are given."""
    for layer in layers.values():
        layer.inputs = [new for path in layer.inputs for new in _through(path)]
    used = {id(path.source) for layer in layers.values() for path in layer.inputs}
    return {
        obj: layer
        for obj, layer in layers.items()
        if layer.neuron_type is not None
        or isinstance(obj, nengo.Probe)
        or id(layer) in used
        or (layer.puts_out and callable(obj.output))  # may do more than put out
    }


def _through(path):
    """Replace an input that a layer passes on by what comes into that layer.

    Sums that are multiplied by weights stay: it is cheaper to add first.
    """
    source = path.source
    passes = source.neuron_type is None and not source.puts_out
    slices = (operators.Slice, operators.Place)
    free = all(isinstance(op, slices) for op in path.operators)
    if not passes or (len(source.inputs) > 1 and not free):
        return [path]
    return [
        Input(
            before.source,
            before.operators + path.operators,
            before.synapses + path.synapses,
            before.signal,
        )
        for before in source.inputs
    ]


def _unreadable(obj, reason):
    return Unconvertible(f"{obj} cannot be read as feed-forward layers: {reason}")
