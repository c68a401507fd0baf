"""Showing images on a cluster: in parts, batch by batch as they would be shown here."""

import contextlib

from nengo.exceptions import ValidationError

from ..workers import spread
from .counting import Tally

N_BATCHES = 10
"""Batches in a part: enough to be worth sending the model and starting a simulator."""


def check_sharing(presentation):
    """Refuse to share images that depend on those before them."""
    if not presentation.reset:
        raise ValidationError(
            "without reset images are shown back to back, so that no other worker can "
            "show the next ones; leave out the scheduler, or reset=False",
            attr="scheduler",
        )


def run_on_cluster(backend, model, batches, presentation, fan_out, scheduler):
    """Show images on the workers of a Dask cluster.

    Parameters
    ----------
    backend : Backend
        What runs the model there.
    model : Model
        The model.
    batches : iterable of ndarray
        Prepared images, as `Backend.run` takes them.
    presentation : Presentation
        How they are shown.
    fan_out : list of (n_neurons,) ndarray
        Of the neurons of each layer.
    scheduler : str
        Its address.

    Yields
    ------
    outputs : ndarray
        As from `Backend.run`, batch by batch, in their order.
    tally : Tally
        What fired in that batch.
    """
    batches = list(batches)
    calls = [
        (backend, model, batches[i : i + N_BATCHES], presentation, fan_out)
        for i in range(0, len(batches), N_BATCHES)
    ]
    found, n_given = {}, 0
    for i, part in spread(run_part, calls, scheduler):
        found[i] = part
        while n_given in found:
            yield from found.pop(n_given)
            n_given += 1


def run_part(backend, model, batches, presentation, fan_out):
    """Show some batches on a worker: a list of what `run_on_cluster` yields."""
    watched = backend.watch(model, presentation.seed)
    watched.fan_out = fan_out
    part = []
    run = backend.run(watched, batches, presentation)
    with contextlib.closing(run):
        for outputs, fired in run:
            tally = Tally(fan_out, timed=backend.timed)
            tally.add(fired)
            part.append((outputs.copy(), tally))
    return part
