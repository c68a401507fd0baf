"""Derivatives of spikes, neuron by neuron, against the equations unrolled in NumPy."""

from nengo_softlif import IntegrateAndFire, SoftLIFRate, layers
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.gradients import (
    TIMED,
    Arctan,
    Derivative,
    FastSigmoid,
    LeakCorrected,
    MeasuredRates,
    SoftLIF,
    Triangular,
)
from nengo_softlif.registry import DERIVATIVES

import nengo
import numpy as np
import pytest
from kinds import SOFT
from nengo.exceptions import ValidationError
from references import soft_lif_slopes
from unrolling import DT, back_as_lee, back_by, follow, follow_lif

N_EXAMPLES, N_STEPS, N = 3, 50, 40


def starting_at(voltage):
    return {"voltage": nengo.dists.Choice([voltage])}


def leaking(leak, **kwargs):
    """Neurons that keep this part of their voltage in a step."""
    return IntegrateAndFire(-DT / np.log(leak), **kwargs)


LIFS = {
    "lif": nengo.LIF(),
    "rest ends within a step": nengo.LIF(tau_ref=0.0013, amplitude=0.1),
    "no rest": nengo.LIF(tau_rc=0.005, tau_ref=0),
    "long rest": nengo.LIF(tau_rc=0.003, tau_ref=0.0077),
    "cut off": nengo.LIF(tau_rc=0.004, tau_ref=0.0021, min_voltage=-0.3),
    "cut off at zero": nengo.LIF(tau_rc=0.01),
    "of the chip": nengo_loihi.LoihiLIF(tau_rc=0.007, tau_ref=0.0014),
    "started": nengo.LIF(tau_rc=0.01, initial_state=starting_at(0.9)),
}
LEAKY = {
    "0.99": IntegrateAndFire(),
    "0.9": leaking(0.9, amplitude=0.3),
    "0.5": leaking(0.5),
    "no leak": IntegrateAndFire(np.inf),
    "started leaky": leaking(0.9, initial_state=starting_at(0.9)),
}
NEURONS = {**LIFS, **LEAKY}

SURROGATES = {
    "fast sigmoid": (FastSigmoid(7), lambda x: 1 / (1 + 7 * abs(x)) ** 2),
    "arctan": (Arctan(3), lambda x: 1 / (1 + (np.pi / 2 * 3 * x) ** 2)),
    "triangular": (Triangular(0.6), lambda x: np.maximum(0, 1 - abs(x) / 0.6)),
}


def timed(neuron_type, n=N, dtype="float64"):
    with nengo.Network(seed=3) as net:
        ensemble = nengo.Ensemble(
            n, 1, neuron_type=neuron_type, gain=2 * np.ones(n), bias=np.zeros(n)
        )
    layer = layers.read(net)[ensemble.neurons]
    return TIMED.of(neuron_type)(layer, DT, dtype)


def draw(neuron_type, rng, n_examples=N_EXAMPLES, n_steps=N_STEPS, dtype="float64"):
    """Currents at which some neurons fire often, some seldom, and some never."""
    level = rng.uniform(-2, 4, size=(n_examples, 1, N))
    J = level + rng.normal(size=(n_examples, n_steps, N))
    if isinstance(neuron_type, IntegrateAndFire):
        J *= 0.2 / DT
    return J.astype(dtype)


SHAPES = [(N_EXAMPLES, N_STEPS), (N_EXAMPLES, 1), (1, N_STEPS), (1, 1)]
"""Of what is the same for all examples, or in all steps, there is one."""


def fire(neurons, current):
    return neurons.fire(current, (N_EXAMPLES, N_STEPS, N), np.random.default_rng(0))


def back(derivative, neurons, current, upstream):
    spikes = fire(neurons, current).values
    return derivative.back(neurons, current, spikes, upstream.copy())


def start(neurons):
    return {"voltage": neurons.initial["voltage"]}


def expected(reference, neurons, current, upstream, **kwargs):
    shown = np.broadcast_to(current, upstream.shape)
    return np.stack(
        [
            reference(neurons.neuron_type, J, up, **start(neurons), **kwargs)
            for J, up in zip(shown, upstream, strict=True)
        ]
    )


@pytest.mark.parametrize("name", NEURONS)
def test_neurons_fire_as_by_their_own_step(name, rng):
    neuron_type = NEURONS[name]
    neurons, current = timed(neuron_type), draw(neuron_type, rng)
    counts = fire(neurons, current)
    assert counts.values.any()
    state = {name: np.tile(v, N_EXAMPLES) for name, v in neurons.initial.items()}
    for t in range(N_STEPS):
        output = np.empty(N_EXAMPLES * N)
        neuron_type.step(DT, current[:, t].ravel(), output, **state)
        height = counts.values[:, t].ravel() * counts.scale
        np.testing.assert_array_equal(height, output)


@pytest.mark.parametrize("name", NEURONS)
def test_voltages_are_repeated(name, rng):
    neuron_type = NEURONS[name]
    neurons, current = timed(neuron_type), draw(neuron_type, rng)
    spikes = fire(neurons, current).values
    for J, fired in zip(current, spikes, strict=True):
        volts, *_ = neurons.retrace(J, fired)
        their_spikes, their_volts, _ = follow(neuron_type, J, **start(neurons))
        np.testing.assert_array_equal(fired, their_spikes)
        np.testing.assert_allclose(volts, their_volts, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("name", NEURONS)
def test_surrogates_go_back_through_the_membrane(name, surrogate, shape, rng):
    neuron_type, (derivative, slope) = NEURONS[name], SURROGATES[surrogate]
    current = draw(neuron_type, rng, *shape)
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, N))
    neurons = timed(neuron_type)
    found = back(derivative, neurons, current, upstream)
    right = expected(back_by(slope), neurons, current, upstream)
    scale = np.abs(right).max()
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-11 * scale)
    assert np.any(right)


def test_a_neuron_alone_and_more_than_a_block(rng):
    for n in (1, 1500):
        for neuron_type in (nengo.LIF(tau_ref=0.0013), leaking(0.9)):
            scale = 1 if isinstance(neuron_type, nengo.LIF) else 100
            current = scale * rng.uniform(0, 4, size=(2, 20, n))
            neurons, upstream = timed(neuron_type, n), rng.normal(size=(2, 20, n))
            spikes = neurons.fire(current, current.shape, None).values
            for derivative, reference in [
                (FastSigmoid(7), back_by(SURROGATES["fast sigmoid"][1])),
                (LeakCorrected(), back_as_lee),
            ][: 1 + (scale > 1)]:
                found = derivative.back(neurons, current, spikes, upstream.copy())
                right = expected(reference, neurons, current, upstream)
                np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("corrects", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", LEAKY)
def test_lee_et_al(name, shape, corrects, rng):
    neuron_type = NEURONS[name]
    current = draw(neuron_type, rng, *shape)
    # silent from some time on, so that traces vanish where the leak is large
    current = np.broadcast_to(current, (N_EXAMPLES, shape[1], N)).copy()
    current[1, shape[1] // 3 :] *= -1
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, N))
    neurons, derivative = timed(neuron_type), LeakCorrected(corrects)
    found = back(derivative, neurons, current, upstream)
    right = expected(back_as_lee, neurons, current, upstream, corrects=corrects)
    np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-12)
    # what leaves a step without a spike has no say
    upstream[fire(neurons, current).values == 0] = 1e9
    again = back(derivative, neurons, current, upstream)
    np.testing.assert_array_equal(again, found)


def test_lee_et_als_correction_by_hand():
    """Three spikes at leak 0.9; then so long nothing that the trace is forgotten."""
    neuron_type, J = leaking(0.9), np.zeros((1, 100, 1))
    J[0, [10, 30, 97]] = 1.5 / DT
    upstream = np.ones_like(J)
    neurons = timed(neuron_type, 1)
    spikes = neurons.fire(J, J.shape, None).values
    assert list(np.flatnonzero(spikes)) == [10, 30, 97]
    found = LeakCorrected().back(neurons, J, spikes, upstream.copy())[0, :, 0]
    trace = 0.9**89 + 0.9**69 + 0.9**2
    np.testing.assert_allclose(found[:98], 1 + np.log(0.9) * trace / 3, rtol=1e-12)
    np.testing.assert_array_equal(found[98:], 0)
    J[0, 97], spikes[0, 97] = 0, 0
    found = LeakCorrected().back(neurons, J, spikes, upstream.copy())[0, :, 0]
    trace = 0.9**89 + 0.9**69
    assert trace < 1e-3
    np.testing.assert_allclose(found[:31], np.log(0.9) * trace / 2, rtol=1e-12)


def test_a_leak_of_all_there_is(rng):
    """Its logarithm is finite, though what a step leaves rounds to zero."""
    neuron_type = IntegrateAndFire(DT / 1000)
    assert neuron_type.leak(DT) == 0
    current = draw(neuron_type, rng)
    spikes = fire(timed(neuron_type), current).values
    with np.errstate(all="raise"):
        found = back(
            LeakCorrected(), timed(neuron_type), current, np.ones_like(current)
        )
    last = spikes[:, -1] > 0
    factor = last * (1 - 1000 / np.maximum(spikes.sum(axis=1), 1))
    np.testing.assert_allclose(found[:, 0], factor * spikes.any(axis=1), rtol=1e-12)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_voltages_far_away_are_no_overflow(surrogate, rng, recwarn):
    """As in a training that diverges."""
    neuron_type = nengo.LIF()
    current = (1e25 * draw(neuron_type, rng)).astype("float32")
    derivative, _ = SURROGATES[surrogate]
    neurons = timed(neuron_type, dtype="float32")
    found = back(derivative, neurons, current, np.ones_like(current))
    assert np.isfinite(found).all()
    assert not recwarn.list


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", [n for n in LIFS if n != "no rest"])
def test_soft_lif_is_the_slope_of_the_curve(name, shape, rng):
    neuron_type = NEURONS[name]
    current = draw(neuron_type, rng, *shape)
    curve = SoftLIFRate(
        0.05, neuron_type.tau_rc, neuron_type.tau_ref, neuron_type.amplitude
    )
    slopes = curve.derivative(current.reshape(-1, N), np.ones(N), np.zeros(N))
    for derivative, n_steps in [(SoftLIF(0.05), N_STEPS), (MeasuredRates(0.05), 1)]:
        if n_steps == 1 and shape[1] > 1:
            continue
        upstream = rng.normal(size=(N_EXAMPLES, n_steps, N))
        found = back(derivative, timed(neuron_type), current, upstream)
        right = upstream * slopes.reshape(current.shape)
        close = {"rtol": 0, "atol": 1e-3 * np.abs(right).max()}
        np.testing.assert_allclose(found, right, **close)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("neuron_type", SOFT, ids=str)
def test_slopes_are_those_of_the_equations(neuron_type, dtype):
    """They are looked up, and nearly right however far from the threshold."""
    far = np.logspace(1, 5, 500)
    at = np.concatenate([-far[::-1], np.linspace(-20, 20, 4001), far])
    J = (1 + neuron_type.sigma * at).astype(dtype)
    right = soft_lif_slopes(neuron_type, J).astype(float)
    found = slopes_at(neuron_type, J)
    np.testing.assert_allclose(found, right, rtol=2e-4 if dtype == "float64" else 2e-3)
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * right.max())
    farthest = slopes_at(neuron_type, np.array([-np.inf, -1e30, 1e30, np.inf], dtype))
    assert np.isfinite(farthest).all()
    assert np.all((farthest >= 0) & (farthest <= right.max()))


def slopes_at(neuron_type, J):
    lif = nengo.LIF(
        neuron_type.tau_rc, neuron_type.tau_ref, amplitude=neuron_type.amplitude
    )
    slopes = np.ones((1, 1, len(J)), J.dtype)
    neurons = timed(lif, len(J), J.dtype)
    return SoftLIF(neuron_type.sigma).back(neurons, J[None, None], None, slopes)[0, 0]


@pytest.mark.parametrize(
    ("derivative", "stands_for"),
    [
        (FastSigmoid(7), lambda x: x / (1 + 7 * abs(x))),
        (Arctan(3), lambda x: np.arctan(np.pi / 2 * 3 * x) * 2 / (3 * np.pi)),
        (Triangular(0.6), None),
    ],
    ids=["fast sigmoid", "arctan", "triangular"],
)
def test_finite_differences_where_nothing_fires(derivative, stands_for, rng):
    """Then voltages are smooth; the stand-in has the derivative for which it stands."""

    def triangle(x):  # its integral
        x = np.clip(x / 0.6, -1, 1)
        return 0.6 * np.where(x < 0, (1 + x) ** 2 / 2, 1 - (1 - x) ** 2 / 2)

    neuron_type = nengo.LIF(tau_rc=0.01, min_voltage=-0.1)
    J = rng.uniform(-1, 0.99, size=(1, 30, 4))
    upstream = rng.normal(size=J.shape)
    neurons = timed(neuron_type, 4)
    spikes, voltage = np.zeros(J.shape, np.uint8), neurons.initial["voltage"]
    found = derivative.back(neurons, J, spikes, upstream.copy())

    def loss(J):
        spikes, volts, _ = follow_lif(neuron_type, J, voltage)
        assert not spikes.any()
        return np.sum(upstream[0] * (stands_for or triangle)(volts - 1)) / DT

    step = 1e-6
    for place in np.ndindex(30, 4):
        high, low = J[0].copy(), J[0].copy()
        high[place] += step
        low[place] -= step
        difference = (loss(high) - loss(low)) / (2 * step)
        np.testing.assert_allclose(found[0][place], difference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_precision_stays(name, rng):
    """In float32 it is the same to rounding, for the same spikes."""
    derivative = DERIVATIVES[name]()
    neuron_type = leaking(0.9) if name == "leak-corrected" else nengo.LIF()
    current = draw(neuron_type, rng)
    upstream = rng.normal(size=current.shape)
    neurons = timed(neuron_type)
    spikes = fire(neurons, current).values
    right = derivative.back(neurons, current, spikes, upstream.copy())
    found = derivative.back(
        timed(neuron_type, dtype="float32"),
        current.astype("float32"),
        spikes,
        upstream.astype("float32"),
    )
    assert found.dtype == "float32"
    scale = np.abs(right).max()
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-3 * scale)


def test_own_derivatives_are_known_by_class_and_parameters():
    """In every process, so that their trainings go on."""

    class Steeper(FastSigmoid):
        pass

    class Constant(Derivative):
        def __init__(self, height):
            self.height = height

        def back(self, neurons, current, spikes, upstream):
            return upstream * self.height

    assert repr(Constant(0.3)) == "Constant(height=0.3)"
    assert "Steeper(steepness=4.0)" in repr(Steeper(4))


def test_derivatives_by_name():
    assert DERIVATIVES["fast-sigmoid"]() == FastSigmoid()
    assert FastSigmoid(3) != FastSigmoid(4)
    for name in DERIVATIVES:
        derivative = DERIVATIVES[name]()
        assert eval(
            repr(derivative), {type(derivative).__name__: type(derivative)}
        ) == (derivative)


@pytest.mark.parametrize("make", [FastSigmoid, Arctan, Triangular, SoftLIF])
def test_parameters_are_numbers_of_pythons(make):
    """Else slopes would be float64, and a training not known again."""
    for given in (2, np.float64(2), np.float32(2), np.int64(2)):
        assert repr(make(given)) == repr(make(2.0))
    if make is not SoftLIF:
        x = np.zeros(3, "float32")
        assert make(np.float64(2)).slope(x).dtype == "float32"


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "2", None])
@pytest.mark.parametrize(
    ("make", "attr"),
    [
        (FastSigmoid, "steepness"),
        (Arctan, "steepness"),
        (Triangular, "width"),
        (SoftLIF, "sigma"),
        (MeasuredRates, "sigma"),
    ],
)
def test_bad_parameters(make, attr, bad):
    with pytest.raises(ValidationError, match=f"{attr}.*a positive number"):
        make(bad)


@pytest.mark.parametrize("make", [SoftLIF, MeasuredRates])
def test_sigmas_of_no_curve(make):
    with pytest.raises(ValidationError, match="sigma: must lie between"):
        make(1e-10)


def test_what_a_derivative_is_not_for():
    for derivative in (SoftLIF(), MeasuredRates()):
        derivative.check(nengo.LIF())
        derivative.check(nengo_loihi.LoihiLIF())
        with pytest.raises(ValidationError, match=r"for nengo.LIF, not Integ.*'leak-c"):
            derivative.check(IntegrateAndFire())
    LeakCorrected().check(IntegrateAndFire())
    with pytest.raises(ValidationError, match=r"for IntegrateAndFire neurons, not LIF"):
        LeakCorrected().check(nengo.LIF())
    for name in ("fast-sigmoid", "arctan", "triangular"):
        for neuron_type in (nengo.LIF(), IntegrateAndFire()):
            DERIVATIVES[name]().check(neuron_type)
