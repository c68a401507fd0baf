"""Networks of soft LIF neurons: those of the papers, and a small one.

Each function returns a `.Model` around a plain `nengo.Network`.
"""

import inspect
import math
from functools import partial, wraps

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from . import files
from . import noise as noises
from .checks import LARGEST_SEED, check_whole
from .geometry import Windows
from .models import MAKERS, Model, check_sizes, load
from .neurons import SoftLIFRate
from .noise import GaussianNoise
from .stack import Stack

__all__ = ["DEFAULT_NOISE", "FUNCTIONS", "cifar10", "load", "mnist", "small"]


def _recorded(function):
    """Note in the model how it was made, so that `load` can make it again."""
    signature = inspect.signature(function)

    @wraps(function)
    def made(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        if call.arguments["seed"] is not None:
            check_whole("seed", call.arguments["seed"], 0, LARGEST_SEED)
        model = function(*args, **kwargs)
        # as JSON has them: lists, and no numbers of NumPy's
        arguments = {
            name: noises.to_json(value)
            if name == "noise"
            else np.asarray(value).tolist()
            for name, value in call.arguments.items()
        }
        model.source = {"function": function.__name__, "arguments": arguments}
        return model

    return made


DEFAULT_NOISE = GaussianNoise(10.0)
"""The noise the papers trained with."""


@_recorded
def small(image_shape=(8, 8, 1), n_classes=10, noise=DEFAULT_NOISE, seed=0):
    """Make a small convolutional network, for the digits and to try things.

    Two convolutions of 3 x 3 and one hidden layer; the images are pooled while
    they are large enough.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    n_classes : int
        Number of classes.
    noise : Noise or None
        Noise in training.
    seed : int
        Seed of weights, noise and initial voltages.

    Returns
    -------
    Model
        The untrained network.
    """
    neuron_type = SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
    with nengo.Network(label="small", seed=seed) as net:
        stack = Stack(image_shape, neuron_type)
        output = _small_layers(stack, n_classes)
    return Model(net, stack.input, output)


def _small_layers(stack, n_classes):
    stack.convolution(16)
    _pool_if_large(stack)
    stack.convolution(32)
    _pool_if_large(stack)
    stack.dense(64)
    return stack.readout(n_classes)


def _pool_if_large(stack):
    if min(stack.shape[:2]) >= 4:
        stack.average_pool(2)


@_recorded
def mnist(
    image_shape=(28, 28, 1), n_classes=10, noise=DEFAULT_NOISE, seed=0, paper=False
):
    """Make the papers' network for MNIST (and, with three channels, SVHN).

    16 filters of 5 x 5, average pool 2, 64 filters of 5 x 5, average pool 2,
    2000 neurons with dropout 1/2 in training, 10 classes: 27,088 neurons and
    11.6 million synapses [1]_. Its neurons have ``tau_rc`` 22 ms, ``tau_ref``
    2 ms, amplitude 0.063 and ``sigma`` 0.02.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    n_classes : int
        Number of classes.
    noise : Noise or None
        Noise in training.
    seed : int
        Seed of weights, noise and initial voltages.
    paper : bool
        Start from the papers' small initial weights, on the papers' scale of the
        pixels, instead of He's initial weights and inputs of unit variance, which
        suit Adam. Of the scale only the weights tell: 0 to 1 is inferred.

    Returns
    -------
    Model
        The untrained network.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Training Spiking Deep Networks for
       Neuromorphic Hardware", arXiv:1611.05141, 2016, and the authors' layer
       files (layers-mnist-lif.cfg).
    """
    neuron_type = SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
    with nengo.Network(label="mnist", seed=seed) as net:
        stack = Stack(image_shape, neuron_type)
        output = _mnist_layers(stack, n_classes, paper)
    return Model(net, stack.input, output, scale=255.0 if paper else None)


def _mnist_layers(stack, n_classes, paper=False):
    conv1, conv2, dense, readout = (
        (0.1, 0.1, 0.01, 0.01) if paper else (None, None, None, 0.01)
    )
    stack.convolution(16, kernel_size=5, std=conv1)
    stack.average_pool(2)
    stack.convolution(64, kernel_size=5, std=conv2)
    stack.average_pool(2)
    stack.dense(2000, std=dense, dropout=0.5)
    return stack.readout(n_classes, std=readout)


@_recorded
def cifar10(
    image_shape=(24, 24, 3), n_classes=10, noise=DEFAULT_NOISE, seed=0, paper=False
):
    """Make the papers' network for CIFAR-10 (and, with 100 classes, CIFAR-100).

    64 filters of 5 x 5, average pool 3 with stride 2, the same again, two
    locally connected layers of 64 and 32 filters of 3 x 3, 10 classes: 49,536
    neurons and 19.5 million synapses. Trained on random 24 x 24 patches and
    their mirror images [1]_. Its neurons have ``tau_rc`` 50 ms, ``tau_ref``
    1 ms, amplitude 0.063, gain 0.825 and ``sigma`` 0.02.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels of the patches.
    n_classes : int
        Number of classes.
    noise : Noise or None
        Noise in training.
    seed : int
        Seed of weights, noise and initial voltages.
    paper : bool
        Start from the papers' small initial weights, on the papers' scale of the
        pixels, instead of He's initial weights and inputs of unit variance, which
        suit Adam. The papers then train with
        ``SGD(0.001, momentum=0.9)``.

    Returns
    -------
    Model
        The untrained network.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Spiking Deep Networks with LIF
       Neurons", arXiv:1510.08829, 2015, and the authors' layer files
       (layers-cifar10-lif.cfg).
    """
    neuron_type = SoftLIFRate(0.02, 0.05, 0.001, 0.063, noise)
    with nengo.Network(label="cifar10", seed=seed) as net:
        stack = Stack(image_shape, neuron_type, gain=0.825)
        output = _cifar10_layers(stack, n_classes, paper)
    return Model(
        net,
        stack.input,
        output,
        scale=1.0 if paper else None,
        crop=tuple(image_shape[:2]),
        flip=True,
    )


def _cifar10_layers(stack, n_classes, paper=False):
    conv1, conv2, local3, local4 = (0.0001, 0.01, 0.04, 0.04) if paper else [None] * 4
    stack.convolution(64, kernel_size=5, std=conv1)
    stack.average_pool(3, strides=2, padding="ceil")
    stack.convolution(64, kernel_size=5, std=conv2)
    stack.average_pool(3, strides=2, padding="ceil")
    stack.local(64, std=local3)
    stack.local(32, std=local4)
    return stack.readout(n_classes)


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
    files.convert(
        arguments,
        files.ArgumentsForm,
        f"the arguments of the network {name!r} in {str(path)!r}",
        "use another copy of it, or save it again",
    )
    arguments["noise"] = noises.from_json(arguments["noise"])
    n_values = math.prod(arguments["image_shape"])
    check_sizes(path, header, [n_values, arguments["n_classes"]])
    _check_arrays(path, _LAYERS[function], arguments, arrays)
    return function(**arguments)


def _check_arrays(path, layers, arguments, arrays):
    """Refuse sizes that the arrays belie: a small file could ask for any memory."""
    n_bytes = sum(array.nbytes for array in arrays.values())
    what = f"the images of the network that {str(path)!r} names"
    files.check_unpacked(8 * math.prod(arguments["image_shape"]), n_bytes, what)
    found = {name: array.shape for name, array in arrays.items()}
    try:
        layers(_Sizes(arguments["image_shape"], found), arguments["n_classes"])
    except KeyError as error:
        raise ValidationError(
            f"the network that {str(path)!r} names has {error.args[0]} as in the file; "
            "it was altered, or changed after it was made, so build it and call "
            "load(path, network=net)",
            attr="network",
        ) from error


class _Sizes:
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


_LAYERS = {small: _small_layers, mnist: _mnist_layers, cifar10: _cifar10_layers}

FUNCTIONS = {function.__name__: function for function in _LAYERS}
"""The networks a file may name."""

MAKERS.update((name, partial(_remake, make)) for name, make in FUNCTIONS.items())
