"""The networks of integrate-and-fire neurons are Lee et al.'s."""

from nengo_softlif import (
    AveragePool,
    Dropout,
    Preprocessing,
    Simulator,
    evaluate,
    layers,
    load,
    networks,
)
from nengo_softlif.datasets import Dataset
from nengo_softlif.layers.parameters import install
from nengo_softlif.networks import lee
from nengo_softlif.spiking_neurons import BernoulliSpiking, IntegrateAndFire

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from references import arrays_of, assert_same_arrays, nengo_saw

NETWORKS = [networks.lenet, networks.vgg9, networks.resnet9, networks.resnet11]


def weights_of(model):
    """Weights of all connections that have some, by label."""
    arrays = arrays_of(model)
    connections = enumerate(model.network.all_connections)
    names = {c.label: f"connections/{i}/weights" for i, c in connections}
    return {label: arrays[name] for label, name in names.items() if name in arrays}


# -- sizes -----------------------------------------------------------------------------


def conv(size, inputs, outputs):
    return size * size * inputs * outputs


SIZES = {
    networks.lenet: (
        [784, 20 * 784, 20 * 196, 50 * 196, 50 * 49, 200],
        [conv(5, 1, 20), conv(5, 20, 50), 50 * 49 * 200, 200 * 10],
    ),
    networks.vgg9: (
        [
            *(3 * 1024, 64 * 1024, 64 * 1024, 64 * 256, 128 * 256, 128 * 256),
            *(128 * 64, 256 * 64, 256 * 64, 256 * 64, 256 * 16, 1024),
        ],
        [
            *(conv(3, 3, 64), conv(3, 64, 64), conv(3, 64, 128), conv(3, 128, 128)),
            *(conv(3, 128, 256), conv(3, 256, 256), conv(3, 256, 256)),
            *(256 * 16 * 1024, 1024 * 10),
        ],
    ),
    networks.resnet9: (
        [
            *(3 * 1024, 64 * 1024, 64 * 256, 128 * 256, 128 * 256),
            *(256 * 256, 256 * 64, 512 * 64, 512 * 16, 1024),
        ],
        [
            *(conv(3, 3, 64), conv(3, 64, 128), conv(3, 128, 128), conv(1, 64, 128)),
            *(conv(3, 128, 256), conv(3, 256, 256), conv(1, 128, 256)),
            *(conv(3, 256, 512), conv(3, 512, 512), conv(1, 256, 512)),
            *(512 * 16 * 1024, 1024 * 10),
        ],
    ),
    networks.resnet11: (
        [
            *(3 * 1024, 64 * 1024, 64 * 256, 128 * 256, 128 * 256, 256 * 256),
            *(256 * 64, 512 * 64, 512 * 64, 512 * 64, 512 * 16, 1024),
        ],
        [
            *(conv(3, 3, 64), conv(3, 64, 128), conv(3, 128, 128), conv(1, 64, 128)),
            *(conv(3, 128, 256), conv(3, 256, 256), conv(1, 128, 256)),
            *(conv(3, 256, 512), conv(3, 512, 512), conv(1, 256, 512)),
            *(conv(3, 512, 512), conv(3, 512, 512), 512 * 16 * 1024, 1024 * 10),
        ],
    ),
}
"""Neurons and weights layer by layer, as the authors' code lists them."""

TOTALS = {networks.lenet: 517_500, networks.vgg9: 5_938_880}
"""Weights that one can add up in their tables."""


@pytest.mark.parametrize("make", NETWORKS)
def test_networks_have_the_sizes_of_the_paper(make):
    model = make()
    n_neurons, n_weights = SIZES[make]
    assert [e.n_neurons for e in model.ensembles] == n_neurons
    found = [w.size for w in weights_of(model).values()]
    assert found == n_weights
    assert sum(found) == TOTALS.get(make, sum(found))
    assert model.output.size_in == 10

    # no biases, in neurons or in weights, and nothing but the probe has a synapse
    nodes = [model.input, model.output.obj]
    nodes += [n for n in model.network.all_nodes if n.label.startswith("pool")]
    assert set(model.network.all_nodes) == set(nodes)
    assert all(np.all(e.bias == 0) for e in model.ensembles)
    assert all(c.synapse is None for c in model.network.all_connections)


@pytest.mark.parametrize("make", NETWORKS)
def test_neurons_are_those_of_the_paper(make):
    dropout = {networks.lenet: 0, networks.vgg9: 0.2}.get(make, 0.25)
    model = make()
    first, *others = model.ensembles
    assert first.neuron_type == BernoulliSpiking()
    np.testing.assert_array_equal(first.gain, 500 if make is networks.lenet else 1000)
    for ensemble in others:
        if ensemble.label.startswith("pool"):
            assert ensemble.neuron_type == IntegrateAndFire(np.inf)
            np.testing.assert_allclose(1 / ensemble.gain, 0.75, rtol=2e-5)
        else:
            assert ensemble.neuron_type.leak(0.001) == pytest.approx(0.99, rel=1e-12)
            expected = Dropout(dropout) if dropout else None
            assert ensemble.neuron_type.noise == expected
            np.testing.assert_array_equal(ensemble.gain, 1)


@pytest.mark.parametrize("make", NETWORKS)
def test_initial_weights_are_those_of_the_paper(make):
    """Of N(0, sqrt(2 / fan_in)), in residual networks of N(0, sqrt(1 / fan_in))."""
    variance = 1 if "resnet" in make.__name__ else 2
    for label, weights in weights_of(make()).items():
        dense = weights.ndim == 2
        fan_in = weights.shape[1] if dense else np.prod(weights.shape[:3])
        error = 5 / np.sqrt(2 * weights.size)
        assert weights.std() == pytest.approx(np.sqrt(variance / fan_in), rel=error), (
            label
        )


def test_images_are_prepared_as_in_the_paper():
    assert networks.lenet().preprocessing == Preprocessing((28, 28, 1), 0, 255)
    rng = np.random.RandomState(0)
    images = rng.randint(256, size=(2, 32, 32, 3)).astype(np.uint8)
    for make in NETWORKS[1:]:
        prepared = make().preprocessing
        assert (prepared.flip, prepared.shift) == (True, 4)
        normalised = images / 255 - [0.4914, 0.4822, 0.4465]
        normalised /= [0.557, 0.549, 0.5534]
        np.testing.assert_allclose(
            prepared.test(images), normalised.reshape(2, -1), atol=1e-6
        )
    assert networks.lenet((8, 8, 1)).preprocessing is None


# -- what they compute -----------------------------------------------------------------


class Reference:
    """Lee et al.'s networks step by step, in the units of their code, in NumPy."""

    def __init__(self, weights, leak=0.99):
        self.weights, self.leak = weights, leak
        self.voltages, self.spikes = {}, {}

    def fire(self, name, current, threshold=1.0, leak=None):
        voltage = self.voltages.get(name, 0) + current
        spikes = voltage > threshold
        kept = np.where(spikes, 0, voltage)
        self.voltages[name] = kept * (self.leak if leak is None else leak)
        self.spikes.setdefault(name, []).append(spikes.ravel())
        return spikes.astype(float)

    def convolved(self, name, image, strides=1):
        """Of images (height, width, channels), as TensorFlow pads them."""
        kernel, padded = self.weights[name], image
        for axis in (0, 1):
            length, size = image.shape[axis], kernel.shape[axis]
            total = (-(-length // strides) - 1) * strides + size - length
            margins = np.zeros((3, 2), int)
            margins[axis] = max(total, 0) // 2, max(total, 0) - max(total, 0) // 2
            padded = np.pad(padded, margins)
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, kernel.shape[:2], axis=(0, 1)
        )[::strides, ::strides]
        return np.einsum("yxcij,ijcf->yxf", windows, kernel)

    def pool(self, name, image):
        rows, columns, n_channels = image.shape
        blocks = image.reshape(rows // 2, 2, columns // 2, 2, n_channels)
        return self.fire(name, blocks.mean(axis=(1, 3)), threshold=0.75, leak=1.0)

    def block(self, names, image, strides, weights=True):
        inner = self.fire(names[0], self.convolved(names[0], image))
        past = image[::strides, ::strides]
        if weights:
            past = self.convolved(f"{names[1]} shortcut", image, strides)
        return self.fire(names[1], self.convolved(names[1], inner, strides) + past)

    def answer(self, name, values):
        hidden = self.fire(name, self.weights[name] @ values.ravel())
        voltage = self.voltages.get("readout", 0) + self.weights["readout"] @ hidden
        self.voltages["readout"] = self.leak * voltage
        return self.voltages["readout"]

    def lenet(self, image):
        for i in (1, 2):
            image = self.fire(f"conv{i}", self.convolved(f"conv{i}", image))
            image = self.pool(f"pool{i} neurons", image)
        return self.answer("dense3", image)

    def vgg9(self, image):
        for i in range(1, 8):
            image = self.fire(f"conv{i}", self.convolved(f"conv{i}", image))
            if i in (2, 4, 7):
                image = self.pool(f"pool{i} neurons", image)
        return self.answer("dense8", image)

    def resnet(self, image, blocks):
        image = self.fire("conv1", self.convolved("conv1", image))
        image = self.pool("pool1 neurons", image)
        for i, (strides, weights) in enumerate(blocks):
            names = f"conv{2 * i + 2}", f"conv{2 * i + 3}"
            image = self.block(names, image, strides, weights)
        return self.answer(f"dense{2 * len(blocks) + 2}", image)

    def resnet9(self, image):
        return self.resnet(image, [(1, True), (2, True), (2, True)])

    def resnet11(self, image):
        return self.resnet(image, [(1, True), (2, True), (1, True), (2, False)])


def signs(shape, n=1, seed=0):
    """Images of -1, 0 and 1, in which nothing is left to chance at 1000 Hz."""
    return np.random.RandomState(seed).randint(-1, 2, size=(n, *shape)).astype(float)


def watched(model):
    """Add probes of all neurons."""
    with model.network:
        return {e.label: nengo.Probe(e.neurons) for e in model.ensembles}


SHAPES = dict.fromkeys([networks.resnet9, networks.resnet11], (4, 4, 2))


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("encoding", ["poisson", "constant"])
def test_networks_compute_what_the_paper_says(make, encoding):
    """Spike by spike, against its equations, in Nengo and in the engine.

    With these images it is the same for both encodings. In float32, too, where three
    spikes of a pool would fire or not as they are rounded.
    """
    shape, n_steps = SHAPES.get(make, (8, 8, 2)), 20
    model = strengthened(make(shape, 3, encoding, max_rate=1000.0))
    probes, images = watched(model), signs(shape, 2)
    expected = [computed(model, make.__name__, image, n_steps) for image in images]
    if encoding == "constant":
        for spikes, _ in expected:
            del spikes["input"]
    assert {*probes} == {*expected[0][0]}
    for label in probes:
        assert 0 < np.mean([spikes[label] != 0 for spikes, _ in expected]) < 0.9, label

    model.input.output = images[0].ravel()
    check(nengo_saw(model.network, n_steps), model, probes, expected[0], 1e-9)
    for dtype, tolerance in {"float64": 1e-9, "float32": 1e-4}.items():
        with Simulator(model, minibatch_size=2, dtype=dtype, progress_bar=False) as sim:
            sim.run_steps(n_steps, data={model.input: images.reshape(2, 1, -1)})
            for i, one in enumerate(expected):
                seen = {probe: sim.data[probe][i] for probe in model.network.all_probes}
                check(seen, model, probes, one, tolerance)


def strengthened(model):
    """Give it larger weights, with which a few steps are enough for all to fire."""
    arrays = arrays_of(model)
    for name in arrays:
        arrays[name] *= 1.5 if name.endswith("weights") else 1
    install(model.network, arrays)
    return model


def computed(model, name, image, n_steps):
    """Spikes by layer, and the readout's voltage at each step."""
    reference = Reference(weights_of(model))
    answers = [getattr(reference, name)(image) for _ in range(n_steps)]
    spikes = {name: np.array(spikes) for name, spikes in reference.spikes.items()}
    return {"input": np.array([image.ravel()] * n_steps), **spikes}, np.array(answers)


def check(seen, model, probes, expected, tolerance):
    """Compare what was seen with what was computed."""
    spikes, answers = expected
    for label, probe in probes.items():
        np.testing.assert_allclose(
            seen[probe], 1000 * spikes[label], rtol=1e-6, err_msg=label
        )
    # Nengo shows one step later what a synapse gives
    shown = np.concatenate([np.zeros((1, 3)), answers[:-1]])
    np.testing.assert_allclose(
        seen[model.output], shown, rtol=tolerance, atol=tolerance
    )


def test_images_fire_in_proportion_and_with_their_sign():
    image = np.array([-1, -0.3, 0, 0.2, 0.6, 1.0, 2.0, 3.0])
    model = networks.lenet((4, 4, 1))
    image = np.resize(image, 16)
    model.input.output = image
    probes = watched(model)
    n = 2000
    spikes = nengo_saw(model.network, n)[probes["input"]] / 1000
    expected = np.clip(image / 2, -1, 1)
    error = 5 * np.sqrt(np.abs(expected) * (1 - np.abs(expected)) / n)
    assert np.all(np.abs(spikes.mean(axis=0) - expected) <= error)
    assert np.all(np.isin(spikes, [-1, 0, 1]))


def test_evaluations_agree_with_nengo():
    x, y = (255 * signs((8, 8, 1), 4) ** 2).astype(np.uint8), np.arange(4) % 2
    data = Dataset("black and white", x, y, x, y)
    model = networks.lenet((8, 8, 1), 2, max_rate=1000.0)
    model.preprocessing = Preprocessing((8, 8, 1), 0, 255)
    settings = {"presentation_time": 0.05, "n_examples": 2, "progress_bar": False}
    found, expected = (
        evaluate(model, data, backend, **settings) for backend in ("engine", "nengo")
    )
    np.testing.assert_array_equal(
        found.predictions_over_time, expected.predictions_over_time
    )
    assert found.rates_hz == pytest.approx(expected.rates_hz)
    assert all(rate > 0 for rate in found.rates_hz.values())


@pytest.mark.parametrize("dt", [0.001, 0.0005])
def test_the_readout_integrates(dt):
    tau_rc, n = lee.LEE_TAU_RC, 30
    u = np.random.RandomState(0).normal(size=n)
    with nengo.Network() as net:
        node = nengo.Node(lambda t: u[round(t / dt) - 1])
        nengo.Probe(node, synapse=lee.integrator(tau_rc))
    (seen,) = nengo_saw(net, n, dt=dt).values()
    leak, voltages = np.exp(-dt / tau_rc), [0]  # shown a step later
    for x in u[:-1]:
        voltages.append(leak * (voltages[-1] + dt * x))
    # exactly at 1 ms, which the default is for; elsewhere up to a factor
    factor = 1 if dt == 0.001 else seen[1, 0] / voltages[1]
    assert factor == pytest.approx(1, abs=0.003)
    np.testing.assert_allclose(seen[:, 0], factor * np.array(voltages), rtol=1e-12)


# -- as layers, in files ---------------------------------------------------------------


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("encoding", ["poisson", "constant"])
def test_layers_are_plain(make, encoding):
    """Each leads to the next by one operator, and a gain, without constants."""
    model = make((8, 8, 3), 4, encoding)
    kinds = set()
    for layer in layers.read(model).values():
        for path in layer.inputs:
            assert path.source.constant is None or path.source.obj is model.input
            kinds.add(tuple(type(op).__name__ for op in path.without_gain()))
            assert len(path.operators) - len(path.without_gain()) <= 1
    expected = {("Convolution",), ("Matrix",), ("Pool",)}
    # images into neurons; what leads past the last block is a pool that leaves out
    assert kinds == expected | ({()} if encoding == "poisson" else set())


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize(
    "others", [{}, {"encoding": "constant", "dropout": 0.125, "tau_rc": 0.02}]
)
def test_networks_are_saved(make, others, tmp_path):
    model = make((8, 8, 1), 3, seed=5, **others)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.source == model.source
    assert_same_arrays(loaded, model)
    assert repr(loaded) == repr(model)
    for ours, theirs in zip(loaded.ensembles, model.ensembles, strict=True):
        assert ours.neuron_type == theirs.neuron_type
    assert loaded.output.synapse == model.output.synapse


def test_preprocessing_is_saved(tmp_path):
    model = networks.lenet()
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").preprocessing == model.preprocessing


def test_seeds_are_those_of_weights():
    first, same, other = (networks.lenet((4, 4, 1), seed=s) for s in (1, 1, 2))
    assert_same_arrays(first, same)
    for label, weights in weights_of(first).items():
        assert not np.any(weights == weights_of(other)[label])


def test_pools_are_not_trained():
    model = networks.resnet11((8, 8, 3), 2)
    pools = [
        c.transform
        for c in model.network.all_connections
        if isinstance(c.transform, AveragePool)
    ]
    assert [pool.pool_size for pool in pools] == [(2, 2), (1, 1)]
    assert not [name for name in weights_of(model) if name.startswith("pool")]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"encoding": "rate"}, "encoding: expected one of poisson, constant, got 'ra"),
        ({"encoding": None}, "encoding: expected one of .* got None"),
        ({"encoding": ["poisson"]}, r"encoding: expected one of .* got \['poisson'\]"),
        ({"max_rate": 0}, "max_rate: expected a positive number of Hz, got 0"),
        ({"max_rate": np.inf}, "max_rate: expected .* got inf"),
        ({"max_rate": "500"}, "max_rate: expected .* got '500'"),
        ({"tau_rc": -1}, "tau_rc: expected a positive number of seconds, got -1"),
        ({"tau_rc": np.nan}, "tau_rc: expected .* got nan"),
        ({"tau_rc": np.inf}, "tau_rc: expected .* got inf"),
        ({"dropout": 1}, "rate: "),
        ({"dropout": -0.5}, "rate: "),
        ({"dropout": "a half"}, "rate: "),
        ({"image_shape": (28, 28)}, r"image_shape: expected \(height"),
        ({"image_shape": (3, 3, 1)}, "do not lie on images"),
        ({"n_classes": 0}, "n_classes: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number"),
    ],
)
@pytest.mark.parametrize("make", [networks.lenet, networks.vgg9])
def test_networks_that_cannot_be(make, settings, match):
    with pytest.raises(ValidationError, match=match):
        make(**settings)
