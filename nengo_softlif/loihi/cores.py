"""How layers are laid out on the cores of a Loihi chip, and what of a core that takes.

A core holds so many neurons, takes spikes along so many input axons, sends along so
many output axons, and stores so many bits of synapses. NengoLoihi checks this when it
has built everything, and splits large layers without regard to their images. Here the
same is counted beforehand, to choose how each layer is cut into blocks, one for each
core.
"""

import itertools
from dataclasses import dataclass, field

import nengo
import numpy as np
from nengo.exceptions import BuildError

from ..tables import PrintedTable, Tabular, format_size
from .notes import named

LIMITS = {
    "compartments": 1024,
    "in-axons": 4096,
    "out-axons": 4096,
    "synapses": 16384 * 64,
}
"""What a core has, by the names of NengoLoihi (its ``nengo_loihi.block``): neurons,
axons that come in, axons that go out, and bits for synapses."""

CORES_PER_CHIP = 128
"""Cores of a Loihi chip, by NengoLoihi's allocators."""

UNITS = {
    "compartments": "neurons",
    "in-axons": "input axons",
    "out-axons": "output axons",
    "synapses": "bits of synapses",
}


@dataclass(frozen=True)
class Layout:
    """How a layer is cut.

    Attributes
    ----------
    block : tuple of int
        Shape of a block; those at the end may be smaller.
    shape : tuple of int
        Shape of the layer.
    """

    block: tuple
    shape: tuple

    @property
    def n_blocks(self):
        """Number of blocks."""
        return int(
            np.prod([-(-n // b) for n, b in zip(self.shape, self.block, strict=True)])
        )

    def blocks(self):
        """Yield blocks as tuples of slices."""
        ranges = [
            [slice(i, min(i + b, n)) for i in range(0, n, b)]
            for n, b in zip(self.shape, self.block, strict=True)
        ]
        return itertools.product(*ranges)

    def shape_of(self, block):
        """Shape of one block."""
        return tuple(s.stop - s.start for s in block)

    def size(self, block):
        """Neurons in a block."""
        return int(np.prod(self.shape_of(block)))

    def indices(self, block):
        """Neurons in a block, as flat indices."""
        return np.arange(int(np.prod(self.shape))).reshape(self.shape)[block].ravel()

    def owners(self):
        """Block that each neuron belongs to."""
        owners = np.empty(self.shape, dtype=int)
        for i, block in enumerate(self.blocks()):
            owners[block] = i
        return owners.ravel()


@dataclass(eq=False)
class ChipLayer:
    """A layer of neurons on the chip.

    Attributes
    ----------
    ensemble : nengo.Ensemble
        The neurons.
    shape : tuple of int
        Their image, or their number.
    inputs : list of Wires
        Connections that lead to them.
    layout : Layout, optional
        How they are cut, once that is known.
    """

    ensemble: nengo.Ensemble
    shape: tuple
    inputs: list = field(default_factory=list)
    layout: Layout = None

    def use(self, layers, layout=None, worst=False):
        """Count what each block needs, by the names of ``LIMITS``.

        Parameters
        ----------
        layers : list of ChipLayer
            All, for what leaves this one.
        layout : Layout, optional
            To try instead of the layer's own.
        worst : bool
            Stop at the first block that does not fit a core.
        """
        layout = self.layout if layout is None else layout
        out_axons = self._out_axons(layers, layout)
        used = []
        for block, n_out in zip(layout.blocks(), out_axons, strict=True):
            needs = [path.use(layout, block) for path in self.inputs]
            used.append(
                {
                    "compartments": layout.size(block),
                    "in-axons": sum(n_axons for n_axons, _ in needs),
                    "out-axons": int(n_out),
                    "synapses": sum(bits for _, bits in needs),
                }
            )
            if worst and find_exceeded(used[-1]):
                break
        return used

    def _out_axons(self, layers, layout):
        owners, n_out = layout.owners(), np.zeros(layout.n_blocks, dtype=int)
        for layer in layers:
            target = layout if layer is self else layer.layout
            for path in layer.inputs:
                if path.source is self.ensemble and target is not None:
                    sends = path.axon >= 0
                    pairs = np.unique(owners[sends] * path.n_axons + path.axon[sends])
                    owner, axon = np.divmod(pairs, path.n_axons)
                    hits = path.hits(target)[axon]
                    n_out += path.slots * np.bincount(
                        owner, hits, layout.n_blocks
                    ).astype(int)
        return n_out


def find_exceeded(use):
    """Names of the limits that a block exceeds, by what it needs."""
    return [name for name, limit in LIMITS.items() if use[name] > limit]


def lay_out(layers):
    """Set the layouts of layers: as few blocks as fit on cores.

    Those that send come before those that receive. A layer that fits in no way is
    refused as `BuildError`, which names the limit and the numbers.
    """
    for layer in reversed(layers):  # where axons go to must be known first
        for layout in _candidates(layer.shape):
            if not _too_much(layer, layers, layout):
                layer.layout = layout
                break
        else:
            raise _does_not_fit(layer, layer.use(layers, layout))
    for layer in layers:  # once more, for loops
        use = layer.use(layers)
        if any(map(find_exceeded, use)):
            raise _does_not_fit(layer, use)


def _too_much(layer, layers, layout):
    blocks = list(layout.blocks())
    middle = blocks[len(blocks) // 2]  # likely to need most
    n_axons, bits = 0, 0
    for path in layer.inputs:
        more_axons, more_bits = path.use(layout, middle)
        n_axons, bits = n_axons + more_axons, bits + more_bits
        if n_axons > LIMITS["in-axons"] or bits > LIMITS["synapses"]:
            return True
    return bool(find_exceeded(layer.use(layers, layout, worst=True)[-1]))


def _candidates(shape):
    """Ways of cutting, fewest blocks first, then squarest."""
    sides = [sorted({-(-n // parts) for parts in range(1, n + 1)}) for n in shape]
    layouts = [
        Layout(block, tuple(shape))
        for block in itertools.product(*sides)
        if np.prod(block) <= LIMITS["compartments"]
    ]
    return sorted(
        layouts,
        key=lambda layout: (layout.n_blocks, sum(np.square(layout.block))),
    )


def _does_not_fit(layer, use):
    worst = max(use, key=lambda u: max(u[name] / LIMITS[name] for name in LIMITS))
    which = " and ".join(
        f"{worst[name]:,} {UNITS[name]}, but has {LIMITS[name]:,}"
        for name in find_exceeded(worst)
    )
    return BuildError(
        f"{layer.ensemble} of shape {layer.shape} does not fit on the chip: even cut "
        f"into {len(use)} blocks, of at most {max(u['compartments'] for u in use)} "
        f"neurons, a core needs {which}; make this layer or those it "
        "is connected to smaller, or its kernels and pools"
    )


@dataclass(frozen=True, eq=False)
class Utilization(Tabular):
    """What a network needs of the chip. Print it, or let a notebook show it.

    Attributes
    ----------
    blocks : dict of ChipLayer to list of dict
        What each block of each layer needs, by the names of ``LIMITS``.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> needed = loihi.utilization(softlif.to_loihi(spiking))
    >>> needed.n_chips, sorted(needed.shares)
    (1, ['conv2', 'dense3'])
    """

    blocks: dict

    @property
    def n_cores(self):
        """Number of cores: each block has its own."""
        return sum(len(uses) for uses in self.blocks.values())

    @property
    def n_chips(self):
        """Smallest number of chips with so many cores."""
        return -(-self.n_cores // CORES_PER_CHIP)

    @property
    def shares(self):
        """Of what a core has, the part that each block takes.

        Name of a layer -> name of a limit -> list of float, one for each core.
        """
        return {
            named(layer.ensemble): {
                name: [use[name] / limit for use in uses]
                for name, limit in LIMITS.items()
            }
            for layer, uses in self.blocks.items()
        }

    def table(self):
        """Put it into a `.tables.PrintedTable`: the fullest blocks of layers."""
        rows = [
            (
                named(layer.ensemble),
                format_size(layer.layout.shape),
                format_size(layer.layout.block),
                len(uses),
                *(
                    round(100 * max(use[name] for use in uses) / limit, 1)
                    for name, limit in LIMITS.items()
                ),
            )
            for layer, uses in self.blocks.items()
        ]
        counts = {"core": self.n_cores, "chip": self.n_chips}
        taken = ", ".join(f"{n} {name}{'s' * (n > 1)}" for name, n in counts.items())
        return PrintedTable(
            ("layer", "shape", "blocks of", "cores", *LIMITS),
            rows,
            "what the fullest core of each layer takes, in % of what it has",
            below=(f"{taken} of {CORES_PER_CHIP} cores",),
        )
