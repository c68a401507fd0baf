"""A feed-forward network over time: forward in spikes, and backward to its weights.

There is no loop over time around the layers. Forward, each layer runs all steps of some
examples; backward the same turned round: a few large products, and one loop over time
between them. Examples do not depend on each other, so memory is bounded by taking a few
at a time.
"""

import numpy as np
from nengo.exceptions import Unconvertible

from ..engine import filters
from .course import Course
from .memory import Memory, count_shared
from .neurons import TIMED
from .operators import find_kind


class Unrolled:
    """A network of feed-forward layers of spiking neurons, unrolled over time.

    Parameters
    ----------
    feed_forward : FeedForward
        What was read of the network, with ``timed=True``.
    trainable : dict
        From connections and neurons to whether their weights and biases are trained, as
        ``layers.parameters.trainable`` returns it.
    derivative : Derivative
        What stands for the derivative of spikes.
    dt : float
        Length of a step in seconds.
    dtype : dtype
        Precision.

    Raises
    ------
    Unconvertible
        If a layer or a connection cannot be trained in spikes; names it.
    ValidationError
        If the derivative is not for these neurons.
    """

    def __init__(self, feed_forward, trainable, derivative, dt, dtype="float32"):
        self.feed_forward, self.derivative = feed_forward, derivative
        self.dt, self.dtype = dt, np.dtype(dtype)
        self._trainable = trainable
        self.neurons = {}
        for layer in feed_forward.layers:
            if layer.neuron_type is not None:
                self.neurons[layer] = self._time_neurons(layer)
        self.groups = {layer: self._group(layer) for layer in feed_forward.layers}
        for paths in feed_forward.paths.values():
            for op in (op for _, path in paths for op in path):
                find_kind(op)
        self._passing = self._find_passing()

    def _time_neurons(self, layer):
        kind = TIMED.of(layer.neuron_type)
        if kind is None:
            raise Unconvertible(
                f"{layer.obj.ensemble} has {layer.neuron_type}; only {TIMED} neurons "
                "are trained in spikes"
            )
        neurons = kind(layer, self.dt, self.dtype)
        if neurons.passes:
            self.derivative.check(layer.neuron_type)
        return neurons

    def _group(self, layer):
        """Sort the paths into a layer by their synapses, each row of them as a filter.

        Returns a list of the filter's matrices and gain, if any, and the paths.
        """
        groups = {}
        for read, path in zip(
            layer.inputs, self.feed_forward.paths[layer], strict=True
        ):
            groups.setdefault(read.synapses, []).append(path)
        found = []
        for synapses, members in groups.items():
            matrices = gain = None
            if synapses:
                matrices = filters.discretise(synapses, self.dt)
                gain = filters.settle(*matrices)
                if self.derivative.averages and not np.isfinite(gain):
                    raise Unconvertible(
                        f"{layer.obj} has input through {synapses}, which never "
                        "settles, so that means do not tell what comes of it; use "
                        "'soft-lif' or 'fast-sigmoid'"
                    )
                matrices = tuple(np.ascontiguousarray(m, self.dtype) for m in matrices)
            found.append((matrices, gain, members))
        return found

    def _find_passing(self):
        """Find the layers through which a gradient reaches anything that is trained."""
        passing = set()
        for layer in self.feed_forward.layers:
            neurons = self.neurons.get(layer)
            if neurons is not None and not neurons.passes:
                continue
            trained = neurons is not None and self._trainable[layer.obj]
            for source, path in self.feed_forward.paths[layer]:
                trained |= source in passing
                trained |= any(self.trains(op) for op in path)
            if trained:
                passing.add(layer)
        return passing

    def trains(self, op):
        """Whether an operator's weights are trained."""
        connection = op.connection
        return connection is not None and self._trainable[connection]

    def bind(self, weights, biases):
        """Set weights and biases; return what runs with them.

        Parameters
        ----------
        weights : dict of nengo.Connection to ndarray
            In any shape of as many values as the operator's weights have.
        biases : dict of Layer to (n,) ndarray
            Of neurons; others keep theirs.

        Returns
        -------
        Bound
        """
        return Bound(self, weights, biases)

    def n_bytes(self, n_steps, frames=True):
        """Memory of one example, forward and backward, in bytes; estimated from above.

        If no frames are shown, but an image all the time, it is less.
        """
        return n_steps * Memory(self, frames).peak

    @property
    def n_bytes_shared(self):
        """Memory that weights take for all examples, in bytes."""
        return count_shared(self)


class Bound:
    """An unrolled network with weights: runs examples, and goes back.

    Parameters
    ----------
    unrolled : Unrolled
        The network.
    weights, biases : dict
        See `Unrolled.bind`.
    """

    def __init__(self, unrolled, weights, biases):
        self.unrolled, self.biases = unrolled, biases
        self._forms = {}
        for paths in unrolled.feed_forward.paths.values():
            for op in (op for _, path in paths for op in path):
                if op in self._forms:  # paths to several layers begin with the same
                    continue
                new = weights.get(op.connection)
                if new is not None:
                    new = _in_shape(new, op.weights.shape)
                self._forms[op] = find_kind(op)(op, new, unrolled.dtype)

    def forward(self, images, n_steps, masks=None, rng=None):
        """Run examples from the initial state.

        Parameters
        ----------
        images : (n_examples, n_steps or 1, size) ndarray
            What the image's node puts out.
        n_steps : int
            How many.
        masks : dict of Layer to (n_examples, n) ndarray, optional
            Of neurons: factors on their output, zero or another number that is the
            same for all of a layer.
        rng : numpy.random.Generator, optional
            What neurons that fire by chance draw of.

        Returns
        -------
        Course
        """
        return Course(self, images, n_steps, masks or {}, rng)


def _in_shape(weights, shape):
    """Bring weights into the shape of an operator; one stands for all."""
    weights = np.asarray(weights)
    if weights.size == 1:
        return np.full(shape, weights.item())
    return weights.reshape(shape)
