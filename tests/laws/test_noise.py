"""Laws 3 and 4: noise is what filtered spikes look like, and can be repeated."""

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    Dropout,
    GaussianNoise,
    LowpassNoise,
    SoftLIFRate,
)

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import NOISES
from scipy import stats

# Gauss-Legendre nodes and weights on [0, 1]
_nodes, _weights = np.polynomial.legendre.leggauss(300)
PHASES, WEIGHTS = (_nodes + 1) / 2, _weights / 2
TAU_RC = 0.02


RATES = np.array([[5.0], [11.4], [40.0], [150.0], [480.0], [5000.0]])


# relative distances of tau_s from tau_rc; the last two are on either side of
# where the expansion takes over in float64
CLOSE = [0, 1e-9, 1e-6, 1e-3, 1.2e-4, 1.25e-4]


def alpha_rc(t, tau_s, tau_rc):
    """The alpha function convolved with the membrane, by quadrature."""
    s = t[..., None] * PHASES
    alpha = s / tau_s**2 * np.exp(-s / tau_s)
    return t * ((alpha * np.exp((s - t[..., None]) / tau_rc) / tau_rc) @ WEIGHTS)


# Nengo's filters, and their response to an impulse at times t
EXACT = {
    LowpassNoise: (
        lambda tau_s: [nengo.Lowpass(tau_s)],
        lambda t, tau_s, _: np.exp(-t / tau_s) / tau_s,
    ),
    AlphaNoise: (
        lambda tau_s: [nengo.Alpha(tau_s)],
        lambda t, tau_s, _: t * np.exp(-t / tau_s) / tau_s**2,
    ),
    AlphaRCNoise: (
        lambda tau_s: [nengo.Alpha(tau_s), nengo.Lowpass(TAU_RC)],
        alpha_rc,
    ),
}


def reference(noise, rate, phases, tau_rc=TAU_RC):
    """The filtered train, as a sum over all spikes of the last second or so."""
    period = 1 / rate
    n_spikes = int(np.ceil(50 * max(noise.tau_s, tau_rc) / period)) + 1
    ages = (phases[:, None] + np.arange(n_spikes)) * period
    # chunks, as the quadrature for the membrane takes memory
    chunks = np.array_split(ages, max(1, ages.size // 5000))
    _, response = EXACT[type(noise)]
    return np.concatenate(
        [response(c, noise.tau_s, tau_rc).sum(axis=1) for c in chunks]
    )


@pytest.mark.parametrize("rate", [11.4, 40.0, 150.0, 480.0])
@pytest.mark.parametrize("cls", EXACT)
@pytest.mark.parametrize("tau_s", [0.001, 0.005, TAU_RC, 0.05])
def test_samples_are_sums_over_spikes(cls, tau_s, rate):
    phases = np.linspace(0, 1, 40, endpoint=False)
    noise = cls(tau_s)
    sample = noise.sample(np.full(40, rate), phases, TAU_RC)
    expected = reference(noise, rate, phases)
    np.testing.assert_allclose(sample, expected, rtol=1e-7, atol=1e-7 * rate)


@pytest.mark.parametrize("cls", EXACT)
@pytest.mark.parametrize("tau_s", [0.001, 0.003, 0.005, 0.019, TAU_RC, 0.021, 0.1])
def test_the_mean_over_all_phases_is_the_rate(cls, tau_s):
    """By quadrature, which leaves nothing to chance."""
    sample = cls(tau_s).sample(*np.broadcast_arrays(RATES, PHASES), TAU_RC)
    np.testing.assert_allclose(sample @ WEIGHTS, RATES[:, 0], rtol=1e-8)
    assert np.all(sample > 0)


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(list(EXACT)),
    st.floats(1e-3, 0.1),
    st.floats(1e-3, 0.1),
    st.floats(5, 2000),
)
def test_the_mean_is_the_rate_for_any_time_constants(cls, tau_s, tau_rc, rate):
    sample = cls(tau_s).sample(np.full_like(PHASES, rate), PHASES, tau_rc)
    assert sample @ WEIGHTS == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("distance", CLOSE)
def test_alpha_rc_is_continuous_where_the_time_constants_meet(distance, sign):
    """It moves by no more than the relative distance, and keeps its mean."""
    points = np.broadcast_arrays(RATES, PHASES)
    at = AlphaRCNoise(TAU_RC).sample(*points, TAU_RC)
    beside = AlphaRCNoise(TAU_RC * (1 + sign * distance)).sample(*points, TAU_RC)
    error = np.abs(beside - at) / ((5 * distance + 1e-7) * at + 1e-6 * RATES)
    assert error.max() < 1
    np.testing.assert_allclose(beside @ WEIGHTS, RATES[:, 0], rtol=1e-7)


@pytest.mark.parametrize("distance", [0, 1e-6, 1e-3, 0.0186, 0.019, 0.1])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("cls", EXACT)
def test_float32_agrees_with_float64(cls, distance, sign, rng):
    noise = cls(TAU_RC * (1 + sign * distance))
    x = rng.uniform(size=(len(RATES), 1000)).astype("float32")
    rates = np.broadcast_to(RATES, x.shape).astype("float32")
    single = noise.sample(rates, x, TAU_RC)
    double = noise.sample(rates.astype(float), x.astype(float), TAU_RC)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    # alpha-RC divides a difference by the square of the distance
    rtol, atol = (2e-3, 1e-2) if cls is AlphaRCNoise else (1e-5, 1e-5)
    assert np.all(np.abs(single - double) < rtol * double + atol * RATES)
    np.testing.assert_allclose(single.mean(axis=1), double.mean(axis=1), rtol=rtol)


@pytest.fixture(scope="module")
def spike_trains():
    """LIF neurons with constant currents, simulated by Nengo at 0.1 ms."""
    neuron = nengo.LIF(tau_rc=TAU_RC, tau_ref=0.002)
    rates = np.array([15, 40, 90, 200])
    gain, bias = neuron.gain_bias(rates, np.zeros(4))
    with nengo.Network(seed=0) as net:
        ensemble = nengo.Ensemble(4, 1, gain=gain, bias=gain + bias, neuron_type=neuron)
        probe = nengo.Probe(ensemble.neurons, synapse=None)
    with nengo.Simulator(net, dt=1e-4, progress_bar=False) as sim:
        sim.run(2.3)
    return rates, sim.data[probe]


@pytest.mark.parametrize("tau_s", [0.003, 0.005, TAU_RC])
@pytest.mark.parametrize("cls", EXACT)
def test_a_simulated_spike_train_has_the_same_distribution(cls, tau_s, spike_trains):
    rates, spikes = spike_trains
    filtered, (filters, _) = spikes, EXACT[cls]
    for synapse in filters(tau_s):
        filtered = synapse.filt(filtered, dt=1e-4, y0=0)

    for rate, train, values in zip(rates, spikes.T, filtered.T, strict=True):
        # whole periods, once the filters have forgotten the start
        times = np.flatnonzero(train)
        start, stop = times[times > 3000][[0, -1]]
        simulated = values[start:stop]
        fired = np.count_nonzero(times[times > 3000]) - 1
        measured_rate = fired / (1e-4 * (stop - start))
        assert measured_rate == pytest.approx(rate, rel=5e-3)

        phases = (np.arange(5000) + 0.5) / 5000
        expected = cls(tau_s).sample(np.full(5000, measured_rate), phases, TAU_RC)
        assert simulated.mean() == pytest.approx(expected.mean(), rel=2e-3)
        assert simulated.std() == pytest.approx(
            expected.std(), rel=0.02, abs=2e-3 * rate
        )
        levels = [5, 25, 50, 75, 95]
        np.testing.assert_allclose(
            np.percentile(simulated, levels),
            np.percentile(expected, levels),
            rtol=0.02,
            atol=0.01 * rate,
        )


@pytest.mark.parametrize("std", [1, 10, 20])
@pytest.mark.parametrize("rate", [0.5, 12, 30, 300])
def test_the_clipped_gaussian(rate, std):
    x = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    sample = GaussianNoise(std).sample(np.full_like(x, rate), x, TAU_RC)
    z = rate / std
    mean = rate * stats.norm.cdf(z) + std * stats.norm.pdf(z)
    square = (rate**2 + std**2) * stats.norm.cdf(z) + rate * std * stats.norm.pdf(z)
    assert sample.mean() == pytest.approx(mean, rel=1e-4)
    assert np.mean(sample**2) == pytest.approx(square, rel=1e-3)
    assert sample.min() >= 0
    assert np.mean(sample == 0) == pytest.approx(stats.norm.cdf(-z), abs=1e-5)


@pytest.mark.parametrize("noise", NOISES, ids=repr)
def test_samples_drawn_by_apply_have_the_right_mean(noise, rng):
    """The random numbers, that is: the formula is tested by quadrature."""
    n = 100_000
    noisy = noise.apply(np.full(n, 60.0), np.full(n, 2.0), TAU_RC, rng)
    error = noisy.std() / np.sqrt(n)
    assert noisy.shape == (n,)
    assert abs(noisy.mean() - 60) < 4 * error + 1e-9


@pytest.mark.parametrize("noise", NOISES, ids=repr)
def test_below_threshold_the_rate_passes_unchanged(noise, rng):
    neuron = SoftLIFRate()
    J = np.concatenate([np.linspace(-5, 1, 500), np.linspace(1.0001, 5, 500)])
    rates = neuron.rates(J, [1], [0])[:, 0]
    rates[:100] = 0  # as a hard neuron would have it
    with np.errstate(all="raise", under="ignore"):
        noisy = noise.apply(rates, J, TAU_RC, rng)
    unchanged = noisy == rates
    if isinstance(noise, Dropout):
        silent = noisy == 0
        louder = np.isclose(noisy, rates / (1 - noise.rate), rtol=1e-12)
        assert np.all((silent | louder)[J <= 1])
    else:
        assert np.all(unchanged[J <= 1])
    if noise != GaussianNoise(0) and noise != Dropout(0):
        assert not np.any(unchanged[J > 1])


@pytest.mark.parametrize("noise", NOISES, ids=repr)
@pytest.mark.parametrize(
    "generator", [np.random.RandomState, np.random.default_rng], ids=["old", "new"]
)
def test_apply_is_reproducible(noise, generator, seed):
    rates, J = np.full((3, 40), 50.0), np.full((3, 40), 2.0)
    before = rates.copy()
    first = noise.apply(rates, J, TAU_RC, generator(seed))
    np.testing.assert_array_equal(rates, before)
    np.testing.assert_array_equal(first, noise.apply(rates, J, TAU_RC, generator(seed)))
    if noise != GaussianNoise(0):
        assert not np.array_equal(
            first, noise.apply(rates, J, TAU_RC, generator(seed + 1))
        )
