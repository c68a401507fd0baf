"""Networks over time: forward as simulators run them, backward as NumPy says."""

from nengo_softlif import IntegrateAndFire, Simulator, SoftLIFRate, networks
from nengo_softlif.compat import nengo_dl, nengo_loihi
from nengo_softlif.gradients import (
    Arctan,
    FastSigmoid,
    LeakCorrected,
    MeasuredRates,
    SoftLIF,
    Triangular,
    Unrolled,
)
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.transforms import AveragePool, LocallyConnected

import nengo
import numpy as np
import pytest
import sample_networks
from nengo.exceptions import Unconvertible, ValidationError
from references import nengo_saw_image
from sample_networks import NETWORKS, made, neurons, normal
from unrolling import DT, Reference, back_as_lee, back_by

N_EXAMPLES, N_STEPS = 2, 25
LEAKY = IntegrateAndFire(0.009)


def unroll(net, image, probe, derivative=None, dtype="float64"):
    """Returns it with what was read of the network."""
    feed_forward = FeedForward(net, image, probe, timed=True)
    derivative = derivative or FastSigmoid(10)
    trainable = parameters.trainable(net)
    return Unrolled(feed_forward, trainable, derivative, DT, dtype)


def run(unrolled, shown, n_steps=N_STEPS, masks=None, weights=None, biases=None):
    bound = unrolled.bind(weights or {}, biases or {})
    return bound.forward(shown, n_steps, masks, np.random.default_rng(0))


# -- forward ---------------------------------------------------------------------------


def answer_of(net):
    return next(p for p in net.all_probes if isinstance(p.target, nengo.Node))


def with_neurons(build, neuron_type):
    net = made(build)
    for ensemble in net.all_ensembles:
        if isinstance(neuron_type, IntegrateAndFire):  # currents in 1/s
            ensemble.gain, ensemble.bias = ensemble.gain / 0.02, ensemble.bias / 0.02
        ensemble.neuron_type = neuron_type
    return net


TYPES = [
    nengo.LIF(),
    nengo.LIF(tau_rc=0.008, tau_ref=0.0013, min_voltage=-0.4, amplitude=0.8),
    nengo_loihi.LoihiLIF(),
    IntegrateAndFire(0.01),
    IntegrateAndFire(np.inf, amplitude=0.9),
]


@pytest.mark.parametrize("neuron_type", TYPES, ids=str)
@pytest.mark.parametrize(
    "build", [b for b in NETWORKS if b is not sample_networks.decoded]
)
def test_forward_as_the_engine_and_nengo(build, neuron_type):
    net = with_neurons(build, neuron_type)
    probe = answer_of(net)
    shown = np.random.RandomState(5).rand(N_EXAMPLES, N_STEPS, 72)
    course = run(unroll(net, net.image, probe), shown)
    fired = {layer.obj.ensemble: c.values for layer, c in course.spikes.items()}
    with Simulator(net, minibatch_size=N_EXAMPLES, dtype="float64") as sim:
        sim.run_steps(N_STEPS, {net.image: shown})
        np.testing.assert_allclose(course.outputs, sim.data[probe], rtol=0, atol=1e-9)
        for ensemble, values in fired.items():
            np.testing.assert_array_equal(
                values.sum(axis=1), sim.spike_counts(ensemble)
            )
    theirs = nengo_saw_image(net, shown[0], N_STEPS)
    np.testing.assert_allclose(course.outputs[0], theirs[probe], rtol=0, atol=1e-9)
    n_fired = 0
    for p in net.all_probes:
        if isinstance(p.obj, nengo.ensemble.Neurons):
            spikes = fired[p.obj.ensemble][0]
            np.testing.assert_array_equal(spikes, theirs[p] != 0)
            n_fired += spikes.sum()
    assert n_fired > 0


def test_images_that_stay_are_shown_once():
    net = made(sample_networks.pools)
    shown = sample_networks.images(N_EXAMPLES)
    unrolled = unroll(net, net.image, answer_of(net))
    once, always = run(unrolled, shown), run(unrolled, shown.repeat(N_STEPS, 1))
    np.testing.assert_allclose(once.outputs, always.outputs, rtol=0, atol=1e-12)


def test_spikes_by_chance(rng):
    """Rates are those asked for, with the sign; examples differ."""
    model = networks.lenet((8, 8, 1), max_rate=400.0)
    unrolled = unroll(model.network, model.input, model.output)
    shown = rng.uniform(-1, 1, size=(3, 1, 64))
    counts = next(iter(run(unrolled, shown, 3000).spikes.values()))
    assert counts.values.dtype == np.int8
    rates = counts.values.mean(axis=1) / DT
    np.testing.assert_allclose(rates, 400 * shown[:, 0], atol=45)
    same = run(unrolled, shown[[0, 0]], 100)
    one, other = next(iter(same.spikes.values())).values
    assert not np.array_equal(one, other)


def test_lee_et_als_readout():
    """It adds up what has arrived before, and leaks; see `networks.lee`."""
    model = networks.lenet((8, 8, 1), encoding="constant", seed=2)
    shown = np.random.RandomState(3).rand(2, 1, 64)
    course = run(unroll(model.network, model.input, model.output), shown)
    last = list(course.spikes.values())[-1]
    weights = parameters.build(model.network)[model.network.all_connections[-1]].weights
    arriving = last.values / DT @ weights.T
    voltage = np.zeros((2, 10))
    for t in range(N_STEPS):
        np.testing.assert_allclose(course.outputs[:, t], voltage, atol=1e-9)
        voltage = 0.99 * (voltage + DT * arriving[:, t])
    assert last.values.any()


# -- backward --------------------------------------------------------------------------


def chain(neuron_type, synapse):
    """Two layers and a readout."""

    def make(image):
        first, second = population(16, neuron_type), population(12, neuron_type, 2)
        connect(image, first, normal(16, 9))
        connect(first, second, scaled(neuron_type, 12, 16), synapse)
        return second

    make.synapse = nengo.Alpha(0.003)
    return make


def population(n, neuron_type, seed=0):
    found = neurons(n, neuron_type, seed)
    if isinstance(neuron_type, IntegrateAndFire):
        ensemble = found.ensemble
        ensemble.gain, ensemble.bias = ensemble.gain / 0.006, ensemble.bias / 0.006
    return found


def scaled(neuron_type, *shape, seed=1):
    """Weights by which spikes of some neurons let others fire."""
    return normal(*shape, scale=0.05, seed=seed)


def connect(pre, post, transform, synapse=None):
    return nengo.Connection(pre, post, transform=transform, synapse=synapse)


def convolutional(neuron_type):
    """Convolutions, pools, a local layer; a bias for each channel, from a constant."""

    def make(image):
        transform = nengo.Convolution(
            3, (3, 3, 1), padding="same", init=nengo.dists.Gaussian(0, 0.7)
        )
        first = population(27, neuron_type)
        connect(image, first, transform)
        one = nengo.Node(np.ones(1))
        ones = nengo.Convolution(
            3, (3, 3, 1), (1, 1), padding="same", init=np.full((1, 1, 1, 3), 0.3)
        )
        nine = nengo.Node(np.ones(9))
        connect(nine, first, ones)
        pool = AveragePool((3, 3, 3), 2, 1)
        pooled = population(12, neuron_type, 3)
        connect(first, pooled, pool, nengo.Lowpass(0.002))
        local = LocallyConnected(
            2, (2, 2, 3), 2, 1, "same", nengo.dists.Gaussian(0, 0.1)
        )
        last = population(8, neuron_type, 4)
        connect(pooled, last, local)
        connect(one, last, np.full((8, 1), 0.2))
        return last

    return make


def residual(neuron_type):
    """Past the second layer: as it is, and with weights."""

    def make(image):
        first, second, third = (population(10, neuron_type, i) for i in range(3))
        connect(image, first, normal(10, 9))
        connect(first, second, scaled(neuron_type, 10, 10))
        connect(second, third, scaled(neuron_type, 10, 10, seed=2))
        connect(first, third, 0.01)
        connect(first[::-1], third[2:], scaled(neuron_type, 8, 10, seed=3))
        return third

    return make


def several_synapses(neuron_type):
    def make(image):
        first, second = population(10, neuron_type), population(14, neuron_type, 5)
        connect(image, first, normal(10, 9), nengo.Alpha(0.002))
        synapses = [None, 0.003, nengo.Alpha(0.005), 0.003]
        for i, synapse in enumerate(synapses):
            connect(first, second, scaled(neuron_type, 14, 10, seed=i), synapse)
        third = nengo.LinearFilter([1], [1e-8, 2e-5, 1e-2, 1])
        connect(first[[4, 4, 7]], second[[0, 5, 5]], [0.01, 0.02, 0.03], third)
        return second

    return make


def shared(neuron_type, synapse=0.002):
    """One connection, through a node, to two layers: once with a gain in between."""

    def make(image):
        first = population(10, neuron_type)
        left, right = population(6, neuron_type, 1), population(6, neuron_type, 2)
        node = nengo.Node(size_in=6)
        connect(image, first, normal(10, 9))
        connect(first, node, scaled(neuron_type, 6, 10), synapse)
        connect(node, left, 1.0)
        connect(node, right, np.linspace(0.5, 2, 6), synapse and nengo.Alpha(synapse))
        both = nengo.Node(size_in=12)
        connect(left, both[:6], 1.0)
        connect(right, both[6:], scaled(neuron_type, 6, 6), synapse)
        return both

    return make


def network(make, neuron_type):
    with nengo.Network(seed=4) as net:
        net.image = nengo.Node(np.zeros(9))
        top = make(net.image)
        answer = nengo.Node(size_in=3)
        connect(top, answer, normal(3, top.size_out, scale=0.1), nengo.Alpha(0.002))
        net.answer = nengo.Probe(answer, synapse=0.004)
    return net


LIF = nengo.LIF(
    tau_rc=0.01, tau_ref=0.0013, initial_state={"voltage": nengo.dists.Choice([0.3])}
)
SHAPES = {
    "without synapses": lambda kind: chain(kind, None),
    "lowpass": lambda kind: chain(kind, nengo.Lowpass(0.004)),
    "alpha": lambda kind: chain(kind, nengo.Alpha(0.004)),
    "convolutional": convolutional,
    "residual": residual,
    "several synapses": several_synapses,
    "shared": shared,
}


def slope_of_rates(sigma):
    """By the curve, where the package looks its slope up in a table."""

    def back(neuron, J, upstream, voltage):
        curve = SoftLIFRate(sigma, neuron.tau_rc, neuron.tau_ref, neuron.amplitude)
        one = np.ones(J.shape[1])
        return upstream * curve.derivative(J, one, 0 * one)

    return back


CASES = {
    "Lee": (LeakCorrected(), LEAKY, back_as_lee),
    "Lee, no leak": (LeakCorrected(), IntegrateAndFire(np.inf), back_as_lee),
    "fast sigmoid": (
        FastSigmoid(5),
        LIF,
        back_by(lambda x: 1 / (1 + 5 * abs(x)) ** 2),
    ),
    "arctan": (Arctan(), LEAKY, back_by(lambda x: 1 / (1 + (np.pi * x) ** 2))),
    "triangular": (
        Triangular(2),
        LIF,
        back_by(lambda x: np.maximum(0, 1 - abs(x) / 2)),
    ),
    "soft LIF": (SoftLIF(0.05), LIF, slope_of_rates(0.05)),
    "rates": (MeasuredRates(0.05), LIF, slope_of_rates(0.05)),
}

TOLERANCE = {"soft LIF": 2e-4, "rates": 2e-4}
"""Of the largest gradient, where slopes are looked up."""


def assert_gradients(found, expected, tolerance=1e-9):
    """To a part of the largest; there are those by all that has weights."""
    by_weights, by_biases = found
    of_weights, of_biases = expected
    by_biases = {layer.obj.ensemble: g for layer, g in by_biases.items()}
    assert by_weights.keys() == of_weights.keys()
    for key, gradient in {**by_weights, **by_biases}.items():
        right = of_weights[key] if key in of_weights else of_biases[key]
        np.testing.assert_allclose(
            gradient.reshape(right.shape),
            right,
            rtol=0,
            atol=tolerance * np.abs(right).max(),
            err_msg=key,
        )


def backward_both(net, derivative, back, shown, upstream, masks=()):
    """What is found, and what the reference says, summed over examples."""
    unrolled = unroll(net, net.image, net.answer, derivative)
    layers = {layer.obj.ensemble: layer for layer in unrolled.neurons}
    given = {layers[ensemble]: mask for ensemble, mask in dict(masks).items()}
    course = run(unrolled, shown, upstream.shape[1], given)
    reference = Reference(net, net.image, net.answer, back)
    totals = {}, {}
    for i, (image, up) in enumerate(zip(shown, upstream, strict=True)):
        own = {ensemble: mask[i] for ensemble, mask in dict(masks).items()}
        outputs = reference.forward(image, len(up), own)
        np.testing.assert_allclose(course.outputs[i], outputs, rtol=0, atol=1e-9)
        go = reference.measured if derivative.averages else reference.backward
        for total, part in zip(totals, go(up), strict=True):
            for key, value in part.items():
                total[key] = total.get(key, 0) + value
    return unrolled, course.backward(upstream), totals


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_the_unrolled_equations(case, shape, rng):
    derivative, neuron_type, back = CASES[case]
    make = SHAPES[shape](neuron_type)
    if (case, shape) == ("rates", "shared"):  # means are before or behind a filter
        make = shared(neuron_type, synapse=None)
    net = network(make, neuron_type)
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, N_STEPS, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    unrolled, found, expected = backward_both(net, derivative, back, shown, upstream)
    assert_gradients(found, expected, TOLERANCE.get(case, 1e-9))
    assert found[1].keys() == unrolled.neurons.keys()
    assert all(np.any(g) for g in (*found[0].values(), *found[1].values()))


@pytest.mark.parametrize("case", ["Lee", "triangular", "rates"])
def test_dropout_masks(case, rng):
    """Held over all steps; the part that stays is louder."""
    derivative, neuron_type, back = CASES[case]
    net = network(residual(neuron_type), neuron_type)
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, N_STEPS, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    masks = {
        ensemble: 2.0 * (rng.uniform(size=(N_EXAMPLES, 10)) < 0.5)
        for ensemble in net.all_ensembles[:2]
    }
    masks[net.all_ensembles[2]] = np.zeros((N_EXAMPLES, 10))
    masks[net.all_ensembles[2]][0] = 1.5
    _, found, expected = backward_both(net, derivative, back, shown, upstream, masks)
    assert_gradients(found, expected, TOLERANCE.get(case, 1e-9))


def test_all_neurons_left_out(rng):
    net = network(chain(LIF, None), LIF)
    unrolled = unroll(net, net.image, net.answer, SoftLIF())
    masks = {layer: np.zeros((2, layer.size)) for layer in unrolled.neurons}
    course = run(unrolled, np.ones((2, 1, 9)), masks=masks)
    assert not course.outputs.any()
    by_weights, by_biases = course.backward(np.ones((2, N_STEPS, 3)))
    assert not any(np.any(g) for g in (*by_weights.values(), *by_biases.values()))


def test_only_what_is_trained_is_found(rng):
    """And what leads to it is not gone through."""
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, N_STEPS, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    net = network(residual(LEAKY), LEAKY)
    everything = {}
    for derivative in (LeakCorrected(), Arctan()):
        course = run(unroll(net, net.image, net.answer, derivative), shown)
        everything[derivative] = course.backward(upstream)
    with net:
        nengo_dl.configure_settings(trainable=None)
    first, second, third = net.all_ensembles
    still = net.all_connections[1]
    for obj in (still, first, third.neurons):
        net.config[obj].trainable = False
    for derivative, (all_weights, _) in everything.items():
        course = run(unroll(net, net.image, net.answer, derivative), shown)
        by_weights, by_biases = course.backward(upstream)
        assert by_weights.keys() == all_weights.keys() - {still}
        assert [layer.obj.ensemble for layer in by_biases] == [second]
        for connection, gradient in by_weights.items():
            np.testing.assert_array_equal(gradient, all_weights[connection])
    for obj in (*net.all_connections[:-1], second):
        net.config[obj].trainable = False
    unrolled = unroll(net, net.image, net.answer, Arctan())
    by_weights, by_biases = run(unrolled, shown).backward(upstream)
    assert by_weights.keys() == {net.all_connections[-1]}
    assert by_biases == {}
    assert unrolled._passing == {unrolled.feed_forward.answer}


@pytest.mark.parametrize("case", CASES)
def test_what_is_bound_is_what_counts(case, rng):
    """As if the network had been built with these weights and biases."""
    derivative, neuron_type, _ = CASES[case]
    nets = [network(convolutional(neuron_type), neuron_type) for _ in range(2)]
    arrays = parameters.collect(nets[1], parameters.build(nets[1]))
    arrays = {
        name: array * rng.uniform(0.9, 1.1, size=array.shape)
        if "weights" in name or "bias" in name
        else array
        for name, array in arrays.items()
    }
    parameters.install(nets[1], arrays)
    unrolled, other = (unroll(n, n.image, n.answer, derivative) for n in nets)
    new = {op.connection: op.weights for op in ops_of(other) if op.weights is not None}
    pairs = zip(*(n.all_connections for n in nets), strict=True)
    weights = {mine: new[theirs] for mine, theirs in pairs if theirs in new}
    numbers = {ensemble: i for i, ensemble in enumerate(nets[0].all_ensembles)}
    biases = {
        layer: arrays[f"ensembles/{numbers[layer.obj.ensemble]}/bias"]
        for layer in unrolled.neurons
    }
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, N_STEPS, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    ours = run(unrolled, shown, weights=weights, biases=biases)
    theirs = run(other, shown)
    np.testing.assert_allclose(ours.outputs, theirs.outputs, rtol=0, atol=1e-9)
    found, right = ours.backward(upstream), theirs.backward(upstream)
    for a, b in zip(found, right, strict=True):
        for one, two in zip(a.values(), b.values(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)


def test_weights_come_in_any_shape(rng):
    """Those of a connection, too, that leads to two layers."""
    net = network(shared(LIF), LIF)
    unrolled = unroll(net, net.image, net.answer)
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, N_STEPS, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    found = []
    ops = (op for op in ops_of(unrolled) if op.weights is not None)
    flat = {op.connection: np.ravel(op.weights) for op in ops}
    for weights in ({}, flat):
        course = run(unrolled, shown, weights=weights)
        found.append((course.outputs, course.backward(upstream)[0]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    for connection, gradient in found[0][1].items():
        np.testing.assert_array_equal(found[1][1][connection], gradient)


def ops_of(unrolled):
    for paths in unrolled.feed_forward.paths.values():
        yield from (op for _, path in paths for op in path)


@pytest.mark.parametrize("case", ["Lee", "soft LIF"])
def test_finite_differences_after_the_last_spikes(case, rng):
    """Outputs are linear in what the readout has, its synapses included."""
    derivative, neuron_type, _ = CASES[case]
    with nengo.Network(seed=4) as net:
        net.image = nengo.Node(np.zeros(9))
        top = chain(neuron_type, None)(net.image)
        answer, one = nengo.Node(size_in=3), nengo.Node(np.ones(1))
        readout = connect(top, answer, normal(3, 12, scale=0.1), 0.003)
        bias = connect(one, answer, np.zeros((3, 1)))
        net.answer = nengo.Probe(answer, synapse=nengo.Alpha(0.004))
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, 1, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    unrolled = unroll(net, net.image, net.answer, derivative)
    by_weights, _ = run(unrolled, shown).backward(upstream)
    for connection in (readout, bias):
        start = np.zeros(connection.transform.shape)
        for place in np.ndindex(start.shape):
            sides = []
            for step in (-1, 1):
                weights = start.copy()
                weights[place] = step
                course = run(unrolled, shown, weights={connection: weights})
                sides.append(np.sum(course.outputs * upstream))
            difference = (sides[1] - sides[0]) / 2
            np.testing.assert_allclose(
                by_weights[connection][place], difference, rtol=1e-9, atol=1e-9
            )


def test_rates_pass_synapses_of_any_gain(rng):
    """A rate network's synapse multiplies by what it settles at."""
    gains = {}
    for gain in (1.0, 3.0):
        with nengo.Network(seed=4) as net:
            image, answer = nengo.Node(np.zeros(9)), nengo.Node(size_in=3)
            top = population(16, LIF)
            first = connect(image, top, normal(16, 9))
            synapse = nengo.LinearFilter([gain], [0.004, 1])
            connect(top, answer, normal(3, 16, scale=0.1), synapse)
            probe = nengo.Probe(answer)
        course = run(unroll(net, image, probe, MeasuredRates()), np.ones((1, 1, 9)))
        by_weights, _ = course.backward(np.ones((1, N_STEPS, 3)))
        gains[gain] = by_weights[first]
    np.testing.assert_allclose(gains[3.0], 3 * gains[1.0], rtol=1e-9)


def test_rates_of_a_synapse_that_never_settles_are_refused():
    with nengo.Network(seed=4) as net:
        image, answer = nengo.Node(np.zeros(9)), nengo.Node(size_in=3)
        top = population(16, LIF)
        connect(image, top, normal(16, 9))
        connect(top, answer, normal(3, 16), nengo.LinearFilter([1], [1, 0]))
        probe = nengo.Probe(answer)
    unroll(net, image, probe, SoftLIF())
    with pytest.raises(
        Unconvertible, match=r"LinearFilter.* never settles.*'soft-lif'"
    ):
        unroll(net, image, probe, MeasuredRates())


# -- what does not matter --------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_examples_do_not_depend_on_each_other(case, rng):
    derivative, neuron_type, _ = CASES[case]
    net = network(convolutional(neuron_type), neuron_type)
    unrolled = unroll(net, net.image, net.answer, derivative)
    shown = rng.uniform(0, 2, size=(5, N_STEPS, 9))
    upstream = rng.normal(size=(5, N_STEPS, 3))
    whole = run(unrolled, shown).backward(upstream)
    parts = [
        run(unrolled, shown[part]).backward(upstream[part])
        for part in (slice(0, 2), slice(2, 5))
    ]
    for i in range(2):
        for key, gradient in whole[i].items():
            total = parts[0][i][key] + parts[1][i][key]
            np.testing.assert_allclose(
                gradient, total, rtol=1e-9, atol=1e-9 * np.abs(total).max()
            )


@pytest.mark.parametrize("case", ["Lee", "fast sigmoid", "rates"])
def test_single_precision_is_near(case, rng):
    """Where spikes are the same; and the same call gives the same bits."""
    derivative, neuron_type, _ = CASES[case]
    net = network(convolutional(neuron_type), neuron_type)
    shown = rng.uniform(0, 2, size=(N_EXAMPLES, N_STEPS, 9))
    upstream = rng.normal(size=(N_EXAMPLES, N_STEPS, 3))
    found = []
    for dtype in ("float64", "float32", "float32"):
        course = run(unroll(net, net.image, net.answer, derivative, dtype), shown)
        spikes = [counts.values for counts in course.spikes.values()]
        assert course.outputs.dtype == dtype
        found.append((spikes, course.backward(upstream)))
    for i, (ours, theirs) in enumerate(zip(found[0][0], found[1][0], strict=True)):
        np.testing.assert_array_equal(ours, theirs, err_msg=str(i))
    for part in range(2):
        gradients = (list(gradients[part].values()) for _, gradients in found)
        for right, near, again in zip(*gradients, strict=True):
            assert near.dtype == "float32"
            np.testing.assert_array_equal(near, again)
            scale = np.abs(right).max()
            np.testing.assert_allclose(near, right, rtol=0, atol=1e-3 * scale)


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "neuron_type",
    [nengo.AdaptiveLIF(), nengo.Izhikevich(), nengo.SpikingRectifiedLinear()],
    ids=str,
)
def test_neurons_without_a_derivative(neuron_type):
    net = network(chain(LIF, None), LIF)
    net.all_ensembles[1].neuron_type = neuron_type
    name = type(neuron_type).__name__
    with pytest.raises(Unconvertible, match=rf"{name}.*; only LIF, .* are trained in"):
        unroll(net, net.image, net.answer)


def test_derivatives_that_are_not_for_the_neurons():
    net = network(chain(LIF, None), LIF)
    with pytest.raises(ValidationError, match="for IntegrateAndFire neurons, not LIF"):
        unroll(net, net.image, net.answer, LeakCorrected())


def test_decoded_networks_are_refused():
    net = made(sample_networks.decoded)
    with pytest.raises(Unconvertible, match="decoded"):
        unroll(net, net.image, answer_of(net))


def test_memory_is_estimated_from_above(rng):
    """Of what numpy allocates while an example goes forward and backward."""
    tracemalloc = pytest.importorskip("tracemalloc")
    net = made(sample_networks.plain_convolutions)
    unrolled = unroll(net, net.image, answer_of(net), SoftLIF(), "float32")
    for n_steps in (50, 400):
        shown = rng.uniform(size=(4, n_steps, 72)).astype("float32")
        run(unrolled, shown)
        tracemalloc.start()
        run(unrolled, shown, n_steps).backward(np.ones((4, n_steps, 3), "float32"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * unrolled.n_bytes(n_steps) + 5e6
