"""Networks for the chip, simulated by the weights they were made from."""

import nengo_softlif as softlif
from nengo_softlif.layers import parameters
from nengo_softlif.loihi.unfolded import UnfoldedPlan

import nengo
import numpy as np
import pytest

SHAPE = (8, 8, 1)


def pooled(stack):
    stack.convolution(4, kernel_size=3)
    stack.average_pool(2)
    stack.convolution(6, kernel_size=3)
    stack.average_pool(2)
    stack.dense(12)


def plain(stack):
    stack.dense(30)
    stack.dense(20)


def made(build):
    with nengo.Network(seed=3) as net:
        stack = softlif.Stack(SHAPE, softlif.SoftLIFRate(amplitude=0.05))
        build(stack)
        model = softlif.Model(net, stack.input, stack.readout(5))
    return softlif.to_spiking(model)


def branched():
    """Side ways, a sum between layers, constants, decoders and gains of all kinds."""
    rng = np.random.RandomState(0)
    with nengo.Network(seed=1) as net:
        image = nengo.Node(np.zeros(16))
        a, b, c = (
            nengo.Ensemble(n, 1, neuron_type=nengo.LIF(), label=label)
            for n, label in ((12, "a"), (10, "b"), (9, "c"))
        )
        c.gain, c.bias = rng.uniform(0.5, 2, 9), rng.uniform(0.5, 1.5, 9)
        both, one = nengo.Node(size_in=9), nengo.Node([1.0])

        def connect(pre, post, synapse=None):
            weights = rng.randn(post.size_in, pre.size_out) / 20
            nengo.Connection(pre, post, transform=weights, synapse=synapse)

        connect(image, a.neurons)
        connect(a.neurons[::-1], b.neurons, 0.005)
        connect(a.neurons, both, 0.005)
        connect(b.neurons[:7], both, 0.005)
        connect(one, c.neurons)
        nengo.Connection(both, c.neurons, synapse=None)
        nengo.Connection(a, c.neurons, transform=rng.randn(9, 1), synapse=0.005)
        answer = nengo.Node(size_in=5)
        connect(c.neurons, answer)
        return softlif.Model(net, image, nengo.Probe(answer, synapse=0.005))


def unreached():
    """Nothing arrives at the layer in the middle; biases let neurons fire."""
    model = made(lambda stack: [stack.convolution(2), stack.local(2), stack.dense(9)])
    arrays = parameters.collect(model.network, parameters.build(model.network))
    arrays["connections/1/weights"][...] = 0
    for name in ("ensembles/1/bias", "ensembles/2/bias"):
        arrays[name][...] = 2
    assert arrays["connections/1/weights"].ndim == 1  # those of the local layer
    parameters.install(model.network, arrays)
    return model


@pytest.mark.parametrize("kind", ["pooled", "plain", "branched", "unreached"])
@pytest.mark.parametrize("neurons", ["chip's", "spiking"])
def test_it_gives_the_spikes_of_the_folded_network(kind, neurons):
    make = globals()[kind]
    spiking = made(make) if kind in ("pooled", "plain") else make()
    chip = softlif.to_loihi(spiking)
    if neurons == "spiking":
        for ensemble, twin in zip(chip.ensembles, spiking.ensembles, strict=True):
            ensemble.neuron_type = twin.neuron_type
    images = np.random.RandomState(1).uniform(0, 3, (3, 1, spiking.input.size_out))
    settings = {"minibatch_size": 3, "dtype": "float64", "progress_bar": False}
    seen = []
    for sim in (
        softlif.Simulator(chip.network, **settings),
        softlif.Simulator(chip.network, plan=UnfoldedPlan(spiking.network), **settings),
    ):
        with sim:
            sim.run_steps(150, {chip.input: images})
            counts = [sim.spike_counts(ensemble) for ensemble in chip.ensembles]
            seen.append((sim.data[chip.output], counts))
    (folded, expected), (unfolded, found) = seen
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert expected[-1].sum() > 0
    np.testing.assert_allclose(unfolded, folded, atol=1e-9)
