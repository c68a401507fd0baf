"""Whether training for the chip pays: small networks on digits, from several seeds.

``python -m tests.benchmarks.chip_training`` trains networks as the demo does, and goes
on from each in two ways, for the same number of epochs: as before, and for the chip.
All three are evaluated on Loihi, emulated. Errors are pooled over seeds and images.
"""

import argparse
import json
from pathlib import Path

import nengo_softlif as softlif

import numpy as np

WAYS = {"not": None, "as before": {}, "for the chip": {"target": "loihi"}}


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--seeds", type=int, default=10)
    add("--epochs", type=int, default=10, help="of the training that goes on")
    add("--learning-rate", type=float, default=3e-4, help="of the same")
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    data = softlif.datasets.load("digits")
    wrong = {way: [] for way in WAYS}  # for each seed, (n_images, n_times)
    highest = {way: [] for way in WAYS}
    for seed in range(args.seeds):
        start = softlif.networks.small(seed=seed)
        settings = {"batch_size": 32, "seed": seed, "progress_bar": False}
        softlif.fit(start, data, epochs=30, learning_rate=3e-3, **settings)
        for way, target in WAYS.items():
            model = start.copy()
            if target is not None:
                settings |= {"epochs": args.epochs, "learning_rate": args.learning_rate}
                softlif.fit(model, data, **settings, **target)
            chip = softlif.to_loihi(softlif.to_spiking(model))
            result = softlif.evaluate(
                chip, data, "loihi-emulator", batch_size=120, progress_bar=False
            )
            labels = np.array(result.labels)[:, None]
            wrong[way].append(result.predictions_over_time != labels)
            highest[way].append(max(result.highest_rates_hz.values()))
        times = np.array(result.times)
        print(f"seed {seed}:", *(f"{w[-1][:, -1].sum()} wrong" for w in wrong.values()))

    report = {}
    for way, found in wrong.items():
        found = np.array(found)
        report[way] = {
            "highest_rate_hz": float(np.mean(highest[way])),
            "error_percent": {},
        }
        print(f"trained on {way}: highest rates {np.mean(highest[way]):.0f} Hz")
        for time in (0.03, 0.05, 0.1, 0.2):
            (column,) = np.flatnonzero(np.isclose(times, time))
            by_seed = 100 * found[:, :, column].mean(axis=1)
            spread = by_seed.std(ddof=1) / np.sqrt(len(by_seed))
            report[way]["error_percent"][time] = by_seed.tolist()
            print(f"  {1000 * time:4.0f} ms: {by_seed.mean():.2f} % +- {spread:.2f}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
