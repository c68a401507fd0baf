"""Spiking neurons and synapses over time in TensorFlow, forward and backward.

The same mathematics as the engine's compiled loops, for processors that run TensorFlow
and not Numba. Arrays are (steps, examples, values): a step is then one block of memory.
What is the same in all steps, or for all examples, may have one of them. All shapes are
static.
"""

import nengo
import tensorflow as tf

from ..neurons import NeuronTable
from ..spiking_neurons import BernoulliSpiking, IntegrateAndFire


def loop(step, state, inputs, n_steps, shape, dtypes, backwards=False):
    """Go through time, or back.

    Parameters
    ----------
    step : callable
        From the state and a step of each input to the new state and the outputs.
    state : list of tf.Tensor
        At the start.
    inputs : list of tf.Tensor
        (n_steps or 1, ...).
    n_steps : int
        How many.
    shape : tuple of int
        Of each output.
    dtypes : list of tf.DType
        Of the outputs.
    backwards : bool
        Whether to begin at the end.

    Returns
    -------
    state : list of tf.Tensor
        At the end.
    outputs : list of tf.Tensor
        (n_steps, *shape).
    """
    outputs = [tf.TensorArray(d, n_steps, element_shape=shape) for d in dtypes]

    def body(i, state, outputs):
        t = n_steps - 1 - i if backwards else i
        rows = (x[t] if x.shape[0] > 1 else x[0] for x in inputs)
        state, found = step(state, *rows)
        written = [out.write(t, f) for out, f in zip(outputs, found, strict=True)]
        return i + 1, state, written

    _, state, outputs = tf.while_loop(
        lambda i, *_: i < n_steps, body, (tf.constant(0), state, outputs)
    )
    return state, [tf.ensure_shape(o.stack(), (n_steps, *shape)) for o in outputs]


def sum_to(x, shape):
    """Sum over what there was one of: the gradient of repeating it."""
    for axis, (n, wanted) in enumerate(zip(x.shape, shape, strict=True)):
        if wanted == 1 and n > 1:
            x = tf.reduce_sum(x, axis=axis, keepdims=True)
    return x


# -- synapses --------------------------------------------------------------------------


def filtered(x, n_steps, A, b, c):
    """Pass values through a discrete linear filter.

    Parameters
    ----------
    x : (n_steps or 1, n_examples or 1, n) tf.Tensor
        Values.
    n_steps : int
        How many.
    A, b, c : (order, order), (order,), (order,) ndarray
        In each step the output is ``c s``, then ``s = A s + b x``.

    Returns
    -------
    (n_steps, n_examples or 1, n) tf.Tensor
    """
    shape = x.shape[1:]

    def run(values, A, b, c, backwards):
        def step(state, given):
            new = [
                _combine([*row, into], [*state, given])
                for row, into in zip(A, b, strict=True)
            ]
            return new, [_combine(c, state)]

        state = [tf.zeros(shape, x.dtype) for _ in b]
        _, (out,) = loop(step, state, [values], n_steps, shape, [x.dtype], backwards)
        return out

    @tf.custom_gradient
    def forward(x):
        # backwards in time it is the filter turned round
        return run(x, A, b, c, False), lambda upstream: sum_to(
            run(upstream, A.T, c, b, True), x.shape
        )

    return forward(x)


def _combine(factors, tensors):
    """Weighted sum of tensors."""
    pairs = zip(factors, tensors, strict=True)
    parts = [t * float(f) for f, t in pairs if f != 0]
    return sum(parts[1:], parts[0]) if parts else tf.zeros_like(tensors[0])


# -- neurons ---------------------------------------------------------------------------


class OverTime:
    """Neurons in TensorFlow, from their initial state through all steps.

    Parameters
    ----------
    neurons : object
        What is known of the layer: ``constants``, and ``initial``, a dict of its state,
        as the engine's loops take them.
    """

    def __init__(self, neurons):
        self.neurons = neurons

    def draw(self, shape, rng):
        """Draw what `fire` takes, (n_examples, n_steps, n), by NumPy: or None."""

    def fire(self, current, shape, draws=None):
        """Let neurons fire.

        Parameters
        ----------
        current : (n_steps or 1, n_examples or 1, n) tf.Tensor
            Input current.
        shape : (int, int, int)
            Steps, examples and neurons.
        draws : tf.Tensor, optional
            From `draw`, but (n_steps, n_examples, n).

        Returns
        -------
        (n_steps, n_examples, n) tf.Tensor
            In the type of the current: 1 where a neuron fires, -1 if with the other
            sign.
        """
        _, (fired,) = self._run(current, shape, traced=False)
        return fired

    def retrace(self, current, shape):
        """Repeat the course of neurons.

        Parameters are those of `fire`.

        Returns
        -------
        voltage : (n_steps, n_examples, n) tf.Tensor
            Before resets, in units of the threshold.
        by_current, by_voltage : tf.Tensor
            Its derivative by the current of the step, and the voltage of that before;
            of one or all steps, examples and neurons.
        """
        raise NotImplementedError

    def _run(self, current, shape, traced):
        """Run the loop; return when neurons fired, or what `_step` tells beside it."""
        state = [
            tf.broadcast_to(
                tf.constant(self.neurons.initial[name], current.dtype), shape[1:]
            )
            for name in self.state
        ]

        def step(state, current):
            state, fired, traces = self._step(state, current)
            return state, traces if traced else [tf.cast(fired, current.dtype)]

        dtypes = [current.dtype] * (self.n_traces if traced else 1)
        return loop(step, state, [current], shape[0], shape[1:], dtypes)


class LIF(OverTime):
    """LIF neurons with refractory time."""

    state = "voltage", "refractory_time"
    n_traces = 2

    def _step(self, state, current):
        voltage, refractory = state
        dt, tau_rc, tau_ref, min_voltage, decay, within = map(
            float, self.neurons.constants
        )
        rest = refractory - dt
        opening = tf.cast(rest <= 0, rest.dtype) * decay
        # where rest ends within this step
        waking = (rest > 0) & (rest < dt)
        opening = tf.where(waking, -tf.math.expm1((rest - dt) / tau_rc), opening)
        new = voltage + (current - voltage) * opening
        fired = new > 1
        until = tf.ones_like(rest) * (tau_ref + dt)
        if within:
            # the time since the voltage was one, by the same exponential
            above = tf.where(fired, current - 1, tf.ones_like(rest))
            passed = tf.where(fired, (1 - new) / above, tf.zeros_like(rest))
            until += tau_rc * tf.math.log1p(passed)
        voltage = tf.where(fired, tf.zeros_like(new), tf.maximum(new, min_voltage))
        return [voltage, tf.where(fired, until, rest)], fired, [new, opening]

    def retrace(self, current, shape):
        """See `OverTime`."""
        _, (voltage, opening) = self._run(current, shape, traced=True)
        # a voltage that was cut off at its minimum passes nothing
        free = voltage[:-1] >= float(self.neurons.constants[3])
        free = tf.concat([tf.ones((1, *shape[1:]), tf.bool), free], axis=0)
        kept = tf.where(free, 1 - opening, tf.zeros_like(opening))
        return voltage, opening, kept


class Leaky(OverTime):
    """Integrate-and-fire neurons."""

    state = ("voltage",)
    n_traces = 1

    def _step(self, state, current):
        dt, leak = map(float, self.neurons.constants)
        new = state[0] + dt * current
        fired = new > 1
        return [tf.where(fired, tf.zeros_like(new), leak * new)], fired, [new]

    def retrace(self, current, shape):
        """See `OverTime`."""
        _, (voltage,) = self._run(current, shape, traced=True)
        dt, leak = (
            tf.constant(value, current.dtype, (1, 1, 1))
            for value in self.neurons.constants
        )
        return voltage, dt, leak


class Bernoulli(OverTime):
    """Neurons that fire by chance, of numbers that NumPy draws."""

    def draw(self, shape, rng):
        """See `OverTime`."""
        return BernoulliSpiking.draw_uniform(
            BernoulliSpiking.draw_seeds(rng, shape[0]), shape[1:]
        )

    def fire(self, current, shape, draws=None):
        """See `OverTime`."""
        dtype = current.dtype
        chance = tf.abs(current * tf.constant(self.neurons.dt, dtype))
        return tf.cast(tf.cast(draws, dtype) < chance, dtype) * tf.sign(current)


OVER_TIME = NeuronTable(
    "over_time",
    {
        nengo.LIF: LIF,
        IntegrateAndFire: Leaky,
        BernoulliSpiking: Bernoulli,
        "nengo_loihi.neurons.LoihiLIF": LIF,
    },
)
"""The subclass of `OverTime` for each type of neurons that TensorFlow runs in
spikes."""


# -- backwards -------------------------------------------------------------------------


def back_to_input(upstream, spikes, scale, log_leak):
    """Give the input of neurons the gradient of their next spike.

    Parameters
    ----------
    upstream : (n_steps, n_examples, n) tf.Tensor
        Gradient by their spikes.
    spikes : (n_steps, n_examples, n) tf.Tensor
        One where they fired, else zero.
    scale : float
        Factor on the gradient.
    log_leak : float
        Logarithm of what a step leaves of the voltage, for which the gradient is
        corrected; not if it is zero.

    Returns
    -------
    (n_steps, n_examples, n) tf.Tensor
        Gradient by their input.
    """
    n_steps, *shape = upstream.shape
    none = tf.zeros(shape, upstream.dtype)
    factor = scale + none
    if log_leak != 0:
        leak = tf.exp(tf.constant(log_leak, upstream.dtype))

        def pass_on(state, fired):
            return [leak * state[0] + fired], []

        (trace,), _ = loop(pass_on, [none], [spikes], n_steps, shape, [])
        number = tf.maximum(tf.reduce_sum(spikes, axis=0), 1)
        seen = tf.cast(trace > 1e-3, upstream.dtype)
        factor = scale * (seen + log_leak * trace / number)

    def go_back(state, given, fired):
        coming = tf.where(fired > 0, given * factor, state[0])
        return [coming], [coming]

    inputs, dtypes = [upstream, spikes], [upstream.dtype]
    _, (out,) = loop(go_back, [none], inputs, n_steps, shape, dtypes, backwards=True)
    return out


def back_through_membrane(upstream, slope, spikes, traces, height):
    """Gradient by the input of neurons through their voltage.

    Parameters
    ----------
    upstream : (n_steps, n_examples, n) tf.Tensor
        Gradient by their spikes.
    slope : callable
        What stands for the derivative of a spike by the voltage above the threshold.
    spikes : (n_steps, n_examples, n) tf.Tensor
        One where they fired, else zero; a reset passes nothing back.
    traces : tuple of tf.Tensor
        From `OverTime.retrace`.
    height : float
        Factor on the upstream gradient.

    Returns
    -------
    (n_steps, n_examples, n) tf.Tensor
        Gradient by their input.
    """
    n_steps, *shape = upstream.shape

    def step(state, given, fired, voltage, by_current, by_voltage):
        later = tf.where(fired > 0, tf.zeros_like(state[0]), state[0])
        by_volts = height * given * slope(voltage - 1) + later
        return [by_volts * by_voltage], [by_volts * by_current]

    start = [tf.zeros(shape, upstream.dtype)]
    inputs, dtypes = [upstream, spikes, *traces], [upstream.dtype]
    _, (out,) = loop(step, start, inputs, n_steps, shape, dtypes, backwards=True)
    return out
