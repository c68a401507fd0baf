"""Loops over neurons and spikes, compiled by Numba.

Arrays are (examples, steps, values). Spikes are counted in bytes, so that a step
of a large layer is little memory, and eight silent neurons are passed over at once.

Compiled code is kept beside the package, or in the user's cache directory. Numba
cannot promise that arrays do not overlap, and LLVM compares all pairs before it
vectorises: hence many short loops over few arrays instead of one long one.
"""

import math

import numpy as np
from numba import njit, prange

_compiled = njit(cache=True, error_model="numpy", nogil=True)
_parallel = njit(cache=True, error_model="numpy", nogil=True, parallel=True)
# reorders sums, as products of matrices do too
_reordered_serial = njit(cache=True, error_model="numpy", nogil=True, fastmath=True)
_reordered = njit(
    cache=True, error_model="numpy", nogil=True, fastmath=True, parallel=True
)



@_compiled
def _only(array, index):
    """``array[index]``, or the only entry there is."""
    if len(array) > 1:
        return array[index]
    return array[0]


BLOCK = 1024
"""Neurons whose state is kept in the first cache while time passes."""


@_compiled
def _advance(x, u, A, b, c, out):
    """Let a filter of first or second order see input for one step.

    ``out += c x`` comes before ``x = A x + b u``: a synapse answers one step late.
    """
    n = len(out)
    p = x[0, :n]
    a00, b0, c0 = A[0, 0], b[0], c[0]
    if len(b) == 1:
        for i in range(n):
            out[i] += c0 * p[i]
        for i in range(n):
            p[i] = a00 * p[i] + b0 * u[i]
        return
    q = x[1, :n]
    a01, a10, a11, b1, c1 = A[0, 1], A[1, 0], A[1, 1], b[1], c[1]
    for i in range(n):
        out[i] += c0 * p[i] + c1 * q[i]
    for i in range(n):
        first = p[i]
        second = q[i]
        p[i] = a00 * first + a01 * second
        q[i] = a10 * first + a11 * second
    for i in range(n):
        p[i] += b0 * u[i]
    for i in range(n):
        q[i] += b1 * u[i]


@_parallel
def lif(current, u, A, b, c, x, voltage, refractory, spikes, fired, constants):
    """Simulate LIF neurons behind a synapse, with Nengo's exact spike times.

    Parameters
    ----------
    current : (n_examples or 1, n_steps or 1, n) ndarray
        Current that does not go through the synapse, such as the bias.
    u : (n_examples or 1, n_steps or 1, n) ndarray
        Current that does. Without steps there is no synapse.
    A, b, c : (order, order), (order,), (order,) ndarray
        The discrete filter, of order one or two.
    x : (n_examples, order, n) ndarray
        Its state; updated.
    voltage, refractory : (n_examples, n) ndarray
        State of the neurons; updated.
    spikes : (n_examples, n_steps, n) ndarray of uint8
        Receives the spikes.
    fired : (n_examples, n) ndarray of int64
        Receives, in addition to what is there, the number of spikes.
    constants : (5,) ndarray
        dt, tau_rc, tau_ref, min_voltage, and 1 - exp(-dt / tau_rc).
    """
    n_examples, n_steps, n = spikes.shape
    n_blocks = (n + BLOCK - 1) // BLOCK
    dt, tau_rc, tau_ref, min_voltage, decay = constants
    one, zero = constants.dtype.type(1), constants.dtype.type(0)
    for task in prange(n_examples * n_blocks):
        example = task // n_blocks
        low = (task % n_blocks) * BLOCK
        high = min(low + BLOCK, n)
        m = high - low
        J = np.empty(m, voltage.dtype)
        special = np.zeros((m + 7) // 8 * 8, np.uint8)
        eights = special.view(np.uint64)
        v, r = voltage[example, low:high], refractory[example, low:high]
        state = _only(x, example)[:, low:high]
        given = _only(current, example)
        filtered = _only(u, example)
        for t in range(n_steps):
            J[:] = _only(given, t)[low:high]
            if len(filtered):
                entering = _only(filtered, t)[low:high]
                _advance(state, entering, A, b, c, J)
            for i in range(m):
                rest = r[i] - dt
                r[i] = rest
                new = v[i] + (J[i] - v[i]) * (decay if rest <= zero else zero)
                new = max(new, min_voltage)
                v[i] = new
                # those that fire, and those whose rest ends within this step
                special[i] = (new > one) | ((rest > zero) & (rest < dt))
            out = spikes[example, t, low:high]
            out[:] = 0
            for eight in range(len(eights)):
                if eights[eight]:
                    for i in range(8 * eight, min(8 * eight + 8, m)):
                        if special[i]:
                            new = v[i]
                            if r[i] > zero:
                                new -= (J[i] - new) * math.expm1((r[i] - dt) / tau_rc)
                                new = max(new, min_voltage)
                            if new > one:
                                # the time since v = 1, by the same exponential
                                r[i] = (
                                    tau_ref
                                    + dt
                                    + tau_rc * math.log1p((one - new) / (J[i] - one))
                                )
                                new = zero
                                out[i] = 1
                                fired[example, low + i] += 1
                            v[i] = new


@_parallel
def integrate(drive, voltage, counts):
    """Let neurons fire whenever their integrated drive passes a whole number.

    Parameters
    ----------
    drive : (n_examples or 1, n_steps or 1, n) ndarray
        What each step adds to the voltage.
    voltage : (n_examples, n) ndarray
        In [0, 1); updated.
    counts : (n_examples, n_steps, n) ndarray
        Receives the number of spikes in each step.
    """
    n_examples, n_steps, n = counts.shape
    for example in prange(n_examples):
        v = voltage[example]
        given = _only(drive, example)
        for t in range(n_steps):
            row = _only(given, t)
            out = counts[example, t]
            for i in range(n):
                new = v[i] + row[i]
                whole = np.floor(new)
                v[i] = new - whole
                out[i] = whole


@_parallel
def filtered(u, A, b, c, x, out):
    """Pass values through a linear filter of any order.

    Parameters
    ----------
    u : (n_examples or 1, n_steps or 1, n) ndarray
        Values.
    A, b, c : (order, order), (order,), (order,) ndarray
        The discrete filter: in each step the output is ``c x``, then
        ``x = A x + b u``.
    x : (n_examples, order, n) ndarray
        Its state; updated.
    out : (n_examples, n_steps, n) ndarray
        Receives the output.
    """
    n_examples, n_steps, n = out.shape
    order = len(b)
    for example in prange(n_examples):
        state = x[example]
        new = np.empty(order, x.dtype)
        given = _only(u, example)
        for t in range(n_steps):
            row = _only(given, t)
            y = out[example, t]
            y[:] = 0
            if order <= 2:
                _advance(state, row, A, b, c, y)
            else:
                for i in range(n):
                    for k in range(order):
                        y[i] += c[k] * state[k, i]
                        new[k] = b[k] * row[i]
                        for j in range(order):
                            new[k] += A[k, j] * state[j, i]
                    for k in range(order):
                        state[k, i] = new[k]


@_parallel
def window_sums(images, height, width, strides, before, out):
    """Add up each window of images, channel by channel.

    Parameters
    ----------
    images : (n, rows, columns, channels) ndarray
        Spike counts, or any values.
    height, width : int
        Size of the windows.
    strides, before : (int, int)
        Steps between windows, and how far the first hangs over the edge.
    out : (n, rows, columns, channels) ndarray
        Receives the sums.
    """
    n_images, n_rows, n_columns, n_channels = images.shape
    for image in prange(n_images):
        for row in range(out.shape[1]):
            top = row * strides[0] - before[0]
            for column in range(out.shape[2]):
                left = column * strides[1] - before[1]
                sums = out[image, row, column]
                sums[:] = 0
                for y in range(max(top, 0), min(top + height, n_rows)):
                    for x in range(max(left, 0), min(left + width, n_columns)):
                        pixel = images[image, y, x]
                        for channel in range(n_channels):
                            sums[channel] += pixel[channel]


@_parallel
def scaled(counts, scale, out):
    """Write out counts times a scale, (1,) or (n,), for rows of (n_rows, n)."""
    for row in prange(len(counts)):
        given, values = counts[row], out[row]
        if len(scale) == 1:
            factor = scale[0]
            for i in range(len(values)):
                values[i] = given[i] * factor
        else:
            for i in range(len(values)):
                values[i] = given[i] * scale[i]


@_compiled
def _spiking(counts, found):
    """Find the non-zero among counts; return how many there are."""
    n = 0
    n_eights = len(counts) // 8
    eights = counts[: 8 * n_eights].view(np.uint64)
    for eight in range(n_eights):
        if eights[eight]:
            for i in range(8 * eight, 8 * eight + 8):
                if counts[i]:
                    found[n] = i
                    n += 1
    for i in range(8 * n_eights, len(counts)):
        if counts[i]:
            found[n] = i
            n += 1
    return n


@_reordered_serial
def _add_rows(out, rows, found, values, n_found):
    """``out += sum of values[k] * rows[found[k]]``, four at a time.

    What they are added to is then read and written once instead of four times.
    """
    n = len(out)
    k = 0
    while k + 4 <= n_found:
        row0, row1 = rows[found[k]], rows[found[k + 1]]
        row2, row3 = rows[found[k + 2]], rows[found[k + 3]]
        v0, v1, v2, v3 = values[k], values[k + 1], values[k + 2], values[k + 3]
        for j in range(n):
            out[j] += (v0 * row0[j] + v1 * row1[j]) + (v2 * row2[j] + v3 * row3[j])
        k += 4
    for last in range(k, n_found):
        row, value = rows[found[last]], values[last]
        for j in range(n):
            out[j] += value * row[j]


@_reordered
def spikes_times_matrix(counts, scale, weights, out):
    """Product with a matrix that adds the rows of those that spiked.

    Parameters
    ----------
    counts : (n_rows, n) ndarray of uint8
        Spikes.
    scale : (1,) or (n,) ndarray
        What a spike counts.
    weights : (n, m) ndarray
        The transposed matrix.
    out : (n_rows, m) ndarray
        Receives the product.
    """
    n = counts.shape[1]
    for row in prange(len(counts)):
        found = np.empty(n, np.int64)
        values = np.empty(n, weights.dtype)
        n_found = _spiking(counts[row], found)
        for k in range(n_found):
            i = found[k]
            values[k] = counts[row, i] * _only(scale, i)
        out[row] = 0
        _add_rows(out[row], weights, found, values, n_found)


@_reordered
def spikes_times_kernel(counts, scale, kernel, strides, before, out):
    """Convolution that adds the kernel wherever there are spikes.

    Parameters
    ----------
    counts : (n_images, rows, columns, channels) ndarray of uint8
        Spikes.
    scale : (1,) or (rows * columns * channels,) ndarray
        What a spike counts.
    kernel : (channels, height, width, filters) ndarray
        The kernel, turned round from left to right: what a pixel gives to a row of
        outputs then lies in a row.
    strides, before : (int, int)
        Steps between windows, and how far the first hangs over the edge.
    out : (n_images, rows, columns, filters) ndarray
        Receives the convolution.
    """
    n_rows, n_columns, n_channels = counts.shape[1:]
    _, height, width, n_filters = kernel.shape
    lines = kernel.reshape(n_channels, height, width * n_filters)
    for image in prange(len(counts)):
        found = np.empty(n_channels, np.int64)
        values = np.empty(n_channels, kernel.dtype)
        sums = out[image].reshape(out.shape[1], out.shape[2] * n_filters)
        sums[:] = 0
        for y in range(n_rows):
            for x in range(n_columns):
                pixel = counts[image, y, x]
                n_found = _spiking(pixel, found)
                if n_found == 0:
                    continue
                first = (y * n_columns + x) * n_channels
                for k in range(n_found):
                    i = found[k]
                    values[k] = pixel[i] * _only(scale, first + i)
                # output o sees this pixel at o * stride - before + place = y
                top, left = y + before[0], x + before[1]
                start = max(0, -((height - 1 - top) // strides[0]))
                stop = min(out.shape[1], top // strides[0] + 1)
                begin = max(0, -((width - 1 - left) // strides[1]))
                end = min(out.shape[2], left // strides[1] + 1)
                for row in range(start, stop):
                    line = lines[:, top - row * strides[0]]
                    run = end - begin if strides[1] == 1 else 1
                    for column in range(begin, end, max(run, 1)):
                        place = width - 1 - (left - column * strides[1])
                        _add_rows(
                            sums[row, column * n_filters : (column + run) * n_filters],
                            line[:, place * n_filters : (place + run) * n_filters],
                            found,
                            values,
                            n_found,
                        )
