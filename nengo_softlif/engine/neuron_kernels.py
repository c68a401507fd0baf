"""Loops over neurons and synapses, compiled by Numba.

Arrays are (examples, steps, values). Spikes are counted in bytes, so that a step of a
large layer is little memory, and eight silent neurons are passed over at once.

Numba cannot promise that arrays do not overlap, and LLVM compares all pairs before it
vectorises: hence many short loops over few arrays instead of one long one.
"""

import math

import numpy as np

from .compiling import compile_once

BLOCK = 1024
"""Neurons whose state is kept in the first cache while time passes."""


@compile_once
def only(array, index):
    """Return ``array[index]``, or the only entry there is."""
    if len(array) > 1:
        return array[index]
    return array[0]


@compile_once
def _advance_one(p, u, a, b, c, out):
    """Let a first-order filter see input for one step.

    ``out += c x`` comes before ``x = a x + b u``: a synapse answers one step late.
    """
    for i in range(len(out)):
        out[i] += c * p[i]
    for i in range(len(out)):
        p[i] = a * p[i] + b * u[i]


@compile_once
def _advance_two(p, q, u, A, b, c, out):
    """Let a second-order filter, of state (p, q), see input for one step."""
    a00, a01, a10, a11 = A[0, 0], A[0, 1], A[1, 0], A[1, 1]
    b0, b1, c0, c1 = b[0], b[1], c[0], c[1]
    for i in range(len(out)):
        out[i] += c0 * p[i] + c1 * q[i]
    for i in range(len(out)):
        first = p[i]
        second = q[i]
        p[i] = a00 * first + a01 * second
        q[i] = a10 * first + a11 * second
    for i in range(len(out)):
        p[i] += b0 * u[i]
    for i in range(len(out)):
        q[i] += b1 * u[i]


@compile_once
def lif(current, u, x, voltage, refractory, spikes, fired, A, b, c, constants):
    """Simulate LIF neurons behind a synapse, with exact spike times or whole steps.

    Parameters
    ----------
    current : (n_examples or 1, n_steps or 1, n) ndarray
        Current that does not go through the synapse, such as the bias.
    u : (n_examples or 1, n_steps or 1, n) ndarray
        Current that does. Without steps there is no synapse.
    A, b, c : (order, order), (order,), (order,) ndarray
        The discrete filter, of order one or two.
    x : (n_examples, order, n) ndarray
        Its state; updated.
    voltage, refractory : (n_examples, n) ndarray
        State of the neurons; updated.
    spikes : (n_examples, n_steps, n) ndarray of uint8
        Receives the spikes.
    fired : (n_examples, n) ndarray of int64
        Receives, in addition to what is there, the number of spikes.
    constants : (6,) ndarray
        dt, tau_rc, tau_ref, min_voltage, 1 - exp(-dt / tau_rc), and whether rest
        begins within a step, when v = 1 (one), as with Nengo, or at its end (zero).
    """
    n_examples, n_steps, n = spikes.shape
    n_blocks = (n + BLOCK - 1) // BLOCK
    dt, tau_rc, tau_ref, min_voltage, decay, within = constants
    one, zero = constants.dtype.type(1), constants.dtype.type(0)
    for task in range(n_examples * n_blocks):
        example = task // n_blocks
        low = (task % n_blocks) * BLOCK
        high = min(low + BLOCK, n)
        m = high - low
        J = np.empty(m, voltage.dtype)
        flags = np.zeros((m + 7) // 8 * 8, np.uint8)
        eights = flags.view(np.uint64)
        # without branches that the processor cannot foresee: lists of these two kinds
        firing, waking = np.empty(m + 8, np.int64), np.empty(m + 8, np.int64)
        v, r = voltage[example, low:high], refractory[example, low:high]
        given = only(current, example)
        filtered = only(u, example)
        for t in range(n_steps):
            J[:] = only(given, t)[low:high]
            if len(filtered):
                entering = only(filtered, t)[low:high]
                p = x[example, 0, low:high]
                if len(b) == 1:
                    _advance_one(p, entering, A[0, 0], b[0], c[0], J)
                else:
                    _advance_two(p, x[example, 1, low:high], entering, A, b, c, J)
            for i in range(m):
                rest = r[i] - dt
                r[i] = rest
                new = v[i] + (J[i] - v[i]) * (decay if rest <= zero else zero)
                new = max(new, min_voltage)
                v[i] = new
                flags[i] = (new > one) + 2 * ((rest > zero) & (rest < dt))
            n_firing = n_waking = 0
            for eight in range(len(eights)):
                if eights[eight]:
                    for i in range(8 * eight, 8 * eight + 8):
                        firing[n_firing] = waking[n_waking] = i
                        n_firing += flags[i] & 1
                        n_waking += flags[i] >> 1
            for k in range(n_waking):
                # its rest ends within this step
                i = waking[k]
                new = v[i] - (J[i] - v[i]) * math.expm1((r[i] - dt) / tau_rc)
                v[i] = max(new, min_voltage)
                if new > one:
                    firing[n_firing] = i
                    n_firing += 1
            out = spikes[example, t, low:high]
            out[:] = 0
            for k in range(n_firing):
                i = firing[k]
                r[i] = tau_ref + dt
                if within:
                    # the time since v = 1, by the same exponential
                    r[i] += tau_rc * math.log1p((one - v[i]) / (J[i] - one))
                v[i] = zero
                out[i] = 1
                fired[example, low + i] += 1


@compile_once
def integrate_and_fire(current, voltage, spikes, fired, constants):
    """Simulate integrate-and-fire neurons, whose leak is a factor in each step.

    In each step ``voltage += dt * current``; where it is above one a neuron fires and
    its voltage becomes zero; then ``voltage *= decay``. These are the operations of
    `.IntegrateAndFire` in their order: spikes are the same to the bit, in float32 too.

    Parameters
    ----------
    current : (n_examples or 1, n_steps or 1, n) ndarray
        Input current.
    voltage : (n_examples, n) ndarray
        State of the neurons; updated.
    spikes : (n_examples, n_steps, n) ndarray of uint8
        Receives the spikes.
    fired : (n_examples, n) ndarray of int64
        Receives, in addition to what is there, the number of spikes.
    constants : (2,) ndarray
        dt and decay, in the precision of the voltage.
    """
    n_examples, n_steps, n = spikes.shape
    n_blocks = (n + BLOCK - 1) // BLOCK
    dt, decay = constants
    one, zero = constants.dtype.type(1), constants.dtype.type(0)
    for task in range(n_examples * n_blocks):
        example = task // n_blocks
        low = (task % n_blocks) * BLOCK
        high = min(low + BLOCK, n)
        m = high - low
        count = np.empty(m, np.uint8)
        v = voltage[example, low:high]
        given = only(current, example)
        for first in range(0, n_steps, 255):  # as many as a byte can count
            count[:] = 0
            for t in range(first, min(first + 255, n_steps)):
                J = only(given, t)[low:high]
                out = spikes[example, t, low:high]
                for i in range(m):
                    new = v[i] + dt * J[i]
                    out[i] = new > one
                    v[i] = zero if new > one else new * decay
                for i in range(m):
                    count[i] += out[i]
            for i in range(m):
                fired[example, low + i] += count[i]


@compile_once
def integrate(drive, voltage, counts):
    """Let neurons fire whenever their integrated drive passes a whole number.

    Parameters
    ----------
    drive : (n_examples or 1, n_steps or 1, n) ndarray
        What each step adds to the voltage.
    voltage : (n_examples, n) ndarray
        In [0, 1); updated.
    counts : (n_examples, n_steps, n) ndarray
        Receives the number of spikes in each step.
    """
    n_examples, n_steps, n = counts.shape
    for example in range(n_examples):
        v = voltage[example]
        given = only(drive, example)
        for t in range(n_steps):
            row = only(given, t)
            out = counts[example, t]
            for i in range(n):
                new = v[i] + row[i]
                whole = np.floor(new)
                v[i] = new - whole
                out[i] = whole


@compile_once
def filtered(u, x, out, A, b, c):
    """Pass values through a linear filter of any order.

    Parameters
    ----------
    u : (n_examples or 1, n_steps or 1, n) ndarray
        Values.
    A, b, c : (order, order), (order,), (order,) ndarray
        The discrete filter: in each step the output is ``c x``, then
        ``x = A x + b u``.
    x : (n_examples, order, n) ndarray
        Its state; updated.
    out : (n_examples, n_steps, n) ndarray
        Receives the output.
    """
    n_examples, n_steps, n = out.shape
    order = len(b)
    for example in range(n_examples):
        new = np.empty(order, x.dtype)
        given = only(u, example)
        for t in range(n_steps):
            row = only(given, t)
            y = out[example, t]
            y[:] = 0
            if order == 1:
                _advance_one(x[example, 0], row, A[0, 0], b[0], c[0], y)
            elif order == 2:
                _advance_two(x[example, 0], x[example, 1], row, A, b, c, y)
            else:
                for i in range(n):
                    for k in range(order):
                        y[i] += c[k] * x[example, k, i]
                        new[k] = b[k] * row[i]
                        for j in range(order):
                            new[k] += A[k, j] * x[example, j, i]
                    for k in range(order):
                        x[example, k, i] = new[k]


@compile_once
def begin_regular(current, voltage, refractory, upcoming, interval, last, constants):
    """Foresee the spikes of LIF neurons whose current will not change.

    Between spikes the voltage is an exponential, and Nengo computes where in a step it
    crosses the threshold: in constant current spikes come at a constant interval,
    which has not to be simulated. That holds where neurons rest for a step or longer;
    else Nengo loses what is left of the step of a spike.

    Parameters
    ----------
    current : (n_examples or 1, 1, n) ndarray
        The current.
    voltage, refractory : (n_examples, n) ndarray
        State of the neurons.
    upcoming, interval, last : (n_examples, n) ndarray of float64
        Receive the time of the next spike and the time between spikes, in steps from
        now, infinite for neurons that will never fire; and that there was none yet.
    constants : (4,) ndarray of float64
        dt, tau_rc, tau_ref and min_voltage.
    """
    dt, tau_rc, tau_ref, _ = constants
    for example in range(len(voltage)):
        J = only(current, example)[0]
        v, r = voltage[example], refractory[example]
        for i in range(len(J)):
            last[example, i] = -np.inf
            upcoming[example, i] = interval[example, i] = np.inf
            if J[i] > 1:
                above = np.float64(J[i]) - 1
                rest = max(r[i] - dt, 0.0)
                wait = tau_rc * math.log1p((1 - v[i]) / above)
                upcoming[example, i] = (rest + wait) / dt
                interval[example, i] = (tau_ref + tau_rc * math.log1p(1 / above)) / dt


@compile_once
def regular(upcoming, interval, last, spikes, fired, n_before):
    """Let neurons fire that `begin_regular` looked at.

    Parameters
    ----------
    upcoming, interval, last : (n_examples, n) ndarray of float64
        From `begin_regular`; updated.
    spikes : (n_examples, n_steps, n) ndarray of uint8
        Receives the spikes.
    fired : (n_examples, n) ndarray of int64
        Receives, in addition to what is there, the number of spikes.
    n_before : int
        Steps since then.
    """
    n_examples, n_steps, n = spikes.shape
    end = n_before + n_steps
    for example in range(n_examples):
        out = spikes[example]
        out[:] = 0
        for i in range(n):
            while upcoming[example, i] < end:
                # a neuron that starts above its threshold fires at once
                out[max(int(upcoming[example, i]) - n_before, 0), i] = 1
                fired[example, i] += 1
                last[example, i] = upcoming[example, i]
                upcoming[example, i] += interval[example, i]


@compile_once
def end_regular(current, voltage, refractory, last, n_steps, constants):
    """Bring the state of neurons to where their regular firing has led.

    Parameters
    ----------
    current, voltage, refractory, last, constants
        As in `begin_regular`; voltage and refractory time are updated.
    n_steps : int
        Steps since then.
    """
    dt, tau_rc, tau_ref, min_voltage = constants
    now = n_steps * dt
    for example in range(len(voltage)):
        J = only(current, example)[0]
        v, r = voltage[example], refractory[example]
        for i in range(len(J)):
            start = np.float64(v[i])
            awake = max(r[i] - dt, 0.0)
            r[i] -= now
            if last[example, i] > -np.inf:
                start = 0.0
                awake = last[example, i] * dt + tau_ref
                r[i] = awake - now + dt
            if now > awake:
                start += (start - J[i]) * math.expm1((awake - now) / tau_rc)
            v[i] = max(start, min_voltage)
