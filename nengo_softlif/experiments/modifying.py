"""From the papers' original network to one that spikes, a modification at a time."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from nengo.exceptions import ValidationError

from .. import datasets, networks, noise
from ..tables import PrintedTable
from . import measuring, published
from .base import Experiment
from .settings import (
    COUNT,
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
from .training_noise import (
    RATES,
    combine,
    compare,
    draw_errors,
    find,
    make,
    measure_all,
    tell_difference,
    train,
    with_range,
)

PLAIN = {
    "original": {"normalises": True, "pools_max": True},
    "no-normalisation": {"normalises": False, "pools_max": True},
    "average-pooling": {"normalises": False, "pools_max": False},
}
"""Networks of rectified linear units, for `.plain_networks`; they do not spike."""

NOISES = {"soft-lif": None, "noise-10": 10.0, "noise-20": 20.0}
"""Networks of soft LIF neurons, with noise in training in Hz."""

MODIFIED = {
    "no-normalisation": "original",
    "average-pooling": "no-normalisation",
    "soft-lif": "average-pooling",
    "noise-10": "soft-lif",
    "noise-20": "soft-lif",
}
"""From each to the network that it modifies."""


@dataclass(frozen=True)
class Settings:
    """What is trained, on what, and how it is measured."""

    data: str = setting("cifar10", Data(), "Data set: a name or a file.")
    modifications: tuple = setting(
        (*PLAIN, *NOISES),
        Several(Choice(*PLAIN, *NOISES)),
        "Networks: original (ReLU, max pooling, response normalisation), without "
        "normalisation, with average pooling, soft LIF, noise of 10 and 20 Hz.",
    )
    readouts: tuple = setting(
        ("5:100:200",),
        Several(Readout()),
        "In spikes: time constant of the alpha synapse (0: none), start and end of the "
        "mean of the output, in ms.",
    )
    epochs: int = setting(30, COUNT, "Passes over the images; the papers have 520.")
    batch_size: int = setting(128, COUNT, "Images in a step.")
    learning_rate: float = setting(1e-3, POSITIVE, "Peak of Adam's schedule.")
    seeds: tuple = setting((0,), Several(SEED), "A network each.")
    dt: float = setting(0.001, SECONDS, "Time step, in seconds.")
    n_examples: int = setting(
        None, Optional(COUNT), "Test images to use, a sample of all. Default: all."
    )


class Row(TypedDict):
    """One network, and one way to read out."""

    modification: str
    readout: str
    errors_percent: list[float]
    mean_percent: float
    mean_rates_hz: list[float | None]
    wrong: list[str]
    n_examples: int
    difference_points: float | None
    interval_points: list[float] | None
    published_percent: float | None


class Modifications(Experiment):
    """A training for each network and seed."""

    name = "modifications"
    shows = (
        "What it costs to make the CIFAR-10 network one that spikes: average pooling, "
        "no response normalisation, soft LIF neurons, noise; as rates, and in spikes."
    )
    paper = (
        "Hunsberger and Eliasmith, arXiv:1510.08829, 2015, Table 1; Hunsberger's "
        "thesis, 2018, table of modifications, with 520 epochs."
    )
    takes = "hours: a training of 30 epochs for each of six networks"
    Settings = Settings
    Row = Row
    trains = True
    size = (9, 5)

    def check(self, settings):
        """Refuse times that are no whole steps, and images that are not square."""
        measuring.check_readouts(settings.readouts, settings.dt)
        height, width, _ = datasets.load(settings.data).image_shape
        if height != width or height < 4:
            raise ValidationError(
                f"expected square images of at least 4 x 4, got {height} x {width}",
                attr="data",
            )

    def pieces(self, settings):
        """One for each network and seed."""
        data = datasets.load(settings.data)
        names = "epochs", "batch_size", "learning_rate", "n_examples"
        shared = {
            "data": settings.data,
            "data_sha256": data.sha256,
            **{name: getattr(settings, name) for name in names},
        }
        in_spikes = {"readouts": settings.readouts, "dt": settings.dt}
        cropped = {"crop": networks.patch_shape(data.image_shape)[0]}  # as of `make`
        return [
            {"modification": name, "seed": seed, **shared}
            | ({**PLAIN[name], **cropped} if name in PLAIN else in_spikes)
            for name in settings.modifications
            for seed in settings.seeds
        ]

    def measure(self, piece, scratch=None, progress_bar=False):
        """Train, and measure."""
        data, name = measuring.load_data(piece), piece["modification"]
        if name in PLAIN:
            from . import plain_networks  # which loads TensorFlow

            trained = plain_networks.train(piece, data, scratch, progress_bar)
            found = plain_networks.measure(*trained, data, piece["n_examples"])
            return {RATES: {**found, "mean_rate_hz": None}}
        hertz = NOISES[name]
        added = None if hertz is None else noise.GaussianNoise(hertz)
        model = make("cifar10", data, added, piece["seed"])
        train(model, data, piece, scratch, progress_bar)
        return measure_all(model, data, piece, progress_bar)

    def rows(self, settings, results):
        """One for each network and readout, held against what it modifies."""
        rows, n_seeds = [], len(settings.seeds)
        for i, name in enumerate(settings.modifications):
            found = results[i * n_seeds : (i + 1) * n_seeds]
            for readout in found[0]:
                each = combine([result[readout] for result in found])
                rows.append({"modification": name, "readout": readout, **each})
        for row in rows:
            name, readout = row["modification"], row["readout"]
            before = find(rows, MODIFIED.get(name), readout, "modification")
            row.update(compare(row, before))
            row["published_percent"] = None
            if settings.data == "cifar10":
                known = published.MODIFICATIONS[name]
                by_readout = dict(zip((RATES, "5:100:200"), known, strict=True))
                row["published_percent"] = by_readout.get(readout)
        return rows

    def table(self, findings):
        """Errors, and the difference that each modification makes."""
        lines = []
        for row in findings.rows:
            known, rates = row["published_percent"], row["mean_rates_hz"]
            differs = row["difference_points"] is not None
            lines.append(
                (
                    row["modification"] if row["readout"] == RATES else "",
                    row["readout"],
                    with_range(row),
                    "" if rates[0] is None else f"{np.mean(rates):.1f} Hz",
                    tell_difference(row) if differs else "",
                    "" if known is None else f"{known:.2f}",
                )
            )
        used, n_examples = findings.settings, findings.rows[0]["n_examples"]
        n_seeds = len(used["seeds"])
        title = (
            f"The papers' CIFAR-10 network, modified: {n_examples:,} test images of "
            f"{used['data']}, {used['epochs']} epoch{'s' * (used['epochs'] > 1)}, "
            f"{n_seeds} seed{'s' * (n_seeds > 1)}"
        )
        head = "", "readout", "error, %", "rate", "less the modified one", "published"
        below = (
            "Readout: rates, or an alpha synapse, start and end of the mean, in ms.",
            "Differences in points, with paired 95 % intervals: to original, "
            "no-normalisation,",
            "average-pooling, and of noise to soft-lif. Published: 520 epochs, one "
            "network each.",
        )
        return PrintedTable(head, lines, title, below=below)

    def draw(self, findings, figure):
        """Errors by readout, a colour for each network, a point for each seed."""
        names = findings.settings["modifications"]
        draw_errors(findings.rows, names, "modification", figure)


MODIFICATIONS = Modifications()
