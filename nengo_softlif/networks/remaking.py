"""Networks made again from files that name them."""

import inspect
import math
from functools import partial

import numpy as np
from nengo.exceptions import ValidationError

from .. import files
from .. import noise as noises
from ..geometry import Windows
from ..loading import MAKERS, check_sizes, load
from . import hunsberger, lee, residual

__all__ = ["FUNCTIONS", "LAYERS", "Sizes", "load"]


def _remake(function, path, header, arrays):
    """Call the function that made a network, if its arrays are those of the file."""
    name, arguments = function.__name__, dict(header["source"]["arguments"])
    unknown = arguments.keys() - inspect.signature(function).parameters.keys()
    if unknown:
        raise ValidationError(
            f"{str(path)!r} gives the network {name!r} the arguments "
            f"{', '.join(sorted(unknown))}, which this version does not know; upgrade "
            "nengo_softlif",
            attr="network",
        )
    in_rates = "noise" in inspect.signature(function).parameters
    files.convert(
        arguments,
        files.ArgumentsForm if in_rates else files.InSpikesForm,
        f"the arguments of the network {name!r} in {str(path)!r}",
        "use another copy of it, or save it again",
    )
    if in_rates:
        arguments["noise"] = noises.from_json(arguments["noise"])
    n_values = math.prod(arguments["image_shape"])
    check_sizes(path, header, [n_values, arguments["n_classes"]])
    _check_arrays(path, LAYERS[function], arguments, arrays)
    return function(**arguments)


_OF_STACKS = {"image_shape", "noise", "seed"}


def _check_arrays(path, layers, arguments, arrays):
    """Refuse sizes that the arrays belie: a small file could ask for any memory."""
    n_bytes = sum(array.nbytes for array in arrays.values())
    what = f"the images of the network that {str(path)!r} names"
    files.check_unpacked(8 * math.prod(arguments["image_shape"]), n_bytes, what)
    found = {name: array.shape for name, array in arrays.items()}
    settings = {name: arguments[name] for name in arguments.keys() - _OF_STACKS}
    try:
        layers(Sizes(arguments["image_shape"], found), **settings)
    except KeyError as error:
        raise ValidationError(
            f"the network that {str(path)!r} names has {error.args[0]} as in the file; "
            "it was altered, or changed after it was made, so build it and call "
            "load(path, network=net)",
            attr="network",
        ) from error


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
        self.biases = True
        self.n_ensembles = self.n_connections = 0

    def convolution(self, n_filters, kernel_size=3, strides=1, std=None, dropout=0):
        """Compare a convolution with padding "same"."""
        channels = self.shape[2]
        rows, columns = self._windows(kernel_size, strides, "same").output_shape
        kernel = (kernel_size, kernel_size, channels, n_filters)
        self._neurons((rows, columns, n_filters), kernel, (1, 1, 1, n_filters))
        return self.shape

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

    def neurons(self, neuron_type=None, label=None):
        """Compare neurons without weights."""
        self._compare(f"ensembles/{self.n_ensembles}/gain", (math.prod(self.shape),))
        self.n_connections += 1
        self.n_ensembles += 1
        return self.shape

    def shortcut(self, start, strides=1, weights=True, std=None):
        """Compare a shortcut from where the shape was ``start``."""
        if weights:
            self._weights((1, 1, start[2], self.shape[2]))
        else:
            self.n_connections += 1

    def average_pool(self, pool_size=2, strides=None, padding="valid"):
        """Pool, which takes a connection but has no arrays."""
        windows = self._windows(pool_size, strides or pool_size, padding)
        self.shape = (*windows.output_shape, self.shape[2])
        self.n_connections += 1
        return self.shape

    def readout(self, n_classes, std=0.01, synapse=None):
        """Compare the readout."""
        self._weights((n_classes, math.prod(self.shape)))
        if self.biases:
            self._weights((n_classes, 1))

    def _windows(self, size, stride, padding):
        size, stride = (tuple(np.broadcast_to(n, 2).tolist()) for n in (size, stride))
        return Windows(self.shape[:2], size, stride, padding)

    def _neurons(self, shape, weights, bias):
        self._compare(f"ensembles/{self.n_ensembles}/gain", (math.prod(shape),))
        self._weights(weights)
        if self.biases:
            self._weights(bias)
        self.n_ensembles += 1
        self.shape = shape

    def _weights(self, shape):
        self._compare(f"connections/{self.n_connections}/weights", shape)
        self.n_connections += 1

    def _compare(self, name, shape):
        if self.found.get(name) != shape:
            raise KeyError(f"{name} of shape {shape}, not {self.found.get(name)}")


LAYERS = {
    hunsberger.small: hunsberger.small_layers,
    hunsberger.mnist: hunsberger.mnist_layers,
    hunsberger.cifar10: hunsberger.cifar10_layers,
    residual.resnet: residual.resnet_layers,
    lee.lenet: lee.lenet_layers,
    lee.vgg9: lee.vgg9_layers,
    lee.resnet9: lee.resnet9_layers,
    lee.resnet11: lee.resnet11_layers,
}
"""What puts the layers of each network on a stack."""

FUNCTIONS = {function.__name__: function for function in LAYERS}
"""The networks a file may name."""

MAKERS.update((name, partial(_remake, make)) for name, make in FUNCTIONS.items())
