"""The one reading of a feed-forward network: layers, and what leads to each.

Whatever is fast in this package starts from it: simulation, training, and what is
to come. Weights, gains, biases and initial states are those that Nengo's own build
makes, so that a seed means the same everywhere.
"""

import nengo
from nengo.exceptions import Unconvertible

from ..checks import network_of
from .graph import (
    Built,
    Input,
    Layer,
    read_graph,
    read_leaving,
    read_slice,
    read_synapses,
    source_of,
)
from .parameters import building, find_decoding, has_decoders


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

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> found = layers.read(model)
    >>> found[model.output].size
    10
    """
    network = network_of(network)
    for check, objects in (
        (_check_node, network.all_nodes),
        (_check_neurons, network.all_ensembles),
        (_check_connection, network.all_connections),
        (_check_synapse, network.all_probes),
    ):
        for obj in objects:
            check(obj)
    model = nengo.builder.Model() if model is None else model
    if not model.has_built(network):
        with building():
            model.build(network)
    built = Built(model.params, model.seeds)
    layers = read_graph(network, built)
    for probe in network.all_probes:
        layers[probe] = _probe(layers, probe, built)
    return _fold(_ordered(layers, loops))


# -- what cannot be read ---------------------------------------------------------------


def _check_node(node):
    if node.size_in > 0 and node.output is not None:
        raise _unreadable(
            node,
            "it computes something of its input; only nodes that pass values on, or "
            "take no input, can be part of a feed-forward network",
        )


def _check_neurons(ensemble):
    neuron_type = ensemble.neuron_type
    if isinstance(neuron_type, nengo.Direct):
        raise _unreadable(ensemble, "it has no neurons (nengo.Direct)")
    if ensemble.noise is not None:
        raise _unreadable(ensemble, "it injects noise")
    base = getattr(neuron_type, "base_type", None)
    if base is not None and base.state:
        raise _unreadable(ensemble, f"its rates, by {base}, have a state")


def _check_connection(connection):
    if connection.learning_rule is not None:
        raise _unreadable(connection, "it learns while it runs")
    if isinstance(connection.post_obj, nengo.connection.LearningRule):
        raise _unreadable(connection, "it leads to a learning rule")
    if not has_decoders(connection.pre_obj):
        if connection.function is not None:
            raise _unreadable(connection, "it computes a function")
    elif not isinstance(
        connection.transform, (nengo.Dense, nengo.transforms.NoTransform)
    ):
        raise _unreadable(
            connection,
            f"it applies {connection.transform} to decoded values; only dense "
            "transforms are known there",
        )
    _check_synapse(connection)


def _check_synapse(obj):
    if not isinstance(obj.synapse, (nengo.LinearFilter, type(None))):
        raise _unreadable(obj, f"its synapse {obj.synapse} is not a linear filter")


def _unreadable(obj, reason):
    return Unconvertible(f"{obj} cannot be read as feed-forward layers: {reason}")


def _probe(layers, probe, built):
    obj = probe.obj
    layer = Layer(probe, probe.size_in)
    synapses = read_synapses(probe)
    if isinstance(obj, nengo.Ensemble) and probe.attr == "decoded_output":
        decoded = find_decoding(probe, built.params)
        layer.inputs.append(read_leaving(layers[obj.neurons], decoded, built))
        return layer
    if isinstance(obj, nengo.Connection):
        if probe.attr != "output":
            raise _unreadable(probe, f"it records the {probe.attr} of a connection")
        if obj.synapse is not None:  # Nengo shows this probe what comes one step later
            raise _unreadable(
                probe, "it records what leaves a synapse; probe what that leads to"
            )
        path = read_leaving(layers[source_of(obj)], obj, built)
        # not the connection's own size, if its weights lead to neurons
        sizes = [path.source.size, *(op.size_out for op in path.operators)]
        sliced = read_slice(probe.slice, sizes[-1])
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
    sliced = tuple(read_slice(probe.slice, source.size))
    layer.size = sliced[0].size_out if sliced else source.size
    layer.inputs.append(Input(source, sliced, synapses, signal))
    return layer


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
    free = all(op.moves for op in path.operators)
    if not passes or (len(source.inputs) > 1 and not free):
        return [path]
    return [path.behind(before) for before in source.inputs]
