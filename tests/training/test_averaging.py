"""Averaged weights are what the formula says, with a normalisation that fits them."""

from nengo_softlif import evaluate, networks
from nengo_softlif.training.as_layers import AsLayers
from nengo_softlif.training.averaging import WeightAverages
from nengo_softlif.training.loop import fit
from nengo_softlif.training.through_nengo_dl import ThroughNengoDL

import numpy as np
import pytest
import tensorflow as tf
from references import arrays_of
from scipy.special import log_softmax
from trainings import SETTINGS, dense


def batches(n, rng):
    for _ in range(n):
        yield rng.normal(size=(8, 6)).astype(np.float32), rng.randint(3, size=8)


@pytest.mark.parametrize("epochs", [0.2, 1e9])
def test_averages_are_those_of_the_formula(epochs, rng):
    way = dense()
    averages = WeightAverages(way, epochs, 20)
    weights = way.keras_model.trainable_weights
    expected = [v.numpy().astype(np.float64) for v in weights]
    for t, (x, labels) in enumerate(batches(30, rng), start=1):
        way.train(x, labels)
        averages.update()
        part = 1 - min(np.exp(-1 / (20 * epochs)), (1 + t) / (10 + t))
        expected = [
            a + part * (v.numpy() - a) for a, v in zip(expected, weights, strict=True)
        ]
    last = [v.numpy() for v in weights]
    with averages.in_use(()):
        for v, value in zip(weights, expected, strict=True):
            np.testing.assert_allclose(v.numpy(), value, rtol=1e-5, atol=1e-6)
    for v, value in zip(weights, last, strict=True):
        np.testing.assert_array_equal(v.numpy(), value)
    averages.install(())
    assert max(np.abs(v - w).max() for v, w in zip(weights, last, strict=True)) > 1e-3


def test_normalisation_is_measured_again_for_other_weights(rng):
    """Mean and variance of what comes in, as NumPy has them; nothing else moves."""
    way = dense(batch_norm=True)
    for x, labels in batches(5, rng):
        way.train(x, labels)
    weights = next(v for v in way.keras_model.weights if v.shape == (5, 6))
    weights.assign(2 * weights)
    held = [v.numpy() for v in way.keras_model.trainable_weights]
    seen = [x for x, _ in batches(4, rng)]
    passed = way.counters[0].numpy()
    way.settle(iter(seen))
    (norm,) = way._layered.norms.values()
    came_in = [x @ weights.numpy().T for x in seen]
    for average, measure in zip(norm.averages, (np.mean, np.var), strict=True):
        expected = np.mean([measure(x, axis=0) for x in came_in], axis=0)
        np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-6)
    assert way.counters[0].numpy() == passed == 5
    for v, value in zip(way.keras_model.trainable_weights, held, strict=True):
        np.testing.assert_array_equal(v.numpy(), value)


def test_what_is_validated_is_what_the_model_receives(data):
    """And it is not what it would receive without."""
    settings = {**SETTINGS, "learning_rate": 3e-3, "validation_split": 0.3}
    plain, averaged = (networks.small(noise=None) for _ in range(2))
    fit(plain, data, batch_norm=True, **settings)
    history = fit(averaged, data, batch_norm=True, averaging=0.5, **settings)
    name = "connections/0/weights"
    assert not np.allclose(arrays_of(plain)[name], arrays_of(averaged)[name], atol=1e-4)
    still = {"optimizer": tf.keras.optimizers.SGD(0.0), "validation_split": 0.3}
    again = fit(averaged, data, **{**SETTINGS, **still, "epochs": 1})
    for name in ("validation_loss", "validation_error_percent"):
        assert again[name][0] == pytest.approx(history[name][-1], rel=1e-4)
    assert evaluate(averaged, data, backend="rate").error_percent < 60


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_images_are_not_mixed_where_normalisation_is_measured(data, averaging):
    """Halves of two images vary half as much, and weights would be larger for them."""
    still = {**SETTINGS, "optimizer": tf.keras.optimizers.SGD(0.0), "batch_norm": True}
    plain, mixed = (networks.small(noise=None) for _ in range(2))
    fit(plain, data, **still)
    fit(mixed, data, averaging=averaging, mixup=1e3, **still)
    large = {name: a for name, a in arrays_of(plain).items() if a.ndim == 4}
    for name, array in large.items():
        ratio = np.linalg.norm(arrays_of(mixed)[name]) / np.linalg.norm(array)
        assert 0.9 < ratio < 1.1, name


@pytest.mark.parametrize("trainer", [AsLayers, ThroughNengoDL])
def test_label_smoothing_is_cross_entropy_with_spread_labels(trainer, rng):
    way = dense(trainer, label_smoothing=0.2)
    ((x, labels),) = batches(1, rng)
    logs = log_softmax(way.predict(x).astype(np.float64), axis=1)
    spread = 0.8 * np.eye(3)[labels] + 0.2 / 3
    loss, accuracy = way.train(x, labels)
    assert loss == pytest.approx(-np.mean(np.sum(spread * logs, axis=1)), rel=1e-5)
    assert accuracy == pytest.approx(np.mean(logs.argmax(axis=1) == labels))
    way.close()
