"""The figure of a chip: a map of its cores, and how full they are."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from .canvas import COLOURS, axes

PER_CHIP = 16, 8
"""Columns and rows of cores that a chip is drawn as. Not how they lie on it."""

ABREAST = 4
"""Chips that are drawn side by side."""


def cores(utilization, ax=None):
    """Draw the cores that a network takes, as a map.

    Each square is a core, its colour the layer, and the stronger the colour, the fuller
    the core is by that of its limits that is nearest: neurons, axons that come in or go
    out, or memory for weights.

    Parameters
    ----------
    utilization : Utilization
        What `.loihi.utilization` returned.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. The legend tells how many cores each layer has, and how full the
        fullest is, by what.

    Examples
    --------
    >>> from nengo_softlif import figures, loihi
    >>> ax = figures.cores(loihi.utilization(softlif.to_loihi(spiking)))
    >>> len(ax.get_legend().get_texts())
    2
    """
    ax = axes(ax)
    columns, rows = PER_CHIP
    corners = [
        (chip // ABREAST * (rows + 2), chip % ABREAST * (columns + 1))
        for chip in range(utilization.n_chips)
    ]
    size = np.add(np.max(corners, axis=0), [rows, columns])
    picture = np.ones((*size, 3))
    handles, place = [], 0
    for i, (layer, shares) in enumerate(utilization.shares.items()):
        color = np.array(to_rgb(COLOURS[i % len(COLOURS)]))
        for fullest in np.max(list(shares.values()), axis=0):
            chip, core = divmod(place, columns * rows)
            shade = 0.2 + 0.8 * fullest  # an empty core is not white
            cell = np.add(corners[chip], divmod(core, columns))
            picture[tuple(cell)] = 1 - shade * (1 - color)
            place += 1
        limit = max(shares, key=lambda name: max(shares[name]))
        n = len(shares[limit])
        told = f"{layer}: {n} core{'s' * (n != 1)}, {limit} {max(shares[limit]):.0%}"
        handles.append(Patch(color=color, label=told))
    ax.imshow(picture)
    for chip, (top, left) in enumerate(np.subtract(corners, 0.5), 1):
        ax.hlines(top + np.arange(rows + 1), left, left + columns, "0.85", lw=0.5)
        ax.vlines(left + np.arange(columns + 1), top, top + rows, "0.85", lw=0.5)
        ax.text(left + columns / 2, top, f"chip {chip}", ha="center", va="bottom")
    ax.axis("off")
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        ncols=2,
        frameon=False,
        fontsize="small",
    )
    return ax
