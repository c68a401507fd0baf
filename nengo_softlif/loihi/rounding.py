"""The weights that Loihi will have: 8 bits, with one scale for all of a layer.

NengoLoihi scales what leads to a block of neurons so that the largest weight becomes
255, and keeps every second number, of both signs: 127 steps up and 127 down. Synapses
all of whose weights are below a half, a quarter, ... of the largest use a finer scale.
A layer whose weights are all small has a high threshold on the scale of its weights,
and the threshold has a limit; then the exponent of the weights is lowered, which costs
them bits.
"""

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..layers import operators
from .decays import DT, current_decay, voltage_decay

# Of NengoLoihi's nengo_loihi.builder.discretize: largest threshold, of 17 bits and
# exponent 6, and largest bias, of 12 bits and exponents up to 7
_THRESHOLD_MAX = (2**17 - 1) * 2**6
_BIAS_MAX = (2**12 - 1) * 2**7

_STEPS = 2**7 - 1  # 8 bits, the last of which holds the sign
_LOWEST_EXPONENT = -7


class Rounding:
    """What the chip makes of all weights that lead to one layer.

    The scale follows the weights, so it moves while they are trained. It is that of a
    layer on one core. Where a layer is cut into several, each core finds the largest
    weight among its own, which can only make steps finer. Overlapping pools add up
    weights before the chip rounds them; here they are rounded before.

    Parameters
    ----------
    layer : Layer
        Neurons on the chip.
    paths : list of (Layer, list of Operator)
        Neurons that lead to it, and through what, without its gain.
    bias : (size,) ndarray
        Bias currents of its neurons.
    tau_s : float
        Time constant of its synapses in seconds.

    Raises
    ------
    ValidationError
        If paths have several weights in a row, or the neurons gains that cannot be
        part of the weights.
    """

    def __init__(self, layer, paths, bias, tau_s):
        self.factors, self._largest_fixed = {}, 0.0
        for source, path in paths:
            weighted = [op for op in path if op.connection is not None]
            spike = abs(source.neuron_type.amplitude) / DT
            for op in path:
                spike /= op.divisor
            if len(weighted) > 1:
                raise ValidationError(
                    f"between {source.obj.ensemble} and {layer.obj.ensemble} lie "
                    f"several weights, {', '.join(str(op) for op in weighted)}, which "
                    "the chip would round as one; multiply them, or put neurons "
                    "between them",
                    attr="target",
                )
            if not weighted:
                fixed = spike * np.abs(layer.gain).max()
                self._largest_fixed = max(self._largest_fixed, fixed)
                continue
            factor = spike * np.abs(_gain(layer, path, weighted[0]))
            self.factors[weighted[0].connection] = factor
        # what one adds up to while it decays
        self._current = 2**12 / (1 + current_decay(tau_s))
        self._voltage = np.divide(2**12, voltage_decay(layer.neuron_type.tau_rc))
        self._largest_bias = np.abs(bias).max()

    def __call__(self, weights):
        """Round the weights that lead to the layer, given those of all connections.

        Gradients pass as if they were not rounded.
        """
        dtype = next(iter(weights.values())).dtype
        factors = {c: tf.constant(f, dtype) for c, f in self.factors.items()}
        largest = {
            c: tf.stop_gradient(tf.reduce_max(tf.abs(weights[c]) * factor))
            for c, factor in factors.items()
        }
        overall = tf.reduce_max([*largest.values(), self._largest_fixed, 1e-8])
        exponent = self._exponent(overall)
        rounded = {}
        for connection, factor in factors.items():
            w = weights[connection]
            finer = sum(
                tf.cast(largest[connection] * 2.0**n <= overall, dtype)
                for n in range(1, -_LOWEST_EXPONENT)
            )
            scale = factor * (255 / overall) * 2**finer / 2
            lost = 2 ** tf.nn.relu(-1 - tf.maximum(exponent - finer, -6.0))
            steps = _clipped(tf.round(w * scale))
            # lost bits are rounded, then cut off
            steps = tf.floor(_clipped(tf.round(steps / lost) * lost) / lost) * lost
            # neurons with gain 0 have no scale
            on_chip = tf.math.divide_no_nan(steps, scale)
            rounded[connection] = w + tf.stop_gradient(on_chip - w)
        return rounded

    def _exponent(self, largest):
        """Exponent of the weights, the highest for which threshold and bias fit."""
        bias = self._current * 255 * 2**6 / largest
        threshold = self._voltage * bias
        return -sum(
            tf.cast(
                (tf.round(threshold * 2.0**-n) > _THRESHOLD_MAX)
                | (tf.round(self._largest_bias * bias * 2.0**-n) > _BIAS_MAX),
                largest.dtype,
            )
            for n in range(-_LOWEST_EXPONENT)
        )


def _clipped(steps):
    return tf.clip_by_value(steps, -_STEPS, _STEPS)


def _gain(layer, path, weighted):
    """Gain of neurons in a form that multiplies the weights, as training has them."""
    gain = layer.gain
    if np.all(gain == gain[0]):
        return gain[0]
    after = path[path.index(weighted) + 1 :]
    if after and isinstance(after[0], operators.Place) and len(after) == 1:
        gain, after = gain[after[0].indices], []
    if isinstance(weighted, operators.Matrix) and not after:
        return gain[:, np.newaxis]
    raise ValidationError(
        f"the neurons of {layer.obj.ensemble} have different gains, which cannot be "
        f"part of the weights of {weighted.connection}; give them one",
        attr="target",
    )
