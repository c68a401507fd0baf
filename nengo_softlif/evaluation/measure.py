"""Measuring a model on test images."""

import contextlib
import time
import warnings
from collections import ChainMap

import numpy as np
from nengo.exceptions import NengoWarning, Unconvertible
from tqdm import tqdm

from ..engine import compilation
from ..layers import synops
from ..loihi import backends as chip_backends
from ..loihi import is_for_chip, warn_of_high_rates
from ..models import check_model
from . import backends, provenance
from .arguments import checked
from .counting import Watched, layer_names, neuron_layers
from .records import Evaluation, wilson
from .statistics import decide, readout_steps, time_to_decide

BATCH_SIZE = 50
"""Images simulated side by side, unless told otherwise."""


def evaluate(
    model,
    data,
    backend=None,
    presentation_time=0.2,
    dt=0.001,
    window=0.0,
    reset=True,
    batch_size=None,
    n_examples=None,
    seed=0,
    progress_bar=True,
):
    """Classify test images and record how well, how fast and with how many spikes.

    The answer at time ``t`` is the class whose output has the largest mean from
    ``max(window, t / 2)`` to ``t``.

    Parameters
    ----------
    model : Model
        A trained model; left as it is.
    data : Dataset
        Its test images are shown.
    backend : str, optional
        By default "loihi-emulator" for models of `.to_loihi`, and "engine" for others.
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
    presentation_time : float
        How long each image is shown, in seconds.
    dt : float
        Time step in seconds.
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
    """
    check_model(model)
    if backend is None:
        on_chip = is_for_chip(model.network)
        backend = "loihi-emulator" if on_chip else "engine"
    if batch_size is None:
        batch_size = BATCH_SIZE if reset or backend == "rate" else 1
    evaluation, _ = measure(
        model,
        data,
        backend,
        presentation_time,
        dt,
        window,
        reset,
        batch_size,
        n_examples,
        seed,
        title=backend if progress_bar else None,
    )
    return evaluation


def measure(
    model,
    data,
    backend,
    presentation_time,
    dt,
    window,
    reset,
    batch_size,
    n_examples,
    seed,
    title=None,
    n_kept=0,
    prepared=None,
    warns=True,
):
    """Evaluate a model, and keep how often single neurons fired.

    Parameters
    ----------
    model, data, backend, presentation_time, dt, window, reset, batch_size, n_examples
        As for `evaluate`, and so is ``seed``.
    title : str, optional
        Of the progress bar; without it there is none.
    n_kept : int
        Number of images for which spikes are kept, the first that are shown.
    prepared : (Watched, Simulator), optional
        A copy of the model, and what simulates it in place of the backend's own.
    warns : bool
        Whether to warn of rates that are too high for the steps or the chip.

    Returns
    -------
    Evaluation
        The record.
    list of (n_kept, n_neurons) ndarray
        How often the neurons of each layer fired, or their rates if these are rate
        neurons; empty for backends that do not tell neurons apart.
    """
    start = time.perf_counter()
    n_examples, n_steps, batch_size = checked(
        model,
        data,
        backend,
        presentation_time,
        dt,
        window,
        reset,
        batch_size,
        n_examples,
        seed,
        warns,
    )
    backend = backends.chosen(backend, model)
    on_chip = backend in chip_backends.RUN
    chip = chip_backends.describe(model, backend) if on_chip else None
    commit = provenance.commit()
    timed = backend != "rate"
    steps, first = readout_steps(n_steps, dt, window if timed else 0)

    examples = presentation_order(len(data.x_test))[:n_examples]
    labels = data.y_test[examples]
    predictions = np.empty(
        (n_examples, len(steps)), np.min_scalar_type(model.output.size_in - 1)
    )
    layers = neuron_layers(model)
    fan_out = _if_understood(synops.fan_out, model.network) if timed else None
    watched, simulator = prepared or (Watched.from_model(model, seed), None)
    reached = fan_out or {e: np.zeros(e.n_neurons) for e in layers}
    watched.begin([reached[e] for e in layers], min(n_kept, n_examples))
    batches = (
        model.preprocessing.test(data.x_test[examples[i : i + batch_size]])
        for i in range(0, n_examples, batch_size)
    )
    fired = np.zeros((len(layers), 2))
    done = n_wrong = 0
    if simulator is None:
        run = _RUN[backend](watched, batches, n_steps, dt, reset, batch_size, seed)
    else:
        run = backends.run_batches(
            simulator, watched, batches, n_steps, reset, batch_size
        )
    with (
        tqdm(
            total=n_examples, unit="image", desc=title, disable=title is None
        ) as progress,
        contextlib.closing(run),
        compilation(quiet=title is None) as compiling,
    ):
        for outputs, newly_fired in run:
            new = slice(done, done + len(outputs))
            predictions[new] = decide(outputs, steps, first)
            n_wrong += int(np.count_nonzero(predictions[new, -1] != labels[new]))
            fired += newly_fired
            done = new.stop
            progress.set_postfix(error=f"{100 * n_wrong / done:.2f} %", refresh=False)
            progress.update(len(outputs))

    fired /= n_examples
    n_neurons = np.array([layer.n_neurons for layer in layers])
    rates = fired[:, 0] / n_neurons / (n_steps * dt if timed else 1)
    names = layer_names(layers)
    highest = watched.highest_counts()
    if highest is not None:
        highest = [count / (n_steps * dt) for count in highest]
        if on_chip and warns:
            warn_of_high_rates(model.network, dict(zip(layers, highest, strict=True)))
        highest = dict(zip(names, highest, strict=True))
    over_time = dict.fromkeys(_OVER_TIME)
    counts = {"paper": None, "direct": None}
    if timed:
        errors = 100 * np.mean(predictions != labels[:, None], axis=0)
        over_time = {
            "presentation_time": float(presentation_time),
            "time_to_decide": time_to_decide(steps * dt, errors),
            "dt": float(dt),
            "spikes_per_image": float(fired[:, 0].sum()),
            "window": float(window),
            "reset": bool(reset),
            "rows": None if reset else batch_size,
            "times": np.round(steps * dt, 9).tolist(),
            "error_over_time_percent": errors.tolist(),
            "predictions_over_time": predictions,
        }
        n_synapses = _if_understood(synops.n_synapses, model.network)
        if n_synapses is not None:
            per_neuron = [n_synapses[layer] / layer.n_neurons for layer in layers]
            counts["paper"] = float(fired[:, 0] @ per_neuron)
        if fan_out is not None:
            counts["direct"] = float(fired[:, 1].sum())

    evaluation = Evaluation(
        dataset=data.name,
        network=provenance.network_name(model),
        backend=backend,
        synapse=provenance.synapse_names(model),
        n_examples=n_examples,
        error_percent=100 * n_wrong / n_examples,
        error_interval_percent=[100 * p for p in wilson(n_wrong, n_examples)],
        rates_hz=dict(zip(names, rates.tolist(), strict=True)),
        mean_rate_hz=float(rates @ n_neurons / n_neurons.sum()),
        synops_per_image=counts,
        seconds=time.perf_counter() - start - compiling.seconds,
        seed=int(seed),
        versions=provenance.versions(),
        commit=commit,
        data_sha256=data.sha256,
        command=None,
        batch_size=batch_size,
        confusion=_confusion(labels, predictions[:, -1], model.output.size_in),
        labels=labels.tolist(),
        predictions=predictions[:, -1].tolist(),
        chip=chip,
        highest_rates_hz=highest,
        **over_time,
    )
    return evaluation, watched.kept


def presentation_order(n_images):
    """In which order test images are shown, and so which come first.

    Some files are sorted by class. Shuffled, the first hundred images are a
    sample of all, and images shown back to back are of different classes. The
    order is always the same, so that evaluations can be compared.

    Parameters
    ----------
    n_images : int
        Images in the test set.

    Returns
    -------
    (n_images,) ndarray of int
        Their indices.
    """
    return np.random.RandomState(0).permutation(n_images)


_RUN = ChainMap(chip_backends.RUN, backends.RUN)

_OVER_TIME = (
    "presentation_time",
    "time_to_decide",
    "dt",
    "spikes_per_image",
    "window",
    "reset",
    "rows",
    "times",
    "error_over_time_percent",
    "predictions_over_time",
)


def _if_understood(count, network):
    try:
        return count(network)
    except Unconvertible as error:
        warnings.warn(
            f"synaptic operations are not counted: {error}", NengoWarning, stacklevel=3
        )
        return None


def _confusion(labels, predictions, n_classes):
    confusion = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(confusion, (labels, predictions), 1)
    return confusion.tolist()
