"""What training in spikes costs: against steps, batch, and how often neurons fire.

``python -m tests.benchmarks.spiking_costs`` takes training steps of Lee et al.'s LeNet,
each setting in a process of its own, and tells seconds of a step, for each image and
time step, and peak memory. How often neurons fire is set by the scale of all weights.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.models import copied
from nengo_softlif.networks import lenet

import numpy as np

from . import reports

USUAL = {"steps": 50, "batch": 64, "scale": 1.0, "derivative": "leak-corrected"}
VARIED = {
    "steps": (10, 25, 50, 100, 200),
    "batch": (1, 8, 64, 256),
    "scale": (0.7, 1.0, 1.5, 2.5),
    "derivative": ("leak-corrected", "fast-sigmoid"),
}


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--repeats", type=int, default=5)
    add("--json", type=Path, metavar="FILE")
    add("--alone", metavar="SETTINGS", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        print(json.dumps(measure(args.repeats, **json.loads(args.alone))))
        return
    rows = []
    print("varied       steps batch scale  s/step  us/(image step)  MB  % fire")
    for name, values in VARIED.items():
        for value in values:
            settings = {**USUAL, name: value}
            command = [sys.executable, "-m", __spec__.name]
            command += ["--repeats", str(args.repeats), "--alone", json.dumps(settings)]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            row = {"varied": name, **json.loads(output.splitlines()[-1])}
            rows.append(row)
            print(
                f"{name:12}{row['steps']:6}{row['batch']:6}{row['scale']:6}"
                f"{row['seconds']:8.3f}{row['microseconds']:12.1f}"
                f"{row['peak_mb']:10,.0f}  "
                + " ".join(f"{100 * rate:.1f}" for rate in row["rates"]),
                flush=True,
            )
    reports.write(args, rows=rows)


def measure(repeats, steps, batch, scale, derivative):
    """Take training steps with some setting."""
    from nengo_softlif.training.in_spikes import InSpikes

    import tensorflow as tf

    data, model = softlif.datasets.load("mnist"), lenet()
    network, twin = copied(model.network)
    settings = softlif.training.Settings(
        batch_size=batch,
        presentation_time=steps * 0.001,
        derivative=derivative,
        loss="membrane",
        optimizer=tf.keras.optimizers.SGD(1e-6),
    )
    trainer = InSpikes(network, twin[model.input], twin[model.output], settings)
    trainer.compile(settings.optimizer)
    for variable in trainer.keras_model.trainable_weights:
        variable.assign(scale * variable)
    order = np.random.default_rng(0).permutation(len(data.x_train))[:batch]
    images, labels = model.preprocessing.test(data.x_train[order]), data.y_train[order]
    trainer.train(images, labels)
    times = [time.perf_counter()]
    for _ in range(repeats):
        trainer.train(images, labels)
        times.append(time.perf_counter())
    seconds = float(np.median(np.diff(times)))
    bound = trainer.unrolled.bind(
        {c: v.numpy() for c, v in trainer.weights.variables.items()}, {}
    )
    rng = np.random.default_rng(0)
    spikes = bound.forward(images[:8, np.newaxis], steps, rng=rng).spikes.values()
    return {
        "steps": steps,
        "batch": batch,
        "scale": scale,
        "derivative": derivative,
        "seconds": seconds,
        "microseconds": 1e6 * seconds / batch / steps,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rates": [float(np.count_nonzero(s.values) / s.values.size) for s in spikes],
    }


if __name__ == "__main__":
    main()
