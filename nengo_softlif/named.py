"""Noise and synapses by name and number: ``gaussian:10``, ``alpha:0.005``, ``none``."""

import math
from functools import partial

import nengo
from nengo.exceptions import ValidationError

from . import noise
from .checks import check_number


def _synapse(kind, tau):
    check_number("tau", tau, "a positive number of seconds", 0, low_open=True)
    return kind(tau)


NOISES = {
    "gaussian": noise.GaussianNoise,
    "alpha": noise.AlphaNoise,
    "alpha-rc": noise.AlphaRCNoise,
    "lowpass": noise.LowpassNoise,
}
"""Noise by name; the number is in Hz, or the time constant in seconds."""

SYNAPSES = {
    "alpha": partial(_synapse, nengo.Alpha),
    "lowpass": partial(_synapse, nengo.Lowpass),
}
"""Synapses by name; the number is their time constant in seconds."""


def read(text, kinds, attr):
    """Make what a text names.

    Parameters
    ----------
    text : str
        ``none``, a name, or a name and its number, such as ``alpha:0.005``.
    kinds : dict of str to callable
        `NOISES` or `SYNAPSES`.
    attr : str
        The argument in which the text was given, for the error.

    Returns
    -------
    object or None
        None for ``none``.

    Raises
    ------
    ValidationError
        If it names nothing, or its number is of no use.
    """
    if text == "none":
        return None
    reason = ""
    try:
        kind, _, number = text.partition(":")
        numbers = [float(number)] if number else []
        _check(numbers, attr)
        return kinds[kind](*numbers)
    except ValidationError as error:
        reason = f" ({error})"
    except (AttributeError, KeyError, TypeError, ValueError):
        pass  # what was expected says it all
    known = ", ".join(f"{kind}:NUMBER" for kind in kinds)
    raise ValidationError(
        f"expected none, {known}; got {text!r}{reason}", attr=attr
    ) from None


def _check(numbers, attr):
    """Refuse numbers with which simulators compute nothing but NaN or zeros."""
    for number in numbers:
        if 0 < number < 1e-9 or 1e9 < number < math.inf:
            raise ValidationError(
                f"expected 0 or a number from 1e-9 to 1e9, got {number}", attr=attr
            )
