"""A Loihi chip for many examples at once, bit by bit as nengo-loihi emulates it.

nengo-loihi builds the network, and divides it between host and chip. What is on the
host is simulated as everywhere in this package; what is on the chip, with the chip's
integers, following the spikes.
"""

import numpy as np
from nengo.exceptions import Unconvertible

from ..engine import Plan, Simulator, add_stages
from . import blocks
from .decays import DT
from .host import build, read_host
from .stages import ChipSpikes, EmulatedNeurons, Probed, Readout, Received


class Emulator(Simulator):
    """Simulates a network on Loihi, for many examples side by side.

    A `.Simulator`, with all that it has.

    With ``rounding``, it gives every spike and every membrane voltage that
    ``nengo_loihi.Simulator(network, target="sim")`` gives for each example, many times
    faster. What that puts on the host stays there, in float64. Like the chip, it has
    steps of 1 ms.

    With ``rounding``, values that leave the range of the chip's registers wrap around;
    a warning says so, or an error if nengo-loihi's emulator is strict
    (``nengo_loihi.emulator.EmulatorInterface.strict``).

    Parameters
    ----------
    network : nengo.Network or Model
        What nengo-loihi can build, without learning, noise on the chip, or input to
        the chip that depends on its output. It receives nengo-loihi's settings, as by
        ``nengo_loihi.add_params``.
    seed : int, optional
        Seed of processes in nodes that have none; by default that of the network plus
        one.
    minibatch_size : int, optional
        Number of examples. Without it there is one, and what ``data`` gives has no
        axis for examples, as in `nengo.Simulator`.
    progress_bar : bool
        Show a progress bar in runs that take long.
    rounding : bool
        Whether currents and voltages are whole numbers, as on the chip. Otherwise they
        are real and have no range to leave: all that is left of the chip are its
        weights, biases, thresholds and time constants, and spikes are not those of
        nengo-loihi. That tells what of an error comes from which. Setting the
        attribute of this name goes back to the initial state.

    Attributes
    ----------
    data : Mapping
        From probes to what they saw, (minibatch_size, n_steps, size), and from other
        objects to what was built of them. Voltages and currents of neurons on the chip
        are on the scale of their block; with ``rounding``, whole numbers, as
        nengo-loihi's.
    loihi_model : nengo_loihi.builder.Model
        What nengo-loihi built.

    Raises
    ------
    BuildError
        If nengo-loihi finds that the network does not fit the chip, or its numbers.
    Unconvertible
        If nengo-loihi cannot build it, or the emulator cannot run it; names the object.
    ValidationError
        If arguments, weights or sizes cannot be simulated.

    Examples
    --------
    >>> chip = softlif.to_loihi(spiking)
    >>> with softlif.Emulator(chip, minibatch_size=2, progress_bar=False) as sim:
    ...     sim.run(0.02)
    >>> sim.data[chip.output].shape
    (2, 20, 10)
    """

    def __init__(
        self,
        network,
        seed=None,
        minibatch_size=None,
        progress_bar=True,
        rounding=True,
    ):
        self._plan = plan = ChipPlan(rounding)
        super().__init__(
            network, DT, seed, minibatch_size, "float64", progress_bar, plan=plan
        )
        self.loihi_model = plan.loihi_model

    @property
    def rounding(self):
        """Whether currents and voltages are whole numbers."""
        return self._plan.rounding

    @rounding.setter
    def rounding(self, rounding):
        with self.restarting():
            self._plan.set_rounding(rounding)


class ChipPlan(Plan):
    """Puts the chip between what leads to it and the rest of the host.

    Parameters
    ----------
    rounding : bool
        As of `Emulator`.

    Attributes
    ----------
    loihi_model : nengo_loihi.builder.Model
        What nengo-loihi built.
    """

    def __init__(self, rounding):
        self.rounding = bool(rounding)

    def set_rounding(self, rounding):
        """Change what neurons on the chip compute with, once they are reset."""
        self.rounding = bool(rounding)
        for neurons in self.neurons.values():
            neurons.rounding = self.rounding

    def read(self, network, model):
        """Let nengo-loihi build the network; read what it put on the host."""
        self.network, self.loihi_model = network, build(network, Emulator)
        if self.loihi_model.host2chip_pes_senders:
            raise Unconvertible(
                f"{network} learns while it runs, which the emulator cannot; use "
                "nengo_loihi.Simulator"
            )
        host, self.senders = read_host(self.loihi_model, model)
        return super().read(host, model)

    def make_stages(self, read, settings):
        """Make those that feed the chip, the chip's, and then all others."""
        self.chip = blocks.read(self.loihi_model)
        self.stepwise = self.chip.recurrent
        self.spikes = ChipSpikes(self.chip, settings)
        self.neurons = {
            population: EmulatedNeurons(population, self.spikes, self.rounding)
            for population in self.chip.populations
        }
        feeding = self._find_feeding(read)
        made = add_stages(self._make_receivers(read), read.values(), settings)
        self._connect_senders(read, made)
        stages = {obj: made[read[obj]] for obj in read if read[obj] in feeding}
        stages |= self._list_chip()
        return stages | {obj: made[read[obj]] for obj in read if obj not in stages}

    def _find_feeding(self, read):
        """Layers on the host that lead to the chip."""
        objects = {layer: obj for obj, layer in read.items()}
        found, waiting = set(), []
        for connection in self.senders.values():
            waiting.append(read[connection.pre_obj])
        while waiting:
            layer = waiting.pop()
            if layer in found:
                continue
            found.add(layer)
            if objects[layer] in self.loihi_model.chip2host_receivers.values():
                raise Unconvertible(
                    f"{objects[layer]} brings to the host what leads to the chip "
                    "again; the emulator simulates the host before the chip: put what "
                    "lies between on the chip, or use nengo_loihi.Simulator"
                )
            waiting += [path.source for path in layer.inputs]
        return found

    def _make_receivers(self, read):
        """Make the stages of what the host receives from the chip, by layer."""
        made = {}
        for probe, node in self.loihi_model.chip2host_receivers.items():
            if node not in read:  # nothing comes of it
                continue
            readout = self._read_out(probe)
            if any(np.ndim(weights) == 1 for weights in readout.probe.weights):
                raise Unconvertible(
                    f"what leads from {probe.obj} to the host multiplies each "
                    "value by a number of its own, which nengo-loihi takes for a "
                    "matrix; give the connection a matrix, np.diag(...)"
                )
            at_once = self.loihi_model.split.precompute
            made[read[node]] = Received(readout, at_once)
        return made

    def _read_out(self, probe):
        """What a probe sees of the chip."""
        built = self.loihi_model.objs[probe]["out"]
        parts = []
        for block, picked in zip(built.target, built.slice, strict=True):
            population, places = self.chip.of_block[block]
            parts.append((self.neurons[population], places[picked]))
        return Readout(built, parts)

    def _connect_senders(self, read, made):
        """Tell the chip whose spikes it is sent."""
        model = self.loihi_model
        for sender, connection in self.senders.items():
            source = model.spike_targets[model.host2chip_senders[sender]]
            stage = made[read[connection.pre_obj]]
            self.spikes.senders[source] = stage, connection.pre_slice
        for source in self.chip.inputs:
            if source not in self.spikes.senders:
                raise Unconvertible(
                    f"{source.label or source} sends spikes to the chip by itself, "
                    "which the emulator cannot; use a node on the host"
                )

    def _list_chip(self):
        """Stages of what is on the chip: spikes that arrive, neurons, probes."""
        on_chip = self.loihi_model.split.on_chip
        names = {
            self._find_population(ensemble): ensemble.neurons
            for ensemble in self.network.all_ensembles
            if on_chip(ensemble)
        }
        stages = {self.spikes: self.spikes}
        for population, neurons in self.neurons.items():
            stages[names.get(population, population)] = neurons
        for probe in self.network.all_probes:
            if on_chip(probe):
                stages[probe] = Probed(self._read_out(probe))
        return stages

    def _find_population(self, ensemble):
        """Where an ensemble is on the chip."""
        built = self.loihi_model.objs[ensemble.neurons]["out"]
        block = built[0] if isinstance(built, list) else built
        population, _ = self.chip.of_block[block]
        return population
