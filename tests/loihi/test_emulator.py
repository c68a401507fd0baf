"""The emulator against nengo-loihi's own, in every spike and every voltage."""

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi

import nengo
import numpy as np
import pytest
from nengo.exceptions import (
    BuildError,
    SimulationError,
    SimulatorClosed,
    Unconvertible,
    ValidationError,
)
from references import nengo_loihi_saw
from sample_networks import normal

N_EXAMPLES = 3
N_STEPS = 50

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore:invalid value")

# -- networks: each takes an image of 72 values and returns what it has on the chip ----


def neurons(n, neuron_type=None, seed=0, gain=1.0, on_chip=True):
    rng = np.random.RandomState(seed)
    neuron_type = neuron_type or nengo_loihi.LoihiLIF()
    ensemble = nengo.Ensemble(
        n,
        1,
        neuron_type=neuron_type,
        gain=np.broadcast_to(gain, n),
        bias=rng.uniform(0, 1.3, n),
    )
    if not on_chip:
        nengo.Network.context[-1].config[ensemble].on_chip = False
    return ensemble


def connect(pre, post, transform, synapse=0.005):
    nengo.Connection(pre.neurons, post.neurons, transform=transform, synapse=synapse)
    return post


def conv(n_filters, shape, scale=0.05, **kwargs):
    return nengo.Convolution(
        n_filters, shape, init=nengo.dists.Gaussian(0, scale), **kwargs
    )


def on_host(image, n=72, neuron_type=None, weights=None):
    """Neurons on the host that fire at up to some hundred Hz."""
    ensemble = neurons(n, neuron_type or nengo.LIF(), on_chip=False)
    weights = normal(n, 72, scale=2) if weights is None else weights
    nengo.Connection(image, ensemble.neurons, transform=weights, synapse=None)
    return ensemble


def split(ensemble, shape, whole):
    config = nengo.Network.context[-1].config
    config[ensemble].block_shape = nengo_loihi.BlockShape(shape, whole)
    return ensemble


def convolution(image):
    first = on_host(image)
    return [connect(first, neurons(80), conv(5, (6, 6, 2)))]


def strided_channels_first(image):
    first = on_host(image)
    transform = conv(3, (2, 6, 6), channels_last=False, padding="same", strides=(2, 1))
    return [connect(first, neurons(54), transform, nengo.Lowpass(0.01))]


def layers_on_several_cores(image):
    first = on_host(image)
    second = split(neurons(80), (2, 4, 2), (4, 4, 5))
    connect(first, second, conv(5, (6, 6, 2)))
    third = split(neurons(32, gain=0.7), (4, 1, 4), (4, 2, 4))
    connect(second, third, conv(4, (4, 4, 5), 0.1, padding="same", strides=(1, 2)))
    fourth = split(neurons(20), (7,), (20,))
    return [second, third, connect(third, fourth, normal(20, 32), None)]


def dense_without_synapse(image):
    first = on_host(image, 30)
    gain = np.random.RandomState(3).uniform(0.5, 2, 25)
    return [connect(first, neurons(25, gain=gain), normal(25, 30), None)]


def sparse(image):
    first = on_host(image, 40)
    rng = np.random.RandomState(5)
    places = np.unique(rng.randint(0, [30, 40], (150, 2)), axis=0)
    transform = nengo.Sparse(
        (30, 40), indices=places, init=nengo.dists.Uniform(-0.3, 0.5)
    )
    second = connect(first, neurons(30), transform)
    # not all targets, and not all sources
    transform = nengo.Sparse((10, 30), indices=[[0, 3], [2, 5], [9, 3]], init=[2, 1, 3])
    return [second, connect(second, neurons(10), transform)]


def two_inputs_added(image):
    first = on_host(image)
    second = connect(first, neurons(36), conv(1, (6, 6, 2), padding="same"))
    third = connect(first, neurons(36, seed=2), normal(36, 72))
    connect(second, third, 0.4 * np.eye(36))
    connect(second, third, normal(36, 36, scale=0.3))  # to the same targets again
    return [second, third]


def other_neurons(image):
    first = on_host(image, 30, nengo.SpikingRectifiedLinear(amplitude=0.02))
    nengo.Connection(image[:30], first.neurons, transform=30, synapse=None)
    types = [
        nengo.LIF(
            tau_rc=0.05,
            tau_ref=0.004,
            initial_state={"voltage": nengo.dists.Choice([0])},
        ),
        nengo_loihi.LoihiLIF(tau_rc=0.01, amplitude=0.3, min_voltage=-0.5),
        nengo.SpikingRectifiedLinear(
            0.01, initial_state={"voltage": nengo.dists.Choice([0])}
        ),
        nengo.RegularSpiking(nengo.LIFRate(), amplitude=0.5),
    ]
    layers = [first]
    for i, neuron_type in enumerate(types):
        ensemble = neurons(20, neuron_type, gain=[1, 1, 300, 2][i])
        synapse = 0.002 + 0.004 * i
        weights = normal(20, layers[-1].n_neurons, scale=[3, 3, 9, 90][i])
        connect(layers[-1], ensemble, weights, synapse)
        layers.append(ensemble)
    return layers[1:]


def slices(image):
    first = on_host(image)
    second = neurons(36)
    for pre, seed in ((first.neurons[:36], 1), (first.neurons[5:70:3], 2)):
        weights = normal(36, pre.size_out, seed=seed)
        nengo.Connection(pre, second.neurons, transform=weights, synapse=0.003)
    third = neurons(9)
    nengo.Connection(
        second.neurons[::4], third.neurons, transform=normal(9, 9), synapse=0.003
    )
    return [second, third]


def short_axons(image):
    first = on_host(image)
    second = neurons(64)
    connection = nengo.Connection(
        first.neurons, second.neurons, transform=conv(4, (6, 6, 2)), synapse=0.005
    )
    nengo.Network.context[-1].config[connection].pop_type = 16
    return [second]


def part_of_several_cores(image):
    """Only the first core's neurons lead on."""
    first = on_host(image, 30)
    second = connect(first, neurons(1500), normal(1500, 30))
    third = neurons(9)
    nengo.Connection(
        second.neurons[:3], third.neurons, transform=normal(9, 3), synapse=0.003
    )
    return [second, third]


def recurrent(image):
    first = on_host(image, 30)
    second = connect(first, neurons(30), normal(30, 30))
    third = connect(second, neurons(20), normal(20, 30))
    connect(third, second, normal(30, 20, scale=0.5))
    connect(third, third, normal(20, 20, scale=0.5))
    return [second, third]


def decoded(image):
    """Nengo's way: real values, encoders and decoders, also from the host."""
    options = {
        "neuron_type": nengo_loihi.LoihiLIF(),
        "max_rates": nengo.dists.Uniform(100, 200),
        "intercepts": nengo.dists.Uniform(-1, 0.5),
    }
    first = nengo.Ensemble(50, 2, **options)
    nengo.Connection(image[:2], first)
    second = nengo.Ensemble(40, 1, **options)
    nengo.Connection(first, second, function=lambda x: x[0] * x[1])
    nengo.Probe(second, synapse=0.01)
    return [first, second]


def nothing_from_the_host(image):
    first = neurons(30)
    return [first, connect(first, neurons(20), normal(20, 30, scale=2))]


def around_the_chip(image):
    """Here nengo-loihi does not compute the input beforehand."""
    first = on_host(image, 30)
    second = connect(first, neurons(25), normal(25, 30))
    both = nengo.Node(size_in=3, label="both")
    for layer in (first, second):
        weights = normal(3, layer.n_neurons)
        nengo.Connection(layer.neurons, both, transform=weights, synapse=0.01)
    nengo.Probe(both)
    return [second]


NETWORKS = [
    convolution,
    strided_channels_first,
    layers_on_several_cores,
    dense_without_synapse,
    sparse,
    two_inputs_added,
    other_neurons,
    slices,
    short_axons,
    part_of_several_cores,
    recurrent,
    decoded,
    nothing_from_the_host,
    around_the_chip,
]


def build(make, scale=1.0):
    """Make a network whose output and all of whose neurons are probed."""
    with nengo.Network(seed=1) as net:
        nengo_loihi.add_params(net)
        image = nengo.Node(np.zeros(72))
        net.layers = make(image)
        output = nengo.Node(size_in=4)
        last = net.layers[-1]
        weights = scale * normal(4, last.n_neurons)
        nengo.Connection(
            last.neurons, output, transform=weights, synapse=nengo.Alpha(0.01)
        )
        nengo.Probe(output, synapse=0.002)
        for layer in net.layers:
            nengo.Probe(layer.neurons)
            nengo.Probe(layer.neurons, "voltage")
            nengo.Probe(layer.neurons[::2], "input")
            nengo.Probe(layer.neurons[3:5], synapse=0.01)
    return net, image


def images(n=N_EXAMPLES, seed=0):
    return np.random.RandomState(seed).randn(n, 72)


def reference(net, image, values, n_steps=N_STEPS):
    """What nengo-loihi's emulator gives for one image."""
    image.output = values
    return nengo_loihi_saw(net, n_steps)


def assert_same(net, found, expected):
    for probe in net.all_probes:
        assert found[probe].shape == expected[probe].shape
        if isinstance(probe.obj, nengo.Node | nengo.Ensemble):
            # what was added up, and, of decoded values, filtered in float32
            atol = 1e-6 if isinstance(probe.obj, nengo.Ensemble) else 1e-9
            np.testing.assert_allclose(found[probe], expected[probe], rtol=0, atol=atol)
        else:
            np.testing.assert_array_equal(found[probe], expected[probe])


# -- laws ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_every_spike_and_voltage_is_that_of_nengo_loihi(make):
    net, image = build(make)
    shown = images()
    with softlif.Emulator(net, minibatch_size=N_EXAMPLES, progress_bar=False) as sim:
        sim.run_steps(N_STEPS, {image: shown[:, None]})
    for i, values in enumerate(shown):
        expected = reference(net, image, values)
        assert_same(net, {p: sim.data[p][i] for p in net.all_probes}, expected)
    for layer in net.layers:
        assert sim.spike_counts(layer).sum() > 10, "else nothing was compared"
    assert len(sim.loihi_model.blocks) >= len(net.layers)


def test_spikes_are_not_all_alike():
    net, image = build(layers_on_several_cores)
    with softlif.Emulator(net, minibatch_size=N_EXAMPLES, progress_bar=False) as sim:
        sim.run_steps(N_STEPS, {image: images()[:, None]})
    assert len(sim.loihi_model.blocks) == 6 + 2 + 3
    for layer in net.layers:
        one, other, _ = sim.spike_counts(layer)
        assert not np.array_equal(one, other)
    top = next(p for p in net.all_probes if p.obj == net.layers[-1].neurons)
    fired = sim.data[top].sum(axis=1) * sim.dt
    np.testing.assert_allclose(fired, sim.spike_counts(net.layers[-1]))


@pytest.mark.parametrize("make", [layers_on_several_cores, recurrent, around_the_chip])
@pytest.mark.parametrize("parts", [[50], [1, 30, 19]])
def test_batches_and_pieces_of_time_do_not_matter(make, parts):
    net, image = build(make)
    shown = images(40)  # more steps than a chunk has
    with softlif.Emulator(net, minibatch_size=40, progress_bar=False) as sim:
        sim.run_steps(N_STEPS, {image: shown[:, None]})
    with softlif.Emulator(net, minibatch_size=2, progress_bar=False) as other:
        for _ in range(2):
            for n in parts:
                other.run_steps(n, {image: shown[7:9, None]})
            assert_same(net, other.data, {p: sim.data[p][7:9] for p in net.all_probes})
            for layer in net.layers:
                np.testing.assert_array_equal(
                    other.spike_counts(layer), sim.spike_counts(layer)[7:9]
                )
            other.reset()


def test_input_may_change_and_probes_may_be_cleared():
    net, image = build(convolution)
    film = np.random.RandomState(4).randn(2, 30, 72)
    with softlif.Emulator(net, minibatch_size=2, progress_bar=False) as sim:
        sim.run_steps(10, {image: film[:, :10]})
        sim.clear_probes()
        sim.run_steps(20, {image: film[:, 10:]})
    for i in range(2):
        expected = reference(
            net, image, lambda t, i=i: film[i, round(t / 0.001) - 1], 30
        )
        expected = {probe: seen[10:] for probe, seen in expected.items()}
        assert_same(net, {p: sim.data[p][i] for p in net.all_probes}, expected)


def test_one_example_looks_as_in_nengo():
    net, image = build(two_inputs_added)
    image.output = images(1)[0]
    with softlif.Emulator(net, progress_bar=False) as sim:
        sim.run(0.02)
    with nengo_loihi.Simulator(net, target="sim") as expected:
        expected.run(0.02)
    assert_same(net, sim.data, expected.data)
    assert sim.time == expected.time
    np.testing.assert_array_equal(sim.trange(), expected.trange())
    for layer in net.layers:
        np.testing.assert_array_equal(sim.data[layer].gain, expected.data[layer].gain)


def reference_without_rounding(net, image, values):
    """Spikes of nengo-loihi's emulator with the chip's numbers, made real ones."""
    image.output = values
    with nengo_loihi.Simulator(net, target="sim") as sim:
        for block in sim.model.blocks:
            compartment = block.compartment
            compartment.decay_u = np.float32((compartment.decay_u + 1) / 4096)
            compartment.decay_v = np.float32(compartment.decay_v / 4096)
            for name in ("bias", "vth"):
                setattr(compartment, name, np.float32(getattr(compartment, name)))
            for synapse in block.synapses:
                synapse.weights = [np.float32(w) for w in synapse.weights]
        emulator = nengo_loihi.emulator.EmulatorInterface(sim.model)
        sim.sims["emulator"] = sim._runner.emulator = emulator
        sim.run_steps(N_STEPS)
        assert emulator.compartment.dtype == np.float32
        return {probe: sim.data[probe] for probe in net.all_probes}


@pytest.mark.parametrize(
    "make", [layers_on_several_cores, two_inputs_added, recurrent, other_neurons]
)
def test_without_rounding_only_the_parameters_are_the_chips(make):
    net, image = build(make)
    shown = images()
    n_spikes = n_different = 0
    for rounding in (True, False):
        with softlif.Emulator(net, None, N_EXAMPLES, False, rounding) as sim:
            sim.run_steps(N_STEPS, {image: shown[:, None]})
            if rounding:
                rounded = {probe: sim.data[probe] for probe in net.all_probes}
    for i, values in enumerate(shown):
        expected = reference_without_rounding(net, image, values)
        for probe in net.all_probes:
            if probe.attr == "output" and probe.synapse is None:
                seen, theirs = sim.data[probe][i], expected[probe]
                n_spikes += np.count_nonzero(theirs)
                # theirs are in float32: few spikes come a step earlier or later
                n_different += np.count_nonzero(seen != theirs)
    assert n_different <= 0.01 * n_spikes
    voltage = next(probe for probe in net.all_probes if probe.attr == "voltage")
    assert np.any(rounded[voltage] != sim.data[voltage])


def overflowing(image):
    """So much input that what is added up has too many bits."""
    # what is not zero is a spike: one in each step
    first = on_host(image, 200, nengo.RectifiedLinear(), np.ones((200, 72)))
    weights = np.linspace(-1, 1, 20)[:, None] * np.ones((1, 200))
    return [connect(first, neurons(20), weights)]


def test_values_that_are_too_large_wrap_around_as_on_the_chip():
    net, image = build(overflowing)
    shown = 5 + images()
    with softlif.Emulator(net, minibatch_size=N_EXAMPLES, progress_bar=False) as sim:
        with pytest.warns(UserWarning, match="Overflow in .* of 3 examples"):
            sim.run_steps(N_STEPS, {image: shown[:, None]})
    for i, values in enumerate(shown):
        with pytest.warns(UserWarning, match="Overflow in"):
            expected = reference(net, image, values)
        assert_same(net, {p: sim.data[p][i] for p in net.all_probes}, expected)


def test_where_nengo_loihi_is_strict_too_large_values_are_errors(monkeypatch):
    monkeypatch.setattr(nengo_loihi.emulator.EmulatorInterface, "strict", True)
    net, image = build(overflowing)
    shown = 5 + images(1)
    with softlif.Emulator(net, minibatch_size=1, progress_bar=False) as sim:
        with pytest.raises(SimulationError, match="Overflow in"):
            sim.run_steps(N_STEPS, {image: shown[:, None]})
    with pytest.raises(SimulationError, match="Overflow in"):
        reference(net, image, shown[0])


# -- what cannot be emulated -----------------------------------------------------------


def learning(image):
    first = neurons(30)
    error = nengo.Node(size_in=1)
    output = nengo.Node(size_in=1)
    connection = nengo.Connection(first, output, learning_rule_type=nengo.PES())
    nengo.Connection(image[0], first)
    nengo.Connection(output, error)
    nengo.Connection(error, connection.learning_rule)
    return [first]


def chip_to_host_to_chip(image):
    first = neurons(30)
    between = nengo.Ensemble(
        30, 1, gain=np.ones(30), bias=np.zeros(30), label="between"
    )
    nengo.Network.context[-1].config[between].on_chip = False
    connect(first, between, np.eye(30))
    return [first, connect(between, neurons(30), np.eye(30))]


def slow_synapse(image):
    first = on_host(image, 30)
    return [connect(first, neurons(20), normal(20, 30), nengo.Alpha(0.005))]


def noisy(image):
    first = neurons(30)
    first.noise = nengo.processes.WhiteNoise()
    return [first]


def computing_node(image):
    first = neurons(30)
    node = nengo.Node(lambda t, x: x**2, size_in=30, label="square")
    nengo.Connection(first.neurons, node)
    return [first]


def diagonal(image):
    """Nengo-loihi gives wrong numbers, or ends in NumPy's error."""
    first = neurons(20)
    node = nengo.Node(size_in=20)
    nengo.Connection(first.neurons, node, transform=np.arange(20))
    nengo.Probe(node)
    return [first]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (diagonal, "a number of its own"),
        (learning, "learns while it runs"),
        (chip_to_host_to_chip, "leads to the chip again"),
        (slow_synapse, "cannot build <Connection .*non-Lowpass"),
        (noisy, "cannot build <Ensemble .*noise"),
        (computing_node, "square.* computes something"),
    ],
)
def test_what_cannot_be_emulated_is_named(make, message):
    net, _ = build(make)
    with pytest.raises(Unconvertible, match=message):
        softlif.Emulator(net)


def test_noise_on_the_chip_is_refused(monkeypatch):
    net, _ = build(decoded)
    model = nengo_loihi.builder.Model
    original = model.__init__

    def noisy(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.decode_neurons = nengo_loihi.decode_neurons.NoisyDecodeNeurons(10)

    monkeypatch.setattr(model, "__init__", noisy)
    with pytest.raises(Unconvertible, match="adds noise"):
        softlif.Emulator(net)


def test_what_does_not_fit_the_chip_is_refused_by_nengo_loihi():
    with nengo.Network() as net:
        first = neurons(5000)
        connect(first, neurons(3), np.ones((3, 5000)))
    with pytest.raises(BuildError, match=r"Input axons \(5000\) exceeded"):
        softlif.Emulator(net)
    with nengo.Network() as net:
        nengo.Node(0)
    with pytest.raises(BuildError, match="on-chip"):
        softlif.Emulator(net)


@pytest.mark.parametrize("make", [sparse, convolution, dense_without_synapse])
def test_damaged_weights_are_refused(make):
    net, _ = build(make)
    transform = net.all_connections[1].transform
    if make is sparse:
        broken = nengo.transforms.SparseMatrix([[0, 3]], [np.nan], transform.shape)
    else:
        broken = np.array(transform.sample(rng=np.random))
        broken.flat[3] = np.nan
    type(transform).init.data[transform] = broken
    with pytest.raises(ValidationError, match="damaged weights: the weights of <Conn"):
        softlif.Emulator(net)


@pytest.mark.parametrize("gain", [1e-9, 1e6])
@pytest.mark.parametrize("n", [20, 1500])
def test_numbers_that_the_chip_lacks_are_named(gain, n):
    with nengo.Network() as net:
        first = neurons(20)
        second = connect(first, neurons(n, gain=gain), normal(n, 20))
        second.label = "second"
    with pytest.raises(BuildError, match=r"cannot express <Ensemble .second.>"):
        softlif.Emulator(net)


def test_wrong_arguments_and_use():
    net, image = build(convolution)
    with pytest.raises(ValidationError, match="minibatch_size"):
        softlif.Emulator(net, minibatch_size=0)
    with softlif.Emulator(net, minibatch_size=2, progress_bar=False) as sim:
        with pytest.raises(ValidationError, match="expected an array of shape"):
            sim.run_steps(5, {image: np.zeros((3, 1, 72))})
        with pytest.raises(ValidationError, match="NaN"):
            sim.run_steps(5, {image: np.full((2, 1, 72), np.nan)})
    with pytest.raises(SimulatorClosed):
        sim.run_steps(1)
