"""What `fit` is given, checked before training starts."""

import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..checks import LARGEST_SEED, check_number, check_whole
from ..targets import TrainingTarget, training_target
from .optimizers import check_optimizer, describe_optimizer, tell_whence

keras = tf.keras


@dataclass(frozen=True, eq=False)
class Settings:
    """The arguments of `.fit` that decide the course of a training.

    Attributes
    ----------
    epochs, batch_size : int
        Passes over the images, and images in a step.
    optimizer : tf.keras.optimizers.Optimizer or None
        A fresh one, or ours.
    learning_rate, weight_decay : float
        Of ours.
    batch_norm : bool
        Whether layers are normalised.
    target : TrainingTarget or None
        Hardware that is taken into account.
    validation_split : float
        Part of the images that is not trained on.
    seed : int
        Seed of everything random.
    trainer : str or None
        The way to train, if one was named.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: keras.optimizers.Optimizer | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_norm: bool = False
    target: TrainingTarget | None = None
    validation_split: float = 0.0
    seed: int = 0
    trainer: str | None = None

    @property
    def options(self):
        """Those given that not every way to train has, see `.Trainer`."""
        return [name for name in ("batch_norm", "target") if getattr(self, name)]

    def describe(self):
        """Describe them, as JSON holds them."""
        return {
            **vars(self),
            "optimizer": self.optimizer and describe_optimizer(self.optimizer),
            "target": self.target and self.target.describe(),
        }


def check_settings(optimizer, learning_rate, weight_decay, target, **others):
    """Refuse settings that make no sense, whatever the model and the data.

    Parameters
    ----------
    optimizer, learning_rate, weight_decay, target, **others
        As `fit` takes them, and named as the attributes of `Settings`.

    Returns
    -------
    Settings
    """
    given = {name: others[name] for name in ("epochs", "batch_size", "seed")}
    split, batch_norm = others["validation_split"], others["batch_norm"]
    check_whole("epochs", given["epochs"], 1)
    check_whole("batch_size", given["batch_size"], 1)
    check_whole("seed", given["seed"], 0, LARGEST_SEED)
    check_number("validation_split", split, "a part in [0, 1)", 0, high=1)
    if batch_norm not in (True, False, None):
        raise ValidationError(
            f"expected True or False, got {batch_norm!r}", attr="batch_norm"
        )
    target = training_target(target, batch_norm)
    optimizer, learning_rate, weight_decay = check_optimizer(
        optimizer, learning_rate, weight_decay
    )
    return Settings(
        **{name: int(number) for name, number in given.items()},
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch_norm=bool(batch_norm),
        target=target,
        validation_split=float(split),
        trainer=others["trainer"],
    )


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

    Parameters
    ----------
    callbacks : tf.keras.callbacks.Callback or iterable of them, or None
        As `fit` takes them.
    optimizer : tf.keras.optimizers.Optimizer or None
        What the user gave.

    Returns
    -------
    list of tf.keras.callbacks.Callback
        Empty for None.
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
