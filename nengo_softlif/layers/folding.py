"""Linear operators between neurons, folded into transforms that NengoLoihi takes.

On the chip, nothing but synapses lies between one layer of neurons and the next. So
what this package reads as a row of operators (pooling, slices, grouped convolutions,
matrices) becomes one or two connections: a `nengo.Convolution` without groups, a
`nengo.Dense`, a `nengo.Sparse`. The result computes the same function.

Average pooling is linear, and a convolution of a pooled image is one convolution with
a larger kernel and larger strides. Padding breaks that near the edge of the image: an
average leaves padding out, and a window that hangs over the edge sees zeros where a
pooled image would have had averages. There, a sparse connection adds the difference.
"""

from dataclasses import dataclass
from itertools import pairwise

import nengo
import numpy as np
from scipy import sparse

from ..geometry import Side, Windows
from . import operators
from .operators import matrix

# Weights below this share of the largest are what rounding leaves of zeros
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Folded:
    """One connection between two layers of neurons.

    Attributes
    ----------
    indices : ndarray of int, optional
        Which neurons of the source; all in their order if not given.
    transform : nengo.Convolution, nengo.Dense or nengo.Sparse
        From these to all neurons of the target.
    by_pixel : bool
        Whether a dense matrix is written as a convolution, to need fewer axons.
    """

    indices: np.ndarray
    transform: nengo.transforms.Transform
    by_pixel: bool = False

    def is_like(self, op):
        """Whether the transform does no more than an operator of this kind."""
        steps = operators.read_sampled(self.transform)
        return len(steps) == 1 and steps[0].is_like(op)


def fold(path, size_in, max_inputs=4096, image=None, target=None):
    """Fold operators into connections that add up to the same.

    Parameters
    ----------
    path : iterable of Operator
        Applied one after the other.
    size_in : int
        Values that go in.
    max_inputs : int
        A dense connection with more inputs than this becomes a convolution whose
        kernel covers the whole image, which needs an input axon for each pixel and
        not for each value.
    image : (int, int, int), optional
        Shape of what goes in, for that.
    target : tuple of int, optional
        Image that the neurons of the target are, by what else leads to them. A
        convolution that makes another becomes a matrix.

    Returns
    -------
    list of Folded
        One, or two where a border is added; none if nothing arrives.
    """
    indices, core = _without_slice(operators.simplified(path), size_in)
    parts = _convolutions(indices, core, size_in)
    if not parts or target not in (None, image_made(parts)):
        parts = _matrices(indices, core, size_in, max_inputs, image)
    return parts


def image_made(parts):
    """Shape of the image, of more than one pixel, that the first convolution makes."""
    for part in parts:
        if isinstance(part.transform, nengo.Convolution):
            shape = part.transform.output_shape
            if np.prod(shape.spatial_shape) > 1:
                return tuple(int(n) for n in shape.shape)
    return None


def _without_slice(path, size_in):
    """Take slices off the front, which a connection from some neurons does itself."""
    indices = None
    while path and isinstance(path[0], operators.Slice):
        picked = path[0].indices
        if len(np.unique(picked)) < len(picked):
            break
        indices = picked if indices is None else indices[picked]
        path = path[1:]
    return _unless_all(indices, size_in), path


def _unless_all(indices, size):
    everything = indices is None or np.array_equal(indices, np.arange(size))
    return None if everything else indices


# -- matrices --------------------------------------------------------------------------


def _matrices(indices, core, size_in, max_inputs, image):
    n_inputs = size_in if indices is None else len(indices)
    product = matrix(core, n_inputs)
    if sparse.issparse(product):
        # NengoLoihi cannot store a connection without any weight
        return [Folded(indices, as_sparse(product))] if product.data.any() else []
    if n_inputs <= max_inputs:
        return [Folded(indices, nengo.Dense(product.shape, init=product))]
    if indices is not None or image is None or np.prod(image) != n_inputs:
        image = _pixels(n_inputs, max_inputs)
    n_fitting = int(np.prod(image))
    parts = [Folded(indices, _whole_image(product[:, :n_fitting], image), True)]
    if n_fitting < n_inputs:
        rest = product[:, n_fitting:]
        order = np.arange(n_inputs) if indices is None else indices
        parts[0] = Folded(order[:n_fitting], parts[0].transform, True)
        parts.append(Folded(order[n_fitting:], nengo.Dense(rest.shape, init=rest)))
    return parts


def as_sparse(product):
    """Return a scipy matrix as a transform."""
    coo = sparse.coo_array(product)
    coo.eliminate_zeros()  # as NengoLoihi does, where gains differ
    return nengo.Sparse(
        coo.shape, indices=np.stack([coo.row, coo.col], axis=1), init=coo.data
    )


def _pixels(n_inputs, max_inputs):
    """Lay values that are no image out as one, as square as they go."""
    n_channels = max(int(np.sqrt(n_inputs)), -(-n_inputs // max_inputs))
    for channels in range(n_channels, n_channels // 2, -1):
        if n_inputs % channels == 0:
            return (n_inputs // channels, 1, channels)
    return (n_inputs // n_channels, 1, n_channels)


def _whole_image(weights, image):
    rows, columns, n_channels = image
    kernel = weights.reshape(-1, rows, columns, n_channels)
    return nengo.Convolution(
        len(weights),
        image,
        kernel_size=(rows, columns),
        strides=(1, 1),
        padding="valid",
        init=np.ascontiguousarray(np.moveaxis(kernel, 0, -1)),
    )


# -- convolutions ----------------------------------------------------------------------


def _convolutions(indices, core, size_in):
    """One convolution, and the difference at its border; nothing if that fails."""
    channels_last = True
    if core and isinstance(core[-1], operators.Slice):
        *core, last = core
        if not core or not _is_channels_first(last, core[-1]):
            return None
        channels_last = False
    if any(op.kernel() is None for op in core):
        return None
    if all(op.weights is None for op in core):
        return None  # pools alone are sparse
    if any(op.output_shape != after.input_shape for op, after in pairwise(core)):
        return None  # read as another image, of which no kernel knows the pixels
    merged = _merged(core)
    if merged is None:
        return None
    border = _border(core, merged)
    if len(border) == np.prod(merged.output_shape[:2]):
        return None

    order = np.arange(size_in) if indices is None else indices
    shape, n_channels = merged.input_shape, merged.input_shape[2]
    rest = _difference(core, merged, border)
    if not channels_last:
        order = order.reshape(-1, n_channels).T.ravel()
        shape = (n_channels, *shape[:2])
        rest = None if rest is None else rest[last.indices]
    transform = nengo.Convolution(
        merged.output_shape[2],
        shape,
        kernel_size=merged.windows.size,
        strides=merged.windows.strides,
        padding=merged.windows.padding,
        channels_last=channels_last,
        init=merged.weights,
    )
    parts = [Folded(_unless_all(order, size_in), transform)]
    if rest is not None:
        used = np.unique(rest.indices)
        source = np.arange(size_in) if indices is None else indices
        parts.append(Folded(source[used], as_sparse(rest[:, used])))
    return parts


def _is_channels_first(slice_, op):
    if op.output_shape is None or slice_.size_in != op.size_out:
        return False
    first = np.arange(op.size_out).reshape(-1, op.output_shape[2]).T.ravel()
    return np.array_equal(slice_.indices, first)


def _merged(path):
    """Merge windows upon windows into one convolution, as far from all edges."""
    first = path[0]
    kernel, strides, before = (
        first.kernel(),
        first.windows.strides,
        first.windows.before,
    )
    for op in path[1:]:
        above = op.kernel()
        size = [
            below + (n - 1) * stride
            for below, n, stride in zip(
                kernel.shape[:2], above.shape[:2], strides, strict=True
            )
        ]
        larger = np.zeros((*size, kernel.shape[2], above.shape[3]))
        for y, x in np.ndindex(*above.shape[:2]):
            rows = slice(y * strides[0], y * strides[0] + kernel.shape[0])
            columns = slice(x * strides[1], x * strides[1] + kernel.shape[1])
            larger[rows, columns] += kernel @ above[y, x]
        before = [
            b * stride + below
            for b, stride, below in zip(op.windows.before, strides, before, strict=True)
        ]
        strides = [a * b for a, b in zip(strides, op.windows.strides, strict=True)]
        kernel = larger
    return _aligned(kernel, strides, before, path)


def _aligned(kernel, strides, before, path):
    """Lay a kernel as `nengo.Convolution` would, with zeros around it if need be."""
    shape, n_windows = path[0].windows.shape, path[-1].windows.output_shape
    found = {}
    for padding in ("same", "valid"):
        zeros = [
            _zeros(padding, *lengths)
            for lengths in zip(
                shape, n_windows, kernel.shape[:2], strides, before, strict=True
            )
        ]
        if all(z is not None for z in zeros):
            found[padding] = zeros
    if not found:
        return None
    own = path[-1].windows.padding
    padding = min(found, key=lambda p: (np.sum(found[p]), p != own))
    if np.any(found[padding]):
        kernel = np.pad(kernel, [*found[padding], (0, 0), (0, 0)])
    windows = Windows(shape, kernel.shape[:2], tuple(strides), padding)
    return operators.Convolution(kernel, windows)


def _zeros(padding, n_in, n_out, width, stride, before):
    """Rows of zeros to put before and behind a kernel, that it lies as it should."""
    for total in range(n_in + width):
        side = Side(n_in, width + total, stride, padding)
        first = side.before - before
        if side.n_windows == n_out and 0 <= first <= total:
            return first, total - first
    return None


def _border(path, merged):
    """Positions where a merged convolution is not what the path computes."""
    rng = np.random.RandomState(0)
    one_channel = [op.on_one_channel(rng) for op in path]
    true = matrix(one_channel, one_channel[0].size_in)
    alike = _merged(one_channel).matrix()
    wrong = abs(true - alike) > _ROUNDING * abs(alike).max()
    return np.unique(wrong.nonzero()[0])


def _difference(path, merged, border):
    """What to add at the border of a merged convolution."""
    if not len(border):
        return None
    n_filters = merged.output_shape[2]
    *below, last = path
    factors = [op.matrix() for op in reversed(below)]
    least = _ROUNDING * np.abs(merged.weights).max()
    rows, columns, data = [], [], []
    for position in border:
        here = np.array([position])
        part = last.matrix(here)
        for factor in factors:
            part = part @ factor
        part = sparse.coo_array(part - merged.matrix(here))
        keep = np.abs(part.data) > least
        rows.append(part.row[keep] + position * n_filters)
        columns.append(part.col[keep])
        data.append(part.data[keep])
    entries = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(
        (np.concatenate(data), entries), shape=(merged.size_out, merged.size_in)
    )
