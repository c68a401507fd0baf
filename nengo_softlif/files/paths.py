"""Paths, and reading what others may have written: with a bound on what it takes."""

import os
import stat
from pathlib import Path

from nengo.exceptions import ValidationError

from ..machine import memory


def expanded(path):
    """Return a `Path` with the home folder in place of ``~``; refuse what is none."""
    if not isinstance(path, (str, os.PathLike)):
        raise ValidationError(f"expected the path of a file, got {path!r}", attr="path")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValidationError(
            f"{str(path)!r} begins with the home folder of somebody unknown here; "
            "write the path in full",
            attr="path",
        ) from error


def irregular(path, unpacked=2):
    """Tell what is wrong with a file, before anything opens it.

    A device never ends, a pipe keeps one waiting, and a file too large takes all
    memory.

    Parameters
    ----------
    path : str or Path
        What is to be read.
    unpacked : int
        Bytes of memory that each byte of the file may take.

    Returns
    -------
    (str, str) or None
        What it is and what to do; None if it can be read.

    Raises
    ------
    OSError
        If there is nothing, or nothing that may be seen.
    """
    try:
        found = os.stat(path)
    except ValueError as error:  # a zero in the name
        return f"is not the name of a file ({error})", "check the path"
    if stat.S_ISDIR(found.st_mode):
        return "is a folder", "give the name of a file in it"
    if not stat.S_ISREG(found.st_mode):
        return "is a device or a pipe", "give the name of a file"
    if unpacked * found.st_size > memory():
        return (
            f"has {found.st_size / 1e9:.1f} GB and may take {unpacked} times as much "
            f"memory, but this machine has {memory() / 1e9:.1f} GB",
            "use a machine with more memory, if it is the right file",
        )
    return None


def check_unpacked(n_bytes, n_packed, what):
    """Refuse to unpack what does not fit memory, or swells as only a trap does.

    That is more than half of the machine's memory, or more than 0.5 GB and more than
    100 times the bytes that it has. The error begins with ``what``, such as "the images
    in 'x.npz'".
    """
    size = f"{min(n_bytes, 10**30) / 1e9:.4g} GB of memory"
    if 2 * n_bytes > memory():
        raise ValidationError(
            f"{what} would take {size}, but this machine has {memory() / 1e9:.1f} GB, "
            "of which half is left for the work; use fewer, or smaller types",
            attr="path",
        )
    if n_bytes > 5e8 and n_bytes > 100 * n_packed:
        raise ValidationError(
            f"{what} would take {size}, unpacked from {n_packed / 1e6:.1f} MB, as real "
            "data never do; if it is what you want, save it without compression",
            attr="path",
        )
