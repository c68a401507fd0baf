"""A network of plain Nengo objects in the making, with what it answers to images.

What comes from other packages is linear, layer after layer, up to the next neurons.
What lies between is kept as `Value`, so that normalisation goes into the weights before
it and sums need no node, until neurons or a node take it.
"""

from dataclasses import dataclass, replace

import nengo
import numpy as np
from nengo.params import BoolParam

from ..layers import operators

BATCH = 32
"""Images of which values are computed at a time."""


@dataclass(frozen=True)
class Value:
    """What objects of the network make, added up, for a layer of another package.

    Parameters
    ----------
    terms : tuple of (nengo.Node or nengo.ensemble.Neurons, Transform or None)
        What is added up: values of objects, through transforms.
    shape : tuple of int
        Channels last.
    bias : (channels,) ndarray, optional
        What is added to each channel.
    label : str, optional
        Name of what will be made of it.
    layers : tuple of str
        Those that went into it since the last object of the network.
    ends : str
        The function that is left out behind it, since it is the last: ``"softmax"``.
    """

    terms: tuple
    shape: tuple
    bias: np.ndarray | None = None
    label: str | None = None
    layers: tuple = ()
    ends: str = ""

    @property
    def is_object(self):
        """Whether it is what one object puts out."""
        return self.bias is None and len(self.terms) == 1 and self.terms[0][1] is None

    @property
    def source(self):
        """That object."""
        return self.terms[0][0]

    @property
    def size(self):
        """Number of values."""
        return int(np.prod(self.shape))

    def plus(self, bias):
        """Add to each channel."""
        total = bias if self.bias is None else self.bias + bias
        return replace(self, bias=total)

    def times(self, scale):
        """Multiply each channel, in the weights; objects by weights of their own."""
        terms = tuple(
            (source, _scaled(transform, scale, self.shape))
            for source, transform in self.terms
        )
        bias = None if self.bias is None else self.bias * scale
        return replace(self, terms=terms, bias=bias)


class Sketch:
    """Adds objects to the Nengo network of the current context.

    Parameters
    ----------
    shape : tuple of int
        Of an image.
    images : (n, size) ndarray, optional
        Images to compute answers to.

    Attributes
    ----------
    input : Value
        The image.
    exact, own : dict
        From objects to what they should put out for the images, and what they do;
        the same array where there is no difference. Empty without images.
    layers : dict
        From objects to the names of the layers of the other package in them.
    """

    def __init__(self, shape, images=None):
        config = nengo.Network.context[-1].config[nengo.Ensemble]
        if not hasattr(config, "trainable"):  # as nengo_dl.configure_settings does it
            config.set_param("trainable", BoolParam("trainable", None, optional=True))
        node = nengo.Node(np.zeros(int(np.prod(shape))), label="image")
        self.input = Value(((node, None),), tuple(shape))
        self.exact, self.own, self.layers = {}, {}, {node: ()}
        if images is not None:
            self.exact[node] = self.own[node] = images.astype(np.float32)

    @property
    def has_images(self):
        """Whether answers are computed."""
        return bool(self.exact)

    def as_object(self, value, missing=None):
        """Put a node where a value is made of several parts; see `neurons`."""
        if value.is_object:
            return value
        node = nengo.Node(size_in=value.size, label=value.label)
        return self._put(node, value, value.label, missing=missing)

    def neurons(self, value, name, neuron_type, gain, bias, respond=None, missing=None):
        """Put neurons where a value is.

        Parameters
        ----------
        value : Value
            Their weighted input.
        name : str
            Name of the layer, if the value has none.
        neuron_type : nengo.neurons.NeuronType
            The neurons.
        gain, bias : float
            Of each.
        respond : callable, optional
            What they should make of inputs; by default what they make.
        missing : (channels,) ndarray, optional
            What comes in has too little of, and is to be added to biases.
        """
        label = value.label or name
        ensemble = nengo.Ensemble(
            value.size,
            dimensions=1,
            neuron_type=neuron_type,
            gain=np.full(value.size, float(gain)),
            bias=np.full(value.size, float(bias)),
            label=label,
        )
        nengo.Network.context[-1].config[ensemble].trainable = False

        def rates(x):
            out = np.zeros(x.shape, np.float64)
            neuron_type.step(1e-3, gain * x.astype(np.float64) + bias, out)
            return out.astype(np.float32)

        return self._put(
            ensemble.neurons, value, label, respond or rates, rates, missing
        )

    def apply(self, value, transform, shape, bias=None):
        """Put a value through a transform, and add to each channel."""
        value = self.as_object(value)
        return Value(((value.source, transform),), tuple(shape), bias)

    def move(self, value, places, name):
        """Put values into other places, an array of where each comes from.

        It is -1 where there is a zero.
        """
        value = self.as_object(value)
        ends = np.flatnonzero(places.ravel() >= 0)
        starts = places.ravel()[ends]
        node = nengo.Node(size_in=places.size, label=name)
        nengo.Connection(value.source[starts], node[ends], synapse=None, label=name)

        def moved(kept):
            out = np.zeros((len(kept[value.source]), places.size), np.float32)
            out[:, ends] = kept[value.source][:, starts]
            return out

        self._keep(node, [value.source], moved)
        self.layers[node] = ()
        return Value(((node, None),), places.shape)

    def join(self, values, name):
        """Put values side by side, along the last axis."""
        values = [self.as_object(value) for value in values]
        sources = [value.source for value in values]
        shape = (*values[0].shape[:-1], sum(value.shape[-1] for value in values))
        places = np.arange(int(np.prod(shape))).reshape(shape)
        edges = np.cumsum([value.shape[-1] for value in values])[:-1]
        ends = [part.ravel() for part in np.split(places, edges, axis=-1)]
        node = nengo.Node(size_in=places.size, label=name)
        for source, end in zip(sources, ends, strict=True):
            nengo.Connection(source, node[end], synapse=None, label=name)

        def joined(kept):
            out = np.empty((len(kept[sources[0]]), places.size), np.float32)
            for source, end in zip(sources, ends, strict=True):
                out[:, end] = kept[source]
            return out

        self._keep(node, sources, joined)
        self.layers[node] = ()
        return Value(((node, None),), shape)

    def scale(self, value, scale, shift=None):
        """Multiply each channel, and add to it."""
        if any(type(transform) not in _SCALED for _, transform in value.terms):
            value = self.as_object(value)
        value = value.times(np.asarray(scale, np.float64))
        return value if shift is None else value.plus(shift)

    def totals(self, value, missing=None):
        """What comes in, for the images: as it should, and as it does."""
        exact = self._total(value, self.exact)
        if self._is_exact(source for source, _ in value.terms):
            return exact, exact
        own = value if missing is None else value.plus(missing)
        return exact, self._total(own, self.own)

    def _is_exact(self, sources):
        return all(self.exact[source] is self.own[source] for source in sources)

    def _total(self, value, kept):
        total = 0.0
        for source, transform in value.terms:
            path = [] if transform is None else operators.read_sampled(transform)
            total = total + _through(path, kept[source])
        if value.bias is not None:
            total = total + np.tile(value.bias, value.size // value.shape[-1])
        return np.asarray(total, np.float32)

    def _keep(self, target, sources, compute):
        """Compute what an object puts out, from what others do."""
        if self.has_images:
            self.exact[target] = self.own[target] = compute(self.exact)
            if not self._is_exact(sources):
                self.own[target] = compute(self.own)

    def _put(self, target, value, label, respond=None, rates=None, missing=None):
        """Lead a value to a node or neurons."""
        should, value = value, value if missing is None else value.plus(missing)
        for source, transform in value.terms:
            nengo.Connection(
                source, target, transform=transform, synapse=None, label=label
            )
        if value.bias is not None:
            transform = _spread(value.bias, value.shape)
            ones = nengo.Node(np.ones(transform.size_in), label=f"{label} one")
            nengo.Connection(
                ones, target, transform=transform, synapse=None, label=f"{label} bias"
            )
        if self.has_images:
            exact, own = self.totals(should, missing)
            is_exact = exact is own and respond is rates
            exact = exact if respond is None else respond(exact)
            own = own if rates is None or is_exact else rates(own)
            self.exact[target], self.own[target] = exact, exact if is_exact else own
        self.layers[target] = value.layers
        return Value(((target, None),), value.shape)


_SCALED = type(None), nengo.Dense, nengo.Convolution
"""Transforms whose weights can be multiplied, channel by channel."""


def _through(path, x):
    """Apply operators to rows, some at a time."""
    parts = []
    for i in range(0, len(x), BATCH):
        part = x[i : i + BATCH]
        for op in path:
            part = op(part)
        parts.append(part)
    return np.concatenate(parts)


def _scaled(transform, scale, shape):
    """A transform whose channels are multiplied."""
    if transform is None or np.ndim(transform.init) == 0:
        return _diagonal(scale * getattr(transform, "init", 1.0), shape)
    if isinstance(transform, nengo.Dense):
        column = scale[:, np.newaxis] if transform.init.ndim == 2 else scale
        return nengo.Dense(transform.shape, init=transform.init * column)
    return nengo.Convolution(
        transform.n_filters,
        transform.input_shape,
        kernel_size=transform.kernel_size,
        strides=transform.strides,
        padding=transform.padding,
        groups=transform.groups,
        init=transform.init * scale,
    )


def _diagonal(scale, shape):
    """A transform that multiplies each channel."""
    *along, n_channels = shape
    if np.all(scale == scale[0]):
        size = int(np.prod(shape))
        return nengo.Dense((size, size), init=scale[0])
    if not along:
        return nengo.Dense((n_channels, n_channels), init=scale)
    ones = (1,) * len(along)
    return nengo.Convolution(
        n_channels,
        shape,
        kernel_size=ones,
        strides=ones,
        groups=n_channels,
        init=scale.reshape(*ones, 1, n_channels),
    )


def _spread(bias, shape):
    """A transform from ones to a number for each channel, which can be trained."""
    *along, n_channels = shape
    if not along:
        return nengo.Dense((n_channels, 1), init=bias[:, np.newaxis])
    ones = (1,) * len(along)
    return nengo.Convolution(
        n_channels,
        (*along, 1),
        kernel_size=ones,
        strides=ones,
        init=bias.reshape(*ones, 1, n_channels),
    )
