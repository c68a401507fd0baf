"""From the layers of a network to an ONNX graph."""

from importlib import metadata

import numpy as np
from nengo.exceptions import Unconvertible

from .. import layers
from ..layers import operators
from .forms import takes_bias, write_operator
from .graph import Graph
from .neurons import CURVES


def write_model(model):
    """Make what `.to_onnx` writes.

    Parameters
    ----------
    model : Model
        The model; synapses are left out.

    Returns
    -------
    onnx.ModelProto
    """
    found = layers.read(model.network)
    answer = found[model.output]
    needed = layers.find_leading_to(answer, found.values())
    writer = _Writer(layers.name_objects(model.network))
    shape = (model.input.size_out,)
    if model.preprocessing is not None:
        shape = model.preprocessing.image_shape
    for layer in needed:
        if layer.obj is model.input:
            writer.write_image(layer, model.preprocessing)
        else:
            writer.write(layer)
    if answer not in writer.ends or found.get(model.input) not in needed:
        raise Unconvertible(f"no image reaches {answer.obj}")
    return writer.graph.finish(
        shape,
        writer.ends[answer],
        answer.size,
        producer_name="nengo_softlif",
        producer_version=metadata.version("nengo_softlif"),
    )


class _Writer:
    """Adds layer after layer.

    Attributes
    ----------
    graph : Graph
        Receives nodes.
    ends : dict of Layer to str
        Names of values of the layers that are written.
    """

    def __init__(self, names):
        self.graph, self.ends = Graph(), {}
        self._names, self._constants = names, {}

    def write_image(self, layer, preprocessing):
        """Add what prepares images."""
        self.graph.scope, x = "preprocessing", "image"
        if preprocessing is not None:
            x = self._prepare(preprocessing, x)
            x = self.graph.add("Reshape", x, [0, layer.size])
        self.ends[layer] = x

    def _prepare(self, preprocessing, x):
        """Do to raw images what `.Preprocessing` does in testing."""
        graph, shape = self.graph, preprocessing.image_shape
        if np.any(preprocessing.mean):
            x = graph.add("Sub", x, preprocessing.mean)
        scale = np.array(preprocessing.scale)
        if np.any(scale != 1):
            each = scale.size not in (1, shape[2])
            x = graph.add("Div", x, scale.reshape(shape) if each else scale)
        if preprocessing.crop is not None:
            crop = np.array(preprocessing.crop)
            start = np.subtract(shape[:2], crop) // 2
            x = graph.add("Slice", x, start, start + crop, [1, 2])
        return x

    def write(self, layer):
        """Add the nodes of a layer whose sources are written already."""
        if layer.puts_out:
            if layer.constant is None:
                raise Unconvertible(
                    f"{layer.obj} changes in time; a rate network answers at once, to "
                    "the image of its model alone"
                )
            self._constants[layer] = layer.constant
            return
        obj = getattr(layer.obj, "ensemble", layer.obj)
        self.graph.scope = self._names[obj]
        bias, given = np.zeros(layer.size), []
        for path in layer.inputs:
            if path.signal != "output":
                raise Unconvertible(
                    f"the {path.signal} of {path.source.obj} is recorded; an ONNX file "
                    "answers with what comes of rates"
                )
            if path.source in self._constants:
                bias += path(self._constants[path.source])
            else:
                given.append(path)
        if layer.neuron_type is not None:
            self._write_neurons(layer, given, bias + layer.bias)
        elif given:
            self.ends[layer] = self._write_sum(given, bias)
        else:
            self._constants[layer] = bias

    def _write_neurons(self, layer, given, bias):
        curve = CURVES.of(layer.neuron_type)
        if curve is None:
            raise Unconvertible(
                f"{layer.obj.ensemble} has {layer.neuron_type}; ONNX files can have "
                f"{CURVES}"
            )
        j = self._write_sum(given, bias - curve.threshold)
        self.ends[layer] = curve.write(self.graph, layer.neuron_type, j)

    def _write_sum(self, given, bias):
        """Add all that leads to a layer, and numbers to it."""
        graph, total = self.graph, None
        left = bias if np.any(bias) or not given else None
        for path in given:
            x, ops = self.ends[path.source], operators.simplified(path.operators)
            for op in ops:
                own = None
                if left is not None and op is ops[-1] and takes_bias(op, left):
                    own, left = left, None
                x = write_operator(graph, op, x, own)
            total = x if total is None else graph.add("Add", total, x)
        if left is None:
            return total
        if total is None:
            return graph.add("Identity", left[np.newaxis])
        return graph.add("Add", total, left)
