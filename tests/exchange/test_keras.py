"""Keras models carried over answer as they do in Keras, in rates and in spikes."""

import os
import subprocess
import sys

import nengo_softlif as softlif
from nengo_softlif import AlphaNoise, SoftLIFRate
from nengo_softlif.keras import LegacySoftLIF, SoftLIF
from nengo_softlif.keras import changes as keras_changes

import keras
import nengo
import numpy as np
import pytest
import sample_keras
import tensorflow as tf
import tf_keras
from nengo.exceptions import Unconvertible, ValidationError

L = keras.layers
BOTH = pytest.mark.parametrize("package", [keras, tf_keras], ids=lambda k: k.__name__)


def sequential(package, shape, *layers):
    return package.Sequential([package.layers.Input(shape), *layers])


def randomise(net, seed=0):
    """Give all weights values, also those that are zeros and ones at first."""
    rng = np.random.RandomState(seed)
    names = [getattr(w, "path", w.name) for w in net.weights]
    weights = [
        rng.uniform(0.5, 2, size=w.shape)
        if "variance" in name
        else (rng.randn(*w.shape) * 0.4).astype(w.dtype)
        for name, w in zip(names, net.get_weights(), strict=True)
    ]
    net.set_weights(weights)
    return net


def answers(model, x):
    """What Nengo's own simulator says to images, one in each step."""
    with model.copy().network as net:
        image = net.all_nodes[model.network.all_nodes.index(model.input)]
        image.output = nengo.processes.PresentInput(x.reshape(len(x), -1), 1e-3)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(len(x))
    (probe,) = net.probes
    return sim.data[probe]


def check_equal(net, model, x):
    expected = np.asarray(net(x)).reshape(len(x), -1)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(answers(model, x), expected, atol=1e-5 * scale)


# -- layers by themselves --------------------------------------------------------------

LAYERS = {
    "dense": ((7,), lambda L: [L.Dense(5)]),
    "dense, no bias": ((7,), lambda L: [L.Dense(5, use_bias=False)]),
    "dense along": ((4, 7), lambda L: [L.Dense(5, activation="relu")]),
    "dense on images": ((4, 5, 2), lambda L: [L.Dense(3)]),
    "groups": ((7, 8, 4), lambda L: [L.Conv2D(6, 3, groups=2, padding="same")]),
    "dilated": (
        (9, 10, 2),
        lambda L: [L.Conv2D(3, 3, dilation_rate=(2, 3), padding="same")],
    ),
    "depthwise": (
        (7, 8, 3),
        lambda L: [L.DepthwiseConv2D(3, 2, padding="same", depth_multiplier=2)],
    ),
    "depthwise dilated": ((9, 8, 3), lambda L: [L.DepthwiseConv2D(3, dilation_rate=2)]),
    "depthwise 1d": ((9, 3), lambda L: [L.DepthwiseConv1D(3)]),
    "separable": (
        (7, 8, 3),
        lambda L: [L.SeparableConv2D(5, 3, depth_multiplier=2, activation="relu")],
    ),
    "separable 1d": ((9, 3), lambda L: [L.SeparableConv1D(5, 3, strides=2)]),
    "causal": ((11, 2), lambda L: [L.Conv1D(4, 3, padding="causal", dilation_rate=2)]),
    "causal, strides": ((11, 2), lambda L: [L.Conv1D(4, 3, 2, padding="causal")]),
    "dilated 1d": ((11, 2), lambda L: [L.Conv1D(4, 3, dilation_rate=3)]),
    "global pooling": ((5, 7, 3), lambda L: [L.GlobalAveragePooling2D()]),
    "kept axes": ((5, 7, 3), lambda L: [L.GlobalAveragePooling2D(keepdims=True)]),
    "global pooling 1d": ((5, 3), lambda L: [L.GlobalAveragePooling1D()]),
    "norm of images": ((5, 7, 3), lambda L: [L.BatchNormalization()]),
    "norm, no scale": ((7,), lambda L: [L.BatchNormalization(scale=False)]),
    "folded norm": (
        (5, 7, 3),
        lambda L: [
            L.Conv2D(4, 3, use_bias=False),
            L.BatchNormalization(center=False),
            L.ReLU(),
        ],
    ),
    "norm of pool": (
        (5, 7, 3),
        lambda L: [L.AveragePooling2D(2), L.BatchNormalization()],
    ),
    "norms": (
        (7,),
        lambda L: [L.Dense(4), L.BatchNormalization(), L.BatchNormalization()],
    ),
    "norm after relu": (
        (7,),
        lambda L: [L.Dense(4, activation="relu"), L.BatchNormalization(), L.Dense(2)],
    ),
    "flatten": ((5, 7, 3), lambda L: [L.Conv2D(2, 2), L.Flatten(), L.Dense(3)]),
    "reshape": (
        (5, 6),
        lambda L: [
            L.Dense(4, activation="relu"),
            L.Reshape((10, -1, 1)),
            L.Conv2D(2, 2),
        ],
    ),
    "permute": ((5, 6, 3), lambda L: [L.Permute((3, 1, 2)), L.Conv2D(2, 2)]),
    "repeat": ((5,), lambda L: [L.RepeatVector(4), L.Conv1D(2, 2)]),
    "padding": (
        (5, 6, 3),
        lambda L: [L.ZeroPadding2D(((1, 2), (0, 3))), L.Conv2D(2, 2)],
    ),
    "padding 1d": ((5, 3), lambda L: [L.ZeroPadding1D((1, 2)), L.Conv1D(2, 2)]),
    "padding, one number": ((5, 3), lambda L: [L.ZeroPadding1D(2)]),
    "cropping": ((5, 6, 3), lambda L: [L.Cropping2D(((1, 0), (2, 1)))]),
    "cropping 1d": ((5, 3), lambda L: [L.Cropping1D(1)]),
    "up-sampling": ((5, 6, 3), lambda L: [L.Conv2D(2, 2), L.UpSampling2D((2, 3))]),
    "up-sampling 1d": ((5, 3), lambda L: [L.UpSampling1D(2)]),
    "rescaling": (
        (5, 6, 3),
        lambda L: [L.Rescaling(1 / 7, -0.5), L.Conv2D(2, 3, padding="same")],
    ),
    "dropout": (
        (7,),
        lambda L: [L.Dense(5, activation="relu"), L.Dropout(0.5), L.GaussianNoise(1.0)],
    ),
}
for strides, size, padding in [
    (1, 3, "same"),
    (2, 3, "same"),
    ((2, 1), (2, 3), "same"),
    ((2, 3), (3, 2), "valid"),
    (1, 4, "same"),
    (3, 2, "same"),
]:
    LAYERS[f"convolution {size} {strides} {padding}"] = (
        (7, 9, 2),
        lambda L, *args: [L.Conv2D(4, *args)],
        (size, strides, padding),
    )
    if isinstance(size, int):
        LAYERS[f"convolution 1d {size} {strides} {padding}"] = (
            (11, 2),
            lambda L, *args: [L.Conv1D(4, *args)],
            (size, strides, padding),
        )
for size, strides, padding in [
    (2, 2, "same"),
    (2, None, "valid"),
    ((3, 2), (2, 3), "same"),
    (3, 1, "same"),
    (3, 2, "valid"),
]:
    LAYERS[f"pooling {size} {strides} {padding}"] = (
        (7, 9, 2),
        lambda L, *args: [L.AveragePooling2D(*args)],
        (size, strides, padding),
    )
    if isinstance(size, int):
        LAYERS[f"pooling 1d {size} {strides} {padding}"] = (
            (11, 2),
            lambda L, *args: [L.AveragePooling1D(*args)],
            (size, strides, padding),
        )


@BOTH
@pytest.mark.parametrize("name", LAYERS)
def test_layers(package, name):
    shape, make, *args = LAYERS[name]
    layers = make(package.layers, *(args[0] if args else ()))
    net = randomise(sequential(package, shape, *layers))
    x = np.random.RandomState(1).randn(4, *shape).astype(np.float32)
    check_equal(net, softlif.from_keras(net), x)


def residual(package, L, x):
    first = L.Conv2D(4, 3, padding="same")(x)
    y = L.ReLU()(L.BatchNormalization()(first))
    y = L.Add()([L.Conv2D(4, 3, padding="same")(y), first])
    y = L.ReLU()(L.BatchNormalization()(y))
    return L.Dense(3)(L.GlobalAveragePooling2D()(L.Add()([y, y])))


def concatenated(package, L, x):
    left = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    right = L.AveragePooling2D(2, 1, "same")(x)
    return L.Conv2D(3, 2)(L.Concatenate()([left, right, x]))


def stacked_up(package, L, x):
    return L.Concatenate(axis=2)([L.Conv2D(3, 1)(x), x])


def shared(package, L, x):
    layer = L.Conv2D(3, 3, padding="same", activation="relu")
    return L.Subtract()([layer(layer(x)), L.Average()([x, layer(x), x])])


def nested(package, L, x):
    inner = sequential(package, (6, 7, 3), L.Conv2D(3, 3), L.BatchNormalization())
    outer = sequential(package, (6, 7, 3), inner, L.ReLU())
    return L.Flatten()(outer(x))


GRAPHS = [residual, concatenated, stacked_up, shared, nested]


@BOTH
@pytest.mark.parametrize("make", GRAPHS, ids=lambda f: f.__name__)
def test_graphs(package, make):
    image = package.Input((6, 7, 3))
    net = randomise(package.Model(image, make(package, package.layers, image)))
    x = np.random.RandomState(1).randn(4, 6, 7, 3).astype(np.float32)
    check_equal(net, softlif.from_keras(net), x)


def test_sums_may_be_written_with_a_plus():
    image = keras.Input((5,))
    net = keras.Model(image, keras.layers.Dense(5)(image) + image)
    x = np.random.RandomState(1).randn(4, 5).astype(np.float32)
    check_equal(net, softlif.from_keras(net), x)


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_what_moves_no_answer_is_left_out(end):
    net = sequential(keras, (5,), keras.layers.Dense(3, activation=end))
    x = np.random.RandomState(1).randn(4, 5).astype(np.float32)
    model = softlif.from_keras(net, images=x)
    powers = np.exp(answers(model, x))
    whole = powers.sum(axis=1, keepdims=True) if end == "softmax" else 1 + powers
    np.testing.assert_allclose(powers / whole, np.asarray(net(x)), atol=1e-6)
    assert f"{end} at the end is left out" in str(keras_changes(model))


# -- whole models ----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("name", sample_keras.MODELS)
def test_models(package, name):
    net = sample_keras.MODELS[name](package)
    layers = [layer for layer in net.layers if "batch" in layer.name]
    for i, layer in enumerate(layers):
        randomise(layer, i)
    x = sample_keras.data_for(name).x_test[:5].reshape(-1, *net.input_shape[1:])
    if name == "lenet":  # what comes before the softmax
        net = package.Model(net.inputs, net.layers[-2].output)
    check_equal(net, softlif.from_keras(net), x)


def error_of(net, data):
    x = data.x_test.reshape(-1, *net.input_shape[1:])
    return 100 * np.mean(np.asarray(net(x)).argmax(axis=1) != data.y_test)


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_keras.MODELS)
def test_spikes_and_chip_answer_like_keras(name):
    net, data = sample_keras.trained(name, keras, 8), sample_keras.data_for(name)
    images = data.x_train.reshape(-1, *net.input_shape[1:])
    error = error_of(net, data)
    assert error < 10
    for neurons in ["relu", "lif"][: 1 if name == "soft" else 2]:
        model = softlif.from_keras(net, neurons, images=images)
        spiking = softlif.to_spiking(model)
        found = softlif.evaluate(
            spiking, data, presentation_time=0.5, progress_bar=False
        )
        assert found.error_percent < error + 1.001
        chip = softlif.to_loihi(spiking)
        few = {"presentation_time": 0.2, "n_examples": 40, "progress_bar": False}
        with pytest.warns(nengo.exceptions.NengoWarning, match="whole milliseconds"):
            emulated = softlif.evaluate(chip, data, **few)
        assert emulated.error_percent < error + 10


@pytest.mark.slow
def test_training_goes_on(tmp_path):
    net, data = sample_keras.trained("lenet", keras, 3), sample_keras.data_for("lenet")
    model = softlif.from_keras(
        net, SoftLIFRate(noise=AlphaNoise()), images=data.x_train[:300]
    )
    before = softlif.evaluate(softlif.to_spiking(model), data, progress_bar=False)
    softlif.fit(model, data, epochs=3, progress_bar=False)
    spiking = softlif.to_spiking(model)
    after = softlif.evaluate(spiking, data, progress_bar=False)
    assert after.error_percent < before.error_percent
    model.save(tmp_path / "model.safetensors")
    loaded = softlif.to_spiking(softlif.load(tmp_path / "model.safetensors"))
    again = softlif.evaluate(loaded, data, progress_bar=False)
    assert again.rates_hz == after.rates_hz


def test_tables_need_no_form_of_images():
    data = sample_keras.digits()
    table = softlif.datasets.Dataset(
        "table",
        *(data.x_train.reshape(-1, 64), data.y_train),
        *(data.x_test.reshape(-1, 64), data.y_test),
    )
    net = randomise(
        sequential(keras, (64,), keras.layers.Dense(9, activation="relu"), L.Dense(10))
    )
    model = softlif.from_keras(net, images=data.x_train.reshape(-1, 64))
    found = softlif.evaluate(model, table, backend="rate", progress_bar=False)
    assert found.error_percent == pytest.approx(error_of(net, table))


# -- LIF neurons in place of ReLU ------------------------------------------------------


@pytest.fixture(scope="module")
def rectified():
    """A model with ReLU, images, and the same with fitted LIF neurons."""
    net = sequential(
        keras,
        (8, 8, 1),
        keras.layers.Conv2D(8, 3, activation="relu", name="first"),
        keras.layers.Flatten(),
        keras.layers.Dense(30, activation="relu", name="second"),
        keras.layers.Dense(4, name="third"),
    )
    keras.utils.set_random_seed(3)
    randomise(net, 3)
    x = np.random.RandomState(1).rand(200, 8, 8, 1).astype(np.float32)
    return net, x, softlif.from_keras(net, "lif", images=x, max_rate=150)


def rates(model, x, label):
    (ensemble,) = [e for e in model.ensembles if e.label == label]
    with nengo.Network() as net:
        net.add(model.copy().network)
    inner = net.networks[0]
    inner.nodes[0].output = nengo.processes.PresentInput(x.reshape(len(x), -1), 1e-3)
    with inner:
        probe = nengo.Probe(inner.ensembles[model.ensembles.index(ensemble)].neurons)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(len(x))
    return sim.data[probe]


@pytest.mark.parametrize("label", ["first", "second"])
def test_changes_are_those_of_layers(rectified, label):
    net, x, model = rectified
    inner = keras.Model(net.inputs, net.get_layer(label).output)
    expected = np.asarray(inner(x)).reshape(len(x), -1)
    difference = rates(model, x, label) - expected
    change = 100 * np.sqrt(np.mean(difference**2) / np.mean(expected**2))
    changes = keras_changes(model.copy())
    (note,) = [n for obj, n in changes.layers.items() if obj.label == label]
    assert note.change_percent == pytest.approx(change, rel=1e-3)
    assert 0 < note.change_percent < 35
    assert note.top == pytest.approx(np.percentile(expected[expected > 0], 99), 1e-3)


def test_changes_are_a_table_in_the_order_of_layers(rectified):
    _, _, model = rectified
    names = [row[0] for row in keras_changes(model).table().rows]
    assert names == ["image", "first", "second", "third"]
    assert "LIFRate" in str(keras_changes(model))
    with pytest.raises(ValidationError, match="what from_keras returned"):
        keras_changes(softlif.networks.small())


def test_the_largest_values_have_the_rate_that_was_asked_for(rectified):
    _, x, model = rectified
    for ensemble in model.ensembles:
        gain, bias = ensemble.gain[:1], ensemble.bias[:1]
        amplitude = ensemble.neuron_type.amplitude
        top = ensemble.neuron_type.rates(1.0, gain, bias) / amplitude
        np.testing.assert_allclose(top, 150)
        found = rates(model, x, ensemble.label) / amplitude
        assert 100 < np.percentile(found[found > 0], 99) < 200


def test_fitted_curves_beat_scaled_ones(rectified):
    """Scaling is what there was before: of gains only, nothing else."""
    net, x, model = rectified
    expected = np.asarray(net(x))
    fitted = np.sqrt(np.mean((answers(model, x) - expected) ** 2))
    scaled = softlif.from_keras(net, images=x, max_rate=150)
    for ensemble in scaled.ensembles:
        amplitude = ensemble.neuron_type.amplitude
        ensemble.neuron_type = nengo.LIFRate(amplitude=amplitude)
        ensemble.bias = np.ones(ensemble.n_neurons)
    by_scaling = np.sqrt(np.mean((answers(scaled, x) - expected) ** 2))
    assert fitted < by_scaling / 2


def test_means_of_answers_stay(rectified):
    net, x, model = rectified
    np.testing.assert_allclose(
        answers(model, x).mean(axis=0), np.asarray(net(x)).mean(axis=0), atol=1e-4
    )


def test_nengo_warns_of_nothing(rectified, recwarn):
    _, _, model = rectified
    with nengo.Simulator(model.network, progress_bar=False):
        pass
    assert [str(w.message) for w in recwarn if "cache" not in str(w.message)] == []


def test_layers_that_never_fire():
    net = sequential(keras, (3,), keras.layers.Dense(4, activation="relu"))
    net.set_weights([np.zeros((3, 4)), -np.ones(4)])
    x = np.ones((5, 3), np.float32)
    for neurons in ("relu", "lif"):
        model = softlif.from_keras(net, neurons, images=x)
        np.testing.assert_array_equal(answers(model, x), 0)


# -- bad input -------------------------------------------------------------------------


class Doubled(keras.layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


REFUSED = {
    "max pooling": ((6, 6, 1), [L.MaxPooling2D(2)], "AveragePooling"),
    "global max pooling": ((6, 1), [L.GlobalMaxPooling1D()], "GlobalAverage"),
    "leaky": ((6,), [L.LeakyReLU()], "no negative rates"),
    "relu6": ((6,), [L.ReLU(6.0)], "plain ReLU"),
    "tanh": ((6,), [L.Dense(3, activation="tanh", name="mine")], "'mine'.*tanh"),
    "channels first": (
        (1, 6, 6),
        [L.AveragePooling2D(2, data_format="channels_first")],
        "channels last",
    ),
    "recurrent": ((6, 2), [L.LSTM(3)], "only these"),
    "softmax within": (
        (6,),
        [L.Dense(3, activation="softmax"), L.Dense(2)],
        "very end",
    ),
    "transposed": ((6, 6, 1), [L.Conv2DTranspose(2, 3)], "UpSampling2D"),
    "own call": ((6,), [Doubled(3)], "only these"),
    "norm of rows": ((6, 2), [L.BatchNormalization(axis=1)], "last axis"),
    "smooth": ((4, 4, 1), [L.UpSampling2D(2, interpolation="bilinear")], "nearest"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layers_that_cannot_be_carried_over(name):
    shape, layers, match = REFUSED[name]
    with pytest.raises(Unconvertible, match=match):
        softlif.from_keras(sequential(keras, shape, *layers))


def test_models_that_cannot_be_carried_over():
    one, two = keras.Input((3,)), keras.Input((3,))
    dense = keras.layers.Dense(2)
    for net, match in (
        (keras.Model([one, two], L.Add()([one, two])), "one input, got 2"),
        (keras.Model(one, [dense(one), one]), "one output, got 2"),
        (keras.Sequential([dense]), "not built"),
        (tf_keras.Sequential([tf_keras.layers.Dense(2)]), "not built"),
        (sequential(keras, (None, 2), L.Conv1D(2, 3)), "not all sizes"),
        (dense, "a model of keras"),
        (nengo.Network(), "a model of keras"),
    ):
        with pytest.raises(ValidationError, match=match):
            softlif.from_keras(net)


def test_arguments_that_do_not_fit():
    net = sequential(keras, (6, 2), L.Conv1D(2, 3, activation="relu"))
    x = np.ones((4, 6, 2))
    for arguments, match in (
        ({"neurons": "lif"}, "give images"),
        ({"neurons": "spikes"}, "rate neurons"),
        ({"neurons": nengo.LIF()}, "rate neurons"),
        ({"neurons": nengo.Tanh()}, "rate neurons"),
        ({"images": x[..., :1]}, r"\('n', 6, 2\)"),
        ({"images": x[0]}, r"\('n', 6, 2\)"),
        ({"images": x[:0]}, r"\('n', 6, 2\)"),
        ({"images": np.where(x == 1, np.nan, x)}, "finite"),
        ({"images": x.astype(str)}, "real numbers"),
        ({"max_rate": 0}, "a rate in Hz"),
        ({"neurons": "lif", "images": x, "max_rate": 1200}, "max_rates"),
    ):
        with pytest.raises(ValidationError, match=match):
            softlif.from_keras(net, **arguments)


# -- soft LIF neurons in Keras ---------------------------------------------------------

LAYER = pytest.mark.parametrize(
    ("package", "layer"), [(keras, SoftLIF), (tf_keras, LegacySoftLIF)]
)
POINTS = np.linspace(-3, 8, 400, dtype=np.float32).reshape(40, 10)


@LAYER
def test_the_layer_has_rates_and_slopes_of_the_neurons(package, layer):
    neurons = SoftLIFRate(0.1, 0.03, 0.001, 0.5)
    x = tf.constant(POINTS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(0.1, 0.03, 0.001, 0.5)(x)
    one = np.ones(10)
    np.testing.assert_allclose(y, neurons.rates(POINTS, one, one), rtol=1e-5)
    slope = neurons.derivative(POINTS, one, one)
    np.testing.assert_allclose(tape.gradient(y, x), slope, rtol=1e-4)


@LAYER
def test_noise_acts_in_training_only(package, layer):
    made = layer(noise=AlphaNoise(), amplitude=1, seed=5)
    x = np.full((2000, 10), 2.0, np.float32)
    clean = np.asarray(made(x))
    first, second = (np.asarray(made(x, training=True)) for _ in range(2))
    assert np.ptp(clean) == 0
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    rate = SoftLIFRate().rates(2.0, [1], [1])
    sample = AlphaNoise().sample(rate, np.linspace(0, 1, 10_000), 0.02)
    np.testing.assert_allclose(first.mean(), rate, rtol=0.01)
    np.testing.assert_allclose(first.std(), sample.std(), rtol=0.03)
    again = layer(noise=AlphaNoise(), amplitude=1, seed=5)
    np.testing.assert_array_equal(again(x, training=True), first)


@LAYER
def test_models_with_the_layer_are_kept_by_keras(package, layer, tmp_path):
    noise = softlif.Dropout(0.25, AlphaNoise())
    net = sequential(
        package,
        (6, 5, 2),
        package.layers.Conv2D(3, 2, activation=layer(0.05, noise=noise)),
        package.layers.Flatten(),
        layer(tau_rc=0.03),
        package.layers.Dense(2),
    )
    net.compile("sgd", "mse")
    x = np.random.RandomState(0).randn(40, 6, 5, 2).astype(np.float32)
    net.fit(x, x[:, 0, 0], epochs=1, verbose=0)
    net.save(tmp_path / "net.keras")
    loaded = package.models.load_model(tmp_path / "net.keras")
    activation = loaded.layers[0].activation
    assert activation.neuron_type == net.layers[0].activation.neuron_type
    for training in (False, True):  # the same noise comes next
        expected = np.asarray(net(x, training=training))
        np.testing.assert_array_equal(loaded(x, training=training), expected)
    model = softlif.from_keras(loaded)
    assert [e.neuron_type.noise for e in model.ensembles] == [noise, None]
    check_equal(net, model, x[:5])


@LAYER
def test_layers_of_other_neurons_are_refused(package, layer):
    with pytest.raises(ValidationError, match="sigma"):
        layer(sigma=-1)
    with pytest.raises(ValidationError, match="whole number"):
        layer(seed=0.5)


@pytest.mark.slow
def test_keras_on_something_else():
    pytest.importorskip("jax")  # which Keras' backend of NumPy takes functions from
    code = (
        "import keras, nengo_softlif as softlif\n"
        "from nengo.exceptions import ValidationError\n"
        "net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])\n"
        "from nengo_softlif.keras import SoftLIF\n"
        "for call in (SoftLIF, lambda: softlif.from_keras(net)):\n"
        "    try:\n"
        "        call()\n"
        "    except ValidationError as error:\n"
        "        print('KERAS_BACKEND=tensorflow' in str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "True"]
