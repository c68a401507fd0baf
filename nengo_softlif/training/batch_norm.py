"""Batch normalisation while a network trains, folded into its weights afterwards."""

import numpy as np
import tensorflow as tf
from nengo.exceptions import ValidationError

from ..layers import operators
from ..tensors import Values


class BatchNorm:
    """Normalises what comes into a layer of neurons, before biases are added [1]_.

    Each filter of a convolution or a local layer has a mean and variance of its own,
    over all examples and positions; elsewhere each neuron has. In training they are
    those of the batch, else moving averages.

    Parameters
    ----------
    layer : Layer
        The neurons.
    paths : list of list of Operator
        What leads to them through weights, but from constants. What comes in otherwise,
        as through a shortcut that is a part of a residual network, is not normalised.
    name : str
        For the names of variables.
    dtype : str
        Floating point type.

    Attributes
    ----------
    trained, averages : list of tf.Variable
        Scale and shift; moving mean and variance.

    Raises
    ------
    ValidationError
        If the paths do not end in weights that can take up the normalisation.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network
       Training by Reducing Internal Covariate Shift", ICML, 2015.
    """

    # Keras' defaults. With an average over about a hundred batches the last epochs of
    # all but the smallest data sets count; epsilon keeps dead filters finite.
    momentum = 0.99
    epsilon = 1e-3

    def __init__(self, layer, paths, name, dtype):
        self._layer, self._paths = layer, paths
        self._weights = [_last_weights(path) for path in paths]
        n_features = self._n_features()
        self._n_repeats = layer.size // n_features

        def variable(value, kind, trainable):
            initial = np.full(n_features, value, dtype)
            return tf.Variable(initial, trainable=trainable, name=f"{name}/{kind}")

        self._scale = variable(1, "scale", True)
        self._shift = variable(0, "shift", True)
        self._mean = variable(0, "mean", False)
        self._variance = variable(1, "variance", False)
        self.trained = [self._scale, self._shift]
        self.averages = [self._mean, self._variance]

    def _n_features(self):
        """Filters, or neurons if there are none."""
        ensemble, numbers = self._layer.obj.ensemble, set()
        for path, weights in zip(self._paths, self._weights, strict=True):
            if weights is None:
                raise ValidationError(
                    f"is folded into weights, but what leads to {ensemble} ends in "
                    f"{path[-1]}; connect to all of its neurons through a convolution "
                    "(channels last), local or dense weights",
                    attr="batch_norm",
                )
            if weights.output_shape is not None:
                numbers.add(weights.n_filters)
        if len(numbers) > 1:
            raise ValidationError(
                f"is one number for each filter, but connections with {numbers} "
                f"filters lead to {ensemble}; give them as many",
                attr="batch_norm",
            )
        return numbers.pop() if numbers else self._layer.size

    @property
    def connections(self):
        """Those whose weights it will be folded into, and their operators."""
        return {op.connection: op for op in self._weights}

    def __call__(self, values, step=None):
        """Normalise values; by moving averages, unless this is a step of training."""
        shape = values.tensor.shape
        if values.batch_last:
            x = tf.reshape(values.tensor, (self._n_repeats, -1, values.n_examples))
        else:
            x = tf.reshape(values.tensor, (values.n_examples, self._n_repeats, 1, -1))
        if step is None:
            factor, offset = self._folded(*self.trained, *self.averages, tf.sqrt)
            if values.batch_last:
                factor, offset = factor[:, np.newaxis], offset[:, np.newaxis]
            out = x * factor + offset
        else:
            out, mean, variance = self._normalised(x, values.batch_last)
            # at first an average over all batches, instead of one that still
            # remembers the made-up mean and variance it started from
            weight = tf.maximum(1 / tf.cast(step, x.dtype), 1 - self.momentum)
            self._mean.assign_add(weight * (mean - self._mean))
            self._variance.assign_add(weight * (variance - self._variance))
        return Values(tf.reshape(out, shape), values.batch_last)

    def _normalised(self, x, batch_last):
        """Values by mean and variance of the batch, and these."""
        scale, shift = self.trained
        if x.dtype == tf.float32 and not batch_last:
            out, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                x, scale, shift, epsilon=self.epsilon, is_training=True
            )
            n_values = x.shape[0] * x.shape[1]
            # the kernel's is the unbiased estimate
            return out, mean, variance * ((n_values - 1) / n_values)
        axes = (0, 2) if batch_last else (0, 1, 2)
        mean, variance = tf.nn.moments(x, axes, keepdims=True)
        if batch_last:
            scale, shift = scale[:, np.newaxis], shift[:, np.newaxis]
        out = tf.nn.batch_normalization(x, mean, variance, shift, scale, self.epsilon)
        return out, tf.reshape(mean, [-1]), tf.reshape(variance, [-1])

    def _folded(self, scale, shift, mean, variance, sqrt):
        factor = scale / sqrt(variance + self.epsilon)
        return factor, shift - mean * factor

    def fold(self):
        """Give the normalisation by moving averages as a product and a sum.

        Both are (n_neurons,) arrays, in float64.
        """
        numbers = (
            variable.numpy().astype(np.float64)
            for variable in (*self.trained, *self.averages)
        )
        return tuple(
            np.tile(number, self._n_repeats)
            for number in self._folded(*numbers, np.sqrt)
        )


def _last_weights(path):
    """Find the weights that scale each filter of what comes out; None if none do.

    Behind a convolution there may be pools, which keep its filters apart.
    """
    pooled = False
    for op in reversed(path):
        if op.n_filters is not None:
            return None if pooled and op.output_shape is None else op
        if not isinstance(op, operators.Pool):
            return None
        pooled = True
    return None
