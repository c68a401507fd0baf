"""What became of the layers of a Keras model, noted in the network's config.

The notes stand at the objects they are about, so that they go along with copies of the
network. Files do not hold them.
"""

from dataclasses import dataclass, field

import nengo
from nengo.exceptions import ValidationError
from nengo.params import Parameter

from ..checks import network_of
from ..tables import PrintedTable, Tabular

_KEY = "keras_changes"


@dataclass(frozen=True)
class LayerNote:
    """What became of some layers.

    Attributes
    ----------
    keras : tuple of str
        Their names.
    nengo : str
        What they are now.
    place : int
        Where it stands among the others.
    top : float, optional
        What most values of them, or of neurons, stay below.
    change_percent : float, optional
        Root mean square of what changed, in percent of that of what Keras answers.

    Examples
    --------
    >>> from nengo_softlif.keras import LayerNote
    >>> LayerNote(("conv2d", "re_lu"), "4 filters").keras
    ('conv2d', 're_lu')
    """

    keras: tuple
    nengo: str
    place: int = 0
    top: float | None = None
    change_percent: float | None = None


@dataclass(frozen=True, eq=False)
class KerasChanges(Tabular):
    """What `.from_keras` did. Print it, or let a notebook show it as a table.

    Attributes
    ----------
    layers : dict
        From ensembles and nodes to a `LayerNote` each.
    below : tuple of str
        What there is to say about the answer.

    Examples
    --------
    >>> import keras
    >>> from nengo_softlif.keras import changes
    >>> layer = keras.layers.Dense(20, activation="relu", name="hidden")
    >>> net = keras.Sequential([keras.Input((64,)), layer, keras.layers.Dense(10)])
    >>> [note.nengo for note in changes(softlif.from_keras(net)).layers.values()]
    ['node of 64 values', '20 RectifiedLinear, gain 200, bias 0, amplitude 0.005', 'node
     of 10 values']
    """

    layers: dict = field(default_factory=dict)
    below: tuple = ()

    def table(self):
        """Put them into a `.tables.PrintedTable`, layer by layer."""
        rows = [
            (
                obj.label or str(obj),
                ", ".join(note.keras),
                note.nengo,
                "" if note.top is None else f"{note.top:.3g}",
                "" if note.change_percent is None else f"{note.change_percent:.2g} %",
            )
            for obj, note in self.layers.items()
        ]
        head = ("layer", "of Keras", "is now", "values up to", "change")
        return PrintedTable(head, rows, align="lllrr", below=self.below)

    def keep(self, network):
        """Write the notes into a network's config."""
        for kind in (nengo.Ensemble, nengo.Node, nengo.Probe):
            network.config[kind].set_param(_KEY, Parameter(_KEY, default=None))
        for obj, note in self.layers.items():
            setattr(network.config[obj], _KEY, note)
        for probe in network.all_probes:
            setattr(network.config[probe], _KEY, self.below)


def changes(model):
    """List what `.from_keras` did, layer by layer, and what it changed.

    Parameters
    ----------
    model : Model or nengo.Network
        What `.from_keras` returned, or a copy of it.

    Returns
    -------
    KerasChanges
        Printed, a line for each layer.

    Raises
    ------
    ValidationError
        If it is another network, or was loaded from a file.

    Examples
    --------
    >>> import keras
    >>> from nengo_softlif.keras import changes
    >>> layer = keras.layers.Dense(20, activation="relu")
    >>> net = keras.Sequential([keras.Input((64,)), layer, keras.layers.Dense(10)])
    >>> len(changes(softlif.from_keras(net)).layers)
    3
    """
    network = network_of(model)
    found = {}
    for obj in [*network.all_ensembles, *network.all_nodes]:
        note = getattr(network.config[obj], _KEY, None)
        if note is not None:
            found[obj] = note
    found = dict(sorted(found.items(), key=lambda pair: pair[1].place))
    if not found:
        raise ValidationError(
            "expected what from_keras returned, as files do not hold what it did",
            attr="model",
        )
    below = [getattr(network.config[p], _KEY, None) or () for p in network.all_probes]
    return KerasChanges(found, tuple(line for lines in below for line in lines))
