"""Figures of what happens in a network while an image is shown."""

from collections.abc import Mapping

import numpy as np
from nengo.exceptions import ValidationError

from .canvas import BLUE, COLOURS, ORANGE, axes

N_BARS = 40
"""At most so many bars of a histogram."""


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

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> with softlif.Simulator(spiking, progress_bar=False) as sim:
    ...     sim.run(0.05)
    >>> ax = figures.answer(sim.trange(), sim.data[spiking.output], label=3)
    >>> len(ax.lines)
    10
    """
    ax = axes(ax)
    lines = ax.plot(1000 * np.asarray(times), outputs, color="0.7", linewidth=1)
    lines[0].set_label("each class")
    if label is not None:
        lines[label].set(color=ORANGE, linewidth=2, label=f"true class: {label}")
        lines[0 if label else 1].set_label("other classes")
    ax.set(xlabel="time since the image appeared (ms)", ylabel="output of the network")
    # above, where no line is
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return ax


def raster(times, spikes, ax=None, n_shown=40):
    """Draw which neurons of each layer fire when.

    Parameters
    ----------
    times : (n_steps,) array_like
        In seconds, as ``sim.trange()`` gives them.
    spikes : dict of str to (n_steps, n_neurons) array_like
        By the name of the layer, what probes of its neurons have: not zero where a
        neuron fires. The first is drawn at the top.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    n_shown : int
        Neurons of a layer that are drawn: evenly taken from those that fire, in the
        order they have. Beside each layer stands how many there are of all.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValidationError
        If the spikes have no names of layers.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> fired = np.random.RandomState(0).rand(100, 20) < 0.05
    >>> ax = figures.raster(np.arange(1, 101) / 1000, {"dense": fired})
    >>> len(ax.collections)
    20
    """
    _check_layers(spikes)
    ax = axes(ax)
    times, base, places, names = 1000 * np.asarray(times), 0, [], []
    for i, (name, fired) in enumerate(spikes.items()):
        fired = np.asarray(fired) != 0
        firing = np.flatnonzero(fired.any(axis=0))
        chosen = firing[_evenly(len(firing), n_shown)]
        ax.eventplot(
            [times[fired[:, neuron]] for neuron in chosen] or [[]],
            lineoffsets=base + np.arange(max(1, len(chosen))),
            linelengths=0.8,
            linewidths=1.5,
            colors=COLOURS[i % len(COLOURS)],
        )
        places.append(base + max(0, len(chosen) - 1) / 2)
        names.append(f"{name}\n{len(chosen)} of {fired.shape[1]:,}")
        base += len(chosen) + 4
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, times[-1])
    ax.set_ylim(base - 3, -2)
    ax.set_xlabel("time since the image appeared (ms)")
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def rate_histograms(times, spikes, ax=None):
    """Draw how often the neurons of each layer fire, as histograms.

    Parameters
    ----------
    times : (n_steps,) array_like
        In seconds, as ``sim.trange()`` gives them.
    spikes : dict of str to (..., n_steps, n_neurons) array_like
        As for `raster`; also of many examples.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. Beside each layer stands the part of its neurons that never fires,
        which is not drawn; the line marks the mean of all, those included.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> fired = np.random.RandomState(0).rand(100, 20) < 0.05
    >>> ax = figures.rate_histograms(np.arange(1, 101) / 1000, {"dense": fired})
    >>> ax.get_xlabel()
    'firing rate (Hz)'
    """
    _check_layers(spikes)
    ax = axes(ax)
    length = times[-1] - times[0] + times[1] - times[0]
    counts = {
        name: np.count_nonzero(fired, axis=-2).ravel() for name, fired in spikes.items()
    }
    highest = max((values.max(initial=0) for values in counts.values()), default=0)
    width = -(-(highest or 1) // N_BARS)  # whole spikes, so that bars cover the same
    edges = np.arange(0.5, highest + 0.5 + width, width)
    names = []
    for i, (name, values) in enumerate(counts.items()):
        bars, _ = np.histogram(values, edges)
        tops = i - 0.8 * bars / max(1, bars.max(initial=0))
        ax.stairs(tops, edges / length, baseline=i, fill=True, color=BLUE)
        mean = values.mean() / length
        ax.vlines(mean, i - 0.85, i, color=ORANGE)
        ax.text(mean, i - 0.87, f"{mean:.1f} Hz", ha="left", va="bottom", size="small")
        names.append(f"{name}\n{np.mean(values == 0):.0%} silent")
    ax.set_yticks(np.arange(len(names)) - 0.4, names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.9, -1.2)
    ax.set_xlim(left=0)
    ax.set_xlabel("firing rate (Hz)")
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def _check_layers(spikes):
    """Refuse spikes without the names of layers."""
    if not isinstance(spikes, Mapping):
        raise ValidationError(
            "expected a dict from names of layers to what probes of their neurons "
            f"have, such as {{'dense': sim.data[probe]}}, got {type(spikes).__name__}",
            attr="spikes",
        )


def _evenly(n, n_shown):
    """Places of at most so many, spread over n."""
    return np.unique(np.linspace(0, n - 1, min(n, n_shown)).round().astype(int))
