"""The layers of a Keras model, each after what leads to it.

Both Keras 3 and tf_keras keep the calls of layers by which a model was made. Where
nothing public tells of them, what both have is read: the history of tensors, and the
nodes of layers.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from nengo.exceptions import Unconvertible, ValidationError


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes
    ----------
    layer : Layer
        Of Keras.
    graph : KerasGraph or None
        If it is a model in the model.
    inputs : tuple
        The tensors that come in, by a key each.
    output : tuple
        The key of what goes out.
    shape : tuple of int
        Of one example of it.
    n_uses : int
        Calls, and answers of the model, that take it.
    """

    layer: object
    graph: object
    inputs: tuple
    output: tuple
    shape: tuple
    n_uses: int


class KerasGraph:
    """The calls of layers that a model consists of.

    Parameters
    ----------
    model : keras.Model or tf_keras.Model
        The model, with one input and one output.

    Attributes
    ----------
    input, output : tuple
        Keys of tensors.
    shape : tuple of int
        Of an image.
    calls : list of Call
        Each after those that lead to it.

    Raises
    ------
    ValidationError
        If it is no such model, is not built, or runs on something else than TensorFlow.
    Unconvertible
        If it does not consist of layers.
    """

    def __init__(self, model):
        self._model = model
        _check_kind(model)
        image, answer = (_only(model, which) for which in ("input", "output"))
        self.input, self.output = _key(image), _key(answer)
        self.shape = _shape(image, model)
        nodes = self._order(answer)
        uses = Counter(key for _, inputs, *_ in nodes for key in inputs)
        uses[self.output] += 1
        self.calls = [
            Call(layer, graph, inputs, key, shape, uses[key])
            for layer, inputs, key, shape, graph in nodes
        ]

    def predict(self, images):
        """What the model answers, (n, size)."""
        answers = np.asarray(self._model.predict(images, verbose=0))
        return answers.reshape(len(images), -1)

    def _order(self, answer):
        """Find the calls that lead to a tensor, without recursion: models are deep."""
        nodes, found, waiting = [], {self.input}, [answer]
        while waiting:
            tensor = waiting[-1]
            key = _key(tensor)
            if key in found:
                waiting.pop()
                continue
            layer, inputs = _call_of(tensor)
            missing = [x for x in inputs if _key(x) not in found]
            if missing:
                waiting += missing
                continue
            if not inputs:
                raise ValidationError(
                    f"{layer.name!r} is a second input; expected a model with one",
                    attr="model",
                )
            graph = KerasGraph(layer) if _is_model(layer) else None
            keys = tuple(_key(x) for x in inputs)
            nodes.append((layer, keys, key, _shape(tensor, layer), graph))
            waiting.pop()
            found.add(key)
        return nodes


def _check_kind(model):
    package = _package(model)
    if package is None or not _is_model(model):
        raise ValidationError(
            f"expected a model of keras or tf_keras, got {model!r}", attr="model"
        )
    if package == "keras":
        import keras

        if keras.backend.backend() != "tensorflow":
            raise ValidationError(
                "expected a model of Keras on TensorFlow, but Keras runs on "
                f"{keras.backend.backend()}; save the model, and load it with the "
                "environment variable KERAS_BACKEND=tensorflow",
                attr="model",
            )


def _package(model):
    """Which of the two a model is of, or None."""
    for cls in type(model).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in ("keras", "tf_keras") and cls.__name__ == "Model":
            return package
    return None


def _is_model(layer):
    return _package(layer) is not None


def _only(model, which):
    """The one input or output of a model."""
    try:
        tensors = getattr(model, f"{which}s")
    except (AttributeError, ValueError):  # of Keras 3, if it is not built
        tensors = None
    if not tensors:
        raise ValidationError(
            f"the model {model.name!r} is not built from layers; put "
            "keras.Input(shape) first, or make it by keras.Model(inputs, outputs)",
            attr="model",
        )
    tensors = [*tensors.values()] if isinstance(tensors, dict) else [*tensors]
    if len(tensors) != 1:
        raise ValidationError(
            f"expected a model with one {which}, got {len(tensors)}: "
            f"{', '.join(tensor.name for tensor in tensors)}; make one for each with "
            "keras.Model, or concatenate them",
            attr="model",
        )
    return tensors[0]


def _key(tensor):
    layer, node, place = tensor._keras_history
    return id(layer), node, place


def _call_of(tensor):
    """The layer that made a tensor, and what came into it."""
    layer, node_index, place = tensor._keras_history
    node = layer._inbound_nodes[node_index]
    if type(layer).__name__ == "InputLayer":
        return layer, []
    inputs = node.input_tensors
    inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if place or not all(hasattr(x, "_keras_history") for x in inputs):
        raise Unconvertible(f"layer {layer.name!r} takes or gives what is no layer's")
    return layer, inputs


def _shape(tensor, layer):
    shape = tuple(tensor.shape)[1:]
    if not all(isinstance(n, int) for n in shape) or not math.prod(shape):
        raise ValidationError(
            f"{layer.name!r} has values of shape {shape}, of which not all sizes are "
            "known; put keras.Input with all of them first",
            attr="model",
        )
    return shape
