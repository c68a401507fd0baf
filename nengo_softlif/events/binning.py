"""Events into frames: how many there are in each step of time."""

import math
from itertools import pairwise

import numpy as np
from nengo.exceptions import ValidationError

from ..checks import check_number, check_whole
from ..machine import memory
from ..tables import format_size
from .arrays import check_ranges, checked_size, join


def frames(events, sensor_size, dt=0.001, n_steps=None):
    """Count the events of each pixel and polarity in each step of time.

    Parameters
    ----------
    events : sequence of structured arrays
        Those of each example, with fields ``t``, ``x``, ``y`` and ``p`` of whole
        numbers (see the top of this page). There may be none. Where the sensor has but
        one row, ``y`` may be missing; with one polarity, ``p`` is not looked at.
    sensor_size : (int, int, int)
        Width, height and number of polarities, in tonic's order.
    dt : float
        Length of a step in seconds: a whole number of microseconds.
    n_steps : int, optional
        How many steps; by default as many as the last event needs.

    Returns
    -------
    (n, n_steps, height, width, n_polarities) ndarray of unsigned int
        Of the smallest type that holds them. Step ``k``, counted from 0, has the
        events from ``k dt`` on and before ``(k + 1) dt``.

    Raises
    ------
    ValidationError
        If events are out of order or out of range, come after the last step, or are
        none, or frames would take more than half of the machine's memory.

    Notes
    -----
    With times that begin at 0, ``tonic.transforms.ToFrame(sensor_size,
    time_window=1e6 * dt, include_incomplete=True)`` counts the same, but has the axes
    (step, polarity, height, width).

    Examples
    --------
    >>> seen = np.array([(0, 1, 1, 0), (2500, 2, 3, 1)],
    ...                 dtype=[(name, int) for name in "txyp"])
    >>> softlif.events.frames([seen], (4, 4, 2)).shape
    (1, 3, 4, 4, 2)
    """
    sensor_size = checked_size("sensor_size", sensor_size)
    table, offsets = join("events", events, sensor_size)
    check_ranges("events", table, offsets, sensor_size)
    return bin_events("events", table, offsets, sensor_size, microseconds(dt), n_steps)


def bin_events(attr, table, offsets, sensor_size, period, n_steps):
    """Count events in steps of so many microseconds."""
    needed = n_needed(attr, table, period, n_steps)
    n_steps = needed if n_steps is None else int(n_steps)
    width, height, n_polarities = sensor_size
    shape = (len(offsets) - 1, n_steps, height, width, n_polarities)
    check_memory(shape, attr)
    time, x, y, polarity = table.T
    place = ((time // period * height + y) * width + x) * n_polarities + polarity
    counted = np.zeros((shape[0], int(np.prod(shape[1:]))), np.uint8)
    for i, (start, stop) in enumerate(pairwise(offsets)):
        places, counts = np.unique(place[start:stop], return_counts=True)
        enough = np.min_scalar_type(counts.max(initial=0))
        counted = counted.astype(np.promote_types(counted.dtype, enough), copy=False)
        counted[i, places] = counts
    return counted.reshape(shape)


def n_needed(attr, table, period, n_steps):
    """How many steps the last event needs, if there are no more than ``n_steps``."""
    needed = int(table[:, 0].max(initial=0)) // period + 1
    if n_steps is not None:
        check_whole("n_steps", n_steps, 1)
        if needed > n_steps:
            raise ValidationError(
                f"expected events before {n_steps * period:,} microseconds, the end of "
                f"{n_steps} steps of {period:,}, got one at {table[:, 0].max():,}; use "
                f"n_steps={needed}, longer steps, or leave later events out: "
                f"events[events['t'] < {n_steps * period}]",
                attr=attr,
            )
    return needed


def check_memory(shape, attr):
    """Refuse frames that take more than half of the machine's memory."""
    n_bytes = math.prod(int(length) for length in shape)
    if 2 * n_bytes > memory():
        raise ValidationError(
            f"{shape[0]} examples of {shape[1]:,} frames of {format_size(shape[2:])} "
            f"take {n_bytes / 1e9:,.4g} GB of memory, but this machine has "
            f"{memory() / 1e9:.1f} GB, of which half is left for the work; use fewer "
            "examples, or fewer and longer steps (times are in microseconds)",
            attr=attr,
        )


def microseconds(dt):
    """Length of a step in whole microseconds."""
    check_number("dt", dt, "a positive number of seconds", 0, low_open=True)
    period = round(1e6 * dt)
    if period < 1 or abs(1e6 * dt - period) > 1e-6 * period:
        raise ValidationError(
            f"expected a whole number of microseconds, such as 0.001 s, got {dt!r} s",
            attr="dt",
        )
    return period
