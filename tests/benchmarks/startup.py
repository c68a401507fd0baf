"""Processor time from the shell to the answer: imports, help, and small evaluations.

Each command is a process of its own; counted is the processor time of it and of all
that it starts, once what it compiles is stored. Several checkouts take turns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from . import machine

HERE = Path(__file__).parents[2]


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.startup", description=__doc__
    )
    parser.add_argument(
        "model", type=Path, help="what `nengo-softlif train digits` wrote"
    )
    parser.add_argument(
        "--checkout",
        type=Path,
        action="append",
        help="folder of the repository; this one by default",
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))

    evaluate = ["nengo_softlif", "evaluate", str(args.model.resolve()), "--data"]
    commands = {
        "import nengo_softlif": ["-c", "import nengo_softlif"],
        "import nengo_dl": ["-c", "import nengo_softlif, nengo_dl"],
        "import nengo_loihi": ["-c", "import nengo_softlif, nengo_loihi"],
        "--help": ["-m", "nengo_softlif", "--help"],
        "evaluate digits": ["-m", *evaluate, "digits"],
        "evaluate digits, emulator": [
            *("-m", *evaluate, "digits", "--backend", "loihi-emulator")
        ],
    }
    checkouts = args.checkout or [HERE]
    seconds = {(name, path): [] for name in commands for path in checkouts}
    for turn in range(args.repeats + 1):
        for (name, path), found in seconds.items():
            used = processor_seconds(commands[name], path)
            if turn > 0:  # in the first it compiles
                found.append(used)

    rows = []
    print(f"\nprocessor seconds, median (fastest to slowest) of {args.repeats}")
    commits = "".join(f"{commit(path):<24}" for path in checkouts)
    print(f"{'':<28}{commits}".rstrip())
    for name in commands:
        cells = [spread(seconds[name, path]) for path in checkouts]
        print(f"{name:<28}" + "".join(f"{cell:<24}" for cell in cells).rstrip())
        rows.append({"name": name, "seconds": [seconds[name, p] for p in checkouts]})
    if args.json:
        args.json.write_text(
            json.dumps({"machine": described, "rows": rows}, indent=2) + "\n"
        )


def processor_seconds(arguments, checkout):
    """Processor time that Python takes with some arguments, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,  # where Python looks first
        env={**os.environ, "PYTHONPATH": str(checkout.resolve())},
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commit(checkout):
    """Git commit of a checkout."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    return subprocess.check_output(command, text=True).strip()


def spread(values):
    """Median, and in brackets the smallest and the largest value."""
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
