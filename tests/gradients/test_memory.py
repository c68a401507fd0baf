"""Memory that is told before training in spikes, against what NumPy allocates."""

import tracemalloc

from nengo_softlif import networks, to_spiking
from nengo_softlif.gradients import Unrolled
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.noise import Dropout
from nengo_softlif.registry import DERIVATIVES

import nengo
import numpy as np
import pytest


def small(synapse=nengo.Alpha(0.005)):  # noqa: B008 (synapses are frozen)
    return to_spiking(networks.small((12, 12, 2)), synapse)


def lenet(**settings):
    return networks.lenet((12, 12, 2), **settings)


CASES = [
    (lenet, {}, "leak-corrected"),
    (lenet, {"dropout": 0.2}, "leak-corrected"),
    (lenet, {"encoding": "constant"}, "leak-corrected"),
    (lenet, {}, "fast-sigmoid"),
    (small, {}, "soft-lif"),
    (small, {"synapse": None}, "soft-lif"),
    (small, {}, "triangular"),
    (small, {}, "measured-rates"),
    (networks.resnet9, {"image_shape": (8, 8, 2)}, "leak-corrected"),
]


def measure(unrolled, shown, n_steps, seed=0):
    """Bytes that are there at most, when examples go forward and backward."""
    rng = np.random.default_rng(seed)
    masks = {
        layer: (rng.random((len(shown), layer.size)) > 0.2).astype(np.float32)
        for layer in unrolled.neurons
        if isinstance(getattr(layer.neuron_type, "noise", None), Dropout)
    }
    weights = {
        op.connection: op.weights
        for paths in unrolled.feed_forward.paths.values()
        for op in (op for _, path in paths for op in path)
        if op.weights is not None
    }
    tracemalloc.start()
    course = unrolled.bind(weights, {}).forward(shown, n_steps, masks, rng)
    course.backward(np.ones((len(shown), n_steps, 10), np.float32))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("frames", [True, False])
@pytest.mark.parametrize(("make", "settings", "derivative"), CASES)
def test_memory_is_told_from_above_and_not_far_off(make, settings, derivative, frames):
    model = make(**settings)
    feed_forward = FeedForward(model.network, model.input, model.output, timed=True)
    trainable = parameters.trainable(model.network)
    derivative = DERIVATIVES[derivative]()
    unrolled = Unrolled(feed_forward, trainable, derivative, 0.001)
    rng = np.random.default_rng(1)
    n_examples, n_steps = 16, 50
    shape = n_examples, n_steps if frames else 1, model.input.size_out
    shown = (rng.random(shape) < 0.3).astype(np.float32)
    measure(unrolled, shown[:1], n_steps)  # compiles
    told = n_examples * unrolled.n_bytes(n_steps, frames) + unrolled.n_bytes_shared
    peak = measure(unrolled, shown, n_steps)
    assert peak < 1.05 * told
    assert told < 1.5 * peak
