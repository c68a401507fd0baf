"""Whether a trained network fits on Loihi, by NengoLoihi's own account.

``python -m tests.benchmarks.chip_network --weights cifar10.safetensors`` lets
NengoLoihi build what `to_loihi` makes of the network, divide it among cores, discretise
and validate it, and distribute the cores on chips. It prints what each layer takes of a
core at most, whether `nengo_softlif.loihi.utilization` counted the same for every core
without building, and what all that took. With ``--data cifar10`` it then shows test
images to NengoLoihi's emulator and to ours, and compares every spike and every voltage.
"""

import argparse
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.evaluation import presentation_order
from nengo_softlif.loihi import conversion, cores, emulator

import nengo
from nengo_loihi.builder.validate import validate_model
from nengo_loihi.hardware import allocators
from nengo_loihi.hardware.validate import validate_board

from . import machine
from .emulator import compare, watch

DT = 0.001
N_CHIPS = 32
"""Chips of Nahuku, the largest single board with Loihi chips."""


def main():
    """Run the benchmark and print what was measured."""
    args = parse()
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))
    versions = f"nengo-loihi {nengo_loihi.__version__}, nengo {nengo.__version__}"
    print(f"{args.weights.name}{', ' + args.about if args.about else ''}; {versions}")

    spiking = softlif.to_spiking(softlif.load(args.weights))
    with measured("to_loihi"):
        model = softlif.to_loihi(spiking)
    on_chip = [e for e in model.ensembles if model.network.config[e].on_chip]
    if args.data:
        shown = images(model, args)
        model.input.output = lambda t: shown[round(t / DT - 1) // args.steps]
        watch(model)

    with measured("nengo_loihi.Simulator, target='sim', which validates"):
        theirs = nengo_loihi.Simulator(model.network, target="sim", progress_bar=False)
    with theirs:
        built = theirs.model
        with measured("validate_model alone, once more"):
            validate_model(built)
        fits(built, model, on_chip)
        distribute(built)
        if args.data:
            emulator.build = lambda network, owner: built  # again it would take minutes
            with measured("both emulators"):
                compare(model, theirs, shown, args)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.chip_network", description=__doc__
    )
    add = parser.add_argument
    add("--weights", type=Path, required=True, help="a file that train wrote")
    add("--data", help="show test images of a data set, such as cifar10, and compare")
    add("--compared", type=int, default=2, help="images compared")
    add("--steps", type=int, default=50, help="steps that each is shown")
    add("--about", help="to print beside the name of the file")
    args = parser.parse_args()
    if min(args.compared, args.steps) < 1:
        parser.error("expected positive numbers of images and steps")
    return args


@contextmanager
def measured(what):
    """Print how long something took, and what memory the process has needed so far."""
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # from KB
    print(f"{what}: {seconds:.1f} s, peak memory so far {peak:.1f} GB")


def images(model, args):
    """Test images, as the network takes them."""
    x = softlif.datasets.load(args.data).x_test
    return model.preprocessing.test(x[presentation_order(len(x))[: args.compared]])


# -- what it takes ---------------------------------------------------------------------


def fits(built, model, on_chip):
    """Show what NengoLioihi's blocks take, and whether we counted that."""
    counted = {
        layer.ensemble: blocks
        for layer, blocks in conversion.utilization(model).blocks.items()
    }
    rows = [("layer", "neurons", "cores", *cores.LIMITS, "as counted")]
    for ensemble in on_chip:
        blocks = built.objs[ensemble.neurons]["out"]
        blocks = blocks if isinstance(blocks, list) else [blocks]
        uses = [block.utilization() for block in blocks]
        found = [{name: int(use[name][0]) for name in cores.LIMITS} for use in uses]
        most = {name: max(use[name] for use in found) for name in cores.LIMITS}
        limits = {name: limit for name, (_, limit) in uses[0].items()}
        rows.append(
            (
                ensemble.label,
                f"{ensemble.n_neurons:,}",
                f"{len(blocks)}",
                *(
                    f"{n:,} of {limits[name]:,} ({100 * n / limits[name]:.1f} %)"
                    for name, n in most.items()
                ),
                _as_counted(found, counted[ensemble]),
            )
        )
    print("what a core of each layer takes at most, by LoihiBlock.utilization:")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)))
    n_cores = len(built.blocks)
    n_chips = -(-n_cores // cores.CORES_PER_CHIP)
    print(f"{n_cores} cores: {n_chips} chips of {cores.CORES_PER_CHIP} at least")


def _as_counted(found, counted):
    """Whether our count is NengoLoihi's, or by how much it is smaller or larger."""
    pairs = list(zip(found, counted, strict=True))
    n_other = sum(theirs != ours for theirs, ours in pairs)
    if not n_other:
        return "yes"
    off = {
        name: (min(differences), max(differences))
        for name in cores.LIMITS
        if any(differences := [ours[name] - theirs[name] for theirs, ours in pairs])
    }
    ranges = ", ".join(
        f"{low:+,} to {high:+,} {name}" for name, (low, high) in off.items()
    )
    return f"{n_other} cores not: {ranges}"


def distribute(built):
    """Put the blocks on chips, with NengoLoihi's allocators."""
    print(f"cores on each chip, of {N_CHIPS} chips:")
    for allocator in (
        allocators.Greedy(),
        allocators.RoundRobin(),
        allocators.GreedyInterchip(),
    ):
        board = allocator(built, n_chips=N_CHIPS)
        validate_board(board)
        used = " ".join(map(str, board.n_cores_per_chip))
        between = allocators.estimate_interchip_activity(board)
        share = between["interchip"] / (between["interchip"] + between["intrachip"])
        print(
            f"{type(allocator).__name__}: {used}; validate_board passes; "
            f"{100 * share:.0f} % of the axons between cores lead to another chip"
        )


if __name__ == "__main__":
    main()
