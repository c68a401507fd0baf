"""Recipes are networks as Stack makes them, and errors name the layer that is wrong."""

from nengo_softlif import AlphaNoise, Dropout, SoftLIFRate, Stack, networks
from nengo_softlif.layers.parameters import build, collect

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError


def same(a, b):
    """Whether networks have the same objects, transforms, neurons and weights."""
    parts = [
        [(type(e.neuron_type), str(e.neuron_type), e.label) for e in net.all_ensembles]
        + [(str(c.transform), c.label) for c in net.all_connections]
        for net in (a.network, b.network)
    ]
    arrays = [collect(m.network, build(m.network)) for m in (a, b)]
    equal = (np.array_equal(x, arrays[1][name]) for name, x in arrays[0].items())
    return parts[0] == parts[1] and arrays[0].keys() == arrays[1].keys() and all(equal)


def stacked(image_shape, n_classes, noise, seed, *layers):
    neurons = SoftLIFRate(0.02, 0.022, 0.002, 0.063, noise)
    with nengo.Network(seed=seed) as net:
        stack = Stack(image_shape, neurons)
        for name, args, settings in layers:
            getattr(stack, name)(*args, **settings)
        output = stack.readout(n_classes)
    from nengo_softlif import Model

    return Model(net, stack.input, output)


def test_layers_are_those_of_stack():
    recipe = (
        "conv 4 5 2 valid dropout 0.25, pool 2 1 same,local 3 , pool 3 2 ceil, dense 7"
    )
    noise = AlphaNoise(0.004)
    model = networks.from_recipe(recipe, (9, 10, 2), 5, noise, seed=3)
    expected = stacked(
        (9, 10, 2), 5, noise, 3,
        ("convolution", (4, 5, 2, "valid"), {"dropout": 0.25}),
        ("average_pool", (2, 1, "same"), {}),
        ("local", (3,), {}),
        ("average_pool", (3, 2, "ceil"), {}),
        ("dense", (7,), {}),
    )  # fmt: skip
    assert same(model, expected)
    assert not same(model, networks.from_recipe(recipe, (9, 10, 2), 5, noise, seed=4))
    assert model.ensembles[0].neuron_type.noise == Dropout(0.25, noise)
    assert model.network.label == (
        "conv 4 5 2 valid dropout 0.25, pool 2 1 same, local 3, pool 3 2 ceil, dense 7"
    )


def test_height_and_width():
    model = networks.from_recipe("conv 4 1x5 1x2, pool 1x2, dense 6", (1, 32, 2), 3)
    expected = stacked(
        (1, 32, 2), 3, networks.DEFAULT_NOISE, 0,
        ("convolution", (4, (1, 5), (1, 2)), {}),
        ("average_pool", ((1, 2),), {}),
        ("dense", (6,), {}),
    )  # fmt: skip
    assert same(model, expected)


def test_saved_and_loaded(tmp_path):
    model = networks.from_recipe("conv 4, pool 2, dense 5", (6, 6, 1), 3)
    model.save(tmp_path / "m")
    loaded = networks.load(tmp_path / "m")
    assert same(model, loaded)
    assert loaded.network.label == "conv 4, pool 2, dense 5"


@pytest.mark.parametrize(
    ("recipe", "match"),
    [
        ("", "expected layers such as 'conv 32 5, pool 2"),
        (None, "expected layers such as .*, got None"),
        ("conv 4, dens 5", "layer 'dens 5' begins with dens, .* conv, local, pool"),
        ("conv 4,, dense 5", "layer '' begins with nothing"),
        ("dense", "'dense' has 0 numbers behind 'dense'; dense takes n_neurons"),
        ("conv 4 3 1 1", "4 numbers .*; conv takes n_filters, then kernel_size, th"),
        ("dense 5 same", "2 numbers behind 'dense'"),
        ("conv 4 ceil", "has 'ceil' where kernel_size is expected"),
        ("dense 0", "has '0' where n_neurons is expected, a whole number"),
        ("dense -5", "has '-5' where n_neurons"),
        ("dense 5.5", "has '5.5' where n_neurons"),
        ("dense 1e3", "has '1e3' where n_neurons"),
        ("dense ٣", "has '٣' where n_neurons"),
        ("dense 5x5", "has '5x5' where n_neurons"),
        ("conv 5 3x", "has '3x' where kernel_size is expected, .* two as in 1x5"),
        ("dense 5 dropout 1", "'1' where a probability below 1 is expected"),
        ("dense 5 dropout nan", "'nan' where a probability"),
        ("dense 5 dropout", "'dropout' where|2 numbers"),
        ("pool 2 dropout 0.5, dense 5", "3 numbers behind 'pool'"),
        ("pool 2", "expected a layer of neurons"),
        ("pool 9, dense 5", "'pool 9' does not fit the 8 x 8 x 1 below it: .* Windows"),
        ("pool 2, conv 4 5 valid, dense 5", "'conv 4 5 valid' does not fit the 4 x 4"),
        ("dense 5, conv 4", "'conv 4' does not fit the 5 below it: .*needs an image"),
        ("dense 999999999", "would take 512 GB"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(recipe, match):
    with pytest.raises(ValidationError, match=match):
        networks.from_recipe(recipe, (8, 8, 1))
