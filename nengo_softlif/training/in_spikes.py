"""The way to train networks of spiking neurons: in spikes, as they run."""

import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError

from ..gradients import Unrolled
from ..layers import FeedForward, parameters
from ..machine import memory
from ..noise import Dropout
from ..registry import DERIVATIVES, LOSSES
from ..spiking_neurons import IntegrateAndFire
from .tensor_graph import TensorUnrolled
from .trainers import Trainer
from .weights import Weights, make_variable
from .write_back import fold_back

TOGETHER = 400_000_000
"""Bytes of the examples that are run at a time; the same on all machines, so that sums
are the same."""


class InSpikes(Trainer):
    """Training of feed-forward networks of spiking neurons over time.

    See `.Trainer`.
    """

    name = "spikes"
    options = frozenset({"presentation_time", "derivative", "loss"})
    takes_frames = True
    networks = "feed-forward layers of spiking neurons"

    @classmethod
    def check(cls, model, settings):
        """See `.Trainer`."""
        if not model.spikes:
            raise ValidationError(
                "training in spikes needs spiking neurons; train this network of rate "
                "neurons without a presentation_time, or give to_spiking(model)",
                attr="model",
            )
        if settings.presentation_time is None:
            raise ValidationError(
                "training in spikes takes time: say how long each example is shown, "
                "as in presentation_time=0.03",
                attr="presentation_time",
            )

    def __init__(self, network, image, answer, settings):
        super().__init__(network, image, answer, settings)
        dtype = parameters.dtype_of(network)
        self.n_steps, self.seed = settings.n_steps, settings.seed
        self.loss = LOSSES[settings.loss or "cross-entropy"]()
        self.feed_forward = FeedForward(network, image, answer, timed=True)
        trainable = parameters.trainable(network)
        self.unrolled = unroll(
            self.feed_forward,
            trainable,
            settings.derivative or _choose_derivative(self.feed_forward),
            settings.dt,
            dtype,
        )
        reached = _find_reached(self.feed_forward, self.unrolled.neurons)
        for connection in network.all_connections:  # others do not even decay
            trainable[connection] &= connection in reached
        self.weights = Weights(network, self.feed_forward, trainable, dtype)
        self.neuron_biases = {
            layer: make_variable(layer.bias, "bias", dtype)
            for layer, neurons in self.unrolled.neurons.items()
            if trainable[layer.obj] and neurons.passes
        }
        self.biases = [*self.weights.biases, *self.neuron_biases.values()]
        self.passes = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.counters = [self.passes]
        self.keras_model = _Variables(
            [*self.weights.variables.values(), *self.neuron_biases.values()]
        )
        self.together = self._find_together()
        in_tensorflow = isinstance(self.unrolled, TensorUnrolled)
        self.decides = {
            "examples at a time": self.together,
            "engine or TensorFlow": "TensorFlow" if in_tensorflow else "engine",
        }
        self._seen = np.zeros(3)

    def _find_together(self):
        """Find how many examples are run at a time, or refuse what no memory holds."""
        each = self.unrolled.n_bytes(self.n_steps)
        needed = each + self.unrolled.n_bytes_shared
        if needed > memory():
            raise ValidationError(
                f"{self.n_steps} steps of an example take {needed / 1e9:.1f} GB, but "
                f"the machine has {memory() / 1e9:.1f} GB; show examples for a "
                "shorter time, or in longer steps dt",
                attr="presentation_time",
            )
        most = min(max(TOGETHER // each, 1), self.batch_size)
        n_parts = -(-self.batch_size // most)
        return int(-(-self.batch_size // n_parts))  # parts of about the same size

    def describe_work(self, data):
        """See `.Trainer`."""
        work = f"in spikes: {self.n_steps} steps, {self.together} examples at a time"
        if isinstance(self.unrolled, TensorUnrolled):
            return f"{work}, in TensorFlow"
        each = self.unrolled.n_bytes(self.n_steps, data.n_frames is not None)
        n_bytes = self.together * each + self.unrolled.n_bytes_shared
        return f"{work}, in about {n_bytes / 1e9:.2g} GB of memory"

    @property
    def data(self):
        """See `.Trainer`."""
        return fold_back(self.feed_forward, self.weights, self.neuron_biases, {})

    def compile(self, optimizer):
        """See `.Trainer`."""
        self.keras_model.compile(optimizer)

    def start_epoch(self):
        """See `.Trainer`."""
        self._seen[:] = 0

    def train(self, images, labels):
        """See `.Trainer`."""
        bound = self._bind()
        step = int(self.passes.assign_add(1))
        masks = self._draw_masks(step)
        totals = {}
        for low in range(0, len(images), self.together):
            part = slice(low, low + self.together)
            course = bound.forward(
                _timed(images[part]),
                self.n_steps,
                {layer: mask[part] for layer, mask in masks.items()},
                np.random.default_rng((self.seed, step, low)),
            )
            answers = self.loss.answers(course.outputs)
            losses, gradient = self.loss.values(answers, labels[part])
            right = np.count_nonzero(answers.argmax(axis=1) == labels[part])
            self._seen += len(losses), losses.sum(), right
            gradient = self.loss.by_outputs(gradient / len(images), self.n_steps)
            for found in course.backward(gradient):
                for key, value in found.items():
                    totals[key] = totals[key] + value if key in totals else value
        self._apply(totals)
        self.keras_model._train_counter.assign_add(1)  # callbacks look at it
        n, loss, right = self._seen
        return float(loss / n), float(right / n)

    def _bind(self):
        """Let the network run with the weights of this step."""
        variables = self.weights.variables.items()
        return self.unrolled.bind(
            {connection: value.numpy() for connection, value in variables},
            {layer: value.numpy() for layer, value in self.neuron_biases.items()},
        )

    def _draw_masks(self, step):
        """Draw which neurons are left out, the same in all steps of an example."""
        masks = {}
        for i, layer in enumerate(self.unrolled.neurons):
            noise = getattr(layer.neuron_type, "noise", None)
            if isinstance(noise, Dropout):
                rng = np.random.default_rng((self.seed, step, 1, i))
                x = rng.random((self.batch_size, layer.size), np.float32)
                masks[layer] = noise.mask(x)
        return masks

    def _apply(self, totals):
        """Let the optimizer take a step."""
        pairs = []
        known = {**self.weights.variables, **self.neuron_biases}
        for key, variable in known.items():
            if isinstance(variable, tf.Variable):
                gradient = totals.get(key)
                if gradient is None:  # what does not reach the answer
                    gradient = np.zeros(variable.shape)
                if np.prod(variable.shape) == 1:  # one that stands for all
                    gradient = np.sum(gradient)
                gradient = np.reshape(gradient, variable.shape)
                pairs.append((tf.constant(gradient, variable.dtype), variable))
        self.keras_model.optimizer.apply_gradients(pairs)

    def predict(self, images):
        """See `.Trainer`."""
        bound, answers = self._bind(), []
        for low in range(0, len(images), self.together):
            part = _timed(images[low : low + self.together])
            rng = np.random.default_rng((self.seed, 0, low))
            course = bound.forward(part, self.n_steps, rng=rng)
            answers.append(self.loss.answers(course.outputs))
        return np.concatenate(answers)


def sees_gpu():
    """Whether TensorFlow may use a GPU."""
    return bool(tf.config.get_visible_devices("GPU"))


def unroll(*args):
    """Unroll a network over time: in TensorFlow on a GPU, if that has all it takes."""
    if sees_gpu():
        try:
            return TensorUnrolled(*args)
        except Unconvertible:
            pass  # the engine may take it, or else tells why not
    return Unrolled(*args)


def _find_reached(feed_forward, neurons):
    """Find the connections that gradients reach, which chance does not let pass."""
    reached, layers = set(), {feed_forward.answer}
    for layer in reversed(feed_forward.layers):
        if layer in layers and (layer not in neurons or neurons[layer].passes):
            for source, path in feed_forward.paths[layer]:
                layers.add(source)
                reached.update(op.connection for op in path)
    return reached


def _timed(images):
    """Images over time; those without are shown all the time."""
    return images if images.ndim == 3 else images[:, np.newaxis]


def _choose_derivative(feed_forward):
    """Take Lee et al.'s for their neurons, and the soft LIF's for others."""
    types = [layer.neuron_type for layer in feed_forward.layers]
    theirs = any(isinstance(neurons, IntegrateAndFire) for neurons in types)
    return DERIVATIVES["leak-corrected" if theirs else "soft-lif"]()


class _Variables(tf.keras.Model):
    """What Keras needs of a model whose gradients come from elsewhere."""

    def __init__(self, variables):
        super().__init__(name="spikes")
        self._trained = [v for v in variables if isinstance(v, tf.Variable)]

    def call(self, inputs):
        """Refuse to be called."""
        raise NotImplementedError("networks in spikes are run by InSpikes")
