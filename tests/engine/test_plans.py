"""What a simulator takes from its plan, and what it asks of stages."""

from nengo_softlif import Simulator
from nengo_softlif.engine import Plan, Stage

import nengo
import numpy as np
import pytest


class Counter(Stage):
    """Puts out how many steps there were, and writes down what it is asked."""

    def __init__(self):
        self.asked = []

    def reset(self, rng):
        self.asked.append("reset")

    def clear(self):
        self.asked.append("clear")

    def start(self, data):
        self.asked.append("start")

    def advance(self, n_before, n_steps):
        self.asked.append((n_before, n_steps))
        steps = np.arange(n_before, n_before + n_steps) + 1.0
        self.output = steps[None, :, None]

    def finish(self, n_steps):
        self.asked.append(f"finish {n_steps}")


class Counting(Plan):
    """Puts a counter in the place of what would be the first stage."""

    def __init__(self, stepwise=False):
        self.stepwise = stepwise
        self.counter = Counter()

    def make_stages(self, read, settings):
        stages = super().make_stages(read, settings)
        return {
            probe: self.counter for probe in stages if isinstance(probe, nengo.Probe)
        }


@pytest.fixture
def net():
    with nengo.Network() as net:
        nengo.Probe(nengo.Node(0.5))
    return net


def test_stages_are_asked_in_the_order_of_their_protocol(net):
    plan = Counting()
    with Simulator(net, minibatch_size=2, progress_bar=False, plan=plan) as sim:
        sim.run_steps(60)
        sim.run_steps(7)
        seen = sim.data[net.probes[0]]
        sim.clear_probes()
        sim.reset()
    assert plan.counter.asked == [
        *("reset", "clear"),
        *("start", (0, 50), (50, 10), "finish 60"),
        *("start", (60, 7), "finish 7"),
        "clear",
        *("reset", "clear"),
    ]
    np.testing.assert_array_equal(seen[..., 0], [np.arange(67) + 1.0] * 2)


def test_stages_with_loops_take_turns_in_every_step(net):
    plan = Counting(stepwise=True)
    with Simulator(net, progress_bar=False, plan=plan) as sim:
        sim.run_steps(3)
    assert plan.counter.asked[3:-1] == [(0, 1), (1, 1), (2, 1)]


def test_a_run_that_fails_is_not_finished(net):
    plan = Counting()
    with Simulator(net, progress_bar=False, plan=plan) as sim:
        plan.counter.advance = None
        with pytest.raises(TypeError):
            sim.run_steps(3)
        assert plan.counter.asked[2:] == ["start"]


def test_what_changes_between_restarts_is_whole(net):
    plan = Counting()
    with Simulator(net, progress_bar=False, plan=plan) as sim:
        sim.run_steps(3)
        with sim.restarting():
            assert plan.counter.asked[-1] == "finish 3"
            with pytest.raises(nengo.exceptions.SimulationError, match="in use"):
                sim.run_steps(1)
        assert plan.counter.asked[-2:] == ["reset", "clear"]
        assert sim.n_steps == 0


def test_a_stage_must_know_how_to_reset_and_to_advance():
    with pytest.raises(TypeError, match=r"abstract methods '?advance'?, '?reset"):
        Stage()
