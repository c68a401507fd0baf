"""Beside the papers' results, where the data set is one of theirs."""

from ..evaluation import wilson
from ..tables import PrintedTable
from . import words
from .records import Section

N_TEST = 10_000
"""Test images of MNIST and CIFAR-10, on which the papers' errors are."""

_IN_2016 = "Hunsberger and Eliasmith, arXiv:1611.05141, 2016, table of main results"
_IN_2015 = "Hunsberger and Eliasmith, arXiv:1510.08829, 2015, as others quote it"
_IN_2020 = "Lee et al., Frontiers in Neuroscience 14:119, 2020, as others quote it"

PUBLISHED = {
    "mnist": ((0.88, _IN_2016), (1.63, _IN_2015), (0.41, _IN_2020)),
    "cifar10": ((16.46, _IN_2016), (17.05, _IN_2015), (9.05, _IN_2020)),
}
"""Errors in spikes, in percent, and where they are from."""


def compare(records):
    """Published errors in spikes, and ours, all with their intervals."""
    found = records.evaluation
    published = PUBLISHED.get(found.dataset)
    if published is None or found.times is None:
        return None
    interval = found.error_interval_percent
    rows = [
        (
            f"this network, {found.network}",
            f"{found.n_examples:,}",
            words.percent(found.error_percent),
            words.interval(interval),
        )
    ]
    for error, source in published:
        bounds = wilson(round(N_TEST * error / 100), N_TEST)
        theirs = words.interval([100 * p for p in bounds])
        rows.append((source, f"{N_TEST:,}", words.percent(error), theirs))
    table = PrintedTable(("in spikes", "images", "error", "95 % interval"), rows)
    return Section(
        "papers",
        "Against the papers",
        "Errors in spikes. Intervals are computed from numbers of images alone; of "
        "other training runs they say nothing.",
        details={"table": table},
    )
