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
    Preprocessing,
    SoftLIFRate,
    Stack,
    datasets,
    evaluate,
    files,
    networks,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.layers.parameters import build, collect
from nengo_softlif.models import copied
from nengo_softlif.networks import load
from nengo_softlif.training.batches import split_images
from nengo_softlif.training.checkpoints import record
from nengo_softlif.training.loop import fit
from nengo_softlif.training.optimizers import OneCycle

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


def test_channels_of_different_spread_train():
    """The classes differ in the channel that varies a thousand times less."""
    rng = np.random.default_rng(0)
    labels = np.arange(900) % 3
    images = 1000 * rng.normal(size=(900, 8, 8, 2))
    images[..., 1] /= 1000
    images[..., 1] += 2 * np.sin((1 + labels[:, None, None]) * np.arange(8))
    data = datasets.Dataset(
        "two", images[:600], labels[:600], images[600:], labels[600:]
    )
    model = networks.small(data.image_shape, data.n_classes)
    fit(model, data, learning_rate=3e-3, epochs=4, batch_size=32, progress_bar=False)
    assert evaluate(model, data, backend="rate").error_percent < 5


def test_tables_train_and_are_saved(tmp_path):
    """Amounts from 0.1 to 1700; with one scale for all, a quarter is wrong."""
    wine = pytest.importorskip("sklearn.datasets").load_wine()
    order = np.random.RandomState(0).permutation(len(wine.target))
    x, y = wine.data[order], wine.target[order]
    data = datasets.Dataset("wine", x[:118], y[:118], x[118:], y[118:])
    model = networks.small(data.image_shape, data.n_classes)
    fit(model, data, learning_rate=3e-3, epochs=30, batch_size=16, progress_bar=False)
    assert len(model.preprocessing.scale) == 13
    model.save(tmp_path / "wine")
    loaded = networks.load(tmp_path / "wine")
    assert loaded.preprocessing == model.preprocessing
    for backend in ("rate", "engine"):
        network = loaded if backend == "rate" else to_spiking(loaded)
        result = evaluate(network, data, backend=backend)
        assert result.error_percent < 6


def test_scales_in_an_array_decide_a_training_as_in_a_list(data):
    array, plain, other = networks.small(), networks.small(), networks.small()
    array.scale, plain.scale, other.scale = np.array([2.0, 3.0]), [2.0, 3.0], [2.0, 4.0]
    assert record(array, data, 0) == record(plain, data, 0) != record(other, data, 0)


def test_images_to_validate_on_have_no_say_in_the_preprocessing(data):
    """They are all the brighter here."""
    n = len(data.x_train)
    _, kept = split_images(n, 0.25, seed=0, batch_size=64)
    x = data.x_train.copy()
    x[kept] += 100
    brighter = datasets.Dataset("b", x, data.y_train, data.x_test, data.y_test)
    model = networks.small()
    fit(model, brighter, validation_split=0.25, **{**SETTINGS, "epochs": 1})
    others = np.delete(data.x_train, kept, axis=0)
    assert model.preprocessing == Preprocessing.from_images(others)


@pytest.mark.parametrize("settings", [{"batch_norm": True}, {"target": "loihi"}])
def test_eager_mode(data, settings):
    settings = {**SETTINGS, "epochs": 1, **settings}
    history = fit(networks.small(), data, **settings)
    tf.config.run_functions_eagerly(True)
    try:
        eager = fit(networks.small(), data, **settings)
    finally:
        tf.config.run_functions_eagerly(False)
    assert eager["loss"] == pytest.approx(history["loss"], rel=1e-3)


def test_other_networks_train_through_nengo_dl(data):
    model = not_of_layers()
    with pytest.warns(NengoWarning, match="through NengoDL.*Connection.* is sparse"):
        history = fit(model, data, learning_rate=1e-2, **SETTINGS)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert np.all(weights(model)["connections/4/weights"] != 0)
    with pytest.raises(ValidationError, match=r"batch_norm.*Connection.* is sparse"):
        fit(not_of_layers(), data, batch_norm=True, **SETTINGS)


GROUPS = """
import nengo, numpy as np, sys
from nengo_softlif import Model, SoftLIFRate, Stack, datasets, fit

def grouped(decoded):
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), SoftLIFRate(amplitude=0.05))
        first = stack.convolution(4)
        answer = nengo.Node(size_in=10)
        normal = nengo.dists.Gaussian(0, 0.3)
        shape = (*stack.shape[:2], 4)
        conv = nengo.Convolution(8, shape, groups=2, init=normal)
        second = nengo.Ensemble(
            conv.size_out, 1, neuron_type=SoftLIFRate(amplitude=0.05),
            gain=np.ones(conv.size_out), bias=np.ones(conv.size_out),
        )
        third = nengo.Ensemble(30, 5, neuron_type=SoftLIFRate(amplitude=0.05))
        target = third if decoded else third.neurons
        sizes = (target.size_in, conv.size_out), (10, 30)
        one, two = (nengo.Dense(size, init=normal) for size in sizes)
        for pre, post, transform in [
            (first.neurons, second.neurons, conv),
            (second.neurons, target, one),
            (third.neurons, answer, two),
        ]:
            nengo.Connection(pre, post, transform=transform, synapse=None)
        return Model(net, stack.input, nengo.Probe(answer))

data = datasets.load("digits")
for decoded in (False, True):
    settings = {"learning_rate": 0.01, "progress_bar": False}
    print(*fit(grouped(decoded), data, epochs=2, **settings)["loss"])
"""


@pytest.mark.slow
def test_groups_of_channels_train_without_onednn(monkeypatch):
    """As layers and through NengoDL; only with oneDNN TensorFlow has the gradient."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    done = subprocess.run(
        [sys.executable, "-c", GROUPS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        first, last = map(float, line.split())
        assert last < 0.7 * first
    assert len(done.stdout.splitlines()) == 2


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
        from test_loop import SETTINGS, Interrupt
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
        from nengo_softlif.training.checkpoints import claimed
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


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="a folder without files")
def test_a_folder_that_takes_no_files(data):
    with pytest.raises(
        ValidationError, match=r"x\.lock' cannot be written, which keeps"
    ):
        fit(networks.small(), data, checkpoint="/proc/x", **SETTINGS)


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

    for callbacks in ([Once()], Once()):
        history = fit(
            networks.small(), data, optimizer="sgd", callbacks=callbacks, **SETTINGS
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


@pytest.mark.parametrize("name", ["nadam", "sgd", "rmsprop", "adagrad", "adamax"])
def test_resume_with_other_optimizers(data, tmp_path, name):
    """Some have variables that they do not tell of."""
    straight, resumed = networks.small(), networks.small()
    settings = {**SETTINGS, "optimizer": name}
    fit(straight, data, **settings)
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data, checkpoint=path, callbacks=[Interrupt(2)], **settings)
    fit(resumed, data, checkpoint=path, **settings)
    assert_same_weights(straight, resumed)


def test_averages_of_weights_are_what_is_trained(data):
    """With ``use_ema``, Keras puts them in place of the weights at the end."""
    raw, averaged = networks.small(), networks.small()
    adam = tf.keras.optimizers.Adam
    fit(raw, data, optimizer=adam(3e-3), **SETTINGS)
    ema = adam(3e-3, use_ema=True, ema_momentum=0.999)
    fit(averaged, data, optimizer=ema, **SETTINGS)
    start = weights(networks.small())
    for key, value in weights(raw).items():
        if key.startswith("connections"):  # averages lag behind
            far = np.abs(value - start[key]).sum()
            assert np.abs(weights(averaged)[key] - start[key]).sum() < far / 2


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
    # checkpoints name it, also those from when it lived in another module
    described = tf.keras.optimizers.schedules.serialize(schedule)
    assert described["module"] == "nengo_softlif.training"


def test_ways_by_name():
    """Also where nothing has loaded NengoDL, which has the seeds of the noise noted."""
    script = """
        from nengo_softlif import datasets, fit, networks
        digits = datasets.load("digits")
        data = datasets.Dataset(
            "64", digits.x_train[:64], digits.y_train[:64], digits.x_test, digits.y_test
        )
        for trainer in ("layers", "nengo-dl"):
            settings = {"trainer": trainer, "batch_size": 32, "progress_bar": False}
            print(*fit(networks.small(), data, epochs=1, **settings)["loss"])
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    layers, nengo_dl_s = map(float, done.stdout.split())
    assert layers == pytest.approx(nengo_dl_s, rel=1e-4)


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


# -- what is trained is what comes out -------------------------------------------------


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


def answers_of_nengo(model, images):
    """By Nengo's simulator, one image a step."""
    network, twin = copied(model.network)
    image = twin[model.input]
    image.output = lambda t: images[round(t / 0.001) - 1]
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(len(images))
    return sim.data[twin[model.output]]


@pytest.mark.filterwarnings("ignore:training through NengoDL")
@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_network_is_what_was_trained(name, data, tmp_path, rng):
    """Whatever gains, radius and kinds of input, and after saving too."""
    model, untrained = (ensemble(**ENSEMBLES[name]) for _ in range(2))
    before = weights(model)
    trained = Answers(rng.normal(size=(32, 64)))
    settings = {"batch_size": 32, "epochs": 2, "learning_rate": 0.02}
    fit(model, data, callbacks=[trained], progress_bar=False, **settings)

    after = weights(model)
    decoded = any(c.post_obj in model.ensembles for c in model.network.all_connections)
    trainable = "train" not in name
    moved = np.abs(after["ensembles/0/encoders"] - before["ensembles/0/encoders"]).max()
    assert (moved > 0.01) == (decoded and trainable)
    expected = trained.answers
    assert np.ptp(expected) > 1
    close = {"rtol": 0, "atol": 1e-5 * np.abs(expected).max()}
    np.testing.assert_allclose(
        answers_of_nengo(model, trained.images), expected, **close
    )
    model.save(tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors", network=untrained.network)
    np.testing.assert_allclose(
        answers_of_nengo(loaded, trained.images), expected, **close
    )


@pytest.mark.filterwarnings("ignore:training through NengoDL")
def test_gains_of_zero_that_say_nothing_of_what_is_trained(data):
    with pytest.raises(ValidationError, match=r"Ensemble.* 7 neurons with gain 0.*Use"):
        fit(ensemble(ZEROS), data, **SETTINGS)


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
    with pytest.raises(
        ValidationError, match=r"got tuple; make one .*Dataset\(name, x"
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
