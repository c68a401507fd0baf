"""A type of neurons from outside of the package: its classes, its rows, nothing else.

The curve is that of Naka and Rushton, which rises with the square of the current and
saturates.
"""

import nengo_softlif as softlif
from nengo_softlif import GaussianNoise, noise
from nengo_softlif.compat import nengo_dl
from nengo_softlif.engine import STAGES, neurons
from nengo_softlif.neurons import FAMILIES, Family
from nengo_softlif.registry import PARTS
from nengo_softlif.tensors import CURVES, Curve
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.as_layers import AsLayers
from nengo_softlif.training.through_nengo_dl import ThroughNengoDL

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import Unconvertible, ValidationError
from nengo.params import NumberParam


class NakaRushtonRate(nengo.neurons.NeuronType):
    """Rates ``amplitude * highest * J**2 / (half**2 + J**2)``, above zero."""

    negative = False
    highest, half = NumberParam("highest"), NumberParam("half")
    amplitude, noise = NumberParam("amplitude"), noise.NoiseParam("noise")

    def __init__(
        self, highest=200, half=2, amplitude=1, noise=None, initial_state=None
    ):
        super().__init__(initial_state)
        self.highest, self.half = highest, half
        self.amplitude, self.noise = amplitude, noise

    def rates(self, x, gain, bias):
        return self.rates_at(self.current(x, gain, bias))

    def rates_at(self, J):
        square = np.maximum(J, 0) ** 2
        return self.amplitude * self.highest * square / (self.half**2 + square)

    def step(self, dt, J, output):
        output[...] = self.rates_at(J)


class NakaRushton(NakaRushtonRate):
    """Spikes at these rates."""

    spiking = True
    state = {"voltage": nengo.dists.Uniform(0, 1)}  # noqa: RUF012 (as Nengo has it)

    def step(self, dt, J, output, voltage):
        voltage += dt / self.amplitude * self.rates_at(J)
        n_spikes = np.floor(voltage)
        voltage -= n_spikes
        output[...] = self.amplitude / dt * n_spikes


class Subclass(NakaRushtonRate):
    """With the same step, and so the same rows."""


def naka_rushton(J, highest, half):
    """The curve and its slope."""
    J = tf.nn.relu(J)
    whole = half**2 + J**2
    return highest * J**2 / whole, 2 * highest * half**2 * J / whole**2


class NakaRushtonStage(neurons.Integrating):
    """Spikes of all examples at once."""

    n_calls = 0

    def rates(self, current):
        type(self).n_calls += 1
        return self.neuron_type.rates_at(current) / self.amplitude


@pytest.fixture
def rows():
    """The rows, for the time of a test."""
    FAMILIES[NakaRushtonRate] = Family(NakaRushton, ("highest", "half", "amplitude"))
    CURVES[NakaRushtonRate] = Curve(naka_rushton, ("highest", "half"))
    PARTS["NakaRushtonRate"] = NakaRushtonRate
    yield
    del FAMILIES[NakaRushtonRate], CURVES[NakaRushtonRate], PARTS["NakaRushtonRate"]


@pytest.fixture(scope="module")
def data():
    return softlif.datasets.load("digits")


def made(data, noise=None, cls=NakaRushtonRate, decoded=False):
    """A model with two layers; decoded, layers cannot be trained as such."""
    neuron_type = cls(highest=150, amplitude=0.05, noise=noise)
    with nengo.Network(seed=2) as net:
        nengo_dl.configure_settings(trainable=None)
        net.config[nengo.Ensemble].trainable = False
        stack = softlif.Stack((8, 8, 1), neuron_type)
        stack.dense(40)
        hidden = stack.dense(30)
        probe = stack.readout(10)
        if decoded:
            aside = nengo.Node(size_in=1)
            nengo.Connection(hidden, aside, synapse=None)
            nengo.Connection(
                aside, probe.obj, transform=np.zeros((10, 1)), synapse=None
            )
    model = softlif.Model(net, input=stack.input, output=probe)
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    return model


def test_its_curve_has_its_rates_and_their_slope(rows):
    J = np.linspace(-2, 10, 1201)
    with tf.GradientTape() as tape:
        x = tf.constant(J)
        tape.watch(x)
        rates = CURVES.of(NakaRushtonRate())(x, *tf.constant([150.0, 2.0], tf.float64))
    expected = np.empty_like(J)
    NakaRushtonRate(150).step(0.001, J, expected)
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    slope = np.gradient(expected, J)
    np.testing.assert_allclose(tape.gradient(rates, x)[1:-1], slope[1:-1], atol=0.3)


def test_files_hold_it(rows, data, tmp_path):
    model = made(data, GaussianNoise(5))
    model.save(tmp_path / "model")
    loaded = softlif.load(tmp_path / "model")
    assert [e.neuron_type for e in loaded.ensembles] == [
        e.neuron_type for e in model.ensembles
    ]
    made(data, cls=Subclass).save(tmp_path / "model")
    with pytest.raises(ValidationError, match=r"files do not know.*Subclass"):
        softlif.load(tmp_path / "model")


@pytest.mark.parametrize("cls", [NakaRushtonRate, Subclass])
@pytest.mark.parametrize("decoded", [False, True], ids=["as layers", "through NengoDL"])
def test_it_trains(rows, data, cls, decoded, recwarn):
    model = made(data, GaussianNoise(5), cls, decoded)
    softlif.fit(model, data, epochs=3, batch_size=50, progress_bar=False)
    slower = [w for w in recwarn if "training through NengoDL" in str(w.message)]
    assert len(slower) == decoded
    assert not [w for w in recwarn if "falling back" in str(w.message)]
    losses = model.history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_layers_and_nengo_dl_train_it_alike(rows, data):
    """Losses with noise, and weights after three steps of plain gradient descent."""
    x = np.random.RandomState(0).normal(size=(4, 64))
    seen = []
    settings = Settings(batch_size=4, seed=5)
    for trainer in (AsLayers, ThroughNengoDL):
        model = made(data, GaussianNoise(5))
        with model.network:
            nengo_dl.configure_settings(dtype="float64")
        way = trainer(model.network, model.input, model.output, settings)
        way.compile(tf.keras.optimizers.SGD(0.05))
        losses = [way.train(x, np.array([0, 1, 2, 1]))[0] for _ in range(3)]
        weights = [
            np.asarray(way.data[connection].weights)
            for connection in model.network.all_connections
            if connection.has_weights
        ]
        seen.append((losses, weights, way.noise_seeds))
        way.close()
    (losses, weights, seeds), (losses2, weights2, seeds2) = seen
    np.testing.assert_allclose(losses, losses2, rtol=1e-6)
    assert losses[2] != losses[0]
    assert len(seeds) == 2
    assert seeds == seeds2
    for array, expected in zip(weights, weights2, strict=True):
        np.testing.assert_allclose(array, expected.reshape(array.shape), atol=1e-6)


def engine_agrees(cls):
    with nengo.Network(seed=0) as net:
        wave = nengo.Node(lambda t: [np.sin(20 * t), np.cos(30 * t)])
        first, second = (
            nengo.Ensemble(
                30,
                2,
                neuron_type=cls(amplitude=0.1),
                gain=np.linspace(1, 3, 30),
                bias=np.ones(30),
            )
            for _ in range(2)
        )
        nengo.Connection(wave, first)
        weights = np.random.RandomState(0).normal(size=(30, 30))
        nengo.Connection(
            first.neurons, second.neurons, transform=weights, synapse=0.005
        )
        probes = [nengo.Probe(e.neurons) for e in (first, second)]
    with (
        nengo.Simulator(net, progress_bar=False) as expected,
        softlif.Simulator(net, dtype="float64", progress_bar=False) as sim,
    ):
        expected.run_steps(200)
        sim.run_steps(200)
        for probe in probes:
            assert np.count_nonzero(expected.data[probe]) > 100
            np.testing.assert_allclose(
                sim.data[probe], expected.data[probe], rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize("cls", [NakaRushtonRate, NakaRushton])
def test_the_engine_steps_it_as_nengo(cls):
    """It has no row among the engine's stages, and needs none."""
    engine_agrees(cls)
    assert STAGES.of(cls()) is None


def test_the_engine_takes_a_fast_form():
    before = NakaRushtonStage.n_calls
    STAGES[NakaRushton] = NakaRushtonStage
    try:
        engine_agrees(NakaRushton)
    finally:
        del STAGES[NakaRushton]
    assert NakaRushtonStage.n_calls > before
    assert STAGES.of(NakaRushton()) is None


@pytest.mark.parametrize("cls", [NakaRushtonRate, Subclass])
def test_it_becomes_spiking(rows, data, cls):
    model = made(data, GaussianNoise(5), cls)
    spiking = softlif.to_spiking(model)
    for ensemble in spiking.ensembles:
        assert ensemble.neuron_type == NakaRushton(150, 2, 0.05)
    image = model.preprocessing.test(data.x_test[:1])[0]
    outputs = []
    for network, n_steps in ((model, 2), (spiking, 1500)):
        network.input.output = image
        with nengo.Simulator(network.network, progress_bar=False) as sim:
            sim.run_steps(n_steps)
        outputs.append(sim.data[network.output][n_steps // 4 :].mean(axis=0))
    rates, spikes = outputs
    np.testing.assert_allclose(spikes, rates, atol=0.1 * np.abs(rates).max())


def test_the_chip_refuses_it_by_name(rows, data):
    model = made(data)
    with pytest.raises(Unconvertible, match=r"rate neurons, NakaRushtonRate\(.*call"):
        softlif.to_loihi(model)
    spiking = softlif.to_spiking(model)
    with pytest.raises(
        Unconvertible, match=r"of type NakaRushton\(.* chip does not have; use nengo"
    ):
        softlif.to_loihi(spiking)
    with pytest.raises(
        ValidationError,
        match=r"has NakaRushtonRate\(.*; only SoftLIFRate neurons train for the chip",
    ):
        softlif.fit(model, data, target="loihi", progress_bar=False)


def test_without_rows_it_is_refused_by_name(data):
    """Also where it had rows: the other tests have removed them."""
    model = made(data)
    with pytest.raises(Unconvertible, match=r"NakaRushtonRate\(.*no spiking partner"):
        softlif.to_spiking(model)
    with pytest.raises(Unconvertible, match=r"has NakaRushtonRate\(.*; only SoftLIFR"):
        AsLayers(model.network, model.input, model.output, Settings(batch_size=4))
    with (
        pytest.warns(UserWarning, match="NakaRushtonRate.*falling back"),
        nengo_dl.Simulator(model.network, progress_bar=False),
    ):
        pass


def test_a_subclass_with_a_step_of_its_own_has_no_rows(rows, data):
    class Doubled(NakaRushtonRate):
        def step(self, dt, J, output):
            super().step(dt, 2 * J, output)

    assert CURVES.of(Doubled()) is None
    with pytest.raises(Unconvertible, match=r"Doubled.*no spiking partner"):
        softlif.to_spiking(made(data, cls=Doubled))
