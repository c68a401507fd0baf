"""Its command report: a page of HTML about a model."""

from pathlib import Path

import click

from .. import datasets, networks
from ..datasets import check_data
from . import checks, options, terminal


@click.command()
@click.argument("model", type=options.MODEL)
@click.option("--data", required=True, help="Data set: a name or an .npz file.")
@options.synapse
@options.presentation_time_of_model
@options.window
@options.batch_size
@options.n_examples
@click.option(
    "--images",
    type=click.IntRange(0, 1000),
    default=24,
    show_default=True,
    help="Images to show spike by spike, those answered wrongly first.",
)
@click.option(
    "--chip/--no-chip",
    default=True,
    show_default=True,
    help="Measure the way to the chip, too, which takes longest.",
)
@options.seed
@click.option(
    "--out",
    type=options.OUTPUT,
    default=Path("report.html"),
    show_default=True,
    help="The page.",
)
@click.pass_context
def report(ctx, model, data, synapse, images, chip, out, **settings):
    """Show what MODEL does, in a page of HTML to open in a browser.

    MODEL is a file that `train` or Model.save wrote. It is measured as it was trained,
    in spikes and on the chip, and some images are shown spike by spike. The page needs
    no other file, and no network.
    """
    inputs = {"the model": [model], "the data set": checks.data_files(data)}
    checks.check_outputs(inputs, out=out)
    checks.check_page(out)
    click.echo(f"Measuring {model} on {data}", err=True)
    path, model = model, networks.load(model)
    if model.spikes:
        checks.check_not_given_in_spikes(ctx, path)
    data = datasets.load(data)
    check_data(data, model)
    from ..report import measure

    found = measure(model, data, synapse, "loihi" if chip else None, **settings)
    found.evaluation.command = terminal.command_line()
    found.evaluation.report(
        out,
        found.model,
        data,
        others=found.others,
        ladder=found.ladder,
        n_images=images,
        notes=found.notes,
    )
    click.echo(f"Open {out} in a browser: {out.stat().st_size / 1e6:.2f} MB")
