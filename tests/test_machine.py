import ctypes
import os

from nengo_softlif import machine

import pytest


@pytest.mark.skipif(
    not os.path.exists("/proc/meminfo"), reason="this system has no /proc/meminfo"
)
def test_memory_is_what_the_system_says():
    with open("/proc/meminfo") as file:
        kilobytes = int(file.readline().split()[1])
    assert machine.memory() == pytest.approx(1024 * kilobytes, rel=0.05)


def test_memory_without_sysconf(monkeypatch):
    """As on systems that are neither POSIX nor Windows."""
    monkeypatch.delattr(os, "sysconf")
    assert machine.memory() == float("inf")


def test_windows_gets_the_record_that_it_expects():
    """Its documentation has 64 bytes, and the total at the eighth."""
    assert ctypes.sizeof(machine._MemoryStatus) == 64
    assert machine._MemoryStatus.total.offset == 8
