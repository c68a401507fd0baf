"""ONNX files answer, in onnxruntime, as the networks do in Nengo's own simulator."""

import subprocess
import sys

import nengo_softlif as softlif
from nengo_softlif import (
    AlphaNoise,
    AveragePool,
    LocallyConnected,
    Model,
    Preprocessing,
    SoftLIFRate,
    networks,
)
from nengo_softlif.layers import operators

import nengo
import numpy as np
import pytest
import sample_networks
import sample_stacks
from nengo.exceptions import Unconvertible, ValidationError

onnx = pytest.importorskip("onnx", reason="onnx is not installed: the extra 'onnx'")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def run(path, x):
    """What onnxruntime makes of images."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    (answers,) = session.run(None, {"image": x.astype(np.float32)})
    return answers


def answers(model, x):
    """What Nengo's own simulator says to prepared images, one in each step."""
    with model.copy().network as net:
        image = net.all_nodes[model.network.all_nodes.index(model.input)]
        image.output = nengo.processes.PresentInput(x, 1e-3)
        answer = net.all_probes[model.network.all_probes.index(model.output)]
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(len(x))
    return sim.data[answer]


def check_equal(model, path, x, prepared=None):
    softlif.to_onnx(model, path)
    expected = answers(model, x if prepared is None else prepared)
    found = run(path, x)
    assert found.shape == expected.shape
    assert np.ptp(expected) > 0
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(run(path, x[:1]), found[:1], atol=1e-5 * scale)


# -- networks --------------------------------------------------------------------------

RATES = {
    nengo.LIF: nengo.LIFRate(),
    nengo.SpikingRectifiedLinear: nengo.RectifiedLinear(0.1),
}


def sampled(build):
    """One of the sample networks, as a model of rate neurons without synapses."""
    net = sample_networks.made(build)
    for ensemble in net.all_ensembles:
        ensemble.neuron_type = RATES[type(ensemble.neuron_type)]
    answer = next(p for p in net.all_probes if isinstance(p.obj, nengo.Node))
    for obj in [*net.all_connections, answer]:
        obj.synapse = None
    net.image.output = np.zeros(72)
    return Model(net, net.image, answer)


FILTERS = "filters_in_a_row", "filters_without_state"


@pytest.mark.parametrize(
    "build",
    [b for b in sample_networks.NETWORKS if b.__name__ not in FILTERS],
    ids=lambda build: build.__name__,
)
def test_sampled_networks(build, tmp_path):
    """Every transform, slices, branches, decoded values."""
    x = sample_networks.images(5)[:, 0] - 0.3
    check_equal(sampled(build), tmp_path / "network.onnx", x)


@pytest.mark.parametrize("name", [*sample_stacks.NETWORKS])
def test_stacks(name, tmp_path, rng):
    model = sample_stacks.made(name)
    x = rng.normal(size=(3, model.input.size_out))
    if model.preprocessing is None:
        check_equal(model, tmp_path / "stack.onnx", x)
    else:
        x = x.reshape(3, *model.preprocessing.image_shape)
        check_equal(model, tmp_path / "stack.onnx", x, model.preprocessing.test(x))


def test_every_kind_of_operator_is_written(tmp_path):
    """Those of the sample networks are all that there are."""
    seen = set()
    for build in sample_networks.NETWORKS:
        for layer in softlif.layers.read(sample_networks.made(build)).values():
            seen |= {type(op) for path in layer.inputs for op in path.operators}
    from nengo_softlif.layers.base import Operator

    known = {cls for cls in vars(operators).values() if isinstance(cls, type)}
    known = {cls for cls in known if issubclass(cls, Operator)} - {Operator}
    assert known <= seen


INIT = nengo.dists.Gaussian(0, 0.3)
TRANSFORMS = {
    "values added in one place": nengo.Sparse(
        (4, 72), indices=[(0, 0), (0, 1), (3, 71)], init=[1.0, 2.0, -1.0]
    ),
    "no weights": None,
    "one number": nengo.Dense((72, 72), init=0.3),
    "same pool": AveragePool((6, 6, 2), 3, 2, "same"),
    "ceil pool": AveragePool((6, 6, 2), (3, 2), (2, 4), "ceil"),
    "pool of every other": AveragePool((6, 6, 2), 1, 2),
    "local, same": LocallyConnected(3, (6, 6, 2), 3, 2, "same", INIT),
    "local, valid": LocallyConnected(3, (6, 6, 2), 3, 1, init=INIT),
    "even kernel, same": nengo.Convolution(
        3, (6, 6, 2), kernel_size=(2, 4), padding="same", init=INIT
    ),
    "strides": nengo.Convolution(
        3, (9, 4, 2), strides=(2, 3), padding="same", init=INIT
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name, tmp_path, rng):
    transform = TRANSFORMS[name]
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.zeros(72))
        answer = nengo.Node(size_in=getattr(transform, "size_out", 72))
        nengo.Connection(image, answer, transform=transform, synapse=None)
        one = nengo.Node(rng.normal(size=answer.size_in))
        nengo.Connection(one, answer, synapse=None)
        model = Model(net, image, nengo.Probe(answer))
    check_equal(model, tmp_path / "transform.onnx", rng.normal(size=(4, 72)))


def test_values_that_are_added_up_in_one_place(tmp_path, rng):
    with nengo.Network(seed=0) as net:
        image, answer = nengo.Node(np.zeros(6)), nengo.Node(size_in=4)
        nengo.Connection(image, answer[[0, 0, 2, 3, 0, 2]], synapse=None)
        model = Model(net, image, nengo.Probe(answer[:3]))
    check_equal(model, tmp_path / "places.onnx", rng.normal(size=(4, 6)))


# -- neurons ---------------------------------------------------------------------------

NEURONS = [
    SoftLIFRate(),
    SoftLIFRate(0.02, 0.022, 0.002, 0.063, AlphaNoise()),
    SoftLIFRate(sigma=1e-4, tau_rc=0.005, tau_ref=0, amplitude=2.5),
    SoftLIFRate(sigma=1.0),
    SoftLIFRate(sigma=2.0, tau_ref=0),
    nengo.LIFRate(0.03, 0.001, amplitude=0.01),
    nengo.LIFRate(tau_ref=0),
    nengo.RectifiedLinear(),
    nengo.RectifiedLinear(amplitude=0.02),
    nengo.Sigmoid(),
    nengo.Tanh(tau_ref=0.01),
]


@pytest.mark.parametrize("neurons", NEURONS, ids=str)
def test_neurons(neurons, tmp_path):
    """Rates are those of the neurons, to rounding, from far below to far above 1."""
    size = np.geomspace(1e-6, 1e4, 60)
    currents = np.concatenate([-size, [0], size]).astype(np.float32)
    above = (1 + size).astype(np.float32).tolist()
    currents = np.array([*currents, *above, *(1 - size).astype(np.float32), 1.0])
    n = len(currents)
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.zeros(n))
        zero_bias = {"gain": np.ones(n), "bias": np.zeros(n)}
        ensemble = nengo.Ensemble(n, 1, neuron_type=neurons, **zero_bias)
        nengo.Connection(image, ensemble.neurons, synapse=None)
        model = Model(net, image, nengo.Probe(ensemble.neurons))
    softlif.to_onnx(model, tmp_path / "neurons.onnx")
    found = run(tmp_path / "neurons.onnx", currents[np.newaxis])[0]
    expected = neurons.rates(currents, np.ones(1), np.zeros(1))[:, 0]
    # what rounding of the current itself, float32, makes of it
    eps = 2e-7 * np.maximum(np.abs(currents), 1)
    low, high = (neurons.rates(currents + d, 1, 0)[:, 0] for d in (-eps, eps))
    slack = 1e-5 * np.abs(expected) + 1e-30
    if isinstance(neurons, nengo.Sigmoid):  # which runtimes approximate
        slack += 1e-6 / neurons.tau_ref
    assert np.all(found >= np.minimum(low, expected) - slack)
    assert np.all(found <= np.maximum(high, expected) + slack)


def test_gains_and_biases_of_decoded_ensembles(tmp_path, rng):
    with nengo.Network(seed=3) as net:
        net.config[nengo.Connection].synapse = None
        net.config[nengo.Ensemble].neuron_type = nengo.LIFRate()
        image = nengo.Node(np.zeros(2))
        first = nengo.Ensemble(50, 2, radius=2)
        second = nengo.Ensemble(40, 1)
        nengo.Connection(image, first)
        nengo.Connection(first, second, function=lambda x: x[0] * x[1])
        answer = nengo.Node(size_in=1)
        nengo.Connection(second, answer)
        model = Model(net, image, nengo.Probe(answer))
    x = rng.uniform(-1, 1, size=(20, 2))
    check_equal(model, tmp_path / "decoded.onnx", x)


# -- images ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing((6, 7, 2), 0, 1),
        Preprocessing((6, 7, 2), [3.0, 5.0], (2.0, 4.0)),
        Preprocessing((8, 9, 2), np.arange(144).reshape(8, 9, 2), 50, crop=(6, 7)),
        Preprocessing((9, 8, 2), 3.5, 10, crop=(6, 7), flip=True),
    ],
    ids=["none", "channels", "pixels", "odd crop"],
)
def test_raw_images_are_prepared(preprocessing, tmp_path, rng):
    model = networks.small((6, 7, 2), 3)
    model.preprocessing = preprocessing
    x = rng.randint(256, size=(5, *preprocessing.image_shape))
    check_equal(model, tmp_path / "images.onnx", x, preprocessing.test(x))


def test_tables_with_a_scale_for_each_value(tmp_path, rng):
    with nengo.Network(seed=0) as net:
        image, answer = nengo.Node(np.zeros(4)), nengo.Node(size_in=4)
        nengo.Connection(image, answer, synapse=None)
        model = Model(net, image, nengo.Probe(answer))
    model.preprocessing = Preprocessing((1, 4, 1), 2, (1.0, 2.0, 3.0, 4.0))
    x = rng.normal(size=(5, 1, 4, 1))
    check_equal(model, tmp_path / "table.onnx", x, model.preprocessing.test(x))


def test_what_was_trained_in_keras_answers_as_there(tmp_path, rng):
    import keras
    import sample_keras

    net = sample_keras.residual(keras)
    softlif.to_onnx(softlif.from_keras(net), tmp_path / "keras.onnx")
    x = rng.rand(7, 8, 8, 1).astype(np.float32)
    expected = np.asarray(net(x))
    np.testing.assert_allclose(run(tmp_path / "keras.onnx", x), expected, atol=1e-5)


# -- files -----------------------------------------------------------------------------


def test_the_model_is_left_alone_and_files_say_the_same(tmp_path):
    model = networks.small((6, 6, 1), 3)
    before = model.network.all_connections[0].transform
    proto = softlif.to_onnx(model, tmp_path / "a.onnx")
    softlif.to_onnx(model, str(tmp_path / "b.onnx"))
    content = (tmp_path / "a.onnx").read_bytes()
    assert content == (tmp_path / "b.onnx").read_bytes() == proto.SerializeToString()
    assert model.network.all_connections[0].transform is before
    assert proto.producer_name == "nengo_softlif"
    assert {v.domain: v.version for v in proto.opset_import} == {"": 13}
    named = {node.name.split("/")[0] for node in proto.graph.node}
    assert {"conv1", "conv2", "dense3", "answer"} <= named


def test_biases_are_part_of_convolutions_and_matrices(tmp_path):
    """As tools that quantise such files expect it."""
    model = sample_stacks.made("convolution with bias")
    proto = softlif.to_onnx(model, tmp_path / "a.onnx")
    ways = [n for n in proto.graph.node if n.op_type in ("Conv", "Gemm")]
    assert [len(node.input) for node in ways] == [3, 3, 3]


def test_earlier_files_survive(tmp_path):
    path = tmp_path / "model.onnx"
    softlif.to_onnx(networks.small((4, 4, 1), 2), path)
    content = path.read_bytes()
    with pytest.raises(ValidationError):
        softlif.to_onnx(softlif.to_spiking(networks.small()), path)
    assert path.read_bytes() == content
    with pytest.raises(OSError, match=r"nowhere"):
        softlif.to_onnx(networks.small((4, 4, 1), 2), tmp_path / "nowhere" / "m.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx"]


def test_onnx_is_loaded_only_when_it_is_used():
    code = (
        "import sys, nengo_softlif as softlif; softlif.to_onnx; "
        "sys.modules['onnx'] = None\n"
        "try: softlif.to_onnx(softlif.networks.small(), 'x')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "nengo_softlif[onnx]"' in done.stdout


# -- what cannot be written ------------------------------------------------------------


def network(neurons, loop=False, synapse=None, output=(0.0, 0.0)):
    with nengo.Network(seed=0) as net:
        net.config[nengo.Ensemble].neuron_type = neurons
        image = nengo.Node(np.zeros(2))
        other = nengo.Node(output)
        layer = nengo.Ensemble(5, 1, gain=np.ones(5), bias=np.ones(5), label="layer")
        nengo.Connection(image, layer.neurons, transform=np.ones((5, 2)), synapse=None)
        nengo.Connection(other, layer.neurons, transform=np.ones((5, 2)), synapse=None)
        if loop:
            nengo.Connection(layer.neurons, layer.neurons, synapse=0.1)
        answer = nengo.Node(size_in=5)
        nengo.Connection(layer.neurons, answer, synapse=synapse)
        probe = nengo.Probe(answer)
    return Model(net, image, probe)


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (lambda: 3, ValidationError, "expected a Model, got 3"),
        (
            lambda: network(nengo.LIF()),
            ValidationError,
            r"rate neurons are needed, but <Ensemble 'layer'> has LIF.*to_spiking was",
        ),
        (
            lambda: network(nengo.LIFRate(), loop=True),
            Unconvertible,
            r"of <Ensemble 'layer'>.* is part of a loop",
        ),
        (
            lambda: network(nengo.LIFRate(), synapse=0.01),
            ValidationError,
            r"has the synapse Lowpass\(tau=0.01\); set it to None",
        ),
        (
            lambda: network(nengo.AdaptiveLIFRate()),
            Unconvertible,
            r"'layer'> has AdaptiveLIFRate.*ONNX files can have SoftLIFRate, LIFRate",
        ),
        (
            lambda: network(nengo.LIFRate(), output=lambda t: [t, t]),
            Unconvertible,
            "changes in time",
        ),
    ],
    ids=["no model", "spiking", "loop", "synapse", "neurons with a state", "in time"],
)
def test_what_cannot_be_written_is_named(model, error, match, tmp_path):
    with pytest.raises(error, match=match):
        softlif.to_onnx(model(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_answers_that_no_image_reaches(tmp_path):
    with nengo.Network() as net:
        image, one = nengo.Node(np.zeros(2)), nengo.Node(np.ones(2))
        answer = nengo.Node(size_in=2)
        nengo.Connection(one, answer, synapse=None)
        model = Model(net, image, nengo.Probe(answer))
    with pytest.raises(Unconvertible, match="no image reaches"):
        softlif.to_onnx(model, tmp_path / "x.onnx")


def test_larger_than_such_files(tmp_path, monkeypatch):
    """The end at 2 GB is put lower, which takes less time and says the same."""
    from nengo_softlif.onnx import forms, graph

    model = networks.small((6, 6, 1), 3)
    monkeypatch.setattr(graph, "LARGEST", 10_000)
    with pytest.raises(Unconvertible, match="with 'conv2' there are"):
        softlif.to_onnx(model, tmp_path / "x.onnx")
    monkeypatch.setattr(forms, "LARGEST", 1_000)
    monkeypatch.setattr(graph, "LARGEST", 10**9)
    with pytest.raises(Unconvertible, match=r"dense3.* a matrix of 64 x 288, which is"):
        softlif.to_onnx(model, tmp_path / "x.onnx")
