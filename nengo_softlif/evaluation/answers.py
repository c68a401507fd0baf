"""From the outputs of a network over time to its answers, and when it decides."""

import numpy as np
from nengo.exceptions import ValidationError

from ..machine import memory

Z = 1.959963984540054
"""Standard normal quantile of two-sided 95 % intervals."""

RECORD_EVERY = 0.005
"""Seconds between the times at which answers are recorded."""

TOLERANCE_PERCENT = 0.5
"""How far from the final error a decision may be, for the time to decide."""


def readout_steps(n_steps, dt, window=0.0):
    """When the answer is recorded, and from when on each answer averages.

    Parameters
    ----------
    n_steps : int
        Steps per image. Step ``k``, counted from one, ends at time ``k dt``.
    dt : float
        Length of a step in seconds.
    window : float
        Start of the readout window in seconds.

    Returns
    -------
    steps : (n_times,) ndarray of int
        Steps at which the answer is recorded: every 5 ms from ``window`` on,
        and the last.
    first : (n_times,) ndarray of int
        First step of each mean: that of time ``max(window, t / 2)``.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> steps, first = evaluation.readout_steps(20, dt=0.001)
    >>> steps, first
    (array([ 5, 10, 15, 20]), array([ 3,  5,  8, 10]))
    """
    every = max(1, round(RECORD_EVERY / dt))
    steps = np.union1d(np.arange(every, n_steps + 1, every), n_steps)
    opening = window / dt - 1e-6  # a time that is that of a step belongs to it
    steps = steps[steps >= opening]
    first = np.ceil(np.maximum(opening, steps / 2)).astype(int)
    return steps, np.maximum(first, 1)


def check_memory(n_steps, n_values, what="output values"):
    """Refuse presentations whose outputs do not fit into the machine's memory.

    So many values come in each step; of outputs `decide` makes sums in float64.
    """
    n_bytes = 8 * n_steps * n_values
    if n_bytes > memory():
        raise ValidationError(
            f"{n_steps:,.0f} steps of {n_values} {what} take "
            f"{n_bytes / 1e9:,.0f} GB, but the machine has {memory() / 1e9:.0f} GB; "
            "show images for a shorter time, or fewer at a time",
            attr="presentation_time",
        )


def decide(outputs, steps, first):
    """Classes with the largest mean output.

    Parameters
    ----------
    outputs : (n, n_steps, n_classes) ndarray
        Output of the network in each step.
    steps, first : (n_times,) ndarray of int
        Last and first step of each mean, counted from one.

    Returns
    -------
    (n, n_times) ndarray of int
        The classes.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> outputs = np.zeros((1, 20, 3))
    >>> outputs[:, :10, 1], outputs[:, 10:, 2] = 1, 2
    >>> steps, first = evaluation.readout_steps(20, dt=0.001)
    >>> evaluation.decide(outputs, steps, first)
    array([[1, 1, 2, 2]])
    """
    sums = _sums(outputs, steps, first)
    return np.argmax(sums, axis=2)  # the sum has its largest value where the mean has


def confidences(outputs, steps, first):
    """How sure a network is of its answers: the softmax of its mean output.

    Parameters are those of `decide`.

    Returns
    -------
    (n, n_times) ndarray
        Of the class that is answered: its probability, if outputs are logits, as `.fit`
        makes them.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> steps, first = evaluation.readout_steps(20, dt=0.001)
    >>> evaluation.confidences(np.zeros((1, 20, 4)), steps, first)
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    means = average(outputs, steps, first)
    means -= means.max(axis=2, keepdims=True)
    return 1 / np.exp(means).sum(axis=2)  # of the largest, the exponential is one


def stop(confidences, confidence):
    """When each image is answered for good: once the network is sure enough of it.

    Parameters
    ----------
    confidences : (n, n_times) ndarray
        What the function of that name returned.
    confidence : float
        Enough. What is never that sure stops at the last time.

    Returns
    -------
    (n,) ndarray of int
        Places among the times.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> evaluation.stop(np.array([[0.3, 0.8, 0.9], [0.2, 0.3, 0.4]]), 0.75)
    array([1, 2])
    """
    sure = confidences >= confidence
    sure[:, -1] = True
    return np.argmax(sure, axis=1)


def average(outputs, steps, first):
    """Mean outputs from the steps ``first`` to ``steps``: (n, n_times, size)."""
    return _sums(outputs, steps, first) / (steps - first + 1)[:, np.newaxis]


def _sums(outputs, steps, first):
    """Sum outputs from the steps ``first`` to ``steps``: (n, n_times, n_classes)."""
    sums = np.cumsum(outputs, axis=1, dtype=np.float64)
    sums = np.pad(sums, [(0, 0), (1, 0), (0, 0)])
    return sums[:, steps] - sums[:, first - 1]


def time_to_decide(times, errors):
    """First time after which the error stays within 0.5 points of its final value.

    Parameters
    ----------
    times : (n_times,) array_like
        Increasing times in seconds.
    errors : (n_times,) array_like
        Error in percent at these times.

    Returns
    -------
    float
        One of the times.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> evaluation.time_to_decide([0.01, 0.02, 0.03], [50, 2.2, 2])
    0.02
    """
    # an error of a half point is within half a point, whatever the rounding
    far = np.abs(np.subtract(errors, errors[-1])) > TOLERANCE_PERCENT + 1e-9
    after = np.flatnonzero(far)[-1] + 1 if far.any() else 0
    return float(np.round(times[after], 9))
