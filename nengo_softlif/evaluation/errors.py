"""How far values are from those that were wanted, with intervals."""

import numpy as np

from .answers import Z


def rmse(residuals):
    r"""Root of the mean squared error, and its 95 % interval.

    Parameters
    ----------
    residuals : (n, n_values) ndarray
        Answers less targets.

    Returns
    -------
    float
        In the unit of the values.
    list of float
        The interval of a mean, that of squared errors of examples, from which the root
        is taken: :math:`m \pm 1.96\, s / \sqrt n`. Of one example it is the number.
    """
    squares = np.mean(np.square(residuals), axis=1)
    mean, half = squares.mean(), half_interval(squares)
    interval = [max(mean - half, 0.0), mean + half]
    return float(np.sqrt(mean)), np.sqrt(interval).tolist()


def r2(residuals, targets):
    r"""Part of the variance of targets that answers explain, and its 95 % interval.

    Parameters
    ----------
    residuals, targets : (n, n_values) ndarray
        Answers less targets, and targets.

    Returns
    -------
    float
        The mean over values of :math:`R^2 = 1 - a / b`, with the mean squared error
        :math:`a` and the variance :math:`b`. As in scikit-learn, of values that are
        all the same it is one if they are answered exactly, or else zero.
    list of float
        By the delta method: examples move :math:`R^2` by
        :math:`-(r_i^2 - a) / b + a\, ((y_i - \bar y)^2 - b) / b^2`, which is a mean.
    """
    squares = np.square(residuals)
    spread = np.square(targets - targets.mean(axis=0))
    a, b = squares.mean(axis=0), spread.mean(axis=0)
    varies = _varies(b, targets)
    value = float(explained(a, targets).mean())
    a, b = a[varies], b[varies]
    moves = -(squares[:, varies] - a) / b + a * (spread[:, varies] - b) / b**2
    half = half_interval(moves.sum(axis=1) / len(varies))
    return value, [value - half, min(value + half, 1.0)]


def explained(mean_squares, targets):
    """R2 of each value, for mean squared errors (..., n_values)."""
    b = targets.var(axis=0)
    varies = _varies(b, targets)
    part = mean_squares / np.where(varies, b, 1)
    return np.where(varies, 1 - part, (mean_squares == 0) * 1.0)


def half_interval(values):
    """Half the width of the 95 % interval of the mean of values, (n,)."""
    if len(values) < 2:
        return 0.0
    return float(Z * np.std(values, ddof=1) / np.sqrt(len(values)))


def _varies(variance, targets):
    """Which values vary, by more than rounding leaves."""
    return variance > (1e-12 * np.abs(targets).max(axis=0)) ** 2
