"""Loops over neurons and synapses, backwards through time, compiled by Numba.

Arrays are (examples, steps, values). As in the engine, many short loops over few arrays
are vectorised where one long one is not.
"""

import math

import numpy as np

from ..engine import compile_once, only

BLOCK = 1024
"""Neurons whose state is kept in the first cache while time passes."""


@compile_once
def leak_corrected(upstream, spikes, scale, log_leak):
    """Gradient by the input of neurons that take it from their next spike.

    Parameters
    ----------
    upstream : (n_examples, n_steps, n) ndarray
        Gradient by their spikes; becomes that by their input.
    spikes : (n_examples, n_steps, n) ndarray of uint8
        When they fired.
    scale : float
        Factor on the gradient.
    log_leak : float
        Logarithm of what a step leaves of the voltage; zero corrects nothing.
    """
    n_examples, n_steps, n = spikes.shape
    leak = upstream.dtype.type(math.exp(log_leak))
    trace, factor = np.empty(BLOCK, upstream.dtype), np.empty(BLOCK, upstream.dtype)
    coming, number = np.empty(BLOCK, upstream.dtype), np.empty(BLOCK, np.int32)
    for example in range(n_examples):
        for low in range(0, n, BLOCK):
            high = min(low + BLOCK, n)
            m = high - low
            trace[:], number[:], coming[:] = 0, 0, 0
            if log_leak != 0:
                for t in range(n_steps):
                    fired = spikes[example, t, low:high]
                    for i in range(m):
                        # a whole number would make this double precision
                        trace[i] = leak * trace[i] + trace.dtype.type(fired[i])
                    for i in range(m):
                        number[i] += fired[i]
            for i in range(m):
                seen = 1.0 if trace[i] > 1e-3 or log_leak == 0 else 0.0
                factor[i] = scale * (seen + log_leak * trace[i] / max(number[i], 1))
            for t in range(n_steps - 1, -1, -1):
                fired = spikes[example, t, low:high]
                given = upstream[example, t, low:high]
                for i in range(m):
                    new = given[i] * factor[i]
                    coming[i] = new if fired[i] else coming[i]
                    given[i] = coming[i]


@compile_once
def retrace_lif(current, voltage, refractory, spikes, volts, opening, kept, constants):
    """Repeat the course of LIF neurons: voltages before resets, and what input does.

    Parameters
    ----------
    current : (n_steps or 1, n) ndarray
        Input current.
    voltage, refractory : (n,) ndarray
        State at the start.
    spikes : (n_steps, n) ndarray of uint8
        When they fired.
    volts : (n_steps, n) ndarray
        Receives the voltage at the end of each step, before it was reset.
    opening, kept : (n_steps, n) ndarray
        Receive the derivatives of the voltage by the current of the step, zero at rest,
        and by the voltage before it, zero where that was cut off at its minimum.
    constants : (6,) ndarray
        As for the engine's `lif`.
    """
    n_steps, n = volts.shape
    dt, tau_rc, tau_ref, min_voltage, decay, within = constants
    one, zero = constants.dtype.type(1), constants.dtype.type(0)
    for low in range(0, n, BLOCK):
        high = min(low + BLOCK, n)
        m = high - low
        v, r = voltage[low:high].copy(), refractory[low:high].copy()
        free = np.ones(m, volts.dtype)
        for t in range(n_steps):
            J = only(current, t)[low:high]
            out, opened, left = (
                volts[t, low:high],
                opening[t, low:high],
                kept[t, low:high],
            )
            fired = spikes[t, low:high]
            for i in range(m):
                rest = r[i] - dt
                r[i] = rest
                opened[i] = decay if rest <= zero else zero
            for i in range(m):
                if r[i] > zero and r[i] < dt:  # its rest ends within this step
                    opened[i] = -math.expm1((r[i] - dt) / tau_rc)
            for i in range(m):
                left[i] = free[i] * (one - opened[i])
            for i in range(m):
                new = v[i] + (J[i] - v[i]) * opened[i]
                out[i] = new
                free[i] = one if new >= min_voltage else zero
                v[i] = max(new, min_voltage)
            for i in range(m):
                if fired[i]:
                    r[i] = tau_ref + dt
                    if within:
                        r[i] += tau_rc * math.log1p((one - v[i]) / (J[i] - one))
                    v[i] = zero


@compile_once
def retrace_leaky(current, voltage, spikes, volts, constants):
    """Repeat the course of integrate-and-fire neurons: voltages before resets.

    Parameters
    ----------
    current : (n_steps or 1, n) ndarray
        Input current.
    voltage : (n,) ndarray
        At the start.
    spikes : (n_steps, n) ndarray of uint8
        When they fired.
    volts : (n_steps, n) ndarray
        Receives the voltage at the end of each step, before it was reset.
    constants : (2,) ndarray
        Time step, and what a step leaves of the voltage.
    """
    dt, decay = constants
    v = voltage.copy()
    for t in range(len(volts)):
        J, out, fired = only(current, t), volts[t], spikes[t]
        for i in range(len(v)):
            new = v[i] + dt * J[i]
            out[i] = new
            v[i] = v[i] * 0 if fired[i] else decay * new


@compile_once
def back_through_membrane(upstream, slopes, spikes, opening, kept, gain):
    """Gradient by the input of neurons through their voltage.

    Parameters
    ----------
    upstream : (n_steps, n) ndarray
        Gradient by their spikes; becomes that by their input current.
    slopes : (n_steps, n) ndarray
        What stands for the derivative of a spike by the voltage before its reset.
    spikes : (n_steps, n) ndarray of uint8
        When they fired; a reset passes nothing back.
    opening : (n_steps or 1, n or 1) ndarray
        Derivative of the voltage by the current of its step.
    kept : (n_steps or 1, n or 1) ndarray
        Derivative of the voltage by that of the step before.
    gain : float
        Factor on the upstream gradient.
    """
    n_steps, n = slopes.shape
    carried = np.zeros(n, slopes.dtype)
    each = opening.shape[1] == n and kept.shape[1] == n
    for t in range(n_steps - 1, -1, -1):
        given, slope, fired = upstream[t], slopes[t], spikes[t]
        opened, left = only(opening, t), only(kept, t)
        if each:
            for i in range(n):
                later = carried[i] * 0 if fired[i] else carried[i]
                by_voltage = gain * given[i] * slope[i] + later
                given[i] = by_voltage * opened[i]
                carried[i] = by_voltage * left[i]
        else:
            for i in range(n):
                later = carried[i] * 0 if fired[i] else carried[i]
                by_voltage = gain * given[i] * slope[i] + later
                given[i] = by_voltage * opened[0]
                carried[i] = by_voltage * left[0]


@compile_once
def times_slope(upstream, current, table, reach):
    """Multiply by the slope of a curve at the current, which is looked up.

    Parameters
    ----------
    upstream : (n_examples, n_steps, n) ndarray
        Gradient by rates; becomes that by the current.
    current : (n_examples or 1, n_steps or 1, n) ndarray
        Input current.
    table : (3 * m + 2,) ndarray
        Slopes, between which lines are drawn: m up to ``1 - reach``, by the fourth root
        of the inverse distance from the threshold; m around it; and m above, likewise.
    reach : float
        See above.
    """
    one, zero = table.dtype.type(1), table.dtype.type(0)
    n_part = (len(table) - 2) // 3
    m, half = table.dtype.type(n_part), table.dtype.type(0.5)
    inverse = one / reach
    slopes = np.empty(upstream.shape[2], upstream.dtype)
    for example in range(len(upstream)):
        currents = only(current, example)
        for t in range(upstream.shape[1]):
            if t < len(currents):  # one stands for all steps
                J = currents[t]
                for i in range(len(J)):
                    x = (J[i] - one) * inverse
                    far = math.sqrt(math.sqrt(one / max(abs(x), one)))
                    middle = m + m * half * (min(max(x, -one), one) + one)
                    # how much is left of the parts beyond
                    side = m * (one - far)
                    place = middle + (side if x > zero else -side)
                    at = int(place if place >= zero else zero)  # currents may be NaN
                    low = table[at]
                    slopes[i] = low + (place - at) * (table[at + 1] - low)
            given = upstream[example, t]
            for i in range(len(given)):
                given[i] *= slopes[i]


@compile_once
def filtered_back(upstream, out, A, b, c):
    """Gradient of a linear filter: the same filter, backwards through time.

    Parameters
    ----------
    upstream : (n_examples, n_steps, n) ndarray
        Gradient by its output.
    out : (n_examples, n_steps, n) ndarray
        Receives the gradient by its input.
    A, b, c : (order, order), (order,), (order,) ndarray
        As for the engine's `filtered`.
    """
    n_examples, n_steps, n = upstream.shape
    order = len(b)
    for example in range(n_examples):
        later = np.zeros((order, n), out.dtype)
        new = np.zeros((order, n), out.dtype)
        for t in range(n_steps - 1, -1, -1):
            given, y = upstream[example, t], out[example, t]
            y[:] = 0
            for k in range(order):
                for i in range(n):
                    y[i] += b[k] * later[k, i]
            for k in range(order):
                for i in range(n):
                    new[k, i] = c[k] * given[i]
                for j in range(order):
                    if A[j, k] != 0:
                        for i in range(n):
                            new[k, i] += A[j, k] * later[j, i]
            later, new = new, later
