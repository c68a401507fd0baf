"""What the nodes of NIR become in Nengo."""

from dataclasses import replace

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError

from ..geometry import Windows
from ..layers import operators
from ..spiking_neurons import IntegrateAndFire
from ..transforms import AveragePool
from .kernels import order_of
from .values import (
    Part,
    Value,
    add_constant,
    added,
    connect,
    read_finite,
    read_pair,
    read_sizes,
    read_spread,
    read_tau,
    relayed,
    scaled,
    settled,
    source_of,
)

FILTERS = "LI", "CubaLI", "CubaLIF"
"""Nodes that begin with a filter."""


# -- ends ------------------------------------------------------------------------------


def _input(reading, name, given):
    shape = read_sizes(name, reading.graph.nodes[name].input_type["input"])
    # two sides are channels and a row where a convolution says so, or else an image
    flat = len(shape) == 2 and "Conv1d" not in map(reading.kind, reading.after[name])
    order = np.arange(np.prod(shape, dtype=int)) if flat else order_of(shape)
    node = nengo.Node(np.zeros(order.size), label=name)
    return Value(shape, [Part(node, order)])


def _output(reading, name, given):
    value = added(given)
    order = order_of(value.shape)
    only = value.parts[0]
    relay = only.obj
    plain = len(value.parts) == 1 and only.scale is None and not only.taus
    passes = isinstance(relay, nengo.Node) and relay.size_in
    if not plain or not passes or not np.array_equal(only.order, order):
        relay = relayed(value, order, name)
    if value.offset is not None:
        add_constant(value.offset[order], relay)
    return Value(value.shape, [Part(relay, order)])


def _flatten(reading, name, given):
    node, value = reading.graph.nodes[name], added(given)
    n = len(value.shape)
    first, last = (int(dim) % n for dim in (node.start_dim, node.end_dim))
    middle = int(np.prod(value.shape[first : last + 1]))
    return replace(
        value, shape=(*value.shape[:first], middle, *value.shape[last + 1 :])
    )


# -- weights ---------------------------------------------------------------------------


def _apply(name, value, transform, begin, shape, order, bias=None):
    """Add a node behind a transform; ``begin`` is the order that it takes."""
    target = nengo.Node(size_in=transform.size_out, label=name)
    source = source_of(value, begin)
    nengo.Connection(source, target, transform=transform, synapse=None)
    offset = bias
    if value.offset is not None:
        through = value.offset[begin]
        for op in operators.read_sampled(transform):
            through = op(through)
        through = through[np.argsort(order)]
        offset = through if bias is None else through + bias
    if offset is not None and not np.any(offset):
        offset = None
    return Value(shape, [Part(target, order)], offset)


def _dense(reading, name, given):
    node, value = reading.graph.nodes[name], added(given)
    weight = read_finite(name, node.weight)
    if weight.ndim != 2 or value.shape != (weight.shape[1],):
        raise Unconvertible(
            f"node {name!r} has weights of shape {weight.shape} and gets values of "
            f"shape {value.shape}; a matrix takes a row of values: put a Flatten before"
        )
    bias = getattr(node, "bias", None)
    if bias is not None:
        bias = read_spread(name, bias, weight.shape[:1])
    # in the order in which the values are there, so that nothing has to move
    begin = value.parts[0].order
    transform = nengo.Dense(weight.shape, init=weight[:, begin])
    shape, order = weight.shape[:1], np.arange(weight.shape[0])
    return _apply(name, value, transform, begin, shape, order, bias)


def _scale(reading, name, given):
    value = added(given)
    scale = read_spread(name, reading.graph.nodes[name].scale, value.shape)
    parts = [scaled(part, scale) for part in value.parts]
    offset = None if value.offset is None else scale * value.offset
    return settled(name, Value(value.shape, parts, offset))


def _convolution(reading, name, given):
    node, value = reading.graph.nodes[name], added(given)
    weight = read_finite(name, node.weight)
    n_sides = weight.ndim - 2
    if len(value.shape) != n_sides + 1:
        raise Unconvertible(
            f"node {name!r} is a convolution along {n_sides} sides and gets values of "
            f"shape {value.shape}; it takes channels, and then the sides"
        )
    groups = int(np.ravel(node.groups)[0])
    n_channels = value.shape[0]
    if weight.shape[1] * groups != n_channels or weight.shape[0] % groups:
        raise Unconvertible(
            f"node {name!r} has weights of shape {weight.shape} in {groups} groups and "
            f"gets {n_channels} channels"
        )
    kernel = _dilated(
        np.moveaxis(weight, (0, 1), (-1, -2)), read_pair(node.dilation, n_sides)
    )
    strides = read_pair(node.stride, n_sides)
    value, padding = _padded(name, value, kernel.shape[:-2], strides, node.padding)
    transform = nengo.Convolution(
        weight.shape[0],
        (*value.shape[1:], n_channels),
        kernel_size=kernel.shape[:-2],
        strides=strides,
        padding=padding,
        init=kernel,
        groups=groups,
    )
    shape = (weight.shape[0], *transform.output_shape.spatial_shape)
    bias = None
    if node.bias is not None:
        bias = read_spread(name, node.bias, shape[:1]).repeat(int(np.prod(shape[1:])))
    begin = order_of(value.shape)
    return _apply(name, value, transform, begin, shape, order_of(shape), bias)


def _dilated(kernel, dilation):
    """Put zeros between the numbers of a kernel."""
    sizes = zip(kernel.shape, dilation, strict=False)
    wide = np.zeros((*((n - 1) * d + 1 for n, d in sizes), *kernel.shape[-2:]))
    wide[tuple(slice(None, None, d) for d in dilation)] = kernel
    return wide


def _padded(name, value, size, strides, padding):
    """Return what a convolution begins with, and its padding in Nengo's words."""
    padding = padding.decode() if isinstance(padding, bytes) else padding
    sides = value.shape[1:]
    if isinstance(padding, str):
        if padding == "same" and any(stride > 1 for stride in strides):
            raise Unconvertible(
                f"node {name!r} has strides and padding 'same', which PyTorch does not "
                "have; give the padding as numbers"
            )
        return value, padding
    padding = read_pair(padding, len(sides), low=0)
    wide = tuple(n + 2 * p for n, p in zip(sides, padding, strict=True))
    if any(n < k for n, k in zip(wide, size, strict=True)):
        raise Unconvertible(
            f"node {name!r} has a kernel of {size}, larger than its image of {wide}"
        )
    if not any(padding):
        return value, "valid"
    same = Windows(sides, size, strides, "same")
    count = tuple(1 + (n - k) // s for n, k, s in zip(wide, size, strides, strict=True))
    if same.before == padding and same.output_shape == count:
        return value, "same"
    return _with_border(value, padding), "valid"


def _with_border(value, padding):
    """Put zeros around an image."""
    n_channels, *sides = value.shape
    shape = (n_channels, *(n + 2 * p for n, p in zip(sides, padding, strict=True)))
    order = order_of(shape)
    node = nengo.Node(size_in=order.size)
    inside = np.arange(order.size).reshape(*shape[1:], n_channels)[
        tuple(slice(p, p + n) for n, p in zip(sides, padding, strict=True))
    ]
    begin = order_of(value.shape)
    nengo.Connection(source_of(value, begin), node[inside.ravel()], synapse=None)
    offset = None
    if value.offset is not None:
        offset = np.zeros(order.size)
        offset[inside.ravel()] = value.offset[begin]
        offset = offset[np.argsort(order)]
    return Value(shape, [Part(node, order)], offset)


def _pool(reading, name, given):
    node, value = reading.graph.nodes[name], added(given)
    if len(value.shape) != 3:
        raise Unconvertible(
            f"node {name!r} pools images and gets values of shape {value.shape}; it "
            "takes channels, rows and columns"
        )
    size, strides = read_pair(node.kernel_size, 2), read_pair(node.stride, 2)
    padding = read_pair(node.padding, 2, low=0)
    if any(padding):  # zeros count in NIR, as in PyTorch
        value = _with_border(value, padding)
    n_channels, *sides = value.shape
    transform = AveragePool((*sides, n_channels), size, strides)
    shape = (n_channels, *transform.output_shape.spatial_shape)
    begin, order = order_of(value.shape), order_of(shape)
    pooled = _apply(name, value, transform, begin, shape, order)
    if reading.kind(name) == "AvgPool2d":
        return pooled
    times = np.full(pooled.size, float(np.prod(size)))
    parts = [scaled(part, times) for part in pooled.parts]
    offset = None if pooled.offset is None else times * pooled.offset
    return settled(name, Value(shape, parts, offset))


# -- filters and neurons ---------------------------------------------------------------


def _filter(reading, name, given):
    """LI, and CubaLI, which is two in a row."""
    node, value = reading.graph.nodes[name], added(given)
    shape = value.shape
    scale, taus = read_spread(name, node.r, shape), ()
    if reading.kind(name) == "CubaLI":
        scale = scale * read_spread(name, node.w_in, shape)
        taus = (read_tau(name, node.tau_syn),)
        own = read_tau(name, node.tau_mem)
    else:
        own = read_tau(name, node.tau)
    v_leak = read_spread(name, node.v_leak, shape)
    parts = [_filtered(part, scale, (*taus, own)) for part in value.parts]
    behind = Value(shape, parts)
    if value.offset is None and not np.any(v_leak) and reading.passes_on(name):
        return behind
    behind = settled(name, behind)
    (only,) = behind.parts
    if value.offset is not None:
        add_constant((scale * value.offset)[only.order], only.obj, (*taus, own))
    if np.any(v_leak):
        add_constant(v_leak[only.order], only.obj, (own,))
    return behind


def _filtered(part, scale, taus):
    part = scaled(part, scale)
    return replace(part, taus=(*part.taus, *taus))


def _neurons(reading, name, given):
    """IF, LIF and CubaLIF.

    With u = (v - v_reset) / (v_threshold - v_reset), LIF is tau u' = J - u with the
    threshold 1, where J = (v_leak - v_reset + r I) / (v_threshold - v_reset).
    """
    node, value = reading.graph.nodes[name], added(given)
    shape = value.shape
    order = value.parts[0].order
    reset = read_spread(name, node.v_reset, shape)
    height = read_spread(name, node.v_threshold, shape) - reset
    if not np.all(height > 0):
        raise Unconvertible(
            f"node {name!r} has thresholds that are not above the reset"
        )
    gain, bias, parts = (
        read_spread(name, node.r, shape) / height,
        0 * height,
        value.parts,
    )
    offset, kind = value.offset, reading.kind(name)
    if kind != "IF":
        bias = (read_spread(name, node.v_leak, shape) - reset) / height
    taus = ()
    if kind == "CubaLIF":
        gain = gain * read_spread(name, node.w_in, shape)
        taus = (read_tau(name, node.tau_syn),)
        parts = [replace(part, taus=(*part.taus, *taus)) for part in parts]
    elif offset is not None:
        bias, offset = bias + gain * offset, None
    told = node.metadata if isinstance(node.metadata, dict) else {}
    tau = None if kind == "IF" else read_tau(name, getattr(node, "tau_mem", None), node)
    neuron_type = _type(name, tau, reading.area, told, shape, order)
    if tau is not None and isinstance(neuron_type, IntegrateAndFire):
        gain, bias = gain / tau, bias / tau  # its current is in thresholds per second
    ensemble = nengo.Ensemble(
        height.size,
        1,
        gain=gain[order],
        bias=bias[order],
        neuron_type=neuron_type,
        label=name,
    )
    for part in parts:
        connect(part, ensemble.neurons, order)
    if offset is not None:
        add_constant(offset[order], ensemble.neurons, taus)
    return Value(shape, [Part(ensemble.neurons, order)])


def _type(name, tau, area, told, shape, order):
    """Type of neurons, by what the metadata of our own files tell of it."""
    kind = told.get("neuron_type", "LIF" if tau else "IntegrateAndFire")
    state = {
        key: read_spread(name, told[key], shape)[order]
        for key in ("voltage", "refractory_time")
        if key in told
    }
    state.setdefault("voltage", nengo.dists.Choice([0]))
    common = {"amplitude": area, "initial_state": state}
    if kind == "LIF" and tau:
        tau_ref, lowest = told.get("tau_ref", 0), told.get("min_voltage", -np.inf)
        return nengo.LIF(tau, float(tau_ref), float(lowest), **common)
    if kind == "IntegrateAndFire":
        return IntegrateAndFire(tau or np.inf, **common)
    if kind == "SpikingRectifiedLinear" and not tau:
        return nengo.SpikingRectifiedLinear(**common)
    raise ValidationError(
        f"expected a type of neurons that to_nir writes in the metadata of {name!r}, "
        f"got {kind!r}; leave neuron_type out",
        attr="metadata",
    )


BUILDERS = {
    "Input": _input,
    "Output": _output,
    "Affine": _dense,
    "Linear": _dense,
    "Scale": _scale,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "AvgPool2d": _pool,
    "SumPool2d": _pool,
    "Flatten": _flatten,
    "LI": _filter,
    "CubaLI": _filter,
    "IF": _neurons,
    "LIF": _neurons,
    "CubaLIF": _neurons,
}
"""From types of nodes to what makes Nengo objects of them."""
