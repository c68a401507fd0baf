"""How fast chips are emulated: our emulator, and nengo-loihi's.

One command builds the papers' MNIST network in the chip's form, shows both the same
random images, compares every spike and voltage, and lets the two take turns. Only time
stepping is measured. nengo-loihi emulates one image at a time.
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

IMAGE = (28, 28, 1)
RATE = 10
"""Hz that neurons fire at about, on average over a layer."""


def main():
    """Run the benchmark and print what was measured."""
    args = parse()
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))
    # on how few cores the network fits is not what is measured here
    level = nengo_loihi.builder.builder.ValidationLevel.NONE
    nengo_loihi.builder.Model.default_validation_level = level
    network, image, _ = mnist()
    shown = np.random.default_rng(0).standard_normal((args.batch, np.prod(IMAGE)))
    with (
        softlif.Emulator(network, minibatch_size=args.batch) as ours,
        nengo_loihi.Simulator(network, target="sim") as theirs,
    ):
        print(f"{len(theirs.model.blocks)} blocks; {rates(ours, image, shown)}")
        compare(ours, theirs, image, shown, args)
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
    add("--compared", type=int, default=2, help="images compared in every step")
    return parser.parse_args()


def mnist(seed=0):
    """Build the network: random weights, with which all layers fire.

    Pools are folded into the layer after them. The first layer is on the host.

    Returns
    -------
    nengo.Network, nengo.Node, list of nengo.Ensemble
        The network, its input, and its layers.
    """
    rng = np.random.RandomState(seed)
    with nengo.Network(seed=seed) as network:
        nengo_loihi.add_params(network)
        image = nengo.Node(np.zeros(np.prod(IMAGE)))
        first = layer(28 * 28 * 16, nengo.LIF())
        network.config[first].on_chip = False
        kernel = rng.randn(5, 5, 1, 16) * 0.05
        transform = convolution(kernel, IMAGE, padding="same")
        nengo.Connection(image, first.neurons, transform=transform, synapse=None)

        kernel = rng.randn(6, 6, 16, 64) * 0.006
        transform = convolution(kernel, (28, 28, 16), strides=(2, 2), padding="same")
        second = layer(14 * 14 * 64)
        network.config[second].block_shape = nengo_loihi.BlockShape(
            (14, 14, 4), (14, 14, 64)
        )
        nengo.Connection(first.neurons, second.neurons, transform=transform)

        kernel = rng.randn(14, 14, 64, 2000) * 0.003
        transform = convolution(kernel, (14, 14, 64))
        third = layer(2000)
        network.config[third].block_shape = nengo_loihi.BlockShape(
            (1, 1, 1000), (1, 1, 2000)
        )
        nengo.Connection(second.neurons, third.neurons, transform=transform)

        output = nengo.Node(size_in=10)
        weights = rng.randn(10, 2000) * 0.01
        nengo.Connection(third.neurons, output, transform=weights)
        nengo.Probe(output)
    return network, image, [first, second, third]


def layer(n, neuron_type=None):
    """Neurons just below their threshold."""
    neuron_type = neuron_type or nengo_loihi.neurons.LoihiLIF()
    return nengo.Ensemble(
        n, 1, neuron_type=neuron_type, gain=nengo.dists.Choice([1]), bias=np.full(n, 0.9)
    )


def convolution(kernel, shape, **kwargs):
    """The transform with a kernel."""
    return nengo.Convolution(
        kernel.shape[3], shape, kernel_size=kernel.shape[:2], init=kernel, **kwargs
    )


def rates(ours, image, shown):
    """Say at what rates the layers fire."""
    ours.run_steps(200, {image: shown[:, None]})
    counts = [ours.spike_counts(ens) for ens in ours.network.all_ensembles]
    ours.reset()
    texts = [f"{count.mean() / 0.2:.1f} Hz ({count.shape[1]})" for count in counts]
    return "layers fire at " + ", ".join(texts)


def compare(ours, theirs, image, shown, args):
    """Compare every spike and every voltage, step after step."""
    n = 0
    for index in range(args.compared):
        ours.reset()
        restart(theirs, image, shown[index])
        for _ in range(args.steps):
            ours.run_steps(1, {image: shown[:, None]})
            theirs.run_steps(1)
            state = theirs.sims["emulator"].compartment
            spikes, voltages = ours_as(theirs.sims["emulator"], ours, index)
            assert np.array_equal(spikes, state.spiked), "spikes differ"
            assert np.array_equal(voltages, state.voltage), "voltages differ"
            n += np.count_nonzero(spikes)
    print(
        f"all voltages and all {n} spikes on the chip are equal: {args.compared} "
        f"images, {args.steps} steps"
    )
