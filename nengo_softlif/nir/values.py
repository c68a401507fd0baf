"""What nodes of NIR put out, as Nengo objects, and the numbers that they hold."""

from dataclasses import dataclass, field, replace

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError


@dataclass
class Part:
    """What a Nengo object adds to a value.

    Attributes
    ----------
    obj : nengo.Node or nengo.ensemble.Neurons
        The object.
    order : (size,) ndarray of int
        Which value of the NIR node each of its values is.
    taus : tuple of float
        Of filters behind it, in seconds.
    scale : (size,) ndarray, optional
        By what it is multiplied, in its own order.
    """

    obj: object
    order: np.ndarray
    taus: tuple = ()
    scale: np.ndarray = None


@dataclass
class Value:
    """What a NIR node puts out.

    Attributes
    ----------
    shape : tuple of int
        In NIR: channels first.
    parts : list of Part
        Are added up.
    offset : (size,) ndarray, optional
        A constant that is added, in NIR's order.
    """

    shape: tuple
    parts: list = field(default_factory=list)
    offset: np.ndarray = None

    @property
    def size(self):
        """Number of values."""
        return int(np.prod(self.shape, dtype=int))


def added(given):
    """Add values of one shape up."""
    offsets = [value.offset for value in given if value.offset is not None]
    parts = [part for value in given for part in value.parts]
    return Value(given[0].shape, parts, sum(offsets) if offsets else None)


def connect(part, target, order, transform=None):
    """Connect a part to an object that has values in this order, or its transform."""
    pre, scale = part.obj, part.scale
    if not np.array_equal(part.order, order):
        places = np.argsort(part.order)[order]
        pre = pre[places]
        scale = None if scale is None else scale[places]
    if scale is not None:
        transform = scale
    more = {} if transform is None else {"transform": transform}
    nengo.Connection(pre, target, synapse=_synapse(part.taus), **more)


def _synapse(taus):
    """One synapse for filters in a row."""
    if not taus:
        return None
    if len(taus) == 1:
        return nengo.Lowpass(taus[0])
    if len(taus) == 2 and taus[0] == taus[1]:
        return nengo.Alpha(taus[0])
    den = np.ones(1)
    for tau in taus:
        den = np.polymul(den, [tau, 1])
    return nengo.LinearFilter([1], den)


def relayed(value, order, label=None):
    """Return a value as that of one Nengo node, in an order, without its offset."""
    node = nengo.Node(size_in=value.size, label=label)
    for part in value.parts:
        connect(part, node, order)
    return node


def source_of(value, order):
    """Return the object that a transform can begin with; a relay only where needed."""
    only = value.parts[0]
    if len(value.parts) == 1 and not only.taus and only.scale is None:
        if np.array_equal(only.order, order):
            return only.obj
    return relayed(value, order)


def add_constant(values, target, taus=()):
    """Connect something that is always the same."""
    nengo.Connection(nengo.Node(values), target, synapse=_synapse(taus))


def scaled(part, scale):
    """Multiply a part by numbers in NIR's order."""
    if np.all(scale == 1):
        return part
    scale = scale[part.order]
    return replace(part, scale=scale if part.scale is None else part.scale * scale)


def settled(name, value):
    """Give a value a Nengo node of its own."""
    order = value.parts[0].order
    return Value(value.shape, [Part(relayed(value, order, name), order)], value.offset)


# -- numbers ---------------------------------------------------------------------------


def read_finite(name, values):
    """Return numbers of a node, all of which are finite."""
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValidationError(
            f"expected finite numbers in node {name!r}, got NaN or infinity; use "
            "another copy of the graph",
            attr="nodes",
        )
    return values


def read_spread(name, values, shape):
    """Return one number for each value of a node, flat, in NIR's order."""
    values = read_finite(name, values)
    if values.size == 1:
        values = values.ravel()[0]
    elif values.size == np.prod(shape):
        return values.ravel()
    try:
        return np.broadcast_to(values, shape).ravel()
    except ValueError as error:
        raise Unconvertible(
            f"node {name!r} has parameters of shape {np.shape(values)} and gets values "
            f"of shape {shape}"
        ) from error


def read_tau(name, values, node=None):
    """Return the one time constant of a node."""
    found = np.unique(read_finite(name, node.tau if values is None else values))
    if len(found) != 1 or found[0] <= 0:
        raise Unconvertible(
            f"node {name!r} has time constants of {found.min():.4g} to "
            f"{found.max():.4g} s; Nengo's neurons and synapses have a single positive "
            "one: make a node for each"
        )
    return float(found[0])


def read_pair(values, n, low=1):
    """Return a whole number for each side."""
    found = np.broadcast_to(np.ravel(values), (n,))
    if np.any(found < low) or np.any(found != np.round(found)):
        raise Unconvertible(
            f"expected whole numbers from {low} on for strides, padding and the like, "
            f"got {values}"
        )
    return tuple(map(int, found))


def read_sizes(name, shape):
    """Return the shape of an input."""
    if shape is None or np.size(shape) == 0 or np.any(np.asarray(shape) < 1):
        raise Unconvertible(f"node {name!r} does not tell of what shape the input is")
    return tuple(map(int, np.ravel(shape)))
