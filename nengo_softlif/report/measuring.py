"""All that a report of a model file is written from, measured."""

from dataclasses import dataclass, field

from nengo.exceptions import BuildError, Unconvertible

from ..evaluation import Evaluation, Ladder, evaluate, explain
from ..models import Model
from ..registry import TARGETS
from ..spiking import to_spiking
from ..targets import target_of


@dataclass
class Measured:
    """What was measured of a model.

    Attributes
    ----------
    evaluation : Evaluation
        In spikes.
    model : Model
        What that is of.
    others : list of Evaluation
        Its rates, and on the chip.
    ladder : Ladder or None
        The way to the chip, if it starts with rates.
    notes : list of str
        What could not be measured, and why.

    Examples
    --------
    >>> from nengo_softlif import report
    >>> report.Measured(result, spiking).others
    []
    """

    evaluation: Evaluation
    model: Model
    others: list = field(default_factory=list)
    ladder: Ladder | None = None
    notes: list = field(default_factory=list)


def measure(model, data, synapse, target="loihi", **shown):
    """Measure a model in every form that it can be given.

    A model of rate neurons is measured as it was trained, in spikes and on the chip,
    rung by rung; one of spiking neurons as it is, and on the chip; one that was made
    for a chip on that.

    Parameters
    ----------
    model : Model
        Left as it is.
    data : Dataset
        Its test images are shown.
    synapse : nengo.synapses.Synapse or None
        For `.to_spiking`.
    target : str or None
        Name of the chip; None leaves it out.
    **shown
        Of `.evaluate`: ``presentation_time``, ``window``, ``batch_size``,
        ``n_examples``, ``seed`` and ``progress_bar``.

    Returns
    -------
    Measured

    Examples
    --------
    >>> from nengo_softlif import report
    >>> shown = {"n_examples": 10, "presentation_time": 0.02, "progress_bar": False}
    >>> found = report.measure(spiking, data, nengo.Alpha(0.005), target=None, **shown)
    >>> found.evaluation.n_examples
    10
    """
    given = {name: value for name, value in shown.items() if value is not None}
    chip = None if target is None else TARGETS.find(target, "target")
    if target_of(model) is not None:
        return Measured(evaluate(model, data, **given), model)
    timeless = not model.spikes and data.n_frames is None
    notes = []
    if chip is not None and timeless:
        try:
            ladder = explain(model, data, synapse, target=target, **given)
        except (Unconvertible, BuildError) as error:
            notes, chip = [_WITHOUT.format(error)], None
        else:
            found = (rung.evaluation for rung in ladder.rungs)
            spikes = next(e for e in found if e.times is not None)
            return Measured(spikes, to_spiking(model, synapse), ladder=ladder)
    spiking = model if model.spikes else to_spiking(model, synapse)
    found = Measured(evaluate(spiking, data, **given), spiking, notes=notes)
    if timeless:
        found.others.append(evaluate(model, data, "rate", **given))
    if chip is not None:
        _add_chip(found, data, chip, given)
    return found


_WITHOUT = "There is nothing of a chip here: {}"


def _add_chip(found, data, target, given):
    """Measure on the chip what it can be made for."""
    try:
        chip = target.convert(found.model)
        found.others.append(evaluate(chip, data, **{**given, "dt": target.step}))
    except (Unconvertible, BuildError) as error:
        found.notes.append(_WITHOUT.format(error))
