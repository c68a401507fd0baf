"""Spiking neurons of networks that are trained in spikes: those of Lee et al.

They are written for input from spikes without a synapse: a spike of height ``1 / dt``,
which passes a weight ``w``, adds ``w`` to a voltage. The equations, and where they are
from, stand with each type.
"""

import math

import numpy as np
from nengo.dists import Choice
from nengo.exceptions import ValidationError
from nengo.neurons import NeuronType

from .checks import BoundedParam
from .noise import Dropout, NoiseParam

LEE_TAU_RC = -0.001 / math.log(0.99)
"""Of the neurons of Lee et al., which keep 0.99 of their voltage in a step of 1 ms."""

_FARTHEST = -math.log(np.finfo(np.float64).eps)
"""Time constants after which nothing of a voltage is left beside its limit."""


class _TimeConstantParam(BoundedParam):
    """A time constant, which may be infinite."""

    def coerce(self, instance, value):
        """Take infinity for what does not leak."""
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()  # a number of Python's, if it is one
        return value if value == math.inf else super().coerce(instance, value)


class _DropoutParam(NoiseParam):
    """Noise on spikes: they can be left out, and that is all."""

    def coerce(self, instance, value):
        """Refuse what is for rates."""
        value = super().coerce(instance, value)
        if value is not None and (
            not isinstance(value, Dropout) or value.noise is not None
        ):
            raise ValidationError(
                f"expected None or Dropout(rate), got {value!r}; other noise stands "
                "for spikes in the training of rate neurons, and these neurons spike",
                attr=self.name,
                obj=instance,
            )
        return value


class IntegrateAndFire(NeuronType):
    r"""Integrate-and-fire neuron with a leak and without refractory time [1]_.

    The neuron of Lee et al., in Nengo's units: their weights, between spikes without
    a synapse, are weights here, and their threshold of one is one.

    Parameters
    ----------
    tau_rc : float
        Membrane time constant, in seconds. By default a step of 1 ms keeps 0.99 of the
        voltage. With infinity nothing leaks.
    amplitude : float
        Factor on the output.
    noise : Dropout
        Neurons that are left out while a network is trained in spikes; never in
        inference. No other noise.
    initial_state : dict
        From ``"voltage"`` to a distribution or values; by default it starts at zero.

    Notes
    -----
    In each step of length :math:`\Delta t`, with the input current :math:`J`,

    .. math::

       V &\leftarrow V + \Delta t\, J \\
       s &= [V > 1], \qquad \text{output } s\, \mathrm{amplitude} / \Delta t \\
       V &\leftarrow e^{-\Delta t / \tau_{RC}}\, (1 - s)\, V

    Voltages may fall without bound. They are in units of the threshold, so that
    :math:`J` is in 1/s; it is :math:`1 / \tau_{RC}` times the current of `nengo.LIF`,
    whose threshold is :math:`J = 1`. Neurons with another threshold :math:`\theta` are
    those with a gain of :math:`1 / \theta`. After the pools of [1]_ it is 0.75, which a
    sum of quarters may equal, and then does not pass. Rounding must not decide that:
    such gains are a bit lower, ``(1 - 1e-5) / 0.75``.

    Rates are those for small steps, of :math:`dV/dt = J - V / \tau_{RC}`:

    .. math::

       r(J) = \frac{\mathrm{amplitude}}
                   {-\tau_{RC} \log\left(1 - 1 / (\tau_{RC} J)\right)}
              \quad\text{for } \tau_{RC} J > 1, \text{ else zero;}
              \qquad r(J) = \mathrm{amplitude} \max(J, 0)
              \quad\text{for } \tau_{RC} = \infty

    In steps, intervals between spikes are whole steps, and what a voltage has above the
    threshold is lost: neurons fire less often than that, and at most once in each step.
    But they begin to at a current of :math:`(1 - e^{-\Delta t / \tau_{RC}}) / \Delta t`
    already, by default 10 and not 10.05, since the leak comes after the comparison.

    References
    ----------
    .. [1] C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling
       Spike-Based Backpropagation for Training Deep Neural Network Architectures",
       Frontiers in Neuroscience 14:119, 2020, arXiv:1903.06379; the order of what
       happens in a step, and the leak, from the authors' code.

    Examples
    --------
    >>> with nengo.Network(seed=0) as net:
    ...     neurons = softlif.IntegrateAndFire(tau_rc=np.inf)
    ...     one = nengo.Ensemble(1, 1, neuron_type=neurons, gain=[1], bias=[105])
    ...     probe = nengo.Probe(one.neurons)
    >>> with softlif.Simulator(net, progress_bar=False) as sim:
    ...     sim.run(0.1)
    >>> int(np.count_nonzero(sim.data[probe]))
    10
    """

    state = {"voltage": Choice([0])}  # noqa: RUF012 (as Nengo has it)
    negative = False
    spiking = True

    tau_rc = _TimeConstantParam("tau_rc", low=0, low_open=True)
    amplitude = BoundedParam("amplitude", low=0, low_open=True)
    noise = _DropoutParam("noise")

    def __init__(self, tau_rc=LEE_TAU_RC, amplitude=1, noise=None, initial_state=None):
        super().__init__(initial_state)
        self.tau_rc = tau_rc
        self.amplitude = amplitude
        self.noise = noise

    def __repr__(self):
        """Write what evaluates back to these neurons, also without a leak."""
        return super().__repr__().replace("tau_rc=inf", "tau_rc=float('inf')")

    def leak(self, dt):
        """Factor by which voltages fall at the end of a step of ``dt`` seconds."""
        return math.exp(-dt / self.tau_rc)

    def step(self, dt, J, output, voltage):
        """Write the spikes for the currents ``J``, of height ``amplitude / dt``."""
        voltage += dt * J
        spiked = voltage > 1
        output[...] = spiked * (self.amplitude / dt)
        voltage[spiked] = 0
        voltage *= self.leak(dt)

    def rates(self, x, gain, bias):
        """Firing rates for inputs ``x`` in small steps, in Hz times the amplitude.

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
            Rates.
        """
        J = self.current(x, gain, bias)
        rates = np.zeros_like(J)
        with np.errstate(over="ignore"):
            # of the current, what leaks at the threshold
            share = (1 / self.tau_rc) / np.maximum(J, np.finfo(J.dtype).tiny)
        firing = (J > 0) & (share < 1)
        J, share = J[firing], share[firing]
        leaking = share > 0
        J[leaking] *= share[leaking] / -np.log1p(-share[leaking])
        rates[firing] = self.amplitude * J
        return rates

    def gain_bias(self, max_rates, intercepts):
        """Gains and biases that give these rates, in small steps, and intercepts.

        Parameters
        ----------
        max_rates : (n_neurons,) array_like
            Rates in Hz at ``x = 1``, without the amplitude; positive.
        intercepts : (n_neurons,) array_like
            Where neurons begin to fire; below one.

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
        # at lower rates the current is that of threshold, to the last digit
        lowest = 1 / (_FARTHEST * self.tau_rc)
        max_rates, intercepts = _wishes(self, max_rates, intercepts, lowest)
        exponent = 1 / (max_rates * self.tau_rc)
        # the current above threshold: 1 / tau_rc / expm1(exponent)
        above = max_rates.copy()
        leaking = exponent > 0
        above[leaking] *= exponent[leaking] / np.expm1(exponent[leaking])
        gain = above / (1 - intercepts)
        return gain, 1 / self.tau_rc - gain * intercepts

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
            Where neurons begin to fire.
        """
        gain, bias = np.asarray(gain), np.asarray(bias)
        max_rates = self.rates(1, gain, bias).squeeze(axis=0) / self.amplitude
        return max_rates, (1 / self.tau_rc - bias) / gain


class BernoulliSpiking(NeuronType):
    r"""Neuron that fires by chance, in proportion to its input, and with its sign.

    The rate code in which Lee et al. show images [1]_, as an ensemble of the network:
    one neuron for each value of an image.

    Parameters
    ----------
    amplitude : float
        Factor on the output.
    initial_state : dict
        Has no entries; here because all Nengo neurons take it.

    Notes
    -----
    In each step of length :math:`\Delta t` a neuron fires with the probability
    :math:`\min(|J| \Delta t, 1)`, whatever happened before, and puts out
    :math:`\mathrm{sign}(J)\, \mathrm{amplitude} / \Delta t`. Its rate is
    :math:`\mathrm{amplitude}\, J` as long as :math:`|J| < 1 / \Delta t`. The chance is
    that of the ensemble's seed, as for `nengo.PoissonSpiking`.

    References
    ----------
    .. [1] C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling
       Spike-Based Backpropagation for Training Deep Neural Network Architectures",
       Frontiers in Neuroscience 14:119, 2020, arXiv:1903.06379; that spikes have the
       sign of the input, from the authors' code.

    Examples
    --------
    >>> neurons = softlif.BernoulliSpiking()
    >>> neurons.rates([[50.0], [-50.0]], 1, 0).ravel()
    array([ 50., -50.])
    """

    negative = True
    spiking = True

    amplitude = BoundedParam("amplitude", low=0, low_open=True)

    def __init__(self, amplitude=1, initial_state=None):
        super().__init__(initial_state)
        self.amplitude = amplitude

    def make_state(self, n_neurons, rng=np.random, dtype=None):
        """Return what ``step`` draws from."""
        return {**super().make_state(n_neurons, rng=rng, dtype=dtype), "rng": rng}

    def step(self, dt, J, output, rng):
        """Draw which neurons fire, and write spikes of height ``amplitude / dt``."""
        fired = rng.random_sample(np.shape(J)) < dt * np.abs(J)
        output[...] = np.where(fired, np.sign(J) * (self.amplitude / dt), 0)

    def rates(self, x, gain, bias):
        """Mean firing rates for inputs ``x``, in Hz times the amplitude.

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
            Rates, with the sign of the current; no step is too long for them.
        """
        return self.amplitude * self.current(x, gain, bias)

    def gain_bias(self, max_rates, intercepts):
        """Gains and biases that give these rates and intercepts.

        Parameters
        ----------
        max_rates : (n_neurons,) array_like
            Rates in Hz at ``x = 1``, without the amplitude; positive.
        intercepts : (n_neurons,) array_like
            Where rates are zero; below one.

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
        max_rates, intercepts = _wishes(self, max_rates, intercepts, 0)
        gain = max_rates / (1 - intercepts)
        return gain, -gain * intercepts

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
            Where rates are zero.
        """
        gain, bias = np.asarray(gain), np.asarray(bias)
        return gain + bias, -bias / gain

    @staticmethod
    def draw_seeds(rng, n_examples):
        """Draw a seed for each example, of which `draw_uniform` makes its chance."""
        return rng.integers(2**63, size=n_examples)

    @staticmethod
    def draw_uniform(seeds, shape):
        """Draw numbers in [0, 1) for examples, each from its own seed.

        Parameters
        ----------
        seeds : (n_examples,) ndarray of int
            From `draw_seeds`.
        shape : tuple of int
            Of each example.

        Returns
        -------
        (n_examples, ...) ndarray of float32
        """
        rngs = map(np.random.default_rng, seeds)
        return np.stack([rng.random(shape, np.float32) for rng in rngs])


def _wishes(neurons, max_rates, intercepts, lowest):
    """Check what is asked of `gain_bias`; return it as arrays."""
    max_rates = np.atleast_1d(np.asarray(max_rates, dtype=np.float64))
    intercepts = np.atleast_1d(np.asarray(intercepts, dtype=np.float64))
    if not np.all((max_rates > lowest) & np.isfinite(max_rates)):
        raise ValidationError(
            f"must be finite and lie above {lowest:.4g} Hz, got {max_rates.min():.4g} "
            f"to {max_rates.max():.4g} Hz",
            attr="max_rates",
            obj=neurons,
        )
    if not np.all(intercepts < 1):
        raise ValidationError(
            "must lie below 1, where the maximum rates are reached; got "
            f"{intercepts.max():.4g}",
            attr="intercepts",
            obj=neurons,
        )
    return max_rates, intercepts
