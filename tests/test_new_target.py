"""A hardware target from outside of the package: a class, and a row in a table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif import registry

import nengo
import numpy as np
import pytest
import toy_chip
from nengo.exceptions import Unconvertible, ValidationError

SHORT = {"presentation_time": 0.05, "n_examples": 30, "progress_bar": False}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(registry.TARGETS, "toy", toy_chip.TOY)


@pytest.fixture(scope="module")
def spiking(model):
    return softlif.to_spiking(model)


def test_it_takes_sixty_lines():
    assert len(Path(toy_chip.__file__).read_text().splitlines()) <= 60


def test_evaluate(spiking, data):
    chip = toy_chip.to_toy(spiking)
    result = softlif.evaluate(chip, data, **SHORT)
    assert result.backend == "toy-emulator"
    engine = softlif.evaluate(chip, data, backend="engine", **SHORT)
    assert result.predictions == engine.predictions
    assert result.rates_hz == engine.rates_hz
    exact = softlif.evaluate(spiking, data, **SHORT)
    assert result.rates_hz != exact.rates_hz


def test_what_is_made_for_it_is_not_for_others(spiking, data):
    with pytest.raises(ValidationError, match="is not made for the chip"):
        softlif.evaluate(
            toy_chip.to_toy(spiking), data, backend="loihi-emulator", **SHORT
        )


def test_what_is_made_for_it_is_converted_once(spiking):
    chip = toy_chip.to_toy(spiking)
    for convert in (softlif.to_spiking, softlif.to_loihi, toy_chip.to_toy):
        with pytest.raises(ValidationError, match="it is what to_toy returned"):
            convert(chip)


def test_explain(model, spiking, data):
    found = softlif.explain(model, data, target="toy", **SHORT)
    names = [rung.name for rung in found.rungs]
    assert names == ["soft LIF rates", "LIF rates", "spikes", "toy"]
    assert found.rungs[-1].change == "all that to_toy changes"
    alone = softlif.evaluate(toy_chip.to_toy(spiking), data, **SHORT)
    assert found.rungs[-1].evaluation.predictions == alone.predictions
    assert found.rungs[-1].difference is not None


def test_what_it_refuses_is_refused_first(data):
    with nengo.Network(seed=0) as net:
        stack = softlif.Stack((8, 8, 1), nengo.RectifiedLinear())
        stack.dense(5)
        model = softlif.Model(net, stack.input, stack.readout(10))
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    with pytest.raises(Unconvertible, match="the toy has nengo"):
        softlif.explain(model, data, target="toy", **SHORT)


def test_fit(data):
    """Weights of four bits are trained: they lose less by being rounded."""
    settings = {"epochs": 4, "batch_size": 64, "seed": 1, "progress_bar": False}
    lost = []
    for target in (None, "toy"):
        model = softlif.networks.small(noise=None, seed=1)
        softlif.fit(model, data, target=target, learning_rate=3e-3, **settings)
        assert model.training["target"] == (target and {"type": "toy"})
        chip = toy_chip.to_toy(softlif.to_spiking(model))
        shown = {"presentation_time": 0.1, "n_examples": 200, "progress_bar": False}
        found = softlif.evaluate(chip, data, **shown).error_percent
        lost.append(found - model.history["error_percent"][-1])
    assert lost[1] < lost[0]


def test_others_are_named(model, data):
    with pytest.raises(ValidationError, match="expected one of loihi, toy, got 'brain"):
        softlif.explain(model, data, target="brainscales", **SHORT)


@pytest.fixture
def installed(tmp_path):
    """A folder in which the toy is installed as a package of somebody else's."""
    (tmp_path / "toy_chip.py").write_text(Path(toy_chip.__file__).read_text())
    info = tmp_path / "toy_chip-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy_chip\nVersion: 1")
    entry = "[nengo_softlif.targets]\ntoy = toy_chip:TOY\n"
    (info / "entry_points.txt").write_text(entry)
    return tmp_path


def command(installed, *arguments):
    paths = [str(installed), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-m", "nengo_softlif", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_command_line(installed, model, data, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    model.save(path)
    told = command(installed, "evaluate", "--help").split()
    assert "on the toy chip." in " ".join(told)
    short = ("--data", "digits", "--n-examples", 30, "--presentation-time", 0.05)
    shown = command(
        installed, "evaluate", path, *short, "--backend", "toy-emulator", "--json"
    )
    record = json.loads(shown)
    assert record["backend"] == "toy-emulator"
    chip = toy_chip.to_toy(softlif.to_spiking(softlif.load(path)))
    assert record["predictions"] == softlif.evaluate(chip, data, **SHORT).predictions
    shown = command(installed, "explain", path, *short, "--target", "toy", "--json")
    rungs = json.loads(shown)["rungs"]
    assert [rung["name"] for rung in rungs][-2:] == ["spikes", "toy"]
    np.testing.assert_equal(
        rungs[-1]["evaluation"]["predictions"], record["predictions"]
    )
    monkeypatch.chdir(tmp_path)
    shown = command(installed, "train", "digits", "--target", "toy", "--epochs", 1)
    assert "--backend toy-emulator" in shown
    assert softlif.load("digits-toy.safetensors").training["target"] == {"type": "toy"}
