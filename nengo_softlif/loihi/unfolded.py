"""Networks of `.to_loihi` simulated as what they were before pooling was folded.

On the chip there is nothing between neurons, so pooling is folded into the weights
behind it: a spike then reaches four times as many neurons or more, for the same sum.
Off the chip that is wasted, and our simulator has only to be told what the weights
were made of.
"""

from .. import layers
from ..engine import Simulator


class UnfoldedSimulator(Simulator):
    """Simulates a network of `.to_loihi` by the weights that it was made from.

    Neurons, biases and synapses are those of the network; only what leads from neurons
    to neurons of the chip is computed in the steps that were folded, which gives the
    same but for rounding.

    Parameters
    ----------
    network : nengo.Network
        What `.to_loihi` returned, without images in spikes, or a copy.
    spiking : nengo.Network
        What it was given, or a copy.
    **settings
        Of `.Simulator`.
    """

    def __init__(self, network, spiking, **settings):
        self.spiking = spiking
        super().__init__(network, **settings)

    def _read(self):
        """Read the network; take the way to its neurons from what it was made of."""
        read = super()._read()
        before = layers.read(self.spiking)
        twins = {
            before[old.neurons]: read[new.neurons]
            for old, new in zip(
                self.spiking.all_ensembles, self.network.all_ensembles, strict=True
            )
        }
        for old, layer in twins.items():
            on_chip = self.network.config[layer.obj.ensemble].on_chip
            if on_chip and layer.inputs:  # else all weights are zero
                (synapses,) = {path.synapses for path in layer.inputs}
                layer.inputs = [
                    layers.Input(twins[path.source], path.operators, synapses)
                    for path in old.expanded()
                    if path.source in twins  # constants became biases
                ]
        return read
