"""Neurons and the filter before them, as the chip has them."""

import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import BuildError, NengoWarning, Unconvertible

from .. import compat
from ..neurons import NeuronTable
from ..tables import in_ms
from .decays import DT, chip_tau_rc, chip_tau_ref
from .notes import named
from .synapses import chip_synapse, substitution

FAITHFUL_RATE = 1 / (6 * DT)
"""Rate in Hz above which ``warn_of_high_rates`` speaks: intervals of six steps.

There rates are 17 percent apart, and 8 percent too low on average. Training for the
chip lowers what is above (the penalty of `.LoihiTarget` starts at 125 Hz).
"""

_TOLD = weakref.WeakKeyDictionary()
"""Networks, and the warnings of their rates that were given."""


@dataclass(frozen=True)
class ChipNeurons:
    """What the chip has for a type of neurons.

    Parameters
    ----------
    name : str
        Of the class that behaves like them, in ``nengo_loihi.neurons``.
    parameters : tuple of str
        Arguments that it takes, and attributes of the neurons.
    threshold : float
        That of the voltage.
    configure : callable
        Sets a ``nengo_loihi.block.Compartment`` to neurons of ``name``.
    rounding : callable
        Says in words to what the chip rounds the parameters of neurons.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.CHIP_NEURONS.of(nengo.LIF()).name
    'LoihiLIF'
    """

    name: str
    parameters: tuple
    threshold: float
    configure: Callable
    rounding: Callable


def _configure_lif(compartment, neurons):
    compartment.configure_lif(
        neurons.tau_rc, neurons.tau_ref, dt=DT, min_voltage=neurons.min_voltage
    )


def _rounding_of_lif(neurons):
    tau_rc, tau_ref = neurons.tau_rc, neurons.tau_ref
    return (
        f"tau_rc {in_ms(tau_rc)} -> {in_ms(chip_tau_rc(tau_rc))} (12 bits), tau_ref "
        f"{in_ms(tau_ref)} -> {in_ms(chip_tau_ref(tau_ref))} (whole ms), "
    )


def _configure_relu(compartment, neurons):
    compartment.configure_relu(vth=1 / DT, dt=DT)


LIF = ChipNeurons(
    "LoihiLIF",
    ("tau_rc", "tau_ref", "min_voltage", "amplitude"),
    threshold=1.0,
    configure=_configure_lif,
    rounding=_rounding_of_lif,
)
RELU = ChipNeurons(
    "LoihiSpikingRectifiedLinear",
    ("amplitude",),
    threshold=1 / DT,
    configure=_configure_relu,
    rounding=lambda neurons: "",
)

CHIP_NEURONS = NeuronTable(
    "chip_neurons",
    {
        nengo.LIF: LIF,
        nengo.SpikingRectifiedLinear: RELU,
        "nengo_loihi.neurons.LoihiLIF": LIF,
        "nengo_loihi.neurons.LoihiSpikingRectifiedLinear": RELU,
    },
)
"""The `ChipNeurons` for each type that the chip has."""


def make_chip_neurons(layer, noted):
    """Make neurons that behave as those of the chip, and start at voltage zero.

    Types that the chip does not have are refused as `Unconvertible`.
    """
    neurons, ensemble = layer.neuron_type, layer.obj.ensemble
    row = CHIP_NEURONS.of(neurons)
    if row is None:
        if not neurons.spiking:
            raise Unconvertible(
                f"{ensemble} has rate neurons, {neurons}; the chip has spikes: call "
                "to_loihi(to_spiking(model))"
            )
        raise Unconvertible(
            f"{ensemble} has neurons of type {neurons}, which the chip does not have; "
            "use nengo.LIF or nengo.SpikingRectifiedLinear, as to_spiking does, or "
            "keep the layer on the host: net.config[ensemble].on_chip = False"
        )
    zero = {"voltage": nengo.dists.Choice([0])}
    chip = getattr(compat.nengo_loihi.neurons, row.name)(
        **{name: getattr(neurons, name) for name in row.parameters}, initial_state=zero
    )
    noted.note(
        ensemble,
        "neurons",
        f"{type(neurons).__name__} -> {row.name}, {row.rounding(neurons)}at most "
        f"{highest_rate(chip):,.0f} Hz",
    )
    initial = {**neurons.state, **(neurons.initial_state or {})}["voltage"]
    if initial != zero["voltage"]:
        noted.note(ensemble, "voltages", f"{initial} -> all start at 0")
    return chip


def highest_rate(neurons):
    """Rate in Hz that neurons on the chip cannot exceed.

    They pass threshold a step after their refractory period at the earliest.
    """
    return 1 / (chip_tau_ref(getattr(neurons, "tau_ref", 0.0)) + DT)


def warn_of_rounding(neuron_types):
    """Warn of refractory periods that are no whole number of steps, or zero.

    The neuron types are those on the chip, by ensemble.
    """
    alike = {}
    for ensemble, neurons in neuron_types.items():
        if hasattr(neurons, "tau_ref"):
            alike.setdefault(neurons.tau_ref, []).append(ensemble)
    for tau_ref, ensembles in alike.items():
        neurons = neuron_types[ensembles[0]]
        rounded, highest = chip_tau_ref(tau_ref), highest_rate(neurons)
        if rounded > 0 and abs(rounded - tau_ref) < 1e-6 * DT:
            continue
        before = f"{1 / tau_ref:,.0f} Hz" if tau_ref > 0 else "no limit"
        none = ", so there is none," if rounded == 0 else ""
        warnings.warn(
            f"the refractory period of {', '.join(map(named, ensembles))}, "
            f"{in_ms(tau_ref)}, becomes {in_ms(rounded)} on the chip, which has whole "
            f"milliseconds{none} and neurons may fire at up to {highest:,.0f} Hz "
            f"instead of {before}; train with tau_ref={max(rounded, DT):g}",
            NengoWarning,
            stacklevel=4,
        )


def warn_of_high_rates(network, rates):
    """Warn of layers with rates that the chip's whole steps make coarse, or cut off.

    The network is one of `.to_loihi`; rates are the highest of ensembles, in Hz. Of
    each network the same is said once.
    """
    told = _TOLD.setdefault(network, set())
    on_host = {e for e in rates if network.config[e].on_chip is False}
    senders = {
        connection.pre_obj.ensemble
        for connection in network.all_connections
        if getattr(connection.post_obj, "ensemble", None) in rates.keys() - on_host
    }
    for ensemble, rate in rates.items():
        fast = f"{named(ensemble)} fires at up to {rate:.0f} Hz (99.9th percentile)"
        if ensemble not in on_host and rate > FAITHFUL_RATE:
            message = (
                f"{fast}, of {highest_rate(ensemble.neuron_type):.0f} Hz that are "
                "possible on the chip; intervals there are whole milliseconds, so "
                f"rates near that are {100 * rate * DT:.0f} % apart, and "
                f"{50 * rate * DT:.0f} % too low on average; lower the gains or "
                "max_rates, or if the network is of feed-forward layers of "
                "SoftLIFRate, train with fit(..., target='loihi'), which lowers rates"
            )
        elif ensemble in on_host & senders and rate > (1 + 1e-9) / DT:
            message = (
                f"{fast} on the host, but NengoLoihi sends one spike per step to the "
                f"chip, {1 / DT:.0f} Hz, and loses the others; lower the pixel_rate "
                "of to_loihi, or the weights that lead there, to at most "
                f"{np.floor(100 / DT / rate):.0f} % of what they are"
            )
        else:
            continue
        if message not in told:
            told.add(message)
            warnings.warn(message, NengoWarning, stacklevel=5)


def choose_synapse(layer, paths, synapse, noted):
    """Find the filter of what reaches a layer; the chip has one for each neuron.

    That is ``synapse`` where one is given, else what matches those of the network; None
    for no filter. If none can stand for them, they are refused as `Unconvertible`.
    """
    ensemble = layer.obj.ensemble
    replaced = dict.fromkeys(
        path.synapses for path in paths if path.source.neuron_type is not None
    )
    chosen = synapse
    if synapse is None:
        found = {chip_synapse(synapses, ensemble) for synapses in replaced}
        taus = sorted(0.0 if lowpass is None else lowpass.tau for lowpass in found)
        if taus[-1] - taus[0] > 1e-9:
            raise Unconvertible(
                f"{ensemble} is reached through synapses with mean delays of "
                f"{', '.join(map(in_ms, taus))}, but neurons of the chip have one "
                "filter for all that reaches them; make them equal, or choose one "
                "with to_loihi(..., synapse=nengo.Lowpass(tau))"
            )
        chosen = found.pop()
    for synapses in replaced:
        if synapses or chosen is not None:
            noted.note(ensemble, "synapse", _replacement(synapses, chosen))
    return chosen


def _replacement(synapses, chosen):
    """Say what stands for a row of synapses, and what that costs."""
    if len(synapses) == 1 and chosen is not None:
        try:
            return str(substitution(synapses[0], chosen))
        except Unconvertible:  # chosen by hand, for what it does not match
            pass
    return f"{chosen or 'none'} for {' and '.join(map(str, synapses)) or 'none'}"


def check_range(layer, synapse):
    """Refuse a layer that NengoLoihi cannot express in the chip's numbers.

    It scales a core's largest weight to 255, and the threshold and biases with it. All
    must fit then: the threshold comes to nothing beside large weights, and leaves its
    bits beside small ones.
    """
    ensemble = layer.ensemble
    discretize = compat.nengo_loihi.builder.discretize
    largest = _largest_weights(layer)
    for block in layer.layout.blocks():
        where = layer.layout.indices(block)
        weight, bias = largest[where].max(), ensemble.bias[where]
        compartment = _compartment(ensemble, synapse, bias)
        try:
            with np.errstate(all="ignore"):  # it takes logarithms of zero
                discretize.discretize_compartment(compartment, weight)
        except (AssertionError, BuildError) as error:
            raise _out_of_range(ensemble, synapse, weight, bias) from error


def _compartment(ensemble, synapse, bias):
    """Make what NengoLoihi makes of neurons, before it rounds their numbers."""
    compartment = compat.nengo_loihi.block.Compartment(len(bias), str(ensemble))
    compartment.bias[:] = bias
    compartment.configure_filter(0.0 if synapse is None else synapse.tau, dt=DT)
    neurons = ensemble.neuron_type
    CHIP_NEURONS.of(neurons).configure(compartment, neurons)
    return compartment


def _largest_weights(layer):
    """Largest weight that leads to each neuron, as NengoLoihi has it: of spikes."""
    ensemble = layer.ensemble
    largest = np.zeros(ensemble.n_neurons)
    for path in layer.inputs:
        transform, weights = path.transform, path.transform.init
        if isinstance(transform, nengo.Convolution):
            of_filters = np.abs(weights).max(axis=(0, 1, 2))
            shape = transform.output_shape
            last = np.broadcast_to(of_filters, (*shape.spatial_shape, len(of_filters)))
            by_neuron = last if shape.channels_last else np.moveaxis(last, -1, 0)
        elif isinstance(transform, nengo.Sparse):
            by_neuron = np.zeros(ensemble.n_neurons)
            np.maximum.at(by_neuron, weights.indices[:, 0], np.abs(weights.data))
        else:
            by_neuron = np.abs(weights).max(axis=1)
        height = getattr(path.source.neuron_type, "amplitude", 1) / DT
        largest = np.maximum(largest, height * by_neuron.ravel())
    return largest * np.abs(ensemble.gain)


def _out_of_range(ensemble, synapse, weight, bias):
    """Make an error that says what is too large, or too small."""
    threshold = CHIP_NEURONS.of(ensemble.neuron_type).threshold
    tau = 0.0 if synapse is None else synapse.tau
    steps = (1 + tau / DT) * (1 + getattr(ensemble.neuron_type, "tau_rc", 1.0) / DT)
    weights = (
        f"{ensemble} has weights of up to {weight * DT:.3g} (with gains and the "
        "amplitude of spikes)"
    )
    if weight > 255 * steps:
        return BuildError(
            f"{weights}, so that one spike drives a neuron {weight / steps:,.0f} times "
            "over its threshold; the chip's numbers take 255 times at most; scale the "
            "weights down"
        )
    return BuildError(
        f"{weights} and biases of up to {np.abs(bias).max():.3g}, beside a threshold "
        f"of {threshold:g}: the chip's numbers, which all scale with the largest "
        "weight, cannot express that; scale the layer's weights or gains up, or its "
        "biases down"
    )
