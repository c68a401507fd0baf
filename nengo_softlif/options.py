"""Options of the command line: those that take names, and those of all commands."""

from pathlib import Path

import click
import nengo
from click.core import ParameterSource
from nengo.exceptions import ValidationError

from . import networks
from . import noise as noises

_NOISES = {
    "gaussian": noises.GaussianNoise,
    "alpha": noises.AlphaNoise,
    "alpha-rc": noises.AlphaRCNoise,
    "lowpass": noises.LowpassNoise,
}

_SYNAPSES = {"alpha": nengo.Alpha, "lowpass": nengo.Lowpass}

BACKENDS = (
    "rate",
    "engine",
    "nengo-dl",
    "nengo",
    "loihi-emulator",
    "loihi-weights",
    "loihi-reference",
    "loihi-float",
    "loihi",
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


as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of all chance.",
)
network = click.option(
    "--network",
    type=click.Choice(list(networks.FUNCTIONS)),
    help="Network to train. Default: the papers' for mnist, fashion_mnist and "
    "cifar10, else small.",
)
noise = click.option(
    "--noise",
    "noise_model",
    type=_Named("NOISE", _NOISES),
    default="gaussian:10",
    show_default=True,
    help="Noise in training: none, gaussian:HZ, or alpha:S, alpha-rc:S, lowpass:S "
    "with the time constant of the synapse in seconds.",
)
backend = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="engine",
    show_default=True,
    help="rate: the network as it was trained. engine: in spikes, many images at a "
    "time. nengo-dl, nengo: in spikes, for comparison. loihi-emulator: on Loihi, many "
    "images at a time; loihi-weights: with no more of its rounding than that of "
    "weights and other parameters. loihi-reference, loihi-float: with NengoLoihi's "
    "emulator, with and without rounding. loihi: on the chip.",
)
synapse = click.option(
    "--synapse",
    type=_Named("SYNAPSE", _SYNAPSES),
    default="alpha:0.005",
    show_default=True,
    help="Synapse behind each layer of spiking neurons: alpha:S, lowpass:S or none.",
)
out = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the JSON."
)
presentation_time = click.option(
    "--presentation-time", default=0.2, show_default=True, help="Seconds per image."
)
window = click.option(
    "--window",
    default=0.0,
    show_default=True,
    help="Start of the readout window, in seconds.",
)
batch_size = click.option(
    "--batch-size", default=50, show_default=True, help="Images at a time."
)
batch_size_or_rows = click.option(
    "--batch-size",
    type=int,
    help="Images at a time; default: 50. With --no-reset, in how many rows images are "
    "shown back to back; default: one.",
)
n_examples = click.option(
    "--n-examples", type=int, help="Test images to use, a sample of all. Default: all."
)


def check_not_given(ctx, *names):
    """Refuse options that a model to start from has decided already."""
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if given and parameter.name in names:
            raise click.UsageError(
                f"{parameter.opts[0]} cannot be given with --start-from, which takes "
                "the network, its noise and its weights from the model"
            )


def check_folder(path):
    """Tell before long work starts that its result cannot be written."""
    if not path.absolute().parent.is_dir():
        raise ValidationError(
            f"{str(path.parent)!r} is not a folder; create it first", attr="out"
        )
