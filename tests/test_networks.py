"""`nengo_softlif.networks` and `Model`: the papers' networks, saving and loading."""

import math
import tracemalloc
import warnings
from pathlib import Path

from nengo_softlif import (
    AlphaNoise,
    AveragePool,
    Dropout,
    Evaluation,
    GaussianNoise,
    LocallyConnected,
    Model,
    Preprocessing,
    SoftLIFRate,
    Stack,
    evaluate,
    files,
    load,
    networks,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.datasets import Dataset
from nengo_softlif.files import headers
from nengo_softlif.layers.parameters import build, collect, install
from nengo_softlif.sizes import Sizes
from nengo_softlif.training.checkpoints import Checkpoint

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError


def changed(model, rng):
    """Give a model other weights, as training would."""
    arrays = collect(model.network, build(model.network))
    for name, array in arrays.items():
        if name.endswith("weights"):
            array += 0.1 * rng.normal(size=array.shape)
    install(model.network, arrays)
    return model


def answer(model, x):
    """What the output probe shows for one image."""
    twin = model.copy()
    twin.input.output = x
    with nengo.Simulator(twin.network, progress_bar=False) as sim:
        sim.step()
    return sim.data[twin.output][0]


def n_weights(connection):
    """Numbers a connection holds."""
    transform = connection.transform
    if isinstance(transform, AveragePool):
        return 0
    if isinstance(transform, nengo.Sparse):
        return transform.init.size
    if isinstance(transform, nengo.Convolution):
        return int(np.prod(transform.kernel_shape))
    return int(np.prod(transform.shape))


def weights_and_biases(model):
    """Numbers of trained weights and biases of each layer, in order."""
    weights, biases = [], []
    for connection in model.network.all_connections:
        if isinstance(connection.transform, AveragePool):
            continue
        constant = isinstance(connection.pre_obj.output, np.ndarray) if isinstance(
            connection.pre_obj, nengo.Node
        ) else False  # fmt: skip
        is_bias = constant and connection.pre_obj is not model.input
        (biases if is_bias else weights).append(n_weights(connection))
    return weights, biases


# -- the papers' networks --------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mnist_network_has_the_papers_size(channels):
    """27,088 neurons; 6,318,000 weights, and for SVHN 6,318,800, biases not counted."""
    model = networks.mnist((28, 28, channels))
    assert [e.n_neurons for e in model.ensembles] == [12_544, 12_544, 2_000]
    assert sum(e.n_neurons for e in model.ensembles) == 27_088
    weights, biases = weights_and_biases(model)
    assert weights == [25 * channels * 16, 25 * 16 * 64, 49 * 64 * 2000, 2000 * 10]
    assert sum(weights) == {1: 6_318_000, 3: 6_318_800}[channels]
    assert biases == [16, 64, 2000, 10]

    kernels = [
        c.transform.kernel_size
        for c in model.network.all_connections
        if isinstance(c.transform, nengo.Convolution)
    ]
    assert kernels == [(5, 5), (1, 1), (5, 5), (1, 1)]
    for ensemble, dropout in zip(model.ensembles, [0, 0, 0.5], strict=True):
        noise = Dropout(dropout, GaussianNoise()) if dropout else GaussianNoise()
        assert ensemble.neuron_type == SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
        assert np.all(ensemble.gain == 1)
    assert (model.crop, model.flip) == (None, False)


@pytest.mark.parametrize("n_classes", [10, 100])
def test_the_cifar_network_has_the_papers_size(n_classes):
    """49,536 neurons; 2,109,376 weights, of which some lie on the padding.

    The papers count nine weights for each local kernel, also where it hangs over
    the edge of the image; those do nothing, and are left out here.
    """
    model = networks.cifar10(n_classes=n_classes)
    assert [e.n_neurons for e in model.ensembles] == [36_864, 9_216, 2_304, 1_152]
    assert sum(e.n_neurons for e in model.ensembles) == 49_536
    weights, biases = weights_and_biases(model)
    positions, inside = 36 * 9, 16**2  # of a kernel of 3 x 3 on 6 x 6 pixels
    papers = [
        25 * 3 * 64,
        25 * 64 * 64,
        positions * 64 * 64,
        positions * 64 * 32,
        36 * 32 * n_classes,
    ]
    assert sum(papers) == {10: 2_109_376, 100: 2_213_056}[n_classes]
    assert weights[:2] + weights[4:] == papers[:2] + papers[4:]
    assert weights[2:4] == [inside * 64 * 64, inside * 64 * 32]
    assert biases == [64, 64, 2_304, 1_152, n_classes]

    pools = [
        c.transform
        for c in model.network.all_connections
        if isinstance(c.transform, AveragePool)
    ]
    assert [p.output_shape.shape for p in pools] == [(12, 12, 64), (6, 6, 64)]
    for ensemble in model.ensembles:
        assert ensemble.neuron_type == SoftLIFRate(
            0.02, 0.05, 0.001, 0.063, GaussianNoise()
        )
        assert np.all(ensemble.gain == 0.825)
    assert (model.crop, model.flip) == ((24, 24), True)


def test_synapses_of_the_papers():
    """Counted with padding: 11.6 million for MNIST, 19.5 million for CIFAR-10."""
    conv = [28 * 28 * 16 * 25, 14 * 14 * 64 * 25 * 16]
    assert sum(conv) + 6_272_000 + 20_000 == 11_623_200
    conv = [24 * 24 * 64 * 75, 12 * 12 * 64 * 1600]
    assert sum(conv) + 1_327_104 + 663_552 + 11_520 == 19_512_576


def test_nengo_dl_trains_one_bias_for_each_filter():
    """And weights, but neither pooling nor gains, encoders and biases of neurons."""
    model = networks.small()
    weights, biases = weights_and_biases(model)
    assert weights == [9 * 16, 9 * 16 * 32, 2 * 2 * 32 * 64, 64 * 10]
    assert biases == [16, 32, 64, 10]
    with nengo_dl.Simulator(model.network, progress_bar=False) as sim:
        trained = [int(np.prod(w.shape)) for w in sim.keras_model.trainable_weights]
    assert sum(trained) == sum(weights) + sum(biases)


@pytest.mark.parametrize("make", [networks.small, networks.mnist])
def test_thresholds_lie_where_the_input_is_zero(make):
    model = make()
    arrays = collect(model.network, build(model.network))
    for name, array in arrays.items():
        if name.endswith("/bias"):
            np.testing.assert_array_equal(array, 1)
        if name.endswith("weights"):
            array[...] = 0
    install(model.network, arrays)
    with model.network:
        probes = [nengo.Probe(e.neurons) for e in model.ensembles]
    with nengo.Simulator(model.network, progress_bar=False) as sim:
        sim.step()
    at_threshold = 0.063 / (0.002 + 0.022 * np.log(1 + 1 / (0.02 * np.log(2))))
    for probe in probes:
        np.testing.assert_allclose(sim.data[probe], at_threshold, rtol=1e-10)
    np.testing.assert_array_equal(sim.data[model.output], 0)


def test_initial_weights_keep_the_variance(rng):
    """Of He et al. for layers of neurons; those of the readout are small."""
    arrays = collect((net := networks.mnist().network), build(net))
    stds = [array.std() for name, array in arrays.items() if name.endswith("weights")]
    he = [np.sqrt(2 / fan_in) for fan_in in (25, 25 * 16, 49 * 64)]
    assert stds[::2] == pytest.approx([*he, 0.01], rel=0.1)
    assert stds[1::2] == [0, 0, 0, 0]


def test_the_papers_initial_weights():
    for make, stds, scale in [
        (networks.mnist, [0.1, 0.1, 0.01, 0.01], 255),
        (networks.cifar10, [1e-4, 0.01, 0.04, 0.04, 0.01], 1),
    ]:
        model = make(paper=True)
        arrays = collect(model.network, build(model.network))
        found = [a.std() for name, a in arrays.items() if name.endswith("weights")]
        assert found[::2] == pytest.approx(stds, rel=0.1)
        assert model.scale == scale
        assert model.source["arguments"]["paper"] is True


def test_seeds():
    x = np.linspace(-1, 1, 64)
    np.testing.assert_allclose(
        answer(networks.small(), x), answer(networks.small(), x), rtol=1e-12
    )
    assert not np.allclose(
        answer(networks.small(), x), answer(networks.small(seed=1), x)
    )


@pytest.mark.parametrize(
    ("shape", "pools"),
    [((8, 8, 1), 2), ((4, 4, 3), 1), ((3, 3, 1), 0), ((1, 1, 1), 0), ((12, 6, 1), 1)],
)
def test_small_pools_while_images_are_large_enough(shape, pools):
    model = networks.small(shape, n_classes=3)
    transforms = [c.transform for c in model.network.all_connections]
    assert sum(isinstance(t, AveragePool) for t in transforms) == pools
    assert answer(model, np.ones(np.prod(shape))).shape == (3,)


# -- building with layers --------------------------------------------------------------


def test_stack_computes_what_its_layers_say(rng):
    """Against NumPy, layer by layer."""
    soft = SoftLIFRate(0.1, amplitude=0.1)
    with nengo.Network(seed=0) as net:
        stack = Stack((5, 4, 2), soft, gain=0.5)
        conv = stack.convolution(3, kernel_size=2, strides=1, padding="valid")
        stack.average_pool(3, strides=1, padding="same")
        local = stack.local(2, kernel_size=3, strides=2)
        hidden = stack.dense(6, dropout=0.3)
        probes = [stack.readout(4), *map(nengo.Probe, (conv.neurons, hidden.neurons))]
    x = rng.normal(size=40)
    stack.input.output = x
    arrays = collect(net, build(net))
    for name, array in arrays.items():
        if name.endswith("weights"):
            array += rng.normal(size=array.shape) / 4
    install(net, arrays)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
    out, conv_out, hidden_out = (sim.data[probe][0] for probe in probes)

    def rates(current):
        return soft.rates(0.5 * current + 1, [1], [0])[:, 0]

    w = [array for name, array in arrays.items() if name.endswith("weights")]
    image = x.reshape(5, 4, 2)
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2), axis=(0, 1))
    y = rates((np.einsum("yxcij,ijcf->yxf", windows, w[0]) + w[1][0, 0, 0]).ravel())
    np.testing.assert_allclose(conv_out, y, rtol=1e-10)
    y = AveragePool((4, 3, 3), 3, 1, "same").init.toarray() @ y
    transform = LocallyConnected(2, (4, 3, 3), 3, 2, "same", init=w[2])
    y = rates(transform.init.toarray() @ y + w[3][:, 0])
    y = rates(w[4] @ y + w[5][:, 0])
    np.testing.assert_allclose(hidden_out, y, rtol=1e-10)
    np.testing.assert_allclose(out, w[6] @ y + w[7][:, 0], rtol=1e-10)
    assert (conv.n_neurons, local.n_neurons, hidden.n_neurons) == (36, 8, 6)
    assert [e.label for e in net.all_ensembles] == ["conv1", "local2", "dense3"]


def test_windows_may_have_two_sides():
    with nengo.Network():
        stack = Stack((8, 6, 2))
        conv = stack.convolution(3, (5, 1), strides=(2, 1), padding="valid")
        assert stack.shape == (2, 6, 3)
        stack.average_pool((1, 3), strides=(1, 2), padding="ceil")
        assert stack.shape == (2, 3, 3)
        stack.local(4, (1, 3), strides=(2, 1))
        assert stack.shape == (1, 3, 4)
    assert conv.n_neurons == 36


@pytest.mark.parametrize("layer", ["convolution", "local"])
@pytest.mark.parametrize(("shape", "fan_in"), [((1, 1, 50), 50), ((1, 9, 50), 150)])
def test_initial_weights_keep_the_variance_beside_padding(layer, shape, fan_in):
    """Of kernels larger than the image only a part gets input."""
    with nengo.Network(seed=0) as net:
        getattr(Stack(shape), layer)(40)
    weights = collect(net, build(net))["connections/0/weights"]
    assert weights.std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.1)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"image_shape": None}, r"image_shape: expected \(height.* got None"),
        ({"image_shape": (4, 4)}, r"image_shape: expected \(height.* got \(4, 4\)"),
        ({"image_shape": (4, 0, 1)}, "image_shape: expected a whole .* got 0"),
        ({"image_shape": (4, 4.5, 1)}, r"image_shape: expected .* got 4\.5"),
        ({"gain": np.nan}, "gain: expected a positive number, got nan"),
        ({"gain": 0}, "gain: expected a positive number, got 0"),
        ({"gain": "1"}, "gain: expected a positive number, got '1'"),
    ],
)
def test_stacks_that_cannot_be(settings, match):
    with nengo.Network(), pytest.raises(ValidationError, match=match):
        Stack(**{"image_shape": (4, 4, 1), **settings})


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: networks.small((100_000, 100_000, 3)), "x 100000 x 3 would take"),
        (lambda: networks.small((8_000, 1_000, 1)), "1000 x 16 would take 2.048 GB"),
        (lambda: networks.small(n_classes=10**12), "weights of 1000000000000 x 64 "),
        (lambda: networks.cifar10((400, 100, 1)), "64 x 3 x 3 x 64 would take"),
        (lambda: networks.mnist((200, 200, 1)), "weights of 2000 x 160000 would"),
    ],
)
def test_networks_larger_than_memory_are_not_begun(make, match, monkeypatch):
    monkeypatch.setattr("nengo_softlif.stack.memory", lambda: 1e9)
    with pytest.raises(ValidationError, match=match):
        make()


def test_dropout_keeps_the_neuron_type():
    class Mine(SoftLIFRate):
        pass

    neuron_type = Mine(0.1, 0.03, 0.001, 0.5, AlphaNoise())
    with nengo.Network():
        stack = Stack((4, 4, 1), neuron_type)
        assert stack.dense(3).neuron_type == neuron_type
        dropped = stack.dense(3, dropout=0.25).neuron_type
    noise = Dropout(0.25, AlphaNoise())
    assert dropped == Mine(0.1, 0.03, 0.001, 0.5, noise)
    assert repr(noise) in repr(dropped)
    assert neuron_type.noise == AlphaNoise()


def test_two_stacks_in_a_network():
    """Also where the settings of NengoDL are configured already."""
    with nengo.Network() as net:
        nengo_dl.configure_settings(trainable=None)
        for _ in range(2):
            stack = Stack((4, 4, 1))
            stack.dense(3)
            stack.readout(2)
    assert [net.config[e].trainable for e in net.all_ensembles] == [False, False]


@pytest.mark.parametrize("layer", ["convolution", "local", "average_pool"])
def test_image_layers_need_an_image(layer):
    with nengo.Network():
        stack = Stack((4, 4, 1))
        stack.dense(5)
        with pytest.raises(ValidationError, match=r"needs an image .* layer of 5 val"):
            getattr(stack, layer)(2)


@pytest.mark.parametrize(
    ("add", "match"),
    [
        (lambda s: s.average_pool(5), "do not lie on images"),
        (lambda s: s.average_pool(0), "pool_size: .* must be >= 1"),
        (lambda s: s.average_pool(2, padding="full"), "padding: .* must be one of"),
        (lambda s: s.local(1, kernel_size=5, padding="valid"), "do not lie on images"),
        (lambda s: s.convolution(0), "n_filters: "),
        (lambda s: s.convolution(None), "n_filters: expected a whole number from 1"),
        (lambda s: s.local(2.5), r"n_filters: expected .* got 2\.5"),
        (lambda s: s.convolution(2, None), "kernel_size: expected .* got None"),
        (lambda s: s.convolution(2, 0), "kernel_size: expected .* got 0"),
        (lambda s: s.local(2, (2, np.nan)), "kernel_size: expected .* got nan"),
        (lambda s: s.local(2, (1, 2, 3)), r"kernel_size: .* or two for .* \(1, 2, 3\)"),
        (lambda s: s.convolution(2, strides=-1), "strides: expected .* got -1"),
        (lambda s: s.local(2, strides="2"), "strides: expected .* got '2'"),
        (lambda s: s.dense(None), "n_neurons: expected .* got None"),
        (lambda s: s.dense(4, std=np.nan), "std: expected .* got nan"),
        (lambda s: s.convolution(4, std=-1), "std: expected .* got -1"),
        (lambda s: s.local(4, std=0), "std: expected .* got 0"),
        (lambda s: s.readout(np.nan), "n_classes: expected .* got nan"),
        (lambda s: s.dense(4, dropout=1), "rate: Value must be less than 1"),
        (lambda s: s.dense(4, dropout=-1), "rate: Value must be greater than"),
    ],
)
def test_layers_that_cannot_be(add, match):
    with nengo.Network():
        stack = Stack((4, 4, 1))
        with pytest.raises(ValidationError, match=match):
            add(stack)


def test_dropout_needs_soft_neurons():
    with nengo.Network():
        stack = Stack((4, 4, 1), nengo.LIFRate())
        stack.dense(4)
        with pytest.raises(ValidationError, match="dropout is noise of SoftLIFRate"):
            stack.dense(4, dropout=0.5)


# -- models ----------------------------------------------------------------------------


def test_a_model_is_a_record():
    model = networks.small()
    assert repr(model) == (
        "Model(small, 64 inputs, conv1 1024 - conv2 512 - dense3 64 neurons, "
        "10 classes)"
    )
    mine = Model(model.network, model.input, model.output)
    assert repr(mine).startswith("Model(64 inputs, ")


def test_what_is_no_model():
    model, other = networks.small(), networks.small()
    net, image, probe = model.network, model.input, model.output
    for bad in (image, None, "small"):
        with pytest.raises(ValidationError, match=r"expected a nengo\.Network or a M"):
            Model(bad, image, probe)
    inner = next(node for node in net.all_nodes if node.size_in)
    for bad in (other.input, inner, probe, None, "image"):
        with pytest.raises(
            ValidationError, match="input: expected one node of the netw"
        ):
            Model(net, bad, probe)
    for bad in (other.output, image, None):
        with pytest.raises(ValidationError, match="output: expected a probe of the n"):
            Model(net, image, bad)
    with pytest.raises(
        ValidationError, match="preprocessing: expected a Preprocessing"
    ):
        Model(net, image, probe, preprocessing=255)
    with net:
        decoded = nengo.Probe(model.ensembles[0])
    with pytest.raises(ValidationError, match="has decoders that are not trained"):
        Model(net, image, decoded)


def test_a_model_serves_as_its_network(tmp_path):
    model = networks.small()
    again = Model(model, model.input, model.output)
    assert again.network is model.network
    again.save(tmp_path / "again")
    loaded = load(tmp_path / "again", network=model)
    assert loaded.network is model.network
    for bad in (tmp_path, model.input):
        with pytest.raises(
            ValidationError, match=r"network: expected a nengo\.Network"
        ):
            load(tmp_path / "again", network=bad)


def test_copies_are_independent(rng):
    model = networks.small()
    model.history = {"loss": [1.0]}
    x = rng.normal(size=64)
    before = answer(model, x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin = model.copy()
    np.testing.assert_array_equal(answer(twin, x), before)
    assert twin.source == model.source
    assert (twin.crop, twin.flip) == (model.crop, model.flip)
    for ensemble in twin.ensembles:
        assert twin.network.config[ensemble].trainable is False

    changed(twin, rng)
    twin.ensembles[0].neuron_type = nengo.LIF()
    twin.input.output = x
    twin.history["loss"].append(2.0)
    twin.source["function"] = "other"
    with twin.network:
        nengo.Node(0)
    np.testing.assert_array_equal(answer(model, x), before)
    assert not np.allclose(answer(twin, x), before)
    assert model.history == {"loss": [1.0]}
    assert model.source["function"] == "small"
    assert np.all(model.input.output == 0)
    assert len(twin.network.nodes) == len(model.network.nodes) + 1


def test_copies_are_not_put_into_the_current_network():
    model = networks.small()
    with nengo.Network() as around, model.network:
        twin = model.copy()
    assert around.all_networks == []
    assert model.network.all_networks == []
    assert len(twin.ensembles) == 3


# -- saving and loading ----------------------------------------------------------------


def test_a_saved_model_is_the_same(tmp_path, rng):
    model = changed(networks.small((6, 5, 2), 3, AlphaNoise(0.003), seed=4), rng)
    model.history = {"loss": [0.5, 0.25]}
    model.crop, model.flip = (6, 5), True
    model.preprocessing = Preprocessing((8, 7, 2), rng.uniform(size=2), 3.0, (6, 5))
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = load(path)

    saved, read = (collect(m.network, build(m.network)) for m in (model, loaded))
    assert saved.keys() == read.keys()
    for name in saved:
        np.testing.assert_array_equal(read[name], saved[name])
    for x in rng.normal(size=(3, 60)):  # sums may depend on where arrays lie in memory
        np.testing.assert_allclose(answer(loaded, x), answer(model, x), rtol=1e-12)
    assert loaded.history == model.history
    assert loaded.preprocessing == model.preprocessing
    assert tuple(loaded.crop) == model.crop
    assert loaded.flip is True
    assert loaded.source == model.source
    assert repr(loaded) == repr(model)
    assert loaded.ensembles[0].neuron_type == model.ensembles[0].neuron_type

    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_numpy_numbers_as_arguments_can_be_saved(tmp_path):
    """As in ``n_classes=y.max() + 1``."""
    y = np.array([0, 1, 2])
    model = networks.small(np.array([4, 4, 1]), y.max() + 1, seed=np.int64(3))
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").output.size_in == 3


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, np.nan, "0"])
def test_seeds_that_cannot_be(seed):
    with pytest.raises(ValidationError, match="seed: expected a whole number from 0"):
        networks.small(seed=seed)


def test_settings_of_numpy_can_be_saved(tmp_path):
    model = networks.small((6, 5, 2))
    model.scale, model.crop = np.array([2.0, 3.0]), np.array([6, 5])
    model.flip = np.bool_(True)
    model.preprocessing = Preprocessing((8, 7, 2), 0, model.scale, model.crop)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert (loaded.scale, loaded.crop, loaded.flip) == ([2.0, 3.0], [6, 5], True)
    assert loaded.preprocessing == model.preprocessing
    assert loaded.preprocessing.scale == (2.0, 3.0)


@pytest.mark.parametrize("noise", [None, Dropout(0.2, GaussianNoise(5))], ids=repr)
def test_noise_is_saved(noise, tmp_path):
    networks.small(noise=noise).save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert {e.neuron_type.noise for e in loaded.ensembles} == {noise}


def mine(seed=None, n_neurons=20, extra=False, twice=False):
    """A network that no function of the package made: decoded and recurrent."""
    with nengo.Network(seed=seed) as net:
        net.config[nengo.Connection].synapse = None
        if extra:
            nengo.Node(0)
        image = nengo.Node(np.zeros(4), label="image")
        a = nengo.Ensemble(n_neurons, 2, neuron_type=SoftLIFRate(0.05))
        b = nengo.Ensemble(15, 1, neuron_type=SoftLIFRate(0.1))
        nengo.Connection(image, a.neurons, transform=nengo.dists.Gaussian(0, 0.1))
        for _ in range(1 + twice):
            nengo.Connection(a, b, function=lambda x: x[0] * x[1])
        nengo.Connection(b, b, synapse=0.1)
        node = nengo.Node(size_in=3)
        nengo.Connection(b, node, transform=[[1], [2], [3]])
        probe = nengo.Probe(node)
    return Model(net, image, probe)


def test_a_network_of_ones_own_is_saved(tmp_path, rng):
    """It may be drawn at random: the file has what was drawn, so it is fixed first."""
    model = changed(mine(), rng)
    path = tmp_path / "mine"
    model.save(path)
    network = mine().network
    loaded = load(path, network=network)
    assert loaded.network is network
    assert loaded.source is None
    for x in rng.normal(size=(3, 4)):
        assert np.ptp(answer(model, x)) > 0
        np.testing.assert_allclose(answer(loaded, x), answer(model, x), rtol=1e-12)

    with pytest.raises(ValidationError, match=r"of your own: build it and call load\("):
        load(path)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (lambda: mine(1, n_neurons=21), r"4 to 21.*\(saved: .*4 to 20"),
        # one node more, which stands where the input did
        (lambda: mine(1, extra=True), r"takes 4 values .* in this network they are 1"),
        (lambda: networks.small(), r"answers with 3; in this network they are 64 and"),
        (lambda: mine(1, twice=True), "had other parts than this one"),
    ],
)
def test_a_network_that_does_not_fit_is_left_alone(other, match, tmp_path):
    model = mine(0)
    model.save(tmp_path / "mine")
    other = other()
    before = collect(other.network, build(other.network))
    with pytest.raises(ValidationError, match=match):
        load(tmp_path / "mine", network=other.network)
    after = collect(other.network, build(other.network))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_a_network_without_the_probe_is_left_alone(tmp_path):
    model = mine(0)
    model.save(tmp_path / "mine")
    other = mine(1).network
    other.probes.clear()
    with pytest.raises(ValidationError, match="0 probes, fewer than the one saved"):
        load(tmp_path / "mine", network=other)
    assert other.ensembles[0].gain is None


def altered(path, alter):
    """Write the file anew with another header, and a checksum that fits."""
    header, arrays = files.read(path, "model")
    alter(header)
    files.write(path, header, arrays, "model")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.ensembles[1], "neuron_type", SoftLIFRate(0.5)),
        lambda m: setattr(m.network.connections[-1], "synapse", nengo.Alpha(0.01)),
    ],
    ids=["neurons", "synapse"],
)
def test_a_changed_network_is_not_taken_for_the_original(change, tmp_path):
    """What the function would make is not what was saved."""
    path, model, same = tmp_path / "model", networks.small(), networks.small()
    change(model)
    model.save(path)
    with pytest.raises(ValidationError, match=r"had other parts .* changed after it"):
        load(path)
    with pytest.raises(ValidationError, match=r"had other parts .* build the same net"):
        load(path, network=same.network)
    assert np.all(same.ensembles[0].gain == 1)
    change(same)
    x = np.linspace(-1, 1, 64)
    loaded = load(path, network=same.network)
    np.testing.assert_allclose(answer(loaded, x), answer(model, x), rtol=1e-12)
    assert loaded.source is None


def test_files_of_other_versions(tmp_path):
    path = tmp_path / "model"
    networks.small().save(path)
    altered(path, lambda h: h["source"].update(function="resnet"))
    with pytest.raises(
        ValidationError, match="the network 'resnet', but this version knows small, mn"
    ):
        load(path)

    networks.small().save(path)
    altered(path, lambda h: h["source"]["arguments"].update(depth=3))
    with pytest.raises(ValidationError, match="'small' the arguments depth, which"):
        load(path)

    networks.small().save(path)
    altered(path, lambda h: h["source"]["arguments"]["noise"].update(type="Shot"))
    with pytest.raises(ValidationError, match="unknown noise 'Shot'"):
        load(path)

    networks.small().save(path)
    altered(path, lambda h: h["source"]["arguments"].update(n_classes=11))
    with pytest.raises(ValidationError, match="they are 64 and 11"):
        load(path)


@pytest.mark.parametrize(
    ("shape", "n_classes", "match"),
    [
        ([20_000, 20_000, 3], 10, r"images .* would take 9\.6 GB of memory, unpacked"),
        ([10**9, 10**9, 10**9], 10, "GB of memory"),
        ([8, 8, 10**6], 10, "GB of memory"),
        (
            [1000, 1000, 1],
            10,
            r"ensembles/0/gain of shape \(16000000,\), not \(1024",
        ),
        ([8, 8, 2], 10, r"has connections/0/weights of shape \(3, 3, 2, 16\), not \(3"),
        ([8, 8, 1], 10**9, r"weights of shape \(1000000000, 64\), not \(10, 64\)"),
    ],
)
@pytest.mark.parametrize("consistent", [True, False])
def test_a_file_gets_no_more_memory_than_it_has(
    shape, n_classes, match, consistent, tmp_path
):
    """Whatever its header says: sizes are compared before anything is made."""
    path = tmp_path / "model"
    networks.small().save(path)

    def alter(header):
        header["source"]["arguments"].update(image_shape=shape, n_classes=n_classes)
        if consistent:
            header["sizes"] = [math.prod(shape), n_classes]

    altered(path, alter)
    tracemalloc.start()
    try:
        with pytest.raises(
            ValidationError, match=match if consistent else "in this network they are"
        ):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("function", "shape", "n_classes"),
    [
        *((networks.small, (n, n + 1, 2), 3) for n in (1, 2, 3, 4, 5, 8, 9)),
        *((networks.mnist, shape, 4) for shape in [(8, 8, 1), (11, 9, 2)]),
        *((networks.cifar10, shape, 2) for shape in [(7, 7, 1), (12, 9, 3)]),
    ],
)
def test_sizes_are_known_before_the_network(function, shape, n_classes):
    network = function(shape, n_classes).network
    made = {n: a.shape for n, a in collect(network, build(network)).items()}
    layers = networks._LAYERS[function]
    layers(Sizes(shape, made), n_classes)
    for name in made:
        if name.endswith(("gain", "weights")):
            with pytest.raises(KeyError, match=name):
                layers(Sizes(shape, {**made, name: (9, 9)}), n_classes)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda h: h.pop("parts"), "missing required field `parts`"),
        (lambda h: h.update(source=3), r"Expected `object \| null`, got `int`"),
        (lambda h: h.update(input=-1), r"Expected `int` >= 0 - at `\$.input`"),
        (lambda h: h.update(flip="yes"), "Expected `bool`"),
        (lambda h: h.update(scale=[1.0, 0.0]), "Expected `float` > 0"),
        (lambda h: h.update(crop=[8]), "of length >= 2"),
        (lambda h: h.update(history={"loss": 3}), "Expected `array`, got `int`"),
        (lambda h: h.update(preprocessing={}), "missing required field"),
        (lambda h: h["parts"].pop(), "had other parts .*nothing|nothing .*had other"),
        (lambda h: h["source"].pop("function"), "missing required field `function`"),
        (lambda h: h["source"]["arguments"].pop("noise"), "required field `noise`"),
        (lambda h: h["source"]["arguments"].update(seed=-1), "Expected `int` >= 0"),
        (lambda h: h["source"]["arguments"].update(seed=2**32), "Expected `int` <="),
        (lambda h: h["source"]["arguments"].update(n_classes=0), "Expected `int` >= 1"),
        (lambda h: h["source"]["arguments"].update(n_classes=True), "got `bool`"),
        (lambda h: h["source"]["arguments"].update(image_shape=[8]), "length >= 3"),
        (
            lambda h: h["source"]["arguments"].update(image_shape="8"),
            "Expected `array`",
        ),
        (lambda h: h["source"]["arguments"].update(noise={"std": 5}), "field `type`"),
        (
            lambda h: h["source"]["arguments"]["noise"].update(std=float("nan")),
            "Expected `float` >= 0",
        ),
        (
            lambda h: h["source"]["arguments"]["noise"].update(tau_s=1),
            "expected std of GaussianNoise, got std, tau_s",
        ),
    ],
)
def test_headers_of_another_form(change, match, tmp_path):
    path = tmp_path / "model"
    networks.small().save(path)
    altered(path, change)
    with pytest.raises(ValidationError, match=match):
        load(path)


def test_keys_of_later_versions_are_ignored(tmp_path):
    path = tmp_path / "model"
    networks.small((4, 4, 1), 2).save(path)
    altered(path, lambda h: h.update(odd=[[3]]))
    assert load(path).output.size_in == 2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a: np.where(a > 0, np.nan, a), "weights is infinite or NaN; did train"),
        (lambda a: np.where(a > 0, np.inf, a), "weights is infinite or NaN"),
        (lambda a: a.astype(np.complex64), "weights is of type complex64"),
        (lambda a: a.astype(np.int8), "weights is of type int8"),
        (lambda a: a.astype(np.float16), "weights is of type float16"),
        (lambda a: a.astype(bool), "weights is of type bool"),
        (lambda a: a.ravel(), r"weights of shape \(.*\), not \(\d+,\)"),
        (lambda a: a[..., None], r"weights of shape"),
        (lambda a: a[:0], r"weights of shape"),
        (lambda a: np.float64(3), r"weights of shape"),
    ],
)
def test_arrays_that_no_network_has(change, match, tmp_path):
    path = tmp_path / "model"
    networks.small().save(path)
    header, arrays = files.read(path, "model")
    for name in ("connections/0/weights", "connections/8/weights"):
        files.write(path, header, {**arrays, name: change(arrays[name])}, "model")
        with pytest.raises(ValidationError, match=match):
            load(path)
        with pytest.raises(ValidationError, match=r"is infinite|is of type|of shape"):
            load(path, network=networks.small().network)


def test_what_cannot_be_loaded_is_not_saved(tmp_path):
    path, model = tmp_path / "model", networks.small()
    for name, value in {"history": {"loss": 3}, "crop": -1, "scale": -2.0}.items():
        other = model.copy()
        setattr(other, name, value)
        with pytest.raises(ValidationError, match=rf"`\$.{name}.*; correct it"):
            other.save(path)
    assert not path.exists()


DATA = Path(__file__).parent / "data"


def test_an_older_model_is_read_as_it_was():
    """Trained and evaluated with the first version; its answers are beside it."""
    rng = np.random.RandomState(0)
    x = rng.randint(0, 256, size=(40, 2, 1, 1)).astype(np.uint8)
    y = (x[:, 0, 0, 0] > x[:, 1, 0, 0]).astype(np.int64)
    data = Dataset("brighter", x[:30], y[:30], x[30:], y[30:])
    model = load(DATA / "small-model.safetensors")
    assert len(model.history["loss"]) == 3
    assert model.source["arguments"]["noise"] == {"type": "AlphaNoise", "tau_s": 0.003}
    expected = Evaluation.load(DATA / "small-evaluation.json")
    found = evaluate(
        to_spiking(model), data, presentation_time=0.05, progress_bar=False
    )
    assert found.predictions == expected.predictions
    assert found.times == expected.times
    np.testing.assert_array_equal(
        found.predictions_over_time, expected.predictions_over_time
    )
    assert found.rates_hz == pytest.approx(expected.rates_hz, rel=1e-3)
    assert found.data_sha256 == expected.data_sha256


def test_an_older_checkpoint_is_read_as_it_was():
    """Its weights are those of the model, which training left the same."""
    header, arrays = files.read(
        DATA / "small-checkpoint.safetensors", "checkpoint", headers.Checkpoint
    )
    model = load(DATA / "small-model.safetensors")
    assert header["history"] == model.history
    assert header["stopped"] is False
    trained = collect(model.network, build(model.network))
    held = sorted(a.size for n, a in arrays.items() if n.startswith("weights/"))
    assert trained["connections/3/weights"].size in held
    variables = {name: tf.Variable(np.zeros_like(a)) for name, a in arrays.items()}
    found = Checkpoint(
        DATA / "small-checkpoint.safetensors", header["settings"], variables
    ).restore()
    assert found == (header["history"], False)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), arrays[name])


@pytest.mark.parametrize(
    "change", [lambda a: a[:-1], lambda a: a[None], lambda a: a.astype(np.float64)]
)
def test_a_damaged_checkpoint_changes_nothing(change, tmp_path):
    path, good = tmp_path / "checkpoint", {"a": np.ones(3, np.float32)}
    variables = {"a": tf.Variable(good["a"]), "b": tf.Variable(good["a"])}
    checkpoint = Checkpoint(path, {"epochs": 3}, variables)
    checkpoint.save({"loss": [0.5]})
    header, arrays = files.read(path, "checkpoint")
    arrays = {"a": 2 * arrays["a"], "b": change(arrays["b"])}
    files.write(path, header, arrays, "checkpoint")
    with pytest.raises(ValidationError, match=r"is a damaged checkpoint: b are of ano"):
        checkpoint.restore()
    np.testing.assert_array_equal(variables["a"].numpy(), good["a"])


def test_names_in_files_are_only_those_of_the_list(tmp_path):
    """A file cannot call what else is in the module."""
    path = tmp_path / "model"
    for name in ("load", "Stack", "__import__", "nengo.Network"):
        networks.small().save(path)
        altered(path, lambda h, name=name: h["source"].update(function=name))
        with pytest.raises(ValidationError, match=f"names the network '{name}'"):
            load(path)
    assert set(networks.FUNCTIONS) == {"small", "mnist", "cifar10"}


def test_a_changed_network_is_not_replaced_silently(tmp_path):
    """A file that names a function of ours, after whose call something was changed."""
    model = networks.small((4, 4, 1), n_classes=3)
    soft = SoftLIFRate(sigma=0.3, tau_rc=0.05)
    model.ensembles[0].neuron_type = soft
    model.save(tmp_path / "changed")
    with pytest.raises(ValidationError, match=r"sigma=0\.3.*changed after it was made"):
        load(tmp_path / "changed")
    own = networks.small((4, 4, 1), n_classes=3).network
    own.all_ensembles[0].neuron_type = soft
    loaded = load(tmp_path / "changed", network=own)
    assert loaded.ensembles[0].neuron_type == soft
