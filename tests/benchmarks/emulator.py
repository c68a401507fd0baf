"""How fast a chip is emulated: our emulator, and NengoLoihi's.

``python -m tests.benchmarks.emulator --weights mnist.safetensors --data mnist``
rebuilds a network with `to_spiking` and `to_loihi`, shows test images to both
emulators, compares every spike and every voltage, and lets the two take turns. Only
time stepping is measured. NengoLoihi emulates one image at a time.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi

import nengo
import numpy as np
from tqdm import tqdm

from . import machine, networks

DT = 0.001


def main():
    """Run the benchmark and print what was measured."""
    args = parse()
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))
    spiking = networks.make(args.network, args.weights, data=args.data)
    n_images = max(args.batch, args.compared)
    shown = networks.images(spiking, n_images, args.data)
    model = softlif.to_loihi(spiking)
    use = softlif.loihi.utilization(model)
    print(f"{model}, on {use.n_cores} cores")

    model.input.output = lambda t: shown[round(t / DT - 1) // args.steps % n_images]
    watch(model)
    with nengo_loihi.Simulator(model.network, target="sim", progress_bar=False) as sim:
        compare(model, sim, shown, args)
        model.network.probes[:] = [model.output]
        take_turns(model, sim, shown[: args.batch], args)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.emulator", description=__doc__
    )
    add = parser.add_argument
    add("--network", choices=networks.NETWORKS, default="mnist")
    add("--weights", type=Path, help="a saved model of the network; untrained without")
    add("--data", help="show test images of a data set, such as mnist; else random")
    add("--batch", type=int, default=64)
    add("--steps", type=int, default=200)
    add("--repeats", type=int, default=3, help="how often each takes its turn")
    add("--compared", type=int, default=3, help="images compared")
    args = parser.parse_args()
    if min(args.batch, args.steps, args.repeats, args.compared) < 1:
        parser.error("expected positive numbers")
    return args


def watch(model):
    """Probe all neurons, and voltages where neurons are on the chip."""
    with model.network:
        for ensemble in model.ensembles:
            nengo.Probe(ensemble.neurons)
            if model.network.config[ensemble].on_chip:
                nengo.Probe(ensemble.neurons, "voltage")


def compare(model, theirs, shown, args):
    """Show both the same images, one after the other; compare what probes see."""
    seen = {probe: np.zeros(3, np.int64) for probe in model.network.all_probes}
    largest = 0.0
    with softlif.Emulator(model.network, minibatch_size=1, progress_bar=False) as ours:
        for image in tqdm(shown[: args.compared], unit="image"):
            ours.run_steps(args.steps, {model.input: image[None, None]})
            theirs.run_steps(args.steps)
            for probe, counts in seen.items():
                found, expected = ours.data[probe][0], theirs.data[probe]
                fired = np.count_nonzero(expected)
                counts += found.size, fired, np.count_nonzero(found != expected)
            output = ours.data[model.output][0] - theirs.data[model.output]
            largest = max(largest, np.abs(output).max())
            ours.clear_probes()
            theirs.clear_probes()
    print(f"compared: {args.compared} images, {args.steps} steps each")
    for probe, (n_values, n_fired, n_different) in seen.items():
        if probe is model.output:
            print(f"output: largest difference {largest:.1e}")
            continue
        fired = f" ({n_fired:,} spikes)" if probe.attr == "output" else ""
        label = probe.obj.ensemble.label
        print(f"{label}, {probe.attr}: {n_values:,}{fired}, {n_different} different")


def take_turns(model, theirs, shown, args):
    """Measure both, one after the other, several times."""
    data = {model.input: shown[:, None]}
    with softlif.Emulator(
        model.network, minibatch_size=args.batch, progress_bar=False
    ) as ours:
        ours.run_steps(10, data)  # compiles, and starts threads
        systems = {
            "ours": (ours, args.batch, lambda: ours.run_steps(args.steps, data)),
            "NengoLoihi": (theirs, 1, lambda: theirs.run_steps(args.steps)),
        }
        rates = {name: [] for name in systems}
        for _ in range(args.repeats):
            for name, (sim, n_images, run) in systems.items():
                start = time.perf_counter()
                run()
                seconds = time.perf_counter() - start
                rates[name].append(n_images * args.steps / seconds)
                sim.clear_probes()
    print(f"images x steps per second, {args.steps} steps, median (smallest-largest):")
    for name, (_, n_images, _) in systems.items():
        print(f"{name:<13}{spread(rates[name])}, images at a time: {n_images}")
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    print(f"{'ratio':<13}{spread(ratios)}")


def spread(values):
    """Median, smallest and largest."""
    return f"{median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


if __name__ == "__main__":
    main()
