"""The simulator itself: it runs stages, keeps what probes see, resets.

Layer after layer, each for a chunk of time steps: the linear work is then a few
large products, and one loop does synapse, membrane, refractory time and spikes.
"""

from contextlib import contextmanager

import nengo
import numpy as np
from nengo.exceptions import (
    SignalError,
    SimulationError,
    SimulatorClosed,
    ValidationError,
)
from scipy import sparse

from ..checks import LARGEST_SEED, check_number, check_whole, network_of
from ..machine import memory
from ..progress import Progress
from .draws import Draws, draw_seed
from .guards import Guard
from .plans import Plan
from .products import to_numbers
from .recordings import Recordings
from .stages import StageSettings

ROWS = 3200
"""Examples x steps in a chunk: with fewer, several threads wait for each other more."""

LONGEST_CHUNK = 50
"""Steps in a chunk."""


class Simulator:
    """Simulates a feed-forward network, for many examples side by side.

    Spikes, voltages and filtered values are those of `nengo.Simulator`, up to
    rounding. Memory is set by the number of examples and by what is probed, not by
    how long is simulated.

    Parameters
    ----------
    network : nengo.Network or Model
        What `nengo_softlif.layers` can read: neurons of any type that Nengo has,
        nodes that put out constants, functions of time or processes, linear
        filters as synapses; no recurrence, no learning.
    dt : float
        Length of a step in seconds.
    seed : int, optional
        Seed of processes in nodes that have none; by default, as in Nengo, that of
        the network plus one.
    minibatch_size : int, optional
        Number of examples. Without it there is one, and what ``data`` gives has no
        axis for examples, as in `nengo.Simulator`.
    dtype : {"float32", "float64"}
        Precision.
    progress_bar : bool
        Show a progress bar in runs that take long.
    plan : Plan, optional
        How the network is read and set in motion; by default, all of it as layers.

    Attributes
    ----------
    data : Mapping
        From probes to what they saw, (minibatch_size, n_steps, size), and from
        other objects to what Nengo built of them.
    n_steps : int
        Steps simulated so far.

    Raises
    ------
    Unconvertible
        If the network cannot be read as layers; names the object.
    ValidationError
        If arguments, weights or sizes cannot be simulated.

    Notes
    -----
    A run that does not come to its end, be it by Ctrl-C or an error, leaves layers at
    different times. What probes saw until then can be read, but the simulator refuses
    to go on until it is `reset`. It also refuses to run in several threads at once.

    Examples
    --------
    >>> with softlif.Simulator(spiking, minibatch_size=2, progress_bar=False) as sim:
    ...     sim.run(0.05)
    >>> sim.data[spiking.output].shape
    (2, 50, 10)
    """

    def __init__(
        self,
        network,
        dt=0.001,
        seed=None,
        minibatch_size=None,
        dtype="float32",
        progress_bar=True,
        *,
        plan=None,
    ):
        self.closed = True  # until all is well
        self._guard = Guard()
        self.network = network_of(network)
        check_number("dt", dt, "a positive number of seconds", 0, low_open=True)
        self.dt = float(dt)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValidationError(
                f"expected float32 or float64, got {dtype!r}", attr="dtype", obj=self
            )
        self.minibatch_size = minibatch_size
        if minibatch_size is not None:
            check_whole("minibatch_size", minibatch_size, 1)
        if seed is not None:
            check_whole("seed", seed, 0, LARGEST_SEED)
        self._n_examples = int(minibatch_size or 1)
        self.progress_bar = progress_bar
        self.model = nengo.builder.Model(dt=self.dt)
        self._stages = self._set_up(plan or Plan())
        self._draws = Draws(self.network, self.model)
        self.seed = draw_seed(self.network) if seed is None else seed
        self.data = Recordings(self.model.params, self.network, minibatch_size, dtype)
        self.reset()
        self.closed = False

    def _set_up(self, plan):
        """Let a plan read the network and make its stages."""
        try:
            read = plan.read(self.network, self.model)
        except SignalError as error:  # Nengo's own check, which finds NaN
            raise _error("network", f"it has damaged weights: {error}") from error
        _check_weights(read)
        _check_memory(read, self._n_examples, self.dtype)
        recorded = frozenset(
            (path.source, path.signal)
            for layer in read.values()
            for path in layer.inputs
            if path.signal != "output"
        )
        settings = StageSettings(self.dt, self._n_examples, self.dtype, recorded)
        stages = plan.make_stages(read, settings)
        longest = 1 if plan.stepwise else LONGEST_CHUNK
        self._chunk = max(1, min(longest, ROWS // self._n_examples))
        return stages

    def reset(self, seed=None):
        """Go back to the initial state, and forget what probes saw.

        Parameters
        ----------
        seed : int, optional
            Another seed for processes in nodes.
        """
        if seed is not None:
            check_whole("seed", seed, 0, LARGEST_SEED)
        with self.restarting():
            if seed is not None:
                self.seed = seed

    @contextmanager
    def restarting(self):
        """Change in a ``with`` block how stages simulate; then go back to the start.

        No run is going on meanwhile, nor does any begin with half of a change.

        Raises
        ------
        SimulationError
            If a run is going on, before anything is changed.
        """
        with self._guard.alone(), self._guard.changing():
            yield
            rngs = self._draws.make_rngs(self.seed)
            for obj, stage in self._stages.items():
                stage.reset(rngs.get(obj))
                stage.clear()
            self.data.clear(n_steps=0)

    def clear_probes(self):
        """Forget what probes saw, and how often neurons fired."""
        with self._guard.alone():
            for stage in self._stages.values():
                stage.clear()
            self.data.clear(self.n_steps)

    @property
    def n_steps(self):
        """Steps simulated so far."""
        return self.data.n_steps

    @property
    def time(self):
        """Simulated time in seconds."""
        return self.n_steps * self.dt

    def trange(self, sample_every=None):
        """Times in seconds of the steps that probes saw, as in Nengo."""
        period = 1 if sample_every is None else sample_every / self.dt
        steps = np.arange(1, self.n_steps + 1)
        return self.dt * steps[steps % period < 1]

    def step(self):
        """Simulate one step."""
        self.run_steps(1)

    def run(self, time_in_seconds, data=None):
        """Simulate for a time; see `run_steps`."""
        check_number("time_in_seconds", time_in_seconds, "a number of seconds", 0)
        self.run_steps(int(np.round(float(time_in_seconds) / self.dt)), data)

    def run_steps(self, n_steps, data=None):
        """Simulate steps.

        Parameters
        ----------
        n_steps : int
            How many.
        data : dict of nengo.Node to ndarray, optional
            What nodes put out instead of their own output: (minibatch_size, n_steps,
            size) or, for constant input, (minibatch_size, 1, size).

        Raises
        ------
        ValidationError
            If the data do not fit, or there is not enough memory for what probes
            will see.
        SimulationError
            If a probe saw NaN or infinity, the last run was interrupted, or another
            thread is in the simulator.
        """
        if self.closed:
            raise SimulatorClosed("the simulator is closed; make another")
        check_whole("n_steps", n_steps, 0)
        n_steps = int(n_steps)
        data = self._check_data(data or {}, n_steps)
        self._check_history(n_steps)
        with self._guard.alone():
            self._guard.check_whole("go on")
            with self._guard.changing():
                self._simulate(n_steps, data)

    def _simulate(self, n_steps, data):
        """Let all stages advance, chunk after chunk."""
        for obj, stage in self._stages.items():
            stage.start(data.get(obj))
        chunk = self._chunk
        with Progress(
            "simulating", n_steps, "step", self.progress_bar, delay=2, leave=False
        ) as bar:
            for start in range(0, n_steps, chunk):
                length = min(chunk, n_steps - start)
                for stage in self._stages.values():
                    stage.advance(self.n_steps, length)
                seen = {p: self._sample(p, length) for p in self.network.all_probes}
                self.data.append(seen, length)
                bar.update(length)
        for stage in self._stages.values():
            stage.finish(n_steps)

    def spike_counts(self, ensemble):
        """How often neurons fired since the start, or since probes were cleared.

        Parameters
        ----------
        ensemble : nengo.Ensemble
            The neurons. If they do not spike: the sum of their rates times ``dt``.

        Returns
        -------
        (minibatch_size, n_neurons) ndarray
            Numbers of spikes.

        Raises
        ------
        SimulationError
            If a run is going on or was interrupted: layers are then at different
            times.
        """
        self._guard.check_whole("count spikes")
        return np.array(self._stages[ensemble.neurons].fired)

    def close(self):
        """Free what the simulation holds; what probes saw remains."""
        self.closed = True

    def __enter__(self):
        """Use in a ``with`` block, at whose end it is closed."""
        return self

    def __exit__(self, *exception):
        """Close."""
        self.close()

    def _sample(self, probe, n_steps):
        """What a probe saw in the last chunk: a copy of the steps it samples."""
        output = to_numbers(self._stages[probe].output)
        _check_finite(probe, output)
        shape = (self._n_examples, n_steps, output.shape[2])
        output = np.broadcast_to(output, shape)
        if probe.sample_every is None:
            return np.array(output)
        period = probe.sample_every / self.dt
        steps = self.n_steps + np.arange(n_steps) + 1
        return output[:, steps % period < 1]

    def _check_data(self, data, n_steps):
        """Check what nodes are to put out."""
        checked = {}
        for node, array in data.items():
            stage = self._stages.get(node)
            if not isinstance(node, nengo.Node) or node not in self.network.all_nodes:
                raise _error("data", f"{node!r} is not a node of the network")
            if node.size_in > 0:
                raise _error("data", f"{node} passes on what it is given")
            if stage is None:
                continue  # leads nowhere
            array = np.asarray(array)
            expected = [(self._n_examples, n, node.size_out) for n in (n_steps, 1)]
            if array.shape not in expected:
                raise _error(
                    "data",
                    f"expected an array of shape {expected[0]}, or {expected[1]} for "
                    f"constant input, for {node}, got {array.shape}",
                )
            if not np.isfinite(array).all():
                raise _error("data", f"what {node} is to put out is NaN or infinite")
            checked[node] = array
        return checked

    def _check_history(self, n_steps):
        """Refuse to record more than the machine's memory holds."""
        n_bytes = 0
        for probe in self.network.all_probes:
            share = 1 if probe.sample_every is None else self.dt / probe.sample_every
            n_bytes += n_steps * share * probe.size_in
        n_bytes *= self._n_examples * self.dtype.itemsize
        if n_bytes > memory():
            raise _error(
                "n_steps",
                f"probes would see {n_bytes / 1e9:.0f} GB in {n_steps} steps, but the "
                f"machine has {memory() / 1e9:.0f} GB; probe fewer values, set "
                "sample_every, or simulate fewer examples at a time",
            )


def _check_weights(read):
    """Refuse weights that are NaN or infinite, which would spread unseen."""
    for obj, layer in read.items():
        arrays = [layer.bias] if layer.neuron_type is not None else []
        for path in layer.inputs:
            arrays += [op.weights for op in path.operators if op.weights is not None]
        for array in arrays:
            values = array.data if sparse.issparse(array) else array
            if not np.isfinite(values).all():
                raise _error(
                    "network",
                    f"it has damaged weights: those of {obj} are infinite or NaN; did "
                    "its training diverge?",
                )


def _check_memory(read, n_examples, dtype):
    """Refuse sizes that the machine's memory cannot hold."""
    n_values = sum(layer.size * (2 + 2 * len(layer.inputs)) for layer in read.values())
    n_bytes = n_values * n_examples * dtype.itemsize
    if n_bytes > memory():
        raise _error(
            "minibatch_size",
            f"the state of {n_examples} examples takes {n_bytes / 1e9:.0f} GB, but the "
            f"machine has {memory() / 1e9:.0f} GB; simulate fewer at a time",
        )


def _check_finite(probe, output):
    if not np.isfinite(output).all():
        raise SimulationError(
            f"{probe} saw NaN or infinity; the network's weights are too large, or a "
            "node puts out such values"
        )


def _error(attr, message):
    return ValidationError(message, attr=attr, obj=Simulator)
