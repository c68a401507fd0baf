"""What tuning in spikes does for a converted network: error against time.

``python -m tests.benchmarks.fine_tuning mnist.safetensors --data mnist`` rebuilds a
trained network of soft LIF neurons in spikes, with the synapse that is named, and
trains it on in spikes for a short presentation time, once with each derivative. All
are shown to all test images; beside them stands the network as it was converted, with
the same synapse and with the papers' alpha synapse of 5 ms. Learning rates are not
chosen on test images. Trainings keep checkpoints in the folder ``--work``, so that a
run may be cut into pieces.
"""

import argparse
import time
from pathlib import Path

import nengo_softlif as softlif

import nengo
import numpy as np

from . import reports

TIMES = (0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2)


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("model", type=Path)
    add("--data", required=True)
    add("--synapse", type=read_synapse, default="lowpass:0.002")
    add("--time", type=float, default=0.03, help="of an example in training, in s")
    add("--derivatives", nargs="+", default=["measured-rates", "soft-lif"])
    add("--epochs", type=int, nargs="+", default=[3], help="or one for each of them")
    add("--learning-rate", type=float, default=3e-4)
    add("--batch-size", type=int, default=64)
    add("--n-examples", type=int, help="test images, instead of all")
    add("--seed", type=int, default=0)
    add("--work", type=Path, default=Path("."))
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    data = softlif.datasets.load(args.data)
    rate = softlif.load(args.model)
    rows = [
        measure(softlif.to_spiking(rate), data, args, "converted, Alpha(0.005)", 0.2),
        measure(softlif.to_spiking(rate, args.synapse), data, args, "converted", 0.2),
    ]
    each = args.epochs * (len(args.derivatives) if len(args.epochs) == 1 else 1)
    for derivative, epochs in zip(args.derivatives, each, strict=True):
        model = softlif.to_spiking(rate, args.synapse)
        start = time.process_time()
        history = softlif.fit(
            model,
            data,
            epochs=epochs,
            batch_size=args.batch_size,
            learning_rate=args.learning_rate,
            presentation_time=args.time,
            derivative=derivative,
            seed=args.seed,
            checkpoint=args.work / f"{args.model.stem}-{derivative}.checkpoint",
        )
        hours = (time.process_time() - start) / 3600
        model.save(args.work / f"{args.model.stem}-{derivative}.safetensors")
        row = measure(model, data, args, derivative)
        rows.append({**row, "processor_hours": hours, "history": history})
    reports.write(args, rows=rows)


def read_synapse(text):
    """Make a synapse of a kind and a time constant in seconds, or none."""
    kind, _, tau = text.partition(":")
    return {"none": lambda tau: None, "alpha": nengo.Alpha, "lowpass": nengo.Lowpass}[
        kind
    ](float(tau or 0))


def measure(model, data, args, name, longest=0.06):
    """Evaluate a network for a long time, and for the time it is trained for."""
    settings = {"n_examples": args.n_examples, "batch_size": 100}
    long = softlif.evaluate(model, data, presentation_time=longest, **settings)
    short = softlif.evaluate(model, data, presentation_time=args.time, **settings)
    times = [t for t in TIMES if t <= longest]
    errors = np.interp(times, long.times, long.error_over_time_percent)
    print(
        f"{name:24}",
        " ".join(f"{e:5.2f}" for e in errors),
        f"| at {1000 * args.time:.0f} ms {short.error_percent:.2f} % "
        f"{short.error_interval_percent}, {short.spikes_per_image:.0f} spikes, "
        f"{short.mean_rate_hz:.1f} Hz",
        flush=True,
    )
    return {
        "name": name,
        "errors_percent": dict(zip(times, errors.tolist(), strict=True)),
        "long": reports.brief(long),
        "short": reports.brief(short),
    }


if __name__ == "__main__":
    main()
