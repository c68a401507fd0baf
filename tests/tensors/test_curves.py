"""Random numbers, and the compiled soft LIF curve."""

from nengo_softlif import Dropout, GaussianNoise, SoftLIFRate
from nengo_softlif.tensors.curves import (
    Response,
    normal,
    random_words,
    threefry,
    uniform,
)

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

KEYS = [(0, 0), (1, 2), (2**32 - 1, 2**31), (0x9E3779B9, 7)]
SHAPE = (32, 6000)

# counter, key and answer, from the test vectors of Random123 for threefry2x32, R = 20
VECTORS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0x1CB996FC, 0xBB002BE7)),
    (
        (0x243F6A88, 0x85A308D3),
        (0x13198A2E, 0x03707344),
        (0xC4923A9C, 0x483DF7A0),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), VECTORS)
def test_threefry_gives_the_published_words(counter, key, words):
    counter, key = (
        [tf.constant(word, tf.uint32) for word in pair] for pair in (counter, key)
    )
    assert tuple(int(word) for word in threefry(key, counter)) == words


def draw(key, step, kind, dtype="float32"):
    words = random_words(SHAPE, key, tf.constant(step))
    return kind(words, tf.as_dtype(dtype)).numpy().ravel().astype(float)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("key", KEYS)
def test_draws_have_their_distribution(key, dtype):
    u, x = draw(key, 3, uniform, dtype), draw(key, 3, normal, dtype)
    assert 0 <= u.min() < u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert stats.kstest(x, "norm").pvalue > 1e-3
    n = len(x)
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert 4 < np.abs(x).max() < 6.8


@pytest.mark.parametrize("kind", [uniform, normal])
def test_draws_of_other_keys_steps_and_places_have_nothing_in_common(kind):
    streams = [draw(key, step, kind) for key in KEYS for step in (1, 2)]
    for lag in (1, 6000):  # the next neuron and example
        streams.append(np.roll(streams[0], lag))
    correlation = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(correlation).max() < 5 / np.sqrt(streams[0].size)


def test_a_draw_belongs_to_its_example_and_neuron_in_any_layout():
    first = random_words((3, 20), (1, 2), tf.constant(7))
    last = random_words((20, 3), (1, 2), tf.constant(7), batch_last=True)
    for a, b in zip(first, last, strict=True):
        np.testing.assert_array_equal(a, np.transpose(b))


@pytest.mark.parametrize(
    "neuron",
    [
        SoftLIFRate(0.02, 0.05, 0.001, 0.063),
        SoftLIFRate(sigma=1e-4, tau_rc=0.005, tau_ref=0, amplitude=2.5),
        SoftLIFRate(sigma=1.0),
        SoftLIFRate(sigma=1e9),
    ],
    ids=repr,
)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-4)])
def test_compiled_rates_and_slopes_equal_those_of_the_neuron(neuron, dtype, rtol):
    """With gain and bias, for all currents, finite and positive."""
    gain, bias = np.array([1.0, 0.3]), np.array([1.0, -2.0])
    around = neuron.sigma * np.linspace(-100, 100, 2001)
    far = np.geomspace(1e-3, 1e30, 100)
    x = np.concatenate([around, far, -far])[:, np.newaxis].repeat(2, axis=1)
    x = x.astype(dtype)
    response = Response(neuron, (0,), gain, bias)
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        rates = response(inputs)
    slope = tape.gradient(rates, inputs).numpy()

    assert np.all(np.isfinite(rates))
    assert np.all(rates.numpy() > 0)
    assert np.all(np.isfinite(slope))
    dtype = np.dtype(dtype).type
    J = dtype(gain) * x + dtype(bias - 1) + dtype(1)
    fits = np.abs(J - 1) > 1e-3 * neuron.sigma  # else J itself is rounded
    expected = neuron.rates(J.ravel(), [1], [0]).reshape(J.shape)
    np.testing.assert_allclose(rates.numpy()[fits], expected[fits], rtol=10 * rtol)
    expected = gain * neuron.derivative(J.ravel(), [1], [0]).reshape(J.shape)
    tiny = 1e3 * np.finfo(dtype).tiny
    np.testing.assert_allclose(slope[fits], expected[fits], rtol=10 * rtol, atol=tiny)


def test_noise_acts_where_a_step_is_given_and_in_the_gradient_only_by_dropout():
    x = np.full((50, 40), 2.0, np.float32)
    keep = SoftLIFRate(noise=GaussianNoise(5.0))
    drop = SoftLIFRate(noise=Dropout(0.25, GaussianNoise(5.0)))
    for neuron_type in (keep, drop):
        response = Response(neuron_type, (3, 4, 0), bias=1.0)
        with tf.GradientTape(persistent=True) as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            clean, noisy = response(inputs), response(inputs, tf.constant(1))
        slope, noisy_slope = (tape.gradient(out, inputs) for out in (clean, noisy))
        assert len(np.unique(clean)) == 1
        assert len(np.unique(noisy)) > 1000
        mask = np.ones(x.shape)
        if neuron_type is drop:
            mask = (noisy.numpy() != 0) / 0.75
            assert 0.7 < np.mean(mask > 0) < 0.8
        np.testing.assert_allclose(noisy_slope, slope * mask, rtol=1e-6)
        assert np.mean(noisy) == pytest.approx(np.mean(clean), rel=0.05)
        other = Response(neuron_type, (3, 4, 1), bias=1.0)(inputs, tf.constant(1))
        assert abs(np.corrcoef(np.ravel(noisy), np.ravel(other))[0, 1]) < 0.1
