"""From a Keras model to a `.Model` around a plain Nengo network."""

from dataclasses import replace

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError

from ..checks import check_number
from ..images import real_numbers
from ..models import Model
from ..neurons import partner
from ..preprocessing import Preprocessing
from . import fitting
from .graph import KerasGraph
from .layers import convert, kind_of, refuse
from .notes import KerasChanges, LayerNote
from .sketch import Sketch

N_IMAGES = 500
"""Of more images, so many are taken, evenly spaced."""

# With a long membrane time constant a given rate takes a current farther above the
# threshold, where the curve is straighter. These are of the papers' CIFAR-10 network.
_NEURONS = {
    "relu": nengo.RectifiedLinear(),
    "lif": nengo.LIFRate(tau_rc=0.05, tau_ref=0.001),
}

_SAME = 1e-3
"""How far, in parts of its largest value, an answer may be from Keras' for rounding."""


def from_keras(model, neurons="relu", images=None, max_rate=200.0):
    """Carry a trained Keras model over to Nengo.

    Layers of weights become connections, with batch normalisation multiplied into them;
    activations become neurons. What acts in training only, such as dropout, vanishes,
    and so does a softmax or sigmoid at the end, which moves no answer. The network is
    one like any other: train it further, rebuild it in spikes, take it to chips.

    Parameters
    ----------
    model : keras.Model or tf_keras.Model
        One input, one output, channels last; sequential or functional. Activations are
        `.keras.SoftLIF`, which is carried over as it is, or ReLU.
    neurons : {"relu", "lif"} or nengo.neurons.NeuronType
        What ReLU becomes: `nengo.RectifiedLinear`, which answers the same; or
        `nengo.LIFRate` with ``tau_rc`` 50 ms and ``tau_ref`` 1 ms, whose curve is
        another, and is fitted for each layer so that it answers what ReLU does as
        closely as it can. Or rate neurons with settings of their own: with a shorter
        ``tau_rc`` the curve is more bent; `.SoftLIFRate` with noise is there to be
        trained further.
    images : (n, ...) array_like, optional
        As the Keras model takes them; some hundred. LIF neurons are fitted to what
        these make of the layers, and `.keras.changes` tells how answers to
        them changed.
    max_rate : float
        Rate in Hz that neurons in place of ReLU have where, for these images, values of
        their layer are largest (without images, where they are one). Lower ones take
        fewer spikes; of LIF neurons, 100 to 200 follow ReLU best.

    Returns
    -------
    Model
        Its neurons have rates, until `.to_spiking` rebuilds it. It takes images as the
        Keras model does. If those came out of a division by 255, say, and the model
        shall take what was divided, put another ``preprocessing`` in its place.

    Raises
    ------
    Unconvertible
        If a layer cannot be carried over; names it, and says what to use.
    ValidationError
        If an argument is of another kind, the model has several inputs or outputs or is
        not built yet, or images do not fit it.

    Notes
    -----
    Each layer of LIF neurons gets a gain, a bias current and an amplitude. They reach
    ``max_rate`` at the 99th percentile of the layer's positive values, much as in [1]_,
    and have the least squared distance from ReLU over all values. They are fitted to
    what comes from the layers before, which are fitted already; and what is too much or
    too little in the mean of a channel's inputs is added to its bias, as in [2]_. So
    errors do not add up from layer to layer.

    References
    ----------
    .. [1] B. Rueckauer, I.-A. Lungu, Y. Hu, M. Pfeiffer and S.-C. Liu, "Conversion of
       Continuous-Valued Deep Networks to Efficient Event-Driven Networks for Image
       Classification", Frontiers in Neuroscience 11:682, 2017.
    .. [2] M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, "Data-Free
       Quantization Through Weight Equalization and Bias Correction", ICCV 2019.

    Examples
    --------
    >>> import keras
    >>> net = keras.Sequential([
    ...     keras.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(10),
    ... ])
    >>> softlif.from_keras(net)
    Model(64 inputs, conv 144 neurons, 10 classes)
    """
    graph = KerasGraph(model)
    neuron_type = _checked_neurons(neurons, images)
    check_number("max_rate", max_rate, "a rate in Hz, such as 200", 0, low_open=True)
    if images is not None:
        images = _checked_images(images, graph.shape)
    with nengo.Network(label=model.name, seed=0) as net:
        flat = None if images is None else images.reshape(len(images), -1)
        conversion = _Conversion(Sketch(graph.shape, flat), neuron_type, max_rate)
        answer = conversion.follow(graph)
        answer, ends = conversion.finish(answer)
        output = nengo.Probe(answer.source, synapse=None, label="answer")
    below = [f"{ends} at the end is left out"] * bool(ends)
    if images is not None:
        below += _compare(graph, images, conversion.sketch, answer, ends)
    KerasChanges(conversion.notes(), tuple(below)).keep(net)
    return Model(net, conversion.sketch.input.source, output, _as_given(graph.shape))


def _checked_neurons(neurons, images):
    """Return the neurons that stand for ReLU."""
    neuron_type = _NEURONS.get(neurons) if isinstance(neurons, str) else neurons
    known = isinstance(neuron_type, nengo.neurons.NeuronType)
    if not known or neuron_type.spiking or partner(neuron_type, "spiking") is None:
        raise ValidationError(
            'expected "relu", "lif", or rate neurons with a spiking partner, such as '
            f"nengo.LIFRate(), got {neurons!r}",
            attr="neurons",
        )
    if not isinstance(neuron_type, nengo.RectifiedLinear) and images is None:
        raise ValidationError(
            f"the curves of {neuron_type} are fitted to what layers do: give images, "
            "some hundred of the training set, as the Keras model takes them",
            attr="images",
        )
    return neuron_type


def _checked_images(images, shape):
    """Return some of the images, (n, *shape)."""
    images = real_numbers("images", images)
    if images.ndim != len(shape) + 1 or images.shape[1:] != shape or not len(images):
        raise ValidationError(
            f"expected images of shape {('n', *shape)}, as the Keras model takes them, "
            f"got {images.shape}",
            attr="images",
        )
    images = images[:: -(-len(images) // N_IMAGES)].astype(np.float32)
    if not np.isfinite(images).all():
        raise ValidationError("expected finite numbers, got NaN or infinity", "images")
    return images


def _as_given(shape):
    """Preprocessing that leaves images as they are."""
    if len(shape) > 3:
        return None
    image_shape = {1: (1, 1, *shape), 2: (*shape, 1), 3: shape}[len(shape)]
    return Preprocessing(image_shape, 0.0, 1.0)


class _Conversion:
    """Goes through the layers of a model, and makes a sketch of them."""

    def __init__(self, sketch, neuron_type, max_rate):
        self.sketch, self.neuron_type, self.max_rate = sketch, neuron_type, max_rate
        self.says, self.tops = {}, {}

    def follow(self, graph, value=None):
        """Put all layers of a graph behind a value, by default the image."""
        values = {graph.input: self.sketch.input if value is None else value}
        for call in graph.calls:
            inputs = [values[tensor] for tensor in call.inputs]
            for value in inputs:
                if value.ends:
                    refuse(call.layer, f"{value.ends} can only come at the very end")
            if call.graph is not None:
                value = self.follow(call.graph, *inputs)
            else:
                value = self._layer(call.layer, inputs)
            if value.shape != call.shape:
                refuse(
                    call.layer, f"makes {call.shape}, but {value.shape} was expected"
                )
            if call.n_uses > 1 and not value.ends:
                value = self.sketch.as_object(value)
            values[call.output] = value
        return values[graph.output]

    def _layer(self, layer, inputs):
        value = convert(self.sketch, layer, inputs)
        kind = kind_of(layer)
        if kind in ("ReLU", "SoftLIF"):
            return self._activate(layer, layer, value)
        if kind == "Softmax":
            return replace(value, ends="softmax")
        activation = getattr(layer, "activation", None)
        return value if activation is None else self._activate(layer, activation, value)

    def _activate(self, layer, activation, value):
        """Put neurons behind a layer, if it has an activation."""
        kind = kind_of(activation) if hasattr(activation, "call") else None
        name = kind or getattr(activation, "__name__", type(activation).__name__)
        if name == "linear":
            return value
        if name in ("softmax", "sigmoid"):
            return replace(value, ends=name)
        if name == "SoftLIF":
            neurons = activation.neuron_type
            made = self.sketch.neurons(value, layer.name, neurons, 1.0, 1.0)
            self._say(made, neurons, 1.0, 1.0)
            return made
        if name == "relu" or (name == "ReLU" and _is_plain(activation)):
            return self._rectify(layer, value)
        refuse(
            layer,
            f"its activation {name} cannot be carried over; use "
            "nengo_softlif.keras.SoftLIF, or a plain ReLU",
        )

    def _rectify(self, layer, value):
        """Put neurons in place of ReLU."""
        sketch, neurons, top = self.sketch, self.neuron_type, 1.0
        if sketch.has_images:
            exact, own = sketch.totals(value)
            top = fitting.largest(exact)
        if isinstance(neurons, nengo.RectifiedLinear):
            gain, bias = self.max_rate / top, 0.0
            neurons = nengo.RectifiedLinear(amplitude=1 / gain)
            made = sketch.neurons(value, layer.name, neurons, gain, bias)
        else:
            # weights are divided, so that what is largest is one, as Nengo likes it
            value = sketch.scale(value, np.full(value.shape[-1], 1 / top))
            missing = _mean_missing(value, exact / top, own / top, exact is own)
            neurons, gain, bias = fitting.fit_neurons(
                neurons, own / top + _tiled(missing, value), exact, self.max_rate
            )
            made = sketch.neurons(
                *(value, layer.name, neurons, gain, bias),
                respond=lambda x: np.maximum(top * x, 0),
                missing=missing,
            )
        self._say(made, neurons, gain, bias)
        self.tops[made.source] = top
        return made

    def _say(self, made, neurons, gain, bias):
        n_neurons = made.size
        self.says[made.source] = (
            f"{n_neurons:,} {type(neurons).__name__}, gain {gain:.3g}, "
            f"bias {bias:.3g}, amplitude {neurons.amplitude:.3g}"
        )

    def finish(self, answer):
        """Make an object of the answer; return it, and what is left out behind it."""
        sketch, ends, missing = self.sketch, answer.ends, None
        if sketch.has_images:
            exact, own = sketch.totals(answer)
            missing = _mean_missing(answer, exact, own, exact is own)
        return sketch.as_object(replace(answer, ends=""), missing), ends

    def notes(self):
        """Note for each object what it was, and what changed."""
        sketch, noted = self.sketch, {}
        for place, (source, layers) in enumerate(sketch.layers.items()):
            obj = getattr(source, "ensemble", source)
            says = self.says.get(source, f"node of {obj.size_out:,} values")
            change = None
            if sketch.has_images:
                change = _percent(sketch.exact[source], sketch.own[source])
            top = self.tops.get(source)
            noted[obj] = LayerNote(layers, says, place, top, change)
        return noted


def _is_plain(layer):
    """Whether a ReLU layer is nothing but that."""
    slope = getattr(layer, "negative_slope", 0) or 0
    threshold = getattr(layer, "threshold", 0) or 0
    return layer.max_value is None and float(slope) == 0 and float(threshold) == 0


def _mean_missing(value, exact, own, is_exact):
    """What is missing in the mean of each channel; None where all is exact."""
    if is_exact:
        return None
    each = (exact - own).reshape(-1, value.shape[-1])
    return each.mean(axis=0, dtype=np.float64)


def _tiled(missing, value):
    """The same in the shape of rows of values."""
    return 0.0 if missing is None else np.tile(missing, value.size // len(missing))


def _percent(exact, own):
    """Root mean square of the difference, in percent of that of the exact values."""
    if exact is own:
        return 0.0
    size = np.sqrt(np.mean(np.square(exact, dtype=np.float64)))
    difference = np.sqrt(np.mean(np.square(exact - own, dtype=np.float64)))
    return float(100 * difference / max(size, 1e-30))


def _compare(graph, images, sketch, answer, ends):
    """Compare with what Keras answers; say how often another class is the largest."""
    keras = graph.predict(images)
    exact, own = (
        _end(ends, kept[answer.source]) for kept in (sketch.exact, sketch.own)
    )
    off = np.max(np.abs(exact - keras)) / max(np.max(np.abs(keras)), 1e-30)
    if not off <= _SAME:
        raise Unconvertible(
            f"what was carried over answers {100 * off:.2g} % of the largest value "
            "away from Keras, where rounding would make some millionths; a layer does "
            "something of its own"
        )
    lines = [f"answers: {_percent(keras, own):.2g} % away from Keras'"]
    if keras.shape[1] > 1:
        n_changed = np.sum(keras.argmax(axis=1) != own.argmax(axis=1))
        lines.append(f"another class is largest for {n_changed} of {len(own)} images")
    return lines


def _end(ends, x):
    """Apply what is left out at the end."""
    if ends == "softmax":
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    return 1 / (1 + np.exp(-x)) if ends == "sigmoid" else x
