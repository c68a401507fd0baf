"""Networks with the chip's neurons, trained in spikes for it."""

from nengo_softlif import evaluate, fit, networks, to_loihi, to_spiking
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.gradients import SoftLIF, Unrolled
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.loihi import with_chip_neurons

import nengo
import numpy as np
import pytest
from nengo.exceptions import Unconvertible, ValidationError
from references import nengo_saw_image

LOWPASS = nengo.Lowpass(0.005)
SHORT = {"presentation_time": 0.02, "progress_bar": False}


@pytest.fixture(scope="module")
def trained(data):
    model = networks.small(seed=3)
    fit(model, data, 4, 32, learning_rate=3e-3, progress_bar=False)
    return model


def types(model):
    return [type(ensemble.neuron_type) for ensemble in model.ensembles]


def test_layers_of_the_chip_have_its_neurons(trained):
    spiking = to_spiking(trained, LOWPASS)
    tuned, chip = with_chip_neurons(spiking), to_loihi(spiking)
    assert types(spiking) == 3 * [nengo.LIF]
    assert types(tuned) == types(chip) == [nengo.LIF, *2 * [nengo_loihi.LoihiLIF]]
    for own, there in zip(tuned.ensembles, chip.ensembles, strict=True):
        assert own.neuron_type == there.neuron_type
    # and go to the chip as they are
    for own, there in zip(tuned.ensembles, to_loihi(tuned).ensembles, strict=True):
        assert own.neuron_type == there.neuron_type
    plain = with_chip_neurons(spiking.network)
    assert isinstance(plain, nengo.Network)
    assert [e.neuron_type for e in plain.all_ensembles] == [
        e.neuron_type for e in tuned.ensembles
    ]


def test_spikes_in_training_are_those_of_nengo(trained, data):
    tuned = with_chip_neurons(to_spiking(trained, LOWPASS))
    with tuned.network:
        probes = {e: nengo.Probe(e.neurons) for e in tuned.ensembles}
    feed_forward = FeedForward(tuned.network, tuned.input, tuned.output, timed=True)
    trainable = parameters.trainable(tuned.network)
    unrolled = Unrolled(feed_forward, trainable, SoftLIF(), 0.001, "float64")
    images = tuned.preprocessing.test(data.x_test[:2])[:, np.newaxis]
    course = unrolled.bind({}, {}).forward(images, 60)
    tuned.network.image = tuned.input
    for i, image in enumerate(images):
        seen = nengo_saw_image(tuned.network, image, 60)
        for layer, counts in course.spikes.items():
            theirs = seen[probes[layer.obj.ensemble]] != 0
            assert theirs.sum() > 20
            np.testing.assert_array_equal(counts.values[i], theirs)
        np.testing.assert_allclose(
            course.outputs[i], seen[tuned.output], rtol=1e-9, atol=1e-9
        )


@pytest.mark.filterwarnings("ignore:.* fires at up to")
@pytest.mark.parametrize("derivative", ["soft-lif", "fast-sigmoid"])
def test_the_emulated_chip_decides_sooner(trained, data, derivative):
    tuned = with_chip_neurons(to_spiking(trained, LOWPASS))
    before = evaluate(to_loihi(tuned), data, **SHORT)
    fit(tuned, data, 3, 32, learning_rate=1e-3, derivative=derivative, **SHORT)
    chip = to_loihi(tuned)
    after = evaluate(chip, data, progress_bar=False)
    assert after.backend == "loihi-emulator"
    assert after.presentation_time == 0.02
    assert after.error_percent <= before.error_percent


def test_synapses_that_the_chip_does_not_have(trained):
    message = r"Alpha\(tau=0.005\), .*nengo.Lowpass\(tau=0.01\)\)"
    with pytest.raises(ValidationError, match=message):
        with_chip_neurons(to_spiking(trained))
    tuned = with_chip_neurons(to_spiking(trained, nengo.Lowpass(tau=0.01)))
    assert nengo_loihi.LoihiLIF in types(tuned)
    none = with_chip_neurons(to_spiking(trained, None))
    assert nengo_loihi.LoihiLIF in types(none)


def test_what_the_chip_does_not_take(trained):
    with pytest.raises(Unconvertible, match="rate neurons"):
        with_chip_neurons(trained)
    with pytest.raises(Unconvertible, match="which the chip does not have"):
        with_chip_neurons(networks.lenet((8, 8, 1)))
    with pytest.raises(ValidationError, match="made for the chip already"):
        with_chip_neurons(to_loihi(to_spiking(trained)))
    with pytest.raises(ValidationError, match="a Model"):
        with_chip_neurons("model")


def test_training_for_rates_of_the_chip_is_for_rates(trained, data):
    tuned = with_chip_neurons(to_spiking(trained, LOWPASS))
    with pytest.raises(ValidationError, match="target"):
        fit(tuned, data, target="loihi", **SHORT)
