"""All kinds of operator go back as their matrix, written out, says."""

from nengo_softlif.engine import Counts, frame_outputs, to_numbers, turn_round
from nengo_softlif.geometry import Windows
from nengo_softlif.gradients import operators as back
from nengo_softlif.gradients import product_kernels
from nengo_softlif.layers import operators
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

import numpy as np
import pytest
from nengo.exceptions import Unconvertible
from scipy import sparse

RNG = np.random.RandomState(0)
N_EXAMPLES, N_STEPS = 3, 4


def weights(*shape):
    return RNG.normal(size=shape)


def convolution(padding, size, strides, groups=1, n_filters=4):
    windows = Windows((5, 6), size, strides, padding)
    return Convolution(weights(*size, 2, n_filters), windows, groups)


def local(windows):
    return Local(weights(np.count_nonzero(windows.inside), 2, 3), windows)


KINDS = {
    "slice": Slice(np.array([3, 0, 5, 7]), 9),
    "slice twice": Slice(np.array([3, 1, 1, 8, 3, 3]), 9),
    "place": Place(np.array([4, 1, 0]), 12),
    "place twice": Place(np.array([4, 1, 4, 4]), 5),
    "scale": Scale(weights(6)),
    "dense": Matrix(weights(5, 9)),
    "sparse": Matrix(sparse.csr_array(weights(7, 9) * (RNG.rand(7, 9) < 0.3))),
    "valid pool": Pool(Windows((5, 6), (2, 2), (2, 2), "valid"), 2),
    "overlapping pool": Pool(Windows((5, 6), (3, 2), (1, 1), "valid"), 2),
    "same pool": Pool(Windows((5, 6), (3, 3), (2, 1), "same"), 3),
    "ceil pool": Pool(Windows((5, 6), (3, 4), (2, 3), "ceil"), 1),
    "pool with gaps": Pool(Windows((8, 9), (2, 1), (3, 2), "valid"), 2),
    "pool over edges": Pool(Windows((7, 8), (3, 3), (3, 3), "same"), 3),
    "same": convolution("same", (3, 3), (1, 1)),
    "valid": convolution("valid", (2, 3), (1, 1), n_filters=1),
    "even kernel": convolution("same", (4, 2), (1, 1), n_filters=20),
    "strides": convolution("same", (3, 2), (2, 1), n_filters=5),
    "valid strides": convolution("valid", (2, 2), (2, 3)),
    "strides beyond the kernel": convolution("valid", (1, 1), (2, 2)),
    "one row": Convolution(
        weights(1, 4, 2, 3), Windows((1, 9), (1, 4), (1, 2), "same")
    ),
    "groups": convolution("same", (3, 3), (1, 1), groups=2, n_filters=6),
    "strided groups": convolution("valid", (2, 3), (1, 2), groups=2, n_filters=2),
    "local": local(Windows((5, 6), (3, 2), (1, 2), "same")),
    "valid local": local(Windows((4, 4), (2, 2), (2, 1), "valid")),
}
TRAINED = [name for name, op in KINDS.items() if op.weights is not None]


def few(size, rng, dtype, chance=0.05, **kwargs):
    """Spikes."""
    shape = (N_EXAMPLES, N_STEPS, size)
    spikes = (rng.uniform(size=shape) < chance).astype(np.uint8)
    return Counts(spikes, np.array([0.7], dtype))


def signed(size, rng, dtype):
    """Some with a sign, a scale for each."""
    spikes = rng.choice([-1, 0, 1, 2], p=[0.05, 0.85, 0.05, 0.05], size=(3, 4, size))
    scale = rng.uniform(0.5, 2, size=size).astype(dtype)
    return Counts(spikes.astype(np.int8), scale, 2)


def numbers(n_examples, n_steps):
    def make(size, rng, dtype):
        return rng.normal(size=(n_examples, n_steps, size)).astype(dtype)

    return make


INPUTS = {
    "few spikes": few,
    "many spikes": lambda *args: few(*args, chance=0.6),
    "no spikes": lambda *args: few(*args, chance=0),
    "signed": signed,
    "numbers": numbers(N_EXAMPLES, N_STEPS),
    "constant": numbers(N_EXAMPLES, 1),
    "all the same": numbers(1, N_STEPS),
    "one": numbers(1, 1),
}


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def atol(dtype, *arrays):
    """Of sums of so many products."""
    size = np.prod([np.abs(a).max(initial=1) * np.sqrt(a.size) for a in arrays])
    return 20 * np.finfo(dtype).eps * size


def expected_by_weights(op, values, delta):
    """Gradient by each weight: what the map of this weight alone gives."""
    values = np.broadcast_to(values, (*delta.shape[:2], op.size_in))
    outer = np.einsum("nto,nti->oi", delta, values)
    stored, found = stored_of(op), []
    for place in np.ndindex(stored.shape):
        alone = np.zeros(stored.shape)
        alone[place] = 1
        if sparse.issparse(op.weights):
            where = op.weights.indices, op.weights.indptr
            alone = sparse.csr_array((alone, *where), op.weights.shape)
        found.append(np.sum(outer * dense(op.with_weights(alone).matrix())))
    return np.reshape(found, stored.shape)


def stored_of(op):
    return op.weights.data if sparse.issparse(op.weights) else op.weights


def test_every_kind_has_a_row():
    kinds = {getattr(operators, name) for name in operators.__all__}
    kinds = {kind for kind in kinds if isinstance(kind, type)} - {Operator}
    assert {type(op) for op in KINDS.values()} == kinds


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("name", KINDS)
def test_gradient_by_values_is_the_transpose(name, given, dtype, rng):
    op = KINDS[name]
    values = INPUTS[given](op.size_in, rng, dtype)
    delta = rng.normal(size=(N_EXAMPLES, N_STEPS, op.size_out)).astype(dtype)
    before, matrix = delta.copy(), dense(op.matrix())
    form = back.find_kind(op)(op, None, dtype)
    expected = delta @ matrix
    close = {"rtol": 0, "atol": atol(dtype, matrix)}
    for firing in (False, True):
        found, by_weights = form.back(values, delta, (True, False), firing)
        assert by_weights is None
        assert (found.dtype, found.flags.c_contiguous) == (dtype, True)
        if firing and isinstance(values, Counts):
            fired = values.values != 0
            np.testing.assert_allclose(found[fired], expected[fired], **close)
            follows = isinstance(op, Convolution) and op.groups == 1
            if follows and values.is_sparse():
                assert not found[~fired].any()
        else:
            np.testing.assert_allclose(found, expected, **close)
    np.testing.assert_array_equal(delta, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("name", TRAINED)
def test_gradient_by_weights_is_a_sum_of_products(name, given, dtype, rng):
    op = KINDS[name]
    values = INPUTS[given](op.size_in, rng, dtype)
    delta = rng.normal(size=(N_EXAMPLES, N_STEPS, op.size_out)).astype(dtype)
    expected = expected_by_weights(
        op, to_numbers(values).astype(float), delta.astype(float)
    )
    form = back.find_kind(op)(op, None, dtype)
    for wanted in ((False, True), (True, True)):
        for firing in (False, True):
            by_values, found = form.back(values, delta, wanted, firing)
            assert (by_values is None) == (not wanted[0])
            assert (found.shape, found.dtype) == (expected.shape, dtype)
            np.testing.assert_allclose(
                found, expected, rtol=0, atol=atol(dtype, delta, to_numbers(values))
            )


@pytest.mark.parametrize("name", TRAINED)
def test_other_weights_are_those_that_count(name, rng):
    """Forward and backward."""
    op = KINDS[name]
    other = op.with_weights(2.5 * op.weights)
    form = back.find_kind(op)(op, other.weights, "float64")
    x = rng.normal(size=(2, 3, op.size_in))
    np.testing.assert_allclose(form.forward(x), 2.5 * op(x), atol=1e-12)
    delta = rng.normal(size=(2, 3, op.size_out))
    found, _ = form.back(x, delta, (True, False), False)
    np.testing.assert_allclose(found, 2.5 * delta @ dense(op.matrix()), atol=1e-12)
    assert form.op is not op


@pytest.mark.parametrize("name", TRAINED)
def test_one_is_the_adjoint_of_the_other(name, rng):
    """Also for large arrays, which several threads share."""
    op = KINDS[name]
    form = back.find_kind(op)(op, None, "float64")
    counts = few(op.size_in, rng, "float64")
    counts.values = np.tile(counts.values, (4, 30, 1))
    delta = rng.normal(size=(*counts.shape[:2], op.size_out))
    out = to_numbers(form.forward(counts))
    by_values, by_weights = form.back(counts, delta, (True, True), False)
    values = np.sum(to_numbers(counts) * by_values)
    np.testing.assert_allclose(values, np.sum(out * delta), rtol=1e-10)
    by_weights = np.sum(by_weights * stored_of(op))
    np.testing.assert_allclose(by_weights, np.sum(out * delta), rtol=1e-10)


def test_sums_do_not_depend_on_threads(monkeypatch, rng):
    op = KINDS["same"]
    form = back.find_kind(op)(op, None, "float32")
    counts = few(op.size_in, rng, "float32")
    counts.values = np.tile(counts.values, (20, 50, 1))
    delta = rng.normal(size=(*counts.shape[:2], op.size_out)).astype("float32")
    found = []
    for n in (1, 2, 3):
        monkeypatch.setattr("nengo_softlif.engine.threads.count_threads", lambda n=n: n)
        found.append(form.back(counts, delta, (True, True), True))
    for other in found[1:]:
        np.testing.assert_array_equal(other[0], found[0][0])
        np.testing.assert_array_equal(other[1], found[0][1])


def test_patches_are_laid_out_some_at_a_time(monkeypatch, rng):
    op = KINDS["strided groups"]
    form = back.find_kind(op)(op, None, "float64")
    x = rng.normal(size=(N_EXAMPLES, N_STEPS, op.size_in))
    delta = rng.normal(size=(N_EXAMPLES, N_STEPS, op.size_out))
    whole = form.by_weights(x, delta)
    monkeypatch.setattr(back, "PATCHES", 1)
    np.testing.assert_allclose(form.by_weights(x, delta), whole, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (1, 1, 1, 1), (5, 5, 3, 64)])
def test_turning_back_undoes_turning_round(shape, rng):
    kernel = rng.normal(size=shape)
    np.testing.assert_array_equal(
        product_kernels.turn_back(turn_round(kernel), shape), kernel
    )


def test_what_a_frame_holds_outside_stays_unread(rng):
    """The kernel's rows are filled up, and what they meet counts nothing."""
    op = KINDS["even kernel"]
    counts = np.zeros((1, *op.input_shape), np.uint8)
    counts[0, -1, -1] = 1
    delta = rng.normal(size=(1, *op.output_shape))
    kernel = turn_round(op.weights)
    out = np.full(counts.shape, np.nan)
    by_kernel = np.zeros((1, *kernel.shape))
    product_kernels.follow_back(
        np.array([[0, 1]]),
        counts,
        delta,
        out,
        by_kernel,
        np.ones(1),
        kernel,
        op.windows.strides,
        frame_outputs(op.windows),
    )
    expected = (delta.reshape(1, -1) @ dense(op.matrix())).reshape(out.shape)
    np.testing.assert_allclose(out[0, -1, -1], expected[0, -1, -1], rtol=1e-12)
    assert np.isfinite(out).all()


def test_what_has_no_form_is_refused_by_name():
    class Sums(Operator):
        """Known to this test only."""

    with pytest.raises(Unconvertible, match=r"Sums\(2 to 2\) has no form .*Sums op"):
        back.find_kind(Sums(2, 2))
