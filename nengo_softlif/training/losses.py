"""What training makes small, and what else it tells, by the task."""

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..registry import LOSSES
from .optimizers import tell_whence

keras = tf.keras

CROSS_ENTROPY, SQUARED_ERROR = "cross-entropy", "mean-squared-error"


def check_loss(loss, kind, label_smoothing=0.0):
    """Refuse what is no loss for a task.

    Parameters
    ----------
    loss : str, tf.keras.losses.Loss or None
        What `.fit` was given.
    kind : str
        The task, one of `.tasks.TASKS`.
    label_smoothing : float
        That counts with cross-entropy only.
    """
    usual = SQUARED_ERROR if kind == "regression" else CROSS_ENTROPY
    if label_smoothing and (loss or usual) != CROSS_ENTROPY:
        raise ValidationError(
            f"is for {CROSS_ENTROPY!r} of classes or labels; leave it out",
            attr="label_smoothing",
        )
    if loss in (None, usual) or isinstance(loss, keras.losses.Loss):
        return
    if not isinstance(loss, str):
        raise ValidationError(
            f"expected a name such as {usual!r}, or one of tf.keras.losses (Keras 2), "
            f"got {loss!r}: {tell_whence(loss)}",
            attr="loss",
        )
    if loss in LOSSES and loss != CROSS_ENTROPY:
        raise ValidationError(
            f"{loss!r} is for training in spikes: say how long each example is shown, "
            "as in presentation_time=0.03",
            attr="loss",
        )
    if kind == "classification" or "crossentropy" in loss or loss == CROSS_ENTROPY:
        raise ValidationError(
            f"expected {usual!r} for {kind}, or a loss of Keras such as "
            f"tf.keras.losses.Huber(), got {loss!r}",
            attr="loss",
        )
    if loss != SQUARED_ERROR:
        try:
            keras.losses.get(loss)
        except ValueError as error:
            raise ValidationError(
                f"expected {usual!r}, or the name of one of Keras' losses such as "
                f"'huber', got {loss!r}",
                attr="loss",
            ) from error


def find_loss(loss, kind, label_smoothing=0.0):
    """Find what Keras makes small: a function of what is wanted, and of answers.

    Parameters are those of `check_loss`.
    """
    if isinstance(loss, keras.losses.Loss):
        return loss
    if loss in (None, CROSS_ENTROPY, SQUARED_ERROR):
        if kind == "classification" and loss != SQUARED_ERROR:
            if label_smoothing:
                return _Smoothed(label_smoothing)
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if kind == "multilabel" and loss != SQUARED_ERROR:
            return keras.losses.BinaryCrossentropy(
                from_logits=True, label_smoothing=label_smoothing
            )
        return keras.losses.MeanSquaredError()
    return _Named(keras.losses.get(loss))


def describe_loss(loss):
    """Describe a loss, as JSON holds it."""
    if isinstance(loss, keras.losses.Loss):
        return {"type": type(loss).__name__, **loss.get_config()}
    return loss


def find_metric(task):
    """Make Keras' metric of a task: the part that is right, or a mean squared error.

    That of values is in their unit.
    """
    if task.kind == "classification":
        return keras.metrics.SparseCategoricalAccuracy("measure")
    if task.kind == "multilabel":
        return keras.metrics.BinaryAccuracy("measure", threshold=0.0)
    unit = tf.constant(task.unit, tf.float32)

    def squared_error(targets, answers):
        targets, answers = (tf.cast(v, tf.float32) for v in (targets, answers))
        return tf.reduce_mean(((answers - targets) * unit) ** 2, axis=-1)

    return keras.metrics.MeanMetricWrapper(squared_error, "measure")


def find_mixed_metric():
    """Make the metric of mixed images: how many are told by the larger part."""

    def accuracy(targets, answers):
        return keras.metrics.sparse_categorical_accuracy(targets[:, 0], answers)

    return keras.metrics.MeanMetricWrapper(accuracy, "measure")


def name_measure(kind, measure):
    """Say in numbers for people what a metric measured, by the name in histories."""
    if kind == "regression":
        return {"rmse": float(np.sqrt(measure))}
    return {"error_percent": 100 * (1 - measure)}


def measure(task, answers, targets):
    """Say the same of answers, and what was wanted, that are there."""
    if task.kind == "regression":
        return name_measure(task.kind, np.mean(((answers - targets) * task.unit) ** 2))
    wrong = answers > 0 if task.kind == "multilabel" else answers.argmax(axis=1)
    return {"error_percent": float(100 * np.mean(wrong != targets))}


def mix(images, classes, alpha, rng):
    """Mix images of a batch with each other.

    Parameters
    ----------
    images : (n, size) ndarray
        Prepared images.
    classes : (n,) ndarray of int
        What they show.
    alpha : float
        Of the Beta distribution that the part of the other image is drawn from, once
        for the batch; the smaller part is the other's.
    rng : numpy.random.Generator
        Draws the part, and which are the others.

    Returns
    -------
    images : (n, size) ndarray
        Mixed.
    targets : (n, 3) ndarray
        The class of an image, that of the other one, and the part of the first.
    """
    part = rng.beta(alpha, alpha)
    part = np.float32(max(part, 1 - part))
    others = rng.permutation(len(images))
    mixed = part * images + (1 - part) * images[others]
    parts = np.full(len(images), part)
    return mixed, np.stack([classes, classes[others], parts], axis=1).astype(np.float32)


class Mixed(keras.losses.Loss):
    """The loss of images that are mixed: of both classes, by their parts."""

    def __init__(self, loss):
        super().__init__()
        self._loss = loss

    def call(self, targets, answers):
        """Add up the mean losses of both."""
        first, second = (self._loss(targets[:, i], answers) for i in (0, 1))
        part = targets[0, 2]  # the same in a batch
        return part * first + (1 - part) * second


class _Named(keras.losses.Loss):
    """One of Keras' functions, by name."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def call(self, targets, answers):
        return self._function(targets, answers)


class _Smoothed(keras.losses.Loss):
    """Cross-entropy with labels of which a part is spread over all classes."""

    def __init__(self, part):
        super().__init__()
        self._part = part

    def call(self, labels, answers):
        labels = tf.reshape(tf.cast(labels, tf.int32), tf.shape(answers)[:-1])
        return keras.losses.categorical_crossentropy(
            tf.one_hot(labels, answers.shape[-1], dtype=answers.dtype),
            answers,
            from_logits=True,
            label_smoothing=self._part,
        )
