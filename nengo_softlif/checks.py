"""Checks of arguments that many functions take."""

import difflib
import math
import numbers
import warnings

import nengo
import numpy as np
from nengo.exceptions import NengoWarning, ValidationError
from nengo.params import NumberParam

LARGEST_SEED = 2**32 - 1
"""Seeds are those of NumPy's RandomState."""

LARGEST_PARAMETER = 1e9
"""No parameter of our neurons is larger, or smaller than its inverse."""


def check_number(attr, value, what, low, low_open=False, high=np.inf):
    """Refuse what is not a number in ``[low, high)``, or with low_open above low."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not low <= value < high or (low_open and value == low):
        raise ValidationError(f"expected {what}, got {value!r}", attr=attr)


def check_whole(attr, value, low, high=None):
    """Refuse what is not a whole number from low to high."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        limits = f"from {low} on" if high is None else f"from {low} to {high}"
        raise ValidationError(
            f"expected a whole number {limits}, got {value!r}", attr=attr
        )


def whole_pair(attr, value):
    """Return height and width, of which one number gives both; refuse all else."""
    pair = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(pair) != 2:
        raise ValidationError(
            f"expected a whole number, or two for height and width, got {value!r}",
            attr=attr,
        )
    for length in pair:
        check_whole(attr, length, 1)
    return pair


def whole_shape(attr, value, signals=False):
    """Return the shape of images, (height, width, channels); refuse all else.

    Tables may be given as (n_values,), and signals as (n_steps, channels), too: they
    are images of one pixel, or one row.
    """
    shape = tuple(value) if np.ndim(value) == 1 else ()
    if len(shape) == (2 if signals else 1):
        shape = (1, 1, *shape)[-3:]
    if len(shape) != 3 or (signals and shape[0] != 1):
        wanted = (
            "(steps, channels), such as (64, 1)"
            if signals
            else "(height, width, channels), such as (28, 28, 1)"
        )
        raise ValidationError(f"expected {wanted}, got {value!r}", attr=attr)
    for length in shape:
        check_whole(attr, length, 1)
    return shape


def check_seconds(attr, seconds, such_as):
    """Refuse what is no positive number of seconds; an example is for the error."""
    what = f"a positive number of seconds, such as {such_as:g}"
    check_number(attr, seconds, what, 0, low_open=True)


def warn_of_seconds(attr, tau):
    """Say what the unit is, of a time constant that looks like milliseconds."""
    if tau > 1:
        warnings.warn(
            f"{attr}={tau:g} is a time constant in seconds, longer than any example "
            f"is shown; if milliseconds were meant, give {tau / 1000:g}",
            NengoWarning,
            stacklevel=3,
        )


def count_steps(presentation_time, dt):
    """Count the time steps of a presentation; refuse what is no multiple of them."""
    n_steps = round(presentation_time / dt)
    if n_steps < 1 or abs(presentation_time / dt - n_steps) > 1e-6 * n_steps:
        raise ValidationError(
            f"expected a multiple of dt = {dt:g} s, got {presentation_time!r} s",
            attr="presentation_time",
        )
    return n_steps


def suggest(name, known):
    """Name those of the known names that are close to one that is not."""
    close = difflib.get_close_matches(str(name), [str(other) for other in known])
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def range_of(values):
    """Write the range of numbers."""
    low, high = np.min(values), np.max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def network_of(network):
    """Find the network where one, or a model, may be given; refuse all else."""
    if isinstance(network, nengo.Network):
        return network
    found = getattr(network, "network", None)
    if not isinstance(found, nengo.Network):
        raise ValidationError(
            f"expected a nengo.Network or a Model, got {network!r}", attr="network"
        )
    return found


def changed(frozen, **changes):
    """Return an object of Nengo's frozen kind like this one, with other parameters.

    They are not checked again.
    """
    cls = type(frozen)
    new = cls.__new__(cls)
    state = {**frozen.__getstate__(), **changes}
    state.pop("_FrozenObject__argreprs", None)  # what repr last said
    new.__setstate__(state)
    return new


class FiniteParam(NumberParam):
    """A parameter that holds a number, but neither NaN nor infinity."""

    def coerce(self, instance, value):
        """Refuse what Nengo's bounds let through, or fail at."""
        try:
            finite = math.isfinite(value)
        except OverflowError:  # a whole number that no float can hold
            finite = False
        except TypeError:  # no number: Nengo says so
            finite = True
        if not finite:
            raise ValidationError(
                f"expected a finite number, got {value}", attr=self.name, obj=instance
            )
        return super().coerce(instance, value)


class BoundedParam(FiniteParam):
    """A number with which rates can be computed, in float32 too."""

    def coerce(self, instance, value):
        """Refuse what would not keep to the laws of the curve."""
        value = super().coerce(instance, value)
        low, high = 1 / LARGEST_PARAMETER, LARGEST_PARAMETER
        if value != 0 and not low <= value <= high:
            raise ValidationError(
                f"must lie between {low:g} and {high:g}, got {value:g}; beyond, "
                "floating point numbers cannot hold the rates, or keep them in order",
                attr=self.name,
                obj=instance,
            )
        return value
