"""Everything training changes in a network, as named arrays in a stable order.

Saving, loading, converting and training all speak of a network's parameters in
this one form.
"""

import warnings
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import nengo
import numpy as np
from nengo.exceptions import ConfigError, Unconvertible, ValidationError
from nengo.solvers import NoSolver
from nengo.transforms import Convolution, ConvolutionTranspose, Sparse, SparseMatrix

from ..checks import changed
from ..transforms import AveragePool


def build(network):
    """Let Nengo build a network, in float64; return what ``Simulator.data`` holds."""
    model = nengo.builder.Model()
    with building():
        model.build(network)
    return model.params


@contextmanager
def building():
    """Silence what Nengo says of neurons that fire for no decoded value up to one.

    It tells the highest rate of each neuron by its gain and bias alone, and warns where
    there is none. Here weights lead to neurons, and say what they fire for.
    """
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.filterwarnings("ignore", "Non-finite values detected in `max_rates`")
        yield


def collect(network, data):
    """Arrays of the gains, biases, encoders and weights of a built network.

    Parameters
    ----------
    network : nengo.Network
        The network.
    data : mapping
        From its objects to their built form: from `build`, or the ``data`` of
        a simulator that trained it.

    Returns
    -------
    dict of str to ndarray
        Names are like ``ensembles/0/gain``, ``connections/3/weights`` and, for
        probes of decoded output, ``probes/0/weights``; the numbers count
        ``network.all_ensembles``, ``all_connections`` and ``all_probes``.
        Pooling, and connections without weights, have no entry.

    Raises
    ------
    ValidationError
        If NengoDL may have trained what no gain can say, see `check_gains`.
    """
    arrays = {}
    through_nengo_dl = hasattr(data, "get_params")
    if through_nengo_dl:
        check_gains(network, data.sim.model.params)
    for name, ensemble in _ensembles(network):
        built = _trained(ensemble, data) if through_nengo_dl else data[ensemble]
        for attr in ("gain", "bias", "encoders"):
            arrays[f"{name}/{attr}"] = np.array(getattr(built, attr))
    for name, connection in _weighted(network):
        weights = data[connection].weights
        if isinstance(connection.transform, Sparse):
            weights = _sparse_data(weights)
        elif np.size(weights) == 1:  # NengoDL has no scalars
            weights = np.reshape(weights, _weights_shape(connection))
        arrays[f"{name}/weights"] = np.array(weights)
    for name, probe in _decoded_probes(network):
        decoded = data[find_decoding(probe, data)]
        arrays[f"{name}/weights"] = np.array(decoded.weights)
    return arrays


def _trained(ensemble, data):
    """Gain, bias and encoders of an ensemble that NengoDL may have trained.

    NengoDL trains encoders that are scaled by gain / radius. The gain that it tells is
    inferred from their length, so that it is never negative and takes up what training
    did to the encoders; but input to the neurons goes on with the gain Nengo built.
    """
    built = data.sim.model.params[ensemble]
    scaled, bias = data.get_params((ensemble, "scaled_encoders"), (ensemble, "bias"))
    gain, encoders = np.array(built.gain), np.array(built.encoders)
    # with gain 0 they were zero; if training changed that, any gain will do
    gain[(gain == 0) & np.any(scaled != 0, axis=1)] = 1
    scales = gain != 0
    encoders[scales] = ensemble.radius * scaled[scales] / gain[scales, np.newaxis]
    return SimpleNamespace(gain=gain, bias=bias, encoders=encoders)


def check_gains(network, built):
    """Refuse ensembles of which training through NengoDL leaves no Nengo ensemble.

    Where a gain is 0, NengoDL nevertheless trains what comes in through encoders, while
    input to the neurons stays without effect: a trainable ensemble must not have such a
    neuron and both kinds of input.
    """
    targets = {connection.post_obj for connection in network.all_connections}
    trains = trainable(network)
    for _, ensemble in _ensembles(network):
        both = ensemble in targets and ensemble.neurons in targets
        zeros = np.count_nonzero(np.asarray(built[ensemble].gain) == 0)
        if both and zeros and trains[ensemble]:
            raise ValidationError(
                f"{ensemble} has {zeros} neurons with gain 0, and input to itself as "
                "well as to its neurons: NengoDL would train what the first does to "
                "them, which no gain says without letting in the second. Use a small "
                "gain, or set the ensemble's trainable to False",
                attr="network",
            )


def install(network, arrays):
    """Fix a network's parameters to the arrays that `collect` gave.

    Distributions give way to their samples and decoder solvers to the decoders they
    found, so that building the network again gives the same weights, with whatever
    neuron type.

    Raises
    ------
    ValidationError
        If the arrays are not those of such a network; nothing is changed.
    Unconvertible
        If a connection solves for full weights.
    """
    ensembles, connections = list(_ensembles(network)), list(_weighted(network))
    probes = list(_decoded_probes(network))
    _check(ensembles, connections, probes, arrays)
    arrays = {name: np.array(array) for name, array in arrays.items()}

    for name, ensemble in ensembles:
        ensemble.gain = arrays[f"{name}/gain"]
        ensemble.bias = arrays[f"{name}/bias"]
        ensemble.encoders = arrays[f"{name}/encoders"]
        ensemble.normalize_encoders = False  # they are what the build made of them
        # Nengo warns of what gains and biases override
        ensemble.max_rates = nengo.Ensemble.max_rates.default
        ensemble.intercepts = nengo.Ensemble.intercepts.default

    for name, connection in connections:
        weights = arrays[f"{name}/weights"]
        if has_decoders(connection.pre_obj):
            # function and transform are part of the built weights
            connection.solver = NoSolver(weights.T)
            connection.function = partial(zeros, size=weights.shape[0])
            connection.transform = None  # last: it takes its size from the function
        else:
            connection.transform = with_weights(connection.transform, weights)

    for name, probe in probes:
        probe.solver = NoSolver(arrays[f"{name}/weights"].T)


def describe_parts(network):
    """Describe what of a network its parameters do not tell, in a list of str.

    Neurons, connections with their transforms and synapses, the same before and after
    `install`.
    """
    parts = [repr(ensemble.neuron_type) for ensemble in network.all_ensembles]
    for connection in network.all_connections:
        transform = type(connection.transform).__name__
        if isinstance(
            connection.transform, (Convolution, ConvolutionTranspose, Sparse)
        ):
            transform = repr(connection.transform)
        if has_decoders(connection.pre_obj):
            transform = "decoded"
        sizes = f"{connection.size_in} to {connection.size_out}"
        parts.append(f"{transform}, {sizes}, synapse {connection.synapse!r}")
    return parts


def trainable(network, default=True):
    """Tell which parameters NengoDL trains, by the settings ``trainable``.

    Parameters
    ----------
    network : nengo.Network
        Any network.
    default : bool or None
        Of what has no such setting.

    Returns
    -------
    dict of bool
        From connections, for their weights; from ensembles, for their encoders; and
        from their neurons, for the biases. The setting of the innermost network that
        has one counts; neurons without any follow their ensemble.
    """
    found, waiting = {}, [(network, ())]
    while waiting:
        net, configs = waiting.pop()
        configs = (net.config, *configs)
        for obj in [*net.connections, *net.ensembles]:
            found[obj] = _setting(configs, obj, default)
        for ensemble in net.ensembles:
            neurons = ensemble.neurons
            found[neurons] = _setting(configs, neurons, found[ensemble])
        waiting += [(inner, configs) for inner in net.networks]
    return found


def dtype_of(network):
    """Precision that was set with nengo_dl.configure_settings, or float32."""
    settings = network.config.params.get(nengo.Network)
    return getattr(settings, "dtype", None) or "float32"


def _setting(configs, obj, default):
    for config in configs:
        try:
            setting = getattr(config[obj], "trainable", None)
        except ConfigError:  # this network configures no such objects
            continue
        if setting is not None:
            return bool(setting)
    return default


def with_weights(transform, weights):
    """Return a transform like this one, with weights in the form `collect` gives."""
    if isinstance(transform, Sparse):
        init = SparseMatrix(sparse_indices(transform), weights, transform.shape)
        new = changed(transform, init=init)
    elif isinstance(transform, (Convolution, ConvolutionTranspose)):
        new = changed(transform, init=weights)
    else:
        new = nengo.Dense(transform.shape, init=weights)
    return new


def _check(ensembles, connections, probes, arrays):
    shapes = {}
    for name, ensemble in ensembles:
        n = ensemble.n_neurons
        shapes[f"{name}/gain"] = shapes[f"{name}/bias"] = (ensemble, (n,))
        shapes[f"{name}/encoders"] = (ensemble, (n, ensemble.dimensions))
    for name, connection in connections:
        check_solver(connection)
        shapes[f"{name}/weights"] = (connection, _weights_shape(connection))
    for name, probe in probes:
        shapes[f"{name}/weights"] = (probe, (probe.size_in, probe.obj.n_neurons))

    if shapes.keys() != arrays.keys():
        only = sorted(arrays.keys() - shapes.keys())
        missing = sorted(shapes.keys() - arrays.keys())
        raise ValidationError(
            "the network has other objects than the one these parameters are from: "
            f"{len(missing)} of its parameters are missing ({_some(missing)}), and "
            f"{len(only)} fit nothing ({_some(only)}); build the same network",
            attr="arrays",
        )
    for name, (obj, shape) in shapes.items():
        if arrays[name].shape != shape:
            raise ValidationError(
                f"{obj} needs {name.rpartition('/')[2]} of shape {shape}, got "
                f"{arrays[name].shape}; build the network with the same sizes",
                attr="arrays",
            )


def check_solver(connection):
    """Refuse a connection that solves for full weights, as `Unconvertible`."""
    if connection.solver.weights:
        raise Unconvertible(
            f"{connection} solves for full connection weights, which depend on both "
            "its ends; use a decoder solver (solver.weights=False)"
        )


def _weights_shape(connection):
    transform = connection.transform
    if has_decoders(connection.pre_obj):
        return (connection.size_out, connection.pre_obj.n_neurons)
    if isinstance(transform, Sparse):
        return (len(sparse_indices(transform)),)
    if isinstance(transform, (Convolution, ConvolutionTranspose)):
        return transform.kernel_shape
    return transform.init_shape


def _ensembles(network):
    for i, ensemble in enumerate(network.all_ensembles):
        if not isinstance(ensemble.neuron_type, nengo.Direct):
            yield f"ensembles/{i}", ensemble


def _weighted(network):
    for i, connection in enumerate(network.all_connections):
        transform = connection.transform
        # transforms of other packages may have no place to write weights to
        held = hasattr(transform, "init") or has_decoders(connection.pre_obj)
        if connection.has_weights and held and not isinstance(transform, AveragePool):
            yield f"connections/{i}", connection


def _decoded_probes(network):
    for i, probe in enumerate(network.all_probes):
        if probe.attr == "decoded_output" and has_decoders(probe.obj):
            yield f"probes/{i}", probe


def has_decoders(obj):
    """Whether what leaves an object is decoded from neurons."""
    return isinstance(obj, nengo.Ensemble) and not isinstance(
        obj.neuron_type, nengo.Direct
    )


def find_decoding(probe, built):
    """Return the connection that Nengo makes for a probe, to decode through it."""
    (decoding,) = (c for c in built if getattr(c, "post_obj", None) is probe)
    return decoding


def _sparse_data(weights):
    """Values of a sparse matrix as Nengo (a matrix) or NengoDL (an array) gives it."""
    if isinstance(weights, SparseMatrix):
        return weights.data
    return weights.tocoo().data if hasattr(weights, "tocoo") else weights


def sparse_indices(transform):
    """Rows and columns of a sparse transform's values, (n, 2) ndarray."""
    if isinstance(transform.init, SparseMatrix):
        return transform.init.indices
    coo = transform.init.tocoo()
    return np.stack([coo.row, coo.col], axis=1)


def zeros(x, size):
    """Stand in for a function whose decoders are known."""
    return np.zeros(size)


def _some(names):
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "none"
