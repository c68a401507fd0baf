"""Figures of what happens in a network while an image is shown."""

import numpy as np

from .canvas import ORANGE, axes


def answer(times, outputs, ax=None, label=None):
    """Draw what the network's output says about one image.

    Parameters
    ----------
    times : (n_steps,) array_like
        In seconds.
    outputs : (n_steps, n_classes) array_like
        The output of the network.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    label : int, optional
        The true class, whose line is drawn strong.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = axes(ax)
    lines = ax.plot(1000 * np.asarray(times), outputs, color="0.7", linewidth=1)
    lines[0].set_label("each class")
    if label is not None:
        lines[label].set(color=ORANGE, linewidth=2, label=f"true class: {label}")
        lines[0 if label else 1].set_label("other classes")
    ax.set(xlabel="time since the image appeared (ms)", ylabel="output of the network")
    ax.legend(frameon=False)
    return ax
