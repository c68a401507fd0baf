"""Averages of weights over the course of a training."""

import itertools
from contextlib import contextmanager

import numpy as np
import tensorflow as tf


class WeightAverages:
    r"""Moving averages of what is trained, which a model receives in its place.

    Late in training weights wander around an optimum; their mean lies nearer to it than
    the last of them do [1]_. What batch normalisation measures is measured again for
    the averages: the mean and variance of layers that others would have led to are
    none of theirs [2]_. So it is where images were mixed in training: those that it
    will answer are not, and vary more.

    Parameters
    ----------
    way : Trainer
        Whose variables are averaged.
    epochs : float
        Time constant. None are made with zero.
    n_batches : int
        Batches in an epoch.
    mixed : bool
        Whether images are mixed in training.

    Notes
    -----
    After step :math:`t` the average moves to the weights by a part of :math:`1 -
    \min(d, (1 + t) / (10 + t))`, with :math:`d = e^{-1 / (\mathrm{epochs} \cdot
    \mathrm{n\_batches})}`. The second number, that of TensorFlow's
    ``ExponentialMovingAverage``, has early averages forget where training started.

    References
    ----------
    .. [1] B. T. Polyak and A. B. Juditsky, "Acceleration of Stochastic Approximation by
       Averaging", SIAM J. Control and Optimization 30, 1992.
    .. [2] P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
       Generalization", UAI, 2018, arXiv:1803.05407, section 3.2.
    """

    n_settling = 100
    """Batches by which batch normalisation is measured again."""

    def __init__(self, way, epochs, n_batches, mixed=False):
        self._way = way
        self._settles = bool(epochs) or mixed
        self._trained = list(way.keras_model.trainable_weights) if epochs else []
        self._averages = [tf.Variable(v, trainable=False) for v in self._trained]
        self._count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._decay = float(np.exp(-1 / (epochs * n_batches))) if epochs else 0.0
        self._step = tf.function(self._take_in, autograph=False)

    def _take_in(self):
        t = tf.cast(self._count.assign_add(1), tf.float64)
        part = 1 - tf.minimum(tf.constant(self._decay, tf.float64), (1 + t) / (10 + t))
        for average, v in zip(self._averages, self._trained, strict=True):
            average.assign_add(tf.cast(part, v.dtype) * (v - average))

    def update(self):
        """Take in what a step of training has led to."""
        if self._averages:
            self._step()

    def variables(self):
        """Everything that changes during training, by name."""
        if not self._averages:
            return {}
        numbered = {f"averages/{i}": v for i, v in enumerate(self._averages)}
        return {**numbered, "averages/count": self._count}

    def install(self, batches):
        """Put the averages in the place of the weights, for good.

        Parameters
        ----------
        batches : iterable of (ndarray, ndarray)
            Images to train on, not mixed, and their labels, of which the first hundred
            are used if there is batch normalisation.
        """
        for average, v in zip(self._averages, self._trained, strict=True):
            v.assign(average)
        if self._settles:
            batches = itertools.islice(batches, self.n_settling)
            self._way.settle(images for images, _ in batches)

    @contextmanager
    def in_use(self, batches):
        """Put the averages in the place of the weights for a while, see `install`."""
        changed = [*self._way.keras_model.weights, *self._way.counters]
        held = [v.numpy() for v in changed] if self._settles else []
        self.install(batches)
        try:
            yield
        finally:
            for v, value in zip(changed, held, strict=False):
                v.assign(value)
