"""The way to train feed-forward networks: as one Keras model."""

import tensorflow as tf

from ..layers import parameters
from ..tasks import TASKS
from .keras_model import LayeredNetwork
from .trainers import Trainer


class AsLayers(Trainer):
    """Training of a feed-forward network in the form TensorFlow computes fastest.

    See `.Trainer`.
    """

    name = "layers"
    options = frozenset(
        {
            *("batch_norm", "target", "label_smoothing", "mixup", "rates"),
            *("sigma_start", "loss"),
        }
    )
    tasks = frozenset(TASKS)
    networks = "feed-forward layers of SoftLIFRate"

    def __init__(self, network, image, answer, settings):
        super().__init__(network, image, answer, settings)
        self._layered = LayeredNetwork(
            network,
            image,
            answer,
            settings.batch_size,
            settings.seed,
            parameters.dtype_of(network),
            settings.batch_norm,
            settings.target,
            settings.rates,
            settings.sigma_start,
        )
        self.keras_model = self._layered.keras_model
        self.biases = self._layered.biases
        self.counters = [self._layered.passes]
        self.noise_seeds = [list(seeds) for seeds in self._layered.neurons.noise_seeds]

    @property
    def data(self):
        """See `.Trainer`."""
        return self._layered.data

    def compile(self, optimizer):
        """See `.Trainer`."""
        super().compile(optimizer)
        # Keras' train_on_batch makes a data set of every batch, which takes longer
        # than a step of a small network
        self._step = tf.function(self._train_step, autograph=False)
        self._pass = tf.function(self._layered.measure, autograph=False)

    def _train_step(self, x, labels):
        logs = self.keras_model.train_step((x, labels))
        self.keras_model._train_counter.assign_add(1)  # callbacks look at it
        return logs["loss"], logs["measure"]

    def train(self, images, labels):
        """See `.Trainer`."""
        # tensors, for users who have switched tf.function off
        loss, accuracy = self._step(tf.constant(images), tf.constant(labels))
        return float(loss), float(accuracy)

    def plan(self, n_steps):
        """See `.Trainer`."""
        if self._layered.relaxation is not None:
            self._layered.relaxation.n_steps = n_steps

    def settle(self, batches):
        """See `.Trainer`."""
        if self._layered.norms:
            passed = self._layered.passes.numpy()
            self._layered.passes.assign(0)  # averages start anew
            for images in batches:
                self._pass(tf.constant(images))
            self._layered.passes.assign(passed)

    def predict(self, images):
        """See `.Trainer`."""
        return self.keras_model.predict_on_batch(images)
