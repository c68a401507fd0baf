"""A feed-forward network over time in TensorFlow, for processors without Numba.

It computes what `.gradients` does, but for rounding: forward in spikes, and backward
with what stands for their derivative. On some GPUs TensorFlow multiplies float32 with
fewer digits unless it is told not to, by
``tf.config.experimental.enable_tensor_float_32_execution(False)``.
"""

from functools import cached_property, partial

import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible

from ..engine import Counts
from ..gradients import LeakCorrected, ThroughRates, ThroughVoltage, Unrolled
from ..tensors import (
    OVER_TIME,
    Values,
    back_through_membrane,
    back_to_input,
    filtered,
    make_form,
    soft_lif,
    sum_to,
)


class TensorUnrolled(Unrolled):
    """A network of feed-forward layers of spiking neurons, unrolled in TensorFlow.

    Parameters and methods are those of `.Unrolled`. Memory that it tells is that of the
    engine: as many examples are then run at a time, for which the same is drawn.

    Raises
    ------
    Unconvertible
        If TensorFlow has no form of a layer, a connection or the derivative.
    """

    def __init__(self, feed_forward, trainable, derivative, dt, dtype="float32"):
        super().__init__(feed_forward, trainable, derivative, dt, dtype)
        self.back = _find_back(derivative)
        self.over_time = {
            layer: _find_over_time(layer, neurons)
            for layer, neurons in self.neurons.items()
        }
        self.forms, self.connections = {}, {}
        for paths in feed_forward.paths.values():
            for op in (op for _, path in paths for op in path):
                self.forms[op] = make_form(op, op.weights)
                if op.connection is not None:
                    self.connections.setdefault(op.connection, op)
        self.run = tf.function(self._run, autograph=False)
        self.run_averaged = tf.function(self._run_averaged, autograph=False)

    def bind(self, weights, biases):
        """See `.Unrolled`."""
        return TensorBound(self, weights, biases)

    def learns(self, key):
        """Whether a connection's weights, or the biases of a layer, are trained."""
        return self._trainable[getattr(key, "obj", key)]

    # -- as TensorFlow's graph ---------------------------------------------------------

    def _run(self, images, weights, biases, masks, draws, n_examples, n_steps):
        """Run all steps: outputs, spikes, and means where these go back.

        Arrays are (n_steps or 1, n_examples or 1, n).
        """
        spikes, means = [], []
        masks, draws = iter(masks), iter(draws)

        def respond(layer, x):
            if layer not in self.neurons:
                means.append(_mean(x) if self.derivative.averages else None)
                return x
            shape = n_steps, n_examples, layer.size
            fired = self._fire(layer, x, shape, next(draws))
            if self.derivative.averages:
                means.append((_mean(x), _mean(fired)))
            else:
                means.append(None)
            signed = not self.neurons[layer].passes
            spikes.append(tf.cast(tf.sign(fired), tf.int8 if signed else tf.uint8))
            return _masked(fired, next(masks))

        def through(x, matrices, gain):
            return filtered(x, n_steps, *matrices)

        outputs = self._walk(images, weights, biases, through, respond)
        shape = n_steps, n_examples, outputs.shape[2]
        return tf.broadcast_to(outputs, shape), spikes, means

    def _run_averaged(self, images, weights, biases, masks, means, n_examples):
        """Run once, with rates and what else was on average in place of what comes."""
        means, masks = iter(means), iter(masks)

        def respond(layer, x):
            if layer not in self.neurons:
                return next(means) + (x - tf.stop_gradient(x))
            current, fired = next(means)
            shape = 1, n_examples, layer.size
            rates = self._pass(layer, x, current, shape, lambda: fired)
            return _masked(rates, next(masks))

        def through(x, matrices, gain):
            return x * gain

        outputs = self._walk(_mean(images), weights, biases, through, respond)
        return tf.broadcast_to(outputs, (1, n_examples, outputs.shape[2]))

    def _walk(self, images, weights, biases, through, respond):
        """Go through all layers; return the values of the last.

        Functions tell what synapses do, and what a layer makes of its input.
        """
        feed_forward, values = self.feed_forward, {}
        weights = dict(zip(self.connections, weights, strict=True))
        biases = dict(zip(self.neurons, biases, strict=True))
        for layer in feed_forward.layers:
            if layer is feed_forward.image:
                values[layer] = images
            elif layer.puts_out:
                constant = layer.constant.astype(self.dtype).reshape(1, 1, -1)
                values[layer] = tf.constant(constant)
            else:
                x = self._sum(layer, values, weights, through)
                if layer in biases:
                    x = x * layer.gain.astype(self.dtype) + biases[layer]
                values[layer] = respond(layer, x)
        return values[feed_forward.answer]

    def _sum(self, layer, values, weights, through):
        """Sum of what comes into a layer, filtered."""
        total = None
        for matrices, gain, members in self.groups[layer]:
            parts = [
                self._follow(values[source], path, weights) for source, path in members
            ]
            part = sum(parts[1:], parts[0])
            if matrices is not None:
                part = through(part, matrices, gain)
            total = part if total is None else total + part
        if total is None:
            return tf.zeros((1, 1, layer.size), self.dtype)
        return total

    def _follow(self, x, path, weights):
        """Values at the end of a path: all steps of all examples at once."""
        n_steps, n_examples, size = x.shape
        values = Values(tf.reshape(x, (n_steps * n_examples, size)))
        for op in path:
            given = weights.get(op.connection)
            if given is not None:
                given = tf.reshape(given, self.forms[op].initial().shape)
            values = self.forms[op](values, given)
        return tf.reshape(values.rows, (n_steps, n_examples, -1))

    def _fire(self, layer, current, shape, draws):
        """What neurons put out."""
        over_time, scale = self.over_time[layer], self.neurons[layer].scale[0]
        return self._pass(
            layer,
            current,
            current,
            shape,
            lambda: over_time.fire(current, shape, draws) * scale,
        )

    def _pass(self, layer, x, current, shape, fire):
        """What neurons put out, with the gradient that the derivative says."""
        neurons, over_time = self.neurons[layer], self.over_time[layer]
        if not neurons.passes:
            return tf.stop_gradient(fire())

        @tf.custom_gradient
        def respond(x):
            out = fire()

            def gradient(upstream):
                spikes = tf.abs(tf.sign(out))
                retrace = partial(over_time.retrace, current, shape)
                given = neurons, retrace, current, spikes, upstream
                return sum_to(self.back(self.derivative, *given), x.shape)

            return out, gradient

        return respond(x)


def _find_over_time(layer, neurons):
    kind = OVER_TIME.of(layer.neuron_type)
    if kind is None:
        raise Unconvertible(
            f"{layer.obj.ensemble} has {layer.neuron_type}; TensorFlow runs only "
            f"{OVER_TIME} neurons in spikes"
        )
    return kind(neurons)


def _mean(x):
    return tf.reduce_mean(x, axis=0, keepdims=True)


def _masked(x, mask):
    return x if mask is None else x * mask


# -- what stands for the derivative of spikes ------------------------------------------


def _back_to_input(derivative, neurons, retrace, current, spikes, upstream):
    log_leak = neurons.log_leak if derivative.corrects else 0.0
    # dt times the height of a spike
    return back_to_input(upstream, spikes, float(neurons.amplitude), log_leak)


def _back_through_voltage(derivative, neurons, retrace, current, spikes, upstream):
    def slope(x):
        return derivative.slope(x, tf.math)

    height = neurons.amplitude / neurons.dt
    return back_through_membrane(upstream, slope, spikes, retrace(), height)


def _back_through_rates(derivative, neurons, retrace, current, spikes, upstream):
    lif, dtype = neurons.neuron_type, current.dtype
    given = derivative.sigma, lif.tau_rc, lif.tau_ref
    parameters = [tf.constant(value, dtype) for value in given]
    _, slope = soft_lif.rates_and_slope(current - soft_lif.threshold, *parameters)
    return upstream * (slope * float(lif.amplitude))


_BACK = {
    LeakCorrected: _back_to_input,
    ThroughVoltage: _back_through_voltage,
    ThroughRates: _back_through_rates,
}
"""What a `.Derivative` does, by the class that has its ``back``."""


def _find_back(derivative):
    """Find what a derivative does, unless it has a way of its own."""
    for cls in type(derivative).__mro__:
        if cls in _BACK and type(derivative).back is cls.back:
            return _BACK[cls]
    raise Unconvertible(f"{derivative} has no form in TensorFlow")


# -- running ---------------------------------------------------------------------------


class TensorBound:
    """An unrolled network with weights: runs examples, and goes back.

    Parameters are those of `.TensorUnrolled.bind` and, first, the network.
    """

    def __init__(self, unrolled, weights, biases):
        self.unrolled = unrolled
        connections, neurons = unrolled.connections, unrolled.neurons
        self.weights = [
            self._fix(weights.get(connection, op.weights), op.weights.shape)
            for connection, op in connections.items()
        ]
        self.biases = [
            self._fix(biases.get(layer, layer.bias), (layer.size,)) for layer in neurons
        ]
        kinds = (connections, self.weights), (neurons, self.biases)
        trained = [
            [
                pair
                for pair in zip(keys, tensors, strict=True)
                if unrolled.learns(pair[0])
            ]
            for keys, tensors in kinds
        ]
        self.keys = [[key for key, _ in pairs] for pairs in trained]
        self.trained = [[tensor for _, tensor in pairs] for pairs in trained]

    def _fix(self, values, shape):
        if np.size(values) == 1:  # one that stands for all
            values = np.full(shape, np.asarray(values).item())
        return tf.constant(np.reshape(values, shape), self.unrolled.dtype)

    def forward(self, images, n_steps, masks=None, rng=None):
        """Run examples from the initial state; parameters are the engine's.

        Returns
        -------
        TensorCourse
        """
        return TensorCourse(self, images, n_steps, masks or {}, rng)


class TensorCourse:
    """What happened in a network while it saw some examples, and the way back.

    Attributes
    ----------
    outputs : (n_examples, n_steps, n_classes) ndarray
        What the answer's probe saw.
    spikes : dict of Layer to Counts
        Of neurons.
    """

    def __init__(self, bound, images, n_steps, masks, rng):
        self._bound, self._unrolled = bound, bound.unrolled
        self._n_examples = len(images)
        neurons = self._unrolled.neurons
        self._images = self._turn(images)
        self._masks = [self._spread_mask(masks.get(layer)) for layer in neurons]
        draws = []
        for layer in neurons:
            shape = self._n_examples, n_steps, layer.size
            drawn = self._unrolled.over_time[layer].draw(shape, rng)
            draws.append(None if drawn is None else _swap(drawn))
        run = self._unrolled.run
        given = [self._images, bound.weights, bound.biases, self._masks, draws]
        if self._unrolled.derivative.averages:
            found = run(*given, self._n_examples, n_steps)
        else:
            with tf.GradientTape() as self._tape:
                self._tape.watch(bound.trained)
                found = run(*given, self._n_examples, n_steps)
        self._outputs, self._spikes, self._means = found
        self.outputs = _swap(self._outputs.numpy())

    def _turn(self, array):
        """Array with the steps first, as a tensor."""
        return tf.constant(_swap(np.asarray(array, self._unrolled.dtype)))

    def _spread_mask(self, mask):
        return None if mask is None else tf.constant(mask, self._unrolled.dtype)

    @cached_property
    def spikes(self):
        """When neurons fired."""
        neurons = self._unrolled.neurons
        return {
            layer: Counts(_swap(fired.numpy()), timed.scale)
            for (layer, timed), fired in zip(neurons.items(), self._spikes, strict=True)
        }

    def backward(self, upstream):
        """Go back from a gradient by the outputs to those by weights and biases.

        Can be called once. What it takes and returns is what the engine's does.
        """
        unrolled, bound = self._unrolled, self._bound
        outputs, upstream = self._outputs, self._turn(upstream)
        if unrolled.derivative.averages:
            given = [self._images, bound.weights, bound.biases, self._masks]
            with tf.GradientTape() as self._tape:
                self._tape.watch(bound.trained)
                outputs = unrolled.run_averaged(*given, self._means, self._n_examples)
            upstream = tf.reduce_sum(upstream, axis=0, keepdims=True)
        found = self._tape.gradient(outputs, bound.trained, upstream)
        return tuple(
            {
                key: tf.convert_to_tensor(gradient).numpy()
                for key, gradient in zip(keys, gradients, strict=True)
                if gradient is not None
            }
            for keys, gradients in zip(bound.keys, found, strict=True)
        )


def _swap(array):
    """Swap examples and steps."""
    return np.ascontiguousarray(np.swapaxes(array, 0, 1))
