"""Networks of `.to_loihi` simulated as what they were before pooling was folded.

On the chip there is nothing between neurons, so pooling is folded into the weights
behind it: a spike then reaches four times as many neurons or more, for the same sum.
Off the chip that is wasted, and our simulator has only to be told what the weights
were made of.
"""

from .. import layers
from ..engine import Plan


class UnfoldedPlan(Plan):
    """Takes the way to neurons of the chip from what the network was made of.

    Neurons, biases and synapses are those of the network; only what leads from neurons
    to neurons of the chip is computed in the steps that were folded, which gives the
    same but for rounding. The network is one that `.to_loihi` returned, without images
    in spikes, or a copy.

    Parameters
    ----------
    spiking : nengo.Network
        What `.to_loihi` was given, or a copy.
    """

    def __init__(self, spiking):
        self.spiking = spiking

    def read(self, network, model):
        """Read the network, with what leads to neurons of the chip replaced."""
        read = super().read(network, model)
        before = layers.read(self.spiking)
        twins = {
            before[old.neurons]: read[new.neurons]
            for old, new in zip(
                self.spiking.all_ensembles, network.all_ensembles, strict=True
            )
        }
        for old, layer in twins.items():
            on_chip = network.config[layer.obj.ensemble].on_chip
            if on_chip and layer.inputs:  # else all weights are zero
                (synapses,) = {path.synapses for path in layer.inputs}
                layer.inputs = [
                    layers.Input(twins[path.source], path.operators, synapses)
                    for path in old.expanded()
                    if path.source in twins  # constants became biases
                ]
        return read
