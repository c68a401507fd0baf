"""Where following the spikes becomes slower than multiplying everything.

``python -m tests.benchmarks.crossover`` times the layers of the papers' networks on
chunks of random spikes, both ways, over a range of densities, and prints at which
density they take the same time. One over that is
`nengo_softlif.engine.products.DENSE_ADVANTAGE`.
"""

import argparse
import json
import time
from pathlib import Path

from nengo_softlif import layers, networks
from nengo_softlif.engine import products

import numpy as np

DENSITIES = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5]
N_EXAMPLES, N_STEPS = 64, 16


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows = [
        measured(name, operator, args.repeats)
        for name, operator in weighted_operators()
    ]
    print("ms for a chunk of 64 examples x 16 steps: spikes / everything\n")
    print(f"{'layer':<18}" + "".join(f"{d:>12.0%}" for d in DENSITIES) + "  equal at")
    for row in rows:
        cells = zip(row["spikes_ms"], row["dense_ms"], strict=True)
        cells = "".join(f"{a:>6.1f}/{b:<5.1f}" for a, b in cells)
        print(f"{row['layer']:<18}{cells}  {row['crossover']:.0%}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


def weighted_operators():
    """Operators of the papers' networks that take spikes."""
    for function in (networks.mnist, networks.cifar10):
        read = layers.read(function(seed=0).network)
        for layer in read.values():
            for path in layer.inputs:
                if path.source.neuron_type is None:
                    continue
                for op in path.operators:
                    if op.n_filters is not None:
                        label = op.connection.label or "layer"
                        yield f"{function.__name__} {label}", op


def measured(name, operator, repeats):
    """Times at all densities, and where they cross."""
    compiled = products.prepare(operator, np.float32)
    rng = np.random.default_rng(0)
    spikes, dense = [], []
    for density in DENSITIES:
        shape = (N_EXAMPLES, N_STEPS, operator.size_in)
        values = (rng.random(shape, np.float32) < density).astype(np.uint8)
        counts = products.Counts(values, np.ones(1, np.float32))
        for times, advantage in ((spikes, 0), (dense, np.inf)):
            products.DENSE_ADVANTAGE = advantage
            compiled(counts)
            times.append(1000 * min(timed(compiled, counts) for _ in range(repeats)))
    # both are nearly straight lines in the density
    slope, offset = np.polyfit(DENSITIES, np.array(spikes) - np.mean(dense), 1)
    return {
        "layer": name,
        "densities": DENSITIES,
        "spikes_ms": spikes,
        "dense_ms": dense,
        "crossover": float(np.clip(-offset / slope, 0, 1)),
    }


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
