"""A Loihi chip for many examples at once, bit by bit as nengo-loihi emulates it.

nengo-loihi builds the network, and divides it between host and chip. What is on the
host is simulated as everywhere in this package; what is on the chip, with the chip's
integers, following the spikes.
"""

import warnings

import nengo
import numpy as np
from nengo.exceptions import SimulationError, Unconvertible

from . import chip, emulator_kernels, layers, neuron_stages
from .engine import Simulator
from .products import Counts
from .threads import spread

DT = 0.001
"""Length of a step of the chip in seconds."""

KINDS = {
    f"the input of a step ({emulator_kernels.INPUT_BITS} bits and sign)": "q0",
    f"the current ({emulator_kernels.CURRENT_BITS} bits and sign)": "current",
    "the current and bias together, as many bits": "u2",
}
"""What can leave the chip's range, and nengo-loihi's name for it."""


class Emulator(Simulator):
    """Simulates a network on Loihi, for many examples side by side.

    It gives every spike and every membrane voltage that
    ``nengo_loihi.Simulator(network, target="sim")`` gives for each example, many times
    faster. What that puts on the host stays there, in float64. Like the chip, it has
    steps of 1 ms.

    Where values leave the range of the chip's registers they wrap around; a warning
    says so, or an error if nengo-loihi's emulator is strict
    (``nengo_loihi.emulator.EmulatorInterface.strict``).

    Parameters
    ----------
    network : nengo.Network
        What nengo-loihi can build, without learning, noise on the chip, or input to
        the chip that depends on its output. It receives nengo-loihi's settings, as by
        ``nengo_loihi.add_params``.
    seed : int, optional
        Seed of processes in nodes that have none; that of the network by default.
    minibatch_size : int, optional
        Number of examples. Without it there is one, and what ``data`` gives has no
        axis for examples, as in `nengo.Simulator`.
    progress_bar : bool
        Show a progress bar in runs that take long.

    Attributes
    ----------
    data : Mapping
        From probes to what they saw, (minibatch_size, n_steps, size), and from other
        objects to what was built of them. Voltages and currents of neurons on the chip
        are whole numbers on the scale of their block, as nengo-loihi's.
    n_steps : int
        Steps simulated so far.
    loihi_model : nengo_loihi.builder.Model
        What nengo-loihi built.

    Raises
    ------
    BuildError
        If nengo-loihi finds that the network does not fit the chip.
    Unconvertible
        If nengo-loihi cannot build it, or the emulator cannot run it; names the object.
    ValidationError
        If arguments, weights or sizes cannot be simulated.
    """

    def __init__(self, network, seed=None, minibatch_size=None, progress_bar=True):
        super().__init__(network, DT, seed, minibatch_size, "float64", progress_bar)

    def _read(self):
        """Let nengo-loihi build the network; read what it put on the host."""
        self.loihi_model = _built(self.network)
        if self.loihi_model.host2chip_pes_senders:
            raise Unconvertible(
                f"{self.network} learns while it runs, which the emulator cannot; use "
                "nengo_loihi.Simulator"
            )
        host, self._senders = _host(self.loihi_model, self.model)
        return layers.read(host, self.model)

    def _make(self, read, settings):
        """Put the chip between what leads to it and the rest of the host."""
        model = self.loihi_model
        on_chip = Chip(model, settings)
        feeding = self._feeding(read)
        made = {}
        received = set()
        for probe, node in model.chip2host_receivers.items():
            if node in read:  # else nothing comes of it
                seen = on_chip.watch(model.objs[probe]["out"])
                made[read[node]] = Received(seen, model.split.precompute)
                received.add(node)
        for layer in read.values():
            if layer not in made:
                made[layer] = neuron_stages.made(layer, made, settings)
        for sender, connection in self._senders.items():
            source = model.spike_targets[model.host2chip_senders[sender]]
            stage = made[read[connection.pre_obj]]
            on_chip.senders[source] = stage, connection.pre_slice
        for source in on_chip.chip.inputs:
            if source not in on_chip.senders:
                raise Unconvertible(
                    f"{source.label or source} sends spikes to the chip by itself, "
                    "which the emulator cannot; use a node on the host"
                )
        if on_chip.chip.recurrent:
            self._chunk = 1

        stages = {obj: made[read[obj]] for obj in read if read[obj] in feeding}
        stages[on_chip] = on_chip
        for ensemble in self.network.all_ensembles:
            if model.split.on_chip(ensemble):
                (population, *_) = on_chip.chip.of_block[_block(model, ensemble)]
                stages[ensemble.neurons] = Layer(on_chip, population)
        for probe in self.network.all_probes:
            if model.split.on_chip(probe):
                seen = on_chip.watch(model.objs[probe]["out"])
                stages[probe] = Probed(seen)
        stages.update((obj, made[read[obj]]) for obj in read if obj not in stages)
        return stages

    def _feeding(self, read):
        """Layers on the host that lead to the chip."""
        objects = {layer: obj for obj, layer in read.items()}
        found, waiting = set(), []
        for connection in self._senders.values():
            waiting.append(read[connection.pre_obj])
        while waiting:
            layer = waiting.pop()
            if layer in found:
                continue
            found.add(layer)
            if objects[layer] in self.loihi_model.chip2host_receivers.values():
                raise Unconvertible(
                    f"{objects[layer]} brings to the host what leads to the chip again; "
                    "the emulator simulates the host before the chip: put what lies "
                    "between on the chip, or use nengo_loihi.Simulator"
                )
            waiting += [path.source for path in layer.inputs]
        return found


class Chip:
    """The chip in motion: what arrives in a step are the spikes of the step before.

    Attributes
    ----------
    chip : nengo_softlif.chip.Chip
        What is on it.
    senders : dict of SpikeInput to (stage, slice)
        What sends it spikes.
    fired : dict of Population to (n_examples, size) ndarray
        Spikes so far.
    """

    constant = output = None

    def __init__(self, model, settings):
        self.chip = chip.read(model)
        self.settings = settings
        self.senders = {}
        self.recorded = set()  # (population, "current" or "voltage")
        self.state, self.fired, self.signals = {}, {}, {}

    def watch(self, probe):
        """Return what a probe of nengo-loihi's will see, as a function of steps."""
        parts = []
        for block, picked in zip(probe.target, probe.slice, strict=True):
            population, places = self.chip.of_block[block]
            if probe.key != "spiked":
                self.recorded.add((population, probe.key))
            parts.append((population, places[picked]))
        return Seen(self, probe, parts)

    def reset(self, rng):
        """Begin anew."""
        n = self.settings.n_examples
        self.last = np.zeros((n, self.chip.n_columns), np.uint8)
        self.spikes = self.last[:, None]
        self.state = {
            population: np.zeros((3, n, population.size), np.int32)
            for population in self.chip.populations
        }
        self.clear()

    def clear(self):
        """Forget how often neurons fired."""
        n = self.settings.n_examples
        self.fired = {
            population: np.zeros((n, population.size), np.int64)
            for population in self.chip.populations
        }

    def start(self, data):
        """Begin a run."""
        self.overflows = {
            population: np.zeros((self.settings.n_examples, 3), np.int64)
            for population in self.chip.populations
        }

    def advance(self, n_before, n_steps):
        """Simulate a chunk."""
        last = self.spikes[:, -1].copy()
        if self.spikes.shape[1] != 1 + n_steps:
            shape = (self.settings.n_examples, 1 + n_steps, self.chip.n_columns)
            self.spikes = np.zeros(shape, np.uint8)
        self.spikes[:, 0] = last
        for source, (stage, picked) in self.senders.items():
            population = self.chip.inputs[source]
            values = stage.output
            values = values.values if isinstance(values, Counts) else values
            self._columns(population)[...] = values[..., picked] != 0
        for population in self.chip.populations:
            self._advance(population, n_steps)
            if _strict() and self.overflows[population].any():
                raise SimulationError(self._said(population))

    def _columns(self, population):
        """Spikes of a population in the current chunk."""
        low = population.column
        return self.spikes[:, 1:, low : low + population.size]

    def _advance(self, population, n_steps):
        shape = (self.settings.n_examples, n_steps, population.size)
        signals = []
        for name in ("current", "voltage"):
            wanted = (population, name) in self.recorded
            signal = np.empty(shape if wanted else (1, 0, 0), np.int32)
            self.signals[population, name] = signal
            signals.append(signal)
        synapses = population.synapses
        spread(
            emulator_kernels.advance,
            [
                self.spikes,
                *self.state[population],
                self.fired[population],
                *signals,
                self.overflows[population],
            ],
            [
                population.column,
                population.tiles,
                population.bias,
                population.threshold,
                synapses.ranges,
                synapses.rows,
                synapses.edges,
                synapses.runs,
                synapses.weights,
                synapses.shift,
            ],
        )

    def finish(self, n_steps):
        """End a run; warn of what left the chip's range."""
        for population, counts in self.overflows.items():
            if counts.any():
                warnings.warn(self._said(population), stacklevel=3)

    def _said(self, population):
        counts = self.overflows[population].sum(axis=0)
        (name, where), count = next(
            (kind, count)
            for kind, count in zip(KINDS.items(), counts, strict=True)
            if count
        )
        return (
            f"Overflow in {where}: in {population.label}, {name} left the chip's range "
            f"{count} times and wrapped around; make weights or firing rates smaller"
        )


class Seen:
    """What a probe of nengo-loihi's sees, without its synapse."""

    def __init__(self, on_chip, probe, parts):
        self.on_chip, self.probe, self.parts = on_chip, probe, parts

    def __call__(self, n_steps):
        """Return what it saw in the chunk, (n_examples, n_steps, size)."""
        outputs = []
        for population, places in self.parts:
            if self.probe.key == "spiked":
                signal = self.on_chip._columns(population).view(bool)
            else:
                signal = self.on_chip.signals[population, self.probe.key]
            outputs.append(signal[..., places].reshape(-1, len(places)))
        n_examples = self.on_chip.settings.n_examples
        return self.probe.weight_outputs(outputs).reshape(n_examples, n_steps, -1)


class _Watching:
    """A stage that shows something of the chip."""

    constant = output = None

    def reset(self, rng):
        """Begin anew."""

    def clear(self):
        """Nothing is counted."""

    def start(self, data):
        """Begin a run."""

    def finish(self, n_steps):
        """End a run."""

    def advance(self, n_before, n_steps):
        """Go on with the chip."""


class Layer(_Watching):
    """Neurons on the chip."""

    def __init__(self, on_chip, population):
        self.on_chip, self.population = on_chip, population

    @property
    def fired(self):
        """Spikes so far, (n_examples, size)."""
        return self.on_chip.fired[self.population]


class Probed(_Watching):
    """A probe of neurons on the chip, filtered in float32 as nengo-loihi does."""

    def __init__(self, seen):
        self.seen = seen

    def reset(self, rng):
        """Empty the synapse."""
        self.filter = None

    def advance(self, n_before, n_steps):
        """See what the chip did."""
        self.output = self.seen(n_steps)
        synapse = self.seen.probe.synapse
        if synapse is None:
            return
        n_examples, _, size = self.output.shape
        if self.filter is None:
            shape = (n_examples * size,)
            state = synapse.make_state(shape, shape, DT, dtype=np.float32)
            self.filter = synapse.make_step(shape, shape, DT, None, state)
        for t in range(n_steps):
            values = self.filter((n_before + t) * DT, self.output[:, t].reshape(-1))
            self.output[:, t] = values.reshape(n_examples, size)


class Received(_Watching):
    """What the host receives from the chip, one step late.

    If nengo-loihi computes the input beforehand, which it does if it can, what it
    shows the host in the first step is not zero but what the chip did in its first.
    """

    def __init__(self, seen, at_once):
        self.seen, self.at_once = seen, at_once

    def reset(self, rng):
        """Begin anew."""
        self.last = None

    def advance(self, n_before, n_steps):
        """Receive."""
        new = self.seen(n_steps)
        if self.last is None:
            self.last = new[:, :1] if self.at_once else np.zeros_like(new[:, :1])
        self.output = np.concatenate([self.last, new[:, :-1]], axis=1)
        self.last = new[:, -1:].copy()


def _built(network):
    """Let nengo-loihi build a network for its emulator."""
    from .compat import nengo_loihi

    class Model(nengo_loihi.builder.Model):
        """Names the object that cannot be built."""

        def build(self, obj, *args, **kwargs):
            try:
                return super().build(obj, *args, **kwargs)
            except (NotImplementedError, AssertionError) as error:
                if isinstance(obj, nengo.Network):
                    raise
                reason = str(error) or "it is not made for such"
                raise Unconvertible(
                    f"nengo-loihi cannot build {obj}: {reason}"
                ) from error

    model = Model(dt=DT, label=str(network))
    model.build(network)
    return model


def _host(loihi_model, model):
    """Put together what nengo-loihi put on the host.

    Parameters
    ----------
    loihi_model : nengo_loihi.builder.Model
        What it built.
    model : nengo.builder.Model
        Receives what Nengo built of it.

    Returns
    -------
    host : nengo.Network
        Contains the objects themselves.
    senders : dict of nengo.Node to nengo.Connection
        Nodes that stand for the chip, and what leads to them. Neither is in the
        network.
    """
    model.params.update(loihi_model.params)
    host = nengo.Network(add_to_container=False)
    senders = {}
    for part in (loihi_model.host_pre, loihi_model.host):
        model.params.update(part.params)
        model.seeds.update(part.seeds)
        for obj in part.params:
            if isinstance(obj, nengo.Node):
                if obj not in loihi_model.host2chip_senders:
                    host.nodes.append(obj)
            elif isinstance(obj, nengo.Ensemble):
                host.ensembles.append(obj)
            elif isinstance(obj, nengo.Probe):
                host.probes.append(obj)
            elif isinstance(obj, nengo.Connection):
                if obj.post_obj in loihi_model.host2chip_senders:
                    senders[obj.post_obj] = obj
                elif not isinstance(obj.post_obj, nengo.Probe):
                    host.connections.append(obj)
    model.params[host] = None
    return host, senders


def _block(model, ensemble):
    """The first block of an ensemble."""
    built = model.objs[ensemble.neurons]["out"]
    return built[0] if isinstance(built, list) else built


def _strict():
    """Whether nengo-loihi's emulator raises errors where the chip would go wrong."""
    from .compat import nengo_loihi

    return nengo_loihi.emulator.EmulatorInterface.strict
