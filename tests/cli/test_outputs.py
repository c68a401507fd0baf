"""What a command writes: never over its input, and over others only if asked."""

import json
import os
import subprocess
import sys

from nengo_softlif import files, networks
from nengo_softlif.cli.commands import main
from nengo_softlif.training.checkpoints import claimed

import pytest
from click.testing import CliRunner
from command_line import SHORT, assert_fails


@pytest.fixture(params=["itself", "link", "hard link", "other way"])
def alias(request):
    """Another name of a file, or the same one."""

    def alias(path):
        name = path.with_name(f"alias{path.suffix}")
        if request.param == "link":
            name.symlink_to(path)
        elif request.param == "hard link":
            name.hardlink_to(path)
        elif request.param == "other way":
            (path.parent / "folder").mkdir()
            return path.parent / "folder" / ".." / path.name
        else:
            return path
        return name

    return alias


@pytest.mark.parametrize(
    ("command", "replaced"),
    [
        ("train stripes.npz --out NAME", "stripes.npz"),
        ("train stripes.npz --out NAME --force", "stripes.npz"),
        (
            "train digits --start-from digits.safetensors --out NAME",
            "digits.safetensors",
        ),
        ("train mnist --out NAME", "mnist.npz"),
        ("evaluate digits.safetensors --data digits --out NAME", "digits.safetensors"),
        ("evaluate digits.safetensors --data stripes.npz --out NAME", "stripes.npz"),
        ("explain digits.safetensors --data digits --out NAME", "digits.safetensors"),
        ("explain digits.safetensors --data stripes.npz --out NAME", "stripes.npz"),
        (
            "explain digits.safetensors --data digits --figure NAME",
            "digits.safetensors",
        ),
    ],
)
def test_an_output_is_no_input(
    run, model_file, stripes, alias, monkeypatch, command, replaced
):
    """The data that a known name stands for counts as well."""
    monkeypatch.setenv("KERAS_HOME", str(stripes.parent / "keras"))
    if replaced == "mnist.npz":
        cache = stripes.parent / "keras" / "datasets"
        cache.mkdir(parents=True)
        path = stripes.rename(cache / replaced)
    else:
        path = stripes.with_name(replaced)
    before = path.read_bytes()
    name = alias(path)
    words = [name if word == "NAME" else word for word in command.split()]
    assert_fails(run(*words), "would be replaced; name another file")
    assert path.read_bytes() == before


def test_two_outputs_are_two_files(run, model_file, tmp_path):
    command = ("explain", model_file, "--data", "digits", "--out", "x.png", "--figure")
    assert_fails(run(*command, "x.png"), "is the file of --out as well")
    (tmp_path / "y.png").symlink_to(tmp_path / "x.png")
    assert_fails(run(*command, "y.png"), "is the file of --out as well")


@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_records_replace_records_only(run, model_file, tmp_path, command):
    other = tmp_path / "other.safetensors"
    other.write_bytes(model_file.read_bytes())
    result = run(command, model_file, "--data", "digits", "--out", other)
    assert_fails(result, "holds something else than JSON")
    assert other.read_bytes() == model_file.read_bytes()


def test_a_checkpoint_is_no_input(run, model_file, tmp_path):
    start = model_file.rename(tmp_path / "out.safetensors.checkpoint")
    command = ("train", "digits", "--start-from", start, "--out", "out.safetensors")
    assert_fails(run(*command), "checkpoint' is the model to start from")


def test_devices_take_every_output(run, model_file):
    steps = ("--presentation-time", 0.01, "--n-examples", 2)
    command = ("evaluate", model_file, "--data", "digits", *steps, "--backend", "rate")
    assert run(*command, "--out", "/dev/null").exit_code == 0
    for _ in range(2):
        assert run(*command, "--out", "record.json").exit_code == 0


def test_a_finished_training_is_replaced_only_if_asked(run, tmp_path, monkeypatch):
    train = ("train", "digits", *SHORT, "--out", "m.safetensors")
    assert "Saved m.safetensors" in run(*train).output
    model = tmp_path / "m.safetensors"
    before = model.read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr("nengo_softlif.training.loop.fit", None)  # nothing is trained
        again = run(*train)
        assert again.exit_code == 0, again.output
        assert "is done already, in m.safetensors: training error" in again.output
        said = CliRunner().invoke(main, [*map(str, train), "--json"])
        found = json.loads(said.stdout)
        assert found == {"model": str(model.name), "history": found["history"]}
        assert len(found["history"]["loss"]) == 1
        for other, message in (
            (("--seed", 1), "(network, start, seed 0 instead of 1)"),
            (("--learning-rate", 2e-3), "(learning_rate 0.001 instead of 0.002)"),
            (("--batch-norm",), "(batch_norm False instead of True)"),
            (("--averaging", 1), "(averaging)"),
            (("--label-smoothing", 0.1), "(label_smoothing)"),
            (("--noise", "none"), "(network)"),
        ):
            assert_fails(run(*train, *other), f"a model of another training {message}")
    assert model.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.safetensors"]

    replaced = run(*train, "--seed", 1, "--force")
    assert "Saved m.safetensors" in replaced.output
    assert model.read_bytes() != before


@pytest.mark.parametrize("content", ["my notes", "untrained", "of another kind"])
def test_what_train_did_not_write_is_replaced_only_if_asked(
    run, model_file, tmp_path, content
):
    out = tmp_path / "m.safetensors"
    out.write_text(content)
    if content == "untrained":
        out.write_bytes(model_file.read_bytes())
    elif content == "of another kind":
        files.write(out, {}, {}, kind="checkpoint")
    before = out.read_bytes()
    command = ("train", "digits", *SHORT, "--out", out)
    assert_fails(run(*command), "or add --force to replace it")
    assert out.read_bytes() == before
    assert run(*command, "--force").exit_code == 0
    assert networks.load(out).training["epochs"] == 1


def test_checkpoint_of_another_training(run, tmp_path, monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    train = ("train", "digits", *SHORT)
    checkpoint = tmp_path / "digits.safetensors.checkpoint"
    with monkeypatch.context() as patch:
        patch.setattr("nengo_softlif.training.loop._train", stopped)
        assert run(*train, "--seed", 1).exit_code == 130
        assert not (tmp_path / "digits.safetensors.checkpoint.lock").exists()
        before = checkpoint.read_bytes()
        message = "(network, start, seed 1 instead of 0); repeat the settings"
        assert_fails(run(*train), message)
        assert checkpoint.read_bytes() == before
        forced = run(*train, "--force")
        assert forced.exit_code == 130
        assert "Going on" not in forced.output
        ours = checkpoint.read_bytes()
        assert ours != before
    result = run(*train)
    assert "Going on from" in result.output
    assert result.exit_code == 0, result.output
    checkpoint.write_bytes(ours)  # killed after the model was saved
    assert "is done already" in run(*train).output
    assert not checkpoint.exists()
    checkpoint.write_text("damaged")
    assert_fails(run(*train, "--seed", 1), "a model of another training")
    assert run(*train).exit_code == 0
    assert checkpoint.exists()  # it is not of this training
    (tmp_path / "digits.safetensors").unlink()
    assert_fails(run(*train), "add --force to start anew")
    assert run(*train, "--force").exit_code == 0


def test_one_training_to_a_file(run, tmp_path):
    with claimed(tmp_path / "m.safetensors.checkpoint"):
        command = ["train", "digits", *SHORT, "--out", tmp_path / "m.safetensors"]
        second = subprocess.run(
            [sys.executable, "-m", "nengo_softlif", *map(str, command)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 2
    assert f"is running in process {os.getpid()}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_itself_is_not_replaced(run, tmp_path):
    for link, target in [("loop", "loop"), ("a", "b"), ("b", "a")]:
        (tmp_path / link).symlink_to(target)
    for link in ("loop", "a"):
        assert_fails(run("train", "digits", "--out", link), "leads back to itself")
    assert (tmp_path / "loop").is_symlink()
    (tmp_path / "new").symlink_to("made")  # which need not be there
    assert run("train", "digits", *SHORT, "--out", "new").exit_code == 0
    assert (tmp_path / "made").is_file()
