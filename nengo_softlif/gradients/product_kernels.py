"""Products backward that follow spikes, compiled by Numba.

Where few neurons spike, the gradient by a kernel is a sum over spikes of what each had
before it, and the gradient by neurons is wanted only where they spiked, if their
derivative is zero elsewhere. Both see each window of the upstream gradient through the
same patch, which then is in the first cache.
"""

import numpy as np

from ..engine import REGISTER, add_rows, compile_once, find_spiking, gather_rows, only


def turn_back(rows, shape):
    """Bring what `turn_round` laid out back into the shape of the kernel."""
    height, width, n_channels, n_filters = shape
    turned = rows[:, :, : width * n_filters].reshape(
        n_channels, height, width, n_filters
    )
    return np.moveaxis(turned, 0, 2)[::-1, ::-1]


@compile_once
def _frame(delta, framed, strides, top, left):
    """Copy a gradient into a frame of zeros, with zeros between for strides.

    What lies around it in the frame is left as it is.
    """
    n_rows, n_columns, n_filters = delta.shape
    for row in range(n_rows):
        given = delta[row].reshape(-1)
        line = framed[top + row * strides[0]].reshape(-1)
        if strides[1] == 1:
            for i in range(n_columns * n_filters):
                line[left * n_filters + i] = given[i]
        else:
            for column in range(n_columns):
                start = (left + column * strides[1]) * n_filters
                for i in range(n_filters):
                    line[start + i] = given[column * n_filters + i]


@compile_once
def _lie_inside(found, shape, delta_shape, kernel_shape, frame):
    """Whether no spike sees beyond the edges of the gradient, or of its memory."""
    n_columns, n_channels = shape[2], shape[3]
    n_rows_out, n_columns_out, n_filters = delta_shape[1:]
    height, n = kernel_shape[1:]
    width = frame[1] - n_columns + 1
    for place in found:
        pixel = place // n_channels
        row = pixel // n_columns - frame[2]
        column = pixel % n_columns - frame[3]
        if row < 0 or column < 0:
            return False
        if row + height > n_rows_out or column + width > n_columns_out:
            return False
        last = ((row + height - 1) * n_columns_out + column) * n_filters + n
        if last > n_rows_out * n_columns_out * n_filters:
            return False
    return True


@compile_once
def follow_back(first, counts, delta, out, by_kernel, scale, kernel, strides, frame):
    """Gradients of a convolution by its kernel, and by the neurons that spiked.

    Parameters
    ----------
    first : (n_groups, 2) ndarray of int
        For each group of images, the first and one past the last.
    counts : (n_images, rows, columns, channels) ndarray of one byte each
        Spikes.
    delta : (n_images, out_rows, out_columns, filters) ndarray
        Upstream gradient.
    out : (n_images, rows, columns, channels) ndarray
        Receives the gradient by what the neurons put out where they spiked, zero
        elsewhere. Without images it is not wanted.
    by_kernel : (n_groups, channels, height, n) ndarray
        Receives the gradient by the kernel, as `turn_round` lays it out, in addition to
        what is there. Without channels it is not wanted.
    scale : (1,) or (rows * columns * channels,) ndarray
        What a spike counts.
    kernel : (channels, height, n) ndarray
        From `turn_round`.
    strides : (int, int)
        Steps between windows.
    frame : (int, int, int, int)
        Rows and columns of the smallest frame for the upstream gradient in which each
        pixel sees a whole window, and where in it the gradient begins.
    """
    n_rows, n_columns, n_channels = counts.shape[1:]
    n_filters, height, n = delta.shape[3], kernel.shape[1], kernel.shape[2]
    rows, n_vectors = kernel.reshape(-1), n * kernel.itemsize // REGISTER
    line = frame[1] * n_filters
    # rows of the kernel are filled up, so that the last pixel sees more than the frame
    flat = np.zeros(frame[0] * line + n, delta.dtype)
    framed = flat[: frame[0] * line].reshape(frame[0], frame[1], n_filters)
    found = np.empty(n_rows * n_columns * n_channels + 1, np.int64)
    places, sources = np.empty_like(found), np.empty_like(found)
    values = np.empty(len(found), delta.dtype)
    stops = np.empty(n_channels + 1, np.int64)
    for group in range(len(first)):
        for image in range(first[group, 0], first[group, 1]):
            n_found = find_spiking(counts[image].reshape(-1), found)
            if len(out):
                out[image, :, :, :] = 0
            if n_found == 0:
                continue
            top, left = frame[2], frame[3]
            inside = strides[0] == 1 and strides[1] == 1
            if inside:
                inside = _lie_inside(
                    found[:n_found], counts.shape, delta.shape, kernel.shape, frame
                )
            if inside:  # the frame would only be copied
                source, step = delta[image].reshape(-1), delta.shape[2] * n_filters
            else:
                _frame(delta[image], framed, strides, top, left)
                source, step, top, left = flat, line, 0, 0
            # sorted by channel, for each of which its part of the kernel stays at hand
            spikes = counts[image].reshape(-1)
            stops[:] = 0
            for k in range(n_found):
                stops[found[k] % n_channels + 1] += 1
            for channel in range(n_channels):
                stops[channel + 1] += stops[channel]
            for k in range(n_found):
                place = found[k]
                pixel, channel = place // n_channels, place % n_channels
                at = stops[channel]
                stops[channel] = at + 1
                places[at] = (pixel // n_columns - top) * step
                places[at] += (pixel % n_columns - left) * n_filters
                values[at] = spikes[place] * only(scale, place)
                sources[at] = place
            start = 0
            sums = by_kernel[group].reshape(-1)
            targets = out[image if len(out) else 0 : image + 1].reshape(-1)
            for channel in range(n_channels):
                stop = stops[channel]
                if len(out):
                    for k in range(start, stop):
                        targets[sources[k]] = gather_rows(
                            source,
                            places[k],
                            step,
                            rows,
                            channel * height * n,
                            height,
                            n_vectors,
                        )
                if by_kernel.shape[1] and stop > start:
                    for y in range(height):
                        add_rows(
                            sums,
                            (channel * height + y) * n,
                            n,
                            source,
                            y * step,
                            places,
                            values,
                            start,
                            stop,
                        )
                start = stop


@compile_once
def spread_windows(delta, out, share, size, strides, before):
    """Gradient of average pooling: each window gives to its pixels what they counted.

    Parameters
    ----------
    delta : (n, out_rows, out_columns, channels) ndarray
        Upstream gradient.
    out : (n, rows, columns, channels) ndarray
        Receives the gradient.
    share : (out_rows, out_columns) ndarray
        What each value of a window counts.
    size, strides, before : (int, int)
        Of windows, steps between them, and how far the first hangs over the edge.
    """
    n_rows, n_columns, n_channels = out.shape[1:]
    length = n_columns * n_channels
    line = np.zeros(length, out.dtype)
    # no pixel is in two windows, so that nothing is added up
    apart = size[0] <= strides[0] and size[1] <= strides[1]
    for image in range(len(out)):
        pixels = out[image].reshape(-1)
        written = 0
        if not apart:
            pixels[:] = 0
            written = n_rows
        for row in range(delta.shape[1]):
            # first along the row, and then whole lines
            given = delta[image, row].reshape(-1)
            if not apart:
                line[:] = 0
            for column in range(delta.shape[2]):
                left = column * strides[1] - before[1]
                factor, start = share[row, column], column * n_channels
                for x in range(max(left, 0), min(left + size[1], n_columns)):
                    at = x * n_channels
                    if apart:
                        for i in range(n_channels):
                            line[at + i] = factor * given[start + i]
                    else:
                        for i in range(n_channels):
                            line[at + i] += factor * given[start + i]
            top = max(row * strides[0] - before[0], 0)
            bottom = min(row * strides[0] - before[0] + size[0], n_rows)
            if apart:
                pixels[written * length : top * length] = 0
                for y in range(top, bottom):
                    pixels[y * length : (y + 1) * length] = line
                written = bottom
            else:
                for y in range(top, bottom):
                    target = pixels[y * length : (y + 1) * length]
                    for i in range(length):
                        target[i] += line[i]
        pixels[written * length :] = 0
