"""Neurons and synapses of Nengo in NIR's terms."""

import math
from dataclasses import dataclass

import nengo
import nir
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError

from ..spiking_neurons import IntegrateAndFire


@dataclass(frozen=True)
class Neuron:
    """Neurons of one type, as NIR has them; thresholds are 1, and 0 comes after spikes.

    Attributes
    ----------
    tau : float
        Membrane time constant in seconds; infinite without a leak.
    r : float
        By which the current is multiplied: ``tau`` where Nengo has it in units of the
        threshold per second.
    """

    tau: float
    r: float

    @property
    def leaks(self):
        """Whether there is a leak, and so a voltage that it leads to."""
        return self.tau < math.inf

    def in_steps(self, tau_syn, step):
        """How packages that go in steps have it.

        With spikes that are 1 for a step, what comes in is added to the current, and
        the current to the voltage: snnTorch and SpikingJelly have it so, and read no
        others. Without a synapse and with an ``r`` of 1 the voltage is a low-pass
        filter of the input.

        Parameters
        ----------
        tau_syn : float
            Time constant of a filter before the neuron; 0 if there is none.
        step : float
            In seconds.

        Returns
        -------
        r, w_in, factor : float
            Parameters of the node, and by what to multiply weights and biases for it.
        """
        if not self.leaks:
            return 1 / step, 1.0, step
        if tau_syn:
            factor = self.r * step**2 / (tau_syn * self.tau)
            return self.tau / step, tau_syn / step, factor
        if self.r == 1:
            return 1.0, 1.0, 1.0
        return self.tau / step, 1.0, self.r * step / self.tau

    def node(self, tau_syn, r, w_in, v_leak, metadata, full):
        """Make the node; ``full`` makes arrays of its shape."""
        limits = {"v_threshold": full(1), "v_reset": full(0), "metadata": metadata}
        if not self.leaks:
            return nir.IF(full(r), **limits)
        leak = {"r": full(r), "v_leak": v_leak, **limits}
        if not tau_syn:
            return nir.LIF(full(self.tau), **leak)
        return nir.CubaLIF(full(tau_syn), full(self.tau), w_in=full(w_in), **leak)


def neuron_of(layer):
    """Find out what NIR has for the neurons of a layer.

    Raises
    ------
    Unconvertible
        If it has nothing; names the ensemble.
    """
    neurons = layer.neuron_type
    if type(neurons) is nengo.LIF:
        return Neuron(neurons.tau_rc, 1.0)
    if type(neurons) is IntegrateAndFire:
        leaks = neurons.tau_rc < math.inf
        return Neuron(neurons.tau_rc, neurons.tau_rc if leaks else 1.0)
    if type(neurons) is nengo.SpikingRectifiedLinear:
        return Neuron(math.inf, 1.0)
    advice = (
        "" if neurons.spiking else "to_spiking makes spiking ones of rate neurons; "
    )
    raise Unconvertible(
        f"{layer.obj.ensemble} has neurons of type {neurons}, for which NIR has no "
        f"node; {advice}it has those for nengo.LIF, IntegrateAndFire and "
        "SpikingRectifiedLinear"
    )


def remember(layer, image):
    """What NIR has no parameters for, from which `from_nir` makes the same neurons.

    Parameters
    ----------
    layer : Layer
        Of neurons.
    image : callable
        Brings (size,) arrays into the order of the node.

    Returns
    -------
    dict
        Metadata: the type's name, its refractory time and lowest voltage, and the state
        in which each neuron begins.
    """
    neurons = layer.neuron_type
    told = {"neuron_type": type(neurons).__name__}
    for name in ("tau_ref", "min_voltage"):
        if hasattr(neurons, name):
            told[name] = float(getattr(neurons, name))
    for name, values in layer.initial_state().items():
        if isinstance(values, np.ndarray) and np.any(values):
            told[name] = image(values)
    return told


def left_out(layer, rate):
    """How neurons will differ where there is no refractory time.

    A neuron that fires at a rate f takes 1 / f from spike to spike, of which tau_ref is
    refractory, whatever its tuning curve.
    """
    tau_ref = getattr(layer.neuron_type, "tau_ref", 0)
    if not tau_ref:
        return {}
    told = {"left_out_tau_ref": float(tau_ref)}
    if rate is not None:
        if rate * tau_ref >= 1:
            raise ValidationError(
                f"{layer.obj.ensemble} cannot fire at {rate:g} Hz with a refractory "
                f"time of {tau_ref:g} s; expected rates in Hz, as of an Evaluation",
                attr="rates",
            )
        told["rate_hz"] = float(rate)
        told["rate_change_percent"] = 100 / (1 - rate * tau_ref) - 100
    return told


def filters_of(synapses, obj):
    """Time constants of synapses, one after the other.

    Returns
    -------
    taus : tuple of (float, bool)
        In seconds, and whether it is the last of its synapse while others follow.
    gain : float
        By what they multiply.
    """
    taus, gain = [], 1.0
    for i, synapse in enumerate(synapses):
        found, factor = _low_passes(synapse, obj)
        followed = i < len(synapses) - 1
        taus += [(tau, followed and n == len(found) - 1) for n, tau in enumerate(found)]
        gain *= factor
    return tuple(taus), gain


def _low_passes(synapse, obj):
    """Low-pass filters that are the same as a synapse."""
    if isinstance(synapse, (nengo.Lowpass, nengo.Alpha)):
        taus = [synapse.tau] * (2 if isinstance(synapse, nengo.Alpha) else 1)
        return [float(tau) for tau in taus if tau > 0], 1.0
    num, den = np.trim_zeros(synapse.num, "f"), np.trim_zeros(synapse.den, "f")
    poles = np.roots(den)
    if not synapse.analog or len(num) != 1 or np.any(poles.imag) or np.any(poles >= 0):
        raise Unconvertible(
            f"{obj} gets its input through {synapse}, which is no chain of low-pass "
            "filters, and NIR has no other ones; use nengo.Lowpass or nengo.Alpha"
        )
    return list(map(float, -1 / poles.real)), float(num[0] / den[-1])
