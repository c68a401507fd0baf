r"""What stands for the derivative of a spike, which has none.

A family: each says how the gradient by the spikes of neurons becomes that by their
input current. With the spike :math:`s_t`, of height :math:`a / \Delta t`, and the
voltage :math:`v_t` before it is reset, resets pass nothing back.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from ..checks import check_number
from ..engine import spread
from ..neurons import SoftLIFRate
from ..spiking_neurons import IntegrateAndFire
from . import neuron_kernels

SLOPES = 2048
"""Entries of tables of slopes: around the threshold, and on either side of that."""


class Derivative(ABC):
    """What stands for the derivative of spikes; subclasses say how.

    Checkpoints and records know one by its ``repr``, which has to tell its settings, as
    that of a dataclass does.

    Attributes
    ----------
    at_spikes : bool
        Whether the gradient by spikes is wanted only where neurons fired.
    averages : bool
        Whether it goes back once, by what was on average, instead of step by step.
    """

    at_spikes: ClassVar[bool] = False
    averages: ClassVar[bool] = False

    def __repr__(self):
        """Name it and its parameters, by which checkpoints know a training."""
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    def check(self, neuron_type):  # noqa: B027 (most take all)
        """Refuse neurons that this is not for, with a ``ValidationError``."""

    @abstractmethod
    def back(self, neurons, current, spikes, upstream):
        """Turn the gradient by spikes into that by the current.

        Parameters
        ----------
        neurons : TimedNeurons
            The layer.
        current : (n_examples or 1, n_steps or 1, n) ndarray
            Its input current.
        spikes : (n_examples, n_steps, n) ndarray of uint8
            When neurons fired.
        upstream : (n_examples, n_steps, n) ndarray
            Gradient by their output; overwritten.

        Returns
        -------
        (n_examples, n_steps, n) ndarray
            Gradient by the current.
        """


@dataclass(frozen=True)
class LeakCorrected(Derivative):
    r"""The derivative of Lee et al. [1]_, which takes the leak into account.

    An input gets the gradient of the neuron's next spike, if there is one, times

    .. math::

       1 + \frac{\log(\lambda)}{N} \sum_k \lambda^{T - t_k}

    where :math:`\lambda` is what a step leaves of the voltage, :math:`N` the number of
    the neuron's spikes, at the steps :math:`t_k`, and :math:`T` the number of steps.
    Backwards, the leak itself counts as if there were none.

    Parameters
    ----------
    corrects : bool
        Whether to take the leak into account; else the factor is one.

    References
    ----------
    .. [1] C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling
       Spike-Based Backpropagation for Training Deep Neural Network Architectures",
       Frontiers in Neuroscience 14:119, 2020, arXiv:1903.06379; as in the authors'
       code, where the first term is zero if the sum is below 1e-3.
    """

    corrects: bool = True
    at_spikes: ClassVar[bool] = True

    def check(self, neuron_type):
        """See `Derivative`."""
        if not isinstance(neuron_type, IntegrateAndFire):
            raise ValidationError(
                f"Lee et al.'s derivative is for IntegrateAndFire neurons, not "
                f"{neuron_type}; use 'soft-lif' or 'fast-sigmoid'",
                attr="derivative",
            )

    def back(self, neurons, current, spikes, upstream):
        """See `Derivative`."""
        log_leak = neurons.log_leak if self.corrects else 0.0
        spread(
            neuron_kernels.leak_corrected,
            [upstream, spikes],
            # dt times the height of a spike
            [upstream.dtype.type(neurons.amplitude), log_leak],
        )
        return upstream


class ThroughVoltage(Derivative):
    r"""A function of the voltage stands for the derivative of a spike by it.

    The gradient then goes back through the membrane, :math:`v_t = v_{t-1} + g_t (J_t -
    v_{t-1})` for LIF neurons, where :math:`g_t` is zero while they rest, and
    :math:`v_t = \lambda v_{t-1} + \Delta t\, J_t` for `.IntegrateAndFire`, of which a
    step leaves :math:`\lambda`. A subclass has the function.
    """

    @abstractmethod
    def slope(self, x, xp=np):
        """Derivative of a spike by the voltage.

        Parameters
        ----------
        x : ndarray or tensor
            Voltage above the threshold, in units of the threshold.
        xp : module
            NumPy, or ``tf.math``.
        """

    def back(self, neurons, current, spikes, upstream):
        """See `Derivative`."""
        height = upstream.dtype.type(neurons.amplitude / neurons.dt)

        def part(upstream, spikes, current):
            for example in range(len(spikes)):
                given = current[example] if len(current) > 1 else current[0]
                volts, *derivatives = neurons.retrace(given, spikes[example])
                volts -= 1
                with np.errstate(over="ignore"):  # far away it is zero
                    slopes = self.slope(volts)
                neuron_kernels.back_through_membrane(
                    upstream[example],
                    slopes,
                    spikes[example],
                    *derivatives,
                    height,
                )

        spread(part, [upstream, spikes, current])
        return upstream


def _check_positive(derivative, attr):
    """Refuse what is no positive number; others become Python's.

    Those of NumPy would change the precision, and records could not tell them apart.
    """
    value = getattr(derivative, attr)
    check_number(attr, value, "a positive number", 0, low_open=True)
    object.__setattr__(derivative, attr, float(value))


@dataclass(frozen=True)
class FastSigmoid(ThroughVoltage):
    r"""Slope of a fast sigmoid, :math:`1 / (1 + k |v - 1|)^2` [1]_.

    Parameters
    ----------
    steepness : float
        The :math:`k`, per unit of the threshold.

    References
    ----------
    .. [1] F. Zenke and S. Ganguli, "SuperSpike: Supervised learning in multi-layer
       spiking neural networks", Neural Computation 30:1514, 2018.
    """

    steepness: float = 10.0

    def __post_init__(self):
        """Refuse what is no steepness."""
        _check_positive(self, "steepness")

    def slope(self, x, xp=np):
        """See `ThroughVoltage`."""
        y = 1 + self.steepness * xp.abs(x)
        return 1 / (y * y)


@dataclass(frozen=True)
class Arctan(ThroughVoltage):
    r"""Slope of an arctangent, :math:`1 / (1 + (\pi k (v - 1) / 2)^2)` [1]_.

    Parameters
    ----------
    steepness : float
        The :math:`k`, per unit of the threshold.

    References
    ----------
    .. [1] W. Fang, Z. Yu, Y. Chen, T. Masquelier, T. Huang and Y. Tian, "Incorporating
       Learnable Membrane Time Constant to Enhance Learning of Spiking Neural
       Networks", ICCV, 2021; here with the height one.
    """

    steepness: float = 2.0

    def __post_init__(self):
        """Refuse what is no steepness."""
        _check_positive(self, "steepness")

    def slope(self, x, xp=np):
        """See `ThroughVoltage`."""
        y = (np.pi / 2 * self.steepness) * x
        return 1 / (1 + y * y)


@dataclass(frozen=True)
class Triangular(ThroughVoltage):
    r"""A triangle around the threshold, :math:`\max(0, 1 - |v - 1| / w)` [1]_.

    Parameters
    ----------
    width : float
        The :math:`w`, in units of the threshold: half of the base.

    References
    ----------
    .. [1] G. Bellec, D. Salaj, A. Subramoney, R. Legenstein and W. Maass, "Long
       short-term memory and learning-to-learn in networks of spiking neurons",
       NeurIPS, 2018; here with the height one.
    """

    width: float = 1.0

    def __post_init__(self):
        """Refuse what is no width."""
        _check_positive(self, "width")

    def slope(self, x, xp=np):
        """See `ThroughVoltage`."""
        return xp.maximum(1 - xp.abs(x) * (1 / self.width), 0 * x)


@dataclass(frozen=True)
class ThroughRates(Derivative):
    """The slope of a soft LIF curve at the current; no membrane in between.

    Parameters
    ----------
    sigma : float
        Smoothing, as of `.SoftLIFRate`.
    """

    sigma: float = 0.02

    def __post_init__(self):
        """Refuse what is no smoothing."""
        _check_positive(self, "sigma")
        SoftLIFRate(self.sigma)  # has limits

    def check(self, neuron_type):
        """See `Derivative`."""
        if not isinstance(neuron_type, nengo.LIF):
            raise ValidationError(
                f"the curve of soft LIF neurons is for nengo.LIF, not {neuron_type}; "
                "use 'leak-corrected' or 'fast-sigmoid'",
                attr="derivative",
            )

    def back(self, neurons, current, spikes, upstream):
        """See `Derivative`."""
        lif = neurons.neuron_type
        numbers = self.sigma, lif.tau_rc, lif.tau_ref, lif.amplitude
        table, reach = tabulate_slope(*numbers, upstream.dtype)
        spread(
            neuron_kernels.times_slope,
            [upstream, current],
            [table, upstream.dtype.type(reach)],
        )
        return upstream


@lru_cache
def tabulate_slope(sigma, tau_rc, tau_ref, amplitude, dtype):
    """Tabulate the derivative of a soft LIF curve, which takes long to compute.

    Parameters
    ----------
    sigma, tau_rc, tau_ref, amplitude : float
        As of `.SoftLIFRate`.
    dtype : dtype
        Precision.

    Returns
    -------
    table : (n,) ndarray
        What `neuron_kernels.times_slope` looks up; what that gives is right to a part
        in ten thousand, also far from the threshold.
    reach : float
        How far around the threshold it is finest.
    """
    reach, part = 16 * sigma, np.arange(1, SLOPES) / SLOPES
    around = np.linspace(-reach, reach, SLOPES, endpoint=False)
    far = reach / part**4
    x = np.concatenate([-far, around, [reach], far[::-1]])
    curve = SoftLIFRate(sigma, tau_rc, tau_ref, amplitude)
    slopes = curve.derivative(1 + x, np.ones(1), np.zeros(1))[:, 0]
    # nothing far away, on either side; the last one is looked at, but counts nothing
    return np.pad(slopes, [(1, 2)]).astype(dtype), reach


@dataclass(frozen=True)
class SoftLIF(ThroughRates):
    r"""The derivative of the soft LIF curve, at the current of each step.

    A spike stands for a rate: :math:`\partial s_t / \partial J_t` is
    :math:`dr / dJ` at :math:`J_t`, so that what a constant current changes in the mean
    is right, and nothing is passed on through the membrane.

    Parameters
    ----------
    sigma : float
        Smoothing, as of `.SoftLIFRate`.
    """


@dataclass(frozen=True)
class MeasuredRates(ThroughRates):
    r"""Back once, through rates: time and memory of it do not grow with the steps.

    Forward the network runs in spikes. Backward it is a network of soft LIF neurons,
    whose currents and rates are the means of those that were measured, as in [1]_.

    Parameters
    ----------
    sigma : float
        Smoothing, as of `.SoftLIFRate`.

    References
    ----------
    .. [1] C. Yu, L. Liu, G. Wang, E. Li and A. Wang, "Advancing Training Efficiency of
       Deep Spiking Neural Networks through Rate-based Backpropagation", NeurIPS, 2024,
       arXiv:2410.11488.
    """

    averages: ClassVar[bool] = True
