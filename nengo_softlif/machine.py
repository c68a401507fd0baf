"""What the machine offers, asked in a way that works on every system."""

import ctypes
import os
import sys


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
