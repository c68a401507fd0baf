"""How fast a chip is emulated: our emulator, and nengo-loihi's.

One command builds the papers' MNIST network as it goes onto the chip, shows both the
same random images, compares every spike and every voltage, and lets the two take turns.
Only time stepping is measured. nengo-loihi emulates one image at a time.
"""

import argparse
import sys
import time
from statistics import median

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi

import nengo
import numpy as np

from . import machine

SIZE = 28
DT = 0.001


def main():
    """Run the benchmark and print what was measured."""
    args = parse()
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))
    # how many cores the network would need is not what is measured here
    level = nengo_loihi.builder.builder.ValidationLevel.NONE
    nengo_loihi.builder.Model.default_validation_level = level

    shown = np.random.default_rng(0).standard_normal((args.batch, SIZE**2))
    network, layers = mnist()
    image = network.nodes[0]
    image.output = lambda t: shown[round(t / DT - 1) // args.steps % len(shown)]
    output = network.probes[0]
    with nengo_loihi.Simulator(network, target="sim") as theirs:
        compare(network, theirs, layers, shown, args)
        network.probes[:] = [output]
        with softlif.Emulator(network, minibatch_size=args.batch) as ours:
            take_turns(ours, theirs, image, shown, args)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.emulator", description=__doc__
    )
    add = parser.add_argument
    add("--batch", type=int, default=64)
    add("--steps", type=int, default=200)
    add("--repeats", type=int, default=3, help="how often each takes its turn")
    add("--compared", type=int, default=3, help="images compared")
    args = parser.parse_args()
    if min(vars(args).values()) < 1 or args.compared > args.batch:
        parser.error("expected positive numbers, and to compare some of the batch")
    return args


def mnist(seed=0):
    """Build the network, with random weights with which all layers fire.

    Pools are part of the layer after them. The first layer is on the host. Layers are
    on as few cores as nengo-loihi can divide them into, which makes it fastest.

    Returns
    -------
    nengo.Network, list of nengo.Ensemble
        The network and its layers. All that is on the chip is probed.
    """
    rng = np.random.RandomState(seed)
    with nengo.Network(seed=seed) as network:
        nengo_loihi.add_params(network)
        image = nengo.Node(np.zeros(SIZE**2))
        first = layer("first", 28 * 28 * 16, nengo.LIF())
        network.config[first].on_chip = False
        transform = convolution(rng.randn(5, 5, 1, 16) * 0.05, 28, padding="same")
        nengo.Connection(image, first.neurons, transform=transform, synapse=None)

        second = layer("second", 14 * 14 * 64)
        network.config[second].block_shape = nengo_loihi.BlockShape(
            (14, 14, 4), (14, 14, 64)
        )
        kernel = rng.randn(6, 6, 16, 64) * 0.0015
        transform = convolution(kernel, 28, strides=(2, 2), padding="same")
        nengo.Connection(first.neurons, second.neurons, transform=transform)

        third = layer("third", 2000)
        network.config[third].block_shape = nengo_loihi.BlockShape(
            (1, 1, 1000), (1, 1, 2000)
        )
        transform = convolution(rng.randn(14, 14, 64, 2000) * 0.0005, 14)
        nengo.Connection(second.neurons, third.neurons, transform=transform)

        output = nengo.Node(size_in=10)
        weights = rng.randn(10, 2000) * 0.01
        nengo.Connection(third.neurons, output, transform=weights)
        nengo.Probe(output)
        for on_chip in (second, third):
            nengo.Probe(on_chip.neurons)
            nengo.Probe(on_chip.neurons, "voltage")
    return network, [first, second, third]


def layer(label, n, neuron_type=None):
    """Neurons just below their threshold."""
    return nengo.Ensemble(
        n,
        1,
        neuron_type=neuron_type or nengo_loihi.LoihiLIF(),
        gain=np.ones(n),
        bias=np.full(n, 0.9),
        label=label,
    )


def convolution(kernel, size, **kwargs):
    """Convolution of square images with a kernel."""
    *width, n_channels, n_filters = kernel.shape
    shape = (size, size, n_channels)
    return nengo.Convolution(n_filters, shape, kernel_size=width, init=kernel, **kwargs)


def compare(network, theirs, layers, shown, args):
    """Compare all that probes see, while one image after the other is shown."""
    film = shown[None, : args.compared].repeat(args.steps, axis=1)
    n_steps = film.shape[1]
    with softlif.Emulator(network, minibatch_size=1) as ours:
        ours.run_steps(n_steps, {network.nodes[0]: film})
        for layer in layers:
            rate = ours.spike_counts(layer).mean() / ours.time
            print(f"{layer.label}: {layer.n_neurons} neurons, {rate:.1f} Hz")
    theirs.run_steps(n_steps)
    for probe in network.all_probes:
        found, expected = ours.data[probe][0], theirs.data[probe]
        if isinstance(probe.obj, nengo.Node):
            difference = np.abs(found - expected).max()
            print(f"output: largest difference {difference:.1e}")
        else:
            same = np.array_equal(found, expected)
            print(f"{probe.obj.ensemble.label}, {probe.attr}: equal: {same}")
    theirs.clear_probes()
    print(f"compared: {args.compared} images, {args.steps} steps each")


def take_turns(ours, theirs, image, shown, args):
    """Measure both, one after the other, several times."""
    data = {image: shown[:, None]}
    ours.run_steps(10, data)  # compiles, and starts threads
    systems = {
        "ours": (args.batch, lambda: ours.run_steps(args.steps, data)),
        "nengo-loihi": (1, lambda: theirs.run_steps(args.steps)),
    }
    rates = {name: [] for name in systems}
    for _ in range(args.repeats):
        for name, (n_images, run) in systems.items():
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
            rates[name].append(n_images * args.steps / seconds)
        ours.clear_probes()
        theirs.clear_probes()
    print(f"images x steps per second, {args.steps} steps, median (smallest-largest):")
    for name, (n_images, _) in systems.items():
        print(f"{name:<13}{spread(rates[name])}, images at a time: {n_images}")
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    print(f"{'ratio':<13}{spread(ratios)}")


def spread(values):
    """Median, smallest and largest."""
    return f"{median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


if __name__ == "__main__":
    main()
