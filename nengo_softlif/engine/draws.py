"""Chance in nodes: the seeds that Nengo gives to processes without one."""

import nengo
import numpy as np
from nengo.builder.processes import SimProcess
from nengo.simulator import operator_dependency_graph
from nengo.utils.graphs import toposort
from nengo.utils.numpy import maxint


def draw_seed(network):
    """Return the seed that Nengo's simulator takes unless it is given one."""
    if network.seed is not None:
        return network.seed + 1
    return np.random.randint(maxint)


class Draws:
    """From the seed of a simulation to generators for the processes of its nodes.

    All processes draw from one generator, in the order in which Nengo's simulator
    makes their steps: also synapses, to which chance is nothing.

    Parameters
    ----------
    network : nengo.Network
        The network.
    model : nengo.builder.Model
        What Nengo built of it. If it holds no operators, nodes draw in the order in
        which they were made.
    """

    def __init__(self, network, model):
        nodes = [
            node for node in network.all_nodes if isinstance(node.output, nengo.Process)
        ]
        self.order = [(node.output, node) for node in nodes]
        if all(node.output.seed is not None for node in nodes):
            return  # nobody's draws depend on those of others
        # not optimised, which takes long and leaves the order as it is
        graph = operator_dependency_graph(model.operators)
        steps = [op for op in toposort(graph) if isinstance(op, SimProcess)]
        outputs = {id(model.sig[node].get("out")): node for node in nodes}
        if steps:
            self.order = [(op.process, outputs.get(id(op.output))) for op in steps]

    def make_rngs(self, seed):
        """Make the generators of nodes, from the seed of the simulation."""
        rng = np.random.RandomState(seed)
        drawn = [(node, process.get_rng(rng)) for process, node in self.order]
        return {node: own for node, own in drawn if node is not None}
