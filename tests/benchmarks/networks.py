"""The networks of the benchmark, and their layers as plain arrays.

Systems that know Nengo simulate the network itself. The others get its layers through
an ``.npz`` file: a list of dictionaries, one for each linear operator or layer of
neurons from the image to the answer, and their arrays.
"""

import json
from contextlib import suppress

import nengo_softlif as softlif

import nengo
import numpy as np

NETWORKS = {
    "digits": softlif.networks.small,
    "mnist": softlif.networks.mnist,
    "cifar10": softlif.networks.cifar10,
}


def make(name, weights=None, width=1, data=None, hertz=None):
    """Make a spiking network.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    weights : str or Path, optional
        A saved model of this network. Without it the network is untrained: He's
        initial weights, with which all layers fire if the images have unit variance.
    width : float
        Factor of the number of filters of an untrained CIFAR-10 network.
    data : str, optional
        The data set that `images` are taken from.
    hertz : float, optional
        Let all neurons have the same additional bias, such that they fire at this rate
        on average.

    Returns
    -------
    Model
        With LIF neurons and alpha synapses.
    """
    if weights is not None:
        model = softlif.load(weights)
        expected = NETWORKS[name].__name__
        if model.source["function"] != expected:
            raise ValueError(
                f"{weights} holds a network {model.source['function']!r}, not "
                f"{expected!r}; choose another --network"
            )
    elif width == 1:
        model = NETWORKS[name]()
    else:
        model = _wide_cifar10(width)
    model = softlif.to_spiking(model)
    if hertz is not None:
        _set_rate(model, images(model, 8, data), hertz)
    return model


def _set_rate(model, shown, hertz):
    """Change the bias of all neurons, by bisection, until they fire at a rate."""
    biases = [ensemble.bias for ensemble in model.ensembles]
    n_neurons, seconds = sum(e.n_neurons for e in model.ensembles), 0.2
    low, high = -0.5, 0.5
    for _ in range(12):
        extra = (low + high) / 2
        for ensemble, bias in zip(model.ensembles, biases, strict=True):
            ensemble.bias = bias + extra
        with softlif.Simulator(
            model.network, minibatch_size=len(shown), progress_bar=False
        ) as sim:
            sim.run(seconds, {model.input: shown[:, None]})
            spikes = sum(sim.spike_counts(e).sum() for e in model.ensembles)
        if spikes / (len(shown) * n_neurons * seconds) < hertz:
            low = extra
        else:
            high = extra


def _wide_cifar10(width):
    """The layers of `nengo_softlif.networks.cifar10`, with more or fewer filters."""
    neuron_type = softlif.SoftLIFRate(0.02, 0.05, 0.001, 0.063)
    n, half = round(64 * width), round(32 * width)
    with nengo.Network(seed=0) as net:
        stack = softlif.Stack((24, 24, 3), neuron_type, gain=0.825)
        stack.convolution(n, kernel_size=5)
        stack.average_pool(3, strides=2, padding="ceil")
        stack.convolution(n, kernel_size=5)
        stack.average_pool(3, strides=2, padding="ceil")
        stack.local(n)
        stack.local(half)
        output = stack.readout(10)
    return softlif.Model(net, stack.input, output)


def images(model, n, data=None):
    """Images to show, always the same ones.

    Parameters
    ----------
    model : Model
        The network.
    n : int
        How many.
    data : str, optional
        The data set whose first test images are shown, prepared as the model wants
        them. Without it they are random, of unit variance.

    Returns
    -------
    (n, size) ndarray of float32
        The images.
    """
    if data is None:
        found = np.random.RandomState(0).normal(size=(n, model.input.size_out))
    else:
        dataset = softlif.datasets.load(data)
        prepare = model.preprocessing or softlif.Preprocessing.from_images(
            dataset.x_train, model.scale, model.crop, model.flip
        )
        found = prepare.test(dataset.x_test[:n])
    return found.astype(np.float32)


def layers(model):
    """Read the layers of a network that is a chain from image to answer.

    Parameters
    ----------
    model : Model
        A spiking network of this module.

    Returns
    -------
    list of dict
        Each has a ``kind``: "convolution", "pool", "local", "dense" or "neurons".
        Weights lie in NumPy arrays. The gain of neurons is part of the weights below
        them; they take the current ``weights x + bias``, so ``bias`` is a layer's own.
    """
    net, top, found = model.network, model.input, []
    while True:
        above = [c for c in net.all_connections if c.pre_obj == top]
        if not above:
            return found
        (connection,) = above
        layer = _linear(connection.transform)
        top = connection.post_obj
        if isinstance(top, nengo.ensemble.Neurons):
            ensemble = top.ensemble
            gain = ensemble.gain[0]
            if np.any(ensemble.gain != gain):
                raise ValueError(f"the gains of {ensemble} differ")
            layer["weights"] = layer["weights"] * gain
            layer["bias"] = _shared(ensemble.bias, layer)
            neurons = ensemble.neuron_type
            found += [
                layer,
                {
                    "kind": "neurons",
                    "tau_rc": neurons.tau_rc,
                    "amplitude": neurons.amplitude,
                },
            ]
        else:
            for bias in net.all_connections:
                if bias.post_obj is top and bias is not connection:
                    layer["bias"] = bias.transform.init @ bias.pre_obj.output
            found.append(layer)


def _linear(transform):
    """One linear operator; images have the channels last."""
    layer = {}
    with suppress(AttributeError):
        layer["shape_in"] = _shape(transform.input_shape)
        layer["shape_out"] = _shape(transform.output_shape)
        layer["strides"] = transform.strides
    if isinstance(transform, softlif.AveragePool):
        if transform.padding == "same":
            raise ValueError(f"{transform}: padding 'same' is not handed over")
        return layer | {
            "kind": "pool",
            "size": transform.pool_size,
            "ceil": transform.padding == "ceil",
        }
    if isinstance(transform, nengo.Dense):
        return {"kind": "dense", "weights": transform.init}

    # all windows that lie inside the image or hang over its edges
    layer["pads"] = _pads(layer, transform.kernel_size, transform.padding)
    if isinstance(transform, nengo.Convolution):
        return layer | {"kind": "convolution", "weights": transform.init}
    # A locally connected layer has no weights where a kernel hangs over the edge;
    # dense matrices with zeros there, one for each position, suit everyone else
    inside = transform.windows.inside
    rows, columns, n = *layer["shape_out"][:2], layer["shape_in"][2]
    weights = np.zeros((*inside.shape, n, transform.n_filters))
    weights[inside] = transform.init.data.reshape(-1, n, transform.n_filters)
    return layer | {
        "kind": "local",
        "size": transform.kernel_size,
        "weights": weights.reshape(rows * columns, -1, transform.n_filters),
    }


def _shape(shape):
    return tuple(getattr(shape, "shape", shape))


def _pads(layer, size, padding):
    """Rows or columns of zeros before and after the image, for both its axes."""
    pads = []
    for axis in range(2):
        n_in, n_out = layer["shape_in"][axis], layer["shape_out"][axis]
        total = max((n_out - 1) * layer["strides"][axis] + size[axis] - n_in, 0)
        before = total // 2 if padding == "same" else 0
        pads.append((before, total - before))
    return pads


def _shared(bias, layer):
    """One bias per channel where all positions have the same, or else one each."""
    if layer["kind"] == "convolution":
        per_position = bias.reshape(-1, layer["shape_out"][2])
        if np.ptp(per_position, axis=0).max() == 0:
            return per_position[0]
        raise ValueError("a convolution has another bias at every position")
    return bias


def flops(layers, first=True):
    """Count the floating-point operations of one image in one step, all dense.

    Parameters
    ----------
    layers : list of dict
        From `layers`.
    first : bool
        Whether to count the first operator. What a constant image makes of it needs to
        be computed only once.

    Returns
    -------
    int
        Two for each weight and position. Pooling and neurons are not counted.
    """
    linear = [layer for layer in layers if "weights" in layer]
    total = 0
    for layer in linear if first else linear[1:]:
        positions = 1
        if layer["kind"] == "convolution":
            positions = np.prod(layer["shape_out"][:2])
        total += 2 * layer["weights"].size * int(positions)
    return total


def write(path, layers, images):
    """Write layers and images to an ``.npz`` file, all in float32."""
    arrays, description = {"images": images}, []
    for i, layer in enumerate(layers):
        plain = dict(layer)
        for name in ("weights", "bias"):
            if name in plain:
                arrays[f"{i}/{name}"] = np.asarray(plain.pop(name), dtype=np.float32)
        description.append(plain)
    np.savez(path, description=json.dumps(description), **arrays)
