"""The engine where it starts and stops, is interrupted or shared: never just wrong."""

import sys
import threading

import nengo_softlif as softlif
from nengo_softlif import Simulator, layers
from nengo_softlif.engine import threads
from nengo_softlif.loihi.emulator import Emulator

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulationError, ValidationError
from references import assert_sees, nengo_saw


def neurons(n, neuron_type, **kwargs):
    return nengo.Ensemble(
        n, 1, neuron_type=neuron_type, gain=np.ones(n), bias=np.zeros(n), **kwargs
    ).neurons


# -- order of memory -------------------------------------------------------------------


@pytest.mark.parametrize(
    "neuron_type",
    [softlif.SoftLIFRate(), nengo.AdaptiveLIF(), nengo.LIF(), nengo.LIFRate()],
    ids=str,
)
@pytest.mark.parametrize("kind", ["slice", "sparse", "channels first"])
def test_current_in_any_order_of_memory(kind, neuron_type, rng):
    shown = rng.uniform(1, 9, (3, 20, 8))
    with nengo.Network(seed=1) as net:
        u = nengo.Node(lambda t: shown[0, round(t / 0.001) - 1])
        size, transform, pre = 8, 1, u
        if kind == "slice":
            pre = u[::-1]
        elif kind == "sparse":
            indices = [(i, 7 - i) for i in range(8)]
            transform = nengo.Sparse((8, 8), indices=indices, init=rng.rand(8))
        else:
            transform = nengo.Convolution(
                2,
                (2, 2, 2),
                kernel_size=(1, 1),
                channels_last=False,
                init=nengo.dists.Uniform(0.5, 1),
            )
        target = neurons(size, neuron_type)
        nengo.Connection(pre, target, transform=transform, synapse=None)
        nengo.Probe(target)
        if "voltage" in neuron_type.state:
            nengo.Probe(target, "voltage")
    expected = nengo_saw(net, 20)
    with Simulator(net, minibatch_size=3, dtype="float64") as sim:
        sim.run_steps(20, {u: shown})
        assert_sees(sim, expected, 0)
    assert expected[net.probes[0]].any()


def test_kernels_refuse_what_they_could_not_write_to():
    array = np.zeros((3, 4))
    with pytest.raises(AssertionError):
        threads.spread(print, [array, array[:, ::2]])
    with pytest.raises(AssertionError):
        threads.flatten(array.T)


# -- first steps -----------------------------------------------------------------------


@pytest.mark.parametrize("voltage", [-3.0, -0.2, 1.2, 1.9])
@pytest.mark.parametrize("drive", [-2.0, 0.5, 2.0])
@pytest.mark.parametrize("tau_ref", [0.002, 0.0101])
def test_initial_voltages_that_no_neuron_could_have(voltage, drive, tau_ref):
    """Nengo forgets about them at the end of the first step."""
    with nengo.Network(seed=1) as net:
        node = nengo.Node([drive])
        state = {"voltage": nengo.dists.Choice([voltage])}
        target = neurons(1, nengo.LIF(tau_ref=tau_ref, initial_state=state))
        nengo.Connection(node, target, synapse=None)
        nengo.Probe(target)
    expected = nengo_saw(net, 60)
    with Simulator(net, dtype="float64") as sim:
        sim.run_steps(7)  # a second run begins where the first ended
        sim.run_steps(53)
        assert_sees(sim, expected)


@pytest.mark.parametrize("seeds", [{}, {"seed": 5}], ids=["network's", "argument"])
def test_processes_draw_as_in_nengo(seeds):
    """In Nengo synapses draw too, and all draw in the order in which steps are made."""
    with nengo.Network(seed=1) as net:
        for i in range(4):
            seed = 3 if i == 2 else None
            node = nengo.Node(nengo.processes.WhiteNoise(seed=seed), size_out=1 + i)
            ensemble = nengo.Ensemble(10, 1 + i)
            nengo.Connection(node, ensemble, synapse=None if i == 1 else 0.01)
            nengo.Probe(node, synapse=None if i else 0.01)
        with nengo.Network():
            nengo.Probe(nengo.Node(nengo.processes.WhiteSignal(0.5, 20)))
    expected = nengo_saw(net, 20, **seeds)
    with Simulator(net, dtype="float64", **seeds) as sim:
        sim.run_steps(20)
        assert_sees(sim, expected)
        sim.reset()
        sim.run_steps(20)
        assert_sees(sim, expected)
        sim.reset(seed=9)
        sim.run_steps(20)
        assert_sees(sim, nengo_saw(net, 20, seed=9))


def test_without_seeds_numpy_draws_as_for_nengo():
    with nengo.Network() as net:
        nengo.Probe(nengo.Node(nengo.processes.WhiteNoise()))
    np.random.seed(4)
    expected = nengo_saw(net, 5)
    np.random.seed(4)
    with Simulator(net, dtype="float64") as sim:
        for _ in range(2):
            sim.run_steps(5)
            assert_sees(sim, expected)
            sim.reset()


# -- interruptions ---------------------------------------------------------------------


class Switch:
    """Is called in a run, where something may happen."""

    def __call__(self, t):
        if t > 0.0605 and self.happens is not None:
            self.happens()
        return 0.5 + 20 * t

    happens = None


@pytest.fixture(params=[Simulator, Emulator], ids=lambda kind: kind.__name__)
def made(request):
    """A simulator that would spike, and its switch."""
    switch = Switch()
    with nengo.Network(seed=1) as net:
        nengo.Probe(nengo.Node(lambda t: t))  # comes before what fails
        node = nengo.Node(switch, size_out=1)
        first = nengo.Ensemble(20, 1, seed=1)
        second = nengo.Ensemble(20, 1, seed=2)
        nengo.Connection(node, first)
        nengo.Connection(first, second)
        for ensemble in (first, second):
            nengo.Probe(ensemble.neurons)
    with request.param(net, progress_bar=False) as sim:
        yield sim, switch


def saw(sim):
    return [sim.data[probe].copy() for probe in sim.network.all_probes]


def interrupt():
    raise KeyboardInterrupt


def test_an_interrupted_run_does_not_go_on(made):
    sim, switch = made
    sim.run_steps(120)
    whole = saw(sim)
    sim.reset()
    switch.happens = interrupt
    with pytest.raises(KeyboardInterrupt):
        sim.run_steps(120)
    switch.happens = None

    assert 0 < sim.n_steps < 120
    for before, after in zip(whole, saw(sim), strict=True):
        np.testing.assert_array_equal(after, before[: sim.n_steps])
    assert len(sim.trange()) == sim.n_steps
    for act in [
        sim.step,
        lambda: sim.run(0.01),
        lambda: sim.spike_counts(sim.network.ensembles[0]),
    ]:
        with pytest.raises(SimulationError, match=r"interrupted .* call reset\(\)"):
            act()
    sim.clear_probes()
    with pytest.raises(SimulationError, match="interrupted"):
        sim.step()

    sim.reset()
    sim.run_steps(120)
    for before, after in zip(whole, saw(sim), strict=True):
        np.testing.assert_array_equal(after, before)


def test_interrupted_at_any_line(monkeypatch):
    """Probes saw complete chunks, and what goes on does so as if nothing had been."""
    monkeypatch.setattr("nengo_softlif.engine.simulator.LONGEST_CHUNK", 2)
    with nengo.Network(seed=1) as net:
        target = neurons(5, nengo.LIF())
        node = nengo.Node(lambda t: np.full(5, 1 + 900 * t))
        nengo.Connection(node, target)
        other = neurons(5, nengo.LIF())
        # the spikes of these are foreseen
        nengo.Connection(nengo.Node(np.full(5, 40.0)), other, synapse=None)
        nengo.Probe(target)
        nengo.Probe(other, sample_every=0.002)
    n_lines = last = 0

    def trace(frame, event, arg):
        nonlocal n_lines
        if "nengo_softlif" not in frame.f_code.co_filename:
            return None
        n_lines += event == "line"
        if n_lines == last:
            raise KeyboardInterrupt
        return trace

    def interrupted(sim):
        nonlocal n_lines
        n_lines, before = 0, sys.gettrace()
        sys.settrace(trace)
        try:
            sim.run_steps(8)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False

    def simulator():
        return Simulator(net, progress_bar=False)

    with simulator() as sim:
        sim.run_steps(20)
        whole = saw(sim)
    n_refused = n_continued = n_held = 0
    sim, going_on = simulator(), True
    while going_on:
        last += 1
        try:
            sim.reset()
        except SimulationError:  # interrupted while it gave way to others
            n_held, sim = n_held + 1, simulator()
        going_on = interrupted(sim)
        n_seen = [len(seen) for seen in saw(sim)]
        assert n_seen == [sim.n_steps, sim.n_steps // 2]
        try:
            sim.run_steps(12)
        except SimulationError:
            n_refused += 1
        else:
            n_continued += 1
            assert sim.n_steps == n_seen[0] + 12
        for before, after in zip(whole, saw(sim), strict=True):
            np.testing.assert_array_equal(after, before[: len(after)])
    sim.close()
    assert n_refused > 300
    assert n_continued > 10
    assert n_held <= 3


def test_one_thread_at_a_time(made):
    sim, switch = made
    sim.run_steps(120)
    expected = saw(sim)
    sim.reset()
    errors = []

    def enter():
        for act in (sim.step, sim.reset, sim.clear_probes):
            try:
                act()
            except SimulationError as error:
                errors.append(str(error))

    def another_thread():
        switch.happens = None
        other = threading.Thread(target=enter)
        other.start()
        other.join()
        for before, after in zip(expected, saw(sim), strict=True):
            np.testing.assert_array_equal(after, before[: sim.n_steps])

    switch.happens = another_thread
    sim.run_steps(120)
    assert len(errors) == 3
    assert all("by another thread" in error for error in errors)
    for before, after in zip(expected, saw(sim), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("made", [Emulator], indirect=True)
def test_rounding_does_not_change_in_a_run(made):
    sim, switch = made
    sim.run_steps(120)
    expected = saw(sim)
    sim.reset()

    def change():
        switch.happens = None
        with pytest.raises(SimulationError, match="in use"):
            sim.rounding = False

    switch.happens = change
    sim.run_steps(120)
    assert sim.rounding
    for before, after in zip(expected, saw(sim), strict=True):
        np.testing.assert_array_equal(after, before)


def test_seeds_that_are_none(made):
    sim, _ = made
    sim.run_steps(50)
    for wrong in (-1, 2**32, "one", 0.5):
        with pytest.raises(ValidationError, match="seed: expected a whole number"):
            type(sim)(sim.network, seed=wrong)
        with pytest.raises(ValidationError, match="seed: expected a whole number"):
            sim.reset(wrong)
    sim.run_steps(50)  # goes on as if nothing had been
    assert sim.n_steps == 100


def test_a_node_cannot_run_its_own_simulator(made):
    sim, switch = made
    switch.happens = lambda: sim.step()
    with pytest.raises(SimulationError, match="the run that called this function"):
        sim.run_steps(120)


# -- what is simulated -----------------------------------------------------------------


@pytest.mark.parametrize("make", [Simulator, Emulator, layers.read])
def test_models_and_other_things(make):
    with nengo.Network() as net:
        node = nengo.Node(np.ones(3))
        ensemble = nengo.Ensemble(10, 3)
        nengo.Connection(node, ensemble)
        probe = nengo.Probe(ensemble.neurons)
    read = make(softlif.Model(net, node, probe))
    if make is layers.read:
        assert probe in read
    else:
        with read as sim:
            sim.run_steps(3)
            assert sim.data[probe].shape == (3, 10)
    for wrong in (None, "mnist", ensemble, 3):
        with pytest.raises(ValidationError, match="Network or a Model, got"):
            make(wrong)
