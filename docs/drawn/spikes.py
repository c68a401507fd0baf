"""Pictures of training in spikes, made by what trains."""

import json
from pathlib import Path

from nengo_softlif import IntegrateAndFire, SoftLIFRate, figures
from nengo_softlif.gradients import (
    TIMED,
    Arctan,
    FastSigmoid,
    LeakCorrected,
    SoftLIF,
    Triangular,
)
from nengo_softlif.layers import FeedForward

import matplotlib.pyplot as plt
import nengo
import numpy as np

DT, TAU_RC = 0.001, 0.02
RESULTS = Path("../results")  # seen from this folder


def shapes():
    """What stands for the derivative of a spike, by the voltage and by the current."""
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    voltage = np.linspace(-0.5, 2.5, 601)
    for derivative, colour in zip(
        (FastSigmoid(), Arctan(), Triangular()), figures.COLOURS, strict=False
    ):
        left.plot(voltage, derivative.slope(voltage - 1), color=colour)
        left.plot([], [], color=colour, label=repr(derivative))
    left.axvline(1, ymax=0.62, color="k", linewidth=0.8, linestyle=":")
    left.set(
        xlabel="voltage before a reset, in thresholds",
        ylabel="stands for ds/dv",
        ylim=(0, 1.7),
        title="through the membrane",
    )
    left.legend(frameon=False, loc="upper left", fontsize="small")
    J = np.linspace(0.5, 2.5, 1001)
    for colour, sigma in zip(figures.COLOURS[3:], (0.02, 0.1), strict=False):
        curve = SoftLIFRate(sigma, TAU_RC)
        style = {"color": colour, "label": repr(SoftLIF(sigma))}
        figures.tuning_slope(curve, J, right, **style)
    right.axvline(1, color="k", linewidth=0.8, linestyle=":")
    right.set(ylabel="dr/dJ (Hz)", title="through the soft LIF curve")
    right.set_ylim(0)
    right.legend(frameon=False, fontsize="small")


def back():
    """How a gradient goes back through one neuron, by three derivatives."""
    times = np.arange(60)
    J = 1.75 + 0.75 * np.cos(2 * np.pi * times / 60)
    upstream = np.sin(2 * np.pi * times / 40)
    _, axes = plt.subplots(4, 2, figsize=(9, 6.4), sharex=True, layout="constrained")
    leaky = run(IntegrateAndFire(TAU_RC), J / TAU_RC)
    rested = {"voltage": nengo.dists.Choice([0])}
    lif = run(nengo.LIF(TAU_RC, initial_state=rested), J)
    ways = [
        (leaky, "IntegrateAndFire", LeakCorrected(), FastSigmoid()),
        (lif, "nengo.LIF", FastSigmoid(), SoftLIF()),
    ]
    colours = dict(
        zip((LeakCorrected, FastSigmoid, SoftLIF), figures.COLOURS, strict=False)
    )
    for column, (neuron, title, *derivatives) in zip(axes.T, ways, strict=True):
        neurons, current, spikes = neuron
        volts = neurons.retrace(current[0], spikes[0])[0][:, 0]
        fired = times[spikes[0, :, 0] > 0]
        column[0].step(times, upstream, color="k", where="mid")
        column[0].set_title(title, family="monospace")
        column[1].plot(times, volts, color="0.5")
        column[1].axhline(1, color="k", linewidth=0.8, linestyle=":")
        column[1].eventplot(fired, lineoffsets=1.6, linelengths=0.35, colors="k")
        column[1].set_ylim(-0.1, 1.9)
        for ax, derivative in zip(column[2:], derivatives, strict=True):
            given = upstream.astype(np.float32).reshape(1, -1, 1)
            found = derivative.back(neurons, current, spikes, given)[0, :, 0]
            colour = colours[type(derivative)]
            ax.step(times, found / np.abs(found).max(), color=colour, where="mid")
            ax.plot(times, upstream, color="k", linewidth=0.8, alpha=0.3)
            name = type(derivative).__name__
            ax.text(59, -1.15, name, color=colour, ha="right", va="bottom")
        for ax in column[[0, 2, 3]]:
            ax.axhline(0, color="k", linewidth=0.5)
            ax.set_ylim(-1.25, 1.25)
        for ax in column:
            for time in fired:
                ax.axvline(time, color="k", linewidth=0.4, alpha=0.25)
        column[3].set_xlabel("step")
    for ax, label in zip(
        axes[:, 0],
        ("gradient\nby spikes", "voltage,\nspikes", *2 * ["gradient\nby current"]),
        strict=True,
    ):
        ax.set_ylabel(label)
    for ax in axes[:, 1]:
        ax.tick_params(labelleft=False)


def correction():
    """Lee et al.'s factor on gradients: of neurons that fire once, or steadily."""
    _, (left, right) = plt.subplots(
        1, 2, figsize=(9, 2.9), sharey=True, layout="constrained"
    )
    every, n_steps = 5, 100
    for leak, colour in zip((0.99, 0.95, 0.9), figures.COLOURS, strict=False):
        neurons, _, _ = run(IntegrateAndFire(-DT / np.log(leak)), np.zeros(1))
        style = {"color": colour, "label": f"{leak:g} left after a step"}
        left.plot(np.arange(1, 101), factors(neurons, np.eye(n_steps)), **style)
        numbers = np.arange(every, 201, every)
        steady = np.arange(1, 201) % every == 0
        given = [factors(neurons, steady[np.newaxis, :n])[0] for n in numbers]
        right.plot(numbers, given, **style, marker=".")
    left.set(xlabel=f"step of the only spike, of {n_steps}", ylabel="factor")
    right.set(xlabel=f"number of steps, with a spike in each {every}th")
    left.set_ylim(0.8, 1.02)
    right.legend(frameon=False, fontsize="small", loc="lower right")


def sooner():
    """Error against time of converted networks, and of those tuned in spikes."""
    titles = {"mnist": "MNIST", "cifar10": "CIFAR-10 (JPEG copy)"}
    files = {title: RESULTS / f"spikes-tuned-{n}.json" for n, title in titles.items()}
    files = {title: path for title, path in files.items() if path.exists()}
    _, axes = plt.subplots(
        1, len(files), figsize=(9, 3.8), squeeze=False, layout="constrained"
    )
    for ax, (title, path) in zip(axes[0], files.items(), strict=True):
        report = json.loads(path.read_text())
        for row, colour in zip(report["rows"], figures.COLOURS, strict=False):
            long, tuned = row["long"], "history" in row
            ax.plot(
                1000 * np.array(long["times"]),
                long["error_over_time_percent"],
                color=colour if tuned else "k",
                linestyle="-" if tuned else ":" if "Alpha" in row["name"] else "--",
                label=f"tuned, {row['name']}" if tuned else row["name"],
            )
        shown = 1000 * report["settings"]["time"]
        ax.axvline(shown, color="0.7", linewidth=0.8, label=f"tuned for {shown:g} ms")
        ax.set(xlabel="time (ms)", title=title, xlim=(0, 100), yscale="log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
    axes[0, 0].set_ylabel("error (%)")
    axes[0, 0].legend(frameon=False, fontsize="small")


def factors(neurons, spikes):
    """What `LeakCorrected` multiplies by, for (n_examples, n_steps) spikes."""
    spikes = np.ascontiguousarray(spikes, np.uint8)[..., np.newaxis]
    upstream = np.ones(spikes.shape, np.float32)
    return LeakCorrected().back(neurons, upstream, spikes, upstream)[:, 0, 0]


def run(neuron_type, J):
    """Let one neuron run, as training does.

    Returns the layer over time, its current, and when it fired: (1, n_steps, 1).
    """
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.zeros(1))
        ensemble = nengo.Ensemble(
            1, 1, neuron_type=neuron_type, gain=np.ones(1), bias=np.ones(1)
        )
        nengo.Connection(image, ensemble.neurons, synapse=None)
        answer = nengo.Probe(ensemble.neurons)
    layers = FeedForward(net, image, answer, timed=True).layers
    (layer,) = [layer for layer in layers if layer.neuron_type is not None]
    neurons = TIMED.of(neuron_type)(layer, DT, np.float32)
    current = J.astype(np.float32).reshape(1, -1, 1)
    counts = neurons.fire(current, current.shape, np.random.default_rng(0))
    return neurons, current, counts.values
