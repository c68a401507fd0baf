"""Doing the pieces of an experiment that are not done yet, wherever."""

import json
import time

from nengo.exceptions import ValidationError

from ..evaluation import commit
from ..progress import Progress
from ..workers import spread
from .keeping import Finished, WorkFolder


def run(experiment, pieces, work=None, scheduler=None, progress_bar=True):
    """Do the pieces of an experiment, but those that are kept in the work folder.

    Parameters are those of calling an `Experiment`. Each piece is kept as soon as it
    is done.

    Returns
    -------
    list of Finished
        In the order of the pieces.
    """
    folder = WorkFolder(experiment, work)
    pieces = [plain(piece) for piece in pieces]
    done = [folder.find(piece) for piece in pieces]
    missing = [i for i, found in enumerate(done) if found is None]
    calls = [(experiment, pieces[i], folder.scratch(pieces[i])) for i in missing]
    with Progress(
        experiment.name,
        len(pieces),
        "piece",
        progress_bar,
        initial=len(pieces) - len(missing),
    ) as progress:
        apart = experiment.side_by_side
        for i, found in spread(do, calls, scheduler, apart, progress_bar):
            if found.version != experiment.version:
                raise ValidationError(
                    f"a worker has version {found.version} of {experiment.name}, and "
                    f"this is {experiment.version}; install one version everywhere",
                    attr="scheduler",
                )
            folder.keep(found)
            done[missing[i]] = found
            progress.update()
    return done


def do(experiment, piece, scratch, progress_bar=False):
    """Do one piece, in whichever process.

    Parameters
    ----------
    experiment : Experiment
        Whose piece it is.
    piece : dict
        What to do.
    scratch : Path or None
        See `Experiment.measure`; ignored where its folder is not to be seen.
    progress_bar : bool
        Show one.

    Returns
    -------
    Finished
        What was found.
    """
    if scratch is not None and not scratch.parent.is_dir():
        scratch = None  # a machine with other disks
    start = time.perf_counter()
    result = experiment.measure(piece, scratch, progress_bar)
    seconds = time.perf_counter() - start
    return Finished(
        experiment.name, experiment.version, piece, plain(result), seconds, commit()
    )


def plain(value):
    """Return a value as JSON gives it back, whether it was in a file or not."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValidationError(
            f"an experiment gave what JSON cannot hold ({error})", attr="result"
        ) from error
