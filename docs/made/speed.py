"""What docs/speed.rst shows: how fast, beside whom, from docs/results/speed-*."""

import re

from .showing import Shown, Spread, chart, machine
from .showing import write as write_measured

NAMES = {
    "engine": "this package",
    "engine-dense": "this, multiplying all",
    "layers": "this package",
    "through": "this, through NengoDL",
    "ours": "this package",
    "nengo-dl": "NengoDL",
    "nengo": "Nengo",
    "keras": "plain Keras",
    "snntorch": "snnTorch",
    "norse": "Norse",
    "spikingjelly": "SpikingJelly",
}
OURS = {"engine", "layers", "ours"}
EASIER = {"snntorch", "norse", "spikingjelly"}
"""Those whose neuron has neither synapse nor refractory time."""

TIMES = "{:.1f}"
PER_SECOND = "{:,.0f}"


def write(results, folder):
    """Write what docs/speed.rst includes; see `showing.write`."""
    write_measured(MEASURED, results, folder)


# -- simulation ------------------------------------------------------------------------

SPREAD = r"([\d.]+) \(([\d.]+)-([\d.]+)\)"
SIMULATED = re.compile(
    rf"^(\S+) +(\d+) +\d+ +{SPREAD} +(?:{SPREAD} +)?([\d.]+)% +(\d+)", re.M
)
"""A line of what tests/benchmarks/spiking.py prints."""


def read_simulated(record):
    """Read systems by name and threads, and the products of matrices by threads.

    Returns
    -------
    systems : dict of (str, int) to dict
        Each with ``rate``, ``to_baseline`` (`Spread`, the latter may be None),
        ``bound`` and ``peak_mb``.
    sgemm : dict of int to Spread
        GFLOP/s.
    """
    systems, sgemm = {}, {}
    if isinstance(record, str):
        for name, threads, *values in SIMULATED.findall(record):
            numbers = [float(value) if value else None for value in values]
            ratio = None if numbers[3] is None else Spread(*numbers[3:6])
            systems[name, int(threads)] = {
                "rate": Spread(*numbers[:3]),
                "to_baseline": ratio,
                "bound": numbers[6] / 100,
                "peak_mb": numbers[7],
            }
        for threads, *values in re.findall(
            rf"^sgemm, threads: (\d+): {SPREAD}", record, re.M
        ):
            sgemm[int(threads)] = Spread(*map(float, values))
        return systems, sgemm
    (group,) = record["groups"]
    for row in group["systems"]:
        if row["name"] == "sgemm":
            sgemm[row["threads"]] = Spread.of(row["gflops"])
            continue
        ratio = row.get("to_baseline")
        systems[row["name"], row["threads"]] = {
            "rate": Spread.of(row["rate"]),
            "to_baseline": ratio and Spread.of(ratio),
            "bound": Spread.of(row["of_sgemm"]).middle,
            "peak_mb": row["peak_mb"],
        }
    return systems, sgemm


def _kind(name, peer):
    return "ours" if name in OURS else "peer" if name == peer else "other"


def _label(name):
    return f"{NAMES[name]} (plain LIF)" if name in EASIER else NAMES[name]


def _simulated_rows(systems):
    """Rows of a table: who, how fast, how far from the dense bound, how much memory."""
    several = len({threads for _, threads in systems}) > 1
    for (name, threads), row in systems.items():
        words = f", {threads} thread{'s' * (threads > 1)}" if several else ""
        yield (
            f"{_label(name)}{words}",
            row["rate"].write(PER_SECOND),
            f"{row['bound']:.0%}",
            f"{row['peak_mb']:,.0f}",
        )


SIMULATED_HEAD = "", "images x steps/s", "of the dense bound", "peak memory, MB"


def _against_baseline(systems):
    rows = [
        (_label(name), row["to_baseline"], _kind(name, "nengo-dl"))
        for (name, _), row in systems.items()
    ]
    return chart([("", rows)], "times as fast as NengoDL", TIMES, 1)


def simulation(record):
    systems, _ = read_simulated(record)
    by_name = {name: row for (name, _), row in systems.items()}
    ours = by_name["engine"]
    best = max(EASIER & by_name.keys(), key=lambda name: by_name[name]["rate"].middle)
    ahead = ours["rate"].middle / by_name[best]["rate"].middle
    message = (
        f"This package simulates {ours['to_baseline'].write('{:.0f}')} times as fast "
        f"as NengoDL, and {ahead:.1f} times as fast as {NAMES[best]}, the fastest of "
        "those made with PyTorch, whose neurons have less to do."
    )
    drawn = _against_baseline(systems)
    rows = tuple(_simulated_rows(systems))
    return Shown(message, SIMULATED_HEAD, rows, *drawn, f"On {machine(record)}.")


def one_image(record):
    systems, _ = read_simulated(record)
    ratio = systems["engine", 2]["to_baseline"]
    message = (
        f"One image at a time, as a robot would, it is {ratio.write('{:.0f}')} times "
        "as fast as NengoDL."
    )
    drawn = _against_baseline(systems)
    rows = tuple(_simulated_rows(systems))
    return Shown(message, SIMULATED_HEAD, rows, *drawn, f"On {machine(record)}.")


def firing_more(record):
    systems, _ = read_simulated(record)
    rates = {name: row["rate"] for (name, _), row in systems.items()}
    ahead = rates["engine"].middle / rates["engine-dense"].middle
    message = (
        "With all biases raised until neurons fire at 10 Hz on average, following the "
        f"spikes is {ahead:.1f} times as fast as multiplying everything."
    )
    rows = [(_label(name), rate, _kind(name, "")) for name, rate in rates.items()]
    drawn = chart([("", rows)], "images x steps per second", PER_SECOND)
    rows = tuple(_simulated_rows(systems))
    return Shown(message, SIMULATED_HEAD, rows, *drawn, f"On {machine(record)}.")


def threads(record):
    systems, sgemm = read_simulated(record)
    one, two = (systems["engine", n]["rate"] for n in (1, 2))
    if isinstance(record, str):
        (values,) = re.findall(rf"2 threads to one: {SPREAD}", record)
        gain = Spread(*map(float, values))
    else:
        rows = record["groups"][0]["systems"]
        gain = Spread.of(next(r["to_one_thread"] for r in rows if "to_one_thread" in r))
    possible = sgemm[2].middle / sgemm[1].middle
    message = (
        f"Two threads simulate {gain.write('{:.2f}')} times as fast as one; products "
        f"of large matrices, which have nothing to wait for, gain {possible:.2f}."
    )
    bars = [("1 thread", one, "other"), ("2 threads", two, "ours")]
    drawn = chart([("", bars)], "images x steps per second", PER_SECOND)
    rows = tuple(_simulated_rows(systems))
    return Shown(message, SIMULATED_HEAD, rows, *drawn, f"On {machine(record)}.")


def agreement(record):
    spikes, differ = record["spikes"], record["differing_in_float64"]
    same = record["float32_predictions_equal"]
    message = (
        f"Of {sum(spikes.values()):,} spikes that Nengo's reference simulator has, "
        f"{sum(differ.values()) or 'none'} come in another step or are missing, in "
        f"float64; in float32, as `.evaluate` simulates, {same:.0%} of "
        f"{record['images']} answers are the same."
    )
    kept = record["float32_to_float64_spikes"]
    rows = [
        (layer, f"{n:,}", f"{differ[layer]:,}", f"{100 * (ratio - 1):+.4f} %")
        for (layer, n), ratio in zip(spikes.items(), kept, strict=True)
    ]
    head = "layer", "spikes", "in another step, float64", "spikes more or less, float32"
    return Shown(message, head, tuple(rows))


# -- training --------------------------------------------------------------------------


def training(*records):
    """Tell of runs on several machines, or of one with settings that differ."""
    groups, table, ratios = [], [], []
    notes = ("", ", without oneDNN", ", with oneDNN")
    for record, note in zip(records, notes, strict=True):
        rows = {row["name"]: row for row in record["rows"]}
        where = f"{machine(record)}{note}"
        spreads = {name: Spread.of(row["to_nengo-dl"]) for name, row in rows.items()}
        bars = [(NAMES[n], s, _kind(n, "nengo-dl")) for n, s in spreads.items()]
        groups.append((where, bars))
        to_keras = Spread.of(rows["layers"]["to_keras"]).middle
        ratios.append((spreads["layers"].middle, to_keras))
        for name, row in rows.items():
            rate = Spread.of(row["rate"]).write(PER_SECOND)
            table.append((where, NAMES[name], rate, f"{row['peak_mb']:,.0f}"))
            where = ""
    dl, keras = ([min(column), max(column)] for column in zip(*ratios, strict=True))
    message = (
        f"Training is {dl[0]:.1f} to {dl[1]:.1f} times as fast as through NengoDL, and "
        f"{keras[0]:.1f} to {keras[1]:.1f} times as fast as a network of plain Keras."
    )
    head = "on", "", "images/s", "peak memory, MB"
    drawn = chart(groups, "times as fast as NengoDL", TIMES, 1)
    return Shown(message, head, tuple(table), *drawn)


KINDS = (
    ("convolutions", "Conv2D"),
    ("neurons: rates, slopes, noise", "fusion|log-plus-one"),
    ("local layers and readout", "MatMul"),
    ("Adam", "Assign"),
    ("gradients of biases", "add/Sum"),
    ("pooling", "Pool"),
    ("transposing", "ranspose"),
    ("", "KernelAndDeviceFunc|BlockUntilReady|ParallelFor|ExecutorState"),
)
"""Of operations in TensorFlow's profile; those that wait for others have no name."""


def profile(text):
    step, images = re.search(
        r"a step of (\d+) images takes ([\d.]+) ms", text
    ).groups()[::-1]
    spent = dict.fromkeys([kind for kind, _ in KINDS if kind] + ["others"], 0.0)
    for milliseconds, name in re.findall(r"^ +([\d.]+) ms  (.+)$", text, re.M):
        kind = next((k for k, words in KINDS if re.search(words, name)), "others")
        if kind:
            spent[kind] += float(milliseconds)
    spent = {kind: ms for kind, ms in spent.items() if ms}
    first, second = sorted(spent, key=spent.get, reverse=True)[:2]
    message = (
        f"In a step of {images} images, which takes {float(step):.0f} ms, most goes to "
        f"{first} ({spent[first]:.0f} ms), then to {second} ({spent[second]:.0f} ms)."
    )
    rows = [(kind, Spread(ms, ms, ms), "ours") for kind, ms in spent.items()]
    drawn = chart([("", rows)], "milliseconds of threads, of which two run at once")
    return Shown(message, (), (), *drawn, f"On {machine(text)}.")


def in_spikes(record):
    groups, table, told = [], [], []
    sizes = {"n": "neurons", "steps": "steps", "batch": "examples"}
    words = {"lenet": "Lee et al.'s LeNet", "onm": "one dense layer"}
    for task in record["tasks"]:
        said = [f"{task[key]} {word}" for key, word in sizes.items() if key in task]
        where = f"{words[task['task']]}, {', '.join(said)}"
        peers = [row for row in task["rows"] if "ours_to_it" in row]
        bars = [
            (NAMES[row["name"]], Spread.of(row["ours_to_it"]), "other") for row in peers
        ]
        groups.append((where, bars))
        fastest = min(bars, key=lambda bar: bar[1].middle)
        told.append(f"{fastest[1].write()} times as fast as {fastest[0]} ({where})")
        for row in task["rows"]:
            seconds = Spread.of(row["seconds"]).write("{:.3f}")
            table.append((where, NAMES[row["name"]], seconds, f"{row['peak_mb']:,.0f}"))
            where = ""
    message = f"A step of training in spikes is {' and '.join(told)}."
    head = "task", "", "seconds a step", "peak memory, MB"
    drawn = chart(groups, "times as long as this package takes", TIMES, 1)
    return Shown(message, head, tuple(table), *drawn, f"On {machine(record)}.")


# -- start -----------------------------------------------------------------------------


def startup(record):
    """Tell of the processor time of commands, as it was and as it is."""
    if isinstance(record, str):
        spread = r"([\d.]+) \(([\d.]+) to ([\d.]+)\)"
        lines = re.findall(rf"^(.+?)  +{spread} +{spread}$", record, re.M)
        rows = [
            (name, Spread(*map(float, v[:3])), Spread(*map(float, v[3:])))
            for name, *v in lines
        ]
    else:
        rows = [(r["name"], *map(Spread.of, r["seconds"])) for r in record["rows"]]
    found = {name: (before, now) for name, before, now in rows}
    before, now = found["evaluate digits"]
    message = (
        f"Evaluating the digits from the shell takes {now.middle:.1f} s of processor "
        f"time, where it took {before.middle:.1f} s."
    )
    groups = [
        (name, [("before", before, "other"), ("now", now, "ours")])
        for name, before, now in rows
    ]
    drawn = chart(groups, "processor time (s)", "{:.2f}")
    return Shown(message, (), (), *drawn, f"On {machine(record)}.")


_RUN = "python -m tests.benchmarks"
_SPIKING = f"{_RUN}.spiking --weights cifar10.safetensors --data cifar10"
_TRAINING = [
    f"speed-training-{name}" for name in ("cifar10", "without-onednn", "with-onednn")
]
MEASURED = {
    "speed-simulation": (simulation, (("speed-spiking-cifar10",),), (_SPIKING,)),
    "speed-one-image": (
        one_image,
        (("speed-batch1-cifar10",),),
        (f"{_SPIKING} --batch 1",),
    ),
    "speed-firing-more": (
        firing_more,
        (("speed-hertz10-cifar10",),),
        (f"{_SPIKING} --hertz 10 --systems engine,engine-dense",),
    ),
    "speed-threads": (
        threads,
        (("speed-threads-cifar10",),),
        (f"{_SPIKING} --threads 1,2 --systems engine",),
    ),
    "speed-agreement": (
        agreement,
        (("agreement-cifar10",),),
        (f"{_RUN}.agreement --weights cifar10.safetensors --data cifar10",),
    ),
    "speed-training": (
        training,
        (tuple(_TRAINING),),
        (f"{_RUN}.training", f"TF_ENABLE_ONEDNN_OPTS=0 {_RUN}.training"),
    ),
    "speed-profile": (
        profile,
        (("speed-training-profile",),),
        (f"{_RUN}.training_profile",),
    ),
    "speed-in-spikes": (
        in_spikes,
        (("spikes-speed",),),
        (f"{_RUN}.spiking_training --neurons 512",),
    ),
    "speed-startup": (
        startup,
        (("speed-startup",),),
        (f"{_RUN}.startup digits.safetensors --checkout OTHER --checkout .",),
    ),
}
"""By the name of the include: what tells, of which records, and what writes these."""
