"""Random networks for the chip: NengoLoihi's emulator and ours agree in everything.

``python -m tests.fuzz.chips --n 2000 --processes 2`` tries many. A seed always means
the same network; ``--first 17 --n 1`` tries one.
"""

import sys
from unittest import mock

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.loihi import conversion, cores

import nengo
import numpy as np
from nengo.exceptions import BuildError, NengoException, Unconvertible

from . import running
from .chip_networks import N_STEPS, Spiking, Written
from .draws import Draw
from .running import Result, Wrong

LIMITS = {"compartments": (8, 150), "in-axons": (100, 400), "synapses": (4000, 40000)}


THEIR_FAULT = "truth value of an array"
"""What NengoLoihi ends in where picked neurons of a cut layer are filtered."""


def check(seed):
    """Try one network.

    Returns
    -------
    Result
        Whose counts are of spikes, voltages and other values.
    """
    draw = Draw(seed)
    made = Spiking if draw.chance(0.65) else Written
    result = Result(seed, made.__name__)
    compared = result.counts
    compared.update(spikes=0, voltages=0, others=0)
    with result.catching():
        if made is Spiking:
            result.refused = _check_converted(draw, Spiking(draw), compared)
        else:
            made = Written(draw)
            result.refused = _compare(made.network, made, draw, compared)
    return result


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
    theirs, refused = [], ""
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
    return ""


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


def plan(given):
    """Of the command."""
    return [("networks", given.n, check)]


if __name__ == "__main__":
    sys.exit(running.main(running.options(__doc__, n=100), plan))
