"""Whether the correction for the leak matters: Lee et al.'s LeNet with and without it.

``python -m tests.benchmarks.leak_correction`` trains the network on some images of
MNIST, from several seeds, where a step leaves 0.99 of a voltage, as in the paper, and
0.9. All test images are shown. With 0.99 the correction is less than one part in a
hundred, so that no difference is expected. The differences are of the same test images,
pooled over seeds.
"""

import argparse
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.gradients import LeakCorrected
from nengo_softlif.networks import lenet

import numpy as np

from . import reports


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--leaks", type=float, nargs="+", default=[0.99, 0.9])
    add("--seeds", type=int, default=3)
    add("--images", type=int, default=12800)
    add("--epochs", type=int, default=2)
    add("--learning-rate", type=float, default=1e-3)
    add("--time", type=float, default=0.03, help="of an example, in s")
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    some = reports.take("mnist", args.images)
    rows = []
    for leak in args.leaks:
        wrong = {True: [], False: []}
        for seed in range(args.seeds):
            for corrects, found in wrong.items():
                row = {"leak": leak, "seed": seed, "corrects": corrects}
                row |= measure(some, leak, seed, corrects, found, args)
                rows.append(row)
                print(row, flush=True)
        difference = np.array(wrong[False], float) - np.array(wrong[True], float)
        n_changed = np.count_nonzero(difference)
        row = {
            "leak": leak,
            "without_minus_with_percent": 100 * difference.mean(),
            # of images that one of both takes wrongly, as McNemar's test has it
            "standard_error_percent": 100 * np.sqrt(n_changed) / difference.size,
        }
        rows.append(row)
        print(row, flush=True)
    reports.write(args, rows=rows)


def measure(data, leak, seed, corrects, wrong, args):
    """Train a network, and note which test images it takes for others."""
    model = lenet(tau_rc=-0.001 / np.log(leak), seed=seed)
    history = softlif.fit(
        model,
        data,
        epochs=args.epochs,
        batch_size=64,
        learning_rate=args.learning_rate,
        presentation_time=args.time,
        loss="membrane",
        derivative=LeakCorrected(corrects),
        seed=seed,
        progress_bar=False,
    )
    result = softlif.evaluate(
        model,
        data,
        presentation_time=args.time,
        batch_size=100,
        seed=seed,
        progress_bar=False,
    )
    wrong.append(np.not_equal(result.predictions, result.labels))
    return {
        "loss": history["loss"][-1],
        "error_percent": result.error_percent,
        "spikes_per_image": result.spikes_per_image,
    }


if __name__ == "__main__":
    main()
