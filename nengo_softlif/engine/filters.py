"""Synapses as discrete linear systems."""

import numpy as np
from nengo.utils.filter_design import cont2discrete, tf2ss


def discretise(synapses, dt):
    """Discretise a row of synapses as one linear system.

    Parameters
    ----------
    synapses : iterable of nengo.synapses.LinearFilter
        Values pass through one after the other.
    dt : float
        Length of a step in seconds.

    Returns
    -------
    A : (order, order) ndarray
    b : (order,) ndarray
    c : (order,) ndarray
        In each step the output is ``c @ x``; then ``x`` becomes ``A @ x + b * u``.
        So what enters is seen one step later, as in Nengo, where a synapse hands
        its output on at the end of a step.
    """
    A, b, c = np.zeros((0, 0)), np.zeros(0), np.zeros(0)
    for synapse in synapses:
        A2, b2, c2 = _discretise_one(synapse, dt)
        if not len(b):
            A, b, c = A2, b2, c2
            continue
        A = np.block([[A, np.zeros((len(A), len(A2)))], [np.outer(b2, c), A2]])
        b = np.concatenate([b, np.zeros(len(b2))])
        c = np.concatenate([np.zeros(len(c)), c2])
    return A, b, c


def settle(A, b, c):
    """Find what a discrete filter puts out in the end, if one goes in all the time.

    Parameters
    ----------
    A, b, c : (order, order), (order,), (order,) ndarray
        From `discretise`.

    Returns
    -------
    float
        Infinite if the filter does not forget.
    """
    if np.abs(np.linalg.eigvals(A)).max() > 1 - 1e-12:
        return np.inf
    return float(c @ np.linalg.solve(np.eye(len(A)) - A, b))


def _discretise_one(synapse, dt):
    A, B, C, D = tf2ss(synapse.num, synapse.den)
    order, d = len(A), D.item()
    if order == 0:
        return np.zeros((1, 1)), np.array([d]), np.ones(1)
    if synapse.analog:
        A, B, C, D, _ = cont2discrete((A, B, C, D), dt, method=synapse.method)
        d = D.item()
    b, c = B[:, 0], C[0]
    if d == 0:
        return A, b, c
    # Nengo puts out c @ x + d * u of this step at its end: one more state holds it
    return (
        np.block([[A, np.zeros((order, 1))], [c[None], np.zeros((1, 1))]]),
        np.append(b, d),
        np.append(np.zeros(order), 1.0),
    )
