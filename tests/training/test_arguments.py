"""What cannot be trained, or not like that, is refused before it begins."""

from nengo_softlif import networks, to_spiking
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.loop import fit

import keras as keras3
import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from trainings import SETTINGS


def test_only_rate_networks(data):
    spiking = to_spiking(networks.small())
    with pytest.raises(ValidationError, match=r"rate neurons are needed.*to_spiking"):
        fit(spiking, data, **SETTINGS)
    slow = networks.small()
    slow.network.all_connections[-1].synapse = 0.01
    with pytest.raises(ValidationError, match=r"answers in one step.*set it to None"):
        fit(slow, data, **SETTINGS)


@pytest.mark.parametrize("synapse", [None, 0.1])
@pytest.mark.parametrize("back", [0, 1])
def test_only_feed_forward_networks(data, synapse, back):
    looped = networks.small()
    first, last = looped.ensembles[0], looped.ensembles[back]
    with looped.network:
        nengo.Connection(last.neurons[:1], first.neurons[:1], synapse=synapse)
    match = r"feed-forward network, but <Connection .* closes a loop; take it out"
    with pytest.raises(ValidationError, match=match):
        fit(looped, data, **SETTINGS)


@pytest.mark.parametrize("schedule", [False, True])
@pytest.mark.parametrize(
    "callback",
    [
        tf.keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0),
        tf.keras.callbacks.ReduceLROnPlateau(),
    ],
)
def test_callbacks_cannot_set_a_rate_that_follows_a_schedule(data, callback, schedule):
    falling = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    optimizer = tf.keras.optimizers.SGD(falling) if schedule else None
    with pytest.raises(ValidationError, match="sets the learning rate, but that"):
        fit(
            networks.small(),
            data,
            optimizer=optimizer,
            callbacks=callback,
            **SETTINGS,
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs.*whole number from 1 on, got 0"),
        ({"batch_size": 401}, "400 training images do not fill one batch of 401"),
        ({"validation_split": 1.0}, r"validation_split.*\[0, 1\)"),
        ({"learning_rate": -1}, "learning_rate.*positive"),
        ({"learning_rate": np.nan}, "learning_rate.*positive number, got nan"),
        ({"epochs": None}, "epochs.*whole number from 1 on, got None"),
        ({"validation_split": "0.1"}, r"validation_split.*got '0\.1'"),
        ({"batch_norm": "no"}, "batch_norm.*True or False, got 'no'"),
        ({"checkpoint": True}, "checkpoint.*path of a file, or None, got True"),
        ({"checkpoint": ""}, "checkpoint.*path of a file, or None, got ''"),
        (
            {"optimizer": "adam", "learning_rate": 5.0},
            r"learning_rate: of 5\.0 would be ignored.*Adam\(learning_rate=5\.0\)",
        ),
        (
            {"optimizer": "sgd", "weight_decay": 0.1},
            r"weight_decay: of 0\.1 would be ignored.*AdamW\(weight_decay=0\.1\)",
        ),
        (
            {"optimizer": tf.keras.optimizers.Adam},
            "optimizer.*make an object of this class",
        ),
        (
            {"callbacks": [keras3.callbacks.EarlyStopping()]},
            r"callbacks.*tf\.keras\.callbacks \(Keras 2\).*keras\.src.*Keras 3$",
        ),
        (
            {"callbacks": tf.keras.callbacks.EarlyStopping},
            "callbacks.*make an object of this class",
        ),
        ({"callbacks": "EarlyStopping"}, "callbacks.*got 'EarlyStopping'"),
        ({"callbacks": 3}, "callbacks.*got 3"),
        ({"seed": -1}, "seed.*from 0 to"),
        (
            {"optimizer": "adm", "learning_rate": 0.1},
            r"optimizer: there is no optimizer 'adm' \(did you mean adam .*\?\); expe",
        ),
        (
            {"optimizer": {"class_name": "Adm", "config": {}}},
            "name of an optimizer.*Adm",
        ),
        ({"weight_decay": -1}, "weight_decay.*0 or a positive"),
        ({"label_smoothing": 1}, r"label_smoothing.*\[0, 1\), got 1"),
        ({"mixup": -0.2}, "mixup: expected 0 or a positive number, got -0.2"),
        (
            {"mixup": 0.2, "trainer": "nengo-dl"},
            "mixup: 'nengo-dl' trains without; train with 'layers'",
        ),
        ({"averaging": -1}, "averaging.*positive number of epochs, got -1"),
        (
            {"averaging": 1, "optimizer": tf.keras.optimizers.SGD(use_ema=True)},
            "averaging.*the optimizer averages the weights already",
        ),
        (
            {"label_smoothing": 0.1, "presentation_time": 0.03},
            "label_smoothing: no way to train has label_smoothing and presentation_",
        ),
    ],
)
def test_bad_settings(data, settings, message):
    with pytest.raises(ValidationError, match=message):
        fit(networks.small(), data, **settings)


def test_model_and_data_must_fit(data):
    with pytest.raises(ValidationError, match=r"expected a Model.*wrap"):
        fit(networks.small().network, data)
    with pytest.raises(
        ValidationError, match=r"got tuple; make one .*from_arrays\(x, y\)"
    ):
        fit(networks.small(), (data.x_train, data.y_train))
    with pytest.raises(
        ValidationError, match=r"got str; write datasets\.load\('mnist'"
    ):
        fit(networks.small(), "mnist")
    with pytest.raises(ValidationError, match=r"10 classes.*answers with 4"):
        fit(networks.small(n_classes=4), data)
    with pytest.raises(ValidationError, match=r"64 values.*takes 100"):
        fit(networks.small(image_shape=(10, 10, 1)), data)


def test_trainings_of_rates_are_described_as_before():
    """So that they go on from checkpoints of versions that did not train in spikes."""
    in_spikes = {"presentation_time", "dt", "derivative", "loss"}
    recipe = {"label_smoothing": 0.1, "averaging": 2.0, "mixup": 0.2}
    assert Settings().describe().keys().isdisjoint(in_spikes | recipe.keys())
    assert recipe.items() <= Settings(**recipe).describe().items()
    described = Settings(presentation_time=0.02, derivative="arctan").describe()
    assert described.keys() >= in_spikes
    assert described["derivative"] == "Arctan(steepness=2.0)"
