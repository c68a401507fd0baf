"""Training for Loihi: forward as the chip, backward as soft LIF neurons."""

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    AveragePool,
    Dropout,
    GaussianNoise,
    LoihiTarget,
    LowpassNoise,
    Model,
    SoftLIFRate,
    Stack,
    fit,
    networks,
)
from nengo_softlif.compat import nengo_dl, nengo_loihi
from nengo_softlif.loihi.behaviour import ChipBehaviour
from nengo_softlif.loihi.rates import lif, loihi_lif, loihi_relu_rates
from nengo_softlif.loihi.training import CHIP_NOISE, chip_noise
from nengo_softlif.training.keras_model import LayeredNetwork

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from references import assert_same_arrays
from sample_data import few

LoihiLIF = nengo_loihi.neurons.LoihiLIF


def connect(pre, post, transform=None):
    return nengo.Connection(pre, post, transform=transform, synapse=None)


def normal(*shape, scale=1.0):
    return np.random.default_rng(shape).normal(size=shape) * scale


# -- rates and slopes ------------------------------------------------------------------


@pytest.mark.parametrize("tau_rc", [0.02, 0.0137, 0.3, 0.004])
@pytest.mark.parametrize("tau_ref", [0.002, 0.0, 0.0034, 0.0006])
def test_rates_are_loihi_s_and_slopes_those_of_the_soft_curve(tau_rc, tau_ref):
    J = np.concatenate([np.linspace(-1, 4, 1001), [-1e6, 1 + 1e-12, 50, 1e3, 1e6]])
    soft = SoftLIFRate(0.05, tau_rc, tau_ref)
    slope = soft.derivative(J, [1.0], [0.0])[:, 0]
    chip = LoihiLIF(tau_rc=tau_rc, tau_ref=tau_ref)
    host = nengo.LIFRate(tau_rc=tau_rc, tau_ref=tau_ref)
    j = tf.constant(J - 1)
    parameters = [tf.constant(p, tf.float64) for p in (0.05, tau_rc, tau_ref)]
    for curve, neurons in ((loihi_lif(tau_rc, tau_ref), chip), (lif, host)):
        rates, slopes = curve(j, *parameters)
        expected = neurons.rates(J[:, np.newaxis], [1.0], [0.0])[:, 0]
        np.testing.assert_allclose(rates, expected, rtol=1e-12)
        np.testing.assert_allclose(slopes, slope, rtol=1e-9)


def test_rates_of_rectified_linear_neurons_are_loihi_s():
    J = np.linspace(-100, 3000, 1000)
    neurons = nengo_loihi.neurons.LoihiSpikingRectifiedLinear()
    expected = neurons.rates(J[:, np.newaxis], [1.0], [0.0])[:, 0]
    np.testing.assert_allclose(loihi_relu_rates(tf.constant(J)), expected, rtol=1e-12)


def test_curves_are_shared():
    """So is what XLA makes of them."""
    assert loihi_lif(0.02, 0.002) is loihi_lif(0.02, 0.002)


# -- networks --------------------------------------------------------------------------


def layers(noises=(None, None, None)):
    """From the image to the host, and on to two layers on the chip."""
    first, second, third = (
        SoftLIFRate(0.02, tau_rc, 0.002, amplitude, noise)
        for tau_rc, amplitude, noise in zip(
            (0.02, 0.022, 0.015), (0.03, 0.02, 0.05), noises, strict=True
        )
    )
    image = nengo.Node(np.zeros(5))
    host, middle, top = (
        nengo.Ensemble(
            n, 1, neuron_type=t, gain=np.full(n, gain), bias=np.linspace(0.8, 2, n)
        )
        for n, t, gain in ((32, first, 1.0), (18, second, 0.7), (7, third, 1.2))
    )
    pooled, out = nengo.Node(size_in=8), nengo.Node(size_in=3)
    connect(image, host.neurons, normal(32, 5))
    connect(host.neurons, pooled, AveragePool((4, 4, 2), 2))
    connect(pooled, middle.neurons, normal(18, 8))
    connect(nengo.Node([0.5]), middle.neurons, normal(18, 1))
    connect(middle.neurons, top.neurons, normal(7, 18))
    connect(top.neurons, out, normal(3, 7))
    return image, nengo.Probe(out), (host, middle, top)


def lowered(target=None, n_examples=6, dtype="float64", biases=False, **kwargs):
    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(trainable=None)
        net.config[nengo.Ensemble].trainable = biases
        image, answer, ensembles = layers(**kwargs)
    target = target or LoihiTarget()
    made = LayeredNetwork(net, image, answer, n_examples, 0, dtype, target=target)
    return made, net, ensembles


def chip_weights(layered, net):
    """Weights as NengoLoihi would have them, by `test_chip_weights`."""
    applied = layered.hooks.apply_weights(layered.weights.variables)
    return [applied[c].numpy() for c in net.all_connections if c in applied]


def reference(x, net, ensembles, weights):
    """Currents and rates of the three layers, and the answer, in NumPy."""
    host, middle, top = ensembles
    first, second, constant, third, last = weights
    J_host = x @ first.T + host.bias
    rates = nengo.LIFRate(
        host.neuron_type.tau_rc, 0.002, amplitude=host.neuron_type.amplitude
    ).rates(J_host, np.ones(32), np.zeros(32))
    pooled = rates.reshape(-1, 2, 2, 2, 2, 2).mean(axis=(2, 4)).reshape(-1, 8)
    currents, found = [J_host], [rates]
    value = pooled @ second.T + 0.5 * constant[:, 0]
    for ensemble, after in ((middle, third), (top, last)):
        neurons = ensemble.neuron_type
        chip = LoihiLIF(neurons.tau_rc, 0.002, amplitude=neurons.amplitude)
        J = ensemble.gain * value + ensemble.bias
        rates = chip.rates(J, np.ones(J.shape[1]), np.zeros(J.shape[1]))
        currents.append(J)
        found.append(rates)
        value = rates @ after.T
    return currents, found, pooled, value


def test_the_network_behaves_as_the_chip():
    layered, net, ensembles = lowered()
    x = normal(6, 5)
    weights = chip_weights(layered, net)
    floats = [c.transform.init for c in net.all_connections if c.has_weights]
    del floats[1]  # the pool
    changed = [not np.allclose(w, f) for w, f in zip(weights, floats, strict=True)]
    assert changed == [False, True, False, True, False]
    _, rates, _, expected = reference(x, net, ensembles, weights)
    assert all(len(np.unique(r)) > 5 for r in rates)
    out = layered.keras_model(tf.constant(x))
    np.testing.assert_allclose(out, expected, rtol=1e-10)


@pytest.mark.parametrize("biases", [False, True])
def test_gradients_are_those_of_soft_neurons(biases):
    """By the chain rule, at the rates and through the weights of the chip."""
    layered, net, ensembles = lowered(LoihiTarget(rate_weight=0), biases=biases)
    x, upstream = normal(6, 5), normal(6, 3)
    weights = chip_weights(layered, net)
    currents, rates, pooled, _ = reference(x, net, ensembles, weights)
    slopes = [
        e.neuron_type.derivative(J, np.ones(J.shape[1]), np.zeros(J.shape[1])) * e.gain
        for e, J in zip(ensembles, currents, strict=True)
    ]
    at_top = (upstream @ weights[4]) * slopes[2]
    at_middle = (at_top @ weights[3]) * slopes[1]
    at_host = np.repeat(
        np.repeat((at_middle @ weights[1]).reshape(6, 2, 2, 2) / 4, 2, axis=1), 2, 2
    )
    at_host = at_host.reshape(6, 32) * slopes[0]
    expected = [
        at_host.T @ x,
        at_middle.T @ pooled,
        0.5 * at_middle.sum(axis=0)[:, np.newaxis],
        at_top.T @ rates[1],
        upstream.T @ rates[2],
    ]
    if biases:
        currents = zip(ensembles, (at_host, at_middle, at_top), strict=True)
        expected += [(at / e.gain).sum(axis=0) for e, at in currents]
    with tf.GradientTape() as tape:
        out = layered.keras_model(tf.constant(x), training=False)
    gradients = tape.gradient(out, layered.trained, output_gradients=upstream)
    for gradient, by_hand in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("batch_last", [False, True])
def test_the_penalty_is_of_the_highest_rates(monkeypatch, batch_last):
    monkeypatch.setattr(ChipBehaviour, "highest", 0.1)
    monkeypatch.setattr(ChipBehaviour, "n_rates", 18 * 4)  # of the first examples
    layered, _, ensembles = lowered(LoihiTarget(40.0))
    middle = next(
        la for la in layered.feed_forward.layers if la.obj == ensembles[1].neurons
    )
    x = normal(6, 18)
    given = tf.constant(x.T if batch_last else x)
    penalty = layered.hooks.measure_excess(
        layered.neurons.responses[middle], given, batch_last
    )
    rates = (
        ensembles[1].neuron_type.rates(x, np.full(18, 0.7), ensembles[1].bias)
        / ensembles[1].neuron_type.amplitude
    )
    highest = np.sort(rates[:4].ravel())[-8:]  # of 72
    expected = np.mean(np.maximum(highest / 40 - 1, 0) ** 2)
    assert expected > 0.1
    assert float(penalty) == pytest.approx(expected, rel=1e-9)


def test_the_penalty_is_part_of_the_loss_in_training_only():
    seen = []
    for weight in (0.0, 2.0, 4.0):
        layered, *_ = lowered(LoihiTarget(10.0, weight))
        x = tf.constant(normal(6, 5))
        layered.keras_model(x, training=True)
        seen.append(sum(float(loss) for loss in layered.keras_model.losses))
        layered.keras_model(x)
        assert layered.keras_model.losses == []
    assert seen[0] == 0
    assert seen[2] == pytest.approx(2 * seen[1])
    assert seen[1] > 0.1


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (None, CHIP_NOISE),
        (GaussianNoise(10), CHIP_NOISE),
        (AlphaNoise(0.003), LowpassNoise(0.006)),
        (LowpassNoise(0.007), LowpassNoise(0.007)),
        (AlphaRCNoise(0.003), AlphaRCNoise(0.003)),
        (Dropout(0.5), Dropout(0.5, CHIP_NOISE)),
        (Dropout(0.5, AlphaNoise()), Dropout(0.5, LowpassNoise(0.01))),
    ],
    ids=repr,
)
def test_noise_is_that_of_the_synapse_on_the_chip(noise, expected):
    assert chip_noise(noise) == expected
    layered, net, ensembles = lowered(noises=(noise,) * 3)
    found = {
        layer.obj.ensemble: response.neuron_type.noise
        for layer, response in layered.neurons.responses.items()
    }
    # the last leads to the readout alone, through a synapse of the host
    assert [found[e] for e in ensembles] == [expected, expected, noise]
    assert all(e.neuron_type.noise == noise for e in net.all_ensembles)


def test_sums_and_constants_do_not_keep_a_layer_off_the_chip():
    with nengo.Network(seed=0) as net:
        stack = Stack((4, 4, 1), SoftLIFRate(amplitude=0.05))
        image = stack.input
        neurons = [stack.convolution(2) for _ in range(2)]
        both, out = nengo.Node(size_in=32), nengo.Node(size_in=2)
        mixed, top = (
            nengo.Ensemble(
                32, 1, neuron_type=SoftLIFRate(), gain=np.ones(32), bias=np.ones(32)
            )
            for _ in range(2)
        )
        for layer in neurons:
            connect(layer.neurons, both, normal(32, 32))
        connect(both, top.neurons)
        connect(neurons[0].neurons, mixed.neurons, normal(32, 32))
        connect(image, mixed.neurons, normal(32, 16))  # so it is on the host
        for layer in (top, mixed):
            connect(layer.neurons, out, normal(2, 32))
        answer = nengo.Probe(out)
    layered = LayeredNetwork(net, image, answer, 2, 0, target=LoihiTarget())
    on_chip = {layer.obj for layer in layered.hooks.on_chip}
    assert on_chip == {neurons[1].neurons, top.neurons}


# -- fit -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(data):
    return few(data, 640, 200)


@pytest.fixture(scope="module")
def trained(data):
    model = networks.small()
    fit(model, data, epochs=10, batch_size=32, learning_rate=3e-3, progress_bar=False)
    return model


def highest_rates(model, data):
    """99.9th percentile of each layer's rates in Hz, and the error in percent."""
    layered = LayeredNetwork(
        model.network, model.input, model.output, 200, 0, target=LoihiTarget()
    )
    seen = {}
    for layer, response in layered.neurons.responses.items():

        def watch(x, step=None, batch_last=False, layer=layer, response=response):
            flat = x.numpy().reshape(len(x), -1)
            neurons = layer.neuron_type
            gain, bias = np.broadcast_arrays(response.gain, response.bias, flat[0])[:2]
            rates = neurons.rates(flat, gain, bias)
            seen[layer] = np.percentile(rates, 99.9) / neurons.amplitude
            return response(x, step, batch_last)

        layered.neurons.responses[layer] = watch
    x = model.preprocessing.test(data.x_test).astype(np.float32)
    answers = layered.keras_model(x).numpy()
    error = 100 * np.mean(answers.argmax(axis=1) != data.y_test)
    return [seen[layer] for layer in layered.hooks.on_chip], error


def test_a_tuned_model_keeps_its_error_and_fires_less(trained, data):
    before, error = highest_rates(trained, data)
    assert max(before) > 170
    model = trained.copy()
    history = fit(
        model,
        data,
        epochs=8,
        batch_size=32,
        learning_rate=2e-3,
        target="loihi",
        progress_bar=False,
    )
    after, tuned_error = highest_rates(model, data)
    assert np.all(np.array(after) < 0.9 * np.array(before))
    assert tuned_error <= error + 1.5
    assert history["loss"][-1] < history["loss"][0]
    # what comes out is an ordinary rate model, with its own noise
    for ours, theirs in zip(
        model.network.all_ensembles, trained.network.all_ensembles, strict=True
    ):
        assert ours.neuron_type == theirs.neuron_type


def test_resume_is_equal_to_the_last_bit(trained, data, tmp_path):
    class Stop(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    settings = {"epochs": 2, "batch_size": 64, "progress_bar": False}
    straight, resumed = trained.copy(), trained.copy()
    history = fit(straight, data, target="loihi", **settings)
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(
            resumed,
            data,
            target="loihi",
            checkpoint=path,
            callbacks=[Stop()],
            **settings,
        )
    for other in (None, LoihiTarget(max_rate=100), LoihiTarget(rate_weight=0)):
        with pytest.raises(ValidationError, match=r"other settings \(target\)"):
            fit(resumed, data, target=other, checkpoint=path, **settings)
    again = fit(resumed, data, target=LoihiTarget(), checkpoint=path, **settings)
    assert again == history
    assert_same_arrays(straight, resumed)


def sparse_model():
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), SoftLIFRate(amplitude=0.05))
        hidden = stack.dense(40)
        output = stack.readout(10)
        each = np.stack([np.arange(40) % 10, np.arange(40)], axis=1)
        transform = nengo.Sparse((10, 40), indices=each, init=np.zeros(40))
        connect(hidden.neurons, output.obj, transform)
    return Model(net, stack.input, output)


def one_layer():
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), SoftLIFRate(amplitude=0.05))
        stack.dense(40)
        output = stack.readout(10)
    return Model(net, stack.input, output)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (networks.small, {"target": "chip"}, "target.*expected 'loihi'"),
        (networks.small, {"target": 125.0}, "target.*expected 'loihi'"),
        (networks.small, {"target": LoihiTarget}, "target.*expected 'loihi'"),
        (
            networks.small,
            {"target": "loihi", "batch_norm": True},
            "batch_norm.*train with it first",
        ),
        (sparse_model, {"target": "loihi"}, "target.*Connection.* is sparse"),
        (one_layer, {"target": "loihi"}, "target.*no layer is left for the chip"),
    ],
)
def test_what_cannot_be_trained_for_the_chip_is_refused(data, make, settings, message):
    with pytest.raises(ValidationError, match=message):
        fit(make(), data, progress_bar=False, **settings)


@pytest.mark.parametrize(
    "settings", [{"max_rate": 0}, {"max_rate": "high"}, {"rate_weight": -1}], ids=repr
)
def test_settings_of_the_target(settings):
    with pytest.raises(ValidationError, match=next(iter(settings))):
        LoihiTarget(**settings)
