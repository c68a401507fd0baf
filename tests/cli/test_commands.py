import json
import re
import signal
import subprocess
import sys
import time

from nengo_softlif import (
    Model,
    Preprocessing,
    SoftLIFRate,
    Stack,
    datasets,
    files,
    load,
    networks,
    to_loihi,
    to_spiking,
)
from nengo_softlif.cli.commands import main

import nengo
import numpy as np
import pytest
from click.testing import CliRunner
from command_line import SHORT, assert_fails


def test_help_names_every_command(run):
    result = run("--help")
    assert result.exit_code == 0
    for command in ("demo", "train", "evaluate", "explain", "info"):
        assert command in result.output
        assert run(command, "--help").exit_code == 0
        assert run(command, "-h").output.startswith(f"Usage: main {command}")


def test_info(run):
    text = run("info").output
    found = json.loads(run("info", "--json").output)
    assert found["versions"]["nengo"] in text
    assert found["versions"]["numpy"] == np.__version__
    assert found["data"]["digits"] == "built in"


def test_info_of_a_model(run, model_file):
    text = run("info", model_file).output
    found = json.loads(run("info", model_file, "--json").output)
    model = networks.load(model_file)
    assert f"{model.network.n_neurons:,} neurons" in text
    for layer in found["layers"]:
        assert any(line.startswith(layer["label"]) for line in text.splitlines())
    sizes = [layer["size"] for layer in found["layers"] if layer["neurons"]]
    assert sizes == [ensemble.n_neurons for ensemble in model.ensembles]
    assert_fails(run("info", model_file.parent / "none.safetensors"), "does not exist")


def test_models_by_name(run):
    found = json.loads(run("info", "mnist-lenet", "--json").output)
    assert next(layer["size"] for layer in found["layers"]) == 784
    assert_fails(run("info", "mnist-lent"), "mnist-lenet, got 'mnist-lent'")
    assert_fails(
        run("experiment", "decision-time", "--model", "mnist-lent", "--data", "digits"),
        "mnist-lenet, got 'mnist-lent'",
    )


@pytest.mark.parametrize("named", [[], ["--backend", "loihi-emulator"]])
def test_evaluate_takes_what_was_made_for_a_chip(named, run, model_file, tmp_path):
    """And what is in spikes already: files hold networks of all kinds."""
    spiking = to_spiking(load(model_file), synapse=0.005)
    spiking.save(tmp_path / "spiking")
    to_loihi(spiking).save(tmp_path / "chip")
    found = []
    for name in ("spiking", "chip"):
        brief = "--n-examples", 3, "--presentation-time", 0.02, "--json"
        result = run("evaluate", name, "--data", "digits", *brief, *named)
        assert result.exit_code == 0, result.output
        found.append(json.loads(result.stdout))
    assert found[0]["backend"] == (named[-1] if named else "engine")
    assert found[1]["backend"] == "loihi-emulator"
    if named:
        assert found[0]["predictions"] == found[1]["predictions"]
        assert found[0]["spikes_per_image"] == found[1]["spikes_per_image"] > 0
    assert_fails(run("explain", "chip", "--data", "digits"), "rate neurons are needed")


def test_unseen_data_through_the_front_door(run, stripes, tmp_path):
    trained = run(
        "train", stripes, "--epochs", 6, "--batch-size", 20, "--learning-rate", 3e-3
    )
    assert trained.exit_code == 0, trained.output
    assert "nengo-softlif evaluate stripes.safetensors" in trained.output
    assert not list(tmp_path.glob("*.checkpoint"))

    measured = run(
        "evaluate", "stripes.safetensors", "--data", stripes, "--out", "result.json"
    )
    assert measured.exit_code == 0, measured.output
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["n_examples"] == 60
    assert record["error_percent"] <= 5
    assert record["backend"] == "engine"
    assert record["synapse"] == "Alpha(tau=0.005)"
    assert record["command"].startswith("nengo-softlif")


def test_evaluate_prints_json(run, model_file):
    args = ("--data", "digits", "--backend", "rate", "--n-examples", 7, "--json")
    result = CliRunner().invoke(main, ["evaluate", str(model_file), *map(str, args)])
    assert json.loads(result.stdout)["n_examples"] == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--presentation-time", 0), "presentation_time"),
        (("--window", 1), "window"),
        (("--presentation-time", "nan"), "presentation_time: expected a positive"),
        (("--presentation-time", 1e6), "1,000,000,000 steps of 10 output values take"),
        (("--presentation-time", 1e308), "output values take"),
        (("--window", "nan"), "window: expected 0 or a positive number"),
        (("--n-examples", 0), "n_examples"),
        (
            ("--batch-size", 0),
            "batch_size: expected a whole number from 1 to 10000",
        ),
        (("--dt", -1), "dt"),
        (("--dt", "nan"), "dt: expected a positive number of seconds"),
        (("--synapse", "beta:1"), "expected none, alpha:NUMBER, lowpass:NUMBER"),
        (("--synapse", "alpha:-1"), "a positive number of seconds, got -1.0"),
        (("--synapse", "alpha:0"), "a positive number of seconds, got 0.0"),
        (("--synapse", "alpha:inf"), "a positive number of seconds, got inf"),
        (("--synapse", "alpha:nan"), "a positive number of seconds, got nan"),
        (("--synapse", "lowpass:nan"), "a positive number of seconds, got nan"),
        (("--synapse", "lowpass:1e-300"), "0 or a number from 1e-9 to 1e9, got 1e-300"),
        (("--synapse", "alpha:1e300"), "0 or a number from 1e-9 to 1e9, got 1e+300"),
        (("--out", ""), "expected a name, got an empty one"),
        (("--out", "."), "'.' is a directory"),
        (("--out", "no/such/folder/x"), "is not a folder"),
        (("--backend", "brian"), "'brian' is not one of"),
    ],
)
def test_bad_options(run, model_file, options, message):
    assert_fails(run("evaluate", model_file, "--data", "digits", *options), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("imagenet",), "digits, mnist, fashion_mnist, cifar10"),
        (("nowhere.npz",), "nowhere.npz"),
        (("minst",), "did you mean mnist?"),
        (
            ("digits", "--epochs", 0),
            "a whole number from 1 to 1000000000, got 0",
        ),
        (("digits", "--batch-size", 0), "batch_size: expected a whole number from 1"),
        (("digits", "--learning-rate", "nan"), "learning_rate: expected a positive"),
        (("digits", "--learning-rate", "inf"), "learning_rate: expected a positive"),
        (("digits", "--weight-decay", "nan"), "weight_decay: expected 0 or a positive"),
        (("digits", "--validation-split", "nan"), "validation_split: expected a part"),
        (("digits", "--validation-split", 1), "validation_split: expected a part"),
        (("digits", "--seed", -1), "is not in the range"),
        (("digits", "--noise", "gaussian:nan"), "expected a finite number, got nan"),
        (("digits", "--noise", "gaussian:inf"), "expected a finite number, got inf"),
        (("digits", "--noise", "alpha:-1"), "must be greater than 0"),
        (("digits", "--noise", "alpha:1e-300"), "0 or a number from 1e-9 to 1e9, got"),
        (("digits", "--epochs", 10**20), "from 1 to 1000000000, got 1000000000000"),
        (("~nosuch/x.npz",), "'~nosuch/x.npz' begins with the home folder of somebody"),
        (("digits", "--out", ""), "expected a name, got an empty one"),
        (("digits", "--out", "."), "'.' is a directory"),
        (("digits", "--start-from", ""), "expected a name, got an empty one"),
        (("digits", "--noise", "pink"), "expected none, gaussian:NUMBER"),
        (("digits", "--out", "no/such/folder/x"), "is not a folder"),
        (("digits", "--target", "brainscales"), "'brainscales' is not"),
        (("digits", "--target", "loihi", "--batch-norm"), "then for the chip without"),
        (("digits", "--start-from", "none.safetensors"), "does not exist"),
    ],
)
def test_bad_training(run, options, message):
    assert_fails(run("train", *options), message)


def weights(path):
    _, arrays = files.read(path, kind="model")
    return np.concatenate(
        [a.ravel() for name, a in arrays.items() if not name.startswith("preproc")]
    )


def test_for_loihi_from_a_trained_model(run, tmp_path):
    trained = run("train", "digits", *SHORT, "--batch-norm", "--noise", "alpha:0.01")
    assert "Next: nengo-softlif evaluate digits.safetensors" in trained.output
    assert "loihi" not in trained.output
    before = (tmp_path / "digits.safetensors").read_bytes()

    tuning = ("--start-from", "digits.safetensors", "--learning-rate", 1e-5)
    tuned = run("train", "digits", *SHORT, "--target", "loihi", *tuning)
    assert tuned.exit_code == 0, tuned.output
    assert (
        "evaluate digits-loihi.safetensors --data digits --backend loihi-emulator"
        in tuned.output
    )
    assert (tmp_path / "digits.safetensors").read_bytes() == before
    assert not list(tmp_path.glob("*.checkpoint"))
    start, end = (
        networks.load(tmp_path / f"{name}.safetensors")
        for name in ("digits", "digits-loihi")
    )
    assert end.source == start.source
    assert end.source["arguments"]["noise"] == {"type": "AlphaNoise", "tau_s": 0.01}
    assert end.preprocessing == start.preprocessing
    moved = np.abs(
        weights(tmp_path / "digits-loihi.safetensors")
        - weights(tmp_path / "digits.safetensors")
    )
    assert 0 < moved.max() < 1e-4  # seven steps, each about as large as the rate

    steps = ("--presentation-time", 0.01, "--n-examples", 2)
    measured = run(
        "evaluate", "digits-loihi.safetensors", "--data", "digits", *steps,
        "--backend", "loihi-emulator",
    )  # fmt: skip
    assert measured.exit_code == 0, measured.output


@pytest.mark.parametrize("given", ["cifar10.npz", "mnist"])
def test_the_papers_networks_are_for_names_not_files(run, stripes, given, monkeypatch):
    """A file may be called cifar10; the names mean what Keras downloads."""
    home = stripes.parent / "keras"
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "mnist.npz").write_bytes(stripes.read_bytes())
    stripes.rename(stripes.with_name("cifar10.npz"))
    monkeypatch.setenv("KERAS_HOME", str(home))
    trained = run("train", given, *SHORT, "--out", "m")
    assert trained.exit_code == 0, trained.output
    model = networks.load(stripes.with_name("m"))
    named = "mnist" if given == "mnist" else "small"
    assert model.source["function"] == named
    assert (model.crop, model.flip) == (None, False)


def test_the_start_is_never_replaced(run, model_file):
    before = model_file.read_bytes()
    start = ("--start-from", model_file)
    message = "is the model to start from, and would be replaced"
    for out in ((), ("--out", model_file), ("--out", model_file, "--force")):
        assert_fails(run("train", "digits", *SHORT, *start, *out), message)
    assert model_file.read_bytes() == before
    result = run("train", "digits", *SHORT, *start, "--out", "other.safetensors")
    assert result.exit_code == 0, result.output


def test_a_network_of_ones_own_by_its_layers(run, stripes):
    """A line of text is enough; another line is another training."""
    layers = ("--network", "conv 4 3 2, pool 2, dense 9")
    command = ("train", stripes, *SHORT, "--noise", "none", "--out", "m")
    trained = run(*command, *layers)
    assert trained.exit_code == 0, trained.output
    model = networks.load(stripes.with_name("m"))
    expected = networks.from_recipe(layers[1], (12, 9, 1), 3, None)
    assert str(model) == str(expected)
    assert model.network.label == layers[1]
    steps = ("--presentation-time", 0.01, "--n-examples", 2)
    result = run("evaluate", "m", "--data", stripes, *steps, "--json")
    assert json.loads(result.stdout)["network"] == layers[1]
    assert "This training is done already" in run(*command, *layers).output
    # with as many weights of the same values
    other = ("--network", "conv 4 3 2 valid, pool 2 2 ceil, dense 9")
    same_sizes = run(*command, *other)
    assert_fails(same_sizes, "(network")


def test_a_network_from_a_file(run, stripes, tmp_path):
    """Of a model that is not trained yet, which no function here made."""
    with nengo.Network(seed=3) as net:
        stack = Stack((12, 9, 1), SoftLIFRate(noise=None))
        left = stack.dense(6)
        right = nengo.Ensemble(5, 1, neuron_type=SoftLIFRate(), gain=np.ones(5),
                               bias=np.ones(5))  # fmt: skip
        nengo.Connection(stack.input, right.neurons, synapse=None,
                         transform=nengo.dists.Gaussian(0, 0.1))  # fmt: skip
        answer = nengo.Node(size_in=10)
        for branch in (left, right):
            nengo.Connection(branch.neurons, answer, synapse=None,
                             transform=nengo.dists.Gaussian(0, 0.1))  # fmt: skip
        model = Model(net, stack.input, nengo.Probe(answer))
    model.save("own.safetensors")
    before = (tmp_path / "own.safetensors").read_bytes()
    command = ("train", stripes, *SHORT, "--network", "own.safetensors")
    trained = run(*command)
    assert trained.exit_code == 0, trained.output
    assert (tmp_path / "own.safetensors").read_bytes() == before
    found = networks.load(tmp_path / "stripes.safetensors")
    assert found.preprocessing.image_shape == (12, 9, 1)
    assert [len(e.gain) for e in found.ensembles] == [6, 5]
    moved = weights(tmp_path / "stripes.safetensors") - weights("own.safetensors")
    assert np.abs(moved).max() > 0
    assert_fails(run(*command, "--noise", "none"), "--noise cannot be given with --net")
    into = run(*command, "--out", "own.safetensors")
    assert_fails(into, "is the model to start from, and would be replaced")
    assert_fails(run("train", "digits", *SHORT, *command[4:]), "108")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            "alexnet",
            "begins with alexnet, which is not one of conv, local, pool, dense",
        ),
        ("alexnet", "or name one of small, mnist, cifar10"),
        ("conv 4, pool 9, dense 3", "'pool 9' does not fit the 8 x 8 x 4 below it"),
        ("conv", "has 0 numbers behind 'conv'"),
        ("none.safetensors", "does not exist"),
        ("small.txt", "is not a safetensors file"),
    ],
)
def test_networks_that_are_none(run, tmp_path, network, message):
    (tmp_path / "small.txt").write_text("no model" * 99)
    assert_fails(run("train", "digits", *SHORT, "--network", network), message)
    assert not list(tmp_path.glob("*.safetensors*"))


@pytest.mark.parametrize(
    "option", [("--network", "small"), ("--noise", "none"), ("--batch-norm",)]
)
def test_options_that_the_start_decides(run, model_file, option):
    result = run("train", "digits", "--start-from", model_file, *option)
    assert_fails(result, f"{option[0]} cannot be given with --start-from")


@pytest.mark.parametrize("start", [(), ("--start-from", "start.safetensors")])
def test_training_moves_images(run, tmp_path, start):
    model = networks.small(noise=None)
    model.preprocessing = Preprocessing.from_images(datasets.load("digits").x_train)
    model.save(tmp_path / "start.safetensors")
    losses = []
    for shift in (0, 2):
        named = (*start, "--shift", shift, "--out", f"by-{shift}.safetensors")
        result = run("train", "digits", *SHORT, *named)
        assert result.exit_code == 0, result.output
        trained = networks.load(tmp_path / f"by-{shift}.safetensors")
        assert trained.preprocessing.shift == shift
        losses += trained.history["loss"]
    assert losses[0] != losses[1]


def test_noise_is_measured_in_the_model_to_start_from(run, tmp_path):
    model = networks.small(noise=None)
    model.preprocessing = Preprocessing.from_images(datasets.load("digits").x_train)
    for ensemble in model.ensembles:
        ensemble.bias = np.full(ensemble.n_neurons, 1.1)  # all fire
    model.save(tmp_path / "start.safetensors")
    start = ("--start-from", "start.safetensors", "--noise", "auto")
    result = run("train", "digits", *SHORT, *start, "--out", "out.safetensors")
    assert result.exit_code == 0, result.output
    told = re.search(r"Measured noise of layers: (.*) Hz", result.output)[1].split(", ")
    trained = networks.load(tmp_path / "out.safetensors")
    noises = [ensemble.neuron_type.noise for ensemble in trained.ensembles]
    assert [f"{noise.std:.1f}" for noise in noises] == told


def test_noise_of_a_new_network_cannot_be_measured(run):
    result = run("train", "digits", "--noise", "auto")
    assert_fails(result, "measures the spikes of a trained model")


@pytest.mark.parametrize("network", ["lenet", "resnet11"])
def test_networks_that_spike_in_training_take_no_noise(run, network):
    result = run("train", "digits", "--network", network, "--noise", "alpha:0.005")
    assert_fails(result, f"{network} has spikes, and no noise")


def test_a_start_for_other_images(run, model_file, stripes):
    result = run("train", stripes, "--start-from", model_file)
    assert_fails(result, "expected images of 8 x 8 x 1")


def test_going_on_with_another_start(run, model_file, tmp_path, monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    command = ("train", "digits", *SHORT, "--out", "out.safetensors", "--start-from")
    with monkeypatch.context() as patch:
        patch.setattr("nengo_softlif.training.loop._train", stopped)
        assert run(*command, model_file).exit_code == 130
    assert (tmp_path / "out.safetensors.checkpoint").exists()

    networks.small(noise=None, seed=1).save(tmp_path / "other.safetensors")
    message = "is not the checkpoint of this training (network, start); repeat"
    assert_fails(run(*command, "other.safetensors"), message)
    result = run(*command, model_file)
    assert result.exit_code == 0, result.output
    assert "Going on from" in result.output


def test_home(run, model_file, tmp_path, monkeypatch):
    """In ``--out=~/x`` no shell replaces it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    steps = ("--presentation-time", 0.01, "--n-examples", 2, "--backend", "rate")
    result = run(
        "evaluate", "~/digits.safetensors", "--data=digits", "--out=~/x.json", *steps
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "x.json").exists()


def test_the_home_of_nobody(run, model_file, monkeypatch):
    message = "begins with the home folder of somebody unknown here"
    assert_fails(run("evaluate", model_file, "--data", "~nosuch/x.npz"), message)
    assert_fails(run("evaluate", "~nosuch/x", "--data", "digits"), message)
    monkeypatch.setenv("KERAS_HOME", "~nosuch")
    assert_fails(run("info"), message)


def test_nothing_heavy_is_loaded_before_arguments_are_checked(model_file, tmp_path):
    """Neither by errors nor by a training that is done."""
    model = networks.load(model_file)
    commands = [
        ["train", "digits", "--out", str(model_file)],
        ["train", "digits", "--learning-rate", "nan"],
        ["train", "digits", "--target", "loihi", "--batch-norm"],
        ["evaluate", str(model_file), "--data", "digits", "--out", str(model_file)],
    ]
    assert model.training is None
    code = (
        "import sys; from click.testing import CliRunner\n"
        "from nengo_softlif.cli import main\n"
        f"for command in {commands!r}:\n"
        "    assert CliRunner().invoke(main, command).exit_code == 2, command\n"
        "assert not {'tensorflow', 'nengo_dl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_files_that_are_no_model(run, model_file, tmp_path):
    data = ("--data", "digits")
    text = tmp_path / "notes.txt"
    text.write_text("not a model")
    assert_fails(run("evaluate", text, *data), "is not a safetensors file")
    assert_fails(run("evaluate", tmp_path / "none", *data), "does not exist")
    content = model_file.read_bytes()
    model_file.write_bytes(content[: len(content) // 2])
    assert_fails(run("evaluate", model_file, *data), "is truncated or damaged")
    files.write(model_file, {}, {}, kind="checkpoint")
    assert_fails(run("evaluate", model_file, *data), "holds a checkpoint")


def test_images_of_another_size(run, model_file, stripes):
    result = run("evaluate", model_file, "--data", stripes)
    assert_fails(result, "expected images of 8 x 8 x 1")


@pytest.mark.slow
def test_ctrl_c_and_going_on(tmp_path):
    command = [sys.executable, "-m", "nengo_softlif", "train", "digits"]
    command += ["--epochs", "40", "--out", str(tmp_path / "m.safetensors")]
    checkpoint = tmp_path / "m.safetensors.checkpoint"
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # tests that run in the background ignore Ctrl-C, and so would their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not (
        checkpoint.exists() and files.read(checkpoint, "checkpoint")[0]["history"]
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "The same command goes on" in said
    assert "Traceback" not in said
    n_before = len(files.read(checkpoint, "checkpoint")[0]["history"]["loss"])

    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Going on from" in again.stderr
    history = networks.load(tmp_path / "m.safetensors").history
    assert n_before < len(history["loss"]) == 40
    assert not checkpoint.exists()


@pytest.mark.slow
def test_demo(run, tmp_path, monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nengo_softlif.explain", stopped)
        assert run("demo", "--out", "here").exit_code == 1
    result = run("demo", "--out", "here")
    assert result.exit_code == 0, result.output
    assert "Trained already" in result.output
    assert "95 % interval" in result.output
    assert "chip, emulated" in result.output
    assert "Next: nengo-softlif report here" in result.output
    for name in ("rate", "engine", "nengo", "loihi-emulator"):
        record = json.loads((tmp_path / "here" / f"{name}.json").read_text())
        assert record["error_percent"] <= 3
    assert (
        len(json.loads((tmp_path / "here" / "ladder.json").read_text())["rungs"]) == 7
    )
    assert len(list((tmp_path / "here").glob("*.png"))) == 5
    other = run("demo", "--out", "here", "--seed", 1)
    assert_fails(other, "(network, start, seed 0 instead of 1)")


@pytest.mark.parametrize("link", [False, True])
def test_demo_replaces_nothing_of_others(run, tmp_path, link):
    mine, folder = tmp_path / "mine.npz", tmp_path / "here"
    folder.mkdir()
    mine.write_bytes(b"x")
    if link:
        (folder / "engine.json").symlink_to(mine)
    else:
        (folder / "engine.json").write_bytes(b"x")
    assert_fails(run("demo", "--out", "here"), "might be replaced")
    assert mine.read_bytes() == b"x" == (folder / "engine.json").read_bytes()


def test_a_model_that_comes_while_another_trains_stays(
    run, model_file, tmp_path, monkeypatch
):
    held = model_file.read_bytes()

    def trained(*args):
        (tmp_path / "m").write_bytes(held)

    monkeypatch.setattr("nengo_softlif.cli.training._train", trained)
    assert_fails(run("train", "digits", *SHORT, "--out", "m"), "add --force")
    assert (tmp_path / "m").read_bytes() == held


def test_explain(run, model_file, tmp_path):
    args = ("--data", "digits", "--n-examples", 5, "--presentation-time", 0.02)
    result = run(
        "explain", model_file, *args, "--out", "ladder.json", "--figure", "ladder.svg"
    )
    assert result.exit_code == 0, result.output
    rungs = json.loads((tmp_path / "ladder.json").read_text())["rungs"]
    assert all(rung["name"] in result.output for rung in rungs)
    assert rungs[-1]["evaluation"]["command"].startswith("nengo-softlif")
    assert (tmp_path / "ladder.svg").stat().st_size > 0


def test_explain_refuses_a_figure_of_no_known_kind(run, model_file):
    result = run("explain", model_file, "--data", "digits", "--figure", "ladder.doc")
    assert result.exit_code == 2
    assert ".png" in result.output
