"""Networks of soft LIF neurons: Hunsberger and Eliasmith's, and a small one."""

import nengo

from ..models import Model
from ..neurons import SoftLIFRate
from ..noise import GaussianNoise
from ..stack import Stack
from .recording import recorded

DEFAULT_NOISE = GaussianNoise(10.0)
"""The noise the papers trained with."""


@recorded
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

    Examples
    --------
    >>> softlif.networks.small((8, 8, 1), n_classes=10)
    Model(small, 64 inputs, conv1 1024 - conv2 512 - dense3 64 neurons, 10 classes)
    """
    neuron_type = SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
    with nengo.Network(label="small", seed=seed) as net:
        stack = Stack(image_shape, neuron_type)
        output = small_layers(stack, n_classes)
    return Model(net, stack.input, output)


def small_layers(stack, n_classes):
    """Put the layers of `small` on a stack."""
    stack.convolution(16)
    _pool_if_large(stack)
    stack.convolution(32)
    _pool_if_large(stack)
    stack.dense(64)
    return stack.readout(n_classes)


def _pool_if_large(stack):
    if min(stack.shape[:2]) >= 4:
        stack.average_pool(2)


@recorded
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

    Examples
    --------
    >>> softlif.networks.mnist()
    Model(mnist, 784 inputs, conv1 12544 - conv2 12544 - dense3 2000 neurons, 10
    classes)
    """
    neuron_type = SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
    with nengo.Network(label="mnist", seed=seed) as net:
        stack = Stack(image_shape, neuron_type)
        output = mnist_layers(stack, n_classes, paper)
    return Model(net, stack.input, output, scale=255.0 if paper else None)


def mnist_layers(stack, n_classes, paper=False):
    """Put the layers of `mnist` on a stack."""
    conv1, conv2, dense, readout = (
        (0.1, 0.1, 0.01, 0.01) if paper else (None, None, None, 0.01)
    )
    stack.convolution(16, kernel_size=5, std=conv1)
    stack.average_pool(2)
    stack.convolution(64, kernel_size=5, std=conv2)
    stack.average_pool(2)
    stack.dense(2000, std=dense, dropout=0.5)
    return stack.readout(n_classes, std=readout)


@recorded
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

    Examples
    --------
    >>> softlif.networks.cifar10(n_classes=100)
    Model(cifar10, 1728 inputs, conv1 36864 - conv2 9216 - local3 2304 - local4 1152
    neurons, 100 classes)
    """
    neuron_type = SoftLIFRate(0.02, 0.05, 0.001, 0.063, noise)
    with nengo.Network(label="cifar10", seed=seed) as net:
        stack = Stack(image_shape, neuron_type, gain=0.825)
        output = cifar10_layers(stack, n_classes, paper)
    return Model(
        net,
        stack.input,
        output,
        scale=1.0 if paper else None,
        crop=tuple(image_shape[:2]),
        flip=True,
    )


def patch_shape(image_shape):
    """Height, width and channels of what `cifar10` takes of images, as 24 of 32."""
    height, width, channels = image_shape
    return max(1, height * 3 // 4), max(1, width * 3 // 4), channels


def cifar10_layers(stack, n_classes, paper=False):
    """Put the layers of `cifar10` on a stack."""
    conv1, conv2, local3, local4 = (0.0001, 0.01, 0.04, 0.04) if paper else [None] * 4
    stack.convolution(64, kernel_size=5, std=conv1)
    stack.average_pool(3, strides=2, padding="ceil")
    stack.convolution(64, kernel_size=5, std=conv2)
    stack.average_pool(3, strides=2, padding="ceil")
    stack.local(64, std=local3)
    stack.local(32, std=local4)
    return stack.readout(n_classes)
