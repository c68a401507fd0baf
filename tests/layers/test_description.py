"""Descriptions say all there is: networks rebuilt from them do the same."""

import json
from dataclasses import fields, is_dataclass
from numbers import Number

import nengo_softlif as softlif
from nengo_softlif import layers, networks, noise
from nengo_softlif.layers import Part, describe, parameters

import nengo
import numpy as np
import pytest
from fuzz import networks as random_networks
from nengo.exceptions import Unconvertible, ValidationError
from nengo.transforms import ChannelShape

DT = 0.001

# -- a network from its description, by nothing but names and numbers ------------------

CLASSES = {
    name: cls
    for module in (nengo.neurons, nengo.synapses, noise, softlif)
    for name, cls in vars(module).items()
    if isinstance(cls, type)
}


def made(part, **more):
    """Neuron type, noise or synapse that a part describes."""
    if part.kind in ("Lowpass", "Alpha"):
        return CLASSES[part.kind](part.parameters["tau"])
    parameters = {
        name: made(value) if isinstance(value, Part) else value
        for name, value in part.parameters.items()
    }
    return CLASSES[part.kind](**parameters, **more)


def transform_of(part):
    """Nengo transform that does what an operator does."""
    get = part.parameters.get
    shape = (get("size_out"), get("size_in"))
    if part.kind == "scale":
        return nengo.Dense((shape[1],) * 2, init=get("weights"))
    if part.kind == "matrix":
        return nengo.Dense(shape, init=get("weights"))
    if part.kind == "sparse":
        indices = np.stack([get("rows"), get("columns")], axis=1)
        return nengo.Sparse(shape, indices=indices, init=get("weights"))
    rows = np.arange(len(get("indices", ())))
    if part.kind == "slice":
        indices = np.stack([rows, get("indices")], axis=1)
        return nengo.Sparse(shape, indices=indices, init=np.ones(len(rows)))
    if part.kind == "place":
        indices = np.stack([get("indices"), rows], axis=1)
        return nengo.Sparse(shape, indices=indices, init=np.ones(len(rows)))
    windows = {"strides": get("strides"), "padding": get("padding")}
    size = get("kernel_size")
    if part.kind == "pool":
        return softlif.AveragePool(get("input_shape"), size, **windows)
    n_filters, weights = get("output_shape")[2], get("weights")
    if part.kind == "local":
        local = softlif.LocallyConnected(
            n_filters, get("input_shape"), size, **windows, init=nengo.dists.Choice([0])
        )
        inside = local.windows.inside
        return softlif.LocallyConnected(
            n_filters, get("input_shape"), size, **windows, init=weights[inside].ravel()
        )
    assert part.kind == "convolution"
    return nengo.Convolution(
        n_filters,
        ChannelShape(get("input_shape")),
        size,
        **windows,
        groups=get("groups"),
        init=weights,
    )


def rebuilt(description, outputs):
    """Network that a description tells of; and for each layer what shows its values.

    Parameters
    ----------
    outputs : dict
        What inputs put out, by their labels: that is no part of a description.
    """
    with nengo.Network() as net:
        made_layers = [rebuilt_layer(layer, outputs) for layer in description.layers]
        probes = {}
        for i, (layer, target) in enumerate(
            zip(description.layers, made_layers, strict=True)
        ):
            for way in layer.inputs:
                source = made_layers[way.source]
                synapses = [made(part) for part in way.synapses]
                if way.signal != "output":
                    (synapse,) = synapses or [None]
                    for part in way.operators:
                        source = source[list(part.parameters["indices"])]
                    probes[i] = nengo.Probe(source, way.signal, synapse=synapse)
                    continue
                steps = [(transform_of(part), None) for part in way.operators]
                steps += [(None, synapse) for synapse in synapses]
                for transform, synapse in steps:
                    size = source.size_out if transform is None else transform.size_out
                    node = nengo.Node(size_in=size)
                    nengo.Connection(source, node, transform=transform, synapse=synapse)
                    source = node
                nengo.Connection(source, target, synapse=None)
            if layer.role == "output" and i not in probes:
                probes[i] = nengo.Probe(target)
    return net, [probes[i] for i in sorted(probes)]


def rebuilt_layer(layer, outputs):
    if layer.role in ("input", "constant"):
        return nengo.Node(outputs.get(layer.label, layer.values), size_out=layer.size)
    if layer.role != "neurons":
        return nengo.Node(size_in=layer.size)
    neurons = layer.neurons
    state = {"initial_state": layer.state} if layer.state else {}
    return nengo.Ensemble(
        layer.size,
        1,
        neuron_type=made(neurons, **state),
        gain=layer.gain,
        bias=layer.bias,
        encoders=np.ones((layer.size, 1)),
    ).neurons


def run(network, probes, n_steps, dt):
    # Nengo's optimizer cannot merge all views with strides, in some of its orders
    with nengo.Simulator(network, dt=dt, progress_bar=False, optimize=False) as sim:
        sim.run_steps(n_steps, progress_bar=False)
    return [sim.data[probe] for probe in probes]


def called(objects, kind):
    """Objects by their labels in descriptions."""
    return {obj.label or f"{kind} {i}": obj for i, obj in enumerate(objects, 1)}


def compared(network, n_steps=40, dt=DT):
    """What probes see in a network, and in the one rebuilt from its description."""
    nodes = called(network.all_nodes, "node")
    with network:
        shown = {
            label: nengo.Probe(node)
            for label, node in nodes.items()
            if node.output is not None and not isinstance(node.output, np.ndarray)
        }
    description = describe(network)
    probes = called(network.all_probes, "probe")
    probes = [
        probes[layer.label] for layer in description.layers if layer.role == "output"
    ]
    seen = dict(zip(probes, run(network, probes, n_steps, dt), strict=True))
    replayed = {
        label: lambda t, values=seen[probe]: values[round(t / dt) - 1]
        for label, probe in shown.items()
    }
    found = run(*rebuilt(description, replayed), n_steps, dt)
    return list(zip(seen.items(), found, strict=True))


# -- completeness ----------------------------------------------------------------------


def drawn(seed):
    """Random network that shows itself what the example would; None if by chance."""
    example = random_networks.make(seed)
    for ensemble in example.network.all_ensembles:
        if isinstance(
            ensemble.neuron_type, (nengo.PoissonSpiking, nengo.StochasticSpiking)
        ):
            return None
    for probe in example.network.all_probes:
        probe.sample_every = None
    for node, shown in example.shown.items():
        node.output = lambda t, v=shown[0], dt=example.dt: v[round(t / dt) - 1]
    return example


@pytest.mark.parametrize("seed", range(30))
def test_random_networks_are_rebuilt(seed):
    example = drawn(seed)
    if example is None:
        pytest.skip("neurons fire by chance, from the generator of the simulator")
    network = example.network
    for (probe, expected), found in compared(network, example.n_steps, example.dt):
        np.testing.assert_allclose(
            found, expected, rtol=1e-9, atol=1e-9, err_msg=str(probe)
        )


def small():
    """Model whose biases, kernels and image are not trivial."""
    model = networks.small((6, 6, 2), n_classes=3, noise=noise.GaussianNoise(10))
    rng = np.random.RandomState(0)
    arrays = parameters.collect(model.network, parameters.build(model.network))
    for array in arrays.values():
        array += 0.1 * rng.normal(size=array.shape)
    parameters.install(model.network, arrays)
    image = rng.normal(size=model.input.size_out)
    model.input.output = lambda t: image
    return model


def test_spikes_of_models_are_the_same():
    model = softlif.to_spiking(small())
    with model.network:
        probes = [nengo.Probe(ensemble.neurons) for ensemble in model.ensembles]
    for (probe, expected), found in compared(model.network, 200):
        if probe in probes:
            assert np.count_nonzero(expected) > 100
            np.testing.assert_array_equal(found, expected, err_msg=str(probe))
        else:  # Nengo adds up in another order
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_rates_of_models_are_the_same():
    model = small()
    with model.network:
        for ensemble in model.ensembles:
            nengo.Probe(ensemble.neurons)
    for (probe, expected), found in compared(model.network, 3):
        np.testing.assert_allclose(found, expected, rtol=1e-10, err_msg=str(probe))


def test_recurrent_networks_are_rebuilt():
    with nengo.Network(seed=1) as net:
        node = nengo.Node(lambda t: np.sin(20 * t))
        a = nengo.Ensemble(40, 1, radius=1.5, label="memory")
        b = nengo.Ensemble(30, 2, gain=np.r_[0, np.ones(29)], bias=np.ones(30))
        nengo.Connection(node, a, transform=0.1, synapse=0.1)
        nengo.Connection(a, a, synapse=0.1)
        nengo.Connection(a, b[1], function=np.square)
        nengo.Connection(a, b.neurons[::2], transform=np.ones((15, 1)) / 9)
        nengo.Connection(
            b, a, function=lambda x: x[0], solver=nengo.solvers.LstsqL2(weights=True)
        )
        for ensemble in (a, b):
            nengo.Probe(ensemble.neurons)
            nengo.Probe(ensemble.neurons, "input", synapse=nengo.Alpha(0.01))
        nengo.Probe(b, synapse=0.03)
    with pytest.raises(Unconvertible, match="loop"):
        layers.read(net)
    for (probe, expected), found in compared(net, 300):
        assert np.count_nonzero(expected) > 50
        np.testing.assert_allclose(found, expected, atol=1e-9, err_msg=str(probe))


# -- what they are ---------------------------------------------------------------------


def values_in(record):
    """All values of records, but for the records themselves."""
    if is_dataclass(record):
        record = tuple(getattr(record, field.name) for field in fields(record))
    if isinstance(record, dict):
        assert all(type(name) is str for name in record)
        record = tuple(record.values())
    if isinstance(record, tuple):
        for value in record:
            yield from values_in(value)
    else:
        yield record


def test_records_are_plain():
    for seed in range(10):
        for value in values_in(describe(random_networks.make(seed).network)):
            assert value is None or isinstance(value, (str, Number, np.ndarray))
            assert not isinstance(value, np.ndarray) or value.dtype.kind in "if"


def test_the_papers_network_as_a_table():
    description = describe(networks.cifar10())
    lines = str(description).splitlines()
    assert lines[0].split("  ")[0] == "layer"
    (conv2,) = (line for line in lines if line.startswith("conv2  "))
    assert " ".join(conv2.split()) == (
        "conv2 SoftLIFRate 12 x 12 x 64 conv1: average pooling 3 x 3 ceil stride 2, "
        "then convolution 5 x 5 same 102,400"
    )
    assert description.n_neurons == 49_536
    assert "49,536 neurons" in lines[-2]
    assert lines[-1].startswith("SoftLIFRate(amplitude=0.063, noise=GaussianNoise(")
    html = description._repr_html_()
    assert html.startswith("<table>")
    assert "12 x 12 x 64" in html


def test_as_json():
    model = softlif.to_spiking(small())
    description = describe(model)
    image, conv1, *_ = json.loads(description.to_json())["layers"]
    assert (image["label"], image["role"]) == ("image", "input")
    assert image["shape"] == [6, 6, 2]
    assert conv1["gain"] == {"shape": [576], "dtype": "float64"}
    (way,) = conv1["inputs"]
    assert way["source"] == 0
    assert way["n_weights"] == 9 * 2 * 16
    (operator,) = way["operators"]
    assert operator["kind"] == "convolution"
    assert operator["parameters"]["weights"]["shape"] == [3, 3, 2, 16]
    assert operator["parameters"]["padding"] == "same"
    assert conv1["neurons"]["kind"] == "LIF"
    tau_rc = model.ensembles[0].neuron_type.tau_rc
    assert conv1["neurons"]["parameters"]["tau_rc"] == tau_rc


def test_an_image_is_no_constant():
    model = networks.small()  # whose input node puts out an array
    roles = {layer.label: layer.role for layer in describe(model).layers}
    assert roles["image"] == "input"
    assert roles["conv1 one"] == "constant"
    assert roles["answer"] == "output"


def test_neuron_types_are_told_apart():
    with nengo.Network() as net:
        types = [nengo.LIF(), nengo.LIF(tau_rc=0.03), nengo.LIF(), nengo.Tanh()]
        for neuron_type in types:
            nengo.Ensemble(5, 1, neuron_type=neuron_type)
    text = str(describe(net))
    rows = [
        line.split()[2:4] for line in text.splitlines() if line.startswith("layer ")
    ]
    assert rows[1:] == [["LIF", "5"], ["LIF", "2"], ["LIF", "5"], ["Tanh", "5"]]
    assert "LIF 2: LIF(" in text


class Doubled(layers.operators.Operator):
    """Of a kind that nobody here knows."""

    def matrix(self):
        return 2 * np.eye(self.size_in)


def test_other_operators_are_matrices(monkeypatch):
    transform = nengo.Dense((3, 3), init=2 * np.eye(3))
    with nengo.Network() as net:
        ensemble = nengo.Ensemble(3, 1)
        nengo.Connection(nengo.Node(np.ones(3)), ensemble.neurons, transform=transform)
    read = layers.operators.read
    monkeypatch.setattr(
        layers.operators,
        "read",
        lambda *args: [Doubled(3, 3, read(*args)[0].connection)],
    )
    _, neurons = describe(net).layers
    (operator,) = neurons.inputs[-1].operators
    assert operator.kind == "matrix"
    np.testing.assert_array_equal(operator.parameters["weights"], 2 * np.eye(3))


def test_what_cannot_be_described():
    with nengo.Network() as net:
        nengo.Ensemble(5, 1, label="noisy", noise=nengo.processes.WhiteNoise())
    with pytest.raises(Unconvertible, match=r"noisy.*injects noise"):
        describe(net)
    with pytest.raises(ValidationError, match="Network or a Model"):
        describe(None)
