"""How NengoDL runs our spiking neurons: spike by spike, also while it trains.

It is their ``step`` in TensorFlow, in the same order, without noise. There is no rate
form for training: gradients end at these neurons, and a warning says so.
"""

import warnings

import numpy as np
import tensorflow as tf
from nengo.exceptions import NengoWarning
from nengo_dl.neuron_builders import TFNeuronBuilder


class _SpikingBuilder(TFNeuronBuilder):
    """A group of spiking neurons of one type."""

    def build_pre(self, signals, config):
        """Compute the numbers of all merged ensembles, as Nengo does."""
        super().build_pre(signals, config)
        self.sizes = [op.J.shape[0] for op in self.ops]
        self.dtype = self.J_data.dtype
        self.dt = signals.dt_val
        self.height = self._constant(lambda neurons: neurons.amplitude / self.dt)

    def _constant(self, of):
        """A number of each ensemble, for all its neurons."""
        numbers = [of(op.neurons) for op in self.ops]
        return tf.constant(np.repeat(numbers, self.sizes), self.dtype)

    def _end_gradients(self, values):
        """Return the values, with no gradient, and a warning if one is asked for."""

        @tf.custom_gradient
        def ended(values):
            def gradient(upstream):
                warnings.warn(
                    f"{self.ops[0].neurons} has no derivative in NengoDL, so that "
                    "nothing before it is trained; nengo_softlif.fit trains in spikes",
                    NengoWarning,
                    stacklevel=2,
                )
                return tf.zeros_like(upstream)

            return tf.identity(values), gradient

        return ended(values)


class IntegrateAndFireBuilder(_SpikingBuilder):
    """A group of `.IntegrateAndFire` neurons."""

    def build_pre(self, signals, config):
        """Compute the leaks too."""
        super().build_pre(signals, config)
        self.leak = self._constant(lambda neurons: neurons.leak(self.dt))

    def step(self, J, dt, voltage):
        """Spikes and voltages of a step."""
        voltage += self.dt * self._end_gradients(J)
        spiked = voltage > 1
        zero = tf.zeros_like(voltage)
        spikes = tf.where(spiked, self.height, zero)
        return spikes, tf.where(spiked, zero, voltage * self.leak)


class BernoulliBuilder(_SpikingBuilder):
    """A group of `.BernoulliSpiking` neurons.

    Chance is a function of the ensemble's seed and of the step, which counts on from
    one run to the next. It is not that of Nengo's simulator.
    """

    def __init__(self, ops):
        super().__init__(ops)
        with tf.init_scope():
            self.passes = tf.Variable(0, dtype=tf.int32, trainable=False, name="passes")

    def build_pre(self, signals, config):
        """Make a key of each ensemble's seed."""
        super().build_pre(signals, config)
        self.keys = [_key(op.state_extra["rng"]) for op in self.ops]

    def step(self, J, dt):
        """Spikes of a step."""
        step = self.passes.assign_add(1)
        x = [
            tf.random.stateless_uniform(
                (J.shape[0], size), tf.stack([key, step]), dtype=J.dtype
            )
            for key, size in zip(self.keys, self.sizes, strict=True)
        ]
        J = self._end_gradients(J)
        fired = tf.concat(x, axis=-1) < self.dt * tf.abs(J)
        return tf.where(fired, tf.sign(J) * self.height, tf.zeros_like(J))


def _key(rng):
    """Draw from a generator, and leave it as it is."""
    twin = np.random.RandomState()
    twin.set_state(rng.get_state())
    return np.int32(twin.randint(2**31 - 1))
