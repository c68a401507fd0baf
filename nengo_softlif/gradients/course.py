"""What happened in a network over time while it saw some examples, and the way back."""

import numpy as np

from ..engine import Counts, filtered, spread, to_numbers
from . import neuron_kernels


class Course:
    """What happened in a network while it saw some examples, and the way back.

    Attributes
    ----------
    outputs : (n_examples, n_steps, n_classes) ndarray
        What the answer's probe saw.
    spikes : dict of Layer to Counts
        Of neurons.
    """

    def __init__(self, bound, images, n_steps, masks, rng):
        self.bound, self.unrolled = bound, bound.unrolled
        self.n_examples, self.n_steps = len(images), n_steps
        self._values, self._inputs, self._currents = {}, {}, {}
        self._masks = masks
        self.spikes = {}
        feed_forward, dtype = self.unrolled.feed_forward, self.unrolled.dtype
        for layer in feed_forward.layers:
            if layer is feed_forward.image:
                value = np.ascontiguousarray(images, dtype)
            elif layer.puts_out:
                value = layer.constant.astype(dtype).reshape(1, 1, -1)
            else:
                value = self._sum(layer)
                if layer in self.unrolled.neurons:
                    value = self._fire(layer, value, rng)
            self._values[layer] = value
        outputs = to_numbers(self._values[feed_forward.answer])
        shape = (self.n_examples, n_steps, outputs.shape[2])
        self.outputs = np.broadcast_to(outputs, shape)

    def _sum(self, layer):
        """Sum of what comes into a layer, filtered."""
        total = None
        for i, (matrices, _, members) in enumerate(self.unrolled.groups[layer]):
            parts = [
                self._follow((layer, i, j), source, path)
                for j, (source, path) in enumerate(members)
            ]
            part = _add(parts)
            if matrices is not None:
                part = self._filter(part, matrices)
            total = part if total is None else _add([total, part])
        if total is None:
            return np.zeros((1, 1, layer.size), self.unrolled.dtype)
        return total

    def _follow(self, key, source, path):
        """Values at the end of a path; keeps what goes into weights."""
        values, kept = self._values[source], []
        for op in path:
            counted = isinstance(values, Counts)
            kept.append(values if counted or self.unrolled.trains(op) else None)
            values = self.bound._forms[op].forward(values)
        self._inputs[key] = kept
        return values

    def _filter(self, values, matrices):
        values = np.ascontiguousarray(to_numbers(values))
        size, dtype = values.shape[2], self.unrolled.dtype
        out = np.empty((self.n_examples, self.n_steps, size), dtype)
        state = np.zeros((self.n_examples, len(matrices[1]), size), dtype)
        spread(filtered, [values, state, out], matrices)
        return out

    def _fire(self, layer, total, rng):
        """Spikes of neurons, whose weighted input is given."""
        current = self._shift(layer, total)
        shape = (self.n_examples, self.n_steps, layer.size)
        counts = self.unrolled.neurons[layer].fire(current, shape, rng)
        self.spikes[layer] = counts
        self._currents[layer] = current
        mask = self._masks.get(layer)
        if mask is not None:
            left = mask != 0
            factor = mask.max()  # zero if none is left
            values = counts.values * left[:, np.newaxis].view(counts.values.dtype)
            counts = Counts(values, counts.scale * factor.astype(counts.scale.dtype))
        return counts

    def _shift(self, layer, total):
        """Current of neurons: gain times input, plus bias."""
        dtype = self.unrolled.dtype
        bias = self.bound.biases.get(layer, layer.bias).astype(dtype)
        gain = layer.gain.astype(dtype)
        if isinstance(total, Counts) and np.all(gain == gain[0]):
            total = Counts(total.values, total.scale * gain[0], total.largest)
            gain = gain[:0]  # no more to do
        total = to_numbers(total)
        if np.any(gain != 1):
            total = total * gain
        if np.any(bias != 0):
            total = total + bias
        return np.ascontiguousarray(total)

    # -- backward ----------------------------------------------------------------------

    def average(self):
        """Put means over time in the place of all that was kept."""
        for kept in self._inputs.values():
            kept[:] = [v if v is None else _average(v) for v in kept]
        for layer, current in self._currents.items():
            self._currents[layer] = current.mean(axis=1, keepdims=True)

    def backward(self, upstream):
        """Go back from a gradient by the outputs to those by weights and biases.

        Can be called once.

        Parameters
        ----------
        upstream : (n_examples, n_steps, n_classes) ndarray
            Gradient of a loss by the outputs.

        Returns
        -------
        by_weights : dict of nengo.Connection to ndarray
            In the shape of the operators' weights.
        by_biases : dict of Layer to (n,) ndarray
        """
        unrolled = self.unrolled
        upstream = np.ascontiguousarray(upstream, unrolled.dtype)
        self._averaged = unrolled.derivative.averages
        if self._averaged:
            self.average()
            upstream = upstream.sum(axis=1, keepdims=True)
        self._by_weights, self._by_biases = {}, {}
        deltas = {unrolled.feed_forward.answer: upstream}
        for layer in reversed(unrolled.feed_forward.layers):
            delta = deltas.pop(layer, None)
            self._values.pop(layer)
            if delta is None or layer not in unrolled._passing:
                continue
            if layer in unrolled.neurons:
                delta = self._through(layer, delta)
            self._spread_back(layer, delta, deltas)
        return self._by_weights, self._by_biases

    def _through(self, layer, delta):
        """Gradient by the weighted input of neurons; notes that by their bias."""
        unrolled = self.unrolled
        neurons, current = unrolled.neurons[layer], self._currents.pop(layer)
        mask = self._masks.get(layer)
        if mask is not None:
            delta = delta * mask[:, np.newaxis].astype(delta.dtype)
        spikes = self.spikes[layer].values
        delta = np.ascontiguousarray(delta)
        delta = unrolled.derivative.back(neurons, current, spikes, delta)
        if unrolled._trainable[layer.obj]:
            self._by_biases[layer] = delta.sum(axis=(0, 1))
        if np.any(layer.gain != 1):
            spread(_scale, [delta], [layer.gain.astype(delta.dtype)])
        return delta

    def _spread_back(self, layer, delta, deltas):
        """Go back along all paths into a layer, to their weights and sources."""
        for i, (matrices, gain, members) in enumerate(self.unrolled.groups[layer]):
            part = delta
            if matrices is not None and self._averaged:
                part = delta * delta.dtype.type(gain)
            elif matrices is not None:
                part = np.empty_like(delta)
                spread(neuron_kernels.filtered_back, [delta, part], matrices)
            for j, (source, path) in enumerate(members):
                found = self._follow_back((layer, i, j), source, path, part)
                if found is not None:
                    known = deltas.get(source)
                    deltas[source] = found if known is None else known + found

    def _follow_back(self, key, source, path, delta):
        """Gradient by a source; notes those by the weights on the way."""
        unrolled, kept = self.unrolled, self._inputs.pop(key)
        passing = source in unrolled._passing
        firing = unrolled.derivative.at_spikes and source in unrolled.neurons
        trained = [unrolled.trains(op) for op in path]
        for i in reversed(range(len(path))):
            before = passing or any(trained[:i])
            if not before and not trained[i]:
                return None
            op, values = path[i], kept.pop()
            delta, by_weights = self.bound._forms[op].back(
                values, delta, (before, trained[i]), firing and i == 0
            )
            if by_weights is not None:
                known = self._by_weights.get(op.connection)
                total = by_weights if known is None else known + by_weights
                self._by_weights[op.connection] = total
        if not passing:
            return None
        # neurons go back in place
        return delta if path else delta.copy()


def _add(parts):
    """Add up; a single one stays as it is, spikes or numbers."""
    if len(parts) == 1:
        return parts[0]
    return sum(map(to_numbers, parts[1:]), to_numbers(parts[0]))


def _scale(values, factors):
    values *= factors


def _average(values):
    """Mean over time of what went into an operator, as numbers."""
    if isinstance(values, Counts):
        mean = values.values.mean(axis=1, keepdims=True, dtype=values.scale.dtype)
        return mean * values.scale
    return values.mean(axis=1, keepdims=True)
