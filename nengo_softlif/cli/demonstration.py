"""The demo: from digits to the emulated chip in a minute or two."""

import json

import click

from .. import datasets, networks
from ..training import checkpoints
from . import checks, options, terminal

# all settings that fit records, so that the demo knows its model again
_DEMO = {
    "epochs": 30,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "weight_decay": 0.0,
    "batch_norm": False,
    "target": None,
    "validation_split": 0.0,
}


@click.command()
@click.option(
    "--out",
    type=options.FOLDER,
    default="nengo-softlif-demo",
    show_default=True,
    help="Folder for the model, the results and the figures.",
)
@options.force
@options.seed
@options.as_json
def demo(out, force, seed, as_json):
    """Train on handwritten digits, rebuild in spikes, and go onto Loihi, emulated.

    Uses the 8 x 8 digits inside scikit-learn: nothing is downloaded. Trains a small
    network of soft LIF neurons, and walks it down from rates, over spiking LIF neurons
    and alpha synapses, to the chip's arithmetic: on each rung the held-out fifth of the
    digits is classified. The first hundred of them are also shown to Nengo's own
    simulator, one at a time.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "digits.safetensors"
    if not force:
        checks.check_own(path)
    data = datasets.load("digits")
    model = networks.small(seed=seed)
    settings = {**_DEMO, "seed": seed}
    trained = checkpoints.load_trained(
        path, checks.describe_training(model, data, settings), force
    )
    terminal.start_tensorflow()
    from .. import evaluate, explain, figures, fit, to_spiking

    if trained is None:
        click.echo(f"Training {model} on {data}", err=True)
        fit(model, data, **settings)
        model.save(path)
    else:
        click.echo(f"Trained already: {path}", err=True)
        model = trained

    click.echo("Evaluating, rung by rung, from rates down to the chip", err=True)
    ladder = explain(model, data, seed=seed)
    spiking = to_spiking(model)
    click.echo("Evaluating with Nengo's own simulator, for comparison", err=True)
    reference = evaluate(spiking, data, backend="nengo", n_examples=100, seed=seed)
    rungs = [rung.evaluation for rung in ladder.rungs]
    spikes = next(found for found in rungs if found.backend == "engine")
    results = [rungs[0], spikes, reference, rungs[-1]]
    for result in results:
        result.command = terminal.command_line()
        result.save(out / f"{result.backend}.json")
    ladder.save(out / "ladder.json")

    written = figures.save_demo(results, ladder, model, spiking, data, out)
    if as_json:
        click.echo(json.dumps({"rows": [json.loads(r.to_json()) for r in results]}))
        return
    click.echo(f"{terminal.table(results)}\n\n{ladder}")
    click.echo(f"\nModel, results and figures are in {out}/: {', '.join(written)}")
    click.echo(f"Next: nengo-softlif report {path} --data digits", err=True)
