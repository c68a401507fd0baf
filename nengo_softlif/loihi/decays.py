"""The chip's step, and time constants as its 12 bits of decay have them.

In each step the chip multiplies the current of a neuron by ``(4095 - decay) / 4096``,
and its voltage by ``(4096 - decay) / 4096``. NengoLoihi therefore rounds the two decays
in different ways.
"""

import numpy as np

DT = 0.001
"""Length of a step on the chip in seconds; NengoLoihi has no other."""

DECAY_MAX = 2**12 - 1
"""Largest decay of a current or voltage, which has 12 bits."""


def current_decay(tau, dt=DT):
    """Decay of synaptic currents, as NengoLoihi sets it for a lowpass synapse.

    Parameters
    ----------
    tau : float
        Time constant in seconds; zero for no synapse.
    dt : float
        Length of a step in seconds.

    Returns
    -------
    int
        In each step the current is multiplied by ``(4095 - decay) / 4096``.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.current_decay(0.005)
    741
    """
    # in float32, as NengoLoihi has it before it rounds
    part = np.float32(-np.expm1(-dt / tau)) if tau else 1.0
    return int(np.round(np.clip(part * DECAY_MAX - 1, 0, DECAY_MAX)))


def voltage_decay(tau, dt=DT):
    """Decay of membrane voltages, as NengoLoihi sets it for LIF neurons.

    Parameters
    ----------
    tau : float
        Membrane time constant in seconds.
    dt : float
        Length of a step in seconds.

    Returns
    -------
    int
        In each step the voltage is multiplied by ``(4096 - decay) / 4096``.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.voltage_decay(0.02)
    200
    """
    return int(np.round(-np.expm1(-dt / tau) * DECAY_MAX))


def chip_tau_rc(tau_rc, dt=DT):
    """Membrane time constant of the rates that NengoLoihi predicts.

    Parameters
    ----------
    tau_rc : float
        In seconds.
    dt : float
        Length of a step in seconds.

    Returns
    -------
    float
        In seconds. `voltage_decay` is counted in parts of 4095 here.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> f"{loihi.chip_tau_rc(0.02):.5f}"
    '0.01997'
    """
    with np.errstate(divide="ignore"):
        return -dt / np.log1p(-voltage_decay(tau_rc, dt) / DECAY_MAX)


def chip_tau_ref(tau_ref, dt=DT):
    """Refractory period in whole steps, as NengoLoihi sets it.

    Parameters and result are in seconds, as for `chip_tau_rc`.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> float(loihi.chip_tau_ref(0.0024))
    0.002
    """
    return dt * np.round(tau_ref / dt)
