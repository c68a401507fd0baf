"""Random networks for the chip: NengoLoihi's emulator and ours agree in everything.

``python -m tests.fuzz.chips --n 2000 --processes 2`` tries many. A seed always means
the same network; ``--first 17 --n 1`` tries one.
"""

import argparse
import contextlib
import json
import sys
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from unittest import mock

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.loihi import conversion, cores

import nengo
import numpy as np
from nengo.exceptions import BuildError, NengoException, Unconvertible
from tqdm import tqdm

from .chip_networks import N_STEPS, Draw, Spiking, Written

LIMITS = {"compartments": (8, 150), "in-axons": (100, 400), "synapses": (4000, 40000)}


class Wrong(Exception):
    """Where the two differ."""


THEIR_FAULT = "truth value of an array"
"""What NengoLoihi ends in where picked neurons of a cut layer are filtered."""


def check(seed):
    """Try one network.

    Returns
    -------
    dict
        ``seed``, ``kind``, ``refused`` (why, or None), ``wrong`` (what, or None), and
        how many spikes, voltages and other values were compared.
    """
    draw, compared = Draw(seed), Counter(spikes=0, voltages=0, others=0)
    made = Spiking if draw.chance(0.65) else Written
    record = {"seed": seed, "kind": made.__name__, "refused": None, "wrong": None}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if made is Spiking:
                record["refused"] = _check_converted(draw, Spiking(draw), compared)
            else:
                made = Written(draw)
                record["refused"] = _compare(made.network, made, draw, compared)
        except Wrong as error:
            record["wrong"] = str(error)
        except Exception:
            record["wrong"] = traceback.format_exc()
    return record | compared


def _check_converted(draw, made, compared):
    """Compare what `to_loihi` makes of a network; say why if it refuses."""
    model = made.network
    if draw.chance(0.5):
        model = softlif.Model(model, made.image, made.output)
    synapse = nengo.Alpha(0.005) if made.synapses == [None] else None
    spiking = softlif.to_spiking(model, synapse=synapse)
    options = {}
    if draw.chance(0.3):
        options["pixel_rate"] = draw.pick(50, 100, 300)
    if draw.chance(0.1):
        options["synapse"] = draw.pick(0.003, nengo.Lowpass(0.02))
    limits = {}  # small cores, so that layers are cut into blocks
    for name, (low, high) in LIMITS.items():
        if draw.chance(0.5 if name == "compartments" else 0.15):
            limits[name] = draw.whole(low, high)
    with mock.patch.dict(cores.LIMITS, limits):
        try:
            chip = softlif.to_loihi(spiking, **options)
        except (BuildError, Unconvertible) as error:
            return f"{type(error).__name__}: {error}"
    networks = [getattr(m, "network", m) for m in (spiking, chip)]
    if not made.loops:
        _compare_rates(*networks)
    refused = _compare(networks[1], made, draw, compared)
    if refused and THEIR_FAULT not in refused:
        raise Wrong(f"NengoLoihi refuses what to_loihi made: {refused}")
    return refused


def _compare_rates(spiking, chip):
    """Compare two networks as rate networks: what is folded computes the same."""
    seen = []
    n_layers = len(spiking.all_ensembles)
    for network in (spiking, chip):
        network = network.copy(add_to_container=False)
        for owner in (network, *network.all_networks):
            owner.probes[:] = [p for p in owner.probes if isinstance(p.obj, nengo.Node)]
        for ensemble in network.all_ensembles:
            n = ensemble.neuron_type
            ensemble.neuron_type = (
                nengo.LIFRate(n.tau_rc, n.tau_ref, amplitude=n.amplitude)
                if hasattr(n, "tau_rc")
                else nengo.RectifiedLinear(n.amplitude)
            )
        for obj in (*network.all_connections, *network.all_probes):
            obj.synapse = None
        with network:
            for ensemble in network.all_ensembles[-n_layers:]:
                nengo.Probe(ensemble.neurons)
        with nengo.Simulator(network, progress_bar=False) as sim:
            sim.run_steps(2)
            seen.append([sim.data[probe] for probe in network.all_probes])
    for expected, found in zip(*seen, strict=True):
        _assert_close(found, expected, 1e-7, "rates after folding")


def _compare(network, made, draw, compared):
    """Compare the two emulators; say why if both refuse."""
    theirs, refused = [], None
    for made.shown in range(2):
        try:
            with nengo_loihi.Simulator(
                network, target="sim", progress_bar=False
            ) as reference:
                reference.run_steps(N_STEPS)
                theirs.append({p: reference.data[p] for p in network.all_probes})
                built = reference.model
        except Exception as error:
            refused = f"{type(error).__name__}: {error}"
            break
    (image,) = (node for node in network.all_nodes if callable(node.output))
    pieces = draw.whole(1, N_STEPS - 1)
    try:
        with softlif.Emulator(network, minibatch_size=2, progress_bar=False) as sim:
            sim.run_steps(pieces, {image: made.film[:, :pieces]})
            sim.run_steps(N_STEPS - pieces, {image: made.film[:, pieces:]})
    except NengoException as error:
        if refused:
            return refused
        raise Wrong(f"refused, though NengoLoihi runs it: {error}") from error
    if refused:
        if THEIR_FAULT in refused:
            return refused
        raise Wrong(f"runs, though NengoLoihi refuses it: {refused}")
    if isinstance(made, Spiking):
        _compare_cores(network, built)
    for probe in network.all_probes:
        for i, expected in enumerate(theirs):
            _compare_probe(
                network, probe, sim.data[probe][i], expected[probe], compared
            )
    return None


def _compare_cores(chip, built):
    """Compare what was counted of the cores with what NengoLoihi built."""
    for layer, counted in conversion.utilization(chip).blocks.items():
        uses = [block.utilization() for block in built.objs[layer.ensemble]["in"]]
        uses = [{name: n for name, (n, _) in use.items()} for use in uses]
        if uses != counted:
            raise Wrong(f"{layer.ensemble}: NengoLoihi counts {uses}, not {counted}")


def _compare_probe(network, probe, found, expected, compared):
    where = f"{probe} {probe.slice}"
    ensemble = getattr(probe.obj, "ensemble", None)
    on_chip = ensemble is not None and network.config[ensemble].on_chip is not False
    spikes = ensemble is not None and probe.attr == "output" and probe.synapse is None
    if spikes or (on_chip and probe.synapse is None):
        tolerance = 0.0
    else:  # sums in float64; on the chip, NengoLoihi filters in float32
        tolerance = 1e-9 if ensemble is not None and not on_chip else 1e-6
        if isinstance(probe.obj, nengo.Node):
            tolerance = 1e-9
    _assert_close(found, expected, tolerance, where)
    kind = "spikes" if spikes else "voltages" if probe.attr == "voltage" else "others"
    compared[kind] += int(np.count_nonzero(expected)) if spikes else expected.size


def _assert_close(found, expected, tolerance, where):
    if found.shape != expected.shape:
        raise Wrong(f"{where}: shape {found.shape}, not {expected.shape}")
    atol = tolerance * max(1.0, np.abs(expected).max(initial=0.0))
    differ = ~np.isclose(found, expected, rtol=0, atol=atol)
    if differ.any():
        raise Wrong(
            f"{where}: {differ.sum():,} of {differ.size:,} values differ, the first in "
            f"step {np.nonzero(differ)[0][0]}, by {np.abs(found - expected).max():g}"
        )


# -- many ------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="how many networks")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", help="a JSON file for what was found")
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.n)
    records = []
    with contextlib.ExitStack() as stack:
        results = map(check, seeds)
        if args.processes > 1:
            # a process that forks has TensorFlow's threads, and may wait for ever
            spawned = get_context("spawn")
            pool = ProcessPoolExecutor(args.processes, mp_context=spawned)
            results = stack.enter_context(pool).map(check, seeds, chunksize=5)
        for record in tqdm(results, total=args.n, unit="network"):
            records.append(record)
            if record["wrong"]:
                tqdm.write(
                    f"seed {record['seed']} ({record['kind']}): {record['wrong']}"
                )
    print(summary(records))
    if args.out:
        with open(args.out, "w") as file:
            json.dump({"summary": summary(records), "networks": records}, file)
    sys.exit(any(record["wrong"] for record in records))


def summary(records):
    """What was compared, in one line."""
    sums = Counter()
    for record in records:
        sums += Counter({k: record[k] for k in ("spikes", "voltages", "others")})
    n_refused = sum(record["refused"] is not None for record in records)
    wrong = [record["seed"] for record in records if record["wrong"]]
    return (
        f"{len(records):,} networks, {n_refused:,} refused; compared "
        f"{sums['spikes']:,} spikes, {sums['voltages']:,} voltages, "
        f"{sums['others']:,} other values; wrong: {len(wrong)}"
        + (f", seeds {', '.join(map(str, wrong))}" if wrong else "")
    )


if __name__ == "__main__":
    main()
