"""What a connection needs on the chip: axons, and memory for its weights.

NengoLoihi stores weights once for axons that share them. It does so for axons of a
convolution, and, in layers that it cuts into blocks, for all axons whose weights in a
block are equal, as those of pooled pixels are.
"""

from dataclasses import dataclass, field

import nengo
import numpy as np
from scipy import sparse

from ..geometry import windows_of
from ..layers import operators
from .decays import DT

_WEIGHT_BITS = 8
_INDEX_BITS = np.array([0, 6, 7, 8, 9, 10, 11, 12])  # what the chip can be set to
_HEADER_BITS = 10  # in front of up to 64 weights that are stored together


@dataclass(eq=False)
class Wires:
    """What one connection needs on the chip.

    Attributes
    ----------
    source, target : nengo.Ensemble
        From where to where.
    transform : nengo.Convolution, nengo.Dense or nengo.Sparse
        From neurons to neurons.
    axon : (n_source,) ndarray of int
        Axon along which each neuron of the source sends; -1 if it sends nothing.
    slots : int
        Output axons that one axon takes, by its kind.
    """

    slots = 1

    source: nengo.Ensemble
    target: nengo.Ensemble
    transform: nengo.transforms.Transform
    axon: np.ndarray
    _hits: dict = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        """Look at the weights."""
        self._prepare()

    @staticmethod
    def lines(transform):
        """Axon of each input of a transform, (size_in,) ndarray of int."""
        return np.arange(transform.size_in)

    @property
    def n_axons(self):
        """Number of axons that arrive at a layer which is not cut."""
        return self.axon.max() + 1

    def hits(self, layout):
        """Count the blocks of a layout at which each axon arrives, (n_axons,)."""
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
        self.columns = np.asarray(self.transform.init, dtype=np.float32).T

    def arriving(self, layout, block):
        """Axons that arrive at a block."""
        return np.arange(self.n_axons)

    def use(self, layout, block):
        """Input axons and bits of synapses that a block needs."""
        n_targets = layout.size(block)
        n_stored = self.n_axons
        if layout.n_blocks > 1:  # then NengoLoihi shares weights that are equal here
            parts = np.ascontiguousarray(self.columns[:, layout.indices(block)])
            whole = np.dtype((np.void, parts[0].nbytes))
            n_stored = len(np.unique(parts.view(whole)))
        return self.n_axons, int(n_stored * _bits(n_targets, _WEIGHT_BITS))


class SparseWires(Wires):
    """Axons arrive where there are weights."""

    def _prepare(self):
        (matrix,) = operators.read_sampled(self.transform)
        # scaled in NengoLoihi's order, before they are rounded: that decides which of
        # the sums at the border of overlapping pools are equal
        amplitude = getattr(self.source.neuron_type, "amplitude", 1)
        rows = matrix.weights * (1 / DT) * amplitude
        gain = np.broadcast_to(self.target.gain, len(self.target.neurons))
        self.rows = sparse.csr_array(sparse.diags_array(gain) @ rows)
        self.random = np.random.RandomState(0).uniform(size=self.rows.shape[0])

    def _columns(self, layout, block):
        """Axons, their numbers of weights, and sums that tell weights apart."""
        n_axons = self.n_axons
        targets = layout.indices(block)
        rows = self.rows[targets]
        counts = np.bincount(rows.indices, minlength=n_axons)
        random = np.repeat(self.random[: len(targets)], np.diff(rows.indptr))
        sums = rows.data.astype(np.float32) * random
        alike = np.bincount(rows.indices, sums, minlength=n_axons)
        (hit,) = (np.arange(n_axons),) if layout.n_blocks == 1 else np.nonzero(counts)
        return hit, counts[hit], alike[hit]

    def arriving(self, layout, block):
        """Axons that arrive at a block."""
        return self._columns(layout, block)[0]

    def use(self, layout, block):
        """Input axons and bits of synapses that a block needs."""
        hit, counts, alike = self._columns(layout, block)
        stored = counts
        if layout.n_blocks > 1:
            stored = counts[np.unique(alike, return_index=True)[1]]
        return len(hit), int(_bits(stored, _WEIGHT_BITS).sum())


class ConvolutionWires(Wires):
    """One axon for each pixel; the spike says which channel it is of."""

    slots = 2  # axons of populations are twice as wide

    @staticmethod
    def lines(transform):
        """Axon of each input: that of its pixel."""
        shape, inputs = transform.input_shape, np.arange(transform.size_in)
        if shape.channels_last:
            return inputs // shape.n_channels
        return inputs % int(np.prod(shape.spatial_shape))

    def _prepare(self):
        transform = self.transform
        kernel = np.asarray(transform.init, dtype=np.float32)
        self.n_channels = transform.input_shape.n_channels
        self.windows = windows_of(transform)
        # rows and columns of the kernel that are equal: those of pools are
        self.alike = [_numbered(kernel), _numbered(np.moveaxis(kernel, 1, 0))]
        self._cache = {}

    def _own(self, layout, block):
        """Return a block as part of the image that is made here.

        That of the layer is another if this image is one pixel, whose filters are the
        neurons of the layer.
        """
        if layout.shape == tuple(self.transform.output_shape.shape):
            return block
        assert self.windows.output_shape == (1, 1)
        pixel, filters = (slice(0, 1), slice(0, 1)), (slice(0, layout.size(block)),)
        return pixel + filters if self.transform.channels_last else filters + pixel

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
        side = self.windows.sides[d]
        first, stop = side.covering()
        first, stop = np.maximum(first, span.start), np.minimum(stop, span.stop)
        (hit,) = np.nonzero(stop > first)
        known, pattern = {}, []
        for i in hit:
            taps = i - side.starts[first[i] : stop[i]]
            same = self.alike[d][taps] if shared else taps
            pattern.append(known.setdefault(same.tobytes(), len(known)))
        return hit, (stop - first)[hit], first[hit] - span.start, np.array(pattern)

    def arriving(self, layout, block):
        """Axons that arrive at a block."""
        own = self._own(layout, block)
        ((rows, *_), (columns, *_)), _ = self._lines(layout, own)
        return (rows[:, None] * self.windows.shape[1] + columns).ravel()

    def use(self, layout, block):
        """Input axons and bits of synapses that a block needs."""
        block = self._own(layout, block)
        lines, n_filters = self._lines(layout, block)
        (rows, n_y, y, same_y), (columns, n_x, x, same_x) = lines
        n_axons = len(rows) * len(columns)
        if layout.n_blocks == 1:
            n_axons = int(np.prod(self.windows.shape))
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


_KINDS = {
    nengo.Convolution: ConvolutionWires,
    nengo.Dense: DenseWires,
    nengo.Sparse: SparseWires,
}


def make_wires(source, target, transform, indices=None):
    """Make the `Wires` of a connection, whose transform holds weights as arrays.

    It takes these of the source's neurons: ``indices``, or all.
    """
    kind = _KINDS[type(transform)]
    axon = np.full(source.n_neurons, -1)
    axon[slice(None) if indices is None else indices] = kind.lines(transform)
    return kind(source, target, transform, axon)
