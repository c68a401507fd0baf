"""Networks that several test files build."""

from nengo_softlif import (
    AveragePool,
    BernoulliSpiking,
    IntegrateAndFire,
    LocallyConnected,
    Model,
    SoftLIFRate,
)
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


# -- from an image of 72 values to the neurons at the end ------------------------------


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
        pool = AveragePool(shape, size, strides, padding)
        node = nengo.Node(size_in=pool.size_out)
        nengo.Connection(top, node, transform=pool, synapse=None)
        shape = pool.output_shape.shape
        top = connect(
            node, None, conv(4, shape, 0.3, padding="same"), nengo.Alpha(5e-3)
        )
    return top


def local(image):
    transform = LocallyConnected(
        3, (6, 6, 2), 3, 2, "same", nengo.dists.Gaussian(0, 0.5)
    )
    first = connect(image, None, transform, None)
    transform = LocallyConnected(4, (3, 3, 3), 2, 1, init=nengo.dists.Gaussian(0, 0.1))
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


def drive_of(neuron_type):
    """Size of currents for a type: one, or in Hz where the current is that."""
    return 300 if isinstance(neuron_type, IntegrateAndFire | BernoulliSpiking) else 1


def only_neurons(neuron_type):
    drive = drive_of(neuron_type)

    def build(image):
        first = neurons(40, neuron_type)
        connect(image, first, normal(40, 72, scale=drive))
        second = neurons(30, neuron_type, seed=2)
        return connect(first, second, normal(30, 40, scale=0.05 * max(drive / 20, 1)))

    build.__name__ = str(neuron_type)
    return build


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


def images(n=3, scale=1.0):
    """Images for them: (n, 1, 72)."""
    return scale * np.random.RandomState(11).rand(n, 1, 72)


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
