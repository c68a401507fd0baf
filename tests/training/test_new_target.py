"""Hardware from outside the package has its say in training: one class, and one row."""

from nengo_softlif import Model, SoftLIFRate, Stack, datasets, evaluate, fit
from nengo_softlif.layers import parameters
from nengo_softlif.registry import TARGETS
from nengo_softlif.targets import Target, TrainingTarget
from nengo_softlif.training.batches import split_images

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from sample_data import few

SETTINGS = {"epochs": 2, "batch_size": 64, "validation_split": 0.2, "seed": 1}


class TwoBits(TrainingTarget):
    """Weights of two bits: one step up, and one down."""

    def describe(self):
        """Describe the settings, of which there are none."""
        return {"type": "toy"}

    def apply_weights(self, weights):
        """Round, with the gradient of what is not rounded."""
        return {c: w + tf.stop_gradient(rounded(w, tf) - w) for c, w in weights.items()}


def rounded(weights, xp):
    largest = (tf.reduce_max if xp is tf else np.max)(xp.abs(weights))
    step = xp.maximum(largest, 1e-6)  # some weights are all zero
    return xp.round(weights / step) * step


class Toy(Target):
    """A chip with such weights, for which nothing is converted here."""

    name = "toy"
    conversion = "to_toy"

    def takes(self, network):
        """Whether a network was made for it; none was."""
        return False

    def convert(self, model):
        """Copy."""
        return model.copy()

    def training(self):
        """Return the settings."""
        return TwoBits()


class Silent(TrainingTarget):
    """Changes nothing."""

    def describe(self):
        """Describe the settings, of which there are none."""
        return {"type": "silent"}


class Slow(Silent):
    """No rate is above 0.1, and each layer costs 2."""

    def adapt_response(self, layer, response):
        """Clip the rates."""
        return lambda *args: tf.minimum(response(*args), 0.1)

    def penalise(self, layer, response, x, batch_last):
        """Cost the same always."""
        rates = response(x, None, batch_last)
        with tf.control_dependencies([tf.debugging.assert_less_equal(rates, 0.1)]):
            return tf.constant(2.0)


@pytest.fixture(autouse=True)
def row(monkeypatch):
    monkeypatch.setitem(TARGETS, "toy", Toy())


@pytest.fixture(scope="module")
def data():
    return few(datasets.load("digits"), 400, 100)


def two_layers():
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), SoftLIFRate(amplitude=0.02))
        stack.dense(30)
        stack.dense(20)
        output = stack.readout(10)
    return Model(net, stack.input, output)


def trained(data, **settings):
    model = two_layers()
    fit(model, data, progress_bar=False, **{**SETTINGS, **settings})
    return model


def weights(model):
    return parameters.collect(model.network, parameters.build(model.network))


def test_weights_are_trained_as_they_will_be(data):
    model = trained(data, target="toy", epochs=8, batch_size=32, learning_rate=0.01)
    assert model.training["target"] == {"type": "toy"}
    arrays = {
        name: rounded(array, np) if name.startswith("connections") else array
        for name, array in weights(model).items()
    }
    chip = model.copy()
    parameters.install(chip.network, arrays)
    _, kept = split_images(len(data.x_train), 0.2, SETTINGS["seed"], 32)
    x, y = data.x_train, data.y_train
    validation = datasets.Dataset("kept", x, y, x[kept], y[kept])
    on_chip, in_floats = (
        evaluate(m, validation, backend="rate") for m in (chip, model)
    )
    assert on_chip.predictions != in_floats.predictions
    error = model.history["validation_error_percent"][-1]
    assert error == pytest.approx(on_chip.error_percent)
    assert error < 40


def test_a_target_that_says_nothing_changes_nothing(data):
    plain, silent = trained(data), trained(data, target=Silent())
    for name, array in weights(plain).items():
        np.testing.assert_array_equal(array, weights(silent)[name])
    assert plain.history == silent.history


def test_rates_and_loss_of_a_target(data):
    """At this cost of each layer the loss is the cross-entropy and four."""
    model = trained(data, target=Slow(), epochs=1)
    loss, validation_loss = (model.history[n][0] for n in ("loss", "validation_loss"))
    assert 4 < loss < 4 + np.log(10) + 1
    assert validation_loss < 4


def test_names_and_settings_of_targets_are_told(data):
    with pytest.raises(
        ValidationError,
        match="expected 'loihi', 'toy', a LoihiTarget, a TwoBits or None, got 'chip'",
    ):
        trained(data, target="chip")
