"""Stages of the emulated chip, and what the host and probes see of it."""

import warnings

import numpy as np
from nengo.exceptions import SimulationError

from .. import compat
from ..engine import Counts, Stage, products, spread
from ..layers import operators
from . import kernels
from .decays import DT

KINDS = [
    ("q0, the input of a step", kernels.INPUT_BITS),
    ("current", kernels.CURRENT_BITS),
    ("u2, current and bias together", kernels.CURRENT_BITS),
]
"""What can leave the chip's range, after nengo-loihi's name for it, and its bits."""


class ChipSpikes(Stage):
    """Spikes of everything on the chip, and of what the host sends there.

    What arrives in a step are the spikes of the step before.

    Parameters
    ----------
    chip : ChipArrays
        What is on it.
    settings : StageSettings
        What all stages share.

    Attributes
    ----------
    senders : dict of SpikeInput to (Stage, slice)
        What sends it spikes.
    values : (n_examples, 1 + n_steps, n_columns) ndarray of uint8
        Spikes in the step before the last chunk, and in the chunk.
    """

    def __init__(self, chip, settings):
        self.chip, self.settings = chip, settings
        self.senders = {}

    def reset(self, rng):
        """Begin anew."""
        self.values = self._make(1)

    def _make(self, n_steps):
        shape = (self.settings.n_examples, n_steps, self.chip.n_columns)
        return np.zeros(shape, np.uint8)

    def advance(self, n_before, n_steps):
        """Make room for a chunk, and take in what the host sends."""
        last = self.values[:, -1].copy()
        if self.values.shape[1] != 1 + n_steps:
            self.values = self._make(1 + n_steps)
        self.values[:, 0] = last
        for source, (stage, picked) in self.senders.items():
            sent = stage.output
            sent = sent.values if isinstance(sent, Counts) else sent
            self.of(self.chip.inputs[source])[...] = sent[..., picked] != 0

    def of(self, population):
        """Spikes of a population in the last chunk, (n_examples, n_steps, size)."""
        low = population.column
        return self.values[:, 1:, low : low + population.size]


class EmulatedNeurons(Stage):
    """Neurons of one layer on the chip.

    Parameters
    ----------
    population : Population
        The layer.
    spikes : ChipSpikes
        Spikes of all that is on the chip; advances before the layers.
    rounding : bool
        Whether currents and voltages are whole numbers, as on the chip. It may be
        changed before `reset`.

    Attributes
    ----------
    wanted : set of str
        What probes of nengo-loihi's ask for: "spiked", "current", "voltage".
    signals : dict of str to (n_examples, n_steps, size) ndarray
        What was recorded in the last chunk.
    """

    def __init__(self, population, spikes, rounding):
        self.population, self.spikes = population, spikes
        self.n_examples = spikes.settings.n_examples
        self.rounding = rounding
        self.wanted = set()
        self.signals = {}

    def reset(self, rng):
        """Begin anew."""
        kind = np.int32 if self.rounding else np.float64
        shape = (self.n_examples, self.population.size)
        self.state = kernels.State(
            np.zeros(shape, kind), np.zeros(shape, kind), np.zeros(shape, np.int32)
        )
        self.clear()

    def clear(self):
        """Forget how often neurons fired."""
        self.fired = np.zeros((self.n_examples, self.population.size), np.int64)

    def start(self, data):
        """Begin a run, in which nothing has left the chip's range."""
        self.overflows = np.zeros((self.n_examples, len(KINDS)), bool)

    def advance(self, n_before, n_steps):
        """Simulate a chunk."""
        record = kernels.Kept(
            self._make_signal("current", n_steps),
            self._make_signal("voltage", n_steps),
            self.fired,
            self.overflows,
        )
        spread(
            kernels.advance,
            [self.spikes.values, self.state, record],
            [self.population.compartments, self.population.synapses],
        )
        if self.overflows.any() and _is_strict():
            raise SimulationError(self._describe_overflow())

    def _make_signal(self, name, n_steps):
        shape = (self.n_examples, n_steps, self.population.size)
        shape = shape if name in self.wanted else (1, 0, 0)
        self.signals[name] = np.empty(shape, self.state.voltages.dtype)
        return self.signals[name]

    def see(self, key):
        """What a probe of nengo-loihi's sees, (n_examples, n_steps, size)."""
        if key == "spiked":
            return self.spikes.of(self.population).view(bool)
        return self.signals[key]

    def finish(self, n_steps):
        """End a run; warn of what left the chip's range."""
        if self.overflows.any():
            warnings.warn(self._describe_overflow(), stacklevel=3)

    def _describe_overflow(self):
        counts = self.overflows.sum(axis=0)
        name, bits = KINDS[np.flatnonzero(counts)[0]]
        return (
            f"Overflow in {name}: on the chip it has {bits} bits and a sign; in "
            f"{self.population.label}, for {max(counts)} of {self.n_examples} "
            "examples, it was larger and wrapped around; make weights or firing rates "
            "smaller"
        )


class Readout:
    """What a probe of nengo-loihi's reads out of the chip, without its synapse.

    Parameters
    ----------
    probe : nengo_loihi.probe.LoihiProbe
        The probe.
    parts : list of (EmulatedNeurons, ndarray)
        Which neurons it looks at, and which of each layer's.
    """

    def __init__(self, probe, parts):
        self.probe, self.parts = probe, parts
        self.product = None
        for neurons, _ in parts:
            neurons.wanted.add(probe.key)
        matrices = all(np.ndim(weights) == 2 for weights in probe.weights)
        together = len({neurons for neurons, _ in parts}) == 1
        if probe.key == "spiked" and matrices and together:
            weights = operators.Matrix(np.concatenate(probe.weights).T)
            self.product = products.prepare(weights, np.float64)

    def __call__(self, n_steps):
        """Return what it saw in the chunk, (n_examples, n_steps, size)."""
        if self.product is not None:  # of all blocks at once, following the spikes
            neurons, _ = self.parts[0]
            places = np.concatenate([places for _, places in self.parts])
            spikes = neurons.spikes.of(neurons.population)[..., places]
            return self.product(Counts(spikes, np.ones(1)))
        outputs = [
            neurons.see(self.probe.key)[..., places].reshape(-1, len(places))
            for neurons, places in self.parts
        ]
        (n_examples, *_) = self.parts[0][0].fired.shape
        return self.probe.weight_outputs(outputs).reshape(n_examples, n_steps, -1)


class Probed(Stage):
    """A probe of neurons on the chip, filtered in float32 as nengo-loihi does."""

    def __init__(self, readout):
        self.readout = readout

    def reset(self, rng):
        """Empty the synapse."""
        self.filter = None

    def advance(self, n_before, n_steps):
        """See what the chip did."""
        self.output = self.readout(n_steps)
        synapse = self.readout.probe.synapse
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


class Received(Stage):
    """What the host receives from the chip, one step late.

    If nengo-loihi computes the input beforehand, which it does if it can, what it
    shows the host in the first step is not zero but what the chip did in its first.
    """

    def __init__(self, readout, at_once):
        self.readout, self.at_once = readout, at_once

    def reset(self, rng):
        """Begin anew."""
        self.last = None

    def advance(self, n_before, n_steps):
        """Receive."""
        new = self.readout(n_steps)
        if self.last is None:
            self.last = new[:, :1] if self.at_once else np.zeros_like(new[:, :1])
        self.output = np.concatenate([self.last, new[:, :-1]], axis=1)
        self.last = new[:, -1:].copy()


def _is_strict():
    """Whether nengo-loihi's emulator raises errors where the chip would go wrong."""
    return compat.nengo_loihi.emulator.EmulatorInterface.strict
