"""Frames that change in time reach those ways to train that take them."""

from dataclasses import replace

from nengo_softlif import Model, Preprocessing, evaluate, events, fit, networks
from nengo_softlif.layers import parameters
from nengo_softlif.registry import TRAINERS
from nengo_softlif.spiking_neurons import IntegrateAndFire
from nengo_softlif.training import Trainer
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.batches import TrainingImages

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from sample_data import few


@pytest.fixture(scope="module")
def moving(data):
    return events.moving_digits(few(data, 60, 20), n_steps=7)


def model(data):
    return networks.small(data.image_shape, data.n_classes)


def test_batches_are_prepared_frames(moving):
    settings = Settings(batch_size=16, validation_split=0.2, seed=3)
    images = TrainingImages(model(moving), moving, settings)
    assert images.preprocessing == Preprocessing((8, 8, 2), 0, 0.001)
    seen = list(images.shuffle(0))
    assert len(seen) == images.n_batches == 3
    whole = images.preprocessing.test(moving.x_train)
    for frames, labels in seen:
        assert frames.shape == (16, 7, 128)
        assert frames.dtype == np.float32
        for one, label in zip(frames, labels, strict=True):
            (i, *_) = np.flatnonzero((whole == one).all(axis=(1, 2)))
            assert moving.y_train[i] == label
    again = next(images.shuffle(0))[0]
    np.testing.assert_array_equal(seen[0][0], again)


def test_frames_of_an_example_are_cropped_alike(moving):
    smaller = networks.small((6, 6, 2), 4)
    smaller.crop, smaller.scale = 6, 1.0
    images = TrainingImages(smaller, moving, Settings(batch_size=60))
    ((frames, _),) = images.shuffle(0)
    parts = [
        moving.x_train[:, :, top : top + 6, left : left + 6].reshape(60, 7, 72)
        for top in range(3)
        for left in range(3)
    ]
    for one in frames:
        assert any((part == one).all(axis=(1, 2)).any() for part in parts)


class Mean(Trainer):
    """Trains a bias of its own, and looks at frames: see `.Trainer`."""

    name = "mean"
    takes_frames = True
    check = classmethod(lambda cls, model, settings: None)

    def __init__(self, network, image, answer, settings):
        super().__init__(network, image, answer, settings)
        self.data = parameters.build(network)
        self.keras_model = tf.keras.Model()
        self.keras_model.bias = tf.Variable(np.zeros(answer.size_in, np.float32))
        self.seen = []

    data = None

    def train(self, images, labels):
        assert images.shape == (self.batch_size, 7, 128)
        with tf.GradientTape() as tape:
            values = tf.tile(self.keras_model.bias[None], (len(images), 1))
            loss = tf.reduce_mean(
                tf.keras.losses.sparse_categorical_crossentropy(
                    labels, values, from_logits=True
                )
            )
        variables = [self.keras_model.bias]
        gradients = tape.gradient(loss, variables)
        self.keras_model.optimizer.apply_gradients(
            zip(gradients, variables, strict=True)
        )
        return float(loss), 0.25

    def predict(self, images):
        assert images.shape == (self.batch_size, 7, 128)
        return np.tile(self.keras_model.bias.numpy(), (len(images), 1))


def test_ways_that_take_frames_train_and_validate_on_them(moving, monkeypatch):
    monkeypatch.setitem(TRAINERS, "mean", Mean)
    trained = model(moving)
    # 15 are kept to validate on, which do not fill a batch
    history = fit(trained, moving, 3, 16, validation_split=0.25, progress_bar=False)
    assert len(history["validation_loss"]) == 3
    assert history["validation_loss"][-1] != history["validation_loss"][0]
    assert trained.preprocessing == Preprocessing((8, 8, 2), 0, 0.001)
    assert trained.training["data"] == moving.sha256


def spiking(data):
    """One layer of integrate-and-fire neurons, to which events are spikes."""
    rng = np.random.default_rng(0)
    n_in = int(np.prod(data.image_shape))
    with nengo.Network(seed=0) as net:
        image, out = nengo.Node(np.zeros(n_in)), nengo.Node(size_in=data.n_classes)
        hidden = nengo.Ensemble(
            60,
            1,
            neuron_type=IntegrateAndFire(tau_rc=0.02),
            gain=np.ones(60),
            bias=np.zeros(60),
        )
        into = rng.normal(size=(60, n_in), scale=0.5)
        nengo.Connection(image, hidden.neurons, transform=into, synapse=None)
        onto = rng.normal(size=(data.n_classes, 60), scale=0.01)
        nengo.Connection(hidden.neurons, out, transform=onto, synapse=0.005)
        return Model(net, image, nengo.Probe(out))


SETTINGS = {"batch_size": 50, "learning_rate": 1e-2, "progress_bar": False}


def test_frames_are_trained_on_in_spikes(data):
    """Directions, which sums of frames do not tell."""
    moving = events.moving_digits(few(data, 600, 100), n_steps=20)
    trained = spiking(moving)
    history = fit(
        trained, moving, 8, presentation_time=0.02, validation_split=0.1, **SETTINGS
    )
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert evaluate(trained, moving, progress_bar=False).error_percent < 30


def test_only_the_frames_of_the_presentation_are_trained_on(moving):
    both = spiking(moving), spiking(moving)
    cut = replace(moving, x_train=moving.x_train[:, :5], x_test=moving.x_test[:, :5])
    histories = [
        fit(one, some, 2, presentation_time=0.005, **{**SETTINGS, "batch_size": 20})
        for one, some in zip(both, (moving, cut), strict=True)
    ]
    assert histories[0] == histories[1]
    with pytest.raises(ValidationError, match=r"presentation_time: .* most 0\.007 s"):
        fit(spiking(moving), moving, presentation_time=0.008, **SETTINGS)


def test_an_event_is_a_spike_for_any_step(moving):
    trained = spiking(moving)
    settings = {**SETTINGS, "batch_size": 20, "dt": 0.002}
    fit(trained, moving, 1, presentation_time=0.01, **settings)
    assert trained.preprocessing == Preprocessing((8, 8, 2), 0, 0.002)


@pytest.mark.parametrize("trainer", [None, "layers", "nengo-dl"])
def test_ways_without_time_refuse_frames(moving, trainer):
    with pytest.raises(ValidationError, match=r"data: .* 7 frames.*data\.averaged\(\)"):
        fit(model(moving), moving, trainer=trainer, progress_bar=False)


def test_averages_are_trained_on_as_images(moving):
    trained = model(moving)
    fit(trained, moving.averaged(), 1, 20, progress_bar=False)
    prepared = trained.preprocessing.test(moving.x_test)
    assert prepared.shape == (20, 7, 128)
