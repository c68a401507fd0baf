"""The soft LIF neuron, and what is known of types of neurons.

Another type of neurons, from another package too, needs a row in these tables:

- ``FAMILIES`` here: its spiking partner, for `.to_spiking`;
- ``tensors.CURVES``: rates and slopes in TensorFlow, for `.fit`; without, it trains as
  far as NengoDL can train it;
- ``tensors.BUILDERS``: the step of a spiking type in TensorFlow, for NengoDL;
- ``engine.STAGES``: a fast form for `.Simulator`; without, its own ``step`` is called;
- ``gradients.TIMED``: the course of a spiking type over time, to train it in spikes;
  and ``tensors.OVER_TIME``, the same in TensorFlow, for a GPU;
- ``CURVES`` in ``onnx/neurons.py``: the curve of a rate type, for `.to_onnx`;
- ``loihi.CHIP_NEURONS``: what the chip has for it; without, `.to_loihi` refuses it. And
  ``loihi.CHIP_CURVES``, to train for the chip.
"""

from typing import NamedTuple

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from nengo.neurons import LIFRate

from .checks import BoundedParam, changed
from .noise import NoiseParam
from .registry import Table


class SoftLIFRate(LIFRate):
    r"""Rate neuron with a smoothed LIF tuning curve.

    The derivative of the LIF tuning curve grows without bound at threshold,
    which makes deep networks of such neurons hard to train. Here the
    rectification of the input current is replaced by a softplus [1]_.

    Parameters
    ----------
    sigma : float
        Amount of smoothing, in units of input current; called :math:`\gamma`
        in [1]_. As it tends to zero the curve tends to that of `nengo.LIFRate`.
        The papers trained all their networks with 0.02.
    tau_rc : float
        Membrane time constant, in seconds.
    tau_ref : float
        Refractory period, in seconds.
    amplitude : float
        Factor on the output.
    noise : Noise
        What the spikes of this neuron will look like to the next layer. It acts
        while a network is trained, never in inference, and disappears when
        the network is rebuilt in spikes.
    initial_state : dict
        Has no entries for a rate neuron; here because all Nengo neurons take it.

    Notes
    -----
    With the input current :math:`J`, whose threshold is one,

    .. math::

       r(J) = \frac{\mathrm{amplitude}}
                   {\tau_{ref} + \tau_{RC} \log\left(1 + 1/z\right)},
       \qquad z = \sigma \log\left(1 + e^{(J - 1)/\sigma}\right)

    The rate is positive for every current, unless it is below the smallest number
    that there is. Its tail is long: far below threshold it falls only like
    :math:`\sigma / (\tau_{RC} |J|)`. Without refractory period it ends at the largest
    number that there is.

    Parameters lie between 1e-9 and 1e9 (``tau_ref`` may be zero), so that float32 can
    hold all that is in between.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Spiking Deep Networks with LIF
       Neurons", arXiv:1510.08829, 2015, equations for r(j) and rho_2.

    Examples
    --------
    >>> neurons = softlif.SoftLIFRate(sigma=0.02)
    >>> neurons.rates([[0.5], [2.0]], gain=1, bias=0).round()  # Hz
    array([[ 2.],
           [63.]])
    """

    sigma = BoundedParam("sigma", low=0, low_open=True)
    tau_rc = BoundedParam("tau_rc", low=0, low_open=True)
    tau_ref = BoundedParam("tau_ref", low=0)
    amplitude = BoundedParam("amplitude", low=0, low_open=True)
    noise = NoiseParam("noise")

    def __init__(
        self,
        sigma=0.02,
        tau_rc=0.02,
        tau_ref=0.002,
        amplitude=1,
        noise=None,
        initial_state=None,
    ):
        super().__init__(
            tau_rc=tau_rc,
            tau_ref=tau_ref,
            amplitude=amplitude,
            initial_state=initial_state,
        )
        self.sigma = sigma
        self.noise = noise

    def gain_bias(self, max_rates, intercepts):
        """Gains and biases that give these rates and intercepts.

        Parameters
        ----------
        max_rates : (n_neurons,) array_like
            Rates in Hz at ``x = 1``, without the amplitude. They lie between
            the rate at threshold and ``1 / tau_ref``.
        intercepts : (n_neurons,) array_like
            Where ``J`` crosses the threshold one, as for `nengo.LIFRate`; below
            one.

        Returns
        -------
        gain : (n_neurons,) ndarray
            Gain of each neuron.
        bias : (n_neurons,) ndarray
            Bias current of each neuron.

        Raises
        ------
        ValidationError
            If a rate or an intercept cannot be reached.
        """
        max_rates = np.atleast_1d(np.asarray(max_rates, dtype=np.float64))
        intercepts = np.atleast_1d(np.asarray(intercepts, dtype=np.float64))

        lowest = self._rate(np.ones(1)).item() / self.amplitude
        highest = 1 / self.tau_ref if self.tau_ref > 0 else np.inf
        if not np.all((max_rates > lowest) & (max_rates < highest)):
            raise ValidationError(
                f"must lie above the rate at threshold, {lowest:.4g} Hz, and below "
                f"1 / tau_ref, {highest:.4g} Hz; got {max_rates.min():.4g} to "
                f"{max_rates.max():.4g} Hz",
                attr="max_rates",
                obj=self,
            )
        if not np.all(intercepts < 1):
            raise ValidationError(
                f"must lie below 1, where the maximum rates are reached; got "
                f"{intercepts.max():.4g}",
                attr="intercepts",
                obj=self,
            )

        z = 1 / np.expm1((1 / max_rates - self.tau_ref) / self.tau_rc)
        # the inverse of z = sigma log(1 + exp(j / sigma))
        j = z + self.sigma * np.log(-np.expm1(-z / self.sigma))
        gain = j / (1 - intercepts)
        return gain, 1 - gain * intercepts

    def max_rates_intercepts(self, gain, bias):
        """Inverse of `gain_bias`.

        Parameters
        ----------
        gain : (n_neurons,) array_like
            Gain of each neuron.
        bias : (n_neurons,) array_like
            Bias current of each neuron.

        Returns
        -------
        max_rates : (n_neurons,) ndarray
            Rates in Hz at ``x = 1``, without the amplitude.
        intercepts : (n_neurons,) ndarray
            Where ``J`` crosses one.
        """
        gain, bias = np.asarray(gain), np.asarray(bias)
        max_rates = self.rates(1, gain, bias).squeeze(axis=0) / self.amplitude
        return max_rates, (1 - bias) / gain

    def rates(self, x, gain, bias):
        """Firing rates for inputs ``x``, in Hz times the amplitude.

        Parameters
        ----------
        x : (n_samples,) or (n_samples, n_neurons) array_like
            Inputs, along the encoders.
        gain : (n_neurons,) array_like
            Gain of each neuron.
        bias : (n_neurons,) array_like
            Bias current of each neuron.

        Returns
        -------
        (n_samples, n_neurons) ndarray
            Rates, without noise.
        """
        return self._rate(self.current(x, gain, bias))

    def derivative(self, x, gain, bias):
        r"""Derivative of the rates by the input current ``J``.

        Parameters
        ----------
        x : (n_samples,) or (n_samples, n_neurons) array_like
            Inputs, along the encoders.
        gain : (n_neurons,) array_like
            Gain of each neuron.
        bias : (n_neurons,) array_like
            Bias current of each neuron.

        Returns
        -------
        (n_samples, n_neurons) ndarray
            :math:`dr/dJ`; times ``gain`` it is the derivative by ``x``.

        Notes
        -----
        With :math:`z` as above and the logistic function :math:`S`,

        .. math::

           \frac{dr}{dJ} = \frac{\tau_{RC}}{\mathrm{amplitude}}
                           \frac{r^2 S((J - 1)/\sigma)}{z (z + 1)}
        """
        J = self.current(x, gain, bias)
        j, z, tail = self._smoothed(J)
        with np.errstate(over="ignore"):
            logistic = 1 / (1 + np.exp(-np.maximum(j / self.sigma, -tail)))
        slope = logistic / z  # which tends to 1 / sigma in the tail
        rate = self._rate(J)  # without refractory period its square may overflow
        return self.tau_rc / self.amplitude * (rate * slope) * (rate / (z + 1))

    def with_noise(self, noise):
        """Return neurons like these with other noise.

        Parameters
        ----------
        noise : Noise or None
            The noise.

        Returns
        -------
        SoftLIFRate
            Of the same class.
        """
        return changed(self, noise=noise)

    def step(self, dt, J, output):
        """Write the rates for the currents ``J`` into ``output``."""
        output[...] = self._rate(np.asarray(J))

    def _smoothed(self, J):
        """Current above threshold, its softplus, and where the softplus vanishes.

        Below ``-tail * sigma`` the softplus is ``sigma exp(j / sigma)`` to the
        last digit, and nothing beside one; the caller then works with its logarithm,
        which is exact long after the exponential has underflowed.
        """
        j = J - 1
        tail = max(np.log(self.sigma), 0) - np.log(np.finfo(j.dtype).eps)
        with np.errstate(over="ignore"):
            scaled = np.abs(j / self.sigma)
        z = np.maximum(j, 0) + self.sigma * np.log1p(np.exp(-np.minimum(scaled, tail)))
        return j, z, tail

    def _rate(self, J):
        """Rates for an array of currents, in its own floating point type."""
        j, z, tail = self._smoothed(J)
        interval = self.tau_ref + self.tau_rc * np.log1p(1 / z)
        # without refractory period, rates may be larger than the largest number
        with np.errstate(over="ignore", divide="ignore"):
            rate = np.minimum(self.amplitude / interval, np.finfo(j.dtype).max)
        # log(1 + 1/z) = -log(z) in the tail. Numerator and denominator carry a
        # factor of sigma / tau_rc, so that neither j / sigma nor tau_rc j overflows.
        offset = self.sigma * (self.tau_ref / self.tau_rc - np.log(self.sigma))
        low = np.minimum(j, -tail * self.sigma)
        below = self.amplitude * self.sigma / self.tau_rc / (offset - low)
        return np.where(j < -tail * self.sigma, below, rate).astype(J.dtype, copy=False)


# -- what is known of types of neurons -------------------------------------------------


class NeuronTable(Table):
    """From classes of neurons to what one part of the package has for them.

    A row counts for subclasses too, unless they have a ``step`` of their own. Rows are
    added by ``table[cls] = row`` and removed by ``del table[cls]``. What takes long to
    load may be named instead: a class as ``"module.Class"``, what is in its row as
    ``"module:object"``. Parameters are those of `.Table`.
    """

    def __init__(self, name, rows):
        super().__init__(name, {_named(cls): row for cls, row in rows.items()})

    def __getitem__(self, cls):
        """Load what there is for a class."""
        return super().__getitem__(_named(cls))

    def __setitem__(self, cls, row):
        """Add what there is for a class, or where it is."""
        super().__setitem__(_named(cls), row)

    def __delitem__(self, cls):
        """Remove the row of a class."""
        super().__delitem__(_named(cls))

    def __str__(self):
        """Name the classes."""
        return ", ".join(name.rpartition(".")[2] for name in self)

    def of(self, neurons):
        """Find what there is for neurons.

        Parameters
        ----------
        neurons : nengo.neurons.NeuronType
            The neurons.

        Returns
        -------
        object or None
            From the row of their class, or of the next base whose ``step`` they keep.
        """
        for cls in type(neurons).__mro__:
            if _named(cls) in self.rows and type(neurons).step is cls.step:
                return self[cls]
        return None


def _named(cls):
    return cls if isinstance(cls, str) else f"{cls.__module__}.{cls.__qualname__}"


class Family(NamedTuple):
    """The partners of a type of rate neurons.

    Parameters
    ----------
    spiking : type
        What fires at these rates.
    parameters : tuple of str
        Attributes of these neurons, which are arguments of their partners.
    hard : type, optional
        Rate neurons with the curve that these smooth, if they do.
    """

    spiking: type
    parameters: tuple = ("amplitude",)
    hard: type = None


_LIF = Family(nengo.LIF, ("tau_rc", "tau_ref", "amplitude"))

FAMILIES = NeuronTable(
    "families",
    {
        SoftLIFRate: _LIF._replace(hard=nengo.LIFRate),
        nengo.LIFRate: _LIF,
        nengo.RectifiedLinear: Family(nengo.SpikingRectifiedLinear),
    },
)
"""The `Family` of each type of rate neurons."""


def partner(neurons, kind):
    """Make the partner of rate neurons, which has their parameters and no noise.

    Parameters
    ----------
    neurons : nengo.neurons.NeuronType
        Any neurons.
    kind : {"spiking", "hard"}
        Which partner.

    Returns
    -------
    nengo.neurons.NeuronType or None
        None if there is no such partner.

    Examples
    --------
    >>> from nengo_softlif.neurons import partner
    >>> partner(softlif.SoftLIFRate(tau_rc=0.03), "spiking")
    LIF(tau_rc=0.03)
    """
    family = FAMILIES.of(neurons)
    cls = getattr(family, kind, None)
    if cls is None:
        return None
    return cls(**{name: getattr(neurons, name) for name in family.parameters})
