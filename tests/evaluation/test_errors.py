"""Errors of values, against scikit-learn, and their intervals, against chance."""

from nengo_softlif.evaluation.errors import r2, rmse

import numpy as np
import pytest
from sklearn import metrics


def drawn(rng, n, k=1, noise=0.5):
    """Answers, and targets of different spread."""
    targets = rng.normal(3, 1 + np.arange(k), size=(n, k))
    return targets + rng.normal(0, noise, size=(n, k)), targets


@pytest.mark.parametrize("k", [1, 4])
def test_errors_are_those_of_scikit_learn(rng, k):
    answers, targets = drawn(rng, 80, k)
    expected = np.sqrt(metrics.mean_squared_error(targets, answers))
    np.testing.assert_allclose(rmse(answers - targets)[0], expected)
    np.testing.assert_allclose(
        r2(answers - targets, targets)[0], metrics.r2_score(targets, answers)
    )


def test_what_never_changes_is_explained_only_exactly():
    targets = np.stack([np.ones(9), np.arange(9.0)], axis=1)
    for wrong in (0.0, 0.5):
        answers = targets + np.array([wrong, 0.1])
        value, (low, high) = r2(answers - targets, targets)
        np.testing.assert_allclose(value, metrics.r2_score(targets, answers))
        assert low <= value <= high <= 1


def test_one_example_has_its_error():
    assert rmse(np.array([[3.0, 4.0]]))[1] == [np.sqrt(12.5)] * 2
    assert r2(np.array([[0.0]]), np.array([[5.0]])) == (1.0, [1.0, 1.0])


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_intervals_hold_what_they_promise(noise):
    """95 of 100 contain the truth; in 600 draws, 3.5 standard deviations are 3.1."""
    rng = np.random.RandomState(0)
    n_draws, held = 600, np.zeros(2)
    for _ in range(n_draws):
        answers, targets = drawn(rng, 200, noise=noise)
        found = rmse(answers - targets)[1], r2(answers - targets, targets)[1]
        truth = noise, 1 - noise**2
        held += [lo <= t <= hi for (lo, hi), t in zip(found, truth, strict=True)]
    assert np.all(abs(100 * held / n_draws - 95) < 3.2)
