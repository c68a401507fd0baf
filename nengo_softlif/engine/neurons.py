"""Stages of neurons: any type by its own step, some in a faster form."""

import nengo
import numpy as np
from nengo.neurons import RatesToSpikesNeuronType

from .. import spiking_neurons
from ..neurons import NeuronTable
from . import neuron_kernels
from .products import Counts, to_numbers
from .stages import Source, Sum
from .threads import flatten, spread


class Neurons(Sum):
    """Neurons of any type, stepped by Nengo's own code.

    Attributes
    ----------
    fired : (n_examples, size) ndarray
        Spikes so far; of rate neurons, their rates times dt.
    signals : dict of str to ndarray
        What was recorded in the last chunk.
    """

    def __init__(self, layer, stages, settings):
        super().__init__(layer, stages, settings)
        self.neuron_type = layer.neuron_type
        self.amplitude = getattr(layer.neuron_type, "amplitude", 1)
        self.recorded = {name for of, name in settings.recorded if of is layer}
        self.signals = {}

    def reset(self, rng):
        """Empty the synapses, and put the neurons into their initial state."""
        super().reset(rng)
        self.clear()
        self.state = {
            name: value
            if isinstance(value, np.random.RandomState)  # draws for all examples
            else self._for_each(value)
            for name, value in self.layer.initial_state().items()
        }

    def clear(self):
        """Forget how often neurons fired."""
        self.fired = np.zeros((self.settings.n_examples, self.layer.size), np.int64)

    def _for_each(self, values):
        values = np.asarray(values, self.settings.dtype)
        return np.tile(values, (self.settings.n_examples, 1))

    def start(self, data):
        """Add up bias and input that do not change during the run."""
        super().start(data)
        bias = self.layer.bias.astype(self.settings.dtype)
        self.given = np.ascontiguousarray(self.given + bias)
        timeless = not self.state and not self.neuron_type.spiking
        timeless = timeless and self.fixed and not self.recorded
        self.constant = self._step(self.given) if timeless else None

    def advance(self, n_before, n_steps):
        """Simulate the neurons."""
        if self.constant is not None:
            self.output = self.constant
        else:
            self.output = self._simulate(n_steps)
        self._count(n_steps)

    def add_up(self, n_steps, filtered):
        """Current, in C order: operators such as slices may leave it in another."""
        return np.ascontiguousarray(super().add_up(n_steps, filtered))

    def _simulate(self, n_steps):
        current = self.add_up(n_steps, self.filtered)
        self.signals["input"] = current
        if not self.state and not self.neuron_type.spiking:
            return self._step(current)
        shape = (self.settings.n_examples, n_steps, self.layer.size)
        current = np.broadcast_to(current, shape)
        output = np.empty(shape, self.settings.dtype)
        names = self.recorded & self.state.keys()
        self.signals.update((name, np.empty_like(output)) for name in names)
        for t in range(n_steps):
            output[:, t] = self._step(current[:, t])
            for name in names:
                self.signals[name][:, t] = self.state[name]
        return output

    def _step(self, current):
        neuron_type, dt = self.neuron_type, self.settings.dt
        # flat, as some types expect, and not anybody else's
        drive = current.flatten()
        output = np.empty_like(drive)
        if isinstance(neuron_type, RatesToSpikesNeuronType):
            rates = np.empty_like(drive)
            neuron_type.base_type.step(dt, drive, rates)
            drive = rates
        state = {
            name: flatten(value) if isinstance(value, np.ndarray) else value
            for name, value in self.state.items()
        }
        neuron_type.step(dt, drive, output, **state)
        return output.reshape(current.shape)

    def _count(self, n_steps):
        weight = self.settings.dt / self.amplitude * n_steps / self.output.shape[1]
        spiking, output = self.neuron_type.spiking, self.output
        if spiking and self.neuron_type.negative:
            output = np.abs(output)  # spikes of both signs do not cancel out
        fired = output.sum(axis=1, dtype=np.float64) * weight
        self.fired = self.fired + (np.rint(fired) if spiking else fired)


class Integrating(Neurons):
    """Neurons that fire whenever what they integrate passes a whole number."""

    def _simulate(self, n_steps):
        if self.recorded:
            return super()._simulate(n_steps)
        drive = self.rates(self.add_up(n_steps, self.filtered))
        shape = (self.settings.n_examples, n_steps, self.layer.size)
        output = np.empty(shape, self.settings.dtype)
        drive *= self.settings.dt
        spread(neuron_kernels.integrate, [drive, self.state["voltage"], output])
        output *= self.amplitude / self.settings.dt
        return output

    def rates(self, current):
        """Return what is integrated, in Hz and in an array of its own."""
        return np.maximum(current, 0)


class Regular(Integrating):
    """Neurons that integrate the rates of others."""

    def rates(self, current):
        """Return the rates of others, without the amplitude of these neurons."""
        rates = np.empty_like(current)
        self.neuron_type.base_type.step(self.settings.dt, current, rates)
        return rates


class LIF(Neurons):
    """LIF neurons: in one loop with the synapse before them, or foreseen."""

    within_steps = True

    def __init__(self, layer, stages, settings):
        super().__init__(layer, stages, settings)
        constants = self.constants_of(self.neuron_type, settings.dt)
        self.constants = constants[:4]
        self.rounded = constants.astype(settings.dtype)
        dt = settings.dt
        self.scale = np.array([self.amplitude / dt], settings.dtype)
        self.shape = (settings.n_examples, layer.size)

    def start(self, data):
        """Add up what does not change, and foresee spikes if nothing does."""
        super().start(data)
        rest = self.neuron_type.tau_ref / self.settings.dt
        self.foreseen = None
        # an initial voltage may be out of range until the end of the first step
        lowest, voltage = self.rounded[3], self.state["voltage"]
        foreseeable = self.within_steps and rest > 1 - 1e-9
        foreseeable = foreseeable and lowest <= voltage.min() and voltage.max() <= 1
        if self.fixed and not self.recorded and foreseeable:
            self.foreseen = [np.empty(self.shape) for _ in range(3)]
            self.n_done = 0
            spread(
                neuron_kernels.begin_regular,
                [self.given, *self._states(), *self.foreseen],
                [self.constants],
            )

    def finish(self, n_steps):
        """Bring the state of foreseen neurons up to date."""
        if self.foreseen is not None:
            spread(
                neuron_kernels.end_regular,
                [self.given, *self._states(), self.foreseen[2]],
                [n_steps, self.constants],
            )

    @classmethod
    def constants_of(cls, neurons, dt):
        """What `neuron_kernels.lif` takes as constants, in float64."""
        tau_rc, tau_ref = cls.time_constants(neurons, dt)
        decay = -np.expm1(-dt / tau_rc)
        given = [dt, tau_rc, tau_ref, neurons.min_voltage, decay, cls.within_steps]
        return np.array(given)

    @staticmethod
    def time_constants(neurons, dt):
        """Time constants of membrane and refractory period, in seconds."""
        return neurons.tau_rc, neurons.tau_ref

    def _states(self):
        return self.state["voltage"], self.state["refractory_time"]

    def _simulate(self, n_steps):
        if self.recorded:
            return super()._simulate(n_steps)
        spikes = np.empty((self.shape[0], n_steps, self.shape[1]), np.uint8)
        if self.foreseen is not None:
            spread(
                neuron_kernels.regular,
                [*self.foreseen, spikes, self.fired],
                [self.n_done],
            )
            self.n_done += n_steps
            return Counts(spikes, self.scale)
        fused = next((s for s, f in self.filters.items() if f.order <= 2), None)
        others = [synapses for synapses in self.filters if synapses != fused]
        current = self.add_up(n_steps, others)
        u, state = np.zeros((2, 1, 0, 1), self.settings.dtype)
        matrices = [np.zeros(shape, self.settings.dtype) for shape in [(1, 1), 1, 1]]
        if fused is not None:
            u = np.ascontiguousarray(to_numbers(self.add_unfiltered(fused, n_steps)))
            state, matrices = self.filters[fused].state, self.filters[fused].matrices
        spread(
            neuron_kernels.lif,
            [current, u, state, *self._states(), spikes, self.fired],
            [*matrices, self.rounded],
        )
        return Counts(spikes, self.scale)

    def _count(self, n_steps):
        if self.recorded:
            super()._count(n_steps)


class IntegrateAndFire(Neurons):
    """Integrate-and-fire neurons, in one loop."""

    def __init__(self, layer, stages, settings):
        super().__init__(layer, stages, settings)
        dt = settings.dt
        self.constants = np.array([dt, self.neuron_type.leak(dt)], settings.dtype)
        self.scale = np.array([self.amplitude / dt], settings.dtype)

    def _simulate(self, n_steps):
        if self.recorded:
            return super()._simulate(n_steps)
        current = self.add_up(n_steps, self.filtered)
        shape = (self.settings.n_examples, n_steps, self.layer.size)
        spikes = np.empty(shape, np.uint8)
        spread(
            neuron_kernels.integrate_and_fire,
            [current, self.state["voltage"], spikes, self.fired],
            [self.constants],
        )
        return Counts(spikes, self.scale)

    def _count(self, n_steps):
        if self.recorded:
            super()._count(n_steps)


def make_stage(layer, stages, settings):
    """Make a layer's stage, given those of its sources. Reset it before it runs."""
    if layer.neuron_type is not None:
        kind = STAGES.of(layer.neuron_type) or Neurons
    else:
        kind = Source if layer.puts_out else Sum
    return kind(layer, stages, settings)


STAGES = NeuronTable(
    "stages",
    {
        nengo.LIF: LIF,
        nengo.SpikingRectifiedLinear: Integrating,
        nengo.RegularSpiking: Regular,
        spiking_neurons.IntegrateAndFire: IntegrateAndFire,
        "nengo_loihi.neurons.LoihiLIF": "nengo_softlif.loihi.host_neurons:LoihiLIF",
    },
)
"""The subclass of `Neurons` that simulates a type faster than its own step."""
