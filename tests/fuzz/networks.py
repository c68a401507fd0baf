"""Random networks, on which our simulator must see what Nengo's sees (law 7).

    python -m tests.fuzz.networks --n 10000 --first 0 --processes 2

A seed makes a network with everything that can be in one, what is shown to it, and how
it is simulated; `check` compares every probe of every example.
"""

import contextlib
import sys
from unittest.mock import patch

from nengo_softlif import Simulator
from nengo_softlif.engine import products, simulator

import nengo
import numpy as np

from . import running
from .engine_networks import make
from .running import Result, Wrong

TIE = 1e-9
"""Of a threshold, closer than which rounding may decide (law 7)."""


def check(seed):
    """Compare what both simulators see of a random network.

    Parameters
    ----------
    seed : int
        Of the network.

    Returns
    -------
    Result
        Whose ``fault`` is empty if they see the same.
    """
    result = Result(seed)
    result.counts.update(values=0, spikes=0, ties=0)
    with result.catching():
        example = make(seed)
        ours, theirs = seen_by_us(example), seen_by_nengo(example)
        for i, (us, them) in enumerate(zip(ours, theirs, strict=True)):
            _compare(result.counts, example, i, us, them)
    return result


def seen_by_us(example):
    """What probes see in our simulator: a dict for each example."""
    with (
        patch.object(simulator, "LONGEST_CHUNK", example.chunk),
        patch.object(products, "DENSE_ADVANTAGE", example.advantage),
        Simulator(
            example.network,
            dt=example.dt,
            minibatch_size=example.minibatch_size,
            dtype="float64",
            progress_bar=False,
        ) as sim,
    ):
        if example.rehearsed:
            sim.run_steps(3)
            sim.reset()
        start = 0
        for n_steps in example.parts:
            data = {}
            for node, shown in example.shown.items():
                part = shown[:, start : start + n_steps]
                data[node] = part[:, :1] if np.all(part == part[:, :1]) else part
            sim.run_steps(n_steps, data)
            start += n_steps
        if example.minibatch_size is None:
            return [dict(_probed(sim, example))]
        return [
            {probe: values[i] for probe, values in _probed(sim, example)}
            for i in range(example.n_examples)
        ]


def seen_by_nengo(example):
    """What probes see in Nengo's simulator: a dict for each example."""
    seen = []
    with _shown(example) as show, nengo_simulator(example) as sim:
        for i in range(example.n_examples):
            show(i)
            if i > 0:
                sim.reset()
            sim.run_steps(example.n_steps)
            seen.append({p: values.copy() for p, values in _probed(sim, example)})
    return seen


def nengo_simulator(example):
    """Nengo's simulator, without its optimizer.

    That takes long, and merges some reversed slices into memory of others: what such
    a simulator sees differs from one to the next.
    """
    return nengo.Simulator(
        example.network, dt=example.dt, progress_bar=False, optimize=False
    )


def _probed(sim, example):
    return ((probe, sim.data[probe]) for probe in example.network.all_probes)


@contextlib.contextmanager
def _shown(example):
    """Let nodes show what belongs to one example, which can be chosen."""
    shown = {}
    outputs = {node: node.output for node in example.shown}

    def put_out(node):
        last = example.n_steps - 1
        return lambda t: shown[node][min(round(t / example.dt) - 1, last)]

    def show(i):
        shown.update((node, values[i]) for node, values in example.shown.items())

    show(0)
    for node in example.shown:
        node.output = put_out(node)
    try:
        yield show
    finally:
        for node, output in outputs.items():
            node.output = output


def _compare(counts, example, i, ours, theirs):
    """Compare what the probes saw of one example, until there was a tie."""
    wrong = {}  # the first step that differs
    for probe, expected in theirs.items():
        values = ours[probe]
        if not len(values) and not len(expected):
            continue  # Nengo then says nothing about size
        if values.shape != expected.shape:
            raise Wrong(f"{probe}: {values.shape}, not {expected.shape}")
        scale = max(1.0, np.abs(expected).max(initial=0))
        differs = ~np.isclose(values, expected, 1e-9, 1e-9 * scale, equal_nan=True)
        if differs.any():
            period = (probe.sample_every or example.dt) / example.dt
            step = int(np.ceil((np.argmax(differs.any(axis=1)) + 1) * period - 1e-9))
            wrong[probe] = step - 1
    first = min(wrong.values(), default=example.n_steps)
    if wrong and not _is_tie(example, i, first, wrong):
        probe = min(wrong, key=wrong.get)
        raise Wrong(
            f"example {i}, from step {first} on: {probe}, synapse {probe.synapse}, "
            f"saw {_around(ours[probe], theirs[probe])}; {len(wrong)} of {len(theirs)} "
            "probes differ"
        )
    counts["ties"] += bool(wrong)
    for probe, expected in theirs.items():
        n = min(len(expected), first)
        counts["values"] += expected[:n].size
        neurons = isinstance(probe.obj, nengo.ensemble.Neurons)
        if neurons and probe.obj.ensemble.neuron_type.spiking and not probe.synapse:
            counts["spikes"] += int(np.count_nonzero(expected[:n]))


def _around(ours, theirs):
    differs = ~np.isclose(ours, theirs, 1e-9, 1e-9, equal_nan=True)
    row = np.argmax(differs.any(axis=1))
    (column,) = np.flatnonzero(differs[row])[:1]
    return f"{ours[row, column]!r}, not {theirs[row, column]!r}, of value {column}"


def _is_tie(example, i, step, wrong):
    """Whether, in this step, a neuron that differs was that close to its threshold."""
    ensembles = [
        probe.obj.ensemble
        for probe, first in wrong.items()
        if first == step and isinstance(probe.obj, nengo.ensemble.Neurons)
    ]
    with _shown(example) as show, nengo_simulator(example) as sim:
        show(i)
        sim.reset()
        for _ in range(step):
            sim.step()
        return any(_is_close(sim, ensemble) for ensemble in ensembles)


def _is_close(sim, ensemble):
    """Whether some neurons would do otherwise, were their voltages a little others."""
    signals = sim.model.sig[ensemble.neurons]
    names = [name for name in ensemble.neuron_type.state if name in signals]
    if "voltage" not in names:
        return False
    before = {name: sim.signals[signals[name]].copy() for name in names}
    sim.step()
    current = sim.signals[signals["in"]].copy()
    fired = []
    for nudge in (-TIE, TIE):
        state = {name: value.copy() for name, value in before.items()}
        state["voltage"] += nudge
        output = np.zeros_like(current)
        ensemble.neuron_type.step(sim.dt, current.copy(), output, **state)
        fired.append(output > 0)
    return bool(np.any(fired[0] != fired[1]))


def plan(given):
    """Of the command."""
    return [("networks", given.n, check)]


if __name__ == "__main__":
    sys.exit(running.main(running.options(__doc__, n=300), plan))
