"""Figures of what `evaluate` measured: error, rates, and what is taken for what."""

import numpy as np
from nengo.exceptions import ValidationError

from ..evaluation import wilson
from .canvas import BLUE, COLOURS, axes


def error_over_time(evaluations, ax=None, labels=None):
    """Draw the error against the time an image has been shown.

    Around each line is a band, its 95 % interval (Wilson). Evaluations without time,
    those of rate neurons, are dashed. The axis of errors is logarithmic: what happens
    after the first answers is at a few percent. No error at all is drawn as half an
    image.

    Parameters
    ----------
    evaluations : Evaluation or iterable of Evaluation
        What `.evaluate` returned.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    labels : iterable of str, optional
        Names in the legend; by default those of the backends. The legend tells the
        number of images, too, if it is not the same for all.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.error_over_time([result], labels=["spikes"]).get_yscale()
    'log'
    """
    evaluations = list(evaluations) if np.iterable(evaluations) else [evaluations]
    _check_errors(evaluations, "error_percent")
    labels = [e.backend for e in evaluations] if labels is None else list(labels)
    if len(labels) != len(evaluations):
        raise ValidationError(
            f"expected as many names as evaluations, {len(evaluations)}, got "
            f"{len(labels)}",
            attr="labels",
        )
    differ = len({e.n_examples for e in evaluations}) > 1
    ax = axes(ax)
    for i, (e, label) in enumerate(zip(evaluations, labels, strict=True)):
        color = COLOURS[i % len(COLOURS)]
        label = f"{label}: {e.error_percent:.2f} %"
        if differ:
            label += f" of {e.n_examples:,} images"
        least = 50 / e.n_examples
        if e.times is None:
            ax.axhspan(*_at_least(least, e.error_interval_percent), **_band(color))
            error = max(least, e.error_percent)
            ax.axhline(error, color=color, linestyle="--", label=label)
            continue
        times = 1000 * np.asarray(e.times)
        errors = np.asarray(e.error_over_time_percent)
        wrong = np.rint(errors / 100 * e.n_examples)
        low, high = 100 * np.transpose([wilson(n, e.n_examples) for n in wrong])
        ax.fill_between(times, *_at_least(least, [low, high]), **_band(color))
        # lines that lie upon each other stay visible, as later ones are thinner
        width = 1.5 + len(evaluations) - i
        ax.plot(times, _at_least(least, errors), color=color, lw=width, label=label)
    ax.set(xlabel="time since the image appeared (ms)", ylabel="test error (%)")
    _spread_out(ax.yaxis)
    ax.legend(frameon=False)
    return ax


def error_against_spikes(evaluations, ax=None, label=None, color=BLUE):
    """Draw the error against how many spikes an image takes.

    A point for each evaluation, with the 95 % interval of its error, joined by a line:
    such as one model's, shown for several times.

    Parameters
    ----------
    evaluations : iterable of Evaluation
        Of spiking networks.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    label : str, optional
        What they have in common.
    color : str
        Colour of all parts.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. Beside each point stands how long images were shown.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.error_against_spikes([result]).get_ylabel()
    'test error (%)'
    """
    found = sorted(evaluations, key=lambda e: e.spikes_per_image)
    _check_errors(found, "error_percent")
    errors = np.array([e.error_percent for e in found])
    intervals = np.array([e.error_interval_percent for e in found])
    spikes = [e.spikes_per_image for e in found]
    ax = axes(ax)
    ax.errorbar(
        spikes,
        errors,
        yerr=np.abs(intervals.T - errors),
        fmt="o-",
        markersize=4,
        capsize=2,
        color=color,
        label=label,
    )
    for e in found:
        ax.annotate(
            f"{1000 * e.presentation_time:g} ms",
            (e.spikes_per_image, e.error_percent),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize="small",
        )
    ax.set(xlabel="spikes per image", ylabel="test error (%)")
    _spread_out(ax.xaxis)
    _spread_out(ax.yaxis)
    return ax


def firing_rates(evaluation, ax=None):
    """Draw the mean firing rate of each layer as bars.

    Above, where that was recorded, a line marks the rate that all but a thousandth of
    the layer's neurons and images stay at or below.

    Parameters
    ----------
    evaluation : Evaluation
        What `.evaluate` returned.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.firing_rates(result).get_xlabel()
    'layer'
    """
    ax = axes(ax)
    names, rates = list(evaluation.rates_hz), list(evaluation.rates_hz.values())
    bars = ax.bar(names, rates, color=BLUE)
    ax.bar_label(bars, fmt="%.1f", padding=2)
    if evaluation.highest_rates_hz:
        highest = [evaluation.highest_rates_hz[name] for name in names]
        ax.plot(names, highest, "_", color="0.3", ms=18, label="99.9 % are below")
        ax.legend(frameon=False)
    ax.margins(y=0.1)
    ax.set_ylim(bottom=0)
    ax.set(xlabel="layer", ylabel="firing rate (Hz)")
    return ax


def confusion(evaluation, ax=None):
    """Draw what is taken for what: images by true class and by answer.

    Parameters
    ----------
    evaluation : Evaluation
        What `.evaluate` returned.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. Numbers are images; shades are those that are wrong, so that few of
        them do not vanish beside the many that are right.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> figures.confusion(result).get_xlabel()
    'answer'
    """
    _check_errors([evaluation], "confusion")
    ax = axes(ax)
    counts = np.array(evaluation.confusion)
    wrong = counts - np.diag(np.diag(counts))
    ax.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(5, wrong.max()))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = row != column and count > 0.6 * max(5, wrong.max())
            color = "white" if dark else "0.5" if row == column else "black"
            ax.text(column, row, count, ha="center", va="center", color=color, size=7)
    ticks = np.arange(len(counts))
    ax.set(xlabel="answer", ylabel="true class", xticks=ticks, yticks=ticks)
    return ax


def _check_errors(evaluations, name):
    """Refuse evaluations of tasks that have no such field."""
    for evaluation in evaluations:
        if getattr(evaluation, name) is None:
            raise ValidationError(
                f"draws {name}, which evaluations of {evaluation.task} do not have",
                attr="evaluations",
            )


def _at_least(least, errors):
    return np.maximum(least, errors)


def _band(color):
    return {"color": color, "alpha": 0.15, "linewidth": 0}


def _spread_out(axis):
    """Make an axis logarithmic, if it goes over some ratio; numbers are plain."""
    low, high = axis.get_data_interval()
    if high > 3 * low > 0:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_minor_formatter(_between)
    else:
        axis.get_major_locator().set_params(nbins=5)  # they fit into a column
    axis.set_major_formatter("{x:,g}")


def _between(value, position):
    """Write 2, 3 and 5 times powers of ten between those."""
    return f"{value:,g}" if f"{value:.0e}"[0] in "235" else ""
