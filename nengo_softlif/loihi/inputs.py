"""Images in spikes: neurons on the host that stand between pixels and the chip."""

import nengo
import numpy as np

from .. import layers
from ..layers import operators
from .notes import named
from .synapses import chip_synapse

SYNAPSE = nengo.Lowpass(0.01)
"""Behind pixels if the chip has no other synapse: what stands for ``Alpha(0.005)``."""


def send_in_spikes(network, paths, images, pixel_rate, synapse, noted):
    """Let neurons lead to layers in place of the nodes that images come from.

    For each value there are two neurons without leak, of which the first fires
    ``pixel_rate`` times the value, if that is positive, and the second minus that, if
    it is negative.

    Parameters
    ----------
    network : nengo.Network
        Is changed.
    paths : dict of Layer to list of Input
        What leads to each layer of neurons on the chip.
    images : list of nengo.Node
        Where images come from.
    pixel_rate : float
        Rate in Hz that stands for a value of one.
    synapse : nengo.Lowpass or None
        What they pass on their way; if not given, what others pass.
    noted : Changes
        Receives what is done.

    Returns
    -------
    dict of Layer to list of Input
        What leads to each layer now.
    """
    shortest = synapse or _find_shortest(_collect_synapses(paths) - {None}, SYNAPSE)
    senders, new = {}, {}
    for layer, leading in paths.items():
        own = synapse or _find_shortest(_collect_synapses({layer: leading}), shortest)
        new[layer] = []
        for path in leading:
            node = path.source.obj
            if node not in images:
                new[layer].append(path)
                continue
            if node not in senders:
                senders[node] = _make_senders(network, node, pixel_rate, noted)
            synapses = path.synapses
            if not synapses and own is not None:
                synapses = (own,)
                noted.note(
                    layer.obj.ensemble,
                    "synapse",
                    f"none behind {named(node)} -> {own}, as its values are spikes "
                    f"now; delays them by {1e3 * own.tau:g} ms",
                )
            negative = operators.Scale(np.full(layer.size, -1.0))
            on, off = senders[node]
            new[layer] += [
                layers.Input(on, path.operators, synapses),
                layers.Input(off, (*path.operators, negative), synapses),
            ]
    return new


def _make_senders(network, node, pixel_rate, noted):
    """Make the neurons that send what a node puts out."""
    made = []
    size = node.size_out
    for sign, kind in ((1, "on"), (-1, "off")):
        ones = np.ones(size)
        with network:
            ensemble = nengo.Ensemble(
                size,
                1,
                neuron_type=nengo.SpikingRectifiedLinear(amplitude=1 / pixel_rate),
                gain=ones,
                bias=0 * ones,
                label=f"{named(node)} {kind}",
                seed=0,
            )
            nengo.Connection(
                node,
                ensemble.neurons,
                transform=nengo.Dense((size, size), init=sign * pixel_rate),
                synapse=None,
            )
        compared = "over" if sign > 0 else "below"
        noted.note(
            ensemble,
            "place",
            f"added on the host: {size:,} neurons send what of {named(node)} is "
            f"{compared} zero, with {pixel_rate:g} Hz for a value of one",
        )
        made.append(
            layers.Layer(
                ensemble.neurons,
                size,
                neuron_type=ensemble.neuron_type,
                gain=ones,
                bias=0 * ones,
            )
        )
    network.ensembles[:] = [*network.ensembles[-2:], *network.ensembles[:-2]]
    return made


def _collect_synapses(paths):
    """Lowpass filters that connections between neurons will have; None for none."""
    return {
        chip_synapse(path.synapses, layer.obj.ensemble)
        for layer, leading in paths.items()
        for path in leading
        if path.source.neuron_type is not None
    }


def _find_shortest(synapses, otherwise):
    def tau(lowpass):
        return 0.0 if lowpass is None else lowpass.tau

    return min(synapses, key=tau, default=otherwise)
