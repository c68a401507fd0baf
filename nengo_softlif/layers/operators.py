"""Linear operators: what connections do to the values that pass through them.

Each operator maps the last axis of an array. A convolution or a matrix that was
sampled by Nengo's build carries its weights, and the connection they belong to.
"""

import copy

import numpy as np
from nengo.exceptions import Unconvertible
from nengo.transforms import Convolution as NengoConvolution
from nengo.transforms import Dense, NoTransform, Sparse, SparseMatrix
from scipy import sparse

from .. import transforms


class Operator:
    """A linear map from ``size_in`` to ``size_out`` values.

    Parameters
    ----------
    size_in, size_out : int
        Values that go in, and that come out.
    connection : nengo.Connection, optional
        Whose weights these are.
    """

    weights = None
    connection = None

    def __init__(self, size_in, size_out, connection=None):
        self.size_in = size_in
        self.size_out = size_out
        self.connection = connection

    def __repr__(self):
        """Name the kind and sizes."""
        return f"{type(self).__name__}({self.size_in} to {self.size_out})"


class Slice(Operator):
    """Picks values, in any order."""

    def __init__(self, indices, size_in):
        super().__init__(size_in, len(indices))
        self.indices = indices

    def __call__(self, x):
        """Apply to the last axis of an array."""
        return x[..., self.indices]


class Place(Operator):
    """Puts values into places of an array of zeros; adds up in the same place."""

    def __init__(self, indices, size_out):
        super().__init__(len(indices), size_out)
        self.indices = indices

    def __call__(self, x):
        """Apply to the last axis of an array."""
        out = np.zeros((*x.shape[:-1], self.size_out), x.dtype)
        if len(np.unique(self.indices)) == len(self.indices):
            out[..., self.indices] = x
        else:
            np.add.at(out, (..., self.indices), x)
        return out


class Scale(Operator):
    """Multiplies each value by a number of its own, ``weights`` (size,)."""

    def __init__(self, scale, connection=None):
        super().__init__(len(scale), len(scale), connection)
        self.weights = scale

    def __call__(self, x):
        """Apply to the last axis of an array."""
        return x * self.weights.astype(x.dtype)


class Matrix(Operator):
    """Product with a dense or sparse matrix, ``weights`` (size_out, size_in)."""

    def __init__(self, weights, connection=None):
        size_out, size_in = weights.shape
        super().__init__(size_in, size_out, connection)
        self.weights = weights

    def __call__(self, x):
        """Apply to the last axis of an array."""
        flat = x.reshape(-1, self.size_in)
        weights = self.weights.astype(x.dtype)
        out = (weights @ flat.T).T if sparse.issparse(weights) else flat @ weights.T
        return out.reshape(*x.shape[:-1], self.size_out)


class Windows(Operator):
    """A small map that is applied at every position of an image.

    Images are flat, with the channels last. Windows that hang over the edge see
    zeros there.

    Attributes
    ----------
    input_shape, output_shape : (int, int, int)
        Rows, columns and channels of the images.
    kernel_size, strides : (int, int)
        Rows and columns of the windows, and steps from one to the next.
    padding : str
        "valid", "same" or "ceil".
    before : (int, int)
        How far the first window hangs over the upper and the left edge.
    """

    def __init__(
        self, input_shape, output_shape, kernel_size, strides, padding, connection=None
    ):
        self.input_shape = tuple(input_shape)
        self.output_shape = tuple(output_shape)
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.padding = padding
        self.before = tuple(
            max((n_out - 1) * stride + width - n_in, 0) // 2 if padding == "same" else 0
            for n_in, n_out, width, stride in zip(
                input_shape[:2], output_shape[:2], kernel_size, strides, strict=True
            )
        )
        super().__init__(
            int(np.prod(input_shape)), int(np.prod(output_shape)), connection
        )

    @property
    def margins(self):
        """Zeros to put around images: ((above, below), (left, right))."""
        return tuple(
            (before, max((n_out - 1) * stride + width - n_in - before, 0))
            for before, n_in, n_out, width, stride in zip(
                self.before,
                self.input_shape[:2],
                self.output_shape[:2],
                self.kernel_size,
                self.strides,
                strict=True,
            )
        )

    def patches(self, x):
        """What each window sees.

        Parameters
        ----------
        x : (..., size_in) ndarray
            Flat images.

        Returns
        -------
        (..., rows, columns, height, width, channels) ndarray
            A view into padded images.
        """
        images = x.reshape(*x.shape[:-1], *self.input_shape)
        widths = [(0, 0)] * (x.ndim - 1) + [*self.margins, (0, 0)]
        images = np.pad(images, widths)
        axes = (images.ndim - 3, images.ndim - 2)
        windows = np.lib.stride_tricks.sliding_window_view(
            images, self.kernel_size, axes
        )
        rows, columns = (
            slice(None, (n - 1) * stride + 1, stride)
            for n, stride in zip(self.output_shape[:2], self.strides, strict=True)
        )
        return np.moveaxis(windows[..., rows, columns, :, :, :], -3, -1)


class Convolution(Windows):
    """Convolution with ``weights`` (height, width, channels / groups, filters)."""

    def __init__(self, weights, groups, *shapes, connection=None):
        super().__init__(*shapes, connection)
        self.weights = weights
        self.groups = groups

    def __call__(self, x):
        """Apply to the last axis of an array."""
        patches = self.patches(x)
        *lead, channels = patches.shape
        patches = patches.reshape(*lead, self.groups, channels // self.groups)
        *window, per_group, n_filters = self.weights.shape
        kernel = self.weights.astype(x.dtype).reshape(
            *window, per_group, self.groups, n_filters // self.groups
        )
        out = np.einsum("...yxhwgc,hwcgf->...yxgf", patches, kernel, optimize=True)
        return out.reshape(*x.shape[:-1], self.size_out)


class Local(Windows):
    """Convolution with another kernel at every position.

    Attributes
    ----------
    weights : (rows, columns, height, width, channels, filters) ndarray
        The weights; zero where a window hangs over the edge.
    inside : (rows, columns, height, width) ndarray of bool
        Where it does not.
    """

    def __init__(self, weights, transform, connection=None):
        shapes = _window_shapes(transform, transform.kernel_size)
        super().__init__(*shapes, connection=connection)
        _, self.inside = transform.windows(transform.kernel_size)
        self.weights = np.zeros(
            (*self.inside.shape, self.input_shape[2], self.output_shape[2]),
            weights.dtype,
        )
        self.weights[self.inside] = weights.reshape(-1, *self.weights.shape[-2:])

    def __call__(self, x):
        """Apply to the last axis of an array."""
        kernels = self.weights.astype(x.dtype)
        out = np.einsum(
            "...yxhwc,yxhwcf->...yxf", self.patches(x), kernels, optimize=True
        )
        return out.reshape(*x.shape[:-1], self.size_out)


class Pool(Windows):
    """Average over windows; padding does not count.

    Attributes
    ----------
    share : (rows, columns) ndarray
        What each value of a window counts.
    """

    def __init__(self, transform):
        super().__init__(*_window_shapes(transform, transform.pool_size))
        self.share = 1 / transform.windows(transform.pool_size)[1].sum(axis=(2, 3))

    def __call__(self, x):
        """Apply to the last axis of an array."""
        sums = self.patches(x).sum(axis=(-3, -2))
        return (sums * self.share[..., None].astype(x.dtype)).reshape(
            *x.shape[:-1], self.size_out
        )


def simplified(path):
    """Multiply scales into the weights before them, where that is exact.

    Parameters
    ----------
    path : iterable of Operator
        Applied one after the other.

    Returns
    -------
    list of Operator
        Does the same.
    """
    simple = []
    for op in path:
        if isinstance(op, Scale):
            if np.all(op.weights == 1):
                continue
            if simple and (merged := _times(simple[-1], op.weights)) is not None:
                simple[-1] = merged
                continue
        simple.append(op)
    return simple


def _times(operator, scale):
    """Return an operator followed by a scale as one operator, if there is such."""
    if isinstance(operator, Scale):
        return Scale(operator.weights * scale)
    if isinstance(operator, Matrix):
        weights = operator.weights
        if sparse.issparse(weights):
            return Matrix(sparse.csr_array(sparse.diags(scale) @ weights))
        return Matrix(weights * scale[:, None])
    if isinstance(operator, (Convolution, Local)):
        scale = scale.reshape(operator.output_shape)
        merged = copy.copy(operator)
        if isinstance(operator, Local):
            merged.weights = operator.weights * scale[:, :, None, None, None]
            return merged
        if np.all(scale == scale[0, 0]):
            merged.weights = operator.weights * scale[0, 0]
            return merged
    return None


def read(transform, weights, connection):
    """Operators of a Nengo transform.

    Parameters
    ----------
    transform : nengo.transforms.Transform
        What a connection does.
    weights : ndarray, SparseMatrix or scipy sparse matrix
        What Nengo's build sampled for it, decoders included.
    connection : nengo.Connection
        For the record, and for errors.

    Returns
    -------
    list of Operator
        To apply one after the other.

    Raises
    ------
    Unconvertible
        If the transform is of a kind that is not known.
    """
    if isinstance(transform, transforms.AveragePool):
        return [Pool(transform)]
    if isinstance(transform, transforms.LocallyConnected):
        return [Local(np.asarray(_coo(weights).data), transform, connection)]
    if isinstance(transform, Sparse) or isinstance(weights, SparseMatrix):
        coo = _coo(weights)
        return [Matrix(sparse.csr_array(coo), connection)]
    if isinstance(transform, NengoConvolution):
        return _convolution(transform, weights, connection)
    if isinstance(transform, (Dense, NoTransform)):
        if np.ndim(weights) == 2:
            return [Matrix(weights, connection)]
        if isinstance(transform, NoTransform):
            return []
        return [Scale(np.broadcast_to(weights, transform.size_in), connection)]
    raise Unconvertible(
        f"{connection} has the transform {transform}, which is not known to layers; "
        "use Dense, Sparse, Convolution, AveragePool or LocallyConnected"
    )


def _convolution(transform, kernel, connection):
    """Convolution of one or two dimensions, channels first or last."""
    n_dimensions = transform.dimensions
    if n_dimensions > 2:
        raise Unconvertible(
            f"{connection} is a convolution in {n_dimensions} dimensions; one or two "
            "are known to layers"
        )
    one = (1,) * (2 - n_dimensions)  # a row of values is an image one row high
    spatial_in = transform.input_shape.spatial_shape
    spatial_out = transform.output_shape.spatial_shape
    n_channels = transform.input_shape.n_channels
    convolution = Convolution(
        kernel.reshape(*one, *kernel.shape),
        transform.groups,
        (*one, *spatial_in, n_channels),
        (*one, *spatial_out, transform.n_filters),
        (*one, *transform.kernel_size),
        (*one, *transform.strides),
        transform.padding,
        connection=connection,
    )
    if transform.channels_last:
        return [convolution]
    last = np.arange(convolution.size_in).reshape(n_channels, -1).T.ravel()
    first = np.arange(convolution.size_out).reshape(-1, transform.n_filters).T.ravel()
    return [
        Slice(last, convolution.size_in),
        convolution,
        Slice(first, convolution.size_out),
    ]


def _window_shapes(transform, size):
    return (
        transform.input_shape,
        transform.output_shape.shape,
        size,
        transform.strides,
        transform.padding,
    )


def _coo(weights):
    if isinstance(weights, SparseMatrix):
        rows, columns = weights.indices.T
        return sparse.coo_array((weights.data, (rows, columns)), weights.shape)
    return weights.tocoo()
