"""Training in spikes in TensorFlow is training in the engine's compiled loops."""

from nengo_softlif import (
    BernoulliSpiking,
    Dropout,
    IntegrateAndFire,
    LocallyConnected,
    Model,
    SoftLIFRate,
    Stack,
    fit,
    networks,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl, nengo_loihi
from nengo_softlif.gradients import (
    Arctan,
    FastSigmoid,
    LeakCorrected,
    MeasuredRates,
    SoftLIF,
    ThroughRates,
    Triangular,
    Unrolled,
    course,
    derivatives,
    operators,
)
from nengo_softlif.gradients import neurons as timed_neurons
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.registry import DERIVATIVES
from nengo_softlif.training import in_spikes
from nengo_softlif.training.tensor_graph import TensorUnrolled

import nengo
import numpy as np
import pytest
import sample_networks
from nengo.exceptions import Unconvertible, ValidationError
from numpy.testing import assert_allclose, assert_array_equal
from unrolling import Exact

N_STEPS = 25
DT = 0.001
LEAKY = IntegrateAndFire(tau_rc=0.01)


class Both:
    """The same network by both ways."""

    def __init__(self, net, image, answer, derivative, dtype="float64", dt=DT):
        self.feed_forward = FeedForward(net, image, answer, timed=True)
        given = self.feed_forward, parameters.trainable(net)
        theirs = (
            Exact(derivative) if isinstance(derivative, ThroughRates) else derivative
        )
        self.ways = [
            Unrolled(*given, theirs, dt, dtype),
            TensorUnrolled(*given, derivative, dt, dtype),
        ]
        self.dtype = np.dtype(dtype)
        self.tolerance = 1e-10 if dtype == "float64" else 1e-4

    def compare(self, images, masks=None, n_steps=N_STEPS, weights=None, biases=None):
        """Run forward and backward; return the gradients."""
        courses = []
        for way in self.ways:
            bound = way.bind(weights or {}, biases or {})
            rng = np.random.default_rng(8)
            courses.append(bound.forward(images, n_steps, masks, rng))
        theirs, ours = courses
        assert theirs.spikes.keys() == ours.spikes.keys()
        for layer, spikes in theirs.spikes.items():
            assert spikes.values.dtype == ours.spikes[layer].values.dtype
            assert_array_equal(spikes.values, ours.spikes[layer].values)
            assert_array_equal(spikes.scale, ours.spikes[layer].scale)
        self.check(theirs.outputs, ours.outputs)
        upstream = np.random.RandomState(5).randn(*theirs.outputs.shape)
        theirs, ours = (course.backward(upstream) for course in courses)
        for expected, found in zip(theirs, ours, strict=True):
            assert expected.keys() == found.keys()
            for key, gradient in expected.items():
                self.check(gradient, found[key])
        return ours

    def check(self, expected, found):
        assert found.dtype == expected.dtype == self.dtype
        assert found.shape == expected.shape
        largest = np.abs(expected).max()
        assert_allclose(found, expected, rtol=0, atol=self.tolerance * largest)


REFUSED = sample_networks.decoded, sample_networks.sparse


def both(build, derivative, dtype="float64", **kwargs):
    """Make both of a network that leads from an image to neurons."""
    net = sample_networks.made(build)
    return Both(net, net.image, net.probes[-2], derivative, dtype, **kwargs)


@pytest.mark.parametrize(
    "build",
    [b for b in sample_networks.NETWORKS if b not in REFUSED],
    ids=lambda build: build.__name__,
)
@pytest.mark.parametrize("derivative", [FastSigmoid(), MeasuredRates()], ids=repr)
def test_networks(build, derivative):
    by_weights, _ = both(build, derivative).compare(sample_networks.images())
    assert any(np.any(g) for g in by_weights.values())


NEURONS = [
    (nengo.LIF(), [FastSigmoid(), Arctan(), Triangular(), SoftLIF(), MeasuredRates()]),
    (
        nengo.LIF(
            0.01,
            0.0033,
            -0.5,
            0.5,
            initial_state={"voltage": nengo.dists.Uniform(0, 1)},
        ),
        [Triangular()],
    ),
    (nengo_loihi.LoihiLIF(), [FastSigmoid()]),
    (LEAKY, [LeakCorrected(), LeakCorrected(corrects=False), Arctan()]),
    (IntegrateAndFire(np.inf, amplitude=0.3), [LeakCorrected(), FastSigmoid(3)]),
]


@pytest.mark.parametrize(
    ("neuron_type", "derivative"),
    [(neurons, derivative) for neurons, all_of in NEURONS for derivative in all_of],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_neurons_and_derivatives(neuron_type, derivative, dtype):
    build = sample_networks.only_neurons(neuron_type)
    # currents of integrate-and-fire neurons are in 1/s
    scale = 60.0 if isinstance(neuron_type, IntegrateAndFire) else 1.0
    ways = both(build, derivative, dtype)
    over_time = scale * np.random.RandomState(2).rand(3, N_STEPS, 72)
    by_weights, by_biases = ways.compare(over_time)
    assert all(np.any(g) for g in (*by_weights.values(), *by_biases.values()))


def test_all_derivatives_are_tried():
    tried = {type(derivative) for _, all_of in NEURONS for derivative in all_of}
    assert tried == {DERIVATIVES[name] for name in DERIVATIVES}


# -- networks that fire by chance ------------------------------------------------------


def residual(noise=0.25):
    """Lee et al.'s neurons: pools, and what leads past a block."""
    with nengo.Network(seed=3) as net:
        stack = Stack((8, 8, 1), IntegrateAndFire(), gain=400.0, biases=False)
        stack.neurons(BernoulliSpiking())
        stack.gain = 1.0
        stack.convolution(4, dropout=noise)
        stack.average_pool(2)
        stack.gain = 1.33
        start = stack.neurons(IntegrateAndFire(np.inf))
        stack.gain = 1.0
        stack.convolution(6)
        stack.convolution(6, strides=2)
        stack.shortcut(start, strides=2)
        stack.dense(20, dropout=noise)
        output = stack.readout(10, std=0.3, synapse=networks.lee.integrator(0.1))
    return Model(net, stack.input, output)


def soft():
    """Soft LIF neurons in spikes."""
    neurons = SoftLIFRate(0.02, amplitude=0.02)
    with nengo.Network(seed=3) as net:
        stack = Stack((8, 8, 1), neurons, gain=1.0)
        stack.convolution(4, strides=2)
        stack.dense(20)
        output = stack.readout(10, std=0.3)
    return to_spiking(Model(net, stack.input, output))


def shared():
    """One number for all values, and a local layer, each on the way to two layers."""
    local = LocallyConnected(
        2, (8, 8, 1), (3, 3), (2, 2), "same", nengo.dists.Gaussian(0, 0.3)
    )
    with nengo.Network(seed=3) as net:
        nengo_dl.configure_settings(trainable=None)
        image, answer = nengo.Node(np.zeros(64)), nengo.Node(size_in=10)
        scaled, node = (nengo.Node(size_in=n) for n in (64, local.size_out))
        nengo.Connection(image, scaled, transform=1.5, synapse=None)
        nengo.Connection(scaled, node, transform=local, synapse=None)
        for source in (node, node, scaled):
            ones = np.ones(source.size_in)
            ensemble = nengo.Ensemble(
                len(ones),
                1,
                neuron_type=nengo.LIF(amplitude=0.02),
                gain=ones,
                bias=ones,
            )
            nengo.Connection(source, ensemble.neurons, synapse=None)
            out = nengo.dists.Gaussian(0, 0.2)
            nengo.Connection(ensemble.neurons, answer, transform=out, synapse=0.003)
        output = nengo.Probe(answer)
    return Model(net, image, output)


def of_model(model, derivative, dtype="float64"):
    return Both(model.network, model.input, model.output, derivative, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_steps", [1, 40])
@pytest.mark.parametrize("derivative", [LeakCorrected(), Arctan()], ids=repr)
def test_chance_and_masks(derivative, n_steps, dtype):
    ways = of_model(residual(), derivative, dtype)
    images = np.random.RandomState(2).rand(4, 1, 64) - 0.2
    masks = {}
    for layer in ways.feed_forward.layers:
        if isinstance(getattr(layer.neuron_type, "noise", None), Dropout):
            x = np.random.RandomState(layer.size).rand(4, layer.size)
            masks[layer] = layer.neuron_type.noise.mask(x)
    assert len(masks) == 2
    by_weights, by_biases = ways.compare(images, masks, n_steps)
    assert by_biases == {}
    if n_steps > 1:
        assert len(by_weights) == 6
        assert all(np.any(g) for g in by_weights.values())


def test_weights_that_are_given():
    """Those, and no others; what is not trained has no gradient."""
    net = sample_networks.made(sample_networks.branches)
    some = net.all_connections[2]
    with net:
        nengo_dl.configure_settings(trainable=None)
    net.config[some].trainable = False
    ways = Both(net, net.image, net.probes[-2], FastSigmoid())
    rng = np.random.RandomState(6)
    weights = {c: 0.1 * rng.randn(op.weights.size) for c, op in given(ways).items()}
    biases = {layer: rng.rand(layer.size) + 0.5 for layer in ways.ways[0].neurons}
    images = sample_networks.images()
    first, _ = ways.compare(images)
    second, _ = ways.compare(images, weights=weights, biases=biases)
    assert first.keys() == second.keys() == weights.keys() - {some}
    assert not any(np.allclose(first[c], second[c]) for c in first)


def given(ways):
    return {
        op.connection: op
        for paths in ways.feed_forward.paths.values()
        for _, path in paths
        for op in path
        if op.connection is not None and op.weights is not None
    }


def test_soft_lif_slope():
    lif = nengo.LIF(0.03, 0.001, amplitude=0.2)
    J = np.linspace(-1, 5, 60)
    with nengo.Network() as net:
        image = nengo.Node(np.zeros(60))
        ensemble = nengo.Ensemble(
            60, 1, neuron_type=lif, gain=np.ones(60), bias=np.ones(60)
        )
        nengo.Connection(image, ensemble.neurons, synapse=None)
        answer = nengo.Probe(ensemble.neurons)
    feed_forward = FeedForward(net, image, answer, timed=True)
    trainable = parameters.trainable(net)
    curve = SoftLIFRate(0.05, 0.03, 0.001, amplitude=0.2)
    expected = curve.derivative(J, np.ones(1), np.zeros(1))
    for derivative in (SoftLIF(0.05), MeasuredRates(0.05)):
        way = TensorUnrolled(feed_forward, trainable, derivative, DT, "float64")
        course = way.bind({}, {}).forward((J - 1).reshape(1, 1, 60), 4)
        _, by_biases = course.backward(np.ones((1, 4, 60)))
        (by_bias,) = by_biases.values()
        assert_allclose(by_bias, 4 * np.ravel(expected), rtol=1e-10)


# -- fit -------------------------------------------------------------------------------


@pytest.fixture
def on_gpu(monkeypatch):
    """Train as on a GPU: in TensorFlow, without a compiled loop."""

    def refuse(*args):
        raise AssertionError("a compiled loop")

    monkeypatch.setattr(in_spikes, "sees_gpu", lambda: True)
    for module in (derivatives, timed_neurons, operators, course):
        monkeypatch.setattr(module, "spread", refuse)


def train(model, data, **settings):
    with model.network:
        nengo_dl.configure_settings(dtype="float64")
    settings = {
        "epochs": 2,
        "batch_size": 100,
        "presentation_time": 0.02,
        "progress_bar": False,
        "validation_split": 0.25,
        **settings,
    }
    history = fit(model, data, **settings)
    return history, parameters.collect(model.network, parameters.build(model.network))


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (residual, {"loss": "membrane", "learning_rate": 0.01}),
        (soft, {"derivative": "fast-sigmoid"}),
        (shared, {"derivative": "arctan"}),
    ],
)
def test_fit(make, settings, data, request, monkeypatch):
    monkeypatch.setattr(in_spikes, "TOGETHER", 20_000_000)  # in several parts
    history, expected = train(make(), data, **settings)
    request.getfixturevalue("on_gpu")
    history2, found = train(make(), data, **settings)
    untrained = make().network
    initial = parameters.collect(untrained, parameters.build(untrained))
    assert history.keys() == history2.keys()
    for name, values in history.items():
        assert_allclose(history2[name], values, rtol=1e-8)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        assert_allclose(found[name], array, rtol=0, atol=1e-8 * np.abs(array).max())
        if name.startswith("connections"):
            assert np.abs(array - initial[name]).max() > 1e-3
    assert history["loss"][-1] < history["loss"][0]


def unroll(build, derivative):
    net = sample_networks.made(build)
    feed_forward = FeedForward(net, net.image, net.probes[-2], timed=True)
    trainable = parameters.trainable(net)
    return in_spikes.unroll(feed_forward, trainable, derivative, DT, "float32")


class Halved(SoftLIF):
    """A derivative with a way of its own."""

    def back(self, neurons, current, spikes, upstream):
        return super().back(neurons, current, spikes, upstream) / 2


def test_choice(monkeypatch):
    build = sample_networks.plain_convolutions
    assert type(unroll(build, SoftLIF())) is Unrolled
    monkeypatch.setattr(in_spikes, "sees_gpu", lambda: True)
    assert type(unroll(build, SoftLIF())) is TensorUnrolled
    # what TensorFlow has no form of, the engine runs
    assert type(unroll(build, Halved())) is Unrolled
    assert type(unroll(sample_networks.sparse, SoftLIF())) is Unrolled


def test_refused():
    with pytest.raises(Unconvertible, match="no form in TensorFlow"):
        both(sample_networks.plain_convolutions, Halved())
    with pytest.raises(Unconvertible, match="its matrix is sparse"):
        both(sample_networks.sparse, SoftLIF())
    with pytest.raises(Unconvertible, match="RectifiedLinear"):
        both(sample_networks.only_neurons(nengo.SpikingRectifiedLinear()), Arctan())
    with pytest.raises(ValidationError, match="IntegrateAndFire"):
        both(sample_networks.plain_convolutions, LeakCorrected())
