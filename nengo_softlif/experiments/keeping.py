"""Finished pieces of work in a folder, where the next run finds them."""

import errno
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from nengo.exceptions import ValidationError

from ..files import Record, expanded


@dataclass(eq=False)
class Finished(Record):
    """A finished piece of work, and what was found.

    Parameters
    ----------
    experiment : str
        Name of the experiment.
    version : int
        Its version.
    piece : dict
        What decides the result.
    result : object
        The result.
    seconds : float
        How long it took.
    commit : str or None
        Git commit of the package that did it.
    """

    _called = "a finished piece of work"

    experiment: str
    version: int
    piece: dict[str, Any]
    result: Any
    seconds: float
    commit: str | None


class WorkFolder:
    """Where the pieces of one experiment are kept, each under a hash of its settings.

    Parameters
    ----------
    experiment : Experiment
        Whose pieces these are.
    path : str, Path or None
        The folder, made if it is not there. None to keep nothing.
    """

    def __init__(self, experiment, path):
        self.experiment = experiment
        self.path = None if path is None else expanded(path)
        if self.path is None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot be a folder for finished work ({error.strerror}); name "
                "another one",
                str(self.path),
            ) from error
        if not os.access(self.path, os.W_OK):  # told before the work, not after
            raise PermissionError(
                errno.EACCES,
                "you may not write to this folder for finished work; name another one",
                str(self.path),
            )

    def find(self, piece):
        """Load a finished piece; None if it is not there, or not what is wanted."""
        if self.path is None:
            return None
        try:
            found = Finished.load(self._file(piece, ".json"))
        except (OSError, ValidationError):  # is done again, and replaced
            return None
        wanted = self.experiment.name, self.experiment.version, piece
        held = found.experiment, found.version, found.piece
        return found if held == wanted else None

    def keep(self, finished):
        """Write a finished piece, all of it or nothing."""
        if self.path is None:
            return
        finished.save(self._file(finished.piece, ".json"))
        self.scratch(finished.piece).unlink(missing_ok=True)

    def scratch(self, piece):
        """Where a piece of work may keep its state while it is done."""
        return None if self.path is None else self._file(piece, ".checkpoint")

    def _file(self, piece, ending):
        what = [self.experiment.name, self.experiment.version, piece]
        text = json.dumps(what, sort_keys=True, allow_nan=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:20]
        return self.path.resolve() / f"{self.experiment.name}-{digest}{ending}"
