"""Networks from a line of text, in the words of `.Stack`."""

import re
from typing import NamedTuple

import nengo
from nengo.exceptions import NengoException, ValidationError

from ..checks import check_number
from ..models import Model
from ..neurons import SoftLIFRate
from ..stack import Stack
from .hunsberger import DEFAULT_NOISE


class Word(NamedTuple):
    """What a word of recipes stands for.

    Parameters
    ----------
    method : str
        Of `.Stack`.
    numbers : tuple of str
        Its arguments, in the order in which their numbers follow the word; the first
        has to.
    padding : tuple of str
        Which may follow.
    dropout : bool
        Whether ``dropout`` and a number may follow.
    """

    method: str
    numbers: tuple
    padding: tuple = ()
    dropout: bool = True


_FILTERS = ("n_filters", "kernel_size", "strides"), ("same", "valid")

WORDS = {
    "conv": Word("convolution", *_FILTERS),
    "local": Word("local", *_FILTERS),
    "pool": Word(
        "average_pool", ("pool_size", "strides"), ("same", "valid", "ceil"), False
    ),
    "dense": Word("dense", ("n_neurons",)),
}
"""What layers of recipes begin with."""

_NUMBER = r"[1-9]\d{0,8}"
_PAIR = rf"{_NUMBER}(x{_NUMBER})?"

EXAMPLE = "conv 32 5, pool 2, conv 64 5, pool 2, dense 200"


def from_recipe(recipe, image_shape, n_classes=10, noise=DEFAULT_NOISE, seed=0):
    """Make a network of soft LIF neurons from a line of text.

    Parameters
    ----------
    recipe : str
        Layers from the image on, between commas, such as ``"conv 32 5, pool 2, dense
        200"``. The readout, one value per class, is added.

        - ``conv FILTERS [KERNEL [STRIDES]]`` is `.Stack.convolution`,
        - ``local FILTERS [KERNEL [STRIDES]]`` is `.Stack.local`,
        - ``pool SIZE [STRIDES]`` is `.Stack.average_pool`,
        - ``dense NEURONS`` is `.Stack.dense`.

        Kernels, sizes and strides are numbers of pixels, or height and width as in
        ``1x5``. Behind them may stand a padding (``same`` or ``valid``; of pools also
        ``ceil``), and, but of pools, ``dropout`` and a probability.
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
        The untrained network, whose neurons are those of `mnist`. Its label is the
        recipe.

    Raises
    ------
    ValidationError
        If the recipe has other words, or its layers do not fit the images; names the
        layer.

    Examples
    --------
    >>> softlif.networks.from_recipe("conv 8 3, pool 2, dense 50", (8, 8, 1))
    Model(64 inputs, conv1 512 - dense2 50 neurons, 10 classes)
    """
    layers = read_recipe(recipe)
    neuron_type = SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
    with nengo.Network(label=", ".join(text for text, *_ in layers), seed=seed) as net:
        stack = Stack(image_shape, neuron_type)
        for text, method, settings in layers:
            try:
                getattr(stack, method)(**settings)
            except NengoException as error:
                size = " x ".join(map(str, stack.shape))
                raise ValidationError(
                    f"the layer {text!r} does not fit the {size} below it: {error}",
                    attr="recipe",
                ) from error
        output = stack.readout(n_classes)
    return Model(net, stack.input, output)


def read_recipe(recipe):
    """Read a recipe, without making anything.

    Parameters
    ----------
    recipe : str
        As `from_recipe` takes it.

    Returns
    -------
    list of (str, str, dict)
        For each layer its text, the method of `.Stack`, and its arguments.

    Raises
    ------
    ValidationError
        If it has other words.

    Examples
    --------
    >>> softlif.networks.read_recipe("dense 50")
    [('dense 50', 'dense', {'n_neurons': 50})]
    """
    if not isinstance(recipe, str) or not recipe.strip():
        raise ValidationError(
            f"expected layers such as {EXAMPLE!r}, got {recipe!r}", attr="recipe"
        )
    layers = [_read_layer(" ".join(part.split())) for part in recipe.split(",")]
    if all(method == "average_pool" for _, method, _ in layers):
        raise ValidationError(
            f"expected a layer of neurons, such as 'dense 200', got {recipe!r}",
            attr="recipe",
        )
    return layers


def _read_layer(text):
    name, *rest = text.split() or ["nothing"]
    if name not in WORDS:
        known = ", ".join(WORDS)
        raise _wrong(text, f"begins with {name}, which is not one of {known}")
    word, settings = WORDS[name], {}
    if word.dropout and len(rest) > 1 and rest[-2] == "dropout":
        settings["dropout"] = _read_probability(text, rest[-1])
        rest = rest[:-2]
    if rest and rest[-1] in word.padding:
        settings["padding"] = rest.pop()
    if not 1 <= len(rest) <= len(word.numbers):
        takes = f"{name} takes {word.numbers[0]}"
        takes += "".join(f", then {other}" for other in word.numbers[1:])
        raise _wrong(text, f"has {len(rest)} numbers behind {name!r}; {takes}")
    for argument, number in zip(word.numbers, rest, strict=False):
        settings[argument] = _read_number(text, argument, number)
    return text, word.method, settings


def _read_number(text, argument, number):
    """Read a whole number, or height and width."""
    pair = argument not in ("n_filters", "n_neurons")
    if not re.fullmatch(_PAIR if pair else _NUMBER, number, re.ASCII):
        form = "a whole number, or two as in 1x5" if pair else "a whole number"
        raise _wrong(text, f"has {number!r} where {argument} is expected, {form}")
    sizes = tuple(map(int, number.split("x")))
    return sizes if len(sizes) > 1 else sizes[0]


def _read_probability(text, number):
    try:
        probability = float(number)
        check_number("dropout", probability, "a probability", 0, high=1)
    except ValueError as error:  # and so are errors of Nengo's
        reason = f"has {number!r} where a probability below 1 is expected"
        raise _wrong(text, reason) from error
    return probability


def _wrong(text, reason):
    return ValidationError(
        f"the layer {text!r} {reason}; write layers such as {EXAMPLE!r}", attr="recipe"
    )
