import nengo_softlif as softlif
from nengo_softlif import chip_backends, datasets, evaluation, options

import numpy as np
import pytest
from nengo.exceptions import ValidationError

SHORT = {"presentation_time": 0.05, "progress_bar": False}


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def spiking(data):
    model = softlif.networks.small(seed=1)
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
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


def test_rounding_moves_rates_little(chip, data):
    rounded, real = (
        softlif.evaluate(chip, data, backend=backend, n_examples=2, **SHORT).rates_hz
        for backend in ("loihi-emulator", "loihi-float")
    )
    for layer, rate in real.items():
        assert rounded[layer] == pytest.approx(rate, rel=0.2, abs=2)


def test_what_the_chip_cannot_run_is_refused(chip, spiking, data):
    for model, backend, settings, message in (
        (chip, "loihi", {}, "NxSDK"),
        (spiking, "loihi-emulator", {}, "to_loihi"),
        (chip, "loihi-float", {"dt": 5e-4}, "only step"),
    ):
        with pytest.raises(ValidationError, match=message):
            softlif.evaluate(model, data, backend=backend, **(SHORT | settings))


def test_the_command_line_knows_all_backends():
    assert set(options.BACKENDS) == set(evaluation._RUN)
    assert set(chip_backends.RUN) == set(chip_backends.TARGETS)
