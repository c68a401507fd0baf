"""What becomes of each kind of Keras layers, by the name of its class.

A function in `LAYERS` takes a `Sketch`, the layer, and what comes in, a `Value` for
each input, and returns what goes out but for the layer's activation.
"""

from dataclasses import replace

import nengo
import numpy as np
from nengo.exceptions import Unconvertible

from ..transforms import AveragePool
from .sketch import Value

_INSTEAD = {
    "MaxPooling": "spikes have no maximum; train with AveragePooling, or with strides",
    "GlobalMaxPooling": "spikes have no maximum; train with GlobalAveragePooling",
    "LeakyReLU": "neurons have no negative rates; train with ReLU or SoftLIF",
    "PReLU": "neurons have no negative rates; train with ReLU or SoftLIF",
    "ELU": "neurons have no negative rates; train with ReLU or SoftLIF",
    "LayerNormalization": "it depends on each example; train with BatchNormalization",
    "GroupNormalization": "it depends on each example; train with BatchNormalization",
    "Conv2DTranspose": "use UpSampling2D and Conv2D",
    "Conv1DTranspose": "use UpSampling1D and Conv1D",
    "Multiply": "products of layers are not linear; use Add or Concatenate",
}
"""What to use instead of layers that cannot be carried over, by how they begin."""


def kind_of(layer):
    """Name the class of Keras', or of ours, whose ``call`` a layer has.

    None if it has one of its own.
    """
    for cls in type(layer).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in ("keras", "tf_keras", "nengo_softlif"):
            kept = type(layer).call is cls.call
            return cls.__name__.removeprefix("Legacy") if kept else None
    return None


def refuse(layer, why):
    """Raise an error that names the layer."""
    name = getattr(layer, "name", layer)
    raise Unconvertible(f"layer {name!r} ({type(layer).__name__}): {why}")


def convert(sketch, layer, inputs):
    """Put a layer behind what comes in.

    Parameters
    ----------
    sketch : Sketch
        Holds the network.
    layer : Layer
        Of Keras.
    inputs : list of Value
        What comes in.

    Returns
    -------
    Value
        What goes out, but for its activation.

    Raises
    ------
    Unconvertible
        If Nengo's objects cannot do what the layer does.
    """
    kind = kind_of(layer)
    is_layer = hasattr(layer, "get_weights")
    if not is_layer and kind == "Add" and len(inputs) == 2:  # written x + y
        is_layer = True
    if kind not in LAYERS or not is_layer:
        name = type(layer).__name__
        why = next((how for k, how in _INSTEAD.items() if name.startswith(k)), None)
        refuse(layer, why or f"only these can be carried over: {', '.join(LAYERS)}")
    if getattr(layer, "data_format", None) == "channels_first":
        refuse(
            layer, "expected channels last; make it with data_format='channels_last'"
        )
    value = LAYERS[kind](sketch, layer, *inputs)
    if value.is_object:
        sketch.layers[value.source] += (layer.name,)
        return value
    return replace(
        value, label=value.label or layer.name, layers=(*value.layers, layer.name)
    )


# -- with weights ----------------------------------------------------------------------


def _weights(layer):
    """Weights and bias, in float64 as Nengo has them."""
    kernel, *bias = (np.asarray(w, np.float64) for w in layer.get_weights())
    return kernel, bias[0] if bias else None


def _dense(sketch, layer, value):
    kernel, bias = _weights(layer)
    *along, size_in = value.shape
    size_out = kernel.shape[1]
    if along:  # the same at all positions
        ones = (1,) * len(along)
        kernel = kernel.reshape(*ones, size_in, size_out)
        return _convolved(sketch, layer, value, kernel, bias)
    transform = nengo.Dense((size_out, size_in), init=kernel.T)
    return sketch.apply(value, transform, (size_out,), bias)


def _convolution(sketch, layer, value):
    kernel, bias = _weights(layer)
    return _convolved(sketch, layer, value, kernel, bias, layer.groups)


def _depthwise(sketch, layer, value):
    kernel, bias = _weights(layer)
    return _each_channel(sketch, layer, value, kernel, bias)


def _each_channel(sketch, layer, value, kernel, bias=None):
    *size, n_channels, multiplier = kernel.shape
    kernel = kernel.reshape(*size, 1, n_channels * multiplier)
    return _convolved(sketch, layer, value, kernel, bias, n_channels)


def _separable(sketch, layer, value):
    each, across, *bias = (np.asarray(w, np.float64) for w in layer.get_weights())
    value = _each_channel(sketch, layer, value, each)
    value = replace(value, label=f"{layer.name} depthwise")
    ones = (1,) * (across.ndim - 2)
    value = sketch.as_object(value)
    transform = nengo.Convolution(
        across.shape[-1], value.shape, kernel_size=ones, strides=ones, init=across
    )
    shape = transform.output_shape.shape
    return sketch.apply(value, transform, shape, *bias)


def _convolved(sketch, layer, value, kernel, bias, groups=1):
    n_dimensions = kernel.ndim - 2
    if len(value.shape) != n_dimensions + 1 or n_dimensions > 2:
        refuse(layer, "only convolutions of signals and images can be carried over")
    strides = tuple(getattr(layer, "strides", (1,) * n_dimensions))
    padding = getattr(layer, "padding", "valid")
    kernel = _dilated(kernel, getattr(layer, "dilation_rate", (1,) * n_dimensions))
    size = kernel.shape[:-2]
    if padding == "causal":
        places = _places(value.shape)
        places = np.pad(places, [(size[0] - 1, 0), (0, 0)], constant_values=-1)
        value, padding = sketch.move(value, places, f"{layer.name} padding"), "valid"
    transform = nengo.Convolution(
        kernel.shape[-1],
        value.shape,
        kernel_size=size,
        strides=strides,
        padding=padding,
        groups=groups,
        init=kernel,
    )
    shape = transform.output_shape.shape
    return sketch.apply(value, transform, shape, bias)


def _dilated(kernel, dilation):
    """Write out a kernel with the zeros between its weights."""
    steps = tuple(dilation)
    if set(steps) == {1}:
        return kernel
    *size, n_in, n_out = kernel.shape
    long = [(n - 1) * step + 1 for n, step in zip(size, steps, strict=True)]
    spread = np.zeros((*long, n_in, n_out))
    spread[tuple(slice(None, None, step) for step in steps)] = kernel
    return spread


def _batch_norm(sketch, layer, value):
    _check_last_axis(layer, value)
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    mean, variance = weights[-2:]
    gamma = weights[0] if layer.scale else 1.0
    beta = weights[int(layer.scale)] if layer.center else 0.0
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return sketch.scale(value, scale, beta - scale * mean)


def _check_last_axis(layer, value):
    axes = {axis % (len(value.shape) + 1) for axis in np.atleast_1d(layer.axis)}
    if axes != {len(value.shape)}:
        refuse(layer, "only along the last axis, of channels (axis=-1)")


def _rescaling(sketch, layer, value):
    n_channels = value.shape[-1]
    scale, shift = (np.asarray(x, np.float64) for x in (layer.scale, layer.offset))
    if scale.size not in (1, n_channels) or shift.size not in (1, n_channels):
        refuse(layer, "expected one number, or one for each channel")
    scale, shift = (np.resize(x, n_channels) for x in (scale, shift))
    return sketch.scale(value, scale, shift if np.any(shift) else None)


# -- pooling ---------------------------------------------------------------------------


def _pooling(sketch, layer, value):
    size, strides = tuple(layer.pool_size), tuple(layer.strides)
    return _pooled(sketch, layer, value, size, strides, layer.padding)


def _global_pooling(sketch, layer, value):
    size = value.shape[:-1]
    pooled = _pooled(sketch, layer, value, size, size, "valid")
    if getattr(layer, "keepdims", False):
        return pooled
    return _reshaped(sketch, layer, pooled, value.shape[-1:])


def _pooled(sketch, layer, value, size, strides, padding):
    if len(value.shape) not in (2, 3):
        refuse(layer, "only pooling of signals and images can be carried over")
    ones = (1,) * (3 - len(value.shape))  # a signal is an image one pixel wide
    image = (*value.shape[:-1], *ones, value.shape[-1])
    transform = AveragePool(image, (*size, *ones), (*strides, *ones), padding)
    pooled = transform.output_shape.shape
    shape = (*pooled[: len(value.shape) - 1], pooled[-1])
    return sketch.apply(value, transform, shape)


# -- several inputs --------------------------------------------------------------------


def _add(sketch, layer, *values, factors=None):
    shapes = sorted({value.shape for value in values})
    if len(shapes) > 1:
        refuse(layer, f"expected inputs of one shape, got {shapes}")
    if factors is not None:
        ones = np.ones(shapes[0][-1])
        pairs = zip(values, factors, strict=True)
        values = [v if f == 1 else sketch.scale(v, f * ones) for v, f in pairs]
    terms = tuple(term for value in values for term in value.terms)
    layers = tuple(name for value in values for name in value.layers)
    biases = [value.bias for value in values if value.bias is not None]
    bias = sum(biases) if biases else None
    return Value(terms, shapes[0], bias, layer.name, layers)


def _subtract(sketch, layer, *values):
    return _add(sketch, layer, *values, factors=(1, -1))


def _average(sketch, layer, *values):
    return _add(sketch, layer, *values, factors=[1 / len(values)] * len(values))


def _concatenate(sketch, layer, *values):
    rank = len(values[0].shape)
    axis = layer.axis % (rank + 1) - 1
    if axis < 0:
        refuse(layer, "examples cannot be joined; use axis=-1")
    if axis == rank - 1:
        return sketch.join(values, layer.name)
    turned = [
        sketch.move(value, np.moveaxis(_places(value.shape), axis, -1), layer.name)
        for value in values
    ]
    joined = sketch.join(turned, layer.name)
    return sketch.move(joined, np.moveaxis(_places(joined.shape), -1, axis), layer.name)


# -- other places ----------------------------------------------------------------------


def _places(shape):
    return np.arange(int(np.prod(shape))).reshape(shape)


def _reshaped(sketch, layer, value, shape):
    if tuple(shape) == value.shape:
        return value
    named = replace(value, label=value.label or layer.name)
    return replace(sketch.as_object(named), shape=tuple(shape))


def _flatten(sketch, layer, value):
    return _reshaped(sketch, layer, value, (value.size,))


def _reshape(sketch, layer, value):
    shape = np.empty(value.shape).reshape(tuple(layer.target_shape)).shape
    return _reshaped(sketch, layer, value, shape)


def _permute(sketch, layer, value):
    axes = [axis - 1 for axis in layer.dims]
    return sketch.move(value, np.transpose(_places(value.shape), axes), layer.name)


def _repeat(sketch, layer, value):
    places = np.tile(_places(value.shape), (layer.n, 1))
    return sketch.move(value, places, layer.name)


def _margins(amounts, n_dimensions):
    """Numbers of pixels before and after, along each side."""
    if n_dimensions == 1 and np.ndim(amounts) < 2:
        amounts = [amounts]
    return [*(tuple(amount) for amount in amounts), (0, 0)]


def _zero_padding(sketch, layer, value):
    margins = _margins(layer.padding, len(value.shape) - 1)
    places = np.pad(_places(value.shape), margins, constant_values=-1)
    return sketch.move(value, places, layer.name)


def _cropping(sketch, layer, value):
    margins = _margins(layer.cropping, len(value.shape) - 1)
    sides = zip(margins, value.shape, strict=True)
    kept = tuple(slice(low, n - high) for (low, high), n in sides)
    return sketch.move(value, _places(value.shape)[kept], layer.name)


def _up_sampling(sketch, layer, value):
    if getattr(layer, "interpolation", "nearest") != "nearest":
        refuse(layer, "only interpolation='nearest' can be carried over")
    places = _places(value.shape)
    for axis, factor in enumerate(np.atleast_1d(layer.size)):
        places = np.repeat(places, factor, axis=axis)
    return sketch.move(value, places, layer.name)


def _pass(sketch, layer, value):
    return value


_IN_TRAINING = (
    "Dropout SpatialDropout1D SpatialDropout2D GaussianNoise GaussianDropout "
    "AlphaDropout ActivityRegularization"
).split()

LAYERS = {
    "Dense": _dense,
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "BatchNormalization": _batch_norm,
    "Rescaling": _rescaling,
    "AveragePooling1D": _pooling,
    "AveragePooling2D": _pooling,
    "GlobalAveragePooling1D": _global_pooling,
    "GlobalAveragePooling2D": _global_pooling,
    "Add": _add,
    "Subtract": _subtract,
    "Average": _average,
    "Concatenate": _concatenate,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "ZeroPadding1D": _zero_padding,
    "ZeroPadding2D": _zero_padding,
    "Cropping1D": _cropping,
    "Cropping2D": _cropping,
    "UpSampling1D": _up_sampling,
    "UpSampling2D": _up_sampling,
    "Activation": _pass,
    "ReLU": _pass,
    "SoftLIF": _pass,
    "Softmax": _pass,
    "Identity": _pass,
    **{name: _pass for name in _IN_TRAINING},
}
"""Functions by the names of classes, of Keras and of `nengo_softlif.keras`."""
