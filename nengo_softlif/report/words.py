"""Numbers as readers of a report see them."""

from ..tables import in_ms


def percent(value):
    """Write a share in percent: ``0.83 %``."""
    return f"{value:.2f} %"


def interval(pair):
    """Write an interval in percent: ``0.28 to 2.42 %``."""
    low, high = pair
    return f"{low:.2f} to {high:.2f} %"


def points(difference):
    """Write a paired difference: ``+0.28 points (-0.62 to +1.19)``."""
    low, high = difference.interval_points
    return f"{difference.points:+.2f} points ({low:+.2f} to {high:+.2f})"


def count(value):
    """Write a number with as many digits as one can read: ``10,662``, ``450 k``."""
    for size, letter in ((1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:,.2f} {letter}"
    return f"{value / 1e3:,.0f} k" if value >= 1e5 else f"{value:,.0f}"


def joules(value):
    """Write an energy in the unit that fits: ``12.4 µJ``."""
    for size, unit in ((1, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-12:.3g} pJ"


def rate(value):
    """Write a firing rate: ``24.9 Hz``."""
    return f"{value:.1f} Hz"


def share(part, whole):
    """Write a part of neurons: ``2.0 %``."""
    return f"{100 * part / whole:.1f} %"


def time(seconds):
    """Write a time: ``35 ms``."""
    return in_ms(round(seconds, 9))


def floor(errors, n_examples):
    """Where a logarithmic axis of errors ends, in percent.

    Below all errors; none at all are drawn at half an image.
    """
    lowest = 0.8 * min(errors)
    return min(20.0, max(lowest, 50 / n_examples))
