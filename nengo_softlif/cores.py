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
from scipy import sparse

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

_WEIGHT_BITS = 8
_INDEX_BITS = np.array([0, 6, 7, 8, 9, 10, 11, 12])  # what the chip can be set to
_HEADER_BITS = 10  # in front of up to 64 weights that are stored together


@dataclass(eq=False)
class Wires:
    """What one connection needs on the chip.

    Attributes
    ----------
    source : nengo.Ensemble
        Where spikes come from.
    transform : nengo.Convolution, nengo.Dense or nengo.Sparse
        From neurons to neurons.
    axon : (n_source,) ndarray of int
        Axon along which each neuron of the source sends; -1 if it sends nothing.
    slots : int
        Output axons that one axon takes.
    """

    source: nengo.Ensemble
    transform: nengo.transforms.Transform
    axon: np.ndarray
    slots: int = 1
    _hits: dict = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        """Look at the weights."""
        self._prepare()

    @property
    def n_axons(self):
        """Number of axons that arrive at a layer which is not cut."""
        return self.axon.max() + 1

    def hits(self, layout):
        """Count the blocks of a layer at which each axon arrives.

        Parameters
        ----------
        layout : Layout
            Of the target.

        Returns
        -------
        (n_axons,) ndarray of int
        """
        hits = np.zeros(self.n_axons, dtype=int)
        if layout.n_blocks == 1:
            return hits + 1  # NengoLoihi then sends along all
        if layout not in self._hits:
            for block in layout.blocks():
                hits[self.arriving(layout, block)] += 1
            self._hits[layout] = hits
        return self._hits[layout]


class DenseWires(Wires):
    """Every axon arrives everywhere."""

    def _prepare(self):
        weights = np.asarray(self.transform.init, dtype=np.float32)
        self.n_different = len(set(_numbered(weights.T)))

    def arriving(self, layout, block):
        """Axons that arrive at a block."""
        return np.arange(self.n_axons)

    def use(self, layout, block):
        """Input axons and bits of synapses that a block needs."""
        n_targets = layout.size(block)
        # NengoLoihi shares equal weights when it cuts a layer
        n_stored = self.n_axons if layout.n_blocks == 1 else self.n_different
        return self.n_axons, int(n_stored * _bits(n_targets, _WEIGHT_BITS))


class SparseWires(Wires):
    """Axons arrive where there are weights."""

    def _prepare(self):
        coo = self.transform.init
        if isinstance(coo, nengo.transforms.SparseMatrix):
            rows, columns = coo.indices.T
            entries = (coo.data, (rows, columns))
            coo = sparse.coo_array(entries, shape=coo.shape)
        self.rows = sparse.csr_array(coo)
        columns = sparse.csc_array(coo)
        self.counts = np.diff(columns.indptr)
        data = columns.data.astype(np.float32)
        spans = [slice(*ends) for ends in itertools.pairwise(columns.indptr)]
        targets = _numbered([columns.indices[span] for span in spans])
        values = _numbered([data[span] for span in spans])
        self.alike = targets * len(spans) + values

    def _columns(self, layout, block):
        if layout.n_blocks == 1:
            return np.arange(self.n_axons), self.counts
        counts = np.bincount(
            self.rows[layout.indices(block)].indices, minlength=self.n_axons
        )
        (hit,) = np.nonzero(counts)
        return hit, counts[hit]

    def arriving(self, layout, block):
        """Axons that arrive at a block."""
        return self._columns(layout, block)[0]

    def use(self, layout, block):
        """Input axons and bits of synapses that a block needs."""
        hit, counts = self._columns(layout, block)
        stored = counts
        if layout.n_blocks > 1:
            stored = counts[np.unique(self.alike[hit], return_index=True)[1]]
        return len(hit), int(_bits(stored, _WEIGHT_BITS).sum())


class ConvolutionWires(Wires):
    """One axon for each pixel; the spike says which channel it is of."""

    def _prepare(self):
        transform = self.transform
        kernel = np.asarray(transform.init, dtype=np.float32)
        self.n_channels = transform.input_shape.n_channels
        self.n_in = transform.input_shape.spatial_shape
        self.n_out = transform.output_shape.spatial_shape
        # rows and columns of the kernel that are equal: those of pools are
        self.alike = [_numbered(kernel), _numbered(np.moveaxis(kernel, 1, 0))]
        self._cache = {}

    def _lines(self, layout, block):
        """For rows and columns: see `_line`; and the filters of a block."""
        last = self.transform.channels_last
        spans = block[:2] if last else block[1:]
        filters = block[2] if last else block[0]
        shared = layout.n_blocks > 1
        key = (*((s.start, s.stop) for s in spans), shared)
        if key not in self._cache:
            self._cache[key] = [self._line(d, spans[d], shared) for d in (0, 1)]
        return self._cache[key], filters.stop - filters.start

    def _line(self, d, span, shared):
        """Inputs along one axis that reach a span of outputs.

        Returns which, how many outputs each reaches, the first of them, and numbers
        that are equal where weights are.
        """
        n_in, n_out, stride = self.n_in[d], self.n_out[d], self.transform.strides[d]
        width = self.transform.kernel_size[d]
        before = 0
        if self.transform.padding == "same":
            before = max((n_out - 1) * stride + width - n_in, 0) // 2
        place = np.arange(n_in) + before
        first = np.maximum(-((width - 1 - place) // stride), span.start)
        stop = np.minimum(place // stride + 1, span.stop)
        (hit,) = np.nonzero(stop > first)
        known, pattern = {}, []
        for i in hit:
            taps = place[i] - np.arange(first[i], stop[i]) * stride
            same = self.alike[d][taps] if shared else taps
            pattern.append(known.setdefault(same.tobytes(), len(known)))
        return hit, (stop - first)[hit], first[hit] - span.start, np.array(pattern)

    def arriving(self, layout, block):
        """Axons that arrive at a block."""
        ((rows, *_), (columns, *_)), _ = self._lines(layout, block)
        return (rows[:, None] * self.n_in[1] + columns).ravel()

    def use(self, layout, block):
        """Input axons and bits of synapses that a block needs."""
        lines, n_filters = self._lines(layout, block)
        (rows, n_y, y, same_y), (columns, n_x, x, same_x) = lines
        n_axons = len(rows) * len(columns)
        if layout.n_blocks == 1:
            n_axons = int(np.prod(self.n_in))
        if not len(rows) or not len(columns):
            return n_axons, 0
        shape = layout.shape_of(block)
        if self.transform.channels_last:
            strides, step = (shape[1] * n_filters, n_filters), 1
        else:
            strides, step = (shape[2], 1), shape[1] * shape[2]
        base = y[:, None] * strides[0] + x * strides[1]
        last = (
            base
            + (n_y[:, None] - 1) * strides[0]
            + (n_x - 1) * strides[1]
            + (n_filters - 1) * step
        )
        # an axon's spikes start at one of the first 256 neurons of a block; where it
        # starts beyond, weights are stored again with larger indices
        largest = (last - base % 256).max()
        keys = np.ravel_multi_index(
            np.broadcast_arrays(same_y[:, None], same_x, base // 256),
            (same_y.max() + 1, same_x.max() + 1, base.max() // 256 + 1),
        )
        _, stored = np.unique(keys, return_index=True)
        n_weights = (n_y[:, None] * n_x).ravel()[stored] * n_filters * self.n_channels
        needed = int(np.ceil(np.log2(largest + 1)))
        index_bits = _INDEX_BITS[_INDEX_BITS >= needed]
        if not len(index_bits):
            return n_axons, np.inf
        return n_axons, int(_bits(n_weights, _WEIGHT_BITS + index_bits[0]).sum())


def _numbered(arrays):
    """Number arrays, equal ones alike."""
    known = {}
    return np.array(
        [
            known.setdefault(np.ascontiguousarray(a).tobytes(), len(known))
            for a in arrays
        ],
        dtype=int,
    )


def _bits(n_weights, bits_each):
    """Memory for rows of weights: up to 64 behind a header, in words of 64 bits."""
    full, rest = np.divmod(n_weights, 64)
    words = [-(-(n * bits_each + _HEADER_BITS) // 64) for n in (64, rest)]
    return 64 * (full * words[0] + np.where(rest > 0, words[1], 0))


def wires(source, transform, indices=None):
    """Count what a connection between neurons needs.

    Parameters
    ----------
    source : nengo.Ensemble
        Where spikes come from.
    transform : nengo.Convolution, nengo.Dense or nengo.Sparse
        Weights as arrays.
    indices : ndarray of int, optional
        Which neurons of the source.

    Returns
    -------
    Wires
    """
    n_in = transform.size_in
    lines, slots, kind = np.arange(n_in), 1, DenseWires
    if isinstance(transform, nengo.Convolution):
        shape = transform.input_shape
        n_pixels = int(np.prod(shape.spatial_shape))
        lines = lines // shape.n_channels if shape.channels_last else lines % n_pixels
        slots, kind = 2, ConvolutionWires  # axons of populations are twice as wide
    elif isinstance(transform, nengo.Sparse):
        kind = SparseWires
    axon = np.full(source.n_neurons, -1)
    axon[slice(None) if indices is None else indices] = lines
    return kind(source, transform, axon, slots)


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
        """Count what each block needs.

        Parameters
        ----------
        layers : list of ChipLayer
            All, for what leaves this one.
        layout : Layout, optional
            To try instead of the layer's own.
        worst : bool
            Stop at the first block that does not fit a core.

        Returns
        -------
        list of dict
            By the names of `LIMITS`, for each block.
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
            if worst and exceeded(used[-1]):
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


def exceeded(use):
    """Limits that a block exceeds.

    Parameters
    ----------
    use : dict of str to int
        What the block needs.

    Returns
    -------
    list of str
        Names of limits.
    """
    return [name for name, limit in LIMITS.items() if use[name] > limit]


def lay_out(layers):
    """Cut layers into as few blocks as fit on cores.

    Parameters
    ----------
    layers : list of ChipLayer
        Those that send before those that receive; their layouts are set.

    Raises
    ------
    BuildError
        If a layer fits in no way; names the limit and the numbers.
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
        if any(map(exceeded, use)):
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
    return bool(exceeded(layer.use(layers, layout, worst=True)[-1]))


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
        for name in exceeded(worst)
    )
    return BuildError(
        f"{layer.ensemble} of shape {layer.shape} does not fit on the chip: even cut "
        f"into {len(use)} blocks, of at most {max(u['compartments'] for u in use)} "
        f"neurons, a core needs {which}; make this layer or those it "
        "is connected to smaller, or its kernels and pools"
    )


@dataclass(frozen=True, eq=False)
class Utilization:
    """What a network needs of the chip.

    Attributes
    ----------
    blocks : dict of ChipLayer to list of dict
        What each block of each layer needs, by the names of `LIMITS`.
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

    def __str__(self):
        """Show a table, with the fullest block of each layer."""
        rows = [("layer", "shape", "blocks of", "cores", *LIMITS)]
        for layer, uses in self.blocks.items():
            full = [max(use[name] for use in uses) for name in LIMITS]
            rows.append(
                (
                    layer.ensemble.label or str(layer.ensemble),
                    " x ".join(map(str, layer.layout.shape)),
                    " x ".join(map(str, layer.layout.block)),
                    str(len(uses)),
                    *(
                        f"{100 * n / limit:.1f} %"
                        for n, limit in zip(full, LIMITS.values(), strict=True)
                    ),
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        return "\n".join(
            [*lines, f"{self.n_cores} cores, {self.n_chips} chips of {CORES_PER_CHIP}"]
        )
