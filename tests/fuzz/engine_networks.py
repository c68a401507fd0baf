"""Random networks for the engine, with everything that can be in one."""

from dataclasses import dataclass, field

from nengo_softlif import AveragePool, BernoulliSpiking, IntegrateAndFire
from nengo_softlif.engine import products

import nengo
import numpy as np

from . import engine_parts as parts
from .draws import Draw


@dataclass
class Example:
    """A network, and how it is to be simulated.

    Attributes
    ----------
    network : nengo.Network
        The network.
    dt : float
        Length of a step in seconds.
    parts : list of int
        Steps of the runs that follow each other.
    shown : dict of nengo.Node to (n_examples, n_steps, size) ndarray
        What nodes put out.
    n_examples : int
        Simulated side by side.
    minibatch_size : int or None
        None for one example without an axis of its own.
    chunk, advantage : int, float
        For the engine: longest chunk, and when it follows spikes.
    rehearsed : bool
        Whether the engine runs and is reset before.
    """

    network: nengo.Network
    dt: float = 0.001
    parts: list = field(default_factory=list)
    shown: dict = field(default_factory=dict)
    n_examples: int = 1
    minibatch_size: int = None
    chunk: int = 50
    advantage: float = products.DENSE_ADVANTAGE
    rehearsed: bool = False

    @property
    def n_steps(self):
        """Of all parts."""
        return sum(self.parts)


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
    return Maker(Draw(seed)).made()


class Maker:
    """Grows a network from its inputs on."""

    def __init__(self, draw):
        self.draw = draw
        self.example = Example(nengo.Network(seed=self.draw.randint(1000)))
        self.example.dt = self.draw.pick(0.001, 0.001, 0.0005, 0.002, 0.0007)
        self.sources = []  # (object, typical size of its values)
        self.inner = [self.example.network]  # networks in each other
        self.stochastic = False

    def made(self):
        example = self.example
        for _ in range(self.draw.randint(1, 4)):
            example.parts.append(int(self.draw.randint(1, 16)))
        # chance is the same only for one example, as all draw from one generator
        self.stochastic = self.draw.chance(0.1)
        example.n_examples = 1 if self.stochastic else int(self.draw.randint(1, 4))
        if example.n_examples > 1 or self.draw.chance(0.3):
            example.minibatch_size = example.n_examples
        example.chunk = int(self.draw.pick(1, 2, 3, 7, 13, 50))
        example.advantage = self.draw.pick(0, products.DENSE_ADVANTAGE, 1e9)
        for _ in range(self.draw.randint(1, 4)):
            self.add_input()
        for _ in range(self.draw.randint(1, 6)):
            with self.somewhere():
                self.draw.pick(
                    self.add_neurons, self.add_neurons, self.add_node, self.add_nef
                )()
        with self.somewhere():
            self.add_neurons()
        self.add_probes()
        example.rehearsed = self.draw.chance(0.2)
        return example

    def somewhere(self):
        """One of the networks, perhaps a new one inside another."""
        if self.draw.chance(0.2):
            with self.draw.pick(*self.inner):
                self.inner.append(nengo.Network())
        return self.draw.pick(*self.inner)

    # -- what puts something out -------------------------------------------------------

    def add_input(self):
        example = self.example
        size = int(self.draw.pick(1, 4, 12, 16, 24, 36))
        with self.somewhere():
            kind = self.draw.randint(5)
            if kind <= 1:
                node = nengo.Node(np.zeros(size))
                n = example.n_examples
                shown = [
                    np.repeat(self.draw.randn(n, 1, size), n_steps, axis=1)
                    if self.draw.chance(0.5)
                    else self.draw.randn(n, n_steps, size)
                    for n_steps in example.parts
                ]
                example.shown[node] = np.concatenate(shown, axis=1)
            elif kind == 2:
                node = nengo.Node(self.draw.randn(size))
            elif kind == 3:
                node = nengo.Node(parts.Wave(self.draw.randn(size)), size_out=size)
            else:
                node = nengo.Node(parts.process(self.draw, size), size_out=size)
        self.add_source(node)

    def ensemble(self, n, dimensions, **kwargs):
        neuron_type = parts.neuron_type(self.draw, self.stochastic)
        bounds = {nengo.Izhikevich: (20, 60), nengo.Sigmoid: (220, 380)}
        if "gain" not in kwargs:
            low, high = bounds.get(type(neuron_type), (70, 150))
            kwargs["max_rates"] = nengo.dists.Uniform(low, high)
        elif isinstance(neuron_type, IntegrateAndFire | BernoulliSpiking):
            kwargs["gain"], kwargs["bias"] = 100 * kwargs["gain"], 100 * kwargs["bias"]
        return nengo.Ensemble(n, dimensions, neuron_type=neuron_type, **kwargs)

    def add_source(self, obj):
        """Let what is complete lead on; rates are large, other values about one."""
        rates = isinstance(obj, nengo.ensemble.Neurons)
        self.sources.append((obj, 200.0 if rates else 1.0))

    def add_neurons(self):
        """Add an ensemble into whose neurons there is a way."""
        path = self.path()
        n = path["size_out"]
        kwargs = {}
        if self.draw.chance(0.7):
            kwargs["gain"] = self.draw.uniform(0.5, 2, n) * self.draw.pick(1, 1, -1)
            kwargs["bias"] = self.draw.uniform(0, 2.5, n)
        ensemble = self.ensemble(n, 1, **kwargs)
        self.connect(path, ensemble.neurons)
        self.add_branches(ensemble.neurons, n)
        if self.draw.chance(0.3):
            self.add_decoded_input(ensemble)
        self.add_source(ensemble.neurons)

    def add_node(self):
        """Add a node that passes on what it is given."""
        path = self.path()
        node = nengo.Node(size_in=path["size_out"])
        self.connect(path, node)
        self.add_branches(node, node.size_in)
        self.add_source(node)

    def add_nef(self):
        """Add an ensemble with decoded input, and perhaps decoded output."""
        dimensions = int(self.draw.randint(1, 4))
        options = {
            "radius": self.draw.pick(1, 1, 2.5),
            "n_eval_points": 60,
            "normalize_encoders": self.draw.chance(0.8),
        }
        ensemble = self.ensemble(int(self.draw.randint(6, 25)), dimensions, **options)
        self.add_decoded_input(ensemble)
        if self.draw.chance(0.8):
            function = self.draw.pick(
                None, None, np.square, lambda x: [x[0], 1 - x[-1]]
            )
            size = 2 if function is not None and function is not np.square else None
            size = size or dimensions
            node = nengo.Node(size_in=size)
            self.join(ensemble, node, function=function)
            self.add_source(node)
        if self.draw.chance(0.3):
            other = self.ensemble(int(self.draw.randint(6, 25)), 1, n_eval_points=60)
            solver = nengo.solvers.LstsqL2(weights=self.draw.chance(0.5))
            self.join(ensemble[0], other, solver=solver)
            self.add_source(other.neurons)
        self.add_source(ensemble.neurons)

    def add_decoded_input(self, ensemble):
        source, size = self.source()
        d = ensemble.dimensions
        matrix, _ = parts.dense(self.draw, source.size_out, size, d)
        self.join(source, ensemble, transform=matrix)

    # -- what lies between -------------------------------------------------------------

    def source(self):
        source, size = self.draw.pick(*self.sources)
        if self.draw.chance(0.4):
            source = parts.sliced(self.draw, source)
        return source, size

    def path(self):
        """From a source: the arguments of a connection, and the size at its end."""
        source, size = self.source()
        n = source.size_out
        transform, size_out = self.draw.pick(*self.kinds(n))(self.draw, n, size)
        pooled = isinstance(transform, AveragePool)
        if pooled and size > 1:  # a pool has no weights
            node = nengo.Node(size_in=transform.size_out)
            self.join(source, node, transform=transform, synapse=None)
            source, n = node, node.size_out
            transform, size_out = parts.one_by_one(self.draw, n, size)
        return {"pre": source, "transform": transform, "size_out": size_out}

    def kinds(self, n):
        """Of transforms, for n values."""
        kinds = [parts.dense, parts.dense, parts.one_by_one, parts.sparse]
        if n >= 4 and n % 2 == 0:
            kinds += [parts.convolution] * 3 + [parts.pool, parts.local]
        return kinds

    def connect(self, path, post):
        arguments = {"transform": path["transform"]}
        if self.draw.chance(0.1) and isinstance(path["transform"], float):
            arguments["transform"] = self.draw.pick(1.0, -0.5) * arguments["transform"]
        self.join(path["pre"], post, **arguments)

    def join(self, pre, post, **arguments):
        """Connect, in the same network if what it comes from is in it."""
        network = nengo.Network.context[-1]
        obj = getattr(pre, "obj", pre)
        obj = getattr(obj, "ensemble", obj)
        inside = obj in network.all_nodes or obj in network.all_ensembles
        if not inside or self.draw.chance(0.5):
            network = self.example.network
        arguments.setdefault("synapse", parts.synapse(self.draw))
        if np.ndim(arguments.get("transform", 0)) < 2 and "solver" not in arguments:
            pre, post = parts.repeated(self.draw, pre), parts.repeated(self.draw, post)
        with network:
            nengo.Connection(pre, post, **arguments)

    def add_branches(self, target, n):
        """Add more inputs, also to parts of a target."""
        for _ in range(self.draw.randint(0, 3)):
            source, size = self.source()
            post = parts.sliced(self.draw, target) if self.draw.chance(0.4) else target
            transform, _ = parts.dense(self.draw, source.size_out, size, post.size_in)
            if source.size_out == post.size_in and self.draw.chance(0.5):
                transform, _ = parts.one_by_one(self.draw, source.size_out, size)
            self.join(source, post, transform=transform)

    # -- what is looked at -------------------------------------------------------------

    def add_probes(self):
        """Look at all neurons, and at some of everything else."""
        network = self.example.network
        for ensemble in network.all_ensembles:
            with network:
                nengo.Probe(ensemble.neurons)
            if self.draw.chance(0.4):
                self.probe(ensemble.neurons, "input")
            states = [name for name in ensemble.neuron_type.state if name != "rng"]
            if states and self.draw.chance(0.3):
                self.probe(ensemble.neurons, self.draw.pick(*states))
            if self.draw.chance(0.3):
                self.probe(ensemble.neurons, "output")
            if self.draw.chance(0.2) and ensemble.gain is None:
                with network:
                    nengo.Probe(ensemble, synapse=parts.synapse(self.draw))
            if self.draw.chance(0.1):
                with network:
                    nengo.Probe(ensemble, "input", synapse=parts.synapse(self.draw))
        for node in network.all_nodes:
            if self.draw.chance(0.4):
                self.probe(node, "output")
        for connection in network.all_connections:
            if connection.synapse is None and self.draw.chance(0.2):
                self.probe(connection, "output", whole=True)

    def probe(self, obj, attr, whole=False):
        if not whole and self.draw.chance(0.2):
            obj = parts.sliced(self.draw, obj)
        every = self.example.dt * self.draw.pick(1, 2, 2.5, 3)
        with self.example.network:
            nengo.Probe(
                obj,
                attr,
                synapse=parts.synapse(self.draw) if self.draw.chance(0.5) else None,
                sample_every=every if self.draw.chance(0.2) else None,
            )
