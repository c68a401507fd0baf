"""How a filtered spike train varies, and what models of noise make of that."""

from dataclasses import dataclass
from typing import TypedDict

import nengo
import numpy as np
from scipy.stats import norm

from .. import named
from ..checks import check_number
from ..tables import PrintedTable, in_ms
from .base import Experiment
from .settings import COUNT, NOISE, POSITIVE, SECONDS, Several, setting

SETTLED = 1.0
"""Seconds that are left out at the start, as in the paper's script."""

N_PHASES = 10_000
"""Random numbers in place of which a model of noise is asked: equally likely ones."""

PIECES = 4
"""In how many parts the currents are simulated."""


@dataclass(frozen=True)
class Settings:
    """Those of the figure in the papers, from the script that drew it."""

    tau_rc: float = setting(0.02, SECONDS, "Membrane time constant, in seconds.")
    tau_ref: float = setting(0.004, SECONDS, "Refractory period, in seconds.")
    tau_s: float = setting(0.003, SECONDS, "Time constant of the alpha synapse.")
    highest: float = setting(10.0, POSITIVE, "Highest input current; the lowest is 0.")
    n_currents: int = setting(50, COUNT, "Number of input currents.")
    seconds: float = setting(
        10.0, SECONDS, "Seconds simulated, of which the first is left out."
    )
    dt: float = setting(1e-4, SECONDS, "Time step, in seconds.")
    noises: tuple = setting(
        ("gaussian:10", "lowpass:0.003", "alpha:0.003", "alpha-rc:0.003"),
        Several(NOISE),
        "Models of noise.",
    )


class Spread(TypedDict):
    """How values are spread, in Hz."""

    mean: float
    std: float
    least: float
    lower: float
    median: float
    upper: float
    most: float


class Row(TypedDict):
    """One input current."""

    current: float
    rate_hz: float
    spikes: Spread
    noises: dict[str, Spread]


class Figure2(Experiment):
    """LIF neurons in Nengo's own simulator, each at a constant current."""

    name = "figure2"
    shows = (
        "How much a filtered spike train varies around the rate, by input current, and "
        "what each model of noise makes of that."
    )
    paper = (
        "Hunsberger and Eliasmith, arXiv:1510.08829, 2015, Figure 2; models of noise: "
        "Hunsberger's thesis, 2018."
    )
    takes = "a minute"
    Settings = Settings
    Row = Row
    side_by_side = True
    size = (11, 6.5)

    def check(self, settings):
        """Refuse times of which nothing is left."""
        check_number(
            "seconds",
            settings.seconds,
            f"more than the {SETTLED:g} s that are left out",
            SETTLED,
            low_open=True,
        )
        check_number(
            "dt", settings.dt, "a step below tau_ref", 0, high=settings.tau_ref
        )

    def pieces(self, settings):
        """Some currents each."""
        shared = {
            name: value
            for name, value in vars(settings).items()
            if name not in ("highest", "n_currents")
        }
        currents = np.linspace(0, settings.highest, settings.n_currents)
        n_pieces = min(PIECES, len(currents))
        parts = np.array_split(currents, n_pieces)
        return [{"currents": part.tolist(), **shared} for part in parts]

    def measure(self, piece, scratch=None, progress_bar=False):
        """Simulate, and ask the models."""
        currents = np.array(piece["currents"])
        neuron = {"tau_rc": piece["tau_rc"], "tau_ref": piece["tau_ref"]}
        rates = nengo.LIFRate(**neuron).rates(currents, np.ones(1), np.zeros(1))[:, 0]
        trains = _simulate(piece, currents, nengo.LIF(**neuron))
        predicted = {
            name: _predict(name, currents, rates, piece["tau_rc"])
            for name in piece["noises"]
        }
        return [
            {
                "current": float(currents[i]),
                "rate_hz": float(rates[i]),
                "spikes": _spread(trains[:, i]),
                "noises": {name: _spread(x[:, i]) for name, x in predicted.items()},
            }
            for i in range(len(currents))
        ]

    def rows(self, settings, results):
        """One for each current."""
        return [row for result in results for row in result]

    def table(self, findings):
        """Means over the currents for which the neuron fires."""
        rows = findings.rows
        head = "", "std, J > 1", "std, J > 5", "mean off by at most", "at J ="
        lines = [("spikes", *_summary(rows, lambda row: row["spikes"]))]
        for name in findings.settings["noises"]:
            lines.append((name, *_summary(rows, lambda row, n=name: row["noises"][n])))
        used = findings.settings
        title = (
            f"LIF neurons behind an alpha synapse of {in_ms(used['tau_s'])}, "
            f"{len(rows)} currents, {used['seconds'] - SETTLED:g} s each"
        )
        below = (
            "Standard deviations are in Hz; means are held against the analytic rate.",
            "alpha-rc has passed the membrane of the next neuron, too.",
        )
        return PrintedTable(head, lines, title, below=below)

    def draw(self, findings, figure):
        """Spikes as in the paper, each model beside them, and standard deviations."""
        from ..figures import BLUE, COLOURS, ORANGE

        rows, names = findings.rows, findings.settings["noises"]
        n_columns = -(-(len(names) + 2) // 2)
        axes = figure.subplots(2, n_columns, sharex=True).ravel()
        J = np.array([row["current"] for row in rows])
        spikes = _columns([row["spikes"] for row in rows])
        aside = 0.35 * (J[1] - J[0]) if len(J) > 1 else 0  # so that both can be seen
        _draw_spread(axes[0], J, spikes, BLUE)
        axes[0].set_title("spikes")
        top = 1.25 * spikes["most"].max()
        for ax, name in zip(axes[1:], names, strict=False):
            _draw_spread(ax, J, spikes, "0.75")
            model = _columns([row["noises"][name] for row in rows])
            _draw_spread(ax, J, model, ORANGE, aside)
            ax.set_title(f"{name} (spikes in grey)")
        for ax in axes[: len(names) + 1]:
            ax.set(ylim=(-0.02 * top, top), ylabel="filtered response (Hz)")
        last = axes[len(names) + 1]
        last.plot(J, spikes["std"], color="black", label="spikes", linewidth=2)
        for i, name in enumerate(names):
            std = [row["noises"][name]["std"] for row in rows]
            color = COLOURS[i % len(COLOURS)]
            last.plot(J, std, "--", color=color, label=name)
        last.set(title="standard deviation", ylabel="standard deviation (Hz)")
        last.legend(frameon=False, fontsize="small")
        for ax in axes[len(names) + 2 :]:
            ax.remove()
        for ax in axes[-n_columns:]:
            ax.set_xlabel("input current J")


def _simulate(piece, currents, neuron_type):
    """Filtered spikes (n_steps, n_currents) in Hz, those of the start left out."""
    n = len(currents)
    gain = np.full(n, 2.0)  # of no account, as nothing comes in; 0 makes Nengo warn
    with nengo.Network(seed=0) as net:
        ensemble = nengo.Ensemble(
            n, 1, gain=gain, bias=currents, neuron_type=neuron_type
        )
        probe = nengo.Probe(ensemble.neurons, synapse=nengo.Alpha(piece["tau_s"]))
    with nengo.Simulator(net, piece["dt"], progress_bar=False) as sim:
        sim.run(piece["seconds"], progress_bar=False)
        return sim.data[probe][sim.trange() > SETTLED]


def _predict(name, currents, rates, tau_rc):
    """What a model of noise makes of rates: (N_PHASES, n_currents) in Hz."""
    likely = (np.arange(N_PHASES)[:, None] + 0.5) / N_PHASES
    noise = named.read(name, named.NOISES, "noises")
    if noise is None:
        return np.broadcast_to(rates, (N_PHASES, len(rates)))
    x = norm.ppf(likely) if noise.random == "normal" else likely
    firing = currents > 1
    shown = np.broadcast_to(np.where(firing, rates, 1.0), (N_PHASES, len(rates)))
    x = np.broadcast_to(x, shown.shape)
    return np.where(firing, noise.sample(shown, x, tau_rc), rates)


def _spread(values):
    least, lower, median, upper, most = np.percentile(values, [0, 25, 50, 75, 100])
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values)),
        "least": float(least),
        "lower": float(lower),
        "median": float(median),
        "upper": float(upper),
        "most": float(most),
    }


def _columns(spreads):
    names = Spread.__annotations__
    return {name: np.array([spread[name] for spread in spreads]) for name in names}


def _summary(rows, find):
    """Mean deviations, and how far the mean is from the rate where that is farthest."""
    cells = []
    for low in (1, 5):
        stds = [find(row)["std"] for row in rows if row["current"] > low]
        cells.append(f"{np.mean(stds):.2f}" if stds else "-")
    off = {
        row["current"]: 100 * (find(row)["mean"] / row["rate_hz"] - 1)
        for row in rows
        if row["rate_hz"] > 0
    }
    if not off:
        return (*cells, "-", "-")
    worst = max(off, key=lambda current: abs(off[current]))
    return (*cells, f"{off[worst]:+.3f} %", f"{worst:.2f}")


def _draw_spread(ax, J, spread, color, aside=0.0):
    """As in the paper: mean, median, quartiles around it, extremes around the mean."""
    mean, median, beside = spread["mean"], spread["median"], J + aside
    style = {"color": color, "fmt": "none"}
    extremes = np.abs([spread["least"] - mean, spread["most"] - mean])
    _, _, bars = ax.errorbar(beside, mean, extremes, elinewidth=0.8, **style)
    bars[0].set_linestyle(":")
    quartiles = np.abs([spread["lower"] - median, spread["upper"] - median])
    ax.errorbar(beside, median, quartiles, elinewidth=1.5, **style)
    ax.plot(J, mean, color="black", linewidth=1)
    ax.plot(beside, median, "x", color=color, markersize=4)


FIGURE2 = Figure2()
