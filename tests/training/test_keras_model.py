"""Training as layers is the training of NengoDL."""

from nengo_softlif import (
    AlphaNoise,
    AveragePool,
    Dropout,
    GaussianNoise,
    LocallyConnected,
    LowpassNoise,
    SoftLIFRate,
    Stack,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.geometry import Windows
from nengo_softlif.layers import Layer
from nengo_softlif.layers.operators import Convolution
from nengo_softlif.layers.parameters import collect, install
from nengo_softlif.tensors.operators import Values
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.as_layers import AsLayers
from nengo_softlif.training.batch_norm import BatchNorm
from nengo_softlif.training.keras_model import LayeredNetwork
from nengo_softlif.training.through_nengo_dl import ThroughNengoDL

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError

N_EXAMPLES = 4
GAUSSIAN = nengo.dists.Gaussian(0, 0.3)


def soft(noise=None, amplitude=0.02):
    return SoftLIFRate(0.05, 0.03, 0.002, amplitude, noise)


def normal(*shape):
    """Weights; their scale suits all layers here."""
    return np.random.default_rng(shape).normal(size=shape) * 0.3


def connect(pre, post, transform=None, **kwargs):
    return nengo.Connection(pre, post, transform=transform, synapse=None, **kwargs)


# -- networks --------------------------------------------------------------------------


def convolutions():
    """All that a stack has, but local layers."""
    stack = Stack((7, 6, 2), soft(GaussianNoise(10)), gain=0.8)
    stack.convolution(3, dropout=0.25)
    stack.average_pool(3, strides=2, padding="ceil")
    stack.convolution(4, strides=2, padding="same")
    stack.average_pool(2, padding="same")
    stack.dense(5)
    return stack.input, stack.readout(3, std=1.0)


def local():
    """Local layers after and before layers with another layout."""
    stack = Stack((6, 5, 1), soft(AlphaNoise()))
    stack.convolution(2, padding="valid", kernel_size=2)
    stack.local(3, dropout=0.5)
    stack.local(2, kernel_size=2, strides=2, padding="valid")
    stack.average_pool((2, 1), strides=1)
    stack.convolution(3)
    return stack.input, stack.readout(3, std=1.0)


def branches():
    """Branches that add and concatenate; gains, amplitudes and noise that differ."""
    image = nengo.Node(np.zeros(32))
    gains = [np.linspace(0.5, 1.5, n) for n in (48, 48, 10)]
    types = [soft(LowpassNoise(), 0.03), soft(Dropout(0.5)), soft(GaussianNoise())]
    left, right, top = (
        nengo.Ensemble(
            len(gain), 1, neuron_type=t, gain=gain, bias=np.linspace(0.8, 2, len(gain))
        )
        for gain, t in zip(gains, types, strict=True)
    )
    added, both = nengo.Node(size_in=48), nengo.Node(size_in=50)
    kernel = nengo.Convolution(3, (4, 4, 2), padding="same", init=normal(3, 3, 2, 3))
    connect(image, left.neurons, kernel)
    connect(
        image,
        right.neurons,
        LocallyConnected(3, (4, 4, 2), padding="same", init=GAUSSIAN),
    )
    connect(left.neurons, added, normal(48))
    connect(right.neurons, added)
    connect(added, both[np.r_[49, :47]])
    connect(right.neurons[3:5], both[[47, 3]])
    connect(both, top.neurons, normal(10, 50))
    out = nengo.Node(size_in=3)
    connect(top.neurons, out, normal(3, 10))
    connect(image[[5, 2, 7]], out, 0.5)
    return image, nengo.Probe(out)


def users():
    """Trained and frozen parts, weights used twice, parts of layers, constants."""
    nengo_dl.configure_settings(trainable=None)
    image = nengo.Node(np.zeros(18))
    two = nengo.Node([0.5, 2.0])
    first, second, fixed = (
        nengo.Ensemble(
            n, 2, neuron_type=t, gain=np.linspace(1, 2, n), bias=np.ones(n), seed=3
        )
        for n, t in ((18, soft(AlphaNoise())), (8, soft(GaussianNoise())), (6, soft()))
    )
    shared, out = nengo.Node(size_in=18), nengo.Node(size_in=3)
    channels_first = nengo.Convolution(
        2, (2, 3, 3), padding="same", channels_last=False, init=normal(3, 3, 2, 2)
    )
    connect(image, shared, channels_first)
    connect(shared, first.neurons)
    pool = nengo.Node(size_in=8)
    connect(shared, pool, AveragePool((3, 3, 2), 2, strides=1))
    connect(pool, second.neurons)
    connect(two, second.neurons[1:7], normal(6, 2))
    frozen = connect(first.neurons, fixed.neurons, normal(6, 18))
    connect(second.neurons[:3], fixed.neurons[3:], normal(3))
    connect(fixed.neurons, out, normal(3, 6))
    net = nengo.Network.context[-1]
    net.config[frozen].trainable = False
    net.config[fixed].trainable = False
    return image, nengo.Probe(out)


def groups(n_layers=4):
    """Convolutions in groups, depthwise ones, and such whose channels come first."""
    image = node = nengo.Node(np.zeros(64))
    layers = [
        ((4, 4, 4), {"groups": 2}),
        ((4, 4, 6), {"groups": 6, "strides": (2, 2)}),  # depthwise
        ((2, 2, 6), {"groups": 6, "strides": (2, 1)}),
        ((6, 1, 2), {"groups": 3, "channels_last": False}),
    ]
    for shape, kwargs in layers[:n_layers]:
        last = kwargs.get("channels_last", True)
        first = shape[-1] if last else shape[0]
        conv = nengo.Convolution(
            6, shape, padding="same", init=normal(3, 3, first // kwargs["groups"], 6),
            **{"strides": (1, 1), **kwargs},
        )  # fmt: skip
        post = nengo.Ensemble(
            conv.size_out,
            1,
            neuron_type=soft(GaussianNoise()),
            gain=np.ones(conv.size_out),
            bias=np.linspace(1, 2, conv.size_out),
        )
        connect(node, post.neurons, conv)
        node = post.neurons
    out = nengo.Node(size_in=3)
    connect(node, out, normal(3, node.size_out))
    return image, nengo.Probe(out)


def channels_last():
    """Groups as batch normalisation takes them."""
    return groups(3)


NETWORKS = [convolutions, local, branches, users, groups]


def make(function, dtype="float32", noise=True):
    with nengo.Network(seed=1) as net:
        nengo_dl.configure_settings(dtype=dtype)
        image, answer = function()
    if not noise:
        for ensemble in net.all_ensembles:
            ensemble.neuron_type = ensemble.neuron_type.with_noise(None)
    return net, image, answer


def batch(image, dtype="float32"):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N_EXAMPLES, image.size_out)).astype(dtype)
    return x, np.array([0, 1, 2, 1])


# -- the law ---------------------------------------------------------------------------


def sgd():
    return tf.keras.optimizers.SGD(0.05)


def adam():
    return tf.keras.optimizers.Adam(0.01, epsilon=1e-3)


@pytest.mark.parametrize(
    ("function", "optimizer", "dtype", "noise", "rtol"),
    [
        *((function, sgd, "float64", True, 1e-6) for function in NETWORKS),
        *((function, adam, "float32", True, 1e-3) for function in NETWORKS),
        *((function, sgd, "float32", False, 1e-4) for function in (local, users)),
    ],
)
def test_losses_and_weights_are_those_of_nengo_dl(
    function, optimizer, dtype, noise, rtol
):
    """Step by step; each step changes weights by the gradient alone, or by Adam."""
    seen = []
    settings = Settings(batch_size=N_EXAMPLES, seed=5)
    for trainer in (AsLayers, ThroughNengoDL):
        net, image, answer = make(function, dtype, noise)
        x, labels = batch(image, dtype)
        way = trainer(net, image, answer, settings)
        way.compile(optimizer())
        before, steps = way.predict(x), []
        for _ in range(3):
            loss, accuracy = way.train(x, labels)
            steps.append((loss, accuracy, collect(net, way.data)))
        seen.append((before, steps, way.predict(x)))
        way.close()

    (before, steps, after), (expected_before, expected_steps, expected_after) = seen
    np.testing.assert_allclose(before, expected_before, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(after, expected_after, rtol=rtol, atol=rtol)
    assert np.abs(after - before).max() > 0.01
    start = collect(net, AsLayers(net, image, answer, settings).data)
    for (loss, accuracy, arrays), (loss2, accuracy2, arrays2) in zip(
        steps, expected_steps, strict=True
    ):
        assert loss == pytest.approx(loss2, rel=max(rtol, 1e-6))
        assert accuracy == accuracy2
        assert arrays.keys() == arrays2.keys()
        for name, array in arrays.items():
            # what has changed, on the scale of the largest change
            change, expected = array - start[name], arrays2[name] - start[name]
            # NengoDL finds encoders in its type's precision
            atol = rtol * np.abs(expected).max() + 1e-6
            np.testing.assert_allclose(change, expected, atol=atol, err_msg=name)
    moved = {n for n in start if not np.allclose(arrays[n], start[n], atol=1e-6)}
    weights = {n for n in start if n.startswith("connections")}
    if function is users:
        index = net.all_connections.index
        frozen = next(
            c for c in net.all_connections if net.config[c].trainable is False
        )
        weights -= {f"connections/{index(frozen)}/weights"}
        weights |= {"ensembles/0/bias", "ensembles/1/bias"}
    if function in (branches, groups):
        n_ensembles = len(net.all_ensembles)
        weights |= {f"ensembles/{i}/bias" for i in range(n_ensembles)}
    assert moved == weights


@pytest.mark.parametrize("function", [convolutions, groups])
def test_gradients_are_differences(function):
    net, image, answer = make(function, "float64", noise=False)
    layered = LayeredNetwork(net, image, answer, N_EXAMPLES, 0, "float64")
    x, _ = batch(image, "float64")
    rng = np.random.default_rng(1)
    factors = rng.normal(size=layered.keras_model(x).shape)

    def loss(x):
        return tf.reduce_sum(layered.keras_model(x) * factors)

    variables = [tf.Variable(x), *layered.trained]
    with tf.GradientTape() as tape:
        value = loss(variables[0])
    for variable, gradient in zip(
        variables, tape.gradient(value, variables), strict=True
    ):
        step = rng.normal(size=variable.shape) * 1e-5
        expected = float(tf.reduce_sum(gradient * step))
        variable.assign_add(step)
        above = loss(variables[0])
        variable.assign_sub(2 * step)
        difference = float(above - loss(variables[0])) / 2
        variable.assign_add(step)
        assert difference == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_noise_is_a_function_of_seed_and_pass():
    def outputs(seed, start=0):
        net, image, answer = make(local)
        layered = LayeredNetwork(net, image, answer, N_EXAMPLES, seed)
        layered.passes.assign(start)
        x, _ = batch(image)
        return [layered.keras_model(x, training=True).numpy() for _ in range(3)]

    a, b, c, d = outputs(0), outputs(0), outputs(1), outputs(0, start=1)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a[1:], d[:2])
    for other in (c[0], a[1], a[2], a[0][::-1]):
        assert not np.any(a[0] == other)


def test_variables_come_in_the_order_of_the_network():
    names = []
    for _ in range(2):
        net, image, answer = make(users)
        layered = LayeredNetwork(net, image, answer, N_EXAMPLES, 0)
        assert layered.keras_model.trainable_weights == layered.trained
        names.append([v.name for v in layered.trained])
    assert names[0] == names[1]
    assert names[0][0] == "connections/0/weights:0"


# -- what is left to NengoDL -----------------------------------------------------------


def decoded(a, b):
    return nengo.Connection(a, b.neurons, transform=np.ones((5, 1)), synapse=None)


def decoded_input(a, b):
    return nengo.Connection(a.neurons, b, transform=np.ones((1, 5)), synapse=None)


def sparse(a, b):
    transform = nengo.Sparse((5, 5), indices=[[0, 1], [4, 0]], init=[1.0, 2.0])
    return connect(a.neurons, b.neurons, transform)


def recurrent(a, b):
    return connect(b.neurons, b.neurons, np.eye(5))


def of_another_type(a, b):
    a.neuron_type = nengo.LIFRate()


def twice_in_one_place(a, b):
    return connect(a.neurons[:2], b.neurons[[1, 1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (decoded, "<Connection from .*a.* is decoded from an ensemble"),
        (decoded_input, "<Ensemble 'b'> has decoded input"),
        (sparse, "<Connection from .*a.* sparse"),
        (recurrent, "<Neurons of <Ensemble 'b'>> .* loop"),
        (of_another_type, r"<Ensemble 'a'> has LIFRate\(\); only SoftLIFRate"),
        (twice_in_one_place, "in the same place"),
    ],
)
def test_what_has_no_fast_form_is_named(change, message):
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.zeros(5))
        a, b = (nengo.Ensemble(5, 1, neuron_type=soft(), label=c) for c in "ab")
        connect(image, a.neurons)
        connect(a.neurons, b.neurons, np.eye(5))
        change(a, b)
        answer = nengo.Probe(b.neurons)
    with pytest.raises(Unconvertible, match=message):
        LayeredNetwork(net, image, answer, N_EXAMPLES, 0)


# -- batch normalisation ---------------------------------------------------------------


def without_bias():
    """No bias connection for a local layer and a dense one, which trains biases."""
    image = nengo.Node(np.zeros(18))
    a = nengo.Ensemble(
        18, 1, neuron_type=soft(), gain=np.linspace(0.5, 1.5, 18), bias=np.ones(18)
    )
    b = nengo.Ensemble(4, 1, neuron_type=soft(), gain=np.ones(4), bias=np.ones(4))
    net = nengo.Network.context[-1]
    nengo_dl.configure_settings(trainable=None)
    net.config[a].trainable = False
    out = nengo.Node(size_in=3)
    connect(
        image, a.neurons, LocallyConnected(2, (3, 3, 2), padding="same", init=GAUSSIAN)
    )
    connect(a.neurons, b.neurons, normal(4, 18))
    connect(image, b.neurons, normal(4, 18))
    connect(b.neurons, out, normal(3, 4))
    return image, nengo.Probe(out)


def residual():
    """Shortcuts with weights and without, a pool before neurons, neurons as input."""
    stack = Stack((6, 6, 3), soft(GaussianNoise(10)), gain=0.8)
    start = stack.neurons()
    stack.convolution(3)
    stack.convolution(3, dropout=0.25)
    stack.shortcut(start, weights=False)
    start = stack.average_pool(2)
    stack.convolution(4)
    stack.convolution(4)
    stack.shortcut(start)
    kernel = nengo.Convolution(2, (3, 3, 4), padding="same", init=normal(3, 3, 4, 2))
    node = nengo.Node(size_in=18)
    connect(stack._top.neurons, node, kernel)
    pool = AveragePool((3, 3, 2), 2, strides=1)
    ones = np.ones(pool.size_out)
    top = nengo.Ensemble(8, 1, neuron_type=soft(), gain=ones, bias=ones)
    connect(node, top.neurons, pool)
    out = nengo.Node(size_in=3)
    connect(top.neurons, out, normal(3, 8))
    return stack.input, nengo.Probe(out)


def test_batch_norm_of_every_layer_behind_weights():
    """What a shortcut without weights brings is added to what is normalised."""
    net, image, answer = make(residual)
    layered = LayeredNetwork(net, image, answer, N_EXAMPLES, 0, batch_norm=True)
    normalised = [layer.obj.ensemble for layer in layered.norms]
    assert normalised == net.all_ensembles[1:]
    assert [len(norm.connections) for norm in layered.norms.values()] == [1, 1, 1, 2, 1]


@pytest.mark.parametrize(
    "function", [convolutions, local, channels_last, without_bias, residual]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float32", 1e-3)])
def test_batch_norm_is_folded_exactly(function, dtype, tolerance):
    net, image, answer = make(function, dtype)
    x, labels = batch(image, dtype)
    settings = Settings(batch_size=N_EXAMPLES, batch_norm=True)
    way = AsLayers(net, image, answer, settings)
    way.compile(tf.keras.optimizers.Adam(0.05))
    before = way.predict(x)
    for _ in range(8):
        way.train(x, labels)
    normalised = way.predict(x)
    assert np.all(np.abs(normalised - before) > 1e-4)

    folded, image, answer = make(function)
    install(folded, collect(net, way.data))
    rates = []
    for images in x:
        image.output = images
        with nengo.Simulator(folded, progress_bar=False) as plain:
            plain.step()
        rates.append(plain.data[answer][0])
    scale = np.abs(rates).max()
    np.testing.assert_allclose(normalised, rates, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("batch_last", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm_is_that_of_keras(batch_last, dtype, rng):
    """But for its moving averages, which start as plain averages."""
    with nengo.Network():
        layer = Layer(nengo.Ensemble(24, 1).neurons, 24)
    windows = Windows((2, 3), (1, 1), (1, 1), "same")
    convolution = Convolution(np.ones((1, 1, 1, 4)), windows)
    norm = BatchNorm(layer, [[convolution]], "", dtype)
    keras = tf.keras.layers.BatchNormalization(dtype=dtype)

    batches = rng.normal(size=(3, 10, 2, 3, 4)) * [1, 2, 3, 0.1] + [0, 1, 0, 3]
    keras.build(batches[0].shape)
    for variable, twin in zip(norm.trained, keras.trainable_weights, strict=True):
        variable.assign(rng.normal(size=4))
        twin.assign(variable)
    upstream = tf.constant(rng.normal(size=batches[0].shape), dtype)
    for step, x in enumerate(batches.astype(dtype), start=1):
        outs, gradients = [], []
        with tf.GradientTape(persistent=True) as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            laid_out = tf.transpose(inputs, (1, 2, 3, 0)) if batch_last else inputs
            out = norm(Values(laid_out, batch_last), tf.constant(step)).tensor
            outs.append(tf.transpose(out, (3, 0, 1, 2)) if batch_last else out)
            outs.append(keras(inputs, training=True))
            losses = [tf.reduce_sum(out * upstream) for out in outs]
        for loss, trained in zip(
            losses, (norm.trained, keras.trainable_weights), strict=True
        ):
            gradients.append(tape.gradient(loss, [inputs, *trained]))
        rtol = 1e-4 if dtype == "float32" else 1e-9
        np.testing.assert_allclose(*outs, rtol=rtol, atol=rtol)
        for a, b in zip(*gradients, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=10 * rtol)

    each = batches.mean(axis=(1, 2, 3)), batches.var(axis=(1, 2, 3))
    for average, expected in zip(norm.averages, each, strict=True):
        np.testing.assert_allclose(average, expected.mean(axis=0), rtol=1e-5)
    norm(Values(laid_out, batch_last), tf.constant(1000))
    mean = 0.99 * each[0].mean(axis=0) + 0.01 * each[0][-1]
    np.testing.assert_allclose(norm.averages[0], mean, rtol=1e-5)

    for twin, variable in zip(keras.non_trainable_weights, norm.averages, strict=True):
        twin.assign(variable)
    out = norm(Values(laid_out, batch_last)).tensor
    out = tf.transpose(out, (3, 0, 1, 2)) if batch_last else out
    expected = keras(inputs, training=False)
    np.testing.assert_allclose(out, expected, rtol=rtol, atol=rtol)
    factor, offset = norm.fold()
    np.testing.assert_allclose(
        np.reshape(out, (10, 24)),
        factor * batches[-1].reshape(10, 24) + offset,
        rtol=rtol,
        atol=rtol,
    )


def shared_weights():
    image, node = nengo.Node(np.zeros(4)), nengo.Node(size_in=4)
    connect(image, node, np.eye(4))
    for _ in range(2):
        ensemble = nengo.Ensemble(4, 1, neuron_type=soft())
        connect(node, ensemble.neurons)
        connect(ensemble.neurons, out := nengo.Node(size_in=4), np.eye(4))
    both = nengo.Node(size_in=4)
    connect(out, both)
    connect(node, both)
    return image, nengo.Probe(both)


def frozen_weights():
    nengo_dl.configure_settings(trainable=None)
    image, ensemble = nengo.Node(np.zeros(4)), nengo.Ensemble(4, 1, neuron_type=soft())
    first = connect(image, ensemble.neurons, np.eye(4))
    nengo.Network.context[-1].config[first].trainable = False
    return image, nengo.Probe(ensemble.neurons)


def part_of_a_layer():
    image, ensemble = nengo.Node(np.zeros(4)), nengo.Ensemble(6, 1, neuron_type=soft())
    connect(image, ensemble.neurons[:4], np.eye(4))
    return image, nengo.Probe(ensemble.neurons)


def pooled_matrix():
    image, node = nengo.Node(np.zeros(4)), nengo.Node(size_in=8)
    ensemble = nengo.Ensemble(2, 1, neuron_type=soft())
    connect(image, node, np.ones((8, 4)))
    connect(node, ensemble.neurons, AveragePool((2, 2, 2), 2))
    return image, nengo.Probe(ensemble.neurons)


def unlike_filters():
    image, ensemble = nengo.Node(np.zeros(4)), nengo.Ensemble(8, 1, neuron_type=soft())
    for n_filters, shape in ((2, (2, 2, 1)), (8, (1, 1, 4))):
        kernel = nengo.Convolution(n_filters, shape, (1, 1))
        connect(image, ensemble.neurons, kernel)
    return image, nengo.Probe(ensemble.neurons)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (shared_weights, "Connection.* but they lead to several layers"),
        (frozen_weights, "Connection.* but they are set not to be trained"),
        (part_of_a_layer, "Ensemble.* ends in Place.*all of its neurons"),
        (pooled_matrix, "Ensemble.* ends in Pool.*all of its neurons"),
        (unlike_filters, "{8, 2} filters lead to .*Ensemble"),
    ],
)
def test_batch_norm_that_cannot_be_folded(function, message):
    net, image, answer = make(function)
    with pytest.raises(ValidationError, match=f"batch_norm.*{message}"):
        LayeredNetwork(net, image, answer, N_EXAMPLES, 0, batch_norm=True)
