"""What leads where in a network, as layers: an input for each connection."""

from dataclasses import dataclass, field

import nengo
import numpy as np

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

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> given = layers.read(model)[model.output].inputs[0]
    >>> given.signal, len(given.operators)
    ('output', 1)
    """

    source: "Layer"
    operators: tuple = ()
    synapses: tuple = ()
    signal: str = "output"

    def __call__(self, x):
        """Apply the operators to the last axis of an array; synapses are left out."""
        for op in self.operators:
            x = op(x)
        return x

    @property
    def constant(self):
        """What arrives of a source that is constant, (size_out,) ndarray."""
        return self(self.source.constant)

    @property
    def has_gain(self):
        """Whether one of the operators multiplies by the gains of neurons."""
        return any(_is_gain(op) for op in self.operators)

    def without_gain(self):
        """Return the operators but for the gains of neurons, where they are apart."""
        return tuple(op for op in self.operators if not _is_gain(op))

    def behind(self, before):
        """Return both as one, where the source only passes on what ``before`` gives."""
        return Input(
            before.source,
            before.operators + self.operators,
            before.synapses + self.synapses,
            before.signal,
        )


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
        Of neurons. The inputs' operators contain the gain already: as a scale that
        says so, or in encoders.
    seed : int, optional
        Of neurons: that of their ensemble, from which Nengo draws initial states.

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> found = layers.read(model)
    >>> layer = found[model.ensembles[0].neurons]
    >>> layer.size, type(layer.neuron_type).__name__
    (1024, 'SoftLIFRate')
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

    @property
    def constant(self):
        """What a node always puts out, (size,) ndarray; None of all else."""
        output = self.obj.output if self.puts_out else None
        return output if isinstance(output, np.ndarray) else None

    def expanded(self):
        """Yield all that leads here from neurons and from nodes that put out.

        Yields
        ------
        Input
            With all that lies between: decoded values, and nodes that pass on.
        """
        for path in self.inputs:
            source = path.source
            if source.neuron_type is not None or source.puts_out:
                yield path
            else:
                yield from map(path.behind, source.expanded())

    def initial_state(self):
        """Draw the initial state of neurons, as Nengo's build does.

        Returns
        -------
        dict of str to ndarray or RandomState
            What the neuron type's ``step`` takes.
        """
        rng = np.random.RandomState(self.seed + 1)
        return self.neuron_type.make_state(self.size, rng=rng, dtype=np.float64)


class Built:
    """Weights, gains and biases as Nengo built them.

    Parameters
    ----------
    params : mapping
        From Nengo objects to what was built of them.
    seeds : mapping, optional
        From ensembles to their seeds.
    """

    def __init__(self, params, seeds=None):
        self.params = params
        self.seeds = {} if seeds is None else seeds

    def weights(self, connection):
        """Operators of a connection's transform, decoders included."""
        weights = self.params[connection].weights
        return operators.read(connection.transform, weights, connection)

    def gain(self, ensemble, indices):
        """Operators that multiply the input to some neurons with their gain."""
        gain = self.params[ensemble].gain[indices]
        return [operators.Scale(gain, is_gain=True)]

    def encoders(self, ensemble):
        """Operators from the values that an ensemble represents to its neurons."""
        return [operators.Matrix(self.params[ensemble].scaled_encoders)]

    def neurons(self, ensemble):
        """What `Layer` tells of neurons."""
        gain, bias = self.params[ensemble].gain, self.params[ensemble].bias
        return {"gain": gain, "bias": bias, "seed": self.seeds[ensemble]}


def read_graph(network, built):
    """Make layers of a network as it stands: an input for each connection.

    Parameters
    ----------
    network : nengo.Network
        Of ensembles with neurons; it may be recurrent, learn, and do other things
        that `read` refuses.
    built : Built
        Tells of weights and gains; or another with the same methods.

    Returns
    -------
    dict
        From nodes, ensembles and neurons to their `Layer`, without an order.
    """
    layers = {}
    for node in network.all_nodes:
        size = node.size_in if node.output is None else node.size_out
        layers[node] = Layer(node, size)
    for ensemble in network.all_ensembles:
        decoded = layers[ensemble] = Layer(ensemble, ensemble.dimensions)
        layers[ensemble.neurons] = Layer(
            ensemble.neurons,
            ensemble.n_neurons,
            [Input(decoded, tuple(built.encoders(ensemble)))],
            ensemble.neuron_type,
            **built.neurons(ensemble),
        )
    for connection in network.all_connections:
        target = connection.post_obj
        if has_full_weights(connection):
            target = target.neurons
        elif target not in layers:  # a learning rule
            layers[target] = Layer(target, target.size_in)
        source = layers[source_of(connection)]
        layers[target].inputs.append(read_connection(source, connection, built))
    return layers


def read_connection(source, connection, built):
    """Read a connection, from all of its source to all of its target.

    The source is a layer, of neurons where the connection decodes.
    """
    path = read_leaving(source, connection, built)
    steps = (*path.operators, *_arriving(connection, built))
    return Input(source, steps, path.synapses)


def read_leaving(source, connection, built):
    """Read what a connection does before it reaches its target."""
    path, pre = built.weights(connection), connection.pre_obj
    if not has_decoders(pre):
        path = [*read_slice(connection.pre_slice, pre.size_out), *path]
    return Input(source, tuple(path), read_synapses(connection))


def source_of(connection):
    """Return the object that a connection takes values from; neurons if it decodes."""
    pre = connection.pre_obj
    return pre.neurons if has_decoders(pre) else pre


def _arriving(connection, built):
    """Operators that lead from the end of a connection to all of its target."""
    post, path = connection.post_obj, []
    if has_full_weights(connection):
        return path
    everything = np.arange(post.size_in)
    indices = everything[connection.post_slice]
    if isinstance(post, nengo.ensemble.Neurons):
        path += built.gain(post.ensemble, indices)
    if not np.array_equal(indices, everything):
        path.append(operators.Place(indices, post.size_in))
    return path


def has_full_weights(connection):
    """Whether weights lead from neurons to neurons that contain encoders and gains."""
    solved = has_decoders(connection.pre_obj) and connection.solver.weights
    return solved and isinstance(connection.post_obj, nengo.Ensemble)


def _is_gain(op):
    return isinstance(op, operators.Scale) and op.is_gain


def read_synapses(obj):
    """Synapses of a connection or probe, as an `Input` has them."""
    return () if obj.synapse is None else (obj.synapse,)


def read_slice(indices, size):
    """Operators that pick values, as Nengo indexes them, out of ``size``."""
    everything = np.arange(size)
    picked = everything if indices is None else everything[indices]
    if np.array_equal(picked, everything):
        return []
    return [operators.Slice(np.atleast_1d(picked), size)]
