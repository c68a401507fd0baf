"""Trained models that come with the package, and files of fewer digits."""

from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif import datasets, networks
from nengo_softlif.loading import locate
from nengo_softlif.registry import TRAINED

import numpy as np
import pytest
from nengo.exceptions import ValidationError

HIGHEST_PERCENT = {"mnist": 2.5, "cifar10": 14.0}
"""More than any network that is worth its place has on 500 images, even by chance."""


def data_of(name):
    known = [data for data in datasets.KNOWN if name.startswith(f"{data}-")]
    assert len(known) == 1
    return known[0]


def test_they_take_little_room():
    assert sum(locate(name).stat().st_size for name in TRAINED) < 10e6
    there = {
        path.name for path in (Path(softlif.__file__).parent / "weights").iterdir()
    }
    assert there == {Path(path).name for path in TRAINED.values()}


@pytest.mark.parametrize("name", TRAINED)
def test_what_is_known_of_them(name):
    model = softlif.load(name)
    assert len(model.history["loss"]) == model.training["epochs"]
    assert model.preprocessing is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_they_do_what_they_were_trained_for(name):
    kind = data_of(name)
    if datasets.find(kind) is None:
        pytest.skip(f"{kind} is not in the Keras cache")
    model, data = softlif.load(name), datasets.load(kind)
    assert model.training["data"] == data.sha256
    if not any(ensemble.neuron_type.spiking for ensemble in model.ensembles):
        model = softlif.to_spiking(model)
    shown = model.training.get("presentation_time", 0.2)  # of spikes
    found = softlif.evaluate(model, data, presentation_time=shown, n_examples=500)
    assert found.error_percent <= HIGHEST_PERCENT[kind]


def test_unknown_names(tmp_path, monkeypatch):
    known = ", ".join(TRAINED)
    with pytest.raises(ValidationError, match=f"or one of {known}, got 'mnist-lent'"):
        softlif.load("mnist-lent")
    with pytest.raises(ValidationError, match="does not exist; check the path"):
        softlif.load("mnist-lenet.safetensors")
    with pytest.raises(ValidationError, match="expected the path of a file, got 3"):
        softlif.load(3)
    monkeypatch.chdir(tmp_path)
    networks.small().save("mine")
    assert softlif.load("mine").source["function"] == "small"


@pytest.mark.parametrize("make", [lambda m: m, softlif.to_spiking])
def test_fewer_digits_cost_next_to_nothing(make, model, data, tmp_path):
    model = make(model)
    model.save(tmp_path / "whole")
    model.save(tmp_path / "half", dtype="float16")
    sizes = [(tmp_path / name).stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.4 * sizes[0]
    whole, half = (
        softlif.evaluate(
            softlif.load(tmp_path / name),
            data,
            backend="rate" if make is not softlif.to_spiking else "engine",
            presentation_time=0.1,
            n_examples=200,
        )
        for name in ("whole", "half")
    )
    assert np.mean(np.not_equal(whole.predictions, half.predictions)) <= 0.02
    once, again = softlif.load(tmp_path / "half"), tmp_path / "again"
    once.save(again, dtype="float16")
    assert again.read_bytes() == (tmp_path / "half").read_bytes()


def test_digits_that_there_are_not(tmp_path):
    model = networks.small()
    with pytest.raises(ValidationError, match='expected "float16", "float32" or'):
        model.save(tmp_path / "model", dtype="int8")
    model.ensembles[0].gain = np.full(model.ensembles[0].n_neurons, 1e5)
    with pytest.raises(ValidationError, match="beyond the range of float16"):
        model.save(tmp_path / "model", dtype="float16")
    assert not (tmp_path / "model").exists()
    model.save(tmp_path / "model", dtype="float32")
