"""What the parts of an evaluation must have in common, as files may hold anything."""

from typing import TypedDict

import numpy as np
from nengo.exceptions import ValidationError

from ..tasks import check_kind


class _Taken(TypedDict):
    target: str
    cores: int
    chips: int
    blocks: dict[str, list[dict[str, int]]]


class Chip(_Taken, total=False):
    """What of a chip a model takes, and what simulated it.

    Later versions also tell what a core has.
    """

    limits: dict[str, int]


class Synops(TypedDict):
    """Synaptic operations, by what is counted."""

    paper: float | None
    direct: float | None


def check_parts(evaluation):
    """Refuse an evaluation whose parts do not fit together.

    Lists of other lengths than `.evaluate` gives them, what is missing, answers that
    are none of the classes, or not those that were counted.
    """
    n, times = evaluation.n_examples, evaluation.times
    if evaluation.task != "classification":
        _check_numbers(evaluation)
        _check_spikes(evaluation)
        return
    lengths = {"labels": n, "predictions": n, "error_interval_percent": 2}
    if times is not None:
        lengths["error_over_time_percent"] = len(times)
        for name in ("presentation_time", "time_to_decide", "dt"):
            if getattr(evaluation, name) is None:
                raise ValidationError(
                    "expected seconds, as there are errors over time", attr=name
                )
        answers = evaluation.predictions_over_time
        if answers is None or answers.shape != (n, len(times)):
            expected = f"expected answers of {n} images at {len(times)} times"
            raise ValidationError(expected, attr="predictions_over_time")
    for name, length in lengths.items():
        if length < 1 or len(getattr(evaluation, name) or ()) != length:
            raise ValidationError(
                f"expected {length} numbers for {n} images", attr=name
            )
    n_classes = len(evaluation.confusion)
    if any(len(row) != n_classes for row in evaluation.confusion):
        raise ValidationError("expected as many answers as classes", attr="confusion")
    _check_answers(evaluation, n_classes)
    _check_spikes(evaluation)
    if evaluation.rows is not None and evaluation.rows < 1:
        raise ValidationError(
            f"expected rows of images, got {evaluation.rows}", attr="rows"
        )


def _check_numbers(evaluation):
    """Refuse what is not as it should be for labels and values."""
    check_kind(evaluation.task)
    n, times = evaluation.n_examples, evaluation.times
    numbers, pairs, courses = _NEEDED[evaluation.task]
    lengths = {"targets": n, "answers": n}
    lengths |= dict.fromkeys(numbers, None) | dict.fromkeys(pairs, 2)
    if times is not None:
        lengths |= dict.fromkeys(courses, len(times))
        lengths |= dict.fromkeys(("presentation_time", "time_to_decide", "dt"), None)
    for name, length in lengths.items():
        value = getattr(evaluation, name)
        if value is None or (length is not None and len(value) != length):
            number = "a number" if length is None else f"{length} numbers"
            raise ValidationError(f"expected {number} for {n} images", attr=name)
    sizes = {len(row) for row in (*evaluation.targets, *evaluation.answers)}
    if len(sizes) > 1:
        raise ValidationError("expected answers of one length", attr="answers")


def _check_spikes(evaluation):
    """Refuse counts of neurons that are none, or of other layers."""
    for name in ("spike_histograms", "silent_neurons"):
        found = getattr(evaluation, name)
        if found is None:
            continue
        if found.keys() != evaluation.rates_hz.keys():
            raise ValidationError("expected the layers of rates_hz", attr=name)
        for counts in found.values():
            if np.size(counts) == 0 or np.min(counts) < 0:
                raise ValidationError("expected numbers of neurons", attr=name)


def _check_answers(evaluation, n_classes):
    """Refuse classes that there are not, and other counts of them."""
    for name in ("labels", "predictions", "predictions_over_time"):
        classes = getattr(evaluation, name)
        if classes is not None and np.size(classes) > 0:
            low, high = np.min(classes), np.max(classes)
            if low < 0 or high >= n_classes:
                raise ValidationError(
                    f"expected classes from 0 to {n_classes - 1}, got {low} to {high}",
                    attr=name,
                )
    counted = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counted, (evaluation.labels, evaluation.predictions), 1)
    if counted.tolist() != evaluation.confusion:
        raise ValidationError(
            "expected the numbers of labels and predictions", attr="confusion"
        )


_NEEDED = {
    "multilabel": (
        ("error_percent", "subset_error_percent"),
        ("error_interval_percent",),
        ("error_over_time_percent",),
    ),
    "regression": (
        ("rmse", "r2"),
        ("rmse_interval", "r2_interval"),
        ("rmse_over_time", "r2_over_time"),
    ),
}
"""What evaluations tell: numbers, pairs of them, and courses over time."""
