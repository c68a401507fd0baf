"""What runs a model on images: without time, or in spikes with one of three simulators.

All take the same arguments and give, batch by batch, what the output probe saw and what
each layer of neurons fired. Nothing as large as images x steps x neurons is ever held:
our own simulator counts spikes, and for the others a node that is added to a copy of
the network sums the output of each layer in every step.
"""

import warnings
from abc import ABC, abstractmethod
from dataclasses import replace

import nengo
import numpy as np
from nengo.exceptions import (
    NengoWarning,
    SimulationError,
    Unconvertible,
    ValidationError,
)

from .. import compat, layers
from ..engine import Simulator
from ..models import check_timeless
from ..targets import all_backends, target_of
from .counting import Watched, neuron_layers

LONGEST_CHUNK = 50
"""Steps NengoDL simulates in one call; between calls it carries its state over."""


class Backend(ABC):
    """What runs a model on images.

    Attributes
    ----------
    name : str
        By which it is chosen, and of which records tell.
    timed : bool
        Whether time passes; else there is one step, and rates instead of spikes.
    one_by_one : bool
        Whether it shows one image at a time.
    shows_frames : bool
        Whether it shows frames that change in time, too.
    records : bool
        Whether it records what ``Watched.record`` tells it to.
    """

    name = None
    timed = True
    one_by_one = False
    shows_frames = False
    records = False

    @abstractmethod
    def run(self, watched, batches, presentation):
        """Show images, a batch at a time.

        Parameters
        ----------
        watched : Watched
            What `watch` returned, with the fan-out of its neurons.
        batches : iterable of (n, size) ndarray
            Prepared images, ``presentation.batch_size`` of them at a time; the last
            batch may be smaller. Of frames (n, n_steps, size), one for each step; only
            if it ``shows_frames``.
        presentation : Presentation
            How they are shown. Without reset, each starts where the image at the same
            place of the batch before ended.

        Yields
        ------
        outputs : (n, n_steps, n_classes) ndarray
            What the output probe saw.
        fired : list of (n, n_neurons) ndarray, or (n_layers, 2) ndarray
            How often the neurons of each layer fired for each image (their rates if
            there is no time). Or, of what does not tell neurons apart, the spikes of
            each layer and spikes times fan-out, in the whole batch.
        """

    def watch(self, model, seed):
        """Copy a model, to count what fires in it.

        Parameters
        ----------
        model : Model
            Left as it is.
        seed : int
            Seed of the network if it has none.

        Returns
        -------
        Watched
        """
        return Watched.from_model(model, seed)

    def check(self, model, presentation):  # noqa: B027 (not every one has to)
        """Refuse models and times that are not for this backend."""

    def check_neurons(self, model):
        """Refuse to count the spikes of neurons that have none."""
        if not model.spikes:
            types = {str(ensemble.neuron_type) for ensemble in neuron_layers(model)}
            raise ValidationError(
                f"{self.name!r} simulates spikes, but its neurons have rates only "
                f"({', '.join(sorted(types))}); evaluate to_spiking(model), or its "
                "rates with backend='rate'",
                attr="model",
            )

    def able(self, model):
        """Return this backend, or one in its place for what it cannot run."""
        return self

    def describe(self, model):
        """What of a chip the model takes, as ``Evaluation.chip`` has it; or None."""
        return None

    def check_rates(self, model, highest):  # noqa: B027
        """Warn of rates that are too high for a chip.

        Parameters
        ----------
        model : Model
            What ran.
        highest : dict of nengo.Ensemble to float
            The highest rate of each layer, in Hz.
        """


class Engine(Backend):
    """Our own simulator, for many images side by side."""

    name = "engine"
    shows_frames = records = True

    def able(self, model):
        """Return NengoDL in place of ours for what that cannot simulate."""
        try:
            layers.read(model.network)
        except Unconvertible as error:
            _warn_of_nengo_dl(error)
            return NENGO_DL
        return self

    def run(self, watched, batches, presentation):
        """See `Backend.run`."""
        with _simulator(watched, presentation) as sim:
            yield from run_batches(sim, watched, batches, presentation)


class Rate(Backend):
    """The answer of rate neurons at once, without time."""

    name = "rate"
    timed = False

    def check_neurons(self, model):
        """Refuse networks that need time to answer."""
        instead = "evaluate the model it was made from, or use 'engine'"
        check_timeless(model, "backend", instead)

    def run(self, watched, batches, presentation):
        """See `Backend.run`."""
        try:
            sim = _simulator(watched, presentation)
        except Unconvertible as error:
            _warn_of_nengo_dl(error)
            yield from self._run_nengo_dl(watched, batches, presentation)
            return
        one_step = replace(presentation, presentation_time=presentation.dt, reset=True)
        with sim:
            for outputs, counts in run_batches(sim, watched, batches, one_step):
                yield outputs, [count / presentation.dt for count in counts]

    def _run_nengo_dl(self, watched, batches, presentation):
        totals = watched.with_totals()
        with _nengo_dl_simulator(watched, presentation) as sim:
            for i, images in enumerate(batches):
                if i > 0:
                    sim.reset(include_trainable=False)
                shown = _padded(images, presentation.batch_size)
                outputs, seen = _predict(sim, watched, totals, shown, 1)
                n = len(images)
                yield outputs[:n], watched.fired(seen[:n], 1)


class NengoDL(Backend):
    """NengoDL, which simulates any network, for many images side by side."""

    name = "nengo-dl"
    shows_frames = True

    def run(self, watched, batches, presentation):
        """See `Backend.run`."""
        steps = np.arange(presentation.n_time_steps)
        n_chunks = -(-len(steps) // LONGEST_CHUNK)
        lengths = [len(part) for part in np.array_split(steps, n_chunks)]
        totals = watched.with_totals()
        with _nengo_dl_simulator(watched, presentation) as sim:
            for i, images in enumerate(batches):
                if presentation.reset and i > 0:
                    sim.reset(include_trainable=False)
                n = len(images)
                padded = _padded(images, presentation.batch_size)
                outputs, fired, start = [], 0, 0
                for length in lengths:
                    shown = padded
                    if padded.ndim == 3:
                        shown = padded[:, start : start + length]
                    output, seen = _predict(sim, watched, totals, shown, length)
                    start += length
                    outputs.append(output[:n])
                    fired = fired + watched.fired(seen[:n], presentation.dt)
                yield np.concatenate(outputs, axis=1), fired


class Nengo(Backend):
    """Nengo's own simulator, one image after the other: the reference."""

    name = "nengo"
    one_by_one = shows_frames = True

    def run(self, watched, batches, presentation):
        """See `Backend.run`. Without reset images start where the one before ended."""
        dt, n_steps = presentation.dt, presentation.n_time_steps
        shown = Shown(watched.input, presentation)
        totals = watched.with_totals()
        with nengo.Simulator(
            watched.network, dt, presentation.seed, progress_bar=False
        ) as sim:
            for images in batches:
                outputs, fired = [], 0
                for image in images:
                    shown.image = image
                    sim.run_steps(n_steps, progress_bar=False)
                    outputs.append(check_finite(sim.data[watched.output].copy()))
                    fired = fired + watched.fired(sim.data[totals], dt)
                    if presentation.reset:
                        sim.reset()
                    else:
                        sim.clear_probes()
                yield np.stack(outputs), fired


class Prepared(Backend):
    """A simulator that is there already, in place of a backend's own.

    Parameters
    ----------
    backend : Backend
        In whose place it is.
    watched : Watched
        What it simulates.
    simulator : Simulator
        Of as many images as will be shown side by side.
    before : callable, optional
        Called before images are shown.
    """

    shows_frames = records = True

    def __init__(self, backend, watched, simulator, before=None):
        self.name = backend.name
        self.watched, self.simulator, self.before = watched, simulator, before
        self.check, self.describe = backend.check, backend.describe
        self.check_rates = backend.check_rates

    def watch(self, model, seed):
        """Return what the simulator simulates."""
        return self.watched

    def run(self, watched, batches, presentation):
        """See `Backend.run`."""
        if self.before is not None:
            self.before()
        yield from run_batches(self.simulator, watched, batches, presentation)


ENGINE, RATE, NENGO_DL, NENGO = Engine(), Rate(), NengoDL(), Nengo()


def backend_of(model, name=None):
    """Find the `Backend` of this name that is to run a model.

    By default it is the first of the model's target; for others our own simulator if
    any neurons spike, and else the one that computes rates.
    """
    if name is None:
        target = target_of(model)
        own = ENGINE if model.spikes else RATE
        name = own.name if target is None else next(iter(target.backends))
    return all_backends().find(name, "backend")


def run_batches(sim, watched, batches, presentation):
    """Simulate images with a `.Simulator`; see `Backend.run`."""
    n_steps, batch_size = presentation.n_time_steps, presentation.batch_size
    for images in batches:
        n, shown = len(images), _padded(images, batch_size)
        if shown.ndim == 2:
            shown = shown[:, None]
        sim.run_steps(n_steps, {watched.input: shown})
        counts = [sim.spike_counts(e)[:n] for e in watched.layers]
        watched.seen = [sim.data[probe][:n] for probe in watched.recorded]
        yield sim.data[watched.output][:n], counts
        if presentation.reset:
            sim.reset()
        else:
            sim.clear_probes()


class Shown:
    """What a node shows to a simulator that has no examples side by side.

    Parameters
    ----------
    node : nengo.Node
        Receives a function that puts out the image.
    presentation : Presentation
        How images are shown.

    Attributes
    ----------
    image : (size,) or (n_steps, size) ndarray
        The image, or the frames, of which one is put out in each step.
    """

    def __init__(self, node, presentation):
        self.image = np.zeros(node.size_out)
        self.dt, self.n_steps = presentation.dt, presentation.n_time_steps
        node.output = self._show

    def _show(self, t):
        if self.image.ndim == 1:
            return self.image
        return self.image[(round(t / self.dt) - 1) % self.n_steps]


def check_finite(outputs):
    """Return what a network put out, unless it is NaN or infinite."""
    if not np.all(np.isfinite(outputs)):
        raise SimulationError(
            "the network's output is NaN or infinite; its weights are damaged, or its "
            "training diverged"
        )
    return outputs


def _warn_of_nengo_dl(error):
    warnings.warn(
        f"simulating with nengo-dl, which is slower: {error}",
        NengoWarning,
        stacklevel=5,
    )


def _simulator(watched, presentation):
    return Simulator(
        watched.network,
        presentation.dt,
        presentation.seed,
        presentation.batch_size,
        watched.dtype,
        progress_bar=False,
    )


def _nengo_dl_simulator(watched, presentation):
    settings = {
        "inference_only": True,
        # merging operators takes longer than it saves in networks of few, large ones
        "planner": compat.nengo_dl.graph_optimizer.noop_planner,
        "dtype": watched.dtype,
    }
    with watched.network:
        compat.nengo_dl.configure_settings(**settings)
    return compat.quiet_simulator(
        watched.network,
        dt=presentation.dt,
        seed=presentation.seed,
        minibatch_size=presentation.batch_size,
        progress_bar=False,
    )


def _predict(sim, watched, totals, images, n_steps):
    """Show images or frames for some steps; return what output and totals were."""
    if images.ndim == 2:
        images = images[:, None]
    shown = np.broadcast_to(images, (len(images), n_steps, images.shape[2]))
    seen = sim.predict_on_batch({watched.input: shown}, stateful=True)
    return check_finite(seen[watched.output]), seen[totals].astype(np.float64)


def _padded(images, batch_size):
    """Fill a batch up with copies of its last image."""
    missing = batch_size - len(images)
    return np.concatenate([images, images[-1:].repeat(missing, axis=0)])
