"""Measuring a model on test images: errors, spikes, and how sure the numbers are."""

import base64
import json
import platform
import subprocess
import time
import warnings
import zlib
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path

import nengo
import numpy as np
from nengo.exceptions import NengoWarning, Unconvertible, ValidationError
from tqdm.auto import tqdm

from . import backends, files, synops
from .datasets import Dataset
from .models import Model

RECORD_EVERY = 0.005
"""Seconds between the times at which the error is recorded."""

TOLERANCE_PERCENT = 0.5
"""How far from the final error a decision may be, for the time to decide."""

Z = 1.959963984540054
"""Standard normal quantile of two-sided 95 % intervals."""


def evaluate(
    model,
    data,
    backend="nengo-dl",
    presentation_time=0.2,
    dt=0.001,
    window=0.0,
    reset=True,
    batch_size=100,
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
    backend : {"nengo-dl", "nengo", "rate"}
        "nengo-dl" simulates many images side by side. "nengo" is Nengo's own
        simulator: slow, but the reference. "rate" computes the answer of rate
        neurons at once, without time.
    presentation_time : float
        How long each image is shown, in seconds.
    dt : float
        Time step in seconds.
    window : float
        Start of the readout window in seconds: what the network answered before
        does not count.
    reset : bool
        Whether each image starts from the initial state. Otherwise images are
        shown back to back, as in the papers; with "nengo-dl" there are
        ``batch_size`` such rows of images.
    batch_size : int
        Number of images simulated side by side.
    n_examples : int, optional
        Show only the first images.
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
    start = time.perf_counter()
    n_examples, n_steps, batch_size = _check(
        model,
        data,
        backend,
        presentation_time,
        dt,
        window,
        batch_size,
        n_examples,
    )
    timeless = backend == "rate"
    if timeless:
        steps, first = np.array([1]), np.array([1])
    else:
        steps, first = readout_steps(n_steps, dt, window)

    labels = data.y_test[:n_examples]
    predictions = np.empty((n_examples, len(steps)), _smallest_type(model))
    layers = backends.neuron_layers(model)
    fan_out, fired = _if_convertible(synops.fan_out, model), 0
    watched = backends.Watched.from_model(model, fan_out or {}, seed)
    batches = (
        model.preprocessing.test(data.x_test[i : min(i + batch_size, n_examples)])
        for i in range(0, n_examples, batch_size)
    )
    run = backends.RUN[backend]
    done = wrong = 0
    with tqdm(
        total=n_examples, unit="image", desc=backend, disable=not progress_bar
    ) as progress:
        for outputs, fired_now in run(
            watched, batches, n_steps, dt, reset, batch_size, seed
        ):
            new = slice(done, done + len(outputs))
            predictions[new] = decide(outputs, steps, first)
            wrong += np.count_nonzero(predictions[new, -1] != labels[new])
            fired = fired + fired_now
            done = new.stop
            progress.set_postfix(error=f"{100 * wrong / done:.2f} %", refresh=False)
            progress.update(len(outputs))

    per_image = fired / n_examples
    n_neurons = np.array([layer.n_neurons for layer in layers])
    seconds_shown = 1 if timeless else n_steps * dt
    rates = per_image[:, 0] / n_neurons / seconds_shown

    return Evaluation(
        dataset=data.name,
        network=_network_name(model),
        backend=backend,
        synapse=_synapses(model.network),
        n_examples=n_examples,
        error_percent=100 * wrong / n_examples,
        error_interval_percent=[100 * p for p in wilson(wrong, n_examples)],
        presentation_time=None if timeless else presentation_time,
        time_to_decide=None
        if timeless
        else time_to_decide(steps * dt, _errors(predictions, labels)),
        dt=None if timeless else dt,
        rates_hz=dict(zip(_names(layers), rates.tolist(), strict=True)),
        mean_rate_hz=float(rates @ n_neurons / n_neurons.sum()),
        spikes_per_image=None if timeless else float(per_image[:, 0].sum()),
        synops_per_image={
            "paper": None if timeless else _paper_synops(model, layers, per_image),
            "direct": None
            if timeless or fan_out is None
            else float(per_image[:, 1].sum()),
        },
        seconds=time.perf_counter() - start,
        seed=seed,
        versions=_versions(),
        commit=_commit(),
        data_sha256=data.sha256,
        command=None,
        window=None if timeless else window,
        reset=None if timeless else reset,
        batch_size=batch_size,
        times=None if timeless else np.round(steps * dt, 9).tolist(),
        error_over_time_percent=None
        if timeless
        else _errors(predictions, labels).tolist(),
        confusion=_confusion(labels, predictions[:, -1], model.output.size_in),
        labels=labels.tolist(),
        predictions=predictions[:, -1].tolist(),
        predictions_over_time=None if timeless else predictions,
    )
