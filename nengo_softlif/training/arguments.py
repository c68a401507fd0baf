"""What `fit` is given, checked before training starts."""

import os
from dataclasses import dataclass
from types import NoneType

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..checks import (
    LARGEST_SEED,
    check_number,
    check_seconds,
    check_whole,
    count_steps,
)
from ..gradients import Derivative
from ..registry import DERIVATIVES, LOSSES
from ..targets import TrainingTarget, training_target
from .losses import describe_loss
from .optimizers import check_optimizer, describe_optimizer, tell_whence
from .rates import FiringRates, wanted_rates

keras = tf.keras

IN_SPIKES = ("presentation_time", "dt", "derivative", "loss")
"""Settings that are for training in spikes."""

LATER = ("averaging", "label_smoothing", "mixup", "rates", "sigma_start")
"""Settings that trainings of earlier versions do not know; off if they are false."""


@dataclass(eq=False)
class Settings:
    """The arguments of `.fit` that decide the course of a training, checked.

    Parameters and attributes are those of `.fit`. The target becomes a
    `.TrainingTarget`, rates become `.FiringRates`, and the optimizer a fresh one like
    that given, so that one object may serve again.

    Examples
    --------
    >>> from nengo_softlif.training import Settings
    >>> Settings(epochs=3, batch_size=32).learning_rate
    0.001
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: keras.optimizers.Optimizer | str | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    batch_norm: bool = False
    target: TrainingTarget | str | None = None
    validation_split: float = 0.0
    seed: int = 0
    trainer: str | None = None
    presentation_time: float | None = None
    dt: float = 0.001
    derivative: Derivative | str | None = None
    loss: keras.losses.Loss | str | None = None
    label_smoothing: float = 0.0
    averaging: float = 0.0
    rates: FiringRates | float | None = None
    sigma_start: float | None = None
    mixup: float = 0.0

    def __post_init__(self):
        """Refuse what makes no sense, whatever the model and the data."""
        split, seed = self.validation_split, self.seed
        check_whole("epochs", self.epochs, 1)
        check_whole("batch_size", self.batch_size, 1)
        check_whole("seed", seed, 0, LARGEST_SEED)
        check_number("validation_split", split, "a part in [0, 1)", 0, high=1)
        if self.batch_norm not in (True, False, None):
            raise ValidationError(
                f"expected True or False, got {self.batch_norm!r}", attr="batch_norm"
            )
        self.epochs, self.batch_size = int(self.epochs), int(self.batch_size)
        self.seed, self.validation_split = int(seed), float(split)
        self.target = training_target(self.target, self.batch_norm)
        self.batch_norm = bool(self.batch_norm)
        self._check_time()
        self.optimizer, self.learning_rate, self.weight_decay = check_optimizer(
            self.optimizer, self.learning_rate, self.weight_decay
        )
        self._check_recipe()

    def _check_recipe(self):
        """Check what makes networks better that train anyway."""
        smoothing, averaging = self.label_smoothing, self.averaging
        check_number("label_smoothing", smoothing, "a part in [0, 1)", 0, high=1)
        check_number("averaging", averaging, "0 or a positive number of epochs", 0)
        self.label_smoothing, self.averaging = float(smoothing), float(averaging)
        check_number("mixup", self.mixup, "0 or a positive number", 0)
        self.mixup = float(self.mixup)
        self.rates = wanted_rates(self.rates)
        if self.sigma_start is not None:
            what = "None or a positive number"
            check_number("sigma_start", self.sigma_start, what, 0, low_open=True)
            self.sigma_start = float(self.sigma_start)
        if self.sigma_start and self.target is not None:
            raise ValidationError(
                "with a target rates are those of the chip from the beginning; train "
                "without it first",
                attr="sigma_start",
            )
        if self.averaging and self.optimizer is not None and self.optimizer.use_ema:
            raise ValidationError(
                "the optimizer averages the weights already (use_ema); leave one out",
                attr="averaging",
            )

    def _check_time(self):
        """Check what is for training in spikes."""
        check_seconds("dt", self.dt, 0.001)
        if self.presentation_time is not None:
            check_seconds("presentation_time", self.presentation_time, 0.03)
            count_steps(self.presentation_time, self.dt)
        if isinstance(self.derivative, str):
            self.derivative = DERIVATIVES.find(self.derivative, "derivative")()
        if not isinstance(self.derivative, (Derivative, NoneType)):
            raise ValidationError(
                f"expected one of {', '.join(DERIVATIVES)}, or a Derivative such as "
                f"gradients.FastSigmoid(10), got {self.derivative!r}",
                attr="derivative",
            )
        if self.loss is not None and self.presentation_time is not None:
            LOSSES.find(self.loss, "loss")  # of others the task decides

    @property
    def n_steps(self):
        """Time steps for each example."""
        return count_steps(self.presentation_time, self.dt)

    @property
    def options(self):
        """Those given that not every way to train has, see `.Trainer`."""
        names = "batch_norm", "target", *LATER, *IN_SPIKES
        of_all = ("averaging", "dt")
        return [n for n in names if n not in of_all and getattr(self, n)]

    def describe(self):
        """Describe them, as JSON holds them."""
        described = {
            **vars(self),
            "optimizer": self.optimizer and describe_optimizer(self.optimizer),
            "target": self.target and self.target.describe(),
            "derivative": self.derivative and repr(self.derivative),
            "loss": describe_loss(self.loss),
            "rates": self.rates and self.rates.describe(),
        }
        if self.presentation_time is None:
            # which trainings of earlier versions do not know
            for name in IN_SPIKES:
                if name != "loss" or self.loss is None:
                    del described[name]
        for name in LATER:
            if not described[name]:
                del described[name]
        return described


def check_checkpoint(checkpoint):
    """Refuse what is no path of a file."""
    is_path = isinstance(checkpoint, (str, os.PathLike)) and os.fspath(checkpoint)
    if checkpoint is not None and not is_path:
        raise ValidationError(
            f"expected the path of a file, or None, got {checkpoint!r}",
            attr="checkpoint",
        )


def check_callbacks(callbacks, optimizer):
    """Bring callbacks into a list, or refuse what is none of Keras 2, or has no effect.

    The optimizer is what the user gave, or None.
    """
    if callbacks is None:
        callbacks = ()
    # what is neither a callback nor several is refused below, as if it were one
    several = np.iterable(callbacks) and not isinstance(callbacks, str)
    callbacks = list(callbacks) if several else [callbacks]
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValidationError(
                "expected one of tf.keras.callbacks (Keras 2) or a list of them, got "
                f"{callback!r}: {tell_whence(callback)}",
                attr="callbacks",
            )
        if isinstance(callback, _SETS_RATE) and _follows_schedule(optimizer):
            raise ValidationError(
                f"{type(callback).__name__} sets the learning rate, but that follows a "
                "schedule; give an optimizer with a rate of its own, such as "
                "tf.keras.optimizers.Adam(1e-3)",
                attr="callbacks",
            )
    return callbacks


_SETS_RATE = (
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
)


def _follows_schedule(optimizer):
    """Whether a rate that is set has no effect; so it is with the default optimizer."""
    if optimizer is None:
        return True
    return not isinstance(optimizer._learning_rate, tf.Variable)
