"""Patterns obey the laws of the matrices they stand for.

That they are the patterns of transforms: `test_synops`.
"""

from nengo_softlif.layers import patterns
from nengo_softlif.layers.patterns import Outer, Pattern

import numpy as np
import pytest
from nengo.exceptions import Unconvertible


def drawn(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).random(shape) < 0.4


def kronecker(left, right, seed=0):
    left, right = drawn(*left, seed=seed), drawn(*right, seed=seed + 1)
    return Pattern(left, right), np.kron(left, right)


def plain(n_rows, n_columns, seed=0):
    matrix = drawn(n_rows, n_columns, seed=seed)
    return Pattern(matrix), matrix


def outer(n_rows, n_columns, seed=0):
    rows, columns = drawn(n_rows, seed=seed), drawn(n_columns, seed=seed + 1)
    return Outer(rows, columns), np.outer(rows, columns)


def full(n_rows, n_columns):
    pattern = Outer(np.ones(n_rows, bool), np.ones(n_columns, bool))
    return pattern, np.ones((n_rows, n_columns))


# all take 12 values to 12 values
SQUARE = {
    "image": kronecker((4, 4), (3, 3)),
    "another image": kronecker((6, 6), (2, 2)),
    "wide": kronecker((2, 4), (6, 3), seed=1),
    "plain": plain(12, 12),
    "outer": outer(12, 12),
    "outer 2": outer(12, 12, seed=5),
    "full": full(12, 12),
    "nothing": (Pattern(np.zeros((12, 12))), np.zeros((12, 12))),
}


def assert_equal(pattern, matrix):
    expected = np.asarray(matrix) > 0
    written = pattern.written_out()
    np.testing.assert_array_equal(written.left.toarray() > 0, expected)
    np.testing.assert_array_equal(pattern.column_counts(), expected.sum(axis=0))
    np.testing.assert_array_equal(written.column_counts(), expected.sum(axis=0))


@pytest.mark.parametrize("second", SQUARE)
@pytest.mark.parametrize("first", SQUARE)
def test_products_and_sums(first, second):
    (a, matrix_a), (b, matrix_b) = SQUARE[second], SQUARE[first]
    assert_equal(a @ b, np.asarray(matrix_a, int) @ np.asarray(matrix_b, int))
    assert_equal(a | b, np.asarray(matrix_a, int) + np.asarray(matrix_b, int))


@pytest.mark.parametrize("name", ["image", "wide", "plain", "nothing"])
def test_transposed_and_reached(name):
    pattern, matrix = SQUARE[name]
    assert_equal(pattern.T, np.transpose(matrix))
    for columns in (drawn(12), np.zeros(12, bool), np.ones(12, bool)):
        reached = np.asarray(matrix)[:, columns].any(axis=1)
        np.testing.assert_array_equal(pattern.reached_by(columns), reached)


def test_zeros_that_are_stored_do_not_count():
    matrix = Pattern(np.eye(3)).left.astype(float)
    matrix.data[1] = 0
    np.testing.assert_array_equal(Pattern(matrix).column_counts(), [1, 0, 1])


def test_products_stay_small():
    """Images are never written out on the way."""
    image, _ = kronecker((4, 4), (3, 3))
    assert (image @ image).left.shape == (4, 4)


def test_what_would_not_fit_memory_is_not_written_out(monkeypatch):
    for pattern, matrix in (kronecker((4, 4), (3, 3)), full(5, 5)):
        n_entries = np.count_nonzero(matrix)
        monkeypatch.setattr(patterns, "LARGEST", n_entries)
        assert pattern.written_out().left.nnz == n_entries
        monkeypatch.setattr(patterns, "LARGEST", n_entries - 1)
        with pytest.raises(Unconvertible, match="too large to be written out"):
            pattern.written_out()
