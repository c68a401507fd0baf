"""The networks on the way from a trained model to the chip, and their simulators."""

from ..layers import parameters
from ..loihi import DT, Emulator, UnfoldedSimulator, backends, is_for_chip
from ..neurons import partner
from .counting import Watched


def networks(model, spiking, chip, synapse):
    """Go down from the trained model to the chip.

    Parameters
    ----------
    model : Model
        With rate neurons.
    spiking, chip : Model
        What `.to_spiking` made of it, and `.to_loihi` of that.
    synapse : nengo.synapses.Synapse or None
        That `.to_spiking` was given.

    Yields
    ------
    name, change : str
        Of the rung, and what changes there.
    network : Model
        What is measured.
    backend : str
        What simulates it, unless `simulators` has something for it.
    """
    filtered = chip.copy()
    for ensemble, twin in zip(filtered.ensembles, spiking.ensembles, strict=True):
        ensemble.neuron_type = twin.neuron_type
    if any(partner(e.neuron_type, "hard") for e in model.ensembles):
        yield "soft LIF rates", "as trained, without noise", model, "rate"
        change = "rates of LIF neurons, not smoothed around threshold"
        yield "LIF rates", change, _hard(model), "rate"
    else:
        yield "rates", "as trained, without noise", model, "rate"
    behind = (
        "no synapse" if synapse is None else f"{synapse} where there was no synapse"
    )
    yield "spikes", f"spiking neurons, and {behind}", spiking, "engine"
    neurons, synapses = _of_chip(chip)
    change = (
        f"{synapses} to neurons of the chip; pooling is folded, which changes nothing"
    )
    yield "chip's synapse", change, filtered, "engine"
    change = (
        f"{neurons}: whole milliseconds between spikes, "
        f"{'rounded time constants, ' if 'LIF' in neurons else ''}start at voltage 0"
    )
    yield "chip's neurons", change, chip, "engine"
    change = (
        "weights in 8 bits, biases in 12, thresholds in 17; a step from host to chip, "
        "and back"
    )
    yield "chip's weights", change, chip, "loihi-weights"
    change = "currents and voltages are whole numbers, every spike is that of the chip"
    yield "chip, emulated", change, chip, "loihi-emulator"


def simulators(spiking, chip, batch_size, seed):
    """What simulates rungs in place of their backends, so that nothing is done twice.

    What the emulator cannot run is refused here.

    Parameters
    ----------
    spiking, chip : Model
        What `.to_spiking` and, of that, `.to_loihi` returned.
    batch_size : int
        Images simulated side by side.
    seed : int
        Seed of what is random in the simulation.

    Returns
    -------
    callable
        From the network of a rung and its backend to what `.measure` takes as
        ``prepared``.
    """
    emulated = Watched.from_model(chip, seed)
    emulator = Emulator(emulated.network, seed, batch_size, False, rounding=False)

    def prepared(model, backend):
        if backend in backends.RUN:  # both run what NengoLoihi built once
            emulator.rounding = backend == "loihi-emulator"
            return emulated, emulator
        if not is_for_chip(model.network):
            return None
        watched = Watched.from_model(model, seed)
        return watched, UnfoldedSimulator(
            watched.network,
            spiking.network,
            dt=DT,
            seed=seed,
            minibatch_size=batch_size,
            dtype=watched.dtype,
            progress_bar=False,
        )

    return prepared


def _hard(model):
    """The same network with the rates of LIF neurons."""
    hard = model.copy()
    built = parameters.build(hard.network)
    parameters.install(hard.network, parameters.collect(hard.network, built))
    for ensemble in hard.ensembles:
        rates = partner(ensemble.neuron_type, "hard")
        if rates is not None:
            ensemble.neuron_type = rates
    return hard


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
