"""Products with spikes and sums over windows, compiled by Numba.

Spikes are counted in bytes, so that eight silent neurons are passed over at once.
"""

import numpy as np
from numba import njit

from .neuron_kernels import only

_compiled = njit(cache=True, error_model="numpy", nogil=True)
# reorders sums, as products of matrices do too
_reordered = njit(cache=True, error_model="numpy", nogil=True, fastmath=True)


@_compiled
def window_sums(images, out, height, width, strides, before):
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
    for image in range(n_images):
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


@_compiled
def scaled(counts, out, scale):
    """Write out counts times a scale, (1,) or (n,), for rows of (n_rows, n)."""
    for row in range(len(counts)):
        given, values = counts[row], out[row]
        if len(scale) == 1:
            factor = scale[0]
            for i in range(len(values)):
                values[i] = given[i] * factor
        else:
            for i in range(len(values)):
                values[i] = given[i] * scale[i]


@_compiled
def spiking(counts, found):
    """Find the non-zero among counts; return how many there are.

    Within eight it does not branch, which the processor could not foresee; so one
    entry more of ``found`` is written than are found.
    """
    n = 0
    n_eights = len(counts) // 8
    eights = counts[: 8 * n_eights].view(np.uint64)
    for eight in range(n_eights):
        if eights[eight]:
            for i in range(8 * eight, 8 * eight + 8):
                found[n] = i
                n += counts[i] != 0
    for i in range(8 * n_eights, len(counts)):
        found[n] = i
        n += counts[i] != 0
    return n


@_reordered
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
def spikes_times_matrix(counts, out, scale, weights):
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
    for row in range(len(counts)):
        found = np.empty(n + 1, np.int64)
        values = np.empty(n, weights.dtype)
        n_found = spiking(counts[row], found)
        for k in range(n_found):
            i = found[k]
            values[k] = counts[row, i] * only(scale, i)
        out[row] = 0
        _add_rows(out[row], weights, 0, found, values, n_found)


@_reordered
def spikes_times_kernel(counts, out, scale, kernel, strides, before):
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
    for image in range(len(counts)):
        found = np.empty(n_channels + 1, np.int64)
        values = np.empty(n_channels, kernel.dtype)
        sums = out[image].reshape(-1)
        sums[:] = 0
        for y in range(n_rows):
            for x in range(n_columns):
                pixel = counts[image, y, x]
                n_found = spiking(pixel, found)
                if n_found == 0:
                    continue
                position = (y * n_columns + x) * n_channels
                for k in range(n_found):
                    i = found[k]
                    values[k] = pixel[i] * only(scale, position + i)
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
def spikes_times_local(counts, out, scale, weights, strides, before):
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
    for position in range(n_out_rows * n_out_columns):
        row = position // n_out_columns
        column = position % n_out_columns
        matrix = weights[row, column].reshape(-1, n_filters)
        top, left = row * strides[0] - before[0], column * strides[1] - before[1]
        first, last = max(left, 0), min(left + width, n_columns)
        found = np.empty(height * (last - first) * n_channels + 1, np.int64)
        values = np.empty(len(found), weights.dtype)
        for image in range(n_images):
            pixels = counts[image].reshape(-1)
            n_found = 0
            for y in range(max(top, 0), min(top + height, n_rows)):
                begin = (y * n_columns + first) * n_channels
                end = (y * n_columns + last) * n_channels
                shift = ((y - top) * width + first - left) * n_channels
                n_before = n_found
                n_found += spiking(pixels[begin:end], found[n_before:])
                for k in range(n_before, n_found):
                    i = begin + found[k]
                    values[k] = pixels[i] * only(scale, i)
                    found[k] += shift
            out[image, row, column] = 0
            _add_rows(out[image, row, column], matrix, 0, found, values, n_found)
