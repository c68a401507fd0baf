"""How fast training in spikes is: ours, and libraries made with PyTorch.

``lenet``: one training step of the LeNet with which Lee et al. (2020) train MNIST:
encoding, forward, loss, backward, and gradient descent. Each pixel x fires in a step
with probability x / 2; convolution of 20 filters 5 x 5, leaky neurons (0.99 per step,
threshold 1, to 0 after a spike), average of 2 x 2, neurons without leak and threshold
0.75; the same with 50 filters; 200 leaky neurons; a readout of 10 that integrates,
leaks and never fires, whose squared error at the end counts. No biases. All start each
run from the same weights, so that their layers fire alike; how much is printed.

``onm``: the benchmark of Open Neuromorphic: one dense layer n -> n with biases and n
leaky neurons, standard normal inputs, 500 steps, 16 examples; the forward pass, and the
backward pass of the sum of all spikes, which ends with the gradients of weights and
biases. There, each library has neurons of its own parameters; here all have those of
its snnTorch, 0.95 per step and threshold 1, but go to 0 after a spike. There, the cell
of Norse gets all steps as if they were one (an array of steps x examples x n, once);
here time is looped over.

Systems take turns, each in a process of its own, on the same threads, with the same
memory allocator, told to keep what it has (glibc would return large arrays to the
kernel after each use, which costs libraries that go layer by layer a third of their
time). Of the settings tried for a library, the fastest takes part; what all of them
took, and what failed, is in the JSON. Layers of 16,384 neurons do not take turns: each
system is alone in memory and runs once, after a few steps to warm up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import numpy as np

from . import environment, machine
from .spiking import numbers, progress, spread, take_turns
from .workers import Absent, Worker

OURS, PEERS = "tests.benchmarks.spiking_ours", "tests.benchmarks.spiking_peers"

LAYERS = [{"order": "layers"}, {"order": "layers", "compiled": "neurons"}]
STEPS = [{}, {"compiled": "neurons"}, {"compiled": "step"}]
SIMPLE = [{"simple": True}, {"simple": True, "compiled": "neurons"}]

# for each system its module, and the settings of which the fastest is measured
SYSTEMS = {
    "ours": (OURS, [{}]),
    "snntorch": (PEERS, STEPS + LAYERS),
    "spikingjelly": (PEERS, [{}, *SIMPLE]),
    "norse": (PEERS, STEPS + LAYERS),
}
# `torch.compile` unrolls loops over time: they are seldom ready within the limit
UNROLLED = {
    "snntorch": [{"compiled": "all"}, {"order": "layers", "compiled": "scan"}],
    "spikingjelly": [{"compiled": "all"}, {"simple": True, "compiled": "scan"}],
}
# of 16,384 neurons, where the products are what counts
LARGE = {
    "snntorch": [{}, {"compiled": "step"}, {"order": "layers"}],
    "spikingjelly": [{}],
    "norse": [{"compiled": "step"}, {"order": "layers"}],
}
WITHOUT = {"lenet": {"norse"}, "onm": set()}

# The paper's network: decay and threshold of each layer of neurons
LEAKY, POOL, READOUT = (0.99, 1.0), (1.0, 0.75), (0.99, None)
LENET = {
    "neurons": [LEAKY, POOL, LEAKY, POOL, LEAKY, READOUT],
    "rate": 0.0085,
    "decay": 5e-4,
}
SHAPES = [(5, 5, 1, 20), (5, 5, 20, 50), (2450, 200), (200, 10)]

HOLD = {  # nothing is returned to the kernel
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
}


def main():
    """Run the benchmark and print what was measured."""
    args = parse()
    sys.stdout.reconfigure(line_buffering=True)  # also where it goes to a file
    described = machine.describe()
    print(", ".join(f"{key} {value}" for key, value in described.items()))
    result = {"command": without_paths(sys.argv[1:]), "machine": described, "tasks": []}
    python = find_python(args)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lenet.npz")
        if "lenet" in args.tasks:
            write(path, args.mnist, args.batch)
        for task, given, alone in plan(args, path):
            rows, tried = measure(task, given, alone, python, args)
            print_table(task, given, rows)
            described = {k: v for k, v in given.items() if k != "path"}
            result["tasks"].append(
                {"task": task, **described, "rows": rows, "tried": tried}
            )
            if args.json:
                args.json.write_text(json.dumps(result, indent=2) + "\n")


def without_paths(words):
    """The command line, but for what lies where on this machine."""
    paths = {"--peers-python", "--json", "--environment", "--mnist"}
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word not in paths and before not in paths
    ]
    return " ".join(kept)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.spiking_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--tasks", type=listed(WITHOUT), default=list(WITHOUT), help=",".join(WITHOUT))
    add("--mnist", type=Path, default=Path.home() / ".keras/datasets/mnist.npz")
    add("--batch", type=int, default=64, help="images of lenet")
    add("--steps", type=int, default=50, help="steps of lenet")
    add("--neurons", type=numbers, default=[512, 16384], help="of onm")
    add("--threads", type=int, default=2)
    add("--repeats", type=int, default=5, help="how often each system takes its turn")
    add(
        "--systems", type=listed(SYSTEMS), default=list(SYSTEMS), help=",".join(SYSTEMS)
    )
    add("--eager", action="store_true", help="leave out what is compiled")
    add("--unrolled", action="store_true", help="also compile loops over time")
    add("--limit", type=float, default=600, help="seconds that compiling may take")
    add("--peers-python", type=Path, help="a Python that has the libraries")
    add("--environment", type=Path, default=environment.default_path())
    add("--json", type=Path, metavar="FILE", help="write all that was measured")
    return parser.parse_args()


def listed(known):
    """Make what reads several names."""

    def read(text):
        if unknown := set(text.split(",")) - set(known):
            raise argparse.ArgumentTypeError(f"unknown {', '.join(sorted(unknown))}")
        return text.split(",")

    return read


def find_python(args):
    """The Python of the peers, or None if they cannot be had."""
    if args.peers_python or not set(args.systems) - {"ours"}:
        return args.peers_python
    try:
        return environment.make(args.environment)
    except subprocess.CalledProcessError as error:
        print(f"other libraries are left out: {error}")
        return None


def write(path, mnist, batch):
    """Write images, labels and He's initial weights for `lenet`."""
    with np.load(mnist) as arrays:
        images, labels = arrays["x_train"][:batch], arrays["y_train"][:batch]
    rng, arrays = np.random.default_rng(0), {}
    for i, shape in enumerate(SHAPES):
        spread_of = np.sqrt(2 / np.prod(shape[:-1]))
        arrays[f"weights{i}"] = rng.normal(0, spread_of, shape).astype(np.float32)
    arrays["images"] = images / np.float32(255)
    np.savez(path, labels=labels.astype(np.int64), **arrays)


def plan(args, path):
    """Yield tasks, what systems are told, and whether each must be alone."""
    if "lenet" in args.tasks:
        yield "lenet", {"path": str(path), "steps": args.steps, **LENET}, False
    if "onm" in args.tasks:
        for n in args.neurons:
            alone = n > 4096
            given = {"n": n, "batch": 16, "steps": 500, "decay": 0.95}
            yield "onm", {**given, "warm_steps": 10 if alone else None}, alone


# -- measuring -------------------------------------------------------------------------


def measure(task, given, alone, python, args):
    """Start all systems for a task, let them take turns, and summarize.

    Returns
    -------
    rows : list of dict
        A system each.
    tried : dict
        From each system to what was tried: settings, and seconds or an error.
    """
    tried, workers = {}, []
    with ExitStack() as group:
        for name in args.systems:
            module, settings = SYSTEMS[name]
            if name in WITHOUT[task] or (module == PEERS and not python):
                continue
            if alone:
                settings = LARGE.get(name, settings)
            elif args.unrolled:
                settings = settings + UNROLLED.get(name, [])
            if args.eager:
                settings = [s for s in settings if "compiled" not in s]
            told = {"task": task, "threads": args.threads, "limit": args.limit, **given}
            if module == PEERS:
                told["python"] = python
            best, tried[name] = fastest(name, module, settings, told, alone)
            if best:
                workers.append(best)
                group.enter_context(closing(best))
        if not alone:
            take_turns(workers, args.repeats)
    return summarize(workers), tried


def fastest(name, module, settings, told, alone):
    """Try a system's settings; keep the fastest.

    Parameters
    ----------
    name, module : str
        The system.
    settings : list of dict
        What to try.
    told : dict
        What each is told.
    alone : bool
        Whether each runs only once, and none stays alive.

    Returns
    -------
    best : Worker or None
        None if no setting works here. Closed, and with its one run, if `alone`.
    tried : list of dict
        Settings, and seconds or an error.
    """
    best, tried = None, []
    for setting in settings:
        progress(f"{told['task']}, {name}, {setting or 'as it is'}")
        try:
            worker = Worker(name, module, variables=HOLD, **told, **setting)
            with ExitStack() as group:
                group.callback(worker.close)
                take_turns([worker], 1 if alone else 2)
                if not alone:
                    group.pop_all()
        except Absent as error:
            progress("")
            print(f"{name} {setting or ''} is left out: {error}")
            tried.append({**setting, "error": str(error)})
            continue
        seen = {"seconds": worker.seconds, "details": worker.details}
        tried.append({**setting, **seen, "peak_mb": worker.peak_mb})
        worker.about["setting"] = setting
        if best is None or min(worker.seconds) < min(best.seconds):
            best, worker = worker, best
        if worker and not alone:
            worker.close()
    if best and not alone:
        best.seconds, best.details = [], []
    return best, tried


def summarize(workers):
    """What was measured of each system, and ratios of ours in the same round."""
    rows, ours = [], None
    for worker in workers:
        seconds, about = np.array(worker.seconds), worker.about
        if worker.name == "ours":
            ours = seconds
        row = {"name": worker.name, "setting": about["setting"]}
        row |= {"settings": about["settings"], "seconds": worker.seconds}
        row["rate"] = (about["images"] / seconds).tolist()
        row |= {"peak_mb": worker.peak_mb, "details": worker.details}
        row["rates"] = about.get("rates") or worker.details[-1]["rates"]
        if ours is not None and worker.name != "ours":
            row["ours_to_it"] = (seconds / ours).tolist()
        rows.append(row)
    return rows


def print_table(task, given, rows):
    """Print medians, and in brackets the smallest and the largest."""
    print(f"\n{task}: {', '.join(f'{k} {given[k]}' for k in given if k in SHOWN)}")
    split = task == "onm"
    line = "{:<13}{:<24}{:>10}{:>10}  {:<22}{:>9}  {}"
    parts = ("forward", "backward") if split else ("", "")
    print(
        line.format(
            *("system", "seconds", *parts, "ours is faster by", "peak MB", "% fire")
        )
    )
    for row in rows:
        taken = ["", ""]
        if split:
            taken = [median(d[part] for d in row["details"]) for part in parts]
            taken = [f"{value:.3f}" for value in taken]
        ratio = spread(row["ours_to_it"], ".2f") if "ours_to_it" in row else ""
        rates = " ".join(f"{100 * rate:.1f}" for rate in row["rates"])
        print(
            line.format(
                row["name"],
                spread(row["seconds"], ".3f"),
                *taken,
                ratio,
                f"{row['peak_mb']:.0f}",
                rates,
            )
        )
    for row in rows:
        used = ", ".join(f"{k}: {v}" for k, v in row["setting"].items())
        rate = "" if split else f"; {spread(row['rate'], '.0f')} images/s"
        print(f"{row['name']}: {row['settings']}; {used or 'as it is'}{rate}")


SHOWN = ("steps", "n", "batch")


if __name__ == "__main__":
    main()
