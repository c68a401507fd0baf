"""Reading networks: what becomes of them, and what cannot be read."""

import itertools

import nengo_softlif as softlif
from nengo_softlif import layers, networks
from nengo_softlif.layers import operators

import nengo
import numpy as np
import pytest
from nengo.exceptions import Unconvertible


def labels(read):
    return [getattr(obj, "label", None) or str(obj) for obj in read]


def test_the_papers_network():
    model = softlif.to_spiking(networks.cifar10(seed=0))
    read = layers.read(model.network)
    image, conv1, conv2, local3, local4, one, answer = read.values()
    assert [layer.size for layer in read.values()] == [
        1728,
        36864,
        9216,
        2304,
        1152,
        1,
        10,
    ]
    kinds = [
        [type(op).__name__ for op in layer.inputs[0].operators]
        for layer in (conv1, conv2, local3, local4, answer)
    ]
    assert kinds == [
        ["Convolution", "Scale"],
        ["Pool", "Convolution", "Scale"],
        ["Pool", "Local", "Scale"],
        ["Local", "Scale"],
        ["Matrix"],
    ]
    assert [path.source for path in answer.inputs] == [local4, one]
    assert answer.inputs[0].synapses == (nengo.Alpha(0.005),)
    assert image.puts_out
    assert not conv1.puts_out
    for ensemble in model.ensembles:
        np.testing.assert_array_equal(read[ensemble.neurons].bias, ensemble.bias)


def test_initial_states_are_those_of_nengo():
    with nengo.Network(seed=3) as net:
        a = nengo.Ensemble(20, 1)
        b = nengo.Ensemble(20, 1, neuron_type=nengo.AdaptiveLIF())
    read = layers.read(net)
    with nengo.Simulator(net, progress_bar=False) as sim:
        for ensemble in (a, b):
            state = read[ensemble.neurons].initial_state()
            for name, values in state.items():
                signal = sim.model.sig[ensemble.neurons][name]
                np.testing.assert_array_equal(values, signal.initial_value)


def test_the_network_is_left_as_it_is():
    model = networks.small(seed=0)
    before = [repr(o) for o in model.network.all_objects]
    layers.read(model.network)
    assert [repr(o) for o in model.network.all_objects] == before


def test_sources_come_first_however_deep():
    with nengo.Network() as net:
        nodes = [nengo.Node(size_in=1) for _ in range(2000)]
        for post, pre in itertools.pairwise(nodes):
            nengo.Connection(pre, post, synapse=0.01)
        nengo.Connection(nengo.Node(1), nodes[-1], synapse=None)
        probe = nengo.Probe(nodes[0])
    read = layers.read(net)
    seen = set()
    for layer in read.values():
        assert {path.source for path in layer.inputs} <= seen
        seen.add(layer)
    assert len(read[probe].inputs[0].synapses) == 1999


def test_sums_are_not_multiplied_twice():
    """What several inputs add up to is weighted once, after adding."""
    with nengo.Network() as net:
        inputs = [nengo.Node(np.ones(5)) for _ in range(3)]
        added, copied = nengo.Node(size_in=5), nengo.Node(size_in=5)
        for node in inputs:
            nengo.Connection(node, added, synapse=None)
        nengo.Connection(added, copied, synapse=None)
        target = nengo.Node(size_in=2)
        nengo.Connection(copied, target, transform=np.ones((2, 5)), synapse=None)
        probe = nengo.Probe(target)
    read = layers.read(net)
    (path,) = read[probe].inputs
    assert path.source.obj is added or path.source.obj is copied
    assert len(path.source.inputs) == 3


# -- what cannot be read ---------------------------------------------------------------


def recurrent(a, b):
    nengo.Connection(a, a, synapse=0.1)


def loop(a, b):
    node = nengo.Node(size_in=1)
    nengo.Connection(b, node)
    nengo.Connection(node, a)


def learning(a, b):
    nengo.Connection(a, b, learning_rule_type=nengo.PES())


def computing_node(a, b):
    nengo.Connection(nengo.Node(lambda t, x: x, size_in=1), a)


def function_of_a_node(a, b):
    nengo.Connection(nengo.Node(1), a, function=np.square)


def direct(a, b):
    nengo.Connection(nengo.Ensemble(10, 1, neuron_type=nengo.Direct()), a)


def noise(a, b):
    a.noise = nengo.processes.WhiteNoise()


def triangle(a, b):
    nengo.Connection(a, b, synapse=nengo.synapses.Triangle(0.01))


def transposed(a, b):
    transform = nengo.ConvolutionTranspose(1, (10, 1), kernel_size=(3,), strides=(1,))
    nengo.Connection(a.neurons, nengo.Node(size_in=12), transform=transform)


def three_dimensions(a, b):
    transform = nengo.Convolution(1, (2, 2, 2, 1), (1, 1, 1), (1, 1, 1))
    nengo.Connection(a.neurons[:8], nengo.Node(size_in=8), transform=transform)


def weights_probe(a, b):
    nengo.Probe(nengo.Connection(a, b), "weights")


def adaptive_rates(a, b):
    a.neuron_type = nengo.RegularSpiking(nengo.AdaptiveLIFRate())


@pytest.mark.parametrize(
    ("add", "match"),
    [
        (recurrent, "'one'.*loop"),
        (loop, "loop"),
        (learning, "Connection.*learns"),
        (computing_node, "Node.*computes something of its input"),
        (function_of_a_node, "Connection.*computes a function"),
        (direct, r"Ensemble.*no neurons \(nengo.Direct\)"),
        (noise, "'one'.*injects noise"),
        (triangle, "Connection.*Triangle.*not a linear filter"),
        (transposed, "Connection.*ConvolutionTranspose.*use Dense, Sparse"),
        (three_dimensions, "Connection.*3 dimensions; one or two"),
        (weights_probe, "Probe.*records the weights of a connection"),
        (adaptive_rates, "'one'.*AdaptiveLIFRate.*state"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_cannot_be_read_is_named(add, match):
    with nengo.Network() as net:
        a = nengo.Ensemble(10, 1, label="one")
        b = nengo.Ensemble(10, 1, label="two")
        nengo.Connection(a, b)
        add(a, b)
    with pytest.raises(Unconvertible, match=match):
        layers.read(net)


# -- operators -------------------------------------------------------------------------


def test_scales_are_multiplied_into_weights(rng):
    """Also that the operators themselves, in NumPy, do what Nengo does."""
    with nengo.Network(seed=1) as net:
        image = nengo.Node(np.zeros(50))
        transforms = [
            nengo.Convolution(4, (5, 5, 2), padding="same", strides=(2, 1), groups=2),
            softlif.LocallyConnected(3, (5, 5, 2), 3, 2, "same"),
            softlif.AveragePool((5, 5, 2), 3, 2, "ceil"),
            nengo.Dense((7, 50), init=rng.randn(7, 50)),
            nengo.Sparse((3, 50), indices=[[0, 3], [2, 7]], init=[1.0, 2.0]),
        ]
        probes = []
        for transform in transforms:
            node = nengo.Node(size_in=transform.size_out)
            nengo.Connection(image, node, transform=transform, synapse=None)
            probes.append(nengo.Probe(node))
    read = layers.read(net)
    x = rng.randn(2, 50)
    expected = []
    for row in x:
        image.output = row
        with nengo.Simulator(net, progress_bar=False) as sim:
            sim.step()
            expected.append([sim.data[p][0] for p in probes])
    for i, probe in enumerate(probes):
        (path,) = read[probe].inputs
        filters = (path.operators[0].output_shape or (7,))[-1]
        size = path.operators[-1].size_out
        for scale in (
            np.full(size, 2.0),
            np.arange(size) % filters + 1.0,
            rng.rand(size),
        ):
            steps = [*path.operators, operators.Scale(scale)]
            for way in (steps, operators.simplified(steps)):
                values = x
                for op in way:
                    values = op(values)
                np.testing.assert_allclose(
                    values, [e[i] * scale for e in expected], atol=1e-12
                )
