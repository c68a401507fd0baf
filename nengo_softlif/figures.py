"""Figures of neurons, noise and results.

Each function draws on Matplotlib axes that it is given, or on a new figure's, and
returns them; none changes Matplotlib's settings. What is drawn has been computed
before: by a neuron type, a simulator, or `.evaluate`.

This module is not imported by ``import nengo_softlif``::

    from nengo_softlif import figures
"""

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import nengo
import numpy as np
from matplotlib.figure import Figure
from nengo.exceptions import ValidationError

from .files import replace

# Okabe and Ito, "Color universal design", 2008: told apart by colour-blind readers
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
"""Colours of lines, in the order they are used."""


def tuning_curve(neuron_type, J=None, ax=None, **style):
    """Draw the firing rate against the input current.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
        A rate neuron, such as `.SoftLIFRate` or `nengo.LIFRate`.
    J : (n,) array_like, optional
        Input currents; from 0.5 to 1.5, around the threshold, by default.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    **style
        For Matplotlib's ``plot``, such as ``label`` and ``color``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Notes
    -----
    Called for `nengo.LIFRate` and `.SoftLIFRate` with ``tau_rc=0.03`` and
    ``sigma=0.01`` it is the left half of Figure 1 of [1]_.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Spiking Deep Networks with LIF
       Neurons", arXiv:1510.08829, 2015.
    """
    J, gain, bias = _currents(J)
    rates = neuron_type.rates(J, gain, bias)[:, 0]
    ax = _axes(ax)
    ax.plot(J, rates, **{"label": type(neuron_type).__name__, **style})
    ax.set(xlabel="input current J", ylabel=_output_label(neuron_type))
    return ax


def tuning_slope(neuron_type, J=None, ax=None, **style):
    """Draw the derivative of the firing rate by the input current.

    Parameters and result are those of `tuning_curve`. Neurons that know their
    ``derivative`` are asked for it; that of others is a finite difference.
    """
    J, gain, bias = _currents(J)
    if hasattr(neuron_type, "derivative"):
        slope = neuron_type.derivative(J, gain, bias)[:, 0]
    else:
        slope = np.gradient(neuron_type.rates(J, gain, bias)[:, 0], J)
    ax = _axes(ax)
    ax.plot(J, slope, **{"label": type(neuron_type).__name__, **style})
    ax.set(
        xlabel="input current J", ylabel=f"derivative of {_output_label(neuron_type)}"
    )
    return ax


def spike_noise(J, samples, ax=None, label=None, color=BLUE):
    """Draw how a filtered spike train varies, against the input current.

    The line is the mean, the band holds the middle half of the samples, and the
    dotted lines are the smallest and the largest, as in Figure 2 of [1]_.

    Parameters
    ----------
    J : (n_currents,) array_like
        Input currents.
    samples : (n_samples, n_currents) array_like
        In Hz: a filtered spike train at many times, or what a noise model makes
        of the rate.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    label : str, optional
        What the samples are.
    color : str
        Colour of all parts.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Spiking Deep Networks with LIF
       Neurons", arXiv:1510.08829, 2015.
    """
    low, lower, upper, high = np.percentile(samples, [0, 25, 75, 100], axis=0)
    ax = _axes(ax)
    ax.fill_between(J, lower, upper, color=color, alpha=0.3, linewidth=0)
    ax.plot(J, np.mean(samples, axis=0), color=color, label=label)
    ax.plot(J, low, J, high, color=color, linestyle=":", linewidth=1)
    ax.set(xlabel="input current J", ylabel="filtered spikes (Hz)")
    return ax


def error_over_time(evaluations, ax=None, labels=None):
    """Draw the error against the time an image has been shown.

    Evaluations without time, those of rate neurons, are dashed lines at their
    error.

    Parameters
    ----------
    evaluations : iterable of Evaluation
        What `.evaluate` returned.
    ax : matplotlib.axes.Axes, optional
        Drawn upon; a new figure's if there is none.
    labels : iterable of str, optional
        Names in the legend; by default those of the backends.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    evaluations = list(evaluations)
    labels = [e.backend for e in evaluations] if labels is None else list(labels)
    ax = _axes(ax)
    for i, (e, label) in enumerate(zip(evaluations, labels, strict=True)):
        color = COLOURS[i % len(COLOURS)]
        if e.task == "regression":
            raise ValidationError(
                "draws errors in percent, but values have none; draw rmse_over_time "
                "against times",
                attr="evaluations",
            )
        label = f"{label}: {e.error_percent:.2f} %"
        if e.times is None:
            ax.axhline(e.error_percent, color=color, linestyle="--", label=label)
        else:
            times = 1000 * np.asarray(e.times)
            # lines that lie upon each other stay visible, as later ones are thinner
            width = 1.5 + len(evaluations) - i
            ax.plot(
                times, e.error_over_time_percent, color=color, lw=width, label=label
            )
    ax.set(xlabel="time since the image appeared (ms)", ylabel="test error (%)")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def ladder(found, ax=None):
    """Draw the error on each rung of a ladder, with its 95 % interval.

    On the right stands by how many points it exceeds the rung above, with the interval
    of that, which is the narrower as the images are the same.

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
    """
    ax = _axes(ax)
    rungs = found.rungs
    errors = np.array([rung.evaluation.error_percent for rung in rungs])
    intervals = np.array([rung.evaluation.error_interval_percent for rung in rungs])
    places = np.arange(len(rungs))
    ax.plot(errors, places, color="0.8", zorder=1)
    ax.errorbar(
        errors,
        places,
        xerr=np.abs(intervals.T - errors),
        fmt="o",
        color=BLUE,
        capsize=3,
        zorder=2,
    )
    right = ax.secondary_yaxis("right")
    worse = [rung.difference.brief() if rung.difference else "" for rung in rungs]
    right.set_yticks(places, worse)
    right.set_ylabel("change in points, paired (95 % interval)")
    right.tick_params(length=0)
    ax.set_yticks(places, [rung.name for rung in rungs])
    ax.set_ylim(len(rungs) - 0.5, -0.5)  # downwards, as the ladder goes
    first = rungs[0].evaluation
    ax.set_title(f"{first.network}, {first.n_examples:,} images of {first.dataset}")
    ax.set_xlabel("test error (%), with its 95 % interval")
    return ax


def save_ladder(found, path):
    """Write the figure of a ladder to a file.

    Parameters
    ----------
    found : Ladder
        What `.explain` returned.
    path : str or Path
        Its ending says the kind.
    """
    check_ending(path)
    figure = Figure(figsize=(8, 4), layout="constrained")  # needs no display
    ladder(found, figure.subplots())
    save_figure(figure, path)


def save_figure(figure, path):
    """Write a figure to a file, or leave what was there untouched.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to write.
    path : str or Path
        Its ending says the kind.
    """
    content = BytesIO()
    figure.savefig(content, format=Path(path).suffix.lstrip(".").lower(), dpi=150)
    replace(path, content.getvalue())


def check_ending(path):
    """Refuse a file name whose ending is of no kind that Matplotlib writes."""
    known = Figure().canvas.get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in known:
        raise ValidationError(
            f"expected a file ending in {', '.join(f'.{kind}' for kind in known)}, "
            f"got {str(path)!r}",
            attr="figure",
        )


def firing_rates(evaluation, ax=None):
    """Draw the mean firing rate of each layer as bars.

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
    """
    ax = _axes(ax)
    bars = ax.bar(
        list(evaluation.rates_hz), list(evaluation.rates_hz.values()), color=BLUE
    )
    ax.bar_label(bars, fmt="%.1f", padding=2)
    ax.margins(y=0.1)
    ax.set(xlabel="layer", ylabel="mean firing rate (Hz)")
    return ax


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
    ax = _axes(ax)
    lines = ax.plot(1000 * np.asarray(times), outputs, color="0.7", linewidth=1)
    lines[0].set_label("each class")
    if label is not None:
        lines[label].set(color=ORANGE, linewidth=2, label=f"true class: {label}")
        lines[0 if label else 1].set_label("other classes")
    ax.set(xlabel="time since the image appeared (ms)", ylabel="output of the network")
    ax.legend(frameon=False)
    return ax


def save_demo(results, found, model, spiking, data, folder):
    """Write the figures of ``nengo-softlif demo``.

    Parameters
    ----------
    results : list of Evaluation
        What the demo measured; the last in spikes.
    found : Ladder
        What it found on the way to the chip.
    model : Model
        The network of soft LIF neurons.
    spiking : Model
        The network of spiking neurons.
    data : Dataset
        Its first test image is shown to the spiking network.
    folder : str or Path
        Exists already.

    Returns
    -------
    list of str
        Names of the files.
    """
    shown = spiking.copy()
    shown.input.output = spiking.preprocessing.test(data.x_test[:1])[0]
    with nengo.Simulator(shown.network, progress_bar=False) as sim:
        sim.run(0.1, progress_bar=False)

    written = []
    for name, draw in (
        ("neuron", lambda ax: tuning_curve(model.ensembles[0].neuron_type, ax=ax)),
        ("error-over-time", lambda ax: error_over_time(results, ax)),
        ("firing-rates", lambda ax: firing_rates(results[-1], ax)),
        (
            "answer",
            lambda ax: answer(
                sim.trange(), sim.data[shown.output], ax, int(data.y_test[0])
            ),
        ),
    ):
        figure = Figure(figsize=(6, 4), layout="constrained")  # needs no display
        draw(figure.subplots())
        save_figure(figure, Path(folder) / f"{name}.png")
        written.append(f"{name}.png")
    save_ladder(found, Path(folder) / "ladder.png")
    return [*written, "ladder.png"]


def _currents(J):
    """Input currents, and the gain and bias that pass them on as they are."""
    J = np.linspace(0.5, 1.5, 1001) if J is None else np.asarray(J, dtype=np.float64)
    return J, np.ones(1), np.zeros(1)


def _output_label(neuron_type):
    if getattr(neuron_type, "amplitude", 1) == 1:
        return "firing rate (Hz)"
    return f"output (amplitude {neuron_type.amplitude:g} x Hz)"


def _axes(ax):
    return plt.subplots(layout="constrained")[1] if ax is None else ax
