"""Layer upon layer: short code for convolutional networks of plain Nengo objects."""

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from nengo.params import BoolParam

from .checks import changed, check_number, check_whole, whole_pair, whole_shape
from .machine import check_memory
from .neurons import SoftLIFRate
from .noise import Dropout, GaussianNoise
from .transforms import AveragePool, LocallyConnected

NEURONS = SoftLIFRate(0.02, 0.022, 0.002, 0.063, GaussianNoise(10))
"""Those of the papers' network for MNIST. With this amplitude a layer gives the next
about what rectified linear units would, which initial weights are made for."""


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
        Height, width and channels of the images; of a table its values, ``(n,)``.
    neuron_type : nengo.neurons.NeuronType, optional
        Neurons of all layers; by default `NEURONS`.
    gain : float
        Gain of all neurons. It is an attribute: what it is set to counts for the
        layers that follow.
    biases : bool
        Give neurons the bias current of one, and layers biases to train. Without,
        all that neurons get is their weighted input: what integrates and fires needs
        no more.
    variance : float
        Variance of initial weights, times the number of inputs of a neuron: 2 is that
        of He et al. 2015.
    signals : bool
        Whether these are images of one row, ``(1, steps, channels)``, or ``(steps,
        channels)``. One number then gives kernels, strides and pools along the steps.

    Raises
    ------
    ValidationError
        From the stack and its layers, if there cannot be such a layer, or it does not
        fit the machine's memory.

    Examples
    --------
    >>> with nengo.Network(seed=0) as net:
    ...     stack = softlif.Stack((28, 28, 1))
    ...     conv = stack.convolution(16, kernel_size=5)
    ...     answer = stack.readout(10)
    >>> softlif.Model(net, stack.input, answer)
    Model(784 inputs, conv1 12544 neurons, 10 classes)
    """

    def __init__(
        self,
        image_shape,
        neuron_type=None,
        gain=1.0,
        biases=True,
        variance=2.0,
        signals=False,
    ):
        image_shape = whole_shape("image_shape", image_shape, signals)
        self._signals = bool(signals)
        check_memory("images", image_shape)
        check_number("variance", variance, "a positive number", 0, low_open=True)
        self.neuron_type = NEURONS if neuron_type is None else neuron_type
        self.gain = gain
        self.biases = biases
        self.variance = variance
        self.input = nengo.Node(np.zeros(int(np.prod(image_shape))), label="image")
        self._shapes = {}
        self._put(self.input, image_shape)
        self._n_layers = 0
        # What nengo_dl.configure_settings(trainable=None) does, without TensorFlow;
        # doing it again would forget what was set before
        config = nengo.Network.context[-1].config[nengo.Ensemble]
        if not hasattr(config, "trainable"):
            config.set_param("trainable", BoolParam("trainable", None, optional=True))

    @property
    def gain(self):
        """Gain of the neurons of the next layers."""
        return self._gain

    @gain.setter
    def gain(self, gain):
        check_number("gain", gain, "a positive number", 0, low_open=True)
        self._gain = gain

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
            Standard deviation of the initial weights; by default
            ``sqrt(variance / fan_in)``, where only what can lie on the image counts as
            input.
        dropout : float
            Probability of silencing each neuron in training.

        Returns
        -------
        nengo.Ensemble
            The neurons.
        """
        check_whole("n_filters", n_filters, 1)
        image = self._image("convolution")
        kernel_size = self._sides("kernel_size", kernel_size)
        transform = nengo.Convolution(
            n_filters,
            image,
            kernel_size=kernel_size,
            strides=self._sides("strides", strides),
            padding=padding,
            init=self._normal(std, _fan_in(kernel_size, image)),
        )
        shape = transform.output_shape.shape
        check_memory("a layer", shape, each=16)  # gain and bias of each neuron
        bias = nengo.Convolution(
            n_filters,
            (*shape[:2], 1),
            kernel_size=(1, 1),
            init=np.zeros((1, 1, 1, n_filters)),
        )
        return self._layer("conv", transform, shape, bias, dropout)

    def local(
        self, n_filters, kernel_size=3, strides=1, padding="same", std=None, dropout=0
    ):
        """Add a locally connected layer: a convolution with unshared weights.

        Parameters and result are those of `convolution`.
        """
        check_whole("n_filters", n_filters, 1)
        image = self._image("local layer")
        kernel_size = self._sides("kernel_size", kernel_size)
        transform = LocallyConnected(
            n_filters,
            image,
            kernel_size,
            self._sides("strides", strides),
            padding,
            init=self._normal(std, _fan_in(kernel_size, image)),
        )
        shape = transform.output_shape.shape
        check_memory("weights", (*shape, *kernel_size, image[2]))
        n_values = transform.size_out
        bias = nengo.Dense((n_values, 1), init=np.zeros((n_values, 1)))
        return self._layer("local", transform, shape, bias, dropout)

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
        check_memory("weights", (n_neurons, size))
        transform = nengo.Dense((n_neurons, size), init=self._normal(std, size))
        bias = nengo.Dense((n_neurons, 1), init=np.zeros((n_neurons, 1)))
        return self._layer("dense", transform, (n_neurons,), bias, dropout)

    def neurons(self, neuron_type=None, label=None):
        """Add neurons without weights: one for each value, which is its input.

        They encode images, or fire at what a pool gives. They have no biases to train.

        Parameters
        ----------
        neuron_type : nengo.neurons.NeuronType, optional
            By default those of the other layers.
        label : str, optional
            Name of the layer; by default that of what is below, and "neurons".

        Returns
        -------
        nengo.Ensemble
            The neurons.
        """
        check_memory("a layer", self.shape, each=16)
        label = f"{self._top.label} neurons" if label is None else label
        return self._neurons(label, None, self.shape, neuron_type)

    def shortcut(self, start, strides=1, weights=True, std=None):
        """Add a residual connection past layers, to the input of the neurons on top.

        Parameters
        ----------
        start : nengo.Ensemble or nengo.Node
            Where it starts: what one of these methods returned.
        strides : int or (int, int)
            Steps between the pixels of that image that it takes.
        weights : bool
            Whether it goes through a convolution of 1 x 1, which makes as many channels
            as there are on top.
        std : float
            As in `convolution`.

        Returns
        -------
        nengo.Connection
            The shortcut.
        """
        below = [layer for layer in self._shapes if layer is not self._top]
        ends = isinstance(self._top, nengo.Ensemble)
        if not ends or not any(layer is start for layer in below):
            raise ValidationError(
                f"expected a layer of this stack below neurons on top, got {start!r} "
                f"below {self._top!r}",
                attr="start",
                obj=self,
            )
        image, strides = self._image("shortcut", start), self._sides("strides", strides)
        transform, shape = None, image
        if weights:
            init = self._normal(std, image[2])
            transform = nengo.Convolution(
                self.shape[-1], image, (1, 1), strides, init=init
            )
        elif strides != (1, 1):
            transform = AveragePool(image, 1, strides)
        if transform is not None:
            shape = transform.output_shape.shape
        if shape != self.shape:
            raise ValidationError(
                f"a shortcut of {shape} (height, width, channels) does not fit the "
                f"neurons of {self.shape} on top; give it the strides of the layers "
                "between, and weights where the number of channels changes",
                attr="strides",
                obj=self,
            )
        label = f"{self._top.label} shortcut"
        return self._connect(start, self._top, transform, label)

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
        image = self._image("average pool")
        if self._signals:
            pool_size = self._sides("pool_size", pool_size)
            strides = pool_size if strides is None else self._sides("strides", strides)
        transform = AveragePool(image, pool_size, strides, padding)
        return self._node(f"pool{self._n_layers}", transform)

    def readout(self, n_classes, std=0.01, synapse=None):
        """Add the linear readout: one number per class, label, or value.

        Parameters
        ----------
        n_classes : int
            Number of them.
        std : float
            Standard deviation of the initial weights: small, so that training
            starts undecided. None is that of other layers.
        synapse : nengo.synapses.Synapse, optional
            Filter of the answer.

        Returns
        -------
        nengo.Probe
            Probe on the readout.
        """
        check_whole("n_classes", n_classes, 1)
        size = int(np.prod(self.shape))
        check_memory("weights", (n_classes, size))
        transform = nengo.Dense((n_classes, size), init=self._normal(std, size))
        node = self._node("readout", transform)
        bias = nengo.Dense((n_classes, 1), init=np.zeros((n_classes, 1)))
        self._bias(node, bias, "readout")
        return nengo.Probe(node, synapse=synapse, label="answer")

    def _layer(self, kind, transform, shape, bias, dropout):
        self._n_layers += 1
        label = f"{kind}{self._n_layers}"
        ensemble = self._neurons(label, transform, shape, dropout=dropout)
        self._bias(ensemble.neurons, bias, label)
        return ensemble

    def _neurons(self, label, transform, shape, neuron_type=None, dropout=0):
        neuron_type = self.neuron_type if neuron_type is None else neuron_type
        if dropout:
            if not hasattr(neuron_type, "noise"):
                raise ValidationError(
                    f"dropout is noise, which {neuron_type} do not have; SoftLIFRate "
                    "and IntegrateAndFire do",
                    attr="dropout",
                    obj=self,
                )
            noise = Dropout(dropout, neuron_type.noise)
            neuron_type = changed(neuron_type, noise=noise)
        n_neurons = int(np.prod(shape))
        ensemble = nengo.Ensemble(
            n_neurons,
            dimensions=1,
            neuron_type=neuron_type,
            gain=np.full(n_neurons, float(self.gain)),
            # with one, what comes in lies above or below the threshold at J = 1
            bias=np.full(n_neurons, 1.0 if self.biases else 0.0),
            label=label,
        )
        nengo.Network.context[-1].config[ensemble].trainable = False
        self._connect(self._top, ensemble, transform, label)
        return self._put(ensemble, shape)

    def _node(self, label, transform):
        node = nengo.Node(size_in=transform.size_out, label=label)
        self._connect(self._top, node, transform, label)
        shape = getattr(transform, "output_shape", None)
        return self._put(node, (transform.size_out,) if shape is None else shape.shape)

    def _put(self, layer, shape):
        self._top, self.shape = layer, shape
        self._shapes[layer] = shape
        return layer

    def _connect(self, start, end, transform, label):
        start, end = (getattr(layer, "neurons", layer) for layer in (start, end))
        return nengo.Connection(
            start, end, transform=transform, synapse=None, label=label
        )

    def _bias(self, target, transform, label):
        if not self.biases:
            return
        ones = nengo.Node(np.ones(transform.size_in), label=f"{label} one")
        nengo.Connection(
            ones, target, transform=transform, synapse=None, label=f"{label} bias"
        )

    def _image(self, what, layer=None):
        shape = self._shapes[self._top if layer is None else layer]
        if len(shape) != 3:
            raise ValidationError(
                f"a {what} needs an image below it, but there is a layer of "
                f"{shape[0]} values without one",
                attr="image_shape",
                obj=self,
            )
        return shape

    def _sides(self, attr, value):
        if self._signals and np.ndim(value) == 0:
            value = (1, value)
        return whole_pair(attr, value)

    def _normal(self, std, fan_in):
        if std is not None:
            check_number("std", std, "None or a positive number", 0, low_open=True)
        std = np.sqrt(self.variance / fan_in) if std is None else std
        return nengo.dists.Gaussian(0, std)


def _fan_in(kernel_size, image_shape):
    """Count the inputs of a kernel; what hangs over the edge of the image has none."""
    rows, columns = np.minimum(kernel_size, image_shape[:2])
    return int(rows * columns * image_shape[2])
