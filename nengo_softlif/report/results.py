"""Sections about answers: over time, by classes, down to the chip, in training."""

import numpy as np

from ..evaluation import wilson
from ..tables import PrintedTable
from . import words
from .records import Plot, Section

LARGEST_MATRIX = 30
"""Classes; of more, pairs are listed instead."""

N_PAIRS = 30
"""How many."""


def over_time(records):
    """Error against time: all evaluations of these images."""
    timed = [pair for pair in records.curves if pair[1].times is not None]
    if not timed:
        return None
    series = [_course(name, found) for name, found in records.curves]
    n = records.evaluation.n_examples
    times = sorted({round(t, 9) for _, found in timed for t in found.times})
    names = [name for name, _ in records.curves]
    label = f"Test error against time since the image appeared: {', '.join(names)}."
    plot = Plot(
        "curves",
        label,
        {
            "series": series,
            "x": "time since the image appeared (ms)",
            "y": "test error (%)",
            "log": True,
            "floor": words.floor([v for s in series for v in s["y"] + s["low"]], n),
            "slider": "Time",
            "unit": " ms",
        },
        PrintedTable(
            ("time", *names),
            [(words.time(t), *_at(records.curves, t)) for t in times],
        ),
    )
    return Section(
        "time",
        "How fast is it right?",
        "Error since the image appeared, on a logarithmic axis, so that the end stays "
        "visible; no error at all lies on its lower end. Bands are 95 % intervals, all "
        "curves show the same images.",
        [plot],
    )


def _course(name, found):
    """What is drawn of an evaluation; without time it has one error."""
    errors, n = _errors(found), found.n_examples
    bounds = [wilson(round(n * error / 100), n) for error in errors]
    return {
        "name": name,
        "x": None if found.times is None else [1000 * t for t in found.times],
        "y": errors,
        "low": [100 * low for low, _ in bounds],
        "high": [100 * high for _, high in bounds],
        "style": "rates" if found.times is None else "chip" if found.chip else "spikes",
    }


def _errors(found):
    if found.times is None:
        return [found.error_percent]
    return list(found.error_over_time_percent)


def _at(curves, time):
    for _, found in curves:
        if found.times is None:
            yield _with_interval(found.error_percent, found.n_examples)
            continue
        place = np.flatnonzero(np.isclose(found.times, time, rtol=0, atol=1e-9))
        yield "".join(
            _with_interval(found.error_over_time_percent[i], found.n_examples)
            for i in place[:1]
        )


def _with_interval(error, n):
    bounds = wilson(round(n * error / 100), n)
    return f"{error:.2f} % ({words.interval([100 * p for p in bounds])})"


def confusion(records):
    """How many images of each class got which answer."""
    found = records.evaluation
    matrix, n = np.array(found.confusion), len(found.confusion)
    places = {}  # cells, and images of them in the player
    for i, shown in enumerate(records.shown):
        cell = shown.label, int(found.predictions[shown.place])
        places.setdefault(cell, i)
    details = {"n": n, "images": places}
    wrong = [(i, j) for i, j in zip(*np.nonzero(matrix), strict=True) if i != j]
    wrong.sort(key=lambda pair: -matrix[pair])
    if n <= LARGEST_MATRIX:
        most = matrix.max(axis=1, keepdims=True)
        details["shares"] = (matrix / np.maximum(most, 1)).tolist()
        details["matrix"] = matrix.tolist()
        lead = "Rows: true class. Columns: answer. Empty off the diagonal is good."
    else:
        listed = wrong[:N_PAIRS]
        details["pairs"] = [(int(i), int(j), int(matrix[i, j])) for i, j in listed]
        lead = f"{len(listed)} of {len(wrong)} pairs of class and answer, most first."
    if places:
        lead += " A number that is a button opens an image of its cell in the player."
    return Section("confusion", "What is confused?", lead, details=details)


def ladder(records):
    """What each change on the way to the chip costs."""
    if records.ladder is None:
        return None
    rungs = records.ladder.rungs
    plot = Plot(
        "changes",
        "Change of the error by each step on the way to the chip, in points around "
        "zero, with paired 95 % intervals.",
        {
            "rows": [
                {
                    "name": rung.name,
                    "error": words.percent(rung.evaluation.error_percent),
                    "points": rung.difference and rung.difference.points,
                    "interval": rung.difference and rung.difference.interval_points,
                }
                for rung in rungs
            ]
        },
        records.ladder.table(),
    )
    details = {"rungs": [(rung.name, rung.change, _deviations(rung)) for rung in rungs]}
    return Section(
        "ladder",
        "Where accuracy goes",
        "Each change by itself, on the same images: to the right of zero the error has "
        "grown. An interval that holds zero shows no change.",
        [plot],
        details,
    )


def _deviations(rung):
    if not rung.deviations:
        return ""
    found = (f"{name} {value:.1f} %" for name, value in rung.deviations.items())
    return f"Neurons deviate from the rung above by {', '.join(found)}."


def training(records):
    """Loss and error by epoch."""
    history = records.model and records.model.history
    if not history:
        return None
    plots = []
    for what, axis in (("loss", "loss"), ("error_percent", "error (%)")):
        names = [name for name in history if name.endswith(what) and history[name]]
        if not names:
            continue
        series = [
            {
                "name": "validation" if name.startswith("val") else "training",
                "x": list(range(1, len(history[name]) + 1)),
                "y": list(history[name]),
                "style": "chip" if name.startswith("val") else "spikes",
            }
            for name in names
        ]
        rows = [
            (epoch + 1, *(f"{history[name][epoch]:.4g}" for name in names))
            for epoch in range(min(len(history[name]) for name in names))
        ]
        data = {"series": series, "x": "epoch", "y": axis, "slider": "Epoch"}
        label = f"{axis.capitalize()} against epochs of training."
        table = PrintedTable(("epoch", *names), rows)
        plots.append(Plot("curves", label, data, table))
    if not plots:
        return None
    return Section("training", "Training", "What fit recorded, noise included.", plots)
