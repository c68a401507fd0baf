"""Networks that fire faster or slower, with about the answers they had."""

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError
from scipy.optimize import brentq

from .checks import changed, check_number, check_whole
from .datasets import check_data
from .layers import FeedForward, parameters
from .models import check_model, check_prepared, check_timeless
from .neurons import partner

WIDEST = 10.0
"""Logarithm of the largest factor on currents, up or down."""

SHIFTS = np.linspace(-1, 1, 21)
"""Thresholds that are tried, in units of the mean current above threshold."""

N_CURRENTS = 200_000
"""Currents of a layer that factors are solved for, at most."""


def rescale_rates(model, data, low, high, n_images=100):
    r"""Bring the mean rate of each layer of LIF neurons into a range.

    High rates cost spikes, with low ones answers come late. Of rectified linear neurons
    a layer's gain can be multiplied and its output divided by the same factor, and the
    answers stay. The curve of LIF neurons is no straight line: with higher gains alone
    their rates grow by less, and not all by the same factor. Here factors are solved
    for from the curve, with the currents that images bring.

    Parameters
    ----------
    model : Model
        Feed-forward network of trained `.SoftLIFRate` or `nengo.LIFRate` neurons; left
        as it is.
    data : Dataset
        Images to train on are taken from it.
    low, high : float
        Least and highest mean rate of a layer, in Hz. Layers between stay; both may be
        the same number.
    n_images : int
        Images that mean rates are taken over.

    Returns
    -------
    Model
        Neurons with other gains, biases and amplitudes.

    Raises
    ------
    ValidationError
        If no factor leads to such a rate: some neurons fire for no image. Or the model
        has no preprocessing, is none of rate neurons, or does not fit the data.
    Unconvertible
        If it has other neurons than LIF, or does not consist of feed-forward layers
        whose neurons are connected to each other.

    Notes
    -----
    Rates are those in spikes, :math:`r(J)` of `nengo.LIFRate`. Layer by layer, with the
    currents :math:`J` that come in behind the layers that were changed already, the
    factor :math:`a` solves

    .. math:: \langle r(1 + a (J - 1 - d)) \rangle = \mathrm{rate}

    over neurons and images, for each of some shifts :math:`d` of the threshold. The
    amplitude is multiplied by the factor that brings the new rates :math:`r'` closest
    to the old ones,

    .. math:: c = \frac{\langle r \, r' \rangle}{\langle r' \, r' \rangle}

    and the shift is that with which :math:`c \, r'` comes closest. What is left is the
    bend of the curve; short training at a low learning rate takes most of it away.

    Examples
    --------
    >>> softlif.rescale_rates(model, data, low=5, high=20)
    Model(64 inputs, conv1 1024 - conv2 512 - dense3 64 neurons, 10 classes)
    """
    check_model(model)
    check_data(data, model)
    check_timeless(model, "model", "rescale the rate network, and call to_spiking then")
    check_number("high", high, "a positive rate in Hz", 0, low_open=True)
    check_number("low", low, "0 or a positive rate in Hz", 0)
    if low > high:
        raise ValidationError(
            f"expected at most high, which is {high} Hz, got {low}", attr="low"
        )
    check_whole("n_images", n_images, 1)
    check_prepared(model)
    rescaled = model.copy()
    network = rescaled.network
    feed_forward = FeedForward(network, rescaled.input, rescaled.output)
    built = feed_forward.built.params
    parameters.install(network, parameters.collect(network, built))
    images = model.preprocessing.test(data.x_train[:n_images]).astype(np.float64)
    for layer, (a, d, c) in _solve(feed_forward, images, low, high).items():
        ensemble = layer.obj.ensemble
        ensemble.gain = a * layer.gain
        ensemble.bias = 1 + a * (layer.bias - 1 - d)
        neurons = ensemble.neuron_type
        ensemble.neuron_type = changed(neurons, amplitude=c * neurons.amplitude)
    rescaled.source = None  # no function of ours makes this network
    return rescaled


def speed_up(model, factor):
    r"""Make all neurons of a network faster, with the same answers.

    Spikes decide in a part of the time then, and there are as many of them until they
    do: neurons fire so many times as often, and each spike counts so much less. Give a
    shorter synapse to `.to_spiking` as well. Where membranes are no longer several time
    steps long, spikes tell less than rates do.

    Parameters
    ----------
    model : Model
        Network of `.SoftLIFRate` or `nengo.LIFRate` neurons; left as it is.
    factor : float
        How many times as fast they are; below 1 they are slower.

    Returns
    -------
    Model
        Neurons whose ``tau_rc``, ``tau_ref`` and amplitude are divided by the factor.
        Noise in training stays as it is.

    Raises
    ------
    ValidationError
        If the factor is no positive number, or the model is none of rate neurons.
    Unconvertible
        If it has other neurons than LIF.

    Notes
    -----
    Both time constants of LIF neurons are units of time: divided by :math:`k` they make
    :math:`r_k(J) = k \, r(J)`, for any current.

    Examples
    --------
    >>> fast = softlif.speed_up(model, 2)
    >>> [ensemble.neuron_type.tau_rc for ensemble in fast.ensembles]
    [0.011, 0.011, 0.011]
    """
    check_model(model)
    check_timeless(
        model, "model", "speed up the rate network, and call to_spiking then"
    )
    check_number("factor", factor, "a positive number", 0, low_open=True)
    faster = model.copy()
    for ensemble in faster.ensembles:
        neurons = _check_lif(ensemble)
        numbers = {
            name: getattr(neurons, name) / factor
            for name in ("tau_rc", "tau_ref", "amplitude")
        }
        ensemble.neuron_type = changed(neurons, **numbers)
    faster.source = None  # no function of ours makes this network
    return faster


def _solve(feed_forward, images, low, high):
    """Find factor and shift of currents, and the factor on amplitudes, of layers."""
    before, after, factors = {}, {}, {}
    for layer in feed_forward.layers:
        if layer is feed_forward.image:
            before[layer] = after[layer] = images
        elif layer.puts_out:
            before[layer] = after[layer] = layer.constant[np.newaxis].astype(float)
        else:
            totals = (_sum(feed_forward, layer, values) for values in (before, after))
            before[layer], after[layer] = totals
        if layer.neuron_type is not None:
            neurons = _check_lif(layer.obj.ensemble)
            old, new = (
                layer.gain * values[layer] + layer.bias for values in (before, after)
            )
            rates = _rates(neurons, old)
            a, d, c = factors[layer] = _factors(layer, rates, new, low, high)
            before[layer] = neurons.amplitude * rates
            after[layer] = (
                neurons.amplitude * c * _rates(neurons, 1 + a * (new - 1 - d))
            )
    return factors


def _sum(feed_forward, layer, values):
    """What comes into a layer, without gains."""
    total = 0
    for source, path in feed_forward.paths[layer]:
        part = values[source]
        for op in path:
            part = op(part)
        total = total + part
    return np.broadcast_to(total, (*np.shape(total)[:-1], layer.size))


def _check_lif(ensemble):
    neurons = ensemble.neuron_type
    if type(partner(neurons, "spiking")) is not nengo.LIF:
        raise Unconvertible(
            f"{ensemble} has {neurons}; what is rescaled are the rates of SoftLIFRate "
            "and nengo.LIFRate, by their curve"
        )
    return neurons


def _rates(neurons, J):
    """Rates in spikes, in Hz."""
    with np.errstate(divide="ignore"):
        period = neurons.tau_ref + neurons.tau_rc * np.log1p(1 / np.maximum(J - 1, 0))
    return 1 / period


def _factors(layer, rates, J, low, high):
    """Find factor and shift of currents, and the factor on the amplitude, of a layer.

    The rates are those it had, the currents what comes in now.
    """
    neurons, step = layer.neuron_type, J.size // N_CURRENTS + 1
    rates, above = rates.ravel()[::step], (J - 1).ravel()[::step]
    rate = _rates(neurons, 1 + above).mean()
    if low <= rate <= high:
        return 1.0, 0.0, 1.0
    wanted, found = low if rate < low else high, []
    for shift in SHIFTS * np.maximum(above, 0).mean() / max(np.mean(above > 0), 1e-9):

        def excess(log_a, shift=shift):
            J = 1 + np.exp(log_a) * (above - shift)
            return _rates(neurons, J).mean() - wanted

        if excess(-WIDEST) < 0 < excess(WIDEST):
            a = np.exp(brentq(excess, -WIDEST, WIDEST))
            other = _rates(neurons, 1 + a * (above - shift))
            c = np.vdot(rates, other) / np.vdot(other, other)
            found.append((np.sum((rates - c * other) ** 2), a, shift, c))
    if not found:
        raise ValidationError(
            f"{layer.obj.ensemble} cannot fire at {wanted:g} Hz: it fires at {rate:.3g}"
            f" Hz, {100 * np.mean(above > 0):.3g} % of its currents are above "
            f"threshold, and tau_ref is {neurons.tau_ref} s",
            attr="low" if rate < low else "high",
        )
    return tuple(float(value) for value in min(found)[1:])
