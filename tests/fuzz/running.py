"""Try many seeds: in several processes, with progress, a record and an exit status."""

import argparse
import contextlib
import dataclasses
import json
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

MOST_FAULTS = 20
"""Faults that are printed; more of them say nothing new."""


class Wrong(Exception):
    """Where something differs that must not; says what."""


@dataclasses.dataclass
class Result:
    """What came of one seed.

    Attributes
    ----------
    seed : int
        Which.
    kind : str
        Of what it made, where there are several kinds.
    counts : Counter
        What was compared, by name.
    refused : str
        Why it was refused, as it should be; empty if it was not.
    fault : str
        What is wrong; empty if nothing is.
    """

    seed: int
    kind: str = ""
    counts: Counter = dataclasses.field(default_factory=Counter)
    refused: str = ""
    fault: str = ""

    @contextlib.contextmanager
    def catching(self):
        """Keep errors as the fault, and warnings quiet."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                yield
            except Wrong as error:
                self.fault = str(error)
            except Exception:
                self.fault = traceback.format_exc()


@dataclasses.dataclass
class Tally:
    """Of many results; only those that failed are kept."""

    unit: str
    n: int = 0
    counts: Counter = dataclasses.field(default_factory=Counter)
    n_refused: int = 0
    failed: list = dataclasses.field(default_factory=list)

    def add(self, result):
        """Count one more."""
        self.n += 1
        self.counts.update(result.counts)
        self.n_refused += bool(result.refused)
        if result.fault:
            self.failed.append(result)

    def __str__(self):
        """One line."""
        counts = [f"{n:,} {name}" for name, n in self.counts.items()]
        ends = [f"{self.n_refused:,} refused", f"{len(self.failed):,} wrong"]
        seeds = "".join(f" {result.seed}" for result in self.failed[:MOST_FAULTS])
        line = f"{self.n:,} {self.unit}: {', '.join(counts + ends)}"
        return line + (f", seeds{seeds}" if seeds else "")

    def record(self):
        """For a JSON file."""
        counts = {name: int(n) for name, n in self.counts.items()}
        failed = [dict(vars(result)) for result in self.failed]
        of = {"n": self.n, "of": self.unit, "refused": self.n_refused}
        return of | {"counts": counts, "failed": failed}


def options(description, n=100):
    """Options that each command has.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--n", type=int, default=n, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, help="receives a JSON record")
    return parser


def run(check, seeds, unit, processes=1):
    """Check many seeds, and print what is wrong.

    Parameters
    ----------
    check : callable
        From a seed to a `Result`.
    seeds : sequence of int
        Which.
    unit : str
        What a seed makes, in the plural.
    processes : int
        How many at a time.

    Returns
    -------
    Tally
    """
    tally = Tally(unit)
    with contextlib.ExitStack() as stack:
        results = map(check, seeds)
        if processes > 1:
            # a process that forks has TensorFlow's threads, and may wait for ever
            pool = ProcessPoolExecutor(processes, get_context("spawn"))
            results = stack.enter_context(pool).map(check, seeds, chunksize=10)
        for result in tqdm(results, total=len(seeds), unit=f" {unit}"):
            tally.add(result)
            if result.fault and len(tally.failed) <= MOST_FAULTS:
                tqdm.write(f"seed {result.seed} {result.kind}: {result.fault}")
    return tally


def main(parser, plan):
    """Run a command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of `options`.
    plan : callable
        From what was given, to rows of a unit, how many, and how each is checked.

    Returns
    -------
    int
        The exit status: 0 only if nothing is wrong.
    """
    given, start, tallies = parser.parse_args(), time.time(), []
    for unit, n, check in plan(given):
        seeds = range(given.first, given.first + n)
        tallies.append(run(check, seeds, unit, given.processes))
        print(tallies[-1], flush=True)
    if given.out:
        record = {"first": given.first, "results": [t.record() for t in tallies]}
        record["seconds"] = round(time.time() - start)
        given.out.write_text(json.dumps(record, indent=1) + "\n")
    return int(any(tally.failed for tally in tallies))
