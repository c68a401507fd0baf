"""The optimizer of a training: the one that is given, or ours with its schedule."""

import json

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..checks import check_number, suggest

keras = tf.keras


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that warms up, then falls to almost nothing.

    Parameters
    ----------
    peak : float
        Highest rate, reached after 30 % of the training.
    n_steps : int
        Batches in the whole training.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-Convergence", arXiv:1708.07120,
       2017. The cosine form is that of PyTorch's and fastai's schedules.

    Examples
    --------
    >>> from nengo_softlif.training import OneCycle
    >>> schedule = OneCycle(1e-3, n_steps=100)
    >>> [f"{schedule(step):.4f}" for step in (0, 30, 99)]
    ['0.0000', '0.0010', '0.0000']
    """

    # Keras describes it by this, and checkpoints hold the description
    __module__ = "nengo_softlif.training"

    warm_up = 0.3
    start = 1 / 25
    end = 1e-4

    def __init__(self, peak, n_steps):
        self.peak = peak
        self.n_steps = n_steps

    def __call__(self, step):
        """Rate at a step, counted from zero."""
        done = tf.cast(step, tf.float32) / self.n_steps
        rising = _cosine(self.start, 1.0, done / self.warm_up)
        falling = _cosine(1.0, self.end, (done - self.warm_up) / (1 - self.warm_up))
        return self.peak * tf.where(done < self.warm_up, rising, falling)

    def get_config(self):
        """Arguments, by which Keras saves and compares schedules."""
        return {"peak": self.peak, "n_steps": self.n_steps}


def _cosine(start, end, done):
    done = tf.clip_by_value(done, 0.0, 1.0)
    return end + (start - end) * (1 + tf.cos(np.pi * done)) / 2


def check_optimizer(optimizer, learning_rate, weight_decay):
    """Check what `.fit` is told of the optimizer; return it, and settings for ours.

    An optimizer becomes a fresh one. Those of Keras 3 are refused, and legacy ones:
    NengoDL runs on Keras 2, and their state has no stable order.
    """
    fresh = None if optimizer is None else _copy_fresh(optimizer)
    given = {"learning_rate": learning_rate, "weight_decay": weight_decay}
    for attr, value in given.items():
        if optimizer is not None and value is not None:
            example = {"learning_rate": "Adam", "weight_decay": "AdamW"}[attr]
            raise ValidationError(
                f"of {value!r} would be ignored, as it is a setting of the default "
                f"optimizer, and you give another; set it there, as in optimizer="
                f"tf.keras.optimizers.{example}({attr}={value!r})",
                attr=attr,
            )
    learning_rate = 1e-3 if learning_rate is None else learning_rate
    weight_decay = 0.0 if weight_decay is None else weight_decay
    check_number("learning_rate", learning_rate, "a positive number", 0, low_open=True)
    check_number("weight_decay", weight_decay, "0 or a positive number", 0)
    return fresh, float(learning_rate), float(weight_decay)


def _copy_fresh(optimizer):
    try:
        found = keras.optimizers.get(optimizer)
        if isinstance(found, keras.optimizers.Optimizer):
            return type(found).from_config(found.get_config())
        reason = tell_whence(found)
    except (ValueError, TypeError) as error:
        if isinstance(optimizer, str):
            raise _unknown(optimizer) from None
        of_python = isinstance(optimizer, (str, dict, int, float))
        reason = str(error).splitlines()[0] if of_python else tell_whence(optimizer)
    raise ValidationError(
        f"expected the name of an optimizer, or one of tf.keras.optimizers (Keras 2, "
        f"not a legacy one), got {optimizer!r}: {reason}",
        attr="optimizer",
    )


def _unknown(name):
    """Make the error for a name that Keras does not know."""
    base = keras.optimizers.Optimizer
    names = [
        known.lower()
        for known, cls in vars(keras.optimizers).items()
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base
    ]
    return ValidationError(
        f"there is no optimizer {name!r}{suggest(name.lower(), names)}; expected the "
        "name of one, or an object of tf.keras.optimizers",
        attr="optimizer",
    )


def tell_whence(thing):
    """Say what is wrong with something that should be an object of Keras 2."""
    if isinstance(thing, type):
        return "make an object of this class"
    module = type(thing).__module__
    return f"it is of {module}" + (", Keras 3" if module.startswith("keras.") else "")


def make_optimizer(settings, trainer, n_batches):
    """Take the optimizer of settings, or make ours for the variables of a trainer."""
    optimizer, n_steps = settings.optimizer, settings.epochs * n_batches
    if optimizer is None:
        schedule = OneCycle(settings.learning_rate, n_steps)
        optimizer = keras.optimizers.Adam(
            schedule, weight_decay=settings.weight_decay or None
        )
        optimizer.exclude_from_weight_decay(trainer.biases)
    trained = trainer.keras_model.trainable_weights
    n_parameters = sum(np.prod(v.shape) for v in trained)
    # One pass over memory instead of ten, but a fifth of a second for each variable to
    # compile it
    optimizer.jit_compile = bool(n_parameters * n_steps > 1e8)
    return optimizer


def describe_optimizer(optimizer):
    """Return the settings of an optimizer, as JSON holds them."""
    config = keras.optimizers.serialize(optimizer)
    return json.loads(json.dumps(config, default=str))
