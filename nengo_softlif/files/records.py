"""Records as JSON text: read strictly, and with a bound on what they can take."""

import base64
import json
import math
import re
import zlib
from dataclasses import fields

import numpy as np
from nengo.exceptions import ValidationError

from .paths import check_unpacked, expanded, irregular
from .replacement import replace

_KEYS = ("zlib_base64", "dtype", "shape")


class Record:
    """Base of dataclasses that are kept as JSON.

    Their fields hold what JSON can, arrays of whole numbers, or other records; the
    annotations say what, and files that hold something else are refused. ``_called``
    is what a record is in errors, such as "an evaluation".
    """

    def _check(self):
        """Refuse parts that do not fit together: ValidationError."""

    def to_json(self):
        """Return the record as JSON text, a line for each field."""
        lines = (
            f"  {json.dumps(name)}: {json.dumps(value, default=_plain)}"
            for name, value in _plain(self).items()
        )
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def save(self, path):
        """Write the record to a JSON file.

        Parameters
        ----------
        path : str or Path
            An earlier file survives if writing fails.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        replace(path, self.to_json().encode())

    @classmethod
    def load(cls, path):
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            A JSON file.

        Returns
        -------
        Record
            Of this class.

        Raises
        ------
        ValidationError
            If the file is something else.
        OSError
            If it cannot be read.
        """
        path = expanded(path)
        try:
            odd = irregular(path, unpacked=25)  # "[],[],..." takes that in Python
            if odd:
                raise ValueError(f"it {odd[0]}")
            return cls.from_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValidationError(
                f"{str(path)!r} is not the record of {cls._called}, or a damaged one "
                f"({error}); give a file that its save wrote",
                attr="path",
            ) from error

    @classmethod
    def from_json(cls, text):
        """Read what `to_json` returned.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        Record
            Of this class.

        Raises
        ------
        ValidationError
            If it is something else, or its parts do not fit together.
        """
        from .headers import convert  # takes time to load

        what, remedy = f"the record of {cls._called}", "give what its save wrote"
        record = convert(_parse(text), cls, what, remedy, hook=_unpacked)
        record._check()
        return record


def _plain(value):
    """Turn a record, or an array, into what JSON can hold."""
    if isinstance(value, np.ndarray):
        return packed(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _parse(text):
    """Parse JSON, strictly: no key twice, no NaN, no number beyond float64."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_each_once,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"expected JSON, but {error}", attr="text") from error


def packed(array):
    """Compress an array of small whole numbers into something JSON can hold."""
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
