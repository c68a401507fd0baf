"""Events in files, as plain arrays."""

import io

import numpy as np
from nengo.exceptions import ValidationError

from .. import files
from ..checks import check_whole
from ..images import check_classes, checked_labels, small
from .arrays import FIELDS, check_ranges, checked_size, join
from .binning import bin_events, microseconds, n_needed

ARRAYS = (
    *("events_train", "offsets_train", "y_train"),
    *("events_test", "offsets_test", "y_test"),
    *("sensor_size", "dt", "n_steps"),
)
"""What a file of events holds."""


def save(path, train, y_train, test, y_test, sensor_size, dt=0.001, n_steps=None):
    """Write events to a file, from which `.datasets.load` makes frames.

    Parameters
    ----------
    path : str or Path
        Of the file; ``.npz`` is its ending.
    train : sequence of structured arrays
        Events of each example to train on, as for `frames`.
    y_train : array_like (n,)
        Their classes, counted from 0.
    test : sequence of structured arrays
        Events of each example to test on.
    y_test : array_like (n,)
        Their classes, each of which occurs in training.
    sensor_size, dt, n_steps
        As for `frames`. The file keeps the events, so that ``datasets.load(path, dt)``
        can make other frames of them.

    Raises
    ------
    ValidationError
        If events, labels or numbers are not as they should be. Nothing is written then.
    OSError
        If the file cannot be written. An earlier one survives.

    Examples
    --------
    >>> seen = np.array([(0, 1, 1, 0), (2500, 2, 3, 1)],
    ...                 dtype=[(name, int) for name in "txyp"])
    >>> softlif.events.save("seen.npz", [seen, seen], [0, 1], [seen], [0], (4, 4, 2))
    >>> softlif.datasets.load("seen.npz").x_train.shape
    (2, 3, 4, 4, 2)
    """
    sensor_size = checked_size("sensor_size", sensor_size)
    period, last, arrays = microseconds(dt), 0, {}
    for part, events, labels in (("train", train, y_train), ("test", test, y_test)):
        table, offsets = join(part, events, sensor_size)
        check_ranges(part, table, offsets, sensor_size)
        labels = checked_labels(f"y_{part}", labels)
        _check_labels(f"y_{part}", offsets, labels)
        last = max(last, n_needed(part, table, period, n_steps))
        arrays[f"events_{part}"] = table
        arrays[f"offsets_{part}"] = offsets
        arrays[f"y_{part}"] = labels
    check_classes(arrays["y_train"], arrays["y_test"])
    content = io.BytesIO()
    np.savez_compressed(
        content,
        **{name: small(array) for name, array in arrays.items()},
        sensor_size=np.array(sensor_size),
        dt=np.float64(dt),
        n_steps=np.int64(last if n_steps is None else n_steps),
    )
    files.replace(path, content.getvalue())


def from_file(arrays, dt=None, n_steps=None):
    """Make frames of the arrays of a file.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Those of `ARRAYS`, as read.
    dt : float, optional
        Seconds in a frame, other than in the file.
    n_steps : int, optional
        Frames for each example; by default the time that those in the file take.

    Returns
    -------
    dict of str to ndarray
        ``x_train``, ``y_train``, ``x_test`` and ``y_test``, for a `.Dataset`.
    """
    sensor_size = checked_size("Dataset.sensor_size", arrays["sensor_size"])
    in_file, n_in_file = (arrays[name] for name in ("dt", "n_steps"))
    if in_file.shape or n_in_file.shape:
        raise ValidationError(
            f"expected one number each, got {in_file.shape} and {n_in_file.shape}",
            attr="Dataset.dt, n_steps",
        )
    period = microseconds(in_file.item())
    check_whole("Dataset.n_steps", n_in_file.item(), 1)
    n_steps = n_in_file.item() if n_steps is None and dt is None else n_steps
    if dt is not None:
        lasts, period = period * n_in_file.item(), microseconds(dt)
        n_steps = -(-lasts // period) if n_steps is None else n_steps
    found = {}
    for part in ("train", "test"):
        attr, labels = f"Dataset.events_{part}", arrays[f"y_{part}"]
        table, offsets = _checked_table(part, arrays)
        check_ranges(attr, table, offsets, sensor_size)
        _check_labels(f"Dataset.y_{part}", offsets, labels)
        found[f"x_{part}"] = bin_events(
            attr, table, offsets, sensor_size, period, n_steps
        )
        found[f"y_{part}"] = labels
    return found


def _checked_table(part, arrays):
    """Check the form of the events in a file; return table and offsets."""
    table, offsets = (arrays[f"{name}_{part}"] for name in ("events", "offsets"))
    if table.ndim != 2 or table.shape[1] != len(FIELDS) or table.dtype.kind not in "iu":
        raise ValidationError(
            "expected whole numbers (n_events, 4), the columns t, x, y and p, got "
            f"{table.shape} of {table.dtype}",
            attr=f"Dataset.events_{part}",
        )
    fits = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) > 0
    table, offsets = table.astype(np.int64), offsets.astype(np.int64)
    if fits:
        fits = np.all(np.diff(offsets) >= 0)
        fits = fits and (offsets[0], offsets[-1]) == (0, len(table))
    if not fits:
        raise ValidationError(
            "expected whole numbers that do not decrease, from 0 to the "
            f"{len(table)} events in events_{part}: example i is "
            f"events_{part}[offsets[i]:offsets[i + 1]]",
            attr=f"Dataset.offsets_{part}",
        )
    return table, offsets


def _check_labels(attr, offsets, labels):
    if len(offsets) - 1 != len(labels):
        raise ValidationError(
            f"expected a label for each of the {len(offsets) - 1} examples, got "
            f"{len(labels)} labels",
            attr=attr,
        )
