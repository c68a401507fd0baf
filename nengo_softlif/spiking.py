"""From rates to spikes: the same network with spiking neurons and synapses."""

import numbers
from types import NoneType

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError
from nengo.synapses import LinearFilter, Synapse, SynapseParam

from . import layers
from .checks import check_number, warn_of_seconds
from .layers import parameters
from .models import Model, copied
from .neurons import partner
from .targets import check_unmade


def to_spiking(model, synapse=nengo.Alpha(0.005)):  # noqa: B008 (synapses are frozen)
    """Rebuild a network of rate neurons with spiking ones.

    Gains, biases, encoders, decoders and weights are those Nengo built for the
    rate network, whatever they were drawn or solved from. `.SoftLIFRate` and
    `nengo.LIFRate` become `nengo.LIF`, `nengo.RectifiedLinear` becomes
    `nengo.SpikingRectifiedLinear`; neurons that spike already stay. Noise and
    dropout are for training and vanish.

    Parameters
    ----------
    model : Model or nengo.Network
        Rate network; left as it is. In a `Model`, constant input to neurons is
        folded into their biases, so that nothing but the image comes from
        nodes.
    synapse : nengo.synapses.Synapse
        Put on every connection that leaves neurons and has none, so that spikes
        pass exactly one synapse from layer to layer. A synapse that is there
        already stays: it is part of what the network computes. The default is
        that of the papers, 5 ms. Probes on ensembles keep their decoders and
        their own synapse.

    Returns
    -------
    Model or nengo.Network
        Of the kind that came in. Voltages start where Nengo draws them, spread
        over the interval below threshold. What the output probe shows is
        filtered by the last layer's synapse alone; over which window it is
        averaged is up to `.evaluate`.

    Raises
    ------
    ValidationError
        If ``model`` is no network, or is what `.to_loihi` returned, or ``synapse`` is
        no synapse of finite numbers.
    Unconvertible
        If a neuron type has no spiking partner, or a connection solves for full
        weights.

    Examples
    --------
    >>> spiking = softlif.to_spiking(model, nengo.Lowpass(0.005))
    >>> [type(ensemble.neuron_type).__name__ for ensemble in spiking.ensembles]
    ['LIF', 'LIF', 'LIF']
    """
    network = check_unmade(model)
    synapse = _checked_synapse(synapse)
    warn_of_seconds("synapse", getattr(synapse, "tau", 0))
    if isinstance(model, Model):
        spiking = model.copy()
        spiking.source = None  # no function of ours makes this network
        built = _convert(spiking.network, synapse)
        _fold_constants(spiking.network, spiking.input, built)
        if isinstance(spiking.output.obj, nengo.ensemble.Neurons):
            spiking.output.synapse = spiking.output.synapse or synapse
        return spiking
    network, _ = copied(network)
    _convert(network, synapse)
    return network


def _checked_synapse(synapse):
    """Return a synapse where, as in Nengo, a number of seconds stands for a Lowpass."""
    if isinstance(synapse, numbers.Real):
        check_number("synapse", synapse, "0 or a positive number of seconds", 0)
    elif not isinstance(synapse, (Synapse, NoneType)):
        raise ValidationError(
            "expected a synapse such as nengo.Alpha(0.005), None, or a number of "
            f"seconds for a Lowpass, got {synapse!r}",
            attr="synapse",
        )
    synapse = SynapseParam("synapse").coerce(None, synapse)
    if isinstance(synapse, LinearFilter):
        if not np.isfinite([*synapse.num, *synapse.den]).all():
            raise ValidationError(
                f"expected a synapse of finite numbers, got {synapse}", attr="synapse"
            )
    return synapse


def _convert(network, synapse):
    neuron_types = {e: _spiking(e) for e in network.all_ensembles}
    built = parameters.build(network)
    parameters.install(network, parameters.collect(network, built))
    for ensemble, neuron_type in neuron_types.items():
        ensemble.neuron_type = neuron_type
    for connection in network.all_connections:
        if connection.synapse is None and _leaves_neurons(connection):
            connection.synapse = synapse
    return layers.Built(built)


def _spiking(ensemble):
    """Spiking partner of an ensemble's neurons."""
    neurons = ensemble.neuron_type
    if neurons.spiking or isinstance(neurons, nengo.Direct):
        return neurons
    spiking = partner(neurons, "spiking")
    if spiking is None:
        raise Unconvertible(
            f"{ensemble} has neurons of type {neurons}, which have no spiking partner; "
            "use SoftLIFRate, nengo.LIFRate or nengo.RectifiedLinear, or a spiking "
            "type such as nengo.RegularSpiking around your own, or add a Family to "
            "nengo_softlif.neurons.FAMILIES"
        )
    return spiking


def _leaves_neurons(connection):
    pre = connection.pre_obj
    return isinstance(pre, nengo.ensemble.Neurons) or parameters.has_decoders(pre)


def _fold_constants(network, input_node, built):
    """Turn what constant nodes give to neurons into biases."""
    probed = {probe.target for probe in network.all_probes}
    for owner in [network, *network.all_networks]:
        for connection in list(owner.connections):
            node, target = connection.pre_obj, connection.post_obj
            if (
                node is not input_node
                and isinstance(node, nengo.Node)
                and isinstance(node.output, np.ndarray)
                and isinstance(target, nengo.ensemble.Neurons)
                and connection.function is None
                and connection.synapse is None
                and connection.learning_rule is None
                and connection not in probed
            ):
                source = layers.Layer(node, node.size_out)
                try:
                    path = layers.read_connection(source, connection, built)
                except Unconvertible:  # a transform that stays as it is
                    continue
                target.ensemble.bias = target.ensemble.bias + path.constant
                owner.connections.remove(connection)

    used = {obj for c in network.all_connections for obj in (c.pre_obj, c.post_obj)}
    used |= {probe.obj for probe in network.all_probes} | {input_node}
    for owner in [network, *network.all_networks]:
        owner.nodes[:] = [
            node
            for node in owner.nodes
            if node in used or not isinstance(node.output, np.ndarray)
        ]
