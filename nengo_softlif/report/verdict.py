"""What stands at the top: a sentence, and the main numbers."""

from ..evaluation import difference
from ..experiments import energy
from . import words
from .costs import updates
from .records import Section


def summarise(records):
    """The main numbers, and one sentence made of them."""
    evaluation = records.evaluation
    return Section(
        "verdict",
        f"{evaluation.network} on {evaluation.dataset}",
        sentence(records),
        details={"tiles": [tile for tile in _tiles(records) if tile]},
    )


def sentence(records):
    """Say what was found, and whether it could be chance."""
    found, rates, chip = records.evaluation, records.rates, records.chip
    how = "" if found.times is None else "In spikes, "
    if found.chip is not None:
        how = "On the chip, "
    said = (
        f"{how}{words.percent(found.error_percent)} of {found.n_examples:,} test "
        "images are answered wrongly"
    )
    if found.time_to_decide is not None:
        after, shown = found.time_to_decide, found.presentation_time
        said += (
            f", and the error is within half a point of that after {words.time(after)} "
            f"of {words.time(shown)}"
        )
    if rates is not None and found.times is not None:
        said += f"; that is {_compared(rates[1], found, 'against its rates')}"
    if chip is not None:
        said += f"; on the chip it is {_compared(found, chip[1], 'against spikes')}"
    return f"{said}."


def _compared(a, b, against):
    """Write a paired difference, and whether it could be chance."""
    found = difference(a, b)
    low, high = found.interval_points
    chance = "may be chance" if low <= 0 <= high else "is no chance"
    return f"{words.points(found)} {against}, which {chance}"


def _tiles(records):
    found = records.evaluation
    where = " in spikes" if found.chip is None else " on the chip"
    yield (
        "error" if found.times is None else f"error{where}",
        words.percent(found.error_percent),
        words.interval(found.error_interval_percent),
    )
    if records.chip is not None:
        chip = records.chip[1]
        yield (
            "error on the chip",
            words.percent(chip.error_percent),
            words.interval(chip.error_interval_percent),
        )
    if found.times is None:
        return
    yield (
        "within 0.5 points after",
        words.time(found.time_to_decide),
        f"of {words.time(found.presentation_time)} shown",
    )
    n = records.n_neurons
    yield (
        "spikes per image",
        words.count(found.spikes_per_image),
        f"{sum(n.values()):,} neurons" if n else words.rate(found.mean_rate_hz),
    )
    synops = found.synops_per_image["direct"]
    if synops is not None:
        yield "synaptic operations", words.count(synops), "per image"
    if synops is not None and n:
        device = energy.DEVICES[0]
        joules = energy.joules(device, synops, updates(records))
        yield "energy, estimated", words.joules(joules), f"published for {device.name}"
