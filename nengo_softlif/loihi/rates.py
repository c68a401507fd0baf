"""Rates that Loihi's neurons fire at, with the gradient of soft LIF neurons.

On the chip the interval between two spikes is a whole number of steps, and the time
constants are rounded too. A neuron that would fire every ``period`` seconds fires every
``ceil(period / dt)`` steps instead, so its rate is a staircase of its current: flat
nearly everywhere, where a gradient would be zero. Training goes forward by the
staircase, and backward by the soft LIF curve that runs along it.
"""

from dataclasses import replace
from functools import lru_cache

import tensorflow as tf

from ..neurons import NeuronTable, SoftLIFRate
from ..tensors import curve, soft_lif
from .decays import DT, chip_tau_rc, chip_tau_ref


def lif(j, sigma, tau_rc, tau_ref):
    """Rates of `nengo.LIF`, and the slope of the soft curve.

    Parameters and results are those of `.curves.curve`.
    """
    _, slope = curve(j, sigma, tau_rc, tau_ref)
    return _rates(j, lambda above: 1 / _period(above, tau_rc, tau_ref)), slope


@lru_cache
def loihi_lif(tau_rc, tau_ref):
    """Make the curve of neurons on the chip, of these time constants not yet rounded.

    Parameters and results of the curve are those of `.curves.curve`; the rates are
    those of ``nengo_loihi.LoihiLIF``, the slope that of the soft curve. Calls with
    equal numbers give the same object.
    """
    rounded = float(chip_tau_rc(tau_rc)), float(chip_tau_ref(tau_ref))

    def rates_and_slope(j, sigma, tau_rc, tau_ref):
        _, slope = curve(j, sigma, tau_rc, tau_ref)
        return loihi_lif_rates(j, *rounded), slope

    return rates_and_slope


def loihi_lif_rates(j, tau_rc, tau_ref, dt=DT):
    """Rates in Hz of LIF neurons whose intervals are whole steps; zero below threshold.

    Currents are those above threshold, ``J - 1``; time constants are rounded ones.
    """
    return _rates(
        j, lambda above: (1 / dt) / tf.math.ceil(_period(above, tau_rc, tau_ref) / dt)
    )


def loihi_relu_rates(J, dt=DT):
    """Rates in Hz of neurons without leak whose intervals are whole steps.

    Currents are the rates in Hz that any interval would allow.
    """
    return _rates(J, lambda above: (1 / dt) / tf.math.ceil(1 / above / dt))


def _period(j, tau_rc, tau_ref):
    return tau_ref + tau_rc * tf.math.log1p(1 / j)


def _rates(j, above_threshold):
    """Call a function where currents are positive; it sees no others."""
    firing = j > 0
    rates = above_threshold(tf.where(firing, j, tf.ones_like(j)))
    return tf.where(firing, rates, tf.zeros_like(rates))


def _curve_of_lif(neurons, on_chip):
    """Soft LIF neurons, as LIF neurons of the host or of the chip fire."""
    function = lif
    if on_chip:
        function = loihi_lif(float(neurons.tau_rc), float(neurons.tau_ref))
    return replace(soft_lif, rates_and_slope=function)


CHIP_CURVES = NeuronTable("chip_curves", {SoftLIFRate: _curve_of_lif})
"""From neurons, and whether they will be on the chip, to the `.Curve` they train by."""
