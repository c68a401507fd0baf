"""What leads to neurons on the chip: connections from other neurons, and a bias.

Nothing else can: what lies between (pools, slices, nodes that only pass values on) is
folded into the connections, and constants into the bias.
"""

import numpy as np

from ..checks import range_of
from ..layers import folding, operators
from . import cores
from .notes import in_words, named


def fold_connections(layer, paths, constants, noted):
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
    noted : Changes
        Receives what is done.

    Returns
    -------
    list of (nengo.Ensemble, Folded)
        From where, and what.
    """
    ensemble = layer.obj.ensemble
    gain = layer.gain[0]
    if gain == 0 or not np.all(layer.gain == gain):
        # shared weights have no room for them
        noted.note(
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
            value = path.constant
            bias += value
            noted.note(
                ensemble,
                "bias",
                f"the constant {named(path.source.obj)} becomes part of it: adds "
                f"{range_of(value)}",
            )
            continue
        source = path.source.obj.ensemble
        steps = path.operators if gain is None else _without_gain(path, gain)
        image = _image_of(path.source)
        target = folding.image_made(part for _, part in parts)
        found = folding.fold(steps, source.n_neurons, limit, image, target)
        how = _how(steps, found, limit)
        if how:
            noted.note(ensemble, "weights", f"from {named(source)}: {how}")
        parts += [(source, part) for part in found]
    ensemble.bias = bias
    return parts


def shape_of(ensemble, parts):
    """Shape along which a layer is cut: of its image, or its number of neurons.

    It is told by what leads there, as `fold_connections` returns it.
    """
    image = folding.image_made(part for _, part in parts)
    return image or (ensemble.n_neurons,)


def _without_gain(path, gain):
    """Take the gain, which Nengo applies at the neurons, out of what leads there."""
    if path.has_gain:
        return path.without_gain()
    return (
        *path.operators,
        operators.Scale(np.full(path.operators[-1].size_out, 1 / gain)),
    )


def _image_of(layer):
    """Shape of the image that neurons are, by what leads to them."""
    for path in layer.inputs:
        for op in reversed(path.operators):
            if op.output_shape is not None:
                if op.size_out == layer.size:
                    return op.output_shape
                break
    return None


def _how(steps, parts, limit):
    """Say what was folded into what; nothing if that is the same."""
    steps = [op for op in steps if not op.is_identity()]
    what = ", then ".join(op.in_words() for op in steps) or "one to one"
    if not parts:
        return f"{what} -> nothing, as no value arrives"
    first, *more = parts
    if len(steps) == len(parts) == 1 and first.is_like(steps[0]):
        return None
    into = in_words(first.transform)
    if first.indices is not None:
        into += f" of {len(first.indices):,} of its neurons"
    if first.by_pixel:
        n_axons = int(np.prod(first.transform.input_shape.spatial_shape))
        into += f" ({n_axons:,} axons, as {limit:,} are the most)"
    for part in more:
        place = "rest" if first.by_pixel else "border"
        into += f"; for the {place} {in_words(part.transform)}"
    return f"{what} -> {into}"
