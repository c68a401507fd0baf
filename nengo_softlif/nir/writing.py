"""From the layers of a network to the nodes and edges of a NIR graph."""

import json
import re

import nengo
import nir
import numpy as np
from nengo.exceptions import Unconvertible
from scipy import sparse

from .. import layers
from ..layers import operators
from ..machine import check_memory
from . import kernels
from .neurons import filters_of, left_out, neuron_of, remember
from .paths import Path, agree, pools_plainly


def write_graph(model, strict, step, rates):
    """Make the graph of a model; see `.to_nir`.

    Parameters
    ----------
    model : Model
        The model.
    strict : bool
        Or portable.
    step : float
        Seconds that a portable spike lasts.
    rates : float or dict of str to float
        In Hz.

    Returns
    -------
    nir.NIRGraph
    """
    found = layers.read(model.network)
    answer = found[model.output]
    needed = layers.find_leading_to(answer, found.values())
    names = layers.name_objects(model.network)
    writer = _Writer(strict, step, rates, names, _count_sides(needed))
    for layer in needed:
        if layer.obj is model.input:
            writer.write_input(layer, _image_of(layer, needed))
        else:
            writer.write(layer)
    return writer.finish(answer, model.preprocessing)


def _count_sides(everything):
    """Count the sides of images in NIR: one, if all windows lie on single rows."""
    rows = {
        op.input_shape[0]
        for layer in everything
        for path in layer.inputs
        for op in path.operators
        if hasattr(op, "input_shape")
    }
    return 1 if rows == {1} else 2


def _image_of(layer, readers):
    """Rows, columns and channels of the image as which a layer is read; or None."""
    for reader in readers:
        for path in reader.inputs:
            first = next(iter(path.operators), None)
            if path.source is layer and hasattr(first, "input_shape"):
                return tuple(first.input_shape)
    return None


class _Writer:
    def __init__(self, strict, step, rates, names, sides):
        self.strict, self.step, self.rates = strict, step, rates
        self.names, self.sides = names, sides
        self.nodes, self.edges = {}, []
        self.ends, self.images, self.constants = {}, {}, {}

    # -- layers ------------------------------------------------------------------------

    def write_input(self, layer, image):
        """Add the node where images come in."""
        node = nir.Input(np.array(self._shape(image, layer.size)))
        self.ends[layer], self.images[layer] = [self._add("input", node, [])], image

    def write(self, layer):
        """Add the nodes of a layer whose sources are written already."""
        if layer.puts_out:
            if layer.constant is None:
                raise Unconvertible(
                    f"{layer.obj} changes in time; a NIR graph has one input, that of "
                    "the model"
                )
            self.constants[layer] = layer.constant
            return
        neuron = None if layer.neuron_type is None else neuron_of(layer)
        bias, given = np.zeros(layer.size), []
        for path in layer.inputs:
            if path.source in self.constants:
                bias += self._constant(path)
            else:
                given.append(path)
        if neuron is not None:
            bias += layer.bias
        if given:
            self._write_sum(layer, given, neuron, bias)
        elif neuron is None:
            self.constants[layer] = bias
        else:
            raise Unconvertible(f"no image reaches {layer.obj}: leave it out")

    def finish(self, answer, preprocessing):
        """Add the node where answers go out; return the graph."""
        if answer not in self.ends:
            raise Unconvertible(f"no image reaches {answer.obj}")
        shape = self._shape(self.images[answer], answer.size)
        self._add("output", nir.Output(np.array(shape)), self.ends[answer])
        told = {
            "written_by": "nengo_softlif",
            "profile": "strict" if self.strict else "portable",
            "unit_of_time": "s",
            "spikes": "Dirac pulses" if self.strict else f"1 for {self.step:g} s",
            "spike_area": 1.0 if self.strict else self.step,
        }
        if preprocessing is not None:
            told["preprocessing"] = json.dumps(preprocessing.header())
            for name, array in preprocessing.arrays().items():
                # nir compresses arrays, which HDF5 refuses for those of one number
                told[name] = array if array.ndim else array.item()
        return nir.NIRGraph(self.nodes, self.edges, told)

    def _constant(self, path):
        if path.synapses:
            raise Unconvertible(
                f"what {path.source.obj} always puts out passes a synapse; set that to "
                "None"
            )
        return path(self.constants[path.source])

    def _write_sum(self, layer, given, neuron, bias):
        obj = getattr(layer.obj, "ensemble", layer.obj)
        name = "readout" if isinstance(obj, nengo.Probe) else self.names[obj]
        read = [filters_of(path.synapses, layer.obj) for path in given]
        tau_syn = self._common_filter(layer, neuron, [taus for taus, _ in read])
        factor = 1.0
        if neuron is not None and not self.strict:
            *_, factor = neuron.in_steps(tau_syn, self.step)
        paths = [
            self._path(path, taus, gain * factor)
            for path, (taus, gain) in zip(given, read, strict=True)
        ]
        leaks = self.strict and neuron is not None and neuron.leaks
        offset = None if leaks or not np.any(bias) else factor * bias
        self.images[layer] = agree(paths, offset)
        arriving = []
        for i, path in enumerate(paths):
            ends = path.ends
            if self.strict and not leaks:  # so that the bias comes after
                ends = self._filter(name, ends, path.begin, path.size, path.taus)
            arriving.append(self._add_steps(name, path, ends, None if i else offset))
        if neuron is None:
            self.ends[layer] = [end for ends in arriving for end in ends]
        else:
            self._write_neurons(layer, name, neuron, tau_syn, bias, paths, arriving)

    def _write_neurons(self, layer, name, neuron, tau_syn, bias, paths, arriving):
        image = self.images[layer]
        r, w_in, v_leak = neuron.r, 1.0, np.zeros(layer.size)
        if not self.strict:
            r, w_in, _ = neuron.in_steps(tau_syn, self.step)
        elif neuron.leaks:
            v_leak = r * bias
            arriving = self._filter_after(name, layer, paths, arriving, bool(tau_syn))
        shape = self._shape(image, layer.size)
        node = neuron.node(
            *(tau_syn, r, w_in, self._ordered(v_leak, layer), self._tell(layer, name)),
            lambda value: self._numbers(np.full(shape, value)),
        )
        ends = [end for ends in arriving for end in ends]
        self.ends[layer] = [self._add(name, node, ends)]

    def _common_filter(self, layer, neuron, filters):
        """Time constant of the filter that is part of the neurons' node; or 0."""
        if neuron is None or (self.strict and not neuron.leaks):
            return 0
        if self.strict:
            last = {taus[-1][0] if taus else 0 for taus in filters}
            return last.pop() if len(last) == 1 else 0
        together = {sum(tau for tau, _ in taus) for taus in filters}
        if len(together) > 1 or (together != {0} and not neuron.leaks):
            raise Unconvertible(
                f"{layer.obj} has input through several synapses, or with and without, "
                "or integrates without a leak behind one; only profile='strict' can "
                "write that"
            )
        return together.pop()

    def _path(self, path, taus, factor):
        source, size = path.source, path.source.size
        if path.signal != "output":
            raise Unconvertible(
                f"the {path.signal} of {source.obj} is recorded; NIR graphs put out "
                "spikes, or what becomes of them"
            )
        if source.neuron_type is not None:
            height = 1 if self.strict else self.step
            factor *= source.neuron_type.amplitude / height
        size_out = path.operators[-1].size_out if path.operators else size
        scale = operators.Scale(np.full(size_out, factor))
        ops = operators.simplified([*path.operators, scale])
        image = self.images[source]
        return Path(self.ends[source], image, size, ops, taus, self.strict, self.sides)

    def _tell(self, layer, name):
        """Metadata of neurons."""
        if self.strict:
            return remember(layer, lambda values: self._ordered(values, layer))
        rates = self.rates
        return left_out(layer, rates.get(name) if isinstance(rates, dict) else rates)

    # -- nodes -------------------------------------------------------------------------

    def _filter_after(self, name, layer, paths, arriving, has_last):
        """Add filters behind the nodes that lead to neurons, but for their own."""
        ends = {}
        for path, some in zip(paths, arriving, strict=True):
            taus = path.taus[:-1] if has_last else path.taus
            ends.setdefault(taus, []).extend(some)
        image, size = self.images[layer], layer.size
        return [
            self._filter(name, some, image, size, taus) for taus, some in ends.items()
        ]

    def _filter(self, name, ends, image, size, taus):
        """Add leaky integrators, one after the other."""
        for tau, ends_synapse in taus:
            tau, r, v_leak = (
                self._numbers(np.full(self._shape(image, size), value))
                for value in (tau, 1, 0)
            )
            told = {"ends_synapse": 1} if ends_synapse else {}
            node = nir.LI(tau, r, v_leak, metadata=told)
            ends = [self._add(f"{name}_LI", node, ends)]
        return ends

    def _add_steps(self, name, path, ends, bias):
        """Add the nodes of a path; return those that it ends with."""
        image = path.begin
        for op in path.steps:
            given = bias if op is path.steps[-1] and not path.rest else None
            for node in self._on_image(op, image, given):
                ends = [self._add(f"{name}_{type(node).__name__}", node, ends)]
            image = getattr(op, "output_shape", None) or image
        if path.rest:
            ends = self._add_rest(name, path.rest, image, ends, bias)
        return ends

    def _on_image(self, op, image, bias):
        """Nodes for an operator on images."""
        if isinstance(op, operators.Scale):
            return [nir.Scale(self._first(op.weights, image))]
        windows, pools = op.windows, isinstance(op, operators.Pool)
        if pools and self.strict and pools_plainly(op, self.sides):
            size, strides = np.array(windows.size), np.array(windows.strides)
            return [nir.AvgPool2d(size, strides, np.zeros(2, int))]
        # groups of channels are multiplied out: types of nir (1.0.8) know of none
        kernel, placed = op.kernel(), kernels.place(windows, self.sides)
        offsets = np.zeros(kernel.shape[3])
        if bias is not None:
            offsets = kernels.over_channels(bias, op.output_shape)
        weights, offsets = self._numbers(placed.lay(kernel)), self._numbers(offsets)
        columns, (padding, along), stride = image[1], placed.padding, windows.strides
        if self.sides == 1:
            weights = weights[:, :, 0]
            node = nir.Conv1d(columns, weights, stride[1], along, 1, 1, offsets)
        else:
            stride, padding = tuple(stride), (padding, along)
            node = nir.Conv2d(
                tuple(image[:2]), weights, stride, padding, (1, 1), 1, offsets
            )
        if pools and not kernels.is_even(op):
            counts = np.repeat(op.share * op.divisor, image[2])
            return [node, nir.Scale(self._first(counts, op.output_shape))]
        return [node]

    def _add_rest(self, name, rest, image, ends, bias):
        """Add nodes that multiply by one matrix."""
        if self.strict and image is None and bias is None:
            if all(isinstance(op, operators.Scale) for op in rest):
                scale = np.prod([op.weights for op in rest], axis=0)
                node = nir.Scale(self._numbers(scale))
                return [self._add(f"{name}_Scale", node, ends)]
        size_in, size_out = rest[0].size_in, rest[-1].size_out
        check_memory(f"the weights of {name!r}", (size_out, size_in))
        product = operators.matrix(rest, size_in)
        weights = product.toarray() if sparse.issparse(product) else product
        if image is not None:
            shape = kernels.channels_first(image, self.sides)
            node = nir.Flatten({"input": np.array(shape)}, 0, -1)
            ends = [self._add(f"{name}_Flatten", node, ends)]
            weights = weights[:, np.argsort(kernels.order_of(shape))]
        weights = self._numbers(weights)
        if bias is None and self.strict:
            return [self._add(f"{name}_Linear", nir.Linear(weights), ends)]
        bias = self._numbers(np.zeros(size_out) if bias is None else bias)
        return [self._add(f"{name}_Affine", nir.Affine(weights, bias), ends)]

    def _add(self, name, node, ends):
        """Add a node, and edges that lead to it; return its key."""
        key = name = re.sub(r"\W+", "_", name).strip("_") or "layer"
        n = 1
        while key in self.nodes:
            n += 1
            key = f"{name}_{n}"
        self.nodes[key] = node
        for i, end in enumerate(ends):
            if end in ends[:i]:  # there are no two edges between the same nodes
                shape = tuple(map(int, self.nodes[end].output_type["output"]))
                end = self._add(f"{name}_Scale", nir.Scale(np.ones(shape)), [end])
            self.edges.append((end, key))
        return key

    def _shape(self, image, size):
        """Shape of a node in NIR."""
        if image is None:
            return (size,)
        return kernels.channels_first(image, self.sides)

    def _ordered(self, values, layer):
        """Values of a layer in the order, and shape, that NIR has them in."""
        image = self.images[layer]
        return self._numbers(values) if image is None else self._first(values, image)

    def _first(self, values, image):
        """Numbers for each value of an image, channels first."""
        shape = kernels.channels_first(image, self.sides)
        order = np.argsort(kernels.order_of(shape))
        return self._numbers(np.ravel(values)[order].reshape(shape))

    def _numbers(self, values):
        return np.asarray(values, np.float64 if self.strict else np.float32)
