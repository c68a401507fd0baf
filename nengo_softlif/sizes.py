"""Sizes of a network's arrays, known before any of them is made."""

import math

import numpy as np

from .geometry import Windows


class Sizes:
    """Goes through the layers of a `.Stack`, but only compares their sizes.

    It takes the same calls as a `.Stack`. Each layer is compared before the next one,
    so that what is computed here is never larger than what was found.

    Parameters
    ----------
    image_shape : (int, int, int)
        Height, width and channels of the images.
    found : dict of str to tuple of int
        Shapes of arrays, by the names that `.parameters.collect` gives them.

    Raises
    ------
    KeyError
        From each layer that has an array of another shape; it says which.
    """

    def __init__(self, image_shape, found):
        self.shape = tuple(image_shape)
        self.found = found
        self.n_ensembles = self.n_connections = 0

    def convolution(self, n_filters, kernel_size=3, std=None):
        """Compare a convolution that keeps height and width."""
        rows, columns, channels = self.shape
        kernel = (kernel_size, kernel_size, channels, n_filters)
        self._neurons((rows, columns, n_filters), kernel, (1, 1, 1, n_filters))

    def local(self, n_filters, kernel_size=3, std=None):
        """Compare a locally connected layer that keeps height and width."""
        rows, columns, channels = self.shape
        n_weights = channels * n_filters
        for side in self._windows(kernel_size, 1, "same").sides:
            n_weights *= np.count_nonzero(side.inside)
        n_neurons = rows * columns * n_filters
        self._neurons((rows, columns, n_filters), (n_weights,), (n_neurons, 1))

    def dense(self, n_neurons, std=None, dropout=0):
        """Compare a fully connected layer."""
        self._neurons((n_neurons,), (n_neurons, math.prod(self.shape)), (n_neurons, 1))

    def average_pool(self, pool_size=2, strides=None, padding="valid"):
        """Pool, which takes a connection but has no arrays."""
        windows = self._windows(pool_size, strides or pool_size, padding)
        self.shape = (*windows.output_shape, self.shape[2])
        self.n_connections += 1

    def readout(self, n_classes, std=0.01):
        """Compare the readout."""
        self._weights((n_classes, math.prod(self.shape)))
        self._weights((n_classes, 1))

    def _windows(self, size, stride, padding):
        return Windows(self.shape[:2], (size, size), (stride, stride), padding)

    def _neurons(self, shape, weights, bias):
        self._compare(f"ensembles/{self.n_ensembles}/gain", (math.prod(shape),))
        self._weights(weights)
        self._weights(bias)
        self.n_ensembles += 1
        self.shape = shape

    def _weights(self, shape):
        self._compare(f"connections/{self.n_connections}/weights", shape)
        self.n_connections += 1

    def _compare(self, name, shape):
        if self.found.get(name) != shape:
            raise KeyError(f"{name} of shape {shape}, not {self.found.get(name)}")
