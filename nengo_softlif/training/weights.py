"""The weights of a feed-forward network as TensorFlow's variables, and what they do."""

import nengo
import numpy as np
import tensorflow as tf

from ..tensors import make_form


class Weights:
    """Operators of a feed-forward network, and a variable for each connection.

    Attributes
    ----------
    variables : dict of nengo.Connection to tf.Variable or tf.Tensor
        Weights, in the order of the network; tensors if they are not trained.
    operators : dict of Operator to callable
        What an operator does to `.Values`, given the weights of its connection.
    uses : dict of nengo.Connection to list of Operator
        Where a connection's weights are used.
    biases : list of tf.Variable or tf.Tensor
        Those that constants pass through.
    """

    def __init__(self, network, feed_forward, trainable, dtype):
        self.operators, self.uses = {}, {}
        self.variables, self.biases = {}, []
        for paths in feed_forward.paths.values():
            for op in (op for _, path in paths for op in path):
                built = None
                if op.connection is not None:
                    self.uses.setdefault(op.connection, []).append(op)
                    built = feed_forward.built.params[op.connection].weights
                self.operators[op] = make_form(op, built)
        for i, connection in enumerate(network.all_connections):
            if connection not in self.uses:
                continue
            initial = self.operators[self.uses[connection][0]].initial()
            name = f"connections/{i}/weights"
            weights = make_variable(initial, name, dtype, trainable[connection])
            self.variables[connection] = weights
            node = connection.pre_obj
            if isinstance(node, nengo.Node) and node.size_in == 0:
                if feed_forward.image is None or node is not feed_forward.image.obj:
                    self.biases.append(weights)

    def follow(self, path, source, values, weights, passed):
        """Apply the operators of a path from a source to its values.

        In ``passed`` is noted what paths come to in this pass, so that operators with
        which several begin are applied once.
        """
        key = (source,)
        for op in path:
            key += (op,)
            if key not in passed:
                passed[key] = self.operators[op](values, weights.get(op.connection))
            values = passed[key]
        return values

    def restore(self, connection, array):
        """Bring weights of a connection into the form in which Nengo builds them."""
        return self.operators[self.uses[connection][0]].restored(array)


def make_variable(initial, name, dtype, trainable=True):
    """Make a variable, or a constant of what is not trained."""
    initial = np.asarray(initial, dtype=dtype)
    return tf.Variable(initial, name=name) if trainable else tf.constant(initial)
