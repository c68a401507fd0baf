"""NIR graphs mean what the networks do, and come back as what they were."""

import contextlib
import itertools
import sys

import nengo_softlif as softlif
from nengo_softlif import IntegrateAndFire, Model, networks

import nengo
import numpy as np
import pytest
import sample_networks
import sample_stacks
from nengo.exceptions import Unconvertible, ValidationError

nir = pytest.importorskip("nir", reason="nir is not installed: the extra 'nir'")
from nir_semantics import Interpreter  # noqa: E402 (as it is for nir)

STEP = 1e-4

# -- networks --------------------------------------------------------------------------


def sampled(build):
    """One of the sample networks, as a model of what its node puts out."""

    def make():
        net = sample_networks.made(build)
        answers = [p for p in net.all_probes if isinstance(p.obj, nengo.Node)]
        image = sample_networks.images()[0, 0]
        net.image.output = image
        return Model(net, net.image, answers[0])

    return make


def filtered_probe():
    """The probe has a filter of its own, and one of two poles leads to neurons."""
    with nengo.Network(seed=3) as net:
        image = nengo.Node(np.linspace(0.5, 1.5, 6))
        first = sample_networks.connect(image, None, np.ones((5, 6)) / 4, None)
        two_poles = nengo.LinearFilter([2], [2e-5, 1.2e-2, 1])
        second = sample_networks.connect(first, None, np.full((4, 5), 0.02), two_poles)
        node = nengo.Node(size_in=4)
        nengo.Connection(second, node, synapse=nengo.Lowpass(0.004))
        output = nengo.Probe(node, synapse=nengo.Alpha(0.01))
    return Model(net, image, output)


def twice_the_same():
    """What leads from the same neurons to others twice is added up."""
    with nengo.Network(seed=3) as net:
        image = nengo.Node(np.linspace(0.5, 1.5, 6))
        first = sample_networks.connect(image, None, np.ones((6, 6)) / 4, None)
        node = nengo.Node(size_in=6)
        nengo.Connection(first, node, synapse=None)
        nengo.Connection(first, node, synapse=None)
        output = nengo.Probe(node)
    return Model(net, image, output)


LEFT_OUT = "filters_in_a_row", "filters_without_state"  # of other filters, and of none
NETWORKS = {
    **{
        name: (lambda name=name: sample_stacks.in_spikes(name))
        for name in sample_stacks.NETWORKS
        if name not in ("batch norm", "5,000 inputs")
    },
    **{
        build.__name__: sampled(build)
        for build in (
            *(b for b in sample_networks.NETWORKS if b.__name__ not in LEFT_OUT),
            *map(
                sample_networks.only_neurons,
                (
                    IntegrateAndFire(),
                    IntegrateAndFire(np.inf),
                    nengo.SpikingRectifiedLinear(),
                    nengo.LIF(tau_ref=0.004, min_voltage=-1, amplitude=0.8),
                ),
            ),
        )
    },
    "filtered probe": filtered_probe,
    "twice the same": twice_the_same,
}
STRICT_ONLY = {
    *("slices", "branches"),  # of several synapses
    # without a leak, behind a synapse
    *("IntegrateAndFire(tau_rc=float('inf'))", "SpikingRectifiedLinear()"),
}


def spikes(model, time=0.15, dt=0.001):
    """Spikes of all neurons, and what is put out, in Nengo's simulator."""
    model = model.copy()
    with model.network:
        probes = [nengo.Probe(ensemble.neurons) for ensemble in model.ensembles]
    with nengo.Simulator(model.network, dt=dt, progress_bar=False) as sim:
        sim.run(time)
    return [sim.data[probe] > 0 for probe in probes], sim.data[model.output]


@pytest.mark.parametrize("name", NETWORKS)
def test_strict_files_come_back_with_the_same_spikes(name, tmp_path):
    model = NETWORKS[name]()
    softlif.to_nir(model, tmp_path / "model.nir")
    back = softlif.from_nir(tmp_path / "model.nir")
    back.input.output = model.input.output
    before, answers = spikes(model)
    after, found = spikes(back)
    assert sum(fired.sum() for fired in before) > 0
    for fired, again in zip(before, after, strict=True):
        assert np.array_equal(fired, again)
    np.testing.assert_allclose(found, answers, atol=1e-9 * abs(answers).max())


@pytest.mark.parametrize("profile", ["strict", "portable"])
@pytest.mark.parametrize("name", NETWORKS)
def test_types_are_checked_where_others_read_them(name, profile, tmp_path):
    model = NETWORKS[name]()
    if profile == "portable" and name in STRICT_ONLY:
        with pytest.raises(Unconvertible, match="only profile='strict' can write"):
            softlif.to_nir(model, tmp_path / "model.nir", profile)
        return
    softlif.to_nir(model, tmp_path / "model.nir", profile)
    graph = nir.read(tmp_path / "model.nir")  # which infers and checks them
    if profile == "portable":
        kinds = {type(node).__name__ for node in graph.nodes.values()}
        assert kinds <= {
            *("Input", "Output", "Affine", "Conv1d", "Conv2d", "Flatten"),
            *("LIF", "CubaLIF", "Scale" if name == "twice the same" else "Input"),
        }


def test_the_same_spikes_in_the_engine(tmp_path):
    model = sample_stacks.in_spikes("pooling, locally connected")
    softlif.to_nir(model, tmp_path / "model.nir")
    back = softlif.from_nir(tmp_path / "model.nir")
    back.input.output = model.input.output
    counts = []
    for each in (model, back):
        with softlif.Simulator(each, dtype="float64", progress_bar=False) as sim:
            sim.run(0.15)
            counts.append([sim.spike_counts(e) for e in each.ensembles])
    for first, second in zip(*counts, strict=True):
        assert np.sum(first) > 0
        assert np.array_equal(first, second)


# -- against the equations -------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(data):
    """A spiking network whose readout tells digits apart, by least squares."""
    model = networks.small(seed=1)
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    x = model.preprocessing.test(data.x_train[:600])
    hidden = model.ensembles[-1].neurons
    with model.network:
        probe = nengo.Probe(hidden)
    with softlif.Simulator(model, minibatch_size=len(x), progress_bar=False) as sim:
        sim.run_steps(1, {model.input: x[:, None]})
        rates = sim.data[probe][:, 0]
    targets = np.eye(10)[data.y_train[:600]]
    ridge = rates.T @ rates + 1e-4 * np.trace(rates.T @ rates) / 64 * np.eye(64)
    weights = np.linalg.solve(ridge, rates.T @ targets).T
    for connection in model.network.all_connections:
        if connection.pre_obj == hidden:
            connection.transform = weights
    model.network.probes.remove(probe)
    return softlif.to_spiking(model)


@pytest.fixture(scope="module")
def shown(digits, data):
    """Images, and the rates and classes of the network in steps of 0.1 ms."""
    x = digits.preprocessing.test(data.x_test[:24])
    spiking = softlif.Simulator(
        digits, dt=STEP, minibatch_size=len(x), dtype="float64", progress_bar=False
    )
    with spiking as sim:
        sim.run(0.1, {digits.input: x[:, None]})
        counts = [sim.spike_counts(ensemble) for ensemble in digits.ensembles]
        classes = sim.data[digits.output][:, 500:].mean(axis=1).argmax(axis=-1)
    assert np.mean(classes == data.y_test[:24]) > 0.8
    return x, [np.sum(count) for count in counts], classes


def test_strict_graphs_fire_as_the_network_by_the_equations(digits, shown, tmp_path):
    x, counts, classes = shown
    softlif.to_nir(digits, tmp_path / "digits.nir")
    graph = nir.read(tmp_path / "digits.nir")
    found, answers = Interpreter(graph, STEP).run(x, 0.1)
    for count, name in zip(counts, ("conv1", "conv2", "dense3"), strict=True):
        assert found[name].sum() == pytest.approx(count, rel=0.01)
    agree = answers[500:].mean(axis=0).argmax(axis=-1) == classes
    assert agree.mean() > 0.95


def test_portable_graphs_lack_refractory_time_and_no_more(digits, shown, tmp_path):
    """The strict graph without what it remembers fires alike, and tells the same."""
    x, *_ = shown
    found, told = {}, {}
    for profile in ("strict", "portable"):
        softlif.to_nir(digits, tmp_path / "digits.nir", profile)
        graph = nir.read(tmp_path / "digits.nir")
        area = float(graph.metadata["spike_area"])
        bare = Interpreter(graph, STEP, area, remembers=False)
        found[profile], answers = bare.run(x, 0.1)
        told[profile] = answers[500:].mean(axis=0).argmax(axis=-1)
    assert np.mean(told["portable"] == told["strict"]) > 0.8
    # the first layer has no filter: but for rounding to float32 it is the same
    for name, strict in found["strict"].items():
        rel = 0.001 if name == "conv1" else 0.05
        assert found["portable"][name].sum() == pytest.approx(strict.sum(), rel=rel)


@pytest.mark.parametrize("tau_ref", [0.002, 0.01])
def test_what_is_told_of_rates_without_refractory_time_is_so(tau_ref, tmp_path):
    with nengo.Network() as net:
        image = nengo.Node([1.5])
        neurons = sample_networks.neurons(1, nengo.LIF(tau_ref=tau_ref))
        nengo.Connection(image, neurons, synapse=None)
        output = nengo.Probe(neurons)
    model = Model(net, image, output)
    model.ensembles[0].label = "only"
    (fired,), _ = spikes(model, 2.0)
    rate = np.mean(fired) / 0.001
    graph = softlif.to_nir(model, tmp_path / "a.nir", "portable", {"only": rate})
    found, _ = Interpreter(graph, STEP, STEP).run(np.array([[1.5]]), 2.0)
    told = graph.nodes["only"].metadata
    change = 100 * (found["only"].item() / 2.0 / rate - 1)
    assert told["rate_change_percent"] == pytest.approx(change, rel=0.05)
    assert told["rate_hz"] == pytest.approx(rate)


# -- graphs of others ------------------------------------------------------------------


def graph_of(*nodes, shape, out=None):
    """A chain of nodes, without a check of types."""
    names = ["in", *(f"n{i}" for i in range(len(nodes))), "out"]
    ends = (
        nir.Input(np.array(shape)),
        nir.Output(np.array(shape if out is None else out)),
    )
    nodes = dict(zip(names, [ends[0], *nodes, ends[1]], strict=True))
    return nir.NIRGraph(nodes, list(itertools.pairwise(names)), type_check=False)


def normal(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape)


def conv2d(weight, stride=1, padding=0, dilation=1, groups=1):
    bias = normal(weight.shape[0], seed=1)
    return nir.Conv2d(None, weight, stride, padding, dilation, groups, bias)


def pool2d(kind, *sizes):
    return getattr(nir, kind)(*(np.array(size) for size in sizes))


LINEAR = {
    "affine": ((6,), [nir.Affine(normal(4, 6), normal(4))]),
    "linear, scale": ((6,), [nir.Linear(normal(4, 6)), nir.Scale(normal(4))]),
    "conv2d": ((2, 6, 5), [conv2d(normal(3, 2, 3, 3))]),
    "conv2d as same": ((2, 6, 5), [conv2d(normal(3, 2, 3, 3), padding="same")]),
    "conv2d padded as same": ((2, 6, 6), [conv2d(normal(3, 2, 3, 3), 1, (1, 1))]),
    "conv2d, uneven": ((2, 6, 5), [conv2d(normal(3, 2, 2, 3), (2, 1), (2, 1))]),
    "conv2d, dilated": ((2, 7, 7), [conv2d(normal(3, 2, 3, 2), 1, (1, 0), (2, 3))]),
    "conv2d in groups": ((4, 5, 5), [conv2d(normal(6, 2, 3, 3), 2, 1, 1, 2)]),
    "conv1d": (
        (2, 9),
        [nir.Conv1d(None, normal(3, 2, 4), 2, 1, 1, 1, normal(3))],
    ),
    "conv1d as same": (
        (2, 9),
        [nir.Conv1d(9, normal(3, 2, 4), 1, "same", 1, 1, normal(3))],
    ),
    "average": ((2, 6, 5), [pool2d("AvgPool2d", (2, 3), (2, 1), (0, 0))]),
    "average, padded": ((2, 6, 5), [pool2d("AvgPool2d", (3, 3), (2, 2), (1, 1))]),
    "sum": ((2, 6, 5), [pool2d("SumPool2d", (2, 2), (2, 2), (0, 0))]),
    "image scaled by value": ((2, 3, 4), [nir.Scale(normal(2, 3, 4))]),
    "biases on their way": (
        (2, 6, 6),
        [
            conv2d(normal(3, 2, 3, 3), 1, (2, 2)),
            pool2d("SumPool2d", (3, 3), (2, 2), (1, 1)),
            conv2d(normal(2, 3, 2, 2)),
            nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1),
            nir.Affine(normal(4, 18), normal(4)),
            nir.Scale(normal(4)),
        ],
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_nodes_compute_what_their_definition_says(name):
    shape, nodes = LINEAR[name]
    images = normal(1, int(np.prod(shape)))
    graph = graph_of(*nodes, shape=shape)
    ((expected,),) = [Interpreter(graph, 1.0).run(images, 1.0)[1]]
    model = softlif.from_nir(graph)
    image = images.reshape(shape)
    model.input.output = np.moveaxis(image, 0, -1).ravel()
    with nengo.Simulator(model.network, progress_bar=False) as sim:
        sim.run_steps(8)
    out = Interpreter(graph, 1.0).shapes["out"]
    (expected,) = expected.reshape(-1, *out)
    expected = np.moveaxis(expected, 0, -1).ravel()
    np.testing.assert_allclose(sim.data[model.output][-1], expected, atol=1e-12)


def full(value, n=4):
    return np.full(n, float(value))


def each(low, high, n=4):
    return np.linspace(low, high, n)


NEURONS = {
    "LIF": nir.LIF(full(0.02), full(2), each(0, 0.5), full(1)),
    "LIF, reset above the leak": nir.LIF(
        full(0.03), each(1, 3), full(-0.2), each(0.8, 1.2), full(0.3)
    ),
    "IF": nir.IF(each(20, 80), full(1)),
    "IF with a reset": nir.IF(full(50), each(0.5, 1), full(-0.5)),
    "CubaLIF": nir.CubaLIF(
        full(0.01), full(0.02), full(1.5), full(0.1), full(0.9), full(0.1), each(1, 2)
    ),
    "for all alike": nir.LIF(*(np.array(v) for v in (0.02, 2.0, 0.0, 1.0))),
}
FILTERS = {
    "LI": [nir.LI(full(0.01), each(1, 2), each(-0.1, 0.2))],
    "LI, LI": [nir.LI(full(0.01), each(1, 2), full(0))] * 2,
    "two LI": [nir.LI(full(tau), full(1), full(0)) for tau in (0.01, 0.03)],
    "CubaLI": [nir.CubaLI(full(0.01), full(0.02), full(2), each(0, 1), each(1, 3))],
}


@pytest.mark.parametrize("name", NEURONS)
def test_neurons_fire_as_their_equations_say(name):
    """From spikes of others, too, which are 1 for a step."""
    to_others = nir.Affine(100 * np.abs(normal(4, 4)), full(0.2))
    slow = nir.LI(full(0.05), full(1), full(0))
    behind = nir.LIF(full(0.02), full(1), full(0.5), full(1))
    nodes = nir.Affine(np.eye(4), each(0, 0.4)), NEURONS[name], to_others, slow, behind
    graph = graph_of(*nodes, shape=(4,))
    image = each(0.6, 1.5)
    expected, _ = Interpreter(graph, STEP, STEP).run(image[None], 1.0)
    model = softlif.from_nir(graph)
    model.input.output = image
    fired, _ = spikes(model, 1.0, STEP)
    assert [e.label for e in model.ensembles] == ["n1", "n4"]
    for name, found in zip(("n1", "n4"), fired, strict=True):
        assert expected[name].sum() > 20
        np.testing.assert_allclose(
            found.sum(axis=0), expected[name][0], rtol=0.02, atol=1
        )


@pytest.mark.parametrize("name", FILTERS)
def test_filters_follow_their_equations(name):
    nodes = nir.Affine(np.eye(4), each(0.2, 0.4)), *FILTERS[name]
    graph = graph_of(*nodes, shape=(4,))
    _, expected = Interpreter(graph, STEP).run(each(0.6, 1.5)[None], 0.1)
    model = softlif.from_nir(graph)
    model.input.output = each(0.6, 1.5)
    _, found = spikes(model, 0.1, STEP)
    scale = abs(expected).max()  # each synapse of Nengo's is late by a step
    np.testing.assert_allclose(found, expected[:, 0], atol=0.03 * scale)


def test_spikes_last_as_long_as_the_graph_says(tmp_path):
    """As those of snnTorch: the voltage falls by 0.9 and rises by weights in a step."""
    tau = STEP / (1 - 0.9)
    nodes = (
        nir.LIF(full(tau, 1), full(tau / STEP, 1), full(0, 1), full(1, 1)),
        nir.Linear(np.array([[0.3]])),
    )
    graph = graph_of(*nodes, shape=(1,), out=(1,))
    model = softlif.from_nir(graph)
    model.input.output = np.array([0.5])
    (fired,), answers = spikes(model, 0.01, STEP)
    np.testing.assert_allclose(answers[fired], 0.3)
    assert softlif.from_nir(graph, dt=0.001).ensembles[0].neuron_type.amplitude == 0.001


def test_edges_into_a_node_are_added_up():
    shape = (2, 3, 3)
    nodes = {
        "in": nir.Input(np.array(shape)),
        "conv": conv2d(normal(2, 2, 3, 3), 1, 1),
        "flat": nir.Flatten({"input": np.array(shape)}, 0, -1),
        "other": nir.Flatten({"input": np.array(shape)}, 0, -1),
        "dense": nir.Affine(normal(18, 18), normal(18)),
        "lif": nir.LIF(full(0.02, 18), full(3, 18), full(0.5, 18), full(1, 18)),
        "read": nir.Linear(normal(3, 18)),
        "out": nir.Output(np.array([3])),
    }
    edges = (
        "in conv,conv flat,in other,other dense,flat lif,dense lif,lif read,flat read"
    )
    edges = [tuple(edge.split()) for edge in f"{edges},read out".split(",")]
    graph = nir.NIRGraph(nodes, edges)
    images = normal(1, 18)
    expected, answers = Interpreter(graph, STEP, STEP).run(images, 0.2)
    model = softlif.from_nir(graph)
    model.input.output = np.moveaxis(images.reshape(shape), 0, -1).ravel()
    (fired,), found = spikes(model, 0.2, STEP)
    # the ensemble's neurons are in the order of their first input: of the image
    counts = np.moveaxis(expected["lif"].reshape(shape), 0, -1).ravel()
    assert counts.sum() > 50
    np.testing.assert_allclose(fired.sum(axis=0), counts, rtol=0.02, atol=1)
    np.testing.assert_allclose(found.mean(axis=0), answers.mean(axis=(0, 1)), atol=0.02)


# -- what cannot be --------------------------------------------------------------------


def looped():
    nodes = {
        "in": nir.Input(np.array([2])),
        "sum": nir.Affine(np.eye(2), np.zeros(2)),
        "lif": nir.LIF(full(0.02, 2), full(1, 2), full(0, 2), full(1, 2)),
        "back": nir.Linear(np.eye(2)),
        "out": nir.Output(np.array([2])),
    }
    edges = [("in", "sum"), ("sum", "lif"), ("lif", "back"), ("back", "lif")]
    return nir.NIRGraph(nodes, [*edges, ("lif", "out")])


def lif(tau=0.02, v_threshold=1.0):
    return nir.LIF(*(np.resize(v, 2) for v in (tau, 1.0, 0.0, v_threshold)))


UNCONVERTIBLE = {
    "a loop": (looped, "'lif'.*are a loop"),
    "a delay": (
        lambda: graph_of(nir.Delay(np.full(2, 0.1)), shape=(2,)),
        "'n0' is a Delay; possible are Input",
    ),
    "a threshold": (
        lambda: graph_of(nir.Threshold(np.full(2, 0.1)), shape=(2,)),
        "'n0' is a Threshold",
    ),
    "a graph inside": (
        lambda: graph_of(graph_of(lif(), shape=(2,)), shape=(2,)),
        "'n0' is a NIRGraph.*put its nodes into the graph",
    ),
    "two time constants": (
        lambda: graph_of(lif(tau=[0.01, 0.02]), shape=(2,)),
        "'n0' has time constants of 0.01 to 0.02 s",
    ),
    "thresholds below the reset": (
        lambda: graph_of(lif(v_threshold=-1), shape=(2,)),
        "'n0' has thresholds that are not above",
    ),
    "a matrix for images": (
        lambda: graph_of(nir.Linear(np.eye(4)), shape=(1, 2, 2)),
        "'n0' has weights of shape.*put a Flatten before",
    ),
    "parameters of another size": (
        lambda: graph_of(nir.Scale(np.ones(3)), shape=(2,)),
        r"'n0' has parameters of shape \(3,\)",
    ),
    "a kernel larger than its image": (
        lambda: graph_of(conv2d(np.ones((1, 1, 3, 3))), shape=(1, 2, 2)),
        "'n0' has a kernel of",
    ),
    "other channels": (
        lambda: graph_of(conv2d(np.ones((1, 2, 3, 3))), shape=(1, 4, 4)),
        "'n0' has weights .* gets 1 channels",
    ),
}


@pytest.mark.parametrize("name", UNCONVERTIBLE)
def test_graphs_that_are_no_feedforward_networks(name, tmp_path):
    make, message = UNCONVERTIBLE[name]
    with pytest.raises(Unconvertible, match=message):
        softlif.from_nir(make())


def test_numbers_that_are_none():
    graph = graph_of(nir.Linear(np.array([[np.nan, 1.0]])), shape=(2,), out=(1,))
    with pytest.raises(ValidationError, match="expected finite numbers in node 'n0'"):
        softlif.from_nir(graph)


def test_nodes_that_nir_does_not_know(tmp_path):
    import h5py

    nir.write(tmp_path / "a.nir", graph_of(lif(), shape=(2,)))
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        del file["node/nodes/n0/type"]
        file["node/nodes/n0/type"] = "Izhikevich"
    with pytest.raises(Unconvertible, match="is a Izhikevich, which nir"):
        softlif.from_nir(tmp_path / "a.nir")


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValidationError, match="does not exist"):
        softlif.from_nir(tmp_path / "none.nir")
    with pytest.raises(ValidationError, match="is a folder"):
        softlif.from_nir(tmp_path)
    (tmp_path / "text.nir").write_text("nothing of this kind")
    with pytest.raises(ValidationError, match="holds no NIR graph"):
        softlif.from_nir(tmp_path / "text.nir")


def test_files_that_claim_more_than_memory(tmp_path):
    import h5py

    path = tmp_path / "a.nir"
    nir.write(path, graph_of(lif(), shape=(2,)))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/n0/tau"]
        file.create_dataset("node/nodes/n0/tau", (10**6, 10**6), "f8", chunks=True)
    assert path.stat().st_size < 1e6
    with pytest.raises(ValidationError, match="would take 8000 GB of memory"):
        softlif.from_nir(path)


def test_damaged_files_are_refused_or_read(tmp_path):
    softlif.to_nir(twice_the_same(), tmp_path / "good.nir")
    content = (tmp_path / "good.nir").read_bytes()
    rng = np.random.RandomState(0)
    for i in range(60):
        damaged = bytearray(content)
        if i % 2:
            damaged = damaged[: rng.randint(len(content))]
        else:
            for _ in range(20):
                damaged[rng.randint(len(damaged))] = rng.randint(256)
        (tmp_path / "bad.nir").write_bytes(damaged)
        with contextlib.suppress(ValidationError, Unconvertible):
            softlif.from_nir(tmp_path / "bad.nir")


def recurrent():
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.ones(3))
        ensemble = nengo.Ensemble(10, 1, label="memory")
        nengo.Connection(image[0], ensemble)
        nengo.Connection(ensemble, ensemble, synapse=0.1)
        node = nengo.Node(size_in=1)
        nengo.Connection(ensemble, node)
        output = nengo.Probe(node)
    return Model(net, image, output)


def of_neurons(neuron_type, **kwargs):
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.ones(3))
        ensemble = nengo.Ensemble(3, 1, neuron_type=neuron_type, label="these")
        nengo.Connection(image, ensemble.neurons, **kwargs)
        output = nengo.Probe(ensemble.neurons)
    return Model(net, image, output)


LEAD = nengo.LinearFilter([0.003, 1], [0.01, 1])
NO_FORM = {
    "a loop": (recurrent, "loop"),
    "adaptive neurons": (lambda: of_neurons(nengo.AdaptiveLIF()), "these.*AdaptiveLIF"),
    "rate neurons": (lambda: of_neurons(nengo.LIFRate()), "these.*to_spiking makes"),
    "a filter with a zero": (
        lambda: of_neurons(nengo.LIF(), synapse=LEAD),
        "these.*no chain of low-pass",
    ),
}


@pytest.mark.parametrize("name", NO_FORM)
def test_networks_without_a_form_in_nir(name, tmp_path):
    make, message = NO_FORM[name]
    with pytest.raises(Unconvertible, match=message):
        softlif.to_nir(make(), tmp_path / "model.nir")
    assert list(tmp_path.iterdir()) == []


def test_arguments_that_are_none(tmp_path):
    model, path = twice_the_same(), tmp_path / "model.nir"
    with pytest.raises(ValidationError, match="expected a Model"):
        softlif.to_nir(model.network, path)
    with pytest.raises(ValidationError, match="expected one of strict, portable"):
        softlif.to_nir(model, path, "loose")
    with pytest.raises(ValidationError, match="firing rates in Hz"):
        softlif.to_nir(model, path, "portable", rates=-1)
    with pytest.raises(ValidationError, match="cannot fire at 600 Hz"):
        softlif.to_nir(model, path, "portable", rates=600)
    with pytest.raises(ValidationError, match="positive number of seconds"):
        softlif.from_nir(path, dt=0)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "model.nir"
    path.write_text("an old file")
    with pytest.raises(Unconvertible):
        softlif.to_nir(recurrent(), path)
    assert path.read_text() == "an old file"
    with pytest.raises(OSError, match="create the folder first"):
        softlif.to_nir(twice_the_same(), tmp_path / "none" / "model.nir")
    with pytest.raises(OSError, match="give the name of a file"):
        softlif.to_nir(twice_the_same(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.nir"]


def test_models_stay_and_keep_how_images_are_prepared(digits, tmp_path):
    before = digits.copy()
    softlif.to_nir(digits, tmp_path / "digits.nir")
    back = softlif.from_nir(tmp_path / "digits.nir")
    raw = np.random.RandomState(0).uniform(0, 16, (3, 8, 8, 1))
    expected = before.preprocessing.test(raw)
    assert np.array_equal(back.preprocessing.test(raw), expected)
    assert len(digits.network.all_objects) == len(before.network.all_objects)


def test_one_mean_for_all_pixels_travels(tmp_path):
    """As models have that come from Keras."""
    model = softlif.to_spiking(softlif.networks.small())
    model.preprocessing = softlif.Preprocessing((8, 8, 1), mean=3, scale=16)
    softlif.to_nir(model, tmp_path / "one.nir")
    back = softlif.from_nir(tmp_path / "one.nir").preprocessing
    raw = np.arange(128.0).reshape(2, 8, 8, 1)
    assert np.array_equal(back.test(raw), model.preprocessing.test(raw))


def test_without_nir_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ImportError, match=r"pip install \"nengo_softlif\[nir\]\""):
        softlif.from_nir(tmp_path / "model.nir")


def test_snn_mlir_reads_portable_graphs(tmp_path):
    """Its front end makes code of what goes in steps, and refuses all else."""
    snn_mlir = pytest.importorskip("snn_mlir", reason="snn-mlir is not installed")
    spiking = softlif.to_spiking(networks.small((6, 6, 1), 3))
    path = tmp_path / "small.nir"
    softlif.to_nir(spiking, path, "portable")
    kinds = [type(layer).__name__ for layer in snn_mlir.parse_graph(path)]
    neurons = [kind for kind in kinds if "LIF" in kind]
    assert neurons == ["LIFInfo", "CubaLIFInfo", "CubaLIFInfo"]
    behind = [
        layer for layer in snn_mlir.parse_graph(path) if hasattr(layer, "cur_decay")
    ]
    for layer in behind:  # an alpha synapse of 5 ms became one filter of 10 ms
        assert layer.cur_decay == pytest.approx(1 - STEP / 0.01)
        assert layer.vol_decay == pytest.approx(1 - STEP / 0.022)
    assert snn_mlir.to_mlir(path).count("snn.") >= 3
    softlif.to_nir(spiking, path, "strict")
    with pytest.raises(ValueError, match="v_leak must be 0"):
        snn_mlir.parse_graph(path)
