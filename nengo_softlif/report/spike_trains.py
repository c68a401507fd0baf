"""What single neurons do while some of the images are shown."""

from dataclasses import dataclass

import numpy as np
from nengo.exceptions import ValidationError

from ..evaluation import (
    Presentation,
    backend_of,
    decide,
    layer_names,
    neuron_layers,
    presentation_order,
)

SHOWN_WRONG = 0.75
"""Share of the images shown that may be answered wrongly, if others are right."""


@dataclass(frozen=True)
class Shown:
    """One image, what some neurons did while it was shown, and what was answered.

    Attributes
    ----------
    place : int
        Of the image in the evaluation, counted from 0.
    label : int
        Its class.
    image : (height, width, channels) or (n_steps, height, width, channels) ndarray
        As the data set has it; of frames, those that were shown.
    neurons : dict of str to (n_recorded,) ndarray of int
        Of each layer, which neurons were recorded.
    n_neurons : dict of str to int
        How many there are.
    spikes : dict of str to (n_recorded, n_steps) ndarray of bool
        In which steps they fired.
    outputs : (n_steps, n_classes) ndarray
        What the network put out.
    answers : (n_answers,) ndarray of int
        The answer so far, in the last steps: from the start of the readout window on.

    Examples
    --------
    >>> from nengo_softlif import report
    >>> one = report.watch(spiking, data, result, [0], n_neurons=5)[0]
    >>> one.image.shape, one.outputs.shape
    ((8, 8, 1), (50, 10))
    """

    place: int
    label: int
    image: np.ndarray
    neurons: dict
    n_neurons: dict
    spikes: dict
    outputs: np.ndarray
    answers: np.ndarray


def choose_images(evaluation, n):
    """Choose images worth looking at: those answered wrongly first.

    Of these come first those of each pair of class and answer, and they are three
    quarters at most; then come images answered rightly, those of each class first.

    Parameters
    ----------
    evaluation : Evaluation
        What was answered.
    n : int
        How many to choose; fewer if there are no more.

    Returns
    -------
    list of int
        Their places in the evaluation, counted from 0.

    Examples
    --------
    >>> from nengo_softlif import report
    >>> len(report.choose_images(result, 4))
    4
    """
    wrong, right = [], []
    pairs = list(zip(evaluation.labels, evaluation.predictions, strict=True))
    met = {}
    for place, pair in enumerate(pairs):
        met[pair] = met.get(pair, 0) + 1
        (right if pair[0] == pair[1] else wrong).append((met[pair], place))
    wrong, right = ([place for _, place in sorted(kind)] for kind in (wrong, right))
    n_wrong = min(len(wrong), max(int(SHOWN_WRONG * n), n - len(right)))
    return wrong[:n_wrong] + right[: n - n_wrong]


def choose_neurons(n_neurons, n):
    """Choose neurons of a layer at random, always the same, in ascending order.

    Evenly spaced ones would all be of one channel.
    """
    return np.sort(np.random.RandomState(0).permutation(n_neurons)[:n])


def watch(model, data, evaluation, places, n_neurons=60):
    """Show images once more, and record spikes of some neurons of each layer.

    Each image starts from rest.

    Parameters
    ----------
    model : Model
        What was evaluated; left as it is.
    data : Dataset
        Of the same images.
    evaluation : Evaluation
        How they were shown, and by what: a backend that records single neurons, which
        are "engine" and the emulators of this package.
    places : list of int
        Which images: their places in the evaluation, counted from 0.
    n_neurons : int
        How many neurons of each layer to record.

    Returns
    -------
    list of Shown
        One for each image.

    Raises
    ------
    ValidationError
        If the data are not those of the evaluation, or the backend does not record.

    Examples
    --------
    >>> from nengo_softlif import report
    >>> shown = report.watch(spiking, data, result, [0, 1], n_neurons=5)
    >>> [one.place for one in shown]
    [0, 1]
    """
    if data.sha256 != evaluation.data_sha256:
        raise ValidationError(
            f"expected the data that were evaluated, {evaluation.dataset!r}, but its "
            "checksum is another; evaluate the model on these data first",
            attr="data",
        )
    backend = backend_of(model, evaluation.backend)
    presentation = Presentation(
        evaluation.presentation_time,
        evaluation.dt,
        evaluation.window or 0.0,
        batch_size=4,  # spikes of whole layers need not be held for more
        n_examples=evaluation.n_examples,
        seed=evaluation.seed,
    ).checked(model, data, backend, warns=False)
    watched = backend.watch(model, presentation.seed)
    sizes = [layer.n_neurons for layer in watched.layers]
    watched.fan_out = [np.zeros(size) for size in sizes]
    chosen = [choose_neurons(size, n_neurons) for size in sizes]
    watched.record(chosen)
    names = layer_names(neuron_layers(model))
    picked = presentation_order(len(data.x_test))[places]
    images = data.x_test[picked]
    if data.n_frames is not None:
        images = images[:, : presentation.n_time_steps]
    batches = (
        model.preprocessing.test(images[i : i + presentation.batch_size])
        for i in range(0, len(images), presentation.batch_size)
    )
    shown = []
    for outputs, _ in backend.run(watched, batches, presentation):
        if not watched.seen:
            raise ValidationError(
                f"{evaluation.backend!r} does not record single neurons; evaluate with "
                "the engine, or an emulator of this package",
                attr="evaluation",
            )
        spikes = [np.swapaxes(seen != 0, 1, 2) for seen in watched.seen]
        answers = decide(outputs, *_every_step(presentation))
        for i, output in enumerate(outputs):
            at = len(shown)
            shown.append(
                Shown(
                    place=places[at],
                    label=int(data.y_test[picked[at]]),
                    image=images[at],
                    neurons=dict(zip(names, chosen, strict=True)),
                    n_neurons=dict(zip(names, sizes, strict=True)),
                    spikes=dict(zip(names, (s[i] for s in spikes), strict=True)),
                    outputs=output,
                    answers=answers[i],
                )
            )
    return shown


def _every_step(presentation):
    """Last and first steps of the means by which is answered, as `.readout_steps`."""
    opening = presentation.window / presentation.dt - 1e-6
    steps = np.arange(1, presentation.n_time_steps + 1)
    steps = steps[steps >= opening]
    first = np.ceil(np.maximum(opening, steps / 2)).astype(int)
    return steps, np.maximum(first, 1)
