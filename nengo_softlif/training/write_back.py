"""From trained variables back to what Nengo holds; batch normalisation folded in."""

from types import SimpleNamespace

from nengo.exceptions import ValidationError

from .batch_norm import BatchNorm


def normalise_layers(feed_forward, weights, trainable, dtype):
    """Make the batch normalisation of all neurons that images reach through weights.

    It comes by layer. What cannot be folded into the weights is refused.
    """
    norms = {}
    for layer, paths in feed_forward.paths.items():
        paths = [
            path
            for source, path in paths
            if source not in feed_forward.constant and has_weights(path)
        ]
        if layer.neuron_type is None or not paths:
            continue
        name = f"batch_norm/{len(norms)}"
        norm = norms[layer] = BatchNorm(layer, paths, name, dtype)
        for connection in norm.connections:
            reason = "" if trainable[connection] else "are set not to be trained"
            if len(weights.uses[connection]) > 1:
                reason = "lead to several layers"
            if reason:
                raise ValidationError(
                    f"is folded into the weights of {connection}, but they "
                    f"{reason}; train without",
                    attr="batch_norm",
                )
    return norms


def has_weights(path):
    """Whether a path leads through weights, which normalisation can be folded into."""
    return any(op.connection is not None for op in path)


def fold_back(feed_forward, weights, biases, norms):
    """Return what Nengo would have built of a network as it is trained.

    Biases are variables, by layer; norms are folded into weights and biases. Returns a
    dict as ``nengo.Simulator.data``.
    """
    arrays = {c: value.numpy() for c, value in weights.variables.items()}
    biases = {layer: bias.numpy() for layer, bias in biases.items()}
    for layer, norm in norms.items():
        factor, offset = norm.fold()
        for connection, op in norm.connections.items():
            form = weights.operators[op]
            arrays[connection] = form.scaled(arrays[connection], factor)
        if not _shift_constant(feed_forward, weights, layer, offset, arrays):
            biases[layer] = biases.get(layer, layer.bias) + layer.gain * offset
    data = dict(feed_forward.built.params)
    for connection, array in arrays.items():
        restored = weights.restore(connection, array)
        data[connection] = SimpleNamespace(weights=restored)
    for layer, bias in biases.items():
        built = data[layer.obj.ensemble]
        data[layer.obj.ensemble] = SimpleNamespace(
            gain=built.gain, bias=bias, encoders=built.encoders
        )
    return data


def _shift_constant(feed_forward, weights, layer, offset, arrays):
    """Add an offset to the weights from a constant, if there are fitting ones."""
    for source, path in feed_forward.paths[layer]:
        connection = path[0].connection if len(path) == 1 else None
        if (
            source in feed_forward.constant
            and len(weights.uses.get(connection, ())) == 1
        ):
            form = weights.operators[path[0]]
            new = form.shifted(arrays[connection], source.constant, offset)
            if new is not None:
                arrays[connection] = new
                return True
    return False
