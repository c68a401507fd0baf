"""evaluate: showing images, counting errors and spikes, making the record."""

import contextlib
import time
import warnings

import numpy as np
from nengo.exceptions import NengoWarning, Unconvertible

from ..engine import compilation
from ..layers import synops
from ..models import check_model
from ..progress import Progress
from . import provenance
from .backends import backend_of
from .counting import Tally, layer_names, neuron_layers
from .presentation import Presentation
from .results import OF_CLASSES, Evaluation
from .scores import ANSWERS
from .sharing import check_sharing, run_on_cluster


def evaluate(
    model,
    data,
    backend=None,
    presentation_time=None,
    dt=None,
    window=0.0,
    reset=True,
    batch_size=None,
    n_examples=None,
    seed=0,
    progress_bar=True,
    confidence=None,
    scheduler=None,
):
    """Classify test images and record how well, how fast and with how many spikes.

    The answer at time ``t`` is the class whose output has the largest mean from
    ``max(window, t / 2)`` to ``t``. Of several labels, those are the answer whose mean
    is positive, and of values the means themselves, see `.Task`.

    Parameters
    ----------
    model : Model
        A trained model; left as it is.
    data : Dataset
        Its test images are shown. Of frames, one in each step.
    backend : str, optional
        By default "loihi-emulator" for models of `.to_loihi`, "engine" for others whose
        neurons spike, and "rate" for those of rate neurons.
        "engine", "nengo-dl", "nengo", "rate", or one of those for a model of
        `.to_loihi`: "loihi-emulator", "loihi-weights", "loihi-reference",
        "loihi-float", "loihi".
        "engine" is our own `.Simulator` of feed-forward networks, for many images
        side by side; other networks are simulated with NengoDL instead, and a
        warning says why. "nengo-dl" simulates any network, for many images side
        by side. "nengo" is Nengo's own simulator: slow, but the reference. "rate"
        computes the answer of rate neurons at once, without time. "loihi-emulator" is
        our `.Emulator` of the chip, for many images side by side, and "loihi-weights"
        the same, where nothing is rounded but weights and other parameters.
        "loihi-reference" is NengoLoihi's own, for one at a time, "loihi-float" the
        same without the chip's rounding, and "loihi" the chip itself.
    presentation_time : float, optional
        How long each image is shown, in seconds. By default as long as in training, for
        models that `.fit` has trained in spikes, else 0.2 s. Of frames, at most as many
        as there are, times ``dt``, and by default that.
    dt : float, optional
        Time step in seconds. By default that of training in spikes, else 0.001.
    window : float
        Start of the readout window in seconds: what the network answered before
        does not count.
    reset : bool
        Whether each image starts from the initial state. Otherwise images are
        shown back to back, as in the papers: all in one row, or in ``batch_size``
        rows that are simulated side by side.
    batch_size : int, optional
        Number of images simulated side by side, 50 by default. Without reset, the
        number of rows in which images are shown back to back: fewer than images, and
        one by default. Of n rows, each takes every n-th image.
    n_examples : int, optional
        Show only so many images: the first in `presentation_order`.
    seed : int
        Seed of what is random in the simulation: of processes, and of initial
        voltages if the network has no seed.
    progress_bar : bool
        Show one, with the error so far.
    confidence : float, optional
        Answer an image for good as soon as the softmax of the mean output is so large,
        such as 0.99 (`confidences`), at one of the times at which answers are recorded.
        The error is that of these answers, and ``mean_time`` tells when they came.
        Rates and spikes are still those of the whole presentation.
    scheduler : str, optional
        Address of the scheduler of a Dask cluster whose workers show the images, such
        as ``"tcp://10.0.0.1:8786"``. The results are the same. Not without reset.

    Returns
    -------
    Evaluation
        The record.

    Raises
    ------
    ValidationError
        If the arguments do not fit together, before anything is simulated.
    SimulationError
        If the network's output is NaN or infinite.
    OSError
        If the scheduler does not answer within 10 s.
    ImportError
        If a scheduler is given, but ``distributed`` is not installed.

    Examples
    --------
    >>> result = softlif.evaluate(model, data, n_examples=50, progress_bar=False)
    >>> result.backend, result.n_examples
    ('rate', 50)
    """
    check_model(model)
    backend = backend_of(model, backend)
    presentation = Presentation(
        presentation_time, dt, window, reset, batch_size, n_examples, seed, confidence
    )
    title = backend.name if progress_bar else None
    evaluation, _ = measure(
        model, data, backend, presentation, title, scheduler=scheduler
    )
    return evaluation


def measure(
    model,
    data,
    backend,
    presentation,
    title=None,
    n_kept=0,
    warns=True,
    seen=None,
    scheduler=None,
):
    """Evaluate a model, and keep how often single neurons fired.

    Parameters
    ----------
    model, data
        As for `evaluate`.
    backend : Backend
        What runs the model.
    presentation : Presentation
        How images are shown.
    title : str, optional
        Of the progress bar; without it there is none.
    n_kept : int
        Number of images for which spikes are kept, the first that are shown.
    warns : bool
        Whether to warn of rates that are too high for the steps or the chip.
    seen : callable, optional
        Is given the outputs for each batch, (n, n_steps, n_classes).
    scheduler : str, optional
        As for `evaluate`; then no spikes are kept.

    Returns
    -------
    Evaluation
        The record.
    list of (n_kept, n_neurons) ndarray
        How often the neurons of each layer fired, or their rates if these are rate
        neurons; empty for backends that do not tell neurons apart.
    """
    start = time.perf_counter()
    presentation = presentation.checked(model, data, backend, warns)
    backend = backend.able(model)
    if scheduler is not None:
        check_sharing(presentation)
    chip, commit = backend.describe(model), provenance.commit()
    layers = neuron_layers(model)
    fan_out = _if_understood(synops.fan_out, model.network) if backend.timed else None
    reached = fan_out or {e: np.zeros(e.n_neurons) for e in layers}
    tally = Tally(
        [reached[e] for e in layers],
        min(n_kept, presentation.n_examples),
        backend.timed,
    )
    answers = ANSWERS[data.task](model, data, backend, presentation)
    with compilation(quiet=title is None) as compiling:
        run = _run(model, data, backend, presentation, tally, answers, scheduler)
        _show(run, presentation, tally, answers, title, seen)

    names = layer_names(layers)
    highest = _highest_rates(tally, layers, presentation)
    if highest is not None:
        if warns:
            backend.check_rates(model, highest)
        highest = dict(zip(names, highest.values(), strict=True))
    n_examples = presentation.n_examples
    histograms, n_silent = (
        None if found is None else dict(zip(names, found, strict=True))
        for found in (tally.histograms(), tally.n_silent())
    )
    counts = {"synops_per_image": {"paper": None, "direct": None}}
    if backend.timed:
        counts = _synops(model.network, layers, names, tally, fan_out, n_examples)
    evaluation = Evaluation(
        dataset=data.name,
        network=provenance.network_name(model),
        backend=backend.name,
        synapse=provenance.synapse_names(model),
        n_examples=n_examples,
        **{**dict.fromkeys(OF_CLASSES), **answers.record()},
        **_rates(layers, names, tally, backend, presentation),
        **counts,
        seconds=time.perf_counter() - start - compiling.seconds,
        seed=int(presentation.seed),
        versions=provenance.versions(),
        commit=commit,
        data_sha256=data.sha256,
        command=None,
        batch_size=presentation.batch_size,
        chip=chip,
        highest_rates_hz=highest,
        spike_histograms=histograms,
        silent_neurons=n_silent,
    )
    return evaluation, tally.kept


def _run(model, data, backend, presentation, tally, answers, scheduler):
    """Begin to show images, here or on a cluster: see `Backend.run`."""
    batch_size, seed = presentation.batch_size, presentation.seed
    shown = data.x_test
    if data.n_frames is not None:
        shown = shown[:, : presentation.n_time_steps]
    batches = (
        model.preprocessing.test(shown[answers.examples[i : i + batch_size]])
        for i in range(0, presentation.n_examples, batch_size)
    )
    if scheduler is not None:
        return run_on_cluster(
            backend, model, batches, presentation, tally.fan_out, scheduler
        )
    watched = backend.watch(model, seed)
    watched.fan_out = tally.fan_out
    return backend.run(watched, batches, presentation)


def _show(run, presentation, tally, answers, title, seen):
    """Show images, and note answers and spikes."""
    with (
        Progress(
            title, presentation.n_examples, "image", title is not None
        ) as progress,
        contextlib.closing(run),
    ):
        for outputs, fired in run:
            answers.add(outputs)
            if seen is not None:
                seen(outputs)
            tally.add(fired)
            progress.set_postfix(answers.progress(), refresh=False)
            progress.update(len(outputs))


def _rates(layers, names, tally, backend, presentation):
    """Mean rates of layers and of all, in Hz, and spikes per image."""
    fired = tally.fired[:, 0] / presentation.n_examples
    n_neurons = np.array([layer.n_neurons for layer in layers])
    seconds = presentation.n_time_steps * presentation.dt if backend.timed else 1
    rates = fired / n_neurons / seconds
    return {
        "rates_hz": dict(zip(names, rates.tolist(), strict=True)),
        "mean_rate_hz": float(rates @ n_neurons / n_neurons.sum()),
        "spikes_per_image": float(fired.sum()) if backend.timed else None,
    }


def _highest_rates(tally, layers, presentation):
    """The highest rate of each layer in Hz, where neurons are told apart."""
    counts = tally.highest_counts()
    if counts is None:
        return None
    seconds = presentation.n_time_steps * presentation.dt
    return {e: n / seconds for e, n in zip(layers, counts, strict=True)}


def _synops(network, layers, names, tally, fan_out, n_examples):
    """Synaptic operations for each image, by both counts, and by layers."""
    fired = tally.fired / n_examples
    counts = {"paper": None, "direct": None}
    n_synapses = _if_understood(synops.n_synapses, network)
    if n_synapses is not None:
        per_neuron = [n_synapses[layer] / layer.n_neurons for layer in layers]
        counts["paper"] = float(fired[:, 0] @ per_neuron)
    if fan_out is None:
        return {"synops_per_image": counts}
    counts["direct"] = float(fired[:, 1].sum())
    of_layers = dict(zip(names, fired[:, 1].tolist(), strict=True))
    return {"synops_per_image": counts, "layer_synops": of_layers}


def _if_understood(count, network):
    try:
        return count(network)
    except Unconvertible as error:
        warnings.warn(
            f"synaptic operations are not counted: {error}", NengoWarning, stacklevel=4
        )
        return None
