"""How NengoDL runs and trains the neurons of NengoLoihi.

Imported by the import finder in `.compat` as soon as nengo_dl and nengo_loihi have
loaded. NengoLoihi itself leaves this to nengo-extras.
"""

from types import SimpleNamespace

import nengo_loihi
import tensorflow as tf
from nengo_dl.neuron_builders import SimNeuronsBuilder, TFNeuronBuilder

from ..neurons import SoftLIFRate
from ..tensors import Curve, curve
from .decays import chip_tau_rc, chip_tau_ref
from .rates import loihi_lif_rates, loihi_relu_rates

SIGMA = SoftLIFRate().sigma
"""Smoothing of the gradient, unless NengoDL's setting ``lif_smoothing`` gives it."""


class _ChipBuilder(TFNeuronBuilder):
    """Neurons that spike in inference, and fire at the rates of a curve in training."""

    spiking = True

    def training_step(self, J, dt, **state):
        """Rates of whole intervals times the amplitude."""
        rates = Curve(self.rates_and_slope, threshold=self.threshold)(J)
        return rates if self.amplitude is None else self.amplitude * rates


class LoihiLIFBuilder(_ChipBuilder):
    """A group of ``nengo_loihi.LoihiLIF``.

    In inference they spike, step by step as in Nengo. In training they fire at the
    rates of whole intervals, with the gradient of soft LIF neurons.
    """

    threshold = 1.0

    def build_pre(self, signals, config):
        """Gather the parameters of all merged ensembles, rounded as on the chip."""
        super().build_pre(signals, config)
        dt, dtype = signals.dt_val, signals.dtype
        neurons = [op.neurons for op in self.ops]
        sizes = [op.J.shape[0] for op in self.ops]
        rounded = [
            SimpleNamespace(
                tau_rc=chip_tau_rc(n.tau_rc, dt), tau_ref=chip_tau_ref(n.tau_ref, dt)
            )
            for n in neurons
        ]
        self.dt = dt
        self.sigma = tf.constant(config.lif_smoothing or SIGMA, dtype)
        self.min_voltage, self.tau_rc, self.tau_ref, self.chip_rc, self.chip_ref = (
            signals.op_constant(objects, sizes, name, dtype)
            for objects, name in (
                (neurons, "min_voltage"),
                (neurons, "tau_rc"),
                (neurons, "tau_ref"),
                (rounded, "tau_rc"),
                (rounded, "tau_ref"),
            )
        )

    def step(self, J, dt, voltage, refractory_time):
        """Spikes, and the state after them."""
        refractory_time -= dt
        active = tf.clip_by_value(dt - refractory_time, tf.zeros_like(dt), dt)
        voltage -= (J - voltage) * tf.math.expm1(-active / self.chip_rc)
        spiked = voltage > 1
        spikes = tf.cast(spiked, J.dtype) * self.alpha
        voltage = tf.where(
            spiked, tf.zeros_like(voltage), tf.maximum(voltage, self.min_voltage)
        )
        refractory_time = tf.where(spiked, self.chip_ref + dt, refractory_time)
        return spikes, voltage, refractory_time

    def rates_and_slope(self, j):
        """See `.Curve`."""
        _, slope = curve(j, self.sigma, self.tau_rc, self.tau_ref)
        return loihi_lif_rates(j, self.chip_rc, self.chip_ref, self.dt), slope


class LoihiReLUBuilder(_ChipBuilder):
    """A group of ``nengo_loihi.neurons.LoihiSpikingRectifiedLinear``.

    They spike in inference; in training they fire at the rates of whole intervals,
    with the gradient of rectified linear neurons.
    """

    threshold = 0.0

    def build_pre(self, signals, config):
        """Note the length of a step."""
        super().build_pre(signals, config)
        self.dt = signals.dt_val

    def step(self, J, dt, voltage):
        """Spikes, and the voltage after them."""
        voltage += J * dt
        spiked = voltage > 1
        spikes = tf.cast(spiked, J.dtype) * self.alpha
        return spikes, tf.where(spiked, tf.zeros_like(voltage), tf.nn.relu(voltage))

    def rates_and_slope(self, j):
        """See `.Curve`."""
        return loihi_relu_rates(j, self.dt), tf.cast(j > 0, j.dtype)


def _lif_builder(ops):
    """Leave neurons with a noise of nengo-extras to its own builder."""
    if any(op.neurons.nengo_dl_noise is not None for op in ops):
        return nengo_loihi.neurons.LoihiLIFBuilder(ops)
    return LoihiLIFBuilder(ops)


# NengoLoihi registers once, when it first makes a neuron, and would undo what is here
nengo_loihi.neurons.install_dl_builders()
SimNeuronsBuilder.TF_NEURON_IMPL.update(
    {
        nengo_loihi.neurons.LoihiLIF: _lif_builder,
        nengo_loihi.neurons.LoihiSpikingRectifiedLinear: LoihiReLUBuilder,
    }
)
