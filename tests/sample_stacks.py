"""Networks of layers, with weights as after training: what conversions are given."""

from functools import cache

import nengo_softlif as softlif
from nengo_softlif import Model, SoftLIFRate, Stack, datasets

import nengo
import numpy as np
from sample_networks import shaken

NEURONS = SoftLIFRate(0.02, 0.022, 0.002, 0.063)


def stacked(*layers, image=(8, 8, 2), seed=1):
    """Make a network of a stack's layers, with biases that are not zero."""
    with nengo.Network(seed=seed) as net:
        stack = Stack(image, NEURONS)
        for name, *args in layers:
            getattr(stack, name)(*args)
        output = stack.readout(4)
    return finished(Model(net, stack.input, output))


def finished(model, seed=2):
    rng = np.random.RandomState(seed)
    shaken(model, rng, 0.05)
    # moderate rates: spikes of the chip come at whole milliseconds, fast neurons late
    model.input.output = 0.5 * rng.normal(size=model.input.size_out)
    for ensemble in model.ensembles:
        with model.network:
            nengo.Probe(ensemble.neurons)
    return model


def raw(transform, second=None):
    """Make a network of which one connection has a given transform."""
    rng = np.random.RandomState(3)
    with nengo.Network(seed=1) as net:
        image = nengo.Node(np.zeros(transform.size_in))
        sources = [
            layer(transform.size_in, f"source{i}")
            for i in range(1 if second is None else 2)
        ]
        target = layer(transform.size_out, "target")
        added = nengo.Node(size_in=target.n_neurons)
        for source, t in zip(sources, (transform, second), strict=False):
            weights = nengo.Dense((source.n_neurons,) * 2, init=2.0)
            nengo.Connection(image, source.neurons, transform=weights, synapse=None)
            nengo.Connection(source.neurons, added, transform=t, synapse=None)
        nengo.Connection(added, target.neurons, synapse=None)
        out = nengo.Node(size_in=4)
        weights = rng.normal(size=(4, target.n_neurons))
        nengo.Connection(target.neurons, out, transform=weights, synapse=None)
        output = nengo.Probe(out)
    return finished(Model(net, image, output))


def layer(n_neurons, label):
    ones = np.ones(n_neurons)
    return nengo.Ensemble(
        n_neurons, 1, neuron_type=NEURONS, gain=ones, bias=1.1 * ones, label=label
    )


def batch_normalised():
    data = datasets.load("digits")
    model = softlif.networks.small(noise=None)
    softlif.fit(model, data, epochs=1, batch_norm=True)
    image = model.preprocessing.test(data.x_test[:1])
    model.input.output = image.ravel()
    with model.network:
        for ensemble in model.ensembles:
            nengo.Probe(ensemble.neurons)
    return model


def gaussian(*shape):
    return nengo.dists.Gaussian(0, np.sqrt(2 / np.prod(shape)))


def grouped():
    init = gaussian(3, 3, 2)
    return raw(nengo.Convolution(6, (6, 6, 4), groups=2, padding="same", init=init))


def two_inputs():
    first = nengo.Convolution(3, (6, 6, 2), padding="same", init=gaussian(3, 3, 2))
    second = nengo.Dense((108, 72), init=gaussian(72))
    return raw(first, second)


NETWORKS = {
    "convolution with bias": lambda: stacked(("convolution", 4), ("convolution", 6)),
    "dense with bias": lambda: stacked(("dense", 60), ("dense", 40)),
    "average pooling, convolution": lambda: stacked(
        ("convolution", 4), ("average_pool", 2), ("convolution", 6)
    ),
    "average pooling, dense": lambda: stacked(
        ("convolution", 4), ("average_pool", 2), ("dense", 30)
    ),
    "overlapping pooling": lambda: stacked(
        ("convolution", 4), ("average_pool", 3, 2, "same"), ("convolution", 6)
    ),
    "batch norm": batch_normalised,
    "locally connected": lambda: stacked(("convolution", 4), ("local", 5)),
    "pooling, locally connected": lambda: stacked(
        ("convolution", 4), ("average_pool", 3, 2, "ceil"), ("local", 5)
    ),
    "strided convolution": lambda: stacked(
        ("convolution", 4), ("convolution", 6, 3, 2)
    ),
    "grouped convolution": grouped,
    "two inputs added": two_inputs,
    "5,000 inputs": lambda: stacked(
        ("convolution", 20), ("dense", 25), image=(25, 10, 1)
    ),
    "pooled readout": lambda: stacked(
        ("convolution", 4), ("convolution", 4), ("average_pool", 2)
    ),
}


def integrator(neuron_type=None):
    """Make a memory, and a decoded function of it."""
    with nengo.Network(seed=4) as net:
        net.config[nengo.Ensemble].neuron_type = neuron_type or nengo.LIF()
        stimulus = nengo.Node(lambda t: 1.0 if t < 0.2 else 0.0)
        sender = nengo.Ensemble(100, 1, label="sender")
        memory = nengo.Ensemble(100, 1, label="memory")
        square = nengo.Ensemble(100, 1, label="square")
        out = nengo.Node(size_in=1)
        nengo.Connection(stimulus, sender, synapse=None)
        nengo.Connection(sender, memory, transform=0.1, synapse=0.1)
        nengo.Connection(memory, memory, synapse=0.1)
        nengo.Connection(memory, square, function=np.square, synapse=0.01)
        nengo.Connection(square, out, synapse=0.05)
        nengo.Probe(memory, synapse=0.05)
        nengo.Probe(out)
    return net


@cache
def made(name):
    """One of the networks, made once; it must be copied before it is changed."""
    return NETWORKS[name]()


@cache
def in_spikes(name):
    """The same in spikes."""
    return softlif.to_spiking(made(name))
