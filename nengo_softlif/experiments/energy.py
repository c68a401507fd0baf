"""Energy for an image, from measured spikes and published constants of devices.

All of it is an estimate of operations times their published energy: no device was
measured, and what memory, input and idling take is left out.
"""

from typing import NamedTuple

FLOP_PER_SYNOP = 0.08
FLOP_PER_UPDATE = 0.25
"""What the papers take a synaptic operation, and the update of a neuron in a step of
1 ms, to cost, in floating point operations (Hunsberger and Eliasmith,
arXiv:1611.05141, 2016, section on efficiency; Hunsberger's thesis, 2018)."""


class Device(NamedTuple):
    """What operations take on a device, in joules."""

    name: str
    synop: float
    update: float
    source: str


DEVICES = (
    # "pre-silicon SPICE" estimates; 81 pJ is that of an active neuron, 52 pJ of an
    # inactive one, so that this is an upper bound; hops between tiles are left out
    Device(
        "Loihi",
        23.6e-12,
        81e-12,
        "Davies et al., IEEE Micro 38(1), 2018, Table 2 (before silicon, in SPICE)",
    ),
    # a measured total for each synaptic event, neurons included
    Device(
        "TrueNorth",
        26e-12,
        0.0,
        "Merolla et al., Science 345(6197), 2014 (26 pJ per synaptic event)",
    ),
    # an addition of 32-bit floating point for each synaptic operation, arithmetic alone
    Device(
        "45 nm, additions only",
        0.9e-12,
        0.0,
        "Horowitz, ISSCC 2014, Figure 1.1.9 (float32 addition, without memory)",
    ),
)
"""Devices for which there are published constants.

They are as others quote them: the originals were not at hand.
"""

MULTIPLY_ADD = 4.6e-12
"""Joules of a multiplication and an addition of 32-bit floating point in 45 nm, 3.7 and
0.9 pJ: what the rate network's synapses take, once for an image (Horowitz, ISSCC 2014,
Figure 1.1.9)."""

BREAK_EVEN_PERCENT = 5.7, 6.4
"""Spikes per neuron and step, in percent, above which a spiking network takes more
energy than an equal quantised one (arXiv:2409.08290, 2024)."""


def joules(device, synops, updates):
    """Energy of an image on a device.

    Parameters
    ----------
    device : Device
        One of `DEVICES`.
    synops : float
        Synaptic operations for an image.
    updates : float
        Updates of neurons for an image: neurons times steps.

    Returns
    -------
    float
        In joules: joules per operation times operations, added up.
    """
    return device.synop * synops + device.update * updates


def efficiency(n_synapses, n_inputs, n_neurons, synops, seconds):
    """How many times less a spiking network costs than its rate network, by the papers.

    Parameters
    ----------
    n_synapses : int
        Of the unfolded network, those from the input among them.
    n_inputs : int
        Synapses from the input.
    n_neurons : int
        Neurons.
    synops : float
        Synaptic operations for an image, as the papers count (``paper``).
    seconds : float
        How long an image is shown.

    Returns
    -------
    dict of str to float
        ``without_input``, as the papers' text has it, and ``with_input``, as their
        tables have it: there the operations of the input layer, which has no spikes,
        are added to what the spiking network takes.

    Notes
    -----
    The rate network takes two operations for each synapse and one for each neuron,
    once; pooling, 0.1 % of the CIFAR-10 network, is left out. The spiking network takes
    ``0.08`` for each synaptic operation and ``0.25`` for each neuron and millisecond.
    """
    rate = 2 * n_synapses + n_neurons
    spiking = FLOP_PER_SYNOP * synops + FLOP_PER_UPDATE * n_neurons * 1000 * seconds
    return {
        "without_input": rate / spiking,
        "with_input": rate / (spiking + 2 * n_inputs),
    }
