"""The chip in motion, and what the host and probes see of it."""

import warnings

import numpy as np
from nengo.exceptions import SimulationError

from ..engine import Counts, products, spread
from ..layers import operators
from . import blocks, kernels
from .decays import DT

KINDS = [
    ("q0, the input of a step", kernels.INPUT_BITS),
    ("current", kernels.CURRENT_BITS),
    ("u2, current and bias together", kernels.CURRENT_BITS),
]
"""What can leave the chip's range, after nengo-loihi's name for it, and its bits."""


class Chip:
    """The chip in motion: what arrives in a step are the spikes of the step before.

    Parameters
    ----------
    model : nengo_loihi.builder.Model
        What nengo-loihi built.
    settings : Settings
        What all stages share.
    rounding : bool
        Whether currents and voltages are whole numbers, as on the chip. It may be
        changed before `reset`.

    Attributes
    ----------
    chip : nengo_softlif.chip.Chip
        What is on it.
    senders : dict of SpikeInput to (stage, slice)
        What sends it spikes.
    fired : dict of Population to (n_examples, size) ndarray
        Spikes so far.
    """

    constant = output = None

    def __init__(self, model, settings, rounding=True):
        self.chip = blocks.read(model)
        self.settings = settings
        self.rounding = rounding
        self.senders = {}
        self.recorded = set()  # (population, "current" or "voltage")
        self.state, self.fired, self.signals = {}, {}, {}

    @property
    def kind(self):
        """Type of currents and voltages."""
        return np.int32 if self.rounding else np.float64

    def watch(self, probe):
        """Return what a probe of nengo-loihi's will see, as a function of steps."""
        parts = []
        for block, picked in zip(probe.target, probe.slice, strict=True):
            population, places = self.chip.of_block[block]
            if probe.key != "spiked":
                self.recorded.add((population, probe.key))
            parts.append((population, places[picked]))
        return Seen(self, probe, parts)

    def reset(self, rng):
        """Begin anew."""
        n = self.settings.n_examples
        self.spikes = np.zeros((n, 1, self.chip.n_columns), np.uint8)
        self.state = {
            population: [
                np.zeros((n, population.size), kind)
                for kind in (self.kind, self.kind, np.int32)
            ]
            for population in self.chip.populations
        }
        self.clear()

    def clear(self):
        """Forget how often neurons fired."""
        n = self.settings.n_examples
        self.fired = {
            population: np.zeros((n, population.size), np.int64)
            for population in self.chip.populations
        }

    def start(self, data):
        """Begin a run."""
        self.overflows = {
            population: np.zeros((self.settings.n_examples, 3), bool)
            for population in self.chip.populations
        }

    def advance(self, n_before, n_steps):
        """Simulate a chunk."""
        last = self.spikes[:, -1].copy()
        if self.spikes.shape[1] != 1 + n_steps:
            shape = (self.settings.n_examples, 1 + n_steps, self.chip.n_columns)
            self.spikes = np.zeros(shape, np.uint8)
        self.spikes[:, 0] = last
        for source, (stage, picked) in self.senders.items():
            population = self.chip.inputs[source]
            values = stage.output
            values = values.values if isinstance(values, Counts) else values
            self._columns(population)[...] = values[..., picked] != 0
        for population in self.chip.populations:
            self._advance(population, n_steps)
            if _strict() and self.overflows[population].any():
                raise SimulationError(self._said(population))

    def _columns(self, population):
        """Spikes of a population in the current chunk."""
        low = population.column
        return self.spikes[:, 1:, low : low + population.size]

    def _advance(self, population, n_steps):
        shape = (self.settings.n_examples, n_steps, population.size)
        signals = []
        for name in ("current", "voltage"):
            wanted = (population, name) in self.recorded
            signal = np.empty(shape if wanted else (1, 0, 0), self.kind)
            self.signals[population, name] = signal
            signals.append(signal)
        synapses = population.synapses
        spread(
            kernels.advance,
            [
                self.spikes,
                *self.state[population],
                self.fired[population],
                *signals,
                self.overflows[population],
            ],
            [
                population.column,
                population.tiles,
                population.bias,
                population.threshold,
                synapses.ranges,
                synapses.rows,
                synapses.edges,
                synapses.runs,
                synapses.weights,
                synapses.shift,
            ],
        )

    def finish(self, n_steps):
        """End a run; warn of what left the chip's range."""
        for population, counts in self.overflows.items():
            if counts.any():
                warnings.warn(self._said(population), stacklevel=3)

    def _said(self, population):
        counts = self.overflows[population].sum(axis=0)
        name, bits = KINDS[np.flatnonzero(counts)[0]]
        return (
            f"Overflow in {name}: on the chip it has {bits} bits and a sign; in "
            f"{population.label}, for {max(counts)} of {self.settings.n_examples} "
            "examples, it was larger and wrapped around; make weights or firing rates "
            "smaller"
        )


class Seen:
    """What a probe of nengo-loihi's sees, without its synapse."""

    def __init__(self, on_chip, probe, parts):
        self.on_chip, self.probe, self.parts = on_chip, probe, parts
        self.product = None
        matrices = all(np.ndim(weights) == 2 for weights in probe.weights)
        together = len({id(population) for population, _ in parts}) == 1
        if probe.key == "spiked" and matrices and together:
            weights = operators.Matrix(np.concatenate(probe.weights).T)
            self.product = products.compiled(weights, np.float64)

    def __call__(self, n_steps):
        """Return what it saw in the chunk, (n_examples, n_steps, size)."""
        if self.product is not None:  # of all blocks at once, following the spikes
            places = np.concatenate([places for _, places in self.parts])
            spikes = self.on_chip._columns(self.parts[0][0])[..., places]
            return self.product(Counts(spikes, np.ones(1)))
        outputs = []
        for population, places in self.parts:
            if self.probe.key == "spiked":
                signal = self.on_chip._columns(population).view(bool)
            else:
                signal = self.on_chip.signals[population, self.probe.key]
            outputs.append(signal[..., places].reshape(-1, len(places)))
        n_examples = self.on_chip.settings.n_examples
        return self.probe.weight_outputs(outputs).reshape(n_examples, n_steps, -1)


class _Watching:
    """A stage that shows something of the chip."""

    constant = output = None

    def reset(self, rng):
        """Begin anew."""

    def clear(self):
        """Nothing is counted."""

    def start(self, data):
        """Begin a run."""

    def finish(self, n_steps):
        """End a run."""

    def advance(self, n_before, n_steps):
        """Go on with the chip."""


class Layer(_Watching):
    """Neurons on the chip."""

    def __init__(self, on_chip, population):
        self.on_chip, self.population = on_chip, population

    @property
    def fired(self):
        """Spikes so far, (n_examples, size)."""
        return self.on_chip.fired[self.population]


class Probed(_Watching):
    """A probe of neurons on the chip, filtered in float32 as nengo-loihi does."""

    def __init__(self, seen):
        self.seen = seen

    def reset(self, rng):
        """Empty the synapse."""
        self.filter = None

    def advance(self, n_before, n_steps):
        """See what the chip did."""
        self.output = self.seen(n_steps)
        synapse = self.seen.probe.synapse
        if synapse is None:
            return
        n_examples, _, size = self.output.shape
        if self.filter is None:
            shape = (n_examples * size,)
            state = synapse.make_state(shape, shape, DT, dtype=np.float32)
            self.filter = synapse.make_step(shape, shape, DT, None, state)
        for t in range(n_steps):
            values = self.filter((n_before + t) * DT, self.output[:, t].reshape(-1))
            self.output[:, t] = values.reshape(n_examples, size)


class Received(_Watching):
    """What the host receives from the chip, one step late.

    If nengo-loihi computes the input beforehand, which it does if it can, what it
    shows the host in the first step is not zero but what the chip did in its first.
    """

    def __init__(self, seen, at_once):
        self.seen, self.at_once = seen, at_once

    def reset(self, rng):
        """Begin anew."""
        self.last = None

    def advance(self, n_before, n_steps):
        """Receive."""
        new = self.seen(n_steps)
        if self.last is None:
            self.last = new[:, :1] if self.at_once else np.zeros_like(new[:, :1])
        self.output = np.concatenate([self.last, new[:, :-1]], axis=1)
        self.last = new[:, -1:].copy()


def _strict():
    """Whether nengo-loihi's emulator raises errors where the chip would go wrong."""
    from ..compat import nengo_loihi

    return nengo_loihi.emulator.EmulatorInterface.strict
