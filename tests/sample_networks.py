"""Networks that several test files build."""

from nengo_softlif import Model, SoftLIFRate
from nengo_softlif.layers.parameters import build, collect, install

import nengo
import numpy as np


def shaken(model, rng, scale=0.1):
    """Give a network or model other weights, as training would, and return it."""
    network = getattr(model, "network", model)
    arrays = collect(network, build(network))
    for name, array in arrays.items():
        if name.startswith("connections"):
            array += scale * rng.normal(size=array.shape)
    install(network, arrays)
    return model


def mine(seed=None, n_neurons=20, extra=False, twice=False):
    """A model that no function of the package made: decoded and recurrent."""
    with nengo.Network(seed=seed) as net:
        net.config[nengo.Connection].synapse = None
        if extra:
            nengo.Node(0)
        image = nengo.Node(np.zeros(4), label="image")
        a = nengo.Ensemble(n_neurons, 2, neuron_type=SoftLIFRate(0.05))
        b = nengo.Ensemble(15, 1, neuron_type=SoftLIFRate(0.1))
        nengo.Connection(image, a.neurons, transform=nengo.dists.Gaussian(0, 0.1))
        for _ in range(1 + twice):
            nengo.Connection(a, b, function=lambda x: x[0] * x[1])
        nengo.Connection(b, b, synapse=0.1)
        node = nengo.Node(size_in=3)
        nengo.Connection(b, node, transform=[[1], [2], [3]])
        probe = nengo.Probe(node)
    return Model(net, image, probe)
