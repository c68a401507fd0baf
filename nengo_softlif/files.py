"""Files that are either the old ones or the new ones, and never run code.

Everything the package saves, models and training checkpoints alike, is one
`safetensors <https://huggingface.co/docs/safetensors>`_ file: named arrays and a JSON
header, with a checksum over both. Reading one never runs code. Every file is written
beside its target first and then takes its place, so a full disk, Ctrl-C or a crash
leaves the earlier file as it was. What a crash leaves beside it goes at the next save.
"""

import hashlib
import json
import os
import zlib
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .replacement import replace

FORMAT = "nengo_softlif"
VERSION = 1

# the types numpy and safetensors share
_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64"),
)


def write(path, header, arrays, kind):
    """Write a header and arrays to one file, or leave what was there untouched.

    The same content gives the same bytes.

    Parameters
    ----------
    path : str or Path
        Where to write. The folder must exist; an earlier file is replaced.
    header : dict
        Anything JSON can hold. JSON turns tuples into lists and keys into strings.
    arrays : dict of str to array_like
        Arrays of numbers or booleans, of any shape.
    kind : str
        What the file holds, such as ``"model"`` or ``"checkpoint"``.

    Raises
    ------
    ValidationError
        If the header is not JSON or an array cannot be stored.
    OSError
        If the file cannot be written; ``errno`` tells the cause.
    """
    try:
        # what read() will see, so that both take the checksum of the same thing
        header = json.loads(json.dumps(header))
    except (TypeError, ValueError) as error:
        raise ValidationError(
            f"expected a header that JSON can hold, but {error}; turn arrays into "
            "lists and NumPy numbers into int or float",
            attr="header",
        ) from error
    arrays = {name: _plain(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise ValidationError(
                f"an array cannot be stored under the name {name!r}; "
                "choose another string",
                attr="arrays",
            )
        if array.dtype.name not in _TYPES:
            raise ValidationError(
                f"expected arrays of numbers or booleans, but {name!r} is of type "
                f"{array.dtype}; convert it",
                attr="arrays",
            )

    record = {"version": VERSION, "kind": kind, "header": header}
    record["sha256"] = sha256(arrays, text=json.dumps(record))
    # a single entry, because safetensors writes several in random order
    replace(path, save(arrays, metadata={FORMAT: json.dumps(record)}))


def read(path, kind):
    """Read what `write` wrote.

    Parameters
    ----------
    path : str or Path
        The file to read.
    kind : str
        What the file must hold, such as ``"model"`` or ``"checkpoint"``.

    Returns
    -------
    header : dict
        The header, as JSON gives it back.
    arrays : dict of str to ndarray
        The arrays, by name.

    Raises
    ------
    ValidationError
        If there is no such file, or it is truncated, altered, foreign, of another
        kind, or from a newer version of this package.
    """
    path = os.path.expanduser(path)

    def unfit(came, remedy):
        return ValidationError(
            f"expected a {kind} saved by {FORMAT}, but {str(path)!r} {came}; {remedy}",
            attr="path",
        )

    damaged = unfit(
        "was altered or damaged after it was saved (its checksum does not fit)",
        "use another copy of it, or save it again",
    )

    if os.path.isdir(path):
        raise unfit("is a folder", "give the name of a file in it")
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except FileNotFoundError as error:
        raise unfit("does not exist", "check the path") from error
    except OSError as error:
        raise unfit(f"cannot be opened ({error.strerror})", "check the path") from error

    try:
        with safe_open(str(path), framework="np") as file:
            text = (file.metadata() or {}).get(FORMAT)
            names = file.keys() if text is not None else []
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, AttributeError, TypeError) as error:
        # the last two come from types NumPy does not have, such as bfloat16
        if FORMAT.encode() in start:
            raise unfit(
                f"is truncated or damaged ({error})",
                "use another copy of it, or save it again",
            ) from error
        raise unfit(
            f"is not a safetensors file ({error})",
            f"give a file that {FORMAT} saved",
        ) from error
    if text is None:
        raise unfit(
            "is a safetensors file of something else",
            f"give a file that {FORMAT} saved",
        )

    try:
        record = json.loads(text)
        checksum = record.pop("sha256")
        version, found, header = (record[key] for key in ("version", "kind", "header"))
        newer = version > VERSION
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    if newer:
        raise unfit(
            f"has format version {version}, and this installation reads up to "
            f"{VERSION}",
            "upgrade with pip install --upgrade nengo_softlif",
        )
    if checksum != sha256(arrays, text=json.dumps(record)):
        raise damaged
    if found != kind:
        raise unfit(f"holds a {found}", f"give the file of a {kind}")
    return header, arrays


def write_text(path, text):
    """Write text as UTF-8, or leave what was there untouched.

    Parameters
    ----------
    path : str or Path
        Where to write. The folder must exist; an earlier file is replaced.
    text : str
        What to write.

    Raises
    ------
    OSError
        If the file cannot be written; ``errno`` tells the cause.
    """
    replace(path, text.encode())


def read_record(path, from_json, name):
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
    try:
        return from_json(Path(path).read_text(encoding="utf-8"))
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error) as error:
        raise ValidationError(
            f"{str(path)!r} is not the record of {name}, or a damaged one ({error}); "
            "give a file that its save wrote",
            attr="path",
        ) from error


def sha256(arrays, text=""):
    """Checksum of named arrays: their names, types, shapes and values.

    Parameters
    ----------
    arrays : dict of str to array_like
        Arrays of any shape. Their order, memory layout and byte order do not matter.
    text : str
        Included in the checksum.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = _plain(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array)
    return digest.hexdigest()


def _plain(array):
    """Return the array in C order and little-endian, as safetensors stores it."""
    array = np.asarray(array)
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
