"""What docs/chip.rst shows of the emulated chip, from docs/results."""

import re
from statistics import mean, stdev

from nengo_softlif.evaluation import difference
from nengo_softlif.loihi.cores import LIMITS, UNITS

from .showing import Shown, Spread, chart, machine
from .showing import write as write_measured

CHANCE = "no difference beyond chance"


def write(results, folder):
    """Write what docs/chip.rst includes; see `showing.write`."""
    write_measured(MEASURED, results, folder)


# -- the emulator ----------------------------------------------------------------------

COMPARED = re.compile(r"^(\w+), (\w+): ([\d,]+)(?: \(([\d,]+) spikes\))?, (\d+) ", re.M)


def emulator(text):
    """Tell of what tests/benchmarks/emulator.py prints."""
    spread = r"(\d+) \((\d+)-(\d+)\)"
    ours, theirs, ratio = (
        Spread(*map(float, re.search(rf"^{name} +{spread}", text, re.M).groups()))
        for name in ("ours", "NengoLoihi", "ratio")
    )
    cores = re.search(r"on (\d+) cores", text).group(1)
    images, steps = re.search(r"compared: (\d+) images, (\d+) steps", text).groups()
    compared = COMPARED.findall(text)
    spikes = sum(int(row[3].replace(",", "")) for row in compared if row[3])
    different = sum(int(row[4]) for row in compared)
    message = (
        f"On {cores} cores, `.Emulator` is {ratio.write('{:,.0f}')} times as fast as "
        f"NengoLoihi's emulator, and of {spikes:,} spikes and all voltages that were "
        f"compared, {different or 'none'} differ."
    )
    bars = [("this package", ours, "ours"), ("NengoLoihi", theirs, "peer")]
    drawn = chart([("", bars)], "images x steps per second", "{:,.0f}")
    rows = tuple((f"{row[0]}, {row[1]}", row[2], row[3], row[4]) for row in compared)
    head = "layer", "values compared", "of them spikes", "different"
    below = f"On {machine(text)}; {images} images of {steps} steps each were compared."
    return Shown(message, head, rows, *drawn, below)


# -- where accuracy goes ---------------------------------------------------------------


def _points(found):
    low, high = found.interval_points
    return f"{found.points:+.2f} ({low:+.2f} to {high:+.2f})"


def effect(found):
    """Write a paired difference, and whether chance explains it."""
    low, high = found.interval_points
    return f"{_points(found)} points" + (f", {CHANCE}" if low <= 0 <= high else "")


def error(record):
    """Write an error with its interval."""
    low, high = record.error_interval_percent
    return f"{record.error_percent:.2f} ({low:.2f} to {high:.2f})"


def ladder(found):
    """Tell of the rungs, and of early answers in spikes and on the chip."""
    first, last = found.rungs[0].evaluation, found.rungs[-1].evaluation
    spikes = next(r.evaluation for r in found.rungs if r.evaluation.times is not None)
    early = 0.04
    message = (
        f"From soft LIF rates to the chip the error changes by "
        f"{effect(difference(first, last))}. Answers after {1000 * early:g} ms change "
        f"by {effect(difference(spikes, last, early))} from spikes to the chip, whose "
        "lowpass synapses answer at once."
    )
    rows = []
    for rung in found.rungs:
        change = "" if rung.difference is None else _points(rung.difference)
        worst = rung.largest_deviation
        rows.append(
            (
                rung.name,
                error(rung.evaluation),
                change,
                f"{rung.evaluation.mean_rate_hz:.1f}",
                f"{worst[0]}: {worst[1]:.1f} %" if worst else "",
            )
        )
    head = "rung", "error, %", "change, points", "mean rate, Hz", "deviates most"
    code = (
        "from nengo_softlif import Ladder, figures\n\n"
        'ax = figures.ladder(Ladder.load("results/ladder-mnist.json"))\n'
        "ax.figure.set_size_inches(6, 3.4)\n"
        'ax.locator_params(axis="x", nbins=5)\n'
    )
    told = (f"{r.name} {_points(r.difference)}" for r in found.rungs if r.difference)
    alt = f"Points with intervals, change from the rung above: {'; '.join(told)}."
    below = "\n".join(f"- *{rung.name}*: {rung.change}" for rung in found.rungs)
    return Shown(message, head, tuple(rows), code, alt, below)


def trained(found, *records):
    """Tell of networks that were trained on, held against spikes and chip before."""
    last = found.rungs[-1].evaluation
    plain, *for_chip = records
    names = "not trained on", "as before", "for the chip", "for the chip, slower"
    rows, bars = [], []
    for name, record in zip(names, (last, *records), strict=True):
        change = "" if record is last else _points(difference(last, record))
        on_chip = list(record.rates_hz.items())[1:]
        rates = ", ".join(f"{layer} {rate:.1f}" for layer, rate in on_chip)
        spikes = f"{record.spikes_per_image:,.0f}"
        rows.append((name, error(record), change, rates, spikes))
        spread = Spread(record.error_percent, *record.error_interval_percent)
        bars.append((name, spread, "ours" if "for" in name[:3] else "other"))
    effects = [effect(difference(plain, record)) for record in for_chip]
    fewer = 100 * (1 - for_chip[0].spikes_per_image / plain.spikes_per_image)
    message = (
        "Of the MNIST network, which loses nothing on the chip, training for the chip "
        f"saved spikes, {fewer:.0f} % of them, not errors: against training on as "
        f"before, {'; slower, '.join(effects)}."
    )
    head = (
        "trained",
        "error on chip, %",
        "change, points",
        "rates on chip, Hz",
        "spikes",
    )
    drawn = chart([("", bars)], "test error on the emulated chip (%)", "{:.2f}")
    return Shown(message, head, tuple(rows), *drawn)


def seeds(record):
    """Tell of the means over seeds, after several times."""
    names = {"not": "not trained on", "as before": "as before"}
    means = {
        names.get(way, way): {
            1000 * float(time): (mean(errors), stdev(errors) / len(errors) ** 0.5)
            for time, errors in found["error_percent"].items()
        }
        for way, found in record.items()
    }
    times = list(next(iter(means.values())))
    lines = {way: list(found.values()) for way, found in means.items()}
    n = len(next(iter(record["not"]["error_percent"].values())))
    hertz = {way: found["highest_rate_hz"] for way, found in record.items()}
    rows = [
        (
            way,
            *(f"{m:.2f} (± {error:.2f})" for m, error in found),
            f"{rate:.0f}",
        )
        for (way, found), rate in zip(lines.items(), hertz.values(), strict=True)
    ]
    early, late = times[0], times[-1]
    chip, before = means["for the chip"], means["as before"]
    message = (
        f"Over {n} seeds, training for the chip lowers the highest rates from "
        f"{hertz['as before']:.0f} to {hertz['for the chip']:.0f} Hz; the error after "
        f"{late:g} ms is {chip[late][0]:.2f} % instead of {before[late][0]:.2f} %, "
        f"with standard errors of {chip[late][1]:.2f} and {before[late][1]:.2f}, and "
        f"that after {early:g} ms {chip[early][0]:.2f} % instead of "
        f"{before[early][0]:.2f} %."
    )
    code = (
        f"from made import showing\n\nshowing.over_time(\n{lines!r},\n{times!r},\n"
        '"time since the image appeared (ms)",\n)\n'
    )
    told = "; ".join(
        f"{way}: {', '.join(f'{m:.2f}' for m, _ in found)}"
        for way, found in lines.items()
    )
    shown = ", ".join(f"{time:g}" for time in times)
    alt = f"Three lines, mean test error in percent after {shown} ms. {told}."
    head = "trained", *(f"error, %, {time:g} ms" for time in times), "highest rate, Hz"
    return Shown(message, head, tuple(rows), code, alt)


# -- what it takes ---------------------------------------------------------------------


def cores(text, record):
    """Tell of the cores of the CIFAR-10 network, by NengoLoihi's own account."""
    chip, board = record.chip, re.search(r"of (\d+) chips", text).group(1)
    rows, fullest = [], {}
    for layer, uses in chip["blocks"].items():
        shares = {
            name: max(use[name] for use in uses) / limit
            for name, limit in LIMITS.items()
        }
        fullest[layer] = max(shares, key=shares.get)
        most = max(use["compartments"] for use in uses)
        parts = (f"{share:.0%}" for share in shares.values())
        rows.append((layer, f"{len(uses):,}", f"{most:,}", *parts))
    layer, *_ = max(rows, key=lambda row: int(row[1].replace(",", "")))
    limits = {"synapses": "memory for weights"}
    message = (
        f"The papers' CIFAR-10 network takes {chip['cores']:,} cores on "
        f"{chip['chips']} of the {board} chips of the largest board; most are "
        f"{layer}'s, which is limited by {limits.get(fullest[layer], fullest[layer])}."
    )
    code = (
        "from made import showing\n\n"
        'showing.core_map("results/cifar10-loihi-emulator.json")\n'
    )
    counts = ", ".join(f"{row[0]} {row[1]}" for row in rows)
    alt = f"A map of {chip['chips']} chips with their cores, by layer: {counts}."
    head = (
        "layer",
        "cores",
        "neurons of a core",
        *(f"of {UNITS[name]}" for name in LIMITS),
    )
    passed = re.findall(r"^(\w+): [\d ]+; validate_board passes", text, re.M)
    below = (
        f"NengoLoihi's validation passes with its allocators {', '.join(passed)}; of "
        "what a core has, the table gives the parts that the fullest one takes."
    )
    return Shown(message, head, tuple(rows), code, alt, below)


def onto_it(rate, spikes, chip):
    """Tell what becomes of the error of a whole test set."""
    message = (
        f"Of {chip.n_examples:,} test images, {error(chip)} % are told wrongly on "
        f"the emulated chip after {1000 * chip.presentation_time:g} ms. From rates to "
        f"spikes that is {effect(difference(rate, spikes))}, from spikes to the chip "
        f"{effect(difference(spikes, chip))}."
    )
    ways = {"rates": rate, "spikes": spikes, "the emulated chip": chip}
    bars = [
        (
            way,
            Spread(r.error_percent, *r.error_interval_percent),
            "ours" if r is chip else "other",
        )
        for way, r in ways.items()
    ]
    rows = [(way, error(r), f"{r.mean_rate_hz:.1f}") for way, r in ways.items()]
    drawn = chart([("", bars)], "test error (%), with its 95 % interval", "{:.2f}")
    return Shown(message, ("", "error, %", "mean rate, Hz"), tuple(rows), *drawn)


_RUN = "python -m tests.benchmarks"
_EVALUATE = "nengo-softlif evaluate"
MEASURED = {
    "chip-emulator": (
        emulator,
        (("speed-emulator-mnist",),),
        (f"{_RUN}.emulator --weights mnist.safetensors --data mnist --steps 50",),
    ),
    "chip-ladder": (
        ladder,
        (("ladder-mnist",),),
        (
            "nengo-softlif explain mnist.safetensors --data mnist "
            "--out ladder-mnist.json",
        ),
    ),
    "chip-trained": (
        trained,
        (
            (
                "ladder-mnist",
                "mnist-plain-emulator",
                "mnist-loihi-emulator",
                "mnist-loihi-slow-emulator",
            ),
        ),
        (
            "nengo-softlif train mnist --start-from mnist.safetensors --target loihi "
            "--epochs 3 --learning-rate 2e-4",
            f"{_EVALUATE} mnist-loihi.safetensors --data mnist "
            "--backend loihi-emulator",
        ),
    ),
    "chip-seeds": (seeds, (("chip-training-digits",),), (f"{_RUN}.chip_training",)),
    "chip-cores": (
        cores,
        (("chip-cifar10", "cifar10-loihi-emulator"),),
        (f"{_RUN}.chip_network --weights cifar10.safetensors --data cifar10",),
    ),
    "chip-cifar10": (
        onto_it,
        (
            ("cifar10-best-rate", "cifar10-best-spikes", "cifar10-best-chip"),
            ("cifar10-rate", "cifar10-engine", "cifar10-loihi-emulator"),
        ),
        (f"{_EVALUATE} cifar10.safetensors --data cifar10 --backend loihi-emulator",),
    ),
}
"""By the name of the include: what tells, of which records, and what writes these."""
