"""Transforms that Nengo lacks: average pooling and locally connected layers.

Both are sparse matrices that carry their shapes. Everything that knows
`nengo.Sparse` (Nengo's own simulator, NengoDL, NengoLoihi) runs them as they are.
Images are flattened with the channels last, as in `nengo.Convolution`.
"""

import math

import numpy as np
from nengo.builder import Builder
from nengo.builder.operator import Operator
from nengo.builder.signal import Signal
from nengo.dists import Uniform
from nengo.exceptions import BuildError, ValidationError
from nengo.params import EnumParam, IntParam, ShapeParam
from nengo.transforms import ChannelShape, Sparse

from .geometry import Windows, block_indices


class _OfWindows(Sparse):
    """A sparse transform made of windows that slide over an image.

    Attributes
    ----------
    windows : Windows
        How they lie.
    """

    input_shape = ShapeParam("input_shape", length=3, low=1)
    strides = ShapeParam("strides", length=2, low=1)

    @property
    def output_shape(self):
        """Shape of the output, as a `nengo.transforms.ChannelShape`."""
        return ChannelShape(self._output_shape)

    def _lay(self, size):
        windows = Windows(self.input_shape[:2], size, self.strides, self.padding)
        if not all(windows.output_shape):
            raise ValidationError(
                f"Windows of {size} with strides {self.strides} and padding "
                f"{self.padding!r} do not lie on images of {self.input_shape[:2]}; "
                "make them smaller, or use padding='same'",
                attr="input_shape",
                obj=self,
            )
        return windows


class AveragePool(_OfWindows):
    """Average over windows of an image, channel by channel.

    The average is over the pixels that exist: padding does not count. It is
    not trained.

    Parameters
    ----------
    input_shape : tuple of int
        Height, width and channels of the image.
    pool_size : int or tuple of int
        Height and width of the windows.
    strides : int or tuple of int
        Steps between windows; the pool size by default.
    padding : {"valid", "same", "ceil"}
        "valid" keeps windows that lie inside the image. "same" is TensorFlow's:
        one window for every stride, centred. "ceil" is cuda-convnet's: windows
        start at the upper left, and the last may hang over the edge. The two
        differ on odd sizes.

    Examples
    --------
    >>> softlif.AveragePool((8, 8, 3), pool_size=2).output_shape.shape
    (4, 4, 3)
    """

    pool_size = ShapeParam("pool_size", length=2, low=1)
    padding = EnumParam("padding", values=("valid", "same", "ceil"))

    def __init__(self, input_shape, pool_size=2, strides=None, padding="valid"):
        self.input_shape = input_shape
        self.pool_size = _pair(pool_size)
        self.strides = self.pool_size if strides is None else _pair(strides)
        self.padding = padding

        self.windows = self._lay(self.pool_size)
        n_channels = self.input_shape[2]
        self._output_shape = (*self.windows.output_shape, n_channels)

        window, pixel, _ = self.windows.taps()
        counts = np.bincount(window)
        channel = np.arange(n_channels)
        rows = window[:, None] * n_channels + channel
        columns = pixel[:, None] * n_channels + channel
        super().__init__(
            (counts.size * n_channels, int(np.prod(self.input_shape))),
            indices=np.stack([rows.ravel(), columns.ravel()], axis=1),
            init=(1 / counts)[window].repeat(n_channels),
        )

    @property
    def _argreprs(self):
        args = [f"input_shape={self.input_shape}", f"pool_size={self.pool_size}"]
        if self.strides != self.pool_size:
            args.append(f"strides={self.strides}")
        if self.padding != "valid":
            args.append(f"padding={self.padding!r}")
        return args


class LocallyConnected(_OfWindows):
    """A convolution whose kernel is another at every position.

    Parameters
    ----------
    n_filters : int
        Number of output channels.
    input_shape : tuple of int
        Height, width and channels of the image.
    kernel_size : int or tuple of int
        Height and width of the kernels.
    strides : int or tuple of int
        Steps between kernels.
    padding : {"valid", "same"}
        As in `nengo.Convolution`.
    init : Distribution or (n_weights,) array_like
        Weights, ordered by output position, kernel row and column, input
        channel, and filter. Where the kernel hangs over the edge of the image
        there is no weight.

    Examples
    --------
    >>> softlif.LocallyConnected(4, (8, 8, 3), kernel_size=3).output_shape.shape
    (6, 6, 4)
    """

    n_filters = IntParam("n_filters", low=1)
    kernel_size = ShapeParam("kernel_size", length=2, low=1)
    padding = EnumParam("padding", values=("valid", "same"))

    def __init__(
        self,
        n_filters,
        input_shape,
        kernel_size=3,
        strides=1,
        padding="valid",
        init=Uniform(-1, 1),  # noqa: B008 (distributions are frozen)
    ):
        self.n_filters = n_filters
        self.input_shape = input_shape
        self.kernel_size = _pair(kernel_size)
        self.strides = _pair(strides)
        self.padding = padding

        self.windows = self._lay(self.kernel_size)
        self._output_shape = (*self.windows.output_shape, n_filters)

        window, pixel, _ = self.windows.taps()
        rows, columns = block_indices(window, pixel, self.input_shape[2], n_filters)
        super().__init__(
            (math.prod(self._output_shape), int(np.prod(self.input_shape))),
            indices=np.stack([rows.ravel(), columns.ravel()], axis=1),
            init=init,
        )

    @property
    def _argreprs(self):
        args = [
            f"n_filters={self.n_filters}",
            f"input_shape={self.input_shape}",
            f"kernel_size={self.kernel_size}",
        ]
        if self.strides != (1, 1):
            args.append(f"strides={self.strides}")
        if self.padding != "valid":
            args.append(f"padding={self.padding!r}")
        return args


def _pair(value):
    """Allow one number for height and width."""
    return (value, value) if np.ndim(value) == 0 else value


class _FixedSignal(Signal):
    """A signal that NengoDL cannot mark as trainable."""

    trainable = property(lambda self: False, lambda self, value: None)


class AveragePoolSet(Operator):
    """``Y = pool(X)``: what a fast backend recognises as average pooling.

    In NumPy it is the product with the sparse matrix.

    Parameters
    ----------
    weights : Signal
        The sparse matrix.
    X : Signal
        Flattened input image.
    Y : Signal
        Flattened output image.
    pool : AveragePool
        The transform.

    Examples
    --------
    >>> with nengo.Network() as net:
    ...     image, small = nengo.Node(np.ones(16)), nengo.Node(size_in=4)
    ...     pool = softlif.AveragePool((4, 4, 1))
    ...     pooled = nengo.Connection(image, small, transform=pool)
    >>> built = nengo.builder.Model()
    >>> built.build(net)
    >>> [type(op).__name__ for op in built.operators].count("AveragePoolSet")
    1
    """

    def __init__(self, weights, X, Y, pool, tag=None):
        super().__init__(tag=tag)
        self.sets = [Y]
        self.incs = []
        self.reads = [weights, X]
        self.updates = []
        self.pool = pool

    X = property(lambda self: self.reads[1])
    Y = property(lambda self: self.sets[0])

    def make_step(self, signals, dt, rng):
        """Return a function that computes one step."""
        matrix = self.pool.init.allocate()
        X, Y = signals[self.X], signals[self.Y]

        def step():
            Y[...] = matrix @ X

        return step


@Builder.register(AveragePool)
def build_average_pool(
    model, transform, sig_in, decoders=None, encoders=None, rng=np.random
):
    """Build average pooling: as a sparse transform, but out of reach of training.

    Examples
    --------
    >>> with nengo.Network() as net:
    ...     image, small = nengo.Node(np.ones(16)), nengo.Node(size_in=4)
    ...     pool = softlif.AveragePool((4, 4, 1))
    ...     pooled = nengo.Connection(image, small, transform=pool, synapse=None)
    ...     probe = nengo.Probe(small)
    >>> with nengo.Simulator(net, progress_bar=False) as sim:
    ...     sim.run_steps(1, progress_bar=False)
    >>> sim.data[probe]
    array([[1., 1., 1., 1.]])
    """
    if decoders is not None:
        raise BuildError(
            f"{transform} pools the neurons of an image, not decoded values: connect "
            "from ensemble.neurons"
        )
    weights = _FixedSignal(transform.init, name=f"{transform}.weights", readonly=True)
    weighted = Signal(shape=transform.size_out, name=f"{transform}.weighted")
    model.add_op(AveragePoolSet(weights, sig_in, weighted, transform))
    return weighted, weights
