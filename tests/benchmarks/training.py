"""How fast the papers' CIFAR-10 network trains: our fit, NengoDL and plain Keras.

The systems take turns, each in a process of its own; only training steps are measured,
after a warm-up, on batches that are ready in memory. Where several settings are tried
for a system, the fastest counts.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from . import machine
from .spiking import fastest, numbers, spread, take_turns

MODULE = "tests.benchmarks.training_systems"
SYSTEMS = {
    "layers": [{}],
    "through": [{}],
    "nengo-dl": [{}],
    "keras": [{"local": "patches"}, {"local": "keras"}],
}


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.training", description=__doc__
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--batches", type=int, default=10, help="in each turn")
    parser.add_argument("--threads", type=numbers, default=[2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))

    result = {"command": " ".join(sys.argv[1:]), "machine": described, "rows": []}
    for threads in args.threads:
        result["rows"] += measure(threads, args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


def measure(threads, args):
    """Measure all systems with some number of threads, and print a table."""
    given = {"threads": threads, "batch": args.batch, "batches": args.batches}
    with ExitStack() as group:
        workers = [
            fastest(name, MODULE, settings, given, group)
            for name, settings in SYSTEMS.items()
        ]
        workers = [worker for worker in workers if worker]
        take_turns(workers, args.repeats)
    rates = {w.name: args.batch * args.batches / np.array(w.seconds) for w in workers}
    print(f"\nbatches of {args.batch}, threads: {threads}")
    line = "{:<10}{:<24}{:<22}{:<22}{:>9}"
    print(line.format("system", "images/s", "to nengo-dl", "to keras", "peak MB"))
    rows = []
    for worker in workers:
        rate = rates[worker.name]
        ratios = {
            f"to_{other}": (rate / rates[other]).tolist()
            for other in ("nengo-dl", "keras")
            if other in rates
        }
        shown = [spread(ratios[key], ".2f") if key in ratios else "" for key in TO]
        print(
            line.format(
                worker.name, spread(rate, ".0f"), *shown, f"{worker.peak_mb:.0f}"
            )
        )
        about = {**worker.about, **ratios, "peak_mb": worker.peak_mb}
        rows.append({"name": worker.name, **given, "rate": rate.tolist(), **about})
    for worker in workers:
        print(f"{worker.name}: {worker.about['settings']}")
    return rows


TO = ("to_nengo-dl", "to_keras")


if __name__ == "__main__":
    main()
