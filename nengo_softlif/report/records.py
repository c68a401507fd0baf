"""What a report is written from, and the form of what it shows."""

from dataclasses import dataclass, field

from nengo.exceptions import ValidationError

from ..datasets import Dataset
from ..evaluation import Evaluation, Ladder
from ..models import Model
from ..tables import PrintedTable


@dataclass
class Plot:
    """Something drawn, and the same in numbers.

    Attributes
    ----------
    kind : str
        The function of ``plots.js`` that draws it.
    label : str
        A sentence that says what is to be seen.
    data : dict
        What it draws, as JSON holds it.
    table : PrintedTable
        The numbers.
    """

    kind: str
    label: str
    data: dict
    table: PrintedTable


@dataclass
class Section:
    """A part of the page under a heading.

    Attributes
    ----------
    key : str
        By which links and the template know it.
    title : str
        The heading.
    lead : str
        What stands below it.
    plots : list of Plot
        What is drawn.
    details : dict
        What else the template shows, by its name for it.
    """

    key: str
    title: str
    lead: str
    plots: list = field(default_factory=list)
    details: dict = field(default_factory=dict)


@dataclass
class Records:
    """All that a report is written from, checked.

    Attributes
    ----------
    evaluation : Evaluation
        What it is about.
    curves : list of (str, Evaluation)
        It, and others of the same images, with their names: first those without time.
    ladder : Ladder or None
        What `.explain` found, on the same images.
    model : Model or None
        What was evaluated.
    data : Dataset or None
        Its images.
    shown : list of Shown
        Images, and what neurons did.
    notes : list of str
        What is missing, and why.
    """

    evaluation: Evaluation
    curves: list
    ladder: Ladder | None = None
    model: Model | None = None
    data: Dataset | None = None
    shown: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @classmethod
    def of(cls, evaluation, others, ladder, **more):
        """Put them together; refuse what is none, or is of other images."""
        if ladder is not None and not isinstance(ladder, Ladder):
            raise ValidationError(
                f"expected a Ladder, as explain returns, got {ladder!r}", attr="ladder"
            )
        others = [others] if isinstance(others, Evaluation) else list(others)
        for found in [evaluation, *others]:
            if not isinstance(found, Evaluation):
                raise ValidationError(
                    f"expected an Evaluation, as evaluate returns, got {found!r}",
                    attr="evaluation" if found is evaluation else "others",
                )
        named = [(name_of(found), found) for found in others]
        rungs = [] if ladder is None else ladder.rungs
        for rung in rungs:
            _check_same(evaluation, rung.evaluation, "ladder")
        if rungs and not others:
            ends = (rungs[0], rungs[-1])
            named = [(r.name, r.evaluation) for r in ends]
        for _, found in named:
            _check_same(evaluation, found, "others")
        named = [pair for pair in named if not _same(pair[1], evaluation)]
        own = next((r.name for r in rungs if _same(r.evaluation, evaluation)), None)
        curves = [(own or name_of(evaluation), evaluation), *named]
        curves.sort(key=lambda pair: pair[1].times is not None)
        return cls(evaluation, _apart(curves), ladder, **more)

    @property
    def rates(self):
        """Name and evaluation of the rates behind the spikes, or None."""
        return self._first(lambda e: e.times is None)

    @property
    def chip(self):
        """Name and evaluation of what was measured on a chip, or None."""
        return self._first(lambda e: e.chip is not None)

    def _first(self, which):
        found = (pair for pair in self.curves if which(pair[1]))
        return next((pair for pair in found if pair[1] is not self.evaluation), None)

    @property
    def n_neurons(self):
        """How many neurons each layer has; None if no record tells."""
        counts = self.evaluation.spike_histograms
        if counts is None:
            return None
        n = self.evaluation.n_examples
        return {name: sum(found) // n for name, found in counts.items()}


def name_of(evaluation):
    """Name an evaluation by what ran it."""
    if evaluation.times is None:
        return "rates"
    return "spikes" if evaluation.chip is None else evaluation.backend


def _apart(curves):
    """Tell curves of one name apart by a number."""
    names = [name for name, _ in curves]
    return [
        (name if names.count(name) == 1 else f"{name} ({i + 1})", found)
        for i, (name, found) in enumerate(curves)
    ]


def _same(a, b):
    return a is b or a.to_json() == b.to_json()


def _check_same(evaluation, other, attr):
    """Refuse an evaluation of other images, whose curve would say nothing beside."""
    for name in ("data_sha256", "n_examples"):
        if getattr(other, name) != getattr(evaluation, name):
            raise ValidationError(
                f"expected evaluations of the same images, but {name} is "
                f"{getattr(other, name)!r} and {getattr(evaluation, name)!r}",
                attr=attr,
            )
