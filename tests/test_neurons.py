"""`nengo_softlif.SoftLIFRate`: the curve against a reference in long double."""

import copy
import pickle

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    Dropout,
    GaussianNoise,
    LowpassNoise,
    SoftLIFRate,
)
from nengo_softlif.neurons import FAMILIES, NeuronTable, partner

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import ReadonlyError, ValidationError

NEURONS = [
    SoftLIFRate(),
    SoftLIFRate(0.02, 0.05, 0.001, 0.063),  # the papers' CIFAR-10
    SoftLIFRate(0.02, 0.022, 0.002, 0.063),  # and MNIST
    SoftLIFRate(sigma=1e-4),
    SoftLIFRate(sigma=1.0),
    SoftLIFRate(sigma=0.1, tau_ref=0),
    SoftLIFRate(sigma=1e-4, tau_rc=0.005, tau_ref=0, amplitude=2.5),
    SoftLIFRate(sigma=0.3, tau_rc=1.0, tau_ref=0.02, amplitude=10),
]
NOISES = [
    GaussianNoise(3),
    LowpassNoise(),
    AlphaNoise(0.003),
    AlphaRCNoise(),
    Dropout(0.2),
    Dropout(0.25, AlphaNoise()),
]
VARIANTS = [*NEURONS, *(SoftLIFRate(0.05, noise=noise) for noise in NOISES)]

neurons = pytest.mark.parametrize("neuron", NEURONS, ids=repr)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def currents(neuron, dtype):
    """Sorted finite currents: dense around threshold, and to both ends."""
    around = 1 + neuron.sigma * np.linspace(-60, 60, 2401)
    # where a branch for the tail may begin, for either type
    seams = [1 + neuron.sigma * np.log(np.finfo(t).eps) for t in ("f4", "f8")]
    near = np.concatenate([s + neuron.sigma * np.linspace(-1, 1, 41) for s in seams])
    far = np.geomspace(1e-3, 1e30, 200)
    J = [around, near, np.linspace(-20, 20, 401), far, -far, [0.0, 1.0]]
    largest = float(np.finfo(dtype).max)
    J.append([-largest / 2, 1e-6 * largest])
    if neuron.tau_ref > 0:  # else the rate itself is too large for the type
        J.append([0.5 * largest, largest])
    return np.unique(np.concatenate(J).astype(dtype))


def softplus(neuron, J):
    """``z`` and its logarithm, in long double."""
    sigma = np.longdouble(neuron.sigma)
    y = (np.asarray(J, dtype=np.longdouble) - 1) / sigma
    small = np.log1p(np.exp(-np.abs(y)))
    z = sigma * (np.maximum(y, 0) + small)
    with np.errstate(divide="ignore"):
        # exp(y) - exp(y)^2 / 2 + ... equals exp(y) far below threshold
        log_z = np.log(sigma) + np.where(y < -50, y, np.log(z / sigma))
    return y, z, log_z


def reference(neuron, J):
    """Rates in long double, straight from the equations."""
    _, _, log_z = softplus(neuron, J)
    interval = neuron.tau_ref + np.longdouble(neuron.tau_rc) * np.logaddexp(0, -log_z)
    return np.longdouble(neuron.amplitude) / interval


def reference_derivative(neuron, J):
    """The paper's derivative, in long double."""
    y, z, log_z = softplus(neuron, J)
    tau_rc, amplitude = np.longdouble(neuron.tau_rc), np.longdouble(neuron.amplitude)
    # 1 / (z (1 + exp(-y))), whose factors leave the range far below threshold
    slope = np.exp(-log_z - np.logaddexp(0, -y))
    slope = np.where(y < -50, 1 / np.longdouble(neuron.sigma), slope)
    return tau_rc * reference(neuron, J) ** 2 / amplitude * slope / (1 + z)


def step(neuron, J):
    """What a simulator gets, in the type of ``J``."""
    output = np.full_like(J, np.nan)
    neuron.step(0.001, J, output)
    return output


def test_the_reference_is_the_papers_formula():
    """Numbers of the papers' curves, computed by hand from their parameters."""
    cifar, mnist = NEURONS[1:3]
    x = np.array([0, 1, 10])
    cifar_out = reference(cifar, 0.825 * x + 1).astype(float)
    np.testing.assert_allclose(cifar_out, [0.292, 1.548, 9.37], rtol=2e-3)
    z = 0.02 * np.log(2)
    at_threshold = 0.063 / (0.002 + 0.022 * np.log(1 + 1 / z))
    assert float(reference(mnist, 1.0)) == pytest.approx(at_threshold, rel=1e-14)


@neurons
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-12)])
def test_step_equals_the_equations(neuron, dtype, rtol):
    J = currents(neuron, dtype)
    before = J.copy()
    with np.errstate(all="raise", under="ignore"):
        rates = step(neuron, J)
    np.testing.assert_array_equal(J, before)
    assert rates.dtype == dtype
    tiny = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(rates, reference(neuron, J), rtol=rtol, atol=tiny)


@neurons
@dtypes
def test_the_curve_is_positive_monotone_and_bounded(neuron, dtype):
    J = currents(neuron, dtype)
    rates = step(neuron, J)
    eps = np.finfo(dtype).eps
    assert np.all(np.isfinite(rates))
    assert np.all(rates > 0)
    assert np.all(np.diff(rates) >= -4 * eps * rates[1:])
    if neuron.tau_ref > 0:
        limit = neuron.amplitude / neuron.tau_ref
        assert np.all(rates <= limit * (1 + 2 * eps))
        assert np.all(rates[J < 100] < limit)


@neurons
@dtypes
def test_the_tail_falls_like_one_over_the_current(neuron, dtype):
    J = -np.geomspace(1e8, 1e30, 50).astype(dtype)
    expected = neuron.amplitude * neuron.sigma / (neuron.tau_rc * -J.astype(float))
    np.testing.assert_allclose(step(neuron, J), expected, rtol=2e-6)


@pytest.mark.parametrize("tau_ref", [0, 0.002])
def test_it_tends_to_lif_rate_as_sigma_vanishes(tau_ref):
    hard = nengo.LIFRate(tau_ref=tau_ref, amplitude=2)
    above = np.concatenate([np.linspace(1.05, 3, 100), [10, 1e3]])
    below = np.linspace(-10, 0.95, 100)
    J = np.linspace(0.5, 2, 1000)
    previous = np.inf
    for sigma in (1e-1, 1e-2, 1e-3, 1e-5, 1e-8):
        soft = SoftLIFRate(sigma, tau_ref=tau_ref, amplitude=2)
        error = np.abs(soft.rates(J, [1], [0]) - hard.rates(J, [1], [0])).mean()
        assert error < previous / 2
        previous = error
        assert np.all(
            soft.rates(below, [1], [0])[:, 0] < 2 * sigma / (0.02 * (1 - below))
        )
        if sigma <= 1e-3:
            np.testing.assert_allclose(
                soft.rates(above, [1], [0]), hard.rates(above, [1], [0]), rtol=1e-12
            )


@neurons
def test_derivative_equals_the_equations(neuron):
    J = currents(neuron, "float64")
    J = J[np.abs(J) < 1e100]  # its square must not underflow
    with np.errstate(all="raise", under="ignore"):
        derivative = neuron.derivative(J, [1], [0])[:, 0]
    expected = reference_derivative(neuron, J)
    np.testing.assert_allclose(derivative, expected, rtol=1e-11)
    assert np.all(derivative > 0)


@neurons
def test_derivative_equals_finite_differences(neuron):
    around = 1 + neuron.sigma * np.linspace(-60, 60, 601)
    J = np.concatenate([around, np.linspace(-30, 30, 121), [-1e6, 1e6]])
    h = 1e-4 * np.maximum(neuron.sigma, np.abs(J - 1) / 10)
    rise = step(neuron, J + h) - step(neuron, J - h)
    difference = rise / ((J + h) - (J - h))
    # the second term is what rounding of the rates makes of the difference
    error = 1e-5 * difference + 1e-15 * step(neuron, J) / h
    assert np.all(np.abs(neuron.derivative(J, [1], [0])[:, 0] - difference) < error)


@neurons
def test_derivative_at_extreme_currents_raises_no_warning(neuron):
    J = currents(neuron, "float64")
    with np.errstate(all="raise", under="ignore"):
        derivative = neuron.derivative(J, [1], [0])
    assert np.all(np.isfinite(derivative))
    assert np.all(derivative >= 0)


@neurons
def test_rates_equal_step(neuron, rng):
    gain, bias = rng.uniform(0.5, 2, size=30), rng.uniform(-2, 2, size=30)
    x = rng.uniform(-1, 1, size=(50, 30))
    J = gain * x + bias
    np.testing.assert_array_equal(neuron.rates(x, gain, bias), step(neuron, J))


def test_derivative_is_by_the_current_not_by_x():
    x = np.linspace(-1, 1, 11)
    J = np.multiply.outer(x, [2.0, 3.0]) + np.array([1.0, 0.5])
    by_current = SoftLIFRate().derivative(J, np.ones(2), np.zeros(2))
    by_x = SoftLIFRate().derivative(x, [2, 3], [1, 0.5])
    np.testing.assert_allclose(by_x, by_current, rtol=1e-12)


# -- gains and biases ------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(NEURONS),
    st.lists(
        st.tuples(st.floats(0.001, 0.999), st.floats(-2, 0.9)), min_size=1, max_size=5
    ),
)
def test_gains_and_biases_give_what_was_asked_for(neuron, wishes):
    share, intercepts = np.array(wishes).T
    lowest = float(reference(neuron, 1.0)) / neuron.amplitude
    highest = 1 / neuron.tau_ref if neuron.tau_ref else 2000
    max_rates = lowest + share * (highest - lowest)

    gain, bias = neuron.gain_bias(max_rates, intercepts)
    assert gain.shape == bias.shape == max_rates.shape
    assert np.all(gain > 0)
    at_one = reference(neuron, gain + bias) / neuron.amplitude
    np.testing.assert_allclose(at_one, max_rates, rtol=1e-9)
    np.testing.assert_allclose(gain * intercepts + bias, 1, rtol=1e-9)

    again = neuron.max_rates_intercepts(gain, bias)
    np.testing.assert_allclose(again[0], max_rates, rtol=1e-9)
    np.testing.assert_allclose(again[1], intercepts, rtol=1e-9, atol=1e-9)


def test_gains_tend_to_those_of_lif_rate():
    max_rates, intercepts = [200, 300, 400], [-0.5, 0, 0.5]
    soft = SoftLIFRate(1e-3).gain_bias(max_rates, intercepts)
    hard = nengo.LIFRate().gain_bias(max_rates, intercepts)
    np.testing.assert_allclose(soft, hard, rtol=1e-12)


@pytest.mark.parametrize("amplitude", [1, 0.063])
@pytest.mark.parametrize("max_rate", [-5, 0, 11.38, 500, 1000, np.inf, np.nan])
def test_rates_out_of_reach(max_rate, amplitude):
    """The lowest rate is that at threshold, 11.384 Hz, the highest 1 / tau_ref."""
    neuron = SoftLIFRate(amplitude=amplitude)
    with pytest.raises(
        ValidationError, match=r"max_rates: must lie above .* 11\.38 Hz, .* 500 Hz; got"
    ):
        neuron.gain_bias([200, max_rate], [0, 0])


@pytest.mark.parametrize("intercept", [1, 1.5, np.nan])
def test_intercepts_out_of_reach(intercept):
    with pytest.raises(ValidationError, match=r"intercepts: must lie below 1, .* got"):
        SoftLIFRate().gain_bias([200, 200], [0, intercept])


# -- as one of Nengo's neurons ---------------------------------------------------------


@pytest.mark.parametrize(
    ("x_shape", "n"), [((), 1), ((), 3), ((5,), 1), ((5,), 3), ((5, 3), 3), ((1, 3), 3)]
)
def test_shapes_are_those_of_lif_rate(x_shape, n, rng):
    x, gain, bias = rng.uniform(size=x_shape), rng.uniform(1, 2, n), rng.uniform(size=n)
    expected = nengo.LIFRate().current(x, gain, bias)
    assert SoftLIFRate().rates(x, gain, bias).shape == expected.shape
    assert SoftLIFRate().derivative(x, gain, bias).shape == expected.shape
    np.testing.assert_allclose(
        SoftLIFRate().rates(x, gain, bias),
        reference(SoftLIFRate(), expected).astype(float),
    )


@pytest.mark.parametrize("x_shape", [(5, 2), (5, 3, 1)])
@pytest.mark.parametrize("method", ["rates", "derivative"])
def test_wrong_shapes(x_shape, method):
    with pytest.raises(ValidationError, match="x: Expected shape"):
        getattr(SoftLIFRate(), method)(np.zeros(x_shape), np.ones(3), np.zeros(3))


@pytest.mark.parametrize("noise", [None, *NOISES], ids=repr)
def test_nengo_runs_it_without_noise(noise, seed, rng):
    neuron = SoftLIFRate(0.1, amplitude=0.5, noise=noise)
    x = rng.uniform(-1, 1, size=(20, 2))
    with nengo.Network(seed=seed) as net:
        node = nengo.Node(lambda t: x[min(round(t / 0.001), 20) - 1])
        ensemble = nengo.Ensemble(30, 2, neuron_type=neuron)
        nengo.Connection(node, ensemble, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(20)
    built = sim.data[ensemble]
    expected = neuron.rates(x @ built.encoders.T, built.gain, built.bias)
    np.testing.assert_allclose(sim.data[probe], expected, rtol=1e-10)
    np.testing.assert_allclose(
        reference(neuron, built.gain + built.bias) / 0.5, built.max_rates, rtol=1e-9
    )


def test_nengo_makes_spikes_of_it(seed):
    """Spiking neuron types that wrap a rate type fire at its rate."""
    with nengo.Network(seed=seed) as net:
        neuron = nengo.RegularSpiking(SoftLIFRate(0.1))
        ensemble = nengo.Ensemble(10, 1, neuron_type=neuron)
        probe = nengo.Probe(ensemble.neurons)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run(1)
    built = sim.data[ensemble]
    expected = SoftLIFRate(0.1).rates(0, built.gain, built.bias)[0]
    np.testing.assert_allclose(sim.data[probe].mean(axis=0), expected, atol=1)


def test_default_is_the_papers_sigma():
    assert SoftLIFRate().sigma == 0.02
    assert SoftLIFRate().noise is None
    assert not SoftLIFRate().spiking
    assert not SoftLIFRate().negative


# -- as a value ------------------------------------------------------------------------


@pytest.mark.parametrize("neuron", VARIANTS, ids=repr)
@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda neuron: pickle.loads(pickle.dumps(neuron)),
        lambda neuron: eval(repr(neuron)),
    ],
    ids=["copy", "deepcopy", "pickle", "repr"],
)
def test_duplicates_are_equal(neuron, duplicate):
    for _ in range(2):  # a repr must not change what comes next
        twin = duplicate(neuron)
        assert twin == neuron
        assert hash(twin) == hash(neuron)
        assert type(twin) is SoftLIFRate
        assert repr(twin) == repr(neuron)
        assert twin.noise == neuron.noise
    J = np.linspace(-1, 3, 11)
    np.testing.assert_array_equal(step(twin, J), step(neuron, J))


def test_different_ones_are_not_equal():
    assert len(set(VARIANTS)) == len(VARIANTS)
    for i, one in enumerate(VARIANTS):
        assert [one == other for other in VARIANTS].index(True) == i
        assert sum(one == other for other in VARIANTS) == 1
    assert SoftLIFRate() != nengo.LIFRate()


def test_repr_names_what_is_not_default():
    assert repr(SoftLIFRate()) == "SoftLIFRate()"
    neuron = SoftLIFRate(0.1, tau_ref=0.001, noise=GaussianNoise(5))
    assert (
        repr(neuron)
        == "SoftLIFRate(sigma=0.1, tau_ref=0.001, noise=GaussianNoise(std=5))"
    )


@pytest.mark.parametrize("name", ["sigma", "tau_rc", "tau_ref", "amplitude", "noise"])
def test_parameters_are_read_only(name):
    value = GaussianNoise() if name == "noise" else 0.5
    with pytest.raises(ReadonlyError, match=f"{name} is read-only"):
        setattr(SoftLIFRate(), name, value)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("sigma", 0, "sigma: Value must be greater than 0"),
        ("sigma", -0.1, "sigma: Value must be greater than 0"),
        ("sigma", "soft", "sigma: Must be a number"),
        ("sigma", None, "sigma: "),
        ("sigma", np.nan, "sigma: expected a finite number, got nan"),
        ("sigma", np.inf, "sigma: expected a finite number, got inf"),
        ("tau_rc", np.nan, "tau_rc: expected a finite number, got nan"),
        ("tau_ref", np.inf, "tau_ref: expected a finite number, got inf"),
        ("amplitude", np.nan, "amplitude: expected a finite number, got nan"),
        ("tau_rc", 0, "tau_rc: Value must be greater than 0"),
        ("tau_ref", -0.001, "tau_ref: Value must be greater than or equal to 0"),
        ("amplitude", 0, "amplitude: Value must be greater than 0"),
        ("noise", 10, "noise: Must be of type 'Noise'"),
        ("noise", GaussianNoise, "noise: Must be of type 'Noise'"),
        ("noise", nengo.processes.WhiteNoise(), "noise: Must be of type 'Noise'"),
        ("initial_state", {"voltage": 0}, "State variable 'voltage' not recognized"),
    ],
)
def test_bad_values(name, value, match):
    with pytest.raises(ValidationError, match=match):
        SoftLIFRate(**{name: value})


@pytest.mark.parametrize("number", [np.float64, np.float32, np.array])
def test_numpy_numbers_are_numbers(number):
    neuron = SoftLIFRate(number(0.5), number(0.25), number(0.125), number(2))
    assert neuron == SoftLIFRate(0.5, 0.25, 0.125, 2)
    J = np.linspace(-5, 5, 101, dtype="float32")
    np.testing.assert_allclose(step(neuron, J), reference(neuron, J), rtol=1e-5)


# -- limits ----------------------------------------------------------------------------


def currents_of_all_sizes(dtype):
    """Currents of all sizes, in order."""
    sizes = np.logspace(-30, np.log10(np.finfo(dtype).max) - 1e-3, 400)
    near = 1 + np.concatenate([-sizes[::20], sizes[::20]])
    return np.sort(np.concatenate([-sizes, sizes, near, [0, 1]])).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tau_ref", [0, 1e-9, 0.002, 1e9])
@pytest.mark.parametrize("tau_rc", [1e-9, 0.02, 1e9])
@pytest.mark.parametrize("sigma", [1e-9, 0.02, 1, 1e3, 1e6, 1e9])
def test_laws_at_the_limits_of_parameters(sigma, tau_rc, tau_ref, dtype):
    """Law 1 wherever parameters may be, at every current that there is."""
    J = currents_of_all_sizes(dtype)
    smallest, eps = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).eps
    for amplitude in (1e-9, 1, 1e9):
        neurons = SoftLIFRate(sigma, tau_rc, tau_ref, amplitude)
        rates = np.empty_like(J)
        neurons.step(0.001, J, rates)
        assert np.isfinite(rates).all()
        wide = rates.astype(np.longdouble)
        assert np.all(np.diff(wide) >= -4 * eps * wide[1:])
        if tau_ref > 0:
            assert np.all(rates <= amplitude / tau_ref * (1 + 2 * eps))
        tail = np.longdouble(amplitude) * sigma / tau_rc
        tail /= np.abs(J.astype(np.longdouble)) + 1e3 * sigma * max(1, tau_ref / tau_rc)
        assert np.all(rates[tail > 2 * smallest] > 0)
        slopes = neurons.derivative(J, np.ones(1, dtype), np.zeros(1, dtype)).ravel()
        assert np.isfinite(slopes).all()
        assert np.all(slopes >= 0)


@pytest.mark.parametrize("sigma", [1e3, 1e6, 1e9])
def test_no_step_where_the_tail_begins(sigma):
    """The curve for large sigma, with twice the digits."""
    J = np.linspace(-80 * sigma, 5 * sigma, 2001)
    z = sigma * np.log1p(np.exp((J - 1).astype(np.longdouble) / sigma))
    expected = 1 / (0.002 + 0.02 * np.log1p(1 / z))
    rates = SoftLIFRate(sigma).rates(J, np.ones(1), np.zeros(1)).ravel()
    np.testing.assert_allclose(rates, expected.astype(float), rtol=1e-13)


@pytest.mark.parametrize("name", ["sigma", "tau_rc", "tau_ref", "amplitude"])
@pytest.mark.parametrize("value", [1.1e9, 0.9e-9])
def test_parameters_beyond_the_limits(name, value):
    with pytest.raises(ValidationError, match=f"{name}: must lie between 1e-09 and"):
        SoftLIFRate(**{name: value})


# -- partners --------------------------------------------------------------------------

PARTNERS = [
    (SoftLIFRate(0.1, 0.03, 0.001, 0.5, GaussianNoise()), nengo.LIF(0.03, 0.001),
     nengo.LIFRate(0.03, 0.001, amplitude=0.5)),
    (nengo.LIFRate(0.03, 0.001, amplitude=0.5), nengo.LIF(0.03, 0.001), None),
    (nengo.RectifiedLinear(amplitude=0.5), nengo.SpikingRectifiedLinear(), None),
]  # fmt: skip


class Plain(SoftLIFRate):
    """Keeps its step."""


class Other(SoftLIFRate):
    """Has a step of its own."""

    def step(self, dt, J, output):
        output[...] = J


def test_all_families_are_in_the_table():
    assert [type(neurons) for neurons, _, _ in PARTNERS] == [
        SoftLIFRate,
        nengo.LIFRate,
        nengo.RectifiedLinear,
    ]
    assert str(FAMILIES) == "SoftLIFRate, LIFRate, RectifiedLinear"


@pytest.mark.parametrize(("neurons", "spiking", "hard"), PARTNERS, ids=repr)
def test_partners_fire_at_the_rates_without_smoothing(neurons, spiking, hard):
    found = partner(neurons, "spiking")
    assert type(found) is type(spiking)
    assert found.amplitude == 0.5
    assert partner(neurons, "hard") == hard
    J = np.linspace(-2, 100, 500)
    rates = (hard or neurons).rates(J, [1], [0])
    np.testing.assert_allclose(found.rates(J, [1], [0]), rates, rtol=1e-12)
    np.testing.assert_allclose(0.5 * spiking.rates(J, [1], [0]), rates, rtol=1e-12)


@pytest.mark.parametrize(
    "neurons", [Other(), nengo.Sigmoid(), nengo.AdaptiveLIFRate(), nengo.LIF()]
)
@pytest.mark.parametrize("kind", ["spiking", "hard"])
def test_others_have_no_partners(neurons, kind):
    assert partner(neurons, kind) is None


def test_rows_count_for_subclasses_that_keep_the_step():
    soft = object()
    table = NeuronTable("tests", {SoftLIFRate: soft})
    table[nengo.LIF] = object()
    assert table.of(Plain()) is soft
    assert table.of(Other()) is None
    assert table.of(nengo.LIFRate()) is None
    assert SoftLIFRate in table
    del table[SoftLIFRate]
    assert table.of(Plain()) is None
    assert list(table) == ["nengo.neurons.LIF"]


def test_rows_may_be_named():
    table = NeuronTable("tests", {"nengo.neurons.LIF": "fractions:Fraction"})
    assert table.of(nengo.LIF()).__name__ == "Fraction"
    assert table[nengo.LIF] is table["nengo.neurons.LIF"]
    assert table.of(nengo.AdaptiveLIF()) is None
