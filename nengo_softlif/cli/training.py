"""Its command train: a network on a data set, new or from a model."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import click

from .. import datasets, networks
from ..datasets import check_data
from ..registry import TARGETS
from ..targets import training_target
from ..training import checkpoints
from . import checks, options, terminal

_NETWORK_OF = {"mnist": "mnist", "fashion_mnist": "mnist", "cifar10": "cifar10"}


@click.command()
@click.argument("dataset")
@options.network
@options.noise
@click.option(
    "--epochs",
    type=options.COUNT,
    default=10,
    show_default=True,
    help="Passes over the images.",
)
@click.option(
    "--batch-size",
    type=options.COUNT,
    default=128,
    show_default=True,
    help="Images per step.",
)
@click.option(
    "--learning-rate",
    type=options.POSITIVE,
    default=1e-3,
    show_default=True,
    help="Peak of Adam's schedule. A trained model needs less: 1e-4 to 3e-4.",
)
@click.option(
    "--weight-decay",
    type=options.NOT_NEGATIVE,
    default=0.0,
    show_default=True,
    help="Decoupled weight decay.",
)
@click.option(
    "--batch-norm", is_flag=True, help="Normalise layers over each batch, in training."
)
@click.option(
    "--label-smoothing",
    type=options.PART,
    default=0.0,
    show_default=True,
    help="Part of each label that is spread over all classes.",
)
@click.option(
    "--mixup",
    type=options.NOT_NEGATIVE,
    default=0.0,
    show_default=True,
    help="Mix images with each other, alpha of the Beta distribution of the parts; 0.2 "
    "is usual.",
)
@click.option(
    "--shift",
    type=click.IntRange(min=0),
    help="Move images by up to so many pixels in training. Default: as the network "
    "has it.",
)
@click.option(
    "--averaging",
    type=options.NOT_NEGATIVE,
    default=0.0,
    show_default=True,
    help="Keep an average of the weights over about so many last epochs.",
)
@click.option(
    "--rates",
    type=options.POSITIVE,
    help="Keep the mean rate of each layer below so many Hz.",
)
@click.option(
    "--sigma-start",
    type=options.POSITIVE,
    help="Smoothing of the curves at first, which falls to the neurons' own.",
)
@click.option(
    "--target",
    type=options.Registered(TARGETS),
    help="Train for a chip: against its rates and its weights (on loihi, 8 bits) and "
    "its synapse. Best with --start-from.",
)
@click.option(
    "--start-from",
    type=options.MODEL,
    help="Model to start from, a file that train wrote, instead of a new network.",
)
@click.option(
    "--validation-split",
    type=options.PART,
    default=0.0,
    show_default=True,
    help="Part of the training images to report error on instead.",
)
@options.presentation_time_in_training
@options.dt_in_training
@options.derivative
@options.loss
@options.seed
@click.option(
    "--out",
    type=options.OUTPUT,
    help="File for the model. Default: DATASET.safetensors in this folder, with "
    "--target DATASET-loihi.safetensors.",
)
@options.force
@options.as_json
@click.pass_context
def train(
    ctx,
    dataset,
    network,
    noise_model,
    shift,
    start_from,
    out,
    force,
    as_json,
    **settings,
):
    """Train a network on DATASET: of soft LIF neurons, or of spiking ones in spikes.

    DATASET is digits, mnist, fashion_mnist, cifar10, an .npz file with the arrays
    x_train, y_train, x_test and y_test, or a file of events. A network of your own is
    a line of layers, or the file of a model, behind --network. Networks that are made
    for spikes, such as --network lenet, take --presentation-time.

    State is saved after every epoch: after Ctrl-C or a crash the same command goes on
    where it was, and when all is done it says so. What another training left is
    replaced only with --force.
    """
    network = network or _NETWORK_OF.get(dataset, "small")
    measured = noise_model == options.AUTO
    if measured:
        checks.check_measurable(start_from)
    if start_from is not None:
        decided = "network", "batch_norm", *(() if measured else ("noise_model",))
        checks.check_not_given(ctx, "--start-from", *decided)
    elif isinstance(network, Path):
        checks.check_not_given(ctx, f"--network {network}", "noise_model")
        start_from = network
    else:
        checks.check_in_spikes(ctx, not checks.takes_noise(network), network)
    target = settings["target"]
    training_target(target, settings["batch_norm"])
    if out is None:
        name = f"{Path(dataset).stem}{f'-{target}' if target else ''}.safetensors"
        out = options.OUTPUT.convert(name, None, ctx)
    checkpoint = checkpoints.path_beside(out)
    inputs = {"the data set": checks.data_files(dataset)}
    if start_from is not None:
        inputs["the model to start from"] = [start_from]
    checks.check_outputs(inputs, out=out, checkpoint=checkpoint)
    with checkpoints.claimed(checkpoint):
        if start_from is not None:
            model = networks.load(start_from)
            checks.check_in_spikes(ctx, model.spikes, str(start_from))
        data = datasets.load(dataset)
        if start_from is None:
            model = _new_model(network, data, noise_model, settings["seed"])
        check_data(data, model)
        if shift is not None:
            _move_images(model, shift)
        if measured:
            model = _with_measured_noise(model, data)
        record = checks.describe_training(model, data, settings)
        trained = checkpoints.load_trained(out, record, force)
        if trained is None:
            checkpoints.check(checkpoint, record, force)
            _train(model, data, checkpoint, settings)
            checkpoints.load_trained(out, record, force)  # it may have come meanwhile
            model.save(out)
            did = "Saved"
        else:
            model, did = trained, "This training is done already, in"
        if not checkpoints.unlike(checkpoint, record):
            checkpoint.unlink(missing_ok=True)
    if as_json:
        click.echo(json.dumps({"model": str(out), "history": model.history}))
    else:
        chip = ", the chip's rounding and noise included" if target else ""
        backend = f" --backend {next(iter(TARGETS[target].backends))}" if target else ""
        click.echo(
            f"{did} {out}: training error {checks.last_error(model.history)} "
            f"in the last epoch{chip}. Next: nengo-softlif evaluate {out} --data "
            f"{dataset}{backend}"
        )


def _move_images(model, shift):
    """Have training move images, those of a new or a trained model."""
    model.shift = shift
    if model.preprocessing is not None:
        model.preprocessing = replace(model.preprocessing, shift=shift)


def _with_measured_noise(model, data):
    """Give a model the noise that its spikes have, and say how much that is."""
    from .. import calibrate_noise

    model = calibrate_noise(model, data)
    noises = (getattr(e.neuron_type, "noise", None) for e in model.ensembles)
    gaussian = (getattr(noise, "noise", noise) for noise in noises)  # within dropout
    told = ", ".join(f"{noise.std:.1f}" for noise in gaussian if noise is not None)
    click.echo(f"Measured noise of layers: {told} Hz", err=True)
    return model


def _train(model, data, checkpoint, settings):
    """Train, from the checkpoint if there is one."""
    terminal.start_tensorflow()
    from .. import fit

    click.echo(f"Training {model} on {data}", err=True)
    if checkpoint.exists():
        click.echo(f"Going on from {checkpoint}", err=True)
    try:
        fit(model, data, checkpoint=checkpoint, **settings)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command goes on from the last epoch.", err=True)
        sys.exit(130)


def _new_model(name, data, noise_model, seed):
    """Make a network that fits the images of a data set, of a name or a recipe."""
    shape = {"n_classes": data.n_classes, "noise": noise_model, "seed": seed}
    if name not in networks.FUNCTIONS:
        return networks.from_recipe(name, data.image_shape, **shape)
    if name != "cifar10":
        shape["image_shape"] = data.image_shape
    elif data.image_shape != (32, 32, 3):
        shape["image_shape"] = networks.patch_shape(data.image_shape)
    if not checks.takes_noise(name):
        del shape["noise"]
    return networks.FUNCTIONS[name](**shape)
