"""Feed-forward networks as Keras models that train several times faster.

NengoDL simulates a network operator by operator. Where a network consists of layers,
as `.layers` reads them, of soft LIF neurons, the same mathematics can be put to
TensorFlow in the form it computes fastest. Weights, noise and gradients are those of
NengoDL but for rounding.
"""

from types import SimpleNamespace

import nengo
import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError

from .. import layers
from ..layers import operators, parameters
from ..tensors import CURVES, Response, Values, applied, noise_seeds
from .batch_norm import BatchNorm, scaled, shifted


class Lowering:
    """A feed-forward network, one step long, for TensorFlow.

    Parameters
    ----------
    network : nengo.Network
        The network; its settings ``trainable`` count as they do in NengoDL.
    image : nengo.Node
        Takes the images.
    answer : nengo.Probe
        Gives the class values.
    batch_size : int
        Size of all batches.
    seed : int
        Seed of the noise, as that of a `nengo_dl.Simulator`.
    dtype : str
        Floating point type.
    batch_norm : bool
        Normalise what comes into each layer of neurons, see `.BatchNorm`.

    Attributes
    ----------
    keras_model : tf.keras.Model
        Takes images (batch_size, size), gives class values (batch_size, n_classes).
        Called with ``training=True`` there is noise.
    passes : tf.Variable
        Counts passes in training; setting it sets which noise comes next.
    biases : list of tf.Variable
        Trained variables that are no weights: those of connections from constants,
        the biases of neurons, and those of batch normalisation.
    noise_seeds : list of (int, int)
        For each layer of neurons: the seed of its ensemble, and how many ensembles
        before it have the same.

    Raises
    ------
    Unconvertible
        If the network does not consist of feed-forward layers of soft LIF neurons;
        names the object.
    ValidationError
        If batch normalisation cannot be folded into the network; names the object.
    """

    def __init__(
        self,
        network,
        image,
        answer,
        batch_size,
        seed,
        dtype="float32",
        batch_norm=False,
    ):
        self._built = nengo.builder.Model()
        read = layers.read(network, self._built)
        self._answer, self._image = read[answer], read.get(image)
        self._layers = _leading_to(self._answer, read.values())
        self._batch_size, self._dtype = batch_size, dtype
        self._paths = {
            layer: [(path.source, _unscaled(layer, path)) for path in layer.inputs]
            for layer in self._layers
        }
        self._constant = self._out_of_reach()
        trainable = parameters.trainable(network)
        self._operators, self._uses = {}, {}
        self._weights, self.biases = {}, []
        self._read_weights(network, trainable)
        self.passes = tf.Variable(0, dtype=tf.int32, trainable=False)
        self._responses, self._gains, self._neuron_biases = {}, {}, {}
        self.noise_seeds = []
        self._read_neurons(trainable, seed)
        self._norms = {}
        if batch_norm:
            self._normalise(trainable)
        self.keras_model = _KerasModel(self)

    def _out_of_reach(self):
        """Layers that are constant, because no image reaches them."""
        constant = set()
        for layer in self._layers:
            sources = {source for source, _ in self._paths[layer]}
            varies = layer is self._image or layer.neuron_type is not None
            if layer.puts_out and not varies:
                if not isinstance(layer.obj.output, np.ndarray):
                    raise Unconvertible(f"{layer.obj} changes in time")
            if not varies and sources <= constant:
                constant.add(layer)
        return constant

    def _read_weights(self, network, trainable):
        """Make the operators, and a variable for each connection."""
        for paths in self._paths.values():
            for op in (op for _, path in paths for op in path):
                built = None
                if op.connection is not None:
                    self._uses.setdefault(op.connection, []).append(op)
                    built = self._built.params[op.connection].weights
                self._operators[op] = applied(op, built)
        for i, connection in enumerate(network.all_connections):
            if connection not in self._uses:
                continue
            initial = self._operators[self._uses[connection][0]].initial()
            name = f"connections/{i}/weights"
            weights = self._variable(initial, name, trainable[connection])
            self._weights[connection] = weights
            node = connection.pre_obj
            if isinstance(node, nengo.Node) and node.size_in == 0:
                if self._image is None or node is not self._image.obj:
                    self.biases.append(weights)

    def _read_neurons(self, trainable, seed):
        """Make the responses of neurons, with a variable for biases that train."""
        # Looked at by NengoDL's builders: the seed of the simulator as they see it
        seed = np.random.RandomState(seed).randint(2**31)
        seeds_of = {op.J: seeds for op, seeds in noise_seeds(self._built).items()}
        for layer in self._layers:
            if layer.neuron_type is None:
                continue
            if CURVES.of(layer.neuron_type) is None:
                raise Unconvertible(
                    f"{layer.obj.ensemble} has {layer.neuron_type}; only {CURVES} "
                    "neurons have a fast form for training"
                )
            of_ensemble = seeds_of[self._built.sig[layer.obj]["in"]]
            self.noise_seeds.append(of_ensemble)
            gain, bias = layer.gain, layer.bias
            if trainable[layer.obj]:
                self._gains[layer] = gain.astype(self._dtype)
                self._neuron_biases[layer] = self._variable(bias, "bias", True)
                self.biases.append(self._neuron_biases[layer])
                gain, bias = 1.0, 0.0
            self._responses[layer] = self._response(
                layer, (seed, *of_ensemble), gain, bias
            )

    def _response(self, layer, seeds, gain, bias):
        return Response(layer.neuron_type, seeds, gain, bias)

    def _normalise(self, trainable):
        """Make the normalisation of all neurons that images reach."""
        for layer, paths in self._paths.items():
            paths = [path for source, path in paths if source not in self._constant]
            if layer.neuron_type is None or not paths:
                continue
            name = f"batch_norm/{len(self._norms)}"
            norm = self._norms[layer] = BatchNorm(layer, paths, name, self._dtype)
            self.biases += norm.trained
            for connection in norm.connections:
                reason = "" if trainable[connection] else "are set not to be trained"
                if len(self._uses[connection]) > 1:
                    reason = "lead to several layers"
                if reason:
                    raise ValidationError(
                        f"is folded into the weights of {connection}, but they "
                        f"{reason}; train without",
                        attr="batch_norm",
                    )

    def _variable(self, initial, name, trainable):
        initial = np.asarray(initial, dtype=self._dtype)
        return tf.Variable(initial, name=name) if trainable else tf.constant(initial)

    @property
    def trained(self):
        """All variables that are trained, in the order of the network's objects."""
        norms = [v for norm in self._norms.values() for v in norm.trained]
        everything = [*self._weights.values(), *self._neuron_biases.values(), *norms]
        return [v for v in everything if isinstance(v, tf.Variable)]

    @property
    def averages(self):
        """Variables of batch normalisation that are not trained."""
        return [v for norm in self._norms.values() for v in norm.averages]

    @property
    def data(self):
        """From Nengo's objects to what training has made of what was built.

        Batch normalisation is folded into it.
        """
        data = dict(self._built.params)
        weights = {c: value.numpy() for c, value in self._weights.items()}
        biases = {layer: b.numpy() for layer, b in self._neuron_biases.items()}
        for layer, norm in self._norms.items():
            factor, offset = norm.fold()
            for connection, op in norm.connections.items():
                weights[connection] = scaled(op, weights[connection], factor)
            if not self._shift(layer, offset, weights):
                biases[layer] = biases.get(layer, layer.bias) + layer.gain * offset
        for connection, array in weights.items():
            op = self._operators[self._uses[connection][0]]
            data[connection] = SimpleNamespace(weights=op.restored(array))
        for layer, bias in biases.items():
            built = data[layer.obj.ensemble]
            data[layer.obj.ensemble] = SimpleNamespace(
                gain=built.gain, bias=bias, encoders=built.encoders
            )
        return data

    def _shift(self, layer, offset, weights):
        """Add an offset to the weights from a constant, if there are fitting ones."""
        for source, path in self._paths[layer]:
            connection = path[0].connection if len(path) == 1 else None
            if source in self._constant and len(self._uses.get(connection, ())) == 1:
                constant, array = source.obj.output, weights[connection]
                new = shifted(path[0], array, constant, offset)
                if new is not None:
                    weights[connection] = new
                    return True
        return False

    def __call__(self, images, training):
        """Class values of a batch of images."""
        step = self.passes.assign_add(1) if training else None
        values, passed, weights = {}, {}, self._applied_weights()
        for layer in self._layers:
            if layer is self._image:
                values[layer] = Values(images)
                continue
            if layer.puts_out:
                constant = layer.obj.output.astype(self._dtype)
                values[layer] = Values(tf.constant(constant[np.newaxis]))
                continue
            total = self._total(layer, values, weights, passed, step)
            if layer.neuron_type is not None:
                total = self._rates(layer, total, step)
            values[layer] = total
        return self._full(values[self._answer]).rows

    def _applied_weights(self):
        """Weights of connections, as they are applied."""
        return self._weights

    def _total(self, layer, values, weights, passed, step):
        """What comes into a layer."""
        parts = {False: [], True: []}
        for source, path in self._paths[layer]:
            part = self._along(values[source], source, path, weights, passed)
            parts[source in self._constant].append(part)
        if layer in self._norms:
            total = self._sum(parts[False], layer.size)
            parts[False] = [self._norms[layer](total, step)]
        return self._sum(parts[False] + parts[True], layer.size)

    def _along(self, values, source, path, weights, passed):
        """Apply operators; those that several paths begin with are applied once."""
        key = (source,)
        for op in path:
            key += (op,)
            if key not in passed:
                passed[key] = self._operators[op](values, weights.get(op.connection))
            values = passed[key]
        return values

    def _sum(self, parts, size):
        """Add up; a batch of one, which constants are, adds to all examples."""
        if not parts:
            return Values(tf.zeros((1, size), self._dtype))
        parts = sorted(parts, key=lambda part: -part.n_examples)
        total = parts[0]
        for part in parts[1:]:
            tensor = total.tensor + part.like(total)
            total = Values(tensor, total.batch_last)
        return total

    def _rates(self, layer, total, step):
        total = self._full(total)  # the noise of each example is its own
        x = total.tensor
        if layer in self._neuron_biases:
            gain, bias = self._gains[layer], self._neuron_biases[layer]
            gain, bias = (Values(v[np.newaxis]).like(total) for v in (gain, bias))
            x = gain * x + bias
        rates = self._respond(layer, x, step, total.batch_last)
        return Values(rates, total.batch_last)

    def _respond(self, layer, x, step, batch_last):
        return self._responses[layer](x, step, batch_last)

    def _full(self, values):
        """All examples of a batch, where one stands for them."""
        if values.n_examples == self._batch_size:
            return values
        flat = values.rows
        return Values(tf.broadcast_to(flat, (self._batch_size, flat.shape[1])))


class _KerasModel(tf.keras.Model):
    """What Keras trains: the variables of a lowering, and how they give answers."""

    def __init__(self, lowering):
        super().__init__(name="layers", dtype=lowering._dtype)
        # Keras finds variables in attributes
        self._trained, self._averages = lowering.trained, lowering.averages
        self._lowering = lowering

    def call(self, images, training=False):
        """Class values of a batch of images."""
        return self._lowering(images, training)


def _leading_to(answer, ordered):
    """Layers that an answer depends on, in their order."""
    needed, waiting = set(), [answer]
    while waiting:
        layer = waiting.pop()
        if layer not in needed:
            needed.add(layer)
            waiting += [path.source for path in layer.inputs]
    return [layer for layer in ordered if layer in needed]


def _unscaled(layer, path):
    """Operators of a path into a layer, without the gain of neurons."""
    if path.synapses or path.signal != "output":
        raise Unconvertible(
            f"{layer.obj} has a synapse, or records the {path.signal} of "
            f"{path.source.obj}; training takes one step and the output"
        )
    path = list(path.operators)
    if layer.neuron_type is not None:
        at = -2 if isinstance(path[-1], operators.Place) else -1
        if not isinstance(path[at], operators.Scale):
            raise Unconvertible(
                f"{layer.obj.ensemble} has decoded input; only connections to its "
                "neurons have a fast form for training"
            )
        del path[at]
    for op in path:
        if op.connection is not None and parameters.has_decoders(op.connection.pre_obj):
            raise Unconvertible(
                f"{op.connection} is decoded from an ensemble; only connections from "
                "its neurons have a fast form for training"
            )
        if op.connection is None and op.weights is not None:
            raise Unconvertible(
                f"{layer.obj} reads through an ensemble's encoders; only connections "
                "to its neurons have a fast form for training"
            )
    return path
