"""What a filtered spike train looks like to the next layer, as noise on a rate.

A neuron that fires at rate ``r`` reaches the next layer as a train of spikes
seen through a synapse: a signal with mean ``r`` that moves around it. A network
trained on clean rates never met that movement. The classes here describe it;
`.SoftLIFRate` carries one as its ``noise`` argument, and it acts in training
only.

All noise is applied to rates in Hz, before the neuron's amplitude, and only
above threshold (``J > 1``): a neuron below threshold fires no spikes, so the
tail of its soft curve passes unchanged. Gradients are those of the clean rate,
so that the noise needs no derivative of its own.

The formulas take their mathematics from an argument ``xp`` (`numpy`, or
``tf.math`` inside NengoDL), so that each is written once.
"""

import numpy as np
from nengo.exceptions import ValidationError
from nengo.params import FrozenObject, Parameter

from .checks import FiniteParam, warn_of_seconds


class Noise(FrozenObject):
    """Base class: a description of spike noise, without state.

    Subclasses say which random numbers they consume (``random``) and how those
    turn a rate into one sample of the filtered spike train (`sample`). Their
    settings are Nengo parameters: noise with equal ones is taken for the same.
    """

    random = "uniform"
    """``"uniform"`` on [0, 1) or standard ``"normal"``."""

    def sample(self, rates, x, tau_rc, xp=np):
        """One sample of the filtered spike train of neurons above threshold.

        Parameters
        ----------
        rates : array_like
            Firing rates in Hz, positive.
        x : array_like
            Random numbers of the kind named by ``random``, in the shape of
            ``rates``.
        tau_rc : float
            Membrane time constant of the neurons, in seconds.
        xp : module
            Where ``exp``, ``expm1`` and ``maximum`` come from.

        Returns
        -------
        array_like
            Noisy rates in Hz, in the shape of ``rates``.
        """
        raise NotImplementedError("Noise models must provide sample")

    def apply(self, rates, J, tau_rc, rng):
        """Noisy rates for input currents ``J``: the reference in NumPy.

        Parameters
        ----------
        rates : ndarray
            Clean rates in Hz.
        J : ndarray
            Input currents, in the shape of ``rates``; noise acts where
            ``J > 1``.
        tau_rc : float
            Membrane time constant, in seconds.
        rng : numpy.random.RandomState or numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        ndarray
            Noisy rates in Hz.
        """
        normal = self.random == "normal"
        x = rng.normal(size=rates.shape) if normal else rng.uniform(size=rates.shape)
        firing = J > 1
        # a rate that is not fired is not divided by
        noisy = self.sample(np.where(firing, rates, 1.0), x, tau_rc)
        return np.where(firing, noisy, rates)


class NoiseParam(Parameter):
    """A parameter that holds a `Noise`, or None."""

    equatable = True

    def __init__(self, name):
        super().__init__(name, default=None, optional=True, readonly=True)

    def coerce(self, instance, value):
        """Accept only descriptions of noise."""
        if value is not None and not isinstance(value, Noise):
            expected = "noise, such as nengo_softlif.GaussianNoise(10) for 10 Hz"
            message = f"expected {expected}, got {value!r}"
            raise ValidationError(message, attr=self.name, obj=instance)
        return super().coerce(instance, value)


class GaussianNoise(Noise):
    r"""Gaussian noise on the rates, as the networks of [1]_ were trained with.

    Parameters
    ----------
    std : float
        Standard deviation in Hz. The papers trained with 10 Hz, the average
        deviation of a regular spike train behind an alpha synapse of 5 ms.

    Notes
    -----
    Above threshold the output is :math:`\max(r + \eta, 0)` with
    :math:`\eta \sim N(0, \mathrm{std})`. The clip at zero is in the authors'
    code, not in the text of the paper. It lifts the mean of neurons that fire
    slowly: it is :math:`r\,\Phi(r/s) + s\,\phi(r/s)` for
    :math:`s = \mathrm{std}`.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Spiking Deep Networks with LIF
       Neurons", arXiv:1510.08829, 2015.
    """

    random = "normal"

    std = FiniteParam("std", low=0)

    def __init__(self, std=10.0):
        super().__init__()
        self.std = std

    def sample(self, rates, x, tau_rc, xp=np):
        """Add Gaussian noise and clip at zero."""
        return xp.maximum(rates + self.std * x, 0.0)


class _SynapticNoise(Noise):
    """A regular spike train seen through a synapse, at a random phase."""

    tau_s = FiniteParam("tau_s", low=0, low_open=True)

    def __init__(self, tau_s=0.005):
        super().__init__()
        self.tau_s = tau_s
        warn_of_seconds("tau_s", tau_s)


class LowpassNoise(_SynapticNoise):
    r"""A regular spike train seen through a first-order lowpass synapse.

    Parameters
    ----------
    tau_s : float
        Time constant of the synapse, in seconds.

    Notes
    -----
    With the period :math:`p = 1/r`, the phase :math:`t \sim U(0, p)` and
    :math:`b = 1/\tau_s`,

    .. math:: s(t) = \frac{b\, e^{-bt}}{1 - e^{-bp}}

    whose mean over a period is :math:`r` [1]_.

    References
    ----------
    .. [1] E. Hunsberger, "Spiking Deep Neural Networks: Engineered and
       Biological Approaches to Object Recognition", PhD thesis, University of
       Waterloo, 2018, section on noise models.
    """

    def sample(self, rates, x, tau_rc, xp=np):
        """Filtered train at the phase given by ``x``."""
        period = 1.0 / rates
        rate_s = 1.0 / self.tau_s
        return rate_s * _periodic(rate_s, x * period, period, xp)[0]


class AlphaNoise(_SynapticNoise):
    r"""A regular spike train seen through an alpha synapse.

    The exact distribution of what `nengo.Alpha` makes of a neuron that fires at
    constant intervals, met at a random moment.

    Parameters
    ----------
    tau_s : float
        Time constant of the synapse, in seconds.

    Notes
    -----
    With the period :math:`p = 1/r`, the phase :math:`t \sim U(0, p)`,
    :math:`b = 1/\tau_s` and :math:`q = e^{-bp}`,

    .. math:: s(t) = b^2 e^{-bt} \left(\frac{t}{1-q} + \frac{pq}{(1-q)^2}\right)

    whose mean over a period is :math:`r` [1]_.

    References
    ----------
    .. [1] E. Hunsberger, "Spiking Deep Neural Networks: Engineered and
       Biological Approaches to Object Recognition", PhD thesis, University of
       Waterloo, 2018, section on noise models.
    """

    def sample(self, rates, x, tau_rc, xp=np):
        """Filtered train at the phase given by ``x``."""
        period = 1.0 / rates
        rate_s = 1.0 / self.tau_s
        f, mean_age, _ = _periodic(rate_s, x * period, period, xp)
        return rate_s**2 * f * mean_age


class AlphaRCNoise(_SynapticNoise):
    r"""A regular spike train seen through an alpha synapse and the membrane.

    What reaches the next neuron's threshold has also passed that neuron's
    membrane, a lowpass filter with time constant ``tau_rc``. The same
    ``tau_rc`` is assumed for both neurons.

    Parameters
    ----------
    tau_s : float
        Time constant of the synapse, in seconds. It may equal ``tau_rc``.

    Notes
    -----
    With the period :math:`p = 1/r`, the phase :math:`t \sim U(0, p)`,
    :math:`b = 1/\tau_s` and :math:`c = 1/\tau_{RC}`, the filter
    :math:`b^2 c / ((\omega + b)^2 (\omega + c))` answers a regular train with

    .. math:: s(t) = b^2 c\; f[b, b, c], \qquad
              f(\omega) = \frac{e^{-\omega t}}{1 - e^{-\omega p}}

    where :math:`f[b, b, c]` is a divided difference of :math:`f`. Written out
    it is the formula of [1]_, which divides by :math:`\tau_{RC} - \tau_s`. The
    divided difference also has a value where the two are equal, and is
    evaluated there by its Taylor expansion around the mean of its points.

    References
    ----------
    .. [1] E. Hunsberger, "Spiking Deep Neural Networks: Engineered and
       Biological Approaches to Object Recognition", PhD thesis, University of
       Waterloo, 2018, section on noise models.
    """

    def sample(self, rates, x, tau_rc, xp=np):
        """Filtered train at the phase given by ``x``."""
        period = 1.0 / rates
        phase = x * period
        b, c = 1.0 / self.tau_s, 1.0 / tau_rc
        # Cancellation costs precision / distance^2, the expansion distance^2:
        # they meet at the fourth root of the precision.
        if abs(c - b) > _PRECISION[_name(rates)] ** 0.25 * b:
            at_b, mean_age, _ = _periodic(b, phase, period, xp)
            at_c, _, _ = _periodic(c, phase, period, xp)
            first = (at_c - at_b) / (c - b)
            return b**2 * c * (first + at_b * mean_age) / (c - b)
        f, mean_age, age_variance = _periodic((2 * b + c) / 3, phase, period, xp)
        return b**2 * c * f * (mean_age**2 + age_variance) / 2


class Dropout(Noise):
    """Dropout: neurons silenced at random in training, the others made louder.

    It is noise on the rates like any other: it has the clean rate as its mean,
    acts in training only, and leaves the weights as they are. Unlike spike
    noise it also acts below threshold and on the gradient.

    Parameters
    ----------
    rate : float
        Probability of silencing a neuron, in each example and at each step; in
        training in spikes for all the time that an example is shown.
    noise : Noise
        Spike noise on the neurons that stay, if any.
    """

    rate = FiniteParam("rate", low=0, high=1, high_open=True)
    noise = NoiseParam("noise")

    def __init__(self, rate=0.5, noise=None):
        super().__init__()
        self.rate = rate
        self.noise = noise
        if isinstance(noise, Dropout):
            raise ValidationError(
                "dropout within dropout keeps the neurons that both keep; give one, "
                f"with the rate {1 - (1 - rate) * (1 - noise.rate):.4g}",
                attr="noise",
                obj=self,
            )

    def mask(self, x, xp=np):
        """Factors with mean one from uniform random numbers ``x``.

        Written with ``floor`` rather than a comparison, so that it keeps the
        type of ``x`` in NumPy and TensorFlow.
        """
        return xp.floor(x + (1.0 - self.rate)) / (1.0 - self.rate)

    def apply(self, rates, J, tau_rc, rng):
        """Noisy rates for input currents ``J``: the reference in NumPy."""
        mask = self.mask(rng.uniform(size=rates.shape))
        if self.noise is not None:
            rates = self.noise.apply(rates, J, tau_rc, rng)
        return mask * rates


_PRECISION = {"float32": 1.2e-7, "float64": 2.2e-16}


def _name(array):
    """Name of an array's or a tensor's floating point type."""
    dtype = getattr(array, "dtype", np.dtype("float64"))
    return getattr(dtype, "name", str(dtype))


def _periodic(decay, phase, period, xp):
    """Sum of decaying exponentials after spikes at ``phase + k * period``.

    Returns the sum ``f = sum_k exp(-decay * age_k)`` over all past spikes, and
    the mean and variance of their ages under these weights. The first two
    derivatives of ``f`` by ``decay`` are ``-f * mean`` and
    ``f * (mean**2 + variance)``.
    """
    rest = -xp.expm1(-decay * period)  # 1 - q, exact for long and short periods
    q = 1.0 - rest
    f = xp.exp(-decay * phase) / rest
    return f, phase + period * q / rest, period**2 * q / rest**2


def to_json(noise):
    """Describe a noise model in a form that JSON can hold.

    Parameters
    ----------
    noise : Noise or None
        One of the classes of this module.

    Returns
    -------
    dict or None
        The name of the class, under ``"type"``, and its arguments.
    """
    if noise is None:
        return None
    if type(noise) not in _MODELS.values():
        raise ValidationError(
            f"{noise!r} cannot be saved by name; use one of {', '.join(_MODELS)}",
            attr="noise",
        )
    arguments = {param.name: getattr(noise, param.name) for param in noise._params}
    if isinstance(noise, Dropout):
        arguments["noise"] = to_json(noise.noise)
    return {"type": type(noise).__name__, **arguments}


def from_json(description):
    """Return the noise model that `to_json` described.

    Raises
    ------
    ValidationError
        If it is something else.
    """
    if description is None:
        return None
    if not isinstance(description, dict):
        raise ValidationError(
            f"expected a description as from to_json, got {description!r}", attr="noise"
        )
    arguments = dict(description)
    name = arguments.pop("type", None)
    if not isinstance(name, str) or name not in _MODELS:
        raise ValidationError(
            f"unknown noise {name!r}; expected one of {', '.join(_MODELS)}",
            attr="noise",
        )
    known = to_json(_MODELS[name]()).keys() - {"type"}
    if arguments.keys() != known:
        raise ValidationError(
            f"expected {', '.join(sorted(known))} of {name}, got "
            f"{', '.join(sorted(arguments)) or 'nothing'}",
            attr="noise",
        )
    if "noise" in arguments:
        inner = arguments["noise"]
        if isinstance(inner, dict) and inner.get("type") == "Dropout":
            raise ValidationError("expected no dropout within dropout", attr="noise")
        arguments["noise"] = from_json(inner)
    return _MODELS[name](**arguments)


_MODELS = {
    cls.__name__: cls
    for cls in (GaussianNoise, LowpassNoise, AlphaNoise, AlphaRCNoise, Dropout)
}
