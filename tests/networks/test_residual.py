"""The residual network: its size, and that it trains, spikes and goes to the chip."""

from nengo_softlif import (
    GaussianNoise,
    SoftLIFRate,
    datasets,
    evaluate,
    fit,
    layers,
    load,
    loihi,
    networks,
    to_loihi,
    to_spiking,
)
from nengo_softlif.layers.synops import connection_synapses

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from references import arrays_of, nengo_saw
from sample_data import few
from sample_networks import shaken


def multiplications(model):
    """Of all convolutions and matrices, biases and pools left out."""
    return sum(
        connection_synapses(c)
        for c in model.network.all_connections
        if isinstance(c.transform, (nengo.Convolution, nengo.Dense))
        and not (isinstance(c.pre_obj, nengo.Node) and c.pre_obj.label.endswith("one"))
    )


def test_size():
    """By hand: conv 3 x 3 at 32, 16, 8 and 4 pixels, two in each block."""
    model = networks.resnet()
    sides, w = (32, 16, 8, 4), 32
    expected, neurons = 27 * w * 32**2, [w * 32**2]
    for i, side in enumerate(sides):
        above, below = w * 2**i, w * 2 ** max(i - 1, 0)
        expected += 9 * (below * above + above * above) * side**2
        expected += below * above * side**2 if i else 0
        neurons += 2 * [above * side**2]
    assert expected == 27648 * w + 61440 * w**2
    assert multiplications(model) == expected + 256 * 10
    assert 2 * expected == pytest.approx(128e6, rel=0.01)
    assert [e.n_neurons for e in model.ensembles] == neurons
    assert sum(neurons) == 4864 * w == 155_648
    weights = [a for n, a in arrays_of(model).items() if n.endswith("weights")]
    assert sum(a.size for a in weights if a.any()) == 1_226_080
    for ensemble in model.ensembles:
        assert ensemble.neuron_type == SoftLIFRate(
            0.02, 0.02, 0.001, 0.025, GaussianNoise()
        )


def test_shortcuts_are_added_to_currents():
    """Without weights where the filters are as many; no nodes but pools lie between."""
    model = networks.resnet(width=4)
    shortcuts = [
        c for c in model.network.all_connections if str(c.label).endswith("shortcut")
    ]
    assert len(shortcuts) == 4
    kinds = [type(c.transform).__name__ for c in shortcuts]
    assert kinds == ["NoTransform"] + 3 * ["Convolution"]
    assert all(isinstance(c.post_obj, nengo.ensemble.Neurons) for c in shortcuts)
    assert shortcuts[0].pre_obj.ensemble is model.ensembles[0]
    assert [c.post_obj.ensemble for c in shortcuts] == model.ensembles[2::2]
    between = [n for n in model.network.all_nodes if n.size_in > 0]
    assert [n.label[:4] for n in between] == ["pool"] * 4 + ["read"]


@pytest.mark.parametrize(
    ("shape", "n_pools"), [((28, 28, 1), 3), ((8, 8, 1), 2), ((3, 5, 2), 0)]
)
def test_other_images(shape, n_pools):
    model = networks.resnet(shape, 7, width=2)
    pools = [n for n in model.network.all_nodes if n.label.startswith("pool")]
    assert len(pools) == n_pools + 1
    assert pools[-1].size_out == 16
    assert (model.preprocessing, model.flip) == (None, True)


def test_images_of_cifar10_are_prepared():
    prepared = networks.resnet(width=1).preprocessing
    assert (prepared.flip, prepared.shift, prepared.cutout) == (True, 4, 8)
    grey = np.full((1, 32, 32, 3), 255 * 0.4822)
    assert np.abs(prepared.test(grey)).max() < 0.2
    with pytest.raises(ValidationError, match=r"n_filters: .*whole number from 1"):
        networks.resnet(width=0)


@pytest.fixture(scope="module")
def trained():
    """One for the digits, trained with batch normalisation."""
    data = few(datasets.load("digits"), 600, 100)
    model = networks.resnet((8, 8, 1), width=4, noise=None)
    settings = {"learning_rate": 1e-2, "batch_norm": True, "averaging": 0.5}
    history = fit(model, data, 8, 32, progress_bar=False, **settings)
    return model, data, history


def test_batch_norm_trains_all_of_it(trained):
    model, data, history = trained
    assert history["loss"][-1] < history["loss"][0] / 3
    result = evaluate(model, data, backend="rate")
    assert result.error_percent < 25


def test_spikes_answer_as_rates(trained):
    model, data, _ = trained
    spiking = to_spiking(model)
    rates = evaluate(model, data, backend="rate")
    spikes = evaluate(spiking, data, presentation_time=0.5)
    assert abs(spikes.error_percent - rates.error_percent) <= 12


def test_the_engine_fires_as_nengo_does(trained):
    model, data, _ = trained
    one = few(data, 600, 1)
    result = [
        evaluate(to_spiking(model), one, backend=backend, presentation_time=0.05)
        for backend in ("engine", "nengo")
    ]
    assert result[0].rates_hz == pytest.approx(result[1].rates_hz)


def test_it_goes_to_the_chip(trained):
    model, data, _ = trained
    chip = to_loihi(to_spiking(model))
    assert loihi.utilization(chip)
    # far better than chance; it was not trained for the chip's rates
    result = evaluate(chip, few(data, 600, 50), presentation_time=0.3)
    assert result.error_percent < 75


def test_saved_and_loaded(tmp_path):
    model = shaken(networks.resnet((8, 8, 1), width=3), np.random.RandomState(0))
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    image = np.linspace(-1, 1, 64)
    model.input.output = again.input.output = image
    first, second = (nengo_saw(m.network, 1)[m.output] for m in (model, again))
    np.testing.assert_allclose(first, second, rtol=1e-12)
    assert again.source["arguments"]["width"] == 3


def test_synapses_are_read():
    counts = layers.n_synapses(networks.resnet((8, 8, 1), width=2).network)
    # the first layer leads to 2 filters of 3 x 3 x 2, and past them to each neuron
    assert next(iter(counts.values())) == 64 * 2 * 18 + 64 * 2
