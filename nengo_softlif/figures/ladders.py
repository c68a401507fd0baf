"""The figure of a ladder: what each change on the way to a chip costs."""

import numpy as np
from matplotlib.figure import Figure

from .canvas import BLUE, axes, check_ending, save_figure


def ladder(found, ax=None):
    """Draw by how much the error changes on each rung of a ladder.

    Changes are paired differences from the rung above, with their 95 % intervals, which
    are narrow as the images are the same. Where zero is inside, nothing is shown to
    have changed. On the right stand the errors themselves.

    Parameters
    ----------
    found : Ladder
        What `.explain` returned.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.ladder(found).get_xlabel()
    'change from the rung above, in points (filled: beyond chance)'
    """
    ax = axes(ax)
    rungs = found.rungs
    ax.axvline(0, color="0.8", zorder=0)
    for place, rung in enumerate(rungs):
        if rung.difference:
            points = rung.difference.points
            low, high = rung.difference.interval_points
            ax.errorbar(
                points,
                place,
                xerr=[[points - low], [high - points]],
                fmt="o",
                color=BLUE,
                mfc=BLUE if low > 0 or high < 0 else "white",
                capsize=3,
            )
    places = np.arange(len(rungs))
    ax.set_yticks(places, [rung.name for rung in rungs])
    ax.set_ylim(len(rungs) - 0.5, -0.5)  # downwards, as the ladder goes
    right = ax.secondary_yaxis("right")
    errors = [_with_interval(rung.evaluation) for rung in rungs]
    right.set_yticks(places, errors)
    right.set_ylabel("test error in % (95 % interval)")
    right.tick_params(length=0)
    first = rungs[0].evaluation
    ax.set_title(f"{first.network}, {first.n_examples:,} images of {first.dataset}")
    ax.xaxis.get_major_locator().set_params(nbins=5)  # their numbers are long
    ax.set_xlabel("change from the rung above, in points (filled: beyond chance)")
    return ax


def save_ladder(found, path):
    """Write the figure of a ladder to a file.

    Parameters
    ----------
    found : Ladder
        What `.explain` returned.
    path : str or Path
        Its ending says the kind.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.save_ladder(found, "ladder.png")
    """
    check_ending(path)
    figure = Figure(figsize=(8, 4), layout="constrained")  # needs no display
    ladder(found, figure.subplots())
    save_figure(figure, path)


def _with_interval(evaluation):
    low, high = evaluation.error_interval_percent
    return f"{evaluation.error_percent:.2f} ({low:.2f}-{high:.2f})"
