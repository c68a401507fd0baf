"""Products with spikes and sums over windows, compiled by Numba.

Spikes are counted in bytes, so that eight silent neurons are passed over at once.
"""

import numpy as np

from .compiling import compile_once
from .neuron_kernels import only
from .row_sums import add_rows, scatter_rows
from .vectors import REGISTER

IMAGES = 256
"""Images that are shown to a block of weights before it gives way to the next one,
which may have to come from the main memory."""

FILTERS = 64
"""Filters in a block of weights, which then stays in the cache."""


def lay_in_blocks(weights):
    """Lay weights out as `spikes_times_local` wants them.

    Parameters
    ----------
    weights : (rows, columns, height, width, channels, filters) ndarray
        For each position of the output a kernel.

    Returns
    -------
    (rows, columns, n_blocks, height, width, channels, n) ndarray
        Blocks of n filters; the last is filled up with zeros.
    """
    n_filters = weights.shape[-1]
    n = min(n_filters, FILTERS)
    n_blocks = -(-n_filters // n)
    widths = [(0, 0)] * (weights.ndim - 1) + [(0, n_blocks * n - n_filters)]
    filled = np.pad(weights, widths).reshape(*weights.shape[:-1], n_blocks, n)
    return np.ascontiguousarray(np.moveaxis(filled, -2, 2))


@compile_once
def sum_windows(images, out, height, width, strides, before):
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


@compile_once
def scale_counts(counts, out, scale):
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


@compile_once
def find_spiking(counts, found):
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


@compile_once
def _list_spikes(counts, scale, first, step, start, offsets, values, n):
    """List the spikes of neurons, behind the n that are listed.

    Parameters
    ----------
    counts : (m,) ndarray of uint8
        Spikes.
    scale : (1,) or (size,) ndarray
        What a spike counts.
    first : int
        Where in the scale these neurons begin.
    step, start : int
        Neuron i has the offset ``start + i * step``.
    offsets, values : ndarray
        Receive offsets, and counts times scale; see `find_spiking`.
    n : int
        How many are listed already.

    Returns
    -------
    int
        How many are listed now.
    """
    end = n + find_spiking(counts, offsets[n:])
    for k in range(n, end):
        i = offsets[k]
        values[k] = counts[i] * only(scale, first + i)
        offsets[k] = start + i * step
    return end


@compile_once
def count_spiking(counts, out):
    """Count, for each image, the values that are not zero."""
    for image in range(len(counts)):
        n = 0
        for count in counts[image].reshape(-1):
            n += count != 0
        out[image] = n


FEW = 2
"""Spikes of a pixel up to which each adds its rows alone, which starts sooner."""

STRETCH = 64
"""Rows of a kernel are filled up to so many values, which `add_rows` adds at once."""


def turn_round(kernel):
    """Lay a kernel out as `spikes_times_kernel` wants it.

    Parameters
    ----------
    kernel : (height, width, channels, filters) ndarray
        The kernel.

    Returns
    -------
    (channels, height, n) ndarray
        Turned round both ways: what a pixel gives to a row of outputs then lies in a
        row, of width x filters values and filled up with zeros.
    """
    turned = np.moveaxis(kernel[::-1, ::-1], 2, 0)
    rows = turned.reshape(*turned.shape[:2], -1)
    filled = np.pad(rows, [(0, 0), (0, 0), (0, -rows.shape[2] % STRETCH)])
    return np.ascontiguousarray(filled)


def frame_outputs(windows):
    """Size of a frame around outputs, in which each pixel gives to a whole window.

    Parameters
    ----------
    windows : Windows
        How they lie on the image.

    Returns
    -------
    rows, columns, top, left : int
        Of the frame, and where in it the outputs begin, one stride apart.
    """
    rows, columns = np.add(windows.shape, windows.size) - 1
    top, left = np.subtract(windows.size, windows.before) - 1
    return int(rows), int(columns), int(top), int(left)


@compile_once
def spikes_times_kernel(counts, out, scale, kernel, strides, frame):
    """Convolution that adds the kernel wherever there are spikes.

    Parameters
    ----------
    counts : (n_images, rows, columns, channels) ndarray of one byte each
        Spikes.
    scale : (1,) or (rows * columns * channels,) ndarray
        What a spike counts.
    kernel : (channels, height, n) ndarray
        From `turn_round`.
    strides : (int, int)
        Steps between windows.
    frame : (int, int, int, int)
        From `frame_outputs`.
    out : (n_images, rows, columns, filters) ndarray
        Receives the convolution.
    """
    n_rows, n_columns, n_channels = counts.shape[1:]
    n_filters, height, n = out.shape[3], kernel.shape[1], kernel.shape[2]
    rows = kernel.reshape(-1)
    n_vectors = n * kernel.itemsize // REGISTER
    line = frame[1] * n_filters
    # rows of the kernel are filled up, so that the last pixel gives beyond the frame
    sums = np.empty(frame[0] * line + n, kernel.dtype)
    first = frame[2] * line + frame[3] * n_filters
    offsets = np.empty(n_rows * n_columns * n_channels + 1, np.int64)
    values = np.empty(len(offsets), kernel.dtype)
    for image in range(len(counts)):
        sums[:] = 0
        spikes = counts[image].reshape(-1)
        end = find_spiking(spikes, offsets)
        start = 0
        while start < end:
            # all spikes of a pixel
            pixel = offsets[start] // n_channels
            stop = start
            while stop < end and offsets[stop] < (pixel + 1) * n_channels:
                place = offsets[stop]
                values[stop] = spikes[place] * only(scale, place)
                offsets[stop] = (place - pixel * n_channels) * height * n
                stop += 1
            target = pixel // n_columns * line + pixel % n_columns * n_filters
            if stop - start > FEW:
                for tap in range(height):
                    add_rows(
                        sums,
                        target + tap * line,
                        n,
                        rows,
                        tap * n,
                        offsets,
                        values,
                        start,
                        stop,
                    )
            else:
                for k in range(start, stop):
                    scatter_rows(
                        sums,
                        target,
                        line,
                        rows,
                        offsets[k],
                        height,
                        n_vectors,
                        values[k],
                    )
            start = stop
        for row in range(out.shape[1]):
            start = first + row * strides[0] * line
            target_row = out[image, row].reshape(-1)
            if strides[1] == 1:
                for i in range(len(target_row)):
                    target_row[i] = sums[start + i]
            else:
                for column in range(out.shape[2]):
                    place = start + column * strides[1] * n_filters
                    for i in range(n_filters):
                        target_row[column * n_filters + i] = sums[place + i]


@compile_once
def spikes_times_local(counts, out, scale, weights, strides, before):
    """Convolution with another kernel at every position, following the spikes.

    Parameters
    ----------
    counts : (n_images, rows, columns, channels) ndarray of uint8
        Spikes.
    scale : (1,) or (rows * columns * channels,) ndarray
        What a spike counts.
    weights : (rows, columns, n_blocks, height, width, channels, n) ndarray
        The kernels, as `lay_in_blocks` lays them out.
    strides, before : (int, int)
        Steps between windows, and how far the first hangs over the edge.
    out : (n_images, rows, columns, filters) ndarray
        Receives the result.
    """
    _, n_rows, n_columns, n_channels = counts.shape
    _, n_out_rows, n_out_columns, n_filters = out.shape
    n_blocks, height, width, _, n = weights.shape[2:]
    n_pixels = n_rows * n_columns
    flat = weights.reshape(-1)
    firsts = np.empty(IMAGES * n_pixels + 1, np.int64)
    for low in range(0, len(counts), IMAGES):
        shown, sums = counts[low : low + IMAGES], out[low : low + IMAGES]
        each = np.empty(len(shown), np.int64)
        count_spiking(shown, each)
        offsets = np.empty(each.sum() + 1, np.int64)
        values = np.empty(len(offsets), weights.dtype)
        n_listed = 0
        for image in range(len(shown)):
            for place in range(n_pixels):
                firsts[image * n_pixels + place] = n_listed
                y, x = place // n_columns, place % n_columns
                n_listed = _list_spikes(
                    shown[image, y, x],
                    scale,
                    place * n_channels,
                    n,
                    x * n_channels * n,
                    offsets,
                    values,
                    n_listed,
                )
        firsts[len(shown) * n_pixels] = n_listed
        for block in range(n_out_rows * n_out_columns * n_blocks):
            position, first = block // n_blocks, block % n_blocks * n
            row, column = position // n_out_columns, position % n_out_columns
            top, left = row * strides[0] - before[0], column * strides[1] - before[1]
            begin, end = max(left, 0), min(left + width, n_columns)
            for image in range(len(shown)):
                target = sums[image, row, column]
                target[first : first + n] = 0
                for y in range(max(top, 0), min(top + height, n_rows)):
                    # the spikes of neighbours in a row are listed side by side
                    line = image * n_pixels + y * n_columns
                    shift = (block * height + y - top) * width - left
                    add_rows(
                        target,
                        first,
                        min(n, n_filters - first),
                        flat,
                        shift * n_channels * n,
                        offsets,
                        values,
                        firsts[line + begin],
                        firsts[line + end],
                    )
