"""From a network to its blueprint."""

import msgspec
import nengo
import numpy as np
from nengo.exceptions import Unconvertible
from nengo.transforms import NoTransform

from ..checks import network_of
from ..layers import parameters
from ..registry import TARGETS
from . import records
from .parts import describe_part, describe_transform


def draw(network, image=None):
    """Write a network down, object by object.

    Parameters
    ----------
    network : nengo.Network
        Left as it is.
    image : nengo.Node, optional
        A node whose output counts for nothing, as images take its place.

    Returns
    -------
    record : dict
        As JSON holds it: a ``records.Network``.
    arrays : dict of str to ndarray
        What it names, without what ``layers.parameters.collect`` collects.

    Raises
    ------
    Unconvertible
        If a part of it runs code of its own, as nodes with functions do, or learns;
        names it.

    Examples
    --------
    >>> from nengo_softlif import blueprints
    >>> record, arrays = blueprints.draw(model.network, model.input)
    >>> sorted(record)
    ['connections', 'dtype', 'ensembles', 'label', 'nodes', 'probes', 'seed']
    """
    return _Drawing(network_of(network), image).draw()


class _Drawing:
    def __init__(self, network, image):
        self.network, self.image = network, image
        self.arrays = {}
        kinds = ("ensembles", "nodes", "connections", "probes")
        self._places = {
            obj: (kind, i)
            for kind in kinds
            for i, obj in enumerate(getattr(network, f"all_{kind}"))
        }
        self._places |= {
            ensemble.neurons: ("neurons", i)
            for i, ensemble in enumerate(network.all_ensembles)
        }
        self._trainable = parameters.trainable(network, default=None)

    def draw(self):
        """Return the record and the arrays."""
        record = self._network(self.network)
        record.dtype = str(np.dtype(parameters.dtype_of(self.network)))
        for name, target in TARGETS.items():
            if target.takes(self.network):
                record.targets[name] = target.describe(self.network)
        return msgspec.to_builtins(record), self.arrays

    def _keep(self, array):
        name = f"{len(self.arrays)}"
        self.arrays[name] = np.asarray(array)
        return name

    def _network(self, network):
        return records.Network(
            [self._ensemble(ensemble) for ensemble in network.ensembles],
            [self._node(node) for node in network.nodes],
            [self._connection(connection) for connection in network.connections],
            [self._probe(probe) for probe in network.probes],
            [self._network(inner) for inner in network.networks],
            network.label,
            _seed(network),
        )

    def _ensemble(self, ensemble):
        if isinstance(ensemble.neuron_type, nengo.Direct):
            raise Unconvertible(f"{ensemble} has no neurons (nengo.Direct)")
        if ensemble.noise is not None:
            raise Unconvertible(f"{ensemble} injects noise")
        trainable = [self._trainable[obj] for obj in (ensemble, ensemble.neurons)]
        return records.Ensemble(
            ensemble.n_neurons,
            ensemble.dimensions,
            self._part(ensemble, ensemble.neuron_type),
            float(ensemble.radius),
            ensemble.label,
            _seed(ensemble),
            None if trainable == [None, None] else trainable,
        )

    def _node(self, node):
        output = node.output
        if node is self.image:
            output = np.zeros(node.size_out)
        if not isinstance(output, (np.ndarray, type(None))):
            raise Unconvertible(
                f"{node} runs a function or a process, which no file holds; only nodes "
                "that put out constants, or pass on what they are given, can be saved"
            )
        if output is None:
            return records.Node(node.size_in, None, node.label)
        kept = self._keep(output) if np.any(output) else ""
        return records.Node(node.size_out, kept, node.label)

    def _connection(self, connection):
        pre = connection.pre_obj
        if connection.learning_rule is not None:
            raise Unconvertible(f"{connection} learns while it runs")
        size_mid, transform = None, connection.transform
        if parameters.has_decoders(pre):
            parameters.check_solver(connection)
            size_mid, transform = transform.size_out, None
        elif connection.function is not None:
            raise Unconvertible(
                f"{connection} computes a function, which no file holds"
            )
        return records.Connection(
            self._end(pre, connection.pre_slice),
            self._end(connection.post_obj, connection.post_slice),
            self._part(connection, connection.synapse),
            size_mid,
            self._transform(connection, transform),
            connection.label,
            _seed(connection),
            self._trainable[connection],
        )

    def _transform(self, connection, transform):
        if transform is None or isinstance(transform, NoTransform):
            return None
        try:
            record = describe_transform(transform, self._keep)
        except Unconvertible as error:
            raise Unconvertible(f"{connection}: {error}") from error
        if type(transform) is nengo.transforms.Sparse:
            record["indices"] = self._keep(parameters.sparse_indices(transform))
        elif isinstance(transform, nengo.Dense) and len(transform.init_shape) < 2:
            record["init_shape"] = list(transform.init_shape)
        return record

    def _probe(self, probe):
        return records.Probe(
            self._end(probe.obj, probe.slice),
            probe.attr,
            self._part(probe, probe.synapse),
            probe.sample_every,
            probe.label,
            _seed(probe),
        )

    def _end(self, obj, taken):
        if obj not in self._places:
            raise Unconvertible(f"connections and probes of {obj} cannot be saved")
        end = records.End(*self._places[obj])
        if isinstance(taken, slice):
            if taken != slice(None):
                end.slice = [taken.start, taken.stop, taken.step]
        elif taken is not None:
            end.indices = self._keep(np.atleast_1d(taken))
        return end

    def _part(self, obj, part):
        try:
            return describe_part(part, self._keep)
        except Unconvertible as error:
            raise Unconvertible(f"{obj}: {error}") from error


def _seed(obj):
    return None if obj.seed is None else int(obj.seed)
