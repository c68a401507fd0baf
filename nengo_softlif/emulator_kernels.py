"""The chip's integer arithmetic, for many examples, compiled by Numba.

All arithmetic is in 32 bits and wraps around as the chip's does. Numba computes in 64
bits where it is not told otherwise, hence the many casts; LLVM then vectorises them
away. As in `nengo_softlif.neuron_kernels`, short loops over few arrays are faster than
one over many.
"""

import numpy as np
from numba import njit

from .product_kernels import spiking

_compiled = njit(cache=True, error_model="numpy", nogil=True)

INPUT_BITS = 21
"""Bits, beside the sign, of what arrives in a step (nengo-loihi's Q_BITS)."""

CURRENT_BITS = 23
"""Bits, beside the sign, of a current (nengo-loihi's U_BITS)."""

DECAY_BITS = 12
"""Decay multiplies by a whole number, then divides by two to this power."""

_INPUT_SPARE, _CURRENT_SPARE = 31 - INPUT_BITS, 31 - CURRENT_BITS
_FRACTION = 2**DECAY_BITS - 1


@njit(inline="always")
def _wrapped(x, spare):
    """Extend the sign from the highest bit that the chip keeps."""
    return np.int32(np.int32(x << spare) >> spare)


@njit(inline="always")
def _decayed(x, factor):
    """Compute ``sign(x) * (abs(x) * factor >> 12)`` without more than 32 bits."""
    size = np.int32(abs(x))
    whole = np.int32(np.int32(size >> DECAY_BITS) * factor)
    rest = np.int32(np.int32(size & _FRACTION) * factor)
    size = np.int32(whole + np.int32(rest >> DECAY_BITS))
    return np.int32(-size) if x < 0 else size


@_compiled
def _add(out, weights):
    for i in range(len(out)):
        out[i] = np.int32(out[i] + weights[i])


@_compiled
def _filter(q, u, bias, shift, factor, overflows):
    """Let the synaptic current decay and take in what arrived: a tile of neurons.

    ``q`` is replaced by the membranes' input, current and bias together.
    """
    inputs, currents, sums = 0, 0, 0
    for i in range(len(q)):
        x = np.int32(q[i] << shift)
        arrived = _wrapped(x, _INPUT_SPARE)
        inputs += arrived != x
        x = np.int32(_decayed(u[i], factor) + arrived)
        current = _wrapped(x, _CURRENT_SPARE)
        currents += current != x
        u[i] = current
        x = np.int32(current + bias[i])
        total = _wrapped(x, _CURRENT_SPARE)
        sums += total != x
        q[i] = total
    overflows[0] += inputs
    overflows[1] += currents
    overflows[2] += sums


@_compiled
def _integrate(q, v, factor, lowest, highest):
    """Move membranes, and empty ``q`` for the next step."""
    for i in range(len(q)):
        x = np.int32(_decayed(v[i], factor) + q[i])
        x = max(x, lowest)
        v[i] = min(x, highest)
    q[:] = 0


@_compiled
def _fire(v, rest, threshold, out, pause):
    """Let neurons fire, or rest."""
    for i in range(len(v)):
        x = np.int32(0) if rest[i] > 0 else v[i]
        fires = x > threshold[i]
        out[i] = fires
        v[i] = np.int32(0) if fires else x
        left = pause if fires else rest[i]
        rest[i] = max(np.int32(left - 1), np.int32(0))


@_compiled
def advance(
    spikes,
    u,
    v,
    rest,
    fired,
    currents,
    voltages,
    overflows,
    column,
    tiles,
    bias,
    threshold,
    ranges,
    rows,
    edges,
    runs,
    weights,
    shift,
):
    """Simulate the compartments of a population.

    Parameters
    ----------
    spikes : (n_examples, 1 + n_steps, n_columns) ndarray of uint8
        Of everything on the chip and of what is sent there. The first entry is the
        step before; the population's own columns are written.
    u, v, rest : (n_examples, n) ndarray of int32
        Synaptic currents, membrane voltages, and steps left to rest; updated.
    fired : (n_examples, n) ndarray of int64
        Receives, in addition to what is there, the number of spikes.
    currents, voltages : (n_examples, n_steps, n) or (1, 0, 0) ndarray of int32
        Receive what they are after each step, unless empty.
    overflows : (n_examples, 3) ndarray of int64
        Receives, in addition to what is there, how often input, current, and current
        with bias left the chip's range.
    column : int
        The population's first column.
    tiles : (n_tiles, 7) ndarray of int32
        Ranges of compartments that share parameters: begin, end, factor of the
        current's decay, factor of the voltage's decay, smallest and largest voltage,
        steps of rest.
    bias, threshold : (n,) ndarray of int32
        Of each compartment.
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
    n_examples, n = u.shape
    n_steps = spikes.shape[1] - 1
    longest = n
    for r in range(len(ranges)):
        longest = max(longest, ranges[r, 1] - ranges[r, 0])
    for example in range(n_examples):
        q = np.zeros(n, np.int32)
        found = np.empty(longest + 1, np.int64)
        for t in range(n_steps):
            for r in range(len(ranges)):
                low, high, row = ranges[r]
                n_found = spiking(spikes[example, t, low:high], found)
                for k in range(n_found):
                    first, pattern, weight = rows[row + found[k]]
                    if pattern < 0:
                        continue
                    for run in range(edges[pattern], edges[pattern + 1]):
                        begin, length = first + runs[run, 0], runs[run, 1]
                        _add(q[begin : begin + length], weights[weight:])
                        weight += length
            out = spikes[example, t + 1, column : column + n]
            for tile in range(len(tiles)):
                low, high, decay, leak, lowest, highest, pause = tiles[tile]
                total = q[low:high]
                membranes = v[example, low:high]
                _filter(
                    total,
                    u[example, low:high],
                    bias[low:high],
                    shift,
                    decay,
                    overflows[example],
                )
                _integrate(total, membranes, leak, lowest, highest)
                _fire(
                    membranes,
                    rest[example, low:high],
                    threshold[low:high],
                    out[low:high],
                    pause,
                )
            if currents.shape[1]:
                currents[example, t] = u[example]
            if voltages.shape[1]:
                voltages[example, t] = v[example]
            n_found = spiking(out, found)
            for k in range(n_found):
                fired[example, found[k]] += 1
