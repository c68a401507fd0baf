"""All kinds of operator obey the same laws: one row of the table for each.

The toys at the end are kinds that only this file knows.
"""

import nengo_softlif as softlif
from nengo_softlif import Simulator, layers
from nengo_softlif.engine import Counts, products
from nengo_softlif.geometry import Windows
from nengo_softlif.layers import folding, operators
from nengo_softlif.layers.operators import (
    Convolution,
    Local,
    Matrix,
    Operator,
    Place,
    Pool,
    Scale,
    Slice,
)
from nengo_softlif.tensors import Values, make_form

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.builder import Builder, Signal
from nengo.builder.operator import DotInc, Reset
from nengo.exceptions import Unconvertible
from scipy import sparse

RNG = np.random.RandomState(0)
SAME = Windows((5, 6), (3, 2), (1, 2), "same")
VALID = Windows((5, 6), (3, 3), (1, 1), "valid")
CEIL = Windows((5, 6), (2, 3), (2, 2), "ceil")


def weights(*shape):
    return RNG.uniform(1, 2, size=shape)


def local(windows, n_channels, n_filters):
    n_places = np.count_nonzero(windows.inside)
    return Local(weights(n_places, n_channels, n_filters), windows)


# operator, weights it stores, synapses of the unfolded network, words
KINDS = {
    "slice": (Slice(np.array([3, 1, 1]), 5), 0, 0, "slice of 3 out of 5"),
    "order": (Slice(np.array([1, 2, 0]), 3), 0, 0, "reordering"),
    "place": (Place(np.array([4, 1]), 1200), 0, 0, "placing among 1,200"),
    "place twice": (Place(np.array([4, 1, 4]), 5), 0, 0, "placing among 5"),
    "scale": (Scale(np.array([0.5, 2.0, 1.0])), 3, 0, "scale 0.5 to 2"),
    "dense": (Matrix(weights(3, 4)), 12, 12, "matrix 3 x 4"),
    "sparse": (
        Matrix(sparse.csr_array([[0, 1.5, 0], [2, 0, 3]])),
        3,
        3,
        "sparse matrix of 3 weights",
    ),
    "convolution": (
        Convolution(weights(3, 2, 2, 4), SAME),
        3 * 2 * 2 * 4,
        5 * 3 * 4 * 3 * 2 * 2,
        "convolution 3 x 2 same strides 1 x 2",
    ),
    "groups": (
        Convolution(weights(3, 3, 2, 6), VALID, groups=2),
        3 * 3 * 2 * 6,
        3 * 4 * 6 * 3 * 3 * 2,
        "convolution 3 x 3 valid in 2 groups",
    ),
    "local": (
        local(SAME, 2, 3),
        13 * 6 * 2 * 3,  # of 5 x 3 rows of windows 13 are inside, and all columns
        5 * 3 * 3 * 3 * 2 * 2,
        "locally connected 3 x 2 same strides 1 x 2",
    ),
    "valid local": (
        local(VALID, 1, 2),
        12 * 9 * 2,
        12 * 9 * 2,
        "locally connected 3 x 3 valid",
    ),
    "pool": (Pool(VALID, 2), 0, 0, "average pooling 3 x 3 valid"),
    "same pool": (Pool(SAME, 3), 0, 0, "average pooling 3 x 2 same strides 1 x 2"),
    "ceil pool": (Pool(CEIL, 1), 0, 0, "average pooling 2 x 3 ceil stride 2"),
}


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def test_every_kind_has_a_row():
    kinds = {getattr(operators, name) for name in operators.__all__}
    kinds = {kind for kind in kinds if isinstance(kind, type)} - {Operator}
    assert {type(op) for op, *_ in KINDS.values()} == kinds


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KINDS)
def test_calling_multiplies_by_the_matrix(name, dtype, rng):
    op, *_ = KINDS[name]
    matrix = dense(op.matrix())
    assert matrix.shape == (op.size_out, op.size_in)
    x = rng.normal(size=(2, 3, op.size_in)).astype(dtype)
    out = op(x)
    assert out.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(out, x @ matrix.T, rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize("name", KINDS)
def test_the_kernel_is_what_windows_inside_multiply_by(name):
    op, *_ = KINDS[name]
    kernel = op.kernel()
    if kernel is None:
        assert not isinstance(op, Convolution | Pool)
        return
    windows, matrix = op.windows, dense(op.matrix())
    matrix = matrix.reshape(*op.output_shape, *op.input_shape)
    inside = np.argwhere(windows.inside.all(axis=(2, 3)))
    assert len(inside)
    for y, x in inside:
        whole = np.zeros((*op.input_shape, op.output_shape[2]))
        starts = [side.starts[i] for side, i in zip(windows.sides, (y, x), strict=True)]
        rows, columns = (
            slice(start, start + width)
            for start, width in zip(starts, windows.size, strict=True)
        )
        whole[rows, columns] = kernel
        np.testing.assert_allclose(matrix[y, x], np.moveaxis(whole, -1, 0), rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_the_pattern_is_where_the_matrix_has_weights(name):
    op, *_ = KINDS[name]
    pattern = op.pattern().written_out().left.toarray() > 0
    np.testing.assert_array_equal(pattern, dense(op.matrix()) != 0)


@pytest.mark.parametrize("name", KINDS)
def test_numbers_and_words(name):
    op, n_weights, n_synapses, words = KINDS[name]
    assert (op.n_weights, op.n_synapses) == (n_weights, n_synapses)
    assert op.in_words() == words


@pytest.mark.parametrize("name", KINDS)
def test_times_a_scale(name, rng):
    op, *_ = KINDS[name]
    n_last = op.n_filters or op.size_out
    scale = np.tile(rng.uniform(1, 2, size=n_last), op.size_out // n_last)
    scaled = op.times(scale)
    has_weights = op.weights is not None
    assert (scaled is not None) == has_weights
    assert op.is_identity() is False
    if has_weights:
        assert scaled.is_like(op)
        expected = scale[:, None] * dense(op.matrix())
        np.testing.assert_allclose(dense(scaled.matrix()), expected, rtol=1e-13)


@pytest.mark.parametrize("name", [k for k, row in KINDS.items() if row[0].output_shape])
def test_some_positions(name):
    op, *_ = KINDS[name]
    matrix = dense(op.matrix()).reshape(-1, op.output_shape[2], op.size_in)
    positions = np.array([1, 2, len(matrix) - 1])
    some = dense(op.matrix(positions)).reshape(3, -1, op.size_in)
    np.testing.assert_array_equal(some, matrix[positions])


def test_what_is_of_one_kind():
    like = {
        (a, b)
        for a, (one, *_) in KINDS.items()
        for b, (other, *_) in KINDS.items()
        if a < b and one.is_like(other)
    }
    assert like == {
        ("order", "slice"),
        ("place", "place twice"),
        ("local", "valid local"),
        ("pool", "same pool"),
        ("ceil pool", "pool"),
        ("ceil pool", "same pool"),
    }


# -- how back ends compute them --------------------------------------------------------


@pytest.mark.parametrize("chance", [0.02, 0.9])
@pytest.mark.parametrize("name", KINDS)
def test_the_engine_computes_the_same(name, chance, rng):
    """Of numbers, of few spikes, and of many."""
    op, *_ = KINDS[name]
    spikes = (rng.uniform(size=(2, 4, op.size_in)) < chance).astype(np.uint8)
    product = products.prepare(op, np.float64)
    expected = op(0.5 * spikes)
    counted = products.to_numbers(product(Counts(spikes, np.array([0.5]))))
    for result in (counted, product(0.5 * spikes)):
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_last", [False, True])
@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"sparse", "place twice"}))
def test_tensors_compute_the_same(name, batch_last, rng):
    """And scaled weights give scaled values."""
    op, *_ = KINDS[name]
    form, x = make_form(op, op.weights), rng.normal(size=(3, op.size_in))
    values = Values(tf.constant(x.T if batch_last else x), batch_last)
    weights = None if op.weights is None else form.initial()
    np.testing.assert_allclose(form(values, weights).rows, op(x), atol=1e-12)
    if op.n_filters is not None:
        factor = np.tile(rng.uniform(size=op.n_filters), op.size_out // op.n_filters)
        scaled = form(values, form.scaled(weights, factor)).rows
        np.testing.assert_allclose(scaled, factor * op(x), atol=1e-12)


@pytest.mark.parametrize("name", ["sparse", "place twice"])
def test_tensors_refuse_what_they_lack(name):
    with pytest.raises(Unconvertible, match="no fast form for training"):
        make_form(KINDS[name][0])


# -- kinds that the package does not know ----------------------------------------------


class Toy(nengo.transforms.Transform):
    """A transform of a user's: each value is added to all before it."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    size_in = property(lambda self: self.size)
    size_out = property(lambda self: self.size)

    def sample(self, rng=np.random):
        return None


class Summed(Toy):
    """One whose operators are registered."""


class Unheard(Toy):
    """One whose operators nobody registered."""


class Sums(Operator):
    """Written by its matrix alone."""

    def matrix(self):
        return np.tril(np.ones((self.size_out, self.size_in)))


@Builder.register(Toy)
def build_sums(model, transform, sig_in, decoders=None, encoders=None, rng=None):
    weights = Signal(np.tril(np.ones((transform.size,) * 2)), readonly=True)
    sums = Signal(shape=transform.size)
    model.add_op(Reset(sums))
    model.add_op(DotInc(weights, sig_in, sums))
    return sums, None


@operators.read.register(Summed)
def read_sums(transform, weights, connection):
    return [Sums(transform.size, transform.size, connection)]


def network(transform):
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.linspace(-1, 1, 6))
        neurons = [
            nengo.Ensemble(6, 1, neuron_type=nengo.LIF(), gain=np.ones(6), bias=b)
            for b in np.linspace(1, 2, 12).reshape(2, 6)
        ]
        first, second = (ensemble.neurons for ensemble in neurons)
        nengo.Connection(image, first, synapse=None)
        nengo.Connection(first, second, transform=transform, synapse=nengo.Alpha(0.005))
        net.shown = [nengo.Probe(second), nengo.Probe(second, "voltage")]
    return net


def test_a_toy_is_read_and_simulated_as_nengo_does():
    net = network(Summed(6))
    inputs = layers.read(net)[net.shown[0].obj].inputs
    (path,) = (path for path in inputs if path.synapses)
    assert isinstance(path.operators[0], Sums)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run(0.1)
    with Simulator(net, dtype="float64", progress_bar=False) as engine:
        engine.run(0.1)
    for probe in net.shown:
        np.testing.assert_allclose(engine.data[probe], sim.data[probe], atol=1e-9)
    assert sim.data[net.shown[0]].any()


def test_a_toy_is_counted():
    """It has no weights; each value reaches those after it."""
    net = network(Summed(6))
    first, last = net.ensembles
    np.testing.assert_array_equal(layers.fan_out(net)[first], [6, 5, 4, 3, 2, 1])
    assert layers.n_synapses(net) == {first: 6, last: 0}


def test_a_toy_obeys_the_laws(rng):
    op, x = Sums(6, 6), rng.normal(size=(2, 6)).astype("float32")
    np.testing.assert_allclose(op(x), np.cumsum(x, axis=1), rtol=1e-5)
    assert op(x).dtype == "float32"
    np.testing.assert_array_equal(op.pattern().column_counts(), [6, 5, 4, 3, 2, 1])
    assert (op.n_weights, op.n_synapses, op.kernel(), op.times(x[0])) == (
        0,
        0,
        None,
        None,
    )
    assert op.in_words() == "Sums 6 x 6"
    (part,) = folding.fold([op], 6)
    np.testing.assert_array_equal(part.transform.init, op.matrix())


def test_a_toy_goes_to_the_chip():
    """As the matrix that it is."""
    chip = softlif.to_loihi(network(Summed(6)))
    connections = {c.post_obj: c for c in chip.all_connections}
    folded = connections[chip.all_ensembles[1].neurons].transform
    np.testing.assert_array_equal(folded.init, np.tril(np.ones((6, 6))))
    with pytest.raises(Unconvertible, match="Unheard"):
        softlif.to_loihi(network(Unheard(6)))


def test_what_nobody_registered_is_refused_by_name():
    with pytest.raises(Unconvertible, match=r"Unheard.*use Dense"):
        layers.read(network(Unheard(6)))
    with pytest.raises(Unconvertible, match=r"Unheard.*is not known"):
        layers.n_synapses(network(Unheard(6)))
    with pytest.raises(Unconvertible, match="no fast form for training: Sums"):
        make_form(Sums(6, 6))
