"""What leads to neurons on the chip: connections from other neurons, and a bias.

Nothing else can: what lies between (pools, slices, nodes that only pass values on) is
folded into the connections, and constants into the bias.
"""

import nengo
import numpy as np

from .. import layers
from ..layers import folding, operators
from . import cores
from .record import in_words, named, range_of


def expanded(layer):
    """Yield all that leads to a layer from neurons and from nodes that put out.

    Parameters
    ----------
    layer : Layer
        Of neurons.

    Yields
    ------
    Input
        With all that lies between.
    """
    for path in layer.inputs:
        source = path.source
        if source.neuron_type is not None or source.puts_out:
            yield path
            continue
        for before in expanded(source):
            yield layers.Input(
                before.source,
                before.operators + path.operators,
                before.synapses + path.synapses,
                before.signal,
            )


def fold_connections(layer, paths, constants, changes):
    """Fold all that leads to a layer; its constants become part of its bias.

    Parameters
    ----------
    layer : Layer
        Neurons for the chip. Its ensemble receives the bias, and, if its gains are no
        single number, gains of one.
    paths : list of Input
        What leads to it.
    constants : set of Layer
        Those of the sources that always put out the same.
    changes : Changes
        To note what is done.

    Returns
    -------
    list of (nengo.Ensemble, Folded)
        From where, and what.
    """
    ensemble = layer.obj.ensemble
    gain = layer.gain[0]
    if gain == 0 or not np.all(layer.gain == gain):
        # shared weights have no room for them
        changes.note(
            ensemble,
            "gains",
            f"{range_of(layer.gain)}, are multiplied into the weights and become 1",
        )
        ensemble.gain, gain = np.ones(layer.size), None
    bias, parts = np.array(layer.bias), []
    folded = [path for path in paths if path.source not in constants]
    limit = cores.LIMITS["in-axons"] // len(folded)
    for path in paths:
        if path.source in constants:
            value = path.source.obj.output
            for op in path.operators:
                value = op(value)
            bias += value
            changes.note(
                ensemble,
                "bias",
                f"the constant {named(path.source.obj)} becomes part of it: adds "
                f"{range_of(value)}",
            )
            continue
        source = path.source.obj.ensemble
        steps = path.operators if gain is None else _without_gain(path.operators, gain)
        image = _image_of(path.source)
        target = folding.image_made(part for _, part in parts)
        found = folding.fold(steps, source.n_neurons, limit, image, target)
        how = _how(steps, found, limit)
        if how:
            changes.note(ensemble, "weights", f"from {named(source)}: {how}")
        parts += [(source, part) for part in found]
    ensemble.bias = bias
    return parts


def shape_of(ensemble, parts):
    """Shape along which a layer is cut.

    Parameters
    ----------
    ensemble : nengo.Ensemble
        The layer.
    parts : list of (nengo.Ensemble, Folded)
        What leads to it.

    Returns
    -------
    tuple of int
        The image that its neurons are, or their number.
    """
    image = folding.image_made(part for _, part in parts)
    return image or (ensemble.n_neurons,)


def _without_gain(path, gain):
    """Take the gain, which Nengo applies at the neurons, out of what leads there."""
    for i in range(len(path) - 1, max(len(path) - 4, -1), -1):
        op = path[i]
        if isinstance(op, operators.Scale) and op.connection is None:
            if np.all(op.weights == gain):
                return (*path[:i], *path[i + 1 :])
        elif not isinstance(op, operators.Place):
            break
    return (*path, operators.Scale(np.full(path[-1].size_out, 1 / gain)))


def _image_of(layer):
    """Shape of the image that neurons are, by what leads to them."""
    for path in layer.inputs:
        for op in reversed(path.operators):
            if isinstance(op, operators.Windows):
                if op.size_out == layer.size:
                    return op.output_shape
                break
    return None


def _how(steps, parts, limit):
    """Say what was folded into what; nothing if that is the same."""
    steps = [
        op
        for op in steps
        if not (isinstance(op, operators.Scale) and np.all(op.weights == 1))
    ]
    what = ", then ".join(map(in_words, steps)) or "one to one"
    if not parts:
        return f"{what} -> nothing, as no value arrives"
    (indices, transform), *more = ((part.indices, part.transform) for part in parts)
    if len(steps) == len(parts) == 1 and _same_kind(steps[0], transform):
        return None
    into = in_words(transform)
    if indices is not None:
        into += f" of {len(indices):,} of its neurons"
    dense = any(isinstance(op, operators.Matrix) for op in steps)
    if dense and isinstance(transform, nengo.Convolution):
        n_axons = int(np.prod(transform.input_shape.spatial_shape))
        into += f" ({n_axons:,} axons, as {limit:,} are the most)"
    for _, other in more:
        place = "border" if isinstance(other, nengo.Sparse) else "rest"
        into += f"; for the {place} {in_words(other)}"
    return f"{what} -> {into}"


def _same_kind(op, transform):
    if isinstance(op, operators.Convolution):
        return op.groups == 1 and isinstance(transform, nengo.Convolution)
    if isinstance(op, operators.Matrix):
        dense = isinstance(op.weights, np.ndarray)
        return isinstance(transform, nengo.Dense if dense else nengo.Sparse)
    return False
