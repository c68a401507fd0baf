"""The engine against Nengo's reference simulator, in float64 and spike by spike."""

from nengo_softlif import Simulator
from nengo_softlif.engine import product_kernels, row_sums

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulationError, SimulatorClosed, ValidationError
from references import assert_sees, nengo_saw_image
from sample_networks import decoded, images, made, only_neurons, plain_convolutions

N_STEPS = 60


@pytest.fixture(autouse=True)
def chunks(monkeypatch):
    """Chunks that do not divide the number of steps."""
    monkeypatch.setattr("nengo_softlif.engine.simulator.LONGEST_CHUNK", 17)


# -- input -----------------------------------------------------------------------------


def test_input_that_changes():
    net = made(plain_convolutions)
    shown = np.random.RandomState(2).rand(2, N_STEPS, 72)
    with Simulator(net, minibatch_size=2, dtype="float64") as sim:
        sim.run_steps(25, {net.image: shown[:, :25]})
        sim.run_steps(35, {net.image: shown[:, 25:]})
        for i in range(2):
            assert_sees(sim, nengo_saw_image(net, shown[i], N_STEPS), i)


@pytest.mark.parametrize(
    "neuron_type",
    [nengo.LIF(tau_ref=0.001), nengo.LIF(tau_rc=0.003, min_voltage=-0.7)],
    ids=str,
)
def test_runs_in_parts(neuron_type):
    """What is foreseen in one run has happened when the next begins."""
    net = made(only_neurons(neuron_type))
    shown = np.concatenate([images(), -images(), 3 * images()], axis=1).repeat(23, 1)
    with Simulator(net, minibatch_size=3, dtype="float64") as sim:
        for start in range(0, 69, 23):
            sim.run_steps(23, {net.image: shown[:, start : start + 1]})
        for i in range(3):
            assert_sees(sim, nengo_saw_image(net, shown[i], 69), i)


def test_nodes_with_functions_and_processes():
    with nengo.Network(seed=1) as net:
        wave = nengo.Node(lambda t: [np.sin(40 * t), t])
        noise = nengo.Node(nengo.processes.WhiteNoise(seed=3), size_out=2)
        shown = nengo.Node(nengo.processes.PresentInput(np.eye(2), 0.01))
        ensemble = nengo.Ensemble(50, 2)
        for node in (wave, noise, shown):
            nengo.Connection(node, ensemble)
            nengo.Probe(node)
        nengo.Probe(ensemble, synapse=0.01)
    with nengo.Simulator(net, progress_bar=False) as ref:
        ref.run_steps(50)
    with Simulator(net, dtype="float64") as sim:
        for _ in range(2):
            sim.run(0.03)
            sim.run(0.02)
            assert_sees(sim, {p: ref.data[p] for p in net.probes})
            sim.reset()


@pytest.mark.parametrize("bad", [np.nan, "text", None, [1, 2]], ids=str)
def test_bad_output_of_a_function_is_noticed(bad):
    with nengo.Network() as net:
        node = nengo.Node(lambda t: bad if t > 0.002 else 1, size_out=1)
        nengo.Probe(node)
    with Simulator(net) as sim:
        sim.run_steps(2)
        with pytest.raises(SimulationError, match=r"1 finite numbers .* at 0.003 s"):
            sim.step()


# -- what does not matter (law 8) ------------------------------------------------------


def test_spikes_are_counted():
    net = made(plain_convolutions)
    with Simulator(net, minibatch_size=2) as sim:
        sim.run_steps(30, {net.image: images(2)})
        sim.clear_probes()
        sim.run_steps(30, {net.image: images(2)})
        for ensemble, probe in zip(net.ensembles, net.probes, strict=False):
            assert sim.data[probe].shape[1] == 30
            np.testing.assert_array_equal(
                sim.spike_counts(ensemble), np.count_nonzero(sim.data[probe], axis=1)
            )


# -- as a simulator of Nengo's ---------------------------------------------------------


def test_one_example_has_no_axis_of_its_own():
    net = made(decoded)
    with Simulator(net) as sim:
        sim.run(0.012)
        sim.step()
        assert sim.data[net.probes[0]].shape == (13, 50)
        assert sim.data[net.probes[-1]].shape == (4, 1)
    np.testing.assert_allclose(sim.trange(), np.arange(1, 14) * 0.001)
    np.testing.assert_allclose(sim.trange(0.003), [0.003, 0.006, 0.009, 0.012])
    assert sim.time == pytest.approx(0.013)
    assert sim.data[net.ensembles[0]].gain.shape == (50,)
    assert net.probes[0] in sim.data
    with pytest.raises(SimulatorClosed):
        sim.step()


def test_probes_of_connections_and_input():
    net = made(decoded)
    with net:
        immediate = nengo.Connection(
            net.ensembles[0], nengo.Node(size_in=2), synapse=None
        )
        nengo.Probe(immediate, synapse=0.02)
        nengo.Probe(net.ensembles[0], "input")
        nengo.Probe(net.ensembles[0], synapse=0.01)
        nengo.Probe(net.ensembles[1].neurons[2:5], synapse=0.01)
    with Simulator(net, dtype="float64") as sim:
        sim.run_steps(N_STEPS, {net.image: images(1)})
        assert_sees(sim, nengo_saw_image(net, images(1)[0], N_STEPS))


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"dt": 0}, "positive number of seconds"),
        ({"minibatch_size": 0}, "minibatch_size.*whole number"),
        ({"minibatch_size": 10**10}, r"state of .* GB, .* machine has"),
        ({"dtype": "int32"}, "float32 or float64"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValidationError, match=match):
        Simulator(made(decoded), **arguments)


def test_bad_data():
    net = made(decoded)
    with Simulator(net, minibatch_size=2, progress_bar=False) as sim:
        for data, match in [
            ({net.image: np.zeros((2, 72))}, r"shape \(2, 10, 72\), or \(2, 1, 72\)"),
            ({net.image: np.full((2, 1, 72), np.nan)}, "NaN or infinite"),
            ({net.ensembles[0]: np.zeros((2, 1, 2))}, "not a node"),
            ({net.nodes[1]: np.zeros((2, 1, 3))}, "passes on"),
        ]:
            with pytest.raises(ValidationError, match=match):
                sim.run_steps(10, data)
        with pytest.raises(ValidationError, match=r"probes would see .* GB"):
            sim.run_steps(10**10)
        assert sim.n_steps == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_damaged_weights_are_refused(bad):
    net = made(plain_convolutions)
    weights = np.zeros((5, 48))
    weights[0, 0] = bad
    with net:
        nengo.Connection(
            net.ensembles[1].neurons, nengo.Node(size_in=5), transform=weights
        )
        nengo.Probe(net.nodes[-1])
    with pytest.raises(ValidationError, match="network: it has damaged weights"):
        Simulator(net)


def test_values_that_overflow_are_noticed():
    with nengo.Network() as net:
        node = nengo.Node(lambda t: 1e300)
        nengo.Probe(node)
    with Simulator(net) as sim, pytest.raises(SimulationError, match="NaN or infinity"):
        sim.step()


# -- kernels ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("density", [0, 0.1, 1])
@pytest.mark.parametrize(
    ("n_rows", "n", "m"),
    [(7, 30, 11), (3, 9, 1), (5, 64, 64), (300, 40, 150)],
    ids=["small", "one output", "one block", "many images and filters"],
)
def test_products_with_spikes(n_rows, n, m, density, dtype, rng):
    counts = (rng.rand(n_rows, n) < density).astype(np.uint8) * 3
    weights = rng.randn(n, m).astype(dtype)
    scale = rng.rand(n).astype(dtype)
    out = np.full((n_rows, 1, 1, m), np.nan, dtype)
    product_kernels.spikes_times_local(
        counts[:, None, None],
        out,
        scale,
        product_kernels.lay_in_blocks(weights[None, None, None, None]),
        (1, 1),
        (0, 0),
    )
    expected = (counts * scale.astype(float)) @ weights
    atol = 300 * n * np.finfo(dtype).eps
    np.testing.assert_allclose(out[:, 0, 0], expected, atol=atol)


@pytest.mark.parametrize("n", [0, 1, 3, 8, 64, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_rows(dtype, n, rng):
    rows = rng.randn(500).astype(dtype)
    offsets, values = rng.randint(0, 300, 20), rng.randn(20).astype(dtype)
    out = rng.randn(200).astype(dtype)
    expected = out.copy()
    for k in range(4, 17):
        expected[50 : 50 + n] += values[k] * rows[offsets[k] + 7 :][:n]
    row_sums.add_rows(out, 50, n, rows, 7, offsets, values, 4, 17)
    np.testing.assert_allclose(out, expected, atol=100 * np.finfo(dtype).eps)
