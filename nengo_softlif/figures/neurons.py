"""Figures of neurons and of noise: tuning curves, slopes, filtered spikes."""

import numpy as np

from .canvas import BLUE, axes


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

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> ax = figures.tuning_curve(nengo.LIFRate(), label="LIF")
    >>> ax = figures.tuning_curve(softlif.SoftLIFRate(), ax=ax, label="soft LIF")
    >>> len(ax.lines)
    2
    """
    J, gain, bias = _currents(J)
    rates = neuron_type.rates(J, gain, bias)[:, 0]
    ax = axes(ax)
    ax.plot(J, rates, **{"label": type(neuron_type).__name__, **style})
    ax.set(xlabel="input current J", ylabel=_output_label(neuron_type))
    return ax


def tuning_slope(neuron_type, J=None, ax=None, **style):
    """Draw the derivative of the firing rate by the input current.

    Parameters and result are those of `tuning_curve`. Neurons that know their
    ``derivative`` are asked for it; that of others is a finite difference.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> len(figures.tuning_slope(softlif.SoftLIFRate()).lines)
    1
    """
    J, gain, bias = _currents(J)
    if hasattr(neuron_type, "derivative"):
        slope = neuron_type.derivative(J, gain, bias)[:, 0]
    else:
        slope = np.gradient(neuron_type.rates(J, gain, bias)[:, 0], J)
    ax = axes(ax)
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

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> J, normal = np.linspace(1.1, 2), np.random.RandomState(0).normal
    >>> rates = softlif.SoftLIFRate().rates(J[:, np.newaxis], 1, 0).T
    >>> ax = figures.spike_noise(J, rates + normal(size=(100, 50)), label="of 1 Hz")
    >>> ax.get_xlabel()
    'input current J'
    """
    low, lower, upper, high = np.percentile(samples, [0, 25, 75, 100], axis=0)
    ax = axes(ax)
    ax.fill_between(J, lower, upper, color=color, alpha=0.3, linewidth=0)
    ax.plot(J, np.mean(samples, axis=0), color=color, label=label)
    ax.plot(J, low, J, high, color=color, linestyle=":", linewidth=1)
    ax.set(xlabel="input current J", ylabel="filtered spikes (Hz)")
    return ax


def _currents(J):
    """Input currents, and the gain and bias that pass them on as they are."""
    J = np.linspace(0.5, 1.5, 1001) if J is None else np.asarray(J, dtype=np.float64)
    return J, np.ones(1), np.zeros(1)


def _output_label(neuron_type):
    if getattr(neuron_type, "amplitude", 1) == 1:
        return "firing rate (Hz)"
    return f"output (amplitude {neuron_type.amplitude:g} x Hz)"
