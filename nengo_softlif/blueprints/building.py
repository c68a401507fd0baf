"""From a blueprint to its network."""

from functools import partial

import nengo
import numpy as np
from nengo.exceptions import NengoException, ValidationError
from nengo.params import BoolParam, Parameter
from nengo.solvers import NoSolver

from .. import files
from ..geometry import Windows
from ..layers import parameters
from ..registry import TARGETS
from ..transforms import AveragePool, LocallyConnected
from . import records
from .parts import make, make_part


def build(record, arrays, sizes):
    """Make a network of a blueprint, without gains and weights.

    Parameters
    ----------
    record, arrays
        From `.draw`.
    sizes : dict of str to tuple of int
        Shapes of what ``layers.parameters.collect`` collected of the network, for
        ``install`` there to fix its parameters to. Nothing is made that is much
        larger.

    Returns
    -------
    nengo.Network

    Raises
    ------
    ValidationError
        If it is no blueprint, or one of another network than the sizes are of.

    Examples
    --------
    >>> from nengo_softlif import blueprints
    >>> from nengo_softlif.layers import parameters
    >>> built = parameters.build(model.network)
    >>> values = parameters.collect(model.network, built)
    >>> sizes = {name: value.shape for name, value in values.items()}
    >>> network = blueprints.build(*blueprints.draw(model.network, model.input), sizes)
    >>> len(network.all_ensembles)
    3
    """
    what = "the blueprint of a network"
    remedy = "it was altered, so use another copy, or save it again"
    plan = files.convert(record, records.Network, what, remedy)
    wrong = NengoException, ArithmeticError, AttributeError, LookupError
    wrong += RecursionError, TypeError, ValueError
    try:
        return _Building(arrays, sizes).build(plan)
    except wrong as error:
        if isinstance(error, ValidationError) and error.attr == "path":
            raise
        raise ValidationError(
            f"expected {what}, but it does not fit together ({error}); {remedy}",
            attr="header",
        ) from error


class _Building:
    def __init__(self, arrays, sizes):
        self._arrays, self._sizes = arrays, sizes
        self._n_bytes = 8 * sum(map(np.prod, sizes.values()))
        self._n_bytes += sum(array.nbytes for array in arrays.values())
        self._spent = 0

    def build(self, plan):
        """Make the network and all in it."""
        root = nengo.Network(seed=plan.seed, label=plan.label, add_to_container=False)
        self._networks = list(_walk(plan, root))
        self._ensembles = [
            self._ensemble(record, network, i)
            for i, (record, network) in enumerate(self._all("ensembles"))
        ]
        self._nodes = [self._node(*pair) for pair in self._all("nodes")]
        self._connections = []
        for i, (record, network) in enumerate(self._all("connections")):
            self._connections.append(self._connection(record, network, i))
        for pair in self._all("probes"):
            self._probe(*pair)
        self._configure(plan, root)
        for name, found in plan.targets.items():
            TARGETS.find(name, "targets").restore(root, found)
        return root

    def _all(self, kind):
        """Go through records in the order of ``network.all_...``."""
        for plan, network in self._networks:
            for record in getattr(plan, kind):
                yield record, network

    def _spend(self, n):
        """Refuse what is far larger than the file."""
        self._spent += 8 * n
        what = "the network that this file describes"
        files.check_unpacked(self._spent, self._n_bytes, what)
        return n

    def _ensemble(self, record, network, i):
        shape = self._sizes.get(f"ensembles/{i}/encoders")
        if shape != (record.n_neurons, record.dimensions):
            raise ValueError(f"an ensemble of {shape}, not {record.n_neurons} neurons")
        with network:
            return nengo.Ensemble(
                record.n_neurons,
                record.dimensions,
                radius=record.radius,
                neuron_type=make_part(record.neuron_type, self._arrays),
                label=record.label,
                seed=record.seed,
            )

    def _node(self, record, network):
        size = self._spend(record.size)
        with network:
            if record.output is None:
                return nengo.Node(size_in=size, label=record.label)
            output = self._arrays[record.output] if record.output else np.zeros(size)
            if output.size != size:
                raise ValueError(f"a node of {size} values puts out {output.size}")
            return nengo.Node(output, label=record.label)

    def _connection(self, record, network, i):
        pre, post = self._end(record.pre), self._end(record.post)
        more = {"transform": None}
        if record.size_mid is not None:
            nothing = partial(parameters.zeros, size=self._spend(record.size_mid))
            # parameters.install puts in decoders
            more |= {"function": nothing, "solver": NoSolver()}
        elif record.transform is not None:
            more["transform"] = self._transform(record.transform, i)
        with network:
            return nengo.Connection(
                pre,
                post,
                synapse=make_part(record.synapse, self._arrays),
                label=record.label,
                seed=record.seed,
                **more,
            )

    def _transform(self, record, i):
        part = {"type": record["type"], "arguments": record["arguments"]}
        arguments = part["arguments"]
        weights = self._sizes.get(f"connections/{i}/weights", ())
        if part["type"] in (AveragePool.__name__, LocallyConnected.__name__):
            self._spend(_count_taps(**arguments))
        if part["type"] == "Sparse":
            indices = self._arrays[record["indices"]]
            return make(part, self._arrays, indices=indices, init=np.zeros(weights))
        if "init_shape" in record:
            shape = tuple(record["init_shape"])
            if shape != weights:
                raise ValueError(f"weights of {weights}, not {shape}")
            return make(part, self._arrays, init=np.zeros(shape))
        if part["type"] == "Dense":  # that of others is a distribution already
            return make(part, self._arrays, init=nengo.dists.Uniform(-1, 1))
        return make(part, self._arrays)

    def _probe(self, record, network):
        with network:
            return nengo.Probe(
                self._end(record.target),
                record.attr,
                synapse=make_part(record.synapse, self._arrays),
                sample_every=record.sample_every,
                label=record.label,
                seed=record.seed,
            )

    def _end(self, end):
        kind = "ensembles" if end.kind == "neurons" else end.kind
        obj = getattr(self, f"_{kind}")[end.index]
        obj = obj.neurons if end.kind == "neurons" else obj
        if end.slice is not None:
            return obj[slice(*end.slice)]
        return obj if end.indices is None else obj[self._arrays[end.indices].tolist()]

    def _configure(self, plan, root):
        """Set what is trained, as nengo_dl.configure_settings does, and precision."""
        if plan.dtype != "float32":
            root.config.configures(nengo.Network)
            root.config[nengo.Network].set_param(
                "dtype", Parameter("dtype", plan.dtype)
            )
        found = {}
        for (record, _), obj in zip(
            self._all("ensembles"), self._ensembles, strict=True
        ):
            settings = record.trainable or [None, None]
            found |= dict(zip((obj, obj.neurons), settings, strict=True))
        for (record, _), obj in zip(
            self._all("connections"), self._connections, strict=True
        ):
            found[obj] = record.trainable
        found = {obj: setting for obj, setting in found.items() if setting is not None}
        if not found:
            return
        for kind in (nengo.Ensemble, nengo.ensemble.Neurons, nengo.Connection):
            if kind not in root.config.params:
                root.config.configures(kind)
            root.config[kind].set_param(
                "trainable", BoolParam("trainable", None, optional=True)
            )
        for obj, setting in found.items():
            root.config[obj].trainable = setting


def _walk(plan, network):
    """Make the networks in a network; go through them as ``network.all_networks``."""
    yield plan, network
    for inner in plan.networks:
        with network:
            made = nengo.Network(seed=inner.seed, label=inner.label)
        yield from _walk(inner, made)


def _count_taps(
    input_shape, pool_size=None, kernel_size=None, n_filters=1, strides=1, padding=""
):
    """Count the entries of a matrix of windows, before it is made."""
    size = kernel_size if pool_size is None else pool_size
    size = [size] * 2 if np.ndim(size) == 0 else size
    strides = [strides or size] * 2 if np.ndim(strides) == 0 else strides
    windows = Windows(input_shape[:2], size, strides, padding)
    shapes = *windows.output_shape, *size, input_shape[2], n_filters
    return int(np.prod([float(length) for length in shapes]))
