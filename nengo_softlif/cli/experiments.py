"""The command experiment, with a command of its own for each experiment."""

import dataclasses
import sys
from functools import partial

import click

from ..checks import suggest
from ..experiments import Findings
from ..registry import EXPERIMENTS
from ..tables import PrintedTable
from . import checks, options, terminal


class _Experiments(click.Group):
    """A group with a command for each row of the table, loaded when it is asked for."""

    def list_commands(self, ctx):
        return list(EXPERIMENTS)

    def get_command(self, ctx, name):
        return _command(EXPERIMENTS[name]) if name in EXPERIMENTS else None

    def resolve_command(self, ctx, args):
        if args[0] not in EXPERIMENTS:
            raise click.UsageError(
                f"there is no experiment {args[0]!r}{suggest(args[0], EXPERIMENTS)}; "
                f"expected one of {', '.join(EXPERIMENTS)}"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Experiments, invoke_without_command=True)
@click.option("--list", "lists", is_flag=True, help="Tell what each shows.")
@options.as_json
@click.pass_context
def experiment(ctx, lists, as_json):
    """Run what the papers show, and what this package adds: each by one command.

    `nengo-softlif experiment --list` tells what each shows, from which paper, and how
    long it takes. Finished pieces of the work are kept: after Ctrl-C or a crash the
    same command goes on where it was.
    """
    if ctx.invoked_subcommand is not None:
        return
    if not lists:
        click.echo(ctx.get_help())
        return
    told = [(known.name, known.shows, known.paper, known.takes) for known in _known()]
    head = "experiment", "shows", "from", "takes"
    if as_json:
        click.echo(PrintedTable(head, told).to_json())
        return
    rows = [
        (name, *pair) for name, *of in told for pair in zip(head[1:], of, strict=True)
    ]
    click.echo(PrintedTable(head[:3], rows, align="lll", nested=True))


def _known():
    return [EXPERIMENTS[name] for name in EXPERIMENTS]


def _command(known):
    """Make the command of an experiment: its settings, and what all have."""
    fields = dataclasses.fields(known.Settings)
    own = [
        click.Option(
            [f"--{field.name.replace('_', '-')}"],
            type=_Setting(field.metadata["kind"]),
            help=_help(field),
        )
        for field in fields
    ]
    return click.Command(
        known.name,
        params=[*own, *_SHARED],
        callback=partial(_run, known),
        help=f"{known.shows}\n\nFrom: {known.paper}\n\nTakes {known.takes}.",
        short_help=known.shows,
    )


def _help(field):
    kind, text = field.metadata["kind"], field.metadata["help"]
    if field.default is dataclasses.MISSING:
        return f"{text}  [required]"
    if field.default is None:
        return text
    return f"{text}  [default: {kind.write(field.default)}]"


class _Setting(click.ParamType):
    """A setting, read and checked as its kind says."""

    def __init__(self, kind):
        self.kind, self.name = kind, kind.metavar

    def convert(self, value, param, ctx):
        return self.kind.read(param.name, value) if isinstance(value, str) else value


_SHARED = [
    click.Option(
        ["--work"],
        type=options.FOLDER,
        default="nengo-softlif-work",
        show_default=True,
        help="Folder for finished pieces of the work, from which the next run goes on.",
    ),
    click.Option(
        ["--scheduler"],
        help="Address of the scheduler of a Dask cluster that does the work, such as "
        "tcp://10.0.0.1:8786. Default: this machine does it.",
    ),
    click.Option(
        ["--from", "earlier"],
        type=options.INPUT,
        help="Show what an earlier run wrote with --out, and run nothing.",
    ),
    click.Option(["--out"], type=options.OUTPUT, help="File for the JSON."),
    click.Option(
        ["--figure"],
        type=options.OUTPUT,
        help="File for the figure, whose ending says its kind: .png, .pdf or .svg.",
    ),
    click.Option(
        ["--json", "as_json"], is_flag=True, help="Print JSON instead of text."
    ),
]


def _run(known, work, scheduler, earlier, out, figure, as_json, **given):
    """Run an experiment, or take what is there, and show it."""
    given = {name: value for name, value in given.items() if value is not None}
    inputs = {} if earlier is None else {"what was found": [earlier]}
    checks.check_outputs(inputs, out=out, figure=figure)
    checks.check_record(out)
    if figure is not None:
        from .. import figures

        figures.check_ending(figure)
    if earlier is None:
        findings = _find(known, work, scheduler, given)
    else:
        findings = _load(known, earlier, given)
    click.echo(findings.to_json() if as_json else str(findings))
    if out is not None:
        findings.save(out)
    if figure is not None:
        findings.draw(figure)


def _find(known, work, scheduler, given):
    if known.trains and scheduler is None:
        terminal.start_tensorflow()
    try:
        findings = known(work=work, scheduler=scheduler, **given)
    except KeyboardInterrupt:
        click.echo(f"Stopped. The same command goes on, from {work}/.", err=True)
        sys.exit(130)
    findings.command = terminal.command_line()
    return findings


def _load(known, path, given):
    findings = Findings.load(path)
    if findings.experiment != known.name:
        raise click.UsageError(
            f"{str(path)!r} holds findings of {findings.experiment}, not of "
            f"{known.name}; run nengo-softlif experiment {findings.experiment} --from "
            f"{path}"
        )
    if given:
        raise click.UsageError(
            f"with --from nothing is run, and settings are those of {path}; leave out "
            f"{', '.join(given)}"
        )
    return findings
