"""Sections about neurons: how much they fire, what that takes, and what of a chip."""

import numpy as np

from ..checks import count_steps
from ..experiments import count_inputs, energy
from ..layers import n_synapses
from ..tables import PrintedTable
from . import words
from .records import Plot, Section

N_BARS = 40
"""Bars of a histogram, at most."""


def updates(records):
    """Count updates of neurons for an image, by all records tell."""
    found = records.evaluation
    n_steps = count_steps(found.presentation_time, found.dt)
    return sum(records.n_neurons.values()) * n_steps


def rates(records):
    """How often neurons fire: of each layer, over neurons and images."""
    timed = [
        (name, found)
        for name, found in records.curves
        if found.spike_histograms is not None
    ]
    if not timed:
        return None
    plot = Plot(
        "histograms",
        "How many neurons fire at which rate while an image is shown, layer by layer.",
        {"choices": [_histograms(name, found) for name, found in timed]},
        PrintedTable(
            ("", "layer", "neurons", "mean", "99.9 % at most", "never fire", "silent"),
            [row for name, found in timed for row in _rate_rows(name, found)],
            align="llrrrrr",
            below=(
                "never fire: share of neurons that fired for none of the images, and "
                "could be removed",
                "silent: share of neurons and images without a spike",
            ),
        ),
    )
    return Section(
        "rates",
        "How much do neurons fire?",
        "Rates of all neurons on all images. Those that did not fire while an image "
        "was shown are counted above, not drawn.",
        [plot],
    )


def _histograms(name, found):
    layers = []
    for layer, counts in found.spike_histograms.items():
        fired, total = np.array(counts), sum(counts)
        width = max(1, -(-(len(fired) - 1) // N_BARS))  # spikes in a bar
        bars = [int(fired[i : i + width].sum()) for i in range(1, len(fired), width)]
        layers.append(
            {
                "name": layer,
                "mean": found.rates_hz[layer],
                "highest": (found.highest_rates_hz or {}).get(layer),
                "silent": words.share(counts[0], total),
                "never": words.share(*_never(found, layer)),
                "bars": [100 * n / total for n in bars],
                "width": width / found.presentation_time,
            }
        )
    return {"name": name, "layers": layers}


def _never(found, layer):
    n = sum(found.spike_histograms[layer]) // found.n_examples
    return (found.silent_neurons or {}).get(layer, 0), n


def _rate_rows(name, found):
    for layer, counts in found.spike_histograms.items():
        n_never, n = _never(found, layer)
        highest = (found.highest_rates_hz or {}).get(layer)
        yield (
            name,
            layer,
            f"{n:,}",
            words.rate(found.rates_hz[layer]),
            "" if highest is None else words.rate(highest),
            words.share(n_never, n),
            words.share(counts[0], sum(counts)),
        )


def spending(records):
    """Operations for an image, and energy by constants that are published."""
    found, n = records.evaluation, records.n_neurons
    if found.layer_synops is None or n is None:
        return None
    n_updates = updates(records)
    n_synops = found.synops_per_image["direct"]
    return Section(
        "energy",
        "Energy",
        "Operations counted here, times what others have published for one: an "
        "estimate of neurons and synapses alone, nothing was measured.",
        [
            _operations(found, n),
            _devices(found, n_updates),
            _against_error(found, n_synops, n_updates),
        ],
        {
            "sources": [f"{d.name}: {d.source}" for d in energy.DEVICES],
            "efficiency": _efficiency(records),
        },
    )


def _operations(found, n_neurons):
    n_steps = count_steps(found.presentation_time, found.dt)
    rows = [
        (name, found.layer_synops[name], n * n_steps) for name, n in n_neurons.items()
    ]
    kinds = "synaptic operations", "updates of neurons"
    return Plot(
        "bars",
        "Synaptic operations and updates of neurons for an image, by layer.",
        {
            "parts": list(kinds),
            "rows": [
                {
                    "name": name,
                    "values": [synops, updated],
                    "text": f"{words.count(synops)} + {words.count(updated)}",
                }
                for name, synops, updated in rows
            ],
        },
        PrintedTable(
            ("layer", *kinds), [(name, f"{a:,.0f}", f"{b:,}") for name, a, b in rows]
        ),
    )


def _devices(found, n_updates):
    rows = []
    for device in energy.DEVICES:
        of_layers = [energy.joules(device, n, 0) for n in found.layer_synops.values()]
        rows.append((device.name, [*of_layers, energy.joules(device, 0, n_updates)]))
    parts = [*found.layer_synops, "updates"]
    return Plot(
        "bars",
        "Energy for an image on devices, by layer and for updates of neurons.",
        {
            "parts": parts,
            "rows": [
                {"name": name, "values": values, "text": words.joules(sum(values))}
                for name, values in rows
            ],
        },
        PrintedTable(
            ("device", *parts, "together"),
            [
                (name, *map(words.joules, values), words.joules(sum(values)))
                for name, values in rows
            ],
        ),
    )


def _against_error(found, n_synops, n_updates):
    """Error against energy, as time goes on."""
    shown = found.presentation_time
    series, rows = [], []
    for device in energy.DEVICES:
        whole = energy.joules(device, n_synops, n_updates)
        spent = [1e6 * whole * t / shown for t in found.times]
        series.append({"name": device.name, "x": spent})
        series[-1]["y"] = list(found.error_over_time_percent)
        rows.append([words.joules(1e-6 * micro) for micro in spent])
    errors = map(words.percent, found.error_over_time_percent)
    times = map(words.time, found.times)
    return Plot(
        "curves",
        "Test error against energy for an image, if it is answered after part of the "
        "time; operations are taken to be spread evenly over time.",
        {
            "series": series,
            "x": "energy for an image (µJ)",
            "y": "test error (%)",
            "log": True,
            "logx": True,
            "floor": words.floor(found.error_over_time_percent, found.n_examples),
            "slider": "Time",
            "steps": [words.time(t) for t in found.times],
            "unit": " µJ",
        },
        PrintedTable(
            ("time", "error", *(d.name for d in energy.DEVICES)),
            list(zip(times, errors, *rows, strict=True)),
        ),
    )


def _efficiency(records):
    """The papers' efficiency, by both of their counts; None without a model."""
    found, model = records.evaluation, records.model
    if model is None or found.synops_per_image["paper"] is None or found.chip:
        return None
    n_inputs = count_inputs(model)
    n_all = n_inputs + sum(n_synapses(model.network).values())
    gains = energy.efficiency(
        n_all,
        n_inputs,
        sum(records.n_neurons.values()),
        found.synops_per_image["paper"],
        found.presentation_time,
    )
    return {name: f"{value:.2f}" for name, value in gains.items()}


def chip(records):
    """What of its cores a chip is taken, as a map."""
    pair = records.chip
    found = pair[1] if pair else records.evaluation
    if found.chip is None or not found.chip.get("limits"):
        return None
    limits, blocks = found.chip["limits"], found.chip["blocks"]
    names = list(limits)
    rows = [
        (
            layer,
            len(uses),
            *(
                f"{max(use[name] for use in uses):,} of {limits[name]:,} "
                f"({words.share(max(use[name] for use in uses), limits[name])})"
                for name in names
            ),
        )
        for layer, uses in blocks.items()
    ]
    layers = [
        {
            "name": layer,
            "colour": list(found.rates_hz).index(layer),
            "cores": [
                [round(100 * use[name] / limits[name], 1) for name in names]
                for use in uses
            ],
        }
        for layer, uses in blocks.items()
    ]
    plot = Plot(
        "cores",
        "Cores of the chip, layer by layer, the darker the fuller.",
        {"limits": names, "layers": layers},
        PrintedTable(("layer", "cores", *names), rows),
    )
    n_cores, n_chips = found.chip["cores"], found.chip["chips"]
    return Section(
        "chip",
        "Chip",
        f"{n_cores:,} cores on {n_chips} chip{'s' * (n_chips > 1)}, run by "
        f"{found.chip['target']}. Each square is a core; its shade is what it takes of "
        "the limit that is chosen.",
        [plot],
    )
