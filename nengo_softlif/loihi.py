"""From spiking networks to Loihi: the same network, as NengoLoihi takes it."""

import nengo
import numpy as np
from nengo.exceptions import BuildError, Unconvertible

from . import cores, folding, layers, operators, parameters
from .chip_numbers import DT
from .chip_synapses import chip_synapse
from .models import Model, copied
from .wires import wires


def to_loihi(model, synapse=None):
    """Rebuild a spiking network so that NengoLoihi runs it on the chip.

    The result is an ordinary network, for ``nengo_loihi.Simulator(net)`` with its
    emulator or the chip, and for `nengo.Simulator`, which then simulates the chip's
    neurons and synapses without rounded weights. Weights and biases are carried over;
    what is changed is this:

    - Neurons that nodes lead to, the first layer, stay on the host as they are and
      send their spikes. All other neurons are on the chip; what they lead to in nodes
      (the readout) is on the host, and keeps its synapse.
    - `nengo.LIF` becomes ``nengo_loihi.LoihiLIF``, with the same time constants and
      amplitude, and starts at voltage zero, as on the chip. There, intervals between
      spikes are whole milliseconds.
    - Whatever lies between neurons (pooling, slices, nodes that only pass values on)
      is folded into the next layer's weights, exactly.
      Constants become biases.
    - On the way to neurons of the chip, synapses become a lowpass filter of the same
      mean delay, ``Lowpass(2 * tau)`` for ``Alpha(tau)``, which also has the same
      gain and lets as much noise pass; `.substitution` measures what remains.
    - Layers that are larger than a core are cut into blocks that fit.
    - Gains that differ within a layer are multiplied into its weights, and become one.

    Parameters
    ----------
    model : Model or nengo.Network
        Spiking network, such as `.to_spiking` returns; left as it is.
    synapse : nengo.Lowpass, optional
        For all connections that lead to neurons of the chip, instead of what matches
        the network's own synapses.

    Returns
    -------
    Model or nengo.Network
        Of the kind that came in. It runs in steps of 1 ms, the only ones NengoLoihi
        has. `utilization` shows what it needs of the chip.

    Raises
    ------
    Unconvertible
        If neurons, synapses or connections have no counterpart on the chip, or no
        layer is left for it; names them.
    BuildError
        If a layer does not fit on cores; names the limit and the numbers.
    """
    if synapse is not None and not isinstance(synapse, nengo.Lowpass):
        raise Unconvertible(
            f"the chip has lowpass synapses only, got {synapse}; use nengo.Lowpass, or "
            "leave it to to_loihi to match the synapses of the network"
        )
    if isinstance(model, Model):
        chip = model.copy()
        chip.source = None  # no function of ours makes this network
        _convert(chip.network, synapse, [chip.input])
        return chip
    network, _ = copied(model)
    _convert(network, synapse, [])
    return network


def utilization(network):
    """Count what a network of `to_loihi` needs of the chip.

    Parameters
    ----------
    network : Model or nengo.Network
        What `to_loihi` returned.

    Returns
    -------
    Utilization
        Printed, a table.
    """
    network = network.network if isinstance(network, Model) else network
    chip = {}
    for ensemble in network.all_ensembles:
        if network.config[ensemble].on_chip is not False:
            cut = network.config[ensemble].block_shape
            shape = cut.ensemble_shape
            layout = cores.Layout(cut.shape, shape)
            chip[ensemble] = cores.ChipLayer(ensemble, shape, layout=layout)
    for connection in network.all_connections:
        target = getattr(connection.post_obj, "ensemble", None)
        if target in chip:
            source = connection.pre_obj.ensemble
            indices = np.arange(source.n_neurons)[connection.pre_slice]
            chip[target].inputs.append(wires(source, connection.transform, indices))
    found = list(chip.values())
    return cores.Utilization({layer: layer.use(found) for layer in found})


# -- conversion ------------------------------------------------------------------------


def _convert(network, synapse, keep):
    import nengo_loihi

    built = nengo.builder.Model()
    read = layers.read(network, built, loops=True)
    parameters.install(network, parameters.collect(network, built.params))
    nengo_loihi.add_params(network)
    paths = {
        layer: list(_expanded(layer))
        for layer in read.values()
        if layer.neuron_type is not None
    }
    chip = [layer for layer in paths if _on_chip(network, layer, paths[layer])]
    if not chip:
        raise Unconvertible(
            "no layer of neurons is left for the chip: the first layer, which nodes "
            "lead to, runs on the host; add a layer that neurons lead to"
        )
    neuron_types = {layer: _chip_neurons(layer) for layer in chip}
    synapses = {layer: _one_synapse(layer, paths[layer], synapse) for layer in chip}
    _check_probes(network, chip)

    _keep_seeds(network, built)
    _cut_off(network, chip, keep)
    _send_to_host(network, chip, built)
    placed = []
    for layer in chip:
        ensemble = layer.obj.ensemble
        parts = _connections(layer, paths[layer])
        ensemble.neuron_type = neuron_types[layer]
        made = cores.ChipLayer(ensemble, _shape(ensemble, parts))
        for source, part in parts:
            pre = source.neurons
            with network:
                nengo.Connection(
                    pre if part.indices is None else pre[list(part.indices)],
                    ensemble.neurons,
                    transform=part.transform,
                    synapse=synapses[layer],
                    label=f"{source.label} to {ensemble.label}",
                )
            made.inputs.append(wires(source, part.transform, part.indices))
        _check_weights(made, synapses[layer])
        placed.append(made)
    cores.lay_out(placed)

    in_network = {layer.obj.ensemble for layer in chip}
    for ensemble in network.all_ensembles:
        network.config[ensemble].on_chip = ensemble in in_network
    for layer in placed:
        network.config[layer.ensemble].block_shape = nengo_loihi.BlockShape(
            layer.layout.block, layer.layout.shape
        )


def _expanded(layer):
    """Everything that leads to a layer from neurons and from nodes that put out."""
    for path in layer.inputs:
        source = path.source
        if source.neuron_type is not None or source.puts_out:
            yield path
            continue
        for before in _expanded(source):
            yield layers.Input(
                before.source,
                before.operators + path.operators,
                before.synapses + path.synapses,
                before.signal,
            )


def _is_constant(layer):
    return layer.puts_out and isinstance(layer.obj.output, np.ndarray)


def _on_chip(network, layer, paths):
    if network.config[layer.obj.ensemble].on_chip is False:
        return False
    from_neurons = any(path.source.neuron_type is not None for path in paths)
    others = [path for path in paths if path.source.neuron_type is None]
    return from_neurons and all(_is_constant(path.source) for path in others)


def _chip_neurons(layer):
    """Neurons that behave as those of the chip."""
    import nengo_loihi

    neurons, ensemble = layer.neuron_type, layer.obj.ensemble
    zero = {"voltage": nengo.dists.Choice([0])}
    if type(neurons) in (nengo.LIF, nengo_loihi.LoihiLIF):
        return nengo_loihi.LoihiLIF(
            neurons.tau_rc,
            neurons.tau_ref,
            min_voltage=neurons.min_voltage,
            amplitude=neurons.amplitude,
            initial_state=zero,
        )
    relu = (nengo.SpikingRectifiedLinear, nengo_loihi.LoihiSpikingRectifiedLinear)
    if type(neurons) in relu:
        return nengo_loihi.LoihiSpikingRectifiedLinear(
            neurons.amplitude, initial_state=zero
        )
    raise Unconvertible(
        f"{ensemble} has neurons of type {neurons}, which the chip does not have; use "
        "nengo.LIF or nengo.SpikingRectifiedLinear, as to_spiking does, or keep the "
        "layer on the host: net.config[ensemble].on_chip = False"
    )


def _one_synapse(layer, paths, synapse):
    """The filter of what reaches a layer; the chip has one for each neuron."""
    if synapse is not None:
        return synapse
    found = {
        chip_synapse(path.synapses, layer.obj.ensemble)
        for path in paths
        if path.source.neuron_type is not None
    }
    taus = sorted(0.0 if lowpass is None else lowpass.tau for lowpass in found)
    if taus[-1] - taus[0] > 1e-9:
        raise Unconvertible(
            f"{layer.obj.ensemble} is reached through synapses with mean delays of "
            f"{', '.join(f'{1e3 * tau:g} ms' for tau in taus)}, but neurons of the "
            "chip have one filter for all that reaches them; make them equal, or "
            "choose one with to_loihi(..., synapse=nengo.Lowpass(tau))"
        )
    return found.pop()


def _check_weights(layer, synapse):
    """Refuse weights beside which the threshold is nothing.

    NengoLoihi scales a core's weights to 255 and its threshold with them; it must come
    to at least one of the threshold's units, 64, as in its ``vth_to_manexp``.
    """
    neurons = layer.ensemble.neuron_type
    largest = 0.0
    for path in layer.inputs:
        weights = path.transform.init
        weights = weights.data if isinstance(path.transform, nengo.Sparse) else weights
        height = path.source.neuron_type.amplitude * np.abs(layer.ensemble.gain).max()
        largest = max(largest, height * np.abs(weights).max(initial=0.0))
    tau = 0.0 if synapse is None else synapse.tau
    steps = (1 + tau / DT) * (1 + getattr(neurons, "tau_rc", 1.0) / DT)
    if largest / DT > 255 * steps:
        raise BuildError(
            f"{layer.ensemble} has weights of up to {largest:.3g} (with gains and the "
            f"amplitude of spikes), so that one spike drives a neuron "
            f"{largest / DT / steps:,.0f} times over its threshold; the chip's numbers "
            "take 255 times at most; scale the weights down"
        )


def _check_probes(network, chip):
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


def _keep_seeds(network, built):
    """Let objects draw what they drew, whatever comes to lie before them."""
    for obj in [*network.all_ensembles, *network.all_nodes]:
        if built.seeded[obj]:
            obj.seed = built.seeds[obj]


def _owners(network):
    return [network, *network.all_networks]


def _cut_off(network, chip, keep):
    """Remove what leads to layers of the chip, and nodes that led nowhere else."""
    targets = {layer.obj for layer in chip} | {layer.obj.ensemble for layer in chip}
    used = set(keep) | {probe.obj for probe in network.all_probes}
    while targets:
        loose = set()
        for owner in _owners(network):
            for connection in list(owner.connections):
                if connection.post_obj in targets:
                    owner.connections.remove(connection)
                    loose.add(connection.pre_obj)
        used_now = used | {c.pre_obj for c in network.all_connections}
        targets = {obj for obj in loose - used_now if isinstance(obj, nengo.Node)}
        for owner in _owners(network):
            owner.nodes[:] = [node for node in owner.nodes if node not in targets]


def _send_to_host(network, chip, built):
    """Connections from the chip to the host: spikes are weighted, no more."""
    sources = {layer.obj for layer in chip}
    for owner in _owners(network):
        for connection in list(owner.connections):
            pre, transform = connection.pre_obj, connection.transform
            decoded = parameters.has_decoders(pre) and pre.neurons in sources
            if not decoded and pre not in sources:
                continue
            if decoded:
                weights = built.params[connection].weights
                pre, transform = pre.neurons, nengo.Dense(weights.shape, init=weights)
            elif isinstance(transform, (nengo.Dense, nengo.transforms.NoTransform)):
                continue
            else:  # the host does the rest
                with network:
                    relay = nengo.Node(
                        size_in=connection.size_mid, label=f"{pre} on the host"
                    )
                    nengo.Connection(connection.pre, relay, synapse=None)
                pre = relay
            owner.connections.remove(connection)
            with owner:
                nengo.Connection(
                    pre,
                    connection.post,
                    transform=transform,
                    synapse=connection.synapse,
                    label=connection.label,
                )


def _connections(layer, paths):
    """Fold all that leads to a layer; its constants become part of its bias."""
    ensemble = layer.obj.ensemble
    gain = layer.gain[0]
    if gain == 0 or not np.all(layer.gain == gain):
        # shared weights have no room for them
        ensemble.gain, gain = np.ones(layer.size), None
    bias, parts = np.array(layer.bias), []
    folded = [path for path in paths if not _is_constant(path.source)]
    limit = cores.LIMITS["in-axons"] // len(folded)
    for path in paths:
        if _is_constant(path.source):
            value = path.source.obj.output
            for op in path.operators:
                value = op(value)
            bias += value
            continue
        source = path.source.obj.ensemble
        steps = path.operators if gain is None else _without_gain(path.operators, gain)
        image = _image_of(path.source)
        for part in folding.fold(steps, source.n_neurons, limit, image):
            parts.append((source, part))
    ensemble.bias = bias
    return parts


def _without_gain(path, gain):
    """Take the gain, which Nengo applies at the neurons, out of what leads there."""
    for i in range(len(path) - 1, max(len(path) - 3, -1), -1):
        op = path[i]
        if isinstance(op, operators.Scale) and op.connection is None:
            if np.all(op.weights == gain):
                return (*path[:i], *path[i + 1 :])
        elif not isinstance(op, operators.Place):
            break
    return (*path, operators.Scale(np.full(path[-1].size_out, 1 / gain)))


def _image_of(layer):
    """Shape of the image that neurons are, by what leads to them."""
    for path in layer.inputs:
        for op in reversed(path.operators):
            if isinstance(op, operators.Windows):
                if op.size_out == layer.size:
                    return op.output_shape
                break
    return None


def _shape(ensemble, parts):
    """Shape along which a layer is cut."""
    shape = (ensemble.n_neurons,)
    for _, part in parts:
        if isinstance(part.transform, nengo.Convolution):
            return tuple(int(n) for n in part.transform.output_shape.shape)
    return shape
