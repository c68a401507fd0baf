"""What was trained is what comes out, whatever gains and kinds of input."""

from nengo_softlif import Model, SoftLIFRate, load
from nengo_softlif.compat import nengo_dl
from nengo_softlif.training.loop import fit

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from references import answers, arrays_of
from trainings import SETTINGS


class Answers(tf.keras.callbacks.Callback):
    """What the trained Keras model answers to images, before it is gone."""

    def __init__(self, images):
        super().__init__()
        self.images = images.astype(np.float32)

    def on_train_end(self, logs=None):
        if self.model.input_names is None:  # trained as layers
            self.answers = self.model.predict_on_batch(self.images)
            return
        values = [self.images[:, np.newaxis], np.ones((len(self.images), 1), np.int32)]
        inputs = dict(zip(self.model.input_names, values, strict=True))
        self.answers = self.model.predict_on_batch(inputs)[0][:, -1]


def ensemble(
    gain,
    inputs=("decoded", "neurons"),
    output="neurons",
    trainable=True,
    nested=False,
    neuron_type=None,
    **kwargs,
):
    """A model of the digits with an ensemble of given gains between."""
    n_neurons = len(gain)
    kwargs = {"dimensions": 3, **kwargs}
    with nengo.Network(seed=2) as net:
        nengo_dl.configure_settings(trainable=None)
        image = nengo.Node(np.zeros(64))
        inner = nengo.Network() if nested else net
        with inner:
            middle = nengo.Ensemble(
                n_neurons,
                neuron_type=neuron_type or SoftLIFRate(0.1, amplitude=0.05),
                gain=np.array(gain),
                bias=np.linspace(0.5, 3, n_neurons),
                **kwargs,
            )
            inner.config.configures(nengo.Ensemble)
            nengo_dl.configure_settings(trainable=None)
        inner.config[middle].trainable = trainable
        answer = nengo.Node(size_in=10)
        for kind in inputs:
            post = middle if kind == "decoded" else middle.neurons
            weights = nengo.dists.Gaussian(0, 0.3)
            transform = nengo.Dense((post.size_in, 64), init=weights)
            nengo.Connection(image, post, transform=transform, synapse=None)
        pre = middle if output == "decoded" else middle.neurons
        transform = nengo.Dense((10, pre.size_out), init=nengo.dists.Gaussian(0, 0.3))
        nengo.Connection(pre, answer, transform=transform, synapse=None)
        return Model(net, image, nengo.Probe(answer))


SIGNS = np.linspace(-2, 3, 20)


ZEROS = np.where(np.arange(20) % 3, SIGNS, 0)


DECODED = ("decoded",)


ENSEMBLES = {
    "plain": {"gain": np.ones(20), "inputs": DECODED},
    "negative": {"gain": SIGNS, "inputs": DECODED},
    "zeros": {"gain": ZEROS, "inputs": DECODED, "output": "decoded"},
    "zeros that cannot train": {"gain": ZEROS, "trainable": False},
    "radius": {"gain": SIGNS, "inputs": DECODED, "output": "decoded", "radius": 2.0},
    "both": {"gain": np.ones(20)},
    "all": {"gain": SIGNS, "output": "decoded", "radius": 0.5},
    "nested": {"gain": SIGNS, "nested": True, "radius": 2.0, "dimensions": 1},
    "not trained": {"gain": SIGNS, "trainable": False, "radius": 2.0},
    "LIFRate": {"gain": SIGNS, "neuron_type": nengo.LIFRate(amplitude=0.05)},
    "layers": {"gain": SIGNS, "inputs": ("neurons",)},
    "layers with zeros": {"gain": ZEROS, "inputs": ("neurons",), "radius": 2.0},
}


@pytest.mark.filterwarnings("ignore:training through NengoDL")
@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_network_is_what_was_trained(name, data, tmp_path, rng):
    """Whatever gains, radius and kinds of input, and after saving too."""
    model, untrained = (ensemble(**ENSEMBLES[name]) for _ in range(2))
    before = arrays_of(model)
    trained = Answers(rng.normal(size=(32, 64)))
    settings = {"batch_size": 32, "epochs": 2, "learning_rate": 0.02}
    fit(model, data, callbacks=[trained], progress_bar=False, **settings)

    after = arrays_of(model)
    decoded = any(c.post_obj in model.ensembles for c in model.network.all_connections)
    trainable = "train" not in name
    moved = np.abs(after["ensembles/0/encoders"] - before["ensembles/0/encoders"]).max()
    assert (moved > 0.01) == (decoded and trainable)
    expected = trained.answers
    assert np.ptp(expected) > 1
    close = {"rtol": 0, "atol": 1e-5 * np.abs(expected).max()}
    np.testing.assert_allclose(answers(model, trained.images), expected, **close)
    model.save(tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors", network=untrained.network)
    np.testing.assert_allclose(answers(loaded, trained.images), expected, **close)


@pytest.mark.filterwarnings("ignore:training through NengoDL")
def test_gains_of_zero_that_say_nothing_of_what_is_trained(data):
    with pytest.raises(ValidationError, match=r"Ensemble.* 7 neurons with gain 0.*Use"):
        fit(ensemble(ZEROS), data, **SETTINGS)
