"""Spike trains of some images as text, and how many of them fit on a page."""

import base64
from dataclasses import dataclass

import numpy as np

from .spike_trains import choose_neurons

NEURONS = (60, 50, 40, 30, 20, 15, 10)
"""How many of each layer may be shown: as many as there is room for."""

MARKUP = 350
"""Bytes that an image takes beside, in lists and tables."""

LARGEST_SIDE = 64
"""Pixels of a side; of larger images some are left out."""


@dataclass
class Packed:
    """What the page plays, as JSON holds it, and how much was left out.

    Attributes
    ----------
    images : list of dict
        What there is of each image.
    layers : list of dict
        Name, neurons shown and in all, of each layer.
    image : dict
        Height, width, channels and number of frames.
    """

    images: list
    layers: list
    image: dict


def pack(shown, evaluation, n_bytes):
    """Pack as many neurons, and then images, as fit.

    Parameters
    ----------
    shown : list of Shown
        What was recorded.
    evaluation : Evaluation
        What was answered.
    n_bytes : int
        Room for them.

    Returns
    -------
    Packed
    """
    pixels = _pixels([found.image for found in shown])
    first = shown[0]
    for n in NEURONS:
        kept = {
            name: np.isin(first.neurons[name], choose_neurons(size, n))
            for name, size in first.n_neurons.items()
        }
        images = [
            _pack_image(found, image, kept, evaluation)
            for found, image in zip(shown, pixels, strict=True)
        ]
        sizes = np.cumsum([_size(image) for image in images])
        if sizes[-1] <= n_bytes:
            break
    images = images[: int(np.searchsorted(sizes, n_bytes, side="right"))]
    layers = [
        {"name": name, "shown": int(k.sum()), "total": first.n_neurons[name]}
        for name, k in kept.items()
    ]
    frames, (height, width, channels) = len(pixels[0]), pixels[0].shape[1:]
    size = {"height": height, "width": width, "channels": channels, "frames": frames}
    return Packed(images, layers, size)


def _pack_image(found, pixels, kept, evaluation):
    outputs = np.asarray(found.outputs, np.float64)
    low, high = outputs.min(), outputs.max()
    levels = np.rint((outputs - low) / ((high - low) or 1) * 65535).astype("<u2")
    return {
        "place": found.place,
        "label": found.label,
        "answer": int(evaluation.predictions[found.place]),
        "pixels": _text(pixels),
        "spikes": [_text(np.packbits(found.spikes[n][k])) for n, k in kept.items()],
        "outputs": _text(levels),
        "range": [float(low), float(high)],
        "answers": _text(found.answers.astype("<u2")),
    }


def _text(array):
    return base64.b64encode(np.ascontiguousarray(array)).decode()


def _size(image):
    texts = [image["pixels"], image["outputs"], image["answers"], *image["spikes"]]
    return sum(map(len, texts)) + MARKUP


def _pixels(images):
    """Make bytes of pixels, of all images on the same scale: (n_frames, h, w, c)."""
    images = np.stack(images).astype(np.float64)
    low, high = images.min(), images.max()
    images = images if images.ndim == 5 else images[:, None]
    height, width, channels = images.shape[2:]
    if (height, width) == (1, 1):  # a table of values: a row of pixels
        images = images.reshape(*images.shape[:2], 1, channels, 1)
    steps = [-(-side // LARGEST_SIDE) for side in images.shape[2:4]]
    images = images[:, :, :: steps[0], :: steps[1]]
    return np.rint(255 * (images - low) / ((high - low) or 1)).astype(np.uint8)
