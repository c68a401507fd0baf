"""How images are shown to a network, checked before anything is simulated."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from nengo.exceptions import NengoWarning, ValidationError

from ..checks import (
    LARGEST_SEED,
    check_number,
    check_seconds,
    check_whole,
    count_steps,
)
from ..datasets import check_data, check_frames
from ..models import check_model
from .answers import check_memory
from .counting import neuron_layers

BATCH_SIZE = 50
"""Images simulated side by side, unless told otherwise."""

PRESENTATION_TIME = 0.2
"""How long each image is shown, in seconds, unless told otherwise."""

DT = 0.001
"""Time step in seconds, unless told otherwise."""


LONG = 10.0
"""Seconds for an image from which on they are told, as they may be milliseconds."""


@dataclass(frozen=True)
class Presentation:
    """How images are shown, as `.evaluate` describes it.

    Attributes
    ----------
    presentation_time : float or None
        How long each image is shown, in seconds. By default as long as in training in
        spikes, or else 0.2 s, and of frames all.
    dt : float or None
        Time step in seconds. By default that of training in spikes, or else 0.001 s.
    window : float
        Start of the readout window in seconds.
    reset : bool
        Whether each image starts from the initial state.
    batch_size : int or None
        Number of images simulated side by side; without reset, of rows in which
        images are shown back to back.
    n_examples : int or None
        Images to show: the first in `.presentation_order`, or all.
    seed : int
        Seed of what is random in the simulation.
    confidence : float or None
        Enough for an image to be answered for good.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> evaluation.Presentation(presentation_time=0.05, seed=1).window
    0.0
    """

    presentation_time: float | None = None
    dt: float | None = None
    window: float = 0.0
    reset: bool = True
    batch_size: int | None = None
    n_examples: int | None = None
    seed: int = 0
    confidence: float | None = None

    @property
    def n_time_steps(self):
        """Time steps for each image."""
        return count_steps(self.presentation_time, self.dt)

    def checked(self, model, data, backend, warns=True):
        """Refuse what does not fit together; fill in sizes that depend on others.

        Parameters
        ----------
        model : Model
            What is measured.
        data : Dataset
            On whose test images.
        backend : Backend
            By what.
        warns : bool
            Whether to warn of neurons that are too fast for the steps.

        Returns
        -------
        Presentation
            With a time, a number of examples, and a batch size that is no larger.

        Raises
        ------
        ValidationError
            If the arguments do not fit together.
        """
        check_model(model)
        check_data(data, model)
        if self.presentation_time is None or self.dt is None:
            return self._with_times(model, data).checked(model, data, backend, warns)
        self._check_times(model, backend)
        _check_frames(self, data, backend)
        check_whole("seed", self.seed, 0, LARGEST_SEED)
        self._check_confidence(data, backend)
        n_test = len(data.x_test)
        n_examples = n_test if self.n_examples is None else self.n_examples
        check_whole("n_examples", n_examples, 1, n_test)
        _check_preprocessing(model, data)
        if not neuron_layers(model):
            raise ValidationError("its network has no neurons", attr="model")
        backend.check_neurons(model)
        if warns and backend.timed:
            _warn_of_fast_neurons(model, self.dt)
            _warn_of_long_time(self, data)
        batch_size = self._batch_size(backend, int(n_examples))
        n_steps = self.n_time_steps if backend.timed else 1
        check_memory(n_steps, batch_size * model.output.size_in)
        if data.n_frames is not None:
            check_memory(n_steps, batch_size * model.input.size_out, "prepared pixels")
        return replace(self, n_examples=int(n_examples), batch_size=batch_size)

    def _with_times(self, model, data):
        """Fill in how long images are shown, and steps: as in training in spikes."""
        trained, time, dt = model.training or {}, self.presentation_time, self.dt
        if trained.get("presentation_time") is None:
            trained = {}
        if dt is None:
            dt = trained.get("dt", DT)
        check_seconds("dt", dt, DT)
        if time is None:
            frames = data.n_frames is not None
            usual = data.n_frames * dt if frames else PRESENTATION_TIME
            time = trained.get("presentation_time", usual)
        return replace(self, presentation_time=time, dt=dt)

    def _check_times(self, model, backend):
        time, dt = self.presentation_time, self.dt
        check_seconds("dt", dt, DT)
        check_seconds("presentation_time", time, PRESENTATION_TIME)
        backend.check(model, self)
        check_memory(time / dt, model.output.size_in)
        count_steps(time, dt)
        check_number(
            "window",
            self.window,
            "a start of the readout window in seconds, from 0 and before the end of "
            f"the presentation at {time:g} s",
            low=0,
            high=time,
        )

    def _check_confidence(self, data, backend):
        if self.confidence is None:
            return
        what = "a probability above 0 and below 1, such as 0.99"
        check_number("confidence", self.confidence, what, 0, low_open=True, high=1)
        if data.task != "classification":
            raise ValidationError(
                f"is for classes, of which one is chosen, but {data.name!r} is for "
                f"{data.task}; leave it out",
                attr="confidence",
            )
        if not backend.timed:
            raise ValidationError(
                f"{backend.name!r} answers at once, so that no image can stop early; "
                "leave it out, or evaluate in spikes",
                attr="confidence",
            )

    def _batch_size(self, backend, n_examples):
        side_by_side = self.reset or not backend.timed
        size = self.batch_size
        if size is None:
            size = BATCH_SIZE if side_by_side else 1
        check_whole("batch_size", size, 1)
        if not side_by_side:
            _check_rows(size, n_examples, backend)
        return 1 if backend.one_by_one else min(int(size), n_examples)


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

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> sorted(evaluation.presentation_order(4).tolist())
    [0, 1, 2, 3]
    """
    return np.random.RandomState(0).permutation(n_images)


def _check_frames(presentation, data, backend):
    """Refuse frames where images are shown, and to show more than there are."""
    if data.n_frames is None:
        return
    if not backend.shows_frames:
        raise ValidationError(
            f"{backend.name!r} shows images that stay as they are, but {data.name!r} "
            "has frames; use another backend, such as 'engine', or data.averaged()",
            attr="backend",
        )
    check_frames(data, presentation.presentation_time, presentation.dt)


def _check_preprocessing(model, data):
    if model.preprocessing is None:
        raise ValidationError(
            "has no preprocessing: fit it first, or set model.preprocessing = "
            "Preprocessing.from_images(data.x_train)",
            attr="model",
        )
    size = model.preprocessing.test(data.x_test[:1]).shape[-1]
    if size != model.input.size_out:
        raise ValidationError(
            f"its preprocessing makes images of {size} numbers, but its input node "
            f"takes {model.input.size_out}; use the preprocessing it was trained with",
            attr="model",
        )


def _check_rows(n_rows, n_examples, backend):
    """Refuse rows of images that would not be what was asked for."""
    if n_rows >= n_examples > 1:
        raise ValidationError(
            f"without reset it is the number of rows in which images are shown back to "
            f"back, and {n_rows} rows of {n_examples} images would show each from "
            "the initial state; leave it out for one row, or make it smaller",
            attr="batch_size",
        )
    if backend.one_by_one and n_rows > 1:
        raise ValidationError(
            f"{backend.name!r} shows one image at a time, so that without reset there "
            f"is one row of images, not {n_rows}; leave it out, or use another backend",
            attr="batch_size",
        )


def _warn_of_long_time(presentation, data):
    """Say what was asked for where milliseconds may have been meant."""
    time = presentation.presentation_time
    if time >= LONG and data.n_frames is None:
        warnings.warn(
            f"each image is shown for {time:g} s, {presentation.n_time_steps:,} steps; "
            f"if milliseconds were meant, give presentation_time={time / 1000:g}",
            NengoWarning,
            stacklevel=5,
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
                stacklevel=5,
            )
