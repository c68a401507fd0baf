"""All commands together, and those that are short: evaluate, explain and info."""

import json

import click

from .. import __version__, datasets, layers, networks
from ..compat import install
from ..datasets import check_data
from ..evaluation import PACKAGES
from ..evaluation import versions as find_versions
from ..registry import TARGETS
from ..tables import PrintedTable
from . import checks, options, terminal
from .demonstration import demo
from .experiments import experiment
from .reporting import report
from .training import train


@click.group(
    cls=terminal.Commands, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__)
def main():
    """Deep spiking networks: train with soft LIF neurons, rebuild in spikes, measure.

    Start with `nengo-softlif demo`, which does all of it in a minute or two.
    """
    install()


main.add_command(demo)
main.add_command(experiment)
main.add_command(report)
main.add_command(train)


@main.command()
@click.argument("model", type=options.MODEL)
@click.option("--data", required=True, help="Data set: a name or an .npz file.")
@options.backend
@options.synapse
@options.presentation_time_of_model
@options.dt_of_model
@options.window
@click.option(
    "--reset/--no-reset",
    default=True,
    show_default=True,
    help="Start each image from rest, or show all back to back, in one row.",
)
@options.confidence
@options.scheduler
@options.batch_size_or_rows
@options.n_examples
@options.seed
@options.out
@options.as_json
@click.pass_context
def evaluate(ctx, model, data, backend, synapse, out, as_json, **settings):
    """Measure MODEL, a file that `train` or Model.save wrote, on test images.

    A model of rate neurons is rebuilt in spikes, one of spiking neurons runs as it is,
    and one that was made for a chip on that.
    """
    inputs = {"the model": [model], "the data set": checks.data_files(data)}
    checks.check_outputs(inputs, out=out)
    checks.check_record(out)
    click.echo(f"Evaluating {model} on {data}", err=True)
    from .. import evaluate as run
    from .. import to_spiking

    path, model = model, networks.load(model)
    spiking = model.spikes
    if spiking:
        checks.check_not_given_in_spikes(ctx, path)
    data = datasets.load(data)
    check_data(data, model)
    if backend != "rate" and not spiking:
        model = to_spiking(model, synapse=synapse)
    for target in TARGETS.values():
        if backend in target.backends and not target.has_made(model.network):
            model = target.convert(model)
    if backend == "nengo-dl":
        terminal.start_tensorflow()
    result = run(model, data, backend=backend, **settings)
    result.command = terminal.command_line()
    click.echo(result.to_json() if as_json else str(result))
    if out is not None:
        result.save(out)


@main.command()
@click.argument("model", type=options.MODEL)
@click.option("--data", required=True, help="Data set: a name or an .npz file.")
@options.synapse
@options.presentation_time
@options.window
@options.batch_size
@options.n_examples
@options.seed
@click.option(
    "--target",
    type=options.Registered(TARGETS),
    default="loihi",
    show_default=True,
    help="The chip.",
)
@options.out
@click.option(
    "--figure",
    type=options.OUTPUT,
    help="File for a figure, whose ending says its kind: .png, .pdf or .svg.",
)
@options.as_json
def explain(model, data, out, figure, as_json, **settings):
    """Tell where accuracy goes on the way from MODEL to a chip.

    MODEL is a file that `train` wrote. It is measured as it was trained, and then with
    one change after the other: hard rates, spikes, the chip's synapse, neurons, weights
    and arithmetic. For each there is the error, how much it changed on the same images,
    and the layer whose rates changed most.
    """
    inputs = {"the model": [model], "the data set": checks.data_files(data)}
    checks.check_outputs(inputs, out=out, figure=figure)
    checks.check_record(out)
    if figure is not None:
        from .. import figures

        figures.check_ending(figure)
    click.echo(f"Explaining {model} on {data}, rung by rung", err=True)
    from .. import explain as run

    model = networks.load(model)
    data = datasets.load(data)
    ladder = run(model, data, **settings)
    for rung in ladder.rungs:
        rung.evaluation.command = terminal.command_line()
    click.echo(ladder.to_json() if as_json else str(ladder))
    if out is not None:
        ladder.save(out)
    if figure is not None:
        figures.save_ladder(ladder, figure)


@main.command()
@click.argument("model", type=options.MODEL, required=False)
@options.as_json
def info(model, as_json):
    """Show what MODEL is made of; or versions, and data sets on this machine.

    MODEL is a file that `train` wrote: its layers are shown, with their neurons, what
    leads to them, and how many weights they have. With --json, all that is known of
    them but the numbers in arrays.
    """
    if model is not None:
        description = layers.describe(networks.load(model))
        click.echo(description.to_json() if as_json else description)
        return
    versions = {**dict.fromkeys(("python", *PACKAGES)), **find_versions()}
    found = {name: datasets.find(name) for name in datasets.KNOWN}
    tensorflow = versions["tensorflow"] or "0"
    current = tuple(int(part) for part in tensorflow.split(".")[:2]) >= (2, 16)
    stack = "current (TensorFlow 2.16 or newer, tf_keras)" if current else "old"
    if as_json:
        click.echo(json.dumps({"versions": versions, "stack": stack, "data": found}))
        return
    rows = [("Stack", "in use", stack)]
    for title, values, missing in (
        ("Versions", versions, "not installed"),
        ("Data sets", found, "not here; downloaded on first use"),
    ):
        rows += [(title, name, value or missing) for name, value in values.items()]
    click.echo(PrintedTable(("", "what", "found"), rows, align="lll", nested=True))
