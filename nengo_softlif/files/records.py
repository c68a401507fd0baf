"""Records as JSON text: read strictly, and with a bound on what they can take."""

import base64
import json
import math
import re
import zlib
from pathlib import Path
from typing import TypedDict

import numpy as np
from nengo.exceptions import ValidationError

from .paths import check_unpacked, expanded, irregular

_KEYS = ("zlib_base64", "dtype", "shape")


class Chip(TypedDict):
    """What of a chip a model takes, and what simulated it."""

    target: str
    cores: int
    chips: int
    blocks: dict[str, list[dict[str, int]]]


class Synops(TypedDict):
    """Synaptic operations, by what is counted."""

    paper: float | None
    direct: float | None


def load(path, from_json, name):
    """Read what the ``save`` of a record wrote.

    Parameters
    ----------
    path : str or Path
        A JSON file.
    from_json : callable
        Makes the record of the file's text.
    name : str
        What it is, such as "an evaluation".

    Returns
    -------
    object
        What ``from_json`` returned.

    Raises
    ------
    ValidationError
        If the file is something else.
    OSError
        If it cannot be read.
    """
    path = Path(expanded(path))
    try:
        odd = irregular(path, unpacked=25)  # "[],[],..." takes that in Python
        if odd:
            raise ValueError(f"it {odd[0]}")
        return from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValidationError(
            f"{str(path)!r} is not the record of {name}, or a damaged one ({error}); "
            "give a file that its save wrote",
            attr="path",
        ) from error


def parse(text):
    """Read JSON, strictly: no key twice, no NaN, no number beyond float64.

    Parameters
    ----------
    text : str
        JSON.

    Returns
    -------
    object
        Of Python's plain types.

    Raises
    ------
    ValidationError
        If it is something else.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_each_once,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"expected JSON, but {error}", attr="text") from error


def from_json(text, kind):
    """Make a record, and the records in it, of JSON.

    Parameters
    ----------
    text : str
        What its ``to_json`` returned.
    kind : type
        A dataclass, whose annotations say what its fields hold. Arrays come from
        `packed`.

    Returns
    -------
    object
        Of this kind.

    Raises
    ------
    ValidationError
        If it is something else.
    """
    from .headers import converted  # takes time to load

    record, what = parse(text), f"the record of {kind.__name__}"
    return converted(record, kind, what, "give what its save wrote", hook=_unpacked)


def check_sizes(evaluation):
    """Refuse an evaluation whose parts do not fit together.

    Parameters
    ----------
    evaluation : Evaluation
        What `from_json` made.

    Raises
    ------
    ValidationError
        If lists have other lengths than `.evaluate` gives them, something is missing,
        or answers are none of the classes, or not those that were counted.
    """
    n, times = evaluation.n_examples, evaluation.times
    lengths = {"labels": n, "predictions": n, "error_interval_percent": 2}
    if times is not None:
        lengths["error_over_time_percent"] = len(times)
        for name in ("presentation_time", "time_to_decide", "dt"):
            if getattr(evaluation, name) is None:
                raise _error(name, "expected seconds, as there are errors over time")
        answers = evaluation.predictions_over_time
        if answers is None or answers.shape != (n, len(times)):
            expected = f"expected answers of {n} images at {len(times)} times"
            raise _error("predictions_over_time", expected)
    for name, length in lengths.items():
        if length < 1 or len(getattr(evaluation, name) or ()) != length:
            raise _error(name, f"expected {length} numbers for {n} images")
    n_classes = len(evaluation.confusion)
    if any(len(row) != n_classes for row in evaluation.confusion):
        raise _error("confusion", "expected as many answers as classes")
    _check_answers(evaluation, n_classes)
    if evaluation.rows is not None and evaluation.rows < 1:
        raise _error("rows", f"expected rows of images, got {evaluation.rows}")


def _check_answers(evaluation, n_classes):
    """Refuse classes that there are not, and other counts of them."""
    for name in ("labels", "predictions", "predictions_over_time"):
        classes = getattr(evaluation, name)
        if classes is not None and np.size(classes) > 0:
            low, high = np.min(classes), np.max(classes)
            if low < 0 or high >= n_classes:
                raise _error(
                    name,
                    f"expected classes from 0 to {n_classes - 1}, got {low} to {high}",
                )
    counted = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counted, (evaluation.labels, evaluation.predictions), 1)
    if counted.tolist() != evaluation.confusion:
        raise _error("confusion", "expected the numbers of labels and predictions")


def packed(array):
    """Turn an array of small whole numbers into something JSON can hold.

    Parameters
    ----------
    array : ndarray of int, or None
        Of any shape.

    Returns
    -------
    dict or None
        Its values, compressed, its type and its shape.
    """
    if array is None:
        return None
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(array), 9)).decode()
    return {"zlib_base64": data, "dtype": array.dtype.str, "shape": array.shape}


def _unpacked(_, record):
    """Undo `packed`, and unpack no more than what it says it holds."""
    if not isinstance(record, dict) or record.keys() != set(_KEYS):
        raise ValueError(f"expected {', '.join(_KEYS)} of an array")
    text, dtype, shape = (record[key] for key in _KEYS)
    if not isinstance(dtype, str) or not re.fullmatch(r"[|<>][iu][1248]", dtype):
        raise ValueError(f"expected whole numbers, got the type {dtype!r}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"expected a shape, got {shape!r}")
    data = base64.b64decode(text, validate=True)
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    check_unpacked(n_bytes, len(data), "the answers over time")
    stream = zlib.decompressobj()
    try:
        values = stream.decompress(data, n_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"packed answers are damaged ({error})") from error
    if len(values) != n_bytes or not stream.eof or stream.unused_data:
        raise ValueError(f"packed answers do not fill their shape {shape}")
    return np.frombuffer(values, dtype).reshape(shape)


def _each_once(pairs):
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key comes twice")
    return record


def _finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _error(attr, message):
    return ValidationError(message, attr=attr)
