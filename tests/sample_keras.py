"""Keras models of several kinds, for the digits and for signals, in either Keras."""

from nengo_softlif import AlphaNoise, datasets
from nengo_softlif.keras import LegacySoftLIF, SoftLIF

import numpy as np
import tf_keras

SHAPE = (8, 8, 1)


def lenet(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(6, 3, padding="same", activation="relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(40, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )


def vgg(keras):
    layers = keras.layers

    def block(n_filters):
        return [
            layers.Conv2D(n_filters, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    return keras.Sequential(
        [
            layers.Input(SHAPE),
            *block(8),
            *block(8),
            layers.AveragePooling2D(2),
            *block(16),
            *block(16),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(40),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Dense(10),
        ]
    )


def residual(keras):
    layers = keras.layers
    image = keras.Input(SHAPE)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    for n_filters, strides in ((8, 1), (16, 2)):
        past = layers.Conv2D(n_filters, 1, strides=strides)(x)
        y = layers.Conv2D(n_filters, 3, strides=strides, padding="same")(x)
        y = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y))
        y = layers.Conv2D(n_filters, 3, padding="same")(y)
        y = layers.BatchNormalization(momentum=0.9)(y)
        x = layers.ReLU()(layers.Add()([past, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x), name="residual")


def soft(keras, shape=SHAPE):
    layers = keras.layers
    neurons = LegacySoftLIF if keras is tf_keras else SoftLIF

    def activation():
        return neurons(noise=AlphaNoise())

    return keras.Sequential(
        [
            layers.Input(shape),
            layers.Conv2D(8, 3, padding="same", activation=activation()),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 3, activation=activation()),
            layers.Flatten(),
            layers.Dense(40),
            activation(),
            layers.Dense(10),
        ]
    )


def signal(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((32, 2)),
            layers.Conv1D(8, 5, strides=2, padding="causal", activation="relu"),
            layers.AveragePooling1D(2),
            layers.Conv1D(8, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ]
    )


MODELS = {f.__name__: f for f in (lenet, vgg, residual, soft, signal)}


def digits():
    """Digits, of values from 0 to 1."""
    data = datasets.load("digits")
    x_train, x_test = (x.astype(np.float32) / 16 for x in (data.x_train, data.x_test))
    return datasets.Dataset("digits", x_train, data.y_train, x_test, data.y_test)


def signals(n_train=600, n_test=200):
    """Two channels with one of three frequencies, at a random phase, in noise."""
    rng = np.random.RandomState(0)
    n = n_train + n_test
    y = rng.randint(3, size=n)
    turns = np.arange(32) / 32 * np.array([2, 4, 7])[y][:, np.newaxis]
    turns = turns[..., np.newaxis] + rng.rand(n, 1, 1) + [0, 0.25]
    x = (np.sin(2 * np.pi * turns) + 0.3 * rng.randn(n, 32, 2)).astype(np.float32)
    return datasets.Dataset(
        "signals", x[:n_train], y[:n_train], x[n_train:], y[n_train:]
    )


def data_for(name):
    return signals() if name == "signal" else digits()


def trained(name, keras, epochs):
    """Make a model, and train it in plain Keras."""
    keras.utils.set_random_seed(1)
    model, data = MODELS[name](keras), data_for(name)
    if name == "lenet":
        loss = keras.losses.SparseCategoricalCrossentropy()
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    x = data.x_train.reshape(-1, *model.input_shape[1:])
    model.fit(x, data.y_train, epochs=epochs, batch_size=32, verbose=0)
    return model
