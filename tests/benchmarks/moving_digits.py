"""When time matters: moving digits, told in spikes and from sums over time.

``python -m tests.benchmarks.moving_digits`` makes events of moving MNIST digits, which
come back to where they were: summed over time, opposite motions are equal. Two networks
are to tell directions, or digits: Lee et al.'s LeNet, trained in spikes on the
frames, and a small one of rate neurons on their averages, then rebuilt in spikes to
see the frames.
"""

import argparse
import time
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif import events, networks

import nengo

from . import reports

WAYS = "trained in spikes, on frames", "rates, on averages", "converted, on frames"


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--labels", nargs="+", default=["direction", "digit"])
    add("--rounds", type=float, default=1.0)
    add("--steps", type=int, default=30)
    add("--train", type=int, default=6400)
    add("--test", type=int, default=2000)
    add("--epochs", type=int, default=3)
    add("--tau-rc", type=float, default=0.02)
    add("--learning-rate", type=float, default=1e-3)
    add("--seed", type=int, default=0)
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows, chosen = [], reports.take("mnist", args.train, args.test, args.seed)
    for label in args.labels:
        data = events.moving_digits(
            chosen, label, args.steps, args.rounds, seed=args.seed
        )
        rows.append({"label": label, **measure(data, args)})
        print(rows[-1], flush=True)
    reports.write(args, ways=WAYS, rows=rows)


def measure(data, args):
    """Train both ways; return errors in percent."""
    settings = {
        "epochs": args.epochs,
        "batch_size": 64,
        "learning_rate": args.learning_rate,
        "seed": args.seed,
        "progress_bar": False,
    }
    # an event is a spike, which adds a weight to a voltage
    lenet = networks.lenet(
        data.image_shape,
        data.n_classes,
        encoding="constant",
        max_rate=1.0,
        tau_rc=args.tau_rc,
        seed=args.seed,
    )
    start = time.process_time()
    time_shown = args.steps * 0.001
    history = softlif.fit(
        lenet, data, presentation_time=time_shown, loss="membrane", **settings
    )
    seconds = time.process_time() - start
    in_spikes = softlif.evaluate(lenet, data, progress_bar=False)
    rate = networks.small(data.image_shape, data.n_classes, seed=args.seed)
    softlif.fit(rate, data.averaged(), **settings)
    on_averages = softlif.evaluate(
        rate, data.averaged(), backend="rate", progress_bar=False
    )
    converted = softlif.evaluate(
        softlif.to_spiking(rate, nengo.Lowpass(0.005)), data, progress_bar=False
    )
    results = dict(zip(WAYS, (in_spikes, on_averages, converted), strict=True))
    found = {
        name: {
            "error_percent": result.error_percent,
            "error_interval_percent": result.error_interval_percent,
            "spikes_per_image": result.spikes_per_image,
        }
        for name, result in results.items()
    }
    return {**found, "loss": history["loss"], "processor_seconds": seconds}


if __name__ == "__main__":
    main()
