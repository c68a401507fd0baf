"""The engine against Nengo's reference simulator, in float64 and spike by spike."""

import nengo_softlif as softlif
from nengo_softlif import Simulator
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.engine import product_kernels, products, row_sums

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulationError, SimulatorClosed, ValidationError

N_EXAMPLES = 3
N_STEPS = 60

# -- networks, each from an image to the neurons at its end ----------------------------


def neurons(n, neuron_type=None, seed=0, **kwargs):
    rng = np.random.RandomState(seed)
    neuron_type = neuron_type or nengo.LIF(tau_rc=0.02, tau_ref=0.002)
    gain, bias = rng.uniform(0.5, 2, n), rng.uniform(0.5, 1.5, n)
    ensemble = nengo.Ensemble(
        n, 1, neuron_type=neuron_type, gain=gain, bias=bias, **kwargs
    )
    return ensemble.neurons


def connect(pre, post, transform, synapse=0.005):
    size_out = getattr(transform, "size_out", None) or np.shape(transform)[0]
    post = neurons(size_out) if post is None else post
    nengo.Connection(pre, post, transform=transform, synapse=synapse)
    return post


def normal(*shape, scale=1.0, seed=1):
    return scale * np.random.RandomState(seed).randn(*shape) / np.sqrt(shape[-1])


def conv(n_filters, shape, scale=0.5, **kwargs):
    return nengo.Convolution(
        n_filters, shape, init=nengo.dists.Gaussian(0, scale), **kwargs
    )


def plain_convolutions(image):
    first = connect(image, None, conv(4, (6, 6, 2), padding="same"), None)
    return connect(first, None, conv(3, (6, 6, 4), 0.05))


def strided_grouped_convolutions(image):
    first = connect(image, None, conv(4, (6, 6, 2), strides=(2, 1), groups=2), None)
    return connect(
        first, None, conv(6, (2, 4, 4), 0.1, kernel_size=(2, 3), strides=(1, 2))
    )


def channels_first(image):
    transform = conv(4, (2, 6, 6), channels_last=False, padding="same", strides=(2, 2))
    first = connect(image, None, transform)
    return connect(first, None, conv(2, (4, 3, 3), 0.1, channels_last=False))


def one_dimension(image):
    transform = nengo.Convolution(
        5,
        (36, 2),
        kernel_size=(4,),
        strides=(3,),
        padding="same",
        init=nengo.dists.Gaussian(0, 0.5),
    )
    return connect(connect(image, None, transform), None, normal(20, 60, scale=0.3))


def pools(image):
    top = connect(image, None, conv(4, (6, 6, 2), padding="same"), None)
    shape = (6, 6, 4)
    for size, strides, padding in [(3, 2, "same"), (2, 2, "ceil"), (2, 1, "valid")]:
        pool = softlif.AveragePool(shape, size, strides, padding)
        node = nengo.Node(size_in=pool.size_out)
        nengo.Connection(top, node, transform=pool, synapse=None)
        shape = pool.output_shape.shape
        top = connect(
            node, None, conv(4, shape, 0.3, padding="same"), nengo.Alpha(5e-3)
        )
    return top


def local(image):
    transform = softlif.LocallyConnected(
        3, (6, 6, 2), 3, 2, "same", nengo.dists.Gaussian(0, 0.5)
    )
    first = connect(image, None, transform, None)
    transform = softlif.LocallyConnected(
        4, (3, 3, 3), 2, 1, init=nengo.dists.Gaussian(0, 0.1)
    )
    return connect(first, None, transform)


def sparse(image):
    rng = np.random.RandomState(3)
    indices = np.stack([rng.randint(20, size=200), rng.randint(72, size=200)], axis=1)
    indices = np.unique(indices, axis=0)
    transform = nengo.Sparse((20, 72), indices=indices, init=rng.randn(len(indices)))
    first = connect(image, None, transform, None)
    return connect(first, None, normal(30, 20, scale=0.1))


def slices(image):
    first, second = neurons(20), neurons(30, seed=5)
    nengo.Connection(image[::2], first[5:], transform=normal(15, 36))
    nengo.Connection(image[[3, 1, 70]], first[[4, 0]], transform=normal(2, 3))
    nengo.Connection(first[::-1], second[:20], transform=0.02)
    nengo.Connection(first[3], second[-1], transform=0.1, synapse=None)
    nengo.Connection(first[:10], second[20:], transform=np.linspace(0.01, 0.02, 10))
    return second


def branches(image):
    left = connect(image, None, normal(20, 72))
    right = connect(image, None, normal(20, 72, seed=7), nengo.Alpha(0.01))
    added, joined = nengo.Node(size_in=20), nengo.Node(size_in=40)
    nengo.Connection(left, added, synapse=0.005)
    nengo.Connection(right, added, synapse=nengo.Alpha(0.003))
    nengo.Connection(left, joined[:20], synapse=None)
    nengo.Connection(right, joined[20:], synapse=0.01)
    third = connect(added, None, normal(25, 20, scale=0.05), None)
    return connect(joined, third, normal(25, 40, scale=0.02), 0.005)


def decoded(image):
    first = nengo.Ensemble(50, 2, radius=1.5, seed=1)
    nengo.Connection(image[:2], first)
    second = nengo.Ensemble(40, 1, seed=2)
    nengo.Connection(first, second, function=lambda x: x[0] * x[1])
    nengo.Connection(first[0], second, solver=nengo.solvers.LstsqL2(weights=True))
    third = neurons(10)
    nengo.Connection(second, third, transform=np.ones((10, 1)))
    nengo.Connection(first.neurons, third, transform=normal(10, 50, scale=0.05))
    return third


def filters_in_a_row(image):
    node = nengo.Node(size_in=72)
    nengo.Connection(image, node, synapse=nengo.LinearFilter([1], [1e-6, 2e-3, 1]))
    first = connect(node, None, normal(30, 72), nengo.Lowpass(0.003))
    relay = nengo.Node(size_in=30)
    nengo.Connection(first, relay, synapse=nengo.LinearFilter([0.003, 1], [0.01, 1]))
    third = nengo.LinearFilter([1], [1e-8, 2e-5, 1e-2, 1])
    return connect(relay, None, normal(20, 30, scale=0.1), third)


def filters_without_state(image):
    first = connect(image, None, normal(30, 72), nengo.Lowpass(0))
    return connect(first, None, normal(20, 30, scale=0.1), nengo.Lowpass(0))


def only_neurons(neuron_type):
    def build(image):
        first = neurons(40, neuron_type)
        connect(image, first, normal(40, 72))
        second = neurons(30, neuron_type, seed=2)
        return connect(first, second, normal(30, 40, scale=0.05))

    build.__name__ = str(neuron_type)
    return build


NETWORKS = [
    plain_convolutions,
    strided_grouped_convolutions,
    channels_first,
    one_dimension,
    pools,
    local,
    sparse,
    slices,
    branches,
    decoded,
    filters_in_a_row,
    filters_without_state,
]
NEURONS = [
    nengo.LIF(tau_rc=0.01, tau_ref=0.0013, min_voltage=-0.5, amplitude=0.3),
    nengo.LIF(tau_ref=0),
    nengo.SpikingRectifiedLinear(amplitude=0.01),
    nengo.RegularSpiking(nengo.LIFRate()),
    nengo.RegularSpiking(nengo.RectifiedLinear(), amplitude=0.1),
    nengo.AdaptiveLIF(),
    nengo.Izhikevich(),
    nengo.LIFRate(),
    nengo.RectifiedLinear(),
    nengo.Sigmoid(),
    nengo.Tanh(),
    nengo.AdaptiveLIFRate(),
    softlif.SoftLIFRate(),
    nengo_loihi.LoihiLIF(tau_rc=0.013, min_voltage=-0.5, amplitude=0.3),
    nengo_loihi.LoihiLIF(tau_ref=0.0014),
    nengo_loihi.LoihiLIF(tau_ref=0.0004),
    nengo_loihi.LoihiLIF(tau_ref=0),
    nengo_loihi.neurons.LoihiSpikingRectifiedLinear(),
]


def made(build, seed=0):
    """A network from an image to neurons, with probes on all that is in it."""
    with nengo.Network(seed=seed) as net:
        image = nengo.Node(np.zeros(72), label="image")
        top = build(image)
        answer = nengo.Node(size_in=3)
        nengo.Connection(top, answer, transform=normal(3, top.size_out), synapse=0.01)
        net.image = image
        for ensemble in net.ensembles:
            nengo.Probe(ensemble.neurons)
        nengo.Probe(answer)
        nengo.Probe(answer[1], synapse=0.02, sample_every=0.003)
    return net


def images(n=N_EXAMPLES, scale=1.0):
    return scale * np.random.RandomState(11).rand(n, 1, 72)


def reference(net, image, n_steps=N_STEPS):
    """What Nengo's own simulator sees when it is shown an image."""
    image = np.array(image)
    net.image.output = lambda t: image[min(round(t / 0.001), len(image)) - 1]
    try:
        with nengo.Simulator(net, progress_bar=False) as sim:
            sim.run_steps(n_steps)
            return {probe: sim.data[probe].copy() for probe in net.all_probes}
    finally:
        net.image.output = np.zeros(72)


def agree(sim, expected, example=None):
    for probe, values in expected.items():
        seen = sim.data[probe] if example is None else sim.data[probe][example]
        assert seen.shape == values.shape
        np.testing.assert_allclose(seen, values, rtol=1e-9, atol=1e-9, err_msg=probe)


@pytest.fixture(autouse=True)
def chunks(monkeypatch):
    """Chunks that do not divide the number of steps."""
    monkeypatch.setattr("nengo_softlif.engine.simulator.LONGEST_CHUNK", 17)


@pytest.mark.parametrize("advantage", [1e9, 0], ids=["dense", "events"])
@pytest.mark.parametrize("build", NETWORKS, ids=lambda f: f.__name__)
def test_spikes_and_values_are_those_of_nengo(build, advantage, monkeypatch):
    """Law 7, whether the engine follows spikes or multiplies everything."""
    monkeypatch.setattr(products, "DENSE_ADVANTAGE", advantage)
    net = made(build)
    shown = images()
    with Simulator(
        net, minibatch_size=N_EXAMPLES, dtype="float64", progress_bar=False
    ) as sim:
        sim.run_steps(N_STEPS, {net.image: shown})
        for i in range(N_EXAMPLES):
            expected = reference(net, shown[i])
            agree(sim, expected, i)
    n_spikes = [sim.spike_counts(e).sum() for e in net.ensembles]
    assert min(n_spikes) > 10, "the law would hold for silent neurons too"


@pytest.mark.parametrize("neuron_type", NEURONS, ids=str)
def test_all_types_of_neurons(neuron_type):
    net = made(only_neurons(neuron_type))
    with net:
        states = [s for s in neuron_type.state if s != "rng"]
        for name in ["input", *states]:
            nengo.Probe(net.ensembles[1].neurons, name)
    for probed in (True, False):
        if not probed:
            net.probes[-len(states) - 1 :] = []
        shown = images(scale=2)
        with Simulator(net, minibatch_size=2, dtype="float64") as sim:
            sim.run_steps(40, {net.image: shown[:2]})
            for i in range(2):
                agree(sim, reference(net, shown[i], 40), i)


@pytest.mark.parametrize(
    "neuron_type",
    [nengo.PoissonSpiking(nengo.LIFRate()), nengo.StochasticSpiking(nengo.LIFRate())],
    ids=str,
)
def test_chance_has_the_same_distribution(neuron_type):
    net = made(only_neurons(neuron_type))
    with Simulator(net, minibatch_size=20, progress_bar=False) as sim:
        sim.run_steps(200, {net.image: images(1).repeat(20, axis=0)})
        counts = sim.spike_counts(net.ensembles[0])
        built = sim.data[net.ensembles[0]]
        current = built.gain * (normal(40, 72) @ images(1)[0, 0]) + built.bias
        rates = nengo.LIFRate().rates(current, 1, 0).ravel()
    assert counts.std(axis=0).max() > 0, "examples must differ"
    expected = rates * 0.2
    np.testing.assert_allclose(
        counts.mean(axis=0), expected, atol=5 * np.sqrt(expected.max() / 20)
    )


# -- input -----------------------------------------------------------------------------


def test_input_that_changes():
    net = made(plain_convolutions)
    shown = np.random.RandomState(2).rand(2, N_STEPS, 72)
    with Simulator(net, minibatch_size=2, dtype="float64") as sim:
        sim.run_steps(25, {net.image: shown[:, :25]})
        sim.run_steps(35, {net.image: shown[:, 25:]})
        for i in range(2):
            agree(sim, reference(net, shown[i]), i)


@pytest.mark.parametrize(
    "neuron_type",
    [nengo.LIF(tau_ref=0.001), nengo.LIF(tau_rc=0.003, min_voltage=-0.7)],
    ids=str,
)
def test_runs_in_parts(neuron_type):
    """What is foreseen in one run has happened when the next begins."""
    net = made(only_neurons(neuron_type))
    shown = np.concatenate([images(), -images(), 3 * images()], axis=1).repeat(23, 1)
    with Simulator(net, minibatch_size=N_EXAMPLES, dtype="float64") as sim:
        for start in range(0, 69, 23):
            sim.run_steps(23, {net.image: shown[:, start : start + 1]})
        for i in range(N_EXAMPLES):
            agree(sim, reference(net, shown[i], 69), i)


def test_nodes_with_functions_and_processes():
    with nengo.Network(seed=1) as net:
        wave = nengo.Node(lambda t: [np.sin(40 * t), t])
        noise = nengo.Node(nengo.processes.WhiteNoise(seed=3), size_out=2)
        shown = nengo.Node(nengo.processes.PresentInput(np.eye(2), 0.01))
        ensemble = nengo.Ensemble(50, 2)
        for node in (wave, noise, shown):
            nengo.Connection(node, ensemble)
            nengo.Probe(node)
        nengo.Probe(ensemble, synapse=0.01)
    with nengo.Simulator(net, progress_bar=False) as ref:
        ref.run_steps(50)
    with Simulator(net, dtype="float64") as sim:
        for _ in range(2):
            sim.run(0.03)
            sim.run(0.02)
            agree(sim, {p: ref.data[p] for p in net.probes})
            sim.reset()


@pytest.mark.parametrize("bad", [np.nan, "text", None, [1, 2]], ids=str)
def test_bad_output_of_a_function_is_noticed(bad):
    with nengo.Network() as net:
        node = nengo.Node(lambda t: bad if t > 0.002 else 1, size_out=1)
        nengo.Probe(node)
    with Simulator(net) as sim:
        sim.run_steps(2)
        with pytest.raises(SimulationError, match=r"1 finite numbers .* at 0.003 s"):
            sim.step()


# -- what does not matter (law 8) ------------------------------------------------------


def test_chunks_and_batches_do_not_matter(monkeypatch):
    net = made(pools)
    shown = images(5)
    expected = None
    for chunk, batch in [(50, 5), (7, 5), (1, 5), (17, 1), (17, 2)]:
        monkeypatch.setattr("nengo_softlif.engine.simulator.LONGEST_CHUNK", chunk)
        seen = []
        for start in range(0, 5, batch):
            part = shown[start : start + batch]
            with Simulator(net, minibatch_size=len(part), dtype="float64") as sim:
                sim.run_steps(N_STEPS, {net.image: part})
                seen.append(np.concatenate([sim.data[p] for p in net.probes[:-1]], -1))
        seen = np.concatenate(seen)
        expected = seen if expected is None else expected
        np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-9)


def test_float32_gives_nearly_the_same_spikes():
    net = made(plain_convolutions)
    counts = []
    for dtype in ("float32", "float64"):
        with Simulator(net, minibatch_size=8, dtype=dtype) as sim:
            sim.run_steps(200, {net.image: images(8)})
            counts.append([sim.spike_counts(e).sum() for e in net.ensembles])
            assert sim.data[net.probes[0]].dtype == dtype
    np.testing.assert_allclose(*counts, rtol=1e-3)


def test_resetting_repeats_to_the_bit():
    net = made(pools)
    with Simulator(net, minibatch_size=2) as sim:
        sim.run_steps(N_STEPS, {net.image: images(2)})
        first = {p: sim.data[p].copy() for p in net.probes}
        counts = sim.spike_counts(net.ensembles[0])
        sim.reset()
        assert sim.n_steps == 0
        assert sim.spike_counts(net.ensembles[0]).sum() == 0
        sim.run_steps(N_STEPS, {net.image: images(2)})
        for probe, values in first.items():
            np.testing.assert_array_equal(sim.data[probe], values)
        np.testing.assert_array_equal(sim.spike_counts(net.ensembles[0]), counts)


def test_spikes_are_counted():
    net = made(plain_convolutions)
    with Simulator(net, minibatch_size=2) as sim:
        sim.run_steps(30, {net.image: images(2)})
        sim.clear_probes()
        sim.run_steps(30, {net.image: images(2)})
        for ensemble, probe in zip(net.ensembles, net.probes, strict=False):
            assert sim.data[probe].shape[1] == 30
            np.testing.assert_array_equal(
                sim.spike_counts(ensemble), np.count_nonzero(sim.data[probe], axis=1)
            )


# -- as a simulator of Nengo's ---------------------------------------------------------


def test_one_example_has_no_axis_of_its_own():
    net = made(decoded)
    with Simulator(net) as sim:
        sim.run(0.012)
        sim.step()
        assert sim.data[net.probes[0]].shape == (13, 50)
        assert sim.data[net.probes[-1]].shape == (4, 1)
    np.testing.assert_allclose(sim.trange(), np.arange(1, 14) * 0.001)
    np.testing.assert_allclose(sim.trange(0.003), [0.003, 0.006, 0.009, 0.012])
    assert sim.time == pytest.approx(0.013)
    assert sim.data[net.ensembles[0]].gain.shape == (50,)
    assert net.probes[0] in sim.data
    with pytest.raises(SimulatorClosed):
        sim.step()


def test_probes_of_connections_and_input():
    net = made(decoded)
    with net:
        immediate = nengo.Connection(
            net.ensembles[0], nengo.Node(size_in=2), synapse=None
        )
        nengo.Probe(immediate, synapse=0.02)
        nengo.Probe(net.ensembles[0], "input")
        nengo.Probe(net.ensembles[0], synapse=0.01)
        nengo.Probe(net.ensembles[1].neurons[2:5], synapse=0.01)
    with Simulator(net, dtype="float64") as sim:
        sim.run_steps(N_STEPS, {net.image: images(1)})
        agree(sim, reference(net, images(1)[0]))


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"dt": 0}, "positive number of seconds"),
        ({"minibatch_size": 0}, "minibatch_size.*whole number"),
        ({"minibatch_size": 10**10}, r"state of .* GB, .* machine has"),
        ({"dtype": "int32"}, "float32 or float64"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValidationError, match=match):
        Simulator(made(decoded), **arguments)


def test_bad_data():
    net = made(decoded)
    with Simulator(net, minibatch_size=2, progress_bar=False) as sim:
        for data, match in [
            ({net.image: np.zeros((2, 72))}, r"shape \(2, 10, 72\), or \(2, 1, 72\)"),
            ({net.image: np.full((2, 1, 72), np.nan)}, "NaN or infinite"),
            ({net.ensembles[0]: np.zeros((2, 1, 2))}, "not a node"),
            ({net.nodes[1]: np.zeros((2, 1, 3))}, "passes on"),
        ]:
            with pytest.raises(ValidationError, match=match):
                sim.run_steps(10, data)
        with pytest.raises(ValidationError, match=r"probes would see .* GB"):
            sim.run_steps(10**10)
        assert sim.n_steps == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_damaged_weights_are_refused(bad):
    net = made(plain_convolutions)
    weights = np.zeros((5, 48))
    weights[0, 0] = bad
    with net:
        nengo.Connection(
            net.ensembles[1].neurons, nengo.Node(size_in=5), transform=weights
        )
        nengo.Probe(net.nodes[-1])
    with pytest.raises(ValidationError, match="network: it has damaged weights"):
        Simulator(net)


def test_values_that_overflow_are_noticed():
    with nengo.Network() as net:
        node = nengo.Node(lambda t: 1e300)
        nengo.Probe(node)
    with Simulator(net) as sim, pytest.raises(SimulationError, match="NaN or infinity"):
        sim.step()


# -- kernels ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("density", [0, 0.1, 1])
@pytest.mark.parametrize(
    ("n_rows", "n", "m"),
    [(7, 30, 11), (3, 9, 1), (5, 64, 64), (300, 40, 150)],
    ids=["small", "one output", "one block", "many images and filters"],
)
def test_products_with_spikes(n_rows, n, m, density, dtype, rng):
    counts = (rng.rand(n_rows, n) < density).astype(np.uint8) * 3
    weights = rng.randn(n, m).astype(dtype)
    scale = rng.rand(n).astype(dtype)
    out = np.full((n_rows, 1, 1, m), np.nan, dtype)
    product_kernels.spikes_times_local(
        counts[:, None, None],
        out,
        scale,
        product_kernels.lay_in_blocks(weights[None, None, None, None]),
        (1, 1),
        (0, 0),
    )
    expected = (counts * scale.astype(float)) @ weights
    atol = 300 * n * np.finfo(dtype).eps
    np.testing.assert_allclose(out[:, 0, 0], expected, atol=atol)


@pytest.mark.parametrize("n", [0, 1, 3, 8, 64, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_rows(dtype, n, rng):
    rows = rng.randn(500).astype(dtype)
    offsets, values = rng.randint(0, 300, 20), rng.randn(20).astype(dtype)
    out = rng.randn(200).astype(dtype)
    expected = out.copy()
    for k in range(4, 17):
        expected[50 : 50 + n] += values[k] * rows[offsets[k] + 7 :][:n]
    row_sums.add_rows(out, 50, n, rows, 7, offsets, values, 4, 17)
    np.testing.assert_allclose(out, expected, atol=100 * np.finfo(dtype).eps)
