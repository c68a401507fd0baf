"""A way to train from outside the package: one class, and one row."""

from nengo_softlif import Model, SoftLIFRate, datasets, fit
from nengo_softlif.layers import parameters
from nengo_softlif.registry import TRAINERS
from nengo_softlif.training import Trainer

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError
from sample_data import few

SETTINGS = {
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 0.3,
    "progress_bar": False,
}


class Readout(Trainer):
    """Gradients in NumPy for the weights of the readout, at the rates of the neurons.

    See `.Trainer`. The neurons may spike: of time it knows nothing.
    """

    name = "readout"
    networks = "one layer of neurons between two connections"

    @classmethod
    def check(cls, model, settings):
        """Refuse what has more layers."""
        if len(model.ensembles) != 1:
            raise ValidationError("has other than one layer of neurons", attr="model")

    def __init__(self, network, image, answer, settings):
        super().__init__(network, image, answer, settings)
        if len(network.all_connections) != 2:
            raise Unconvertible(f"{network} has other than two connections")
        self._in, self._out = network.all_connections
        self._built = parameters.build(network)
        self.keras_model = tf.keras.Model()
        self.keras_model.readout = tf.Variable(self._built[self._out].weights)

    @property
    def data(self):
        """See `.Trainer`."""
        weights = self.keras_model.readout.numpy()
        return {
            **self._built,
            self._out: self._built[self._out]._replace(weights=weights),
        }

    def start_epoch(self):
        """See `.Trainer`."""
        self._seen = []

    def train(self, images, labels):
        """See `.Trainer`."""
        rates = self._rates(images)
        values = rates @ self.keras_model.readout.numpy().T
        right = np.eye(values.shape[1])[labels]
        chances = np.exp(values - values.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = (chances - right).T @ rates / len(images)
        self.keras_model.optimizer.apply_gradients(
            [(tf.constant(gradient), self.keras_model.readout)]
        )
        loss = -np.log(chances[np.arange(len(labels)), labels]).mean()
        self._seen.append((loss, np.mean(values.argmax(axis=1) == labels)))
        return tuple(np.mean(self._seen, axis=0))

    def predict(self, images):
        """See `.Trainer`."""
        return self._rates(images) @ self.keras_model.readout.numpy().T

    def _rates(self, images):
        neurons = self._in.post_obj.ensemble
        x = images @ self._built[self._in].weights.T
        built = self._built[neurons]
        return neurons.neuron_type.rates(x, built.gain, built.bias)


@pytest.fixture
def row(monkeypatch):
    monkeypatch.setitem(TRAINERS, "readout", Readout)


@pytest.fixture(scope="module")
def data():
    return few(datasets.load("digits"), 400, 100)


def one_layer(neuron_type=None, synapse=None):
    rng = np.random.default_rng(0)
    with nengo.Network(seed=0) as net:
        image, out = nengo.Node(np.zeros(64)), nengo.Node(size_in=10)
        hidden = nengo.Ensemble(
            100,
            1,
            neuron_type=neuron_type or SoftLIFRate(amplitude=0.01),
            gain=np.ones(100),
            bias=np.ones(100),
        )
        into = rng.normal(size=(100, 64)) * 0.3
        nengo.Connection(image, hidden.neurons, transform=into, synapse=None)
        zeros = np.zeros((10, 100))
        nengo.Connection(hidden.neurons, out, transform=zeros, synapse=synapse)
        answer = nengo.Probe(out)
    return Model(net, image, answer)


def spiking():
    return one_layer(nengo.LIF(amplitude=0.01), nengo.Alpha(0.005))


def weights(model):
    return parameters.collect(model.network, parameters.build(model.network))


def assert_same(a, b):
    for name, array in weights(a).items():
        np.testing.assert_array_equal(array, weights(b)[name], err_msg=name)


def test_it_is_taken_where_the_others_refuse(row, data):
    model, before = spiking(), weights(spiking())
    history = fit(model, data, validation_split=0.2, **SETTINGS)
    assert len(history["loss"]) == SETTINGS["epochs"]
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["validation_error_percent"][-1] < 30
    changed = {n for n, a in weights(model).items() if not np.array_equal(a, before[n])}
    assert changed == {"connections/1/weights"}
    # its neurons and synapse are what they were
    parts = parameters.describe_parts(spiking().network)
    assert parameters.describe_parts(model.network) == parts


def test_without_its_row_it_is_not_known(data):
    with pytest.raises(ValidationError, match="rate neurons are needed"):
        fit(spiking(), data, **SETTINGS)
    with pytest.raises(ValidationError, match=r"layers, spikes, nengo-dl, got 'rea"):
        fit(one_layer(), data, trainer="readout", **SETTINGS)


def test_it_is_taken_by_name(row, data):
    default, named = one_layer(), one_layer()
    fit(default, data, **SETTINGS)
    fit(named, data, trainer="readout", **SETTINGS)
    before = weights(one_layer())["connections/0/weights"]
    assert not np.array_equal(weights(default)["connections/0/weights"], before)
    np.testing.assert_array_equal(weights(named)["connections/0/weights"], before)
    found = [model.training["trainer"] for model in (default, named)]
    assert found == [None, "readout"]


def test_seed_decides(row, data):
    models = [spiking() for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        fit(model, data, seed=seed, **SETTINGS)
    assert_same(*models[:2])
    name = "connections/1/weights"
    assert not np.array_equal(weights(models[0])[name], weights(models[2])[name])


def test_resume_is_equal_to_the_last_bit(row, data, tmp_path):
    class Stop(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    straight, resumed, path = one_layer(), one_layer(), tmp_path / "checkpoint"
    settings = {**SETTINGS, "trainer": "readout"}
    history = fit(straight, data, **settings)
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data, checkpoint=path, callbacks=Stop(), **settings)
    with pytest.raises(ValidationError, match=r"other settings \(.*trainer"):
        fit(resumed, data, checkpoint=path, **SETTINGS)
    assert fit(resumed, data, checkpoint=path, **settings) == history
    assert_same(straight, resumed)


@pytest.mark.parametrize("settings", [{"batch_norm": True}, {"target": "loihi"}])
def test_what_it_lacks_is_told(row, data, settings):
    (name,) = settings
    with pytest.raises(
        ValidationError, match=f"{name}.*'readout' trains without; train with 'layers'"
    ):
        fit(one_layer(), data, trainer="readout", **settings, **SETTINGS)


def test_what_turns_out_to_be_none_of_its_networks_is_told(row, data):
    model = spiking()
    with model.network:
        nengo.Connection(model.input, model.output.obj, transform=np.zeros((10, 64)))
    message = "trainer.*needs a network of one layer.* has other than two connections"
    with pytest.raises(ValidationError, match=message):
        fit(model, data, **SETTINGS)
