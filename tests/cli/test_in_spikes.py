"""Training in spikes through the front door."""

import json
import subprocess
import sys

from nengo_softlif import Preprocessing, datasets, evaluate, networks
from nengo_softlif.layers import parameters
from nengo_softlif.registry import DERIVATIVES, LOSSES

import numpy as np
import pytest
from command_line import SHORT, assert_fails

LENET = ("train", "digits", "--network", "lenet")
BRIEF = (*LENET, "--presentation-time", 0.006, *SHORT)


def weights(path):
    network = networks.load(path).network
    return parameters.collect(network, parameters.build(network))


@pytest.fixture
def lenet_file(tmp_path):
    """Weights as they were drawn, in a file that says it is trained."""
    model = networks.lenet((8, 8, 1))
    model.preprocessing = Preprocessing((8, 8, 1), 0, 16)
    model.training = {"presentation_time": 0.006, "dt": 0.001}
    path = tmp_path / "lenet.safetensors"
    model.save(path)
    return path


def test_a_network_is_trained_in_spikes(run, tmp_path):
    trained = run(*BRIEF, "--out", "m.safetensors")
    assert trained.exit_code == 0, trained.output
    assert "in spikes: 6 steps, 200 examples at a time, in about 0.0" in trained.output
    assert " GB of memory" in trained.output
    assert trained.output.index("in spikes") < trained.output.index("epoch 1/1")
    assert "is done already" in run(*BRIEF, "--out", "m.safetensors").output
    model = networks.load(tmp_path / "m.safetensors")
    assert model.source["function"] == "lenet"
    assert model.training["presentation_time"] == 0.006

    measured = run("evaluate", "m.safetensors", "--data", "digits", "--out", "m.json")
    assert measured.exit_code == 0, measured.output
    record = json.loads((tmp_path / "m.json").read_text())
    assert record["presentation_time"] == 0.006
    assert record["synapse"] == "none"
    expected = evaluate(model, datasets.load("digits"), progress_bar=False)
    assert record["predictions"] == expected.predictions
    assert record["spikes_per_image"] == expected.spikes_per_image
    assert "BernoulliSpiking" in run("info", "m.safetensors").output


def test_training_goes_on(run, tmp_path, monkeypatch):
    from nengo_softlif.training import loop

    longer = (*LENET, "--presentation-time", 0.004, "--batch-size", 400, "--epochs", 2)
    longer = (*longer, "--derivative", "fast-sigmoid", "--loss", "membrane")
    assert run(*longer, "--out", "whole.safetensors").exit_code == 0
    train, epochs = loop._train, []

    def stops(*args):
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return train(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train", stops)
        assert run(*longer, "--out", "parts.safetensors").exit_code == 130
    for other in (("--derivative", "arctan"), ("--loss", "cross-entropy")):
        changed = run(*longer, *other, "--out", "parts.safetensors")
        assert_fails(changed, f"({other[0][2:]})")
    again = run(*longer, "--out", "parts.safetensors")
    assert again.exit_code == 0, again.output
    assert "Going on from" in again.output
    parts = weights(tmp_path / "parts.safetensors")
    for name, whole in weights(tmp_path / "whole.safetensors").items():
        np.testing.assert_array_equal(whole, parts.pop(name))
    assert not parts


def test_training_starts_from_a_file(run, lenet_file):
    command = ("train", "digits", "--start-from", lenet_file, *SHORT)
    assert_fails(run(*command), "say how many seconds each example is shown")
    assert_fails(run(*command, "--target", "loihi"), "--target is for networks of rate")
    command = (*command, "--presentation-time", 0.004)
    assert_fails(run(*command, "--network", "vgg9"), "--network cannot be given with")
    assert run(*command, "--out", "m.safetensors").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (LENET[1:], "as in --presentation-time 0.03"),
        (("digits", "--presentation-time", 0.03), "small has rate neurons"),
        (("mnist", "--presentation-time", 0.03), "mnist has rate neurons"),
        (("digits", "--derivative", "arctan"), "--derivative is for training in"),
        (("digits", "--loss", "membrane"), "--loss is for training in spikes"),
        (("digits", "--dt", 0.002), "--dt is for training in spikes"),
        ((*BRIEF[1:], "--target", "loihi"), "but lenet has spiking ones"),
        ((*BRIEF[1:], "--noise", "none"), "lenet has spikes, and no noise"),
        ((*BRIEF[1:], "--batch-norm"), "--batch-norm is for networks of rate"),
        ((*BRIEF[1:], "--label-smoothing", 0.1), "--label-smoothing is for networks"),
        ((*BRIEF[1:], "--derivative", "hope"), "'hope' is not one of"),
        ((*BRIEF[1:], "--loss", "hope"), "'hope' is not one of"),
        ((*BRIEF[1:], "--dt", 0.004), "expected a multiple of dt = 0.004 s, got 0.006"),
        ((*BRIEF[1:], "--dt", 0), "dt: expected a positive number"),
        ((*BRIEF[1:], "--presentation-time", "nan"), "expected a positive number"),
        ((*BRIEF[1:], "--presentation-time", 1e6), "GB; show examples for a shorter"),
        ((*BRIEF[1:], "--derivative", "soft-lif"), "for nengo.LIF, not Integrate"),
    ],
)
def test_what_does_not_fit(run, tmp_path, options, message):
    assert_fails(run("train", *options), message)
    assert not list(tmp_path.glob("*.safetensors*"))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("explain",), "evaluate measures it"),
        (("evaluate", "--synapse", "alpha:0.005"), "has the synapses it needs"),
        (("evaluate", "--backend", "rate"), "rate neurons are needed"),
        (("evaluate", "--presentation-time", 0.0055), "a multiple of dt"),
    ],
)
def test_what_was_trained_in_spikes_is_not_for(run, lenet_file, command, message):
    name, *options = command
    result = run(name, lenet_file, "--data", "digits", *options)
    assert_fails(result, message)


def test_lee_et_als_neurons_are_not_for_loihi(run, lenet_file):
    result = run(
        "evaluate", lenet_file, "--data", "digits", "--backend", "loihi-emulator"
    )
    assert_fails(result, "which the chip does not have", code=1)


def test_names_are_offered_without_loading_what_they_are():
    code = (
        "import sys\nfrom nengo_softlif.cli.commands import main\n"
        "main(['train', '--help'], standalone_mode=False)\n"
        "slow = 'numba', 'tensorflow', 'nengo_softlif.gradients'\n"
        "assert not [m for m in sys.modules if m in slow], sys.modules\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    for name in (*DERIVATIVES, *LOSSES):
        assert name in found.stdout
