"""Whether noise in training helps: as rates, and in spikes at several readouts."""

from dataclasses import dataclass

from .. import named
from ..tables import PrintedTable
from . import measuring
from .published import NOISE_MODELS
from .settings import NOISE, Choice, Data, Readout, Several, setting
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

READOUTS = RATES, "5:100:200", "3:60:150", "0:10:80", "0:10:60"
"""Those of the papers: as rates; alpha synapse, start and end in ms."""


@dataclass(frozen=True)
class Settings(TrainingSettings):
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


class Row(TrainingRow):
    """One noise, and one way to read out."""

    noise: str
    published_percent: float | None


class TrainingNoise(OfTrainings):
    """A training for each noise and seed, held against one without noise."""

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
    kind = "noise"
    Settings = Settings
    Row = Row

    def piece(self, settings, name):
        """The network, and how it is read out."""
        readouts, dt = settings.readouts, settings.dt
        return {"network": settings.network, "readouts": readouts, "dt": dt}

    def held_against(self, name):
        """Training without noise."""
        return "none"

    def published(self, settings, name):
        """Those of the papers' table, of CIFAR-10."""
        if settings.data != "cifar10" or name not in NOISE_MODELS:
            return {}
        return dict(zip(READOUTS, NOISE_MODELS[name], strict=True))

    def measure(self, piece, scratch=None, progress_bar=False):
        """Train, and measure."""
        data = measuring.load_data(piece)
        noise = named.read(piece["noise"], named.NOISES, "noise")
        model = make(piece["network"], data, noise, piece["seed"])
        train(model, data, piece, scratch, progress_bar)
        return measure_all(model, data, piece, progress_bar)

    def table(self, findings):
        """Mean errors over seeds, and the difference that noise makes."""
        readouts = (RATES, *findings.settings["readouts"])
        lines = []
        for noise in findings.settings["noises"]:
            found = [self.find(findings.rows, noise, readout) for readout in readouts]
            lines.append((noise, *(with_range(row) for row in found)))
            if found[0]["published_percent"] is not None:
                known = [row["published_percent"] for row in found]
                lines.append(("  published", *(f"{x:.2f}" if x else "" for x in known)))
            if found[0]["difference_points"] is not None:
                lines.append(("  less none", *(tell_difference(row) for row in found)))
        several = len(findings.settings["seeds"]) > 1
        over = "Student's t over seeds" if several else "of one seed: over images"
        below = (
            "Error in percent (lowest to highest of the seeds), as rates, and in",
            "spikes: alpha synapse, from, to in ms.",
            f"less none: points, with the paired 95 % interval ({over}).",
        )
        title = self.title(findings, f"{findings.settings['network']} on")
        return PrintedTable(("noise", *readouts), lines, title, below=below)


TRAINING_NOISE = TrainingNoise()
