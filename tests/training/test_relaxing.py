"""Curves start smooth and end as the neurons have them."""

from nengo_softlif import SoftLIFRate, Stack, networks
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.as_layers import AsLayers
from nengo_softlif.training.loop import fit

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from references import arrays_of
from trainings import SETTINGS


def still(sigma, n_steps=8, **settings):
    """A way to train in which weights stay: only curves can change the loss."""
    with nengo.Network(seed=0) as net:
        stack = Stack((2, 3, 1), SoftLIFRate(sigma, amplitude=0.05))
        stack.dense(5)
        stack.dense(4)
        output = stack.readout(3, std=1.0)
    way = AsLayers(net, stack.input, output, Settings(batch_size=8, **settings))
    way.plan(n_steps)
    way.compile(tf.keras.optimizers.SGD(0.0))
    return way


def loss(way, x, labels):
    way.start_epoch()
    return way.train(x, labels)[0]


def test_smoothing_falls_geometrically_in_the_first_half(rng):
    x = rng.normal(size=(8, 6)).astype(np.float32)
    labels = np.arange(8) % 3
    relaxed = still(0.01, sigma_start=0.64)
    losses = [loss(relaxed, x, labels) for _ in range(8)]
    sigmas = [0.01 * 64 ** (1 - min(t / 4, 1)) for t in range(8)]
    expected = [loss(still(sigma), x, labels) for sigma in sigmas[:5]]
    np.testing.assert_allclose(losses[:5], expected, rtol=1e-5)
    assert len(set(losses[:5])) == 5
    np.testing.assert_array_equal(losses[5:], losses[4])
    answers = still(0.01).predict(x)
    np.testing.assert_array_equal(relaxed.predict(x), answers)


def test_normalisation_is_measured_with_the_curves_of_the_network(rng):
    x = rng.normal(size=(8, 6)).astype(np.float32)
    averages = []
    for settings in ({}, {"sigma_start": 1.0}):
        way = still(0.01, batch_norm=True, **settings)
        way.train(x, np.arange(8) % 3)
        way.settle([x])
        averages.append(way.predict(x))
    np.testing.assert_allclose(*averages, rtol=1e-6)


def test_neurons_stay_as_they_are(data):
    plain, relaxed = networks.small(), networks.small()
    fit(plain, data, **SETTINGS)
    history = fit(relaxed, data, sigma_start=0.5, **SETTINGS)
    types = [[e.neuron_type for e in m.ensembles] for m in (plain, relaxed)]
    assert types[0] == types[1]
    name = "connections/0/weights"
    assert not np.allclose(arrays_of(plain)[name], arrays_of(relaxed)[name], atol=1e-5)
    assert history["loss"][-1] < history["loss"][0]
    assert relaxed.training["sigma_start"] == 0.5
    assert "sigma_start" not in plain.training


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma_start": 0.02}, "sigma_start: expected more .* is 0.02, got 0.02"),
        ({"sigma_start": -1}, "sigma_start.*positive number, got -1"),
        ({"sigma_start": 0.5, "target": "loihi"}, "sigma_start: with a target rates"),
        (
            {"sigma_start": 1, "trainer": "nengo-dl"},
            "sigma_start: 'nengo-dl' trains wi",
        ),
    ],
)
def test_bad_smoothing(data, settings, message):
    with pytest.raises(ValidationError, match=message):
        fit(networks.small(), data, **SETTINGS, **settings)
