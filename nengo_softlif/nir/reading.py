"""From the nodes and edges of a NIR graph to a Nengo network."""

import json
from graphlib import CycleError, TopologicalSorter

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError

from ..models import Model
from ..preprocessing import Preprocessing
from .nodes import BUILDERS, FILTERS


def read_graph(graph, dt, step):
    """Make a model of a graph; see `.from_nir`.

    Parameters
    ----------
    graph : nir.NIRGraph
        Left as it is.
    dt : float or None
        Seconds that a spike lasts, if given.
    step : float
        That, if the graph does not tell either.

    Returns
    -------
    Model
    """
    metadata = graph.metadata if isinstance(graph.metadata, dict) else {}
    if dt is None:
        dt = _told(metadata, "spike_area", step)
    before, after = _neighbours(graph)
    order = _order(graph, before)
    begin, end = (_only(graph, kind) for kind in ("Input", "Output"))
    reading = _Reading(graph, before, after, float(dt))
    with nengo.Network(seed=0) as network:
        for name in order:
            reading.read(name)
        output = nengo.Probe(reading.answer(end))
    image = reading.values[begin].parts[0].obj
    return Model(network, image, output, preprocessing=_preprocessing(metadata))


def _told(metadata, name, default):
    value = metadata.get(name, default)
    if np.size(value) != 1 or not np.isfinite(value) or not value > 0:
        raise ValidationError(
            f"expected a positive number in the metadata of a graph, got {value!r}",
            attr=name,
        )
    return float(value)


def _preprocessing(metadata):
    """How images are prepared, if the graph tells."""
    if not {"preprocessing", "mean"} <= metadata.keys():
        return None
    try:
        return Preprocessing.from_file(json.loads(metadata["preprocessing"]), metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise ValidationError(
            f"expected metadata as to_nir writes them, but {error}; use another copy",
            attr="preprocessing",
        ) from error


def _neighbours(graph):
    """Nodes before and after each."""
    before, after = {n: [] for n in graph.nodes}, {n: [] for n in graph.nodes}
    for source, target in graph.edges:
        for name in (source, target):
            if name not in graph.nodes:
                raise ValidationError(
                    f"expected edges between nodes of the graph, got one of {name!r}",
                    attr="edges",
                )
        before[target].append(source)
        after[source].append(target)
    return before, after


def _order(graph, before):
    """Sort nodes so that each comes after those before it; refuse what none builds."""
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind not in BUILDERS:
            known = ", ".join(BUILDERS)
            raise Unconvertible(
                f"node {name!r} is a {kind}; possible are {known}"
                + (": put its nodes into the graph itself" * (kind == "NIRGraph"))
            )
        if kind != "Input" and not before[name]:
            raise Unconvertible(f"nothing leads to node {name!r}; leave it out")
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        loop = ", ".join(map(repr, error.args[1]))
        raise Unconvertible(
            f"the nodes {loop} are a loop; only graphs without any become a Model"
        ) from error


def _only(graph, kind):
    names = [n for n, node in graph.nodes.items() if type(node).__name__ == kind]
    if len(names) != 1:
        raise Unconvertible(
            f"a Model has one input and one output; the graph has {len(names)} nodes "
            f"of type {kind}: {', '.join(map(repr, names))}"
        )
    return names[0]


class _Reading:
    """What the nodes of a graph have become.

    Attributes
    ----------
    values : dict of str to Value
        By the nodes' names.
    """

    def __init__(self, graph, before, after, area):
        self.graph, self.before, self.after, self.area = graph, before, after, area
        self.values = {}

    def kind(self, name):
        """Type of a node."""
        return type(self.graph.nodes[name]).__name__

    def read(self, name):
        """Add Nengo objects for a node."""
        given = [self.values[source] for source in self.before[name]]
        shapes = {value.shape for value in given}
        if len(shapes) > 1:
            raise Unconvertible(
                f"node {name!r} adds up values of the shapes {sorted(shapes)}"
            )
        self.values[name] = BUILDERS[self.kind(name)](self, name, given)

    def passes_on(self, name):
        """Whether the filter of a node can be one with that of the node behind it."""
        after = self.after[name]
        ends = np.any(self.graph.nodes[name].metadata.get("ends_synapse", 0))
        return len(after) == 1 and self.kind(after[0]) in FILTERS and not ends

    def answer(self, end):
        """Return the Nengo node where answers go out."""
        (value,) = [self.values[end]]
        return value.parts[0].obj
