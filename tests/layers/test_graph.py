"""What leads to layers: expanded, with constants and gains apart, as Nengo has it."""

from nengo_softlif import AveragePool, layers

import nengo
import numpy as np
import pytest


@pytest.fixture
def network(rng):
    """Neurons to which nodes lead directly, through sums, and through an ensemble."""
    with nengo.Network(seed=0) as net:
        one, two = nengo.Node(rng.randn(8)), nengo.Node(rng.randn(4))
        added = nengo.Node(size_in=4)
        other = nengo.Node(size_in=4)
        nengo.Connection(one, added, transform=rng.randn(4, 8), synapse=None)
        nengo.Connection(two[::-1], added, synapse=None)
        nengo.Connection(added, other, transform=2 * np.eye(4), synapse=None)
        nengo.Connection(two, other, transform=0.5, synapse=None)
        gain, bias = rng.uniform(0.5, 2, 6), rng.randn(6)
        target = nengo.Ensemble(6, 4, gain=gain, bias=bias, radius=2, label="target")
        nengo.Connection(other, target, synapse=None)
        nengo.Connection(other, target.neurons, transform=np.ones((6, 4)), synapse=None)
        nengo.Connection(one[:3], target.neurons[[5, 0, 2]], synapse=None)
        nengo.Connection(
            one, target.neurons[:2], transform=AveragePool((4, 2, 1), 2), synapse=None
        )
        net.probe = nengo.Probe(target.neurons, "input")
    return net


def current(network):
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.step()
        return sim.data[network.probe][0]


def neurons_of(network):
    (ensemble,) = network.all_ensembles
    return layers.read(network)[ensemble.neurons]


def test_all_that_leads_to_neurons_comes_from_nodes_that_put_out(network):
    paths = list(neurons_of(network).expanded())
    assert {path.source.obj for path in paths} == set(network.all_nodes[:2])
    assert len(paths) == 3 + 3 + 1 + 1


def test_constants_add_up_to_the_current_that_nengo_computes(network):
    layer = neurons_of(network)
    total = layer.bias + sum(path.constant for path in layer.expanded())
    np.testing.assert_allclose(total, current(network), rtol=1e-12)


def test_gains_are_apart_where_they_multiply_what_comes_to_neurons(network):
    layer = neurons_of(network)
    encoded = 0
    for path in layer.inputs:
        x = np.random.RandomState(1).randn(path.source.size)
        values = x
        for op in path.without_gain():
            values = op(values)
        if path.has_gain:
            np.testing.assert_allclose(layer.gain * values, path(x), rtol=1e-12)
        else:
            encoded += 1
            np.testing.assert_array_equal(values, path(x))
    assert encoded == 1


def test_only_nodes_that_put_out_arrays_are_constant():
    with nengo.Network() as net:
        array, function = nengo.Node([1, 2]), nengo.Node(lambda t: [t, t])
        passes_on = nengo.Node(size_in=2)
        for node in (array, function):
            nengo.Connection(node, passes_on, synapse=None)
        nengo.Probe(passes_on)
    read = layers.read(net)
    np.testing.assert_array_equal(read[array].constant, [1, 2])
    assert read[function].constant is None
    assert all(
        layer.constant is None for obj, layer in read.items() if obj is not array
    )
