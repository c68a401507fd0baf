"""Events of many examples in one table: made of structured arrays, and checked."""

from itertools import pairwise

import numpy as np
from nengo.exceptions import ValidationError

from ..tables import format_size

FIELDS = ("t", "x", "y", "p")
"""What each event has, and the columns of tables."""


def join(attr, examples, sensor_size):
    """Bring the events of all examples into one table, and tell where each begins."""
    _, height, n_polarities = sensor_size
    # of one row or polarity there is nothing to tell
    needed = ["t", "x", *["y"] * (height > 1), *["p"] * (n_polarities > 1)]
    one = isinstance(examples, np.ndarray) and examples.dtype.names
    if one or not np.iterable(examples):
        got = "those of one; put them into a list" if one else repr(examples)
        raise ValidationError(
            f"expected the events of several examples, got {got}", attr=attr
        )
    examples = [np.asarray(example) for example in examples]
    for i, example in enumerate(examples):
        names = example.dtype.names or ()
        found = ", ".join(f"{name} {example.dtype[name]}" for name in names)
        whole = all(f in names and example.dtype[f].kind in "biu" for f in needed)
        if example.ndim != 1 or not whole:
            raise ValidationError(
                f"expected events with the fields {', '.join(needed)} of whole numbers "
                "(t in microseconds), one after the other, got for example "
                f"{i} (counted from 0) an array {example.shape} of "
                f"{found or example.dtype}",
                attr=attr,
            )
    offsets = np.cumsum([0, *map(len, examples)])
    table = np.zeros((offsets[-1], len(FIELDS)), np.int64)
    for example, (start, stop) in zip(examples, pairwise(offsets), strict=True):
        for name in needed:
            table[start:stop, FIELDS.index(name)] = example[name]
    return table, offsets


def check_ranges(attr, table, offsets, sensor_size):
    """Refuse events beside the sensor, or out of order; name the first."""
    time = table[:, 0]
    _refuse(
        attr, table, offsets, 0, time < 0, "times from 0 on, when the example begins"
    )
    names = ("x", "y", "polarity")
    for column, (name, size) in enumerate(zip(names, sensor_size, strict=True), 1):
        outside = (table[:, column] < 0) | (table[:, column] >= size)
        expected = (
            f"{name} from 0 to {size - 1} on a sensor of {format_size(sensor_size)} "
            "(width x height x polarities)"
        )
        _refuse(attr, table, offsets, column, outside, expected)
    late = np.zeros(len(table), bool)
    late[1:] = time[1:] < time[:-1]
    first = offsets[1:-1]
    late[first[first < len(table)]] = False  # another example begins
    expected = (
        "times that do not decrease within an example (sort them: "
        "np.sort(events, order='t', kind='stable'))"
    )
    _refuse(attr, table, offsets, 0, late, expected)


def _refuse(attr, table, offsets, column, wrong, expected):
    """Refuse events that are wrong, if there are any."""
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    example = int(np.searchsorted(offsets, row, side="right")) - 1
    raise ValidationError(
        f"expected {expected}, got {table[row, column]} in event "
        f"{row - offsets[example]} of example {example} (counted from 0), and "
        f"{np.count_nonzero(wrong)} such events in all",
        attr=attr,
    )


def checked_size(attr, size):
    """Return (width, height, polarities) as whole numbers."""
    array = np.asarray(size)
    if array.shape != (3,) or array.dtype.kind not in "iu" or np.any(array < 1):
        raise ValidationError(
            "expected (width, height, polarities) in whole numbers, such as "
            f"(34, 34, 2), got {size!r}",
            attr=attr,
        )
    return tuple(array.tolist())
