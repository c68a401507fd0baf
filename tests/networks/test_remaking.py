"""What remakes networks from files knows their sizes before it makes anything."""

from nengo_softlif import networks
from nengo_softlif.networks.remaking import LAYERS, Sizes

import pytest
from references import arrays_of

CASES = [
    *((networks.small, (n, n + 1, 2), {}) for n in (1, 2, 3, 4, 5, 8, 9)),
    *((networks.mnist, shape, {}) for shape in [(8, 8, 1), (11, 9, 2)]),
    *((networks.cifar10, shape, {}) for shape in [(7, 7, 1), (12, 9, 3)]),
    *((networks.lenet, shape, {}) for shape in [(4, 4, 1), (11, 9, 2)]),
    (networks.lenet, (6, 5, 1), {"encoding": "constant"}),
    *((networks.resnet, shape, {"width": 2}) for shape in [(8, 8, 1), (5, 9, 2)]),
    (networks.vgg9, (9, 8, 3), {}),
    *((networks.resnet9, shape, {}) for shape in [(2, 2, 1), (15, 9, 2)]),
    (networks.resnet11, (7, 6, 3), {"encoding": "constant"}),
]


def test_all_networks_are_there():
    assert {function for function, _, _ in CASES} == set(LAYERS)
    assert set(networks.FUNCTIONS.values()) == set(LAYERS)


@pytest.mark.parametrize(("function", "shape", "others"), CASES)
def test_sizes_are_known_before_the_network(function, shape, others):
    model = function(shape, 3, **others)
    made = {n: a.shape for n, a in arrays_of(model).items()}
    settings = model.source["arguments"]
    for name in settings.keys() & {"image_shape", "noise", "seed"}:
        del settings[name]
    layers, n_checked = LAYERS[function], 0
    layers(Sizes(shape, made), **settings)
    for name in made:
        if name.endswith(("gain", "weights")):
            n_checked += 1
            with pytest.raises(KeyError, match=name):
                layers(Sizes(shape, {**made, name: (9, 9)}), **settings)
    assert n_checked == sum(name.endswith(("gain", "weights")) for name in made)
