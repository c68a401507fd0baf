"""`nengo_softlif.transforms`: against loops over pixels, Nengo and TensorFlow."""

import itertools
import pickle

from nengo_softlif import AveragePool, LocallyConnected, SoftLIFRate
from nengo_softlif.compat import nengo_dl

import nengo
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nengo.exceptions import BuildError, ValidationError

QUIET = {"progress_bar": False}

POOLS = [
    AveragePool((4, 4, 1)),
    AveragePool((5, 7, 3), 2),
    AveragePool((6, 6, 2), 3, 2),  # overlapping
    AveragePool((7, 5, 2), (3, 2), (1, 2)),
    AveragePool((7, 7, 1), 2, 3),  # leaves pixels out
    AveragePool((24, 24, 2), 3, 2, "ceil"),  # the papers' CIFAR-10
    AveragePool((12, 12, 2), 3, 2, "ceil"),
    AveragePool((5, 6, 2), 2, padding="ceil"),
    AveragePool((8, 7, 1), (3, 2), 2, padding="ceil"),
    AveragePool((5, 5, 2), 2, padding="same"),
    AveragePool((6, 6, 1), 3, 2, "same"),
    AveragePool((24, 23, 2), 3, 2, "same"),
    AveragePool((5, 4, 1), 4, 1, "same"),
    AveragePool((2, 2, 3), 3, 2, "same"),  # windows larger than the image
    AveragePool((1, 3, 1), (2, 5), 1, "same"),
    AveragePool((3, 3, 1), 1, 1),
]
LOCALS = [
    LocallyConnected(2, (4, 5, 3)),
    LocallyConnected(3, (6, 6, 2), padding="same"),
    LocallyConnected(1, (5, 7, 1), (2, 3), (2, 1)),
    LocallyConnected(2, (5, 4, 2), (4, 2), (1, 2), "same"),
    LocallyConnected(2, (2, 2, 2), 3, 2, "same"),
    LocallyConnected(4, (3, 3, 1), 1, 1),
]


def windows(length, width, stride, padding):
    """Where windows start, from the definitions of the three paddings."""
    if padding == "valid":
        return range(0, length - width + 1, stride)
    if padding == "ceil":  # as valid, and one more if pixels are left
        starts = list(range(0, length - width + 1, stride))
        if starts[-1] + width < length:
            starts.append(starts[-1] + stride)
        return starts
    n_windows = int(np.ceil(length / stride))  # TensorFlow's documentation of SAME
    total = max((n_windows - 1) * stride + width - length, 0)
    return range(-(total // 2), n_windows * stride - total // 2, stride)


def positions(transform, size):
    """For each window, in order, the pixels in it as (place in window, pixel)."""
    height, width, _ = transform.input_shape
    rows = windows(height, size[0], transform.strides[0], transform.padding)
    columns = windows(width, size[1], transform.strides[1], transform.padding)
    for (i, top), (j, left) in itertools.product(enumerate(rows), enumerate(columns)):
        places = itertools.product(range(size[0]), range(size[1]))
        pixels = [((a, b), (top + a, left + b)) for a, b in places]
        yield (
            (i, j),
            [(p, q) for p, q in pixels if 0 <= q[0] < height and 0 <= q[1] < width],
        )


def pooled(pool, image):
    """Average pooling, one window after the other."""
    out = {}
    for at, pixels in positions(pool, pool.pool_size):
        out[at] = np.mean([image[pixel] for _, pixel in pixels], axis=0)
    shape = tuple(np.max(list(out), axis=0) + 1)
    return np.array([out[at] for at in np.ndindex(*shape)]).reshape(*shape, -1)


def locally_connected(transform, weights, image):
    """A local layer, one weight after the other, in their documented order."""
    out, weights = {}, iter(weights)
    for at, pixels in positions(transform, transform.kernel_size):
        out[at] = np.zeros(transform.n_filters)
        for _, pixel in pixels:
            for value in image[pixel]:
                for f in range(transform.n_filters):
                    out[at][f] += next(weights) * value
    assert next(weights, None) is None
    shape = tuple(np.max(list(out), axis=0) + 1)
    return np.array([out[at] for at in np.ndindex(*shape)]).reshape(*shape, -1)


def with_weights(transform, weights):
    """The same local layer with weights that are given."""
    return LocallyConnected(
        transform.n_filters,
        transform.input_shape,
        transform.kernel_size,
        transform.strides,
        transform.padding,
        init=weights,
    )


def network(transform, images=None, seed=0):
    """An image through a transform."""
    with nengo.Network(seed=seed) as net:
        net.image = nengo.Node(np.zeros(transform.size_in))
        net.node = nengo.Node(size_in=transform.size_out)
        net.connection = nengo.Connection(
            net.image, net.node, transform=transform, synapse=None
        )
        net.probe = nengo.Probe(net.node)
    if images is not None:
        net.image.output = images.ravel()
    return net


# -- pooling ---------------------------------------------------------------------------


@pytest.mark.parametrize("pool", POOLS, ids=repr)
def test_pooling_averages_windows(pool, rng):
    image = rng.normal(size=pool.input_shape)
    expected = pooled(pool, image)
    assert pool.output_shape.shape == expected.shape
    assert pool.output_shape.channels_last
    assert pool.size_in == image.size
    assert pool.size_out == expected.size
    matrix = pool.sample().toarray()
    np.testing.assert_allclose(matrix @ image.ravel(), expected.ravel(), rtol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 2)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from(["valid", "same", "ceil"]),
)
def test_pooling_of_any_size(input_shape, pool_size, strides, padding):
    if padding != "same":
        assume(pool_size[0] <= input_shape[0] and pool_size[1] <= input_shape[1])
    if padding == "ceil":  # else a window may lie beside the image
        assume(strides[0] <= pool_size[0] and strides[1] <= pool_size[1])
    pool = AveragePool(input_shape, pool_size, strides, padding)
    image = np.random.RandomState(0).normal(size=input_shape)
    np.testing.assert_allclose(
        pool.sample().toarray() @ image.ravel(), pooled(pool, image).ravel()
    )


def test_same_and_ceil_differ_on_odd_sizes():
    shapes = [
        AveragePool((size, size, 1), 3, 2, padding).output_shape.shape[0]
        for size in (5, 6, 7, 8)
        for padding in ("valid", "ceil", "same")
    ]
    assert shapes == [2, 2, 3, 2, 3, 3, 3, 3, 4, 3, 4, 4]
    ceil = AveragePool((6, 6, 1), 3, 2, "ceil").init.toarray()
    same = AveragePool((6, 6, 1), 3, 2, "same").init.toarray()
    np.testing.assert_array_equal(ceil, same)  # nothing before: total padding is one
    ceil = AveragePool((5, 5, 1), 2, 2, "ceil").init.toarray()
    same = AveragePool((5, 5, 1), 2, 2, "same").init.toarray()
    np.testing.assert_array_equal(ceil, same)
    ceil = AveragePool((7, 7, 1), 4, 2, "ceil").init.toarray()
    same = AveragePool((7, 7, 1), 4, 2, "same").init.toarray()
    assert ceil.shape != same.shape


@pytest.mark.parametrize(
    "pool", [pool for pool in POOLS if pool.padding != "ceil"], ids=repr
)
def test_valid_and_same_are_tensorflows(pool, rng):
    images = rng.normal(size=(2, *pool.input_shape))
    expected = tf.nn.avg_pool2d(
        images, pool.pool_size, pool.strides, pool.padding.upper()
    )
    assert pool.output_shape.shape == tuple(expected.shape[1:])
    actual = images.reshape(2, -1) @ pool.init.toarray().T
    np.testing.assert_allclose(actual, expected.numpy().reshape(2, -1), rtol=1e-10)


def test_nengo_and_nengo_dl_pool_alike(rng):
    """All pools in one network, as building one for each takes long."""
    images = [rng.normal(size=pool.size_in) for pool in POOLS]
    with nengo.Network() as net:
        nengo_dl.configure_settings(dtype="float64", stateful=False)
        probes = []
        for pool, image in zip(POOLS, images, strict=True):
            node = nengo.Node(size_in=pool.size_out)
            nengo.Connection(nengo.Node(image), node, transform=pool, synapse=None)
            probes.append(nengo.Probe(node))
    with nengo.Simulator(net, **QUIET) as sim:
        sim.step()
    with nengo_dl.Simulator(net, minibatch_size=2, **QUIET) as dl_sim:
        out = dl_sim.predict(n_steps=1)
    for probe, pool, image in zip(probes, POOLS, images, strict=True):
        expected = pooled(pool, image.reshape(pool.input_shape)).ravel()
        np.testing.assert_allclose(sim.data[probe][-1], expected, rtol=1e-10)
        np.testing.assert_allclose(out[probe][0, 0], expected, rtol=1e-10)
        np.testing.assert_array_equal(out[probe][0], out[probe][1])


@pytest.mark.parametrize("synapse", [None, nengo.Alpha(0.003)])
def test_pooling_with_a_synapse_and_from_slices(synapse, rng):
    pool = AveragePool((4, 4, 1), 2)
    signal = rng.normal(size=(10, 20))
    with nengo.Network() as net:
        node = nengo.Node(lambda t: signal[round(t / 0.001) - 1])
        out = nengo.Node(size_in=4)
        nengo.Connection(node[2:18], out, transform=pool, synapse=synapse)
        probe = nengo.Probe(out)
    with nengo.Simulator(net, **QUIET) as sim:
        sim.run_steps(10)
    expected, actual = signal[:, 2:18] @ pool.init.toarray().T, sim.data[probe]
    if synapse is not None:  # which takes a step
        expected, actual = synapse.filt(expected, y0=0)[:-1], actual[1:]
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def trained(net, images, targets, **kwargs):
    """Fit a network, and return the simulator."""
    sim = nengo_dl.Simulator(net, minibatch_size=len(images), seed=0, **QUIET)
    sim.compile(tf.optimizers.SGD(0.1), loss={net.probe: "mse"})
    history = sim.fit(
        {net.image: images[:, None]},
        {net.probe: targets[:, None]},
        verbose=0,
        epochs=10,
        **kwargs,
    )
    return sim, history.history["loss"]


@pytest.mark.parametrize("padding", ["valid", "ceil"])
def test_pooling_is_not_trained_and_survives_freezing(padding, rng):
    pool = AveragePool((3, 3, 2), 2, 1 if padding == "valid" else None, padding)
    net = network(pool)
    with net:
        nengo_dl.configure_settings(stateful=False)
        answer = nengo.Node(size_in=1)
        dense = nengo.Connection(
            net.node, answer, transform=np.ones((1, pool.size_out)), synapse=None
        )
        net.probe = nengo.Probe(answer)
    images = rng.normal(size=(8, 18))
    sim, losses = trained(net, images, rng.normal(size=(8, 1)))
    with sim:
        assert losses[-1] < 0.9 * losses[0]
        assert [w.shape for w in sim.keras_model.trainable_weights] == [(1, 8)]
        assert not np.allclose(sim.data[dense].weights, 1)
        out = sim.predict({net.image: images[:, None]})[net.probe]
        sim.freeze_params(net)

    frozen = net.connection.transform
    assert type(frozen) is AveragePool
    assert repr(frozen) == repr(pool)
    assert frozen.output_shape.shape == pool.output_shape.shape
    np.testing.assert_allclose(frozen.init.toarray(), pool.init.toarray(), rtol=1e-6)
    net.image.output = images[0]
    with nengo.Simulator(net, **QUIET) as again:
        again.step()
    np.testing.assert_allclose(again.data[net.probe][0], out[0, 0], rtol=1e-4)


def test_gradients_pass_through_pooling(rng):
    """They go back to each pixel as its share of the windows it lies in."""
    pool = AveragePool((5, 4, 2), 3, 2, "ceil")
    start, target = rng.normal(size=40), rng.normal(size=pool.size_out)
    with nengo.Network() as net:
        nengo_dl.configure_settings(stateful=False, dtype="float64")
        net.image = nengo.Node([1])
        pixels = nengo.Node(size_in=40)
        first = nengo.Connection(
            net.image, pixels, transform=start[:, None], synapse=None
        )
        node = nengo.Node(size_in=pool.size_out)
        nengo.Connection(pixels, node, transform=pool, synapse=None)
        net.probe = nengo.Probe(node)
    with nengo_dl.Simulator(net, minibatch_size=1, **QUIET) as sim:
        sim.compile(tf.optimizers.SGD(1.0), loss={net.probe: "mse"})
        sim.fit(
            {net.image: np.ones((1, 1, 1))}, {net.probe: target[None, None]}, verbose=0
        )
        change = sim.data[first].weights[:, 0] - start
    matrix = pool.init.toarray()
    gradient = matrix.T @ (2 / pool.size_out * (matrix @ start - target))
    np.testing.assert_allclose(change, -gradient, atol=1e-10)


def test_pooling_needs_neurons(seed):
    with nengo.Network(seed=seed) as net:
        ensemble = nengo.Ensemble(10, 4, neuron_type=SoftLIFRate())
        nengo.Connection(
            ensemble, nengo.Node(size_in=1), transform=AveragePool((2, 2, 1))
        )
    with pytest.raises(BuildError, match=r"not decoded values: connect from .*neurons"):
        nengo.Simulator(net, **QUIET)


def test_pools_of_neurons(seed):
    with nengo.Network(seed=seed) as net:
        ensemble = nengo.Ensemble(8, 1, neuron_type=SoftLIFRate())
        node = nengo.Node(size_in=2)
        nengo.Connection(
            ensemble.neurons, node, transform=AveragePool((2, 2, 2)), synapse=None
        )
        probes = nengo.Probe(ensemble.neurons), nengo.Probe(node)
    with nengo.Simulator(net, **QUIET) as sim:
        sim.run_steps(2)
    rates, out = (sim.data[probe][-1] for probe in probes)
    np.testing.assert_allclose(out, rates.reshape(4, 2).mean(axis=0))


# -- local layers ----------------------------------------------------------------------


@pytest.mark.parametrize("transform", LOCALS, ids=repr)
def test_local_weights_are_ordered_as_documented(transform, rng):
    weights = rng.normal(size=transform.init.size)
    image = rng.normal(size=transform.input_shape)
    given_weights = with_weights(transform, weights)
    expected = locally_connected(transform, weights, image)
    assert transform.output_shape.shape == expected.shape
    out = given_weights.init.toarray() @ image.ravel()
    np.testing.assert_allclose(out, expected.ravel(), rtol=1e-10, atol=1e-12)

    net = network(given_weights, image)
    with nengo.Simulator(net, **QUIET) as sim:
        sim.step()
    np.testing.assert_allclose(
        sim.data[net.probe][0], expected.ravel(), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "strides"), [(3, 1), (3, 2), (2, 1), (4, 3)])
def test_equal_kernels_are_a_convolution(padding, kernel, strides, rng):
    kernels = rng.normal(size=(kernel, kernel, 2, 3))
    convolution = nengo.Convolution(
        3, (6, 5, 2), (kernel, kernel), (strides, strides), padding, init=kernels
    )
    local = LocallyConnected(3, (6, 5, 2), kernel, strides, padding)
    weights = [
        kernels[place]
        for _, pixels in positions(local, (kernel, kernel))
        for place, _ in pixels
    ]
    local = with_weights(local, np.ravel(weights))
    assert local.output_shape.shape == convolution.output_shape.shape

    image, outputs = rng.normal(size=60), []
    for transform in (convolution, local):
        net = network(transform, image)
        with nengo.Simulator(net, **QUIET) as sim:
            sim.step()
        outputs.append(sim.data[net.probe][0])
    np.testing.assert_allclose(*outputs, rtol=1e-10, atol=1e-12)


def test_local_weights_are_sampled_from_the_distribution(seed):
    transform = LocallyConnected(
        8, (10, 10, 4), padding="same", init=nengo.dists.Gaussian(2, 0.5)
    )
    built = []
    for net_seed in (seed, seed, seed + 1):
        net = network(transform, seed=net_seed)
        with nengo.Simulator(net, **QUIET) as sim:
            built.append(sim.data[net.connection].weights.data)
    np.testing.assert_array_equal(built[0], built[1])
    assert not np.any(built[0] == built[2])
    assert np.mean(built[0]) == pytest.approx(2, abs=0.02)
    assert np.std(built[0]) == pytest.approx(0.5, abs=0.02)


def test_nengo_dl_trains_local_weights(rng):
    transform = LocallyConnected(2, (4, 4, 2), padding="same")
    target = with_weights(transform, rng.normal(size=transform.init.size))
    images = rng.normal(size=(16, 32))
    net = network(transform)
    with net:
        nengo_dl.configure_settings(stateful=False)
    sim, losses = trained(net, images, images @ target.init.toarray().T)
    with sim:
        assert losses[-1] < losses[0]
        out = sim.predict({net.image: images[:, None]})[net.probe][:, 0]
        sim.freeze_params(net)
    frozen = net.connection.transform
    assert type(frozen) is LocallyConnected
    assert repr(frozen) == repr(transform)
    np.testing.assert_array_equal(frozen.init.indices, transform.init.indices)
    for image, expected in zip(images[:2], out[:2], strict=True):
        by_hand = locally_connected(
            frozen, frozen.init.data, image.reshape(transform.input_shape)
        )
        np.testing.assert_allclose(expected, by_hand.ravel(), rtol=1e-3, atol=1e-4)


# -- as values -------------------------------------------------------------------------


@pytest.mark.parametrize("transform", POOLS + LOCALS, ids=repr)
def test_duplicates_are_the_same(transform, duplicate):
    """Like all sparse transforms of Nengo, they are only equal to themselves."""
    twin = duplicate(transform)
    assert type(twin) is type(transform)
    assert repr(twin) == repr(transform)
    assert twin.shape == transform.shape
    assert twin.strides == transform.strides
    assert twin.padding == transform.padding
    assert twin.output_shape.shape == transform.output_shape.shape
    np.testing.assert_array_equal(twin.init.indices, transform.init.indices)
    assert np.array_equal(twin.init.data, transform.init.data)


def test_copied_networks_pool_alike(rng):
    net = network(AveragePool((5, 5, 2), 3, 2, "same"), rng.normal(size=50))
    twin = pickle.loads(pickle.dumps(net))
    outputs = []
    for one in (net, net.copy(), twin):
        with nengo.Simulator(one, **QUIET) as sim:
            sim.step()
        outputs.append(sim.data[one.all_probes[0]])
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_array_equal(outputs[0], outputs[2])


@pytest.mark.parametrize("padding", ["valid", "ceil"])
@pytest.mark.parametrize(
    ("shape", "size"), [((2, 5, 1), 3), ((5, 2, 1), 3), ((4, 4, 1), (1, 5))]
)
def test_windows_that_do_not_fit(padding, shape, size):
    with pytest.raises(
        ValidationError, match=rf"Windows of .* '{padding}' do not lie on images"
    ):
        AveragePool(shape, size, padding=padding)
    if padding == "valid":
        with pytest.raises(ValidationError, match="do not lie on images"):
            LocallyConnected(1, shape, size)


def test_windows_beside_the_image():
    with pytest.raises(ValidationError, match="'ceil' do not lie on images"):
        AveragePool((5, 5, 1), 1, 3, padding="ceil")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: AveragePool((0, 4, 1)), "input_shape: .* must be >= 1"),
        (lambda: AveragePool((4, 4)), "input_shape: Must be 3 items"),
        (lambda: AveragePool((4, 4, 1), 0), "pool_size: .* must be >= 1"),
        (lambda: AveragePool((4, 4, 1), (2, 2, 2)), "pool_size: Must be 2 items"),
        (lambda: AveragePool((4, 4, 1), 2, 0), "strides: .* must be >= 1"),
        (lambda: AveragePool((4, 4, 1), 2, (1, -1)), "strides: .* must be >= 1"),
        (lambda: AveragePool((4, 4, 1), padding="full"), "padding: .* must be one of"),
        (lambda: LocallyConnected(0, (4, 4, 1)), "n_filters: .* greater than or"),
        (lambda: LocallyConnected(1, (4, 4, 0)), "input_shape: .* must be >= 1"),
        (lambda: LocallyConnected(1, (4, 4, 1), 0), "kernel_size: .* must be >= 1"),
        (lambda: LocallyConnected(1, (4, 4, 1), 3, 0), "strides: .* must be >= 1"),
        (
            lambda: LocallyConnected(1, (4, 4, 1), padding="ceil"),
            "padding: .* must be one of",
        ),
        (
            lambda: LocallyConnected(1, (4, 4, 1), init=np.ones(5)),
            "data: .* same length as `indices`",
        ),
    ],
)
def test_bad_values(make, match):
    with pytest.raises(ValidationError, match=match):
        make()


def test_a_transform_of_another_size_than_the_connection():
    with nengo.Network():
        image, node = nengo.Node(np.zeros(9)), nengo.Node(size_in=4)
        with pytest.raises(ValidationError, match="Transform input size"):
            nengo.Connection(image, node, transform=AveragePool((4, 4, 1)))
