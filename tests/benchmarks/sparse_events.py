"""How many spikes an image takes, trained in spikes or converted.

``python -m tests.benchmarks.sparse_events lenet.safetensors`` shows the test images of
MNIST to Lee et al.'s LeNet as it was trained in spikes, and to a network of the same
layers that was trained with soft LIF neurons and converted, for the shortest time after
which its error is no larger. That is trained here. Where it never is as good, it is
shown for longest, and the one trained in spikes once more, for the shortest time after
which it is as good as that.
"""

import argparse
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.evaluation import layer_names, neuron_layers

import nengo
import numpy as np

from . import reports

TIMES = (0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2)


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("model", type=Path, help="from spiking_lenet")
    add("--time", type=float, default=0.03, help="for which it was trained, in s")
    add("--epochs", type=int, default=12, help="of the one that is converted")
    add("--n-examples", type=int)
    add("--converted", type=Path, help="where that is kept")
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    data = softlif.datasets.load("mnist")
    settings = {"n_examples": args.n_examples, "batch_size": 100}
    trained = softlif.load(args.model)
    trained_row = softlif.evaluate(
        trained, data, presentation_time=args.time, **settings
    )
    rows = {"trained in spikes": trained_row}
    neurons = {"trained in spikes": count_neurons(trained)}
    wanted = trained_row.error_percent
    rate = lenet_of_rates()
    if args.converted and args.converted.exists():
        rate = softlif.load(args.converted, network=rate)
    else:
        softlif.fit(rate, data, epochs=args.epochs, batch_size=64)
        if args.converted:
            rate.save(args.converted)
    for synapse in (nengo.Alpha(0.005), nengo.Lowpass(0.002)):
        spiking = softlif.to_spiking(rate, synapse)
        neurons[f"converted, {synapse}"] = count_neurons(spiking)
        long = softlif.evaluate(spiking, data, presentation_time=max(TIMES), **settings)
        errors = np.interp(TIMES, long.times, long.error_over_time_percent)
        reached = [t for t, e in zip(TIMES, errors, strict=True) if e <= wanted]
        shown = reached[0] if reached else max(TIMES)
        rows[f"converted, {synapse}"] = softlif.evaluate(
            spiking, data, presentation_time=shown, **settings
        )
    best = min(row.error_percent for row in rows.values() if row is not trained_row)
    if best > wanted:
        for shown in (time for time in TIMES if time < args.time):
            found = softlif.evaluate(trained, data, presentation_time=shown, **settings)
            if found.error_percent <= best:
                break
        rows["trained in spikes, for less time"] = found
        neurons["trained in spikes, for less time"] = count_neurons(trained)
    for name, result in rows.items():
        print(name)
        print(result)
    records = [
        {"name": name, "neurons": neurons[name], **reports.brief(result)}
        for name, result in rows.items()
    ]
    reports.write(args, rows=records)


def count_neurons(model):
    """Count the neurons of each layer."""
    layers = neuron_layers(model)
    sizes = [layer.n_neurons for layer in layers]
    return dict(zip(layer_names(layers), sizes, strict=True))


def lenet_of_rates():
    """Make the same layers, of soft LIF neurons."""
    neurons = softlif.SoftLIFRate(0.02, 0.022, 0.002, 0.063, softlif.GaussianNoise(10))
    with nengo.Network(label="lenet of rates", seed=0) as network:
        stack = softlif.Stack((28, 28, 1), neurons)
        stack.convolution(20, kernel_size=5)
        stack.average_pool(2)
        stack.convolution(50, kernel_size=5)
        stack.average_pool(2)
        stack.dense(200)
        output = stack.readout(10)
    return softlif.Model(network, stack.input, output)


if __name__ == "__main__":
    main()
