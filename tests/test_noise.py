"""`nengo_softlif.noise`: against sums over spikes, quadrature, and Nengo's filters."""

import copy
import json
import pickle

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    Dropout,
    GaussianNoise,
    LowpassNoise,
    SoftLIFRate,
)
from nengo_softlif.noise import Noise, from_json, to_json

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import ReadonlyError, ValidationError
from scipy import stats

NOISES = [
    GaussianNoise(),
    GaussianNoise(0),
    LowpassNoise(),
    LowpassNoise(0.003),
    AlphaNoise(),
    AlphaNoise(0.003),
    AlphaRCNoise(),
    AlphaRCNoise(0.02),
    Dropout(),
    Dropout(0, GaussianNoise(3)),
    Dropout(0.25, AlphaNoise(0.002)),
]
EXACT = [LowpassNoise, AlphaNoise, AlphaRCNoise]
TAU_RC = 0.02
RATES = np.array([[5.0], [11.4], [40.0], [150.0], [480.0], [5000.0]])
# relative distances of tau_s from tau_rc; the last two are on either side of
# where the expansion takes over in float64
CLOSE = [0, 1e-9, 1e-6, 1e-3, 1.2e-4, 1.25e-4]

# Gauss-Legendre nodes and weights on [0, 1]
_nodes, _weights = np.polynomial.legendre.leggauss(300)
PHASES, WEIGHTS = (_nodes + 1) / 2, _weights / 2


def kernel(noise, t, tau_rc):
    """Impulse responses of the filters, at times ``t``."""
    b = 1 / noise.tau_s
    if isinstance(noise, LowpassNoise):
        return b * np.exp(-b * t)
    if isinstance(noise, AlphaNoise):
        return b**2 * t * np.exp(-b * t)
    # the alpha function convolved with the membrane, by quadrature
    s = t[..., None] * PHASES
    alpha = b**2 * s * np.exp(-b * s)
    return t * ((alpha * np.exp((s - t[..., None]) / tau_rc) / tau_rc) @ WEIGHTS)


def reference(noise, rate, phases, tau_rc=TAU_RC):
    """The filtered train, as a sum over all spikes of the last second or so."""
    period = 1 / rate
    n_spikes = int(np.ceil(50 * max(noise.tau_s, tau_rc) / period)) + 1
    ages = (phases[:, None] + np.arange(n_spikes)) * period
    # chunks, as the quadrature for the membrane takes memory
    chunks = np.array_split(ages, max(1, ages.size // 5000))
    return np.concatenate([kernel(noise, c, tau_rc).sum(axis=1) for c in chunks])


# -- the exact models ------------------------------------------------------------------


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
    st.sampled_from(EXACT),
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
    if cls is LowpassNoise:
        filtered = nengo.Lowpass(tau_s).filt(spikes, dt=1e-4, y0=0)
    else:
        filtered = nengo.Alpha(tau_s).filt(spikes, dt=1e-4, y0=0)
    if cls is AlphaRCNoise:
        filtered = nengo.Lowpass(TAU_RC).filt(filtered, dt=1e-4, y0=0)

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


def test_std_of_alpha_noise_is_the_papers():
    """About 10 Hz on average for 5 ms, and about 30 Hz for 3 ms, which it plots."""

    def average_std(tau_ref, tau_s):
        j = np.linspace(0, 10, 50)[5:]  # the currents they simulated
        rates = nengo.LIFRate(TAU_RC, tau_ref).rates(j, [1], [0])
        phases = (np.arange(500) + 0.5) / 500
        return AlphaNoise(tau_s).sample(rates, phases, TAU_RC).std(axis=1).mean()

    assert average_std(0.002, 0.005) == pytest.approx(10.85, rel=0.01)
    assert average_std(0.004, 0.005) == pytest.approx(13.1, rel=0.01)
    assert average_std(0.004, 0.003) == pytest.approx(30.1, rel=0.01)


# -- Gaussian noise --------------------------------------------------------------------


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


def test_no_gaussian_noise_is_no_noise(rng):
    rates = rng.uniform(1, 100, size=50)
    noisy = GaussianNoise(0).apply(rates, np.full(50, 2.0), TAU_RC, rng)
    np.testing.assert_array_equal(noisy, rates)


# -- what all share --------------------------------------------------------------------


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


def test_a_model_without_sample_says_so(rng):
    with pytest.raises(NotImplementedError, match="must provide sample"):
        Noise().apply(np.ones(3), np.full(3, 2.0), TAU_RC, rng)


# -- dropout ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0, 0.1, 0.25, 0.5, 0.9])
def test_dropout_masks_have_mean_one(rate, dtype):
    x = np.linspace(0, 1, 10_000, endpoint=False, dtype=dtype)
    x[-1] = 1 - np.finfo(dtype).eps  # the largest that TensorFlow draws
    mask = Dropout(rate).mask(x)
    assert mask.dtype == dtype
    assert set(np.unique(mask)) <= {0, x.dtype.type(1 / (1 - rate))} | {1 / (1 - rate)}
    assert np.mean(mask == 0) == pytest.approx(rate, abs=2e-4)
    assert mask.mean() == pytest.approx(1, rel=2e-3)


def test_dropout_multiplies_the_noise_of_those_that_stay(rng):
    n = 50_000
    rates, J = np.full(n, 60.0), np.full(n, 2.0)
    both = Dropout(0.25, AlphaNoise()).apply(rates, J, TAU_RC, rng)
    stay = both[both > 0] * 0.75
    alone = AlphaNoise().apply(rates, J, TAU_RC, rng)
    assert np.mean(both == 0) == pytest.approx(0.25, abs=0.01)
    assert stats.ks_2samp(stay, alone).pvalue > 1e-3


def test_dropout_is_not_nested():
    """One rate says the same, and cannot be taken for the other."""
    with pytest.raises(ValidationError, match=r"dropout within .* the rate 0\.6"):
        Dropout(0.5, Dropout(0.2))


# -- as values -------------------------------------------------------------------------


@pytest.mark.parametrize("noise", NOISES, ids=repr)
@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda noise: pickle.loads(pickle.dumps(noise)),
        lambda noise: eval(repr(noise)),
        lambda noise: from_json(to_json(noise)),
        lambda noise: from_json(json.loads(json.dumps(to_json(noise)))),
    ],
    ids=["copy", "deepcopy", "pickle", "repr", "to_json", "json"],
)
def test_duplicates_are_equal(noise, duplicate):
    twin = duplicate(noise)
    assert twin == noise
    assert hash(twin) == hash(noise)
    assert type(twin) is type(noise)
    assert repr(twin) == repr(noise)


def test_different_ones_are_not_equal():
    assert len(set(NOISES)) == len(NOISES)
    assert LowpassNoise(0.005) != AlphaNoise(0.005)
    assert GaussianNoise() != GaussianNoise(10.5)
    assert GaussianNoise() == GaussianNoise(10)


def test_json_is_plain():
    assert to_json(None) is None
    assert from_json(None) is None
    assert to_json(Dropout(0.25, AlphaNoise(0.003))) == {
        "type": "Dropout",
        "rate": 0.25,
        "noise": {"type": "AlphaNoise", "tau_s": 0.003},
    }
    assert to_json(Dropout())["noise"] is None


@pytest.mark.parametrize("number", [np.float32, np.float64, np.int64])
def test_numpy_numbers_can_be_saved(number):
    noise = GaussianNoise(number(8))
    assert from_json(json.loads(json.dumps(to_json(noise)))) == GaussianNoise(8)


class Mine(GaussianNoise):
    """A model of the user's own."""


@pytest.mark.parametrize("noise", [Mine(), Dropout(0.5, Mine()), 10, GaussianNoise])
def test_what_cannot_be_saved(noise):
    with pytest.raises(
        ValidationError, match="cannot be saved by name; use one of GaussianNoise, "
    ):
        to_json(noise)


def test_unknown_names():
    with pytest.raises(
        ValidationError, match="unknown noise 'Shot'; expected one of GaussianNoise, "
    ):
        from_json({"type": "Shot", "std": 3})
    with pytest.raises(ValidationError, match="unknown noise 'Shot'"):
        from_json({"type": "Dropout", "rate": 0.5, "noise": {"type": "Shot"}})


@pytest.mark.parametrize(
    ("noise", "name"),
    [
        (GaussianNoise(), "std"),
        (LowpassNoise(), "tau_s"),
        (AlphaNoise(), "tau_s"),
        (AlphaRCNoise(), "tau_s"),
        (Dropout(), "rate"),
    ],
)
def test_they_are_frozen(noise, name):
    with pytest.raises(ReadonlyError, match=f"{name} is read-only"):
        setattr(noise, name, 0.1)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: GaussianNoise(-1), "std: Value must be greater than or equal to 0"),
        (lambda: GaussianNoise("10 Hz"), "std: Must be a number"),
        (lambda: GaussianNoise(None), "std: Parameter is not optional"),
        (lambda: GaussianNoise(np.nan), "std: expected a finite number, got nan"),
        (lambda: GaussianNoise(np.array(np.nan)), "std: expected a finite number"),
        (lambda: GaussianNoise(np.inf), "std: expected a finite number, got inf"),
        (lambda: AlphaNoise(np.float32(np.nan)), "tau_s: expected a finite number"),
        (lambda: LowpassNoise(10**400), "tau_s: expected a finite number"),
        (lambda: Dropout(np.nan), "rate: expected a finite number, got nan"),
        (lambda: LowpassNoise(0), "tau_s: Value must be greater than 0"),
        (lambda: AlphaNoise(-0.005), "tau_s: Value must be greater than 0"),
        (lambda: AlphaRCNoise([0.005]), "tau_s: Must be a number"),
        (lambda: Dropout(1), "rate: Value must be less than 1"),
        (lambda: Dropout(-0.1), "rate: Value must be greater than or equal to 0"),
        (lambda: Dropout(0.5, 10), "noise: Must be of type 'Noise'"),
    ],
)
def test_bad_values(make, match):
    with pytest.raises(ValidationError, match=match):
        make()
