"""The papers' CIFAR-10 network in plain Keras: what training is compared with.

A sensible program of somebody who has Keras and the papers, but not this package:
layers of Keras, the soft LIF curve in a few lines of TensorFlow, and gradients by
automatic differentiation.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # Keras 3 lost LocallyConnected2D


import tensorflow as tf

keras = tf.keras
layers = tf.keras.layers


class SoftLIF(layers.Layer):
    """Soft LIF rates, with Gaussian noise on neurons above threshold in training.

    Parameters
    ----------
    std : float
        Standard deviation of the noise in Hz.
    """

    def __init__(
        self, sigma=0.02, tau_rc=0.05, tau_ref=0.001, amplitude=0.063, gain=0.825,
        std=10.0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.sigma, self.tau_rc, self.tau_ref = sigma, tau_rc, tau_ref
        self.amplitude, self.gain, self.std = amplitude, gain, std

    def call(self, x, training=None):
        """Rates for weighted inputs ``x``; the threshold is at zero."""
        j = self.gain * x
        # without the small number 1 / z**2 overflows far below threshold, to NaN
        z = self.sigma * tf.nn.softplus(j / self.sigma) + 1e-18
        rates = 1 / (self.tau_ref + self.tau_rc * tf.math.log1p(1 / z))
        if training:
            noise = tf.random.normal(tf.shape(rates), stddev=self.std)
            rates = tf.where(j > 0, tf.maximum(rates + noise, 0), rates)
        return self.amplitude * rates


class Local(layers.Layer):
    """Locally connected layer with 'same' padding, as patches times matrices.

    Of the formulations that plain TensorFlow offers it is the fastest;
    ``LocallyConnected2D`` (after ``ZeroPadding2D``, as it lacks 'same') takes longer.
    """

    def __init__(self, n_filters, size=3, **kwargs):
        super().__init__(**kwargs)
        self.n_filters, self.size = n_filters, size

    def build(self, shape):
        """Make one kernel and bias for each position."""
        _, rows, columns, channels = shape
        fan_in = self.size**2 * channels
        self.kernel = self.add_weight(
            name="kernel",
            shape=(rows, columns, fan_in, self.n_filters),
            initializer=keras.initializers.RandomNormal(stddev=(2 / fan_in) ** 0.5),
        )
        self.bias = self.add_weight(name="bias", shape=(rows, columns, self.n_filters))

    def call(self, x):
        """Weighted inputs of the neurons."""
        ones = [1, 1, 1, 1]
        patches = tf.image.extract_patches(
            x, [1, self.size, self.size, 1], ones, ones, "SAME"
        )
        return tf.einsum("nyxi,yxio->nyxo", patches, self.kernel) + self.bias


def _keras_local(n_filters, implementation=1):
    return [
        layers.ZeroPadding2D(1),
        layers.LocallyConnected2D(
            n_filters, 3, implementation=implementation, kernel_initializer="he_normal"
        ),
    ]


def plain_keras(batch_size, local="patches", learning_rate=1e-3, weight_decay=1e-4):
    """Build and compile the network.

    Parameters
    ----------
    batch_size : int
        Images in a batch: fixed, as TensorFlow likes static shapes.
    local : {"patches", "keras"}
        Locally connected layers by `Local`, or by Keras' ``LocallyConnected2D``.
    learning_rate, weight_decay : float
        Of Adam; biases do not decay.

    Returns
    -------
    tf.keras.Model
        To train by ``train_on_batch`` or ``fit`` on images (n, 24, 24, 3) and labels.
    """

    def locally_connected(n_filters):
        return [Local(n_filters)] if local == "patches" else _keras_local(n_filters)

    def convolution():
        return layers.Conv2D(64, 5, padding="same", kernel_initializer="he_normal")

    model = keras.Sequential(
        [
            layers.InputLayer((24, 24, 3), batch_size=batch_size),
            convolution(),
            SoftLIF(),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            convolution(),
            SoftLIF(),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            *locally_connected(64),
            SoftLIF(),
            *locally_connected(32),
            SoftLIF(),
            layers.Flatten(),
            layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal()),
        ]
    )
    optimizer = keras.optimizers.Adam(learning_rate, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )
    return model
