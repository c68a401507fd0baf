"""`IntegrateAndFire` and `BernoulliSpiking`, against Lee et al.'s equations."""

import nengo_softlif as softlif
from nengo_softlif import (
    BernoulliSpiking,
    Dropout,
    GaussianNoise,
    IntegrateAndFire,
    Simulator,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.engine import STAGES, integrate_and_fire
from nengo_softlif.neurons import FAMILIES
from nengo_softlif.spiking_neurons import LEE_TAU_RC

import nengo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nengo.exceptions import (
    NengoWarning,
    ReadonlyError,
    Unconvertible,
    ValidationError,
)

DT = 0.001
POOLED = (1 - 1e-5) / 0.75  # threshold 0.75, which a sum of quarters does not pass
INTEGRATING = [
    IntegrateAndFire(),
    IntegrateAndFire(np.inf),
    IntegrateAndFire(0.01, amplitude=2.5),
    IntegrateAndFire(1e-3),
    IntegrateAndFire(1e9, amplitude=0.3),
]
FAST = [IntegrateAndFire(1e-3)]  # nothing is left of a voltage after some steps
TYPES = [*INTEGRATING, BernoulliSpiking(), BernoulliSpiking(amplitude=0.3)]
VARIANTS = [
    *TYPES,
    IntegrateAndFire(noise=Dropout(0.2)),
    IntegrateAndFire(np.inf, 2, Dropout(0.25), {"voltage": nengo.dists.Choice([0.5])}),
]
types = pytest.mark.parametrize("neurons", TYPES, ids=repr)


def unrolled(layers, x):
    """Lee et al.'s network over time, in plain NumPy.

    Parameters
    ----------
    layers : list of (weights, leak, threshold)
        From the input on.
    x : (n_steps, n) ndarray
        Spikes of the input, of -1, 0 or 1.

    Returns
    -------
    list of (n_steps, n) ndarray
        Spikes of each layer.
    """
    voltages = [np.zeros(len(weights)) for weights, _, _ in layers]
    spikes = [[] for _ in layers]
    for entering in x:
        for i, (weights, leak, threshold) in enumerate(layers):
            total = voltages[i] + weights @ entering
            entering = (total > threshold).astype(float)
            voltages[i] = leak * np.where(entering, 0, total)
            spikes[i].append(entering)
    return [np.array(layer) for layer in spikes]


def connect(pre, post, transform):
    nengo.Connection(pre, post, transform=transform, synapse=None)


def ensemble(n, neuron_type, gain=1.0, bias=0.0, **kwargs):
    return nengo.Ensemble(
        n,
        1,
        neuron_type=neuron_type,
        gain=np.full(n, gain),
        bias=np.full(n, bias),
        **kwargs,
    )


def lee(rng, n_steps=80):
    """A network of theirs, with a pool, and what the equations make of it."""
    x = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=(n_steps, 16))
    first, last = rng.normal(size=(32, 16)) / 3, rng.normal(size=(10, 8))
    pool = np.kron(np.eye(8), np.full((1, 4), 0.25))
    expected = unrolled([(first, 0.99, 1), (pool, 1, 0.75), (last, 0.99, 1)], x)
    with nengo.Network(seed=0) as net:
        image = nengo.Node(lambda t: x[min(round(t / DT), n_steps) - 1] / DT)
        hidden = ensemble(32, IntegrateAndFire())
        pooled = ensemble(8, IntegrateAndFire(np.inf), gain=POOLED)
        top = ensemble(10, IntegrateAndFire())
        connect(image, hidden.neurons, first)
        connect(hidden.neurons, pooled.neurons, pool)
        connect(pooled.neurons, top.neurons, last)
        probes = [nengo.Probe(e.neurons) for e in net.ensembles]
    return net, probes, expected


def in_nengo(net):
    return nengo.Simulator(net, progress_bar=False)


def in_nengo_dl(net):
    with net:
        nengo_dl.configure_settings(dtype="float64")
    return nengo_dl.Simulator(net, progress_bar=False)


def in_engine(net):
    return Simulator(net, dtype="float64", progress_bar=False)


# -- the published equations -----------------------------------------------------------


def test_the_default_leak_is_theirs():
    assert IntegrateAndFire().leak(0.001) == 0.99
    assert IntegrateAndFire().leak(0.002) == pytest.approx(0.99**2, rel=1e-14)
    assert IntegrateAndFire(np.inf).leak(0.001) == 1
    assert IntegrateAndFire().tau_rc == LEE_TAU_RC


@pytest.mark.parametrize("simulate", [in_nengo, in_engine, in_nengo_dl])
def test_simulators_do_what_the_equations_say(simulate, rng):
    net, probes, expected = lee(rng)
    with simulate(net) as sim:
        sim.run_steps(80)
        for probe, spikes in zip(probes, expected, strict=True):
            assert 0.01 < spikes.mean() < 0.9
            np.testing.assert_allclose(DT * sim.data[probe], spikes, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("neurons", INTEGRATING, ids=repr)
def test_steps_are_the_equations(neurons, dtype, rng):
    """Also where a voltage equals the threshold, which is not above it."""
    J = (rng.normal(size=(500, 20)) * 400 + 100).astype(dtype)
    J[:, 0] = 500
    leak, dt = np.asarray([np.exp(-DT / neurons.tau_rc), DT], dtype)
    voltage, mine = np.zeros((2, 20), dtype)
    for current in J:
        output = np.full(20, np.nan, dtype)
        neurons.step(DT, current, output, voltage)
        mine = mine + dt * current
        fired = mine > 1
        mine = np.where(fired, 0, leak * mine)
        np.testing.assert_allclose(output, fired * (neurons.amplitude / DT), rtol=1e-6)
        np.testing.assert_array_equal(voltage, mine)
        assert voltage.dtype == dtype


def test_a_voltage_at_the_threshold_does_not_fire():
    voltage, output = np.zeros(2), np.zeros(2)
    IntegrateAndFire(np.inf).step(0.5, np.array([2.0, 2.0 + 1e-9]), output, voltage)
    np.testing.assert_array_equal(output, [0, 2])
    np.testing.assert_array_equal(voltage, [1, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_of_quarters_does_not_pass_three_of_them(dtype):
    """Lee et al.'s pools: whatever rounding does, and whenever the quarters come."""
    with nengo.Network() as net:
        image = nengo.Node(np.zeros(4))
        layer = ensemble(1, IntegrateAndFire(np.inf), gain=POOLED)
        connect(image, layer.neurons, np.full((1, 4), 0.25))
        probe = nengo.Probe(layer.neurons)
    x = np.random.RandomState(0).choice([0, 1 / DT], size=(500, 40, 4), p=[0.8, 0.2])
    with Simulator(net, minibatch_size=500, dtype=dtype, progress_bar=False) as sim:
        sim.run_steps(40, {image: x})
        fired = sim.data[probe][..., 0] > 0
    quarters, expected = np.zeros(500, int), np.zeros_like(fired)
    for t in range(40):
        quarters += np.count_nonzero(x[:, t], axis=1)
        expected[:, t] = quarters > 3
        quarters[quarters > 3] = 0
    np.testing.assert_array_equal(fired, expected)


def test_the_threshold_in_steps_is_below_that_of_the_rates():
    voltage, output = np.zeros(3), np.zeros(3)
    J = np.array([9.999, 10.001, 10.04])
    fired = np.zeros(3)
    for _ in range(3000):
        IntegrateAndFire().step(DT, J, output, voltage)
        fired += output > 0
    assert list(fired > 0) == [False, True, True]
    np.testing.assert_array_equal(IntegrateAndFire().rates(J, [1], [0]), 0)


def test_voltages_fall_without_bound():
    voltage, output = np.zeros(1), np.zeros(1)
    for _ in range(100):
        IntegrateAndFire(np.inf).step(0.5, np.array([-1e6]), output, voltage)
    assert voltage == -5e7


# -- the kernel ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_currents", [(1, 1), (1, 300), (3, 1), (3, 300)])
@pytest.mark.parametrize("n", [1, 7, 2500])
def test_the_kernel_is_the_step_to_the_bit(n_currents, n, dtype, rng):
    """In 300 steps: more than a byte can count."""
    neurons = IntegrateAndFire(0.02)
    current = (400 * rng.normal(size=(*n_currents, n)) + 150).astype(dtype)
    current[..., 0] = 2000  # fires in each step
    voltage = rng.uniform(-1, 1.2, size=(3, n)).astype(dtype)
    expected = voltage.copy()
    spikes, fired = np.full((3, 300, n), 9, np.uint8), np.full((3, n), 5)
    constants = np.array([DT, neurons.leak(DT)], dtype)
    integrate_and_fire(current, voltage, spikes, fired, constants)
    every = np.broadcast_to(current, (3, 300, n))
    for t in range(300):
        output = np.empty((3, n), dtype)
        neurons.step(DT, every[:, t], output, expected)
        np.testing.assert_array_equal(spikes[:, t], output > 0)
    np.testing.assert_array_equal(voltage, expected)
    np.testing.assert_array_equal(fired, 5 + spikes.sum(axis=1, dtype=np.int64))
    assert fired[0, 0] == 305


@pytest.mark.parametrize("neurons", INTEGRATING, ids=repr)
def test_the_engine_counts_and_keeps_voltages(neurons):
    """With a probe on the voltage, which it then has step by step, and without."""
    with nengo.Network(seed=1) as net:
        wave = nengo.Node(lambda t: 900 * np.sin(100 * t) + 300)
        layer = ensemble(5, neurons)
        connect(wave, layer.neurons, np.linspace(1, 5, 5)[:, None])
        output = nengo.Probe(layer.neurons)
        voltage = nengo.Probe(layer.neurons, "voltage")
    with in_nengo(net) as expected:
        expected.run_steps(200)
    for probed in (True, False):
        if not probed:
            net.probes.remove(voltage)
        with in_engine(net) as sim:
            sim.run_steps(120)
            sim.run_steps(80)
            np.testing.assert_array_equal(sim.data[output], expected.data[output])
            counts = sim.spike_counts(layer)[0]
            np.testing.assert_array_equal(
                counts, np.count_nonzero(sim.data[output], axis=0)
            )
            assert counts.min() > 0
            if probed:
                np.testing.assert_array_equal(sim.data[voltage], expected.data[voltage])


def test_the_engine_has_a_row_for_it():
    assert STAGES.of(IntegrateAndFire()).__name__ == "IntegrateAndFire"


# -- chance ----------------------------------------------------------------------------


def chances(J, amplitude=1.0, seed=3):
    """A network of neurons with these currents, and a probe."""
    with nengo.Network(seed=seed) as net:
        layer = ensemble(len(J), BernoulliSpiking(amplitude), seed=seed)
        connect(nengo.Node(J), layer.neurons, 1)
        probe = nengo.Probe(layer.neurons)
    return net, layer, probe


@pytest.mark.parametrize("simulate", [in_nengo, in_engine, in_nengo_dl])
def test_spikes_come_with_their_probability_and_sign(simulate):
    J = np.array([-2000.0, -1000, -700, -30, 0, 30, 500, 900, 1000, 1e9])
    n_steps, share = 4000, np.minimum(np.abs(J) * DT, 1)
    net, _, probe = chances(np.repeat(J, 2), 0.3)
    with simulate(net) as sim:
        sim.run_steps(n_steps)
        spikes = np.asarray(sim.data[probe]) * DT / 0.3
    np.testing.assert_allclose(spikes, np.rint(spikes), atol=1e-6)
    fired = np.rint(spikes)
    for i in range(2):
        seen = fired[:, i::2]
        assert np.all((seen == 0) | (seen == np.sign(J)))
        error = 5 * np.sqrt(share * (1 - share) / n_steps)
        assert np.all(np.abs(np.abs(seen).mean(axis=0) - share) <= error + 1e-12)
    # neither from neuron to neuron, nor from step to step, does one tell of the other
    first, second = fired[:, 12] - 0.5, fired[:, 13] - 0.5
    for a, b in ((first, second), (first[1:], first[:-1])):
        assert abs(np.mean(a * b)) < 5 * 0.25 / np.sqrt(n_steps)


def test_one_example_draws_as_nengo_does():
    net, _, probe = chances(np.linspace(-1000, 1000, 50))
    with in_nengo(net) as expected, in_engine(net) as sim:
        expected.run_steps(100)
        sim.run_steps(60)
        sim.run_steps(40)
        np.testing.assert_array_equal(sim.data[probe], expected.data[probe])


def test_examples_draw_differently_and_ensembles_too():
    J = np.full(200, 500.0)
    net, layer, probe = chances(J)
    with net:
        other = ensemble(200, BernoulliSpiking(), seed=8)
        connect(net.nodes[0], other.neurons, 1)
        second = nengo.Probe(other.neurons)
    with Simulator(net, minibatch_size=3, progress_bar=False) as sim:
        sim.run_steps(20)
        seen = np.concatenate([sim.data[probe], sim.data[second]])
        np.testing.assert_array_equal(
            sim.spike_counts(layer), np.count_nonzero(sim.data[probe], axis=1)
        )
        sim.reset()
        sim.run_steps(20)
        np.testing.assert_array_equal(sim.data[probe], seen[:3])
    with nengo_dl.Simulator(net, minibatch_size=3, progress_bar=False) as sim:
        sim.run_steps(20)
        from_nengo_dl = np.concatenate([sim.data[probe], sim.data[second]])
    for outputs in (seen, from_nengo_dl):
        same = [np.mean(a == b) for i, a in enumerate(outputs) for b in outputs[:i]]
        assert 0.45 < min(same) <= max(same) < 0.55


# -- rates, gains, biases --------------------------------------------------------------


@pytest.mark.parametrize("neurons", INTEGRATING, ids=repr)
def test_small_steps_lead_to_the_rates(neurons):
    """Simulated with steps so short that an interval takes some 2000 of them."""
    threshold = 1 / neurons.tau_rc
    J = threshold + max(50, threshold) * np.array([-1, -0.2, 0.1, 0.5, 2, 10])
    expected = neurons.rates(J, [1], [0]).ravel()
    dt = 1e-6
    voltage, last, intervals = np.zeros(len(J)), np.full(len(J), np.nan), {}
    output = np.empty(len(J))
    for step in range(60_000):
        neurons.step(dt, J, output, voltage)
        for i in np.flatnonzero(output):
            intervals.setdefault(i, []).append((step - last[i]) * dt)
            last[i] = step
    assert len(intervals) >= 2
    for i, values in intervals.items():
        rate = neurons.amplitude / np.mean(values[1:]) if values[1:] else expected[i]
        assert rate == pytest.approx(expected[i], rel=0.01)
    np.testing.assert_array_equal(expected[J <= threshold], 0)


@pytest.mark.parametrize("tau_rc", [LEE_TAU_RC, 1e-3, 1, np.inf])
def test_rates_are_the_closed_form(tau_rc):
    J = np.concatenate([-np.geomspace(1e-9, 1e12, 30), [0], np.geomspace(3e-9, 1e12)])
    rates = IntegrateAndFire(tau_rc, amplitude=2).rates(J, [1], [0]).ravel()
    if tau_rc == np.inf:
        expected = np.maximum(J, 0)
    else:
        wide = J.astype(np.longdouble) * tau_rc
        firing = wide > 1
        expected = np.zeros_like(wide)
        expected[firing] = -1 / (tau_rc * np.log1p(-1 / wide[firing]))
    np.testing.assert_allclose(rates, 2 * expected.astype(float), rtol=1e-9)


def test_rates_at_the_limits_are_numbers():
    """Of parameters, and of currents."""
    large = np.finfo(float).max
    J = np.array([-large, -1e-300, 0, 1e-300, 1e-9, 1, 1e9, large])
    for tau_rc in (1e-9, 1, 1e9, np.inf):
        with np.errstate(all="raise", under="ignore"):
            rates = IntegrateAndFire(tau_rc).rates(J, [1], [0]).ravel()
        assert np.isfinite(rates).all()
        assert np.all(np.diff(rates) >= 0)
        assert rates[-1] == pytest.approx(large)


def test_rates_without_a_leak_are_the_limit():
    J = np.linspace(-10, 500, 200)
    leaking = IntegrateAndFire(1e9).rates(J, [1], [0])
    np.testing.assert_allclose(
        leaking, IntegrateAndFire(np.inf).rates(J, [1], [0]), atol=1e-8
    )


def test_chance_has_the_current_as_its_rate():
    x, gain, bias = np.linspace(-1, 1, 5), np.array([1.0, 30]), np.array([0.0, -10])
    rates = BernoulliSpiking(amplitude=0.5).rates(x, gain, bias)
    np.testing.assert_allclose(rates, 0.5 * (np.multiply.outer(x, gain) + bias))


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(TYPES),
    st.lists(
        st.tuples(st.floats(0.01, 0.999), st.floats(-2, 0.9)), min_size=1, max_size=5
    ),
)
def test_gains_and_biases_give_what_was_asked_for(neurons, wishes):
    share, intercepts = np.array(wishes).T
    lowest = 0.1 / getattr(neurons, "tau_rc", np.inf)
    max_rates = lowest + 500 * share
    gain, bias = neurons.gain_bias(max_rates, intercepts)
    assert gain.shape == bias.shape == max_rates.shape
    assert np.all(gain > 0)
    at_one = neurons.rates(1, gain, bias)[0] / neurons.amplitude
    np.testing.assert_allclose(at_one, max_rates, rtol=1e-7)
    threshold = 1 / getattr(neurons, "tau_rc", np.inf)
    np.testing.assert_allclose(gain * intercepts + bias, threshold, atol=1e-9)
    again = neurons.max_rates_intercepts(gain, bias)
    np.testing.assert_allclose(again[0], max_rates, rtol=1e-7)
    np.testing.assert_allclose(again[1], intercepts, rtol=1e-9, atol=1e-9)


@types
@pytest.mark.parametrize("max_rate", [-5, 0, np.inf, np.nan])
def test_rates_out_of_reach(neurons, max_rate):
    with pytest.raises(ValidationError, match="max_rates: must be finite and lie"):
        neurons.gain_bias([200, max_rate], [0, 0])


def test_rates_too_near_to_the_threshold():
    with pytest.raises(ValidationError, match=r"lie above 27\.74 Hz, got 27 to 200 Hz"):
        IntegrateAndFire(0.001).gain_bias([200, 27], [0, 0])
    IntegrateAndFire(0.001).gain_bias([200, 28], [0, 0])


@types
@pytest.mark.parametrize("intercept", [1, 1.5, np.nan])
def test_intercepts_out_of_reach(neurons, intercept):
    with pytest.raises(ValidationError, match=r"intercepts: must lie below 1, .* got"):
        neurons.gain_bias([200, 200], [0, intercept])


@types
@pytest.mark.parametrize(
    ("x_shape", "n"), [((), 1), ((), 3), ((5,), 1), ((5,), 3), ((5, 3), 3), ((1, 3), 3)]
)
def test_shapes_are_those_of_nengo(neurons, x_shape, n, rng):
    x, gain, bias = rng.uniform(size=x_shape), rng.uniform(1, 2, n), rng.uniform(size=n)
    expected = nengo.LIFRate().current(x, gain, bias)
    assert neurons.rates(x, gain, bias).shape == expected.shape


@pytest.mark.parametrize("neurons", [t for t in TYPES if t not in FAST], ids=repr)
def test_nengo_decodes_from_it(neurons, seed):
    """A whole NEF ensemble: what it represents is what it is given, roughly."""
    with nengo.Network(seed=seed) as net:
        node = nengo.Node(0.5)
        slow = nengo.dists.Uniform(60, 120)  # intervals are whole steps
        layer = nengo.Ensemble(200, 1, neuron_type=neurons, max_rates=slow)
        nengo.Connection(node, layer, synapse=None)
        probe = nengo.Probe(layer, synapse=0.05)
    with in_nengo(net) as sim:
        sim.run(1.0)
    assert np.mean(sim.data[probe][500:]) == pytest.approx(0.5, abs=0.1)


# -- as values -------------------------------------------------------------------------


@pytest.mark.parametrize("neurons", VARIANTS[:-1], ids=repr)
def test_duplicates_are_equal(neurons, duplicate):
    for _ in range(2):
        twin = duplicate(neurons)
        assert twin == neurons
        assert hash(twin) == hash(neurons)
        assert repr(twin) == repr(neurons)
        assert type(twin) is type(neurons)


def test_different_ones_are_not_equal():
    for i, one in enumerate(VARIANTS):
        assert [one == other for other in VARIANTS] == [
            i == j for j in range(len(VARIANTS))
        ]


def test_repr_names_what_is_not_default():
    assert repr(IntegrateAndFire()) == "IntegrateAndFire()"
    assert repr(BernoulliSpiking()) == "BernoulliSpiking()"
    assert (
        repr(IntegrateAndFire(np.float64(np.inf), 2, Dropout(0.2)))
        == "IntegrateAndFire(tau_rc=float('inf'), amplitude=2, noise=Dropout(rate=0.2))"
    )


@pytest.mark.parametrize(
    ("cls", "name", "value", "match"),
    [
        (IntegrateAndFire, "tau_rc", 0, "tau_rc: Value must be greater than 0"),
        (IntegrateAndFire, "tau_rc", -np.inf, "tau_rc: expected a finite number"),
        (IntegrateAndFire, "tau_rc", np.nan, "tau_rc: expected a finite number"),
        (IntegrateAndFire, "tau_rc", 1e-10, "tau_rc: must lie between 1e-09 and"),
        (IntegrateAndFire, "tau_rc", 1e10, "tau_rc: must lie between 1e-09 and"),
        (IntegrateAndFire, "tau_rc", "leaky", "tau_rc: Must be a number"),
        (IntegrateAndFire, "tau_rc", "inf", "tau_rc: Must be a number"),
        (IntegrateAndFire, "tau_rc", "0.1", "tau_rc: Must be a number"),
        (IntegrateAndFire, "tau_rc", [0.1], "tau_rc: Must be a number"),
        (IntegrateAndFire, "tau_rc", None, "tau_rc: "),
        (IntegrateAndFire, "tau_rc", 10**400, "tau_rc: expected a finite number"),
        (IntegrateAndFire, "amplitude", 0, "amplitude: Value must be greater than 0"),
        (IntegrateAndFire, "amplitude", np.inf, "amplitude: expected a finite number"),
        (BernoulliSpiking, "amplitude", 0, "amplitude: Value must be greater than 0"),
        (BernoulliSpiking, "amplitude", -1, "amplitude: Value must be greater than 0"),
        (BernoulliSpiking, "amplitude", np.nan, "amplitude: expected a finite number"),
        (BernoulliSpiking, "amplitude", "1", "amplitude: Must be a number"),
        (BernoulliSpiking, "initial_state", {"rng": [0]}, "'rng' not recognized"),
        (IntegrateAndFire, "initial_state", {"refractory_time": [0]}, "not recognized"),
        (
            IntegrateAndFire,
            "initial_state",
            {"voltage": None},
            "must be a distribution",
        ),
        (
            IntegrateAndFire,
            "noise",
            0.5,
            "noise: expected noise, such as nengo_softlif.GaussianNoise",
        ),
        (IntegrateAndFire, "noise", GaussianNoise(), "expected None or Dropout.rate"),
        (
            IntegrateAndFire,
            "noise",
            Dropout(0.1, GaussianNoise()),
            r"noise: expected None or Dropout.rate., got Dropout\(rate=0.1, noise=Gau",
        ),
    ],
)
def test_bad_values(cls, name, value, match):
    with pytest.raises(ValidationError, match=match):
        cls(**{name: value})


@pytest.mark.parametrize("name", ["tau_rc", "amplitude", "noise"])
def test_parameters_are_read_only(name):
    with pytest.raises(ReadonlyError, match=f"{name} is read-only"):
        setattr(IntegrateAndFire(), name, None)


def test_they_spike():
    assert IntegrateAndFire().spiking
    assert not IntegrateAndFire.negative
    assert BernoulliSpiking().spiking
    assert BernoulliSpiking.negative
    assert IntegrateAndFire().probeable == ("output", "voltage")
    assert BernoulliSpiking().probeable == ("output",)


# -- in the house ----------------------------------------------------------------------


def model_of(data, seed=1, chance=True):
    """A model that sees images as chance, and answers in spikes."""
    rng = np.random.RandomState(seed)
    with nengo.Network(seed=seed) as net:
        image = nengo.Node(np.zeros(64), label="image")
        first = BernoulliSpiking() if chance else IntegrateAndFire(np.inf)
        shown = ensemble(64, first, gain=300.0, label="shown")
        hidden = ensemble(40, IntegrateAndFire(noise=Dropout(0.2)), label="hidden")
        pooled = ensemble(10, IntegrateAndFire(np.inf), gain=POOLED, label="pooled")
        connect(image, shown.neurons, 1)
        connect(shown.neurons, hidden.neurons, rng.normal(size=(40, 64)) / 8)
        connect(hidden.neurons, pooled.neurons, np.kron(np.eye(10), np.full(4, 0.25)))
        answer = nengo.Node(size_in=10)
        connect(pooled.neurons, answer, np.eye(10) / 100)
        probe = nengo.Probe(answer)
    model = softlif.Model(net, image, probe)
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    return model


def spikes_by_hand(model, data, n, n_steps):
    """Numbers of spikes of each layer for the first images shown, by Nengo."""
    order = softlif.evaluation.presentation_order(len(data.x_test))[:n]
    twin = model.copy()
    with twin.network:
        probes = [nengo.Probe(e.neurons) for e in twin.ensembles]
    counts = []
    for image in twin.preprocessing.test(data.x_test[order]):
        twin.input.output = image
        with in_nengo(twin.network) as sim:
            sim.run_steps(n_steps)
        counts.append([np.count_nonzero(sim.data[p]) for p in probes])
    return np.array(counts)


BRIEF = {"n_examples": 12, "presentation_time": 0.03, "progress_bar": False, "seed": 0}


@pytest.mark.filterwarnings("ignore:.* Hz:nengo.exceptions.NengoWarning")
@pytest.mark.parametrize("backend", ["engine", "nengo", "nengo-dl"])
def test_evaluate_counts_spikes(backend, data):
    """Of what draws nothing, those that Nengo's probes see."""
    model = model_of(data, chance=False)
    counts = spikes_by_hand(model, data, BRIEF["n_examples"], 30).mean(axis=0)
    assert counts.min() > 1
    result = softlif.evaluate(model, data, backend, **BRIEF)
    sizes = {"shown": 64, "hidden": 40, "pooled": 10}
    for count, (name, size) in zip(counts, sizes.items(), strict=True):
        assert result.rates_hz[name] == pytest.approx(count / size / 0.03, rel=1e-6)
    assert result.spikes_per_image == pytest.approx(counts.sum(), rel=1e-6)


@pytest.mark.filterwarnings("ignore:.* Hz:nengo.exceptions.NengoWarning")
@pytest.mark.parametrize("backend", ["engine", "nengo", "nengo-dl"])
def test_spikes_of_both_signs_do_not_cancel_out(backend, data):
    """They are counted, as synaptic operations are."""
    model = model_of(data)
    order = softlif.evaluation.presentation_order(len(data.x_test))[
        : BRIEF["n_examples"]
    ]
    shown = model.preprocessing.test(data.x_test[order])
    assert shown.min() < 0 < shown.max()
    expected = np.minimum(300 * np.abs(shown), 1000).mean()
    result = softlif.evaluate(model, data, backend, **BRIEF)
    assert result.rates_hz["shown"] == pytest.approx(expected, rel=0.05)


def test_synapses_are_counted(data):
    model = model_of(data)
    found = softlif.layers.fan_out(model)
    for layer, n in zip(model.ensembles, (40, 1, 1), strict=True):
        np.testing.assert_array_equal(found[layer], n)
    n_synapses = list(softlif.layers.n_synapses(model).values())
    assert n_synapses[0] == 64 * 40


def test_a_saved_model_is_the_same(data, tmp_path):
    model, path = model_of(data, seed=1), tmp_path / "model.safetensors"
    model.save(path)
    other = model_of(data, seed=2)
    loaded = softlif.load(path, network=other.network)
    for name in ("ensembles", "connections"):
        pairs = zip(
            getattr(loaded.network, name), getattr(model.network, name), strict=True
        )
        for a, b in pairs:
            if name == "ensembles":
                assert a.neuron_type == b.neuron_type
            else:
                np.testing.assert_array_equal(a.transform.init, b.transform.init)
    other.network.ensembles[2].neuron_type = IntegrateAndFire()
    with pytest.raises(
        ValidationError,
        match=r"IntegrateAndFire\(\) \(saved: IntegrateAndFire\(tau_rc=float\('inf'\)",
    ):
        softlif.load(path, network=other.network)


def test_a_description_names_them(data):
    described = repr(softlif.layers.describe(model_of(data)))
    assert "BernoulliSpiking" in described
    assert "IntegrateAndFire" in described


def test_conversion_to_spikes_leaves_them(data):
    model = model_of(data)
    spiking = softlif.to_spiking(model, synapse=None)
    for a, b in zip(spiking.ensembles, model.ensembles, strict=True):
        assert a.neuron_type == b.neuron_type
    for neurons in TYPES:
        assert FAMILIES.of(neurons) is None


@pytest.mark.parametrize("neurons", [IntegrateAndFire(), BernoulliSpiking()])
def test_the_chip_refuses_them(neurons):
    with nengo.Network() as net:
        first = ensemble(5, nengo.LIF(), bias=2.0)
        second = ensemble(5, neurons)
        nengo.Connection(first.neurons, second.neurons, synapse=0.01)
        nengo.Probe(second.neurons)
    with pytest.raises(
        Unconvertible,
        match=rf"of type {type(neurons).__name__}\(\), which the chip does not have",
    ):
        softlif.to_loihi(net)


def test_one_step_does_not_train_them(data):
    with pytest.raises(ValidationError, match=r"rate neurons are needed, but .*Bernou"):
        softlif.fit(model_of(data), data, trainer="layers", progress_bar=False)


# -- in NengoDL ------------------------------------------------------------------------


class Plain(IntegrateAndFire):
    """Keeps its step."""


class Other(IntegrateAndFire):
    """Has a step of its own."""

    def step(self, dt, J, output, voltage):
        super().step(dt, 2 * J, output, voltage)


@pytest.mark.parametrize("cls", [IntegrateAndFire, Plain, Other, BernoulliSpiking])
def test_nengo_dl_runs_subclasses_that_keep_the_step(cls, recwarn):
    net, _, _ = chances(np.linspace(-500, 500, 8))
    net.ensembles[0].neuron_type = cls(amplitude=2)
    with nengo_dl.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(3)
    slower = [w for w in recwarn if "falling back" in str(w.message)]
    assert bool(slower) == (cls is Other)


def test_nengo_dl_merges_neurons_with_different_parameters():
    with nengo.Network(seed=0) as net:
        wave = nengo.Node(lambda t: 300 * np.sin(100 * t) + 200)
        for neurons in INTEGRATING:
            layer = ensemble(6, neurons)
            connect(wave, layer.neurons, np.linspace(0.5, 5, 6)[:, None])
            nengo.Probe(layer.neurons)
            nengo.Probe(layer.neurons, "voltage")
    with in_nengo(net) as expected, in_nengo_dl(net) as sim:
        expected.run_steps(60)
        sim.run_steps(30)
        sim.run_steps(30)
        for probe in net.probes:
            np.testing.assert_allclose(
                sim.data[probe], expected.data[probe], rtol=1e-12, atol=1e-12
            )


def test_nengo_dl_trains_what_comes_after_them_and_says_so(rng):
    net, _, _ = lee(rng, 10)
    net.nodes[0].output = np.full(16, 200.0)
    with net:
        answer = nengo.Node(size_in=2)
        connect(net.ensembles[-1].neurons, answer, np.zeros((2, 10)))
        seen = nengo.Probe(answer)
    with nengo_dl.Simulator(net, minibatch_size=4, progress_bar=False) as sim:
        before = [sim.data[c].weights for c in net.connections]
        sim.compile("sgd", loss={seen: "mse"})
        with pytest.warns(
            NengoWarning,
            match=r"IntegrateAndFire\(\) has no derivative in NengoDL, so that nothing",
        ):
            sim.fit(n_steps=40, y={seen: np.ones((4, 40, 2))}, verbose=0)
        changed = [
            np.any(sim.data[c].weights != old)
            for c, old in zip(net.connections, before, strict=True)
        ]
    assert changed == [False, False, False, True]
