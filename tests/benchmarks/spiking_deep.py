"""Whether Lee et al.'s deep networks learn in spikes, and what all of it would take.

``python -m tests.benchmarks.spiking_deep`` trains VGG9 and ResNet11 on some images of
CIFAR-10, as spikes fired by chance, each in a process of its own, and computes from the
seconds of a step how long the authors' 150 epochs would take on this machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import nengo_softlif as softlif

import numpy as np

from . import reports

NETWORKS = ("vgg9", "resnet11")
EPOCHS, IMAGES = 150, 50_000
"""Of the authors' training."""


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    add("--images", type=int, default=160)
    add("--epochs", type=int, default=4)
    add("--batch", type=int, default=16)
    add("--time", type=float, default=0.1, help="of an example, in s")
    add("--learning-rate", type=float, default=3e-4)
    add("--json", type=Path, metavar="FILE")
    add("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        print(json.dumps(measure(args.networks[0], args)))
        return
    rows = []
    for network in args.networks:
        given = [a for a in sys.argv[1:] if a not in ("--networks", *args.networks)]
        command = [sys.executable, "-m", __spec__.name, *given, "--alone"]
        command += ["--networks", network]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        rows.append(json.loads(output.splitlines()[-1]))
        print_row(rows[-1])
    reports.write(args, rows=rows)


def measure(network, args):
    """Train a network on some images."""
    some = reports.take("cifar10", args.images)
    model = getattr(softlif.networks, network)(dropout=0.0)
    times = []
    history = softlif.fit(
        model,
        some,
        epochs=args.epochs,
        batch_size=args.batch,
        learning_rate=args.learning_rate,
        presentation_time=args.time,
        loss="membrane",
        callbacks=[_time_batches(times)],
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = float(np.median(np.diff(times)))
    return {
        "network": network,
        "neurons": int(sum(e.n_neurons for e in model.ensembles)),
        "loss": history["loss"],
        "error_percent": history["error_percent"],
        "seconds_per_step": seconds,
        "images_per_second": args.batch / seconds,
        "peak_mb": peak,
        "hours_of_all": EPOCHS * IMAGES / args.batch * seconds / 3600,
    }


def _time_batches(times):
    """Note when each batch begins."""
    import tensorflow as tf

    return tf.keras.callbacks.LambdaCallback(
        on_batch_begin=lambda batch, logs: times.append(time.perf_counter())
    )


def print_row(row):
    """Print what was measured of a network."""
    losses = " ".join(f"{loss:.3f}" for loss in row["loss"])
    print(
        f"{row['network']}: {row['neurons']:,} neurons, loss {losses}; "
        f"{row['images_per_second']:.2f} images/s, {row['peak_mb']:,.0f} MB; "
        f"{EPOCHS} epochs would take {row['hours_of_all']:,.0f} hours",
        flush=True,
    )


if __name__ == "__main__":
    main()
