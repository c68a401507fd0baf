"""What was found, wins and losses alike, in sentences made from docs/results."""

from nengo_softlif.experiments.published import NUMBERS

from .records import Measured, paired


def write_ledger(results):
    """Write a sentence for each finding whose records are there.

    Parameters
    ----------
    results : Results
        The records.

    Returns
    -------
    str
        A list, with the names of the records behind each.
    """
    lines = []
    for tell, names in LEDGER:
        found = results.find(names)
        if found is not None:
            files = ", ".join(f"``{name}``" for name in names)
            lines += [f"- {tell(*found)} [{files}]", ""]
    return "\n".join(lines)


def _effect(measured):
    """Say in words what something did to the error, and not more than is known."""
    low, high = measured.interval
    points = f"{measured} points"
    if low <= 0 <= high:
        return f"made no difference beyond chance: {points}"
    return f"{'lowered' if high < 0 else 'raised'} the error: {points}"


def _noise_on_mnist(none, gaussian):
    effects = [
        f"after {1000 * time:g} ms it {_effect(paired(none, gaussian, time))}"
        for time in (0.2, 0.06, 0.04)
    ]
    known = NUMBERS["noise-2015"]
    return (
        "Noise of 10 Hz in training, one MNIST network with it and one without: "
        f"{'; '.join(effects)}. {known.work} report {known.value:+.1f} points for "
        "CIFAR-10."
    )


def _over_seeds(findings):
    """Tell of the rows of an experiment that are held against another row."""
    used, told, n_others = findings.settings, [], 0
    for row in findings.rows:
        if row["difference_points"] is None:
            continue
        interval = tuple(row["interval_points"])
        points = Measured(row["difference_points"], interval, "{:+.2f}")
        if interval[0] <= 0 <= interval[1]:
            n_others += 1
        else:
            kinds = ("noise", "modification", "lever")
            name = next(row[kind] for kind in kinds if kind in row)
            told.append(f"``{name}`` ({row['readout']}) {_effect(points)}")
    seeds = len(used["seeds"])
    told.append(f"{n_others} of {n_others + len(told)} made none beyond chance")
    return (
        f"Experiment {findings.experiment} on {used['data']}, {seeds} "
        f"seed{'s' * (seeds > 1)}, {used['epochs']} epochs, differences: "
        f"{'; '.join(told)}. One in twenty is beyond chance by chance."
    )


def _conversion(rate, spikes):
    return (
        f"Rebuilding the network {rate.network} for {rate.dataset} in spikes, "
        f"{spikes.synapse}, {1000 * spikes.presentation_time:g} ms: "
        f"it {_effect(paired(rate, spikes))}."
    )


def _chip(spikes, chip):
    return (
        f"Putting the spiking network {spikes.network} for {spikes.dataset} on the "
        f"emulated chip: it {_effect(paired(spikes, chip))}."
    )


def _for_the_chip(before, after):
    rates = [
        f"{record.mean_rate_hz:.1f} Hz, {record.spikes_per_image:,.0f} spikes an image"
        for record in (before, after)
    ]
    return (
        "Training an MNIST network on for the chip, against training on as before, "
        f"on the emulated chip both: it {_effect(paired(before, after))}; it fires at "
        f"{rates[1]} instead of {rates[0]}."
    )


def _own_noise(before, same, after):
    return (
        "Training an MNIST network of low rates on, with the noise that its own spikes "
        f"have behind a synapse, in spikes: it {_effect(paired(before, after))}; with "
        f"the noise it had: it {_effect(paired(before, same))}. It fires at "
        f"{after.mean_rate_hz:.1f} Hz instead of {before.mean_rate_hz:.1f}."
    )


def _tuned(report):
    converted = next(row for row in report["rows"] if row["name"] == "converted")
    tuned = [row for row in report["rows"] if "history" in row]
    best = min(tuned, key=lambda row: row["short"]["error_percent"])
    short, before, long = best["short"], converted["short"], converted["long"]
    shown, longer = (1000 * record["presentation_time"] for record in (short, long))
    n_epochs = len(best["history"]["loss"])
    return (
        f"Tuning a converted {short['dataset']} network in spikes ({best['name']}, "
        f"best of {len(tuned)}, {n_epochs} epochs at {shown:g} ms): "
        f"{before['error_percent']:.2f} to {short['error_percent']:.2f} % at {shown:g} "
        f"ms; the converted one has {long['error_percent']:.2f} % after {longer:g} ms."
    )


def _lee(report):
    found, known = report["results"][-1], NUMBERS["mnist-lee"]
    return (
        f"Lee et al.'s LeNet in spikes: {found['error_percent']:.2f} % at "
        f"{1000 * found['presentation_time']:g} ms, after "
        f"{report['settings']['epochs']} epochs, where they have {known.value:.2f} % "
        "after 125."
    )


def _moving(report):
    spikes, rates, converted = report["ways"]
    told = [
        f"{row['label']} {row[spikes]['error_percent']:.1f} % ({spikes}), "
        f"{row[rates]['error_percent']:.1f} % ({rates}), "
        f"{row[converted]['error_percent']:.1f} % ({converted})"
        for row in report["rows"]
    ]
    n = report["settings"]["test"]
    return f"Moving digits, errors on {n:,} test examples: {'; '.join(told)}."


LEDGER = (
    (_noise_on_mnist, ("mnist-none-spiking", "mnist-gaussian-spiking")),
    (_over_seeds, ("noise-mnist",)),
    (_over_seeds, ("noise-cifar10",)),
    (_over_seeds, ("modifications",)),
    (_over_seeds, ("levers",)),
    (_conversion, ("mnist-gaussian-rate", "mnist-gaussian-spiking")),
    (_conversion, ("mnist-none-rate", "mnist-none-spiking")),
    (_conversion, ("cifar10-rate", "cifar10-engine")),
    (_conversion, ("cifar10-paper-rate", "cifar10-paper-spikes")),
    (_conversion, ("cifar10-best-rate", "cifar10-best-spikes")),
    (_conversion, ("mnist-best-rate", "mnist-best-spikes")),
    (_chip, ("cifar10-engine", "cifar10-loihi-emulator")),
    (_chip, ("cifar10-best-spikes", "cifar10-best-chip")),
    (_chip, ("mnist-best-spikes", "mnist-best-chip")),
    (_for_the_chip, ("mnist-plain-emulator", "mnist-loihi-emulator")),
    (_for_the_chip, ("mnist-plain-emulator", "mnist-loihi-slow-emulator")),
    (_own_noise, ("mnist-first-spikes", "mnist-same-spikes", "mnist-best-spikes")),
    (_tuned, ("spikes-tuned-mnist",)),
    (_tuned, ("spikes-tuned-cifar10",)),
    (_lee, ("spikes-lenet",)),
    (_moving, ("spikes-moving",)),
)
"""What was found, wins and losses: what says it, and of which records."""
