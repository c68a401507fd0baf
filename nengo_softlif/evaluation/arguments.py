"""What `.evaluate` takes, checked before anything is simulated."""

import warnings

import numpy as np
from nengo.exceptions import NengoWarning, ValidationError

from ..checks import LARGEST_SEED, check_number, check_whole
from ..datasets import check_data
from ..loihi import backends as chip_backends
from ..models import check_model, check_timeless
from . import backends
from .counting import neuron_layers
from .statistics import check_memory

_BACKENDS = (*backends.RUN, *chip_backends.RUN)


def checked(
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
    warns=True,
):
    """Check the arguments of `.evaluate`; fill in sizes that depend on others.

    Parameters
    ----------
    model, data, backend, presentation_time, dt, window, reset, batch_size, n_examples
        As for `.evaluate`, and so is ``seed``.
    warns : bool
        Whether to warn of neurons that are too fast for the steps.

    Returns
    -------
    n_examples : int
        Images to show.
    n_steps : int
        Steps per image.
    batch_size : int
        Images side by side, no more than there are.

    Raises
    ------
    ValidationError
        If the arguments do not fit together.
    """
    check_model(model)
    check_data(data, model)
    if not isinstance(backend, str) or backend not in _BACKENDS:
        raise _error(
            "backend", f"expected one of {', '.join(_BACKENDS)}, got {backend!r}"
        )
    positive = "a positive number of seconds, such as"
    check_number("dt", dt, f"{positive} 0.001", 0, low_open=True)
    check_number(
        "presentation_time", presentation_time, f"{positive} 0.2", 0, low_open=True
    )
    if backend in chip_backends.RUN:
        chip_backends.check(model, backend, dt)
    check_memory(presentation_time / dt, model.output.size_in)
    n_steps = round(presentation_time / dt)
    if n_steps < 1 or abs(presentation_time / dt - n_steps) > 1e-6 * n_steps:
        raise _error(
            "presentation_time",
            f"expected a multiple of dt = {dt:g} s, got {presentation_time!r} s",
        )
    check_number(
        "window",
        window,
        "a start of the readout window in seconds, from 0 and before the end of the "
        f"presentation at {presentation_time:g} s",
        low=0,
        high=presentation_time,
    )
    check_whole("batch_size", batch_size, 1)
    check_whole("seed", seed, 0, LARGEST_SEED)
    n_test = len(data.x_test)
    n_examples = n_test if n_examples is None else n_examples
    check_whole("n_examples", n_examples, 1, n_test)

    if model.preprocessing is None:
        raise _error(
            "model",
            "has no preprocessing: fit it first, or set model.preprocessing = "
            "Preprocessing.from_images(data.x_train)",
        )
    size = model.preprocessing.test(data.x_test[:1]).shape[1]
    if size != model.input.size_out:
        raise _error(
            "model",
            f"its preprocessing makes images of {size} numbers, but its input node "
            f"takes {model.input.size_out}; use the preprocessing it was trained with",
        )
    if not neuron_layers(model):
        raise _error("model", "its network has no neurons")

    if backend == "rate":
        check_timeless(
            model, "backend", "evaluate the model it was made from, or use 'engine'"
        )
        n_steps = 1
    else:
        _check_spiking(model, backend)
        if warns:
            _warn_of_fast_neurons(model, dt)
    one = backend in ("nengo", *chip_backends.ONE_BY_ONE)
    if not reset and backend != "rate":
        _check_rows(batch_size, n_examples, backend if one else None)
    batch_size = 1 if one else min(batch_size, n_examples)
    check_memory(n_steps, batch_size * model.output.size_in)
    return int(n_examples), n_steps, int(batch_size)


def _check_spiking(model, backend):
    """Refuse to count the spikes of neurons that have none."""
    if not any(ensemble.neuron_type.spiking for ensemble in model.ensembles):
        types = {str(ensemble.neuron_type) for ensemble in neuron_layers(model)}
        raise _error(
            "model",
            f"{backend!r} simulates spikes, but its neurons have rates only "
            f"({', '.join(sorted(types))}); evaluate to_spiking(model), or its rates "
            "with backend='rate'",
        )


def _check_rows(n_rows, n_examples, one_by_one):
    """Refuse rows of images that would not be what was asked for."""
    if n_rows >= n_examples > 1:
        raise _error(
            "batch_size",
            f"without reset it is the number of rows in which images are shown back to "
            f"back, and {n_rows} rows of {n_examples} images would show each from "
            "the initial state; leave it out for one row, or make it smaller",
        )
    if one_by_one and n_rows > 1:
        raise _error(
            "batch_size",
            f"{one_by_one!r} shows one image at a time, so that without reset there is "
            f"one row of images, not {n_rows}; leave it out, or use another backend",
        )


def _warn_of_fast_neurons(model, dt):
    for ensemble in model.ensembles:
        tau_ref = getattr(ensemble.neuron_type, "tau_ref", np.inf)
        if ensemble.neuron_type.spiking and tau_ref < dt * (1 - 1e-9):
            warnings.warn(
                f"{ensemble} may fire up to {1 / tau_ref:g} Hz by its refractory "
                f"period of {tau_ref:g} s, but steps of dt = {dt:g} s allow only "
                f"{1 / dt:g} Hz; use dt <= {tau_ref:g}"
                if tau_ref > 0
                else f"{ensemble} has no refractory period, but steps of dt = {dt:g} s "
                f"allow it no more than {1 / dt:g} Hz",
                NengoWarning,
                stacklevel=4,
            )


def _error(attr, message):
    return ValidationError(message, attr=attr)
