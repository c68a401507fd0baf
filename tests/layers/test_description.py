"""Descriptions say all there is: networks rebuilt from them do the same."""

import nengo_softlif as softlif
from nengo_softlif import noise
from nengo_softlif.layers import Part, describe

import nengo
import numpy as np
import pytest
from fuzz import networks as random_networks
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
        output, seed = outputs.get(layer.label, (layer.values, None))
        return nengo.Node(output, size_out=layer.size, seed=seed)
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
    with nengo.Simulator(network, dt=dt, progress_bar=False) as sim:
        sim.run_steps(n_steps, progress_bar=False)
    return [sim.data[probe] for probe in probes], sim.model.seeds


def called(objects, kind):
    """Objects by their labels in descriptions."""
    return {obj.label or f"{kind} {i}": obj for i, obj in enumerate(objects, 1)}


def compared(network, n_steps=40, dt=DT):
    """What probes see in a network, and in the one rebuilt from its description."""
    description = describe(network)
    probes = called(network.all_probes, "probe")
    outputs = [layer.label for layer in description.layers if layer.role == "output"]
    expected, seeds = run(network, [probes[o] for o in outputs], n_steps, dt)
    shown = {
        label: (node.output, seeds[node])
        for label, node in called(network.all_nodes, "node").items()
        if not isinstance(node.output, np.ndarray)
    }
    found, _ = run(*rebuilt(description, shown), n_steps, dt)
    return list(zip([probes[o] for o in outputs], expected, found, strict=True))


# -- completeness ----------------------------------------------------------------------


def drawn(seed):
    """Random network that shows itself what the example would; None if by chance."""
    example = random_networks.make(seed)
    for ensemble in example.network.all_ensembles:
        if isinstance(
            ensemble.neuron_type, (nengo.PoissonSpiking, nengo.StochasticSpiking)
        ):
            return None
    for node, shown in example.shown.items():
        node.output = lambda t, v=shown[0], dt=example.dt: v[round(t / dt) - 1]
    return example


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_are_rebuilt(seed):
    example = drawn(seed)
    if example is None:
        pytest.skip("neurons fire by chance, from the generator of the simulator")
    network = example.network
    for probe, expected, found in compared(network, example.n_steps, example.dt):
        np.testing.assert_allclose(
            found, expected, rtol=1e-9, atol=1e-9, err_msg=str(probe)
        )
