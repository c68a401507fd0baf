"""Neurons and synapses over time are Nengo's; backwards they are turned round."""

from types import SimpleNamespace

from nengo_softlif import IntegrateAndFire
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.engine import STAGES, filters
from nengo_softlif.tensors import over_time
from nengo_softlif.tensors.over_time import OVER_TIME, back_to_input, filtered

import nengo
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

DT = 0.001
N_STEPS = 60


def drive(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape)


SYNAPSES = [
    [nengo.Lowpass(0.004)],
    [nengo.Alpha(0.003)],
    [nengo.LinearFilter([1], [1e-8, 2e-5, 1e-2, 1])],
    [nengo.LinearFilter([0.003, 1], [0.01, 1])],
    [nengo.Lowpass(0)],
    [nengo.Alpha(0.003), nengo.Lowpass(0.002)],
]


@pytest.mark.parametrize("synapses", SYNAPSES, ids=repr)
@pytest.mark.parametrize("n_given", [1, N_STEPS])
def test_filtered(synapses, n_given):
    x = drive(n_given, 2, 3)
    expected = np.broadcast_to(x, (N_STEPS, 2, 3))
    for synapse in synapses:
        # it is seen one step later, as in a simulation
        found = synapse.filt(expected, dt=DT, y0=0, axis=0)
        expected = np.concatenate([np.zeros((1, 2, 3)), found[:-1]])
    matrices = filters.discretise(synapses, DT)
    with tf.GradientTape() as tape:
        x = tf.constant(x)
        tape.watch(x)
        y = filtered(x, N_STEPS, *matrices)
    assert_allclose(y, expected, atol=1e-12 * np.abs(expected).max())
    # a linear map goes back by its transpose: <u, F x> = <F' u, x>
    upstream = drive(N_STEPS, 2, 3, seed=1)
    back = tape.gradient(y, x, tf.constant(upstream))
    assert back.shape == x.shape
    assert_allclose(np.sum(back * x), np.sum(upstream * y), rtol=1e-10)


def known(neuron_type, n):
    """What neurons over time are told of a layer."""
    if isinstance(neuron_type, IntegrateAndFire):
        constants = np.array([DT, neuron_type.leak(DT)])
    else:
        constants = STAGES.of(neuron_type).constants_of(neuron_type, DT)
    state = neuron_type.make_state(n, np.random.RandomState(1))
    return SimpleNamespace(constants=constants, initial=state)


NEURONS = [
    nengo.LIF(),
    nengo.LIF(0.01, 0.0025, -1, initial_state={"voltage": nengo.dists.Uniform(0, 1)}),
    nengo_loihi.LoihiLIF(tau_rc=0.013),
    IntegrateAndFire(),
    IntegrateAndFire(np.inf),
]


@pytest.mark.parametrize("neuron_type", NEURONS, ids=repr)
@pytest.mark.parametrize("n_examples", [1, 3])
def test_neurons_fire_as_in_nengo(neuron_type, n_examples):
    scale = 80 if isinstance(neuron_type, IntegrateAndFire) else 3
    current = scale * (0.5 + drive(N_STEPS, n_examples, 40))
    neurons = known(neuron_type, 40)
    shape = N_STEPS, 3, 40
    over = OVER_TIME.of(neuron_type)(neurons)
    fired = over.fire(tf.constant(current), shape)
    voltage, by_current, by_voltage = over.retrace(tf.constant(current), shape)
    assert fired.shape == voltage.shape == shape
    # it fires where the voltage has passed its threshold
    assert_array_equal(fired, np.float64(voltage > 1))
    assert np.all((by_current >= 0) & (by_voltage >= 0))
    for example in range(3):
        state = {name: value.copy() for name, value in neurons.initial.items()}
        for t in range(N_STEPS):
            output = np.empty(40)
            given = current[t, example if n_examples > 1 else 0].copy()
            neuron_type.step(DT, given, output, **state)
            assert_array_equal(fired[t, example], output * DT > 0.5)
    assert 50 < np.sum(fired) < 0.5 * np.prod(shape)


def test_input_has_the_gradient_of_the_next_spike():
    spikes = np.array([0, 1, 0, 0, 1, 1, 0]).reshape(7, 1, 1)
    upstream = np.arange(1.0, 8).reshape(7, 1, 1)
    given = tf.constant(upstream), tf.constant(spikes, tf.float64)
    back = np.ravel(back_to_input(*given, 3.0, 0.0))
    assert_allclose(back, 3 * np.array([2, 2, 5, 5, 5, 6, 0]))
    leak = 0.9
    corrected = 1 + np.log(leak) * (leak**5 + leak**2 + leak) / 3
    back_corrected = np.ravel(back_to_input(*given, 3.0, np.log(leak)))
    assert_allclose(back_corrected, corrected * back)
    silent = back_to_input(given[0], tf.zeros_like(given[0]), 3.0, np.log(leak))
    assert_array_equal(silent, np.zeros((7, 1, 1)))


def test_loop_knows_where_it_is():
    x = tf.constant(np.arange(5.0))

    def step(state, value):
        total = state[0] + value
        return [total], [total]

    start = [tf.constant(0.0, tf.float64)]
    for backwards, expected in ((False, [0, 1, 3, 6, 10]), (True, [10, 10, 9, 7, 4])):
        (last,), (out,) = over_time.loop(
            step, start, [x], 5, (), [tf.float64], backwards
        )
        assert_array_equal(out, expected)
        assert last == 10
