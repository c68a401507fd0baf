"""Options of the command line."""

import os
from pathlib import Path

import click
from nengo.exceptions import ValidationError

from .. import named, networks
from ..checks import check_number, check_whole
from ..evaluation import BATCH_SIZE
from ..files import expanded
from ..loading import locate
from ..registry import DERIVATIVES, LOSSES, TARGETS, TRAINED
from ..targets import all_backends


class Registered(click.ParamType):
    """A name in a table, looked up when it is needed.

    Parameters
    ----------
    table : Table, or callable that returns one
        The table.
    """

    name = "NAME"

    def __init__(self, table):
        self._table = table

    def _names(self):
        return list(self._table() if callable(self._table) else self._table)

    def convert(self, value, param, ctx):
        """Refuse other names."""
        return click.Choice(self._names()).convert(value, param, ctx)

    def get_metavar(self, param, ctx=None):
        """Show the names."""
        return f"[{'|'.join(self._names())}]"

    def shell_complete(self, ctx, param, incomplete):
        """Complete names."""
        return click.Choice(self._names()).shell_complete(ctx, param, incomplete)


class _Named(click.ParamType):
    """``none``, a name, or a name and its number, such as ``alpha:0.005``."""

    def __init__(self, name, kinds):
        self.name, self.kinds = name, kinds

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        return named.read(value, self.kinds, param.name)


AUTO = "auto"
"""Noise that is measured in the model that training starts from."""


class _Noise(_Named):
    """Noise by name and number, or that it be measured."""

    def convert(self, value, param, ctx):
        return value if value == AUTO else super().convert(value, param, ctx)


class _Path(click.Path):
    """A path, where ``~`` is the home folder.

    Parameters
    ----------
    to_write : bool
        Refuse folders that do not exist or may not be written to, and links that
        lead nowhere.
    **kinds
        For `click.Path`.
    """

    def __init__(self, to_write=False, **kinds):
        super().__init__(path_type=Path, **kinds)
        self._to_write = to_write

    def convert(self, value, param, ctx):
        if not os.fspath(value):
            self.fail("expected a name, got an empty one", param, ctx)
        path = super().convert(expanded(value), param, ctx)
        folder = path.absolute().parent
        if self._to_write and not folder.is_dir():
            self.fail(f"{str(folder)!r} is not a folder; create it first", param, ctx)
        if self._to_write and not os.access(folder, os.W_OK):
            self.fail(f"you may not write to {str(folder)!r}", param, ctx)
        if self._to_write and os.path.islink(os.path.realpath(path)):
            self.fail(f"the link {str(path)!r} leads back to itself", param, ctx)
        return path


class _Model(_Path):
    """The file of a model, or the name of one that comes with the package."""

    def convert(self, value, param, ctx):
        return super().convert(locate(value), param, ctx)

    def shell_complete(self, ctx, param, incomplete):
        names = click.Choice(list(TRAINED)).shell_complete(ctx, param, incomplete)
        return names + super().shell_complete(ctx, param, incomplete)


class _Network(click.ParamType):
    """The name of a network, a recipe of one, or the file of a model: a path."""

    name = "NETWORK"

    def convert(self, value, param, ctx):
        if value in networks.FUNCTIONS or not isinstance(value, str):
            return value
        if value.endswith(".safetensors") or expanded(value).is_file():
            return INPUT.convert(value, param, ctx)
        try:
            networks.read_recipe(value)
        except ValidationError as error:
            names = ", ".join(networks.FUNCTIONS)
            self.fail(f"{error}; or name one of {names}; or a file", param, ctx)
        return value

    def shell_complete(self, ctx, param, incomplete):
        names = click.Choice(list(networks.FUNCTIONS))
        return names.shell_complete(ctx, param, incomplete)


class _Checked(click.ParamType):
    """A number that is checked as the function it is for checks it.

    Parameters
    ----------
    number : click.ParamType
        Reads it.
    check : callable
        Takes the name and the number, and raises `ValidationError`.
    """

    def __init__(self, number, check):
        self.name, self._number, self._check = number.name, number, check

    def convert(self, value, param, ctx):
        number = self._number.convert(value, param, ctx)
        self._check(param.name, number)
        return number


def _real(what, low, **limits):
    return _Checked(
        click.FLOAT, lambda name, n: check_number(name, n, what, low, **limits)
    )


INPUT = _Path()
MODEL = _Model()
OUTPUT = _Path(to_write=True, dir_okay=False)
FOLDER = _Path(file_okay=False)
COUNT = _Checked(click.INT, lambda name, n: check_whole(name, n, 1, 10**9))
SECONDS = _real("a positive number of seconds", 0, low_open=True)
SECONDS_FROM_0 = _real("0 or a positive number of seconds", 0)
POSITIVE = _real("a positive number", 0, low_open=True)
NOT_NEGATIVE = _real("0 or a positive number", 0)
PART = _real("a part in [0, 1)", 0, high=1)

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
    type=_Network(),
    help=f"Network to train: {', '.join(networks.FUNCTIONS)}; or its layers, such as "
    '"conv 32 5, pool 2, conv 64 5, pool 2, dense 200", which are those of Stack; or '
    "the file of a model, trained or not. Default: the papers' for mnist, "
    "fashion_mnist and cifar10, else small.",
)
noise = click.option(
    "--noise",
    "noise_model",
    type=_Noise("NOISE", named.NOISES),
    default="gaussian:10",
    show_default=True,
    help="Noise in training: none, gaussian:HZ, or alpha:S, alpha-rc:S, lowpass:S "
    "with the time constant of the synapse in seconds. auto, with --start-from: for "
    "each layer as much as its spikes have behind alpha:0.005.",
)
backend = click.option(
    "--backend",
    type=Registered(all_backends),
    help="Default: engine, or the emulator of the chip that MODEL was made for. rate: "
    "the network as it was trained. engine: in spikes, many images at a time. "
    "nengo-dl, nengo: in spikes, for comparison. "
    + " ".join(target.backend_help for target in TARGETS.values()),
)
synapse = click.option(
    "--synapse",
    type=_Named("SYNAPSE", named.SYNAPSES),
    default="alpha:0.005",
    show_default=True,
    help="Synapse behind each layer of spiking neurons: alpha:S, lowpass:S or none.",
)
out = click.option("--out", type=OUTPUT, help="File for the JSON.")
force = click.option(
    "--force",
    is_flag=True,
    help="Replace what another training left: its model, its checkpoint.",
)
presentation_time = click.option(
    "--presentation-time",
    type=SECONDS,
    default=0.2,
    show_default=True,
    help="Seconds per image.",
)
presentation_time_of_model = click.option(
    "--presentation-time",
    type=SECONDS,
    help="Seconds per image. Default: as in training in spikes, else 0.2; of frames, "
    "of which one is shown in each step, all.",
)
dt_of_model = click.option(
    "--dt",
    type=SECONDS,
    help="Time step, in seconds. Default: as in training in spikes, else 0.001.",
)
presentation_time_in_training = click.option(
    "--presentation-time",
    type=SECONDS,
    help="Train in spikes, which networks of spiking neurons need: seconds for each "
    "example. Of frames, one is shown in each step.",
)
dt_in_training = click.option(
    "--dt",
    type=SECONDS,
    default=0.001,
    show_default=True,
    help="Time step of training in spikes, in seconds.",
)
derivative = click.option(
    "--derivative",
    type=Registered(DERIVATIVES),
    help="In spikes: what stands for the derivative of a spike. Default: "
    "leak-corrected for networks that are made for spikes.",
)
loss = click.option(
    "--loss",
    type=Registered(LOSSES),
    help="In spikes: cross-entropy of what evaluate decides by (default), or squared "
    "error of the readout's last voltage.",
)
window = click.option(
    "--window",
    type=SECONDS_FROM_0,
    default=0.0,
    show_default=True,
    help="Start of the readout window, in seconds.",
)
confidence = click.option(
    "--confidence",
    type=_real("a probability above 0 and below 1", 0, low_open=True, high=1),
    help="Answer an image for good once the softmax of the mean output is so large, "
    "such as 0.99. Default: at the end.",
)
scheduler = click.option(
    "--scheduler",
    help="Address of the scheduler of a Dask cluster that does the work, such as "
    "tcp://10.0.0.1:8786. Default: this machine does it.",
)
batch_size = click.option(
    "--batch-size",
    type=COUNT,
    default=BATCH_SIZE,
    show_default=True,
    help="Images at a time.",
)
batch_size_or_rows = click.option(
    "--batch-size",
    type=COUNT,
    help=f"Images at a time; default: {BATCH_SIZE}. With --no-reset, in how many rows "
    "images are shown back to back; default: one.",
)
n_examples = click.option(
    "--n-examples",
    type=COUNT,
    help="Test images to use, a sample of all. Default: all.",
)
