"""What commands print: ``python docs/made/commands.py`` runs one after the other."""

import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

RECORD = Path(__file__).parents[1] / "results" / "commands.json"
LINES = (
    "demo",
    "train digits --epochs 8 --batch-size 32 --learning-rate 3e-3",
    "info digits.safetensors",
    "evaluate digits.safetensors --data digits",
    "explain digits.safetensors --data digits --n-examples 200",
    "report digits.safetensors --data digits --n-examples 50",
    "experiment figure1 --figure figure1.png",
)
"""In this order; each with what is printed on standard output."""


def write(results, folder):
    """Write what docs/cli.rst includes: each command, and what it printed.

    Parameters
    ----------
    results : Path
        Where the record is.
    folder : Path
        Where pages include from.
    """
    for line, printed in json.loads((results / RECORD.name).read_text()).items():
        shown = [".. code-block:: console", "", f"   $ nengo-softlif {line}"]
        shown += [f"   {text}".rstrip() for text in printed.splitlines()]
        path = folder / f"command-{line.split()[0]}.inc"
        path.write_text("\n".join([*shown, ""]))


def without_seconds(printed):
    """Leave out, at ends of lines, how long something took: that is of a machine."""
    return re.sub(
        r"\d[\d.]* s$", lambda found: f"{'… s':>{len(found[0])}}", printed, flags=re.M
    )


def main():
    """Run all commands in a folder of their own, and record what they print."""
    record = {}
    with tempfile.TemporaryDirectory() as folder:
        for line in LINES:
            command = [sys.executable, "-m", "nengo_softlif", *shlex.split(line)]
            done = subprocess.run(
                command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True
            )
            record[line] = without_seconds(done.stdout.rstrip())
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
