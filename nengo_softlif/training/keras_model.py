"""A feed-forward network as one Keras model, which trains several times faster.

NengoDL simulates a network operator by operator. Where a network consists of layers,
as `.layers` reads them, of soft LIF neurons, the same mathematics can be put to
TensorFlow in the form it computes fastest. Weights, noise and gradients are those of
NengoDL but for rounding.
"""

import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible

from ..layers import FeedForward, parameters
from ..targets import TrainingHooks
from ..tensors import CURVES, Response, Values, noise_seeds
from .relaxing import Relaxation
from .weights import Weights, make_variable
from .write_back import fold_back, has_weights, normalise_layers


class TrainedNeurons:
    """The neurons of a feed-forward network: what they make of their weighted inputs.

    Attributes
    ----------
    responses : dict of Layer to callable
        `.Response` of each layer, unless a target puts something in its place.
    biases : dict of Layer to tf.Variable
        Of layers whose biases are trained. The responses of others contain them.
    noise_seeds : list of (int, int)
        For each layer of neurons: the seed of its ensemble, and how many ensembles
        before it have the same.
    """

    def __init__(self, feed_forward, trainable, seed, dtype):
        self._built, self._layers = feed_forward.built, feed_forward.layers
        self._dtype = dtype
        self.responses, self.biases, self._gains = {}, {}, {}
        self.noise_seeds = []
        self._read_neurons(trainable, seed)

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
                self.biases[layer] = make_variable(bias, "bias", self._dtype)
                gain, bias = 1.0, 0.0
            self.responses[layer] = Response(
                layer.neuron_type, (seed, *of_ensemble), gain, bias
            )

    def shift(self, layer, total):
        """Apply gain and bias, where the bias is trained and not in the response."""
        if layer not in self.biases:
            return total.tensor
        gain, bias = self._gains[layer], self.biases[layer]
        gain, bias = (Values(v[np.newaxis]).like(total) for v in (gain, bias))
        return gain * total.tensor + bias


class LayeredNetwork:
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
    target : TrainingTarget, optional
        Hardware that has a say.
    rates : FiringRates, optional
        That are kept to.
    sigma_start : float, optional
        Smoothing of neurons at the beginning of a training, see `.Relaxation`.

    Attributes
    ----------
    keras_model : tf.keras.Model
        Takes images (batch_size, size), gives class values (batch_size, n_classes).
        Called with ``training=True`` there is noise.
    passes : tf.Variable
        Counts passes in training; setting it sets which noise comes next.
    feed_forward : FeedForward
        What was read of the network.
    weights : Weights
        Its operators, and variables of its connections.
    neurons : TrainedNeurons
        Its neurons.
    relaxation : Relaxation or None
        By which their curves become sharper.
    norms : dict of Layer to BatchNorm
        Of the layers that are normalised.
    hooks : TrainingHooks
        The say that the target has.
    penalties : list of tf.Tensor
        What the last pass adds to the loss.

    Raises
    ------
    Unconvertible
        If the network does not consist of feed-forward layers of soft LIF neurons;
        names the object.
    ValidationError
        If batch normalisation cannot be folded into the network, or the network cannot
        be trained for the target; names the object.
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
        target=None,
        rates=None,
        sigma_start=None,
    ):
        self._batch_size, self._dtype = batch_size, dtype
        self.feed_forward = FeedForward(network, image, answer)
        trainable = parameters.trainable(network)
        self.weights = Weights(network, self.feed_forward, trainable, dtype)
        self.passes = tf.Variable(0, dtype=tf.int32, trainable=False)
        self.neurons = TrainedNeurons(self.feed_forward, trainable, seed, dtype)
        self.norms = {}
        if batch_norm:
            self.norms = normalise_layers(
                self.feed_forward, self.weights, trainable, dtype
            )
        self.hooks = TrainingHooks()
        if target is not None:
            self.hooks = target.bind(self.feed_forward)
        self._keep_rates = None if rates is None else rates.bind(network)
        for layer, response in self.neurons.responses.items():
            adapted = self.hooks.adapt_response(layer, response)
            self.neurons.responses[layer] = adapted
        self.relaxation = None
        if sigma_start is not None:
            responses = self.neurons.responses.values()
            self.relaxation = Relaxation(sigma_start, responses)
        self.keras_model = _KerasModel(self)

    @property
    def trained(self):
        """All variables that are trained, in the order of the network's objects."""
        norms = [v for norm in self.norms.values() for v in norm.trained]
        weights, biases = self.weights.variables, self.neurons.biases
        everything = [*weights.values(), *biases.values(), *norms]
        return [v for v in everything if isinstance(v, tf.Variable)]

    @property
    def averages(self):
        """Variables of batch normalisation that are not trained."""
        return [v for norm in self.norms.values() for v in norm.averages]

    @property
    def biases(self):
        """Variables that are no weights.

        They are those of connections from constants, the biases of neurons, and those
        of batch normalisation.
        """
        norms = [v for norm in self.norms.values() for v in norm.trained]
        return [*self.weights.biases, *self.neurons.biases.values(), *norms]

    @property
    def data(self):
        """From Nengo's objects to what training has made of what was built.

        Batch normalisation is folded into it.
        """
        biases = self.neurons.biases
        return fold_back(self.feed_forward, self.weights, biases, self.norms)

    def measure(self, images):
        """Only measure mean and variance for batch normalisation, in a training pass.

        From the first pass on they are averages over all.
        """
        self(images, training=True, relaxed=False)

    def __call__(self, images, training, relaxed=True):
        """Class values of a batch of images.

        In training with curves as they are at that time, unless those of the network
        are asked for.
        """
        self.penalties = []
        step = self.passes.assign_add(1) if training else None
        curve = {}
        if training and relaxed and self.relaxation is not None:
            curve["sigma"] = self.relaxation(step)
        weights = self.hooks.apply_weights(self.weights.variables)
        values, passed, self._means = {}, {}, {}
        for layer in self.feed_forward.layers:
            if layer is self.feed_forward.image:
                values[layer] = Values(images)
                continue
            if layer.puts_out:
                constant = layer.constant.astype(self._dtype)
                values[layer] = Values(tf.constant(constant[np.newaxis]))
                continue
            total = self._sum_inputs(layer, values, weights, passed, step)
            if layer.neuron_type is not None:
                total = self._respond(layer, total, step, curve)
            values[layer] = total
        if self._means:
            self.penalties.append(self._keep_rates(self._means))
        return self._fill(values[self.feed_forward.answer]).rows

    def _sum_inputs(self, layer, values, weights, passed, step):
        """What comes into a layer."""
        norm = self.norms.get(layer)
        varied, others = [], []
        for source, path in self.feed_forward.paths[layer]:
            part = self.weights.follow(path, source, values[source], weights, passed)
            constant = source in self.feed_forward.constant
            as_it_is = constant or (norm is not None and not has_weights(path))
            (others if as_it_is else varied).append(part)
        if norm is not None:
            varied = [norm(self._add(varied, layer.size), step)]
        return self._add(varied + others, layer.size)

    def _add(self, parts, size):
        """Add up; a batch of one, which constants are, adds to all examples."""
        if not parts:
            return Values(tf.zeros((1, size), self._dtype))
        parts = sorted(parts, key=lambda part: -part.n_examples)
        total = parts[0]
        for part in parts[1:]:
            tensor = total.tensor + part.like(total)
            total = Values(tensor, total.batch_last)
        return total

    def _respond(self, layer, total, step, curve):
        """Rates of neurons, with noise in a step of training."""
        total = self._fill(total)  # the noise of each example is its own
        x, batch_last = self.neurons.shift(layer, total), total.batch_last
        response = self.neurons.responses[layer]
        if step is not None:
            penalty = self.hooks.penalise(layer, response, x, batch_last)
            if penalty is not None:
                self.penalties.append(penalty)
            if self._keep_rates is not None:
                mean = self._keep_rates.mean(response, x, batch_last)
                self._means[layer] = mean
        return Values(response(x, step, batch_last, **curve), batch_last)

    def _fill(self, values):
        """All examples of a batch, where one stands for them."""
        if values.n_examples == self._batch_size:
            return values
        flat = values.rows
        return Values(tf.broadcast_to(flat, (self._batch_size, flat.shape[1])))


class _KerasModel(tf.keras.Model):
    """What Keras trains: the variables of a network, and how they give answers."""

    def __init__(self, layered):
        super().__init__(name="layers", dtype=layered._dtype)
        # Keras finds variables in attributes
        self._trained, self._averages = layered.trained, layered.averages
        self._layered = layered

    def call(self, images, training=False):
        """Class values of a batch of images."""
        answers = self._layered(images, training)
        for penalty in self._layered.penalties:
            self.add_loss(penalty)
        return answers
