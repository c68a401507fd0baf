"""Spiking networks with the chip's neurons, to be trained in spikes for it."""

from nengo.exceptions import ValidationError

from .. import layers
from ..models import Model, copied
from .conversion import to_loihi


def with_chip_neurons(model):
    """Give a spiking network the neurons that it will have on the chip.

    To be trained in spikes for the chip: ``fit(with_chip_neurons(spiking), data,
    presentation_time=0.02)`` sees intervals of whole milliseconds and rounded time
    constants, where they will be. What is trained so goes to `to_loihi`, which leaves
    these neurons as they are, folds pooling into weights and lays layers out on cores.
    In training nothing is rounded but time constants; the chip rounds weights,
    currents and voltages as well, and a spike takes a step longer from host to chip,
    and back.

    Parameters
    ----------
    model : Model or nengo.Network
        What `.to_spiking` returned with a synapse that the chip has, such as
        ``to_spiking(model, nengo.Lowpass(0.005))``; left as it is.

    Returns
    -------
    Model or nengo.Network
        Of the kind that came in. Layers that `to_loihi` will put on the chip have its
        neurons, which start at voltage zero; those of the host keep theirs.

    Raises
    ------
    ValidationError
        If a layer of the chip is reached through other synapses than it will be there.
    Unconvertible, BuildError
        What `to_loihi` raises, if the chip does not take the network.

    See Also
    --------
    LoihiTarget : training of rate networks for the chip.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> timed = loihi.with_chip_neurons(softlif.to_spiking(model, nengo.Lowpass(0.005)))
    >>> [type(ensemble.neuron_type).__name__ for ensemble in timed.ensembles]
    ['LIF', 'LoihiLIF', 'LoihiLIF']
    """
    chip = to_loihi(model)
    chip_network = getattr(chip, "network", chip)
    if isinstance(model, Model):
        tuned = model.copy()
        tuned.source = None  # no function of ours makes this network
        network = tuned.network
    else:
        tuned = network = copied(model)[0]
    pairs = zip(chip_network.all_ensembles, network.all_ensembles, strict=True)
    taken = {own: e for e, own in pairs if chip_network.config[e].on_chip}
    for layer in layers.read(network, loops=True).values():
        ensemble = getattr(layer.obj, "ensemble", None)
        if ensemble in taken:
            _check_synapses(layer, taken[ensemble], chip_network)
    for ensemble, there in taken.items():
        ensemble.neuron_type = there.neuron_type
    return tuned


def _check_synapses(layer, there, chip_network):
    """Refuse synapses that will be others on the chip."""
    wanted = next(
        connection.synapse
        for connection in chip_network.all_connections
        if connection.post_obj == there.neurons
    )
    for path in layer.expanded():
        if path.source.neuron_type is None:
            continue
        if path.synapses != (() if wanted is None else (wanted,)):
            found = " and ".join(map(str, path.synapses)) or "no synapse"
            raise ValidationError(
                f"{layer.obj.ensemble} is reached through {found}, for which the chip "
                f"will have {wanted}: train for that, with to_spiking(model, "
                f"nengo.{wanted})",
                attr="model",
            )
