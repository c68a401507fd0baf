"""What experiments share that train a network of each kind, for each seed."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from scipy.stats import t as student

from .. import datasets, networks
from ..evaluation import RATE, Presentation, measure, paired
from . import measuring
from .base import Experiment
from .settings import COUNT, POSITIVE, SECONDS, SEED, Optional, Several, setting

RATES = "rates"
"""What the readout of the network as it was trained is called."""


@dataclass(frozen=True)
class TrainingSettings:
    """How networks are trained, and on how much they are measured."""

    epochs: int = setting(12, COUNT, "Passes over the images.")
    batch_size: int = setting(128, COUNT, "Images in a step.")
    learning_rate: float = setting(1e-3, POSITIVE, "Peak of Adam's schedule.")
    seeds: tuple = setting((0, 1, 2), Several(SEED), "A network each.")
    dt: float = setting(0.001, SECONDS, "Time step, in seconds.")
    n_examples: int = setting(
        None, Optional(COUNT), "Test images to use, a sample of all. Default: all."
    )


class TrainingRow(TypedDict):
    """One kind of training, and one way to read out; beside the name of the kind."""

    readout: str
    errors_percent: list[float]
    mean_percent: float
    mean_rates_hz: list[float | None]
    wrong: list[str]
    n_examples: int
    difference_points: float | None
    interval_points: list[float] | None


class OfTrainings(Experiment):
    """A training for each kind and seed, and an evaluation for each readout.

    Attributes
    ----------
    kind : str
        What differs between trainings: a key of pieces and rows. The setting with an
        "s" at its end has the names.
    """

    kind = None
    trains = True
    size = (9, 5)

    @abstractmethod
    def piece(self, settings, name):
        """What decides a training of one kind, beside what all have."""

    def held_against(self, name):
        """Name of the kind that another one is compared with; None if there is none."""

    def published(self, settings, name):
        """Errors in percent that others have, by readout."""
        return {}

    def names(self, settings):
        """Names of all kinds."""
        return getattr(settings, f"{self.kind}s")

    def check(self, settings):
        """Refuse times that are no whole steps."""
        measuring.check_readouts(settings.readouts, settings.dt)

    def pieces(self, settings):
        """One for each kind and seed."""
        shared = {
            "data": settings.data,
            "data_sha256": datasets.load(settings.data).sha256,
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "learning_rate": settings.learning_rate,
            "n_examples": settings.n_examples,
        }
        return [
            {self.kind: name, "seed": seed, **shared, **self.piece(settings, name)}
            for name in self.names(settings)
            for seed in settings.seeds
        ]

    def rows(self, settings, results):
        """One for each kind and readout, held against another kind."""
        rows, n_seeds = [], len(settings.seeds)
        for i, name in enumerate(self.names(settings)):
            found = results[i * n_seeds : (i + 1) * n_seeds]
            for readout in found[0]:
                each = combine([result[readout] for result in found])
                rows.append({self.kind: name, "readout": readout, **each})
        for row in rows:
            name, readout = row[self.kind], row["readout"]
            other = self.find(rows, self.held_against(name), readout)
            row.update(compare(row, other))
            if "published_percent" in self.Row.__annotations__:
                known = self.published(settings, name)
                row["published_percent"] = known.get(readout)
        return rows

    def find(self, rows, name, readout):
        """Find the row of a kind and a readout; None if there is none."""
        found = (
            row for row in rows if row[self.kind] == name and row["readout"] == readout
        )
        return next(found, None)

    def title(self, findings, network):
        """Say what was trained, on what, and how often, above a table."""
        used, n_examples = findings.settings, findings.rows[0]["n_examples"]
        n_epochs, n_seeds = used["epochs"], len(used["seeds"])
        return (
            f"{network} {n_examples:,} test images of {used['data']}, "
            f"{n_epochs} epoch{'s' * (n_epochs > 1)}, "
            f"{n_seeds} seed{'s' * (n_seeds > 1)}"
        )

    def draw(self, findings, figure):
        """Errors by readout: a colour for each kind, a point for each seed."""
        from ..figures import COLOURS

        axes, rows = figure.subplots(), findings.rows
        names = findings.settings[f"{self.kind}s"]
        readouts = list(dict.fromkeys(row["readout"] for row in rows))
        for i, name in enumerate(names):
            aside = 0.7 * ((i + 0.5) / len(names) - 0.5)
            style = {"color": COLOURS[i % len(COLOURS)]}
            marker = "osD^v"[i // len(COLOURS) % 5]
            for place, readout in enumerate(readouts):
                row = self.find(rows, name, readout)
                if row is None:
                    continue
                errors = row["errors_percent"]
                places = [place + aside] * len(errors)
                axes.plot(places, errors, marker, alpha=0.5, markersize=4, **style)
                label = name if place == 0 else None
                mean = row["mean_percent"]
                axes.plot(
                    places[:1], [mean], marker, markersize=8, label=label, **style
                )
                known = row.get("published_percent")
                if known is not None:
                    axes.plot(places[:1], [known], "_k", markersize=10)
        if any(row.get("published_percent") is not None for row in rows):
            axes.plot([], [], "_k", markersize=10, label="published")
        axes.set_xticks(range(len(readouts)), readouts)
        axes.set(xlabel="rates, or synapse, from, to (ms)", ylabel="test error (%)")
        axes.legend(
            frameon=False, title=self.kind, loc="upper left", bbox_to_anchor=(1, 1)
        )


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


def train(model, data, piece, scratch, progress_bar, **settings):
    """Train a model as a piece says, from its checkpoint if there is one.

    Further settings are those of `.fit`.
    """
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
        **settings,
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


def with_range(row):
    """Write the mean error of a row, and the lowest and highest of its seeds."""
    low, high = min(row["errors_percent"]), max(row["errors_percent"])
    mean = f"{row['mean_percent']:.2f}"
    return mean if low == high else f"{mean} ({low:.2f} - {high:.2f})"


def tell_difference(row):
    """Write what `compare` found; nothing if there was nothing to compare with."""
    if row["difference_points"] is None:
        return ""
    low, high = row["interval_points"]
    return f"{row['difference_points']:+.2f} ({low:+.2f} to {high:+.2f})"
