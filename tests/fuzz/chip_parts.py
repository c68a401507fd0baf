"""Parts of random networks for the chip.

Each transform takes an image, and comes with the shape of what it makes of it.
"""

import nengo_softlif as softlif

import nengo
import numpy as np
from nengo.transforms import ConvolutionTranspose


def convolution(draw, shape, scale, for_loihi=False):
    """Of any image, read with its channels last or first."""
    last = draw.chance(0.6)
    n_channels = shape[2] if last else shape[0]
    spatial = shape[:2] if last else shape[1:]
    size = tuple(draw.whole(1, min(3, n)) for n in spatial)
    kind, n_filters, more = nengo.Convolution, draw.whole(1, 4), {}
    if for_loihi and draw.chance(0.2):
        kind = ConvolutionTranspose
    elif not for_loihi and n_channels % 2 == 0 and draw.chance(0.2):
        n_filters, more = 2 * n_filters, {"groups": 2}
    transform = kind(
        n_filters,
        shape,
        kernel_size=size,
        strides=(draw.pick(1, 1, 2), draw.pick(1, 1, 2)),
        padding=draw.pick("same", "valid"),
        channels_last=last,
        init=nengo.dists.Gaussian(0, scale / np.sqrt(np.prod(size) * n_channels)),
        **more,
    )
    return transform, tuple(transform.output_shape.shape)


def pool(draw, shape, scale):
    size = draw.whole(1, min(3, *shape[:2]))
    padding = draw.pick("same", "valid", "ceil")
    transform = softlif.AveragePool(shape, size, draw.whole(1, size), padding)
    return transform, tuple(transform.output_shape.shape)


def local(draw, shape, scale):
    size = draw.whole(1, min(3, *shape[:2]))
    padding, strides = draw.pick("same", "valid"), draw.pick(1, 2)
    init = nengo.dists.Gaussian(0, scale / size / np.sqrt(shape[2]))
    transform = softlif.LocallyConnected(
        draw.whole(1, 3), shape, size, strides, padding, init=init
    )
    return transform, tuple(transform.output_shape.shape)


def dense(draw, shape, scale, size_out=None):
    n, size_out = int(np.prod(shape)), size_out or draw.whole(2, 40)
    weights = scale * draw.normal(size=(size_out, n)) / np.sqrt(n)
    if draw.chance(0.2):
        weights *= draw.uniform(size=weights.shape) < 0.5
    return nengo.Dense(weights.shape, init=weights), (size_out, 1, 1)


def sparse(draw, shape, scale, size_out=None):
    n, size_out = int(np.prod(shape)), size_out or draw.whole(2, 40)
    places = draw.randint(0, [size_out, n], (draw.whole(1, 4) * size_out, 2))
    transform = nengo.Sparse(
        (size_out, n),
        indices=np.unique(places, axis=0),
        init=nengo.dists.Gaussian(0, scale),
    )
    return transform, (size_out, 1, 1)


def diagonal(draw, shape, scale, size_out=None):
    n = int(np.prod(shape))
    init = scale * (draw.normal(size=n) if draw.chance(0.5) else draw.normal())
    return nengo.Dense((n, n), init=init), shape
