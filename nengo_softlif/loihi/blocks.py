"""What nengo-loihi puts on the chip, read as arrays.

nengo-loihi cuts layers into blocks, one for each core, and gives each block integers
for its weights and parameters. Here the blocks of a layer are put together again, each
compartment with the integers of its block: the arithmetic stays the same, and the
targets of a spike lie side by side.
"""

from dataclasses import dataclass, field

import numpy as np
from nengo.exceptions import Unconvertible

from .kernels import DECAY_BITS, Compartments, Synapses

TILE = 1024
"""Compartments whose state is kept in the first cache during a step."""

_PORTION = 2048  # neurons whose synapses are read at a time: memory is small, and fast


@dataclass(eq=False)
class Population:
    """Compartments of one layer, or spikes that are sent to the chip.

    Attributes
    ----------
    label : str
        What they are, for messages.
    size : int
        How many.
    parts : list of (LoihiBlock or SpikeInput, ndarray)
        The blocks, and which of the population each of their compartments is.
    column : int
        Where its spikes begin among all spikes.
    compartments : Compartments
        What they are; None of what is sent to the chip.
    sources : list of Population
        Where spikes come from.
    synapses : Synapses
        What these spikes add to compartments.
    """

    label: str
    size: int
    parts: list
    column: int = 0
    compartments: Compartments = None
    sources: list = field(default_factory=list)
    synapses: Synapses = None


@dataclass(eq=False)
class ChipArrays:
    """All that is on the chip.

    Attributes
    ----------
    populations : list of Population
        Layers, each after its sources if there are no loops.
    inputs : dict of SpikeInput to Population
        What is sent there.
    of_block : dict of LoihiBlock to (Population, ndarray)
        Where its compartments are now.
    n_columns : int
        Number of all compartments and inputs.
    recurrent : bool
        Whether there are loops.
    """

    populations: list = field(default_factory=list)
    inputs: dict = field(default_factory=dict)
    of_block: dict = field(default_factory=dict)
    n_columns: int = 0
    recurrent: bool = False


def read(model):
    """Read what nengo-loihi built and discretised as arrays.

    What learns, or adds noise, is refused as `Unconvertible`.
    """
    chip = ChipArrays()
    for source in model.inputs:
        everything = np.arange(source.n_neurons)
        sent = Population(str(source.label), source.n_neurons, [(source, everything)])
        chip.inputs[source] = sent
    for blocks in _group(model):
        parts = [
            (block, np.array(list(model.block_comp_map[block]))) for block in blocks
        ]
        size = sum(len(places) for _, places in parts)
        label = str(blocks[0].label).split("[")[0]
        population = Population(label, size, parts)
        chip.populations.append(population)
        chip.of_block.update((block, (population, places)) for block, places in parts)
    everybody = [*chip.inputs.values(), *chip.populations]
    for population in everybody:
        population.column = chip.n_columns
        chip.n_columns += -(-population.size // 8) * 8  # eights lie in one word
    for population in chip.populations:
        population.compartments = _gather_compartments(population)
    for population in chip.populations:
        _gather_synapses(population, everybody)
    _sort(chip)
    return chip


def _group(model):
    """Blocks of the same layer, in the order of the first of them."""
    grouped = {}
    for built in model.objs.values():
        for value in built.values():
            blocks = value if isinstance(value, list) else []
            grouped.update((block, blocks) for block in blocks)
    seen = set()
    for block in model.blocks:
        blocks = grouped.get(block, [block])
        if block not in seen:
            seen.update(blocks)
            yield blocks


def _gather_compartments(population):
    """Gather the parameters of compartments."""
    parameters = np.zeros((population.size, 5), np.int32)
    bias, threshold = np.zeros((2, population.size), np.int32)
    for block, places in population.parts:
        compartment = block.compartment
        if np.any(compartment.enable_noise):
            raise Unconvertible(
                f"{block.label} adds noise to its compartments, which the emulator "
                "does not; use nengo_loihi.Simulator"
            )
        one = 2**DECAY_BITS
        parameters[places, 0] = one - 1 - compartment.decay_u  # one less, as the chip
        parameters[places, 1] = one - compartment.decay_v
        parameters[places, 2] = compartment.vmin
        parameters[places, 3] = compartment.vmax
        parameters[places, 4] = compartment.refract_delay
        bias[places] = compartment.bias
        threshold[places] = compartment.vth
    changes = np.flatnonzero(np.any(parameters[1:] != parameters[:-1], axis=1)) + 1
    edges = np.union1d(changes, np.arange(0, population.size + TILE, TILE))
    edges = edges[edges < population.size].astype(np.int32)
    ends = np.append(edges[1:], np.int32(population.size))
    tiles = np.column_stack([edges, ends, parameters[edges]])
    return Compartments(population.column, tiles, bias, threshold)


def _gather_synapses(population, everybody):
    """Gather what leads to a population."""
    places = {
        synapse: where
        for block, where in population.parts
        for synapse in block.synapses
    }
    if any(synapse.learning for synapse in places):
        raise Unconvertible(
            f"{population.label} has synapses that learn, which the emulator cannot; "
            "use nengo_loihi.Simulator"
        )
    stacked = {synapse: _stack(synapse) for synapse in places}
    table = _Table()
    for source in everybody:
        parts = [
            (columns, [axon for axon in part.axons if axon.target in places])
            for part, columns in source.parts
        ]
        if not any(axons for _, axons in parts):
            continue
        population.sources.append(source)
        table.extend(source)
        for columns, axons in parts:
            for low in range(0, len(columns), _PORTION):
                neurons = np.arange(low, min(low + _PORTION, len(columns)))
                found = [
                    entries
                    for axon in axons
                    for entries in _list_entries(axon, neurons, stacked, places)
                ]
                if found:
                    pre, *rest = map(np.concatenate, zip(*found, strict=True))
                    table.add(columns[pre], *rest)
    population.synapses = table.pack()


def _stack(synapse):
    """Weights and indices of a synapse's axons, those of the same shape together.

    Returns
    -------
    list of (ndarray, ndarray, ndarray)
        Which of the synapse's weights these are, weights and indices.
    """
    sizes = np.array([weights.shape[1] for weights in synapse.weights])
    stacks = []
    for size in np.unique(sizes[sizes > 0]):
        chosen = np.flatnonzero(sizes == size)
        weights = np.stack([synapse.weights[i] for i in chosen])
        indices = np.stack([synapse.indices[i] for i in chosen])
        stacks.append((chosen, weights, indices))
    return stacks


def _list_entries(axon, neurons, stacked, places):
    """What an axon's spikes do: neurons, targets and weights, for each synapse."""
    synapse = axon.target
    axons = np.asarray(axon.map_axon(neurons))
    atoms = np.asarray(axon.map_atoms(neurons))
    bases, which = np.zeros(synapse.n_axons, np.int64), np.arange(synapse.n_axons)
    if synapse.axon_compartment_bases is not None:
        bases = np.asarray(synapse.axon_compartment_bases)
    if synapse.axon_to_weight_map is not None:
        which = np.asarray(synapse.axon_to_weight_map)
    used = axons >= 0
    used[used] = bases[axons[used]] >= 0
    neurons, atoms, axons = neurons[used], atoms[used], axons[used]
    for chosen, weights, indices in stacked[synapse]:
        order = np.full(len(synapse.weights), -1)
        order[chosen] = np.arange(len(chosen))
        index = order[which[axons]]
        here = index >= 0
        if not here.any():
            continue
        picked = index[here], atoms[here]
        targets = places[synapse][bases[axons[here], None] + indices[picked]]
        pre = np.broadcast_to(neurons[here, None], targets.shape)
        yield pre.reshape(-1), targets.reshape(-1), weights[picked].reshape(-1)


class _Table:
    """Rows of synapses, with what is the same in several of them kept once."""

    def __init__(self):
        self.ranges, self.rows, self.runs, self.weights = [], [], [], []
        self.n_rows = self.n_weights = 0
        self.known_runs, self.known_weights = {}, {}

    def extend(self, source):
        """Add empty rows for the neurons of a population."""
        begin, end = source.column, source.column + source.size
        self.ranges.append([begin, end, self.n_rows])
        self.rows.append(np.array([[0, -1, 0]] * source.size, np.int64))
        self.n_rows += source.size

    def add(self, neurons, targets, weights):
        """Fill in the rows added last: from where, to where, and how much."""
        rows = self.rows[-1]
        keys = neurons.astype(np.int64) * (targets.max() + 1) + targets
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        # one entry where several connections lead to the same target
        firsts = np.append(0, np.flatnonzero(np.diff(keys)) + 1)
        weights = np.add.reduceat(weights[order], firsts, dtype=weights.dtype)
        neurons, targets = neurons[order][firsts], targets[order][firsts]
        edges = np.append(np.flatnonzero(np.diff(neurons)) + 1, len(neurons))
        low = 0
        for high in edges:
            rows[neurons[low]] = self._keep(targets[low:high], weights[low:high])
            low = high

    def _keep(self, targets, weights):
        """Keep a row; return first target, pattern and first weight."""
        begins = np.append(0, np.flatnonzero(np.diff(targets) != 1) + 1)
        lengths = np.diff(np.append(begins, len(targets)))
        runs = np.column_stack([targets[begins] - targets[0], lengths])
        key = runs.tobytes()
        if key not in self.known_runs:
            self.known_runs[key] = len(self.runs)
            self.runs.append(runs.astype(np.int64))
        pattern = self.known_runs[key]
        key = weights.tobytes()
        if key not in self.known_weights:
            self.known_weights[key] = self.n_weights
            self.weights.append(weights)
            self.n_weights += len(weights)
        return targets[0], pattern, self.known_weights[key]

    def pack(self):
        """Make arrays of it, weights in the smallest type that holds them."""
        weights, shift = self._pack_weights()
        return Synapses(
            np.array(self.ranges, np.int64).reshape(-1, 3),
            np.concatenate([np.zeros((0, 3), np.int64), *self.rows]),
            np.cumsum([0, *map(len, self.runs)]),
            np.concatenate([np.zeros((0, 2), np.int64), *self.runs]),
            weights,
            shift,
        )

    def _pack_weights(self):
        """Weights in the smallest type that holds them, and the shift to undo that."""
        weights = np.concatenate([np.zeros(0, np.int32), *self.weights])
        union = int(np.bitwise_or.reduce(weights)) if len(weights) else 0
        shift = (union & -union).bit_length() - 1 if union else 0
        weights >>= shift
        largest = max(weights.max(initial=0), -1 - weights.min(initial=0))
        for dtype in (np.int8, np.int16, np.int32):
            if largest <= np.iinfo(dtype).max:
                return weights.astype(dtype), shift


def _sort(chip):
    """Sort populations so that each comes after its sources, where that is possible."""
    done, waiting = list(chip.inputs.values()), list(chip.populations)
    ordered = []
    while waiting:
        ready = [
            population
            for population in waiting
            if all(source in done for source in population.sources)
        ]
        if not ready:
            chip.recurrent = True
            break
        ordered += ready
        done += ready
        waiting = [population for population in waiting if population not in ready]
    chip.populations = ordered + waiting
