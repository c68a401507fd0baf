"""Rates of neurons in TensorFlow: curves, their slopes, random numbers and noise.

All of it is elementwise. XLA compiles it to a few vectorised loops over all cores,
where plain TensorFlow makes some thirty passes over the memory and draws normal
numbers one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from ..neurons import NeuronTable, SoftLIFRate
from ..noise import Dropout

# -- random numbers --------------------------------------------------------------------

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds: two random words for each counter [1]_.

    Additions, rotations and exclusive ors of 32 bits: all processors do them on whole
    vectors, and all give the same words.

    Parameters
    ----------
    key, counter : pair of tf.Tensor
        uint32, broadcastable.

    Returns
    -------
    pair of tf.Tensor
        uint32.

    References
    ----------
    .. [1] J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel Random
       Numbers: As Easy as 1, 2, 3", SC11, 2011.
    """
    keys = (*key, key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    a, b = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for n_bits in _ROTATIONS[group % 2]:
            a = a + b
            b = a ^ (
                tf.bitwise.left_shift(b, np.uint32(n_bits))
                | tf.bitwise.right_shift(b, np.uint32(32 - n_bits))
            )
        a = a + keys[(group + 1) % 3]
        b = b + keys[(group + 2) % 3] + np.uint32(group + 1)
    return a, b


def random_words(shape, key, step, batch_last=False):
    """Two random words for each value, functions of (key, step, example, neuron).

    Parameters
    ----------
    shape : (int, int)
        Examples and neurons; fewer than 2**31 values.
    key : (2,) tf.Tensor
        uint32: which stream.
    step : tf.Tensor
        int32 scalar: where in the stream.
    batch_last : bool
        Whether the shape is that of neurons and examples instead.

    Returns
    -------
    pair of tf.Tensor
        uint32 of that shape.
    """
    n_rows, n_columns = shape
    row, column = tf.range(n_rows)[:, np.newaxis], tf.range(n_columns)
    index = row + n_rows * column if batch_last else n_columns * row + column
    counter = tf.bitcast(index, tf.uint32), tf.bitcast(step, tf.uint32)
    return threefry((key[0], key[1]), counter)


def uniform(words, dtype):
    """Uniform numbers on [0, 1), with every bit of the mantissa random."""
    a, b = words
    if dtype == tf.float32:
        return tf.cast(tf.bitwise.right_shift(a, np.uint32(8)), dtype) * 2.0**-24
    high = tf.cast(tf.bitwise.right_shift(a, np.uint32(5)), dtype)
    low = tf.cast(tf.bitwise.right_shift(b, np.uint32(6)), dtype)
    return high * 2.0**-27 + low * 2.0**-53


def normal(words, dtype):
    """Standard normal numbers, up to 6.7 standard deviations.

    The cosine half of Box and Muller's pair. Dropping the other half is cheaper than
    interleaving the two, and than the inverse error function.
    """
    a, b = words
    radius = tf.sqrt(-2.0 * tf.math.log(tf.cast(a, dtype) * 2.0**-32 + 2.0**-33))
    turn = tf.cast(tf.bitcast(b, tf.int32), dtype) * 2.0**-32  # in [-1/2, 1/2)
    x = 0.25 - tf.abs(turn)  # cos(2 pi turn) = sin(2 pi x); no periods to subtract
    square = x * x
    sine = tf.zeros_like(x)
    for coefficient in _SINE:
        sine = sine * square + coefficient
    return radius * (x * sine)


def _sine():
    """Coefficients of sin(2 pi x) / x in x**2, for |x| <= 1/4; highest first."""
    fit = np.polynomial.Chebyshev.interpolate(
        lambda square: 2 * np.pi * np.sinc(2 * np.sqrt(np.maximum(square, 0))),
        deg=5,
        domain=[0, 1 / 16],
    )
    return fit.convert(kind=np.polynomial.Polynomial).coef[::-1].tolist()


_SINE = _sine()


# -- curves ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """Rates of neurons, and the slope by which their gradients go.

    Parameters
    ----------
    rates_and_slope : callable
        From currents above threshold and parameters, tensors of one type that
        broadcast, to rates in Hz without amplitude, and their derivative by the current
        or what shall stand for it, in the shape of the currents.
    parameters : tuple of str
        The attributes of the neurons that it takes.
    threshold : float
        What is subtracted from the input current. Noise acts on currents above it.

    Examples
    --------
    >>> from nengo_softlif.tensors import CURVES
    >>> CURVES.of(softlif.SoftLIFRate()).parameters
    ('sigma', 'tau_rc', 'tau_ref')
    """

    rates_and_slope: Callable
    parameters: tuple = ()
    threshold: float = 0.0

    def __call__(self, J, *parameters):
        """Rates in Hz, with the slope as their gradient.

        Parameters
        ----------
        J : tf.Tensor
            Input currents.
        *parameters : tf.Tensor
            Broadcastable to ``J``.

        Returns
        -------
        tf.Tensor
            Rates, in the shape of ``J``.
        """

        @tf.custom_gradient
        def rates(J):
            out, slope = self.rates_and_slope(J - self.threshold, *parameters)
            return out, lambda upstream: upstream * slope

        return rates(J)


def curve(j, sigma, tau_rc, tau_ref):
    """Soft LIF rates and their slope; see `.SoftLIFRate` for the equations.

    Parameters
    ----------
    j : tf.Tensor
        Input currents above threshold, ``J - 1``.
    sigma, tau_rc, tau_ref : array_like or tf.Tensor
        Parameters, of the type of ``j`` and broadcastable to it.

    Returns
    -------
    rates : tf.Tensor
        In Hz, in the shape of ``j``.
    slope : tf.Tensor
        Derivative of the rates by ``j``.
    """
    # below, the softplus is an exponential, and nothing beside one
    tail = np.log(np.finfo(j.dtype.as_numpy_dtype).eps)
    tail = tail - tf.maximum(tf.math.log(tf.cast(sigma, j.dtype)), 0)
    scaled = j * (1 / sigma)
    # The softplus is spelled out: TensorFlow's own kernel is not vectorised.
    e = tf.exp(tf.maximum(-tf.abs(scaled), tail))
    z = tf.nn.relu(j) + sigma * tf.math.log1p(e)
    # Deep below threshold z is an exponential to the last digit and would underflow:
    # log(1 + 1/z) = -log z = -j / sigma - log sigma. Numerator and denominator carry a
    # factor of sigma there, so that nothing overflows.
    in_tail = scaled < tail
    offset = sigma * (tau_ref - tau_rc * tf.math.log(sigma))
    rates = tf.where(in_tail, sigma, tf.ones_like(j)) / tf.where(
        in_tail,
        offset - tau_rc * tf.minimum(j, 0),
        tau_ref + tau_rc * tf.math.log1p(1 / z),
    )
    # the logistic over z, which tends to 1 / sigma in the tail
    logistic = tf.where(scaled > 0, tf.ones_like(e), e) / (1 + e)
    # not the square of rates, which may overflow without refractory period
    return rates, tau_rc * (rates * (logistic / z)) * (rates / (1 + z))


soft_lif = Curve(curve, ("sigma", "tau_rc", "tau_ref"), threshold=1.0)

CURVES = NeuronTable("curves", {SoftLIFRate: soft_lif})
"""The `Curve` of each type of neurons that trains in TensorFlow."""


# -- noise -----------------------------------------------------------------------------


def noisy(noise, rates, j, tau_rc, keys, step, batch_last=False):
    """Rates with noise, and the factor of the noise on their gradient.

    Parameters
    ----------
    noise : Noise or None
        The model.
    rates, j : tf.Tensor
        From and for `curve`.
    tau_rc : float or None
        Membrane time constant, for noise that depends on it.
    keys : (2, 2) tf.Tensor
        uint32: the stream of the spike noise, and that of dropout.
    step : tf.Tensor
        int32 scalar: where in the streams.
    batch_last : bool
        Whether the examples lie along the last axis instead of the first.

    Returns
    -------
    rates : tf.Tensor
        Noisy rates.
    factor : tf.Tensor or float
        One, except where neurons are dropped.
    """
    if noise is None:
        return rates, 1.0
    if isinstance(noise, Dropout):
        words = random_words(_shape(rates), keys[1], step, batch_last)
        mask = noise.mask(uniform(words, rates.dtype), xp=tf.math)
        stay, _ = noisy(noise.noise, rates, j, tau_rc, keys, step, batch_last)
        return mask * stay, mask
    words = random_words(_shape(rates), keys[0], step, batch_last)
    x = {"normal": normal, "uniform": uniform}[noise.random](words, rates.dtype)
    firing = j > 0
    # a rate that is not fired is not divided by
    fired = tf.where(firing, rates, tf.ones_like(rates))
    return tf.where(firing, noise.sample(fired, x, tau_rc, xp=tf.math), rates), 1.0


def _shape(matrix):
    """Shape, of tensors where it is known only when the graph runs."""
    static = matrix.shape
    return static if static.is_fully_defined() else tf.unstack(tf.shape(matrix))


class Response:
    """What a layer of rate neurons makes of its weighted inputs.

    Parameters
    ----------
    neuron_type : nengo.neurons.NeuronType
        The neurons.
    seeds : sequence of int
        From which the streams of the noise are made: that of the simulator, that of
        the ensemble, and how many ensembles before it have the same.
    gain, bias : array_like
        A number, or one for each neuron: ``J = gain * x + bias``.

    Attributes
    ----------
    curve : Curve
        That in `CURVES`, unless a target puts another in its place.
    """

    def __init__(self, neuron_type, seeds, gain=1.0, bias=0.0):
        self.neuron_type = neuron_type
        self.curve = CURVES.of(neuron_type)
        self.gain, self.bias = _number(gain), _number(bias)
        self.keys = np.random.SeedSequence(seeds).generate_state(4).reshape(2, 2)

    def __call__(self, x, step=None, batch_last=False, sigma=None):
        """Rates times the amplitude.

        Parameters
        ----------
        x : tf.Tensor
            Weighted inputs of the neurons, of static shape. The gradient by them is
            that of the clean rates, and of dropout.
        step : tf.Tensor, optional
            int32 scalar: the pass of training, which says what noise comes. No noise
            by default.
        batch_last : bool
            Whether the examples of the batch lie along the last axis instead of the
            first.
        sigma : tf.Tensor, optional
            Takes the place of the neurons' own, where that is smaller.

        Returns
        -------
        tf.Tensor
            In the shape of ``x``.
        """
        neurons, dtype = self.neuron_type, x.dtype.as_numpy_dtype
        noise = None if step is None else noise_of(neurons)
        bias = self.bias - self.curve.threshold
        # All numbers are tensors and all inputs matrices, so that layers share
        # compiled code
        numbers = [
            tf.constant(number[:, np.newaxis] if number.ndim and batch_last else number)
            for number in (self.gain.astype(dtype), bias.astype(dtype))
        ]
        numbers.append(tf.constant(getattr(neurons, "amplitude", 1), dtype))
        parameters = {
            p: tf.constant(getattr(neurons, p), dtype) for p in self.curve.parameters
        }
        if sigma is not None and "sigma" in parameters:
            least = tf.cast(sigma, dtype)
            parameters["sigma"] = tf.maximum(parameters["sigma"], least)
        numbers.append(list(parameters.values()))
        if noise is not None:
            # a variable's value: custom_gradient would look for its gradient
            numbers += [tf.constant(self.keys), tf.convert_to_tensor(step)]
        tau_rc = getattr(neurons, "tau_rc", None)
        tau_rc = None if tau_rc is None else float(tau_rc)
        compiled = _compiled(self.curve.rates_and_slope, noise, tau_rc, batch_last)
        flat = (-1, x.shape[-1]) if batch_last else (x.shape[0], -1)

        @tf.custom_gradient
        def respond(x):
            rates, slope = compiled(tf.reshape(x, flat), *numbers)
            slope = tf.reshape(slope, x.shape)
            return tf.reshape(rates, x.shape), lambda upstream: upstream * slope

        return respond(x)


def noise_of(neurons):
    """Noise that neurons have in training, or None."""
    return getattr(neurons, "noise", None)


@lru_cache
def _compiled(curve, noise, tau_rc, batch_last):
    """Rates and slope by XLA; one function serves all layers with such noise."""

    def rates_and_slope(x, gain, bias, amplitude, parameters, keys=None, step=None):
        j = gain * x + bias
        rates, slope = curve(j, *parameters)
        rates, factor = noisy(noise, rates, j, tau_rc, keys, step, batch_last)
        return amplitude * rates, (amplitude * gain) * (factor * slope)

    return tf.function(rates_and_slope, jit_compile=True, autograph=False)


def _number(values):
    """Return one number for values that are all equal: it need not be loaded."""
    values = np.asarray(values, dtype=np.float64)
    return values.ravel()[0] if np.ptp(values) == 0 else values
