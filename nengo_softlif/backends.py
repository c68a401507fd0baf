"""Running a model on images: without time, with NengoDL, or with Nengo.

The three backends take the same arguments and give, batch by batch, what the
output probe saw and what each layer of neurons fired. Nothing as large as images
x steps x neurons is ever held: a node that is added to a copy of the network sums
the output of each layer in every step.
"""

import warnings
from dataclasses import dataclass

import nengo
import numpy as np
from nengo.exceptions import SimulationError

from .models import copied

LONGEST_CHUNK = 50
"""Steps NengoDL simulates in one call; between calls it carries its state over."""


@dataclass
class Watched:
    """A copy of a model that counts what its neurons fire.

    Parameters
    ----------
    network : nengo.Network
        Contains the copy, so that adding to it leaves the seeds of the copy's
        objects, and with them its initial voltages, as they are.
    input : nengo.Node
        Takes the image.
    output : nengo.Probe
        Gives one number per class.
    totals : nengo.Probe
        Gives, for one layer after the other, the sum of the neurons' outputs and
        their sum weighted by fan-out.
    amplitudes : (n_layers,) ndarray
        What one spike per second adds to the output of a neuron.
    spiking : (n_layers,) ndarray of bool
        Which layers spike.
    """

    network: nengo.Network
    input: nengo.Node
    output: nengo.Probe
    totals: nengo.Probe
    amplitudes: np.ndarray
    spiking: np.ndarray

    @classmethod
    def from_model(cls, model, fan_out, seed):
        """Watch a copy of a model.

        Parameters
        ----------
        model : Model
            Left as it is.
        fan_out : dict of nengo.Ensemble to (n_neurons,) ndarray
            Fan-out of every neuron; ensembles without entry count zero.
        seed : int
            Seed of the network if it has none.

        Returns
        -------
        Watched
            The copy. It has no other probes than the two.
        """
        copy, twin = copied(model.network)
        if copy.seed is None:
            copy.seed = seed
        for network in [copy, *copy.all_networks]:
            network.probes.clear()
        output = twin[model.output]
        output.sample_every = None

        layers = neuron_layers(model)
        with nengo.Network(seed=seed) as outer:
            outer.add(copy)
            outer.probes.append(output)
            node = nengo.Node(size_in=2 * len(layers))
            for i, layer in enumerate(layers):
                weights = [np.ones(layer.n_neurons), np.zeros(layer.n_neurons)]
                if layer in fan_out:
                    weights[1] = fan_out[layer]
                nengo.Connection(
                    twin[layer].neurons,
                    node[2 * i : 2 * i + 2],
                    transform=np.stack(weights),
                    synapse=None,
                )
            totals = nengo.Probe(node)
        return cls(
            outer,
            twin[model.input],
            output,
            totals,
            np.array([getattr(e.neuron_type, "amplitude", 1) for e in layers]),
            np.array([e.neuron_type.spiking for e in layers], dtype=bool),
        )

    def fired(self, totals, dt):
        """Turn what the probe of totals saw into spikes.

        Parameters
        ----------
        totals : (..., 2 n_layers) ndarray
            From the probe.
        dt : float
            Length of a step in seconds. With 1, rates give spikes per second.

        Returns
        -------
        (n_layers, 2) ndarray
            Spikes, and spikes times fan-out, in all steps together.
        """
        n_layers = len(self.amplitudes)
        fired = totals.reshape(-1, n_layers, 2) * (dt / self.amplitudes[:, None])
        # A neuron fires whole spikes; float32 knows them to seven digits only
        fired[:, self.spiking] = np.rint(fired[:, self.spiking])
        return fired.sum(axis=0)


def neuron_layers(model):
    """Return the ensembles of a model that have neurons (not `nengo.Direct`)."""
    return [e for e in model.ensembles if not isinstance(e.neuron_type, nengo.Direct)]


def run_rate(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Compute the answer of rate neurons at once, with NengoDL.

    Parameters and yields are those of `run_nengo_dl`; there is one step, and in
    place of spikes there are spikes per second.
    """
    with _nengo_dl_simulator(watched, dt, batch_size, seed) as sim:
        for images in batches:
            outputs, totals = _predict(sim, watched, _padded(images, batch_size), 1)
            n = len(images)
            yield outputs[:n], watched.fired(totals[:n], 1)


def run_nengo_dl(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images with NengoDL, a batch at a time.

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
    n_chunks = -(-n_steps // LONGEST_CHUNK)
    lengths = [len(part) for part in np.array_split(np.arange(n_steps), n_chunks)]
    with _nengo_dl_simulator(watched, dt, batch_size, seed) as sim:
        for i, images in enumerate(batches):
            if reset and i > 0:
                sim.reset(include_trainable=False)
            n = len(images)
            padded = _padded(images, batch_size)
            outputs, fired = [], 0
            for length in lengths:
                output, totals = _predict(sim, watched, padded, length)
                outputs.append(output[:n])
                fired = fired + watched.fired(totals[:n], dt)
            yield np.concatenate(outputs, axis=1), fired


def run_nengo(watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images with Nengo's own simulator, one after the other.

    Parameters and yields are those of `run_nengo_dl`. Without reset each image
    starts where the one before it ended.
    """
    shown = np.zeros(watched.input.size_out)
    watched.input.output = lambda t: shown
    with nengo.Simulator(watched.network, dt, seed, progress_bar=False) as sim:
        for images in batches:
            outputs, fired = [], 0
            for image in images:
                shown[...] = image
                sim.run_steps(n_steps, progress_bar=False)
                outputs.append(_finite(sim.data[watched.output].copy()))
                fired = fired + watched.fired(sim.data[watched.totals], dt)
                if reset:
                    sim.reset()
                else:
                    sim.clear_probes()
            yield np.stack(outputs), fired


RUN = {"rate": run_rate, "nengo-dl": run_nengo_dl, "nengo": run_nengo}
"""The backends by name."""


def _nengo_dl_simulator(watched, dt, batch_size, seed):
    from .compat import nengo_dl

    copy = watched.network.networks[0]
    settings = {
        "inference_only": True,
        # merging operators takes longer than it saves in networks of few, large ones
        "planner": nengo_dl.graph_optimizer.noop_planner,
        "dtype": nengo_dl.config.get_setting(copy, "dtype", "float32"),
    }
    with watched.network:
        nengo_dl.configure_settings(**settings)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No GPU support detected")
        return nengo_dl.Simulator(
            watched.network,
            dt=dt,
            seed=seed,
            minibatch_size=batch_size,
            progress_bar=False,
        )


def _predict(sim, watched, images, n_steps):
    """Show images for some steps; return what the two probes saw."""
    shown = np.broadcast_to(images[:, None], (len(images), n_steps, images.shape[1]))
    seen = sim.predict_on_batch({watched.input: shown}, stateful=True)
    return _finite(seen[watched.output]), seen[watched.totals].astype(np.float64)


def _padded(images, batch_size):
    """Fill a batch up with copies of its last image."""
    missing = batch_size - len(images)
    return np.concatenate([images, images[-1:].repeat(missing, axis=0)])


def _finite(outputs):
    if not np.all(np.isfinite(outputs)):
        raise SimulationError(
            "the network's output is NaN or infinite; its weights are damaged, or its "
            "training diverged"
        )
    return outputs
