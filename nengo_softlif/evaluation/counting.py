"""A copy of a model whose neurons are counted when they fire."""

from dataclasses import dataclass, field

import nengo
import numpy as np

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
    fan_out : list of (n_neurons,) ndarray
        Fan-out of their neurons.
    dtype : str
        Precision that was set with nengo_dl.configure_settings, or float32.
    histograms : list of ndarray
        For each layer, how many neurons fired how often while an image was shown, of
        all that `count` saw.
    n_kept : int
        Of how many images to keep the counts of single neurons.
    kept : list of (n_kept, n_neurons) ndarray
        These counts, for each layer.
    """

    network: nengo.Network
    input: nengo.Node
    output: nengo.Probe
    layers: list
    dtype: str
    fan_out: list = field(default_factory=list)
    histograms: list = field(default_factory=list)
    n_kept: int = 0
    kept: list = field(default_factory=list)

    @classmethod
    def from_model(cls, model, seed):
        """Copy a model.

        Parameters
        ----------
        model : Model
            Left as it is.
        seed : int
            Seed of the network if it has none.

        Returns
        -------
        Watched
            The copy. `begin` before counting.
        """
        copy, twin = copied(model.network)
        if copy.seed is None:
            copy.seed = seed
        for network in [copy, *copy.all_networks]:
            network.probes.clear()
        output = twin[model.output]
        output.sample_every = None
        copy.probes.append(output)
        layers = neuron_layers(model)
        settings = copy.config.params.get(nengo.Network)
        return cls(
            copy,
            twin[model.input],
            output,
            [twin[layer] for layer in layers],
            getattr(settings, "dtype", None) or "float32",
        )

    def begin(self, fan_out, n_kept=0):
        """Begin to count anew.

        Parameters
        ----------
        fan_out : list of (n_neurons,) ndarray
            Fan-out of the neurons of each layer.
        n_kept : int
            Of how many images to keep the counts of single neurons.
        """
        self.fan_out, self.n_kept = fan_out, n_kept
        self.histograms, self.kept = [], []

    def count(self, counts):
        """Sum spikes, and remember how often neurons fired.

        Parameters
        ----------
        counts : list of (n, n_neurons) ndarray
            For each layer, how often its neurons fired while each of n images was
            shown.

        Returns
        -------
        (n_layers, 2) ndarray
            Spikes, and spikes times fan-out.
        """
        if not self.histograms:
            self.histograms = [np.zeros(1, np.int64) for _ in self.layers]
        for i, count in enumerate(counts):
            whole = np.rint(np.abs(count)).astype(np.intp).ravel()
            seen = np.bincount(whole, minlength=len(self.histograms[i]))
            seen[: len(self.histograms[i])] += self.histograms[i]
            self.histograms[i] = seen
        return self.added(counts)

    def added(self, counts):
        """Sum spikes, or rates, and keep those of the first images.

        Parameters and result are those of `count`, which also remembers how often
        neurons fired.
        """
        self._keep(counts)
        totals = [count.sum(axis=0) for count in counts]
        return np.array(
            [
                (total.sum(), total @ fan_out)
                for total, fan_out in zip(totals, self.fan_out, strict=True)
            ]
        )

    def _keep(self, counts):
        """Keep the counts of the first images."""
        self.kept = self.kept or [np.zeros((0, e.n_neurons)) for e in self.layers]
        left = self.n_kept - len(self.kept[0])
        if left > 0:
            pairs = zip(self.kept, counts, strict=True)
            self.kept = [np.concatenate([a, b[:left]]) for a, b in pairs]

    def highest_counts(self):
        """How often neurons fired while an image was shown, but for a thousandth.

        Returns
        -------
        list of int or None
            For each layer the 99.9th percentile over neurons and images; None if the
            simulator does not tell neurons apart.
        """
        if not self.histograms:
            return None
        below = [np.cumsum(histogram) for histogram in self.histograms]
        return [int(np.searchsorted(b, HIGHEST * b[-1])) for b in below]

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
                    layer.neurons,
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


def neuron_layers(model):
    """Return the ensembles of a model that have neurons (not `nengo.Direct`)."""
    return [e for e in model.ensembles if not isinstance(e.neuron_type, nengo.Direct)]


def layer_names(layers):
    """Name layers by their labels, where these tell them apart.

    Parameters
    ----------
    layers : list of nengo.Ensemble
        The layers.

    Returns
    -------
    list of str
        A different name for each.
    """
    labels = [layer.label for layer in layers]
    return [
        label if label and labels.count(label) == 1 else f"{label or 'layer'} {i + 1}"
        for i, label in enumerate(labels)
    ]
