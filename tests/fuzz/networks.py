"""Random networks, on which our simulator must see what Nengo's sees (law 7).

    python -m tests.fuzz.networks --n 10000 --first 0 --processes 2

A seed makes a network with everything that can be in one, what is shown to it, and how
it is simulated; `check` compares every probe of every example.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import multiprocessing
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import nengo_softlif as softlif
from nengo_softlif import Simulator
from nengo_softlif.engine import products, simulator

import nengo
import numpy as np

TIE = 1e-9
"""Of a threshold, closer than which rounding may decide (law 7)."""


@dataclass
class Example:
    """A network, and how it is to be simulated.

    Attributes
    ----------
    network : nengo.Network
        The network.
    dt : float
        Length of a step in seconds.
    parts : list of int
        Steps of the runs that follow each other.
    shown : dict of nengo.Node to (n_examples, n_steps, size) ndarray
        What nodes put out.
    n_examples : int
        Simulated side by side.
    minibatch_size : int or None
        None for one example without an axis of its own.
    chunk, advantage : int, float
        For the engine: longest chunk, and when it follows spikes.
    rehearsed : bool
        Whether the engine runs and is reset before.
    """

    network: nengo.Network
    dt: float = 0.001
    parts: list = field(default_factory=list)
    shown: dict = field(default_factory=dict)
    n_examples: int = 1
    minibatch_size: int = None
    chunk: int = 50
    advantage: float = products.DENSE_ADVANTAGE
    rehearsed: bool = False

    @property
    def n_steps(self):
        """Of all parts."""
        return sum(self.parts)


@dataclass
class Result:
    """What came of a comparison; ``fault`` says what was wrong, if anything."""

    seed: int
    n_values: int = 0
    n_spikes: int = 0
    n_ties: int = 0
    fault: str = ""


# -- networks --------------------------------------------------------------------------


def make(seed):
    """Make a random network, and what is shown to it.

    Parameters
    ----------
    seed : int
        From which everything is drawn.

    Returns
    -------
    Example
    """
    return _Maker(np.random.RandomState(seed)).made()


class _Maker:
    """Grows a network from its inputs on."""

    def __init__(self, rng):
        self.rng = rng
        self.example = Example(nengo.Network(seed=rng.randint(1000)))
        self.example.dt = self.pick([0.001, 0.001, 0.0005, 0.002, 0.0007])
        self.sources = []  # (object, typical size of its values)
        self.inner = [self.example.network]  # networks in each other
        self.stochastic = False

    def pick(self, options):
        return options[self.rng.randint(len(options))]

    def chance(self, p):
        return self.rng.rand() < p

    def made(self):
        example, rng = self.example, self.rng
        for _ in range(rng.randint(1, 4)):
            example.parts.append(int(rng.randint(1, 16)))
        # chance is the same only for one example, as all draw from one generator
        self.stochastic = self.chance(0.1)
        example.n_examples = 1 if self.stochastic else int(rng.randint(1, 4))
        if example.n_examples > 1 or self.chance(0.3):
            example.minibatch_size = example.n_examples
        example.chunk = int(self.pick([1, 2, 3, 7, 13, 50]))
        example.advantage = self.pick([0, products.DENSE_ADVANTAGE, 1e9])
        for _ in range(rng.randint(1, 4)):
            self.add_input()
        for _ in range(rng.randint(1, 6)):
            with self.somewhere():
                self.pick(
                    [self.add_neurons, self.add_neurons, self.add_node, self.add_nef]
                )()
        with self.somewhere():
            self.add_neurons()
        self.add_probes()
        example.rehearsed = self.chance(0.2)
        return example

    def somewhere(self):
        """One of the networks, perhaps a new one inside another."""
        if self.chance(0.2):
            with self.pick(self.inner):
                self.inner.append(nengo.Network())
        return self.pick(self.inner)

    # -- what puts something out -------------------------------------------------------

    def add_input(self):
        rng, example = self.rng, self.example
        size = int(self.pick([1, 4, 12, 16, 24, 36]))
        with self.somewhere():
            kind = rng.randint(5)
            if kind <= 1:
                node = nengo.Node(np.zeros(size))
                n = example.n_examples
                shown = [
                    np.repeat(rng.randn(n, 1, size), n_steps, axis=1)
                    if self.chance(0.5)
                    else rng.randn(n, n_steps, size)
                    for n_steps in example.parts
                ]
                example.shown[node] = np.concatenate(shown, axis=1)
            elif kind == 2:
                node = nengo.Node(rng.randn(size))
            elif kind == 3:
                node = nengo.Node(_Wave(rng.randn(size)), size_out=size)
            else:
                node = nengo.Node(self.process(size), size_out=size)
        self.add_source(node)

    def process(self, size):
        seed = None if self.chance(0.4) else int(self.rng.randint(100))
        return self.pick(
            [
                nengo.processes.WhiteNoise(
                    nengo.dists.Gaussian(0, 1), scale=False, seed=seed
                ),
                nengo.processes.FilteredNoise(nengo.Alpha(0.01), seed=seed),
                nengo.processes.BrownNoise(nengo.dists.Gaussian(0, 5), seed=seed),
                nengo.processes.WhiteSignal(0.5, 20, rms=1, seed=seed),
                nengo.processes.PresentInput(self.rng.randn(3, size), 0.0071),
            ]
        )

    def neuron_type(self):
        rng = self.rng
        rates = [
            nengo.LIFRate(tau_rc=rng.uniform(0.01, 0.03)),
            nengo.RectifiedLinear(),
            softlif.SoftLIFRate(sigma=rng.uniform(0.01, 0.2)),
        ]
        spiking = [
            nengo.LIF(),
            nengo.LIF(
                tau_rc=rng.uniform(0.003, 0.05),
                tau_ref=rng.uniform(0, 0.005),
                min_voltage=-rng.rand(),
                amplitude=rng.uniform(0.2, 2),
                initial_state={"voltage": nengo.dists.Uniform(-1, 1)},
            ),
            nengo.LIF(tau_ref=self.pick([0, 0.001, 0.002])),
            nengo.AdaptiveLIF(tau_n=0.05, inc_n=rng.uniform(0.01, 0.2)),
            nengo.SpikingRectifiedLinear(amplitude=rng.uniform(0.1, 2)),
            nengo.RegularSpiking(self.pick(rates), amplitude=rng.uniform(0.1, 2)),
            nengo.Izhikevich(reset_recovery=rng.uniform(4, 10)),
        ]
        others = [
            *rates,
            nengo.Sigmoid(),
            nengo.Tanh(),
            nengo.AdaptiveLIFRate(inc_n=rng.uniform(0.01, 0.2)),
        ]
        if self.stochastic:
            kinds = [nengo.StochasticSpiking, nengo.PoissonSpiking]
            spiking = [self.pick(kinds)(self.pick(rates)), *spiking[:2]]
        return self.pick(self.pick([spiking, spiking, others]))

    def ensemble(self, n, dimensions, **kwargs):
        neuron_type = self.neuron_type()
        bounds = {nengo.Izhikevich: (20, 60), nengo.Sigmoid: (220, 380)}
        if "gain" not in kwargs:
            low, high = bounds.get(type(neuron_type), (70, 150))
            kwargs["max_rates"] = nengo.dists.Uniform(low, high)
        return nengo.Ensemble(n, dimensions, neuron_type=neuron_type, **kwargs)

    def add_source(self, obj):
        """Let what is complete lead on; rates are large, other values about one."""
        rates = isinstance(obj, nengo.ensemble.Neurons)
        self.sources.append((obj, 200.0 if rates else 1.0))

    def add_neurons(self):
        """Add an ensemble into whose neurons there is a way."""
        path = self.path()
        n = path["size_out"]
        kwargs = {}
        if self.chance(0.7):
            kwargs["gain"] = self.rng.uniform(0.5, 2, n) * self.pick([1, 1, -1])
            kwargs["bias"] = self.rng.uniform(0, 2.5, n)
        ensemble = self.ensemble(n, 1, **kwargs)
        self.connect(path, ensemble.neurons)
        self.add_branches(ensemble.neurons, n)
        if self.chance(0.3):
            self.add_decoded_input(ensemble)
        self.add_source(ensemble.neurons)

    def add_node(self):
        """Add a node that passes on what it is given."""
        path = self.path()
        node = nengo.Node(size_in=path["size_out"])
        self.connect(path, node)
        self.add_branches(node, node.size_in)
        self.add_source(node)

    def add_nef(self):
        """Add an ensemble with decoded input, and perhaps decoded output."""
        dimensions = int(self.rng.randint(1, 4))
        options = {
            "radius": self.pick([1, 1, 2.5]),
            "n_eval_points": 60,
            "normalize_encoders": self.chance(0.8),
        }
        ensemble = self.ensemble(int(self.rng.randint(6, 25)), dimensions, **options)
        self.add_decoded_input(ensemble)
        if self.chance(0.8):
            function = self.pick([None, None, np.square, lambda x: [x[0], 1 - x[-1]]])
            size = 2 if function is not None and function is not np.square else None
            size = size or dimensions
            node = nengo.Node(size_in=size)
            self.join(ensemble, node, function=function)
            self.add_source(node)
        if self.chance(0.3):
            other = self.ensemble(int(self.rng.randint(6, 25)), 1, n_eval_points=60)
            solver = nengo.solvers.LstsqL2(weights=self.chance(0.5))
            self.join(ensemble[0], other, solver=solver)
            self.add_source(other.neurons)
        self.add_source(ensemble.neurons)

    def add_decoded_input(self, ensemble):
        source, size = self.source()
        d = ensemble.dimensions
        matrix, _ = self.dense(source.size_out, size, d)
        self.join(source, ensemble, transform=matrix)

    # -- what lies between -------------------------------------------------------------

    def source(self):
        source, size = self.pick(self.sources)
        if self.chance(0.4):
            source = self.sliced(source)
        return source, size

    def sliced(self, obj):
        n = obj.size_out
        step = int(self.pick([-3, -2, -1, -1, 1, 2]))
        start, stop = sorted(self.rng.randint(0, n + 1, 2))
        picks = [slice(None, None, step), slice(None, None, -1)]
        if stop > start:
            picks.append(slice(start, stop))
            picks.append(self.rng.permutation(n)[start:stop].tolist())
        return obj[self.pick(picks)]

    def repeated(self, obj):
        """Pick as many values, but some of them several times."""
        whole = getattr(obj, "obj", obj)
        if isinstance(whole, nengo.Ensemble) or self.chance(0.8):
            return obj
        n = obj.size_out or obj.size_in
        return whole[self.rng.randint(whole.size_out, size=n).tolist()]

    def synapse(self):
        rng = self.rng
        tau = rng.uniform(0.002, 0.02)
        linear = nengo.LinearFilter
        method = self.pick(["zoh", "bilinear", "euler", "backward_diff"])
        common = [None, nengo.Lowpass(tau), nengo.Lowpass(0.005), nengo.Alpha(tau)]
        return self.pick(
            [
                *common,
                *common,
                nengo.Lowpass(0),
                nengo.Lowpass(1e-4),
                linear([1], [tau**3, 3 * tau**2, 3 * tau, 1]),
                linear([tau / 2, 1], [tau**2, 1.3 * tau, 1], method=method),
                linear([tau / 3, 1], [tau, 1], method=method),  # passes some on at once
                linear([0.3], [1, -0.7], analog=False),
                linear([0.2, 0.1], [1, -0.7], analog=False),
                linear([0.1, 0.05, 0.1], [1, -0.9, 0.2], analog=False),
            ]
        )

    def path(self):
        """From a source: the arguments of a connection, and the size at its end."""
        source, size = self.source()
        n = source.size_out
        kinds = [self.dense, self.dense, self.one_by_one, self.sparse]
        if n >= 4 and n % 2 == 0:
            kinds += [self.convolution] * 3 + [self.pool, self.local]
        transform, size_out = self.pick(kinds)(n, size)
        pooled = isinstance(transform, softlif.AveragePool)
        if pooled and size > 1:  # a pool has no weights
            node = nengo.Node(size_in=transform.size_out)
            self.join(source, node, transform=transform, synapse=None)
            source, n = node, node.size_out
            transform, size_out = self.one_by_one(n, size)
        return {"pre": source, "transform": transform, "size_out": size_out}

    def connect(self, path, post):
        arguments = {"transform": path["transform"]}
        if self.chance(0.1) and isinstance(path["transform"], float):
            arguments["transform"] = self.pick([1.0, -0.5]) * arguments["transform"]
        self.join(path["pre"], post, **arguments)

    def join(self, pre, post, **arguments):
        """Connect, in the same network if what it comes from is in it."""
        network = nengo.Network.context[-1]
        obj = getattr(pre, "obj", pre)
        obj = getattr(obj, "ensemble", obj)
        inside = obj in network.all_nodes or obj in network.all_ensembles
        if not inside or self.chance(0.5):
            network = self.example.network
        arguments.setdefault("synapse", self.synapse())
        if np.ndim(arguments.get("transform", 0)) < 2 and "solver" not in arguments:
            pre, post = self.repeated(pre), self.repeated(post)
        with network:
            nengo.Connection(pre, post, **arguments)

    def add_branches(self, target, n):
        """Add more inputs, also to parts of a target."""
        for _ in range(self.rng.randint(0, 3)):
            source, size = self.source()
            post = self.sliced(target) if self.chance(0.4) else target
            transform, _ = self.dense(source.size_out, size, post.size_in)
            if source.size_out == post.size_in and self.chance(0.5):
                transform, _ = self.one_by_one(source.size_out, size)
            self.join(source, post, transform=transform)

    def dense(self, n, size, n_out=None):
        n_out = n_out or int(self.pick([3, 8, 12, 16, 24, 36]))
        return self.rng.randn(n_out, n) / np.sqrt(n) / size * 2, n_out

    def one_by_one(self, n, size):
        scale = self.rng.uniform(0.5, 1.5, n) if self.chance(0.5) else 1.3
        return scale / size, n

    def sparse(self, n, size):
        n_out = int(self.pick([5, 12, 24]))
        places = np.argwhere(self.rng.rand(n_out, n) < 0.3)
        if not len(places):
            return self.dense(n, size)
        init = self.rng.randn(len(places)) / size
        return nengo.Sparse((n_out, n), indices=places, init=init), n_out

    def image(self, n):
        """Rows, columns and channels of an image of n values."""
        shapes = [
            (rows, columns, n // rows // columns)
            for rows in range(1, n + 1)
            for columns in range(1, n // rows + 1)
            if n % (rows * columns) == 0
        ]
        large = [shape for shape in shapes if min(shape[:2]) > 1]
        return self.pick(large or shapes)

    def window(self, shape):
        return tuple(int(self.rng.randint(1, min(n, 3) + 1)) for n in shape[:2])

    def convolution(self, n, size):
        rows, columns, channels = self.image(n)
        last, groups = self.chance(0.5), 1
        if channels % 2 == 0 and self.chance(0.3):
            groups = 2
        n_filters = int(self.pick([2, 4]))
        spatial = (rows, columns)
        if self.chance(0.2):
            spatial = (rows * columns,)
        kernel = self.window((*spatial, 9))[: len(spatial)]
        init = self.rng.randn(*kernel, channels // groups, n_filters) / size
        transform = nengo.Convolution(
            n_filters,
            (*spatial, channels) if last else (channels, *spatial),
            kernel_size=kernel,
            strides=self.window((2, 2))[: len(spatial)],
            padding=self.pick(["same", "valid"]),
            channels_last=last,
            groups=groups,
            init=init,
        )
        return transform, transform.size_out

    def pool(self, n, size):
        shape = self.image(n)
        padding = self.pick(["same", "valid", "ceil"])
        window = self.window(shape)
        pool = softlif.AveragePool(shape, window, self.window(window), padding)
        return pool, pool.size_out

    def local(self, n, size):
        shape = self.image(n)
        local = softlif.LocallyConnected(
            int(self.pick([1, 3])),
            shape,
            self.window(shape),
            self.window((2, 2)),
            self.pick(["same", "valid"]),
            nengo.dists.Gaussian(0, 1 / size),
        )
        return local, local.size_out

    # -- what is looked at -------------------------------------------------------------

    def add_probes(self):
        """Look at all neurons, and at some of everything else."""
        network = self.example.network
        for ensemble in network.all_ensembles:
            with network:
                nengo.Probe(ensemble.neurons)
            if self.chance(0.4):
                self.probe(ensemble.neurons, "input")
            states = [name for name in ensemble.neuron_type.state if name != "rng"]
            if states and self.chance(0.3):
                self.probe(ensemble.neurons, self.pick(states))
            if self.chance(0.3):
                self.probe(ensemble.neurons, "output")
            if self.chance(0.2) and ensemble.gain is None:
                with network:
                    nengo.Probe(ensemble, synapse=self.synapse())
            if self.chance(0.1):
                with network:
                    nengo.Probe(ensemble, "input", synapse=self.synapse())
        for node in network.all_nodes:
            if self.chance(0.4):
                self.probe(node, "output")
        for connection in network.all_connections:
            if connection.synapse is None and self.chance(0.2):
                self.probe(connection, "output", whole=True)

    def probe(self, obj, attr, whole=False):
        if not whole and self.chance(0.2):
            obj = self.sliced(obj)
        every = self.example.dt * self.pick([1, 2, 2.5, 3])
        with self.example.network:
            nengo.Probe(
                obj,
                attr,
                synapse=self.synapse() if self.chance(0.5) else None,
                sample_every=every if self.chance(0.2) else None,
            )


class _Wave:
    """A function of time."""

    def __init__(self, phases):
        self.phases = phases

    def __call__(self, t):
        return np.sin(50 * t + self.phases)


# -- comparison ------------------------------------------------------------------------


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
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            example = make(seed)
            ours, theirs = seen_by_us(example), seen_by_nengo(example)
            for i, (us, them) in enumerate(zip(ours, theirs, strict=True)):
                _compare(result, example, i, us, them)
        except Exception:
            result.fault = traceback.format_exc()
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


def _compare(result, example, i, ours, theirs):
    """Compare what the probes saw of one example, until there was a tie."""
    wrong = {}  # the first step that differs
    for probe, expected in theirs.items():
        values = ours[probe]
        if not len(values) and not len(expected):
            continue  # Nengo then says nothing about size
        if values.shape != expected.shape:
            raise AssertionError(f"{probe}: {values.shape}, not {expected.shape}")
        scale = max(1.0, np.abs(expected).max(initial=0))
        differs = ~np.isclose(values, expected, 1e-9, 1e-9 * scale, equal_nan=True)
        if differs.any():
            period = (probe.sample_every or example.dt) / example.dt
            step = int(np.ceil((np.argmax(differs.any(axis=1)) + 1) * period - 1e-9))
            wrong[probe] = step - 1
    first = min(wrong.values(), default=example.n_steps)
    if wrong and not _is_tie(example, i, first, wrong):
        probe = min(wrong, key=wrong.get)
        raise AssertionError(
            f"example {i}, from step {first} on: {probe}, synapse {probe.synapse}, "
            f"saw {_around(ours[probe], theirs[probe])}; {len(wrong)} of {len(theirs)} "
            "probes differ"
        )
    result.n_ties += bool(wrong)
    for probe, expected in theirs.items():
        n = min(len(expected), first)
        result.n_values += expected[:n].size
        neurons = isinstance(probe.obj, nengo.ensemble.Neurons)
        if neurons and probe.obj.ensemble.neuron_type.spiking and not probe.synapse:
            result.n_spikes += np.count_nonzero(expected[:n])


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


# -- command ---------------------------------------------------------------------------


def run(check, seeds, processes=1):
    """Check many seeds, in several processes; say which fail, and how it goes on.

    Parameters
    ----------
    check : callable
        From a seed to a `Result`.
    seeds : sequence of int
        Which.
    processes : int
        How many at a time.

    Returns
    -------
    list of Result
    """
    results = []
    with contextlib.ExitStack() as stack:
        mapped = map(check, seeds)
        if processes > 1:
            context = multiprocessing.get_context("spawn")
            pool = concurrent.futures.ProcessPoolExecutor(processes, context)
            mapped = stack.enter_context(pool).map(check, seeds, chunksize=20)
        for result in mapped:
            results.append(result)
            if result.fault:
                print(f"seed {result.seed}: {result.fault}", flush=True)
            if len(results) % 100 == 0:
                print(f"{len(results)} of {len(seeds)}: {summary(results)}", flush=True)
    return results


def summary(results):
    """One line about results."""
    totals = totalled(results)
    return (
        f"{totals['networks']:,} networks, {totals['values']:,} values and "
        f"{totals['spikes']:,} spikes compared, {totals['ties']} ties excused, "
        f"{len(totals['failed'])} failed"
    )


def totalled(results):
    """What is to be recorded of results."""
    return {
        "networks": len(results),
        "values": sum(int(r.n_values) for r in results),
        "spikes": sum(int(r.n_spikes) for r in results),
        "ties": sum(int(r.n_ties) for r in results),
        "failed": [dataclasses.asdict(r) for r in results if r.fault],
    }


def main():
    """Check as many networks as are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=300, help="number of networks")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, help="receives a JSON record")
    arguments = parser.parse_args()
    start = time.time()
    seeds = range(arguments.first, arguments.first + arguments.n)
    results = run(check, seeds, arguments.processes)
    print(summary(results))
    if arguments.out:
        record = {"first_seed": arguments.first}
        record |= totalled(results) | {"seconds": round(time.time() - start)}
        arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    return int(any(result.fault for result in results))


if __name__ == "__main__":
    sys.exit(main())
