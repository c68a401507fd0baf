"""A copy of a model whose neurons are counted when they fire, and the counts."""

from dataclasses import dataclass, field

import nengo
import numpy as np

from ..layers import parameters
from ..models import copied

HIGHEST = 0.999
"""Share of neurons and images whose rates are not above the highest ones told."""


@dataclass
class Watched:
    """A copy of a model whose neurons are counted when they fire.

    Attributes
    ----------
    network : nengo.Network
        The copy, or a network that contains it. It has no other probe than the
        output.
    input : nengo.Node
        Takes the image.
    output : nengo.Probe
        Gives one number per class.
    layers : list of nengo.Ensemble
        The ensembles with neurons.
    dtype : str
        Precision that was set with nengo_dl.configure_settings, or float32.
    fan_out : list of (n_neurons,) ndarray
        Fan-out of their neurons, for simulators that only tell sums.
    recorded : list of nengo.Probe
        What `record` added.
    seen : list of (n, n_steps, n_recorded) ndarray
        What these saw of the last batch.
    """

    network: nengo.Network
    input: nengo.Node
    output: nengo.Probe
    layers: list
    dtype: str
    fan_out: list = field(default_factory=list)
    recorded: list = field(default_factory=list)
    seen: list = field(default_factory=list)

    @classmethod
    def from_model(cls, model, seed):
        """Copy a model, and leave it; the seed is for a network without one."""
        copy, twin = copied(model.network)
        if copy.seed is None:
            copy.seed = seed
        for network in [copy, *copy.all_networks]:
            network.probes.clear()
        output = twin[model.output]
        output.sample_every = None
        copy.probes.append(output)
        return cls(
            copy,
            twin[model.input],
            output,
            [twin[layer] for layer in neuron_layers(model)],
            parameters.dtype_of(copy),
        )

    def record(self, neurons):
        """Record what some neurons of each layer put out, where a simulator can.

        Parameters
        ----------
        neurons : list of (n_recorded,) array_like of int
            Which of each layer, in ascending order.
        """
        with self.network:
            self.recorded = [
                nengo.Probe(layer.neurons[list(chosen)])
                for layer, chosen in zip(self.layers, neurons, strict=True)
            ]

    def with_totals(self):
        """Add a node that sums what the neurons of each layer put out.

        Returns
        -------
        nengo.Probe
            Gives, for one layer after the other, the sum of the neurons' outputs
            and their sum weighted by fan-out.
        """
        # around the copy, so that adding leaves the seeds of its objects, and with them
        # its initial voltages, as they are
        with nengo.Network(seed=self.network.seed) as outer:
            outer.add(self.network)
            self.network = outer
            node = nengo.Node(size_in=2 * len(self.layers))
            for i, (layer, fan_out) in enumerate(
                zip(self.layers, self.fan_out, strict=True)
            ):
                nengo.Connection(
                    _unsigned(layer),
                    node[2 * i : 2 * i + 2],
                    transform=np.stack([np.ones(layer.n_neurons), fan_out]),
                    synapse=None,
                )
            return nengo.Probe(node)

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
        types = [layer.neuron_type for layer in self.layers]
        amplitudes = np.array([getattr(t, "amplitude", 1) for t in types])
        fired = totals.reshape(-1, len(types), 2) * (dt / amplitudes[:, None])
        # A neuron fires whole spikes; float32 knows them to seven digits only
        spiking = np.array([t.spiking for t in types], dtype=bool)
        fired[:, spiking] = np.rint(fired[:, spiking])
        return fired.sum(axis=0)


class Tally:
    """How often neurons fired while images were shown.

    Parameters
    ----------
    fan_out : list of (n_neurons,) ndarray
        Fan-out of the neurons of each layer.
    n_kept : int
        Of how many images, the first that are shown, to keep the counts of single
        neurons.
    timed : bool
        Whether these are spikes, whose histogram is kept, and not rates.

    Attributes
    ----------
    fired : (n_layers, 2) ndarray
        Spikes, and spikes times fan-out, of all images together.
    kept : list of (n_kept, n_neurons) ndarray
        The counts of the first images; empty if neurons are not told apart.
    """

    def __init__(self, fan_out, n_kept=0, timed=True):
        self.fan_out, self.n_kept, self.timed = fan_out, n_kept, timed
        self.fired = np.zeros((len(fan_out), 2))
        self.kept = []
        self._histograms, self._totals = [], []

    def add(self, fired):
        """Add what a `.Backend` yields for a batch of images, or another tally."""
        if isinstance(fired, Tally):
            self._merge(fired)
            return
        if isinstance(fired, np.ndarray):
            self.fired += fired
            return
        self._keep(fired)
        if self.timed:
            self._remember(fired)
        if self.timed:
            self._add_totals([np.abs(count).sum(axis=0) for count in fired])
        for i, (count, fan_out) in enumerate(zip(fired, self.fan_out, strict=True)):
            total = count.sum(axis=0)
            self.fired[i] += total.sum(), total @ fan_out

    def _merge(self, other):
        self.fired += other.fired
        for i, seen in enumerate(other._histograms):
            self._add_to_histogram(i, seen)
        self._add_totals(other._totals)

    def _add_totals(self, totals):
        known = self._totals or [0] * len(totals)
        self._totals = [a + b for a, b in zip(known, totals, strict=True)]

    def _keep(self, counts):
        """Keep the counts of the first images."""
        self.kept = self.kept or [count[:0] for count in counts]
        left = self.n_kept - len(self.kept[0])
        if left > 0:
            pairs = zip(self.kept, counts, strict=True)
            self.kept = [np.concatenate([a, b[:left]]) for a, b in pairs]

    def _remember(self, counts):
        """Add to the histograms of how many neurons fired how often."""
        for i, count in enumerate(counts):
            whole = np.rint(np.abs(count)).astype(np.intp).ravel()
            self._add_to_histogram(i, np.bincount(whole))

    def _add_to_histogram(self, i, seen):
        if len(self._histograms) <= i:
            self._histograms.append(np.zeros(1, np.int64))
        known = self._histograms[i]
        total = np.zeros(max(len(known), len(seen)), np.int64)
        total[: len(known)] += known
        total[: len(seen)] += seen
        self._histograms[i] = total

    def highest_counts(self):
        """How often neurons fired while an image was shown, but for a thousandth.

        Returns
        -------
        list of int or None
            For each layer the 99.9th percentile over neurons and images; None if the
            simulator does not tell neurons apart.
        """
        if not self._histograms:
            return None
        below = [np.cumsum(histogram) for histogram in self._histograms]
        return [int(np.searchsorted(b, HIGHEST * b[-1])) for b in below]

    def histograms(self):
        """How many neurons fired how often while an image was shown.

        Returns
        -------
        list of list of int, or None
            For each layer, how many neurons fired 0, 1, 2... times, all images
            together; None if the simulator does not tell neurons apart.
        """
        return [h.tolist() for h in self._histograms] or None

    def n_silent(self):
        """How many neurons of each layer fired for no image, where they are told apart.

        Returns
        -------
        list of int, or None
        """
        return [int(np.count_nonzero(t == 0)) for t in self._totals] or None


def neuron_layers(model):
    """Return the ensembles of a model that have neurons (not `nengo.Direct`)."""
    return [e for e in model.ensembles if not isinstance(e.neuron_type, nengo.Direct)]


def _unsigned(layer):
    """What puts out a layer's rates, or spikes, which do not cancel out in a sum."""
    if not (layer.neuron_type.spiking and layer.neuron_type.negative):
        return layer.neurons
    node = nengo.Node(lambda t, x: np.abs(x), size_in=layer.n_neurons)
    nengo.Connection(layer.neurons, node, synapse=None)
    return node


def layer_names(layers):
    """Name ensembles by labels that tell them apart, others by their place too."""
    labels = [layer.label for layer in layers]
    return [
        label if label and labels.count(label) == 1 else f"{label or 'layer'} {i + 1}"
        for i, label in enumerate(labels)
    ]
