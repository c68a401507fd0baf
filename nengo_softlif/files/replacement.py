"""Writing files that take the place of others all at once, or not at all."""

import contextlib
import errno
import os
import secrets
import zlib
from pathlib import Path

from filelock import lock_descriptor

from .paths import expanded

_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some of your quota, or choose another disk",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "choose a folder; part of this path is a file",
    errno.EISDIR: "give the name of a file; this is a folder",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a disk you may write to",
}


def replace(path, data):
    """Make ``data`` the content of a file, all of it or nothing.

    What earlier calls for the same file left in its folder, because they were killed,
    is deleted.

    Parameters
    ----------
    path : str or Path
        Where to write; a link goes on pointing to where it did. The folder must exist.
    data : bytes
        What to write.

    Raises
    ------
    ValidationError
        If the path is none.
    OSError
        If the file cannot be written; ``errno`` tells the cause.
    """
    path = expanded(path)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # a pipe, a terminal or /dev/null must not become a regular file
            path.write_bytes(data)
            return
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path = Path(os.path.realpath(path))
        _clear(path)
        _write_beside(path, data)
    except OSError as error:
        cause = error.strerror or str(error)
        remedy = _REMEDIES.get(error.errno, "choose another place")
        raise OSError(
            error.errno, f"cannot write ({cause}); {remedy}", str(path)
        ) from error


def _write_beside(path, data):
    """Write a file that takes the place of ``path`` when it is complete."""
    file = _beside(path)
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if os.name != "nt":
                os.replace(file.name, path)
        if os.name == "nt":  # Windows moves no file that is open
            os.replace(file.name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(file.name)
        raise


def _beside(path):
    """Create a file beside ``path``, held as long as it is open.

    It is in the same folder because os.replace is atomic only within one file system;
    tempfile's functions would make the result unreadable to other users.
    """
    while True:
        name = path.with_name(f"{_mark(path)}{secrets.token_hex(8)}.tmp")
        file = open(name, "xb")
        with contextlib.suppress(OSError):  # some file systems know no locks
            lock_descriptor(file.fileno())
        if name.exists():
            return file
        # another save took it for one left behind before it was held
        file.close()


def _clear(path):
    """Delete what saves of ``path`` left behind when they were killed.

    A save that goes on holds its file, and the system lets go of it with the process.
    """
    if os.name == "nt":
        return  # there a file cannot be held until it takes its place
    with contextlib.suppress(OSError):
        for left in path.parent.glob(f"{_mark(path)}*.tmp"):
            with contextlib.suppress(OSError), open(left, "r+b") as file:
                if lock_descriptor(file.fileno(), blocking=False):
                    left.unlink()


def _mark(path):
    """How the names of files begin that will take the place of ``path``.

    They are of one length, as names have a longest one.
    """
    return f".nengo_softlif-{zlib.crc32(os.fsencode(path.name)):08x}-"
