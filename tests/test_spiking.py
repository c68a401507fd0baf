import nengo_softlif as softlif
from nengo_softlif import GaussianNoise, Model, SoftLIFRate, datasets, networks

import nengo
import numpy as np
import pytest
from nengo.exceptions import NengoWarning, Unconvertible, ValidationError
from references import nengo_saw
from sample_networks import shaken

LIF_RATES = [nengo.LIFRate, SoftLIFRate]


@pytest.fixture
def convolutional(rng):
    model = networks.small((6, 6, 2), n_classes=3, noise=GaussianNoise(10), seed=1)
    shaken(model, rng)  # biases that are not zero
    model.input.output = rng.normal(size=model.input.size_out)
    return model


def test_constants_become_biases(convolutional):
    spiking = softlif.to_spiking(convolutional)
    targets = [c.post_obj for c in spiking.network.all_connections]
    into_neurons = [t for t in targets if isinstance(t, nengo.ensemble.Neurons)]
    assert len(into_neurons) == len(spiking.ensembles)
    assert len({tuple(e.bias) for e in spiking.ensembles}) == 3
    # one number for each filter
    conv1 = spiking.ensembles[0].bias.reshape(6, 6, 16)
    assert np.all(conv1 == conv1[:1, :1])
    assert spiking.input in spiking.network.all_nodes


def test_constants_of_unknown_transforms_stay_connected():
    """As they are no layers, no operator says what becomes of them."""
    transform = nengo.transforms.ConvolutionTranspose(
        1, (10, 1), kernel_size=(3,), strides=(1,), init=np.ones((3, 1, 1))
    )
    with nengo.Network(seed=0) as net:
        image, constant = nengo.Node(np.zeros(12)), nengo.Node(np.ones(10))
        ensemble = nengo.Ensemble(12, 1, neuron_type=SoftLIFRate())
        nengo.Connection(image, ensemble.neurons, synapse=None)
        nengo.Connection(constant, ensemble.neurons, transform=transform, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    spiking = softlif.to_spiking(Model(net, image, probe), synapse=None)
    assert len(spiking.network.all_connections) == 2
    spiking.ensembles[0].neuron_type = ensemble.neuron_type
    found = nengo_saw(spiking.network, 2)[spiking.output]
    np.testing.assert_allclose(found, nengo_saw(net, 2)[probe], atol=1e-10)


def test_one_synapse_for_each_layer(convolutional):
    spiking = softlif.to_spiking(convolutional, synapse=nengo.Alpha(0.003))
    for ensemble in spiking.ensembles:
        leaving = [
            c for c in spiking.network.all_connections if c.pre_obj == ensemble.neurons
        ]
        assert [c.synapse for c in leaving] == [nengo.Alpha(0.003)]
    others = [
        c
        for c in spiking.network.all_connections
        if not isinstance(c.pre_obj, nengo.ensemble.Neurons)
    ]
    assert all(c.synapse is None for c in others)


def test_default_is_the_papers_alpha(convolutional):
    spiking = softlif.to_spiking(convolutional)
    synapses = {c.synapse for c in spiking.network.all_connections}
    assert synapses == {None, nengo.Alpha(0.005)}


@pytest.mark.parametrize("neuron_type", LIF_RATES)
def test_decoded_ensemble(neuron_type, seed):
    """Decoders and gains are those solved for the rate neurons."""
    with nengo.Network(seed=seed) as net:
        stimulus = nengo.Node([0.5])
        square = nengo.Ensemble(80, 1, neuron_type=neuron_type(), label="square")
        out = nengo.Node(size_in=2)
        nengo.Connection(stimulus, square, synapse=None)
        nengo.Connection(
            square, out, function=np.square, transform=[[1], [2]], synapse=None
        )
        probe = nengo.Probe(out)
    spiking = softlif.to_spiking(net, synapse=nengo.Alpha(0.01))
    (ensemble,), (p,) = spiking.all_ensembles, spiking.all_probes
    assert type(ensemble.neuron_type) is nengo.LIF

    rates = nengo_saw(net, 2)[probe][-1]
    with nengo.Simulator(spiking, progress_bar=False) as sim:
        sim.run(1.0)
        np.testing.assert_allclose(sim.data[p][200:].mean(axis=0), rates, atol=0.03)
    with nengo.Simulator(net, progress_bar=False) as rate_sim:
        np.testing.assert_array_equal(
            sim.data[ensemble].gain, rate_sim.data[square].gain
        )

    ensemble.neuron_type = square.neuron_type
    for connection in spiking.all_connections:
        connection.synapse = None
    np.testing.assert_allclose(nengo_saw(spiking, 2)[p][-1], rates, atol=1e-10)


@pytest.mark.parametrize("neuron_type", LIF_RATES)
def test_recurrent_network(neuron_type, seed):
    """An integrator keeps its recurrent synapse, which is part of its function."""
    with nengo.Network(seed=seed) as net:
        stimulus = nengo.Node(lambda t: 1.0 if t < 0.2 else 0.0)
        integrator = nengo.Ensemble(200, 1, neuron_type=neuron_type())
        nengo.Connection(stimulus, integrator, transform=0.1, synapse=0.1)
        nengo.Connection(integrator, integrator, synapse=0.1)
        probe = nengo.Probe(integrator, synapse=0.03)
    spiking = softlif.to_spiking(net)
    assert [c.synapse for c in spiking.all_connections] == [nengo.Lowpass(0.1)] * 2

    values = []
    for network, p in ((net, probe), (spiking, spiking.all_probes[0])):
        with nengo.Simulator(network, progress_bar=False) as sim:
            sim.run(0.5)
            values.append(sim.data[p][-1, 0])
    assert values[0] > 0.1
    np.testing.assert_allclose(values[1], values[0], atol=0.05)


def test_other_neurons():
    with nengo.Network() as net:
        nengo.Ensemble(5, 1, neuron_type=nengo.RectifiedLinear(amplitude=0.1))
        nengo.Ensemble(5, 1, neuron_type=nengo.PoissonSpiking(nengo.Tanh()))
        nengo.Ensemble(5, 1, neuron_type=nengo.Direct())
    types = [e.neuron_type for e in softlif.to_spiking(net).all_ensembles]
    assert types == [
        nengo.SpikingRectifiedLinear(amplitude=0.1),
        nengo.PoissonSpiking(nengo.Tanh()),
        nengo.Direct(),
    ]


class OwnCurve(SoftLIFRate):
    def step(self, dt, J, output):
        output[...] = J


@pytest.mark.parametrize(
    "neuron_type", [nengo.Sigmoid(), nengo.AdaptiveLIFRate(), OwnCurve()]
)
def test_unconvertible_neurons(neuron_type):
    with nengo.Network() as net:
        nengo.Ensemble(5, 1, neuron_type=neuron_type, label="odd one")
    with pytest.raises(Unconvertible, match=r"odd one.*no spiking partner; use"):
        softlif.to_spiking(net)
    assert net.all_ensembles[0].neuron_type is neuron_type


def test_unconvertible_weights():
    with nengo.Network() as net:
        a, b = (nengo.Ensemble(20, 1, neuron_type=SoftLIFRate()) for _ in range(2))
        nengo.Connection(a, b, solver=nengo.solvers.LstsqL2(weights=True))
    with pytest.raises(Unconvertible, match=r"full connection weights.*weights=False"):
        softlif.to_spiking(net)


def test_rates_come_close(convolutional):
    """Soft rates become those of LIF as sigma vanishes, and spikes average to them."""
    spiking = softlif.to_spiking(convolutional)
    soft = nengo_saw(convolutional.network, 2)[convolutional.output][-1]
    with nengo.Simulator(spiking.network, progress_bar=False) as sim:
        sim.run(1.0)
        mean = sim.data[spiking.output][200:].mean(axis=0)
    np.testing.assert_allclose(mean, soft, atol=0.1 * np.abs(soft).max())


def test_model_keeps_what_belongs_to_it(convolutional):
    data = datasets.load("digits")
    convolutional.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    convolutional.history = {"loss": [1.0]}
    spiking = softlif.to_spiking(convolutional)
    assert isinstance(spiking, Model)
    assert spiking.preprocessing == convolutional.preprocessing
    assert spiking.history == convolutional.history
    assert spiking.history is not convolutional.history


@pytest.mark.parametrize(
    ("synapse", "match"),
    [
        (np.nan, "0 or a positive number of seconds, got nan"),
        (np.inf, "0 or a positive number of seconds, got inf"),
        (-1, "0 or a positive number of seconds, got -1"),
        (nengo.LinearFilter([1], [np.nan, 1]), "finite numbers, got LinearFilter"),
        ("x", r"a synapse such as nengo\.Alpha\(0\.005\), None, .* got 'x'"),
        (nengo.Alpha, "a synapse such as .*, got <class"),
    ],
)
def test_what_is_no_synapse(convolutional, synapse, match):
    with pytest.raises(ValidationError, match=match):
        softlif.to_spiking(convolutional, synapse=synapse)
    with pytest.raises(ValidationError, match=match):
        softlif.to_spiking(convolutional.network, synapse=synapse)


@pytest.mark.parametrize("synapse", [nengo.Alpha(5), nengo.Lowpass(5), 5])
def test_milliseconds_are_told(convolutional, synapse):
    message = "synapse=5 .* seconds, .* give 0.005"
    with pytest.warns(NengoWarning, match=message) as told:
        softlif.to_spiking(convolutional, synapse)
    assert told[0].filename == __file__
