"""What leads from one layer to another, in the pieces that NIR has nodes for."""

import numpy as np
from scipy import sparse

from ..layers import operators
from . import kernels


class Path:
    """Operators on images, one after the other, and then those that are multiplied out.

    Parameters
    ----------
    ends : list of str
        Nodes; the path begins with their sum.
    image : (int, int, int) or None
        Rows, columns and channels of that; None if it is flat.
    size : int
        Number of its values.
    ops : list of Operator
        What it does.
    taus : tuple of (float, bool)
        Time constants of its filters, and whether a synapse of Nengo's ends there.
    strict : bool
        Whether numbers for each value of an image have a node of their own.
    sides : int
        One or two, as images have in NIR.

    Attributes
    ----------
    begin : (int, int, int) or None
        The image that it begins with.
    image : (int, int, int) or None
        That which it ends with.
    steps : list of Operator
        Operators on images.
    rest : list of Operator
        Those after them; what comes out is flat, then.
    """

    def __init__(self, ends, image, size, ops, taus, strict, sides):
        self.ends, self.begin, self.size, self.taus = ends, image, size, taus
        self.image, self.steps, self.sides = image, [], sides
        for op in ops:
            step = None if self.image is None else self._on_image(op, strict)
            if step is None:
                break
            self.steps.append(step)
            self.image = getattr(step, "output_shape", None) or self.image
        self.rest = list(ops[len(self.steps) :])
        if self.rest:
            self.image = None

    def _on_image(self, op, strict):
        """Return an operator as one on the image, if it is."""
        if isinstance(op, operators.Scale):
            if strict:
                return op
            scale = kernels.over_channels(op.weights, self.image)
            return None if scale is None else kernels.pointwise(self.image, scale)
        if not isinstance(op, (operators.Convolution, operators.Pool)):
            return None
        if tuple(op.input_shape) != self.image:
            return None
        if isinstance(op, operators.Pool):
            if strict and pools_plainly(op, self.sides):
                return op
            if not strict and not kernels.is_even(op):
                return None
        return None if kernels.place(op.windows, self.sides) is None else op

    def flatten(self):
        """Multiply the last step out, so that what comes out is flat."""
        if self.image is not None:
            size = int(np.prod(self.image))
            last = self.steps.pop() if self.steps else operators.Scale(np.ones(size))
            self.rest, self.image = [last], None

    def prepare(self, bias):
        """See to it that the node at the end can have a bias (size,)."""
        if self.image is not None and kernels.over_channels(bias, self.image) is None:
            self.flatten()
        if self.image is not None:
            if not self.steps or not isinstance(self.steps[-1], operators.Convolution):
                ones = np.ones(self.image[2])
                self.steps.append(kernels.pointwise(self.image, ones))
        elif all(isinstance(op, operators.Scale) for op in self.rest):
            self.rest.append(operators.Matrix(sparse.eye_array(bias.size).tocsr()))


def pools_plainly(pool, sides):
    """Whether a pool is one of NIR's: of two sides, with nothing beyond the edges."""
    return sides == 2 and kernels.is_even(pool)


def agree(paths, bias):
    """Give what leads to a layer one form, and the first path a bias, if there is one.

    Returns
    -------
    (int, int, int) or None
        The image that the layer is.
    """
    if bias is not None:
        paths[0].prepare(bias)
    if len({path.image for path in paths}) > 1:
        for path in paths:
            path.flatten()
        if bias is not None:
            paths[0].prepare(bias)
    return paths[0].image
