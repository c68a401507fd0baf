"""What people see of the command line: errors, warnings and tables."""

import atexit
import gc
import os
import shlex
import sys
import warnings
from importlib import import_module

import click
from nengo.exceptions import NengoException, NengoWarning, ValidationError

from ..tables import PrintedTable


def _show_warning(message, category, filename, lineno, file=None, line=None):
    click.echo(f"Warning: {message}", err=True)


class Commands(click.Group):
    """A group whose commands end in one clear line where others end in a traceback."""

    def invoke(self, ctx):
        """Run a command. Warnings of Nengo's take one line each; others are hidden."""
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


def start_tensorflow():
    """Load TensorFlow without what its start-up writes past Python to stderr.

    Its search for a GPU fails loudly where there is none, and no setting keeps it
    quiet. Python's own errors come through.
    """
    # else Python takes a second to look through TensorFlow's objects before it ends
    atexit.register(gc.freeze)
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


def command_line():
    """Return the command that runs, for records."""
    return shlex.join(["nengo-softlif", *sys.argv[1:]])


def table(results):
    """Put evaluations into a table, each in one row."""
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
    return PrintedTable(head, [_row(result) for result in results])


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
