"""The chip's integer arithmetic, for many examples, compiled by Numba.

All arithmetic is in 32 bits and wraps around as the chip's does. Numba computes in 64
bits where it is not told otherwise, hence the many casts; LLVM then vectorises them
away. Where currents and voltages are real numbers, nothing is rounded or wraps. As in
`nengo_softlif.engine.neuron_kernels`, short loops over few arrays are faster than one
over many.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import overload

from ..engine import compile_once, find_spiking

INPUT_BITS = 21
"""Bits, beside the sign, of what arrives in a step (nengo-loihi's Q_BITS)."""

CURRENT_BITS = 23
"""Bits, beside the sign, of a current (nengo-loihi's U_BITS)."""

DECAY_BITS = 12
"""Decay multiplies by a whole number, then divides by two to this power."""

_FRACTION = 2**DECAY_BITS - 1


class State(NamedTuple):
    """What compartments carry from step to step, for each example.

    Attributes
    ----------
    currents, voltages : (n_examples, n) ndarray of int32 or float64
        Synaptic currents and membrane voltages. With real numbers nothing is rounded.
    rest : (n_examples, n) ndarray of int32
        Steps left to rest.
    """

    currents: np.ndarray
    voltages: np.ndarray
    rest: np.ndarray


class Kept(NamedTuple):
    """What is kept of compartments, for each example.

    Attributes
    ----------
    currents, voltages : (n_examples, n_steps, n) or (1, 0, 0) ndarray as in `State`
        Receive what they are after each step, unless empty.
    fired : (n_examples, n) ndarray of int64
        Receives, in addition to what is there, the number of spikes.
    overflows : (n_examples, 3) ndarray of bool
        Become true if input, current, or current with bias leave the chip's range.
    """

    currents: np.ndarray
    voltages: np.ndarray
    fired: np.ndarray
    overflows: np.ndarray


class Compartments(NamedTuple):
    """Parameters of the compartments of a population.

    Attributes
    ----------
    column : int
        Where its spikes begin among all spikes.
    tiles : (n_tiles, 7) ndarray of int32
        Ranges of compartments that share parameters: begin, end, factor of the
        current's decay, factor of the voltage's decay, smallest and largest voltage,
        steps of rest.
    bias, threshold : (n,) ndarray of int32
        Of each compartment.
    """

    column: int
    tiles: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray


class Synapses(NamedTuple):
    """What spikes add to the compartments of a population.

    Convolutions repeat the same weights, and the same pattern of targets: each is kept
    once.

    Attributes
    ----------
    ranges : (n_ranges, 3) ndarray of int64
        Columns from which spikes come, begin and end, and the row of the first.
    rows : (n_rows, 3) ndarray of int64
        For each such column: first target, pattern (or -1), and first weight.
    edges : (n_patterns + 1,) ndarray of int64
        Where in ``runs`` each pattern begins.
    runs : (n_runs, 2) ndarray of int64
        Ranges of targets: begin, counted from the first target, and length.
    weights : (n_weights,) ndarray of int8, int16 or int32
        In the order of the targets.
    shift : int
        What arrives is the sum of weights, shifted to the left by so many bits.
    """

    ranges: np.ndarray
    rows: np.ndarray
    edges: np.ndarray
    runs: np.ndarray
    weights: np.ndarray
    shift: int


@njit(inline="always")
def _wrap(x, bits):
    """Extend the sign from the highest bit that the chip keeps."""
    low = np.int32(1 << bits)
    mask = np.int32((2 << bits) - 1)
    return np.int32(np.int32(np.int32(x + low) & mask) - low)


@njit(inline="always")
def _decay(x, factor):
    """Compute ``sign(x) * (abs(x) * factor >> 12)`` without more than 32 bits."""
    size = np.int32(abs(x))
    whole = np.int32(np.int32(size >> DECAY_BITS) * factor)
    rest = np.int32(np.int32(size & _FRACTION) * factor)
    size = np.int32(whole + np.int32(rest >> DECAY_BITS))
    return np.int32(-size) if x < 0 else size


@compile_once
def _add(out, row):
    for i in range(len(out)):
        out[i] = np.int32(out[i] + row[i])


@compile_once
def _add_four(out, row0, row1, row2, row3):
    for i in range(len(out)):
        two = np.int32(row0[i] + row1[i])
        out[i] = np.int32(out[i] + np.int32(two + np.int32(row2[i] + row3[i])))


@compile_once
def _deliver(q, found, n_found, row, synapses):
    """Add the rows of neurons that fired, four at a time if they have equal targets.

    Then memory brings four rows at the same time.
    """
    rows, weights, runs = synapses.rows[row:], synapses.weights, synapses.runs
    k = 0
    while k < n_found:
        first, pattern, weight = rows[found[k]]
        n = 4 if k + 4 <= n_found else 1
        for other in range(k + 1, k + n):
            same = rows[found[other], 0] == first and rows[found[other], 1] == pattern
            if not same:
                n = 1
                break
        if pattern >= 0:
            done = 0
            for run in range(synapses.edges[pattern], synapses.edges[pattern + 1]):
                begin, length = first + runs[run, 0], runs[run, 1]
                out = q[begin : begin + length]
                if n == 1:
                    _add(out, weights[weight + done :])
                else:
                    _add_four(
                        out,
                        weights[weight + done :],
                        weights[rows[found[k + 1], 2] + done :],
                        weights[rows[found[k + 2], 2] + done :],
                        weights[rows[found[k + 3], 2] + done :],
                    )
                done += length
        k += n


@compile_once
def _filter(q, u, bias, scale, factor, overflows):
    """Let the synaptic current decay and take in what arrived: a tile of neurons.

    ``q`` is replaced by the membranes' input, current and bias together.
    """
    lost0 = lost1 = lost2 = np.int32(0)
    for i in range(len(q)):
        x = np.int32(q[i] * scale)
        arrived = _wrap(x, INPUT_BITS)
        lost0 = np.int32(lost0 | np.int32(arrived ^ x))
        x = np.int32(_decay(u[i], factor) + arrived)
        current = _wrap(x, CURRENT_BITS)
        lost1 = np.int32(lost1 | np.int32(current ^ x))
        u[i] = current
        x = np.int32(current + bias[i])
        total = _wrap(x, CURRENT_BITS)
        lost2 = np.int32(lost2 | np.int32(total ^ x))
        q[i] = total
    overflows[0] |= lost0 != 0
    overflows[1] |= lost1 != 0
    overflows[2] |= lost2 != 0


@compile_once
def _integrate(q, v, factor, lowest, highest):
    """Move membranes, and empty ``q`` for the next step."""
    for i in range(len(q)):
        x = np.int32(_decay(v[i], factor) + q[i])
        x = lowest if x < lowest else x
        v[i] = highest if x > highest else x
    q[:] = 0


def _move(q, u, v, bias, scale, tile, overflows):
    """Move a tile of neurons by one step, up to their firing."""
    raise NotImplementedError("compiled only")


@overload(_move)
def _move_in_their_kind(q, u, v, bias, scale, tile, overflows):
    """Choose the arithmetic by what currents are."""

    def integers(q, u, v, bias, scale, tile, overflows):
        _, _, decay, leak, lowest, highest, _ = tile
        _filter(q, u, bias, scale, decay, overflows)
        _integrate(q, v, leak, lowest, highest)

    def reals(q, u, v, bias, scale, tile, overflows):
        _, _, decay, leak, lowest, highest, _ = tile
        keep, hold = decay / 2**DECAY_BITS, leak / 2**DECAY_BITS
        for i in range(len(q)):
            u[i] = keep * u[i] + scale * np.float64(q[i])
            v[i] = min(max(hold * v[i] + u[i] + bias[i], lowest), highest)
        q[:] = 0

    return integers if isinstance(u.dtype, types.Integer) else reals


@compile_once
def _fire(v, rest, threshold, out, pause, fired, found):
    """Let neurons fire, or rest."""
    for i in range(len(v)):
        x = v.dtype.type(0) if rest[i] > 0 else v[i]
        out[i] = x > threshold[i]
        v[i] = x
    for i in range(len(v)):
        rest[i] = max(np.int32(rest[i] - 1), np.int32(0))
    for k in range(find_spiking(out, found)):
        i = found[k]
        v[i] = 0
        rest[i] = max(pause - 1, 0)
        fired[i] += 1


@compile_once
def _arrive(spikes, q, synapses, found):
    """Add up, in ``q``, what the spikes of a step bring to a population."""
    for r in range(len(synapses.ranges)):
        low, high, row = synapses.ranges[r]
        n_found = find_spiking(spikes[low:high], found)
        _deliver(q, found, n_found, row, synapses)


@compile_once
def advance(spikes, state, record, compartments, synapses):
    """Simulate the compartments of a population.

    Parameters
    ----------
    spikes : (n_examples, 1 + n_steps, n_columns) ndarray of uint8
        Of everything on the chip and of what is sent there. The first entry is the
        step before; the population's own columns are written.
    state : State
        Updated.
    record : Kept
        Updated.
    compartments : Compartments
        What they are.
    synapses : Synapses
        What leads to them.
    """
    column, tiles, bias, threshold = compartments
    n_examples, n = state.currents.shape
    longest = n
    for r in range(len(synapses.ranges)):
        longest = max(longest, synapses.ranges[r, 1] - synapses.ranges[r, 0])
    scale = np.int32(1 << synapses.shift)
    for example in range(n_examples):
        u, v = state.currents[example], state.voltages[example]
        rest, fired = state.rest[example], record.fired[example]
        q = np.zeros(n, np.int32)
        found = np.empty(longest + 1, np.int64)
        for t in range(spikes.shape[1] - 1):
            _arrive(spikes[example, t], q, synapses, found)
            out = spikes[example, t + 1, column : column + n]
            for tile in range(len(tiles)):
                low, high, _, _, _, _, pause = tiles[tile]
                _move(
                    q[low:high],
                    u[low:high],
                    v[low:high],
                    bias[low:high],
                    scale,
                    tiles[tile],
                    record.overflows[example],
                )
                _fire(
                    v[low:high],
                    rest[low:high],
                    threshold[low:high],
                    out[low:high],
                    pause,
                    fired[low:high],
                    found,
                )
            if record.currents.shape[1]:
                record.currents[example, t] = u
            if record.voltages.shape[1]:
                record.voltages[example, t] = v
