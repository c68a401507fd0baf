"""What leads to the chip is cut off, and what leads from it is made to fit the host."""

import nengo
import numpy as np
from nengo.transforms import NoTransform

from ..layers import parameters
from .notes import in_words, named


def cut_off(network, chip, keep, noted):
    """Remove what leads to layers of the chip, and nodes that led nowhere else.

    The network is changed; the nodes to keep are not removed.
    """
    used = set(keep) | {probe.obj for probe in network.all_probes}
    targets = {}  # what is cut off, and the layers it led to
    for layer in chip:
        ensemble = layer.obj.ensemble
        targets.update({layer.obj: {ensemble}, ensemble: {ensemble}})
    removed = {layer.obj.ensemble: [] for layer in chip}
    while targets:
        loose = {}
        for owner in _owners(network):
            for connection in list(owner.connections):
                if connection.post_obj in targets:
                    owner.connections.remove(connection)
                    led_to = loose.setdefault(connection.pre_obj, set())
                    led_to |= targets[connection.post_obj]
        used_now = used | {c.pre_obj for c in network.all_connections}
        targets = {
            obj: led_to
            for obj, led_to in loose.items()
            if isinstance(obj, nengo.Node) and obj not in used_now
        }
        for node, led_to in targets.items():
            for ensemble in led_to:
                removed[ensemble].append(named(node))
        for owner in _owners(network):
            owner.nodes[:] = [node for node in owner.nodes if node not in targets]
    for ensemble, names in removed.items():
        if names:
            noted.note(ensemble, "nodes", f"{', '.join(names)}: folded and removed")


def send_to_host(network, chip, built, noted):
    """Make connections from the chip to the host weigh spikes, and no more.

    The network is changed; of what Nengo built, decoders are taken.
    """
    sources = {layer.obj for layer in chip}
    for owner in _owners(network):
        for connection in list(owner.connections):
            pre, transform = connection.pre_obj, connection.transform
            post = getattr(connection.post_obj, "ensemble", connection.post_obj)
            decoded = parameters.has_decoders(pre) and pre.neurons in sources
            if not decoded and pre not in sources:
                continue
            sender = named(pre if decoded else pre.ensemble)
            if decoded:
                weights = built.params[connection].weights
                pre, transform = pre.neurons, nengo.Dense(weights.shape, init=weights)
                how = f"decoders of {sender} -> {in_words(transform)}"
                noted.note(post, "weights", how)
            else:
                pre, transform, what = _from_neurons(network, connection)
                if pre is connection.pre and transform is connection.transform:
                    continue
                if what:
                    how = f"{what} of {sender} is done by the host, behind a node"
                    noted.note(post, "weights", how)
            owner.connections.remove(connection)
            with owner:
                nengo.Connection(
                    pre,
                    connection.post,
                    transform=transform,
                    synapse=connection.synapse,
                    label=connection.label,
                )


def _from_neurons(network, connection):
    """Let the host do what NengoLoihi cannot; return pre, transform, and what it is."""
    neurons, transform = connection.pre_obj, connection.transform
    if isinstance(transform, nengo.Dense) and np.ndim(transform.init) == 1:
        # NengoLoihi multiplies with a diagonal as if it were a matrix
        weights = np.diag(transform.init)
        transform = nengo.Dense(weights.shape, init=weights)
    # it takes neurons of cut layers in no order but their own
    picked = np.arange(neurons.size_out)[connection.pre_slice]
    reordered = np.any(np.diff(picked) <= 0)
    plain = isinstance(transform, (nengo.Dense, NoTransform))
    if plain and not reordered:
        return connection.pre, transform, None
    pre = neurons if reordered else connection.pre
    with network:
        relay = nengo.Node(size_in=pre.size_out, label=f"{neurons} on the host")
        nengo.Connection(pre, relay, synapse=None)
    what = "the order" if plain else in_words(transform)
    return relay[connection.pre_slice] if reordered else relay, transform, what


def _owners(network):
    """All networks that hold connections."""
    return [network, *network.all_networks]
