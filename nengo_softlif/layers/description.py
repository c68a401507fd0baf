"""A network described by its layers: plain records, to print and to write files from.

Nothing in them is an object of Nengo or names code: neuron types, operators and
synapses are their names and parameters, sources are indices. Whoever reads another
format, or writes one, needs no more than this.
"""

import json
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Number

import nengo
import numpy as np
from nengo.exceptions import Unconvertible
from nengo.params import FrozenObject, iter_params

from ..checks import network_of
from ..tables import PrintedTable, Tabular, format_size
from . import operators
from .reading import read

# parameters of Nengo's objects that say nothing of what they compute here
_LEFT_OUT = {"initial_state", "seed", "default_dt", "default_size_in"}
_LEFT_OUT |= {"default_size_out"}

_WINDOWED = ("input_shape", "output_shape")
_KINDS = {
    operators.Slice: ("slice", ("indices",)),
    operators.Place: ("place", ("indices",)),
    operators.Scale: ("scale", ("weights",)),
    operators.Matrix: ("matrix", ("weights",)),
    operators.Convolution: ("convolution", ("weights", "groups", *_WINDOWED)),
    operators.Local: ("local", ("weights", *_WINDOWED)),
    operators.Pool: ("pool", ("share", *_WINDOWED)),
}


@dataclass(frozen=True, eq=False)
class Part:
    """A neuron type, its noise, an operator or a synapse.

    Attributes
    ----------
    kind : str
        What it is: for Nengo's objects, and ours, the name of their class; of operators
        ``"slice"``, ``"place"``, ``"scale"``, ``"matrix"``, ``"sparse"``,
        ``"convolution"``, ``"local"`` or ``"pool"``.
    parameters : dict
        From names to numbers, text, tuples, arrays, other parts, and None.
    """

    kind: str
    parameters: dict = field(default_factory=dict)

    def __str__(self):
        """Write its kind, and parameters that are no arrays."""
        found = (
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.parameters.items()
            if not isinstance(value, np.ndarray)
        )
        return f"{self.kind}({', '.join(found)})"


@dataclass(frozen=True, eq=False)
class DescribedInput:
    """What a layer is given by another.

    Attributes
    ----------
    source : int
        Index of the other.
    operators : tuple of Part
        Applied one after the other, without the gains of neurons.
    synapses : tuple of Part
        Linear filters, before or after any of the operators.
    signal : str
        ``"output"``; for probes also ``"input"``, or a variable of neurons' state.
    words : str
        The operators in words.
    n_weights : int
        Number of their weights.
    """

    source: int
    operators: tuple
    synapses: tuple
    signal: str
    words: str
    n_weights: int


@dataclass(frozen=True, eq=False)
class DescribedLayer:
    """Values that belong together.

    What neurons are given is added up and multiplied by their gain, and their bias is
    added: that is their current. What other layers are given is added up.

    Attributes
    ----------
    label : str
        What it is called.
    role : str
        ``"input"`` for nodes that put out something of their own, ``"constant"`` for
        those that always put out the same, ``"sum"`` for values that are passed on,
        ``"neurons"``, and ``"output"`` for probes.
    size : int
        Number of values.
    shape : tuple of int
        The image that they are: rows, columns and channels, in this order; or the size.
    inputs : tuple of DescribedInput
        What it is given.
    values : (size,) ndarray, optional
        What a constant puts out.
    neurons : Part, optional
        Their type.
    gain, bias : (size,) ndarray, optional
        Of neurons.
    state : dict of str to (size,) ndarray
        Initial state of neurons, but for generators of random numbers.
    seed : int, optional
        Of neurons: from which Nengo drew that.
    """

    label: str
    role: str
    size: int
    shape: tuple
    inputs: tuple
    values: np.ndarray = None
    neurons: Part = None
    gain: np.ndarray = None
    bias: np.ndarray = None
    state: dict = field(default_factory=dict)
    seed: int = None


@dataclass(frozen=True, eq=False)
class Description(Tabular):
    """A network, described by its layers; printed, a table of them.

    Attributes
    ----------
    layers : tuple of DescribedLayer
        Each comes after those that lead to it, but in recurrent networks.
    """

    layers: tuple

    @property
    def n_neurons(self):
        """Number of neurons."""
        return sum(layer.size for layer in self.layers if layer.neurons is not None)

    @property
    def n_weights(self):
        """Number of weights, counted where they are used."""
        return sum(way.n_weights for layer in self.layers for way in layer.inputs)

    def table(self):
        """Return a table: for each layer a row, or one for all that leads to it."""
        rows, types = [], {}
        for layer in self.layers:
            first = (layer.label, _name(layer.neurons, types), format_size(layer.shape))
            ways = [self._row(way) for way in layer.inputs] or [("", "", "")]
            for way in ways:
                rows.append((*first, *way))
                first = ("", "", "")
        total = f"{self.n_neurons:,} neurons, {self.n_weights:,} weights"
        spelled_out = (
            text if text.startswith(f"{name}(") else f"{name}: {text}"
            for text, name in types.items()
        )
        below = (total, *spelled_out)
        head = ("layer", "neurons", "shape", "what leads to it", "weights", "synapse")
        return PrintedTable(head, rows, align="llllrl", below=below)

    def _row(self, way):
        """Cells that tell what leads to a layer."""
        source = self.layers[way.source].label
        if way.signal != "output":
            source = f"{way.signal} of {source}"
        words = f"{source}: {way.words}" if way.words else source
        weights = f"{way.n_weights:,}" if way.n_weights else ""
        return words, weights, ", ".join(map(_filter_in_words, way.synapses))

    def to_json(self):
        """Return all records as JSON text; of arrays, their shapes."""
        return json.dumps(_without_arrays(self))


def describe(network):
    """Describe a network by its layers.

    Parameters
    ----------
    network : nengo.Network or Model
        Any that `read` reads, also with recurrent connections between neurons.

    Returns
    -------
    Description
        Weights, gains, biases and initial states are those that Nengo builds.

    Raises
    ------
    ValidationError
        If it is none.
    Unconvertible
        If it has parts that cannot be read as layers; names the object.

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> layers.describe(model).n_neurons
    1600
    """
    given, network = network, network_of(network)
    image = None if given is network else getattr(given, "input", None)
    built = nengo.builder.Model()
    try:
        layers = read(network, built)
    except Unconvertible:
        layers = read(network, built, loops=True)
    indices = {layer: i for i, layer in enumerate(layers.values())}
    labels = _name_values(network)
    return Description(
        tuple(
            _describe_layer(layer, layers.values(), indices, labels, image, built)
            for layer in layers.values()
        )
    )


def name_objects(network):
    """Name ensembles, nodes and probes, as evaluations do: by label, or by place."""
    names = {}
    for kind, objects in (
        ("layer", network.all_ensembles),
        ("node", network.all_nodes),
        ("probe", network.all_probes),
    ):
        for i, obj in enumerate(objects, 1):
            names[obj] = obj.label or f"{kind} {i}"
    return names


def _name_values(network):
    """Names of objects, with neurons and the values of ensembles told apart."""
    names = name_objects(network)
    for ensemble in network.all_ensembles:
        names[ensemble.neurons] = names[ensemble]
        names[ensemble] = f"values of {names[ensemble]}"
    return names


def _describe_layer(layer, everything, indices, labels, image, built):
    obj, neuron_type = layer.obj, layer.neuron_type
    role, values, more = "sum", None, {}
    if neuron_type is not None:
        role = "neurons"
        state = layer.initial_state()
        arrays = {k: v for k, v in state.items() if isinstance(v, np.ndarray)}
        more = {
            "neurons": _describe_object(neuron_type),
            "gain": layer.gain,
            "bias": layer.bias,
            "state": arrays,
            "seed": int(layer.seed),
        }
    elif isinstance(obj, nengo.Probe):
        role = "output"
    elif layer.puts_out:
        is_input = layer.constant is None or obj is image
        role, values = ("input", None) if is_input else ("constant", layer.constant)
    return DescribedLayer(
        labels[obj],
        role,
        int(layer.size),
        _shape(layer, everything),
        tuple(
            _describe_input(path, layer, indices, built.params) for path in layer.inputs
        ),
        values,
        **more,
    )


def _shape(layer, everything):
    """Shape of the image that values are, by what leads to them, or reads them."""
    for path in layer.inputs:
        for op in reversed(path.operators):
            if op.output_shape is not None and op.size_out == layer.size:
                return tuple(map(int, op.output_shape))
            if not isinstance(op, operators.Scale):
                break
    for reader in everything:
        for path in reader.inputs:
            shape = getattr([*path.operators, None][0], "input_shape", None)
            if path.source is layer and shape is not None:
                return tuple(map(int, shape))
    return (int(layer.size),)


def _describe_input(path, layer, indices, built):
    steps = list(path.without_gain())
    if layer.neuron_type is not None and not path.has_gain:
        steps = _divide_gain(steps, layer, built)
    told = [op for op in steps if not op.is_identity()]
    return DescribedInput(
        indices[path.source],
        tuple(map(_describe_operator, steps)),
        tuple(map(_describe_object, path.synapses)),
        path.signal,
        ", then ".join(op.in_words() for op in told),
        sum(op.n_weights for op in path.without_gain()),
    )


def _divide_gain(steps, layer, built):
    """Take the gains of neurons out of encoders, or of weights that contain them."""
    *before, last = steps
    ensemble = layer.obj.ensemble
    if last.connection is None:
        encoders = built[ensemble].encoders / ensemble.radius
        return [*before, operators.Matrix(encoders)]
    # without gain there are no weights
    inverse = np.divide(1, layer.gain, where=layer.gain != 0, out=0 * layer.gain)
    return [*steps, operators.Scale(inverse)]


def _describe_operator(op):
    if type(op) not in _KINDS:  # somebody's own
        op = operators.Matrix(op.matrix())
    kind, names = _KINDS[type(op)]
    parameters = {name: _plain(getattr(op, name)) for name in names}
    if kind == "matrix" and op.is_sparse:
        coo = op.weights.tocoo()
        kind = "sparse"
        parameters = {"rows": coo.row, "columns": coo.col, "weights": coo.data}
    if "input_shape" in names:
        windows = (op.windows.size, op.windows.strides, op.windows.padding)
        names = ("kernel_size", "strides", "padding")
        parameters |= dict(zip(names, map(_plain, windows), strict=True))
    sizes = {"size_in": int(op.size_in), "size_out": int(op.size_out)}
    return Part(kind, {**sizes, **parameters})


def _describe_object(obj):
    """Describe a neuron type, a noise or a synapse by its parameters."""
    names = (name for name in iter_params(obj) if name not in _LEFT_OUT)
    parameters = {name: _plain(getattr(obj, name)) for name in names}
    return Part(type(obj).__name__, parameters)


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    if isinstance(value, (nengo.neurons.NeuronType, FrozenObject)):
        return _describe_object(value)
    if value is None or isinstance(value, (bool, Number, str, np.ndarray)):
        return value
    return repr(value)


def _name(part, types):
    """Name a neuron type; another of its kind, with other parameters, by a number."""
    if part is None:
        return ""
    if str(part) not in types:
        n = sum(name.split()[0] == part.kind for name in types.values())
        types[str(part)] = f"{part.kind} {n + 1}" if n else part.kind
    return types[str(part)]


def _filter_in_words(part):
    tau = part.parameters.get("tau")
    return part.kind if tau is None else f"{part.kind}({tau:g})"


def _without_arrays(value):
    """Turn records into what JSON holds; arrays into their shapes."""
    if is_dataclass(value):
        return {f.name: _without_arrays(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {name: _without_arrays(v) for name, v in value.items()}
    if isinstance(value, tuple):
        return [_without_arrays(v) for v in value]
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "dtype": str(value.dtype)}
    return value
