"""The soft LIF curve beside that of LIF, and their derivatives."""

from dataclasses import dataclass
from typing import TypedDict

import nengo
import numpy as np

from ..neurons import SoftLIFRate
from ..tables import PrintedTable
from .base import Experiment
from .settings import COUNT, POSITIVE, SECONDS, setting


@dataclass(frozen=True)
class Settings:
    """Those of the figure in the papers, from the script that drew it."""

    tau_rc: float = setting(0.03, SECONDS, "Membrane time constant, in seconds.")
    tau_ref: float = setting(0.002, SECONDS, "Refractory period, in seconds.")
    sigma: float = setting(
        0.01, POSITIVE, "Smoothing, in units of current; gamma in the paper."
    )
    n_currents: int = setting(1001, COUNT, "Input currents, from 0.5 to 1.5.")


class Row(TypedDict):
    """One kind of neurons."""

    neuron: str
    currents: list[float]
    rates_hz: list[float]
    slopes_hz: list[float]
    steepest_hz: float
    steepest_at: float


class Figure1(Experiment):
    """Rates and derivatives, by their formulas."""

    name = "figure1"
    shows = "How soft LIF smooths the LIF tuning curve, and bounds its derivative."
    paper = "Hunsberger and Eliasmith, arXiv:1510.08829, 2015, Figure 1."
    takes = "a second"
    Settings = Settings
    Row = Row

    def pieces(self, settings):
        """One for each kind of neurons."""
        shared = vars(settings)
        lif = {name: shared[name] for name in ("tau_rc", "tau_ref", "n_currents")}
        return [{"neuron": "LIFRate", **lif}, {"neuron": "SoftLIFRate", **shared}]

    def measure(self, piece, scratch=None, progress_bar=False):
        """Compute a curve and its derivative."""
        currents = np.linspace(0.5, 1.5, piece["n_currents"])
        one, zero = np.ones(1), np.zeros(1)
        taus = {"tau_rc": piece["tau_rc"], "tau_ref": piece["tau_ref"]}
        if piece["neuron"] == "LIFRate":
            rates = nengo.LIFRate(**taus).rates(currents, one, zero)[:, 0]
            slopes = _lif_slopes(currents, rates, piece["tau_rc"])
        else:
            neuron = SoftLIFRate(piece["sigma"], **taus)
            rates = neuron.rates(currents, one, zero)[:, 0]
            slopes = neuron.derivative(currents, one, zero)[:, 0]
        return {
            "currents": currents.tolist(),
            "rates_hz": rates.tolist(),
            "slopes_hz": slopes.tolist(),
            "steepest_hz": float(slopes.max()),
            "steepest_at": float(currents[np.argmax(slopes)]),
        }

    def rows(self, settings, results):
        """One for each kind of neurons."""
        names = [piece["neuron"] for piece in self.pieces(settings)]
        return [
            {"neuron": name, **result}
            for name, result in zip(names, results, strict=True)
        ]

    def table(self, findings):
        """Rates and slopes around the threshold."""
        places = 0.9, 1.0, 1.1, 1.5
        head = ("", *(f"rate at {J:g}" for J in places), "steepest", "at")
        rows = [
            (
                row["neuron"],
                *(
                    f"{np.interp(J, row['currents'], row['rates_hz']):.2f} Hz"
                    for J in places
                ),
                f"{row['steepest_hz']:,.0f} Hz",
                f"{row['steepest_at']:.3f}",
            )
            for row in findings.rows
        ]
        below = (
            "Currents are in units of the threshold. The derivative of LIF has no "
            "bound;",
            "what stands here is that of the first current above it.",
        )
        return PrintedTable(head, rows, "Soft LIF and LIF", below=below)

    def draw(self, findings, figure):
        """Rates on the left, derivatives on the right, within the paper's limits."""
        from ..figures import BLUE, ORANGE

        left, right = figure.subplots(1, 2)
        for row, color, dashes in zip(
            findings.rows, (BLUE, ORANGE), ("-", "--"), strict=True
        ):
            style = {"color": color, "linestyle": dashes, "label": row["neuron"]}
            left.plot(row["currents"], row["rates_hz"], **style)
            right.plot(row["currents"], row["slopes_hz"], **style)
        left.set(ylim=(-1.5, 30), ylabel="firing rate (Hz)")
        right.set(ylim=(-10, 300), ylabel="derivative of the firing rate (Hz)")
        for axes in (left, right):
            axes.set(xlim=(0.5, 1.5), xlabel="input current J")
        left.legend(frameon=False)


def _lif_slopes(currents, rates, tau_rc):
    """Derivative of the LIF curve, which has none at the threshold itself: zero."""
    above = currents > 1
    j = np.where(above, currents - 1, 1.0)
    return np.where(above, tau_rc * rates**2 / (j * (j + 1)), 0.0)


FIGURE1 = Figure1()
