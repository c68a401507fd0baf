"""What the machine offers, asked in a way that works on every system."""

import ctypes
import math
import os
import sys

from nengo.exceptions import ValidationError


def memory():
    """Bytes of memory that the machine has; infinite if it does not tell."""
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        found = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return status.total if found else float("inf")
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def check_memory(what, shape, each=8):
    """Refuse arrays of networks that do not fit memory, before they are made.

    What they are is for the error, ``each`` the bytes of each of their numbers.
    """
    n_bytes = each * math.prod(int(length) for length in shape)
    if 2 * n_bytes > memory():
        raise ValidationError(
            f"{what} of {' x '.join(str(length) for length in shape)} would take "
            f"{n_bytes / 1e9:.4g} GB, but this machine has {memory() / 1e9:.1f} GB, of "
            "which half is left for the work; use smaller images or layers",
            attr="Stack.image_shape",
        )


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        *(
            (name, ctypes.c_uint64)
            for name in (
                "available",
                "total_page_file",
                "available_page_file",
                "total_virtual",
                "available_virtual",
                "available_extended_virtual",
            )
        ),
    )
