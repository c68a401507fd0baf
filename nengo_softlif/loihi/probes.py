"""Probes that NengoLoihi has, and those that it cannot have."""

import nengo
import numpy as np
from nengo.exceptions import Unconvertible


def check_probes(network, chip):
    """Refuse probes of what is no more on the chip, or that NengoLoihi has not.

    The chip is a list of layers of neurons.
    """
    targets = {layer.obj for layer in chip}
    for probe in network.all_probes:
        obj = probe.obj
        if isinstance(obj, nengo.Connection) and (obj.post_obj in targets):
            raise Unconvertible(
                f"{probe} records a connection to the chip, which is folded into "
                "others; probe the neurons instead"
            )
        neurons = obj.neurons if isinstance(obj, nengo.Ensemble) else obj
        if neurons in targets and probe.sample_every is not None:
            raise Unconvertible(
                f"{probe} records every {1e3 * probe.sample_every:g} ms, but "
                "NengoLoihi records every step on the chip; leave sample_every out"
            )


def check_orders(network, layers):
    """Refuse probes that NengoLoihi cannot divide among the blocks of layers.

    Such record neurons of several blocks in another order than theirs.
    """
    layouts = {layer.ensemble.neurons: layer.layout for layer in layers}
    for probe in network.all_probes:
        layout = layouts.get(probe.obj)
        if layout is None or layout.n_blocks == 1 or probe.slice is None:
            continue
        recorded = np.arange(int(np.prod(layout.shape)))[probe.slice]
        if np.any(np.diff(recorded) <= 0):
            raise Unconvertible(
                f"{probe} records neurons in another order than theirs, which "
                f"NengoLoihi cannot for a layer that is cut into {layout.n_blocks} "
                "blocks; probe all neurons, and pick from what the probe saw"
            )
