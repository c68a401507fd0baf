"""Where accuracy goes: a model walked down to the chip, one change at a time."""

from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .. import layers
from ..datasets import check_data
from ..files import Record
from ..models import check_model, check_timeless
from ..registry import TARGETS
from ..spiking import to_spiking
from ..tables import PrintedTable, Tabular
from . import rungs
from .backends import backend_of
from .measurement import measure
from .presentation import BATCH_SIZE, Presentation
from .results import Difference, Evaluation, difference

COMPARED = 100
"""Images on which rates of single neurons are compared."""


@dataclass(frozen=True)
class Rung:
    """One step of the way from a trained model to the chip.

    Attributes
    ----------
    name : str
        What the network is here.
    change : str
        What is different from the rung above.
    evaluation : Evaluation
        Error, rates and all else.
    difference : Difference or None
        By how much the error exceeds that of the rung above.
    deviations : dict of str to float or None
        How far the neurons of each layer are from the rung above: root mean square of
        the difference of their rates, each over the whole presentation of an image, in
        percent of the root mean square of the rates above (100 if there are none). The
        mean is over neurons and over 100 images. Spikes are counted: rates are
        multiples of one by the presentation time, which alone makes a difference where
        rates are low.

    Examples
    --------
    >>> found.rungs[1].name, found.rungs[1].change
    ('LIF rates', 'rates of LIF neurons, not smoothed around threshold')
    """

    name: str
    change: str
    evaluation: Evaluation
    difference: Difference | None
    deviations: dict[str, float] | None

    @property
    def largest_deviation(self):
        """Name of the layer that deviates most, and its deviation; or None."""
        if not self.deviations or not any(self.deviations.values()):
            return None
        return max(self.deviations.items(), key=lambda item: item[1])


@dataclass(frozen=True)
class Ladder(Record, Tabular):
    """What `explain` found. Print it, save it, or draw it with `.figures.ladder`.

    Attributes
    ----------
    rungs : list of Rung
        From the model as it was trained to the chip, all on the same images.

    Examples
    --------
    >>> found.save("ladder.json")
    >>> len(softlif.Ladder.load("ladder.json").rungs)
    7
    """

    _called = "a ladder"

    rungs: list[Rung]

    def __repr__(self):
        """Error at both ends."""
        first, last = self.rungs[0], self.rungs[-1]
        return (
            f"<Ladder of {first.evaluation.network} on "
            f"{first.evaluation.n_examples} images of {first.evaluation.dataset}: "
            f"{first.evaluation.error_percent:.2f} % to "
            f"{last.evaluation.error_percent:.2f} % in {len(self.rungs)} rungs>"
        )

    def table(self):
        """Put it into a `.tables.PrintedTable`, with what rungs change below."""
        first, last = self.rungs[0].evaluation, self.rungs[-1].evaluation
        changes = [f"{i}  {rung.change}" for i, rung in enumerate(self.rungs, 1)]
        return PrintedTable(
            ("", "error %", "points (95 % interval)", "mean rate", "deviates most"),
            [_row(i, rung) for i, rung in enumerate(self.rungs, 1)],
            f"{first.network} on {first.n_examples:,} test images of {first.dataset}, "
            "the same on every rung",
            align="lrrrl",
            below=(f"all together: {difference(first, last)}", "", *changes),
        )

    def _check(self):
        if not self.rungs:
            raise ValidationError("expected at least one rung", attr="rungs")
        for rung in self.rungs:
            rung.evaluation._check()


def explain(
    model,
    data,
    synapse=nengo.Alpha(0.005),  # noqa: B008 (synapses are frozen)
    presentation_time=0.2,
    window=0.0,
    batch_size=BATCH_SIZE,
    n_examples=None,
    seed=0,
    progress_bar=True,
    target="loihi",
):
    """Walk a trained model down to a chip, and measure what each change costs.

    The rungs are: the model as it was trained; hard LIF rates; spiking neurons with
    synapses, as `.to_spiking` makes them; then those of the target. For Loihi these are
    the chip's synapse and folded pooling, as `.to_loihi` has them; the chip's neurons
    (both simulated in real numbers); the chip's weights; and the chip's arithmetic.
    Each is evaluated on the same images, in this order. What the target refuses is told
    before.

    Parameters
    ----------
    model : Model
        Trained rate network without loops; left as it is.
    data : Dataset
        Its test images are shown.
    synapse : nengo.synapses.Synapse
        For `.to_spiking`.
    presentation_time, window, batch_size, n_examples, seed, progress_bar
        As in `.evaluate`. Each image starts from rest, and on Loihi steps are of 1 ms.
    target : str
        Name of the target.

    Returns
    -------
    Ladder
        The record.

    Raises
    ------
    Unconvertible, BuildError
        If the model cannot be made for the chip, or has loops.
    ValidationError
        If arguments, model and data do not fit together.

    Examples
    --------
    >>> found = softlif.explain(
    ...     model, data, presentation_time=0.02, n_examples=10, progress_bar=False
    ... )
    >>> len(found.rungs)
    7
    """
    check_model(model)
    check_data(data, model)
    if data.task != "classification":
        raise ValidationError(
            f"{data.name!r} is for {data.task}, but rungs compare errors of classes; "
            "evaluate the model with each backend, and take their difference",
            attr="data",
        )
    if data.n_frames is not None:
        raise ValidationError(
            f"{data.name!r} has frames, but the first rung is of rates, without time; "
            "explain with data.averaged()",
            attr="data",
        )
    target = TARGETS.find(target, "target")
    model = model.copy()
    if model.network.seed is None:
        model.network.seed = seed  # for all rungs the same draws
    layers.read(model.network)  # else its rates cannot be compared
    check_timeless(
        model,
        "model",
        "give explain the rate model that was trained; what was trained in spikes has "
        "no rungs, and evaluate measures it",
    )

    spiking = to_spiking(model, synapse)
    chip = target.convert(spiking)
    presentation = Presentation(
        presentation_time,
        target.step,
        window,
        batch_size=batch_size,
        n_examples=n_examples,
        seed=seed,
    ).checked(chip, data, backend_of(chip), warns=False)
    steps = rungs.steps(model, spiking, synapse)
    steps += target.rungs(spiking, chip, synapse, presentation) or [
        rungs.Step(
            target.name,
            f"all that {target.conversion} changes",
            chip,
            backend_of(chip),
        )
    ]
    return Ladder(_measured(steps, data, presentation, progress_bar))


def _measured(steps, data, presentation, progress_bar):
    """Measure steps, and compare each with the one above."""
    found, above = [], None
    for i, step in enumerate(steps, 1):
        evaluation, rates = measure(
            step.model,
            data,
            step.backend,
            presentation,
            title=f"{i}/{len(steps)} {step.name}" if progress_bar else None,
            n_kept=COMPARED,
            warns=step is steps[-1],
        )
        if step.backend.timed:
            rates = [count / presentation.presentation_time for count in rates]
        worse = deviations = None
        if found:
            worse = difference(found[-1].evaluation, evaluation)
            names = evaluation.rates_hz
            deviations = dict(zip(names, map(_deviation, above, rates), strict=True))
        found.append(Rung(step.name, step.change, evaluation, worse, deviations))
        above = rates
    return found


def _deviation(above, below):
    size = np.sqrt(np.mean(above**2))
    deviation = np.sqrt(np.mean((below - above) ** 2))
    if size == 0:
        return 100.0 if deviation > 0 else 0.0
    return float(100 * deviation / size)


def _row(number, rung):
    largest = rung.largest_deviation
    return (
        f"{number}  {rung.name}",
        f"{rung.evaluation.error_percent:.2f}",
        rung.difference.brief() if rung.difference else "",
        f"{rung.evaluation.mean_rate_hz:.1f} Hz",
        f"{largest[0]}: {largest[1]:.1f} %" if largest else "",
    )
