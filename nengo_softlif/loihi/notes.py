"""What becomes of a network on its way to Loihi, noted where it happens.

Notes are kept in the network's config, at the objects they are about, so that they go
along with copies of it, and tell of the network that is at hand.
"""

from dataclasses import dataclass, field

import nengo
from nengo.exceptions import ValidationError
from nengo.params import Parameter

from ..checks import network_of
from ..layers import name_objects, operators
from ..tables import PrintedTable, Tabular
from .target import LOIHI

_KEY = "loihi_changes"


@dataclass(eq=False)
class Changes(Tabular):
    """What `.to_loihi` changed. Print it, or let a notebook show it as a table.

    Attributes
    ----------
    layers : dict
        From ensembles, and from nodes that the chip leads to, to a list of pairs of
        str: what was changed, such as ``"synapse"``, and how.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> print(loihi.changes(softlif.to_loihi(spiking)))
    conv1
      place     stays on the host: image leads to it; sends its spikes
    conv2
      neurons   LIF -> LoihiLIF, ...
    """

    layers: dict = field(default_factory=dict)

    def table(self):
        """Put them into a `.tables.PrintedTable`, layer by layer."""
        rows = []
        for obj, notes in self.layers.items():
            rows += [(named(obj), what, how) for what, how in notes]
            rows.append(())  # the next may have the same name
        head = ("layer", "what", "how")
        return PrintedTable(head, rows[:-1], align="lll", nested=True)

    def note(self, obj, what, how):
        """Note of an object what was changed, in one word, and how, with numbers."""
        self.layers.setdefault(obj, []).append((what, how))

    def keep(self, network):
        """Write the notes into a network's config."""
        for kind in (nengo.Ensemble, nengo.Node):
            config = network.config[kind]
            if not hasattr(config, _KEY):
                config.set_param(_KEY, Parameter(_KEY, default=()))
        for obj in [*network.all_ensembles, *network.all_nodes]:
            setattr(network.config[obj], _KEY, tuple(self.layers.get(obj, ())))

    @classmethod
    def of(cls, network):
        """Read what `keep` wrote; nothing of other networks."""
        found = {}
        for obj in [*network.all_ensembles, *network.all_nodes]:
            notes = getattr(network.config[obj], _KEY, ())
            if notes:
                found[obj] = list(notes)
        return cls(found)


def for_chip(model):
    """Return the network of what `.to_loihi` returned; refuse others."""
    network = network_of(model)
    if not LOIHI.takes(network) or not any(
        network.config[ensemble].on_chip for ensemble in network.all_ensembles
    ):
        raise ValidationError(
            "expected what to_loihi returned; call to_loihi(to_spiking(model)) first",
            attr="network",
        )
    return network


def label(network):
    """Give names to what has none, those by which evaluations tell of layers."""
    names = name_objects(network)
    for obj in [*network.all_ensembles, *network.all_nodes]:
        obj.label = names[obj]


def named(obj):
    """Name an object by its label, if it has one."""
    return obj.label or str(obj)


def in_words(transform):
    """Say what a transform does, but not how it orders its values."""
    steps = operators.read_sampled(transform)
    return ", then ".join(op.in_words() for op in steps if not op.moves)
