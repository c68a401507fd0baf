"""Random feed-forward networks that can be trained in spikes, with all that can be."""

from dataclasses import dataclass

from nengo_softlif import BernoulliSpiking, Dropout, IntegrateAndFire
from nengo_softlif.compat import nengo_dl
from nengo_softlif.gradients import (
    Arctan,
    FastSigmoid,
    LeakCorrected,
    MeasuredRates,
    SoftLIF,
    Triangular,
)

import nengo
import numpy as np

from . import engine_parts as parts
from .draws import Draw
from .engine_networks import Maker


@dataclass
class Example:
    """A network, what it is shown, and how it goes back.

    Attributes
    ----------
    network : nengo.Network
        The network.
    image, answer : nengo.Node, nengo.Probe
        Where images come in, and class values go out.
    images : (n_examples, n_steps or 1, size) ndarray
        What the image's node shows.
    derivative : Derivative
        What stands for that of spikes.
    dt : float
        Length of a step in seconds.
    n_steps : int
        How many.
    by_chance : bool
        Whether there are neurons that fire by chance.
    """

    network: nengo.Network
    image: nengo.Node
    answer: nengo.Probe = None
    images: np.ndarray = None
    derivative: object = None
    dt: float = 0.001
    n_steps: int = 1
    by_chance: bool = False


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
    return _Maker(Draw(seed)).made()


class _Maker(Maker):
    """Grows a network from its image on."""

    def __init__(self, draw):
        super().__init__(draw)
        self.leaky = draw.chance(0.4)  # of Lee et al.'s neurons only
        self.mixed = not self.leaky and draw.chance(0.4)

    def made(self):
        draw, network = self.draw, self.example.network
        with network:
            nengo_dl.configure_settings(trainable=None)
            image = nengo.Node(np.zeros(draw.pick(1, 4, 12, 16, 24, 36)))
            if draw.chance(0.3):
                self.add_source(nengo.Node(draw.randn(draw.whole(1, 5))))
        self.add_source(image)
        example = Example(network, image, dt=self.example.dt)
        if draw.chance(0.15):
            example.by_chance = True
            self.add_chance(image)
        for _ in range(draw.whole(1, 5)):
            with self.somewhere():
                draw.pick(self.add_neurons, self.add_neurons, self.add_node)()
        with self.somewhere():
            self.add_neurons()
        self.freeze_some()
        with network:
            example.answer = self.add_answer()
        example.n_steps = draw.pick(1, 2, 15, 30, 30)
        shape = draw.whole(1, 3), example.n_steps, image.size_out
        images = draw.randn(*shape) * draw.pick(0, 1, 1, 1, 5)
        example.images = images if draw.chance(0.4) else images[:, :1]
        example.derivative = self.derivative()
        return example

    def derivative(self):
        kinds = FastSigmoid(self.draw.uniform(1, 20)), Arctan(), Triangular()
        if self.leaky:
            lee = LeakCorrected(corrects=self.draw.chance(0.7))
            return self.draw.pick(*kinds, lee, lee, lee)
        if self.mixed:
            return self.draw.pick(*kinds)
        return self.draw.pick(*kinds, SoftLIF(0.1), MeasuredRates(0.1))

    # -- what puts something out -------------------------------------------------------

    def add_chance(self, image):
        n = image.size_out
        with self.example.network:
            chance = nengo.Ensemble(
                n,
                1,
                neuron_type=BernoulliSpiking(self.draw.uniform(0.2, 2)),
                gain=np.full(n, 400.0),
                bias=np.zeros(n),
            )
            nengo.Connection(image, chance.neurons, synapse=None)
        self.add_source(chance.neurons)

    def ensemble(self, n, dimensions, **kwargs):
        neuron_type = self.neuron_type()
        draw = self.draw
        if "gain" not in kwargs:
            kwargs["max_rates"] = nengo.dists.Uniform(70, 150)
        else:
            kwargs["gain"] *= draw.pick(1, 1, draw.rand(n) < 0.7)
            if isinstance(neuron_type, IntegrateAndFire):
                kwargs["gain"] = 100 * kwargs["gain"]
                kwargs["bias"] = 100 * kwargs["bias"]
        return nengo.Ensemble(n, dimensions, neuron_type=neuron_type, **kwargs)

    def neuron_type(self):
        """LIF neurons, or Lee et al.'s."""
        draw = self.draw
        if self.leaky or (self.mixed and draw.chance(0.5)):
            return IntegrateAndFire(
                draw.pick(np.inf, 0.0995, draw.uniform(0.005, 0.1)),
                amplitude=draw.uniform(0.2, 2),
                noise=draw.pick(None, Dropout(0.3)),
            )
        return draw.pick(
            nengo.LIF(),
            nengo.LIF(tau_ref=draw.pick(0, 0.001, 0.002)),
            nengo.LIF(
                tau_rc=draw.uniform(0.003, 0.05),
                tau_ref=draw.uniform(0, 0.005),
                min_voltage=-draw.rand(),
                amplitude=draw.uniform(0.2, 2),
                initial_state={"voltage": nengo.dists.Uniform(-1, 1)},
            ),
        )

    def add_decoded_input(self, ensemble):
        """Leave it out: only connections to neurons are trained in spikes."""

    def kinds(self, n):
        """Of transforms, without those that training in spikes has no form of."""
        kinds = [kind for kind in super().kinds(n) if kind is not parts.sparse]
        return kinds + 2 * [parts.pool] * (parts.pool in kinds)

    # -- what is trained, and what is looked at ----------------------------------------

    def freeze_some(self):
        """Let some weights and biases not be trained."""
        network, draw = self.example.network, self.draw
        objects = [e.neurons for e in network.all_ensembles] + network.all_connections
        for obj in objects:
            if draw.chance(0.2):
                network.config[obj].trainable = False

    def add_answer(self):
        """A probe of neurons, perhaps of a part, or of a node that they lead to."""
        draw = self.draw
        source, _ = self.sources[-1]
        if draw.chance(0.6):
            size = draw.whole(1, 5)
            answer = nengo.Node(size_in=size)
            for source, typical in [self.sources[-1], draw.pick(*self.sources)]:
                matrix, _ = parts.dense(draw, source.size_out, typical, size)
                self.join(source, answer, transform=matrix)
            source = answer
        part = parts.sliced(draw, source) if draw.chance(0.2) else source
        part = part if part.size_out else source
        return nengo.Probe(part, synapse=parts.synapse(draw))
