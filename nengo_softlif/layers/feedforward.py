"""The layers of a network and the paths between them, as training needs them."""

import nengo
from nengo.exceptions import Unconvertible

from . import parameters
from .reading import read


class FeedForward:
    """The layers of a network that lead to an answer, and the paths between them.

    Parameters
    ----------
    network : nengo.Network
        The network.
    image : nengo.Node
        Takes the images.
    answer : nengo.Probe
        Gives the class values.
    timed : bool
        Whether synapses may lie on the paths: those of a layer's inputs, in the order
        of its paths.

    Attributes
    ----------
    built : nengo.builder.Model
        What Nengo built.
    image, answer : Layer
        Where images come in, and class values go out. No image if none leads on.
    layers : list of Layer
        Each after its sources.
    paths : dict of Layer to list of (Layer, list of Operator)
        What leads to each layer: a source, and operators, without the gain of neurons.
    constant : set of Layer
        Those that no image reaches.

    Raises
    ------
    Unconvertible
        If the network does not consist of feed-forward layers whose neurons are
        connected to each other; names the object.

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> forward = layers.FeedForward(model.network, model.input, model.output)
    >>> [layer.size for layer in forward.layers]
    [64, 64, 1024, 16, 512, 1, 64, 1, 10]
    """

    def __init__(self, network, image, answer, timed=False):
        self.built = nengo.builder.Model()
        found = read(network, self.built)
        self.answer, self.image = found[answer], found.get(image)
        self.layers = find_leading_to(self.answer, found.values())
        self.paths = {
            layer: [
                (path.source, _drop_gain(layer, path, timed)) for path in layer.inputs
            ]
            for layer in self.layers
        }
        self.constant = self._find_constant()

    def _find_constant(self):
        constant = set()
        for layer in self.layers:
            sources = {source for source, _ in self.paths[layer]}
            varies = layer is self.image or layer.neuron_type is not None
            if layer.puts_out and not varies and layer.constant is None:
                raise Unconvertible(f"{layer.obj} changes in time")
            if not varies and sources <= constant:
                constant.add(layer)
        return constant


def find_leading_to(answer, ordered):
    """Find the layers that an answer depends on.

    Parameters
    ----------
    answer : Layer
        The last of them.
    ordered : iterable of Layer
        All layers, in the order wanted.

    Returns
    -------
    list of Layer

    Examples
    --------
    >>> from nengo_softlif import layers
    >>> found = layers.read(model)
    >>> before = layers.find_leading_to(found[model.output], found.values())
    >>> found[model.input] in before
    True
    """
    needed, waiting = set(), [answer]
    while waiting:
        layer = waiting.pop()
        if layer not in needed:
            needed.add(layer)
            waiting += [path.source for path in layer.inputs]
    return [layer for layer in ordered if layer in needed]


def _drop_gain(layer, path, timed):
    """Operators of a path into a layer, without the gain of neurons."""
    if path.signal != "output":
        raise Unconvertible(
            f"{layer.obj} records the {path.signal} of {path.source.obj}; training "
            "takes the output"
        )
    if path.synapses and not timed:
        raise Unconvertible(f"{layer.obj} has a synapse; training takes one step")
    if layer.neuron_type is not None and not path.has_gain:
        raise Unconvertible(
            f"{layer.obj.ensemble} has decoded input; only connections to its "
            "neurons have a fast form for training"
        )
    path = list(path.without_gain())
    for op in path:
        if op.connection is not None and parameters.has_decoders(op.connection.pre_obj):
            raise Unconvertible(
                f"{op.connection} is decoded from an ensemble; only connections from "
                "its neurons have a fast form for training"
            )
        if op.connection is None and op.weights is not None:
            raise Unconvertible(
                f"{layer.obj} reads through an ensemble's encoders; only connections "
                "to its neurons have a fast form for training"
            )
    return path
