"""Layer upon layer: short code for convolutional networks of plain Nengo objects."""

import math

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from nengo.params import BoolParam

from .checks import check_number, check_whole
from .machine import memory
from .neurons import SoftLIFRate
from .noise import Dropout
from .transforms import AveragePool, LocallyConnected


class Stack:
    """Puts layers one upon another, in the Nengo network of the current context.

    Each method adds plain Nengo objects and returns the new ensemble (or node),
    so that it can be configured or connected further. Connections carry no
    synapse: a rate network answers at once, and `.to_spiking` adds one behind
    each layer of neurons.

    Every layer has its threshold where its weighted input is zero, through a
    bias current of one, and trains a bias beside its weights: one for each
    filter of a convolution, one for each neuron elsewhere. These are ordinary
    connections from nodes that put out ones.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels of the images.
    neuron_type : nengo.neurons.NeuronType
        Neurons of all layers.
    gain : float
        Gain of all neurons.

    Raises
    ------
    ValidationError
        From the stack and its layers, if there cannot be such a layer, or it does not
        fit the machine's memory.

    Examples
    --------
    >>> with nengo.Network(seed=0) as net:
    ...     stack = Stack((28, 28, 1))
    ...     conv = stack.convolution(16, kernel_size=5)
    ...     pool = stack.average_pool(2)
    ...     hidden = stack.dense(100)
    ...     answer = stack.readout(10)
    >>> nengo_softlif.Model(net, stack.input, answer)
    Model(784 inputs, conv1 12544 - dense2 100 neurons, 10 classes)
    """

    def __init__(self, image_shape, neuron_type=None, gain=1.0):
        if np.shape(image_shape) != (3,):
            raise ValidationError(
                f"expected (height, width, channels), got {image_shape!r}",
                attr="image_shape",
                obj=self,
            )
        for length in image_shape:
            check_whole("image_shape", length, 1)
        _check_memory("images", image_shape)
        check_number("gain", gain, "a positive number", 0, low_open=True)
        self.neuron_type = SoftLIFRate() if neuron_type is None else neuron_type
        self.gain = gain
        self.input = nengo.Node(np.zeros(int(np.prod(image_shape))), label="image")
        self._top = self.input
        self.shape = tuple(image_shape)
        self._n_layers = 0
        # What nengo_dl.configure_settings(trainable=None) does, without TensorFlow;
        # doing it again would forget what was set before
        config = nengo.Network.context[-1].config[nengo.Ensemble]
        if not hasattr(config, "trainable"):
            config.set_param("trainable", BoolParam("trainable", None, optional=True))

    def convolution(
        self, n_filters, kernel_size=3, strides=1, padding="same", std=None, dropout=0
    ):
        """Add a convolutional layer of neurons.

        Parameters
        ----------
        n_filters : int
            Number of filters.
        kernel_size, strides : int or (int, int)
            Height and width of the kernels, and steps between them.
        padding : {"same", "valid"}
            As in `nengo.Convolution`.
        std : float, optional
            Standard deviation of the initial weights; by default that of He et
            al. 2015, ``sqrt(2 / fan_in)``, where only what can lie on the image counts
            as input.
        dropout : float
            Probability of silencing each neuron in training.

        Returns
        -------
        nengo.Ensemble
            The neurons.
        """
        check_whole("n_filters", n_filters, 1)
        image = self._image("convolution")
        kernel_size = _pair("kernel_size", kernel_size)
        transform = nengo.Convolution(
            n_filters,
            image,
            kernel_size=kernel_size,
            strides=_pair("strides", strides),
            padding=padding,
            init=self._normal(std, _fan_in(kernel_size, image)),
        )
        shape = transform.output_shape.shape
        _check_memory("a layer", shape, each=16)  # gain and bias of each neuron
        rows, columns, _ = shape
        bias = nengo.Convolution(
            n_filters,
            (rows, columns, 1),
            kernel_size=(1, 1),
            init=_zeros(1, 1, 1, n_filters),
        )
        return self._neurons("conv", transform, shape, bias, dropout)

    def local(
        self, n_filters, kernel_size=3, strides=1, padding="same", std=None, dropout=0
    ):
        """Add a locally connected layer: a convolution with unshared weights.

        Parameters and result are those of `convolution`.
        """
        check_whole("n_filters", n_filters, 1)
        image = self._image("local layer")
        kernel_size = _pair("kernel_size", kernel_size)
        transform = LocallyConnected(
            n_filters,
            image,
            kernel_size,
            _pair("strides", strides),
            padding,
            init=self._normal(std, _fan_in(kernel_size, image)),
        )
        shape = transform.output_shape.shape
        _check_memory("weights", (*shape, *kernel_size, image[2]))
        bias = nengo.Dense((transform.size_out, 1), init=_zeros(transform.size_out, 1))
        return self._neurons("local", transform, shape, bias, dropout)

    def dense(self, n_neurons, std=None, dropout=0):
        """Add a fully connected layer of neurons.

        Parameters
        ----------
        n_neurons : int
            Number of neurons.
        std, dropout : float
            As in `convolution`.

        Returns
        -------
        nengo.Ensemble
            The neurons.
        """
        check_whole("n_neurons", n_neurons, 1)
        size = int(np.prod(self.shape))
        _check_memory("weights", (n_neurons, size))
        transform = nengo.Dense((n_neurons, size), init=self._normal(std, size))
        bias = nengo.Dense((n_neurons, 1), init=_zeros(n_neurons, 1))
        return self._neurons("dense", transform, (n_neurons,), bias, dropout)

    def average_pool(self, pool_size=2, strides=None, padding="valid"):
        """Average over windows of the image below.

        Parameters
        ----------
        pool_size, strides, padding
            As in `.AveragePool`.

        Returns
        -------
        nengo.Node
            Passes the pooled image on.
        """
        transform = AveragePool(
            self._image("average pool"), pool_size, strides, padding
        )
        return self._node(f"pool{self._n_layers}", transform)

    def readout(self, n_classes, std=0.01):
        """Add the linear readout: one number per class.

        Parameters
        ----------
        n_classes : int
            Number of classes.
        std : float
            Standard deviation of the initial weights: small, so that training
            starts undecided.

        Returns
        -------
        nengo.Probe
            Probe on the readout.
        """
        check_whole("n_classes", n_classes, 1)
        size = int(np.prod(self.shape))
        _check_memory("weights", (n_classes, size))
        transform = nengo.Dense((n_classes, size), init=self._normal(std, size))
        node = self._node("readout", transform)
        bias = nengo.Dense((n_classes, 1), init=_zeros(n_classes, 1))
        self._bias(node, bias, "readout")
        return nengo.Probe(node, label="answer")

    def _neurons(self, kind, transform, shape, bias, dropout):
        self._n_layers += 1
        label = f"{kind}{self._n_layers}"
        neuron_type = self.neuron_type
        if dropout:
            if not isinstance(neuron_type, SoftLIFRate):
                raise ValidationError(
                    f"dropout is noise of SoftLIFRate neurons; {neuron_type} have none",
                    attr="dropout",
                    obj=self,
                )
            neuron_type = neuron_type.with_noise(Dropout(dropout, neuron_type.noise))
        n_neurons = int(np.prod(shape))
        ensemble = nengo.Ensemble(
            n_neurons,
            dimensions=1,
            neuron_type=neuron_type,
            gain=np.full(n_neurons, self.gain),
            bias=np.ones(n_neurons),  # the threshold lies at J = 1
            label=label,
        )
        nengo.Network.context[-1].config[ensemble].trainable = False
        self._connect(ensemble.neurons, transform, label)
        self._bias(ensemble.neurons, bias, label)
        self._top, self.shape = ensemble.neurons, shape
        return ensemble

    def _node(self, label, transform):
        node = nengo.Node(size_in=transform.size_out, label=label)
        self._connect(node, transform, label)
        self._top = node
        shape = getattr(transform, "output_shape", None)
        self.shape = (transform.size_out,) if shape is None else shape.shape
        return node

    def _connect(self, target, transform, label):
        nengo.Connection(
            self._top, target, transform=transform, synapse=None, label=label
        )

    def _bias(self, target, transform, label):
        ones = nengo.Node(np.ones(transform.size_in), label=f"{label} one")
        nengo.Connection(
            ones, target, transform=transform, synapse=None, label=f"{label} bias"
        )

    def _image(self, what):
        if len(self.shape) != 3:
            raise ValidationError(
                f"a {what} needs an image below it, but there is a layer of "
                f"{self.shape[0]} values without one",
                attr="image_shape",
                obj=self,
            )
        return self.shape

    def _normal(self, std, fan_in):
        if std is not None:
            check_number("std", std, "None or a positive number", 0, low_open=True)
        return nengo.dists.Gaussian(0, np.sqrt(2 / fan_in) if std is None else std)


def _pair(attr, value):
    """Height and width, of which one number gives both."""
    pair = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(pair) != 2:
        raise ValidationError(
            f"expected a whole number, or two for height and width, got {value!r}",
            attr=attr,
        )
    for length in pair:
        check_whole(attr, length, 1)
    return pair


def _check_memory(what, shape, each=8):
    """Refuse arrays that do not fit memory, before they are made."""
    n_bytes = each * math.prod(int(length) for length in shape)
    if 2 * n_bytes > memory():
        raise ValidationError(
            f"{what} of {' x '.join(str(length) for length in shape)} would take "
            f"{n_bytes / 1e9:.4g} GB, but this machine has {memory() / 1e9:.1f} GB, of "
            "which half is left for the work; use smaller images or layers",
            attr="image_shape",
            obj=Stack,
        )


def _fan_in(kernel_size, image_shape):
    """Count the inputs of a kernel; what hangs over the edge of the image has none."""
    rows, columns = np.minimum(kernel_size, image_shape[:2])
    return int(rows * columns * image_shape[2])


def _zeros(*shape):
    return np.zeros(shape)
