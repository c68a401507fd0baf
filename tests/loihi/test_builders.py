"""NengoLoihi's neurons in NengoDL, without nengo-extras."""

import subprocess
import sys
import textwrap

from nengo_softlif import SoftLIFRate
from nengo_softlif.compat import nengo_dl, nengo_loihi

import nengo
import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import BuildError

LoihiLIF = nengo_loihi.neurons.LoihiLIF
LoihiReLU = nengo_loihi.neurons.LoihiSpikingRectifiedLinear

LIF = [
    LoihiLIF(),
    LoihiLIF(tau_rc=0.013, tau_ref=0.0034, amplitude=0.5),
    LoihiLIF(tau_rc=0.05, tau_ref=0, min_voltage=-0.5),
    LoihiLIF(tau_rc=0.003, tau_ref=0.0006, min_voltage=-np.inf, amplitude=3),
]
RELU = [LoihiReLU(), LoihiReLU(amplitude=0.25)]
CURRENTS = {LoihiLIF: np.linspace(-0.5, 8, 200), LoihiReLU: np.linspace(-99, 2e3, 200)}


def parallel(neuron_types, **settings):
    """Ensembles side by side, with their currents from a node."""
    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(dtype="float64", stateful=False, **settings)
        one = nengo.Node([1.0])
        connections, probes = [], []
        for neuron_type in neuron_types:
            J = CURRENTS[type(neuron_type)]
            ensemble = nengo.Ensemble(
                J.size,
                1,
                neuron_type=neuron_type,
                gain=np.ones(J.size),
                bias=np.zeros(J.size),
            )
            connections.append(
                nengo.Connection(
                    one, ensemble.neurons, transform=J[:, np.newaxis], synapse=None
                )
            )
            probes.append(nengo.Probe(ensemble.neurons))
    return net, one, connections, probes


def test_they_spike_as_in_nengo():
    net, _, _, probes = parallel(LIF + RELU)
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(100)
    with nengo_dl.Simulator(net, minibatch_size=2, progress_bar=False) as dl_sim:
        dl_sim.run_steps(100)
    for probe in probes:
        spikes = sim.data[probe]
        assert 500 < np.count_nonzero(spikes) < 0.8 * spikes.size
        for example in dl_sim.data[probe]:
            np.testing.assert_allclose(example, spikes)


@pytest.mark.parametrize("neuron_types", [LIF, RELU], ids=["LIF", "ReLU"])
def test_they_train_at_the_rates_of_whole_intervals(neuron_types):
    """One step of plain gradient descent on the sum of all rates tells the slope."""
    net, one, connections, probes = parallel(neuron_types, learning_phase=True)
    with nengo_dl.Simulator(net, progress_bar=False) as sim:
        rates = sim.predict(n_steps=1, verbose=0)
        sim.compile(
            tf.optimizers.SGD(1.0),
            loss=lambda target, rates: tf.reduce_sum(rates, axis=-1),
        )
        target = {p: np.zeros((1, 1, p.size_in)) for p in probes}
        sim.fit({one: np.ones((1, 1, 1))}, target, verbose=0)
        trained = [sim.data[c].weights[:, 0] for c in connections]
    for neurons, probe, weights in zip(neuron_types, probes, trained, strict=True):
        J = CURRENTS[type(neurons)]
        expected = neurons.rates(J[:, np.newaxis], [1.0], [0.0])[:, 0]
        np.testing.assert_allclose(rates[probe][0, 0], expected, rtol=1e-12)
        if isinstance(neurons, LoihiLIF):
            soft = SoftLIFRate(0.02, neurons.tau_rc, neurons.tau_ref, neurons.amplitude)
            slope = soft.derivative(J, [1.0], [0.0])[:, 0]
        else:
            slope = neurons.amplitude * (J > 0)
        np.testing.assert_allclose(J - weights, slope, rtol=1e-8, atol=1e-12)


def test_smoothing_is_nengo_dl_s_setting():
    net, one, connections, probes = parallel(
        LIF[:1], learning_phase=True, lif_smoothing=0.3
    )
    with nengo_dl.Simulator(net, progress_bar=False) as sim:
        sim.compile(
            tf.optimizers.SGD(1.0),
            loss=lambda target, rates: tf.reduce_sum(rates, axis=-1),
        )
        target = {p: np.zeros((1, 1, p.size_in)) for p in probes}
        sim.fit({one: np.ones((1, 1, 1))}, target, verbose=0)
        J = CURRENTS[LoihiLIF]
        change = J - sim.data[connections[0]].weights[:, 0]
    slope = SoftLIFRate(0.3).derivative(J, [1.0], [0.0])[:, 0]
    np.testing.assert_allclose(change, slope, rtol=1e-8)


def test_noise_is_left_to_nengo_extras():
    net, *_ = parallel([LoihiLIF(nengo_dl_noise="noise of nengo-extras")])
    with pytest.raises(BuildError, match="nengo-extras"):
        nengo_dl.Simulator(net, progress_bar=False)


@pytest.mark.parametrize(
    "imports",
    [
        "import nengo_softlif, nengo_dl, nengo_loihi",
        "import nengo_softlif, nengo_loihi, nengo_dl",
    ],
)
def test_a_plain_script_trains_them(imports):
    """Without warnings, whatever is imported first."""
    script = f"""
        {imports}
        import nengo, numpy as np, warnings
        with nengo.Network(seed=0) as net:
            image = nengo.Node(np.zeros(3))
            ensemble = nengo.Ensemble(
                20, 1, neuron_type=nengo_loihi.LoihiLIF(amplitude=0.01)
            )
            weights = np.random.RandomState(0).normal(size=(20, 3))
            nengo.Connection(image, ensemble.neurons, transform=weights, synapse=None)
            out = nengo.Node(size_in=1)
            nengo.Connection(
                ensemble.neurons, out, transform=np.zeros((1, 20)), synapse=None
            )
            probe = nengo.Probe(out)
        warnings.filterwarnings("error", "does not have a native")
        with nengo_dl.Simulator(net, minibatch_size=8, progress_bar=False) as sim:
            sim.compile("sgd", loss="mse")
            x = np.random.RandomState(1).normal(size=(16, 1, 3))
            losses = sim.fit(
                {{image: x}}, {{probe: np.ones((16, 1, 1))}}, epochs=3, verbose=0
            ).history["loss"]
        assert losses[-1] < losses[0], losses
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
