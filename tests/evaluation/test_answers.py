"""What is decided when, and how sure that is."""

from dataclasses import replace

from nengo_softlif.evaluation.answers import decide, readout_steps, time_to_decide
from nengo_softlif.evaluation.results import Difference, difference, wilson

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.stats import binomtest


@pytest.mark.parametrize(
    ("n_steps", "dt", "window"),
    [
        (60, 0.001, 0),
        (61, 0.001, 0.02),
        (7, 0.002, 0),
        (3, 0.01, 0.02),
        (100, 5e-4, 0.013),
    ],
)
def test_readout_against_a_loop(n_steps, dt, window):
    outputs = np.random.RandomState(0).randn(4, n_steps, 3).astype(np.float32)
    times, decisions = [], []
    for step in range(1, n_steps + 1):
        time = step * dt
        fifth = abs(time / 0.005 - round(time / 0.005)) < 1e-6 or dt > 0.005
        if dt == 0.002:  # 5 ms are no whole number of steps: every 4 ms
            fifth = step % 2 == 0
        if time < window - 1e-9 or not (fifth or step == n_steps):
            continue
        inside = [
            k for k in range(1, step + 1) if k * dt >= max(window, time / 2) - 1e-9
        ]
        mean = np.mean([outputs[:, k - 1].astype(np.float64) for k in inside], axis=0)
        times.append(time)
        decisions.append(mean.argmax(axis=1))
    steps, first = readout_steps(n_steps, dt, window)
    np.testing.assert_allclose(steps * dt, times)
    np.testing.assert_array_equal(
        decide(outputs, steps, first), np.transpose(decisions)
    )


def test_the_readout_is_causal():
    outputs = np.random.RandomState(0).randn(2, 60, 3)
    steps, first = readout_steps(60, 0.001)
    before = decide(outputs, steps, first)
    outputs[:, 30:] = np.random.RandomState(1).randn(2, 30, 3)
    after = decide(outputs, steps, first)
    np.testing.assert_array_equal(before[:, steps <= 30], after[:, steps <= 30])
    assert np.any(before != after)


def test_recorded_times(result):
    assert result.times == [round(0.005 * k, 9) for k in range(1, 13)]
    assert result.error_over_time_percent[-1] == result.error_percent
    wrong = result.predictions_over_time != np.array(result.labels)[:, None]
    np.testing.assert_allclose(result.error_over_time_percent, 100 * wrong.mean(axis=0))
    assert result.predictions == result.predictions_over_time[:, -1].tolist()
    confusion = np.array(result.confusion)
    assert confusion.sum() == 7
    assert 100 * (1 - np.trace(confusion) / 7) == pytest.approx(result.error_percent)
    for label, answer in zip(result.labels, result.predictions, strict=True):
        assert confusion[label, answer] > 0


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([9, 5, 2, 1.5, 1], 4),
        ([9, 5, 1.4, 1.5, 1], 3),
        ([1, 1, 1, 1, 1], 1),
        ([1, 1, 1.6, 1, 1], 4),
        ([9, 9, 9, 9, 1], 5),
        ([0, 0, 0.5, 0.6, 1.1], 4),
    ],
)
def test_time_to_decide(errors, expected):
    assert time_to_decide([1, 2, 3, 4, 5], errors) == expected


# -- intervals -------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (88, 10_000), (5, 5)])
def test_wilson_interval(k, n):
    expected = binomtest(k, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(k, n), expected, atol=1e-12)


def answered(result, wrong):
    """The record of a network that is wrong on these images."""
    labels = np.zeros(len(wrong), dtype=int)
    return replace(
        result,
        n_examples=len(wrong),
        labels=labels.tolist(),
        predictions=np.where(wrong, 1, labels).tolist(),
    )


def test_difference(result):
    wrong = np.arange(1000)
    a, b = answered(result, wrong < 20), answered(result, (wrong >= 5) & (wrong < 50))
    found = difference(a, b)
    assert found.points == pytest.approx(2.5)
    low, high = found.interval_points
    # Wald's interval, from 5 images of one and 30 of the other
    half = 196 * np.sqrt(35 - 25**2 / 1000) / 1000
    assert low == pytest.approx(2.5 - half, abs=0.1)
    assert high == pytest.approx(2.5 + half, abs=0.1)
    mirrored = difference(b, a)
    assert mirrored.points == -found.points
    np.testing.assert_allclose(mirrored.interval_points, (-high, -low))
    assert str(Difference(0.5, (-1.0, 2.0), 9)) == (
        "+0.50 points (95 % interval -1.00 to +2.00)"
    )


@pytest.mark.parametrize("n", [100, 1000])
def test_coverage_of_paired_intervals(result, n):
    """The interval holds the true difference in about 95 of 100 experiments."""
    rng = np.random.RandomState(0)
    p = [0.93, 0.01, 0.04, 0.02]  # both right, only a wrong, only b wrong, both wrong
    held = []
    for _ in range(1000):
        case = rng.choice(4, size=n, p=p)
        a = answered(result, (case == 1) | (case == 3))
        b = answered(result, case >= 2)
        low, high = difference(a, b).interval_points
        held.append(low <= 3 <= high)
    assert 0.93 <= np.mean(held) <= 0.985


def test_difference_at_a_time(result, reference):
    assert difference(result, reference, time=0.03).points == 0
    changed = replace(result, predictions_over_time=result.predictions_over_time.copy())
    changed.predictions_over_time[:, 5] = result.labels  # 30 ms
    expected = -result.error_over_time_percent[5]
    assert difference(result, changed, time=0.03).points == pytest.approx(expected)
    assert difference(result, changed).points == 0
    with pytest.raises(ValidationError, match=r"recorded times.*got 0\.033"):
        difference(result, changed, time=0.033)


def test_difference_needs_the_same_images(result):
    with pytest.raises(ValidationError, match="same images"):
        difference(result, replace(result, data_sha256="0"))
    with pytest.raises(ValidationError, match="same images"):
        difference(result, replace(result, n_examples=3))


@pytest.mark.parametrize("other", [None, 3, "evaluation.json"])
def test_differences_are_of_evaluations(result, other):
    with pytest.raises(ValidationError, match="a: expected an Evaluation"):
        difference(other, result)
    with pytest.raises(ValidationError, match="b: expected an Evaluation"):
        difference(result, other)
