"""Losses: what they are, their gradients, and whether `evaluate` decides alike."""

from nengo_softlif.evaluation.answers import decide, readout_steps
from nengo_softlif.gradients import CrossEntropy, Loss, Membrane
from nengo_softlif.registry import LOSSES

import numpy as np
import pytest

N_CLASSES = 4
LABELS = np.array([0, 3, 1, 1, 2])


def draw(rng, n_steps, dtype="float64"):
    return rng.normal(size=(len(LABELS), n_steps, N_CLASSES)).astype(dtype)


def total(loss, outputs, labels=LABELS):
    """Mean over examples."""
    return loss.values(loss.answers(outputs), labels)[0].mean()


@pytest.mark.parametrize("n_steps", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_differences(name, n_steps, rng):
    loss, outputs = LOSSES[name](), draw(rng, n_steps)
    _, gradient = loss.values(loss.answers(outputs), LABELS)
    found = loss.by_outputs(gradient / len(LABELS), n_steps)
    assert found.shape == outputs.shape
    step = 1e-6
    for place in np.ndindex(outputs.shape):
        high, low = outputs.copy(), outputs.copy()
        high[place] += step
        low[place] -= step
        difference = (total(loss, high) - total(loss, low)) / (2 * step)
        np.testing.assert_allclose(found[place], difference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_precision_stays(name, rng):
    loss, outputs = LOSSES[name](), draw(rng, 5, "float32")
    answers = loss.answers(outputs)
    losses, gradient = loss.values(answers, LABELS)
    found = loss.by_outputs(gradient, 5)
    assert {a.dtype.name for a in (answers, losses, gradient, found)} == {"float32"}
    wide = loss.values(loss.answers(outputs.astype("float64")), LABELS)
    np.testing.assert_allclose(losses, wide[0], rtol=1e-5)
    np.testing.assert_allclose(gradient, wide[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_outputs_are_left_as_they_are(name, rng):
    loss, outputs = LOSSES[name](), draw(rng, 6)
    before = outputs.copy()
    answers = loss.answers(outputs)
    kept = answers.copy()
    loss.values(answers, LABELS)
    np.testing.assert_array_equal(outputs, before)
    np.testing.assert_array_equal(answers, kept)


@pytest.mark.parametrize("n_steps", range(1, 33))
def test_cross_entropy_judges_by_what_evaluate_decides(n_steps, rng):
    outputs = rng.normal(size=(200, n_steps, N_CLASSES))
    steps, first = readout_steps(n_steps, 0.001)
    decided = decide(outputs, steps, first)[:, -1]
    np.testing.assert_array_equal(CrossEntropy().answers(outputs).argmax(1), decided)


def test_cross_entropy_is_that_of_the_softmax(rng):
    answers = rng.normal(size=(len(LABELS), N_CLASSES))
    chances = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    losses, _ = CrossEntropy().values(answers, LABELS)
    right = -np.log(chances[np.arange(len(LABELS)), LABELS])
    np.testing.assert_allclose(losses, right, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_large_answers_is_finite(dtype):
    answers = np.array([[1e30, -1e30, 0, 0]] * 2, dtype)
    losses, gradient = CrossEntropy().values(answers, np.array([0, 1]))
    np.testing.assert_allclose(losses, [0, 2e30], rtol=1e-6)
    np.testing.assert_array_equal(gradient, [[0, 0, 0, 0], [1, -1, 0, 0]])


def test_lee_et_als_loss_by_hand():
    """Two classes, four steps: the last voltages are 4 and 2, so o is (1, 1/2)."""
    outputs = np.zeros((1, 4, 2))
    outputs[0, -1] = 4, 2
    loss = Membrane()
    losses, gradient = loss.values(loss.answers(outputs), np.array([1]))
    np.testing.assert_allclose(losses, [1 + 0.25])
    found = loss.by_outputs(gradient, 4)
    np.testing.assert_allclose(found[0, -1], [2 * 1 / 4, 2 * -0.5 / 4])
    assert not found[0, :-1].any()


def test_rows_are_losses():
    for name in LOSSES:
        assert issubclass(LOSSES[name], Loss)
