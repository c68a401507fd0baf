"""The command line: ``nengo-softlif demo | train | evaluate | info``."""

import json
import os
import platform
import shlex
import sys
import warnings
from importlib import import_module, metadata
from pathlib import Path

import click
import nengo
from click.core import ParameterSource
from nengo.exceptions import NengoException, NengoWarning, ValidationError

from . import __version__, datasets, networks, noise
from .compat import install

_NETWORK_OF = {"mnist": "mnist", "fashion_mnist": "mnist", "cifar10": "cifar10"}

_NOISES = {
    "gaussian": noise.GaussianNoise,
    "alpha": noise.AlphaNoise,
    "alpha-rc": noise.AlphaRCNoise,
    "lowpass": noise.LowpassNoise,
}

_SYNAPSES = {"alpha": nengo.Alpha, "lowpass": nengo.Lowpass}

_BACKENDS = (
    "rate",
    "engine",
    "nengo-dl",
    "nengo",
    "loihi-emulator",
    "loihi-reference",
    "loihi-float",
    "loihi",
)

_PACKAGES = (
    "nengo_softlif",
    "nengo",
    "nengo-dl",
    "nengo-loihi",
    "tensorflow",
    "tf_keras",
    "keras",
    "numpy",
    "numba",
)


class _Named(click.ParamType):
    """``none``, a name, or a name and its number, such as ``alpha:0.005``."""

    def __init__(self, name, kinds):
        self.name, self.kinds = name, kinds

    def convert(self, value, param, ctx):
        if value is None or not isinstance(value, str) or value == "none":
            return None if value == "none" else value
        kind, _, number = value.partition(":")
        try:
            return self.kinds[kind](*([float(number)] if number else []))
        except (KeyError, ValueError, TypeError, ValidationError) as error:
            known = ", ".join(f"{kind}:NUMBER" for kind in self.kinds)
            reason = f" ({error})" if isinstance(error, ValidationError) else ""
            self.fail(f"expected none, {known}; got {value!r}{reason}", param, ctx)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    click.echo(f"Warning: {message}", err=True)


class _Commands(click.Group):
    """A group whose commands end in one clear line where others end in a traceback."""

    def invoke(self, ctx):
        try:
            with warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("ignore")
                    warnings.simplefilter("default", NengoWarning)
                    warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except (NengoException, OSError, ImportError) as error:
            failure = click.ClickException(str(error))
            failure.exit_code = 2 if isinstance(error, ValidationError) else 1
            raise failure from error


def _start_tensorflow():
    """Load TensorFlow without what its start-up writes past Python to stderr.

    Its search for a GPU fails loudly where there is none, and no setting keeps it
    quiet. Python's own errors come through.
    """
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        tensorflow = import_module("tensorflow")
        tensorflow.config.list_physical_devices("GPU")
        import_module("nengo_dl")
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main():
    """Deep spiking networks: train with soft LIF neurons, rebuild in spikes, measure.

    Start with `nengo-softlif demo`, which does all of it in a minute.
    """
    install()


_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)
_seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of all chance.",
)


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="nengo-softlif-demo",
    show_default=True,
    help="Folder for the model, the results and the figures.",
)
@_seed
@_as_json
def demo(out, seed, as_json):
    """Train on handwritten digits, rebuild in spikes, and compare.

    Uses the 8 x 8 digits inside scikit-learn: nothing is downloaded. Trains a small
    network of soft LIF neurons, rebuilds it with spiking LIF neurons and alpha
    synapses, and evaluates the held-out fifth of the digits as rates, in spikes
    with many images at a time, and (the first hundred) through Nengo's own simulator.
    """
    _start_tensorflow()
    from . import evaluate, figures, fit, to_spiking

    out.mkdir(parents=True, exist_ok=True)
    data = datasets.load("digits")
    model = networks.small(seed=seed)
    click.echo(f"Training {model} on {data}", err=True)
    fit(model, data, epochs=30, batch_size=32, learning_rate=3e-3, seed=seed)
    model.save(out / "digits.safetensors")

    spiking = to_spiking(model)
    results = []
    for backend, network, n_examples in (
        ("rate", model, None),
        ("engine", spiking, None),
        ("nengo", spiking, 100),  # the reference, one image at a time
    ):
        click.echo(f"Evaluating: {backend}", err=True)
        result = evaluate(
            network, data, backend=backend, n_examples=n_examples, seed=seed
        )
        result.command = _command()
        result.save(out / f"{backend}.json")
        results.append(result)

    written = figures.save_demo(results, model, spiking, data, out)
    if as_json:
        click.echo(json.dumps({"rows": [json.loads(r.to_json()) for r in results]}))
        return
    click.echo(_table(results))
    click.echo(f"\nModel, results and figures are in {out}/: {', '.join(written)}")


@main.command()
@click.argument("dataset")
@click.option(
    "--network",
    type=click.Choice(list(networks.FUNCTIONS)),
    help="Network to train. Default: the papers' for mnist, fashion_mnist and "
    "cifar10, else small.",
)
@click.option(
    "--noise",
    "noise_model",
    type=_Named("NOISE", _NOISES),
    default="gaussian:10",
    show_default=True,
    help="Noise in training: none, gaussian:HZ, or alpha:S, alpha-rc:S, lowpass:S "
    "with the time constant of the synapse in seconds.",
)
@click.option("--epochs", default=10, show_default=True, help="Passes over the images.")
@click.option("--batch-size", default=128, show_default=True, help="Images per step.")
@click.option(
    "--learning-rate",
    default=1e-3,
    show_default=True,
    help="Peak of Adam's schedule. A trained model needs less: 1e-4 to 3e-4.",
)
@click.option(
    "--weight-decay", default=0.0, show_default=True, help="Decoupled weight decay."
)
@click.option(
    "--batch-norm", is_flag=True, help="Normalise layers over each batch, in training."
)
@click.option(
    "--target",
    type=click.Choice(["loihi"]),
    help="Train for the chip: against its rates, its 8-bit weights and its synapse. "
    "Best with --start-from.",
)
@click.option(
    "--start-from",
    type=click.Path(path_type=Path),
    help="Model to start from, a file that train wrote, instead of a new network.",
)
@click.option(
    "--validation-split",
    default=0.0,
    show_default=True,
    help="Part of the training images to report error on instead.",
)
@_seed
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the model. Default: DATASET.safetensors in this folder, or "
    "DATASET-loihi.safetensors.",
)
@_as_json
@click.pass_context
def train(
    ctx, dataset, network, noise_model, start_from, out, as_json, seed, **settings
):
    """Train a network of soft LIF neurons on DATASET.

    DATASET is digits, mnist, fashion_mnist, cifar10, or an .npz file with the arrays
    x_train, y_train, x_test and y_test. State is saved after every epoch: after
    Ctrl-C or a crash the same command goes on where it was.
    """
    if start_from is not None:
        _check_not_given(ctx, "network", "noise_model", "batch_norm")
    data = datasets.load(dataset)
    if start_from is None:
        model = _new_model(network, data, noise_model, seed)
    else:
        model = networks.load(start_from)
    on_loihi = settings["target"] == "loihi"
    if out is None:
        out = Path(f"{data.name}{'-loihi' if on_loihi else ''}.safetensors")
        if start_from is not None and out.exists() and out.samefile(start_from):
            raise click.UsageError(
                f"{out} is the model to start from, and would be replaced; name "
                "another file with --out, or this one if that is meant"
            )
    _check_folder(out)

    _start_tensorflow()
    from . import fit

    checkpoint = out.with_name(out.name + ".checkpoint")
    click.echo(f"Training {model} on {data}", err=True)
    if checkpoint.exists():
        click.echo(f"Going on from {checkpoint}", err=True)
    try:
        history = fit(model, data, seed=seed, checkpoint=checkpoint, **settings)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command goes on from the last epoch.", err=True)
        sys.exit(130)
    model.save(out)
    checkpoint.unlink(missing_ok=True)
    if as_json:
        click.echo(json.dumps({"model": str(out), "history": history}))
    else:
        click.echo(
            f"Saved {out}: training error {history['error_percent'][-1]:.2f} % in the "
            f"last epoch. Next: nengo-softlif evaluate {out} --data {dataset}"
            + (" --backend loihi-emulator" if on_loihi else "")
        )


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", required=True, help="Data set: a name or an .npz file.")
@click.option(
    "--backend",
    type=click.Choice(_BACKENDS),
    default="engine",
    show_default=True,
    help="rate: the network as it was trained. engine: in spikes, many images at a "
    "time. nengo-dl, nengo: in spikes, for comparison. loihi-emulator: on Loihi, many "
    "images at a time. loihi-reference, loihi-float: with NengoLoihi's emulator, with "
    "and without rounding. loihi: on the chip.",
)
@click.option(
    "--synapse",
    type=_Named("SYNAPSE", _SYNAPSES),
    default="alpha:0.005",
    show_default=True,
    help="Synapse behind each layer of spiking neurons: alpha:S, lowpass:S or none.",
)
@click.option(
    "--presentation-time", default=0.2, show_default=True, help="Seconds per image."
)
@click.option("--dt", default=0.001, show_default=True, help="Time step, in seconds.")
@click.option(
    "--window",
    default=0.0,
    show_default=True,
    help="Start of the readout window, in seconds.",
)
@click.option(
    "--reset/--no-reset",
    default=True,
    show_default=True,
    help="Start each image from rest, or show images back to back.",
)
@click.option("--batch-size", default=50, show_default=True, help="Images at a time.")
@click.option(
    "--n-examples", type=int, help="Test images to use, a sample of all. Default: all."
)
@_seed
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the JSON."
)
@_as_json
def evaluate(model, data, backend, synapse, out, as_json, **settings):
    """Measure MODEL, a file that `train` wrote, on the test images of a data set."""
    from . import evaluate as run
    from . import to_loihi, to_spiking

    if out is not None:
        _check_folder(out)
    model = networks.load(model)
    data = datasets.load(data)
    if backend != "rate":
        model = to_spiking(model, synapse=synapse)
    if backend.startswith("loihi"):
        model = to_loihi(model)
    if backend != "nengo":
        _start_tensorflow()
    result = run(model, data, backend=backend, **settings)
    result.command = _command()
    click.echo(result.to_json() if as_json else str(result))
    if out is not None:
        result.save(out)


@main.command()
@_as_json
def info(as_json):
    """Show versions, and which data sets are on this machine."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    found = {name: datasets.find(name) for name in datasets.KNOWN}
    tensorflow = versions["tensorflow"] or "0"
    current = tuple(int(part) for part in tensorflow.split(".")[:2]) >= (2, 16)
    stack = "current (TensorFlow 2.16 or newer, tf_keras)" if current else "old"
    if as_json:
        click.echo(json.dumps({"versions": versions, "stack": stack, "data": found}))
        return
    click.echo(f"Stack\n  {stack}")
    for title, table, missing in (
        ("Versions", versions, "not installed"),
        ("Data sets", found, "not here; downloaded on first use"),
    ):
        click.echo(title)
        for name, value in table.items():
            click.echo(f"  {name:<14} {value or missing}")


def _check_not_given(ctx, *names):
    """Refuse options that a model to start from has decided already."""
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if given and parameter.name in names:
            raise click.UsageError(
                f"{parameter.opts[0]} cannot be given with --start-from, which takes "
                "the network, its noise and its weights from the model"
            )


def _new_model(network, data, noise_model, seed):
    """Make a network that fits the images of a data set."""
    name = network or _NETWORK_OF.get(data.name, "small")
    shape = {"n_classes": data.n_classes, "noise": noise_model, "seed": seed}
    if name != "cifar10":
        shape["image_shape"] = data.image_shape
    elif data.image_shape != (32, 32, 3):
        height, width, channels = data.image_shape
        shape["image_shape"] = (height * 3 // 4, width * 3 // 4, channels)
    return networks.FUNCTIONS[name](**shape)


def _check_folder(path):
    """Tell before long work starts that its result cannot be written."""
    if not path.absolute().parent.is_dir():
        raise ValidationError(
            f"{str(path.parent)!r} is not a folder; create it first", attr="out"
        )


def _command():
    return shlex.join(["nengo-softlif", *sys.argv[1:]])


def _table(results):
    """One row for each evaluation, for the terminal."""
    head = (
        "",
        "images",
        "error %",
        "95 % interval",
        "decides at",
        "mean rate",
        "spikes",
        "time",
    )
    rows = [head, *(_row(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in cells)
        for cells in (list(enumerate(zip(row, widths, strict=True))) for row in rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _row(result):
    low, high = result.error_interval_percent
    timed = result.time_to_decide is not None
    return (
        result.backend,
        str(result.n_examples),
        f"{result.error_percent:.2f}",
        f"{low:.2f} - {high:.2f}",
        f"{1000 * result.time_to_decide:.0f} ms" if timed else "-",
        f"{result.mean_rate_hz:.1f} Hz",
        f"{result.spikes_per_image:.0f}" if result.spikes_per_image else "-",
        f"{result.seconds:.1f} s",
    )
