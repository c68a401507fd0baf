"""Convolutions that multiply everything, against their definition."""

from nengo_softlif.engine import products, window_kernels
from nengo_softlif.geometry import Windows
from nengo_softlif.layers import operators

import numpy as np
import pytest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("shape", "kernel_size", "strides", "groups", "n_filters"),
    [
        ((5, 5, 1), (3, 3), (1, 1), 1, 1),
        ((6, 11, 3), (2, 5), (1, 1), 1, 17),
        ((9, 12, 4), (3, 3), (2, 1), 2, 6),
        ((4, 16, 2), (1, 1), (1, 3), 1, 40),
        ((8, 9, 6), (5, 2), (2, 3), 3, 9),
        ((3, 26, 2), (3, 4), (1, 1), 1, 16),
    ],
)
def test_convolution(
    shape, kernel_size, strides, groups, n_filters, padding, dtype, rng
):
    weights = rng.randn(*kernel_size, shape[2] // groups, n_filters)
    windows = Windows(shape[:2], kernel_size, strides, padding)
    operator = operators.Convolution(weights, windows, groups)
    images = rng.randn(3, 7, operator.size_in).astype(dtype)
    result = products.prepare(operator, dtype)(images)
    assert result.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(result, operator(images), rtol=0, atol=tolerance)


@pytest.mark.parametrize("n_windows", range(1, 27))
def test_all_windows_side_by_side(n_windows, rng):
    """However many are multiplied at a time, none is left out."""
    images = rng.randn(2, 3, n_windows + 2, 2)
    kernel = rng.randn(3, 3, 2, 5)
    panels = window_kernels.lay_in_panels(kernel)
    out = np.full((2, 1, n_windows, panels.shape[0] * panels.shape[3]), np.nan)
    window_kernels.convolve(images, out, panels, (1, 1), 0)
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), (1, 2))
    expected = np.einsum("nyxchw,hwcf->nyxf", windows, kernel)
    np.testing.assert_allclose(out[..., :5], expected, atol=1e-12)
    assert np.all(out[..., 5:] == 0)
