import os
import signal
import subprocess
import sys
import textwrap
import threading

from nengo_softlif import (
    AlphaNoise,
    GaussianNoise,
    LoihiTarget,
    Model,
    SoftLIFRate,
    Stack,
    datasets,
    files,
    networks,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.parameters import build, collect
from nengo_softlif.training import OneCycle, fit

import keras as keras3
import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import NengoWarning, SimulationError, ValidationError

SETTINGS = {"epochs": 3, "batch_size": 64, "progress_bar": False}


@pytest.fixture(scope="module")
def data():
    digits = datasets.load("digits")
    return datasets.Dataset(
        "some digits",
        digits.x_train[:400],
        digits.y_train[:400],
        digits.x_test[:100],
        digits.y_test[:100],
    )


def weights(model):
    return collect(model.network, build(model.network))


def assert_same_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


class Interrupt(tf.keras.callbacks.Callback):
    """Press Ctrl-C, or pull the plug, in the middle of an epoch."""

    def __init__(self, epoch, plug=False):
        super().__init__()
        self.epoch, self.plug = epoch, plug

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch == self.epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now and batch == 2:
            if self.plug:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt


def test_fit_learns_and_records(data):
    model = networks.small()
    before = weights(model)
    history = fit(
        model,
        data,
        epochs=8,
        batch_size=32,
        learning_rate=3e-3,
        validation_split=0.2,
        progress_bar=False,
    )

    assert model.history is history
    assert set(history) == {
        "loss",
        "error_percent",
        "validation_loss",
        "validation_error_percent",
    }
    assert all(len(values) == 8 for values in history.values())
    assert history["loss"][-1] < history["loss"][0] / 4
    assert history["validation_error_percent"][-1] < 25
    assert model.preprocessing.image_shape == (8, 8, 1)

    after = weights(model)
    ensembles = [name for name in after if name.startswith("ensembles")]
    for name in ensembles:  # gains, thresholds and encoders are not trained
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6)
    changed = [n for n in after if n not in ensembles]
    assert all(not np.array_equal(after[n], before[n]) for n in changed)


def test_seed_decides(data):
    def trained(seed):
        model = networks.small()
        fit(model, data, seed=seed, **{**SETTINGS, "epochs": 1})
        return model

    a, b, c = trained(0), trained(0), trained(1)
    assert_same_weights(a, b)
    assert not np.array_equal(
        weights(a)["connections/0/weights"], weights(c)["connections/0/weights"]
    )


def not_of_layers():
    """A model that trains through NengoDL, for its sparse connection."""
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), SoftLIFRate(0.02, amplitude=0.05, noise=AlphaNoise()))
        hidden = stack.dense(40)
        output = stack.readout(10)
        each = np.stack([np.arange(40) % 10, np.arange(40)], axis=1)
        transform = nengo.Sparse((10, 40), indices=each, init=np.zeros(40))
        nengo.Connection(hidden.neurons, output.obj, transform=transform, synapse=None)
    return Model(net, stack.input, output)


@pytest.mark.parametrize(
    ("make", "batch_norm"),
    [(networks.small, False), (networks.small, True), (not_of_layers, False)],
)
@pytest.mark.filterwarnings("ignore:training through NengoDL")
def test_resume_after_ctrl_c(data, tmp_path, make, batch_norm):
    straight, resumed = make(), make()
    settings = {**SETTINGS, "batch_norm": batch_norm, "validation_split": 0.1}
    history = fit(straight, data, **settings)

    before = weights(resumed)
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data, checkpoint=path, callbacks=[Interrupt(1)], **settings)
    for name, array in weights(resumed).items():
        np.testing.assert_array_equal(array, before[name])
    header, _ = files.read(path, kind="checkpoint")
    assert len(header["history"]["loss"]) == 1

    epochs = []
    count = tf.keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.append(epoch)
    )
    again = fit(resumed, data, checkpoint=path, callbacks=[count], **settings)
    assert epochs == [1, 2]
    assert again == history
    assert_same_weights(straight, resumed)


def test_other_networks_train_through_nengo_dl(data):
    model = not_of_layers()
    with pytest.warns(NengoWarning, match="through NengoDL.*Connection.* is sparse"):
        history = fit(model, data, learning_rate=1e-2, **SETTINGS)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert np.all(weights(model)["connections/4/weights"] != 0)
    with pytest.raises(ValidationError, match=r"batch_norm.*Connection.* is sparse"):
        fit(not_of_layers(), data, batch_norm=True, **SETTINGS)


def test_batch_norm_is_gone_after_training(data):
    """The plain network gives the answers that validation saw."""
    model = networks.small()
    names = weights(model).keys()
    settings = {"batch_size": 16, "validation_split": 0.5, "progress_bar": False}
    history = fit(
        model, data, epochs=8, learning_rate=3e-3, batch_norm=True, **settings
    )
    assert weights(model).keys() == names
    assert history["validation_error_percent"][-1] < 25
    still = tf.keras.optimizers.SGD(0.0)
    again = fit(model, data, epochs=1, optimizer=still, **settings)
    for name in ("validation_loss", "validation_error_percent"):
        assert again[name][0] == pytest.approx(history[name][-1], rel=1e-4)


@pytest.mark.slow
def test_resume_after_kill(data, tmp_path):
    path = tmp_path / "checkpoint"
    np.savez(
        tmp_path / "data.npz",
        **{
            key: getattr(data, key)
            for key in ("x_train", "y_train", "x_test", "y_test")
        },
    )
    script = f"""
        import sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from nengo_softlif import datasets, networks
        from nengo_softlif.training import fit
        from test_training import SETTINGS, Interrupt
        data = datasets.load({str(tmp_path / "data.npz")!r})
        plug = [Interrupt(2, plug=True)]
        path = {str(path)!r}
        fit(networks.small(), data, checkpoint=path, callbacks=plug, **SETTINGS)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False
    )
    assert killed.returncode == -signal.SIGKILL

    straight, resumed = networks.small(), networks.small()
    fit(straight, data, **SETTINGS)
    fit(resumed, data, checkpoint=path, **SETTINGS)
    assert_same_weights(straight, resumed)


def test_checkpoint_of_another_training(data, tmp_path):
    path = tmp_path / "checkpoint"
    one = {**SETTINGS, "epochs": 1}
    fit(networks.small(), data, checkpoint=path, **one)
    with pytest.raises(ValidationError, match=r"other settings .*seed.*delete it"):
        fit(networks.small(), data, checkpoint=path, seed=1, **one)
    with pytest.raises(ValidationError, match=r"other settings .*neurons"):
        fit(networks.small(noise=None), data, checkpoint=path, **one)
    with pytest.raises(ValidationError, match=r"other settings .*initial weights"):
        fit(networks.small(seed=3), data, checkpoint=path, **one)


def test_divergence_stops(data):
    model = networks.small()
    before = weights(model)
    with pytest.raises(SimulationError, match=r"diverged.*Lower the learning rate"):
        fit(model, data, optimizer=tf.keras.optimizers.SGD(1e38), **SETTINGS)
    for name, array in weights(model).items():
        np.testing.assert_array_equal(array, before[name])
    assert model.training is None


def test_a_diverged_training_does_not_block_the_next(data, tmp_path):
    path = tmp_path / "checkpoint"
    diverging = {**SETTINGS, "checkpoint": path, "optimizer": "sgd"}
    late = tf.keras.callbacks.LearningRateScheduler(
        lambda epoch, rate: 1e38 if epoch else rate
    )
    with pytest.raises(SimulationError, match=r"diverged.*a checkpoint is deleted"):
        fit(networks.small(), data, callbacks=[late], **diverging)
    assert os.listdir(tmp_path) == []
    history = fit(networks.small(), data, **diverging)
    assert len(history["loss"]) == 3


def test_one_training_at_a_time(data, tmp_path):
    """Another process holds the checkpoint, until it is killed."""
    path = tmp_path / "checkpoint"
    hold = f"""
        from nengo_softlif.checkpoints import claimed
        with claimed({str(path)!r}):
            print("claimed", flush=True)
            input()
    """
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", textwrap.dedent(hold)]
    one = {**SETTINGS, "epochs": 1, "checkpoint": path}
    with subprocess.Popen(command, **streams) as other:
        assert other.stdout.readline() == "claimed\n"
        for _ in range(2):
            message = f"is running in process {other.pid}; wait for it"
            with pytest.raises(ValidationError, match=message):
                fit(networks.small(), data, **one)
        assert not path.exists()
        other.kill()
    fit(networks.small(), data, **one)
    assert os.listdir(tmp_path) == ["checkpoint"]


def test_one_training_at_a_time_in_one_process(data, tmp_path):
    """The first is not harmed by the second."""
    path = tmp_path / "checkpoint"
    (tmp_path / "link").symlink_to(path)
    said = []

    def second():
        try:
            fit(networks.small(), data, checkpoint=tmp_path / "link", **SETTINGS)
        except ValidationError as error:
            said.append(str(error))

    class Meanwhile(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()

    fit(networks.small(), data, checkpoint=path, callbacks=[Meanwhile()], **SETTINGS)
    assert len(said) == 3
    assert all(f"running in process {os.getpid()}" in line for line in said)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "link"]
    header, _ = files.read(path, kind="checkpoint")
    assert len(header["history"]["loss"]) == 3


def test_a_folder_that_is_missing_stays_so(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        fit(networks.small(), data, checkpoint=tmp_path / "no" / "folder", **SETTINGS)
    assert os.listdir(tmp_path) == []


def test_a_model_tells_how_it_was_trained(data, tmp_path):
    def trained(start=0, **settings):
        model = networks.small(seed=start)
        fit(model, data, **{**SETTINGS, "epochs": np.int64(1), **settings})
        model.save(tmp_path / "model")
        return networks.load(tmp_path / "model").training

    first = trained()
    assert first == trained(learning_rate=np.float64(1e-3))
    assert first["data"] == data.sha256
    assert (first["epochs"], first["batch_size"], first["seed"]) == (1, 64, 0)
    others = [
        trained(seed=1),
        trained(optimizer="sgd"),
        trained(learning_rate=2e-3),
        trained(batch_norm=True),
        trained(target=LoihiTarget(max_rate=np.float32(99))),
        trained(start=1),
        trained(callbacks=[tf.keras.callbacks.TerminateOnNaN()]),
    ]
    assert all(first != other for other in others)

    model = networks.load(tmp_path / "model")
    fit(model, data, **{**SETTINGS, "epochs": 1})
    different = [name for name, value in model.training.items() if first[name] != value]
    assert different == ["start"]
    assert model.copy().training == model.training

    header, arrays = files.read(tmp_path / "model", kind="model")
    del header["training"]  # as files of earlier versions
    files.write(tmp_path / "model", header, arrays, kind="model")
    assert networks.load(tmp_path / "model").training is None


def test_callbacks_and_optimizers_of_keras(data):
    class Once(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert logs["loss"] > 0
            assert isinstance(self.model, tf.keras.Model)
            assert self.model.optimizer.iterations == 6
            self.model.stop_training = True

    history = fit(
        networks.small(), data, optimizer="sgd", callbacks=[Once()], **SETTINGS
    )
    assert len(history["loss"]) == 1
    with pytest.raises(ValidationError, match=r"optimizer.*Keras 2"):
        fit(networks.small(), data, optimizer=keras3.optimizers.SGD(), **SETTINGS)


def test_resume_with_a_rate_that_callbacks_change(data, tmp_path):
    def settings():
        halve = tf.keras.callbacks.LearningRateScheduler(
            lambda epoch, rate: rate / 2 if epoch else rate
        )
        return {**SETTINGS, "optimizer": tf.keras.optimizers.Adam(3e-3)}, halve

    straight, resumed = networks.small(), networks.small()
    kwargs, halve = settings()
    fit(straight, data, callbacks=[halve], **kwargs)
    path = tmp_path / "checkpoint"
    kwargs, halve = settings()
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data, checkpoint=path, callbacks=[halve, Interrupt(2)], **kwargs)
    fit(resumed, data, checkpoint=path, callbacks=[halve], **kwargs)
    assert_same_weights(straight, resumed)


def test_early_stopping_finds_validation(data, tmp_path):
    settings = {
        **SETTINGS,
        "callbacks": [tf.keras.callbacks.EarlyStopping(min_delta=10, patience=1)],
        "validation_split": 0.2,
        "checkpoint": tmp_path / "checkpoint",
        "epochs": 5,
    }
    model = networks.small()
    assert len(fit(model, data, **settings)["loss"]) == 2
    # and is not forgotten
    assert len(fit(networks.small(), data, **settings)["loss"]) == 2


def test_only_rate_networks(data):
    spiking = to_spiking(networks.small())
    with pytest.raises(ValidationError, match=r"rate neurons are needed.*to_spiking"):
        fit(spiking, data, **SETTINGS)
    slow = networks.small()
    slow.network.all_connections[-1].synapse = 0.01
    with pytest.raises(ValidationError, match=r"answers in one step.*set it to None"):
        fit(slow, data, **SETTINGS)


def test_weight_decay_spares_biases(data):
    norms = {}
    for decay in (0.0, 50.0):
        model = networks.small(noise=None)
        fit(model, data, weight_decay=decay, **SETTINGS)
        norms[decay] = weights(model)
    kernel, bias = "connections/0/weights", "connections/1/weights"
    assert np.linalg.norm(norms[50.0][kernel]) < 0.8 * np.linalg.norm(
        norms[0.0][kernel]
    )
    assert np.linalg.norm(norms[50.0][bias]) > 0.8 * np.linalg.norm(norms[0.0][bias])


def test_one_cycle():
    schedule = OneCycle(0.01, 100)
    rates = np.array([float(schedule(step)) for step in range(101)])
    assert rates.argmax() == 30
    np.testing.assert_allclose(rates[[0, 30, 100]], [0.01 / 25, 0.01, 1e-6], rtol=1e-4)
    assert np.all(np.diff(rates[:31]) > 0)
    assert np.all(np.diff(rates[30:]) < 0)


def test_network_of_the_users(data):
    """Ensembles with trained biases, settings of NengoDL, no seed."""
    with nengo.Network() as net:
        nengo_dl.configure_settings(trainable=None)
        image = nengo.Node(np.zeros(64))
        hidden = nengo.Ensemble(
            60, 1, neuron_type=SoftLIFRate(amplitude=0.02, noise=GaussianNoise(5))
        )
        answer = nengo.Node(size_in=10)
        first = nengo.Connection(
            image,
            hidden.neurons,
            transform=nengo_dl.dists.Glorot(),
            synapse=None,
        )
        nengo.Connection(
            hidden.neurons, answer, transform=nengo_dl.dists.Glorot(), synapse=None
        )
        output = nengo.Probe(answer)
        net.config[first].trainable = False
    model = Model(net, image, output)
    history = fit(model, data, learning_rate=1e-2, **{**SETTINGS, "epochs": 6})
    assert history["error_percent"][-1] < 0.5 * history["error_percent"][0]
    assert net.seed is None
    assert len(set(hidden.bias)) > 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs.*whole number from 1 on, got 0"),
        ({"batch_size": 401}, "400 training images do not fill one batch of 401"),
        ({"validation_split": 1.0}, r"validation_split.*\[0, 1\)"),
        ({"learning_rate": -1}, "learning_rate.*positive"),
        ({"seed": -1}, "seed.*from 0 to"),
        ({"optimizer": "adamm"}, "name of an optimizer.*adamm"),
        ({"weight_decay": -1}, "weight_decay.*0 or a positive"),
    ],
)
def test_bad_settings(data, settings, message):
    with pytest.raises(ValidationError, match=message):
        fit(networks.small(), data, **settings)


def test_model_and_data_must_fit(data):
    with pytest.raises(ValidationError, match=r"expected a Model.*wrap"):
        fit(networks.small().network, data)
    with pytest.raises(ValidationError, match=r"10 classes.*answers with 4"):
        fit(networks.small(n_classes=4), data)
    with pytest.raises(ValidationError, match=r"64 values.*takes 100"):
        fit(networks.small(image_shape=(10, 10, 1)), data)
