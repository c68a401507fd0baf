"""How what was measured is shown: a sentence, a chart, a table, and the raw record."""

import csv
import io
import re
from pathlib import Path
from pprint import pformat
from statistics import median
from textwrap import indent
from types import SimpleNamespace
from typing import NamedTuple

from nengo_softlif import figures
from nengo_softlif.figures import BLUE, ORANGE
from nengo_softlif.loihi.cores import LIMITS
from nengo_softlif.registry import EXPERIMENTS

import matplotlib.pyplot as plt
import numpy as np

from .records import load

GREYS = {"peer": "0.55", "other": "0.75"}
"""Colours of bars that are not ours: who others are held against, and all others."""

WIDTH = 4.9
"""Of charts, in inches: small enough for letters to be read on a phone."""

LONGEST = 20_000
"""Letters of a record in JSON that is shown; others are there to be downloaded."""


class Shown(NamedTuple):
    """What is told of a measurement."""

    message: str  # a sentence or two, with the numbers that matter
    head: tuple = ()
    rows: tuple = ()
    chart: str = ""  # Python that draws it
    alt: str = ""
    below: str = ""  # on what it was measured


class Spread(NamedTuple):
    """What several turns gave: the median, the smallest and the largest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        return cls(median(values), min(values), max(values))

    def write(self, form="{:.1f}"):
        middle, low, high = (form.format(value) for value in self)
        return f"{middle} ({low} to {high})"


# -- from records ----------------------------------------------------------------------


def write(measured, results, folder):
    """Write what pages include of each measurement, or how to measure it.

    Parameters
    ----------
    measured : dict of str to tuple
        By the name of the include: what makes a `Shown` of records; the names of these,
        as several groups, of which the first that is there is taken; and commands that
        write them.
    results : Path
        Where records are, JSON or else the text that was printed.
    folder : Path
        Where pages include from.
    """
    for name, (tell, groups, commands) in measured.items():
        text = f"Not measured yet:\n\n{_commands(commands)}\n"
        for records in groups:
            found = [find(results, record) for record in records]
            if all(record is not None for record in found):
                text = f"{render(tell(*found))}\n{fold(results, records, commands)}"
                break
        (folder / f"{name}.inc").write_text(text)


def find(results, name):
    """Read a record: of its kind where there is JSON, text where there is only text."""
    path = results / f"{name}.json"
    if path.exists():
        return load(path)
    path = path.with_suffix(".txt")
    return path.read_text() if path.exists() else None


def machine(record):
    """Say what a record was measured on."""
    if isinstance(record, str):
        line = record.splitlines()[0]
        known = dict(re.findall(r"(processor|cores|vectors) ([^,]+)", line))
    else:
        known = record["machine"]
    processor = known["processor"].replace("(R)", "").removesuffix(" Processor")
    vectors = known["vectors"].replace("_", " ").upper()
    return f"{processor}, {known['cores']} cores, {vectors}"


# -- on pages --------------------------------------------------------------------------


def render(shown):
    """Write it in reStructuredText."""
    lines = [shown.message, ""]
    if shown.chart:
        lines += [".. plot::", f"   :alt: {shown.alt}", ""]
        lines += [f"   {line}".rstrip() for line in shown.chart.splitlines()] + [""]
    if shown.below:
        lines += [f"{shown.below}", ""]
    return "\n".join(lines) + table(shown.head, shown.rows)


def table(head, rows, style="numbers"):
    """Write a table in a style of _static; nothing, if it has no rows."""
    if not rows:
        return ""
    return "\n" + csv_table([head, *rows], f":header-rows: 1\n:class: {style}")


def csv_table(rows, options):
    """Write rows as Sphinx reads them, with a line for each option."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    body = indent(text.getvalue(), "   ")
    return f".. csv-table::\n{indent(options, '   ')}\n\n{body}"


def fold(results, names, commands):
    """Write the box that opens to raw records, and says what wrote them."""
    lines = ["", ".. dropdown:: Raw record, and how to measure it again", ""]
    lines += [f"   {line}".rstrip() for line in _commands(commands).splitlines()]
    for name in names:
        paths = [results / f"{name}.{ending}" for ending in ("txt", "json")]
        paths = [path for path in paths if path.exists()]
        links = (f":download:`{path.name} </results/{path.name}>`" for path in paths)
        lines += ["", f"   {', '.join(links)}", ""]
        if paths[0].stat().st_size <= LONGEST:
            kind = {".txt": "text", ".json": "json"}[paths[0].suffix]
            lines += [f"   .. literalinclude:: /results/{paths[0].name}"]
            lines += [f"      :language: {kind}", ""]
    return "\n".join([*lines, ""])


def _commands(commands):
    if not commands:
        return ""
    return "\n".join([".. code-block:: console", "", *(f"   {c}" for c in commands)])


# -- charts ----------------------------------------------------------------------------


def chart(groups, xlabel, form="{:.1f}", line=None):
    """Write what draws bars, and tell in words what is seen.

    Parameters
    ----------
    groups : list of (str, list of (str, Spread, str))
        Headings, and the bars below each: label, values, and ``"ours"``, ``"peer"`` or
        ``"other"``.
    xlabel : str
        What bars measure.
    form : str
        How numbers are written.
    line : float, optional
        A value to mark.

    Returns
    -------
    chart, alt : str
        As `Shown` has them.
    """
    plain = [
        (heading, [(label, tuple(map(float, s)), kind) for label, s, kind in rows])
        for heading, rows in groups
    ]
    given = f"{pformat(plain, width=88)},\n{xlabel!r},\n{form!r},\n{line!r}"
    code = f"from made import showing\n\nshowing.bars(\n{given},\n)\n"
    told = []
    for heading, rows in groups:
        bars = (f"{label} {form.format(spread.middle)}" for label, spread, _ in rows)
        told.append(f"{heading}: {', '.join(bars)}" if heading else ", ".join(bars))
    return code, f"Bars, {xlabel}. {'; '.join(told)}."


def bars(groups, xlabel, form, line):
    """Draw what `chart` was given."""
    rows = [(heading, *row) for heading, rows in groups for row in rows]
    places, labels, headings, place = [], [], [], 0.0
    for heading, found in groups:
        if heading:
            headings.append((place, heading))
            place += 0.9
        places += [place + i for i in range(len(found))]
        labels += [label for label, _, _ in found]
        place += len(found) + 0.4
    _, ax = plt.subplots(figsize=(WIDTH, 0.6 + 0.27 * place), layout="constrained")
    end = max(high for _, _, (_, _, high), _ in rows)
    for at, (_, _, (middle, low, high), kind) in zip(places, rows, strict=True):
        color = GREYS.get(kind, BLUE)
        ax.barh(at, middle, 0.75, color=color)
        told = form.format(middle)
        if low < high:
            spread = [[middle - low], [high - middle]]
            ax.errorbar(middle, at, xerr=spread, color="0.2", capsize=2.5, lw=1)
            told += f"  ({form.format(low)} to {form.format(high)})"
        weight = "bold" if kind == "ours" else "normal"
        beyond = high + 0.015 * end
        ax.text(beyond, at, told, va="center", size=9, weight=weight)
    if line is not None:
        ax.axvline(line, color="0.4", lw=0.8, ls=":", zorder=0)
    for at, heading in headings:
        ax.text(0, at, heading, va="center", size=9, style="italic")
    ax.set_yticks(places, labels, size=9)
    ax.set_xlim(
        0, end * (1.42 if any(lo < hi for _, _, (_, lo, hi), _ in rows) else 1.2)
    )
    ax.set_ylim(place - 0.6, -0.7)
    ax.set_xlabel(xlabel, size=9)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= end])
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.spines["bottom"].set_bounds(0, end)
    ax.spines[["top", "right", "left"]].set_visible(False)


def over_time(ways, times, xlabel):
    """Draw errors, with their standard errors, after several times.

    Parameters
    ----------
    ways : dict of str to list of (float, float)
        For each line, mean and standard error at each time.
    times : list of float
        In milliseconds.
    xlabel : str
        What times are.
    """
    _, ax = plt.subplots(figsize=(WIDTH, 3), layout="constrained")
    styles = (("0.55", "s:"), (BLUE, "o-"), (ORANGE, "^--"))
    for i, ((way, found), (color, fmt)) in enumerate(
        zip(ways.items(), styles, strict=False)
    ):
        means, errors = zip(*found, strict=True)
        places = np.arange(len(times)) + 0.06 * (i - 1)  # none hides another
        ax.errorbar(
            places, means, errors, fmt=fmt, color=color, capsize=3, label=way, ms=5
        )
    ax.set_xticks(range(len(times)), [f"{time:g}" for time in times])
    ax.set_ylim(bottom=0)
    ax.set_xlabel(xlabel, size=9)
    ax.set_ylabel("test error (%)", size=9)
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)


def core_map(path):
    """Draw which cores a network takes, from the record of its evaluation."""
    chip = load(Path(path)).chip
    shares = {
        layer: {name: [use[name] / n for use in uses] for name, n in LIMITS.items()}
        for layer, uses in chip["blocks"].items()
    }
    ax = figures.cores(SimpleNamespace(shares=shares, n_chips=chip["chips"]))
    ax.figure.set_size_inches(6.4, 2.7)


def experiment(path):
    """Draw the figure of an experiment, from its record."""
    found = load(Path(path))
    kind = EXPERIMENTS[found.experiment]
    kind.draw(found, plt.figure(figsize=kind.size, layout="constrained"))
