"""Sparse patterns of weights, whatever their values: products, sums, counts."""

from functools import reduce

import numpy as np
from nengo.exceptions import Unconvertible
from scipy import sparse

LARGEST = 50_000_000
"""Non-zero entries of the largest pattern that is written out."""


class Pattern:
    """Where a matrix is not zero: the Kronecker product of two sparse matrices.

    Images are positions times channels, and convolutions and pools are products
    of what they do to positions and what they do to channels; written out they
    would be thousands of times larger. Other matrices have a right factor of one.

    Parameters
    ----------
    left, right : scipy.sparse matrix
        The factors. Their values do not matter.
    """

    def __init__(self, left, right=None):
        self.left = _boolean(left)
        self.right = _boolean([[1]] if right is None else right)

    def __matmul__(self, first):
        """Pattern of the product of matrices; ``first`` acts first."""
        if isinstance(first, Outer):
            return Outer(self.reached_by(first.rows), first.columns)
        a, b = self, first
        if a.left.shape[1] != b.left.shape[0]:
            a, b = a.written_out(), b.written_out()
        left, right = a.left @ b.left, a.right @ b.right
        return Pattern(left, right)

    def __or__(self, other):
        """Pattern of the sum of matrices."""
        if isinstance(other, Outer):
            return other | self
        a, b = self.written_out(), other.written_out()
        return Pattern(a.left + b.left)

    def reached_by(self, columns):
        """Rows that have an entry in one of these columns."""
        image = columns.reshape(self.left.shape[1], self.right.shape[1])
        return (self.left @ image.astype(np.int32) @ self.right.T > 0).ravel()

    def column_counts(self):
        """Number of entries in each column."""
        left, right = (np.diff(m.tocsc().indptr) for m in (self.left, self.right))
        return np.kron(left.astype(np.int64), right)

    def written_out(self):
        """Return the same pattern as one matrix."""
        if self.right.shape == (1, 1) and self.right.nnz:
            return self
        if self.left.nnz * self.right.nnz > LARGEST:
            raise Unconvertible(
                f"a matrix of {self.left.nnz * self.right.nnz} weights is too large to "
                "be written out; avoid slices and connections side by side after "
                "convolutions"
            )
        return Pattern(sparse.kron(self.left, self.right))

    @property
    def T(self):
        """Pattern of the transposed matrix."""
        return Pattern(self.left.T, self.right.T)


class Outer:
    """Entries in all of some rows and some columns, as dense matrices have.

    Parameters
    ----------
    rows, columns : (n,) ndarray of bool
        The rows and columns.
    """

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns

    def __matmul__(self, first):
        """Pattern of the product of matrices; ``first`` acts first."""
        if isinstance(first, Outer):
            meets = np.any(self.columns & first.rows)
            return Outer(self.rows & meets, first.columns)
        return Outer(self.rows, first.T.reached_by(self.columns))

    def __or__(self, other):
        """Pattern of the sum of matrices."""
        if np.all(self.rows) and np.all(self.columns):
            return self
        return self.written_out() | other.written_out()

    def column_counts(self):
        """Number of entries in each column."""
        return self.columns * np.count_nonzero(self.rows)

    def written_out(self):
        """Return the same pattern as a sparse matrix."""
        n_entries = np.count_nonzero(self.rows) * np.count_nonzero(self.columns)
        if n_entries > LARGEST:
            raise Unconvertible(
                f"a matrix of {n_entries} weights is too large to be written out; "
                "avoid connections side by side with dense ones"
            )
        return Pattern(
            sparse.csr_matrix(self.rows[:, None]) @ sparse.csr_matrix(self.columns)
        )


def multiply(patterns):
    """Pattern of the product of matrices, of which the first acts first."""
    return reduce(lambda first, then: then @ first, patterns)


def make_full(n_rows, n_columns):
    """Entries everywhere, as an `Outer`."""
    return Outer(np.ones(n_rows, dtype=bool), np.ones(n_columns, dtype=bool))


def _boolean(matrix):
    """Sparse matrix with a one wherever there was an entry that is not zero."""
    matrix = sparse.csr_matrix(matrix, copy=True)
    matrix.eliminate_zeros()  # sparse.kron may store some
    ones = np.ones(matrix.nnz, dtype=np.int32)
    return sparse.csr_matrix((ones, matrix.indices, matrix.indptr), matrix.shape)
