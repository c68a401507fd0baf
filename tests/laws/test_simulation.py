"""Laws 7 and 8: the engine is Nengo's simulator, however it is run."""

from nengo_softlif import Simulator
from nengo_softlif.engine import products

import nengo
import numpy as np
import pytest
from kinds import RATES, SPIKING, STOCHASTIC
from references import assert_sees, nengo_saw_image
from sample_networks import (
    NETWORKS,
    drive_of,
    images,
    made,
    normal,
    only_neurons,
    plain_convolutions,
    pools,
)

N_STEPS = 60


@pytest.fixture(autouse=True)
def chunks(monkeypatch):
    """Chunks that do not divide the number of steps."""
    monkeypatch.setattr("nengo_softlif.engine.simulator.LONGEST_CHUNK", 17)


@pytest.mark.parametrize("advantage", [1e9, 0], ids=["dense", "events"])
@pytest.mark.parametrize("build", NETWORKS, ids=lambda f: f.__name__)
def test_spikes_and_values_are_those_of_nengo(build, advantage, monkeypatch):
    """Law 7, whether the engine follows spikes or multiplies everything."""
    monkeypatch.setattr(products, "DENSE_ADVANTAGE", advantage)
    net = made(build)
    shown = images()
    with Simulator(net, minibatch_size=3, dtype="float64", progress_bar=False) as sim:
        sim.run_steps(N_STEPS, {net.image: shown})
        for i in range(3):
            expected = nengo_saw_image(net, shown[i], N_STEPS)
            assert_sees(sim, expected, i)
    n_spikes = [sim.spike_counts(e).sum() for e in net.ensembles]
    assert min(n_spikes) > 10, "the law would hold for silent neurons too"


@pytest.mark.parametrize("neuron_type", SPIKING + RATES, ids=str)
def test_all_types_of_neurons(neuron_type):
    net = made(only_neurons(neuron_type))
    with net:
        states = [s for s in neuron_type.state if s != "rng"]
        for name in ["input", *states]:
            nengo.Probe(net.ensembles[1].neurons, name)
    for probed in (True, False):
        if not probed:
            net.probes[-len(states) - 1 :] = []
        shown = images(scale=2)
        with Simulator(net, minibatch_size=2, dtype="float64") as sim:
            sim.run_steps(40, {net.image: shown[:2]})
            for i in range(2):
                assert_sees(sim, nengo_saw_image(net, shown[i], 40), i)


@pytest.mark.parametrize("neuron_type", STOCHASTIC, ids=str)
def test_chance_has_the_same_distribution(neuron_type):
    net = made(only_neurons(neuron_type))
    with Simulator(net, minibatch_size=20, progress_bar=False) as sim:
        sim.run_steps(200, {net.image: images(1).repeat(20, axis=0)})
        counts = sim.spike_counts(net.ensembles[0])
        built = sim.data[net.ensembles[0]]
        weights = normal(40, 72, scale=drive_of(neuron_type))
        current = built.gain * (weights @ images(1)[0, 0]) + built.bias
        rates = np.abs(neuron_type.rates(current, 1, 0)).ravel()
        rates = rates / neuron_type.amplitude
    assert counts.std(axis=0).max() > 0, "examples must differ"
    expected = rates * 0.2
    np.testing.assert_allclose(
        counts.mean(axis=0), expected, atol=5 * np.sqrt(expected.max() / 20)
    )


# -- law 8 -----------------------------------------------------------------------------


def test_chunks_and_batches_do_not_matter(monkeypatch):
    net = made(pools)
    shown = images(5)
    expected = None
    for chunk, batch in [(50, 5), (7, 5), (1, 5), (17, 1), (17, 2)]:
        monkeypatch.setattr("nengo_softlif.engine.simulator.LONGEST_CHUNK", chunk)
        seen = []
        for start in range(0, 5, batch):
            part = shown[start : start + batch]
            with Simulator(net, minibatch_size=len(part), dtype="float64") as sim:
                sim.run_steps(N_STEPS, {net.image: part})
                seen.append(np.concatenate([sim.data[p] for p in net.probes[:-1]], -1))
        seen = np.concatenate(seen)
        expected = seen if expected is None else expected
        np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-9)


def test_float32_gives_nearly_the_same_spikes():
    net = made(plain_convolutions)
    counts = []
    for dtype in ("float32", "float64"):
        with Simulator(net, minibatch_size=8, dtype=dtype) as sim:
            sim.run_steps(200, {net.image: images(8)})
            counts.append([sim.spike_counts(e).sum() for e in net.ensembles])
            assert sim.data[net.probes[0]].dtype == dtype
    np.testing.assert_allclose(*counts, rtol=1e-3)


def test_resetting_repeats_to_the_bit():
    net = made(pools)
    with Simulator(net, minibatch_size=2) as sim:
        sim.run_steps(N_STEPS, {net.image: images(2)})
        first = {p: sim.data[p].copy() for p in net.probes}
        counts = sim.spike_counts(net.ensembles[0])
        sim.reset()
        assert sim.n_steps == 0
        assert sim.spike_counts(net.ensembles[0]).sum() == 0
        sim.run_steps(N_STEPS, {net.image: images(2)})
        for probe, values in first.items():
            np.testing.assert_array_equal(sim.data[probe], values)
        np.testing.assert_array_equal(sim.spike_counts(net.ensembles[0]), counts)
