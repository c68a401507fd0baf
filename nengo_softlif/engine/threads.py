"""All processors at once: functions that release the interpreter's lock."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

SMALL = 100_000
"""Bytes that are dealt with before another thread has begun."""

PARTS = 4
"""Parts for each thread: who is done, or was not interrupted, takes the next."""


def spread(kernel, divided, shared=(), n_bytes=None):
    """Call a function on parts of arrays, in several threads.

    Parameters
    ----------
    kernel : callable
        Takes arrays, works on each of their first axis' entries alone, and lets
        other threads run meanwhile.
    divided : sequence of ndarray, or of named tuples of them
        In C order. Are cut along the first axis, but for those that have one entry
        only.
    shared : sequence
        Other arguments, the same for all.
    n_bytes : int, optional
        How much is dealt with, if that is not what is divided.
    """
    arrays = [array for given in divided for array in _members(given)]
    for array in arrays:
        # in another order, a row that the function flattens would be a copy
        assert array.flags.c_contiguous, (kernel, array.shape, array.strides)
    n = max(map(len, arrays))
    n_workers = min(n, count_threads())
    if n_bytes is None:
        n_bytes = sum(array.nbytes for array in arrays)
    if n_workers == 1 or n_bytes < SMALL:
        kernel(*divided, *shared)
        return
    n_parts = min(n, PARTS * n_workers)
    edges = [n * i // n_parts for i in range(n_parts + 1)]
    parts = iter(  # of a list, so that threads may share it
        [
            [_cut(given, n, low, high) for given in divided]
            for low, high in itertools.pairwise(edges)
        ]
    )

    def work():
        for part in parts:
            kernel(*part, *shared)

    pool = _start_pool(os.getpid(), n_workers)
    others = [pool.submit(work) for _ in range(n_workers - 1)]
    work()
    for other in others:
        other.result()


def multiply(rows, matrix):
    """Multiply rows by a matrix, in several threads.

    Threads of BLAS wait busily for the next product, and would take the processors from
    all that comes between.

    Parameters
    ----------
    rows : (n_rows, n) ndarray
        Any number of rows.
    matrix : (n, m) ndarray
        By what.

    Returns
    -------
    (n_rows, m) ndarray
    """
    rows = np.ascontiguousarray(rows)
    out = np.empty((len(rows), matrix.shape[1]), np.result_type(rows, matrix))
    with one_blas_thread():
        spread(lambda rows, out: np.matmul(rows, matrix, out=out), [rows, out])
    return out


def one_blas_thread():
    """Keep BLAS to the thread that calls it, within a ``with`` block."""
    return _find_blas().limit(limits=1, user_api="blas")


@cache
def _find_blas():
    return ThreadpoolController()


def _members(given):
    """Arrays of a named tuple, or the one that is given."""
    return given if isinstance(given, tuple) else (given,)


def _cut(given, n, low, high):
    """Part of an array of n entries, or of those in a named tuple; all of others."""
    if isinstance(given, tuple):
        return type(given)(*(_cut(array, n, low, high) for array in given))
    return given if len(given) < n else given[low:high]


def flatten(array):
    """Return all values of an array as one row, to be written to."""
    assert array.flags.c_contiguous, array.strides  # else the row would be a copy
    return array.reshape(-1)


def count_threads():
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _start_pool(process, n):
    """Threads of this process; those of another do not survive its fork."""
    return ThreadPoolExecutor(n)
