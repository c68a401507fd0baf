"""Running a model on images: without time, or in spikes with one of three simulators.

The backends take the same arguments and give, batch by batch, what the output probe
saw and what each layer of neurons fired. Nothing as large as images x steps x neurons
is ever held: our own simulator counts spikes, and for the others a node that is
added to a copy of the network sums the output of each layer in every step.
"""

import warnings

import nengo
import numpy as np
from nengo.exceptions import NengoWarning, SimulationError, Unconvertible

from .. import layers
from ..engine import Simulator

LONGEST_CHUNK = 50
"""Steps NengoDL simulates in one call; between calls it carries its state over."""


def chosen(backend, model):
    """Return the backend, or NengoDL in place of ours for what that cannot simulate.

    Parameters
    ----------
    backend : str
        Name of a backend.
    model : Model
        What it is to simulate.

    Returns
    -------
    str
        Name of the backend to use. If it is another, a warning says why.
    """
    if backend == "engine":
        try:
            layers.read(model.network)
        except Unconvertible as error:
            _warn_of_nengo_dl(error)
            return "nengo-dl"
    return backend


def _warn_of_nengo_dl(error):
    warnings.warn(
        f"simulating with nengo-dl, which is slower: {error}",
        NengoWarning,
        stacklevel=4,
    )


def run_rate(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Compute the answer of rate neurons at once.

    Parameters and yields are those of `run_engine`; there is one step, and in place
    of spikes there are spikes per second.
    """
    try:
        sim = _simulator(watched, dt, batch_size, seed)
    except Unconvertible as error:
        _warn_of_nengo_dl(error)
        yield from _run_rate_nengo_dl(watched, batches, dt, batch_size, seed)
        return
    with sim:
        for images in batches:
            n = len(images)
            sim.run_steps(1, {watched.input: _padded(images, batch_size)[:, None]})
            rates = [sim.spike_counts(e)[:n] / dt for e in watched.layers]
            yield sim.data[watched.output][:n], watched.added(rates)
            sim.reset()


def _run_rate_nengo_dl(watched, batches, dt, batch_size, seed):
    totals = watched.with_totals()
    with _nengo_dl_simulator(watched, dt, batch_size, seed) as sim:
        for i, images in enumerate(batches):
            if i > 0:
                sim.reset(include_trainable=False)
            shown = _padded(images, batch_size)
            outputs, seen = _predict(sim, watched, totals, shown, 1)
            n = len(images)
            yield outputs[:n], watched.fired(seen[:n], 1)


def run_engine(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images with our own simulator, a batch at a time.

    Parameters
    ----------
    watched : Watched
        The network.
    batches : iterable of (n, size) ndarray
        Prepared images, ``batch_size`` of them at a time; the last batch may be
        smaller.
    n_steps : int
        Steps per image.
    dt : float
        Length of a step in seconds.
    reset : bool
        Whether each image starts from the initial state. Otherwise it starts
        where the image at the same place of the batch before ended.
    batch_size : int
        Number of images simulated side by side.
    seed : int
        Seed of processes in the network.

    Yields
    ------
    outputs : (n, n_steps, n_classes) ndarray
        What the output probe saw.
    fired : (n_layers, 2) ndarray
        Spikes of each layer, and spikes times fan-out, in the whole batch.
    """
    with _simulator(watched, dt, batch_size, seed) as sim:
        yield from run_batches(sim, watched, batches, n_steps, reset, batch_size)


def run_batches(sim, watched, batches, n_steps, reset, batch_size):
    """Simulate images with a `.Simulator`; see `run_engine`."""
    for images in batches:
        n = len(images)
        sim.run_steps(n_steps, {watched.input: _padded(images, batch_size)[:, None]})
        fired = watched.count([sim.spike_counts(e)[:n] for e in watched.layers])
        yield sim.data[watched.output][:n], fired
        if reset:
            sim.reset()
        else:
            sim.clear_probes()


def run_nengo_dl(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images with NengoDL, a batch at a time.

    Parameters and yields are those of `run_engine`.
    """
    n_chunks = -(-n_steps // LONGEST_CHUNK)
    lengths = [len(part) for part in np.array_split(np.arange(n_steps), n_chunks)]
    totals = watched.with_totals()
    with _nengo_dl_simulator(watched, dt, batch_size, seed) as sim:
        for i, images in enumerate(batches):
            if reset and i > 0:
                sim.reset(include_trainable=False)
            n = len(images)
            padded = _padded(images, batch_size)
            outputs, fired = [], 0
            for length in lengths:
                output, seen = _predict(sim, watched, totals, padded, length)
                outputs.append(output[:n])
                fired = fired + watched.fired(seen[:n], dt)
            yield np.concatenate(outputs, axis=1), fired


def run_nengo(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images with Nengo's own simulator, one after the other.

    Parameters and yields are those of `run_engine`. Without reset each image
    starts where the one before it ended.
    """
    shown = np.zeros(watched.input.size_out)
    watched.input.output = lambda t: shown
    totals = watched.with_totals()
    with nengo.Simulator(watched.network, dt, seed, progress_bar=False) as sim:
        for images in batches:
            outputs, fired = [], 0
            for image in images:
                shown[...] = image
                sim.run_steps(n_steps, progress_bar=False)
                outputs.append(finite(sim.data[watched.output].copy()))
                fired = fired + watched.fired(sim.data[totals], dt)
                if reset:
                    sim.reset()
                else:
                    sim.clear_probes()
            yield np.stack(outputs), fired


RUN = {
    "engine": run_engine,
    "nengo-dl": run_nengo_dl,
    "nengo": run_nengo,
    "rate": run_rate,
}
"""The backends by name."""


def _simulator(watched, dt, batch_size, seed):
    return Simulator(
        watched.network, dt, seed, batch_size, watched.dtype, progress_bar=False
    )


def _nengo_dl_simulator(watched, dt, batch_size, seed):
    from ..compat import nengo_dl, quiet_simulator

    settings = {
        "inference_only": True,
        # merging operators takes longer than it saves in networks of few, large ones
        "planner": nengo_dl.graph_optimizer.noop_planner,
        "dtype": watched.dtype,
    }
    with watched.network:
        nengo_dl.configure_settings(**settings)
    return quiet_simulator(
        watched.network,
        dt=dt,
        seed=seed,
        minibatch_size=batch_size,
        progress_bar=False,
    )


def _predict(sim, watched, totals, images, n_steps):
    """Show images for some steps; return what output and totals were."""
    shown = np.broadcast_to(images[:, None], (len(images), n_steps, images.shape[1]))
    seen = sim.predict_on_batch({watched.input: shown}, stateful=True)
    return finite(seen[watched.output]), seen[totals].astype(np.float64)


def _padded(images, batch_size):
    """Fill a batch up with copies of its last image."""
    missing = batch_size - len(images)
    return np.concatenate([images, images[-1:].repeat(missing, axis=0)])


def finite(outputs):
    """Return what a network put out, unless it is NaN or infinite."""
    if not np.all(np.isfinite(outputs)):
        raise SimulationError(
            "the network's output is NaN or infinite; its weights are damaged, or its "
            "training diverged"
        )
    return outputs
