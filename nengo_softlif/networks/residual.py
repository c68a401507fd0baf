"""A small residual network of soft LIF neurons, for images of 32 x 32 pixels."""

import nengo
import numpy as np

from ..models import Model
from ..neurons import SoftLIFRate
from ..preprocessing import Preprocessing
from ..stack import Stack
from .hunsberger import DEFAULT_NOISE
from .recording import recorded

N_STAGES = 4
"""Sizes of the image that there are blocks at."""


@recorded
def resnet(
    image_shape=(32, 32, 3), n_classes=10, width=32, noise=DEFAULT_NOISE, seed=0
):
    r"""Make a residual network, whose layers are all of LIF neurons.

    One convolution, and four residual blocks of ``width``, and two, four and eight
    times as many filters, all of 3 x 3. Between blocks the image is average pooled by
    2, as long as it has at least four rows and columns. Behind the last block it is
    averaged over all positions, for the readout.

    A block is two layers of neurons, and a shortcut past both into the input current
    of the second [1]_: the rates below as they are where there are as many filters,
    else through a convolution of 1 x 1, behind the pool. Spikes can do all of that:
    currents add up. It is made for ``fit(..., batch_norm=True)``, which normalises
    what comes through weights.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    n_classes : int
        Number of classes.
    width : int
        Filters of the first convolution and the first block.
    noise : Noise or None
        Noise in training.
    seed : int
        Seed of weights, noise and initial voltages.

    Returns
    -------
    Model
        The untrained network. Images of 32 x 32 pixels in three colours are prepared
        with mean and deviation of CIFAR-10's colours; training mirrors them, shifts
        them by up to four pixels, and cuts out a square of 8 x 8 [2]_. Those of other
        sizes `.fit` prepares as it always does.

    Raises
    ------
    ValidationError
        If there cannot be such a network.

    Notes
    -----
    For images of 32 x 32 x 3 and a ``width`` of :math:`w`, the convolutions take
    :math:`27648 \, w + 61440 \, w^2` multiplications: 64 million, or 128 MFLOP, for
    the default, where the papers' network for CIFAR-10 takes 39. It has 9 layers,
    :math:`4864 \, w` or 155,648 neurons, and 1.2 million weights.

    Its neurons have ``tau_rc`` 20 ms, ``tau_ref`` 1 ms, amplitude 0.025 and ``sigma``
    0.02: about the curve of the papers' network for CIFAR-10, but 2.5 times as fast. In
    nine layers of neurons with 50 ms, one after the other, spikes take several tenths
    of a second to reach the answer.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image
       Recognition", CVPR, 2016, arXiv:1512.03385. With one block for each size of the
       image, which keeps the way of a spike short.
    .. [2] T. DeVries and G. W. Taylor, "Improved Regularization of Convolutional Neural
       Networks with Cutout", arXiv:1708.04552, 2017.

    Examples
    --------
    >>> model = softlif.networks.resnet((8, 8, 1), width=4)
    >>> len(model.ensembles)
    9
    """
    neuron_type = SoftLIFRate(0.02, 0.02, 0.001, 0.025, noise)
    with nengo.Network(label="resnet", seed=seed) as net:
        stack = Stack(image_shape, neuron_type)
        output = resnet_layers(stack, n_classes, width)
    return Model(net, stack.input, output, _prepare(image_shape), flip=True)


def resnet_layers(stack, n_classes, width):
    """Put the layers of `resnet` on a stack."""
    start = stack.convolution(width)
    for stage in range(N_STAGES):
        if stage and min(stack.shape[:2]) >= 4:
            start = stack.average_pool(2)
        start = _block(stack, start, width * 2**stage, widens=stage > 0)
    stack.average_pool(stack.shape[:2])
    return stack.readout(n_classes)


def _block(stack, start, n_filters, widens):
    stack.convolution(n_filters)
    top = stack.convolution(n_filters)
    stack.shortcut(start, weights=widens)
    return top


def _prepare(image_shape):
    """Prepare images as usual for CIFAR-10, if they are of its size."""
    if tuple(image_shape) != (32, 32, 3):
        return None
    return Preprocessing(
        image_shape,
        # of the training images, all pixels
        mean=255 * np.array([0.4914, 0.4822, 0.4465]),
        scale=255 * np.array([0.2470, 0.2435, 0.2616]),
        flip=True,
        shift=4,
        cutout=8,
    )
