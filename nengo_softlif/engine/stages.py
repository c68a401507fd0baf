"""What is simulated: a stage for each layer, advanced by chunks of time steps.

A stage reads what those before it put out in the same chunk, and carries its state
from one chunk to the next. What does not change during a run is computed once.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import SimulationError

from ..layers import operators
from . import filters, neuron_kernels, products
from .products import to_numbers
from .threads import spread


@dataclass(frozen=True)
class StageSettings:
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


class Stage(ABC):
    """What simulates one object of a network, a chunk of steps at a time.

    A simulator resets its stages before their first run. In each run it starts all of
    them, lets them advance one after the other, chunk after chunk, and when all is
    done lets them finish. A stage reads the output of those that advance before it.

    A run may end in an error, or be interrupted at any line: then stages do not
    finish, and are reset before anything else.

    Attributes
    ----------
    constant : (n_examples or 1, 1, size) ndarray or None
        What it puts out during the whole run, if that does not change; known once it
        has started.
    output : Counts or (n_examples or 1, n_steps or 1, size) ndarray
        What it put out in the last chunk; others leave it as it is.
    fired : (n_examples, size) ndarray
        Of neurons: spikes so far; of rate neurons, their rates times dt.
    """

    constant = output = fired = None

    @abstractmethod
    def reset(self, rng):
        """Go back to the initial state.

        Parameters
        ----------
        rng : numpy.random.RandomState or None
            What to draw from; only nodes with a process have one.
        """

    def clear(self):  # noqa: B027, most count nothing
        """Forget how often neurons fired."""

    def start(self, data):  # noqa: B027, for some nothing is constant
        """Begin a run: compute what does not change while it lasts.

        Parameters
        ----------
        data : (n_examples, n_steps or 1, size) ndarray or None
            What a node puts out in this run instead of its own output.
        """

    @abstractmethod
    def advance(self, n_before, n_steps):
        """Simulate the next chunk, and set ``output``.

        Parameters
        ----------
        n_before : int
            Steps since the initial state.
        n_steps : int
            Steps of the chunk.
        """

    def finish(self, n_steps):  # noqa: B027, most put nothing off
        """End a run of so many steps: bring up to date what was put off."""


class Source(Stage):
    """A node that takes no input."""

    def __init__(self, layer, stages, settings):
        self.node = layer.obj
        self.size = layer.size
        self.settings = settings

    def reset(self, rng):
        """Begin anew, with a generator of random numbers if the node has a process."""
        output = self.node.output
        if isinstance(output, nengo.Process):
            shapes = {"shape_in": (0,), "shape_out": (self.size,)}
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
            self.output = np.stack([self._compute(t) for t in times])[None]

    def _compute(self, t):
        """What the node's function or process gives at a time in seconds."""
        values = self.step(t)
        if self.size == 0:
            return np.zeros(0, self.settings.dtype)
        try:
            with np.errstate(over="ignore"):  # a probe tells
                array = np.asarray(values, np.float64).astype(self.settings.dtype)
            valid = np.isfinite(values).all() and array.size == self.size
        except (TypeError, ValueError):
            valid = False
        if not valid:
            raise SimulationError(
                f"expected {self.size} finite numbers from {self.node} at {t:g} s, got "
                f"{values!r}"
            )
        return array.reshape(-1)


class Filter:
    """A row of synapses, with the state of all values that pass through them."""

    def __init__(self, synapses, size, settings):
        matrices = filters.discretise(synapses, settings.dt)
        self.matrices = tuple(np.ascontiguousarray(m, settings.dtype) for m in matrices)
        self.order = len(matrices[1])
        self.shape = (settings.n_examples, self.order, size)
        self.reset()

    def reset(self):
        """Empty the synapses."""
        self.state = np.zeros(self.shape, self.matrices[0].dtype)

    def __call__(self, values, n_steps):
        """Filter a chunk."""
        values = np.ascontiguousarray(to_numbers(values))
        n_examples, _, size = self.shape
        out = np.empty((n_examples, n_steps, size), values.dtype)
        spread(neuron_kernels.filtered, [values, self.state, out], self.matrices)
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


class Sum(Stage):
    """Values that are added up: of a node that passes them on, or for a probe."""

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
            stage = Recorded(stage, path.signal)
        steps = operators.simplified(path.operators)
        sizes = [path.source.size, *(op.size_out for op in steps)]
        place = len(steps)
        if sizes[place] > 2 * min(sizes):
            place = max(i for i, size in enumerate(sizes) if size == min(sizes))
        prepared = [products.prepare(op, self.settings.dtype) for op in steps]
        if not path.synapses:
            self.paths.append(Path(stage, prepared))
        elif place == len(steps):
            paths = self.filtered.setdefault(path.synapses, [])
            paths.append(Path(stage, prepared))
        else:
            synapse = Filter(path.synapses, sizes[place], self.settings)
            before, after = prepared[:place], prepared[place:]
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
                self.given = self.given + to_numbers(path.constant)
        self.varying = [path for path in self.paths if path.constant is None]
        self.fixed = not self.varying and not self.filtered
        self.constant = self.given if self.fixed else None

    def advance(self, n_before, n_steps):
        """Add everything up."""
        self.output = self.constant
        if self.constant is None:
            self.output = self.add_up(n_steps, self.filtered)

    def add_up(self, n_steps, filtered):
        """Add up what comes in a chunk, through these of the filters or none."""
        total = self.given
        for path in self.varying:
            total = total + to_numbers(path.advance(n_steps))
        for synapses in filtered:
            total = total + self.filters[synapses](
                self.add_unfiltered(synapses, n_steps), n_steps
            )
        return total

    def add_unfiltered(self, synapses, n_steps):
        """What goes into a filter."""
        first, *others = (path.advance(n_steps) for path in self.filtered[synapses])
        if others:
            first = sum(map(to_numbers, others), to_numbers(first))
        return first


class Recorded:
    """What a probe asks of neurons other than their output; read as a stage is."""

    constant = None

    def __init__(self, stage, signal):
        self.stage = stage
        self.signal = signal

    @property
    def output(self):
        """What was recorded in the last chunk."""
        return self.stage.signals[self.signal]


def _apply(steps, values):
    for step in steps:
        values = step(values)
    return values
