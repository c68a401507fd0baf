"""`nengo_softlif.Stack` computes what its layers say."""

import nengo_softlif as softlif
from nengo_softlif import (
    AlphaNoise,
    AveragePool,
    Dropout,
    LocallyConnected,
    SoftLIFRate,
    Stack,
)
from nengo_softlif.compat import nengo_dl

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from references import arrays_of
from sample_networks import shaken


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
    arrays = arrays_of(shaken(net, rng, 0.25))
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
    weights = arrays_of(net)["connections/0/weights"]
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
        ({"variance": 0}, "variance: expected a positive number, got 0"),
        ({"variance": np.inf}, "variance: expected a positive number, got inf"),
    ],
)
def test_stacks_that_cannot_be(settings, match):
    with nengo.Network(), pytest.raises(ValidationError, match=match):
        Stack(**{"image_shape": (4, 4, 1), **settings})


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


# -- without biases, neurons without weights, shortcuts --------------------------------


def test_without_biases_neurons_get_their_weighted_input(rng):
    with nengo.Network(seed=0) as net:
        stack = Stack((4, 4, 2), nengo.RectifiedLinear(), biases=False)
        stack.convolution(3)
        stack.local(2)
        stack.dense(5)
        answer = stack.readout(2, synapse=0.01)
    assert all(np.all(e.bias == 0) for e in net.all_ensembles)
    assert [n.label for n in net.all_nodes] == ["image", "readout"]
    assert len(net.all_connections) == 4
    assert answer.synapse == nengo.Lowpass(0.01)
    stack.input.output = rng.normal(size=32)
    with net:
        probe = nengo.Probe(answer.obj)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
        first = sim.data[probe][0]
    # what has no threshold but zero grows with its input
    stack.input.output = 3 * stack.input.output
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
    assert np.any(first != 0)
    np.testing.assert_allclose(sim.data[probe][0], 3 * first, rtol=1e-10)


def test_neurons_without_weights(rng):
    """They fire at what is below, and may have another gain than other layers."""
    soft = SoftLIFRate(0.1, amplitude=0.1)
    with nengo.Network() as net:
        stack = Stack((4, 4, 2), soft, gain=2.0)
        encoder = stack.neurons(nengo.RectifiedLinear(), label="encoder")
        stack.average_pool(2)
        stack.gain = 0.5
        pooled = stack.neurons()
        probes = [nengo.Probe(e.neurons) for e in (encoder, pooled)]
    assert [e.label for e in net.all_ensembles] == ["encoder", "pool0 neurons"]
    assert (stack.shape, pooled.n_neurons) == ((2, 2, 2), 8)
    assert [net.config[e].trainable for e in net.all_ensembles] == [False, False]
    image = stack.input.output = rng.normal(size=32)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
    encoded, fired = (sim.data[probe][0] for probe in probes)
    np.testing.assert_allclose(encoded, np.maximum(2 * image + 1, 0), rtol=1e-12)
    means = encoded.reshape(2, 2, 2, 2, 2).mean(axis=(1, 3)).ravel()
    expected = soft.rates(0.5 * means + 1, [1], [0])[:, 0]
    np.testing.assert_allclose(fired, expected, rtol=1e-10)


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("strides", [1, 2, (2, 1)])
@pytest.mark.parametrize("above", ["convolution", "local"])
def test_shortcuts_are_added_to_the_input_of_neurons(weights, strides, above, rng):
    n_filters = 4 if weights else 3
    with nengo.Network(seed=1) as net:
        stack = Stack((5, 4, 2), nengo.RectifiedLinear(), biases=False)
        start = stack.convolution(3)
        stack.convolution(6)
        end = getattr(stack, above)(n_filters, strides=strides)
        probes = [nengo.Probe(start.neurons), nengo.Probe(end.neurons, "input")]
        stack.input.output = rng.normal(size=40)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
    image, before = (sim.data[probe][0] for probe in probes)
    with net:
        connection = stack.shortcut(start, strides, weights)
    assert stack.shape[2] == n_filters
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
        weights_of = sim.data[connection].weights
    rows, columns = (strides, strides) if isinstance(strides, int) else strides
    past = image.reshape(5, 4, 3)[::rows, ::columns]
    if weights:
        past = past @ weights_of[0, 0]
        assert weights_of.std() == pytest.approx(np.sqrt(2 / 3), rel=0.6)
    np.testing.assert_allclose(
        sim.data[probes[1]][0] - before, past.ravel(), rtol=1e-9, atol=1e-12
    )


def test_shortcuts_start_from_any_layer():
    with nengo.Network() as net:
        stack = Stack((4, 4, 3))
        pool = stack.average_pool(2)
        stack.convolution(3)
        stack.shortcut(pool, weights=False)
        stack.shortcut(stack.input, strides=2, std=0.25)
    assert len(net.all_connections) == 1 + 2 + 2


@pytest.mark.parametrize("variance", [1.0, 2, 0.5])
def test_initial_weights_have_the_variance_that_is_asked_for(variance):
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 10), variance=variance, biases=False)
        start = stack.convolution(40)
        stack.convolution(50)
        stack.shortcut(start)
        stack.dense(20)
        stack.readout(40, std=None)
    stds = [a.std() for n, a in arrays_of(net).items() if n.endswith("weights")]
    fan_ins = [90, 360, 40, 3200, 20]
    assert stds == pytest.approx(np.sqrt(variance / np.array(fan_ins)), rel=0.1)


def test_neurons_in_spikes_take_dropout():
    neurons = softlif.IntegrateAndFire(0.05, 2)
    with nengo.Network():
        stack = Stack((4, 4, 1), neurons, biases=False)
        dropped = stack.dense(3, dropout=0.25).neuron_type
    assert dropped == softlif.IntegrateAndFire(0.05, 2, Dropout(0.25))
    assert neurons.noise is None


def test_shortcuts_that_cannot_be():
    with nengo.Network():
        stack, other = Stack((4, 4, 2)), Stack((4, 4, 2))
        start, foreign = stack.input, other.convolution(2)
        with pytest.raises(ValidationError, match="start: expected a layer of this"):
            stack.shortcut(start)  # there is nothing above
        top = stack.convolution(3)
        for bad in (top, foreign, None, 3, [], np.ones(3), nengo.Node(np.zeros(32))):
            with pytest.raises(ValidationError, match="start: expected a layer of th"):
                stack.shortcut(bad)
        for strides, weights in ((2, True), (1, False), (2, False)):
            with pytest.raises(ValidationError, match=r"strides: a shortcut of .* 3\)"):
                stack.shortcut(start, strides, weights)
        with pytest.raises(ValidationError, match=r"strides: expected .* got 0"):
            stack.shortcut(start, 0)
        with pytest.raises(ValidationError, match=r"std: expected .* got -1"):
            stack.shortcut(start, std=-1)
        stack.average_pool(2)
        with pytest.raises(ValidationError, match="start: expected a layer of this"):
            stack.shortcut(start)
        hidden = stack.dense(5)
        stack.dense(6)
        with pytest.raises(ValidationError, match="needs an image"):
            stack.shortcut(hidden)
        with pytest.raises(ValidationError, match=r"a shortcut of \(4, 4, 6\)"):
            stack.shortcut(start)


def test_dropout_needs_neurons_with_noise():
    with nengo.Network():
        stack = Stack((4, 4, 1), nengo.LIFRate())
        stack.dense(4)
        with pytest.raises(ValidationError, match="dropout is noise, which LIFRate"):
            stack.dense(4, dropout=0.5)


def test_convolutions_of_signals_are_along_their_steps(rng):
    """Against NumPy's correlations."""
    with nengo.Network(seed=0) as net:
        stack = Stack((20, 3), SoftLIFRate(), signals=True)
        conv = stack.convolution(4, kernel_size=5, strides=2)
        pool = stack.average_pool(2)
        assert stack.shape == (1, 5, 4)
        probe, pooled = nengo.Probe(conv.neurons), nengo.Probe(pool)
    x = rng.normal(size=(20, 3))
    stack.input.output = x.ravel()
    (weights,) = [c for c in net.connections if c.pre_obj is stack.input]
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
        kernel = sim.data[weights].weights[0]  # (steps, channels, filters)
    padded = np.pad(x, [(1, 2), (0, 0)])
    channels = [
        [np.correlate(padded[:, c], kernel[:, c, f], "valid") for c in range(3)]
        for f in range(4)
    ]
    currents = np.sum(channels, axis=1).T[::2] + 1
    rates = SoftLIFRate().rates(currents.ravel(), [1], [0])[:, 0]
    np.testing.assert_allclose(sim.data[probe][0], rates)
    means = rates.reshape(5, 2, 4).mean(axis=1)
    np.testing.assert_allclose(sim.data[pooled][0], means.ravel())


def test_a_table_has_one_pixel():
    with nengo.Network():
        assert Stack((8,)).shape == (1, 1, 8)


@pytest.mark.parametrize("shape", [(2, 20, 3), (20,), 20, (20, 0)])
def test_no_signals(shape):
    with nengo.Network(), pytest.raises(ValidationError, match="image_shape"):
        Stack(shape, signals=True)
