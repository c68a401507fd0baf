"""`nengo_softlif.noise`: dropout, and models as values; the rest: laws 3 and 4."""

import json

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    Dropout,
    GaussianNoise,
    LowpassNoise,
)
from nengo_softlif.noise import Noise, from_json, to_json

import nengo
import numpy as np
import pytest
from kinds import NOISES
from nengo.exceptions import NengoWarning, ReadonlyError, ValidationError
from scipy import stats

TAU_RC = 0.02


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


def test_no_gaussian_noise_is_no_noise(rng):
    rates = rng.uniform(1, 100, size=50)
    noisy = GaussianNoise(0).apply(rates, np.full(50, 2.0), TAU_RC, rng)
    np.testing.assert_array_equal(noisy, rates)


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
def test_duplicates_are_equal(noise, duplicate):
    saved = from_json(json.loads(json.dumps(to_json(noise))))
    for twin in (duplicate(noise), from_json(to_json(noise)), saved):
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
        (lambda: Dropout(0.5, 10), r"noise: .* such as .*GaussianNoise\(10\)"),
    ],
)
def test_bad_values(make, match):
    with pytest.raises(ValidationError, match=match):
        make()


@pytest.mark.parametrize("kind", [AlphaNoise, AlphaRCNoise, LowpassNoise])
def test_milliseconds_are_told(kind, recwarn):
    kind(1)
    assert not recwarn
    with pytest.warns(NengoWarning, match="tau_s=5 .* seconds, .* give 0.005") as told:
        kind(5)
    assert told[0].filename == __file__
