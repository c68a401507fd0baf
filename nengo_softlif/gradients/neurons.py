"""Neurons over time: a table of those that can be trained in spikes.

Forward they are the engine's, for all steps at once. Backward their course is repeated,
example by example, from their input and their spikes; nothing else has been kept.
"""

from abc import ABC, abstractmethod

import nengo
import numpy as np

from ..engine import STAGES, Counts, integrate_and_fire, lif, spread
from ..neurons import NeuronTable
from ..spiking_neurons import BernoulliSpiking, IntegrateAndFire
from . import neuron_kernels


class TimedNeurons(ABC):
    """A layer of spiking neurons, from their initial state through all steps.

    Parameters
    ----------
    layer : Layer
        What was read of the network.
    dt : float
        Length of a step in seconds.
    dtype : dtype
        Precision.

    Attributes
    ----------
    amplitude : float
        A spike is ``amplitude / dt`` high.
    scale : (1,) ndarray
        The same, as the engine's ``Counts`` take it.
    initial : dict of str to (n,) ndarray
        State in which each example starts.
    passes : bool
        Whether a gradient passes.
    """

    passes = True

    def __init__(self, layer, dt, dtype):
        self.layer, self.dt, self.dtype = layer, dt, np.dtype(dtype)
        self.neuron_type = layer.neuron_type
        self.amplitude = getattr(self.neuron_type, "amplitude", 1)
        self.scale = np.array([self.amplitude / dt], dtype)
        self.initial = layer.initial_state()

    @abstractmethod
    def fire(self, current, shape, rng):
        """Let neurons fire.

        Parameters
        ----------
        current : (n_examples or 1, n_steps or 1, n) ndarray
            Input current.
        shape : (int, int, int)
            Examples, steps and neurons.
        rng : numpy.random.Generator
            What is drawn of.

        Returns
        -------
        object
            Spikes, as the engine's ``Counts``.
        """

    def retrace(self, current, spikes):
        """Repeat the course of one example.

        Parameters
        ----------
        current : (n_steps or 1, n) ndarray
            Input current.
        spikes : (n_steps, n) ndarray of uint8
            When neurons fired.

        Returns
        -------
        voltage : (n_steps, n) ndarray
            Before resets, in units of the threshold.
        by_current, by_voltage : (n_steps or 1, n or 1) ndarray
            Its derivative by the current of the step, and the voltage of that before.
        """
        raise NotImplementedError

    def _start(self, name, n_examples):
        """Take an initial state for all examples."""
        values = np.asarray(self.initial[name], self.dtype)
        return np.tile(values, (n_examples, 1))


class TimedLIF(TimedNeurons):
    """LIF neurons with refractory time, as the engine's stage for them runs them."""

    def __init__(self, layer, dt, dtype):
        super().__init__(layer, dt, dtype)
        stage = STAGES.of(self.neuron_type)
        self.constants = stage.constants_of(self.neuron_type, dt).astype(dtype)

    def fire(self, current, shape, rng):
        """See `TimedNeurons`."""
        spikes = np.empty(shape, np.uint8)
        states = (self._start(s, shape[0]) for s in ("voltage", "refractory_time"))
        fired = np.zeros((shape[0], shape[2]), np.int64)
        nothing = np.zeros((1, 0, 1), self.dtype)
        matrices = [np.zeros(shape, self.dtype) for shape in [(1, 1), 1, 1]]
        spread(
            lif,
            [current, nothing, nothing, *states, spikes, fired],
            [*matrices, self.constants],
        )
        return Counts(spikes, self.scale)

    def retrace(self, current, spikes):
        """See `TimedNeurons`."""
        traces = np.empty((3, *spikes.shape), self.dtype)
        state = (self._start(name, 1)[0] for name in ("voltage", "refractory_time"))
        neuron_kernels.retrace_lif(current, *state, spikes, *traces, self.constants)
        return traces


class TimedIntegrateAndFire(TimedNeurons):
    """Integrate-and-fire neurons."""

    def __init__(self, layer, dt, dtype):
        super().__init__(layer, dt, dtype)
        # not of the leak itself, which may be zero
        self.log_leak = float(-dt / self.neuron_type.tau_rc)
        self.constants = np.array([dt, self.neuron_type.leak(dt)], dtype)

    def fire(self, current, shape, rng):
        """See `TimedNeurons`."""
        spikes = np.empty(shape, np.uint8)
        fired = np.zeros((shape[0], shape[2]), np.int64)
        voltage = self._start("voltage", shape[0])
        spread(integrate_and_fire, [current, voltage, spikes, fired], [self.constants])
        return Counts(spikes, self.scale)

    def retrace(self, current, spikes):
        """See `TimedNeurons`."""
        volts = np.empty(spikes.shape, self.dtype)
        start = self._start("voltage", 1)[0]
        neuron_kernels.retrace_leaky(current, start, spikes, volts, self.constants)
        by_current, by_voltage = self.constants.reshape(2, 1, 1)
        return volts, by_current, by_voltage


class TimedBernoulli(TimedNeurons):
    """Neurons that fire by chance; nothing is trained before them."""

    passes = False

    def fire(self, current, shape, rng):
        """See `TimedNeurons`."""
        chance = np.abs(current * self.dtype.type(self.dt))
        signs = np.sign(current).astype(np.int8)
        spikes = np.empty(shape, np.int8)
        # each example draws for itself, in whatever thread
        seeds = BernoulliSpiking.draw_seeds(rng, shape[0])

        def draw(seeds, spikes, chance, signs):
            fires = BernoulliSpiking.draw_uniform(seeds, spikes.shape[1:]) < chance
            np.multiply(fires, signs, out=spikes)

        spread(draw, [seeds, spikes, chance, signs])
        return Counts(spikes, self.scale)


TIMED = NeuronTable(
    "timed",
    {
        nengo.LIF: TimedLIF,
        IntegrateAndFire: TimedIntegrateAndFire,
        BernoulliSpiking: TimedBernoulli,
        "nengo_loihi.neurons.LoihiLIF": TimedLIF,
    },
)
"""The subclass of `TimedNeurons` for each type of neurons that trains in spikes."""
