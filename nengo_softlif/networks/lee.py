r"""Networks of integrate-and-fire neurons, to be trained in spikes: Lee et al.'s [1]_.

All are made alike. Images come in as spikes: one neuron for each value fires by chance,
in proportion to it and with its sign. Convolutions and fully connected layers are of
`.IntegrateAndFire` neurons that leak, without biases; behind each average pool are some
that do not leak, with the threshold 0.75 (a gain of 1/0.75, see ``THRESHOLD``). No
connection has a synapse, so that a spike of height :math:`1/\Delta t` adds its weight
to a voltage. What leads into a residual block also leads past it, into the neurons at
its end.

The readout integrates, with the leak of the neurons, and never fires:

.. math:: V(t) = l \, (V(t - \Delta t) + \Delta t \, u(t)), \qquad
          l = e^{-\Delta t / \tau_{RC}}

Its probe has this as synapse. Within a step, spikes pass all layers; but Nengo shows
what a synapse gives one step later, so that the probe shows :math:`V(t - \Delta t)`, at
the first step zero. The authors divide the last voltage by the number of steps for
their loss; for the answer that makes no difference.

The weights start as in the authors' code: normally distributed, with a variance of
2 / fan_in, or 1 / fan_in in residual networks; of the readout, too. Windows of strided
convolutions lie as in TensorFlow, one pixel below and right of where the authors have
them.

References
----------
.. [1] C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling Spike-Based
   Backpropagation for Training Deep Neural Network Architectures", Frontiers in
   Neuroscience 14:119, 2020, arXiv:1903.06379; sizes, thresholds, initial weights and
   dropout from the authors' code.
"""

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from ..checks import check_number
from ..models import Model
from ..preprocessing import Preprocessing
from ..spiking_neurons import LEE_TAU_RC, BernoulliSpiking, IntegrateAndFire
from ..stack import Stack
from .recording import recorded

ENCODINGS = ("poisson", "constant")
"""Ways in which images come in."""

THRESHOLD = 0.75 * (1 + 1e-5)
"""Of the neurons behind pools.

Three spikes in the four pixels of a window bring a voltage to 0.75 exactly, which must
not fire. That happens often, and float32 would round it either way. A little above,
nothing lies between but errors of rounding, and neurons do what those of 0.75 do.
"""

# of pixels from 0 to 255, by the shape of images
_PREPARED = {
    (28, 28, 1): {"mean": 0, "scale": 255},
    (32, 32, 3): {
        "mean": 255 * np.array([0.4914, 0.4822, 0.4465]),
        "scale": 255 * np.array([0.557, 0.549, 0.5534]),
        "flip": True,
        "shift": 4,
    },
}


@recorded
def lenet(
    image_shape=(28, 28, 1),
    n_classes=10,
    encoding="poisson",
    max_rate=500.0,
    tau_rc=LEE_TAU_RC,
    dropout=0.0,
    seed=0,
):
    """Make Lee et al.'s network for MNIST.

    20 filters of 5 x 5, average pool 2, 50 filters of 5 x 5, average pool 2, 200
    neurons, 10 classes. What Lee et al.'s networks share, and the source: see
    `nengo_softlif.networks.lee`.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    n_classes : int
        Number of classes.
    encoding : {"poisson", "constant"}
        Whether values of the image fire, or are constant currents, which bring the
        first layer the same in the mean.
    max_rate : float
        Rate in Hz at which a value of one fires; others in proportion, up to one spike
        a step. With the default a white pixel fires in half of the steps of 1 ms.
    tau_rc : float
        Membrane time constant of neurons and readout, in seconds; by default 0.99 of a
        voltage is left after 1 ms.
    dropout : float
        Probability of leaving out a neuron in training. Neurons of the image and behind
        pools stay.
    seed : int
        Seed of weights, and of the neurons that fire by chance.

    Returns
    -------
    Model
        The untrained network. Images of 28 x 28 pixels are divided by 255, as in the
        authors' code; those of other sizes `fit` prepares as it always does.

    Raises
    ------
    ValidationError
        If there cannot be such a network.

    Examples
    --------
    >>> model = softlif.networks.lenet((12, 12, 1))
    >>> [ensemble.n_neurons for ensemble in model.ensembles]
    [144, 2880, 720, 1800, 450, 200]
    """
    settings = (encoding, max_rate, tau_rc, dropout)
    return _make("lenet", lenet_layers, image_shape, seed, n_classes, *settings)


def lenet_layers(stack, n_classes, *settings, **named):
    """Put the layers of `lenet` on a stack."""
    layers = _Layers(stack, *settings, **named)
    layers.convolution(20, kernel_size=5)
    layers.pool()
    layers.convolution(50, kernel_size=5)
    layers.pool()
    layers.dense(200)
    return layers.readout(n_classes)


@recorded
def vgg9(
    image_shape=(32, 32, 3),
    n_classes=10,
    encoding="poisson",
    max_rate=1000.0,
    tau_rc=LEE_TAU_RC,
    dropout=0.2,
    seed=0,
):
    """Make Lee et al.'s VGG9, for CIFAR-10.

    Twice 64 filters of 3 x 3, average pool 2, twice 128, average pool 2, three times
    256, average pool 2, 1024 neurons, 10 classes.

    Parameters
    ----------
    image_shape, n_classes, encoding, max_rate, tau_rc, dropout, seed
        As in `lenet`. A value of one fires in each step of 1 ms.

    Returns
    -------
    Model
        The untrained network. Images of 32 x 32 pixels in three colours are prepared as
        in the authors' code: the mean of CIFAR-10's colours is subtracted, they are
        divided by numbers that bring them to about -0.9 to 1, and in training mirrored
        and shifted by up to four pixels at random; beyond the edges is nothing that
        fires, where the authors have black.

    Raises
    ------
    ValidationError
        If there cannot be such a network.

    Examples
    --------
    >>> model = softlif.networks.vgg9((16, 16, 1))
    >>> len(model.ensembles)
    12
    """
    settings = (encoding, max_rate, tau_rc, dropout)
    return _make("vgg9", vgg9_layers, image_shape, seed, n_classes, *settings)


def vgg9_layers(stack, n_classes, *settings, **named):
    """Put the layers of `vgg9` on a stack."""
    layers = _Layers(stack, *settings, **named)
    for n_filters, n_layers in ((64, 2), (128, 2), (256, 3)):
        for _ in range(n_layers):
            layers.convolution(n_filters)
        layers.pool()
    layers.dense(1024)
    return layers.readout(n_classes)


@recorded
def resnet9(
    image_shape=(32, 32, 3),
    n_classes=10,
    encoding="poisson",
    max_rate=1000.0,
    tau_rc=LEE_TAU_RC,
    dropout=0.25,
    seed=0,
):
    """Make a network like Lee et al.'s ResNet9, for CIFAR-10.

    64 filters of 3 x 3, average pool 2, three residual blocks of 128, 256 and 512
    filters, 1024 neurons, 10 classes. The authors have published no code for it; that
    its blocks are made like those of `resnet11`, and the last two halve the image, is
    inferred from the number of its layers.

    Parameters
    ----------
    image_shape, n_classes, encoding, max_rate, tau_rc, dropout, seed
        As in `vgg9`.

    Returns
    -------
    Model
        As from `vgg9`.

    Raises
    ------
    ValidationError
        If there cannot be such a network.

    Examples
    --------
    >>> model = softlif.networks.resnet9((16, 16, 1))
    >>> len(model.ensembles)
    10
    """
    settings = (encoding, max_rate, tau_rc, dropout)
    return _make("resnet9", resnet9_layers, image_shape, seed, n_classes, *settings)


def resnet9_layers(stack, n_classes, *settings, **named):
    """Put the layers of `resnet9` on a stack."""
    layers = _Layers(stack, *settings, **named, variance=1.0)
    layers.convolution(64)
    layers.pool()
    layers.block(128)
    layers.block(256, strides=2)
    layers.block(512, strides=2)
    layers.dense(1024)
    return layers.readout(n_classes)


@recorded
def resnet11(
    image_shape=(32, 32, 3),
    n_classes=10,
    encoding="poisson",
    max_rate=1000.0,
    tau_rc=LEE_TAU_RC,
    dropout=0.25,
    seed=0,
):
    """Make Lee et al.'s ResNet11, for CIFAR-10 and SVHN.

    64 filters of 3 x 3, average pool 2, four residual blocks of 128, 256, 512 and 512
    filters, 1024 neurons, 10 classes. A block is two convolutions of 3 x 3 and what
    leads past them: a convolution of 1 x 1, but in the last block every other pixel as
    it is. In the second and the last block the second convolution halves the image.

    Parameters
    ----------
    image_shape, n_classes, encoding, max_rate, tau_rc, dropout, seed
        As in `vgg9`.

    Returns
    -------
    Model
        As from `vgg9`.

    Raises
    ------
    ValidationError
        If there cannot be such a network.

    Examples
    --------
    >>> model = softlif.networks.resnet11((16, 16, 1))
    >>> len(model.ensembles)
    12
    """
    settings = (encoding, max_rate, tau_rc, dropout)
    return _make("resnet11", resnet11_layers, image_shape, seed, n_classes, *settings)


def resnet11_layers(stack, n_classes, *settings, **named):
    """Put the layers of `resnet11` on a stack."""
    layers = _Layers(stack, *settings, **named, variance=1.0)
    layers.convolution(64)
    layers.pool()
    layers.block(128)
    layers.block(256, strides=2)
    layers.block(512)
    layers.block(512, strides=2, weights=False)
    layers.dense(1024)
    return layers.readout(n_classes)


def integrator(tau_rc, dt=0.001):
    """Return the synapse that adds up what comes in, and leaks as the neurons do.

    At steps of ``dt`` it is ``V(t) = l (V(t - dt) + dt u(t))`` exactly, with ``l =
    exp(-dt / tau_rc)``. At others it has the same leak, and a factor a little off.
    """
    leak = np.exp(-dt / tau_rc)
    # what Nengo makes of gain / (tau_rc s + 1) is V(t) = l V(t - dt) + gain (1 - l) u
    gain = dt * leak / -np.expm1(-dt / tau_rc)
    return nengo.LinearFilter([gain], [tau_rc, 1])


class _Layers:
    """Layers as all these networks have them, on a `.Stack` (or what checks sizes)."""

    def __init__(self, stack, encoding, max_rate, tau_rc, dropout, variance=2.0):
        if encoding not in ENCODINGS:
            raise ValidationError(
                f"expected one of {', '.join(ENCODINGS)}, got {encoding!r}",
                attr="encoding",
            )
        check_number("max_rate", max_rate, "a positive number of Hz", 0, low_open=True)
        check_number("tau_rc", tau_rc, "a positive number of seconds", 0, low_open=True)
        self.stack, self.tau_rc, self.dropout = stack, tau_rc, dropout
        stack.neuron_type, stack.biases = IntegrateAndFire(tau_rc), False
        stack.variance = variance
        stack.gain = max_rate
        if encoding == "poisson":
            stack.neurons(BernoulliSpiking(), label="input")
            stack.gain = 1.0

    def convolution(self, n_filters, kernel_size=3, strides=1):
        """Add a convolution; to the first, constant images are scaled by its gain."""
        added = self.stack.convolution(
            n_filters, kernel_size, strides, dropout=self.dropout
        )
        self.stack.gain = 1.0
        return added

    def pool(self):
        """Add an average pool, and neurons that fire at what it gives."""
        self.stack.average_pool(2)
        self.stack.gain = 1 / THRESHOLD
        self.top = self.stack.neurons(IntegrateAndFire(np.inf))
        self.stack.gain = 1.0

    def block(self, n_filters, strides=1, weights=True):
        """Add a residual block."""
        start = self.top
        self.convolution(n_filters)
        self.top = self.convolution(n_filters, strides=strides)
        self.stack.shortcut(start, strides, weights)

    def dense(self, n_neurons):
        """Add a fully connected layer."""
        self.stack.dense(n_neurons, dropout=self.dropout)

    def readout(self, n_classes):
        """Add the readout, which integrates."""
        return self.stack.readout(n_classes, None, integrator(self.tau_rc))


def _make(label, layers, image_shape, seed, *settings):
    """Make a network, whose images are prepared where their size tells how."""
    with nengo.Network(label=label, seed=seed) as net:
        stack = Stack(image_shape)
        output = layers(stack, *settings)
    prepared = _PREPARED.get(tuple(image_shape))
    if prepared is not None:
        prepared = Preprocessing(image_shape, **prepared)
    return Model(net, stack.input, output, prepared)
