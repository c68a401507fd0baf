"""Counts of synapses, against brute force and the papers' numbers."""

import tracemalloc

from nengo_softlif import AveragePool, LocallyConnected, layers, networks
from nengo_softlif.layers.synops import connection_synapses, fan_out, n_synapses

import nengo
import numpy as np
import pytest
from nengo.exceptions import Unconvertible, ValidationError
from scipy import sparse


def labelled(counts):
    return {ensemble.label: count for ensemble, count in counts.items()}


# -- the papers' networks --------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (networks.mnist, [313_600, 5_017_600, 6_272_000, 20_000]),
        (networks.cifar10, [2_764_800, 14_745_600, 1_327_104, 663_552, 11_520]),
    ],
)
def test_the_papers_numbers_of_synapses(make, numbers):
    model = make()
    assert list(n_synapses(model.network).values()) == numbers[1:]
    from_image = [
        connection_synapses(c)
        for c in model.network.all_connections
        if c.pre_obj is model.input
    ]
    assert from_image == numbers[:1]


def test_the_papers_synaptic_operations():
    """2.69e9 synaptic operations per second, from the rates they publish."""
    rates = [173.3, 99.0, 9.7, 7.2]
    per_layer = n_synapses(networks.cifar10().network).values()
    assert np.dot(list(per_layer), rates) == pytest.approx(2.69e9, rel=0.002)


def test_large_networks_are_counted_without_their_matrices():
    """Folded, pool and kernels between the first two layers would be 300 MB."""
    network = networks.cifar10().network
    tracemalloc.start()
    try:
        counts = labelled(fan_out(network))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6
    # inside, a neuron is in up to 2 x 2 pools, and these under 6 x 6 kernels
    assert counts["conv1"].max() == 36 * 64
    # inside, the pools of a neuron are under 4 x 4 kernels of 64 filters
    assert counts["conv2"].max() == 16 * 64
    np.testing.assert_array_equal(counts["local4"], 10)


# -- against the matrix itself ---------------------------------------------------------


def brute_force(network, layer):
    """Fan-out of linear neurons, from what pulses of single ones change."""
    n_neurons = layer.n_neurons
    pulses = np.vstack([np.zeros(n_neurons), np.eye(n_neurons)])
    sources = {c.pre_obj for c in network.all_connections}
    with network:
        probes = [
            nengo.Probe(e.neurons, "input") for e in network.all_ensembles if e != layer
        ] + [
            nengo.Probe(n) for n in network.all_nodes if n.size_in and n not in sources
        ]
        pulse = nengo.Node(lambda t: pulses[round(t / 0.001) - 1])
        nengo.Connection(pulse, layer.neurons, synapse=None)
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(len(pulses), progress_bar=False)
    seen = np.concatenate([sim.data[probe] for probe in probes], axis=1)
    return np.count_nonzero(np.abs(seen[1:] - seen[0]) > 1e-9, axis=1)


def linear(n_neurons, **kwargs):
    """Neurons whose output is their input."""
    return nengo.Ensemble(
        n_neurons,
        kwargs.pop("dimensions", 1),
        neuron_type=nengo.RectifiedLinear(),
        gain=np.ones(n_neurons),
        bias=np.zeros(n_neurons),
        **kwargs,
    )


def convolution(*args, **kwargs):
    return nengo.Convolution(*args, **kwargs, init=nengo.dists.Uniform(0.5, 1))


SHAPE = (5, 4, 2)
SIZE = int(np.prod(SHAPE))
RNG = np.random.RandomState(0)

TRANSFORMS = {
    "same": convolution(3, SHAPE, (3, 3), padding="same"),
    "valid": convolution(3, SHAPE, (2, 3)),
    "strided": convolution(3, SHAPE, (3, 2), (2, 2), padding="same"),
    "strided valid": convolution(3, SHAPE, (2, 2), (3, 2)),
    "large": convolution(1, SHAPE, (5, 4), padding="same"),
    "groups": convolution(4, SHAPE, (3, 3), groups=2, padding="same"),
    "channels first": convolution(
        3, (2, 5, 4), (3, 3), padding="same", channels_last=False
    ),
    "one axis": convolution(3, (20, 2), (4,), (3,), padding="same"),
    "transpose": nengo.transforms.ConvolutionTranspose(
        3, SHAPE, kernel_size=(3, 3), strides=(2, 2), init=nengo.dists.Uniform(0.5, 1)
    ),
    "transpose same": nengo.transforms.ConvolutionTranspose(
        3,
        SHAPE,
        kernel_size=(3, 2),
        strides=(2, 1),
        padding="same",
        init=nengo.dists.Uniform(0.5, 1),
    ),
    "pool": AveragePool(SHAPE, 2),
    "overlapping": AveragePool(SHAPE, 3, 2, "ceil"),
    "pool same": AveragePool(SHAPE, (2, 3), (2, 1), "same"),
    "local": LocallyConnected(3, SHAPE, 3, 1, "same", nengo.dists.Uniform(0.5, 1)),
    "local strided": LocallyConnected(
        2, SHAPE, (2, 3), (2, 1), init=nengo.dists.Uniform(0.5, 1)
    ),
    "dense": nengo.Dense((7, SIZE), init=nengo.dists.Uniform(0.5, 1)),
    "dense zeros": nengo.Dense(
        (7, SIZE), init=RNG.rand(7, SIZE) * (RNG.rand(7, SIZE) < 0.3)
    ),
    "sparse": nengo.Sparse(
        (9, SIZE), init=sparse.random(9, SIZE, 0.2, random_state=0).tocsr()
    ),
    "sparse indices": nengo.Sparse(
        (9, SIZE), indices=[(0, 3), (0, 4), (8, 4), (2, 39)], init=[1, 2, 0, 4]
    ),
    "none": None,
    "scalar": 2.0,
    "diagonal": RNG.rand(SIZE) * (np.arange(SIZE) % 3 > 0),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_one_transform(name):
    with nengo.Network(seed=0) as net:
        layer = linear(SIZE)
        size = SIZE
        if isinstance(TRANSFORMS[name], nengo.transforms.Transform):
            size = TRANSFORMS[name].size_out
        readout = nengo.Node(size_in=size)
        nengo.Connection(
            layer.neurons, readout, transform=TRANSFORMS[name], synapse=None
        )
    np.testing.assert_array_equal(fan_out(net)[layer], brute_force(net, layer))


SECOND = {
    "convolution": lambda shape: convolution(3, shape, (2, 2), padding="same"),
    "groups": lambda shape: convolution(2 * shape[2], shape, (1, 2), groups=shape[2]),
    "pool": lambda shape: AveragePool(shape, (1, 2), 1, "ceil"),
    "local": lambda shape: LocallyConnected(
        2, shape, 2, 1, "same", nengo.dists.Uniform(0.5, 1)
    ),
    "dense": lambda shape: nengo.Dense(
        (3, np.prod(shape)), init=nengo.dists.Uniform(0.5, 1)
    ),
    "diagonal": lambda shape: nengo.Dense(
        (np.prod(shape), np.prod(shape)), init=np.eye(np.prod(shape))
    ),
    "channels first": lambda shape: convolution(
        2, (1, np.prod(shape)), (3,), (2,), channels_last=False
    ),
}


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize(
    ("first", "shape"),
    [
        ("overlapping", (2, 2, 2)),
        ("pool same", (3, 4, 2)),
        ("groups", (5, 4, 4)),
        ("channels first", (5, 4, 3)),  # its output is read as if channels were last
        ("large", (5, 4, 1)),
        ("sparse", (3, 3, 1)),
        ("dense zeros", (1, 7, 1)),
        ("none", SHAPE),
    ],
)
def test_two_transforms_in_a_row(first, shape, second):
    with nengo.Network(seed=0) as net:
        layer = linear(SIZE)
        middle = nengo.Node(size_in=int(np.prod(shape)))
        transform = SECOND[second](shape)
        post = linear(int(transform.size_out))
        nengo.Connection(
            layer.neurons, middle, transform=TRANSFORMS[first], synapse=None
        )
        nengo.Connection(middle, post.neurons, transform=transform, synapse=None)
    np.testing.assert_array_equal(fan_out(net)[layer], brute_force(net, layer))


def test_branches_add_and_parallel_paths_do_not():
    """A target counts once, on however many paths it is reached."""
    with nengo.Network(seed=0) as net:
        layer = linear(SIZE)
        pool = nengo.Node(size_in=12)
        left, right = nengo.Node(size_in=SIZE), nengo.Node(size_in=3)
        nengo.Connection(
            layer.neurons,
            pool,
            transform=AveragePool(SHAPE, 2, (2, 1), "valid"),
            synapse=None,
        )
        nengo.Connection(pool, right, transform=np.ones((3, 12)), synapse=None)
        nengo.Connection(layer.neurons, left, synapse=None)
        nengo.Connection(
            layer.neurons,
            left,
            transform=convolution(2, SHAPE, (1, 2), padding="same"),
            synapse=None,
        )
        nengo.Connection(layer.neurons[:6:2], right, synapse=None)
    np.testing.assert_array_equal(fan_out(net)[layer], brute_force(net, layer))


def test_slices():
    with nengo.Network(seed=0) as net:
        layer = linear(SIZE)
        post = linear(9, label="post")
        nengo.Connection(
            layer.neurons[3:20],
            post.neurons[[1, 4]],
            transform=np.ones((2, 17)),
            synapse=None,
        )
        nengo.Connection(layer.neurons[[5, 39]], post.neurons[2:4], synapse=None)
    np.testing.assert_array_equal(fan_out(net)[layer], brute_force(net, layer))


def test_decoded_values_reach_what_their_encoders_reach():
    with nengo.Network(seed=0) as net:
        a = nengo.Ensemble(20, 2, label="a")
        b = nengo.Ensemble(30, 3, encoders=np.eye(3)[np.arange(30) % 3], label="b")
        node = nengo.Node(size_in=2)
        nengo.Connection(a, b[:2])
        nengo.Connection(a, node)
    counts = labelled(fan_out(net))
    np.testing.assert_array_equal(counts["a"], 20 + 2)
    np.testing.assert_array_equal(counts["b"], 0)
    assert labelled(n_synapses(net)) == {"a": 20 * 4, "b": 0}


def test_values_without_weights_count_one():
    with nengo.Network() as net:
        layer = linear(16)
        readout = nengo.Node(size_in=4)
        nengo.Connection(
            layer.neurons, readout, transform=AveragePool((4, 4, 1), 2), synapse=None
        )
    assert n_synapses(net) == {layer: 4}
    np.testing.assert_array_equal(fan_out(net)[layer], 1)


# -- what cannot be read ---------------------------------------------------------------


def opaque_node(net, layer):
    node = nengo.Node(lambda t, x: x, size_in=16, label="opaque")
    nengo.Connection(layer.neurons, node)
    nengo.Connection(node, nengo.Node(size_in=16))


def loop(net, layer):
    nodes = [nengo.Node(size_in=16, label="loop") for _ in range(2)]
    nengo.Connection(layer.neurons, nodes[0])
    nengo.Connection(nodes[0], nodes[1])
    nengo.Connection(nodes[1], nodes[0])


def direct(net, layer):
    nengo.Ensemble(1, 1, neuron_type=nengo.Direct(), label="exact")


@pytest.mark.parametrize(
    ("add", "name"),
    [
        (opaque_node, "opaque"),
        (loop, "loop"),
        (direct, "exact"),
    ],
)
def test_unreadable_networks_name_the_object(add, name):
    with nengo.Network() as net:
        add(net, linear(16))
    with pytest.raises(Unconvertible, match=name):
        fan_out(net)


def recurrent(a, b):
    nengo.Connection(a, a, synapse=0.1)


def learning(a, b):
    nengo.Connection(a, b, learning_rule_type=nengo.PES())


def noise(a, b):
    a.noise = nengo.processes.WhiteNoise()


def computed_input(a, b):
    node = nengo.Node(lambda t, x: x, size_in=1)
    nengo.Connection(nengo.Node(1), node, function=np.square)
    nengo.Connection(node, a)


def read_by_a_function(a, b):
    nengo.Connection(b, nengo.Node(lambda t, x: None, size_in=1))


def triangle(a, b):
    nengo.Connection(a, b, synapse=nengo.synapses.Triangle(0.01))


@pytest.mark.parametrize(
    ("add", "of_a", "of_b"),
    [
        (recurrent, 12 + 10, 0),
        (learning, 12, 0),
        (noise, 12, 0),
        (computed_input, 12, 0),
        (read_by_a_function, 12, 1),
        (triangle, 12, 0),
    ],
)
def test_counted_although_they_are_no_feed_forward_layers(add, of_a, of_b):
    """`layers.read` refuses them; what their neurons reach is known all the same."""
    with nengo.Network(seed=0) as net:
        a, b = nengo.Ensemble(10, 1), nengo.Ensemble(12, 1)
        nengo.Connection(a, b)
        add(a, b)
    with pytest.raises(Unconvertible):
        layers.read(net)
    counts = fan_out(net)
    np.testing.assert_array_equal(counts[a], of_a)
    np.testing.assert_array_equal(counts[b], of_b)
    n_decoded = {
        e: sum(c.size_out for c in net.all_connections if c.pre_obj is e)
        for e in (a, b)
    }
    assert n_synapses(net) == {e: n * e.n_neurons for e, n in n_decoded.items()}


def test_a_model_serves_as_its_network():
    model = networks.small()
    for count in (n_synapses, fan_out):
        expected, found = count(model.network), count(model)
        assert found.keys() == expected.keys()
        for ensemble in found:
            assert np.array_equal(found[ensemble], expected[ensemble])
        with pytest.raises(ValidationError, match="Network or a Model"):
            count(None)
