"""What an experiment found: a record, from which table and figure are made."""

from dataclasses import dataclass
from typing import Any

from nengo.exceptions import ValidationError

from ..checks import suggest
from ..evaluation import commit, versions
from ..files import Record, convert
from ..registry import EXPERIMENTS
from ..tables import Tabular


@dataclass(eq=False, repr=False)
class Findings(Record, Tabular):
    """What an experiment found. Print it, draw it, or save it as JSON.

    Parameters
    ----------
    experiment : str
        Its name.
    version : int
        Its version.
    settings : dict
        All of its settings, seeds among them.
    rows : list of dict
        What was found; its ``Row`` tells.
    data_sha256 : list of str
        Checksums of the data sets.
    seconds : float
        What all pieces of the work took together, those of earlier runs too.
    versions : dict of str to str
        Versions of Python and of packages.
    commit : str or None
        Git commit of this package, as `Evaluation` has it.
    commits : list of str
        Those with which pieces of the work were done.
    command : str or None
        Command line, if it came from there.

    Examples
    --------
    >>> found = softlif.experiments.figure1()
    >>> found.save("figure1.json")
    >>> sorted(type(found).load("figure1.json").rows[0])
    ['currents', 'neuron', 'rates_hz', 'slopes_hz', 'steepest_at', 'steepest_hz']
    """

    _called = "findings of an experiment"

    experiment: str
    version: int
    settings: dict[str, Any]
    rows: list[dict[str, Any]]
    data_sha256: list[str]
    seconds: float
    versions: dict[str, str]
    commit: str | None
    commits: list[str]
    command: str | None

    @classmethod
    def of(cls, experiment, settings, rows, done):
        """Make the record of an experiment out of its rows and finished pieces."""
        checksums = (piece.piece.get("data_sha256") for piece in done)
        return cls(
            experiment=experiment.name,
            version=experiment.version,
            settings=settings,
            rows=rows,
            data_sha256=sorted({checksum for checksum in checksums if checksum}),
            seconds=sum(piece.seconds for piece in done),
            versions=versions(),
            commit=commit(),
            commits=sorted({piece.commit for piece in done if piece.commit}),
            command=None,
        )

    def table(self):
        """Put the main numbers into a `.tables.PrintedTable`."""
        return self._find().table(self)

    def figure(self):
        """Draw the figure.

        Returns
        -------
        matplotlib.figure.Figure
            A new one.
        """
        from matplotlib.figure import Figure  # which workers do not need

        experiment = self._find()
        figure = Figure(figsize=experiment.size, layout="constrained")
        experiment.draw(self, figure)
        return figure

    def draw(self, path):
        """Write the figure to a file, whose ending says the kind: PNG, PDF, SVG."""
        from .. import figures

        figures.check_ending(path)
        figures.save_figure(self.figure(), path)

    def __repr__(self):
        """Say of what it is."""
        n = len(self.rows)
        return f"<Findings of {self.experiment}: {n} row{'s' * (n != 1)}>"

    def _find(self):
        if self.experiment not in EXPERIMENTS:
            raise ValidationError(
                f"there is no experiment {self.experiment!r}"
                f"{suggest(self.experiment, EXPERIMENTS)}; expected one of "
                f"{', '.join(EXPERIMENTS)}",
                attr="experiment",
            )
        return EXPERIMENTS[self.experiment]

    def _check(self):
        experiment = self._find()
        if self.version != experiment.version:
            raise ValidationError(
                f"it is of version {self.version} of {self.experiment}, but this "
                f"package has version {experiment.version}; run the experiment again",
                attr="version",
            )
        missing = experiment.Settings.__dataclass_fields__.keys() - self.settings
        if missing:
            raise ValidationError(
                f"expected {', '.join(sorted(missing))} as well", attr="settings"
            )
        what = f"rows of {self.experiment}"
        convert(self.rows, list[experiment.Row], what, "give what its save wrote")
