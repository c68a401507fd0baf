"""How much memory a network over time takes, before it runs."""

from ..noise import Dropout

COPIES = 7
"""How often weights are there at a time, with copies that are laid out for products and
gradients of parts of the examples; measured, 5 to 7 for networks of all kinds."""


def count_shared(unrolled):
    """Bytes that weights take, whatever the number of examples."""
    paths = unrolled.feed_forward.paths.values()
    ops = {op for path in paths for _, path in path for op in path}
    n_weights = sum(op.weights.size for op in ops if op.weights is not None)
    return COPIES * n_weights * unrolled.dtype.itemsize


class Memory:
    """Follows the arrays of an unrolled network, forward and backward.

    Numbers are those for one step of one example. Products count as those of dense
    arrays; some follow spikes, and then take less.

    Parameters
    ----------
    unrolled : Unrolled
        The network.
    frames : bool
        Whether what is shown changes in time.

    Attributes
    ----------
    peak : int
        Most bytes that are there at a time.
    """

    def __init__(self, unrolled, frames):
        self._unrolled, self._each = unrolled, unrolled.dtype.itemsize
        self.peak = self._held = 0
        self._steady = self._find_steady(frames)
        layers = unrolled.feed_forward.layers
        kept = {}
        for layer in layers:
            kept[layer] = self._forward(layer)
            self._held += kept[layer]
        if unrolled.derivative.averages:  # which are small
            return
        for layer in reversed(layers):
            self._back(layer)
            self._held -= kept[layer] - self._count_spikes(layer)  # which stay

    def _find_steady(self, frames):
        """Find layers whose values, or input to neurons, do not change in time."""
        feed_forward, steady = self._unrolled.feed_forward, set()
        for layer in feed_forward.layers:
            if layer is feed_forward.image:
                changes = frames
            else:
                changes = self._filters(layer) or any(
                    source not in steady or source in self._unrolled.neurons
                    for source, _ in feed_forward.paths[layer]
                )
            if not changes:
                steady.add(layer)
        return steady

    def _note(self, n_numbers):
        """Note how many numbers are there beside what is held."""
        self.peak = max(self.peak, self._held + self._each * n_numbers)

    def _changing(self, layer):
        """Find what leads to a layer and changes in time: source and operators."""
        neurons = self._unrolled.neurons
        for source, ops in self._unrolled.feed_forward.paths[layer]:
            if source not in self._steady or source in neurons:
                yield source, ops

    def _filters(self, layer):
        """Whether a synapse lies before a layer."""
        return any(
            matrices is not None for matrices, *_ in self._unrolled.groups[layer]
        )

    def _forward(self, layer):
        """Run a layer; return the bytes that are kept for the way back."""
        paths, kept = list(self._changing(layer)), 0
        several = layer.size if len(paths) > 1 else 0
        for source, ops in paths:
            # spikes are kept anyway, but are written out as numbers for a product
            numbers = source not in self._unrolled.neurons
            for op in ops:
                kept += op.size_in * (numbers and self._unrolled.trains(op))
                self._note(kept + several + op.size_in + op.size_out)
                numbers = True
        if layer not in self._steady:
            self._note(kept + several + layer.size * (1 + self._filters(layer)))
        if layer in self._steady:
            return self._count_spikes(layer)
        if layer not in self._unrolled.neurons:
            return self._each * (kept + layer.size)
        shifts = int((layer.gain != 1).any()) + int((layer.bias != 0).any())
        self._note(kept + layer.size * (1 + shifts))
        return self._each * (kept + layer.size) + self._count_spikes(layer)

    def _count_spikes(self, layer):
        """Bytes of spikes, and of those that a mask has left."""
        if layer not in self._unrolled.neurons:
            return 0
        noise = getattr(layer.neuron_type, "noise", None)
        return layer.size * (1 + isinstance(noise, Dropout))

    def _back(self, layer):
        """Go back through a layer; its gradient is there, and then that before it."""
        unrolled, size = self._unrolled, layer.size
        if layer not in unrolled._passing:
            return
        self._note(size * (1 + (layer in unrolled.neurons)))
        there = size * (1 + self._filters(layer))
        for source, ops in self._changing(layer):
            for op in reversed(ops):
                before = source in unrolled._passing or op is not ops[0]
                numbers = before + unrolled.trains(op)
                self._note(there + op.size_out * (op is not ops[-1]))
                self._note(there + op.size_in * numbers)
