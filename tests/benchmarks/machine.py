"""What the machine is, and how fast it multiplies matrices."""

import os
import platform
from pathlib import Path

import numpy as np

from .workers import serve

SIZE = 2048
PRODUCTS = 20


class Sgemm:
    """Products of large float32 matrices, as a system that takes its turn.

    Parameters
    ----------
    library : {"numpy", "tensorflow"}
        What multiplies. Which is faster depends on the processor.
    **_
        Name and threads; the environment sets the latter.
    """

    def __init__(self, library, **_):
        a, b = np.random.default_rng(0).random((2, SIZE, SIZE), dtype=np.float32)
        if library == "tensorflow":
            import tensorflow as tf

            a, b = tf.constant(a), tf.constant(b)
            self.multiply = lambda: tf.matmul(a, b).shape
            settings = f"TensorFlow {tf.__version__}"
        else:
            out = np.empty_like(a)
            self.multiply = lambda: np.matmul(a, b, out=out)
            settings = f"NumPy {np.__version__}, {_blas()}"
        self.about = {"settings": settings, "images": 0}

    def reset(self):
        """Nothing to do."""

    def run(self):
        """Multiply, for some tenths of a second."""
        for _ in range(PRODUCTS):
            self.multiply()


def sgemm_flops():
    """Floating-point operations of one run."""
    return PRODUCTS * 2 * SIZE**3


def describe():
    """Processor, cores, memory and system, as far as they can be known."""
    description = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                description["processor"] = value.strip()
            elif key.strip() == "flags":
                flags = value.split()
                found = [f for f in ("avx2", "avx512f", "amx_tile") if f in flags]
                description["vectors"] = " ".join(found)
    if hasattr(os, "sysconf"):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        description["memory_gb"] = round(size / 2**30, 1)
    return description


def _blas():
    """Which kernels NumPy's BLAS chose."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown BLAS"
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            return f"{pool['internal_api']} {pool['version']} {pool['architecture']}"
    return "unknown BLAS"


if __name__ == "__main__":
    serve(Sgemm)
