"""Law 1: the soft LIF curve, against a reference in long double."""

from nengo_softlif import SoftLIFRate

import nengo
import numpy as np
import pytest
from kinds import SOFT
from references import soft_lif_rates, soft_lif_slopes, stepped

neurons = pytest.mark.parametrize("neuron", SOFT, ids=repr)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def currents(neuron, dtype):
    """Sorted finite currents: dense around threshold, and to both ends."""
    around = 1 + neuron.sigma * np.linspace(-60, 60, 2401)
    # where a branch for the tail may begin, for either type
    seams = [1 + neuron.sigma * np.log(np.finfo(t).eps) for t in ("f4", "f8")]
    near = np.concatenate([s + neuron.sigma * np.linspace(-1, 1, 41) for s in seams])
    far = np.geomspace(1e-3, 1e30, 200)
    J = [around, near, np.linspace(-20, 20, 401), far, -far, [0.0, 1.0]]
    largest = float(np.finfo(dtype).max)
    J.append([-largest / 2, 1e-6 * largest])
    if neuron.tau_ref > 0:  # else the rate itself is too large for the type
        J.append([0.5 * largest, largest])
    return np.unique(np.concatenate(J).astype(dtype))


def test_the_reference_is_the_papers_formula():
    """Numbers of the papers' curves, computed by hand from their parameters."""
    cifar, mnist = SOFT[1:3]
    x = np.array([0, 1, 10])
    cifar_out = soft_lif_rates(cifar, 0.825 * x + 1).astype(float)
    np.testing.assert_allclose(cifar_out, [0.292, 1.548, 9.37], rtol=2e-3)
    z = 0.02 * np.log(2)
    at_threshold = 0.063 / (0.002 + 0.022 * np.log(1 + 1 / z))
    assert float(soft_lif_rates(mnist, 1.0)) == pytest.approx(at_threshold, rel=1e-14)


@neurons
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-12)])
def test_step_equals_the_equations(neuron, dtype, rtol):
    J = currents(neuron, dtype)
    before = J.copy()
    with np.errstate(all="raise", under="ignore"):
        rates = stepped(neuron, J)
    np.testing.assert_array_equal(J, before)
    assert rates.dtype == dtype
    tiny = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(rates, soft_lif_rates(neuron, J), rtol=rtol, atol=tiny)


@neurons
@dtypes
def test_the_curve_is_positive_monotone_and_bounded(neuron, dtype):
    J = currents(neuron, dtype)
    rates = stepped(neuron, J)
    eps = np.finfo(dtype).eps
    assert np.all(np.isfinite(rates))
    assert np.all(rates > 0)
    assert np.all(np.diff(rates) >= -4 * eps * rates[1:])
    if neuron.tau_ref > 0:
        limit = neuron.amplitude / neuron.tau_ref
        assert np.all(rates <= limit * (1 + 2 * eps))
        assert np.all(rates[J < 100] < limit)


@neurons
@dtypes
def test_the_tail_falls_like_one_over_the_current(neuron, dtype):
    J = -np.geomspace(1e8, 1e30, 50).astype(dtype)
    expected = neuron.amplitude * neuron.sigma / (neuron.tau_rc * -J.astype(float))
    np.testing.assert_allclose(stepped(neuron, J), expected, rtol=2e-6)


@pytest.mark.parametrize("tau_ref", [0, 0.002])
def test_it_tends_to_lif_rate_as_sigma_vanishes(tau_ref):
    hard = nengo.LIFRate(tau_ref=tau_ref, amplitude=2)
    above = np.concatenate([np.linspace(1.05, 3, 100), [10, 1e3]])
    below = np.linspace(-10, 0.95, 100)
    J = np.linspace(0.5, 2, 1000)
    previous = np.inf
    for sigma in (1e-1, 1e-2, 1e-3, 1e-5, 1e-8):
        soft = SoftLIFRate(sigma, tau_ref=tau_ref, amplitude=2)
        error = np.abs(soft.rates(J, [1], [0]) - hard.rates(J, [1], [0])).mean()
        assert error < previous / 2
        previous = error
        assert np.all(
            soft.rates(below, [1], [0])[:, 0] < 2 * sigma / (0.02 * (1 - below))
        )
        if sigma <= 1e-3:
            np.testing.assert_allclose(
                soft.rates(above, [1], [0]), hard.rates(above, [1], [0]), rtol=1e-12
            )


@neurons
def test_derivative_equals_the_equations(neuron):
    J = currents(neuron, "float64")
    J = J[np.abs(J) < 1e100]  # its square must not underflow
    with np.errstate(all="raise", under="ignore"):
        derivative = neuron.derivative(J, [1], [0])[:, 0]
    expected = soft_lif_slopes(neuron, J)
    np.testing.assert_allclose(derivative, expected, rtol=1e-11)
    assert np.all(derivative > 0)


@neurons
def test_derivative_equals_finite_differences(neuron):
    around = 1 + neuron.sigma * np.linspace(-60, 60, 601)
    J = np.concatenate([around, np.linspace(-30, 30, 121), [-1e6, 1e6]])
    h = 1e-4 * np.maximum(neuron.sigma, np.abs(J - 1) / 10)
    rise = stepped(neuron, J + h) - stepped(neuron, J - h)
    difference = rise / ((J + h) - (J - h))
    # the second term is what rounding of the rates makes of the difference
    error = 1e-5 * difference + 1e-15 * stepped(neuron, J) / h
    assert np.all(np.abs(neuron.derivative(J, [1], [0])[:, 0] - difference) < error)


@neurons
def test_derivative_at_extreme_currents_raises_no_warning(neuron):
    J = currents(neuron, "float64")
    with np.errstate(all="raise", under="ignore"):
        derivative = neuron.derivative(J, [1], [0])
    assert np.all(np.isfinite(derivative))
    assert np.all(derivative >= 0)


def currents_of_all_sizes(dtype):
    """Currents of all sizes, in order."""
    sizes = np.logspace(-30, np.log10(np.finfo(dtype).max) - 1e-3, 400)
    near = 1 + np.concatenate([-sizes[::20], sizes[::20]])
    return np.sort(np.concatenate([-sizes, sizes, near, [0, 1]])).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tau_ref", [0, 1e-9, 0.002, 1e9])
@pytest.mark.parametrize("tau_rc", [1e-9, 0.02, 1e9])
@pytest.mark.parametrize("sigma", [1e-9, 0.02, 1, 1e3, 1e6, 1e9])
def test_laws_at_the_limits_of_parameters(sigma, tau_rc, tau_ref, dtype):
    """Law 1 wherever parameters may be, at every current that there is."""
    J = currents_of_all_sizes(dtype)
    smallest, eps = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).eps
    for amplitude in (1e-9, 1, 1e9):
        neurons = SoftLIFRate(sigma, tau_rc, tau_ref, amplitude)
        rates = np.empty_like(J)
        neurons.step(0.001, J, rates)
        assert np.isfinite(rates).all()
        wide = rates.astype(np.longdouble)
        assert np.all(np.diff(wide) >= -4 * eps * wide[1:])
        if tau_ref > 0:
            assert np.all(rates <= amplitude / tau_ref * (1 + 2 * eps))
        tail = np.longdouble(amplitude) * sigma / tau_rc
        tail /= np.abs(J.astype(np.longdouble)) + 1e3 * sigma * max(1, tau_ref / tau_rc)
        assert np.all(rates[tail > 2 * smallest] > 0)
        slopes = neurons.derivative(J, np.ones(1, dtype), np.zeros(1, dtype)).ravel()
        assert np.isfinite(slopes).all()
        assert np.all(slopes >= 0)


@pytest.mark.parametrize("sigma", [1e3, 1e6, 1e9])
def test_no_step_where_the_tail_begins(sigma):
    """The curve for large sigma, with twice the digits."""
    J = np.linspace(-80 * sigma, 5 * sigma, 2001)
    z = sigma * np.log1p(np.exp((J - 1).astype(np.longdouble) / sigma))
    expected = 1 / (0.002 + 0.02 * np.log1p(1 / z))
    rates = SoftLIFRate(sigma).rates(J, np.ones(1), np.zeros(1)).ravel()
    np.testing.assert_allclose(rates, expected.astype(float), rtol=1e-13)
