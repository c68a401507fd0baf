"""Networks as Keras models that behave as Loihi will, to train for it."""

from collections import Counter
from functools import cached_property

import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError

from ..noise import LowpassNoise
from ..tensors import CURVES, Response
from ..training import Lowering
from .rates import CHIP_CURVES
from .rounding import Rounding
from .training import CHIP_NOISE, chip_noise


class ChipLowering(Lowering):
    """A lowered network that behaves as the chip will.

    Parameters and attributes are those of `.Lowering`, without batch normalisation.

    Parameters
    ----------
    target : LoihiTarget
        The settings.

    Raises
    ------
    ValidationError
        If no layer will be on the chip, or weights will not be there as they are here.
    """

    n_rates = 2**17  # enough for 131 rates in the highest thousandth
    highest = 1e-3

    def __init__(self, *args, target, **kwargs):
        self._target = target
        super().__init__(*args, **kwargs)
        if not self._on_chip:
            raise ValidationError(
                "no layer is left for the chip: the first, which the image leads to, "
                "runs on the host; add a layer, or train without",
                attr="target",
            )
        self._roundings = [self._rounding(layer) for layer in self._on_chip]
        several = Counter(c for r in self._roundings for c in r.factors)
        for connection, count in several.items():
            if count > 1:
                raise ValidationError(
                    f"the weights of {connection} lead to several layers, for each of "
                    "which the chip would round them in another way; give each a "
                    "connection of its own",
                    attr="target",
                )

    @cached_property
    def _on_chip(self):
        """For each layer on the chip, the neurons that lead to it, through what."""
        on_chip = {}
        for layer in self._layers:
            if layer.neuron_type is None:
                continue
            paths = list(self._expanded(layer))
            neurons = [p for p in paths if p[0].neuron_type is not None]
            others = [source for source, _ in paths if source.neuron_type is None]
            if neurons and self._constant.issuperset(others):
                on_chip[layer] = neurons
        return on_chip

    def _expanded(self, layer):
        """Neurons and nodes that lead to a layer, through others that only pass on."""
        for source, path in self._paths[layer]:
            if source.neuron_type is not None or source.puts_out:
                yield source, path
            else:
                for origin, before in self._expanded(source):
                    yield origin, [*before, *path]

    @cached_property
    def _to_chip(self):
        """Layers whose spikes pass the synapses of the chip."""
        return {source for paths in self._on_chip.values() for source, _ in paths}

    def _response(self, layer, seeds, gain, bias):
        neurons = layer.neuron_type
        curve_of = CHIP_CURVES.of(neurons)
        if curve_of is None:
            raise Unconvertible(
                f"{layer.obj.ensemble} has {neurons}; only {CHIP_CURVES} neurons "
                "train for the chip"
            )
        if layer in self._to_chip:
            neurons = neurons.with_noise(chip_noise(neurons.noise))
        curve = curve_of(neurons, layer in self._on_chip)
        return Response(neurons, seeds, gain, bias, curve)

    def _rounding(self, layer):
        bias = np.array(layer.bias)
        for source, path in self._expanded(layer):
            if source in self._constant:
                value = source.obj.output
                for op in path:
                    value = op(value)
                bias += layer.gain * value
        noises = (self._responses[s].neuron_type.noise for s, _ in self._on_chip[layer])
        noises = (getattr(noise, "noise", noise) for noise in noises)  # within dropout
        taus = [noise.tau_s for noise in noises if isinstance(noise, LowpassNoise)]
        return Rounding(
            layer, self._on_chip[layer], bias, max(taus, default=CHIP_NOISE.tau_s)
        )

    def _applied_weights(self):
        weights = dict(self._weights)
        for rounding in self._roundings:
            weights.update(rounding(self._weights))
        return weights

    def _respond(self, layer, x, step, batch_last):
        if step is not None and layer in self._on_chip and self._target.rate_weight:
            penalty = self._penalty(self._responses[layer], x, batch_last)
            self.keras_model.add_loss(self._target.rate_weight * penalty)
        return super()._respond(layer, x, step, batch_last)

    def _penalty(self, response, x, batch_last):
        """Penalty of the highest rates, which are those of the highest currents."""
        gain, bias = (tf.constant(v, x.dtype) for v in (response.gain, response.bias))
        size = int(np.prod(x.shape)) // self._batch_size
        n_examples = min(max(1, self.n_rates // size), self._batch_size)
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
