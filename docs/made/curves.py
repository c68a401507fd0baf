"""What docs/mnist.rst and docs/cifar10.rst show of whole test sets."""

from typing import NamedTuple

from nengo_softlif.evaluation import difference

import numpy as np

from .chip import effect, error
from .records import Results
from .showing import Shown, find, fold, render

CLASSES = {
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
}
"""What numbers of classes mean, where they are no digits."""


class Network(NamedTuple):
    """A network, and the records of it: as rates, in spikes, on the chip."""

    title: str
    groups: tuple  # of three names each; the first of which any is there is taken


NETWORKS = {
    "cifar10": (
        Network(
            "Our best network",
            (("cifar10-best-rate", "cifar10-best-spikes", "cifar10-best-chip"),),
        ),
        Network(
            "The papers' network",
            (
                ("cifar10-paper-rate", "cifar10-paper-spikes", "cifar10-paper-chip"),
                ("cifar10-rate", "cifar10-engine", "cifar10-loihi-emulator"),
            ),
        ),
    ),
    "mnist": (
        Network(
            "Our best network",
            (("mnist-best-rate", "mnist-best-spikes", "mnist-best-chip"),),
        ),
        Network(
            "The papers' network",
            (
                ("mnist-paper-rate", "mnist-paper-spikes", "mnist-paper-chip"),
                ("mnist-gaussian-rate", "mnist-gaussian-spiking", ""),
            ),
        ),
        Network(
            "The same, trained without noise",
            (("mnist-none-rate", "mnist-none-spiking", ""),),
        ),
    ),
}
"""By data set; those that are not measured yet do not appear."""

WAYS = "rates", "spikes", "the emulated chip"


def write(results, folder):
    """Write what the pages include.

    Parameters
    ----------
    results : Path
        Where records are.
    folder : Path
        Where pages include from.
    """
    for data, networks in NETWORKS.items():
        parts = [_section(network, results) for network in networks]
        text = "\n".join(part for part in parts if part)
        (folder / f"curves-{data}.inc").write_text(text or "Nothing measured yet.\n")


def _section(network, results):
    """Tell of a network; nothing, if there are no records of it in spikes."""
    for names in network.groups:
        found = {
            way: (name, record)
            for way, name in zip(WAYS, names, strict=True)
            if name and (record := find(results, name)) is not None
        }
        if "spikes" in found:
            break
    else:
        return ""
    names = [name for name, _ in found.values()]
    records = {way: record for way, (_, record) in found.items()}
    commands = [record.command for record in records.values() if record.command]
    spikes_name, spikes = found["spikes"]
    parts = [
        network.title,
        "-" * len(network.title),
        "",
        render(errors(records, names, Results(results).epochs(spikes))),
        render(rates(spikes, spikes_name)),
        render(confusions(spikes, spikes_name)),
        fold(results, names, commands),
    ]
    return "\n".join(parts)


def errors(records, names, trained):
    """Tell how wrong a network is, when, and what the ways to run it change."""
    spikes = records["spikes"]
    shown = 1000 * spikes.presentation_time
    told = [
        f"The network ``{spikes.network}``{trained} tells {error(spikes)} % of "
        f"{spikes.n_examples:,} test images wrongly in spikes, after {shown:g} ms, "
        f"with synapses {spikes.synapse}; after {1000 * spikes.time_to_decide:g} ms it "
        "is within half a point of that."
    ]
    pairs = ("rates", "spikes"), ("spikes", "the emulated chip")
    for a, b in pairs:
        if a in records and b in records:
            changed = effect(difference(records[a], records[b]))
            told.append(f"From {a} to {b} the error changes by {changed}.")
    rows = []
    for way, r in records.items():
        time = "" if r.time_to_decide is None else f"{1000 * r.time_to_decide:g}"
        each = "" if r.spikes_per_image is None else f"{r.spikes_per_image:,.0f}"
        rows.append((way, error(r), time, f"{r.mean_rate_hz:.1f}", each))
    head = "", "error, %", "time to decide, ms", "mean rate, Hz", "spikes an image"
    paths = [f"results/{name}.json" for name in names]
    code = (
        "from nengo_softlif import figures\n"
        "from nengo_softlif.evaluation import Evaluation\n\n"
        f"found = [Evaluation.load(path) for path in {paths!r}]\n"
        f"ax = figures.error_over_time(found, labels={list(records)!r})\n"
        "ax.figure.set_size_inches(5.6, 4)\n"
    )
    moments = [
        f"{value:.3g} % at {1000 * spikes.times[i]:g} ms"
        for i, value in enumerate(spikes.error_over_time_percent)
        if i % max(1, len(spikes.times) // 5) == 0 or i == len(spikes.times) - 1
    ]
    final = ", ".join(f"{way} {r.error_percent:.2f} %" for way, r in records.items())
    alt = (
        f"Test error against time. In spikes {', '.join(moments)}. At the end: {final}."
    )
    return Shown(" ".join(told), head, tuple(rows), code, alt)


def rates(record, name):
    """Tell how much the layers fire."""
    found = record.rates_hz
    most, least = max(found, key=found.get), min(found, key=found.get)
    message = (
        f"Its neurons fire at {record.mean_rate_hz:.1f} Hz on average, most in {most} "
        f"({found[most]:.1f} Hz), least in {least} ({found[least]:.1f} Hz)."
    )
    layers = ", ".join(f"{layer} {rate:.1f}" for layer, rate in found.items())
    alt = f"Bars, the mean firing rate of each layer in Hz: {layers}."
    code = (
        "from nengo_softlif import figures\n"
        "from nengo_softlif.evaluation import Evaluation\n\n"
        f'ax = figures.firing_rates(Evaluation.load("results/{name}.json"))\n'
        "ax.figure.set_size_inches(5.6, 3)\n"
        "ax.spines[['top', 'right']].set_visible(False)\n"
    )
    return Shown(message, chart=code, alt=alt)


def confusions(record, name):
    """Tell what is taken for what."""
    counts = np.array(record.confusion)
    classes = CLASSES.get(record.dataset, [str(i) for i in range(len(counts))])
    wrong = counts - np.diag(np.diag(counts))
    pairs = np.dstack(np.unravel_index(np.argsort(-wrong, axis=None), wrong.shape))[0]
    (a, b), (c, d) = pairs[:2]
    message = (
        f"Most often it takes {classes[a]} for {classes[b]}, {wrong[a, b]} of "
        f"{counts[a].sum():,} times, then {classes[c]} for {classes[d]}, "
        f"{wrong[c, d]} of {counts[c].sum():,} times. In spikes, images by what they "
        "are and what was answered:"
    )
    alt = (
        f"A matrix of images by true class and answer: {np.trace(counts):,} of "
        f"{counts.sum():,} on its diagonal; the largest beside it is {wrong[a, b]}, "
        f"{classes[a]} taken for {classes[b]}."
    )
    code = (
        "from nengo_softlif import figures\n"
        "from nengo_softlif.evaluation import Evaluation\n\n"
        f'ax = figures.confusion(Evaluation.load("results/{name}.json"))\n'
        "ax.figure.set_size_inches(5.6, 5.6)\n"
    )
    if record.dataset in CLASSES:
        code += (
            f"ax.set_xticklabels({classes!r}, rotation=45, ha='right')\n"
            f"ax.set_yticklabels({classes!r})\n"
        )
    return Shown(message, chart=code, alt=alt)
