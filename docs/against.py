"""Measured beside published, and what was found: all from docs/results/*.json."""

import csv
import io
import json
from pathlib import Path
from typing import NamedTuple

import nengo_softlif
from nengo_softlif.evaluation import Evaluation, Ladder, difference, wilson
from nengo_softlif.experiments import Findings
from nengo_softlif.experiments.published import NUMBERS
from nengo_softlif.registry import TRAINED


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
        "against-trained": _trained(),
        "against-findings": _ledger(results),
        "against-experiments": _experiments(results),
    }
    for name, text in parts.items():
        (folder / f"{name}.inc").write_text(text or "Nothing measured yet.\n")


class Results:
    """Records in a folder, by the names of their files."""

    def __init__(self, folder):
        self.folder = Path(folder)
        path = self.folder / "trainings.json"
        self.trainings = json.loads(path.read_text()) if path.exists() else {}
        self._loaded = {}

    def names(self):
        """All that are there."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def find(self, names):
        """Load the records of these names; None if one is missing."""
        paths = [self.folder / f"{name}.json" for name in names]
        if not all(path.exists() for path in paths):
            return None
        return [self._load(path) for path in paths]

    def first(self, choices):
        """Load the first of several groups of records that is there, and name it."""
        for names in choices:
            found = self.find(names)
            if found is not None:
                return names, found
        return None, None

    def _load(self, path):
        if path not in self._loaded:
            self._loaded[path] = load(path)
        return self._loaded[path]

    def epochs(self, record):
        """How long the model of an evaluation was trained, in words if it is known."""
        words = (getattr(record, "command", None) or "").split()
        models = [Path(word).stem for word in words[2:3]]
        known = [self.trainings[name] for name in models if name in self.trainings]
        said = [f"{known[0]['epochs']} epochs"] if known else []
        if getattr(record, "dataset", None) == "cifar10":
            said.append("JPEG copy")
        return f" ({', '.join(said)})" if said else ""


def load(path):
    """Load a record of whichever kind."""
    record = json.loads(path.read_text())
    if isinstance(record, dict):
        kinds = {"experiment": Findings, "rungs": Ladder, "predictions": Evaluation}
        for key, kind in kinds.items():
            if key in record:
                return kind.load(path)
    return record


# -- measured beside published ---------------------------------------------------------


class Measured(NamedTuple):
    """A number, its 95 % interval if it has one, and how it is written."""

    value: float
    interval: tuple | None = None
    form: str = "{:.2f}"

    def __str__(self):
        """Write it with its interval."""
        text = self.form.format(self.value)
        if self.interval is not None:
            low, high = (self.form.format(limit) for limit in self.interval)
            text += f" ({low} to {high})"
        return text


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


def _paired(a, b, time=None):
    found = difference(a, b, time)
    return Measured(found.points, tuple(found.interval_points), "{:+.2f}")


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
            _paired,
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
    return _csv(("", "measured", "", "published", "of", "record"), lines)


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


def _csv(head, lines):
    if not lines:
        return ""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *lines])
    body = "".join(f"   {line}\n" for line in text.getvalue().splitlines())
    options = "   :header-rows: 1\n   :class: results\n"
    return f".. csv-table::\n{options}\n{body}"


# -- the ledger ------------------------------------------------------------------------


def _effect(measured):
    """Say in words what something did to the error, and not more than is known."""
    low, high = measured.interval
    points = f"{measured} points"
    if low <= 0 <= high:
        return f"made no difference beyond chance: {points}"
    return f"{'lowered' if high < 0 else 'raised'} the error: {points}"


def _noise_on_mnist(none, gaussian):
    effects = [
        f"after {1000 * time:g} ms it {_effect(_paired(none, gaussian, time))}"
        for time in (0.2, 0.06, 0.04)
    ]
    known = NUMBERS["noise-2015"]
    return (
        "Noise of 10 Hz in training, one MNIST network with it and one without: "
        f"{'; '.join(effects)}. {known.work} report {known.value:+.1f} points for "
        "CIFAR-10."
    )


def _over_seeds(findings):
    """Tell of the rows of an experiment that are held against another row."""
    used, told, n_others = findings.settings, [], 0
    for row in findings.rows:
        if row["difference_points"] is None:
            continue
        interval = tuple(row["interval_points"])
        points = Measured(row["difference_points"], interval, "{:+.2f}")
        if interval[0] <= 0 <= interval[1]:
            n_others += 1
        else:
            kinds = ("noise", "modification", "lever")
            name = next(row[kind] for kind in kinds if kind in row)
            told.append(f"``{name}`` ({row['readout']}) {_effect(points)}")
    seeds = len(used["seeds"])
    told.append(f"{n_others} of {n_others + len(told)} made none beyond chance")
    return (
        f"Experiment {findings.experiment} on {used['data']}, {seeds} "
        f"seed{'s' * (seeds > 1)}, {used['epochs']} epochs, differences: "
        f"{'; '.join(told)}. One in twenty is beyond chance by chance."
    )


def _conversion(rate, spikes):
    return (
        f"Rebuilding the network {rate.network} for {rate.dataset} in spikes, "
        f"{spikes.synapse}, {1000 * spikes.presentation_time:g} ms: "
        f"it {_effect(_paired(rate, spikes))}."
    )


def _chip(spikes, chip):
    return (
        f"Putting the spiking network {spikes.network} for {spikes.dataset} on the "
        f"emulated chip: it {_effect(_paired(spikes, chip))}."
    )


def _for_the_chip(before, after):
    rates = [
        f"{record.mean_rate_hz:.1f} Hz, {record.spikes_per_image:,.0f} spikes an image"
        for record in (before, after)
    ]
    return (
        "Training an MNIST network on for the chip, against training on as before, "
        f"on the emulated chip both: it {_effect(_paired(before, after))}; it fires at "
        f"{rates[1]} instead of {rates[0]}."
    )


def _tuned(report):
    converted = next(row for row in report["rows"] if row["name"] == "converted")
    tuned = [row for row in report["rows"] if "history" in row]
    best = min(tuned, key=lambda row: row["short"]["error_percent"])
    short, before, long = best["short"], converted["short"], converted["long"]
    shown, longer = (1000 * record["presentation_time"] for record in (short, long))
    n_epochs = len(best["history"]["loss"])
    return (
        f"Tuning a converted {short['dataset']} network in spikes ({best['name']}, "
        f"best of {len(tuned)}, {n_epochs} epochs at {shown:g} ms): "
        f"{before['error_percent']:.2f} to {short['error_percent']:.2f} % at {shown:g} "
        f"ms; the converted one has {long['error_percent']:.2f} % after {longer:g} ms."
    )


def _lee(report):
    found, known = report["results"][-1], NUMBERS["mnist-lee"]
    return (
        f"Lee et al.'s LeNet in spikes: {found['error_percent']:.2f} % at "
        f"{1000 * found['presentation_time']:g} ms, after "
        f"{report['settings']['epochs']} epochs, where they have {known.value:.2f} % "
        "after 125."
    )


def _moving(report):
    spikes, rates, converted = report["ways"]
    told = [
        f"{row['label']} {row[spikes]['error_percent']:.1f} % ({spikes}), "
        f"{row[rates]['error_percent']:.1f} % ({rates}), "
        f"{row[converted]['error_percent']:.1f} % ({converted})"
        for row in report["rows"]
    ]
    n = report["settings"]["test"]
    return f"Moving digits, errors on {n:,} test examples: {'; '.join(told)}."


LEDGER = (
    (_noise_on_mnist, ("mnist-none-spiking", "mnist-gaussian-spiking")),
    (_over_seeds, ("noise-mnist",)),
    (_over_seeds, ("noise-cifar10",)),
    (_over_seeds, ("modifications",)),
    (_over_seeds, ("levers",)),
    (_conversion, ("mnist-gaussian-rate", "mnist-gaussian-spiking")),
    (_conversion, ("mnist-none-rate", "mnist-none-spiking")),
    (_conversion, ("cifar10-rate", "cifar10-engine")),
    (_conversion, ("cifar10-paper-rate", "cifar10-paper-spikes")),
    (_conversion, ("cifar10-best-rate", "cifar10-best-spikes")),
    (_conversion, ("mnist-best-rate", "mnist-best-spikes")),
    (_chip, ("cifar10-engine", "cifar10-loihi-emulator")),
    (_chip, ("cifar10-best-spikes", "cifar10-best-chip")),
    (_chip, ("mnist-best-spikes", "mnist-best-chip")),
    (_for_the_chip, ("mnist-plain-emulator", "mnist-loihi-emulator")),
    (_for_the_chip, ("mnist-plain-emulator", "mnist-loihi-slow-emulator")),
    (_tuned, ("spikes-tuned-mnist",)),
    (_tuned, ("spikes-tuned-cifar10",)),
    (_lee, ("spikes-lenet",)),
    (_moving, ("spikes-moving",)),
)
"""What was found, wins and losses: what says it, and of which records."""


def _ledger(results):
    lines = []
    for tell, names in LEDGER:
        found = results.find(names)
        if found is not None:
            files = ", ".join(f"``{name}``" for name in names)
            lines += [f"- {tell(*found)} [{files}]", ""]
    return "\n".join(lines)


# -- what else the page has ------------------------------------------------------------


def _trained():
    """List the models that come with the package, from what is in their files."""
    lines = []
    for name in TRAINED:
        model, path = nengo_softlif.load(name), nengo_softlif.loading.locate(name)
        lines.append(
            (
                f"``{name}``",
                f"``networks.{model.source['function']}``" if model.source else "",
                f"{model.network.n_neurons:,}",
                len(model.history["loss"]),
                f"{path.stat().st_size / 1e6:.1f}",
            )
        )
    return _csv(("name", "network", "neurons", "epochs", "MB"), lines)


def _experiments(results):
    lines = []
    for name in results.names():
        (record,) = results.find([name])
        if isinstance(record, Findings):
            table = (f"   {line}".rstrip() for line in str(record).splitlines())
            made = f"``{record.command}``, in {record.seconds / 3600:.1f} hours."
            lines += [f"``{name}.json``::", "", *table, "", f"Made by {made}", ""]
    return "\n".join(lines)
