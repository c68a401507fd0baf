import re
import warnings

import nengo_softlif as softlif
from nengo_softlif.evaluation import presentation_order
from nengo_softlif.targets import all_backends

import nengo
import numpy as np
import pytest
from nengo.exceptions import NengoWarning, ValidationError

SHORT = {"presentation_time": 0.05, "progress_bar": False}


@pytest.fixture(scope="module")
def spiking(model):
    return softlif.to_spiking(model)


@pytest.fixture(scope="module")
def chip(spiking):
    return softlif.to_loihi(spiking)


@pytest.mark.parametrize("reset", [True, False])
def test_our_emulator_answers_as_that_of_nengo_loihi(chip, data, reset):
    settings = {"n_examples": 3, "batch_size": 1, "reset": reset, **SHORT}
    ours, theirs = (
        softlif.evaluate(chip, data, backend=backend, **settings)
        for backend in ("loihi-emulator", "loihi-reference")
    )
    assert ours.spikes_per_image == theirs.spikes_per_image > 0
    assert ours.rates_hz == theirs.rates_hz
    assert ours.highest_rates_hz == theirs.highest_rates_hz
    np.testing.assert_array_equal(
        ours.predictions_over_time, theirs.predictions_over_time
    )
    assert ours.chip["target"] != theirs.chip["target"]


def test_the_record_tells_what_of_the_chip_is_taken(chip, data, tmp_path):
    result = softlif.evaluate(
        chip, data, backend="loihi-emulator", n_examples=2, **SHORT
    )
    use = softlif.loihi.utilization(chip)
    assert result.chip["cores"] == use.n_cores
    assert sum(map(len, result.chip["blocks"].values())) == use.n_cores
    assert "cores" in str(result)
    result.save(tmp_path / "chip.json")
    assert softlif.Evaluation.load(tmp_path / "chip.json").chip == result.chip


def test_blocks_have_the_names_of_rates(data):
    """Also where labels do not tell layers apart."""
    neurons = softlif.SoftLIFRate()
    with nengo.Network(seed=1) as net:
        stack = softlif.Stack((8, 8, 1), neurons)
        for n_neurons in (20, 20, 20):
            stack.dense(n_neurons)
        model = softlif.Model(net, stack.input, stack.readout(10))
    for ensemble in model.ensembles:
        ensemble.label = "dense"
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    chip = softlif.to_loihi(softlif.to_spiking(model))
    result = softlif.evaluate(
        chip, data, backend="loihi-emulator", n_examples=1, **SHORT
    )
    assert list(result.chip["blocks"]) == ["dense 2", "dense 3"]
    assert list(result.rates_hz) == ["dense 1", "dense 2", "dense 3"]


def test_rounding_moves_rates_little(chip, data):
    rounded, real = (
        softlif.evaluate(chip, data, backend=backend, n_examples=2, **SHORT).rates_hz
        for backend in ("loihi-emulator", "loihi-float")
    )
    for layer, rate in real.items():
        assert rounded[layer] == pytest.approx(rate, rel=0.2, abs=2)


@pytest.mark.parametrize(
    ("rate", "warned"), [(100, []), (250, ["conv2", "dense3"])], ids=["slow", "fast"]
)
def test_rates_too_high_for_whole_milliseconds(spiking, data, rate, warned):
    """A mean of 12 Hz hides neurons at 250 Hz; layers on the host may have them."""
    model = spiking.copy()
    for ensemble in model.ensembles:
        ensemble.gain = np.full(ensemble.n_neurons, 0.05)
        bias = np.full(ensemble.n_neurons, -5.0)
        few = slice(None, -(-ensemble.n_neurons // 30))
        bias[few] = 1 + 1 / np.expm1((1 / rate - 0.002) / 0.022)
        ensemble.bias = bias
    chip = softlif.to_loihi(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NengoWarning)
        results = [
            softlif.evaluate(
                network, data, backend="loihi-emulator", n_examples=2, **SHORT
            )
            for network in (chip, chip, chip.copy())
        ]
    result = results[0]
    messages = [str(w.message) for w in caught if w.category is NengoWarning]
    # once of a network, but of each
    assert messages[: len(messages) // 2] == messages[len(messages) // 2 :]
    messages = messages[: len(messages) // 2]
    assert [message.split()[0] for message in messages] == warned
    for message in messages:
        assert "Hz (99.9th percentile), of 333 Hz that are possible" in message
        # what fit refuses is not advised
        assert "if the network is of feed-forward layers of SoftLIFRate" in message
    assert max(result.rates_hz.values()) < 12
    for highest in result.highest_rates_hz.values():
        assert highest == pytest.approx(rate, rel=0.2)
        assert f"99.9 % at most {highest:.0f} Hz" in str(result)


def test_images_in_spikes(spiking, data):
    chip = softlif.to_loihi(spiking, pixel_rate=100)
    result = softlif.evaluate(
        chip, data, backend="loihi-emulator", n_examples=4, **SHORT
    )
    assert list(result.rates_hz)[:2] == ["image on", "image off"]
    images = chip.preprocessing.test(
        data.x_test[presentation_order(len(data.x_test))[:4]]
    )
    sent = result.rates_hz["image on"] + result.rates_hz["image off"]
    assert sent == pytest.approx(100 * np.abs(images).mean(), rel=0.1)


@pytest.mark.parametrize(
    ("pixel_rate", "warned"), [(250, []), (400, ["image on"])], ids=["slow", "fast"]
)
def test_spikes_that_do_not_reach_the_chip(spiking, data, pixel_rate, warned):
    """On the host neurons may fire several times in a step, and both see that."""
    chip = softlif.to_loihi(spiking, pixel_rate=pixel_rate)
    images = chip.preprocessing.test(
        data.x_test[presentation_order(len(data.x_test))[:2]]
    )
    assert (np.quantile(images, 0.999) * pixel_rate > 1000) == bool(warned)
    results = []
    for backend in ("loihi-emulator", "loihi-reference"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", NengoWarning)
            # of a copy, as of each network it is said once
            result = softlif.evaluate(
                chip.copy(), data, backend=backend, n_examples=2, batch_size=1, **SHORT
            )
        messages = [str(w.message) for w in caught if "on the host" in str(w.message)]
        assert [message.split(" fires")[0] for message in messages] == warned
        for message in messages:
            assert "NengoLoihi sends one spike per step to the chip, 1000 Hz" in message
            highest = result.highest_rates_hz["image on"]
            share = float(re.search(r"to at most (\d+) %", message)[1])
            assert 0 <= 1000 - share / 100 * highest < highest / 100
        results.append(result)
    ours, theirs = results
    assert ours.rates_hz == theirs.rates_hz
    assert ours.highest_rates_hz == theirs.highest_rates_hz


def test_models_for_the_chip_are_emulated_by_default(chip, spiking, data):
    for model, backend in ((chip, "loihi-emulator"), (spiking, "engine")):
        assert softlif.evaluate(model, data, n_examples=1, **SHORT).backend == backend


def test_what_the_chip_cannot_run_is_refused(chip, spiking, data):
    for model, backend, settings, message in (
        (chip, "loihi", {}, "NxSDK"),
        (spiking, "loihi-emulator", {}, "to_loihi"),
        (chip, "loihi-float", {"dt": 5e-4}, "only step"),
    ):
        with pytest.raises(ValidationError, match=message):
            softlif.evaluate(model, data, backend=backend, **(SHORT | settings))


def test_backends_are_what_their_names_say():
    for name, backend in all_backends().items():
        assert backend.name == name
