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
def _advance_one(p, u, a, b, c, out):
    """Let a first-order filter see input for one step.

    ``out += c x`` comes before ``x = a x + b u``: a synapse answers one step late.
    """
    for i in range(len(out)):
        out[i] += c * p[i]
    for i in range(len(out)):
        p[i] = a * p[i] + b * u[i]


@_compiled
def _advance_two(p, q, u, A, b, c, out):
    """Let a second-order filter, of state (p, q), see input for one step."""
    a00, a01, a10, a11 = A[0, 0], A[0, 1], A[1, 0], A[1, 1]
    b0, b1, c0, c1 = b[0], b[1], c[0], c[1]
    for i in range(len(out)):
        out[i] += c0 * p[i] + c1 * q[i]
    for i in range(len(out)):
        first = p[i]
        second = q[i]
        p[i] = a00 * first + a01 * second
        q[i] = a10 * first + a11 * second
    for i in range(len(out)):
        p[i] += b0 * u[i]
    for i in range(len(out)):
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
        flags = np.zeros((m + 7) // 8 * 8, np.uint8)
        eights = flags.view(np.uint64)
        # without branches that the processor cannot foresee: lists of these two kinds
        firing, waking = np.empty(m + 8, np.int64), np.empty(m + 8, np.int64)
        v, r = voltage[example, low:high], refractory[example, low:high]
        given = _only(current, example)
        filtered = _only(u, example)
        for t in range(n_steps):
            J[:] = _only(given, t)[low:high]
            if len(filtered):
                entering = _only(filtered, t)[low:high]
                p = x[example, 0, low:high]
                if len(b) == 1:
                    _advance_one(p, entering, A[0, 0], b[0], c[0], J)
                else:
                    _advance_two(p, x[example, 1, low:high], entering, A, b, c, J)
            for i in range(m):
                rest = r[i] - dt
                r[i] = rest
                new = v[i] + (J[i] - v[i]) * (decay if rest <= zero else zero)
                new = max(new, min_voltage)
                v[i] = new
                flags[i] = (new > one) + 2 * ((rest > zero) & (rest < dt))
            n_firing = n_waking = 0
            for eight in range(len(eights)):
                if eights[eight]:
                    for i in range(8 * eight, 8 * eight + 8):
                        firing[n_firing] = waking[n_waking] = i
                        n_firing += flags[i] & 1
                        n_waking += flags[i] >> 1
            for k in range(n_waking):
                # its rest ends within this step
                i = waking[k]
                new = v[i] - (J[i] - v[i]) * math.expm1((r[i] - dt) / tau_rc)
                v[i] = max(new, min_voltage)
                if new > one:
                    firing[n_firing] = i
                    n_firing += 1
            out = spikes[example, t, low:high]
            out[:] = 0
            for k in range(n_firing):
                i = firing[k]
                # the time since v = 1, by the same exponential
                since = tau_rc * math.log1p((one - v[i]) / (J[i] - one))
                r[i] = tau_ref + dt + since
                v[i] = zero
                out[i] = 1
                fired[example, low + i] += 1


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
        new = np.empty(order, x.dtype)
        given = _only(u, example)
        for t in range(n_steps):
            row = _only(given, t)
            y = out[example, t]
            y[:] = 0
            if order == 1:
                _advance_one(x[example, 0], row, A[0, 0], b[0], c[0], y)
            elif order == 2:
                _advance_two(x[example, 0], x[example, 1], row, A, b, c, y)
            else:
                for i in range(n):
                    for k in range(order):
                        y[i] += c[k] * x[example, k, i]
                        new[k] = b[k] * row[i]
                        for j in range(order):
                            new[k] += A[k, j] * x[example, j, i]
                    for k in range(order):
                        x[example, k, i] = new[k]


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
    length = n_columns * n_channels
    for image in prange(n_images):
        above = np.empty(length, images.dtype)
        pixels = images[image].reshape(-1)
        for row in range(out.shape[1]):
            # first over rows, in which whole lines are added
            top = row * strides[0] - before[0]
            above[:] = 0
            for y in range(max(top, 0), min(top + height, n_rows)):
                line = pixels[y * length : (y + 1) * length]
                for i in range(length):
                    above[i] += line[i]
            for column in range(out.shape[2]):
                left = column * strides[1] - before[1]
                sums = out[image, row, column]
                sums[:] = 0
                for x in range(max(left, 0), min(left + width, n_columns)):
                    line = above[x * n_channels : (x + 1) * n_channels]
                    for channel in range(n_channels):
                        sums[channel] += line[channel]


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
def _add_rows(out, rows, start, found, values, n_found):
    """Add ``values[k] * rows[found[k], start:]`` for all k, four at a time.

    What they are added to is then read and written once instead of four times.
    """
    n = len(out)
    stop = start + n
    k = 0
    while k + 4 <= n_found:
        row0, row1 = rows[found[k], start:stop], rows[found[k + 1], start:stop]
        row2, row3 = rows[found[k + 2], start:stop], rows[found[k + 3], start:stop]
        v0, v1, v2, v3 = values[k], values[k + 1], values[k + 2], values[k + 3]
        for j in range(n):
            out[j] += (v0 * row0[j] + v1 * row1[j]) + (v2 * row2[j] + v3 * row3[j])
        k += 4
    for last in range(k, n_found):
        row, value = rows[found[last], start:stop], values[last]
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
        _add_rows(out[row], weights, 0, found, values, n_found)


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
    flat = kernel.reshape(n_channels, height * width * n_filters)
    for image in prange(len(counts)):
        found = np.empty(n_channels, np.int64)
        values = np.empty(n_channels, kernel.dtype)
        sums = out[image].reshape(-1)
        sums[:] = 0
        for y in range(n_rows):
            for x in range(n_columns):
                pixel = counts[image, y, x]
                n_found = _spiking(pixel, found)
                if n_found == 0:
                    continue
                position = (y * n_columns + x) * n_channels
                for k in range(n_found):
                    i = found[k]
                    values[k] = pixel[i] * _only(scale, position + i)
                # output o sees this pixel at o * stride - before + place = y
                top, left = y + before[0], x + before[1]
                start = max(0, -((height - 1 - top) // strides[0]))
                stop = min(out.shape[1], top // strides[0] + 1)
                begin = max(0, -((width - 1 - left) // strides[1]))
                end = min(out.shape[2], left // strides[1] + 1)
                for row in range(start, stop):
                    line = (top - row * strides[0]) * width
                    target = row * out.shape[2]
                    run = end - begin if strides[1] == 1 else 1
                    for column in range(begin, end, max(run, 1)):
                        place = line + width - 1 - (left - column * strides[1])
                        first = (target + column) * n_filters
                        _add_rows(
                            sums[first : first + run * n_filters],
                            flat,
                            place * n_filters,
                            found,
                            values,
                            n_found,
                        )


@_reordered
def spikes_times_local(counts, scale, weights, strides, before, out):
    """Convolution with another kernel at every position, following the spikes.

    Position after position for all images, so that the weights stay in the cache.

    Parameters
    ----------
    counts : (n_images, rows, columns, channels) ndarray of uint8
        Spikes.
    scale : (1,) or (rows * columns * channels,) ndarray
        What a spike counts.
    weights : (rows, columns, height, width, channels, filters) ndarray
        The kernels.
    strides, before : (int, int)
        Steps between windows, and how far the first hangs over the edge.
    out : (n_images, rows, columns, filters) ndarray
        Receives the result.
    """
    n_images, n_rows, n_columns, n_channels = counts.shape
    n_out_rows, n_out_columns, height, width, _, n_filters = weights.shape
    for position in prange(n_out_rows * n_out_columns):
        row = position // n_out_columns
        column = position % n_out_columns
        matrix = weights[row, column].reshape(-1, n_filters)
        top, left = row * strides[0] - before[0], column * strides[1] - before[1]
        first, last = max(left, 0), min(left + width, n_columns)
        found = np.empty((last - first) * n_channels, np.int64)
        values = np.empty(len(found), weights.dtype)
        for image in range(n_images):
            pixels = counts[image].reshape(-1)
            sums = out[image, row, column]
            sums[:] = 0
            for y in range(max(top, 0), min(top + height, n_rows)):
                begin = (y * n_columns + first) * n_channels
                end = (y * n_columns + last) * n_channels
                n_found = _spiking(pixels[begin:end], found)
                shift = ((y - top) * width + first - left) * n_channels
                for k in range(n_found):
                    i = begin + found[k]
                    values[k] = pixels[i] * _only(scale, i)
                    found[k] += shift
                _add_rows(sums, matrix, 0, found, values, n_found)
