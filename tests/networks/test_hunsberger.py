"""The networks of soft LIF neurons are those of the papers."""

from nengo_softlif import (
    AveragePool,
    Dropout,
    GaussianNoise,
    SoftLIFRate,
    networks,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.layers.parameters import install

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from references import answers, arrays_of


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
    arrays = arrays_of(model)
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
    arrays = arrays_of(networks.mnist())
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
        arrays = arrays_of(model)
        found = [a.std() for name, a in arrays.items() if name.endswith("weights")]
        assert found[::2] == pytest.approx(stds, rel=0.1)
        assert model.scale == scale
        assert model.source["arguments"]["paper"] is True


def test_seeds():
    x = [np.linspace(-1, 1, 64)]
    np.testing.assert_allclose(
        answers(networks.small(), x), answers(networks.small(), x), rtol=1e-12
    )
    assert not np.allclose(
        answers(networks.small(), x), answers(networks.small(seed=1), x)
    )


@pytest.mark.parametrize(
    ("shape", "pools"),
    [((8, 8, 1), 2), ((4, 4, 3), 1), ((3, 3, 1), 0), ((1, 1, 1), 0), ((12, 6, 1), 1)],
)
def test_small_pools_while_images_are_large_enough(shape, pools):
    model = networks.small(shape, n_classes=3)
    transforms = [c.transform for c in model.network.all_connections]
    assert sum(isinstance(t, AveragePool) for t in transforms) == pools
    assert answers(model, [np.ones(np.prod(shape))])[0].shape == (3,)


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
    monkeypatch.setattr("nengo_softlif.machine.memory", lambda: 1e9)
    with pytest.raises(ValidationError, match=match):
        make()


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, np.nan, "0"])
def test_seeds_that_cannot_be(seed):
    with pytest.raises(ValidationError, match="seed: expected a whole number from 0"):
        networks.small(seed=seed)
