"""Whether the engine's spikes are those of Nengo's simulator, on a trained network.

``python -m tests.benchmarks.agreement --weights cifar10.safetensors --data cifar10``
simulates test images in float64 with both, and compares every spike of every layer. It
then simulates them in float32, as `evaluate` does, and compares rates and predictions.
"""

import argparse
import json
from pathlib import Path

import nengo_softlif
from nengo_softlif import Simulator
from nengo_softlif.evaluation import presentation_order

import nengo
import numpy as np
from tqdm import tqdm


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    model = nengo_softlif.to_spiking(nengo_softlif.load(args.weights))
    data = nengo_softlif.datasets.load(args.data)
    order = presentation_order(len(data.x_test))[: args.images]
    images = model.preprocessing.test(data.x_test[order])
    with model.network:
        probes = {e.label: nengo.Probe(e.neurons) for e in model.ensembles}

    differing = dict.fromkeys(probes, 0)
    spikes = dict.fromkeys(probes, 0)
    counts = {"float64": 0, "float32": 0}
    classes = {"nengo": [], "float64": [], "float32": []}
    sims = {
        dtype: Simulator(model.network, minibatch_size=1, dtype=dtype)
        for dtype in counts
    }
    shown = np.zeros(model.input.size_out)
    model.input.output = lambda t: shown
    with nengo.Simulator(model.network, progress_bar=False) as reference:
        for image in tqdm(images, unit="image"):
            shown[...] = image
            reference.reset()
            reference.run_steps(args.steps, progress_bar=False)
            classes["nengo"].append(answer(reference.data[model.output]))
            for dtype, sim in sims.items():
                sim.reset()
                sim.run_steps(args.steps, {model.input: image[None, None]})
                classes[dtype].append(answer(sim.data[model.output][0]))
                counts[dtype] += np.array(
                    [sim.spike_counts(e).sum() for e in model.ensembles]
                )
            for label, probe in probes.items():
                expected = reference.data[probe] > 0
                spikes[label] += int(expected.sum())
                seen = sims["float64"].data[probe][0] > 0
                differing[label] += int((seen != expected).sum())

    result = {
        "images": args.images,
        "steps": args.steps,
        "spikes": spikes,
        "differing_in_float64": differing,
        "float32_to_float64_spikes": (counts["float32"] / counts["float64"]).tolist(),
        "float32_predictions_equal": float(
            np.mean(np.equal(classes["float32"], classes["nengo"]))
        ),
    }
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


def answer(outputs):
    """Class of the largest mean output in the second half."""
    return int(outputs[len(outputs) // 2 :].mean(axis=0).argmax())


if __name__ == "__main__":
    main()
