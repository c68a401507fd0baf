"""From spikes down to the chip, one change at a time."""

from functools import partial

from ..engine import Simulator
from ..evaluation import ENGINE, Prepared, Step, Watched
from .backends import EMULATOR, WEIGHTS
from .emulator import Emulator
from .unfolded import UnfoldedPlan


def steps(spiking, chip, presentation):
    """What changes between the spiking network and the chip; see `.Target.rungs`.

    All that is simulated is built here, once: what the emulator refuses, it refuses
    before anything is simulated.
    """
    filtered = chip.copy()
    for ensemble, twin in zip(filtered.ensembles, spiking.ensembles, strict=True):
        ensemble.neuron_type = twin.neuron_type
    neurons, synapses = _of_chip(chip)
    rounded = "rounded time constants, " if "LIF" in neurons else ""
    weights, emulator = _emulated(chip, presentation)
    return [
        Step(
            "chip's synapse",
            f"{synapses} to neurons of the chip; pooling is folded, which changes "
            "nothing",
            filtered,
            _unfolded(filtered, spiking, presentation),
        ),
        Step(
            "chip's neurons",
            f"{neurons}: whole milliseconds between spikes, {rounded}start at voltage "
            "0",
            chip,
            _unfolded(chip, spiking, presentation),
        ),
        Step(
            "chip's weights",
            "weights in 8 bits, biases in 12, thresholds in 17; a step from host to "
            "chip, and back",
            chip,
            weights,
        ),
        Step(
            "chip, emulated",
            "currents and voltages are whole numbers, every spike is that of the chip",
            chip,
            emulator,
        ),
    ]


def _unfolded(model, spiking, presentation):
    """Simulate what was made for the chip in the steps that it was folded from."""
    watched = Watched.from_model(model, presentation.seed)
    simulator = Simulator(
        watched.network,
        dt=presentation.dt,
        seed=presentation.seed,
        minibatch_size=presentation.batch_size,
        dtype=watched.dtype,
        progress_bar=False,
        plan=UnfoldedPlan(spiking.network),
    )
    return Prepared(ENGINE, watched, simulator)


def _emulated(chip, presentation):
    """Both emulators, which run what NengoLoihi builds once."""
    seed, batch_size = presentation.seed, presentation.batch_size
    watched = Watched.from_model(chip, seed)
    emulator = Emulator(watched.network, seed, batch_size, False, rounding=False)
    set_rounding = partial(setattr, emulator, "rounding")
    return (
        Prepared(WEIGHTS, watched, emulator, partial(set_rounding, False)),
        Prepared(EMULATOR, watched, emulator, partial(set_rounding, True)),
    )


def _of_chip(chip):
    """Types of the neurons on the chip, and synapses that lead to them, in words."""
    network = chip.network
    on_chip = {e.neurons for e in chip.ensembles if network.config[e].on_chip}
    types = {type(neurons.ensemble.neuron_type).__name__ for neurons in on_chip}
    synapses = {
        str(c.synapse or "no synapse")
        for c in network.all_connections
        if c.post_obj in on_chip
    }
    return " and ".join(sorted(types)), ", ".join(sorted(synapses))
