"""From spiking networks to Loihi: the same network, as NengoLoihi takes it."""

import numbers

import nengo
import numpy as np
from nengo.exceptions import Unconvertible

from .. import compat, layers
from ..checks import check_number
from ..layers import parameters
from ..models import Model, copied
from ..targets import check_unmade
from . import cores
from .axons import make_wires
from .connections import fold_connections, shape_of
from .inputs import send_in_spikes
from .neurons import check_range, choose_synapse, make_chip_neurons, warn_of_rounding
from .notes import Changes, for_chip, label, named
from .probes import check_orders, check_probes
from .rewiring import cut_off, send_to_host


def to_loihi(model, synapse=None, pixel_rate=None):
    """Rebuild a spiking network so that NengoLoihi runs it on the chip.

    The result is an ordinary network, for ``nengo_loihi.Simulator(net)`` with its
    emulator or the chip, and for `nengo.Simulator`, which then simulates the chip's
    neurons and synapses without rounded weights. Weights and biases are carried over;
    what is changed is this, and `changes` lists it for the network at hand:

    - Neurons that nodes lead to, the first layer, stay on the host as they are and
      send their spikes, unless images are sent in spikes (``pixel_rate``). All other
      neurons are on the chip; what they lead to in nodes (the readout) is on the
      host, and keeps its synapse.
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
    - Layers and nodes without label are called by their place: ``"layer 2"``.

    Parameters
    ----------
    model : Model or nengo.Network
        Spiking network, such as `.to_spiking` returns; left as it is.
    synapse : nengo.Lowpass or float, optional
        For all connections that lead to neurons of the chip, instead of what matches
        the network's own synapses.
    pixel_rate : float, optional
        With a rate in Hz, the first layer is on the chip too, and images are sent
        there in spikes: for each value of the image, two neurons are added on the
        host, which fire ``pixel_rate`` times the value, one if it is positive, the
        other if it is negative. Spikes are counted once per step, so values should
        stay below ``1000 / pixel_rate``. Where images had no synapse they now have that
        of the neurons that lead to the same layer; if there are none, the shortest on
        the chip, or ``Lowpass(0.01)``, with its delay and noise. In a plain
        network, images are what nodes put out that is no constant.

    Returns
    -------
    Model or nengo.Network
        Of the kind that came in. It runs in steps of 1 ms, the only ones NengoLoihi
        has. `utilization` shows what it needs of the chip.

    Warns
    -----
    NengoWarning
        If the chip rounds a refractory period, or there is none.

    Raises
    ------
    ValidationError
        If ``model`` is no network, or one that `to_loihi` returned; if ``synapse`` is
        no time constant, or ``pixel_rate`` no rate.
    Unconvertible
        If neurons, synapses or connections have no counterpart on the chip, or no
        layer is left for it; names them. If ``pixel_rate`` is given and there is no
        image.
    BuildError
        If a layer does not fit on cores, or its numbers not the chip's range; names the
        limit and the numbers.

    Examples
    --------
    >>> chip = softlif.to_loihi(softlif.to_spiking(model, nengo.Lowpass(0.005)))
    >>> [type(ensemble.neuron_type).__name__ for ensemble in chip.ensembles]
    ['LIF', 'LoihiLIF', 'LoihiLIF']
    """
    given = check_unmade(model)
    if isinstance(synapse, numbers.Real):  # as everywhere in Nengo
        check_number("synapse", synapse, "a time constant in seconds", 0)
        synapse = nengo.Lowpass(synapse)
    if synapse is not None and not isinstance(synapse, nengo.Lowpass):
        raise Unconvertible(
            f"the chip has lowpass synapses only, got {synapse}; use nengo.Lowpass, or "
            "leave it to to_loihi to match the synapses of the network"
        )
    if pixel_rate is not None:
        rate = "a rate in Hz for a value of one, such as 100"
        check_number("pixel_rate", pixel_rate, rate, 0, low_open=True)
    if isinstance(model, Model):
        chip = model.copy()
        chip.source = None  # no function of ours makes this network
        _convert(chip.network, synapse, pixel_rate, [chip.input])
        return chip
    network, _ = copied(given)
    _convert(network, synapse, pixel_rate, [])
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

    Raises
    ------
    ValidationError
        If it is another network.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.utilization(softlif.to_loihi(spiking)).n_cores
    3
    """
    network = for_chip(network)
    chip = {}
    for ensemble in network.all_ensembles:
        if network.config[ensemble].on_chip:
            cut = network.config[ensemble].block_shape
            shape = cut.ensemble_shape
            layout = cores.Layout(cut.shape, shape)
            chip[ensemble] = cores.ChipLayer(ensemble, shape, layout=layout)
    for connection in network.all_connections:
        target = getattr(connection.post_obj, "ensemble", None)
        if target in chip:
            source = connection.pre_obj.ensemble
            indices = np.arange(source.n_neurons)[connection.pre_slice]
            chip[target].inputs.append(
                make_wires(source, target, connection.transform, indices)
            )
    found = list(chip.values())
    return cores.Utilization({layer: layer.use(found) for layer in found})


def changes(network):
    """List what `to_loihi` changed, layer by layer, with numbers.

    Parameters
    ----------
    network : Model or nengo.Network
        What `to_loihi` returned, or a copy of it.

    Returns
    -------
    Changes
        Printed, a line for each change.

    Raises
    ------
    ValidationError
        If it is another network.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> len(loihi.changes(softlif.to_loihi(spiking)).layers)
    3
    """
    return Changes.of(for_chip(network))


# -- conversion ------------------------------------------------------------------------


def _convert(network, synapse, pixel_rate, images):
    """Rebuild a network in place, of which these nodes are images."""
    noted = Changes()
    built, read = _prepare(network)
    paths = {
        layer: list(layer.expanded())
        for layer in read.values()
        if layer.neuron_type is not None
    }
    constants, sending = _sort_nodes(read, images, pixel_rate)
    chip = _choose_layers(network, paths, constants, sending, pixel_rate, noted)
    if pixel_rate is not None:
        leading = {layer: paths[layer] for layer in chip}
        paths |= send_in_spikes(network, leading, sending, pixel_rate, synapse, noted)
    neuron_types = {layer: make_chip_neurons(layer, noted) for layer in chip}
    synapses = {
        layer: choose_synapse(layer, paths[layer], synapse, noted) for layer in chip
    }
    check_probes(network, chip)
    warn_of_rounding({layer.obj.ensemble: n for layer, n in neuron_types.items()})

    cut_off(network, chip, images, noted)
    send_to_host(network, chip, built, noted)
    placed = []
    for layer in chip:
        parts = fold_connections(layer, paths[layer], constants, noted)
        layer.obj.ensemble.neuron_type = neuron_types[layer]
        placed.append(_connect(network, layer.obj.ensemble, parts, synapses[layer]))
    cores.lay_out(placed)
    for layer, on_cores in zip(chip, placed, strict=True):
        check_range(on_cores, synapses[layer])
    check_orders(network, placed)
    _configure(network, placed, noted)
    noted.keep(network)


def _prepare(network):
    """Write down in a network what Nengo drew for it; return what that built and is."""
    label(network)
    built = nengo.builder.Model()
    read = layers.read(network, built, loops=True)
    parameters.install(network, parameters.collect(network, built.params))
    compat.nengo_loihi.add_params(network)
    # objects draw what they drew, whatever comes to lie before them
    for obj in [*network.all_ensembles, *network.all_nodes]:
        if built.seeded[obj]:
            obj.seed = built.seeds[obj]
    return built, read


def _sort_nodes(read, images, pixel_rate):
    """Tell layers that are constants, and nodes whose values are sent in spikes."""
    nodes = [layer for layer in read.values() if layer.puts_out]
    constants = {
        layer
        for layer in nodes
        if layer.constant is not None and layer.obj not in images
    }
    if pixel_rate is None:
        return constants, []
    sending = images or [layer.obj for layer in nodes if layer not in constants]
    if not sending:
        raise Unconvertible(
            "pixel_rate is given, but no node is an image: nodes that put out "
            "arrays count as constants; give a Model, or a node with a function"
        )
    return constants, sending


def _choose_layers(network, paths, constants, sending, pixel_rate, noted):
    """Choose the layers of neurons that go to the chip."""
    chip, on_host = [], {}
    for layer, leading in paths.items():
        reason = _why_on_host(network, layer, leading, constants, sending)
        if reason is None:
            chip.append(layer)
        else:
            ensemble = layer.obj.ensemble
            on_host[ensemble] = reason
            noted.note(ensemble, "place", f"stays on the host: {reason}")
    if not chip:
        raise _none_left(network, on_host, pixel_rate)
    return chip


def _why_on_host(network, layer, paths, constants, sending):
    """Say why a layer stays on the host; None if it goes to the chip."""
    if network.config[layer.obj.ensemble].on_chip is False:
        return "its on_chip is set to False"
    nodes = [
        named(path.source.obj)
        for path in paths
        if path.source.neuron_type is None
        and path.source not in constants
        and path.source.obj not in sending
    ]
    if nodes:
        return f"{', '.join(nodes)} leads to it; sends its spikes"
    if all(path.source in constants for path in paths):
        return "no neurons lead to it; sends its spikes"
    return None


def _none_left(network, on_host, pixel_rate):
    """Make an error that says why all layers stay on the host."""
    why = "; ".join(
        f"{named(ensemble)}: {reason.removesuffix('; sends its spikes')}"
        for ensemble, reason in on_host.items()
    )
    forced = [network.config[ensemble].on_chip is False for ensemble in on_host]
    advice = ["add a layer that neurons lead to"]
    if any(forced):
        advice.insert(0, "leave on_chip as it is")
    if pixel_rate is None and not all(forced):
        advice.insert(0, "let to_loihi send images in spikes (pixel_rate=100)")
    return Unconvertible(
        f"no layer of neurons is left for the chip ({why or 'there are none'}); "
        f"{', or '.join(advice)}"
    )


def _connect(network, ensemble, parts, synapse):
    """Connect a layer to its sources; return what it needs of the chip."""
    on_cores = cores.ChipLayer(ensemble, shape_of(ensemble, parts))
    for source, part in parts:
        pre = source.neurons
        with network:
            nengo.Connection(
                pre if part.indices is None else pre[list(part.indices)],
                ensemble.neurons,
                transform=part.transform,
                synapse=synapse,
                label=f"{source.label} to {ensemble.label}",
            )
        needed = make_wires(source, ensemble, part.transform, part.indices)
        on_cores.inputs.append(needed)
    return on_cores


def _configure(network, placed, noted):
    """Tell NengoLoihi what is on the chip, and how that is cut into blocks."""
    on_chip = {layer.ensemble for layer in placed}
    for ensemble in network.all_ensembles:
        network.config[ensemble].on_chip = ensemble in on_chip
    for layer in placed:
        cut = layer.layout
        network.config[layer.ensemble].block_shape = compat.nengo_loihi.BlockShape(
            cut.block, cut.shape
        )
        block, shape = (" x ".join(map(str, n)) for n in (cut.block, cut.shape))
        blocks = f", in blocks of {block}" if cut.n_blocks > 1 else ""
        noted.note(layer.ensemble, "cores", f"{cut.n_blocks} for {shape}{blocks}")
