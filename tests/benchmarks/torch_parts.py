"""Soft LIF neurons and linear operators in PyTorch."""

from functools import lru_cache, partial
from types import SimpleNamespace

from nengo_softlif.layers import operators
from nengo_softlif.noise import Dropout

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

_XP = SimpleNamespace(
    exp=torch.exp, expm1=torch.expm1, maximum=lambda x, least: x.clamp(min=least)
)


# -- neurons ---------------------------------------------------------------------------


def soft_lif(j, sigma, tau_rc, tau_ref):
    """Rates in Hz for currents above threshold, and their slope: see `SoftLIFRate`."""
    tail = float(np.log(torch.finfo(j.dtype).eps) - max(np.log(sigma), 0))
    scaled = j / sigma
    e = torch.exp((-scaled.abs()).clamp(min=tail))
    z = j.clamp(min=0) + sigma * torch.log1p(e)
    offset = sigma * (tau_ref - tau_rc * float(np.log(sigma)))
    above = 1 / (tau_ref + tau_rc * torch.log1p(1 / z))
    below = sigma / (offset - tau_rc * j.clamp(max=0))
    rates = torch.where(scaled < tail, below, above)
    logistic = torch.where(scaled > 0, torch.ones_like(e), e) / (1 + e)
    return rates, tau_rc * (rates * (logistic / z)) * (rates / (1 + z))


@lru_cache
def _make(neurons, noise, gain, bias, compiled):
    """Make the function from weighted inputs to what `_Neurons` needs, and back.

    That is amplitude times noisy rates, the slope by x of clean ones, and their mean.
    """
    amplitude, tau_rc = neurons.amplitude, neurons.tau_rc
    curve = partial(
        soft_lif, sigma=neurons.sigma, tau_rc=tau_rc, tau_ref=neurons.tau_ref
    )
    if noise is not None:
        # without Nengo's parameters, which compilers do not see through
        numbers = {p.name: getattr(noise, p.name) for p in noise._params}
        held = SimpleNamespace(**numbers)
        sample, normal = type(noise).sample, noise.random == "normal"

    def forward(x):
        j = gain * x.float() + (bias - 1)
        rates, slope = curve(j)
        mean, noisy = rates.mean(), rates
        if noise is not None:
            drawn = torch.randn_like(j) if normal else torch.rand_like(j)
            fired = torch.where(j > 0, rates, torch.ones_like(rates))
            sampled = sample(held, fired, drawn, tau_rc, xp=_XP)
            noisy = torch.where(j > 0, sampled, rates)
        return (amplitude * noisy).to(x.dtype), (gain * slope).to(x.dtype), mean

    def backward(upstream, by_mean, slope):
        return (amplitude * upstream + by_mean / slope.numel()).to(slope.dtype) * slope

    if not compiled:
        return forward, backward
    return tuple(
        torch.compile(f, dynamic=True, fullgraph=True) for f in (forward, backward)
    )


class _Neurons(torch.autograd.Function):
    """Rates with noise, whose gradient is that of the clean ones."""

    @staticmethod
    def forward(ctx, x, forward, backward):
        out, slope, mean = forward(x)
        ctx.save_for_backward(slope)
        ctx.run = backward
        return out, mean

    @staticmethod
    def backward(ctx, upstream, by_mean):
        (slope,) = ctx.saved_tensors
        return ctx.run(upstream, by_mean, slope), None, None


class Response(nn.Module):
    """What a layer of neurons makes of its weighted inputs.

    Gives amplitude times rates, with noise in training, and their mean without.
    """

    def __init__(self, layer, compiled):
        super().__init__()
        if np.ptp(layer.gain) or np.ptp(layer.bias):
            raise NotImplementedError(f"{layer.obj.ensemble} has several gains")
        neurons, noise, self.drop = layer.neuron_type, layer.neuron_type.noise, None
        if isinstance(noise, Dropout):
            self.drop, noise = noise.rate, noise.noise
        numbers = float(layer.gain[0]), float(layer.bias[0])
        self.clean = _make(neurons, None, *numbers, False)
        self.noisy = _make(neurons, noise, *numbers, compiled)

    def forward(self, x, noisy):
        """Respond to x, of any shape."""
        out, mean = _Neurons.apply(
            x.reshape(-1), *(self.noisy if noisy else self.clean)
        )
        out = out.reshape(x.shape)
        if noisy and self.drop is not None:
            out = F.dropout(out, self.drop)
        return out, mean


# -- operators -------------------------------------------------------------------------


def _convolve(op, x, weights):
    (top, bottom), (left, right) = op.windows.margins
    images = x.reshape(len(x), *op.input_shape).permute(0, 3, 1, 2)
    padding = (top, left)
    if (top, left) != (bottom, right):
        images, padding = F.pad(images, (left, right, top, bottom)), 0
    out = F.conv2d(images, weights, None, op.windows.strides, padding, 1, op.groups)
    return out.permute(0, 2, 3, 1)


def _pool(op, x, share):
    (top, bottom), (left, right) = op.windows.margins
    images = x.reshape(len(x), *op.input_shape).permute(0, 3, 1, 2)
    if top or bottom or left or right:
        images = F.pad(images, (left, right, top, bottom))
    out = F.avg_pool2d(images, op.windows.size, op.windows.strides)
    return out.permute(0, 2, 3, 1) * share


def _multiply(op, x, weights):
    return F.linear(x.reshape(len(x), -1), weights)


def _local(op, x, weights):
    images = x.reshape(len(x), *op.input_shape)
    (top, bottom), (left, right) = op.windows.margins
    images = F.pad(images, (0, 0, left, right, top, bottom))
    (kh, kw), (sy, sx) = op.windows.size, op.windows.strides
    windows = images.unfold(1, kh, sy).unfold(2, kw, sx)  # n, y, x, channels, kh, kw
    n_rows, n_columns = windows.shape[1:3]
    windows = windows.permute(1, 2, 0, 4, 5, 3)
    windows = windows.reshape(n_rows * n_columns, len(x), -1)
    out = torch.bmm(windows, weights)
    return out.permute(1, 0, 2).reshape(len(x), n_rows, n_columns, -1)


KINDS = {
    operators.Convolution: _convolve,
    operators.Pool: _pool,
    operators.Matrix: _multiply,
    operators.Local: _local,
}


def initial(op, built):
    """Weights as the functions above take them."""
    if isinstance(op, operators.Convolution):
        return np.moveaxis(np.reshape(built, op.weights.shape), (3, 2), (0, 1))
    if isinstance(op, operators.Local):
        n_windows = int(np.prod(op.weights.shape[:2]))
        return op.weights.reshape(n_windows, -1, op.weights.shape[-1])
    return np.asarray(built)


def restored(op, built, weights):
    """Weights as Nengo has them."""
    if isinstance(op, operators.Convolution):
        return np.moveaxis(weights, (0, 1), (3, 2)).reshape(np.shape(built))
    if isinstance(op, operators.Local):
        inside = op.windows.inside
        blocks = weights.reshape(*inside.shape, -1, weights.shape[-1])
        return blocks[inside].ravel()
    return weights


def scaled(op, weights, factor):
    """Weights whose outputs are multiplied, each feature by a number of its own."""
    if isinstance(op, operators.Local):
        return weights * factor
    return weights * factor.reshape(-1, *[1] * (weights.ndim - 1))
