"""What a blueprint consists of: for each object of a network a record.

Records hold numbers, text and lists, as JSON does. Arrays stand in a dict beside them,
under names that records give. Where an argument has no record, it has Nengo's default;
gains, biases, encoders, decoders and weights are no part of it, but of what
``layers.parameters.collect`` collects.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Size = Annotated[int, Meta(ge=0)]
Index = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)] | None


class Part(Struct):
    """A neuron type, noise, synapse, transform or distribution.

    Attributes
    ----------
    type : str
        A name in ``registry.PARTS``.
    arguments : dict
        Of its class.
    """

    type: str
    arguments: dict[str, Any] = field(default_factory=dict)


class End(Struct, omit_defaults=True):
    """Where a connection begins or ends, or what a probe records.

    Attributes
    ----------
    kind : str
        What it is.
    index : int
        Which of them, in the order of ``network.all_ensembles`` and so on.
    slice : list of (int or None), optional
        Start, stop and step, if it is not all.
    indices : str, optional
        Name of an array that picks values one by one.
    """

    kind: Literal["ensembles", "neurons", "nodes", "connections"]
    index: Index
    slice: list[int | None] | None = None
    indices: str | None = None


class Node(Struct, omit_defaults=True):
    """A node that passes on, or always puts out the same.

    Attributes
    ----------
    size : int
        Number of values.
    output : str, optional
        Name of the array that it puts out; ``""`` if those are zeros.
    """

    size: Size
    output: str | None = None
    label: str | None = None


class Ensemble(Struct, omit_defaults=True):
    """An ensemble.

    Attributes
    ----------
    trainable : list of (bool or None)
        Settings of the ensemble and of its neurons.
    """

    n_neurons: Size
    dimensions: Size
    neuron_type: Any
    radius: float = 1.0
    label: str | None = None
    seed: Seed = None
    trainable: list[bool | None] | None = None


class Connection(Struct, omit_defaults=True):
    """A connection.

    Attributes
    ----------
    size_mid : int
        Of connections that decode: number of decoded values.
    transform : optional
        Of others, if there is one.
    """

    pre: End
    post: End
    synapse: Any = None
    size_mid: Size | None = None
    transform: Any = None
    label: str | None = None
    seed: Seed = None
    trainable: bool | None = None


class Probe(Struct, omit_defaults=True):
    """A probe."""

    target: End
    attr: str
    synapse: Any = None
    sample_every: float | None = None
    label: str | None = None
    seed: Seed = None


class Network(Struct, omit_defaults=True):
    """A network, with the networks in it.

    Attributes
    ----------
    dtype : str, optional
        Of the outermost: precision that was set for NengoDL.
    targets : dict
        Of the outermost: from names of hardware to what it says of the network.
    """

    ensembles: list[Ensemble] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    networks: list["Network"] = field(default_factory=list)
    label: str | None = None
    seed: Seed = None
    dtype: Literal["float32", "float64"] = "float32"
    targets: dict[str, Any] = field(default_factory=dict)
