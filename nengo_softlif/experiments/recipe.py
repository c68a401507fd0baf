"""What each part of a modern training recipe brings: without it, or with one more."""

from dataclasses import dataclass, replace

import numpy as np

from .. import networks
from ..calibration import calibrate_noise
from ..noise import GaussianNoise
from ..tables import PrintedTable
from . import measuring
from .settings import COUNT, POSITIVE, Choice, Data, Readout, Several, setting
from .trainings import (
    RATES,
    OfTrainings,
    TrainingRow,
    TrainingSettings,
    measure_all,
    tell_difference,
    train,
    with_range,
)

RECIPE = {
    "batch_norm": True,
    "weight_decay": 0.05,
    "label_smoothing": 0.1,
    "averaging": 2.0,
}
"""What the package's own networks were trained with: settings of `.fit`."""

PARTS = {
    "recipe": {},
    "no-batch-norm": {"batch_norm": False},
    "no-weight-decay": {"weight_decay": 0.0},
    "no-label-smoothing": {"label_smoothing": 0.0},
    "no-averaging": {"averaging": 0.0},
    "no-augmentation": {},
    "no-noise": {},
    "mixup-0.2": {"mixup": 0.2},
    "relaxed-sigma": {"sigma_start": 0.2},
    "rates-15": {"rates": 15.0},
}
"""The recipe, less or with one of its parts."""

TUNED = {
    "tuned": {},
    "tuned-measured-noise": {},
    "tuned-rates-15": {"rates": 15.0},
}
"""The recipe, and then a few epochs more with a tenth of the learning rate."""

HELD_AGAINST = {
    **dict.fromkeys(PARTS, "recipe"),
    **dict.fromkeys(TUNED, "tuned"),
    "tuned": "recipe",
}


@dataclass(frozen=True)
class Settings(TrainingSettings):
    """What is trained, on what, and how it is measured."""

    data: str = setting("cifar10", Data(), "Data set: a name or a file.")
    levers: tuple = setting(
        (*PARTS, *TUNED),
        Several(Choice(*PARTS, *TUNED)),
        "The recipe (batch norm, weight decay 0.05, label smoothing 0.1, averaging "
        "over 2 epochs, augmentation, noise of 10 Hz), less or with one part; or, from "
        "tuned on, the recipe and then a few epochs more.",
    )
    width: int = setting(8, COUNT, "Filters of the residual network's first layer.")
    tuning_epochs: int = setting(3, COUNT, "Passes over the images in tuning.")
    learning_rate: float = setting(3e-3, POSITIVE, "Peak of Adam's schedule.")
    readouts: tuple = setting(
        ("5:100:200",),
        Several(Readout()),
        "In spikes: time constant of the alpha synapse (0: none), start and end of the "
        "mean of the output, in ms.",
    )


class Row(TrainingRow):
    """One training, and one way to read out."""

    lever: str


class Levers(OfTrainings):
    """A training for each part that is left out or added, held against the recipe."""

    name = "levers"
    shows = (
        "What each part of the training recipe brings to a small residual network: "
        "normalisation, augmentation, averages, noise, rates; as rates, and in spikes."
    )
    paper = "none: it is the recipe of this package's own networks."
    takes = "hours: a training of 12 epochs for each part and seed"
    kind = "lever"
    Settings = Settings
    Row = Row

    def piece(self, settings, name):
        """What the network is, how it is trained, and how it is read out."""
        piece = {
            "width": settings.width,
            "fit": {**RECIPE, **PARTS.get(name, {})},
            "readouts": settings.readouts,
            "dt": settings.dt,
        }
        if name in TUNED:
            piece["tuning_epochs"] = settings.tuning_epochs
            piece["tuning"] = {**RECIPE, "batch_norm": False, **TUNED[name]}
        return piece

    def held_against(self, name):
        """The recipe, or what was tuned with it."""
        return HELD_AGAINST[name]

    def measure(self, piece, scratch=None, progress_bar=False):
        """Train, tune if it is to be, and measure."""
        data, name = measuring.load_data(piece), piece["lever"]
        shown = scratch, progress_bar
        model = _make(name, data, piece["width"], piece["seed"])
        train(model, data, piece, *shown, **piece["fit"])
        if name in TUNED:
            if name == "tuned-measured-noise":
                model = calibrate_noise(model, data)
            tuning = {
                **piece,
                "epochs": piece["tuning_epochs"],
                "learning_rate": piece["learning_rate"] / 10,
            }
            later = None if scratch is None else scratch.with_suffix(".tuning")
            train(model, data, tuning, later, progress_bar, **piece["tuning"])
            if later is not None:
                later.unlink(missing_ok=True)
        return measure_all(model, data, piece, progress_bar)

    def table(self, findings):
        """Errors, and the difference that each part makes."""
        lines = [
            (
                row["lever"] if row["readout"] == RATES else "",
                row["readout"],
                with_range(row),
                f"{np.mean(row['mean_rates_hz']):.1f} Hz",
                tell_difference(row),
            )
            for row in findings.rows
        ]
        width = findings.settings["width"]
        title = self.title(findings, f"A residual network of width {width}:")
        head = "", "readout", "error, %", "rate", "less the recipe's"
        below = (
            "Readout: rates, or an alpha synapse, start and end of the mean, in ms.",
            "Differences in points, with paired 95 % intervals; of what was tuned, but",
            "for tuned itself, to tuned.",
        )
        return PrintedTable(head, lines, title, below=below)


def _make(name, data, width, seed):
    """Make the network of one training; untrained."""
    noise = None if name == "no-noise" else GaussianNoise(10)
    shape = data.image_shape
    model = networks.resnet(shape, data.n_classes, width, noise, seed)
    if name == "no-augmentation":
        model.flip = False
        if model.preprocessing is not None:
            plain = {"flip": False, "shift": 0, "cutout": 0}
            model.preprocessing = replace(model.preprocessing, **plain)
    return model


LEVERS = Levers()
