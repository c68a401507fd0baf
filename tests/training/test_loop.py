import re
import subprocess
import sys
import textwrap
import warnings

from nengo_softlif import (
    GaussianNoise,
    LoihiTarget,
    Model,
    Preprocessing,
    SoftLIFRate,
    datasets,
    evaluate,
    files,
    networks,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.training.batches import split_images
from nengo_softlif.training.checkpoints import describe_training
from nengo_softlif.training.loop import fit
from nengo_softlif.training.optimizers import OneCycle

import keras as keras3
import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import NengoWarning, SimulationError, ValidationError
from references import arrays_of, assert_same_arrays
from sample_data import few
from trainings import SETTINGS, not_of_layers


def test_fit_learns_and_records(data):
    model = networks.small()
    before = arrays_of(model)
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

    after = arrays_of(model)
    ensembles = [name for name in after if name.startswith("ensembles")]
    for name in ensembles:  # gains, thresholds and encoders are not trained
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6)
    changed = [n for n in after if n not in ensembles]
    assert all(not np.array_equal(after[n], before[n]) for n in changed)


@pytest.mark.parametrize(
    ("n", "batch_size", "told"),
    [
        (140, 128, "12 of 140 .* batch of 128; batch_size=70 would use all"),
        (131, 128, None),
        (89, 50, "39 of 89 .* batch of 50; batch_size=44 would leave out 1"),
        (160, 80, None),
    ],
)
def test_what_epochs_leave_out_is_told(data, n, batch_size, told):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        settings = {**SETTINGS, "epochs": 2, "batch_size": batch_size}
        fit(networks.small(), few(data, n, 10), **settings)
    found = [str(w.message) for w in caught if "left out" in str(w.message)]
    assert len(found) == (told is not None)
    assert told is None or re.search(told, found[0])


def test_seed_decides(data):
    def trained(seed):
        model = networks.small()
        fit(model, data, seed=seed, **{**SETTINGS, "epochs": 1})
        return model

    a, b, c = trained(0), trained(0), trained(1)
    assert_same_arrays(a, b)
    assert not np.array_equal(
        arrays_of(a)["connections/0/weights"], arrays_of(c)["connections/0/weights"]
    )


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
    first, same, another = (
        describe_training(model, data, 0) for model in (array, plain, other)
    )
    assert first == same != another


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
    assert np.all(arrays_of(model)["connections/4/weights"] != 0)
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
    names = arrays_of(model).keys()
    settings = {"batch_size": 16, "validation_split": 0.5, "progress_bar": False}
    history = fit(
        model, data, epochs=8, learning_rate=3e-3, batch_norm=True, **settings
    )
    assert arrays_of(model).keys() == names
    assert history["validation_error_percent"][-1] < 25
    still = tf.keras.optimizers.SGD(0.0)
    again = fit(model, data, epochs=1, optimizer=still, **settings)
    for name in ("validation_loss", "validation_error_percent"):
        assert again[name][0] == pytest.approx(history[name][-1], rel=1e-4)


def test_divergence_stops(data):
    model = networks.small()
    before = arrays_of(model)
    with pytest.raises(SimulationError, match=r"diverged.*Lower the learning rate"):
        fit(model, data, optimizer=tf.keras.optimizers.SGD(1e38), **SETTINGS)
    for name, array in arrays_of(model).items():
        np.testing.assert_array_equal(array, before[name])
    assert model.training is None


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


def test_averages_of_weights_are_what_is_trained(data):
    """With ``use_ema``, Keras puts them in place of the weights at the end."""
    raw, averaged = networks.small(), networks.small()
    adam = tf.keras.optimizers.Adam
    fit(raw, data, optimizer=adam(3e-3), **SETTINGS)
    ema = adam(3e-3, use_ema=True, ema_momentum=0.999)
    fit(averaged, data, optimizer=ema, **SETTINGS)
    start = arrays_of(networks.small())
    for key, value in arrays_of(raw).items():
        if key.startswith("connections"):  # averages lag behind
            far = np.abs(value - start[key]).sum()
            assert np.abs(arrays_of(averaged)[key] - start[key]).sum() < far / 2


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


def test_weight_decay_spares_biases(data):
    norms = {}
    for decay in (0.0, 50.0):
        model = networks.small(noise=None)
        fit(model, data, weight_decay=decay, **SETTINGS)
        norms[decay] = arrays_of(model)
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
