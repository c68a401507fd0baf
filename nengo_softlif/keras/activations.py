"""Soft LIF neurons as a Keras layer, to train in plain Keras.

Importing this module makes the layers known to Keras, so that it can load models with
them. It loads TensorFlow, Keras 3 and tf_keras.
"""

import math
import random

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from nengo.exceptions import ValidationError

from .. import noise as noises
from ..checks import LARGEST_SEED, check_whole
from ..neurons import SoftLIFRate
from ..tensors import curve, noisy

AMPLITUDE = 0.03
"""Behind weights as Keras draws them, what comes out is then about as large as what
comes in, and deep networks of them start to learn at once."""


class _SoftLIF:
    """What the layer does, for either Keras."""

    def __init__(
        self,
        sigma=0.02,
        tau_rc=0.02,
        tau_ref=0.002,
        amplitude=AMPLITUDE,
        noise=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.neuron_type = SoftLIFRate(sigma, tau_rc, tau_ref, amplitude, noise)
        if seed is None:  # as Keras draws the seeds of its layers
            seed = random.randint(0, LARGEST_SEED)
        check_whole("seed", seed, 0, LARGEST_SEED)
        self.seed = seed
        self.supports_masking = True
        self._keys = np.random.SeedSequence(seed).generate_state(4).reshape(2, 2)
        self.passes = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="passes"
        )

    def call(self, inputs, training=None):
        """Rates times the amplitude, with noise in training."""
        neurons, step = self.neuron_type, None
        if training and neurons.noise is not None:
            self.passes.assign(self.passes + 1)
            step = tf.convert_to_tensor(self.passes)
        x = tf.convert_to_tensor(inputs)
        dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
        keys = tf.constant(self._keys)

        @tf.custom_gradient
        def respond(x):
            # examples in rows: what noise neurons have depends on their place
            flat = tf.reshape(x, (tf.shape(x)[0], math.prod(x.shape[1:])))
            numbers = (neurons.sigma, neurons.tau_rc, neurons.tau_ref)
            rates, slope = curve(flat, *(tf.constant(n, dtype) for n in numbers))
            factor = 1.0
            if step is not None:
                rates, factor = noisy(
                    neurons.noise, rates, flat, float(neurons.tau_rc), keys, step
                )
            slope = tf.reshape(neurons.amplitude * factor * slope, tf.shape(x))
            rates = tf.reshape(neurons.amplitude * rates, tf.shape(x))
            return rates, lambda upstream: upstream * slope

        out = tf.cast(respond(tf.cast(x, dtype)), x.dtype)
        out.set_shape(x.shape)
        return out

    def compute_output_shape(self, input_shape):
        """That of the inputs."""
        return input_shape

    def get_config(self):
        """Arguments to make the layer again, as JSON can hold them."""
        neurons = self.neuron_type
        return {
            **super().get_config(),
            "sigma": neurons.sigma,
            "tau_rc": neurons.tau_rc,
            "tau_ref": neurons.tau_ref,
            "amplitude": neurons.amplitude,
            "noise": noises.to_json(neurons.noise),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """Make the layer that `get_config` told of."""
        return cls(**{**config, "noise": noises.from_json(config["noise"])})


@keras.saving.register_keras_serializable("nengo_softlif")
class SoftLIF(_SoftLIF, keras.layers.Layer):
    r"""`.SoftLIFRate` neurons as a layer of Keras 3, or as an activation.

    A layer by itself, ``SoftLIF()``, and the activation of another,
    ``Dense(100, activation=SoftLIF())``, are the same. Their current is
    :math:`J = 1 + x`, so that the threshold is at :math:`x = 0`. `.from_keras` carries
    the neurons over as they are.

    Parameters
    ----------
    sigma, tau_rc, tau_ref : float
        As in `.SoftLIFRate`, the times in seconds.
    amplitude : float
        Factor on the rates in Hz. The default suits weights
        as Keras draws them.
    noise : Noise, optional
        What spikes look like to the next layer; it acts when Keras trains. Gradients
        are those of the clean rates.
    seed : int, optional
        Of the noise. By default one is drawn, which ``keras.utils.set_random_seed``
        decides. The noise is a function of it, of how often the layer was called in
        training, of the example and of the neuron.
    **kwargs
        As for other layers: ``name``, ``dtype``.

    Raises
    ------
    ValidationError
        If a parameter is none that `.SoftLIFRate` takes, or Keras runs on something
        other than TensorFlow.

    Examples
    --------
    >>> import keras
    >>> from nengo_softlif.keras import SoftLIF
    >>> net = keras.Sequential([
    ...     keras.Input((28, 28, 1)),
    ...     keras.layers.Conv2D(16, 5, activation=SoftLIF(noise=softlif.AlphaNoise())),
    ...     keras.layers.AveragePooling2D(2),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(10),
    ... ])
    """

    def __init__(self, *args, **kwargs):
        if keras.backend.backend() != "tensorflow":
            raise ValidationError(
                "needs Keras on TensorFlow, but it runs on "
                f"{keras.backend.backend()}; set the environment variable "
                "KERAS_BACKEND=tensorflow before Python starts",
                attr="SoftLIF",
            )
        super().__init__(*args, **kwargs)


@tf_keras.saving.register_keras_serializable("nengo_softlif")
class LegacySoftLIF(_SoftLIF, tf_keras.layers.Layer):
    """`SoftLIF` for Keras 2, the package tf_keras.

    When this package is imported, ``tf.keras`` is that one. Parameters are those of
    `SoftLIF`.

    Examples
    --------
    >>> import tf_keras
    >>> from nengo_softlif.keras import LegacySoftLIF
    >>> layer = tf_keras.layers.Dense(20, activation=LegacySoftLIF())
    >>> net = tf_keras.Sequential([tf_keras.Input((64,)), layer])
    >>> softlif.from_keras(net).ensembles[0].neuron_type
    SoftLIFRate(amplitude=0.03)
    """
