"""Linear operators as matrices and as kernels."""

import numpy as np
from scipy import sparse

from . import operators


def matrix(path, size_in):
    """Matrix of a row of operators.

    Parameters
    ----------
    path : iterable of Operator
        Applied one after the other.
    size_in : int
        Values that go in.

    Returns
    -------
    (size_out, size_in) ndarray or scipy.sparse.csr_array
        Dense where a dense matrix is among them.
    """
    product = None
    for op in reversed(list(path)):
        factor = matrix_of(op)
        product = factor if product is None else product @ factor
    if product is None:
        return sparse.csr_array(sparse.eye(size_in))
    return product


def matrix_of(op, positions=None):
    """Matrix of one operator.

    Parameters
    ----------
    op : Operator
        The operator.
    positions : sorted ndarray of int, optional
        Of windows, rows for these output positions only.

    Returns
    -------
    (size_out, size_in) ndarray or scipy.sparse.csr_array
    """
    if isinstance(op, operators.Matrix):
        return op.weights
    if isinstance(op, operators.Scale):
        return sparse.csr_array(sparse.diags(op.weights))
    if isinstance(op, operators.Slice):
        n = op.size_out
        entries = (np.ones(n), (np.arange(n), op.indices))
    elif isinstance(op, operators.Place):
        n = op.size_in
        entries = (np.ones(n), (op.indices, np.arange(n)))
    else:
        return _windows_matrix(op, positions)
    return sparse.csr_array(entries, shape=(op.size_out, op.size_in))


def _windows_matrix(op, positions):
    window, pixel, tap = _taps(op)
    if positions is not None:
        keep = np.isin(window, positions)
        window, pixel, tap = window[keep], pixel[keep], tap[keep]
        row = np.searchsorted(positions, window)
        n_windows = len(positions)
    else:
        row, n_windows = window, int(np.prod(op.output_shape[:2]))
    n_channels, n_filters = op.input_shape[2], op.output_shape[2]
    shape = (n_windows * n_filters, op.size_in)
    if isinstance(op, operators.Pool):
        channel = np.arange(n_channels)
        rows = row[:, None] * n_filters + channel
        columns = pixel[:, None] * n_channels + channel
        data = np.repeat(op.share.ravel()[window], n_channels)
    else:
        if isinstance(op, operators.Local):
            flat = op.weights.reshape(-1, *op.weights.shape[-2:])
            data = flat[window * int(np.prod(op.kernel_size)) + tap]
        else:
            data = kernel_of(op).reshape(-1, n_channels, n_filters)[tap]
        rows = row[:, None, None] * n_filters + np.arange(n_filters)
        columns = pixel[:, None, None] * n_channels + np.arange(n_channels)[:, None]
    rows, columns = np.broadcast_arrays(rows, columns)
    product = sparse.csr_array(
        (data.ravel(), (rows.ravel(), columns.ravel())), shape=shape
    )
    product.eliminate_zeros()
    return product


def _taps(op):
    """List the places where windows lie: position, pixel beneath, place in window."""
    before = op.before
    y, x = (
        np.arange(n_out)[:, None] * stride - first + np.arange(width)
        for n_out, stride, first, width in zip(
            op.output_shape[:2], op.strides, before, op.kernel_size, strict=True
        )
    )
    height, width, _ = op.input_shape
    y, x = y[:, None, :, None], x[None, :, None, :]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    n_windows, n_taps = inside.shape[0] * inside.shape[1], int(np.prod(op.kernel_size))
    window, tap = np.nonzero(inside.reshape(n_windows, n_taps))
    pixel = np.broadcast_to(y * width + x, inside.shape).reshape(n_windows, n_taps)
    return window, pixel[window, tap], tap


def kernel_of(op):
    """Kernel of a convolution without its groups, or of a pool.

    Parameters
    ----------
    op : operators.Convolution or operators.Pool
        The operator.

    Returns
    -------
    (height, width, channels, filters) ndarray
    """
    n_channels, n_filters = op.input_shape[2], op.output_shape[2]
    if isinstance(op, operators.Pool):
        share = np.full(op.kernel_size, 1 / np.prod(op.kernel_size))
        return share[:, :, None, None] * np.eye(n_channels)
    if op.groups == 1:
        return op.weights
    kernel = np.zeros((*op.kernel_size, n_channels, n_filters), op.weights.dtype)
    per_group, filters = n_channels // op.groups, n_filters // op.groups
    for group in range(op.groups):
        inputs = slice(group * per_group, (group + 1) * per_group)
        outputs = slice(group * filters, (group + 1) * filters)
        kernel[:, :, inputs, outputs] = op.weights[..., outputs]
    return kernel
