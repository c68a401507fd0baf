"""Law 9: what is saved is what is loaded; of models, with each kind of noise."""

from nengo_softlif import Preprocessing, datasets, evaluate, load, networks, to_spiking

import numpy as np
import pytest
from kinds import NOISES
from references import assert_same_arrays
from sample_networks import shaken


@pytest.fixture
def few():
    """A data set of noise, of three classes."""
    rng = np.random.RandomState(0)
    x = rng.randint(256, size=(20, 8, 7, 2)).astype(np.uint8)
    return datasets.Dataset("few", x[:12], np.arange(12) % 3, x[12:], np.arange(8) % 3)


def made(noise, rng):
    """A model with all that belongs to it."""
    model = shaken(networks.small((6, 5, 2), 3, noise, seed=4), rng)
    model.history = {"loss": [0.5, 0.25]}
    model.crop, model.flip, model.shift = (6, 5), True, 2
    model.preprocessing = Preprocessing((8, 7, 2), rng.uniform(size=2), 3.0, (6, 5))
    return model


@pytest.mark.parametrize("noise", [None, *NOISES], ids=repr)
def test_a_saved_model_is_the_same(noise, tmp_path, rng):
    model, path = made(noise, rng), tmp_path / "model.safetensors"
    model.save(path)
    loaded = load(path)
    assert_same_arrays(loaded, model)
    assert loaded.history == model.history
    assert loaded.preprocessing == model.preprocessing
    assert tuple(loaded.crop) == model.crop
    assert loaded.flip is True
    assert loaded.shift == 2
    assert loaded.source == model.source
    assert repr(loaded) == repr(model)
    for ensemble, twin in zip(model.ensembles, loaded.ensembles, strict=True):
        assert twin.neuron_type == ensemble.neuron_type
        assert twin.neuron_type.noise == noise
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_a_saved_model_is_evaluated_alike(few, tmp_path, rng):
    model = made(None, rng)
    model.save(tmp_path / "model")
    first, second = (
        evaluate(to_spiking(m), few, presentation_time=0.03, progress_bar=False)
        for m in (model, load(tmp_path / "model"))
    )
    np.testing.assert_array_equal(
        first.predictions_over_time, second.predictions_over_time
    )
    assert first.spikes_per_image == second.spikes_per_image > 0
