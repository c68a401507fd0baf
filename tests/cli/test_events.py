"""Event data through the front door."""

import json

from nengo_softlif import (
    Preprocessing,
    datasets,
    evaluate,
    events,
    networks,
    to_spiking,
)

import nengo
import numpy as np
import pytest
from command_line import SHORT, assert_fails
from sample_events import examples

SENSOR = (8, 8, 2)


@pytest.fixture
def gestures(tmp_path):
    """A file of events."""
    path = tmp_path / "gestures.npz"
    train, test = (
        examples(n, seed, sensor_size=SENSOR) for n, seed in ((12, 0), (6, 50))
    )
    events.save(
        path, train, np.arange(12) % 3, test, np.arange(6) % 3, SENSOR, dt=0.0005
    )
    return path


@pytest.fixture
def model_file(tmp_path, gestures):
    model = networks.small((8, 8, 2), 3, noise=None)
    model.preprocessing = Preprocessing.from_images(
        datasets.load(gestures).x_train, scale=0.01
    )
    path = tmp_path / "gestures.safetensors"
    model.save(path)
    return path


def test_events_are_evaluated(run, model_file, gestures, tmp_path):
    options = ("--data", gestures, "--dt", 0.0005, "--out", "result.json")
    result = run("evaluate", model_file, *options)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["dataset"] == "gestures"
    assert record["presentation_time"] == pytest.approx(0.02)
    spiking = to_spiking(networks.load(model_file), nengo.Alpha(0.005))
    data = datasets.load(gestures)
    expected = evaluate(spiking, data, dt=0.0005, progress_bar=False)
    assert record["predictions"] == expected.predictions
    assert record["spikes_per_image"] == expected.spikes_per_image
    assert record["data_sha256"] == data.sha256


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--presentation-time", 0.05), "presentation_time: expected at most 0.04 s"),
        (("--backend", "rate"), "'rate' shows images that stay as they are"),
    ],
)
def test_what_does_not_fit_events(run, model_file, gestures, options, message):
    assert_fails(run("evaluate", model_file, "--data", gestures, *options), message)


def test_events_are_trained_on_in_spikes(run, gestures, tmp_path):
    """All that is shown is the data's: the size of frames, classes and polarities."""
    train = ("train", gestures, "--network", "lenet", "--batch-size", 6, "--epochs", 2)
    train = (*train, "--presentation-time", 0.01, "--dt", 0.0005)
    assert_fails(run(*train, "--presentation-time", 0.05), "has 40 frames for each")
    trained = run(*train)
    assert trained.exit_code == 0, trained.output
    assert "in spikes: 20 steps, 6 examples at a time" in trained.output
    model = networks.load(tmp_path / "gestures.safetensors")
    assert model.input.size_out == 8 * 8 * 2
    assert model.output.size_in == 3
    measured = run(
        "evaluate", "gestures.safetensors", "--data", gestures, "--out", "result.json"
    )
    assert measured.exit_code == 0, measured.output
    record = json.loads((tmp_path / "result.json").read_text())
    assert (record["presentation_time"], record["dt"]) == (0.01, 0.0005)
    expected = evaluate(model, datasets.load(gestures), progress_bar=False)
    assert record["spikes_per_image"] == expected.spikes_per_image > 0
    assert "is done already" in run(*train).output


def test_rates_are_not_trained_on_events(run, gestures, tmp_path):
    assert_fails(run("train", gestures, *SHORT), "40 frames for each example")
    assert not list(tmp_path.glob("*.safetensors*"))
