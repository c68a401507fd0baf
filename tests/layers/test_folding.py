import nengo_softlif as softlif
from nengo_softlif import layers
from nengo_softlif.geometry import Windows
from nengo_softlif.layers import folding, operators

import nengo
import numpy as np
import pytest

CHAINS = {
    "convolution": [("conv", 3, 1, "same")],
    "valid convolution": [("conv", 3, 1, "valid")],
    "strided": [("conv", 3, 2, "same")],
    "pool 2, convolution": [("pool", 2, 2, "valid"), ("conv", 3, 1, "same")],
    "pool 2, large": [("pool", 2, 2, "valid"), ("conv", 5, 1, "same")],
    "pool 2, even kernel": [("pool", 2, 2, "valid"), ("conv", 4, 1, "same")],
    "pool 2, strided": [("pool", 2, 2, "valid"), ("conv", 3, 2, "same")],
    "pool 2, valid": [("pool", 2, 2, "valid"), ("conv", 3, 1, "valid")],
    "pool 3 by 2": [("pool", 3, 2, "valid"), ("conv", 3, 1, "same")],
    "same": [("pool", 3, 2, "same"), ("conv", 3, 1, "same")],
    "same, valid": [("pool", 3, 2, "same"), ("conv", 3, 1, "valid")],
    "ceil": [("pool", 3, 2, "ceil"), ("conv", 3, 1, "same")],
    "two pools": [
        ("pool", 2, 2, "valid"),
        ("pool", 2, 1, "same"),
        ("conv", 3, 1, "same"),
    ],
    "two convolutions": [("conv", 3, 1, "same"), ("conv", 3, 2, "same")],
    "sandwich": [
        ("conv", 3, 1, "valid"),
        ("pool", 2, 2, "valid"),
        ("conv", 2, 1, "same"),
    ],
    "grouped": [("grouped", 3, 1, "same")],
    "pool, grouped": [("pool", 2, 2, "valid"), ("grouped", 3, 1, "same")],
    "channels first": [("first", 3, 2, "same")],
    "pool": [("pool", 3, 2, "same")],
    "local": [("local", 3, 1, "same")],
    "pool, local": [("pool", 2, 2, "valid"), ("local", 3, 2, "same")],
    "pool, dense": [("pool", 3, 2, "ceil"), ("dense", 7, None, None)],
    "dense": [("dense", 7, None, None)],
    "sparse": [("sparse", 7, None, None)],
    "diagonal": [("diagonal", None, None, None)],
    "nothing": [],
}
EXACT = {
    "convolution",
    "valid convolution",
    "strided",
    "pool 2, convolution",
    "pool 2, large",
    "pool 2, even kernel",
    "pool 2, strided",
    "pool 2, valid",
    "grouped",
    "pool, grouped",
    "channels first",
}
ON_CHIP = (nengo.Convolution, nengo.Dense, nengo.Sparse)


def transform(kind, shape, size, strides, padding, rng):
    n_in = int(np.prod(shape))
    if kind in ("conv", "grouped", "first"):
        groups = 2 if kind == "grouped" else 1
        per_group = shape[2] // groups
        return nengo.Convolution(
            6,
            shape if kind != "first" else (shape[2], *shape[:2]),
            kernel_size=(size, size),
            strides=(strides, strides),
            padding=padding,
            groups=groups,
            channels_last=kind != "first",
            init=rng.normal(size=(size, size, per_group, 6)),
        )
    if kind == "pool":
        return softlif.AveragePool(shape, size, strides, padding)
    if kind == "local":
        return softlif.LocallyConnected(5, shape, size, strides, padding)
    if kind == "dense":
        return nengo.Dense((size, n_in), init=rng.normal(size=(size, n_in)))
    if kind == "sparse":
        indices = np.unique(rng.randint(0, size, size=(3 * size, 2)), axis=0)
        return nengo.Sparse((size, n_in), indices=indices)
    return nengo.Dense((n_in, n_in), init=rng.normal(size=n_in))


def path_of(chain, shape, rng):
    """Operators of connections from node to node, as the reading has them."""
    with nengo.Network(seed=1) as net:
        top = nengo.Node(np.zeros(int(np.prod(shape))))
        for kind, *sizes in chain:
            step = transform(kind, shape, *sizes, rng)
            node = nengo.Node(size_in=step.size_out)
            nengo.Connection(top, node, transform=step, synapse=None)
            top = node
            if hasattr(step, "output_shape") and kind != "first":
                shape = step.output_shape.shape
        end = nengo.Node(size_in=top.size_out)
        nengo.Connection(top, end, synapse=None)
        probe = nengo.Probe(end)
    (path,) = layers.read(net)[probe].inputs
    return path.operators


def applied(parts, x):
    """What Nengo makes of the folded connections, in float64."""
    with nengo.Network() as net:
        source = nengo.Node(x)
        target = nengo.Node(size_in=parts[0].transform.size_out)
        for part in parts:
            assert isinstance(part.transform, ON_CHIP)
            pre = source if part.indices is None else source[list(part.indices)]
            nengo.Connection(pre, target, transform=part.transform, synapse=None)
        probe = nengo.Probe(target)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
        return sim.data[probe][-1]


@pytest.mark.parametrize("shape", [(8, 8, 2), (9, 7, 2), (12, 10, 4)], ids=str)
@pytest.mark.parametrize("name", CHAINS)
def test_folded_is_unfolded(name, shape, rng):
    path = path_of(CHAINS[name], shape, rng)
    x = rng.normal(size=int(np.prod(shape)))
    expected = x
    for op in path:
        expected = op(expected)
    parts = folding.fold(path, len(x))
    np.testing.assert_allclose(applied(parts, x), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        operators.matrix(path, len(x)) @ x, expected, rtol=0, atol=1e-12
    )
    for part in parts:
        assert getattr(part.transform, "groups", 1) == 1


@pytest.mark.parametrize("name", sorted(EXACT))
def test_even_sizes_become_one_convolution(name, rng):
    shape = (8, 8, 2)
    chain = CHAINS[name]
    (part,) = folding.fold(path_of(chain, shape, rng), int(np.prod(shape)))
    assert isinstance(part.transform, nengo.Convolution)
    assert part.indices is None
    width = chain[-1][1] if len(chain) == 1 else 2 * chain[-1][1]
    # a row of zeros, where TensorFlow's padding would come to lie elsewhere
    assert part.transform.kernel_size in [(width, width), (width + 1, width + 1)]


@pytest.mark.parametrize("name", ["same", "ceil"])
def test_border_is_added(name, rng):
    """Away from the edge it is a convolution, and the rest is sparse and small."""
    shape = (16, 16, 2)
    interior, border = folding.fold(path_of(CHAINS[name], shape, rng), 512)
    assert isinstance(interior.transform, nengo.Convolution)
    assert isinstance(border.transform, nengo.Sparse)
    touched = np.unique(border.transform.init.indices[:, 0] // 6)
    assert not set(np.arange(64).reshape(8, 8)[1:6, 1:6].ravel()) & set(touched)


@pytest.mark.parametrize("kinds", ["conv conv", "pool conv", "conv pool conv"])
@pytest.mark.parametrize("read_as", [(2, 16, 2), (8, 4, 2), (4, 4, 4), (1, 1, 64)])
def test_values_that_are_read_as_another_image(kinds, read_as, rng):
    """No single kernel does that: images become matrices."""
    *below, last = kinds.split()
    path, windows = [], Windows((4, 8), (3, 3), (1, 1), "same")
    for kind in below:
        if kind == "pool":
            op = operators.Pool(windows, 2)
        else:
            weights = rng.normal(size=(3, 3, 2, 2))
            op = operators.Convolution(weights, windows)
        path.append(op)
    assert last == "conv"
    (last,) = operators.read(
        nengo.Convolution(3, read_as, kernel_size=(1, 1)),
        rng.normal(size=(1, 1, read_as[2], 3)),
        None,
    )
    x = rng.normal(size=64)
    expected = x
    for op in [*path, last]:
        expected = op(expected)
    parts = folding.fold([*path, last], 64)
    np.testing.assert_allclose(applied(parts, x), expected, rtol=0, atol=1e-12)
    assert not any(isinstance(part.transform, nengo.Convolution) for part in parts)


def test_slices_are_left_to_the_connection(rng):
    picked = rng.permutation(12)[:8]
    path = [operators.Slice(picked, 12), operators.Matrix(rng.normal(size=(3, 8)))]
    (part,) = folding.fold(path, 12)
    np.testing.assert_array_equal(part.indices, picked)
    np.testing.assert_array_equal(part.transform.init, path[1].weights)
    # also the first few, before a convolution
    windows = Windows((2, 2), (1, 1), (1, 1), "same")
    convolution = operators.Convolution(rng.normal(size=(1, 1, 2, 3)), windows)
    (part,) = folding.fold([operators.Slice(np.arange(8), 12), convolution], 12)
    np.testing.assert_array_equal(part.indices, np.arange(8))
    assert isinstance(part.transform, nengo.Convolution)
    # a value that is picked twice cannot be sent twice
    path = [operators.Slice(np.array([3, 3]), 12)]
    x = rng.normal(size=12)
    np.testing.assert_allclose(applied(folding.fold(path, 12), x), x[[3, 3]])


@pytest.mark.parametrize("weights", [np.zeros(6), np.arange(6)])
def test_what_does_not_arrive_is_no_connection(weights):
    """NengoLoihi cannot store one without weights."""
    path = [operators.Place(np.arange(6), 12), operators.Slice(np.arange(6, 12), 12)]
    assert folding.fold([operators.Scale(weights), *path], 6) == []


@pytest.mark.parametrize(
    ("size", "image"), [(60, (3, 5, 4)), (60, None), (61, None), (22, (1, 1, 22))]
)
def test_many_inputs_become_an_image(size, image, rng):
    """A core takes one axon for each pixel of a convolution."""
    weights = rng.normal(size=(7, size))
    parts = folding.fold([operators.Matrix(weights)], size, 20, image)
    x = rng.normal(size=size)
    np.testing.assert_allclose(applied(parts, x), weights @ x, atol=1e-12)
    assert isinstance(parts[0].transform, nengo.Convolution)
    n_axons = sum(
        np.prod(part.transform.input_shape.spatial_shape)
        if isinstance(part.transform, nengo.Convolution)
        else part.transform.size_in
        for part in parts
    )
    assert n_axons <= 20
    assert applied(parts, x).shape == (7,)
