"""Whether noise in training helps: as rates, and in spikes at several readouts."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from scipy.stats import t as student

from .. import datasets, named, networks
from ..evaluation import RATE, Presentation, measure, paired
from ..tables import PrintedTable
from . import measuring
from .base import Experiment
from .published import NOISE_MODELS
from .settings import (
    COUNT,
    NOISE,
    POSITIVE,
    SECONDS,
    SEED,
    Choice,
    Data,
    Optional,
    Readout,
    Several,
    setting,
)

RATES = "rates"
"""What the readout of the network as it was trained is called."""

READOUTS = RATES, "5:100:200", "3:60:150", "0:10:80", "0:10:60"
"""Those of the papers: as rates; alpha synapse, start and end in ms."""


@dataclass(frozen=True)
class Settings:
    """What is trained, on what, and how it is measured."""

    data: str = setting("mnist", Data(), "Data set: a name or a file.")
    network: str = setting(
        "mnist",
        Choice("mnist", "cifar10", "small"),
        "Network: mnist, cifar10 or small.",
    )
    noises: tuple = setting(tuple(NOISE_MODELS), Several(NOISE), "Noise in training.")
    readouts: tuple = setting(
        READOUTS[1:],
        Several(Readout()),
        "Time constant of the alpha synapse (0: none), start and end of the mean of "
        "the output, in ms.",
    )
    epochs: int = setting(12, COUNT, "Passes over the images.")
    batch_size: int = setting(128, COUNT, "Images in a step.")
    learning_rate: float = setting(1e-3, POSITIVE, "Peak of Adam's schedule.")
    seeds: tuple = setting((0, 1, 2), Several(SEED), "A network each.")
    dt: float = setting(0.001, SECONDS, "Time step, in seconds.")
    n_examples: int = setting(
        None, Optional(COUNT), "Test images to use, a sample of all. Default: all."
    )


class Row(TypedDict):
    """One noise, and one way to read out."""

    noise: str
    readout: str
    errors_percent: list[float]
    mean_percent: float
    mean_rates_hz: list[float]
    wrong: list[str]
    n_examples: int
    difference_points: float | None
    interval_points: list[float] | None
    published_percent: float | None


class TrainingNoise(Experiment):
    """A training for each noise and seed, and an evaluation for each readout."""

    name = "noise"
    shows = (
        "Errors of networks that were trained without noise, and with each model of "
        "it: as rates, and in spikes with the papers' four readouts."
    )
    paper = (
        "Hunsberger's thesis, 2018, table of noise models (CIFAR-10, 5 networks each); "
        "Hunsberger and Eliasmith, arXiv:1510.08829, 2015, Table 1."
    )
    takes = "hours: a training for each noise and seed"
    Settings = Settings
    Row = Row
    trains = True
    size = (9, 5)

    def check(self, settings):
        """Refuse times that are no whole steps."""
        measuring.check_readouts(settings.readouts, settings.dt)

    def pieces(self, settings):
        """One for each noise and seed."""
        names = "network", "epochs", "batch_size", "learning_rate", "dt", "n_examples"
        shared = {
            "data": settings.data,
            "data_sha256": datasets.load(settings.data).sha256,
            "readouts": settings.readouts,
            **{name: getattr(settings, name) for name in names},
        }
        return [
            {"noise": noise, "seed": seed, **shared}
            for noise in settings.noises
            for seed in settings.seeds
        ]

    def measure(self, piece, scratch=None, progress_bar=False):
        """Train, and measure."""
        data = measuring.load_data(piece)
        noise = named.read(piece["noise"], named.NOISES, "noise")
        model = make(piece["network"], data, noise, piece["seed"])
        train(model, data, piece, scratch, progress_bar)
        return measure_all(model, data, piece, progress_bar)

    def rows(self, settings, results):
        """One for each noise and readout, held against training without noise."""
        rows, n_seeds = [], len(settings.seeds)
        for i, noise in enumerate(settings.noises):
            found = results[i * n_seeds : (i + 1) * n_seeds]
            for readout in (RATES, *settings.readouts):
                each = [result[readout] for result in found]
                rows.append({"noise": noise, "readout": readout, **combine(each)})
        for row in rows:
            row.update(compare(row, find(rows, "none", row["readout"])))
            row["published_percent"] = None
            if settings.data == "cifar10" and row["noise"] in NOISE_MODELS:
                known = dict(zip(READOUTS, NOISE_MODELS[row["noise"]], strict=True))
                row["published_percent"] = known.get(row["readout"])
        return rows

    def table(self, findings):
        """Mean errors over seeds, and the difference that noise makes."""
        readouts = (RATES, *findings.settings["readouts"])
        lines = []
        for noise in findings.settings["noises"]:
            found = [find(findings.rows, noise, readout) for readout in readouts]
            lines.append((noise, *(with_range(row) for row in found)))
            if found[0]["published_percent"] is not None:
                known = [row["published_percent"] for row in found]
                lines.append(("  published", *(f"{x:.2f}" if x else "" for x in known)))
            if found[0]["difference_points"] is not None:
                lines.append(("  less none", *(tell_difference(row) for row in found)))
        used, n_examples = findings.settings, findings.rows[0]["n_examples"]
        n_seeds = len(used["seeds"])
        title = (
            f"{used['network']} on {n_examples:,} test images of {used['data']}, "
            f"{used['epochs']} epoch{'s' * (used['epochs'] > 1)}, "
            f"{n_seeds} seed{'s' * (n_seeds > 1)}"
        )
        over = "Student's t over seeds" if n_seeds > 1 else "of one seed: over images"
        below = (
            "Error in percent (lowest to highest of the seeds), as rates, and in",
            "spikes: alpha synapse, from, to in ms.",
            f"less none: points, with the paired 95 % interval ({over}).",
        )
        return PrintedTable(("noise", *readouts), lines, title, below=below)

    def draw(self, findings, figure):
        """Errors by readout, a colour for each noise, a point for each seed."""
        draw_errors(findings.rows, findings.settings["noises"], "noise", figure)


def make(network, data, noise, seed):
    """Make a network for the images of a data set.

    Returns
    -------
    Model
        Untrained.
    """
    shape = data.image_shape
    if network == "cifar10":
        shape = networks.patch_shape(shape)
    function = networks.FUNCTIONS[network]
    return function(image_shape=shape, n_classes=data.n_classes, noise=noise, seed=seed)


def train(model, data, piece, scratch, progress_bar):
    """Train a model as a piece says, from its checkpoint if there is one."""
    from ..training import fit  # which loads TensorFlow

    fit(
        model,
        data,
        epochs=piece["epochs"],
        batch_size=piece["batch_size"],
        learning_rate=piece["learning_rate"],
        seed=piece["seed"],
        checkpoint=scratch,
        progress_bar=progress_bar,
    )


def measure_all(model, data, piece, progress_bar):
    """Measure a trained model as rates, and with each readout.

    Returns
    -------
    dict
        From `RATES` and readouts to what `.measuring.evaluate_readout` returned.
    """
    shown = Presentation(n_examples=piece["n_examples"], seed=piece["seed"])
    title = RATES if progress_bar else None
    found, _ = measure(model, data, RATE, shown, title)
    wrong = np.array(found.predictions) != np.array(found.labels)
    results = {RATES: {**measuring.numbers(found), **measuring.errors(wrong)}}
    for readout in piece["readouts"]:
        spikes = {**piece, "readout": readout}
        results[readout] = measuring.evaluate_readout(model, data, spikes, progress_bar)
    return results


def combine(each):
    """Put what was measured of the networks of all seeds into one row."""
    errors = [found["error_percent"] for found in each]
    return {
        "errors_percent": errors,
        "mean_percent": float(np.mean(errors)),
        "mean_rates_hz": [found["mean_rate_hz"] for found in each],
        "wrong": [found["wrong"] for found in each],
        "n_examples": each[0]["n_examples"],
    }


def compare(row, other):
    """How much the error of a row exceeds that of another, seed by seed.

    Returns
    -------
    dict
        ``difference_points``, and ``interval_points``: of several seeds that of
        Student's t over their differences, each on the same images; of one that of
        `paired`. Both None without another row.
    """
    if other is None or other is row:
        return {"difference_points": None, "interval_points": None}
    points = np.subtract(row["errors_percent"], other["errors_percent"])
    mean, n = float(points.mean()), len(points)
    if n == 1:
        wrong = (measuring.unpack(x["wrong"][0], x["n_examples"]) for x in (other, row))
        interval = list(paired(*wrong).interval_points)
    else:
        half = student.ppf(0.975, n - 1) * points.std(ddof=1) / np.sqrt(n)
        interval = [mean - float(half), mean + float(half)]
    return {"difference_points": mean, "interval_points": interval}


def find(rows, name, readout, what="noise"):
    """Find a row by its name and readout; None if there is none."""
    found = (row for row in rows if row[what] == name and row["readout"] == readout)
    return next(found, None)


def draw_errors(rows, names, what, figure):
    """Draw errors by readout: a colour for each name, a point for each seed."""
    from ..figures import COLOURS

    axes = figure.subplots()
    readouts = list(dict.fromkeys(row["readout"] for row in rows))
    for i, name in enumerate(names):
        aside = 0.7 * ((i + 0.5) / len(names) - 0.5)
        style = {"color": COLOURS[i % len(COLOURS)]}
        marker = "osD^v"[i // len(COLOURS) % 5]
        for place, readout in enumerate(readouts):
            row = find(rows, name, readout, what)
            if row is None:
                continue
            errors = row["errors_percent"]
            places = [place + aside] * len(errors)
            axes.plot(places, errors, marker, alpha=0.5, markersize=4, **style)
            label = name if place == 0 else None
            mean = row["mean_percent"]
            axes.plot(places[:1], [mean], marker, markersize=8, label=label, **style)
            if row["published_percent"] is not None:
                axes.plot(places[:1], [row["published_percent"]], "_k", markersize=10)
    if any(row["published_percent"] is not None for row in rows):
        axes.plot([], [], "_k", markersize=10, label="published")
    axes.set_xticks(range(len(readouts)), readouts)
    axes.set(xlabel="rates, or synapse, from, to (ms)", ylabel="test error (%)")
    axes.legend(frameon=False, title=what, loc="upper left", bbox_to_anchor=(1, 1))


def with_range(row):
    """Write the mean error of a row, and the lowest and highest of its seeds."""
    low, high = min(row["errors_percent"]), max(row["errors_percent"])
    mean = f"{row['mean_percent']:.2f}"
    return mean if low == high else f"{mean} ({low:.2f} - {high:.2f})"


def tell_difference(row):
    """Write what `compare` found."""
    low, high = row["interval_points"]
    return f"{row['difference_points']:+.2f} ({low:+.2f} to {high:+.2f})"


TRAINING_NOISE = TrainingNoise()
