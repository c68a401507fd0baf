"""What `fit` is given, and what follows from it before training starts."""

import json
import os

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..checks import LARGEST_SEED, check_number, check_whole
from ..preprocessing import Preprocessing

keras = tf.keras


def check(epochs, batch_size, batch_norm, validation_split, seed, checkpoint):
    """Refuse settings of `fit` that make no sense, whatever the model and the data."""
    check_whole("epochs", epochs, 1)
    check_whole("batch_size", batch_size, 1)
    check_whole("seed", seed, 0, LARGEST_SEED)
    check_number("validation_split", validation_split, "a part in [0, 1)", 0, high=1)
    if batch_norm not in (True, False, None):
        raise ValidationError(
            f"expected True or False, got {batch_norm!r}", attr="batch_norm"
        )
    is_path = isinstance(checkpoint, (str, os.PathLike)) and os.fspath(checkpoint)
    if checkpoint is not None and not is_path:
        raise ValidationError(
            f"expected the path of a file, or None, got {checkpoint!r}",
            attr="checkpoint",
        )


def checked_optimizer(optimizer, learning_rate, weight_decay):
    """Check what is said about the optimizer.

    Parameters
    ----------
    optimizer, learning_rate, weight_decay
        As `fit` takes them.

    Returns
    -------
    optimizer : tf.keras.optimizers.Optimizer or None
        A fresh one like that given, so that one object may serve again. Those of
        Keras 3 are refused, and legacy ones: NengoDL runs on Keras 2, and their state
        has no stable order.
    learning_rate, weight_decay : float
        For the optimizer of ours, if none is given.
    """
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
    fresh = None if optimizer is None else _fresh(optimizer)
    return fresh, float(learning_rate), float(weight_decay)


def _fresh(optimizer):
    try:
        found = keras.optimizers.get(optimizer)
        if isinstance(found, keras.optimizers.Optimizer):
            return type(found).from_config(found.get_config())
        reason = _whence(found)
    except (ValueError, TypeError) as error:
        of_python = isinstance(optimizer, (str, dict, int, float))
        reason = str(error).splitlines()[0] if of_python else _whence(optimizer)
    raise ValidationError(
        f"expected the name of an optimizer, or one of tf.keras.optimizers (Keras 2, "
        f"not a legacy one), got {optimizer!r}: {reason}",
        attr="optimizer",
    )


def describe(optimizer):
    """Settings of an optimizer, as JSON holds them."""
    config = keras.optimizers.serialize(optimizer)
    return json.loads(json.dumps(config, default=str))


def checked_callbacks(callbacks, optimizer):
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
                f"{callback!r}: {_whence(callback)}",
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


def _whence(thing):
    """Say what is wrong with something that should be an object of Keras 2."""
    if isinstance(thing, type):
        return "make an object of this class"
    module = type(thing).__module__
    return f"it is of {module}" + (", Keras 3" if module.startswith("keras.") else "")


def split(n_images, validation_split, seed, batch_size):
    """Choose images to train on, and to validate on; data files may be sorted by class.

    Parameters
    ----------
    n_images : int
        Images there are.
    validation_split : float
        Part of them to validate on.
    seed : int
        Decides which.
    batch_size : int
        Images in a batch, of which training needs at least one.

    Returns
    -------
    training, validation : ndarray of int
        Indices, sorted.
    """
    order = np.random.default_rng(seed).permutation(n_images)
    n_validation = round(validation_split * n_images)
    training, validation = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    if len(training) < batch_size:
        raise ValidationError(
            f"{len(training)} training images do not fill one batch of {batch_size}; "
            "choose a smaller one",
            attr="batch_size",
        )
    return training, validation


def preprocessing_of(model, data, training):
    """Take the preprocessing of the model, or for a new model that of the data.

    Parameters
    ----------
    model : Model
        The model.
    data : Dataset
        The data.
    training : ndarray of int
        Which of its training images are trained on. Mean and scale come from these,
        as images kept to validate on must not have a say in anything.

    Returns
    -------
    Preprocessing
        It fits the images and the model's input.
    """
    preprocessing = model.preprocessing
    if preprocessing is None:
        whole = len(training) == len(data.x_train)
        preprocessing = Preprocessing.from_images(
            data.x_train if whole else data.x_train[training],
            scale=model.scale,
            crop=model.crop,
            flip=model.flip,
        )
    else:
        preprocessing.test(data.x_train[:1])  # raises if the size is another
    if preprocessing.size != model.input.size_out:
        raise ValidationError(
            f"the images of {data.name!r} have {preprocessing.size} values after "
            f"cropping, but the model's input takes {model.input.size_out}; make the "
            f"network for images of {preprocessing.output_shape}",
            attr="data",
        )
    return preprocessing
