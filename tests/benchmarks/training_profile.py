"""Where the time of a training step goes, by TensorFlow's own profiler.

The papers' CIFAR-10 network as `fit` trains it. What several threads do at once counts
for each of them, so that the sum is up to the number of threads times the step.
"""

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

from . import machine
from .training_systems import Layers

STEPS = 10


def main():
    """Profile, and print the operations that take longest."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.training_profile", description=__doc__
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--operations", type=int, default=25, help="to print")
    args = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))

    system = Layers(args.batch)
    for _ in range(STEPS):  # compiles, and warms up
        system.train()
    start = time.perf_counter()
    for _ in range(STEPS):
        system.train()
    step = (time.perf_counter() - start) / STEPS
    print(f"a step of {args.batch} images takes {1000 * step:.1f} ms, of which\n")
    for name, milliseconds in profile(system).most_common(args.operations):
        print(f"{milliseconds:8.2f} ms  {name}")


def profile(system):
    """Measure some steps of a system.

    Returns
    -------
    collections.Counter
        From kinds of operations to milliseconds in a step.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(STEPS):
                system.train()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(path.read_bytes())
    total = collections.Counter()
    for plane in space.planes:
        if plane.name == "/host:CPU":
            for line in plane.lines:
                add(line, plane.event_metadata, total)
    return collections.Counter({k: v / 1e9 / STEPS for k, v in total.items()})


def add(line, names, total):
    """Add the picoseconds of a thread, each to the innermost operation."""
    events = sorted((e.offset_ps, e.duration_ps, e.metadata_id) for e in line.events)
    open_ = []
    for start, duration, key in events:
        name = names[key].name
        while open_ and open_[-1][0] <= start:
            open_.pop()
        if open_:
            total[open_[-1][1]] -= duration
        total[name] += duration
        open_.append((start + duration, name))


if __name__ == "__main__":
    main()
