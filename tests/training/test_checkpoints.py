"""A training that was stopped goes on to the last bit; one has a file at a time."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

from nengo_softlif import files, load, networks
from nengo_softlif.files import headers
from nengo_softlif.training.checkpoints import Checkpoint
from nengo_softlif.training.loop import fit

import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import SimulationError, ValidationError
from references import arrays_of, assert_same_arrays
from trainings import SETTINGS, STOPPED, Interrupt, not_of_layers

TESTS = Path(__file__).parents[1]
DATA = TESTS / "data"
RECIPE = {"averaging": 0.5, "label_smoothing": 0.1}


_trained = {}


def train_straight(make, data, settings):
    """Train without a stop, once for all that goes on with these settings."""
    key = (make, *settings.items())
    if key not in _trained:
        model = make()
        _trained[key] = model, fit(model, data, **settings)
    return _trained[key]


@pytest.mark.parametrize(
    ("make", "others"),
    [
        (networks.small, {}),
        (networks.small, {"batch_norm": True}),
        (networks.small, {"batch_norm": True, **RECIPE, "mixup": 0.2}),
        (not_of_layers, RECIPE),
    ],
)
@pytest.mark.filterwarnings("ignore:training through NengoDL")
def test_resume_after_ctrl_c(data, tmp_path, make, others):
    settings = {**STOPPED, **others}
    straight, history = train_straight(make, data, settings)
    resumed = make()
    before = arrays_of(resumed)
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(resumed, data, checkpoint=path, callbacks=[Interrupt(1)], **settings)
    assert_same_arrays(resumed, before)
    header, _ = files.read(path, kind="checkpoint")
    assert len(header["history"]["loss"]) == 1

    epochs = []
    count = tf.keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.append(epoch)
    )
    again = fit(resumed, data, checkpoint=path, callbacks=[count], **settings)
    assert epochs == [1, 2]
    assert again == history
    assert_same_arrays(straight, resumed)


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
        sys.path.insert(0, {str(TESTS)!r})
        from nengo_softlif import datasets, networks
        from nengo_softlif.training import fit
        from trainings import STOPPED, Interrupt
        data = datasets.load({str(tmp_path / "data.npz")!r})
        plug = [Interrupt(2, plug=True)]
        path = {str(path)!r}
        fit(networks.small(), data, checkpoint=path, callbacks=plug, **STOPPED)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False
    )
    assert killed.returncode == -signal.SIGKILL

    straight, _ = train_straight(networks.small, data, STOPPED)
    resumed = networks.small()
    fit(resumed, data, checkpoint=path, **STOPPED)
    assert_same_arrays(straight, resumed)


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
    assert_same_arrays(straight, resumed)


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
    assert_same_arrays(straight, resumed)


def test_an_older_checkpoint_is_read_as_it_was():
    """Its weights are those of the model, which training left the same."""
    header, arrays = files.read(
        DATA / "small-checkpoint.safetensors", "checkpoint", headers.CheckpointForm
    )
    model = load(DATA / "small-model.safetensors")
    assert header["history"] == model.history
    assert header["stopped"] is False
    trained = arrays_of(model)
    held = sorted(a.size for n, a in arrays.items() if n.startswith("weights/"))
    assert trained["connections/3/weights"].size in held
    variables = {name: tf.Variable(np.zeros_like(a)) for name, a in arrays.items()}
    found = Checkpoint(
        DATA / "small-checkpoint.safetensors", header["settings"], variables
    ).restore()
    assert found == (header["history"], False)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), arrays[name])


@pytest.mark.parametrize(
    "change", [lambda a: a[:-1], lambda a: a[None], lambda a: a.astype(np.float64)]
)
def test_a_damaged_checkpoint_changes_nothing(change, tmp_path):
    path, good = tmp_path / "checkpoint", {"a": np.ones(3, np.float32)}
    variables = {"a": tf.Variable(good["a"]), "b": tf.Variable(good["a"])}
    checkpoint = Checkpoint(path, {"epochs": 3}, variables)
    checkpoint.save({"loss": [0.5]})
    header, arrays = files.read(path, "checkpoint")
    arrays = {"a": 2 * arrays["a"], "b": change(arrays["b"])}
    files.write(path, header, arrays, "checkpoint")
    with pytest.raises(ValidationError, match=r"is a damaged checkpoint: b are of ano"):
        checkpoint.restore()
    np.testing.assert_array_equal(variables["a"].numpy(), good["a"])
