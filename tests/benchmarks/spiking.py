"""How fast spiking networks are simulated: our engine, its peers, and the machine.

One command builds the same network for every system, lets them take turns, and prints
images x steps per second. Only time stepping is measured, after a warm-up; constant
images are shown, for equal numbers of steps, from the initial state. Each system has a
process of its own, and the fastest of the settings tried for it counts. The peers made
with PyTorch simulate an easier neuron, without synapse and refractory time; they run in
a virtual environment that is made on first use.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import numpy as np

from . import environment, machine, networks
from .workers import Absent, Worker

NENGO, TORCH = "tests.benchmarks.nengo_systems", "tests.benchmarks.torch_peers"
EITHER = [{"setting": "eager"}, {"setting": "compiled"}]

# for each system its module, and the settings of which the fastest is measured
SGEMM = ("tests.benchmarks.machine", [{"library": "numpy"}, {"library": "tensorflow"}])
SYSTEMS = {
    "engine": (NENGO, [{}]),
    "engine-dense": (NENGO, [{}]),
    "nengo-dl": (NENGO, [{"unroll": 1}, {"unroll": 5}]),
    "nengo": (NENGO, [{}]),
    "snntorch": (TORCH, EITHER),
    "norse": (TORCH, EITHER),
    "spikingjelly": (TORCH, [*EITHER, {"setting": "layer by layer"}]),
}
BASELINE = "nengo-dl"

SCALING = {
    "steps": [50, 100, 200, 400],
    "batch": [8, 16, 32, 64],
    "width": [0.5, 1, 2],
}


def main():
    """Run the benchmark and print what was measured."""
    args = parse()
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))
    result = {"command": " ".join(sys.argv[1:]), "machine": described}
    result |= (scaling if args.scaling else compare)(args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.spiking", description=__doc__
    )
    add = parser.add_argument
    add("--network", choices=networks.NETWORKS, default="cifar10")
    add("--weights", type=Path, help="a saved model of the network; untrained without")
    add("--data", help="show test images of a data set, such as cifar10; else random")
    add("--hertz", type=float, help="change all biases until this is the mean rate")
    add("--batch", type=numbers, default=[64], help="such as 1,16,64")
    add("--steps", type=int, default=200)
    add("--threads", type=numbers, default=[2], help="1, 2, or 1,2 to compare both")
    add("--repeats", type=int, default=5, help="how often each system takes its turn")
    add("--systems", type=names, default=list(SYSTEMS), help=",".join(SYSTEMS))
    add(
        "--scaling",
        action="store_true",
        help="instead, time of the engine against steps, batch and width (CIFAR-10)",
    )
    add("--environment", type=Path, default=environment.default_path())
    add("--json", type=Path, metavar="FILE", help="write all that was measured")
    args = parser.parse_args()
    if args.scaling and (args.network != "cifar10" or args.weights or args.hertz):
        parser.error("--scaling is of the untrained CIFAR-10 network")
    return args


def numbers(text):
    """Several positive whole numbers."""
    found = [int(part) for part in text.split(",")]
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"expected positive numbers, got {text!r}")
    return found


def names(text):
    """Several systems."""
    unknown = set(text.split(",")) - set(SYSTEMS)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown {', '.join(sorted(unknown))}")
    return text.split(",")


# -- all systems on one network --------------------------------------------------------


def compare(args):
    """Measure all systems, for one batch size after the other."""
    model = networks.make(args.network, args.weights, data=args.data, hertz=args.hertz)
    layers = networks.layers(model)
    flops, later = networks.flops(layers), networks.flops(layers, first=False)
    weights = str(
        args.weights.name if args.weights else "untrained (He's initial weights)"
    )
    print(
        f"{args.network}, {weights}; {flops / 1e6:.1f} MFLOP for an image and step, "
        f"{later / 1e6:.1f} without the first layer, which a constant image needs once"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "layers.npz")
        images = networks.images(model, max(args.batch), args.data)
        networks.write(path, layers, images)
        systems = plan(args, path)
        groups = []
        for batch in args.batch:
            given = {"batch": batch, "steps": args.steps}
            rows = measure(systems, given, args, flops)
            print_table(rows, batch, args.steps)
            groups.append({"batch": batch, "steps": args.steps, "systems": rows})
    return {
        "network": args.network,
        "weights": weights,
        "hertz": args.hertz,
        "images": args.data or "random, of unit variance",
        "flops": flops,
        "flops_without_first_layer": later,
        "groups": groups,
    }


def plan(args, path):
    """For each system its module, its settings, and what else it is told."""
    own = {"weights": args.weights and str(args.weights.resolve()), "data": args.data}
    own |= {"network": args.network, "width": 1, "hertz": args.hertz}
    told = {NENGO: own, TORCH: {"path": str(path)}}
    chosen = {name: SYSTEMS[name] for name in args.systems}
    if any(module == TORCH for module, _ in chosen.values()):
        try:
            told[TORCH]["python"] = environment.make(args.environment)
        except subprocess.CalledProcessError as error:
            print(f"the PyTorch peers are left out: {error}")
            del told[TORCH]
    return {
        name: (module, settings, told[module])
        for name, (module, settings) in chosen.items()
        if module in told
    }


def measure(systems, given, args, flops):
    """Start all systems, let them take turns, and return what was measured."""
    with ExitStack() as group:
        workers = []
        for threads in args.threads:
            workers.append(fastest("sgemm", *SGEMM, {"threads": threads}, group))
            for name, (module, settings, told) in systems.items():
                everything = {"threads": threads, **given, **told}
                workers.append(fastest(name, module, settings, everything, group))
        workers = [worker for worker in workers if worker]
        take_turns(workers, args.repeats)
        return summarize(workers, args.steps, flops)


def fastest(name, module, settings, given, group):
    """Start a system with each of its settings; keep the fastest, for the group.

    Returns
    -------
    Worker or None
        None if no setting works here.
    """
    workers, tried = [], []
    for setting in settings:
        progress(f"{name}, threads: {given['threads']}, {setting or 'warming up'}")
        try:
            worker = Worker(name, module, **given, **setting)
            group.enter_context(closing(worker))
            if len(settings) > 1:
                take_turns([worker], 2)
        except Absent as error:
            progress("")
            print(f"{name} {setting or ''} is left out: {error}")
            continue
        tried.append({**setting, "seconds": worker.seconds})
        workers.append(worker)
    if not workers:
        return None
    best = min(workers, key=lambda worker: min(worker.seconds, default=0))
    for worker in workers:
        if worker is not best:
            worker.close()
    best.seconds, best.about["tried"] = [], tried
    return best


def take_turns(workers, repeats):
    """Let every worker run once, then every worker again, and so on."""
    for repeat in range(repeats):
        for worker in workers:
            progress(f"{worker.name}, run {repeat + 1} of {repeats}")
            worker.run()
    progress("")


def summarize(workers, steps, flops):
    """Rates, ratios and memory of what was measured.

    A ratio compares two systems in the same round, when the machine was the same.
    """
    measured = {(w.name, w.threads): w for w in workers}
    rows = []
    for (name, threads), worker in measured.items():
        row = {"name": name, "threads": threads, **worker.about}
        row |= {"seconds": worker.seconds, "peak_mb": worker.peak_mb}
        rows.append(row)
        seconds = np.array(worker.seconds)
        if name == "sgemm":
            row["gflops"] = machine.sgemm_flops() / seconds / 1e9
            continue
        row["rate"] = worker.about["images"] * steps / seconds
        sgemm = measured["sgemm", threads]
        peak = machine.sgemm_flops() / np.array(sgemm.seconds)
        row["of_sgemm"] = row["rate"] * flops / peak
    for row in rows:
        others = {(r["name"], r["threads"]): r for r in rows if "rate" in r}
        baseline = others.get((BASELINE, row["threads"]))
        single = others.get((row["name"], 1))
        if "rate" in row and baseline:
            row["to_baseline"] = row["rate"] / baseline["rate"]
            row["agreement"] = np.corrcoef(row["answer"], baseline["answer"])[0, 1]
        if "rate" in row and single and row["threads"] > 1:
            row["to_one_thread"] = row["rate"] / single["rate"]
    return [{key: plain(value) for key, value in row.items()} for row in rows]


def plain(value):
    """As JSON has it."""
    return np.asarray(value).tolist() if isinstance(value, np.ndarray) else value


def print_table(rows, batch, steps):
    """Print medians, and in brackets the smallest and the largest."""
    print(f"\nbatch {batch}, {steps} steps")
    line = "{:<13}{:>8}{:>8}  {:<24}{:<22}{:>9}{:>9}{:>8}"
    print(
        line.format(
            *("system", "threads", "images", "images x steps/s"),
            *(f"to {BASELINE}", "of sgemm", "peak MB", "answer"),
        )
    )
    for row in rows:
        if row["name"] == "sgemm":
            continue
        print(
            line.format(
                row["name"],
                row["threads"],
                row["images"],
                spread(row["rate"], ".0f"),
                spread(row["to_baseline"], ".2f") if "to_baseline" in row else "",
                f"{median(row['of_sgemm']):.1%}",
                f"{row['peak_mb']:.0f}",
                f"{row['agreement']:.4f}" if "agreement" in row else "",
            )
        )
    for row in rows:
        if row["name"] == "sgemm":
            print(f"sgemm, threads: {row['threads']}:", end=" ")
            print(f"{spread(row['gflops'], '.0f')} GFLOP/s, {row['settings']}")
        elif "to_one_thread" in row:
            ratio = spread(row["to_one_thread"], ".2f")
            print(f"{row['name']}, {row['threads']} threads to one: {ratio}")
    for name, settings in {row["name"]: row["settings"] for row in rows}.items():
        if name != "sgemm":
            print(f"{name}: {settings}")
    print(f"answer: correlation with that of {BASELINE}, for the first image")


def spread(values, form):
    """Median, smallest and largest."""
    low, high = min(values), max(values)
    return f"{median(values):{form}} ({low:{form}}-{high:{form}})"


# -- the engine alone, larger and smaller ----------------------------------------------


def scaling(args):
    """Measure the engine against steps, batch and width; fit power laws."""
    (threads,) = args.threads
    fixed = {"network": "cifar10", "weights": None, "data": None, "hertz": None}
    base = {"batch": max(SCALING["batch"]) // 2, "steps": 100, "width": 1}
    print(f"the engine on CIFAR-10, threads: {threads}; where not varied: {base}")
    axes = {}
    for axis, values in SCALING.items():
        with ExitStack() as group:
            workers = []
            for value in values:
                arguments = {**fixed, **base, axis: value}
                progress(f"{axis} {value}")
                worker = Worker("engine", NENGO, threads, **arguments)
                workers.append(group.enter_context(closing(worker)))
            take_turns(workers, args.repeats)
            times = [median(worker.seconds) for worker in workers]
            slope = np.polyfit(np.log(values), np.log(times), 1)[0]
        print(f"\n{axis:>6}  seconds{'peak MB':>10}")
        for value, seconds, worker in zip(values, times, workers, strict=True):
            print(f"{value:>6}{seconds:>9.3f}{worker.peak_mb:>10.0f}")
        print(f"time grows as {axis} to the power of {slope:.2f}")
        axes[axis] = {
            "values": values,
            "seconds": [worker.seconds for worker in workers],
            "peak_mb": [worker.peak_mb for worker in workers],
            "slope": slope,
        }
    return {"base": base, "threads": threads, "scaling": axes}


def progress(text):
    """Say on a terminal what is going on; the next call overwrites it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except Absent as error:
        sys.exit(f"the run has ended early: {error}")
