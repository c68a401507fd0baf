"""What docs/formats.rst tells of files: fields, read off the types that check them."""

from nengo_softlif import Evaluation, Ladder, events, examples
from nengo_softlif.evaluation import Difference, Rung
from nengo_softlif.experiments import Findings
from nengo_softlif.files import ArgumentsForm, CheckpointForm, InSpikesForm, ModelForm

import msgspec.inspect
import numpy as np

from .showing import csv_table

FORMS = {
    "model": ModelForm,
    "arguments": ArgumentsForm,
    "arguments-in-spikes": InSpikesForm,
    "checkpoint": CheckpointForm,
    "evaluation": Evaluation,
    "ladder": Ladder,
    "rung": Rung,
    "difference": Difference,
    "findings": Findings,
}
"""What JSON in files must look like, by the includes that tell of it."""

WORDS = {
    msgspec.inspect.AnyType: "anything",
    msgspec.inspect.BoolType: "true or false",
    msgspec.inspect.NoneType: "null",
    msgspec.inspect.StrType: "text",
}


def write(folder):
    """Write what the page includes.

    Parameters
    ----------
    folder : Path
        Where pages include from.
    """
    for name, form in FORMS.items():
        (folder / f"format-{name}.inc").write_text(render(rows(form)))
    for name, arrays in {"data": examples.ARRAYS, "events": events.ARRAYS}.items():
        listed = ", ".join(f"``{array}``" for array in arrays)
        (folder / f"format-{name}.inc").write_text(f"{listed}\n")


def rows(form):
    """Tell of each field of a form its name, what it holds, and when it is missing.

    Parameters
    ----------
    form : type
        A ``Struct`` of `nengo_softlif.files`, or a record. What is in its parts that
        are structs stands below them, with a dot.

    Returns
    -------
    list of (str, str, bool)
        In the order of the file.
    """
    found = []
    for field in msgspec.inspect.type_info(form).fields:
        missing = not field.required
        found.append((field.encode_name, describe(field.type), missing))
        kinds = getattr(field.type, "types", [field.type])
        for kind in kinds:
            if isinstance(kind, msgspec.inspect.StructType) and kind.cls is not form:
                found += [
                    (f"{field.encode_name}.{name}", what, missing)
                    for name, what, missing in rows(kind.cls)
                    if "." not in name  # noise of noise of noise
                ]
    return found


def describe(kind):
    """Say in words what values are allowed.

    Parameters
    ----------
    kind : msgspec.inspect.Type
        A type, as msgspec reads it.

    Returns
    -------
    str
        Such as "list of 2: whole number above 0, or null".
    """
    known = msgspec.inspect
    match kind:
        case known.UnionType():
            return ", or ".join(describe(part) for part in kind.types)
        case known.IntType():
            return f"whole number{_bounds(kind)}"
        case known.FloatType():
            return f"number{_bounds(kind)}"
        case known.ListType():
            item = describe(kind.item_type)
            exact = kind.min_length is not None and kind.min_length == kind.max_length
            return f"list{f' of {kind.min_length}' if exact else ''}: {item}"
        case known.TupleType():
            return f"list: {'; '.join(describe(item) for item in kind.item_types)}"
        case known.DictType():
            return f"object by name: {describe(kind.value_type)}"
        case known.StructType():
            return "object of what follows"
        case known.TypedDictType():
            return f"object: {', '.join(field.encode_name for field in kind.fields)}"
        case known.DataclassType():
            return kind.cls.__name__
        case known.CustomType(cls=np.ndarray):
            return "packed array"
    return WORDS[type(kind)]


def _bounds(kind):
    """Say what limits a number has, but that of float64."""
    limits = {"above": kind.gt, "at least": kind.ge, "below": kind.lt}
    said = [f"{word} {limit:,}" for word, limit in limits.items() if limit is not None]
    return f" {' and '.join(said)}" if said else ""


def render(found):
    """Put rows into a table of reStructuredText."""
    cells = (
        (f"``{name}``", f"{what}; may be missing" if missing else what)
        for name, what, missing in found
    )
    return csv_table(cells, ":align: left\n:class: rooms")
