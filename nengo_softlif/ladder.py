"""Where accuracy goes: a model walked down to the chip, one change at a time."""

import json
from dataclasses import dataclass
from pathlib import Path

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from . import backends, files, parameters
from .chip_backends import emulated
from .engine import Simulator
from .evaluation import evaluate, presentation_order
from .loihi import to_loihi
from .neurons import SoftLIFRate
from .results import Difference, Evaluation, difference
from .spiking import to_spiking

COMPARED = 100
"""Images on which rates of single neurons are compared."""


@dataclass(frozen=True)
class Rung:
    """One step of the way from a trained model to the chip.

    Attributes
    ----------
    name : str
        What the network is here.
    change : str
        What is different from the rung above.
    evaluation : Evaluation
        Error, rates and all else.
    difference : Difference or None
        By how much the error exceeds that of the rung above.
    deviations : dict of str to float or None
        How far the neurons of each layer are from the rung above: root mean square of
        the difference of their rates, each over the whole presentation of an image, in
        percent of the root mean square of the rates above. The mean is over neurons and
        over `COMPARED` images. Spikes are counted: rates are multiples of one by
        the presentation time, which alone makes a difference where rates are low.
    """

    name: str
    change: str
    evaluation: Evaluation
    difference: Difference | None
    deviations: dict | None

    @property
    def largest_deviation(self):
        """Name of the layer that deviates most, and its deviation; or None."""
        if not self.deviations:
            return None
        return max(self.deviations.items(), key=lambda item: item[1])


@dataclass(frozen=True)
class Ladder:
    """What `explain` found. Print it, save it, or draw it with `.figures.ladder`.

    Attributes
    ----------
    rungs : list of Rung
        From the model as it was trained to the chip, all on the same images.
    """

    rungs: list

    def __repr__(self):
        """Error at both ends."""
        first, last = self.rungs[0], self.rungs[-1]
        return (
            f"<Ladder of {first.evaluation.network} on "
            f"{first.evaluation.n_examples} images of {first.evaluation.dataset}: "
            f"{first.evaluation.error_percent:.2f} % to "
            f"{last.evaluation.error_percent:.2f} % in {len(self.rungs)} rungs>"
        )

    def __str__(self):
        """Lay it out as a table, and say below what each rung changes."""
        first, last = self.rungs[0].evaluation, self.rungs[-1].evaluation
        whole = difference(first, last)
        head = "", "error %", "points (95 % interval)", "mean rate", "deviates most"
        rows = [head, *(_row(i, rung) for i, rung in enumerate(self.rungs, 1))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if i in (0, 4) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(map(len, lines))
        changes = [f"{i}  {rung.change}" for i, rung in enumerate(self.rungs, 1)]
        return "\n".join(
            [
                f"{first.network} on {first.n_examples:,} test images of "
                f"{first.dataset}, the same on every rung",
                "",
                lines[0],
                rule,
                *lines[1:],
                rule,
                f"all together: {whole}",
                "",
                *changes,
            ]
        )

    def to_json(self):
        """Return the record as JSON text."""
        record = [
            {
                "name": rung.name,
                "change": rung.change,
                "difference": rung.difference and vars(rung.difference),
                "deviations": rung.deviations,
                "evaluation": json.loads(rung.evaluation.to_json()),
            }
            for rung in self.rungs
        ]
        return json.dumps({"rungs": record}) + "\n"

    def save(self, path):
        """Write the record to a JSON file.

        Parameters
        ----------
        path : str or Path
            An earlier file survives if writing fails.
        """
        files.write_text(path, self.to_json())

    @classmethod
    def load(cls, path):
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            A JSON file.

        Returns
        -------
        Ladder

        Raises
        ------
        ValidationError
            If the file is something else.
        """
        try:
            rungs = json.loads(Path(path).read_text(encoding="utf-8"))["rungs"]
            return cls([_rung(record) for record in rungs])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValidationError(
                f"{str(path)!r} is not the record of a ladder, or a damaged one "
                f"({error}); give a file that Ladder.save wrote",
                attr="path",
            ) from error


def explain(
    model,
    data,
    synapse=nengo.Alpha(0.005),  # noqa: B008 (synapses are frozen)
    presentation_time=0.2,
    window=0.0,
    batch_size=50,
    n_examples=None,
    seed=0,
    progress_bar=True,
):
    """Walk a trained model down to Loihi, and measure what each change costs.

    The rungs are: the model as it was trained; hard LIF rates; spiking neurons with
    synapses, as `.to_spiking` makes them; the chip's synapse and folded pooling, as
    `.to_loihi` has them; the chip's neurons (both simulated in real numbers); the
    chip's weights; and the chip's arithmetic. Each is evaluated on the same images.

    Parameters
    ----------
    model : Model
        Trained rate network, with layers of neurons one after the other; left as it is.
    data : Dataset
        Its test images are shown.
    synapse : nengo.synapses.Synapse
        For `.to_spiking`.
    presentation_time, window, batch_size, n_examples, seed, progress_bar
        As in `.evaluate`. Steps are of 1 ms, and each image starts from rest.

    Returns
    -------
    Ladder
        The record.

    Raises
    ------
    Unconvertible, BuildError
        If the model cannot be made for the chip, before anything is measured.
    ValidationError
        If arguments, model and data do not fit together.
    """
    settings = {
        "presentation_time": presentation_time,
        "window": window,
        "batch_size": batch_size,
        "n_examples": n_examples,
        "seed": seed,
        "progress_bar": progress_bar,
    }
    rungs, above = [], None
    for name, change, network, backend in _networks(model, synapse):
        evaluation = evaluate(network, data, backend, **settings)
        rates = _rates(network, data, backend, evaluation)
        if not rungs:
            rungs.append(Rung(name, change, evaluation, None, None))
        else:
            worse = difference(rungs[-1].evaluation, evaluation)
            deviations = {
                layer: _deviation(above[layer], seen) for layer, seen in rates.items()
            }
            rungs.append(Rung(name, change, evaluation, worse, deviations))
        above = rates
    return Ladder(rungs)


def _networks(model, synapse):
    """Name each rung and what changes there; give its network and its backend."""
    spiking = to_spiking(model, synapse)
    chip = to_loihi(spiking)
    filtered = chip.copy()
    for ensemble, twin in zip(filtered.ensembles, spiking.ensembles, strict=True):
        ensemble.neuron_type = twin.neuron_type
    soft = any(isinstance(e.neuron_type, SoftLIFRate) for e in model.ensembles)
    rungs = [("soft LIF rates", "as trained, without noise", model, "rate")]
    if soft:
        change = "rates of LIF neurons, not smoothed around threshold"
        rungs.append(("LIF rates", change, _hard(model), "rate"))
    else:
        rungs = [("rates", *rungs[0][1:])]
    return [
        *rungs,
        (
            "spikes",
            f"spiking neurons, with {synapse} between layers",
            spiking,
            "engine",
        ),
        (
            "chip's synapse",
            f"{_chip_synapses(chip)} to neurons of the chip; pooling folded into "
            "weights, which changes nothing",
            filtered,
            "engine",
        ),
        (
            "chip's neurons",
            "LoihiLIF: whole milliseconds between spikes, rounded time constants, "
            "start at voltage 0",
            chip,
            "engine",
        ),
        (
            "chip's weights",
            "weights in 8 bits, biases in 12, thresholds in 17; a step from host to "
            "chip, and back",
            chip,
            "loihi-weights",
        ),
        (
            "chip, emulated",
            "currents and voltages are whole numbers, every spike is that of the chip",
            chip,
            "loihi-emulator",
        ),
    ]


def _hard(model):
    """The same network with the rates of LIF neurons."""
    hard = model.copy()
    built = parameters.build(hard.network)
    parameters.install(hard.network, parameters.collect(hard.network, built))
    for ensemble in hard.ensembles:
        neurons = ensemble.neuron_type
        if isinstance(neurons, SoftLIFRate):
            ensemble.neuron_type = nengo.LIFRate(
                neurons.tau_rc, neurons.tau_ref, amplitude=neurons.amplitude
            )
    return hard


def _chip_synapses(chip):
    """Synapses that lead to neurons of the chip."""
    neurons = nengo.ensemble.Neurons
    found = {
        str(connection.synapse)
        for connection in chip.network.all_connections
        if isinstance(connection.post_obj, neurons)
        and isinstance(connection.pre_obj, neurons)
    }
    return ", ".join(sorted(found))


def _rates(model, data, backend, evaluation):
    """Rates of all neurons, for some images: (n_images, n_neurons) for each layer."""
    n = min(COMPARED, evaluation.n_examples)
    examples = presentation_order(len(data.x_test))[:n]
    images = model.preprocessing.test(data.x_test[examples])[:, None]
    watched = backends.Watched.from_model(model, {}, evaluation.seed)
    if backend in ("rate", "engine"):
        sim = Simulator(
            watched.network, 0.001, evaluation.seed, n, watched.dtype, False
        )
    else:
        sim = emulated(backend, watched, n, evaluation.seed)
    n_steps = 1
    if backend != "rate":
        n_steps = round(evaluation.presentation_time / evaluation.dt)
    with sim:
        sim.run_steps(n_steps, {watched.input: images})
        counts = [sim.spike_counts(layer) for layer in watched.layers]
    names = backends.layer_names(backends.neuron_layers(model))
    return {
        name: count / (n_steps * sim.dt)
        for name, count in zip(names, counts, strict=True)
    }


def _deviation(above, below):
    size = np.sqrt(np.mean(above**2))
    deviation = np.sqrt(np.mean((below - above) ** 2))
    return float(100 * deviation / size) if size > 0 else 0.0


def _row(number, rung):
    largest = rung.largest_deviation
    low, high = rung.difference.interval_points if rung.difference else (0, 0)
    return (
        f"{number}  {rung.name}",
        f"{rung.evaluation.error_percent:.2f}",
        f"{rung.difference.points:+.2f} ({low:+.2f} to {high:+.2f})"
        if rung.difference
        else "",
        f"{rung.evaluation.mean_rate_hz:.1f} Hz",
        f"{largest[0]}: {largest[1]:.1f} %" if largest else "",
    )


def _rung(record):
    record = dict(record)
    record["evaluation"] = Evaluation.from_json(json.dumps(record["evaluation"]))
    if record["difference"] is not None:
        found = dict(record["difference"])
        found["interval_points"] = tuple(found["interval_points"])
        record["difference"] = Difference(**found)
    return Rung(**record)
