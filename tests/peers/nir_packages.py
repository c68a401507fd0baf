"""NIR graphs in SpikingJelly, Norse and snnTorch: ours there, and theirs here.

By hand, with a Python that has torch, nir, nirtorch and these packages, and a model of
the digits that was saved, or else is trained for a minute:

    python tests/peers/nir_packages.py TORCH_PYTHON --model digits.safetensors
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

STEP, TIME = 1e-4, 0.2
PACKAGES = "spikingjelly", "norse", "snntorch"
EXPORTERS = "spikingjelly", "snntorch"
CONVOLUTIONAL = True, False
LAYERS = "conv1", "conv2", "dense3"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", help="a Python with torch and these packages")
    parser.add_argument("--model", type=Path, help="of the digits, of rate neurons")
    parser.add_argument("--n", type=int, default=20, help="images; default: 20")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        work_inside(**json.loads(args.inside))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = ours_there(args, Path(folder)) + theirs_here(args, Path(folder))
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(row["passed"] for row in rows) else 1


def call(args, **task):
    """Do something in the other Python; what it finds is in a file beside."""
    command = [args.python, __file__, args.python, "--inside", json.dumps(task)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return np.load(task["out"])


# -- here ------------------------------------------------------------------------------


def ours_there(args, folder):
    import nengo_softlif as softlif
    from nengo_softlif import datasets, networks

    import nir

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from nir_semantics import Interpreter

    data = datasets.load("digits")
    if args.model:
        model = softlif.load(args.model)
    else:
        model = networks.small(seed=1)
        softlif.fit(model, data, epochs=4)
    spiking = softlif.to_spiking(model)
    images, labels = data.x_test[: args.n], data.y_test[: args.n]
    x = spiking.preprocessing.test(images)
    np.save(folder / "x.npy", x)
    options = {"minibatch_size": len(x), "dtype": "float64", "progress_bar": False}
    with softlif.Simulator(spiking, dt=STEP, **options) as sim:
        sim.run(TIME, {spiking.input: x[:, None]})
        counts = [np.sum(sim.spike_counts(e)) for e in spiking.ensembles]
        outputs = sim.data[spiking.output].mean(axis=1)
    sizes = [ensemble.n_neurons for ensemble in spiking.ensembles]
    classes = outputs.argmax(axis=-1)
    rows = [report("ours, with refractory time", counts, sizes, classes, labels)]
    rates = {
        name: float(count / size / len(x) / TIME)
        for name, count, size in zip(LAYERS, counts, sizes, strict=True)
    }
    path = folder / "ours.nir"
    graph = softlif.to_nir(spiking, path, "portable", rates)
    told = [
        round(graph.nodes[name].metadata["rate_change_percent"], 1) for name in LAYERS
    ]
    rows[0]["told_percent"] = told
    found, outputs = Interpreter(nir.read(path), STEP, STEP).run(x, TIME)
    expected = [found[name].sum() for name in LAYERS]
    classes = outputs.mean(axis=0).argmax(axis=-1)
    rows.append(report("the equations", expected, sizes, classes, labels))
    for package in PACKAGES:
        task = {"path": str(path), "x": str(folder / "x.npy")}
        task["out"] = str(folder / f"{package}.npz")
        found = call(args, do="read", package=package, **task)
        counts = [found[name].sum() for name in LAYERS]
        row = report(package, counts, sizes, found["classes"], labels)
        row["as_the_equations"] = agreement = float(
            np.mean(found["classes"] == classes)
        )
        close = np.allclose(counts, expected, rtol=0.03)
        row["passed"] = bool(close and agreement >= 0.9)
        rows.append(row)
    return rows


def report(what, counts, sizes, classes, labels):
    n = len(labels)
    rates = [
        round(float(c / s / n / TIME), 2) for c, s in zip(counts, sizes, strict=True)
    ]
    right = float(np.mean(classes == labels))
    return {"graph": what, "rates_hz": rates, "right": right, "passed": True}


def theirs_here(args, folder):
    import nengo_softlif as softlif

    rows = []
    for package in EXPORTERS:
        for convolutional in CONVOLUTIONAL:
            path = folder / f"{package}-{convolutional}.nir"
            task = {"path": str(path), "x": str(folder / "x.npy")}
            task |= {"convolutional": convolutional, "out": str(folder / "there.npz")}
            there = call(args, do="write", package=package, **task)
            model = softlif.from_nir(path)
            x = np.load(folder / "x.npy")
            options = {"minibatch_size": len(x), "dtype": "float64"}
            with softlif.Simulator(
                model, dt=STEP, progress_bar=False, **options
            ) as sim:
                sim.run(TIME, {model.input: x[:, None]})
                counts = [np.sum(sim.spike_counts(e)) for e in model.ensembles]
                totals = sim.data[model.output].sum(axis=1)
            expected = [int(there[name]) for name in ("first", "second")]
            kind = "convolutional" if convolutional else "dense"
            agree = np.mean(totals.argmax(axis=-1) == there["classes"])
            rows.append(
                {
                    "graph": f"{package}, {kind}",
                    "spikes_there": expected,
                    "spikes_here": list(map(int, counts)),
                    "same_classes": float(agree),
                    "passed": bool(np.allclose(counts, expected, rtol=0.06)),
                }
            )
    return rows


# -- with torch ------------------------------------------------------------------------


def work_inside(do, **task):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.no_grad():
        {"read": read_inside, "write": write_inside}[do](**task)


def read_inside(package, path, x, out):
    """Show images to a graph of ours, and count spikes."""
    import nir
    import torch

    graph = nir.read(path)
    images = torch.from_numpy(np.load(x)).float().reshape(-1, 1, 8, 8)
    if package == "spikingjelly":
        from spikingjelly.activation_based.nir_exchange import import_from_nir

        network, kinds = import_from_nir(graph, dt=STEP), ("_NIRStatefulModule",)
        batches = [images]
    elif package == "norse":
        import norse.torch

        network, kinds = norse.torch.from_nir(graph, dt=STEP), ("CubaLIF", "LIFBoxCell")
        batches = images  # its Flatten takes the first axis for one of the image
    else:
        from snntorch.import_nir import import_from_nir

        network, kinds = import_from_nir(graph), ("Leaky", "Synaptic")
        batches = images
    counts = count_spikes(network, kinds)
    outputs = []
    for batch in batches:
        for module in network.modules():
            if hasattr(module, "reset_mem"):
                module.reset_mem()
        state, total = None, 0
        for _ in range(round(TIME / STEP)):
            output, state = network(batch, state)
            total = total + output
        outputs.append(total)
    outputs = torch.cat([output.reshape(-1, 10) for output in outputs])
    np.savez(out, classes=outputs.argmax(dim=-1).numpy(), **counts)


def count_spikes(network, kinds):
    """Count what modules of these kinds put out, by their names."""
    counts = {}

    def hook(name):
        def count(module, given, output):
            spikes = output[0] if isinstance(output, tuple) else output
            counts[name] = counts.get(name, 0) + float(spikes.sum())

        return count

    for name, module in network.named_modules():
        if type(module).__name__ in kinds and "." not in name:
            module.register_forward_hook(hook(name))
    return counts


def write_inside(package, path, convolutional, x, out):
    """Make a network of theirs, show it images, and write it as NIR."""
    import nir
    import torch
    from torch import nn

    images = torch.from_numpy(np.load(x)).float().reshape(-1, 1, 8, 8)
    if package == "spikingjelly":
        from spikingjelly.activation_based import functional, layer, neuron
        from spikingjelly.activation_based.nir_exchange import export_to_nir

        def first(*shape):
            return neuron.LIFNode(tau=200.0)

        def second(*shape):
            return neuron.CUBALIFNode(c_decay=0.98, v_decay=0.995)

        names, flatten = ("LIFNode", "CUBALIFNode"), layer.Flatten()
    else:
        import snntorch as snn
        from snntorch.export_nir import export_to_nir

        def full(shape, **values):  # it writes no types for single numbers
            return {name: torch.full(shape, value) for name, value in values.items()}

        zero = {"init_hidden": True, "reset_mechanism": "zero"}

        def first(*shape):
            return snn.Leaky(**full(shape, beta=0.995, threshold=1.0), **zero)

        def second(*shape):
            return snn.Synaptic(
                **full(shape, alpha=0.98, beta=0.995, threshold=1.0), **zero
            )

        names, flatten = ("Leaky", "Synaptic"), nn.Flatten()
    modules = [
        *(flatten, nn.Linear(64, 40), first(40)),
        *(nn.Linear(40, 10), second(10)),
    ]
    weights = modules[1], modules[3]
    if convolutional:
        modules = [
            *(nn.Conv2d(1, 6, 3, padding=1), first(6, 8, 8), nn.AvgPool2d(2)),
            *(flatten, nn.Linear(96, 10), second(10)),
        ]
        weights = modules[0], modules[4]
    # the input of the first is its current, or is added to the voltage in each step
    driven = 4.0 if package == "spikingjelly" else 0.02
    for module, scale in zip(weights, (driven, 0.05), strict=True):
        module.weight.data = module.weight.data * scale
        module.bias.data = abs(module.bias.data) * scale
    weights[1].weight.data = abs(weights[1].weight.data)
    weights[1].bias.data = weights[1].bias.data * 0.01  # which is there in each step
    network = nn.Sequential(*modules)
    sample = images[:1]
    counts, total = count_spikes_of(network, names), 0
    for _ in range(round(TIME / STEP)):
        output = network(images)
        total = total + (output[0] if isinstance(output, tuple) else output)
    found = {"first": counts[names[0]], "second": counts[names[1]]}
    np.savez(out, classes=total.argmax(dim=-1).numpy(), **found)
    if package == "spikingjelly":
        functional.reset_net(network)
        graph = export_to_nir(network, sample, dt=STEP)
    else:
        for module in network:
            if hasattr(module, "reset_mem"):
                module.reset_mem()
        graph = export_to_nir(network, sample, ignore_dims=[0])
    nir.write(path, graph)


def count_spikes_of(network, names):
    """Count what is put out, by type of neurons."""
    counts = dict.fromkeys(names, 0)

    def count(module, given, output):
        spikes = output[0] if isinstance(output, tuple) else output
        counts[type(module).__name__] += float(spikes.sum())

    for module in network.modules():
        if type(module).__name__ in names:
            module.register_forward_hook(count)
    return counts


if __name__ == "__main__":
    raise SystemExit(main())
