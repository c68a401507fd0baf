"""The one synapse that Loihi has, and what it costs to let it stand for others.

A chip's synapse is a lowpass filter, one for all that reaches a neuron. Of the alpha
synapse with time constant ``tau``, whose impulse response is
``t / tau**2 * exp(-t / tau)``,

- the area is one, so the mean of a filtered spike train is that of the train;
- the mean delay is ``2 tau``;
- the integral of the square is ``1 / (4 tau)``, by which the rate of a Poisson train is
  multiplied to give the variance of the filtered train.

A lowpass filter with time constant ``T`` has area one, delay ``T`` and
``1 / (2 T)``. So ``T = 2 tau`` keeps the mean, the delay and the noise, all exactly:
what is lost is the shape. The lowpass answers at once and forgets slowly; ripples of
regular spike trains, which are fast, pass it more easily than the alpha synapse.

The chip then rounds. Its decay has 12 bits, and NengoLoihi scales weights by what it
expects a decaying current to add up to in integers (``decay_magnitude`` of its
``nengo_loihi.builder.discretize``).
"""

from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import Unconvertible

from .. import compat
from ..engine import filters
from .decays import DECAY_MAX, DT, current_decay

_UNIT = 2**21  # size of the current whose decay NengoLoihi scales by


@dataclass(frozen=True)
class Substitution:
    """What it costs to let a chip's synapse stand for another.

    All are measured on impulse responses in steps of 1 ms, the chip's in integers.

    Attributes
    ----------
    synapse : nengo.synapses.LinearFilter
        What is replaced.
    chip_synapse : nengo.Lowpass or None
        What stands for it.
    chip_tau : float
        Time constant in seconds that the chip's 12-bit decay gives.
    gain : float
        Mean of what passes the chip's synapse, over that of the other; ideally one.
    delay : float
        Seconds by which the chip's mean delay is longer.
    noise : float
        Variance of a filtered Poisson train on the chip, over that of the other.
    ripple : float
        The same, for a regular train of 100 Hz.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> cost = loihi.substitution(nengo.Alpha(0.005))
    >>> bool(cost.ripple > 1)  # a lowpass filter lets single spikes through
    True
    """

    synapse: nengo.synapses.LinearFilter
    chip_synapse: nengo.Lowpass
    chip_tau: float
    gain: float
    delay: float
    noise: float
    ripple: float

    def __str__(self):
        """Tell it in one line."""
        return (
            f"{self.chip_synapse} for {self.synapse}: tau "
            f"{1e3 * self.chip_tau:.3f} ms in 12 bits, gain "
            f"{100 * (self.gain - 1):+.2f} %, mean delay {1e3 * self.delay:+.3f} ms, "
            f"noise variance {100 * (self.noise - 1):+.1f} %, ripple of 100 Hz "
            f"{100 * (self.ripple - 1):+.0f} %"
        )


def chip_synapse(synapses, obj=None):
    """Find the lowpass filter with the mean delay of a row of synapses.

    Parameters
    ----------
    synapses : iterable of nengo.synapses.LinearFilter
        Values pass through one after the other.
    obj : object, optional
        Where they are, for errors.

    Returns
    -------
    nengo.Lowpass or None
        None if there is no delay.

    Raises
    ------
    Unconvertible
        If a synapse is discrete, or does not keep the mean.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.chip_synapse([nengo.Alpha(0.005)])
    Lowpass(tau=0.01)
    """
    delay = 0.0
    for synapse in synapses:
        num, den = (np.atleast_1d(p).astype(float) for p in (synapse.num, synapse.den))
        if not synapse.analog or not np.isclose(num[-1], den[-1]):
            raise Unconvertible(
                f"{obj}: {synapse} cannot become a lowpass filter: it is discrete, or "
                "changes the mean of what passes; use nengo.Alpha or nengo.Lowpass"
            )
        slope = [p[-2] / p[-1] if len(p) > 1 else 0.0 for p in (den, num)]
        delay += slope[0] - slope[1]
    return nengo.Lowpass(delay) if delay > 0 else None


def substitution(synapse, replacement=None):
    """Measure what it costs to let the chip's synapse stand for another.

    Parameters
    ----------
    synapse : nengo.synapses.LinearFilter
        What a network has.
    replacement : nengo.Lowpass, optional
        What stands for it on the chip; by default what `.to_loihi` would choose.

    Returns
    -------
    Substitution

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.substitution(nengo.Alpha(0.005)).chip_synapse
    Lowpass(tau=0.01)
    """
    matched = chip_synapse([synapse])
    replacement = replacement or matched
    decay = current_decay(0.0 if replacement is None else replacement.tau)
    ratio = (DECAY_MAX - decay) / 2**12
    longest = max(replacement.tau, 0.0 if matched is None else matched.tau)
    n_steps = int(40 * longest / DT) + 100
    true, chip = _response(synapse, n_steps), _chip_response(decay, n_steps)
    gain, delay, power, ripple = zip(
        *(_moments(response) for response in (true, chip)), strict=True
    )
    return Substitution(
        synapse,
        replacement,
        -DT / np.log(ratio) if ratio > 0 else 0.0,
        gain[1] / gain[0],
        delay[1] - delay[0],
        power[1] / power[0],
        ripple[1] / ripple[0],
    )


def _response(synapse, n_steps):
    """What follows one unit, from the step at which Nengo hands it on."""
    A, b, c = filters.discretise([synapse], DT)
    response, x = np.zeros(n_steps), b
    for i in range(n_steps):
        response[i] = c @ x
        x = A @ x
    return response


def _chip_response(decay, n_steps):
    """What follows one spike on the chip, in integers, scaled as NengoLoihi does."""
    response, current = np.zeros(n_steps), _UNIT
    for i in range(n_steps):
        response[i] = current
        current = (current * (DECAY_MAX - decay)) >> 12
    scale = compat.nengo_loihi.builder.discretize.decay_magnitude(
        np.array(decay), x0=_UNIT, offset=1
    )
    return response / (_UNIT * float(scale))


def _moments(response):
    """Gain, mean delay, and variances of filtered trains, relative to the gain."""
    gain = response.sum()
    steps = np.arange(len(response))
    period = round(1 / (100 * DT))
    folded = np.resize(response, -(-len(response) // period) * period)
    folded[len(response) :] = 0
    train = folded.reshape(-1, period).sum(axis=0)
    return (
        gain,
        DT * (steps @ response) / gain,
        (response**2).sum() / gain**2,
        train.var() / gain**2,
    )
