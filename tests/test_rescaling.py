"""Rates are rescaled by the curve of neurons, and answers stay about the same."""

from nengo_softlif import (
    Model,
    Preprocessing,
    SoftLIFRate,
    Stack,
    datasets,
    networks,
    to_spiking,
)
from nengo_softlif.rescaling import rescale_rates, speed_up

import nengo
import numpy as np
import pytest
from nengo.exceptions import Unconvertible, ValidationError
from references import answers, arrays_of, assert_same_arrays
from sample_data import few
from sample_networks import shaken


@pytest.fixture(scope="module")
def digits():
    return few(datasets.load("digits"), 60, 40)


@pytest.fixture(scope="module")
def model(digits):
    """Neurons at 20 to 40 Hz, as after training; a shortcut and pools."""
    made = networks.resnet((8, 8, 1), width=4, noise=None)
    shaken(made, np.random.RandomState(0), 0.02)
    made.preprocessing = Preprocessing.from_images(digits.x_train)
    return made


def hard(model):
    """The same with the rates of spikes, as Nengo has them."""
    other = model.copy()
    for ensemble in other.ensembles:
        n = ensemble.neuron_type
        ensemble.neuron_type = nengo.LIFRate(n.tau_rc, n.tau_ref, n.amplitude)
    return other


def mean_rates(model, digits):
    """Of each layer in Hz, for images that nothing was solved for."""
    other = hard(model)
    with other.network:
        probes = [nengo.Probe(ensemble.neurons) for ensemble in other.ensembles]
    images = model.preprocessing.test(digits.x_test)
    other.input.output = lambda t: images[round(t / 0.001) - 1]
    with nengo.Simulator(other.network, progress_bar=False) as sim:
        sim.run_steps(len(images))
    amplitudes = [e.neuron_type.amplitude for e in other.ensembles]
    return np.array(
        [sim.data[p].mean() / a for p, a in zip(probes, amplitudes, strict=True)]
    )


def deviation(model, other, digits):
    """How far answers are from those of another model, beside how these differ."""
    images = model.preprocessing.test(digits.x_test)
    first, second = (answers(hard(m), images) for m in (model, other))
    return np.sqrt(np.mean((first - second) ** 2) / np.mean(np.var(first, axis=0)))


def with_gains(model, factor):
    """Gains multiplied, amplitudes divided: what is right for straight lines."""
    other = model.copy()
    for ensemble in other.ensembles:
        neurons = ensemble.neuron_type
        ensemble.gain = factor * np.asarray(ensemble.gain)
        amplitude = neurons.amplitude / factor
        ensemble.neuron_type = SoftLIFRate(
            neurons.sigma, neurons.tau_rc, neurons.tau_ref, amplitude
        )
    return other


@pytest.mark.parametrize("factor", [0.5, 2])
def test_rates_are_what_was_asked_for_and_answers_stay(model, digits, factor):
    """By Nengo's rates, on other images; gains alone do worse."""
    wanted = factor * mean_rates(model, digits).mean()
    held = arrays_of(model)
    rescaled = rescale_rates(model, digits, wanted, wanted)
    assert_same_arrays(model, held)
    np.testing.assert_allclose(mean_rates(rescaled, digits), wanted, rtol=0.15)
    moved = deviation(model, rescaled, digits)
    assert moved < 0.6
    assert moved < 0.7 * deviation(model, with_gains(model, factor), digits)


def test_layers_within_the_range_stay(model, digits):
    rescaled = rescale_rates(model, digits, 0, 1e9)
    assert_same_arrays(model, rescaled)
    assert deviation(model, rescaled, digits) < 1e-12
    assert (rescaled.source, model.source["function"]) == (None, "resnet")


def test_one_layer_by_hand(rng):
    """Its mean rate, and the least squares of the amplitude."""
    neurons = nengo.LIFRate(tau_rc=0.03, tau_ref=0.001, amplitude=0.2)
    with nengo.Network(seed=0) as net:
        stack = Stack((1, 1, 5), neurons, gain=0.8)
        stack.dense(30, std=1.0)
        output = stack.readout(3)
    images = rng.normal(size=(200, 1, 1, 5))
    data = datasets.Dataset("n", images, np.arange(200) % 3, images, np.arange(200) % 3)
    model = Model(net, stack.input, output, Preprocessing((1, 1, 5), 0, 1.0))
    rescaled = rescale_rates(model, data, 60, 70, n_images=200)
    weights = next(a for n, a in arrays_of(model).items() if a.shape == (30, 5))
    x = images.reshape(200, 5) @ weights.T

    def rates(model):
        (e,) = model.ensembles
        hard = nengo.LIFRate(tau_rc=0.03, tau_ref=0.001)
        return hard.rates(x, np.asarray(e.gain), np.asarray(e.bias))

    old, new = rates(model), rates(rescaled)
    assert not 60 <= old.mean() <= 70
    assert min(abs(new.mean() - 60), abs(new.mean() - 70)) < 1e-3
    c = np.sum(old * new) / np.sum(new**2)
    amplitude = rescaled.ensembles[0].neuron_type.amplitude
    assert amplitude == pytest.approx(0.2 * c, rel=1e-6)


@pytest.mark.parametrize("factor", [0.5, 3])
def test_faster_neurons_answer_the_same(model, digits, factor):
    held = arrays_of(model)
    faster = speed_up(model, factor)
    assert_same_arrays(model, held)
    assert_same_arrays(faster, held)
    expected = factor * mean_rates(model, digits)
    np.testing.assert_allclose(mean_rates(faster, digits), expected, rtol=1e-9)
    images = model.preprocessing.test(digits.x_test)
    expected = answers(model, images)
    np.testing.assert_allclose(answers(faster, images), expected, rtol=1e-9)


def test_faster_neurons_make_the_same_spikes_in_shorter_steps(model, digits):
    """In Nengo's simulator, where nothing knows how long a second is."""
    image = model.preprocessing.test(digits.x_test[:1])[0]
    found = []
    for factor in (1, 2):
        spiking = to_spiking(speed_up(model, factor), nengo.Alpha(0.004 / factor))
        spiking.input.output = image
        dt = 0.001 / factor
        with nengo.Simulator(spiking.network, dt=dt, progress_bar=False) as sim:
            sim.run_steps(100)
        found.append(sim.data[spiking.output])
    assert np.ptp(found[0]) > 0.1
    np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-9)


def test_what_cannot_be_faster(model):
    with pytest.raises(ValidationError, match="factor: expected a positive number"):
        speed_up(model, 0)
    with pytest.raises(ValidationError, match="speed up the rate network, and call"):
        speed_up(to_spiking(model), 2)
    other = model.copy()
    other.ensembles[1].neuron_type = nengo.RectifiedLinear()
    with pytest.raises(Unconvertible, match=r"RectifiedLinear.*by their curve"):
        speed_up(other, 2)


def test_what_cannot_be(model, digits):
    with pytest.raises(ValidationError, match=r"low: .*cannot fire at 1e\+06 Hz: it "):
        rescale_rates(model, digits, 1e6, 1e6)
    with pytest.raises(
        ValidationError, match="low: expected at most high, which is 20 Hz, got 30"
    ):
        rescale_rates(model, digits, 30, 20)
    with pytest.raises(ValidationError, match="rescale the rate network, and call"):
        rescale_rates(to_spiking(model), digits, 20, 30)
    with pytest.raises(ValidationError, match="train the model first"):
        rescale_rates(networks.small(), digits, 20, 30)
    other = model.copy()
    other.ensembles[1].neuron_type = nengo.RectifiedLinear()
    with pytest.raises(Unconvertible, match=r"RectifiedLinear.*by their curve"):
        rescale_rates(other, digits, 20, 30)
