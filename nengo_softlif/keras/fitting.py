"""Neurons in place of rectified linear units, fitted to what images make of these."""

import numpy as np
from scipy.optimize import minimize_scalar

from ..checks import changed

PERCENTILE = 99.0
"""Of the positive values of a layer, what shall be reached at the wanted rate. The few
above it fire faster, up to what the neurons can."""

_N_VALUES = 100_000
"""So many are enough to fit three numbers."""

_INTERCEPTS = -0.5, 0.5
"""Where thresholds are looked for, if the value at the wanted rate is one."""


def largest(exact):
    """What values of a layer reach: `PERCENTILE` of those above zero, or one."""
    positive = exact[exact > 0]
    return float(np.percentile(positive, PERCENTILE)) if positive.size else 1.0


def fit_neurons(neurons, x, wanted, max_rate):
    """Find gain, bias and amplitude with which neurons answer as they should.

    The curve reaches ``max_rate`` where the input is one, which leaves one number,
    where it begins; and the amplitude, which is that of least squares.

    Parameters
    ----------
    neurons : nengo.neurons.NeuronType
        Rate neurons.
    x : ndarray
        What comes in.
    wanted : ndarray
        What should come out if it is not negative, in the shape of ``x``.
    max_rate : float
        Rate in Hz.

    Returns
    -------
    neurons : nengo.neurons.NeuronType
        With this amplitude.
    gain, bias : float
        Of each.
    """
    every = max(1, x.size // _N_VALUES)
    x = x.ravel()[::every].astype(np.float64)
    wanted = np.maximum(wanted.ravel()[::every].astype(np.float64), 0)
    neurons = changed(neurons, amplitude=1.0)

    def solve(intercept):
        gain, bias = (
            each.item() for each in neurons.gain_bias([max_rate], [intercept])
        )
        rates = neurons.rates(x, [gain], [bias]).ravel()
        # a layer that these images never reach answers one where it fires at max_rate
        amplitude = rates @ wanted / max(rates @ rates, 1e-12) or 1 / max_rate
        error = np.mean((amplitude * rates - wanted) ** 2)
        return error, gain, bias, amplitude

    best = minimize_scalar(
        lambda intercept: solve(intercept)[0], bounds=_INTERCEPTS, method="bounded"
    )
    _, gain, bias, amplitude = solve(best.x)
    return changed(neurons, amplitude=amplitude), gain, bias
