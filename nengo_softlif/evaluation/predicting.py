"""Answers to examples of which nothing else is known."""

import warnings

import numpy as np
from nengo.exceptions import NengoWarning, ValidationError

from ..datasets import Dataset
from ..images import checked_images, in_one_form, real_numbers
from ..models import check_model
from ..tasks import Task
from .answers import average, readout_steps
from .backends import backend_of
from .measurement import measure
from .presentation import Presentation, presentation_order


def predict(model, x, backend=None, presentation_time=None, dt=None, batch_size=None):
    """Show examples to a model, and return what it answers.

    Parameters
    ----------
    model : Model
        A trained model; left as it is.
    x : array_like (n, ...)
        Examples like those it was trained on.
    backend, presentation_time, dt, batch_size
        As for `.evaluate`.

    Returns
    -------
    ndarray
        What `.evaluate` decides by: the mean output over the second half of the
        presentation. Of classes (n, n_classes), whose softmax makes probabilities of
        it, and of labels (n, n_labels), whose sigmoid does; of values (n, ...) in the
        shape and unit in which they were trained.

    Raises
    ------
    ValidationError
        If the arguments do not fit together, before anything is simulated.

    Examples
    --------
    >>> softlif.predict(model, data.x_test[:5]).shape
    (5, 10)
    """
    check_model(model)
    if model.preprocessing is None:
        raise ValidationError("has no preprocessing: fit it first", attr="model")
    x = _checked(x, model.preprocessing.image_shape)
    task = Task("classification") if model.task is None else model.task
    blank = task.blank(len(x))
    with warnings.catch_warnings():
        # of units, which were told when the data of training was made
        warnings.simplefilter("ignore", NengoWarning)
        data = Dataset("examples", x, blank, x, blank, task.kind)
    backend = backend_of(model, backend)
    shown = Presentation(presentation_time, dt, batch_size=batch_size)
    shown = shown.checked(model, data, backend)
    steps = readout_steps(shown.n_time_steps if backend.timed else 1, shown.dt)
    answers = []

    def keep(outputs):
        answers.append(average(outputs, *steps)[:, -1])

    measure(model, data, backend, shown, seen=keep)
    answers = task.decode(np.concatenate(answers))
    in_order = np.empty_like(answers)
    in_order[presentation_order(len(x))] = answers
    one_each = task.kind == "regression" and task.shape == ()
    shape = () if one_each else task.shape or (-1,)  # of classes, as many as there are
    return in_order.reshape(len(x), *shape)


def _checked(x, image_shape):
    """Return examples as images or frames; refuse others, by the name of x."""
    given = real_numbers("x", x)
    images = in_one_form(given, image_shape)
    if images.ndim not in (4, 5) or images.shape[-3:] != image_shape:
        shape = image_shape
        if shape[:2] == (1, 1):
            shape = shape[2:]
        elif shape[2] == 1:
            shape = shape[:2]
        shape = ", ".join(str(length) for length in shape)
        raise ValidationError(
            f"expected examples like those of training, an array (n, {shape}), got "
            f"{f'shape {given.shape}' if given.ndim else repr(x)}; give a single one "
            f"as x.reshape(1, {shape})",
            attr="x",
        )
    return checked_images("x", images)
