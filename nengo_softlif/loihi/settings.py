"""Settings of a network of `.to_loihi` as files hold them, and back."""

from itertools import chain

from nengo.exceptions import ValidationError

from .. import compat
from .notes import Changes


def describe(network):
    """Return what NengoLoihi is told of a network's ensembles, and what was noted.

    Returns
    -------
    dict
        ``"ensembles"``: for each whether it is on the chip, None if NengoLoihi is to
        say, and its blocks, None or their shape and that of the whole. ``"notes"``: for
        each ensemble, and then each node, a list of pairs of str.
    """
    ensembles = []
    for ensemble in network.all_ensembles:
        config = network.config[ensemble]
        cut = config.block_shape
        blocks = cut and [list(map(int, s)) for s in (cut.shape, cut.ensemble_shape)]
        ensembles.append([config.on_chip, blocks])
    notes = Changes.of(network).layers
    objects = chain(network.all_ensembles, network.all_nodes)
    return {"ensembles": ensembles, "notes": [notes.get(obj, []) for obj in objects]}


def restore(network, found):
    """Give a network what `describe` returned of one like it.

    Raises
    ------
    ValidationError
        If it is something else.
    """
    objects = [*network.all_ensembles, *network.all_nodes]
    try:
        compat.nengo_loihi.add_params(network)
        pairs = zip(network.all_ensembles, found["ensembles"], strict=True)
        for ensemble, (on_chip, blocks) in pairs:
            config = network.config[ensemble]
            config.on_chip = None if on_chip is None else bool(on_chip)
            if blocks is not None:
                shapes = (tuple(map(int, shape)) for shape in blocks)
                config.block_shape = compat.nengo_loihi.BlockShape(*shapes)
        notes = {
            obj: [(str(what), str(how)) for what, how in pairs]
            for obj, pairs in zip(objects, found["notes"], strict=True)
            if pairs
        }
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ValidationError(
            f"expected the settings of a network for Loihi, but {error}", attr="header"
        ) from error
    if notes:
        Changes(notes).keep(network)
