"""fit in spikes: it learns, repeats itself, goes on after a stop, and refuses."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from nengo_softlif import (
    AlphaNoise,
    BernoulliSpiking,
    Dropout,
    IntegrateAndFire,
    Model,
    datasets,
    evaluate,
    files,
    load,
    networks,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.gradients import FastSigmoid
from nengo_softlif.training import in_spikes
from nengo_softlif.training.batches import split_images
from nengo_softlif.training.loop import fit

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import SimulationError, ValidationError
from references import arrays_of, assert_same_arrays
from trainings import Interrupt

TESTS = Path(__file__).parents[1]
SPIKES = {"presentation_time": 0.02, "batch_size": 64, "progress_bar": False}


def lee(encoding="constant", dropout=0.0, **kwargs):
    """A small network of Lee et al.'s neurons."""
    return networks.lenet((8, 8, 1), encoding=encoding, dropout=dropout, **kwargs)


def converted(seed=0):
    return to_spiking(networks.small(seed=seed), synapse=nengo.Lowpass(0.003))


def dense(neuron_type=None, dtype="float32", amplitude=0.02):
    """A layer of neurons with biases of their own, behind synapses."""
    neuron_type = neuron_type or nengo.LIF(amplitude=amplitude)
    scale = 100 if isinstance(neuron_type, IntegrateAndFire) else 1
    with nengo.Network(seed=1) as net:
        nengo_dl.configure_settings(dtype=dtype)
        nengo_dl.configure_settings(trainable=None)
        image, answer = nengo.Node(np.zeros(64)), nengo.Node(size_in=10)
        hidden = nengo.Ensemble(
            40,
            1,
            neuron_type=neuron_type,
            gain=scale * np.ones(40),
            bias=scale * np.ones(40),
        )
        into, out = nengo.dists.Gaussian(0, 0.15), nengo.dists.Gaussian(0, 0.2)
        nengo.Connection(image, hidden.neurons, transform=into, synapse=None)
        nengo.Connection(
            hidden.neurons, answer, transform=out, synapse=nengo.Alpha(0.002)
        )
        probe = nengo.Probe(answer)
    return Model(net, image, probe)


# -- learning --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (lambda: lee("poisson"), {}),
        (lee, {"loss": "membrane", "learning_rate": 1e-3, "presentation_time": 0.012}),
        (converted, {}),
        (converted, {"derivative": "measured-rates"}),
        (dense, {"derivative": FastSigmoid(4)}),
        (dense, {"derivative": "arctan"}),
        (dense, {"derivative": "triangular"}),
        (lambda: dense(IntegrateAndFire(amplitude=0.02)), {"derivative": "arctan"}),
    ],
    ids=["Lee", "membrane", "soft LIF", "rates", "sigmoid", "arctan", "triangle", "IF"],
)
def test_fit_learns(data, make, settings):
    model = make()
    before = arrays_of(model)
    settings = {"learning_rate": 5e-3, **SPIKES, "batch_size": 32, **settings}
    history = fit(model, data, epochs=4, validation_split=0.1, **settings)
    assert model.history is history
    assert history["loss"][-1] < 0.85 * history["loss"][0]
    assert history["error_percent"][-1] < history["error_percent"][0]
    names = {"loss", "error_percent", "validation_loss", "validation_error_percent"}
    assert history.keys() == names
    assert all(type(x) is float for values in history.values() for x in values)
    assert all(len(values) == 4 for values in history.values())
    after = arrays_of(model)
    for name, array in after.items():
        if name.endswith(("gain", "encoders")):
            np.testing.assert_array_equal(array, before[name])
        elif name.endswith("weights"):
            assert not np.array_equal(array, before[name])


def test_biases_of_neurons_are_trained(data):
    model = dense()
    before = arrays_of(model)["ensembles/0/bias"]
    fit(model, data, epochs=1, **SPIKES)
    assert not np.any(arrays_of(model)["ensembles/0/bias"] == before)


def test_what_is_not_to_be_trained_stays(data):
    model = dense(dtype="float64")
    (hidden,), (first, _) = model.network.all_ensembles, model.network.all_connections
    for obj in (hidden.neurons, first):
        model.network.config[obj].trainable = False
    before = arrays_of(model)
    fit(model, data, epochs=1, **SPIKES)
    after = arrays_of(model)
    for name in ("ensembles/0/bias", "connections/0/weights"):
        np.testing.assert_array_equal(after[name], before[name])
    assert np.any(after["connections/1/weights"] != before["connections/1/weights"])


def test_fine_tuning_decides_sooner(data):
    """A converted network answers better, the time being short."""
    rates = networks.small()
    fit(rates, data, epochs=8, batch_size=32, learning_rate=3e-3, progress_bar=False)
    model = to_spiking(rates, synapse=nengo.Lowpass(0.003))
    shown = {"presentation_time": 0.01, "progress_bar": False}
    before = evaluate(model, data, **shown).error_percent
    fit(model, data, epochs=4, batch_size=32, learning_rate=1e-3, **shown)
    assert evaluate(model, data, **shown).error_percent < before / 2


# -- what decides ----------------------------------------------------------------------


DROPPING = pytest.mark.parametrize(
    "make", [lambda: lee("poisson", 0.2), dense], ids=["Lee", "LIF"]
)
"""With all that is drawn; and with all that is trained."""


@DROPPING
def test_seed_decides(data, make):
    histories, models = [], []
    for seed in (0, 0, 1):
        models.append(make())
        settings = {**SPIKES, "epochs": 1, "seed": seed}
        histories.append(fit(models[-1], data, **settings))
    assert histories[0] == histories[1] != histories[2]
    assert_same_arrays(*models[:2])


@pytest.mark.parametrize(
    "settings",
    [
        {"presentation_time": 0.024},
        {"dt": 0.002},
        {"loss": "membrane"},
        {"derivative": "arctan"},
    ],
    ids=str,
)
def test_settings_decide(data, settings):
    found = []
    for changes in ({}, settings):
        model = dense()
        fit(model, data, epochs=1, **{**SPIKES, **changes})
        found.append(arrays_of(model)["connections/1/weights"])
    assert not np.array_equal(*found)


@DROPPING
def test_resume_after_ctrl_c(data, tmp_path, make):
    settings = {**SPIKES, "epochs": 3, "validation_split": 0.1}
    straight, resumed = make(), make()
    history = fit(straight, data, **settings)
    before, path = arrays_of(resumed), tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data, checkpoint=path, callbacks=[Interrupt(1)], **settings)
    assert_same_arrays(arrays_of(resumed), before)
    header, _ = files.read(path, kind="checkpoint")
    assert len(header["history"]["loss"]) == 1
    assert fit(resumed, data, checkpoint=path, **settings) == history
    assert_same_arrays(straight, resumed)
    other = {**settings, "presentation_time": 0.03}
    with pytest.raises(ValidationError, match=r"other settings .*presentation_time"):
        fit(make(), data, checkpoint=path, **other)


def test_resume_after_kill(data, tmp_path):
    arrays = {n: getattr(data, n) for n in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(tmp_path / "data.npz", **arrays)
    settings = {**SPIKES, "epochs": 3}
    script = f"""
        import sys
        sys.path.insert(0, {str(TESTS)!r})
        from nengo_softlif import datasets, networks
        from nengo_softlif.training import fit
        from trainings import Interrupt
        data = datasets.load({str(tmp_path / "data.npz")!r})
        plug = [Interrupt(1, plug=True)]
        model = networks.lenet((8, 8, 1), dropout=0.2)
        path = {str(tmp_path / "checkpoint")!r}
        fit(model, data, checkpoint=path, callbacks=plug, **{settings!r})
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    straight, resumed = lee("poisson", 0.2), lee("poisson", 0.2)
    fit(straight, data, **settings)
    same = datasets.load(str(tmp_path / "data.npz"))
    fit(resumed, same, checkpoint=tmp_path / "checkpoint", **settings)
    assert_same_arrays(straight, resumed)


def test_a_checkpoint_knows_how_it_was_computed(data, tmp_path, monkeypatch):
    """Sums of other parts, or on a GPU, would differ in the last bits."""
    settings = {**SPIKES, "epochs": 1, "checkpoint": tmp_path / "checkpoint"}
    fit(dense(), data, **settings)
    with monkeypatch.context() as patch:
        patch.setattr(in_spikes, "TOGETHER", 1)
        with pytest.raises(ValidationError, match="at a time 64 instead of 1"):
            fit(dense(), data, **settings)
    monkeypatch.setattr(in_spikes, "sees_gpu", lambda: True)
    with pytest.raises(ValidationError, match=r"settings \(engine or TensorFlow\)"):
        fit(dense(), data, **settings)


@pytest.mark.parametrize("derivative", ["soft-lif", "fast-sigmoid", "measured-rates"])
def test_how_many_are_run_at_a_time_does_not_matter(data, derivative, monkeypatch):
    found = []
    for together in (in_spikes.TOGETHER, 1, 400_000):
        monkeypatch.setattr(in_spikes, "TOGETHER", together)
        model = dense(dtype="float64")
        settings = {**SPIKES, "derivative": derivative, "optimizer": "sgd"}
        history = fit(model, data, epochs=1, validation_split=0.1, **settings)
        found.append((history, arrays_of(model)))
    for history, arrays in found[1:]:
        for name, values in history.items():
            np.testing.assert_allclose(values, found[0][0][name], rtol=1e-9)
        for name, array in arrays.items():
            np.testing.assert_allclose(array, found[0][1][name], rtol=1e-6, atol=1e-9)


def test_dropout_acts_in_training_only(data):
    still = {"epochs": 1, "validation_split": 0.2, **SPIKES}
    found = {}
    for rate in (0.0, 0.5):
        optimizer = tf.keras.optimizers.SGD(0.0)
        found[rate] = fit(lee(dropout=rate), data, optimizer=optimizer, **still)
    assert found[0.0]["loss"] != found[0.5]["loss"]
    for name in ("validation_loss", "validation_error_percent"):
        assert found[0.0][name] == found[0.5][name]


def test_a_mask_is_held_and_drawn_anew(data, monkeypatch):
    """The same in all steps of an example; another for each example and batch."""
    drawn, original = [], in_spikes.InSpikes._draw_masks

    def draw(self, step):
        drawn.append(original(self, step))
        return drawn[-1]

    monkeypatch.setattr(in_spikes.InSpikes, "_draw_masks", draw)
    fit(lee(dropout=0.4), data, epochs=1, **SPIKES)
    assert len(drawn) == 400 // 64
    for masks in drawn:
        dropped = [layer.obj.ensemble for layer in masks]
        types = [ensemble.neuron_type for ensemble in dropped]
        assert [t.noise for t in types] == [Dropout(0.4)] * 3
        for mask in masks.values():
            assert set(np.unique(mask)) == {0, np.float32(1 / 0.6)}
            assert abs(mask.mean() - 1) < 0.05
            assert not np.array_equal(mask[0], mask[1])
    first, second = (next(iter(masks.values())) for masks in drawn[:2])
    assert not np.array_equal(first, second)


def test_weight_decay_spares_biases(data):
    norms = {}
    for decay in (0.0, 50.0):
        model = dense()
        fit(model, data, epochs=2, weight_decay=decay, **SPIKES)
        arrays = arrays_of(model)
        norms[decay] = {name: np.linalg.norm(array) for name, array in arrays.items()}
    for name in ("connections/0/weights", "connections/1/weights"):
        assert norms[50.0][name] < 0.8 * norms[0.0][name]
    bias = "ensembles/0/bias"
    assert norms[50.0][bias] > 0.95 * norms[0.0][bias]


def test_weights_before_chance_are_left_alone(data):
    """No gradient reaches them, and so they do not decay."""
    with nengo.Network(seed=1) as net:
        image, answer = nengo.Node(np.zeros(64)), nengo.Node(size_in=10)
        n = 64
        chance = nengo.Ensemble(
            n,
            1,
            neuron_type=BernoulliSpiking(),
            gain=np.full(n, 100.0),
            bias=np.ones(n),
        )
        nengo.Connection(image, chance.neurons, transform=0.5, synapse=None)
        into = nengo.dists.Gaussian(0, 0.01)
        nengo.Connection(chance.neurons, answer, transform=into, synapse=None)
        probe = nengo.Probe(answer)
    model = Model(net, image, probe)
    before = arrays_of(model)
    fit(model, data, epochs=1, weight_decay=50.0, **SPIKES)
    after = arrays_of(model)
    np.testing.assert_array_equal(
        after["connections/0/weights"], before["connections/0/weights"]
    )
    assert np.any(after["connections/1/weights"] != before["connections/1/weights"])


# -- validation, evaluation and files --------------------------------------------------


@pytest.mark.parametrize("loss", ["cross-entropy", "membrane"])
def test_evaluate_measures_what_validation_did(data, loss):
    model = dense(dtype="float64")
    settings = {**SPIKES, "presentation_time": 0.021, "loss": loss}
    history = fit(model, data, epochs=2, validation_split=0.25, **settings)
    _, kept = split_images(len(data.x_train), 0.25, 0, 64)
    x, y = data.x_train[kept], data.y_train[kept]
    held = datasets.Dataset("kept", data.x_train, data.y_train, x, y)
    result = evaluate(model, held, presentation_time=0.021, progress_bar=False)
    if loss == "cross-entropy":
        assert result.error_percent == history["validation_error_percent"][-1]
    still = tf.keras.optimizers.SGD(0.0)
    again = fit(
        model, data, epochs=1, validation_split=0.25, optimizer=still, **settings
    )
    for name in ("validation_loss", "validation_error_percent"):
        assert again[name][0] == pytest.approx(history[name][-1], rel=1e-9)


@pytest.mark.parametrize("loss", ["cross-entropy", "membrane"])
def test_validation_has_the_loss_that_is_trained(data, loss):
    """On the same images it is the same number."""
    x, y = data.x_train[:128].copy(), data.y_train[:128].copy()
    training, kept = split_images(128, 0.5, seed=0, batch_size=64)
    x[kept], y[kept] = x[training], y[training]
    twice = datasets.Dataset("twice", x, y, data.x_test, data.y_test)
    still = tf.keras.optimizers.SGD(0.0)
    settings = {**SPIKES, "loss": loss, "optimizer": still, "epochs": 1}
    history = fit(dense(), twice, validation_split=0.5, **settings)
    assert history["validation_loss"] == pytest.approx(history["loss"], rel=1e-4)
    name = "error_percent"
    assert history[f"validation_{name}"] == pytest.approx(history[name])


def test_lee_et_als_networks_are_saved_by_name(data, tmp_path):
    model = lee()
    fit(model, data, epochs=1, **SPIKES)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert_same_arrays(loaded, model)
    assert loaded.history == model.history
    assert loaded.training == model.training
    assert loaded.training["presentation_time"] == 0.02
    assert loaded.training["trainer"] is None
    shown = {"presentation_time": 0.02, "progress_bar": False, "n_examples": 40}
    ours, theirs = (evaluate(m, data, **shown) for m in (model, loaded))
    assert ours.error_percent == theirs.error_percent
    assert ours.rates_hz == theirs.rates_hz


def test_converted_networks_are_refilled(data, tmp_path):
    model = converted()
    fit(model, data, epochs=1, derivative=FastSigmoid(3), **SPIKES)
    assert model.training["derivative"] == "FastSigmoid(steepness=3.0)"
    model.save(tmp_path / "model")
    again = load(tmp_path / "model", network=converted(seed=5).network)
    assert_same_arrays(again, model)


def test_training_goes_on_where_it_ended(data):
    """Also from rates to spikes, and once more in spikes."""
    model = dense()
    first = fit(model, data, epochs=3, learning_rate=5e-3, **SPIKES)
    second = fit(model, data, epochs=1, learning_rate=1e-4, **SPIKES)
    assert second["loss"][0] < first["loss"][1]


# -- callbacks and errors --------------------------------------------------------------


def test_callbacks_stop_and_look(data):
    class Once(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert logs["loss"] > 0
            assert logs["val_loss"] == logs["validation_loss"]
            assert isinstance(self.model, tf.keras.Model)
            assert self.model.optimizer.iterations == 5
            assert len(self.model.trainable_weights) == 3
            self.model.stop_training = True

    settings = {**SPIKES, "epochs": 3, "validation_split": 0.2}
    history = fit(dense(), data, callbacks=Once(), **settings)
    assert len(history["loss"]) == 1


def test_rates_that_callbacks_set_count(data):
    none = tf.keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)
    model = dense(dtype="float64")
    before = arrays_of(model)
    fit(model, data, epochs=1, optimizer="sgd", callbacks=[none], **SPIKES)
    assert_same_arrays(arrays_of(model), before)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_divergence_leaves_the_model_as_it_was(data, tmp_path):
    model = dense()
    before, path = arrays_of(model), tmp_path / "checkpoint"
    settings = {**SPIKES, "optimizer": tf.keras.optimizers.SGD(1e38), "epochs": 2}
    with pytest.raises(SimulationError, match=r"diverged.*Lower the learning rate"):
        fit(model, data, checkpoint=path, **settings)
    assert_same_arrays(arrays_of(model), before)
    assert model.training is None
    assert model.history is None or model.history == {}
    assert not path.exists()


def recurrent():
    model = dense()
    with model.network:
        neurons = model.network.all_ensembles[0].neurons
        nengo.Connection(neurons, neurons, transform=0.1, synapse=0.01)
    return model


def random_sparse():
    model = dense()
    net = model.network
    with net:
        indices = [[0, 1], [3, 2]]
        nengo.Connection(
            model.input,
            net.all_ensembles[0].neurons,
            transform=nengo.Sparse((40, 64), indices=indices, init=[1.0, 2.0]),
        )
    return model


def voltages():
    model = dense()
    with model.network:
        answer = nengo.Probe(model.network.all_ensembles[0].neurons, "voltage")
    return Model(model.network, model.input, answer)


BAD = {
    "recurrent": (recurrent, {}, r"layers of spiking neurons: .* part of a loop"),
    "adaptive": (lambda: dense(nengo.AdaptiveLIF()), {}, r"AdaptiveLIF\(.*only LIF, "),
    "Izhikevich": (lambda: dense(nengo.Izhikevich()), {}, r"Izhikevich\(.*only LIF, "),
    "integrator": (
        lambda: dense(nengo.SpikingRectifiedLinear()),
        {},
        r"SpikingRectifiedLinear\(.*only LIF, IntegrateAndFire, Bernoulli",
    ),
    "sparse": (random_sparse, {}, r"Connection.* is sparse; change that$"),
    "voltage": (voltages, {}, r"records the voltage of .*; training takes the output"),
    "rates": (networks.small, {}, r"model: training in spikes needs spiking neurons"),
    "rates by name": (
        networks.small,
        {"presentation_time": None, "trainer": "spikes"},
        "model: training in spikes needs spiking neurons.*to_spiking",
    ),
    "no time": (
        dense,
        {"presentation_time": None},
        "rate neurons are needed.*train in spikes by giving a presentation_time",
    ),
    "a derivative, no time": (
        dense,
        {"presentation_time": None, "derivative": "arctan"},
        r"presentation_time: training in spikes takes time.*presentation_time=0\.03",
    ),
    "memory": (
        dense,
        {"presentation_time": 1e6},
        r"presentation_time: 1000000000 steps .* GB, but the machine has .* shorter",
    ),
    "half a step": (
        dense,
        {"presentation_time": 0.0205},
        r"presentation_time: expected a multiple of dt = 0.001 s, got 0.0205 s",
    ),
    "no step": (dense, {"dt": 0.1}, r"presentation_time: expected a multiple of dt"),
    "negative": (dense, {"presentation_time": -1}, "presentation_time.*positive numb"),
    "dt": (dense, {"dt": 0}, "dt: .*positive number of seconds"),
    "text": (dense, {"presentation_time": "20 ms"}, "presentation_time.*got '20 ms'"),
    "derivative": (
        dense,
        {"derivative": "sigmoid"},
        "derivative: expected one of leak-corrected, .*got 'sigmoid'",
    ),
    "class": (
        dense,
        {"derivative": FastSigmoid},
        r"derivative: expected one of .*FastSigmoid\(10\), got <class",
    ),
    "loss": (dense, {"loss": "hinge"}, "loss: expected one of cross-entropy, membrane"),
    "no loss": (dense, {"loss": 3}, "loss: expected one of .*got 3"),
    "batch norm": (
        dense,
        {"batch_norm": True},
        "batch_norm: no way to train has batch_norm and presentation_time; leave one",
    ),
    "target": (
        dense,
        {"target": "loihi"},
        "target: no way to train has target and presentation_time; leave one out",
    ),
    "batch norm by name": (
        dense,
        {"batch_norm": True, "trainer": "spikes"},
        "batch_norm: 'spikes' trains without; train with 'layers', or leave it out",
    ),
    "Lee's for LIF": (
        dense,
        {"derivative": "leak-corrected"},
        "derivative: Lee et al.'s derivative is for IntegrateAndFire neurons, not LIF",
    ),
    "curve for others": (
        lee,
        {"derivative": "soft-lif"},
        "derivative: the curve of soft LIF neurons is for nengo.LIF, not IntegrateAndF",
    ),
    "rates for others": (
        lee,
        {"derivative": "measured-rates"},
        "derivative: the curve of soft LIF neurons is for nengo.LIF, not IntegrateAndF",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(data, name):
    make, settings, message = BAD[name]
    model = make()
    before = arrays_of(model)
    with pytest.raises(ValidationError, match=message):
        fit(model, data, **{**SPIKES, **settings})
    assert_same_arrays(arrays_of(model), before)
    assert model.training is None


def test_noise_is_for_rates():
    with pytest.raises(ValidationError, match=r"None or Dropout\(rate\)"):
        IntegrateAndFire(noise=AlphaNoise())
