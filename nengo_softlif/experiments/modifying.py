"""From the papers' original network to one that spikes, a modification at a time."""

from dataclasses import dataclass

import numpy as np
from nengo.exceptions import ValidationError

from .. import datasets, networks, noise
from ..tables import PrintedTable
from . import measuring, published
from .settings import COUNT, SEED, Choice, Data, Readout, Several, setting
from .trainings import (
    RATES,
    OfTrainings,
    TrainingRow,
    TrainingSettings,
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
class Settings(TrainingSettings):
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
    seeds: tuple = setting((0,), Several(SEED), "A network each.")


class Row(TrainingRow):
    """One network, and one way to read out."""

    modification: str
    published_percent: float | None


class Modifications(OfTrainings):
    """A training for each network and seed, held against what it modifies."""

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
    kind = "modification"
    Settings = Settings
    Row = Row

    def check(self, settings):
        """Refuse times that are no whole steps, and images that are not square."""
        super().check(settings)
        height, width, _ = datasets.load(settings.data).image_shape
        if height != width or height < 4:
            raise ValidationError(
                f"expected square images of at least 4 x 4, got {height} x {width}",
                attr="data",
            )

    def piece(self, settings, name):
        """What the network is made of, and how it is read out if it spikes."""
        if name not in PLAIN:
            return {"readouts": settings.readouts, "dt": settings.dt}
        shape = datasets.load(settings.data).image_shape
        return {**PLAIN[name], "crop": networks.patch_shape(shape)[0]}  # as of `make`

    def held_against(self, name):
        """What it modifies."""
        return MODIFIED.get(name)

    def published(self, settings, name):
        """Those of the papers' table, of CIFAR-10."""
        if settings.data != "cifar10":
            return {}
        known = published.MODIFICATIONS[name]
        return dict(zip((RATES, "5:100:200"), known, strict=True))

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

    def table(self, findings):
        """Errors, and the difference that each modification makes."""
        lines = []
        for row in findings.rows:
            known, rates = row["published_percent"], row["mean_rates_hz"]
            lines.append(
                (
                    row["modification"] if row["readout"] == RATES else "",
                    row["readout"],
                    with_range(row),
                    "" if rates[0] is None else f"{np.mean(rates):.1f} Hz",
                    tell_difference(row),
                    "" if known is None else f"{known:.2f}",
                )
            )
        title = self.title(findings, "The papers' CIFAR-10 network, modified:")
        head = "", "readout", "error, %", "rate", "less the modified one", "published"
        below = (
            "Readout: rates, or an alpha synapse, start and end of the mean, in ms.",
            "Differences in points, with paired 95 % intervals: to original, "
            "no-normalisation,",
            "average-pooling, and of noise to soft-lif. Published: 520 epochs, one "
            "network each.",
        )
        return PrintedTable(head, lines, title, below=below)


MODIFICATIONS = Modifications()
