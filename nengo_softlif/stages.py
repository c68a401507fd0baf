"""Layers in motion: what each does in a chunk of time steps.

A stage reads what those before it put out in the same chunk, and carries its state
from one chunk to the next. What does not change during a run is computed once.
"""

from dataclasses import dataclass

import nengo
import numpy as np
from nengo.neurons import RatesToSpikesNeuronType

from . import filters, kernels, operators, products
from .products import Counts, numbers


@dataclass(frozen=True)
class Settings:
    """What all stages of a simulation share.

    Attributes
    ----------
    dt : float
        Length of a step in seconds.
    n_examples : int
        Examples simulated side by side.
    dtype : dtype
        Precision.
    recorded : frozenset of (Layer, str)
        Signals of neurons that probes ask for, other than their output.
    """

    dt: float
    n_examples: int
    dtype: np.dtype
    recorded: frozenset = frozenset()


class Source:
    """A node that takes no input.

    Every stage has these two attributes and three methods.

    Attributes
    ----------
    constant : (n_examples or 1, 1, size) ndarray or None
        What it puts out during the whole run, if that does not change.
    output : Counts or (n_examples or 1, n_steps or 1, size) ndarray
        What it put out in the last chunk.
    """

    constant = output = None

    def __init__(self, layer, stages, settings):
        self.node = layer.obj
        self.size = layer.size
        self.settings = settings

    def reset(self, rng):
        """Begin anew; processes without a seed draw one."""
        output = self.node.output
        if isinstance(output, nengo.Process):
            shapes = {"shape_in": (0,), "shape_out": (self.size,)}
            rng = output.get_rng(rng)
            state = output.make_state(**shapes, dt=self.settings.dt)
            self.step = output.make_step(
                **shapes, dt=self.settings.dt, rng=rng, state=state
            )
        else:
            self.step = output

    def start(self, data):
        """Begin a run, in which data may replace what the node puts out."""
        output = self.node.output if data is None else data
        self.data = self.constant = None
        if isinstance(output, np.ndarray):
            self.data = np.asarray(output, self.settings.dtype)
            if self.data.ndim < 3:
                self.data = self.data.reshape(1, 1, -1)
            if self.data.shape[1] == 1:
                self.constant = self.data
            self.n_shown = 0

    def advance(self, n_before, n_steps):
        """Put out a chunk that comes after so many steps."""
        if self.constant is not None:
            self.output = self.constant
        elif self.data is not None:
            self.output = self.data[:, self.n_shown : self.n_shown + n_steps]
            self.n_shown += n_steps
        else:
            times = (n_before + 1 + np.arange(n_steps)) * self.settings.dt
            self.output = np.array(
                [np.ravel(self.step(t)) for t in times], self.settings.dtype
            )[None]


class Filter:
    """A row of synapses, with the state of all values that pass through them."""

    def __init__(self, synapses, size, settings):
        matrices = filters.discrete(synapses, settings.dt)
        self.matrices = tuple(np.ascontiguousarray(m, settings.dtype) for m in matrices)
        self.order = len(matrices[1])
        self.shape = (settings.n_examples, self.order, size)
        self.reset()

    def reset(self):
        """Empty the synapses."""
        self.state = np.zeros(self.shape, self.matrices[0].dtype)

    def __call__(self, values, n_steps):
        """Filter a chunk."""
        values = np.ascontiguousarray(numbers(values))
        n_examples, _, size = self.shape
        out = np.empty((n_examples, n_steps, size), values.dtype)
        kernels.filtered(values, *self.matrices, self.state, out)
        return out


class Path:
    """Leads from a stage through operators, perhaps with a filter between them."""

    def __init__(self, stage, before, filter=None, after=()):
        self.stage = stage
        self.before, self.filter, self.after = before, filter, after

    def start(self):
        """Compute what does not change during the run."""
        self.given = None
        if self.stage.constant is not None:
            self.given = _apply(self.before, self.stage.constant)
        self.constant = self.given if self.filter is None else None

    def advance(self, n_steps):
        """Values at the end of the path."""
        values = self.given
        if values is None:
            values = _apply(self.before, self.stage.output)
        if self.filter is not None:
            values = _apply(self.after, self.filter(values, n_steps))
        return values


class Sum:
    """Values that are added up: of a node that passes them on, or for a probe."""

    constant = output = None

    def __init__(self, layer, stages, settings):
        self.layer = layer
        self.settings = settings
        self.paths = []  # what is not filtered, or before other operators
        self.filtered = {}  # what is filtered last, by synapses
        for path in layer.inputs:
            self._add(path, stages[path.source])
        self.filters = {
            synapses: Filter(synapses, layer.size, settings)
            for synapses in self.filtered
        }

    def _add(self, path, stage):
        """Put the synapses of an input where there are fewest values.

        They come last, where they are shared or part of the loop over neurons,
        unless there would be more than twice as many values.
        """
        if path.signal != "output":
            stage = Recording(stage, path.signal)
        steps = operators.simplified(path.operators)
        sizes = [path.source.size, *(op.size_out for op in steps)]
        place = len(steps)
        if sizes[place] > 2 * min(sizes):
            place = max(i for i, size in enumerate(sizes) if size == min(sizes))
        compiled = [products.compiled(op, self.settings.dtype) for op in steps]
        if not path.synapses:
            self.paths.append(Path(stage, compiled))
        elif place == len(steps):
            paths = self.filtered.setdefault(path.synapses, [])
            paths.append(Path(stage, compiled))
        else:
            synapse = Filter(path.synapses, sizes[place], self.settings)
            before, after = compiled[:place], compiled[place:]
            self.paths.append(Path(stage, before, synapse, after))

    def reset(self, rng):
        """Empty the synapses."""
        inner = (path.filter for path in self.paths if path.filter is not None)
        for synapse in (*self.filters.values(), *inner):
            synapse.reset()

    def start(self, data):
        """Add up what does not change during the run."""
        self.given = np.zeros((1, 1, self.layer.size), self.settings.dtype)
        for path in (*self.paths, *(p for ps in self.filtered.values() for p in ps)):
            path.start()
        for path in self.paths:
            if path.constant is not None:
                self.given = self.given + numbers(path.constant)
        self.varying = [path for path in self.paths if path.constant is None]
        fixed = not self.varying and not self.filtered
        self.constant = self.given if fixed else None

    def advance(self, n_before, n_steps):
        """Add everything up."""
        self.output = self.constant
        if self.constant is None:
            self.output = self._total(n_steps, self.filtered)

    def _total(self, n_steps, filtered):
        total = self.given
        for path in self.varying:
            total = total + numbers(path.advance(n_steps))
        for synapses in filtered:
            total = total + self.filters[synapses](
                self._unfiltered(synapses, n_steps), n_steps
            )
        return total

    def _unfiltered(self, synapses, n_steps):
        """What goes into a filter."""
        first, *others = (path.advance(n_steps) for path in self.filtered[synapses])
        if others:
            first = sum(map(numbers, others), numbers(first))
        return first


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
        fixed = self.constant is not None and timeless and not self.recorded
        self.constant = self._step(self.given) if fixed else None

    def advance(self, n_before, n_steps):
        """Simulate the neurons."""
        if self.constant is not None:
            self.output = self.constant
        else:
            self.output = self._simulate(n_steps)
        self._count(n_steps)

    def _simulate(self, n_steps):
        current = self._total(n_steps, self.filtered)
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
        current = np.array(current)  # contiguous, and not anybody else's
        output = np.empty_like(current)
        neuron_type, dt = self.neuron_type, self.settings.dt
        # flat, as some types expect
        drive = current.reshape(-1)
        if isinstance(neuron_type, RatesToSpikesNeuronType):
            rates = np.empty_like(drive)
            neuron_type.base_type.step(dt, drive, rates)
            drive = rates
        state = {
            name: value.reshape(-1) if isinstance(value, np.ndarray) else value
            for name, value in self.state.items()
        }
        neuron_type.step(dt, drive, output.reshape(-1), **state)
        return output

    def _count(self, n_steps):
        weight = self.settings.dt / self.amplitude * n_steps / self.output.shape[1]
        self.fired = self.fired + self.output.sum(axis=1, dtype=np.float64) * weight


class Integrating(Neurons):
    """Neurons that fire whenever what they integrate passes a whole number."""

    def _simulate(self, n_steps):
        if self.recorded:
            return super()._simulate(n_steps)
        current = self._total(n_steps, self.filtered)
        if isinstance(self.neuron_type, nengo.RegularSpiking):
            drive = np.empty_like(current)
            self.neuron_type.base_type.step(self.settings.dt, current, drive)
        else:
            drive = np.maximum(current, 0)
        shape = (self.settings.n_examples, n_steps, self.layer.size)
        output = np.empty(shape, self.settings.dtype)
        kernels.integrate(
            np.ascontiguousarray(drive * self.settings.dt),
            self.state["voltage"],
            output,
        )
        output *= self.amplitude / self.settings.dt
        return output


class LIF(Neurons):
    """LIF neurons, in one loop with the synapse before them."""

    def reset(self, rng):
        """Empty the synapses, and put the neurons into their initial state."""
        super().reset(rng)
        neurons, dt = self.neuron_type, self.settings.dt
        self.constants = np.array(
            [
                dt,
                neurons.tau_rc,
                neurons.tau_ref,
                neurons.min_voltage,
                -np.expm1(-dt / neurons.tau_rc),
            ],
            self.settings.dtype,
        )
        self.scale = np.array([self.amplitude / dt], self.settings.dtype)

    def _simulate(self, n_steps):
        if self.recorded:
            return super()._simulate(n_steps)
        fused = next((s for s, f in self.filters.items() if f.order <= 2), None)
        others = [synapses for synapses in self.filters if synapses != fused]
        current = np.ascontiguousarray(self._total(n_steps, others))
        shape = (self.settings.n_examples, n_steps, self.layer.size)
        if fused is None:
            synapse = [
                np.zeros(shape, self.settings.dtype)
                for shape in [(1, 0, 1), (1, 1), (1,), (1,), (1, 1, 1)]
            ]
        else:
            u = np.ascontiguousarray(numbers(self._unfiltered(fused, n_steps)))
            synapse = (u, *self.filters[fused].matrices, self.filters[fused].state)
        spikes = np.empty(shape, np.uint8)
        kernels.lif(
            current,
            *synapse,
            self.state["voltage"],
            self.state["refractory_time"],
            spikes,
            self.fired,
            self.constants,
        )
        return Counts(spikes, self.scale)

    def _count(self, n_steps):
        if self.recorded:
            super()._count(n_steps)


class Recording:
    """What a probe asks of neurons other than their output."""

    constant = None

    def __init__(self, stage, signal):
        self.stage = stage
        self.signal = signal

    @property
    def output(self):
        """What was recorded in the last chunk."""
        return self.stage.signals[self.signal]


def made(layer, stages, settings):
    """Make the stage of a layer.

    Parameters
    ----------
    layer : Layer
        What is to be simulated.
    stages : dict of Layer to stage
        Those of its sources.
    settings : Settings
        What all stages share.

    Returns
    -------
    Source, Sum or Neurons
        The stage. It must be reset before it runs.
    """
    if layer.neuron_type is not None:
        kind = _KINDS.get(type(layer.neuron_type), Neurons)
    elif layer.puts_out:
        kind = Source
    else:
        kind = Sum
    return kind(layer, stages, settings)


_KINDS = {
    nengo.LIF: LIF,
    nengo.SpikingRectifiedLinear: Integrating,
    nengo.RegularSpiking: Integrating,
}


def _apply(steps, values):
    for step in steps:
        values = step(values)
    return values
