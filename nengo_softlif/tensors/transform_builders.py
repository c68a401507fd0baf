"""How NengoDL pools images, and convolves them in groups of channels.

Imported by the import finder in `.compat` as soon as nengo_dl has loaded.
"""

import numpy as np
import tensorflow as tf
from nengo_dl.builder import Builder, OpBuilder
from nengo_dl.transform_builders import ConvIncBuilder

from ..layers import operators
from ..transforms import AveragePoolSet
from .operators import Values, make_form


@Builder.register(AveragePoolSet)
class AveragePoolSetBuilder(OpBuilder):
    """Average pooling by TensorFlow's kernel instead of a sparse product.

    A batch of the papers' first pooling layer takes 2 ms instead of 30 ms.
    """

    def build_pre(self, signals, config):
        """Look up the signals."""
        super().build_pre(signals, config)
        (op,) = self.ops
        self.X_data, self.Y_data = signals[op.X], signals[op.Y]
        self.pool = make_form(operators.Pool(op.pool.windows, op.pool.input_shape[2]))

    def build_step(self, signals):
        """Pool the images of a batch."""
        images = Values(signals.gather(self.X_data))
        signals.scatter(self.Y_data, self.pool(images, None).rows)

    @staticmethod
    def mergeable(x, y):
        """Keep pools apart: one kernel call each."""
        return False


class ConvBuilder(ConvIncBuilder):
    """Convolutions as NengoDL has them, and with groups of channels.

    TensorFlow has no gradient of these on the CPU, and NengoDL makes kernels of a wrong
    shape where it merges those of one image.
    """

    def build_pre(self, signals, config):
        """See whether groups have to go."""
        super().build_pre(signals, config)
        trains_on_cpu = config.cpu_only and not config.inference_only
        self.groups = getattr(self.conv, "groups", 1) if trains_on_cpu else 1

    def build_step(self, signals):
        """Convolve the images of a batch."""
        if self.groups > 1:
            signals = _WithoutGroups(signals, self.W_data, self.groups)
        super().build_step(signals)

    @staticmethod
    def mergeable(x, y):
        """Keep convolutions with groups apart."""
        return getattr(x.conv, "groups", 1) == 1 and ConvIncBuilder.mergeable(x, y)


class _WithoutGroups:
    """Signals of NengoDL, in which a kernel has zeros in the place of groups."""

    def __init__(self, signals, kernel, groups):
        self._signals, self._kernel, self._groups = signals, kernel, groups

    def __getattr__(self, name):
        return getattr(self._signals, name)

    def gather(self, src):
        value = self._signals.gather(src)
        if src is not self._kernel:
            return value
        *window, per_group, n_filters = value.shape
        block = np.ones((per_group, n_filters // self._groups))
        same = tf.constant(np.kron(np.eye(self._groups), block), value.dtype)
        return tf.tile(value, [1] * len(window) + [self._groups, 1]) * same


for _op, _builder in list(Builder.builders.items()):
    if _builder is ConvIncBuilder:
        Builder.builders[_op] = ConvBuilder
