"""Work that is divided among threads."""

from typing import NamedTuple

from nengo_softlif.engine import threads

import numpy as np
import pytest


class Pair(NamedTuple):
    given: np.ndarray
    shared: np.ndarray


@pytest.mark.parametrize("n", [1, 3])
def test_arrays_and_named_tuples_of_them_are_cut_alike(n, monkeypatch):
    monkeypatch.setattr(threads, "count_threads", lambda: n)
    monkeypatch.setattr(threads, "SMALL", 0)
    given = np.arange(50.0).reshape(25, 2)
    out = np.zeros((25, 2))
    sizes = []

    def kernel(out, pair, factor):
        sizes.append(len(out))
        assert len(pair.shared) == 1
        out += factor * pair.given + pair.shared

    threads.spread(kernel, [out, Pair(given, np.ones((1, 2)))], [3])
    np.testing.assert_array_equal(out, 3 * given + 1)
    assert sum(sizes) == 25
    assert len(sizes) == (1 if n == 1 else threads.PARTS * n)


@pytest.mark.parametrize("n_bytes", [None, threads.SMALL])
def test_small_arrays_may_stand_for_much_work(n_bytes, monkeypatch):
    monkeypatch.setattr(threads, "count_threads", lambda: 2)
    sizes = []
    threads.spread(lambda part: sizes.append(len(part)), [np.zeros(8)], n_bytes=n_bytes)
    assert sizes == ([8] if n_bytes is None else 8 * [1])
