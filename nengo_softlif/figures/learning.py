"""The figure of a training: loss and error, epoch by epoch."""

import numpy as np
from nengo.exceptions import ValidationError

from .canvas import BLUE, ORANGE, axes


def learning_curve(history, ax=None):
    """Draw the error of training, and of validation, against epochs.

    The loss is drawn thin, on an axis of its own at the right.

    Parameters
    ----------
    history : dict
        What `.fit` returned, or ``model.history``.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the error.

    Raises
    ------
    ValidationError
        If there is no such history.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.learning_curve(model.history).get_xlabel()
    'epoch'
    """
    if not history or "error_percent" not in history:
        raise ValidationError(
            f"expected what fit returned, or the history of a model that was trained, "
            f"got {history!r}",
            attr="history",
        )
    ax = axes(ax)
    epochs = np.arange(1, len(history["loss"]) + 1)
    ax.plot(epochs, history["error_percent"], color=BLUE, label="training, as it ran")
    if "validation_error_percent" in history:
        ax.plot(
            epochs,
            history["validation_error_percent"],
            color=ORANGE,
            ls="--",
            label="validation",
        )
    ax.set(xlabel="epoch", ylabel="error (%)")
    ax.set_ylim(bottom=0)
    ax.xaxis.get_major_locator().set_params(integer=True)
    right = ax.twinx()
    right.plot(epochs, history["loss"], color="0.6", lw=1, label="loss")
    right.set_ylabel("loss", color="0.4")
    right.set_ylim(bottom=min(0, *history["loss"]))
    right.tick_params(colors="0.4")
    lines = ax.get_lines() + right.get_lines()
    ax.legend(lines, [line.get_label() for line in lines], frameon=False)
    return ax
