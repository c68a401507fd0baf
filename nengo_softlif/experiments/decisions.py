"""How soon a trained network decides in spikes, and how soon it could stop."""

import dataclasses
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from ..checks import count_steps
from ..evaluation import confidences, decide, presentation_order, readout_steps, stop
from ..rescaling import speed_up
from ..tables import PrintedTable, in_ms
from . import measuring
from .base import Experiment
from .published import NUMBERS
from .settings import (
    COUNT,
    SECONDS,
    SEED,
    SYNAPSE,
    Data,
    ModelFile,
    Number,
    Optional,
    Several,
    setting,
)

FASTER = Number("a positive number", low_open=True)
PROBABILITY = Number("a probability above 0 and below 1", low_open=True, high=1)


@dataclass(frozen=True)
class Settings:
    """What is measured, and how."""

    model: str = setting(
        dataclasses.MISSING,
        ModelFile(),
        "Model file that train wrote, or the name of a model of this package.",
    )
    data: str = setting(dataclasses.MISSING, Data(), "Data set: a name or a file.")
    synapses: tuple = setting(
        ("none", "alpha:0.002", "alpha:0.003", "alpha:0.005"),
        Several(SYNAPSE),
        "Synapses behind layers.",
    )
    speeds: tuple = setting(
        (1.0,),
        Several(FASTER),
        "How many times as fast neurons are made; so much shorter are synapses and "
        "presentation times.",
    )
    presentation_time: float = setting(0.2, SECONDS, "Seconds per image.")
    dt: float = setting(0.001, SECONDS, "Time step, in seconds.")
    confidences: tuple = setting(
        (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999),
        Several(PROBABILITY),
        "When an image stops early: softmax of the running mean of the output.",
    )
    n_examples: int = setting(
        None, Optional(COUNT), "Test images to use, a sample of all. Default: all."
    )
    seed: int = setting(0, SEED, "Seed of the simulation.")


class Exit(TypedDict):
    """Images that stop as soon as the network is sure enough."""

    confidence: float
    error_percent: float
    mean_time: float
    stopped_percent: float


class Row(TypedDict):
    """One synapse, and neurons so many times as fast."""

    synapse: str
    speed: float
    presentation_time: float
    network: str
    dataset: str
    n_examples: int
    error_percent: float
    error_interval_percent: list[float]
    time_to_decide: float
    mean_rate_hz: float
    times: list[float]
    error_over_time_percent: list[float]
    exits: list[Exit]


class DecisionTime(Experiment):
    """One evaluation for each synapse and speed."""

    name = "decision-time"
    shows = (
        "Error against presentation time for several synapses and speeds of neurons, "
        "and against mean time if each image stops once the network is sure."
    )
    paper = (
        "Hunsberger and Eliasmith, arXiv:1611.05141, 2016, which trades time for error "
        "by the synapse; early exit by confidence as in SEENN, arXiv:2304.01230, 2023."
    )
    takes = "as long as evaluate does, for each synapse and speed"
    Settings = Settings
    Row = Row
    size = (11, 4.5)

    def check(self, settings):
        """Refuse times that are no whole steps."""
        for speed in settings.speeds:
            count_steps(settings.presentation_time / speed, settings.dt)

    def pieces(self, settings):
        """One for each synapse and speed."""
        shared = {
            **measuring.identify(settings.model, settings.data),
            "confidences": settings.confidences,
            "n_examples": settings.n_examples,
            "seed": settings.seed,
        }
        return [
            {
                **shared,
                "speed": speed,
                "synapse": _shorter(synapse, speed),
                "shown": [settings.presentation_time / speed, settings.dt, 0.0],
            }
            for speed in settings.speeds
            for synapse in settings.synapses
        ]

    def measure(self, piece, scratch=None, progress_bar=False):
        """Evaluate, and note how sure the network is of each image over time."""
        model, data = measuring.load(piece)
        if piece["speed"] != 1:
            model = speed_up(model, piece["speed"])
        shown = piece["shown"]
        steps, first = readout_steps(count_steps(*shown[:2]), *shown[1:])
        answers, sure = [], []

        def note(outputs):
            answers.append(decide(outputs, steps, first))
            sure.append(confidences(outputs, steps, first))

        options = {"n_examples": piece["n_examples"], "seed": piece["seed"]}
        found = measuring.evaluate_in_spikes(
            model, data, piece["synapse"], shown, progress_bar, note, **options
        )
        answers, sure = np.concatenate(answers), np.concatenate(sure)
        n_examples = found.n_examples
        labels = data.y_test[presentation_order(len(data.y_test))[:n_examples]]
        exits = [
            _leave(answers != labels[:, np.newaxis], sure, steps * shown[1], confidence)
            for confidence in piece["confidences"]
        ]
        names = Row.__annotations__.keys() - {"synapse", "speed", "exits"}
        numbers = {name: getattr(found, name) for name in names}
        return {
            **{name: piece[name] for name in ("synapse", "speed")},
            **numbers,
            "exits": exits,
        }

    def rows(self, settings, results):
        """One for each synapse and speed."""
        return list(results)

    def table(self, findings):
        """Errors, times, and what early exit gains at no loss of accuracy."""
        head = (
            *("neurons", "synapse", "shown", "error %", "95 % interval", "decides at"),
            *("early exit: mean time", "error %", "stopped", "confidence"),
        )
        rows = []
        for row in findings.rows:
            low, high = row["error_interval_percent"]
            cells = [
                f"x {row['speed']:g}",
                measuring.name_synapse(row["synapse"]),
                in_ms(row["presentation_time"]),
                f"{row['error_percent']:.2f}",
                f"{low:.2f} - {high:.2f}",
                in_ms(row["time_to_decide"]),
            ]
            rows.append((*cells, *_soonest(row)))
        first = findings.rows[0]
        title = (
            f"{first['network']} on {first['n_examples']:,} test images of "
            f"{first['dataset']}"
        )
        below = (
            "Neurons: so many times as fast as they were trained, see speed_up.",
            "Decides: from then on within 0.5 points of the final error. Early exit:",
            "the soonest that makes no more errors than the whole time, of the",
            "confidences that were tried, on these very images.",
        )
        if first["dataset"] == "cifar10":
            known = NUMBERS["cifar10-seenn"]
            below += (
                f"{known.work}: {known.value:g} % ({known.source}, {known.sure}).",
            )
        return PrintedTable(head, rows, title, below=below)

    def draw(self, findings, figure):
        """Error over time on the left, over mean time of early exit on the right."""
        from ..figures import COLOURS

        left, right = figure.subplots(1, 2, sharey=True)
        for i, row in enumerate(findings.rows):
            color = COLOURS[i % len(COLOURS)]
            label = measuring.name_synapse(row["synapse"])
            if row["speed"] != 1:
                label += f", neurons x {row['speed']:g}"
            times = 1000 * np.array(row["times"])
            errors = np.array(row["error_over_time_percent"])
            left.plot(times, errors, color=color, label=label)
            decided = np.argmin(np.abs(times - 1000 * row["time_to_decide"]))
            left.plot(times[decided], errors[decided], "o", color=color)
            mean = [1000 * exit["mean_time"] for exit in row["exits"]]
            error = [exit["error_percent"] for exit in row["exits"]]
            right.plot(mean, error, ".-", color=color, label=label)
            right.axhline(errors[-1], color=color, linestyle=":", linewidth=1)
        lowest = min(row["error_percent"] for row in findings.rows)
        highest = max(max(row["error_over_time_percent"]) for row in findings.rows)
        left.set_ylim(0, min(highest * 1.05, 10 * lowest + 5))
        left.set_xlim(left=0)
        right.set_xlim(left=0)
        left.set(xlabel="presentation time (ms)", ylabel="test error (%)")
        left.set_title("all images shown equally long (dot: time to decide)")
        right.set(xlabel="mean time of early exit (ms)")
        right.set_title("each stops when sure (dotted: whole time)")
        left.legend(frameon=False, title="synapse")


def _shorter(synapse, speed):
    """A synapse in words, so many times as fast."""
    made = measuring.read_synapse(synapse)
    if made is None:
        return synapse
    return f"{synapse.partition(':')[0]}:{made.tau / speed:g}"


def _leave(wrong, sure, times, confidence):
    """What comes of stopping at a confidence: error, mean time, images that stopped."""
    at = stop(sure, confidence)
    return {
        "confidence": confidence,
        "error_percent": float(100 * wrong[np.arange(len(at)), at].mean()),
        "mean_time": float(times[at].mean()),
        "stopped_percent": float(100 * np.mean(at < len(times) - 1)),
    }


def _soonest(row):
    """Cells of the soonest early exit without more errors than the whole time."""
    good = [e for e in row["exits"] if e["error_percent"] <= row["error_percent"]]
    if not good:
        return "none", "", "", ""
    best = min(good, key=lambda exit: exit["mean_time"])
    return (
        f"{1000 * best['mean_time']:.1f} ms",
        f"{best['error_percent']:.2f}",
        f"{best['stopped_percent']:.1f} %",
        f"{best['confidence']:g}",
    )


DECISION_TIME = DecisionTime()
