"""How much each layer of a trained network fires in spikes, and what that costs."""

import dataclasses
from dataclasses import dataclass
from typing import TypedDict

from ..checks import count_steps
from ..evaluation import layer_names, neuron_layers
from ..layers import connection_synapses, n_synapses
from ..tables import PrintedTable
from . import energy, measuring
from .base import Experiment
from .settings import (
    COUNT,
    SECONDS,
    SEED,
    Data,
    ModelFile,
    Optional,
    Readout,
    Several,
    setting,
)


@dataclass(frozen=True)
class Settings:
    """What is measured, and how."""

    model: str = setting(
        dataclasses.MISSING,
        ModelFile(),
        "Model file that train wrote, or the name of a model of this package.",
    )
    data: str = setting(dataclasses.MISSING, Data(), "Data set: a name or a file.")
    readouts: tuple = setting(
        ("5:100:200", "3:60:150", "0:10:80", "0:10:60"),
        Several(Readout()),
        "Time constant of the alpha synapse (0: none), start and end of the mean of "
        "the output, in ms; images are shown until then.",
    )
    dt: float = setting(0.001, SECONDS, "Time step, in seconds.")
    n_examples: int = setting(
        None, Optional(COUNT), "Test images to use, a sample of all. Default: all."
    )
    seed: int = setting(0, SEED, "Seed of the simulation.")


class LayerRow(TypedDict):
    """One layer of neurons."""

    name: str
    n_neurons: int
    n_synapses: int
    rate_hz: float
    spikes_per_neuron: float
    spikes_per_step_percent: float


class Row(TypedDict):
    """One way to read out."""

    readout: str
    network: str
    dataset: str
    n_examples: int
    error_percent: float
    error_interval_percent: list[float]
    mean_rate_hz: float
    spikes_per_image: float
    spikes_per_neuron: float
    synops_per_image: dict[str, float]
    layers: list[LayerRow]
    efficiency: dict[str, float]
    joules_per_image: dict[str, float]
    joules_of_rates: float


class RatesAndEnergy(Experiment):
    """One evaluation for each way to read out."""

    name = "rates-and-energy"
    shows = (
        "Rates, spikes and synaptic operations of each layer, the papers' efficiency, "
        "and joules per image by published constants."
    )
    paper = (
        "Hunsberger and Eliasmith, arXiv:1611.05141, 2016, tables of rates and of "
        "efficiency; break-even of arXiv:2409.08290, 2024."
    )
    takes = "as long as evaluate does, for each way to read out"
    Settings = Settings
    Row = Row
    size = (13, 4.2)

    def pieces(self, settings):
        """One for each way to read out."""
        shared = {
            **measuring.identify(settings.model, settings.data),
            "dt": settings.dt,
            "n_examples": settings.n_examples,
            "seed": settings.seed,
        }
        return [{"readout": readout, **shared} for readout in settings.readouts]

    def check(self, settings):
        """Refuse times that are no whole steps."""
        measuring.check_readouts(settings.readouts, settings.dt)

    def measure(self, piece, scratch=None, progress_bar=False):
        """Evaluate, and count."""
        model, data = measuring.load(piece)
        found = measuring.evaluate_readout(model, data, piece, progress_bar)
        seconds = found["presentation_time"]
        layers = _list_layers(model, found["rates_hz"], seconds, piece["dt"])
        n_inputs = count_inputs(model)
        n_all = n_inputs + sum(layer["n_synapses"] for layer in layers)
        n_neurons = sum(layer["n_neurons"] for layer in layers)
        updates = n_neurons * count_steps(seconds, piece["dt"])
        synops = found["synops_per_image"]
        return {
            **{name: found[name] for name in found if name in Row.__annotations__},
            "spikes_per_neuron": found["spikes_per_image"] / n_neurons,
            "layers": layers,
            "efficiency": energy.efficiency(
                n_all, n_inputs, n_neurons, synops["paper"], seconds
            ),
            "joules_per_image": {
                device.name: energy.joules(device, synops["direct"], updates)
                for device in energy.DEVICES
            },
            "joules_of_rates": energy.MULTIPLY_ADD * n_all,
        }

    def rows(self, settings, results):
        """One for each way to read out."""
        return [
            {"readout": readout, **result}
            for readout, result in zip(settings.readouts, results, strict=True)
        ]

    def table(self, findings):
        """A row for each way to read out, and below it one for each layer."""
        head = "", "error %", "rate", "spikes", "per neuron", "per step"
        head += "synops (paper)", "(direct)", "efficiency", "with input"
        head += tuple(device.name for device in energy.DEVICES)
        rows = []
        for row in findings.rows:
            synops, gain = row["synops_per_image"], row["efficiency"]
            rows += [(), (row["readout"], *_cells(row), *_counts(synops, gain))]
            rows[-1] += tuple(
                _in_joules(row["joules_per_image"][device.name])
                for device in energy.DEVICES
            )
            rows += [_layer_cells(layer, len(head)) for layer in row["layers"]]
        first = findings.rows[0]
        title = (
            f"{first['network']} on {first['n_examples']:,} test images of "
            f"{first['dataset']}; alpha synapse, start and end of the readout in ms"
        )
        low, high = energy.BREAK_EVEN_PERCENT
        below = (
            "Efficiency: by the papers, without and with the operations of the input "
            "layer. Joules: per image,",
            "operations (direct) times published constants, nothing measured; the rate "
            f"network takes {_in_joules(first['joules_of_rates'])} in 45 nm.",
            f"Per step: spikes per neuron; above {low} to {high} % an equal quantised "
            "network takes less (2409.08290).",
            "Constants of devices are as others quote them (unverified):",
            *(f"{device.name}: {device.source}" for device in energy.DEVICES),
        )
        return PrintedTable(head, rows[1:], title, below=below)

    def draw(self, findings, figure):
        """Rates of layers, spikes per step beside break-even, joules per image."""
        from ..figures import COLOURS

        rates, steps, joules = figure.subplots(1, 3)
        rows, devices = findings.rows, [device.name for device in energy.DEVICES]
        layers = [layer["name"] for layer in rows[0]["layers"]]
        width = 0.8 / len(rows)
        for i, row in enumerate(rows):
            style = {"color": COLOURS[i % len(COLOURS)], "width": width}
            aside = (i - (len(rows) - 1) / 2) * width
            places = [place + aside for place in range(len(layers))]
            found = row["layers"]
            rates.bar(places, [x["rate_hz"] for x in found], **style)
            percent = [layer["spikes_per_step_percent"] for layer in found]
            steps.bar(places, percent, label=row["readout"], **style)
            places = [place + aside for place in range(len(devices))]
            joules.bar(places, [row["joules_per_image"][x] for x in devices], **style)
        for axes in (rates, steps):
            axes.set_xticks(range(len(layers)), layers)
        rates.set(ylabel="mean firing rate (Hz)")
        steps.axhspan(
            *energy.BREAK_EVEN_PERCENT, color="0.8", label="break-even", zorder=0
        )
        steps.set(ylabel="spikes per neuron and step (%)")
        steps.legend(frameon=False, title="synapse, from, to (ms)", fontsize="small")
        joules.axhline(rows[0]["joules_of_rates"], color="black", linestyle="--")
        joules.set_xticks(range(len(devices)), [d.replace(", ", "\n") for d in devices])
        joules.set(yscale="log", ylabel="joules per image, by published constants")
        joules.set_title("dashed: the rate network in 45 nm", fontsize="medium")


def count_inputs(model):
    """Count the synapses through which the image drives the first layer."""
    return sum(
        connection_synapses(connection)
        for connection in model.network.all_connections
        if connection.pre_obj is model.input
    )


def _list_layers(model, rates_hz, seconds, dt):
    layers, synapses = neuron_layers(model), n_synapses(model.network)
    return [
        {
            "name": name,
            "n_neurons": layer.n_neurons,
            "n_synapses": int(synapses[layer]),
            "rate_hz": rates_hz[name],
            "spikes_per_neuron": rates_hz[name] * seconds,
            "spikes_per_step_percent": 100 * rates_hz[name] * dt,
        }
        for layer, name in zip(layers, layer_names(layers), strict=True)
    ]


def _cells(row):
    layers = row["layers"]
    n_neurons = sum(layer["n_neurons"] for layer in layers)
    percent = sum(x["n_neurons"] * x["spikes_per_step_percent"] for x in layers)
    return (
        f"{row['error_percent']:.2f}",
        f"{row['mean_rate_hz']:.1f} Hz",
        f"{row['spikes_per_image']:,.0f}",
        f"{row['spikes_per_neuron']:.2f}",
        f"{percent / n_neurons:.2f} %",
    )


def _counts(synops, gain):
    return (
        f"{synops['paper']:,.0f}",
        f"{synops['direct']:,.0f}",
        f"{gain['without_input']:.2f}",
        f"{gain['with_input']:.2f}",
    )


def _layer_cells(layer, n_columns):
    cells = (
        f"  {layer['name']}",
        "",
        f"{layer['rate_hz']:.1f} Hz",
        f"{layer['spikes_per_neuron'] * layer['n_neurons']:,.0f}",
        f"{layer['spikes_per_neuron']:.2f}",
        f"{layer['spikes_per_step_percent']:.2f} %",
    )
    return cells + ("",) * (n_columns - len(cells))


def _in_joules(joules):
    return f"{1e6 * joules:,.2f} µJ"


RATES_AND_ENERGY = RatesAndEnergy()
