"""What is checked before anything else: options together, and what they write over."""

import inspect
import os
from pathlib import Path

import click
from click.core import ParameterSource
from nengo.exceptions import ValidationError

from .. import datasets, networks
from ..files import expanded
from ..registry import DERIVATIVES
from ..targets import training_target
from ..training import checkpoints, wanted_rates

IN_SPIKES = ("presentation_time", "dt", "derivative", "loss")
"""Options of `train` that are for training in spikes."""

LATER = ("averaging", "label_smoothing", "mixup", "rates", "sigma_start")
"""Those that models of earlier versions do not know, and that are off if they are 0."""


def check_not_given(ctx, source, *names):
    """Refuse options that a model, from an option's file, has decided already."""
    for option in _given(ctx, *names):
        raise click.UsageError(
            f"{option} cannot be given with {source}, which takes the network, its "
            "noise and its weights from the model"
        )


def check_measurable(start_from):
    """Refuse to measure the noise of no model."""
    if start_from is None:
        raise click.UsageError(
            "--noise auto measures the spikes of a trained model: name its file with "
            "--start-from, or choose a noise to train a new one with"
        )


def _given(ctx, *names):
    """Yield those of some options that stand on the command line, as written there."""
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if given and parameter.name in names:
            yield parameter.opts[0]


def takes_noise(network):
    """Whether a network has noise in training, as soft LIF neurons do.

    It is a name, or a recipe, which is of such neurons.
    """
    if network not in networks.FUNCTIONS:
        return True
    return "noise" in inspect.signature(networks.FUNCTIONS[network]).parameters


def check_in_spikes(ctx, spiking, name):
    """Refuse options that are not for networks of spiking, or of rate neurons.

    The name of the network is for the error.
    """
    if not spiking:
        for option in _given(ctx, *IN_SPIKES):
            raise click.UsageError(
                f"{option} is for training in spikes, but {name} has rate neurons, "
                "which answer in one step; leave it out, choose a network of spiking "
                "neurons, such as --network lenet, or in Python tune what to_spiking "
                "makes of a trained model"
            )
        return
    for option in _given(ctx, "noise_model"):
        raise click.UsageError(
            f"{option} stands for spikes in training; {name} has spikes, and no noise"
        )
    names = "target", "batch_norm", *(n for n in LATER if n != "averaging")
    for option in _given(ctx, *names):
        raise click.UsageError(
            f"{option} is for networks of rate neurons, but {name} has spiking ones, "
            "and is trained in spikes; leave it out, or choose another network"
        )
    if ctx.params["presentation_time"] is None:
        raise click.UsageError(
            f"{name} has spiking neurons, and is trained in spikes over time: say how "
            "many seconds each example is shown, as in --presentation-time 0.03"
        )


def check_not_given_in_spikes(ctx, model):
    """Refuse a synapse for a model of spiking neurons, which has its own."""
    for option in _given(ctx, "synapse"):
        raise click.UsageError(
            f"{option} is for networks of rate neurons, which are rebuilt in spikes; "
            f"{model} is of spiking neurons, and has the synapses it needs"
        )


def data_files(name):
    """Files that a data set is read from."""
    if name not in datasets.KNOWN:
        return [expanded(name)]
    found = Path(datasets.find(name) or "")
    if found.is_absolute() and found.is_dir():
        return list(found.iterdir())
    return [found] if found.is_file() else []  # built in, or not on this machine


def check_outputs(inputs, **outputs):
    """Refuse outputs that are inputs, or one file, also through links.

    Inputs stand under what they are in words, outputs under the name of their option.
    """
    taken = [(what, path) for what, paths in inputs.items() for path in paths]
    for option, path in outputs.items():
        if path is None or (path.exists() and not path.is_file()):
            continue  # a device, such as /dev/null, takes everything
        for what, other in taken:
            if _same(path, other):
                raise ValidationError(
                    f"{str(path)!r} is {what}, and would be replaced; "
                    "name another file",
                    attr=option,
                )
        taken.append((f"the file of --{option} as well", path))


def check_record(path):
    """Refuse to replace a file by JSON that holds something else, such as a model."""
    if path is None or not path.is_file():
        return
    with path.open("rb") as file:
        if file.read(1) not in (b"", b"{"):
            raise ValidationError(
                f"{str(path)!r} holds something else than JSON, and would be replaced; "
                "name another file",
                attr="out",
            )


def check_page(path):
    """Refuse to replace a file by a page that holds something else, such as a model."""
    if path is None or not path.is_file():
        return
    with path.open("rb") as file:
        if not file.read(20).lstrip().lower().startswith((b"<!doctype html", b"<html")):
            if path.stat().st_size > 0:
                raise ValidationError(
                    f"{str(path)!r} holds something else than HTML, and would be "
                    "replaced; name another file",
                    attr="out",
                )


def check_own(path):
    """Refuse a folder that holds other things than those beside a file of ours."""
    held = [other for other in path.parent.iterdir() if other.name[0] != "."]
    if any(other.is_symlink() for other in held) or (held and not path.is_file()):
        raise ValidationError(
            f"{str(path.parent)!r} holds links, or files of something else, that might "
            "be replaced; name an empty folder, or add --force",
            attr="out",
        )


def _same(path, other):
    """Whether two paths lead to one file, which need not exist."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return os.path.realpath(path) == os.path.realpath(other)


def describe_training(model, data, settings):
    """Describe the training that `fit` would do with these settings."""
    target = training_target(settings["target"], settings["batch_norm"])
    described = {**settings, "target": target and target.describe()}
    if settings.get("presentation_time") is None:
        # which models of earlier versions do not know
        for name in IN_SPIKES:
            described.pop(name, None)
    elif settings["derivative"] is not None:
        described["derivative"] = repr(DERIVATIVES[settings["derivative"]]())
    rates = wanted_rates(settings.get("rates"))
    described["rates"] = rates and rates.describe()
    for name in LATER:
        if not described.get(name):
            described.pop(name, None)
    return checkpoints.describe_training(model, data, **described, optimizer=None)


def last_error(history):
    """Say what the error was in the last epoch of a training."""
    if "rmse" in history:
        return f"(RMSE) {history['rmse'][-1]:.4g}"
    return f"{history['error_percent'][-1]:.2f} %"
