"""Networks of soft LIF neurons: those of the papers, and a small one.

Each function returns a `.Model` around a plain `nengo.Network`.
"""

import inspect
import math
from functools import wraps
from itertools import zip_longest

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from . import files
from . import noise as noises
from .checks import LARGEST_SEED, check_whole, network_of
from .files import check_unpacked
from .layers import parameters
from .models import Model
from .neurons import SoftLIFRate
from .noise import GaussianNoise
from .preprocessing import Preprocessing
from .sizes import Sizes
from .stack import Stack


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


_LAYERS = {small: _small_layers, mnist: _mnist_layers, cifar10: _cifar10_layers}

FUNCTIONS = {function.__name__: function for function in _LAYERS}
"""The networks a file may name."""


def load(path, network=None):
    """Load a model that `Model.save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    network : nengo.Network or Model, optional
        For a model whose network no function of this module made: the same
        network, built by the same code. It is changed: it receives the weights.

    Returns
    -------
    Model
        The model as it was saved.

    Raises
    ------
    ValidationError
        If the file is not a model of this version, or is damaged, or the network
        does not fit. Sizes are compared before anything is made.
    """
    from .files import Model as form  # takes time to load

    if network is not None:
        network = network_of(network)
    header, arrays = files.read(path, "model", form)
    _check_numbers(path, arrays)
    source = header["source"]
    made = network is None
    if made:
        network = _remake(path, header, arrays).network

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
        scale=header["scale"],
        crop=header["crop"],
        flip=header["flip"],
        history=header["history"],
        source=source if made else None,
        training=header.get("training"),  # files of earlier versions have none
    )
    _check_sizes(path, header, [model.input.size_out, model.output.size_in])
    pairs = zip_longest(
        parameters.describe(network), header["parts"], fillvalue="nothing"
    )
    different = [f"{a} (saved: {b})" for a, b in pairs if a != b]
    if different:
        raise ValidationError(
            f"the network saved in {str(path)!r} had other parts than this one: "
            f"{'; '.join(different[:3])}; "
            + (
                "it was changed after it was made, so build it and call "
                "load(path, network=net)"
                if made
                else "build the same network"
            ),
            attr="network",
        )
    parameters.install(network, arrays)
    return model


def _check_numbers(path, arrays):
    """Refuse what is not numbers that a network can have."""
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.float64):
            wrong = f"of type {array.dtype}"
        elif not np.isfinite(array).all():
            wrong = "infinite or NaN"
        else:
            continue
        raise ValidationError(
            f"expected finite numbers in {str(path)!r}, but {name} is {wrong}; did "
            "training diverge? Use another copy, or train again",
            attr="path",
        )


def _check_sizes(path, header, sizes):
    """Refuse a network that takes or answers other than the saved one."""
    saved = header.get("sizes") or sizes
    if saved != sizes:
        raise ValidationError(
            f"the model saved in {str(path)!r} takes {saved[0]} values and answers "
            f"with {saved[1]}; in this network they are {sizes[0]} and {sizes[1]}; "
            "build the same network",
            attr="network",
        )


def _check_arrays(path, layers, arguments, arrays):
    """Refuse sizes that the arrays belie: a small file could ask for any memory."""
    n_bytes = sum(array.nbytes for array in arrays.values())
    what = f"the images of the network that {str(path)!r} names"
    check_unpacked(8 * math.prod(arguments["image_shape"]), n_bytes, what)
    found = {name: array.shape for name, array in arrays.items()}
    try:
        layers(Sizes(arguments["image_shape"], found), arguments["n_classes"])
    except KeyError as error:
        raise ValidationError(
            f"the network that {str(path)!r} names has {error.args[0]} as in the file; "
            "it was altered, or changed after it was made, so build it and call "
            "load(path, network=net)",
            attr="network",
        ) from error


def _remake(path, header, arrays):
    """Call the function that made the network, if its arrays are those of the file."""
    source = header["source"]
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
    from .files import Arguments, converted

    converted(
        arguments,
        Arguments,
        f"the arguments of the network {source['function']!r} in {str(path)!r}",
        "use another copy of it, or save it again",
    )
    arguments["noise"] = noises.from_json(arguments["noise"])
    n_values = math.prod(arguments["image_shape"])
    _check_sizes(path, header, [n_values, arguments["n_classes"]])
    _check_arrays(path, _LAYERS[function], arguments, arrays)
    return function(**arguments)
