"""Neuron types, noise, synapses, transforms and distributions, by name and arguments.

They are objects that do not change, and tell when they are equal: what is written down
is made again at once and compared, so that a file never holds another network than the
one that was saved.
"""

import inspect
import math
from functools import cache

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError
from nengo.params import FrozenObject, iter_params

from .. import files
from ..registry import PARTS
from .records import Part

_WEIGHTS = "init", "indices"
"""Arguments of transforms that are no part of their record."""


def describe_part(part, keep):
    """Write down a part of a network.

    Parameters
    ----------
    part : FrozenObject or None
        What belongs to the network.
    keep : callable
        Takes an array, and returns the name under which it is kept.

    Returns
    -------
    dict or None
        As ``records.Part``.

    Raises
    ------
    Unconvertible
        If it is of a class that no row of ``registry.PARTS`` has, or holds what no file
        can.
    """
    record = _describe(part, keep)
    arrays = {}

    def again(array):
        arrays[str(len(arrays))] = array
        return str(len(arrays) - 1)

    if make_part(_describe(part, again), arrays) != part:
        raise Unconvertible(f"{part!r} has more to it than its arguments tell")
    return record


def describe_transform(transform, keep):
    """Write down a transform but for its weights."""
    arguments = _arguments(transform)
    record = {
        name: _describe(getattr(transform, name), keep)
        for name in arguments
        if name not in _WEIGHTS
    }
    return {"type": _name(transform), "arguments": record}


def make_part(record, arrays):
    """Make what `describe_part` wrote down; see there.

    Raises
    ------
    ValidationError
        If no row has the name, or its class does not take the arguments.
    """
    if isinstance(record, list):
        return tuple(make_part(value, arrays) for value in record)
    if not isinstance(record, dict):
        return record
    if record.keys() == {"array"}:
        return arrays[record["array"]]
    if record.keys() == {"number"}:
        return float(record["number"])
    if record.keys() == {"entries"}:
        entries = record["entries"]
        return {name: make_part(value, arrays) for name, value in entries.items()}
    return make(record, arrays)


def make(record, arrays, **more):
    """Call the class of a record with its arguments, and some more."""
    part = files.convert(record, Part, "a part of a network", "use another copy")
    cls, arguments = PARTS.find(part.type, "type"), part.arguments
    known = {*_parameters(cls), *iter_params(cls)} - set(_WEIGHTS)
    if arguments.keys() - known:
        raise ValidationError(
            f"{part.type} has no {', '.join(sorted(arguments.keys() - known))}",
            attr="arguments",
        )
    made = {name: make_part(value, arrays) for name, value in arguments.items()}
    return cls(**made, **more)


def _describe(value, keep):
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, nengo.transforms.ChannelShape):
        value = value.shape
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        return {"array": keep(value)}
    if isinstance(value, (list, tuple)):
        return [_describe(entry, keep) for entry in value]
    if isinstance(value, dict):
        return {"entries": {name: _describe(v, keep) for name, v in value.items()}}
    if not isinstance(value, FrozenObject):
        raise Unconvertible(f"{value!r} cannot be written to a file")
    arguments = {name: getattr(value, name) for name in _arguments(value)}
    return {
        "type": _name(value),
        "arguments": {name: _describe(v, keep) for name, v in arguments.items()},
    }


def _name(part):
    name = type(part).__name__
    if name not in PARTS or PARTS[name] is not type(part):
        raise Unconvertible(
            f"{part!r} is of a class that files do not know, "
            f"{type(part).__module__}.{name}; add a row to nengo_softlif.registry.PARTS"
        )
    return name


def _arguments(part):
    """Names of the arguments that a part was made of."""
    names = [name for name in _parameters(type(part)) if hasattr(part, name)]
    if not _hands_on(type(part)):
        return names
    # what its class hands on to its base, without naming it
    plain = type(part)(**{name: getattr(part, name) for name in names})
    params = ((name, getattr(type(part), name)) for name in iter_params(part))
    return names + [name for name, param in params if not param.equal(part, plain)]


@cache
def _parameters(cls):
    """Names of what a class takes."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]


@cache
def _hands_on(cls):
    """Whether a class takes more than it names."""
    parameters = inspect.signature(cls).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)
