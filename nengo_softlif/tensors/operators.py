"""Linear operators in TensorFlow, each by the kernel that was measured to be fastest.

They are those of `.operators`, for whole batches, with weights that are given in each
call so that they can be trained.
"""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from nengo.exceptions import Unconvertible

from ..layers import operators


@dataclass(frozen=True, eq=False)
class Values:
    """Values of a layer for the examples of a batch.

    Attributes
    ----------
    tensor : tf.Tensor
        Of static shape. A batch of one stands for all examples.
    batch_last : bool
        Whether the examples lie along the last axis, as local layers have them,
        instead of the first, as convolutions have them.
    """

    tensor: tf.Tensor
    batch_last: bool = False

    @property
    def n_examples(self):
        """Size of the batch."""
        return self.tensor.shape[-1 if self.batch_last else 0]

    @property
    def columns(self):
        """Values as (size, batch)."""
        if not self.batch_last:
            return tf.transpose(self.rows)
        return tf.reshape(self.tensor, (-1, self.n_examples))

    @property
    def rows(self):
        """Values as (batch, size)."""
        if self.batch_last:
            return tf.transpose(self.columns)
        return tf.reshape(self.tensor, (self.n_examples, -1))

    @property
    def flat(self):
        """Values in two dimensions, wherever the batch is."""
        return self.columns if self.batch_last else self.rows

    def images(self, shape):
        """Values as (batch, *shape)."""
        return tf.reshape(self.rows, (self.n_examples, *shape))

    def like(self, other):
        """Tensor of these values in the form that others have."""
        if other.batch_last:
            shape = (*other.tensor.shape[:-1], self.n_examples)
            return tf.reshape(self.columns, shape)
        return tf.reshape(self.rows, (self.n_examples, *other.tensor.shape[1:]))


class _Form:
    """An operator of `.operators`, and what of its connection is trained."""

    def __init__(self, op, built):
        self.op = op
        self.built = built

    def initial(self):
        """Weights as `__call__` takes them."""
        return np.asarray(self.built)

    def restored(self, weights):
        """Weights as Nengo has them."""
        return weights.reshape(np.shape(self.built))

    def scaled(self, weights, factor):
        """Weights, as `__call__` takes them, that also multiply what comes out.

        The factor, (size_out,), is for filters the same at all positions.
        """
        return weights * factor[: weights.shape[-1]]

    def shifted(self, weights, constant, offset):
        """Weights from constants that also add an offset; None if they cannot.

        The offset, (size_out,), is for filters the same at all positions.
        """
        if np.ptp(constant) > 0 or constant[0] == 0:
            return None
        return self._plus(weights, offset / constant[0])

    def _plus(self, weights, offset):
        """Weights that give so much more, if the same one comes in everywhere."""
        return None


class _Slice(_Form):
    def __call__(self, values, weights):
        flat, indices = values.flat, self.op.indices
        axis = 0 if values.batch_last else 1
        start = int(indices[0])
        if np.array_equal(indices, np.arange(start, start + len(indices))):
            part = slice(start, start + len(indices))
            picked = flat[part] if axis == 0 else flat[:, part]
        else:
            picked = tf.gather(flat, indices, axis=axis)
        return Values(picked, values.batch_last)


class _Place(_Form):
    def __init__(self, op, built):
        super().__init__(op, built)
        self.source = np.full(op.size_out, op.size_in)  # one past the last: zeros
        self.source[op.indices] = np.arange(op.size_in)
        if len(np.unique(op.indices)) < op.size_in:
            raise Unconvertible("it adds up values in the same place of its target")

    def __call__(self, values, weights):
        return Values(_gathered(values.columns, self.source), batch_last=True)


class _Scale(_Form):
    def __call__(self, values, weights):
        if values.batch_last:
            weights = tf.reshape(weights, (-1, 1))
        return Values(values.flat * weights, values.batch_last)


class _Matrix(_Form):
    def __init__(self, op, built):
        super().__init__(op, built)
        if op.is_sparse:
            raise Unconvertible("its matrix is sparse")

    def scaled(self, weights, factor):
        return weights * factor[:, np.newaxis]

    def _plus(self, weights, offset):
        return weights + offset[:, np.newaxis] if weights.shape[1] == 1 else None

    def __call__(self, values, weights):
        if values.batch_last:
            return Values(tf.matmul(weights, values.columns), batch_last=True)
        return Values(tf.matmul(values.rows, weights, transpose_b=True))


class _Convolution(_Form):
    """Convolution.

    Of groups TensorFlow has no gradient on the CPU, unless it is depthwise or oneDNN
    is on.
    """

    def initial(self):
        return np.reshape(self.built, self.op.weights.shape)

    def _plus(self, weights, offset):
        if np.prod(weights.shape[:3]) > 1 or self.op.size_out != offset.size:
            return None
        per_filter = offset.reshape(-1, weights.shape[3])
        same = np.ptp(per_filter, axis=0).max() == 0
        return weights + per_filter[0] if same else None

    def __call__(self, values, weights):
        op, images = self.op, values.images(self.op.input_shape)
        windows, n_channels = op.windows, op.input_shape[2]
        strides, padding = windows.strides, windows.padding.upper()
        if op.groups == 1:
            return Values(tf.nn.conv2d(images, weights, strides, padding))
        rows, columns = strides
        if op.groups == n_channels and rows == columns:
            kernel = tf.reshape(weights, (*windows.size, n_channels, -1))
            step = (1, rows, columns, 1)
            return Values(tf.nn.depthwise_conv2d(images, kernel, step, padding))
        parts = zip(
            tf.split(images, op.groups, axis=3),
            tf.split(weights, op.groups, axis=3),
            strict=True,
        )
        convolved = [tf.nn.conv2d(x, w, strides, padding) for x, w in parts]
        return Values(tf.concat(convolved, axis=3))


class _Pool(_Form):
    """Average pooling.

    TensorFlow's kernel leaves padding out of the average, but pads by itself only as
    "same" does. Other margins are added as zeros, which it counts.
    """

    def __init__(self, op, built):
        super().__init__(op, built)
        margins, centred = op.windows.margins, replace(op.windows, padding="same")
        same = (
            op.output_shape[:2] == centred.output_shape and margins == centred.margins
        )
        self.margins = None if same or not np.any(margins) else margins
        self.padding = "SAME" if same else "VALID"
        self.correction = (op.share * op.divisor)[..., None]

    def __call__(self, values, weights):
        windows, images = self.op.windows, values.images(self.op.input_shape)
        if self.margins is not None:
            images = tf.pad(images, [(0, 0), *self.margins, (0, 0)])
        pooled = tf.nn.avg_pool2d(images, windows.size, windows.strides, self.padding)
        if self.margins is not None:
            pooled *= self.correction.astype(pooled.dtype.as_numpy_dtype)
        return Values(pooled)


class _Local(_Form):
    """Products of windows of an image with matrices of their own.

    Images lie with the batch last, (pixels, channels, batch): copying windows then
    moves whole rows, the copy is already the matrix to multiply with, and what comes
    out has the order that Nengo's flattened images have.

    Weights are (n_windows, n_places * channels, filters). Places outside of the image
    have weights too: nothing comes in through them, so their gradient is zero and what
    they are does not matter. Nengo has none there.
    """

    def __init__(self, op, built):
        super().__init__(op, built)
        pixel, inside = op.windows.pixel, op.windows.inside
        self.n_windows = int(np.prod(inside.shape[:2]))
        self.inside = inside.reshape(self.n_windows, -1)
        self.n_places = self.inside.shape[1]
        self.n_pixels = int(np.prod(op.input_shape[:2]))
        pixel = pixel.reshape(self.inside.shape)
        # one past the last: zeros
        self.pixel = np.where(self.inside, pixel, self.n_pixels)

        # For each pixel the windows that see it, and as what: all of the gradient
        window, place = np.nonzero(self.inside)
        seen = self.pixel[window, place]
        order = np.argsort(seen, kind="stable")
        counts = np.bincount(seen, minlength=self.n_pixels)
        rank = np.arange(len(seen)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = self.n_pixels, counts.max()
        self.window = np.full(shape, self.n_windows)
        self.window[seen[order], rank] = window[order]
        self.block = np.full(shape, self.inside.size)
        self.block[seen[order], rank] = (window * self.n_places + place)[order]

    def initial(self):
        return self.op.weights.reshape(self.n_windows, -1, self.op.output_shape[2])

    def restored(self, weights):
        blocks = weights.reshape(*self.inside.shape, -1, weights.shape[-1])
        return blocks[self.inside].ravel()

    def __call__(self, values, weights):
        n_channels = self.op.input_shape[2]
        shape = self.n_pixels, n_channels, values.n_examples
        x = tf.reshape(values.columns, shape)
        return Values(self._product(x, weights), batch_last=True)

    def _product(self, x, weights):
        """Multiply (n_pixels, channels, batch) to (n_windows, filters, batch)."""
        _, n_channels, n_examples = x.shape
        n_filters = weights.shape[-1]

        @tf.custom_gradient
        def product(x, weights):
            rows = self.n_places * n_channels
            windows = tf.reshape(
                _gathered(x, self.pixel), (self.n_windows, rows, n_examples)
            )

            def gradient(upstream):
                # Backwards it is a local product as well: each pixel has a window on
                # the outputs. TensorFlow's own gradient adds up overlapping windows.
                blocks = tf.reshape(weights, (-1, n_channels, n_filters))
                blocks = tf.transpose(_gathered(blocks, self.block), (0, 2, 1, 3))
                by_x = tf.matmul(
                    tf.reshape(blocks, (self.n_pixels, n_channels, -1)),
                    tf.reshape(
                        _gathered(upstream, self.window),
                        (self.n_pixels, -1, n_examples),
                    ),
                )
                return by_x, tf.matmul(windows, upstream, transpose_b=True)

            return tf.matmul(weights, windows, transpose_a=True), gradient

        return product(x, weights)


def _gathered(rows, index):
    """Rows by their index, which may be one past the last for zeros."""
    return tf.gather(tf.concat([rows, tf.zeros_like(rows[:1])], axis=0), index)


_KINDS = {
    operators.Slice: _Slice,
    operators.Place: _Place,
    operators.Scale: _Scale,
    operators.Matrix: _Matrix,
    operators.Convolution: _Convolution,
    operators.Pool: _Pool,
    operators.Local: _Local,
}


def make_form(op, built=None):
    """Make the TensorFlow form of an operator, or refuse it as `Unconvertible`.

    Takes what Nengo's build made of its connection's weights. The form takes `Values`
    and weights as its ``initial`` has them, to which ``restored`` is the inverse.
    """
    try:
        if type(op) not in _KINDS:
            raise Unconvertible(f"{type(op).__name__} operators have none")
        return _KINDS[type(op)](op, built)
    except Unconvertible as error:
        raise Unconvertible(
            f"{op.connection or op} has no fast form for training: {error}"
        ) from None
