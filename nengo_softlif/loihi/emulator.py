"""A Loihi chip for many examples at once, bit by bit as nengo-loihi emulates it.

nengo-loihi builds the network, and divides it between host and chip. What is on the
host is simulated as everywhere in this package; what is on the chip, with the chip's
integers, following the spikes.
"""

import nengo
import numpy as np
from nengo.exceptions import (
    BuildError,
    NengoException,
    Unconvertible,
    ValidationError,
)
from scipy import sparse

from .. import layers
from ..engine import Simulator, neurons
from . import stages as chip_stages
from .decays import DT


class Emulator(Simulator):
    """Simulates a network on Loihi, for many examples side by side.

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
    n_steps : int
        Steps simulated so far.
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
    """

    def __init__(
        self,
        network,
        seed=None,
        minibatch_size=None,
        progress_bar=True,
        rounding=True,
    ):
        self._rounding = rounding
        super().__init__(network, DT, seed, minibatch_size, "float64", progress_bar)

    @property
    def rounding(self):
        """Whether currents and voltages are whole numbers."""
        return self._rounding

    @rounding.setter
    def rounding(self, rounding):
        with self._alone():
            self._whole = False  # until it is reset
            self._rounding = self._on_chip.rounding = bool(rounding)
        self.reset()

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
        self._on_chip = on_chip = chip_stages.Chip(model, settings, self.rounding)
        feeding = self._feeding(read)
        made = {}
        received = set()
        for probe, node in model.chip2host_receivers.items():
            if node in read:  # else nothing comes of it
                seen = on_chip.watch(model.objs[probe]["out"])
                if any(np.ndim(weights) == 1 for weights in seen.probe.weights):
                    raise Unconvertible(
                        f"what leads from {probe.obj} to the host multiplies each "
                        "value by a number of its own, which nengo-loihi takes for a "
                        "matrix; give the connection a matrix, np.diag(...)"
                    )
                made[read[node]] = chip_stages.Received(seen, model.split.precompute)
                received.add(node)
        for layer in read.values():
            if layer not in made:
                made[layer] = neurons.made(layer, made, settings)
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
                stages[ensemble.neurons] = chip_stages.Layer(on_chip, population)
        for probe in self.network.all_probes:
            if model.split.on_chip(probe):
                seen = on_chip.watch(model.objs[probe]["out"])
                stages[probe] = chip_stages.Probed(seen)
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
                    f"{objects[layer]} brings to the host what leads to the chip "
                    "again; the emulator simulates the host before the chip: put what "
                    "lies between on the chip, or use nengo_loihi.Simulator"
                )
            waiting += [path.source for path in layer.inputs]
        return found


def _built(network):
    """Let nengo-loihi build a network for its emulator."""
    from ..compat import nengo_loihi

    class Model(nengo_loihi.builder.Model):
        """Names the object that cannot be built."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.finite = []

        def build(self, obj, *args, **kwargs):
            try:
                built = super().build(obj, *args, **kwargs)
            except NengoException:
                raise
            except Exception as error:  # also those of its own messages
                kind = type(error)
                reason = str(error) or "it is not made for such"
                if kind not in (NotImplementedError, AssertionError):
                    reason = f"{kind.__name__}: {reason}"
                raise Unconvertible(
                    f"nengo-loihi cannot build {obj}: {reason}; to_loihi rebuilds "
                    "networks so that it can"
                ) from error
            # also what nengo-loihi put in place of a connection
            for new in list(self.params)[len(self.finite) :]:
                self.finite.append(new)
                _check_finite(new, self.params[new])
            return built

    model = Model(dt=DT, label=str(network))
    try:
        model.build(network)
    except (BuildError, Unconvertible) as error:
        # nengo-loihi forgets the names of layers that it cuts into blocks
        waiting = [block for block in model.blocks if block.discretize_info is None]
        if not model.block_comp_map or not waiting:
            raise
        raise BuildError(
            f"nengo-loihi cannot express {waiting[0].label} in the chip's numbers, "
            "which all scale with the largest weight: weights are too small, or biases "
            "too large, or weights too large beside the threshold; scale weights, "
            "gains or biases"
        ) from error
    return model


def _check_finite(obj, built):
    """Refuse numbers that discretisation would turn into others."""
    if isinstance(obj, nengo.Connection):
        names = ["weights"]
    elif isinstance(obj, nengo.Ensemble):
        names = ["gain", "bias"]
    else:
        return
    for name in names:
        array = getattr(built, name)
        array = array.data if sparse.issparse(array) else array
        if not np.isfinite(array).all():
            raise ValidationError(
                f"it has damaged weights: the {name} of {obj} are infinite or NaN; did "
                "its training diverge?",
                attr="network",
                obj=Emulator,
            )


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
