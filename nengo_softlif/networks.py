"""Networks of soft LIF neurons: those of the papers, a small one, and parts for more.

Each function returns a `.Model` around a plain `nengo.Network`.
"""

import inspect
from functools import wraps

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from nengo.params import BoolParam

from . import files, parameters
from . import noise as noises
from .models import Model
from .neurons import SoftLIFRate
from .noise import Dropout, GaussianNoise
from .preprocessing import Preprocessing
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

    Examples
    --------
    >>> with nengo.Network(seed=0) as net:
    ...     stack = Stack((28, 28, 1))
    ...     conv = stack.convolution(16, kernel_size=5)
    ...     pool = stack.average_pool(2)
    ...     hidden = stack.dense(100)
    ...     answer = stack.readout(10)
    >>> Model(net, stack.input, answer)
    Model(784 inputs, conv1 12544 - dense2 100 neurons, 10 classes)
    """

    def __init__(self, image_shape, neuron_type=None, gain=1.0):
        self.neuron_type = SoftLIFRate() if neuron_type is None else neuron_type
        self.gain = gain
        self.input = nengo.Node(np.zeros(int(np.prod(image_shape))), label="image")
        self._top = self.input
        self._shape = tuple(image_shape)
        self._n_layers = 0
        # What nengo_dl.configure_settings(trainable=None) does, without TensorFlow
        config = nengo.Network.context[-1].config[nengo.Ensemble]
        config.set_param("trainable", BoolParam("trainable", None, optional=True))

    def convolution(
        self, n_filters, kernel_size=3, strides=1, padding="same", std=None, dropout=0
    ):
        """Add a convolutional layer of neurons.

        Parameters
        ----------
        n_filters : int
            Number of filters.
        kernel_size, strides : int
            Height and width of the kernels, and steps between them.
        padding : {"same", "valid"}
            As in `nengo.Convolution`.
        std : float, optional
            Standard deviation of the initial weights; by default that of He et
            al. 2015, ``sqrt(2 / fan_in)``.
        dropout : float
            Probability of silencing each neuron in training.

        Returns
        -------
        nengo.Ensemble
            The neurons.
        """
        transform = nengo.Convolution(
            n_filters,
            self._image("convolution"),
            kernel_size=(kernel_size, kernel_size),
            strides=(strides, strides),
            padding=padding,
            init=self._normal(std, kernel_size**2 * self._shape[2]),
        )
        shape = transform.output_shape.shape
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
        transform = LocallyConnected(
            n_filters,
            self._image("local layer"),
            kernel_size,
            strides,
            padding,
            init=self._normal(std, kernel_size**2 * self._shape[2]),
        )
        shape = transform.output_shape.shape
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
        size = int(np.prod(self._shape))
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
        size = int(np.prod(self._shape))
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
        self._top, self._shape = ensemble.neurons, shape
        return ensemble

    def _node(self, label, transform):
        node = nengo.Node(size_in=transform.size_out, label=label)
        self._connect(node, transform, label)
        self._top = node
        shape = getattr(transform, "output_shape", None)
        self._shape = (transform.size_out,) if shape is None else shape.shape
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
        if len(self._shape) != 3:
            raise ValidationError(
                f"a {what} needs an image below it, but there is a layer of "
                f"{self._shape[0]} values without one",
                attr="image_shape",
                obj=self,
            )
        return self._shape

    def _normal(self, std, fan_in):
        return nengo.dists.Gaussian(0, np.sqrt(2 / fan_in) if std is None else std)


def _zeros(*shape):
    return np.zeros(shape)


def _recorded(function):
    """Note in the model how it was made, so that `load` can make it again."""
    signature = inspect.signature(function)

    @wraps(function)
    def made(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
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
        stack.convolution(16)
        _pool_if_large(stack)
        stack.convolution(32)
        _pool_if_large(stack)
        stack.dense(64)
        output = stack.readout(n_classes)
    return Model(net, stack.input, output)


@_recorded
def mnist(image_shape=(28, 28, 1), n_classes=10, noise=DEFAULT_NOISE, seed=0):
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
        stack.convolution(16, kernel_size=5)
        stack.average_pool(2)
        stack.convolution(64, kernel_size=5)
        stack.average_pool(2)
        stack.dense(2000, dropout=0.5)
        output = stack.readout(n_classes)
    return Model(net, stack.input, output)


@_recorded
def cifar10(image_shape=(24, 24, 3), n_classes=10, noise=DEFAULT_NOISE, seed=0):
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
        stack.convolution(64, kernel_size=5)
        stack.average_pool(3, strides=2, padding="ceil")
        stack.convolution(64, kernel_size=5)
        stack.average_pool(3, strides=2, padding="ceil")
        stack.local(64)
        stack.local(32)
        output = stack.readout(n_classes)
    return Model(net, stack.input, output, crop=tuple(image_shape[:2]), flip=True)


def _pool_if_large(stack):
    if min(stack._shape[:2]) >= 4:
        stack.average_pool(2)


FUNCTIONS = {function.__name__: function for function in (small, mnist, cifar10)}
"""The networks a file may name."""


def load(path, network=None):
    """Load a model that `Model.save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    network : nengo.Network, optional
        For a model whose network no function of this module made: the same
        network, built by the same code. It is changed: it receives the weights.

    Returns
    -------
    Model
        The model as it was saved.

    Raises
    ------
    ValidationError
        If the file is not a model of this version, or the network does not fit.
    """
    header, arrays = files.read(path, kind="model")
    source = header["source"]
    if network is None:
        network = _remake(path, source).network

    preprocessing = None
    mean = {
        name.removeprefix("preprocessing/"): arrays.pop(name)
        for name in list(arrays)
        if name.startswith("preprocessing/")
    }
    if header["preprocessing"] is not None:
        preprocessing = Preprocessing.from_file(header["preprocessing"], mean)

    nodes, probes = network.all_nodes, network.all_probes
    if header["input"] >= len(nodes) or header["output"] >= len(probes):
        raise ValidationError(
            f"the network has {len(nodes)} nodes and {len(probes)} probes, fewer than "
            f"the one saved in {str(path)!r}; build the same network",
            attr="network",
        )
    model = Model(
        network,
        nodes[header["input"]],
        probes[header["output"]],
        preprocessing,
        header["crop"],
        header["flip"],
        header["history"],
        source,
    )
    sizes = [model.input.size_out, model.output.size_in]
    if header.get("sizes", sizes) != sizes:
        raise ValidationError(
            f"the model saved in {str(path)!r} takes {header['sizes'][0]} values and "
            f"answers with {header['sizes'][1]}; in this network they are {sizes[0]} "
            f"and {sizes[1]}; build the same network",
            attr="network",
        )
    parameters.install(network, arrays)
    return model


def _remake(path, source):
    if source is None:
        raise ValidationError(
            f"{str(path)!r} holds the weights of a network of your own: build it and "
            "call load(path, network=net)",
            attr="network",
        )
    if source["function"] not in FUNCTIONS:
        raise ValidationError(
            f"{str(path)!r} names the network {source['function']!r}, but this version "
            f"knows {', '.join(FUNCTIONS)}; upgrade nengo_softlif",
            attr="network",
        )
    function, arguments = FUNCTIONS[source["function"]], dict(source["arguments"])
    unknown = arguments.keys() - inspect.signature(function).parameters.keys()
    if unknown:
        raise ValidationError(
            f"{str(path)!r} gives the network {source['function']!r} the arguments "
            f"{', '.join(sorted(unknown))}, which this version does not know; upgrade "
            "nengo_softlif",
            attr="network",
        )
    arguments["noise"] = noises.from_json(arguments["noise"])
    return function(**arguments)
