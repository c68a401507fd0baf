"""Gradients in PyTorch are those in TensorFlow: needs PyTorch beside the package.

``pytest tests/benchmarks/test_torch_layers.py``
"""

import nengo_softlif as softlif
from nengo_softlif.layers import parameters
from nengo_softlif.training import FiringRates
from nengo_softlif.training.keras_model import LayeredNetwork

import numpy as np
import pytest
import tensorflow as tf

torch = pytest.importorskip("torch")

from tests.benchmarks import torch_layers  # noqa: E402 (it needs PyTorch)

N_IMAGES, HIGHEST_RATE = 8, 5.0

MODELS = {
    "residual": lambda: softlif.networks.resnet((8, 8, 3), width=4, noise=None),
    "local": lambda: softlif.networks.cifar10((12, 12, 3), noise=None),
    "strided": lambda: softlif.networks.from_recipe(
        "conv 4 3, pool 2, conv 6 3 2 valid, dense 20", (10, 10, 1), noise=None
    ),
}


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_tensorflow(name, batch_norm, rng):
    model = MODELS[name]()
    images = rng.normal(size=(N_IMAGES, model.input.size_out)).astype(np.float32)
    classes = rng.randint(10, size=N_IMAGES)
    theirs = torch_layers.TorchNetwork(model, batch_norm)
    if batch_norm:
        theirs(torch.tensor(images), batch=True, measure=1.0)
    answers, means = theirs(torch.tensor(images), batch=batch_norm)
    loss = torch.nn.functional.cross_entropy(answers, torch.tensor(classes))
    loss = loss + (torch.relu(means / HIGHEST_RATE - 1) ** 2).sum()
    loss.backward()
    ours = LayeredNetwork(
        model.network,
        model.input,
        model.output,
        N_IMAGES,
        seed=0,
        batch_norm=batch_norm,
        rates=FiringRates(high=HIGHEST_RATE),
    )
    with tf.GradientTape() as tape:
        expected = ours(tf.constant(images), training=True)
        entropy = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        total = entropy(classes, expected) + tf.add_n(ours.penalties)
    np.testing.assert_allclose(answers.detach(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loss.item(), total, rtol=1e-5)
    variables = ours.weights.variables
    gradients = tape.gradient(total, list(variables.values()))
    whole = np.sqrt(sum(np.sum(g.numpy() ** 2) for g in gradients))
    for connection, gradient in zip(variables, gradients, strict=True):
        found = theirs.gradient(connection)
        wanted = ours.weights.restore(connection, gradient.numpy())
        assert np.linalg.norm(found - wanted) < 1e-5 * whole


@pytest.mark.parametrize("name", MODELS)
def test_folded_weights_are_those_of_tensorflow(name, rng):
    model = MODELS[name]()
    images = rng.normal(size=(N_IMAGES, model.input.size_out)).astype(np.float32)
    theirs = torch_layers.TorchNetwork(model, True)
    theirs(torch.tensor(images), batch=True, measure=1.0)
    ours = LayeredNetwork(
        model.network, model.input, model.output, N_IMAGES, seed=0, batch_norm=True
    )
    ours.measure(tf.constant(images))
    expected = parameters.collect(model.network, ours.data)
    found = theirs.arrays()
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5)
