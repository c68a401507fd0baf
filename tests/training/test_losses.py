"""What is made small in training is what the formulas say."""

from nengo_softlif.training.as_layers import AsLayers
from nengo_softlif.training.losses import mix

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import beta, kstest
from trainings import dense


def test_mixed_images_are_parts_of_two():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(50, 7)).astype(np.float32)
    classes = np.arange(50)  # each image is found by its class
    mixed, targets = mix(images, classes, 0.4, rng)
    first, second, part = targets.T
    np.testing.assert_array_equal(first, classes)
    np.testing.assert_array_equal(np.sort(second), classes)
    assert len(set(part)) == 1
    assert 0.5 <= part[0] <= 1
    expected = part[0] * images + (1 - part[0]) * images[second.astype(int)]
    np.testing.assert_allclose(mixed, expected, rtol=1e-6)


def test_parts_are_of_a_beta_distribution():
    """Of the larger of both parts."""
    rng, images = np.random.default_rng(0), np.zeros((2, 1), np.float32)
    drawn = [mix(images, np.zeros(2), 0.4, rng)[1][0, 2] for _ in range(2000)]
    folded = beta(0.4, 0.4)
    assert kstest(drawn, lambda x: 2 * folded.cdf(x) - 1).pvalue > 0.01


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_the_loss_is_of_both_classes_by_their_parts(label_smoothing, rng):
    way = dense(AsLayers, mixup=0.4, label_smoothing=label_smoothing)
    images = rng.normal(size=(8, 6)).astype(np.float32)
    mixed, targets = mix(images, rng.randint(3, size=8), 0.4, np.random.default_rng(1))
    part, classes = targets[0, 2], targets[:, :2].astype(int)
    logs = log_softmax(way.predict(mixed).astype(np.float64), axis=1)
    wanted = part * np.eye(3)[classes[:, 0]] + (1 - part) * np.eye(3)[classes[:, 1]]
    wanted = (1 - label_smoothing) * wanted + label_smoothing / 3
    loss, accuracy = way.train(mixed, targets)
    assert loss == pytest.approx(-np.mean(np.sum(wanted * logs, axis=1)), rel=1e-5)
    assert accuracy == pytest.approx(np.mean(logs.argmax(axis=1) == classes[:, 0]))
