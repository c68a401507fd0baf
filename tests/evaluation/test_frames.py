"""Frames that change in time: every backend shows one in each step."""

from dataclasses import replace

from nengo_softlif import (
    Preprocessing,
    evaluate,
    events,
    explain,
    networks,
    to_loihi,
    to_spiking,
)
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.evaluation import answers, presentation_order
from nengo_softlif.evaluation.answers import decide, readout_steps

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from sample_data import few

N_STEPS = 30
QUIET = {"n_examples": 5, "progress_bar": False}


@pytest.fixture(scope="module")
def moving(data):
    return events.moving_digits(few(data, 60, 20), n_steps=N_STEPS)


@pytest.fixture(scope="module")
def rate(moving):
    model = networks.small(moving.image_shape, moving.n_classes, noise=None)
    model.preprocessing = Preprocessing.from_images(moving.x_train, scale=0.01)
    return model


@pytest.fixture(scope="module")
def spiking(rate):
    return to_spiking(rate)


@pytest.fixture(scope="module")
def result(spiking, moving):
    return evaluate(spiking, moving, **QUIET)


def by_hand(model, data, n, n_steps=N_STEPS, back_to_back=False):
    """Answers and spikes of Nengo's own simulator, with frames from a process."""
    shown = presentation_order(len(data.x_test))[:n]
    frames = model.preprocessing.test(data.x_test[shown, :n_steps])
    runs = frames.reshape(1, -1, frames.shape[2]) if back_to_back else frames
    outputs, n_spikes = [], 0
    for run in runs:
        model = model.copy()
        model.input.output = nengo.processes.PresentInput(run, 0.001)
        with model.network:
            spikes = [nengo.Probe(e.neurons) for e in model.ensembles]
        with nengo.Simulator(model.network, progress_bar=False) as sim:
            sim.run_steps(len(run), progress_bar=False)
        outputs.append(sim.data[model.output])
        n_spikes += sum(np.count_nonzero(sim.data[probe]) for probe in spikes)
    outputs = np.concatenate(outputs).reshape(n, n_steps, -1)
    return decide(outputs, *readout_steps(n_steps, 0.001)), n_spikes / n


def test_the_engine_shows_what_nengo_is_fed_by_hand(spiking, moving, result):
    predictions, n_spikes = by_hand(spiking, moving, 5)
    np.testing.assert_array_equal(result.predictions_over_time, predictions)
    assert result.spikes_per_image == pytest.approx(n_spikes, rel=1e-3)
    assert result.presentation_time == pytest.approx(N_STEPS * 0.001)
    assert result.data_sha256 == moving.sha256
    assert len(np.unique(predictions)) > 1


@pytest.mark.parametrize("backend", ["nengo", "nengo-dl"])
@pytest.mark.parametrize("reset", [True, False])
def test_backends_agree(spiking, moving, backend, reset):
    ours = evaluate(spiking, moving, reset=reset, batch_size=1, **QUIET)
    theirs = evaluate(spiking, moving, backend, reset=reset, batch_size=1, **QUIET)
    np.testing.assert_array_equal(
        ours.predictions_over_time, theirs.predictions_over_time
    )
    assert ours.spikes_per_image == pytest.approx(theirs.spikes_per_image, rel=1e-3)


def test_nengo_dl_shows_more_steps_than_it_simulates_at_once(rate, moving):
    spiking = to_spiking(rate)
    longer = replace(
        moving, **{x: np.tile(getattr(moving, x), (1, 4, 1, 1, 1)) for x in FRAMES}
    )
    ours, theirs = (
        evaluate(spiking, longer, backend, **QUIET)
        for backend in ("engine", "nengo-dl")
    )
    assert ours.presentation_time == pytest.approx(0.12)
    np.testing.assert_array_equal(
        ours.predictions_over_time, theirs.predictions_over_time
    )


FRAMES = ("x_train", "x_test")


def test_frames_back_to_back(spiking, moving):
    predictions, n_spikes = by_hand(spiking, moving, 5, back_to_back=True)
    result = evaluate(spiking, moving, reset=False, **QUIET)
    np.testing.assert_array_equal(result.predictions_over_time, predictions)
    assert result.spikes_per_image == pytest.approx(n_spikes, rel=1e-3)


def test_batches_do_not_matter(spiking, moving, result):
    for batch_size in (1, 3, 5):
        other = evaluate(spiking, moving, batch_size=batch_size, **QUIET)
        np.testing.assert_array_equal(
            other.predictions_over_time, result.predictions_over_time
        )


def test_a_shorter_presentation_shows_the_first_frames(spiking, moving, result):
    short = evaluate(spiking, moving, presentation_time=0.02, **QUIET)
    np.testing.assert_array_equal(
        short.predictions_over_time, result.predictions_over_time[:, :4]
    )
    cut = replace(moving, **{x: getattr(moving, x)[:, :20] for x in FRAMES})
    assert evaluate(spiking, cut, **QUIET).predictions == short.predictions


def test_other_steps_show_the_same_frames(spiking, moving):
    result = evaluate(spiking, moving, dt=0.002, **QUIET)
    assert result.presentation_time == pytest.approx(N_STEPS * 0.002)


def test_frames_that_do_not_change_are_images(rate, data):
    """An image is what is shown in every step."""
    data = few(data, 60, 20)
    still = replace(data, **{x: getattr(data, x)[:, None] for x in FRAMES})
    frames = replace(
        still, **{x: np.repeat(getattr(still, x), N_STEPS, axis=1) for x in FRAMES}
    )
    model = networks.small(noise=None)
    model.preprocessing = Preprocessing.from_images(data.x_train)
    model = to_spiking(model)
    as_images = evaluate(model, data, presentation_time=0.001 * N_STEPS, **QUIET)
    as_frames = evaluate(model, frames, **QUIET)
    np.testing.assert_array_equal(
        as_images.predictions_over_time, as_frames.predictions_over_time
    )
    assert as_images.spikes_per_image == as_frames.spikes_per_image


def test_images_are_shown_as_long_as_ever(spiking, data):
    model = networks.small(noise=None)
    model.preprocessing = Preprocessing.from_images(data.x_train)
    result = evaluate(to_spiking(model), data, n_examples=1, progress_bar=False)
    assert result.presentation_time == 0.2


@pytest.mark.parametrize("pixel_rate", [None, 100])
@pytest.mark.parametrize("reset", [True, False])
def test_emulators_agree(spiking, moving, pixel_rate, reset):
    chip = to_loihi(spiking, pixel_rate=pixel_rate)
    settings = {**QUIET, "n_examples": 3, "reset": reset, "batch_size": 1}
    ours = evaluate(chip, moving, **settings)
    theirs = evaluate(chip, moving, "loihi-reference", **settings)
    np.testing.assert_array_equal(
        ours.predictions_over_time, theirs.predictions_over_time
    )
    assert ours.spikes_per_image == theirs.spikes_per_image
    assert ours.highest_rates_hz == theirs.highest_rates_hz


def test_the_emulator_shows_what_nengo_loihi_is_fed_by_hand(spiking, moving):
    chip = to_loihi(spiking)
    ours = evaluate(chip, moving, **{**QUIET, "n_examples": 1})
    shown = presentation_order(len(moving.x_test))[0]
    frames = chip.preprocessing.test(moving.x_test[[shown]])[0]
    chip.input.output = nengo.processes.PresentInput(frames, 0.001)
    with nengo_loihi.Simulator(chip.network, target="sim", progress_bar=False) as sim:
        sim.run_steps(N_STEPS)
    predictions = decide(sim.data[chip.output][None], *readout_steps(N_STEPS, 0.001))
    np.testing.assert_array_equal(ours.predictions_over_time, predictions)


def test_what_is_trained_on_averages_takes_frames(moving, data):
    """The mean current of the first layer is that of the averaged image."""
    averaged = moving.averaged()
    model = networks.small(moving.image_shape, moving.n_classes, noise=None)
    model.preprocessing = Preprocessing.from_images(averaged.x_train)
    rates = evaluate(model, averaged, "rate", **QUIET)
    spikes = evaluate(to_spiking(model), moving, **QUIET)
    assert rates.n_examples == spikes.n_examples == 5
    np.testing.assert_allclose(
        model.preprocessing.test(moving.x_test).mean(axis=1),
        model.preprocessing.test(averaged.x_test),
        atol=1e-4,
    )


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"presentation_time": 0.031},
            r"presentation_time: .* at most 0\.03 s.* 30 frames .* got 0\.031 s",
        ),
        ({"presentation_time": 0.2}, r"presentation_time: .* at most 0\.03 s"),
        ({"presentation_time": 0.0105}, "presentation_time: .*multiple of dt"),
        ({"presentation_time": 0}, "presentation_time: .*positive"),
        ({"presentation_time": 0.03, "dt": 0.0005}, "at most 0.015 s"),
        ({"dt": 0}, "dt: .*positive"),
        ({"window": 0.03}, r"window: .*before the end of the presentation at 0\.03 s"),
    ],
)
def test_times_that_do_not_fit(spiking, moving, change, match):
    with pytest.raises(ValidationError, match=match):
        evaluate(**{"model": spiking, "data": moving, **QUIET, **change})


def test_rates_have_no_time_for_frames(rate, moving):
    with pytest.raises(
        ValidationError, match=r"backend: 'rate' shows images.*data\.averaged\(\)"
    ):
        evaluate(rate, moving, "rate", **QUIET)
    with pytest.raises(ValidationError, match=r"data: .*frames.*data\.averaged\(\)"):
        explain(rate, moving, progress_bar=False)


def test_frames_of_another_size(spiking, moving):
    one = replace(moving, **{x: getattr(moving, x)[..., :1] for x in FRAMES})
    with pytest.raises(ValidationError, match=r"8 x 8 x 2.* got 30 x 8 x 8 x 1"):
        evaluate(spiking, one, **QUIET)


def test_frames_that_do_not_fit_memory(spiking, moving, monkeypatch):
    """Outputs would, but not what is shown."""
    monkeypatch.setattr(answers, "memory", lambda: 8 * N_STEPS * 5 * 100)
    with pytest.raises(ValidationError, match="30 steps of 640 prepared pixels take"):
        evaluate(spiking, moving, **QUIET)
