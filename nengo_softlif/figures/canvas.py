"""What figures are drawn upon, their colours, and how they are saved."""

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from nengo.exceptions import ValidationError

from ..files import replace

# Okabe and Ito, "Color universal design", 2008: told apart by colour-blind readers
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
"""Colours of lines, in the order they are used."""


def axes(ax):
    """Return the axes that were given, or those of a new figure."""
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def save_figure(figure, path, width=None):
    """Write a figure to a file, or leave what was there untouched.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to write.
    path : str or Path
        Its ending says the kind: ``.pdf`` and ``.svg`` for papers.
    width : float, optional
        Width in inches, to which the figure is laid out anew, in its proportions and
        with letters of the same size. Columns of papers are about 3.5 wide, pages 7.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> ax = figures.tuning_curve(softlif.SoftLIFRate())
    >>> figures.save_figure(ax.figure, "curve.pdf", width=3.5)
    """
    check_ending(path)
    before = figure.get_size_inches()
    if width is not None:
        figure.set_size_inches(width * before / before[0])
    content = BytesIO()
    figure.savefig(content, format=_ending(path), dpi=150)
    figure.set_size_inches(before)
    replace(path, content.getvalue())


def check_ending(path):
    """Refuse a file name whose ending is of no kind that Matplotlib writes."""
    known = Figure().canvas.get_supported_filetypes()
    if _ending(path) not in known:
        raise ValidationError(
            f"expected a file ending in {', '.join(f'.{kind}' for kind in known)}, "
            f"got {str(path)!r}",
            attr="figure",
        )


def _ending(path):
    return Path(path).suffix.lstrip(".").lower()
