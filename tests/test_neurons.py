"""`nengo_softlif.SoftLIFRate`: gains, shapes, values; its curve: law 1."""

from nengo_softlif import (
    GaussianNoise,
    SoftLIFRate,
)
from nengo_softlif.neurons import FAMILIES, NeuronTable, partner

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import NOISES, SOFT
from nengo.exceptions import ReadonlyError, ValidationError
from references import soft_lif_rates, stepped

SUCH_NOISE = r"noise: expected noise, such as nengo_softlif\.GaussianNoise\(10\)"
VARIANTS = [*SOFT, *(SoftLIFRate(0.05, noise=noise) for noise in NOISES)]


@pytest.mark.parametrize("neuron", SOFT, ids=repr)
def test_rates_equal_step(neuron, rng):
    gain, bias = rng.uniform(0.5, 2, size=30), rng.uniform(-2, 2, size=30)
    x = rng.uniform(-1, 1, size=(50, 30))
    J = gain * x + bias
    np.testing.assert_array_equal(neuron.rates(x, gain, bias), stepped(neuron, J))


def test_derivative_is_by_the_current_not_by_x():
    x = np.linspace(-1, 1, 11)
    J = np.multiply.outer(x, [2.0, 3.0]) + np.array([1.0, 0.5])
    by_current = SoftLIFRate().derivative(J, np.ones(2), np.zeros(2))
    by_x = SoftLIFRate().derivative(x, [2, 3], [1, 0.5])
    np.testing.assert_allclose(by_x, by_current, rtol=1e-12)


# -- gains and biases ------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(SOFT),
    st.lists(
        st.tuples(st.floats(0.001, 0.999), st.floats(-2, 0.9)), min_size=1, max_size=5
    ),
)
def test_gains_and_biases_give_what_was_asked_for(neuron, wishes):
    share, intercepts = np.array(wishes).T
    lowest = float(soft_lif_rates(neuron, 1.0)) / neuron.amplitude
    highest = 1 / neuron.tau_ref if neuron.tau_ref else 2000
    max_rates = lowest + share * (highest - lowest)

    gain, bias = neuron.gain_bias(max_rates, intercepts)
    assert gain.shape == bias.shape == max_rates.shape
    assert np.all(gain > 0)
    at_one = soft_lif_rates(neuron, gain + bias) / neuron.amplitude
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
        soft_lif_rates(SoftLIFRate(), expected).astype(float),
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
        soft_lif_rates(neuron, built.gain + built.bias) / 0.5,
        built.max_rates,
        rtol=1e-9,
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
def test_duplicates_are_equal(neuron, duplicate):
    for _ in range(2):  # a repr must not change what comes next
        twin = duplicate(neuron)
        assert twin == neuron
        assert hash(twin) == hash(neuron)
        assert type(twin) is SoftLIFRate
        assert repr(twin) == repr(neuron)
        assert twin.noise == neuron.noise
    J = np.linspace(-1, 3, 11)
    np.testing.assert_array_equal(stepped(twin, J), stepped(neuron, J))


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
        ("noise", 10, rf"{SUCH_NOISE} for 10 Hz, got 10"),
        ("noise", "gaussian:10", rf"{SUCH_NOISE} .*, got 'gaussian:10'"),
        ("noise", GaussianNoise, SUCH_NOISE),
        ("noise", nengo.processes.WhiteNoise(), SUCH_NOISE),
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
    np.testing.assert_allclose(stepped(neuron, J), soft_lif_rates(neuron, J), rtol=1e-5)


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
