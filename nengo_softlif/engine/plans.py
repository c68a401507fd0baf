"""What a simulator is made of: the layers it reads, and a stage for each object.

`.Simulator` does as its plan says. What simulates networks in another way is another
plan: the rest (chunks of time, data, resets, interruptions) stays as it is.
"""

from .. import layers
from . import neurons


class Plan:
    """Reads all of a network as layers, and makes a stage of each.

    A simulator asks its plan once: first to `read`, then, when it has checked the sizes
    and weights of what was read, to `make_stages`.

    Attributes
    ----------
    stepwise : bool
        Whether stages have to take turns in every step, since there are loops; known
        once they are made. Otherwise each advances by many steps at a time.
    """

    stepwise = False

    def read(self, network, model):
        """Read a network.

        Parameters
        ----------
        network : nengo.Network
            What is to be simulated.
        model : nengo.builder.Model
            An empty one, for what Nengo builds of it. It becomes part of the
            simulator's ``data``, and its operators tell in which order nodes draw.

        Returns
        -------
        dict of Nengo object to Layer
            Each after its sources.
        """
        return layers.read(network, model)

    def make_stages(self, read, settings):
        """Make stages of what was read.

        Parameters
        ----------
        read : dict of Nengo object to Layer
            What `read` returned.
        settings : StageSettings
            What all stages share.

        Returns
        -------
        dict of object to Stage
            In the order in which they advance. Probes, ensembles' neurons and nodes
            that may be given data stand there themselves, other stages under any key.
        """
        made = add_stages({}, read.values(), settings)
        return {obj: made[layer] for obj, layer in read.items()}


def add_stages(made, wanted, settings):
    """Make stages of those wanted layers, each after its sources, that have none."""
    for layer in wanted:
        if layer not in made:
            made[layer] = neurons.make_stage(layer, made, settings)
    return made
