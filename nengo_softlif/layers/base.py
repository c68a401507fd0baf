"""What a linear operator is: the contract of all kinds.

A new kind is a class with a ``matrix``. What is faster than that the engine says, in
the table of `.engine.products`; how it is trained, that of `.tensors.operators`.
"""

import copy
from functools import cached_property

from scipy import sparse

from .patterns import Pattern


class Operator:
    """A linear map from ``size_in`` to ``size_out`` values, along the last axis.

    Parameters
    ----------
    size_in, size_out : int
        Values that go in, and that come out.
    connection : nengo.Connection, optional
        Whose weights these are.

    Attributes
    ----------
    weights : ndarray or scipy.sparse.csr_array, optional
        What is trained.
    n_filters : int, optional
        If what comes out can be scaled by the weights: for how many outputs, or
        filters, each by a number of its own.
    output_shape : (int, int, int), optional
        Rows, columns and channels, if what comes out is an image.
    divisor : int
        By what sums are divided, as averages are.
    moves : bool
        Whether values are only picked, or put into other places.
    """

    weights = None
    n_filters = None
    output_shape = None
    divisor = 1
    moves = False

    def __init__(self, size_in, size_out, connection=None):
        self.size_in = size_in
        self.size_out = size_out
        self.connection = connection

    def __repr__(self):
        """Name the kind and sizes."""
        return f"{type(self).__name__}({self.size_in} to {self.size_out})"

    def __call__(self, x):
        """Apply to the last axis of an array."""
        flat = x.reshape(-1, self.size_in)
        matrix = self.matrix().astype(x.dtype)
        out = (matrix @ flat.T).T if sparse.issparse(matrix) else flat @ matrix.T
        return out.reshape(*x.shape[:-1], self.size_out)

    def matrix(self):
        """Write it out.

        Returns
        -------
        (size_out, size_in) ndarray or scipy.sparse.csr_array
        """
        raise NotImplementedError

    def kernel(self):
        """Kernel that is the same at all positions of an image, if it has one.

        Returns
        -------
        (height, width, channels, filters) ndarray or None
            Without groups.
        """
        return None

    def pattern(self):
        """Where the matrix has weights, by its structure.

        Returns
        -------
        Pattern or Outer
            Small also where the matrix is large.
        """
        return Pattern(self.matrix())

    @property
    def n_weights(self):
        """Number of weights that are stored and trained."""
        return 0 if self.weights is None else int(self.weights.size)

    @cached_property
    def n_synapses(self):
        """Number of weights of the unfolded operator, as the papers count.

        Those that are shared count wherever they are used, also where a kernel hangs
        over the border; what has no weights is free.
        """
        return self.n_weights

    def is_identity(self):
        """Whether it gives what it gets, by its weights."""
        return False

    def is_like(self, other):
        """Whether another operator is of the same kind."""
        return type(self) is type(other)

    def times(self, scale):
        """Multiply what comes out.

        Parameters
        ----------
        scale : (size_out,) ndarray
            By what.

        Returns
        -------
        Operator or None
            Of the same kind; None if its weights cannot do it.
        """
        return None

    def with_weights(self, weights):
        """Return one like this with other weights, of the same shape."""
        changed = copy.copy(self)
        changed.weights = weights
        return changed

    def in_words(self):
        """Say in a few words what it does."""
        return f"{type(self).__name__} {self.size_out:,} x {self.size_in:,}"
