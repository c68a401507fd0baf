"""Curves of rate neurons in the operators of ONNX.

From a graph, neurons and the name of their currents above threshold to the name of
their rates. All of it is float32.
"""

from collections.abc import Callable
from typing import NamedTuple

import nengo
import numpy as np

from ..neurons import NeuronTable, SoftLIFRate


class Curve(NamedTuple):
    """What ONNX computes for a type of neurons.

    Parameters
    ----------
    write : callable
        Takes graph, neurons, and name of the currents above threshold.
    threshold : float
        What is subtracted from the input current.
    """

    write: Callable
    threshold: float = 0.0


def _soft_lif(graph, neurons, j):
    """See `.SoftLIFRate` for the equations, and for what is done in the tail."""
    sigma, tau_rc, tau_ref = neurons.sigma, neurons.tau_rc, neurons.tau_ref
    tail = max(np.log(sigma), 0) - np.log(np.finfo(np.float32).eps)
    scaled = graph.add("Div", j, sigma)
    size = graph.add("Min", graph.add("Abs", scaled), tail)
    e = graph.add("Exp", graph.add("Neg", size))
    soft = graph.add("Mul", _log1p(graph, e), sigma)
    z = graph.add("Add", graph.add("Relu", j), soft)
    interval = _interval(graph, neurons, z)
    rates = graph.add("Div", neurons.amplitude, interval)
    # log(1 + 1/z) = -log z there; sigma on both sides, so that nothing overflows
    low = graph.add("Mul", graph.add("Min", j, -tail * sigma), -tau_rc)
    offset = sigma * (tau_ref - tau_rc * np.log(sigma))
    below = graph.add("Div", neurons.amplitude * sigma, graph.add("Add", low, offset))
    return graph.add("Where", graph.add("Less", scaled, -tail), below, rates)


def _lif(graph, neurons, j):
    above = graph.add("Max", j, 1e-30)  # where one over it is a number
    rates = graph.add("Div", neurons.amplitude, _interval(graph, neurons, above))
    return graph.add("Where", graph.add("Greater", j, 0.0), rates, 0.0)


def _interval(graph, neurons, z):
    """Time between spikes, in seconds: refractory, and to charge the membrane."""
    charging = _log1p(graph, graph.add("Div", 1.0, z))
    charging = graph.add("Mul", charging, neurons.tau_rc)
    return graph.add("Add", charging, neurons.tau_ref)


def _log1p(graph, x):
    """Logarithm of 1 + x, which ONNX lacks.

    To rounding also where x is small: D. Goldberg, "What Every Computer Scientist
    Should Know About Floating-Point Arithmetic", ACM Computing Surveys 23:5-48, 1991,
    theorem 4.
    """
    above = graph.add("Add", x, 1.0)
    quotient = graph.add("Div", x, graph.add("Sub", above, 1.0))
    product = graph.add("Mul", graph.add("Log", above), quotient)
    return graph.add("Where", graph.add("Equal", above, 1.0), x, product)


def _rectified(graph, neurons, j):
    return _times(graph, graph.add("Relu", j), neurons.amplitude)


def _sigmoid(graph, neurons, j):
    return _times(graph, graph.add("Sigmoid", j), 1 / neurons.tau_ref)


def _tanh(graph, neurons, j):
    return _times(graph, graph.add("Tanh", j), 1 / neurons.tau_ref)


def _times(graph, x, factor):
    return x if factor == 1 else graph.add("Mul", x, float(factor))


CURVES = NeuronTable(
    "curves for ONNX",
    {
        SoftLIFRate: Curve(_soft_lif, threshold=1.0),
        nengo.LIFRate: Curve(_lif, threshold=1.0),
        nengo.RectifiedLinear: Curve(_rectified),
        nengo.Sigmoid: Curve(_sigmoid),
        nengo.Tanh: Curve(_tanh),
    },
)
"""The `Curve` of each type of rate neurons that has no state."""
