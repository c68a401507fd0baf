"""Named arrays and a JSON header in one file, checksummed; reading runs no code.

Everything the package saves, models and training checkpoints alike, is one
`safetensors <https://huggingface.co/docs/safetensors>`_ file: named arrays and a JSON
header, with a checksum over both. Reading one never runs code. Every file is written
beside its target first and then takes its place, so a full disk, Ctrl-C or a crash
leaves the earlier file as it was. What a crash leaves beside it goes at the next save.
"""

import hashlib
import json

import numpy as np
from nengo.exceptions import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .paths import expanded, irregular
from .replacement import replace

FORMAT = "nengo_softlif"
VERSION = 1

_ANOTHER = "use another copy of it, or save it again"
_GIVE = f"give a file that {FORMAT} saved"

LARGEST_HEADER = 10_000_000
"""Bytes of a header: 100,000 epochs. Unpacked, JSON can take 20 times as many."""

# the types numpy and safetensors share
_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64"),
)


def write(path, header, arrays, kind, form=None):
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
    form : type, optional
        What the header must look like: a class of `.headers`.

    Raises
    ------
    ValidationError
        If the header is not JSON or of another form, or an array cannot be stored.
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
    _check_form(header, form, f"the header of a {kind}", "correct it")
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
    content = save(arrays, metadata={FORMAT: json.dumps(record)})
    if _header_size(content) > LARGEST_HEADER:
        raise ValidationError(
            f"expected a header of at most {LARGEST_HEADER:,} bytes, got "
            f"{_header_size(content):,}; leave something out, such as of the history",
            attr="header",
        )
    replace(path, content)


def read(path, kind, form=None):
    """Read what `write` wrote.

    Parameters
    ----------
    path : str or Path
        The file to read.
    kind : str
        What the file must hold, such as ``"model"`` or ``"checkpoint"``.
    form : type, optional
        What its header must look like: a class of `.headers`.

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
        kind or form, larger than memory, or from a newer version of this package.
    """
    path = expanded(path)
    text, arrays = _unpack(path, kind, _start(path, kind))
    header = _open_record(path, kind, text, arrays)
    _check_form(header, form, f"the header of a {kind} in {str(path)!r}", _ANOTHER)
    return header, arrays


def _unfit(path, kind, came, remedy):
    return ValidationError(
        f"expected a {kind} saved by {FORMAT}, but {str(path)!r} {came}; {remedy}",
        attr="path",
    )


def _start(path, kind):
    """Return the first bytes of a file that can be opened, and that memory can hold."""
    try:
        odd = irregular(path)
        if not odd:
            with open(path, "rb") as file:
                return file.read(64)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        came = "does not exist" if missing else f"cannot be opened ({error.strerror})"
        raise _unfit(path, kind, came, "check the path") from error
    raise _unfit(path, kind, *odd)


def _unpack(path, kind, start):
    """Return the text of the record in a file that starts like this, and its arrays."""
    try:
        if _header_size(start) > LARGEST_HEADER:
            raise SafetensorError(
                f"its header would have {_header_size(start):,} bytes"
            )
        with safe_open(str(path), framework="np") as file:
            text = (file.metadata() or {}).get(FORMAT)
            if text is not None:
                return text, {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, AttributeError, TypeError) as error:
        # the last two come from types NumPy does not have, such as bfloat16
        came, remedy = f"is not a safetensors file ({error})", _GIVE
        if FORMAT.encode() in start:
            came, remedy = f"is truncated or damaged ({error})", _ANOTHER
        raise _unfit(path, kind, came, remedy) from error
    raise _unfit(path, kind, "is a safetensors file of something else", _GIVE)


def _open_record(path, kind, text, arrays):
    """Return the header in a record, if it is unaltered, of this kind and not newer."""
    damaged = _unfit(
        path,
        kind,
        "was altered or damaged after it was saved (its checksum does not fit)",
        _ANOTHER,
    )
    try:
        record = json.loads(text)
        checksum = record.pop("sha256")
        version, found, header = (record[key] for key in ("version", "kind", "header"))
        newer = version > VERSION
        fits = checksum == sha256(arrays, text=json.dumps(record))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    if newer:
        raise _unfit(
            path,
            kind,
            f"has format version {version}, and this installation reads up to "
            f"{VERSION}",
            "upgrade with pip install --upgrade nengo_softlif",
        )
    if not fits:
        raise damaged
    if found != kind:
        raise _unfit(path, kind, f"holds a {found}", f"give the file of a {kind}")
    return header


def _check_form(header, form, what, remedy):
    if form is not None:
        from . import headers  # takes time to load

        headers.convert(header, form, what, remedy)


def _header_size(content):
    """Bytes that the header of a safetensors file takes, as the file says."""
    return int.from_bytes(content[:8], "little")


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
