"""Records in docs/results, of whichever kind, and numbers of them with intervals."""

import json
from pathlib import Path
from typing import NamedTuple

from nengo_softlif.evaluation import Evaluation, Ladder, difference
from nengo_softlif.experiments import Findings


class Results:
    """Records in a folder, by the names of their files."""

    def __init__(self, folder):
        self.folder = Path(folder)
        path = self.folder / "trainings.json"
        self.trainings = json.loads(path.read_text()) if path.exists() else {}
        self._loaded = {}

    def names(self):
        """All that are there."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def find(self, names):
        """Load the records of these names; None if one is missing."""
        paths = [self.folder / f"{name}.json" for name in names]
        if not all(path.exists() for path in paths):
            return None
        return [self._load(path) for path in paths]

    def first(self, choices):
        """Load the first of several groups of records that is there, and name it."""
        for names in choices:
            found = self.find(names)
            if found is not None:
                return names, found
        return None, None

    def _load(self, path):
        if path not in self._loaded:
            self._loaded[path] = load(path)
        return self._loaded[path]

    def epochs(self, record):
        """How long the model of an evaluation was trained, in words if it is known."""
        words = (getattr(record, "command", None) or "").split()
        models = [Path(word).stem for word in words[2:3]]
        known = [self.trainings[name] for name in models if name in self.trainings]
        said = [f"{known[0]['epochs']} epochs"] if known else []
        if getattr(record, "dataset", None) == "cifar10":
            said.append("JPEG copy")
        return f" ({', '.join(said)})" if said else ""


def load(path):
    """Load a record of whichever kind."""
    record = json.loads(path.read_text())
    if isinstance(record, dict):
        kinds = {"experiment": Findings, "rungs": Ladder, "predictions": Evaluation}
        for key, kind in kinds.items():
            if key in record:
                return kind.load(path)
    return record


class Measured(NamedTuple):
    """A number, its 95 % interval if it has one, and how it is written."""

    value: float
    interval: tuple | None = None
    form: str = "{:.2f}"

    def __str__(self):
        """Write it with its interval."""
        text = self.form.format(self.value)
        if self.interval is not None:
            low, high = (self.form.format(limit) for limit in self.interval)
            text += f" ({low} to {high})"
        return text


def paired(a, b, time=None):
    found = difference(a, b, time)
    return Measured(found.points, tuple(found.interval_points), "{:+.2f}")
