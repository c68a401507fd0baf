"""Weights are rounded as NengoLoihi's discretiser rounds them."""

from nengo_softlif import AveragePool, SoftLIFRate
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.loihi.training import LoihiTarget
from nengo_softlif.training.keras_model import LayeredNetwork

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError

AMPLITUDES = [0.02, 0.05]


def normal(*shape, scale=0.3):
    return np.random.default_rng(shape).normal(size=shape) * scale


def dense(scale=1.0, bias=1.0, gain=1.0):
    return [(0, normal(12, 16, scale=scale))], np.full(12, bias), gain * np.ones(12)


def convolution(scale=1.0, bias=1.0, gain=0.7):
    kernel = nengo.Convolution(
        3, (4, 4, 1), padding="same", init=normal(3, 3, 1, 3, scale=scale)
    )
    return [(0, kernel)], np.full(48, bias), np.full(48, gain)


def gains():
    return [(0, normal(12, 16))], np.ones(12), np.linspace(0.5, 3, 12)


def two(ratio):
    weights = [(0, normal(12, 16)), (1, normal(12, 9, scale=0.3 * ratio))]
    return weights, np.ones(12), np.ones(12)


CASES = {
    "dense": dense,
    "convolution": convolution,
    "gains": gains,
    # thresholds, or biases, that take bits from the weights
    **{f"weights x {s:g}": lambda s=s: dense(s) for s in (0.03, 0.01, 3e-3, 1e-3)},
    **{f"bias {b:g}": lambda b=b: dense(0.02, b) for b in (2.5, 5.0, -20.0)},
    # two synapses, of which the second may use a finer scale
    **{f"ratio {r:g}": lambda r=r: two(r) for r in (1.0, 0.4, 0.1, 0.03, 3.0)},
    "small and finer": lambda: two(0.2),
}


def networks(function):
    """The same network to train, and as NengoLoihi takes it; the layer on the chip."""
    weights, bias, gain = function()
    for chip in (False, True):
        with nengo.Network(seed=0) as net:
            if chip:
                nengo_loihi.add_params(net)
            image = nengo.Node(np.zeros(4))
            hosts = []
            for amplitude, n in zip(AMPLITUDES, (16, 9), strict=True):
                soft, lif = (
                    cls(tau_rc=0.02, tau_ref=0.002, amplitude=amplitude)
                    for cls in (SoftLIFRate, nengo.LIF)
                )
                host = nengo.Ensemble(
                    n,
                    1,
                    neuron_type=lif if chip else soft,
                    gain=np.ones(n),
                    bias=np.ones(n),
                )
                if chip:
                    net.config[host].on_chip = False
                    host.neuron_type = nengo.LIF(
                        amplitude=amplitude,
                        initial_state={"voltage": nengo.dists.Choice([0])},
                    )
                nengo.Connection(
                    image, host.neurons, transform=normal(n, 4), synapse=None
                )
                hosts.append(host)
            layer = nengo.Ensemble(
                len(bias),
                1,
                neuron_type=nengo_loihi.LoihiLIF(tau_rc=0.022, amplitude=0.03)
                if chip
                else SoftLIFRate(0.02, 0.022, 0.002, 0.03),
                gain=gain,
                bias=bias if chip else np.ones(len(bias)),
            )
            connections = [
                nengo.Connection(
                    hosts[source].neurons,
                    layer.neurons,
                    transform=transform,
                    synapse=nengo.Lowpass(0.01) if chip else None,
                )
                for source, transform in weights
            ]
            if not chip:  # part of the bias comes from a constant
                nengo.Connection(
                    nengo.Node([2.0]),
                    layer.neurons,
                    transform=((bias - 1) / gain / 2)[:, np.newaxis],
                    synapse=None,
                )
            out = nengo.Node(size_in=2)
            nengo.Connection(
                layer.neurons,
                out,
                transform=normal(2, len(bias)),
                synapse=nengo.Lowpass(0.01) if chip else None,
            )
            answer = nengo.Probe(out)
        yield net, image, answer, layer, connections


def rounded_by_nengo_loihi(net, layer, connections):
    """Weights in units of the threshold for one spike, (in, out)."""
    with nengo_loihi.Simulator(net, target="sim", progress_bar=False) as sim:
        (block,) = sim.model.objs[layer]["in"]
        info = block.discretize_info
        scale = info["w_scale"] * 2.0 ** (6 + info["w_exp"])
        scale = np.broadcast_to(scale, layer.n_neurons)
        found = []
        for synapse in block.synapses:
            matrix = np.zeros((synapse.n_axons, layer.n_neurons))
            for axon in range(synapse.n_axons):
                weights, targets = synapse.axon_weights_indices(axon)
                matrix[axon, targets + synapse.axon_compartment_base(axon)] = weights
            found.append(matrix / scale)
    return found


def test_neurons_without_gain():
    net, image, answer, layer, (connection,) = next(networks(dense))
    layer.gain = np.repeat([0.0, 0.7], [3, 9])
    layered = LayeredNetwork(net, image, answer, 2, 0, target=LoihiTarget())
    weights = layered.weights.variables
    rounded = layered.hooks.roundings[0](weights)[connection].numpy()
    assert np.all(rounded[:3] == 0)
    np.testing.assert_allclose(rounded[3:], weights[connection][3:], atol=0.02)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:Lost .* extra bits")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_weights_are_those_of_the_discretiser(name):
    training, loihi = networks(CASES[name])
    net, image, answer, _, connections = training
    layered = LayeredNetwork(
        net, image, answer, 2, 0, "float64", target=LoihiTarget(), batch_norm=False
    )
    (rounding,) = layered.hooks.roundings
    factors = rounding.factors
    weights = {c: layered.weights.variables[c] for c in connections}
    rounded = rounding(layered.weights.variables)
    assert rounded.keys() == weights.keys()

    expected = rounded_by_nengo_loihi(loihi[0], loihi[3], loihi[4])
    for connection, found in zip(connections, expected, strict=True):
        ours, exact = (
            w[connection].numpy() * factors[connection] for w in (rounded, weights)
        )
        assert not np.allclose(ours, exact, rtol=1e-4)
        if isinstance(connection.transform, nengo.Convolution):
            # which weight lies where is NengoLoihi's; here all differ
            ours = np.unique(np.round(ours[ours != 0], 6))
            found = np.unique(np.round(found[found != 0], 6))
        np.testing.assert_allclose(ours, found.T, rtol=1e-5, atol=1e-7)


def test_gradients_pass():
    (net, image, answer, _, connections), _ = networks(dense)
    layered = LayeredNetwork(net, image, answer, 2, 0, target=LoihiTarget())
    (rounding,) = layered.hooks.roundings
    (connection,) = connections
    weights = tf.Variable(layered.weights.variables[connection])
    upstream = normal(*weights.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        rounded = rounding({connection: weights})[connection]
    gradient = tape.gradient(rounded, weights, output_gradients=upstream)
    np.testing.assert_array_equal(gradient, upstream)


# -- what does not become one weight on the chip ---------------------------------------


def connect(pre, post, transform=None):
    return nengo.Connection(pre, post, transform=transform, synapse=None)


def in_a_row(first, second, out):
    between = nengo.Node(size_in=5)
    connect(first, between, normal(5, 16))
    connect(between, second, normal(16, 5))


def different_gains(first, second, out):
    second.ensemble.gain = np.linspace(1, 2, 16)
    connect(first, second, nengo.Convolution(1, (4, 4, 1), padding="same"))


def to_two_layers(first, second, out):
    shared = nengo.Node(size_in=16)
    third = nengo.Ensemble(
        16, 1, neuron_type=SoftLIFRate(), gain=np.ones(16), bias=np.ones(16)
    )
    connect(first, shared, normal(16, 16))
    connect(shared, second)
    connect(shared, third.neurons)
    connect(third.neurons, out, normal(3, 16))


def pooled_only(first, second, out):
    """No weights that train: nothing to round."""
    connect(first, second, AveragePool((4, 4, 1), (2, 1), strides=1, padding="same"))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (in_a_row, "lie several weights"),
        (different_gains, "have different gains"),
        (to_two_layers, "lead to several layers"),
        (pooled_only, None),
    ],
)
def test_what_the_chip_cannot_have_is_named(function, message):
    with nengo.Network(seed=0) as net:
        image, out = nengo.Node(np.zeros(4)), nengo.Node(size_in=3)
        first, second = (
            nengo.Ensemble(
                16, 1, neuron_type=SoftLIFRate(), gain=np.ones(16), bias=np.ones(16)
            )
            for _ in range(2)
        )
        connect(image, first.neurons, normal(16, 4))
        function(first.neurons, second.neurons, out)
        connect(second.neurons, out, normal(3, 16))
        answer = nengo.Probe(out)

    def make():
        return LayeredNetwork(net, image, answer, 2, 0, target=LoihiTarget())

    if message is None:
        layered = make()
        assert len(layered.keras_model(np.zeros((2, 4), np.float32))) == 2
    else:
        with pytest.raises(ValidationError, match=f"target.*{message}"):
            make()
