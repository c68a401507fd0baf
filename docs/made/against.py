"""Measured beside published, from docs/results/*.json."""

from typing import NamedTuple

import nengo_softlif
from nengo_softlif.evaluation import wilson
from nengo_softlif.experiments import Findings
from nengo_softlif.experiments.published import NUMBERS
from nengo_softlif.registry import EXPERIMENTS, TRAINED

from .ledger import write_ledger
from .records import Measured, Results, paired
from .showing import table


def write(results, folder):
    """Write what docs/against_the_papers.rst includes.

    Parameters
    ----------
    results : Path
        Where records are. Rows and findings whose records are missing do not appear.
    folder : Path
        Where pages include from.
    """
    results = Results(results)
    parts = {
        **{f"against-{name}": _table(rows, results) for name, rows in ROWS.items()},
        "against-trained": _trained(results),
        "against-findings": write_ledger(results),
        "against-experiments": _experiments(results),
    }
    for name, text in parts.items():
        (folder / f"{name}.inc").write_text(text or "Nothing measured yet.\n")


PLAIN = "lower", "higher"
"""Of what is no gain by itself: few spikes are little worth where errors are many."""


class Row(NamedTuple):
    """A number that was measured, and those published that it is held against."""

    what: str
    published: tuple
    records: tuple  # of groups of names: the first that is there is taken
    measure: callable
    words: tuple = ("better", "worse")  # where it is lower, and higher


def _error(record):
    return Measured(record.error_percent, tuple(record.error_interval_percent))


def _rate(record):
    return Measured(record.mean_rate_hz, form="{:.1f}")


def _fastest(findings):
    """Soonest of the synapses whose final error is within 0.3 points of the lowest."""
    lowest = min(row["error_percent"] for row in findings.rows)
    near = [row for row in findings.rows if row["error_percent"] <= lowest + 0.3]
    return Measured(1000 * min(row["time_to_decide"] for row in near), form="{:g}")


def _efficiency(findings):
    """Best of the readouts whose error is within 0.1 points of the lowest."""
    lowest = min(row["error_percent"] for row in findings.rows)
    near = [row for row in findings.rows if row["error_percent"] <= lowest + 0.1]
    return Measured(max(row["efficiency"]["with_input"] for row in near))


def _lenet(report):
    found = report["results"][-1]
    return Measured(found["error_percent"], tuple(found["error_interval_percent"]))


ROWS = {
    "cifar10": (
        Row(
            "error in spikes, %, the papers' network, alpha 5 ms, 200 ms",
            ("cifar10-spikes-2015", "cifar10-spikes-2016"),
            (("cifar10-paper-spikes",), ("cifar10-engine",)),
            _error,
        ),
        Row(
            "error as rates, %, the papers' network",
            ("cifar10-rates-2016",),
            (("cifar10-paper-rate",), ("cifar10-rate",)),
            _error,
        ),
        Row(
            "from rates to spikes, points, the papers' network",
            ("cifar10-conversion",),
            (
                ("cifar10-paper-rate", "cifar10-paper-spikes"),
                ("cifar10-rate", "cifar10-engine"),
            ),
            paired,
        ),
        Row(
            "mean rate, Hz, the papers' network",
            ("cifar10-hertz",),
            (("cifar10-paper-spikes",), ("cifar10-engine",)),
            _rate,
            PLAIN,
        ),
        Row(
            "error in spikes, %, our best network of LIF neurons, converted",
            ("cifar10-original-2015", "cifar10-spikes-2016", "cifar10-lee"),
            (("cifar10-best-spikes",),),
            _error,
        ),
        Row(
            "its mean rate, Hz",
            ("cifar10-hertz",),
            (("cifar10-best-spikes",),),
            _rate,
            PLAIN,
        ),
        Row(
            "its time to decide, ms, soonest synapse within 0.3 points",
            ("cifar10-shortest",),
            (("cifar10-best-decision-time",),),
            _fastest,
            PLAIN,
        ),
        Row(
            "its efficiency, by the papers, within 0.1 points",
            ("cifar10-efficiency",),
            (("cifar10-best-rates-and-energy",),),
            _efficiency,
            PLAIN,
        ),
    ),
    "mnist": (
        Row(
            "error in spikes, %, the papers' network, alpha 5 ms, 200 ms",
            ("mnist-spikes-2015", "mnist-spikes-2016"),
            (("mnist-paper-spikes",), ("mnist-gaussian-spiking",)),
            _error,
        ),
        Row(
            "error as rates, %, the papers' network",
            ("mnist-rates-2016",),
            (("mnist-paper-rate",), ("mnist-gaussian-rate",)),
            _error,
        ),
        Row(
            "mean rate, Hz, the papers' network",
            ("mnist-hertz",),
            (("mnist-paper-spikes",), ("mnist-gaussian-spiking",)),
            _rate,
            PLAIN,
        ),
        Row(
            "error in spikes, %, our best network of LIF neurons, converted",
            ("mnist-spikes-2016", "mnist-lee"),
            (("mnist-best-spikes",),),
            _error,
        ),
        Row(
            "its mean rate, Hz",
            ("mnist-hertz",),
            (("mnist-best-spikes",),),
            _rate,
            PLAIN,
        ),
        Row(
            "its efficiency, by the papers, within 0.1 points",
            ("mnist-efficiency",),
            (("mnist-best-rates-and-energy",),),
            _efficiency,
            PLAIN,
        ),
        Row(
            "error, %, Lee et al.'s LeNet, trained in spikes",
            ("mnist-lee",),
            (("spikes-lenet",),),
            _lenet,
        ),
    ),
    "chip": (
        Row(
            "CIFAR-10, error, %",
            ("cifar10-loihi",),
            (("cifar10-best-chip",), ("cifar10-loihi-emulator",)),
            _error,
        ),
        Row(
            "MNIST, error, %",
            ("mnist-loihi",),
            (("mnist-best-chip",), ("mnist-plain-emulator",)),
            _error,
        ),
    ),
}
"""By the include that has them."""


def _table(rows, results):
    lines = []
    for row in rows:
        names, found = results.first(row.records)
        if names is None:
            continue
        measured = row.measure(*found)
        first = [
            row.what + results.epochs(found[-1]),
            str(measured),
            ", ".join(f"``{name}``" for name in names),
        ]
        for name in row.published:
            known, (what, value, file) = NUMBERS[name], first
            word = _judge(measured, known, row.words)
            source = f"{known.work} ({known.source}; {known.sure})"
            published = measured.form.format(known.value)
            lines.append((what, value, word, published, source, file))
            first = ["", "", ""]
    head = "", "measured", "", "published", "of", "record"
    return table(head, lines, "results")


def _judge(measured, known, words):
    """Say which is lower; not more than the intervals allow."""
    low, high = measured.interval or (measured.value, measured.value)
    known_low = known_high = known.value
    if known.images is not None:  # few enough for chance to matter
        wrong = round(known.value * known.images / 100)
        known_low, known_high = (100 * p for p in wilson(wrong, known.images))
    if high < known_low:
        return words[0]
    if low > known_high:
        return words[1]
    return "the same" if low == high else "the same within chance"


# -- what else the page has ------------------------------------------------------------


def _trained(results):
    """List the models that come with the package, from what is in their files."""
    lines = []
    for name in TRAINED:
        model, path = nengo_softlif.load(name), nengo_softlif.loading.locate(name)
        lines.append(
            (
                f"``{name}``",
                f"``networks.{model.source['function']}``" if model.source else "",
                f"{model.network.n_neurons:,}",
                results.trainings.get(name, {}).get(
                    "epochs", len(model.history["loss"])
                ),
                (model.training or {}).get("trainer") or "fit",
                f"{path.stat().st_size / 1e6:.1f}",
            )
        )
    return table(
        ("name", "network", "neurons", "epochs", "trained by", "MB"), lines, "results"
    )


def _experiments(results):
    lines = []
    for name in results.names():
        (record,) = results.find([name])
        if isinstance(record, Findings):
            shows = EXPERIMENTS[record.experiment].shows
            lines += [f"*{record.experiment}* (``{name}.json``): {shows}", ""]
            lines += [".. plot::", f"   :alt: {shows}", "   :width: 100%", ""]
            lines += ["   from made import showing", ""]
            lines += [f'   showing.experiment("results/{name}.json")', ""]
            lines += [".. dropdown:: Its table, and how to measure it again", ""]
            table = (f"      {line}".rstrip() for line in str(record).splitlines())
            lines += ["   ::", "", *table, ""]
            hours = record.seconds / 3600
            lines += [f"   Made by ``{record.command}``, in {hours:.1f} hours.", ""]
    return "\n".join(lines)
