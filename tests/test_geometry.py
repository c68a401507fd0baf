"""Windows on images: all that is told of them is what counting them out gives."""

from nengo_softlif.geometry import Side, Windows, windows_of

import nengo
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SIDES = st.builds(
    Side,
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from(["valid", "same", "ceil"]),
)


def counted_out(side):
    """For each window the pixels beneath, where they exist, and their places."""
    starts = range(0, side.length + side.stride, side.stride)
    if side.padding == "valid":
        starts = [start for start in starts if start + side.width <= side.length]
    elif side.padding == "same":
        starts = starts[: int(np.ceil(side.length / side.stride))]
        total = max(starts[-1] + side.width - side.length, 0)
        starts = [start - total // 2 for start in starts]
    else:
        last = next(start for start in starts if start + side.width >= side.length)
        fits = side.width <= side.length and last < side.length
        starts = range(0, last + 1, side.stride) if fits else []
    windows = []
    for start in starts:
        pixels = np.arange(start, start + side.width)
        inside = (pixels >= 0) & (pixels < side.length)
        windows.append((pixels[inside], np.flatnonzero(inside)))
    return windows


@given(SIDES)
def test_windows_along_a_side(side):
    expected = counted_out(side)
    assert side.n_windows == len(expected)
    for i, (pixels, places) in enumerate(expected):
        np.testing.assert_array_equal(side.pixels[i][side.inside[i]], pixels)
        np.testing.assert_array_equal(np.flatnonzero(side.inside[i]), places)
    for (pixels, places), (on_side, in_window) in zip(
        expected, side.overlaps(), strict=True
    ):
        np.testing.assert_array_equal(np.arange(side.length)[on_side], pixels)
        np.testing.assert_array_equal(np.arange(side.width)[in_window], places)
    for pixel, (first, stop) in enumerate(zip(*side.covering(), strict=True)):
        over = [i for i, (pixels, _) in enumerate(expected) if pixel in pixels]
        assert over == list(range(first, stop))
    if expected:
        reach = np.arange(-side.before, side.length + side.after)
        np.testing.assert_array_equal(side.pixels[0], reach[: side.width])
        assert side.pixels[-1, -1] <= reach[-1]


@given(SIDES, SIDES)
def test_windows_on_an_image(rows, columns):
    pairs = zip(
        (rows.length, rows.width, rows.stride),
        (columns.length, columns.width, columns.stride),
        strict=True,
    )
    windows = Windows(*pairs, rows.padding)
    rows, columns = windows.sides
    assert windows.output_shape == (rows.n_windows, columns.n_windows)
    expected = np.kron(*(side_matrix(side) for side in windows.sides))
    np.testing.assert_array_equal(windows.pattern().toarray(), expected)
    window, pixel, place = windows.taps()
    np.testing.assert_array_equal(np.stack([window, pixel]), expected.nonzero())
    n_places = rows.width * columns.width
    index = np.ravel_multi_index((window, place), (max(len(expected), 1), n_places))
    assert np.all(np.diff(index) > 0)
    np.testing.assert_array_equal(np.flatnonzero(windows.inside), index)
    np.testing.assert_array_equal(windows.pixel[windows.inside], pixel)


def side_matrix(side):
    matrix = np.zeros((side.n_windows, side.length))
    for i, (pixels, _) in enumerate(counted_out(side)):
        matrix[i, pixels] = 1
    return matrix


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("last", [True, False])
def test_windows_of_nengos_convolutions(padding, last):
    shape = (7, 10, 3) if last else (3, 7, 10)
    args = {"kernel_size": (3, 2), "strides": (2, 3), "padding": padding}
    forth = nengo.Convolution(4, shape, channels_last=last, **args)
    windows = windows_of(forth)
    assert windows.output_shape == forth.output_shape.spatial_shape
    back = nengo.ConvolutionTranspose(3, forth.output_shape, channels_last=last, **args)
    windows = windows_of(back)
    assert windows.shape == back.output_shape.spatial_shape
    assert windows.output_shape == forth.output_shape.spatial_shape
