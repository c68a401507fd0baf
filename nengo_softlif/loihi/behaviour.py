"""How networks behave in training for Loihi: rates, weights, penalties."""

from collections import Counter
from copy import copy

import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError

from ..noise import LowpassNoise
from ..targets import TrainingHooks
from ..tensors import CURVES
from .rates import CHIP_CURVES
from .rounding import Rounding
from .training import CHIP_NOISE, chip_noise


class ChipBehaviour(TrainingHooks):
    """What the chip changes in one network, see `.LoihiTarget`.

    Parameters
    ----------
    target : LoihiTarget
        The settings.
    feed_forward : FeedForward
        The network.

    Attributes
    ----------
    on_chip : dict of Layer to list of (Layer, list of Operator)
        For each layer on the chip, the neurons that lead to it, through what.
    roundings : list of Rounding
        One for each layer on the chip.

    Raises
    ------
    Unconvertible
        If there is no curve to train neurons by.
    ValidationError
        If no layer will be on the chip, or weights will not be there as they are here.
    """

    n_rates = 2**17  # enough for 131 rates in the highest thousandth
    highest = 1e-3

    def __init__(self, target, feed_forward):
        self._target, self._feed_forward = target, feed_forward
        self.on_chip = self._find_on_chip()
        if not self.on_chip:
            raise ValidationError(
                "no layer is left for the chip: the first, which the image leads to, "
                "runs on the host; add a layer, or train without",
                attr="target",
            )
        # layers whose spikes pass the synapses of the chip
        self._to_chip = {s for paths in self.on_chip.values() for s, _ in paths}
        self.roundings = [self._make_rounding(layer) for layer in self.on_chip]
        several = Counter(c for r in self.roundings for c in r.factors)
        for connection, count in several.items():
            if count > 1:
                raise ValidationError(
                    f"the weights of {connection} lead to several layers, for each of "
                    "which the chip would round them in another way; give each a "
                    "connection of its own",
                    attr="target",
                )

    def _find_on_chip(self):
        on_chip = {}
        for layer in self._feed_forward.layers:
            if layer.neuron_type is None:
                continue
            if CHIP_CURVES.of(layer.neuron_type) is None:
                raise Unconvertible(
                    f"{layer.obj.ensemble} has {layer.neuron_type}; only "
                    f"{CHIP_CURVES} neurons train for the chip"
                )
            paths = [(p.source, p.without_gain()) for p in layer.expanded()]
            neurons = [p for p in paths if p[0].neuron_type is not None]
            others = [source for source, _ in paths if source.neuron_type is None]
            if neurons and self._feed_forward.constant.issuperset(others):
                on_chip[layer] = neurons
        return on_chip

    def _make_rounding(self, layer):
        bias = np.array(layer.bias)
        for path in layer.expanded():
            if path.source in self._feed_forward.constant:
                bias += path.constant
        noises = (chip_noise(s.neuron_type.noise) for s, _ in self.on_chip[layer])
        noises = (getattr(noise, "noise", noise) for noise in noises)  # within dropout
        taus = [noise.tau_s for noise in noises if isinstance(noise, LowpassNoise)]
        return Rounding(
            layer, self.on_chip[layer], bias, max(taus, default=CHIP_NOISE.tau_s)
        )

    def adapt_response(self, layer, response):
        """Give the rates of the chip or the host, and the noise of their synapses."""
        adapted, neurons = copy(response), layer.neuron_type
        if layer in self._to_chip:
            adapted.neuron_type = neurons.with_noise(chip_noise(neurons.noise))
        adapted.curve = CHIP_CURVES.of(neurons)(neurons, layer in self.on_chip)
        return adapted

    def apply_weights(self, weights):
        """Round those that lead to layers on the chip."""
        applied = dict(weights)
        for rounding in self.roundings:
            applied.update(rounding(weights))
        return applied

    def penalise(self, layer, response, x, batch_last):
        """Penalise rates on the chip that are too high."""
        if layer not in self.on_chip or not self._target.rate_weight:
            return None
        excess = self.measure_excess(response, x, batch_last)
        return self._target.rate_weight * excess

    def measure_excess(self, response, x, batch_last):
        """Mean square by which the highest rates, of the highest currents, exceed."""
        gain, bias = (tf.constant(v, x.dtype) for v in (response.gain, response.bias))
        batch_size = x.shape[-1 if batch_last else 0]
        size = int(np.prod(x.shape)) // batch_size
        n_examples = min(max(1, self.n_rates // size), batch_size)
        if batch_last:
            x = tf.reshape(x, (size, -1))[:, :n_examples]
            gain, bias = (v[:, np.newaxis] if v.shape.rank else v for v in (gain, bias))
        else:
            x = tf.reshape(x, (-1, size))[:n_examples]
        n_highest = int(np.ceil(self.highest * n_examples * size))
        currents = tf.reshape(gain * x + bias, [-1])
        currents = tf.math.top_k(currents, n_highest, sorted=False).values
        neurons = response.neuron_type
        smooth = CURVES.of(neurons)
        numbers = (tf.constant(getattr(neurons, p), x.dtype) for p in smooth.parameters)
        excess = tf.nn.relu(smooth(currents, *numbers) / self._target.max_rate - 1)
        return tf.reduce_mean(excess**2)
