"""Guards the compiled loops: ``pytest tests/benchmarks/test_kernels.py``.

With ``--benchmark-autosave`` and ``--benchmark-compare`` pytest-benchmark tells what a
change did to them. No time is asserted.
"""

from nengo_softlif.engine import neuron_kernels, product_kernels

import numpy as np
import pytest

N_EXAMPLES, N_STEPS, N = 8, 16, 9216


@pytest.fixture
def neurons():
    rng = np.random.default_rng(0)
    return {
        "voltage": rng.random((N_EXAMPLES, N), np.float32),
        "refractory": np.zeros((N_EXAMPLES, N), np.float32),
        "spikes": np.empty((N_EXAMPLES, N_STEPS, N), np.uint8),
        "fired": np.zeros((N_EXAMPLES, N), np.int64),
    }


@pytest.fixture
def pixels():
    rng = np.random.default_rng(1)
    return (rng.random((128, 12, 12, 64)) < 0.1).astype(np.uint8)


def test_lif_behind_a_synapse(benchmark, neurons):
    rng = np.random.default_rng(2)
    current = np.ones((1, 1, N), np.float32)
    u = rng.normal(0, 0.3, (N_EXAMPLES, N_STEPS, N)).astype(np.float32)
    x = np.zeros((N_EXAMPLES, 2, N), np.float32)
    matrices = [np.full(shape, 0.1, np.float32) for shape in [(2, 2), 2, 2]]
    constants = np.array([0.001, 0.02, 0.002, 0, 0.0488, 1], np.float32)
    benchmark(
        neuron_kernels.lif, current, u, x, *neurons.values(), *matrices, constants
    )


def test_filter(benchmark):
    u = np.ones((N_EXAMPLES, N_STEPS, N), np.float32)
    x = np.zeros((N_EXAMPLES, 2, N), np.float32)
    matrices = [np.full(shape, 0.1, np.float32) for shape in [(2, 2), 2, 2]]
    benchmark(neuron_kernels.filtered, u, x, np.empty_like(u), *matrices)


def test_convolution_of_spikes(benchmark, pixels):
    kernel = np.ones((64, 5, 5, 64), np.float32)
    out = np.empty((128, 12, 12, 64), np.float32)
    scale = np.ones(1, np.float32)
    benchmark(
        product_kernels.spikes_times_kernel,
        *(pixels, out, scale, kernel, (1, 1), (2, 2)),
    )


def test_local_product_of_spikes(benchmark, pixels):
    weights = np.ones((12, 12, 3, 3, 64, 16), np.float32)
    weights = product_kernels.lay_in_blocks(weights)
    out = np.empty((128, 12, 12, 16), np.float32)
    scale = np.ones(1, np.float32)
    benchmark(
        product_kernels.spikes_times_local,
        *(pixels, out, scale, weights, (1, 1), (1, 1)),
    )


def test_matrix_of_spikes(benchmark, pixels):
    counts = pixels.reshape(128, 1, 1, -1)
    weights = np.ones((1, 1, 1, 1, counts.size // 128, 100), np.float32)
    weights = product_kernels.lay_in_blocks(weights)
    out = np.empty((128, 1, 1, 100), np.float32)
    scale = np.ones(1, np.float32)
    benchmark(
        product_kernels.spikes_times_local,
        *(counts, out, scale, weights, (1, 1), (0, 0)),
    )


def test_sums_of_windows(benchmark, pixels):
    out = np.empty((128, 6, 6, 64), np.uint8)
    benchmark(product_kernels.sum_windows, pixels, out, 3, 3, (2, 2), (0, 0))
