"""Noise is as large as that of the spikes, which for regular trains is known."""

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    Dropout,
    GaussianNoise,
    LowpassNoise,
    Model,
    Preprocessing,
    SoftLIFRate,
    Stack,
    calibrate_noise,
    datasets,
    networks,
    to_spiking,
)

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from references import arrays_of, assert_same_arrays
from sample_data import few


@pytest.fixture(scope="module")
def digits():
    return few(datasets.load("digits"), 60, 40)


def regular(currents, digits, amplitude=0.03, noise=None):
    """One layer, whose neurons have constant currents whatever the image."""
    neurons = SoftLIFRate(0.02, 0.02, 0.002, amplitude, noise)
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), neurons, gain=1.0)
        stack.dense(len(currents), std=1e-9)
        output = stack.readout(10)
    (ensemble,) = net.all_ensembles
    ensemble.bias = np.asarray(currents, dtype=float)
    return Model(net, stack.input, output, Preprocessing.from_images(digits.x_train))


def stds(model):
    return [ensemble.neuron_type.noise.std for ensemble in model.ensembles]


def rate(J):
    return 1 / (0.002 + 0.02 * np.log1p(1 / (J - 1)))


@pytest.mark.parametrize(
    ("synapse", "noise"),
    [
        (nengo.Alpha(0.005), AlphaNoise(0.005)),
        (nengo.Alpha(0.003), AlphaNoise(0.003)),
        (nengo.Lowpass(0.01), LowpassNoise(0.01)),
    ],
    ids=str,
)
@pytest.mark.parametrize("amplitude", [1.0, 0.03])
def test_regular_trains_have_the_deviation_of_their_formula(
    synapse, noise, amplitude, digits
):
    """Nengo's spikes are at whole milliseconds, which changes a little."""
    currents = np.linspace(1.3, 2.0, 40)
    model = regular(currents, digits, amplitude)
    found = stds(calibrate_noise(model, digits, synapse, 1.0, n_images=2))
    phases = np.linspace(0, 1, 1000, endpoint=False)[:, None]
    seen = noise.sample(rate(currents), phases, tau_rc=0.02)
    wanted = np.sqrt(np.mean(np.var(seen, axis=0)))
    np.testing.assert_allclose(found, wanted, rtol=0.03)


def test_silent_neurons_do_not_count(digits):
    few_fire = regular([1.5] * 5 + [0.5] * 95, digits)
    all_fire = regular([1.5] * 5, digits)
    first, second = (
        stds(calibrate_noise(model, digits, presentation_time=1.0, n_images=1))
        for model in (few_fire, all_fire)
    )
    np.testing.assert_allclose(first, second, rtol=0.02)


def test_layers_above_have_what_comes_of_irregular_input(digits):
    """Against Nengo's own simulator, behind the same synapse."""
    model = networks.small(noise=AlphaRCNoise(0.005))
    model.preprocessing = Preprocessing.from_images(digits.x_train)
    for ensemble in model.ensembles:
        ensemble.bias = np.full(ensemble.n_neurons, 1.1)
    synapse = nengo.Alpha(0.005)
    found = stds(calibrate_noise(model, digits, synapse, 0.1, n_images=1))
    spiking = to_spiking(model, synapse)
    image = model.preprocessing.test(digits.x_train[:1])[0]
    spiking.input.output = image
    with spiking.network:
        probes = [nengo.Probe(e.neurons, synapse=synapse) for e in spiking.ensembles]
    with nengo.Simulator(spiking.network, progress_bar=False) as sim:
        sim.run(0.1)
    for ensemble, probe, std in zip(spiking.ensembles, probes, found, strict=True):
        variances = sim.data[probe][50:].var(axis=0) / ensemble.neuron_type.amplitude**2
        wanted = np.sqrt(variances.sum() / np.count_nonzero(variances))
        np.testing.assert_allclose(std, wanted, rtol=1e-4)
    assert len(set(found)) == 3


def test_the_model_stays_and_dropout_too(digits):
    model = regular([1.5] * 5, digits, noise=Dropout(0.3, GaussianNoise(10)))
    before = arrays_of(model)
    calibrated = calibrate_noise(model, digits, presentation_time=0.1, n_images=1)
    assert model.ensembles[0].neuron_type.noise == Dropout(0.3, GaussianNoise(10))
    assert_same_arrays(arrays_of(model), before)
    assert_same_arrays(arrays_of(calibrated), before)
    noise = calibrated.ensembles[0].neuron_type.noise
    assert isinstance(noise, Dropout)
    assert noise.rate == 0.3
    assert isinstance(noise.noise, GaussianNoise)
    assert noise.noise.std > 15


def test_it_is_saved_with_the_model(digits, tmp_path):
    model = regular([1.5] * 5, digits)
    calibrated = calibrate_noise(model, digits, presentation_time=0.1, n_images=1)
    calibrated.save(tmp_path / "model.safetensors")
    assert stds(networks.load(tmp_path / "model.safetensors")) == stds(calibrated)


def untrained(digits):
    model = regular([1.5], digits)
    model.preprocessing = None
    return model


def hard(digits):
    model = regular([1.5], digits)
    model.ensembles[0].neuron_type = nengo.LIFRate()
    return model


@pytest.mark.parametrize(
    ("make", "settings", "error", "message"),
    [
        (untrained, {}, ValidationError, "train the model first"),
        (hard, {}, ValidationError, "none of its layers has SoftLIFRate"),
        (lambda d: regular([0.5], d), {}, ValidationError, "fires no spikes for 1 im"),
        (lambda d: regular([1.5], d), {"synapse": None}, ValidationError, "got None"),
        (
            lambda d: regular([1.5], d),
            {"presentation_time": 0},
            ValidationError,
            "0.002 or more",
        ),
        (lambda d: regular([1.5], d), {"n_images": 0}, ValidationError, "n_images"),
        (
            lambda d: to_spiking(regular([1.5], d)),
            {},
            ValidationError,
            "network it was made from",
        ),
    ],
)
def test_bad_input(make, settings, error, message, digits):
    model = make(digits)
    with pytest.raises(error, match=message):
        calibrate_noise(model, digits, **{"n_images": 1, **settings})


def test_recurrent_networks_are_refused(digits):
    model = regular([1.5], digits)
    with model.network:
        nengo.Connection(
            model.ensembles[0].neurons, model.ensembles[0].neurons, synapse=0.1
        )
    with pytest.raises(ValidationError, match="closes a loop"):
        calibrate_noise(model, digits, n_images=1)
