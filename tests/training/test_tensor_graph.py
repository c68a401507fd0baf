"""Training in spikes in TensorFlow is training in the engine's compiled loops."""

import inspect

import nengo_softlif
from nengo_softlif import BernoulliSpiking, Dropout, IntegrateAndFire, networks
from nengo_softlif.gradients import (
    DERIVATIVES,
    Arctan,
    FastSigmoid,
    LeakCorrected,
    MeasuredRates,
    SoftLIF,
    Triangular,
    Unrolled,
)
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.training import in_spikes
from nengo_softlif.training.tensor_graph import TensorUnrolled

import nengo
import numpy as np
import pytest
import sample_networks
from nengo.exceptions import Unconvertible, ValidationError
from numpy.testing import assert_allclose, assert_array_equal

N_STEPS = 25
DT = 0.001
LEAKY = IntegrateAndFire(tau_rc=0.01)


class Both:
    """The same network by both ways."""

    def __init__(self, net, image, answer, derivative, dtype="float64", dt=DT):
        self.feed_forward = FeedForward(net, image, answer, timed=True)
        given = self.feed_forward, parameters.trainable(net), derivative, dt, dtype
        self.ways = [Unrolled(*given), TensorUnrolled(*given)]
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


def both(build, derivative, dtype="float64", **kwargs):
    """Make both of a network that leads from an image to neurons."""
    net = sample_networks.made(build)
    return Both(net, net.image, net.probes[-2], derivative, dtype, **kwargs)


def takes_decoders(build):
    return build is sample_networks.decoded


@pytest.mark.parametrize(
    "build",
    [b for b in sample_networks.NETWORKS if b.__name__ not in ("decoded", "sparse")],
    ids=lambda build: build.__name__,
)
@pytest.mark.parametrize("derivative", [FastSigmoid(), MeasuredRates()], ids=repr)
def test_networks(build, derivative):
    by_weights, by_biases = both(build, derivative).compare(sample_networks.images())
    assert any(np.any(g) for g in by_weights.values())


NEURONS = [
    (nengo.LIF(), [FastSigmoid(), Arctan(), Triangular(), SoftLIF(), MeasuredRates()]),
    (nengo.LIF(0.01, 0.0033, min_voltage=-0.5, amplitude=0.5), [Triangular()]),
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
