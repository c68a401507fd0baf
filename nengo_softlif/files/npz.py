"""NumPy's ``.npz`` files, looked at before they are unpacked.

Four megabytes can unpack to four gigabytes: what is declared, in the folder of the zip
file and in the header of each array, is checked first.
"""

import math
import zipfile
import zlib
from dataclasses import dataclass
from tokenize import TokenError

import numpy as np

from .paths import check_unpacked

DAMAGED = (
    *(OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
    *(NotImplementedError, RuntimeError, SyntaxError, TokenError),
)
"""What zipfile, zlib and NumPy raise over damaged bytes."""


@dataclass(frozen=True)
class Declared:
    """What an ``.npz`` file says of one of its arrays.

    Parameters
    ----------
    info : zipfile.ZipInfo
        Where it lies.
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its type.
    """

    info: zipfile.ZipInfo
    shape: tuple
    dtype: np.dtype

    @property
    def n_bytes(self):
        """Bytes that it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def names(archive):
    """Names of the arrays in an open zip file."""
    return [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]


def declared(archive, name):
    """Read what the open file says of an array, but not the array.

    ValueError if it is not the header of plain numbers, or belies the zip file's
    folder.
    """
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that NumPy does not write")
    with archive.open(info) as file:
        # later versions are for names of fields, and their headers may be of any size
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of a type that has fields")
        try:
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        except MemoryError as error:  # which Python's parser raises, in 64 kB of text
            raise ValueError(f"the header of {name} is nested too deep") from error
        start = file.tell()
    if dtype.kind not in "biuf" or dtype.shape:
        raise ValueError(f"{name} is of type {dtype}")
    found = Declared(info, shape, dtype)
    if min(shape, default=0) < 0 or start + found.n_bytes != info.file_size:
        raise ValueError(
            f"{name} of shape {shape} would take {found.n_bytes} bytes, and the file "
            f"has {info.file_size - start} for it"
        )
    return found


def read(archive, found, what, beside=0):
    """Read the arrays that are ``found``, unless they would take too much memory.

    What they are is for the error; ``beside`` are bytes that are needed beside them.
    """
    n_bytes = beside + sum(array.n_bytes for array in found.values())
    check_unpacked(n_bytes, sum(a.info.compress_size for a in found.values()), what)
    return {name: _read(archive, array.info) for name, array in found.items()}


def _read(archive, info):
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
