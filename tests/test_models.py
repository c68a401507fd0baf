"""`nengo_softlif.Model`: a record, which is copied, saved and loaded."""

import warnings

from nengo_softlif import (
    Model,
    Preprocessing,
    SoftLIFRate,
    load,
    networks,
)

import nengo
import numpy as np
import pytest
import sample_networks
from nengo.exceptions import ValidationError
from references import answers, arrays_of, assert_same_arrays
from sample_networks import shaken


def test_a_model_is_a_record():
    model = networks.small()
    assert repr(model) == (
        "Model(small, 64 inputs, conv1 1024 - conv2 512 - dense3 64 neurons, "
        "10 classes)"
    )
    mine = Model(model.network, model.input, model.output)
    assert repr(mine).startswith("Model(64 inputs, ")


def test_what_is_no_model():
    model, other = networks.small(), networks.small()
    net, image, probe = model.network, model.input, model.output
    for bad in (image, None, "small"):
        with pytest.raises(ValidationError, match=r"expected a nengo\.Network or a M"):
            Model(bad, image, probe)
    inner = next(node for node in net.all_nodes if node.size_in)
    for bad in (other.input, inner, probe, None, "image"):
        with pytest.raises(
            ValidationError, match="input: expected one node of the netw"
        ):
            Model(net, bad, probe)
    for bad in (other.output, image, None):
        with pytest.raises(ValidationError, match="output: expected a probe of the n"):
            Model(net, image, bad)
    with pytest.raises(
        ValidationError, match="preprocessing: expected a Preprocessing"
    ):
        Model(net, image, probe, preprocessing=255)
    with net:
        decoded = nengo.Probe(model.ensembles[0])
    with pytest.raises(ValidationError, match="has decoders that are not trained"):
        Model(net, image, decoded)


def test_a_model_serves_as_its_network(tmp_path):
    model = networks.small()
    again = Model(model, model.input, model.output)
    assert again.network is model.network
    again.save(tmp_path / "again")
    loaded = load(tmp_path / "again", network=model)
    assert loaded.network is model.network
    for bad in (tmp_path, model.input):
        with pytest.raises(
            ValidationError, match=r"network: expected a nengo\.Network"
        ):
            load(tmp_path / "again", network=bad)


def test_copies_are_independent(rng):
    model = networks.small()
    model.history, model.shift = {"loss": [1.0]}, 1
    x = rng.normal(size=64)
    before = answers(model, [x])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin = model.copy()
    np.testing.assert_array_equal(answers(twin, [x])[0], before)
    assert twin.source == model.source
    assert (twin.crop, twin.flip, twin.shift) == (model.crop, model.flip, 1)
    for ensemble in twin.ensembles:
        assert twin.network.config[ensemble].trainable is False

    shaken(twin, rng)
    twin.ensembles[0].neuron_type = nengo.LIF()
    twin.input.output = x
    twin.history["loss"].append(2.0)
    twin.source["function"] = "other"
    with twin.network:
        nengo.Node(0)
    np.testing.assert_array_equal(answers(model, [x])[0], before)
    assert not np.allclose(answers(twin, [x])[0], before)
    assert model.history == {"loss": [1.0]}
    assert model.source["function"] == "small"
    assert np.all(model.input.output == 0)
    assert len(twin.network.nodes) == len(model.network.nodes) + 1


def test_copies_are_not_put_into_the_current_network():
    model = networks.small()
    with nengo.Network() as around, model.network:
        twin = model.copy()
    assert around.all_networks == []
    assert model.network.all_networks == []
    assert len(twin.ensembles) == 3


def test_numpy_numbers_as_arguments_can_be_saved(tmp_path):
    """As in ``n_classes=y.max() + 1``."""
    y = np.array([0, 1, 2])
    model = networks.small(np.array([4, 4, 1]), y.max() + 1, seed=np.int64(3))
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").output.size_in == 3


def test_settings_of_numpy_can_be_saved(tmp_path):
    model = networks.small((6, 5, 2))
    model.scale, model.crop = np.array([2.0, 3.0]), np.array([6, 5])
    model.flip = np.bool_(True)
    model.preprocessing = Preprocessing((8, 7, 2), 0, model.scale, model.crop)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert (loaded.scale, loaded.crop, loaded.flip) == ([2.0, 3.0], [6, 5], True)
    assert loaded.preprocessing == model.preprocessing
    assert loaded.preprocessing.scale == (2.0, 3.0)


def test_a_network_of_ones_own_is_saved(tmp_path, rng):
    """It may be drawn at random: the file has what was drawn, so it is fixed first."""
    model = shaken(sample_networks.mine(), rng)
    path = tmp_path / "mine"
    model.save(path)
    network = sample_networks.mine().network
    loaded = load(path, network=network)
    assert loaded.network is network
    assert loaded.source is None
    for x in rng.normal(size=(3, 4)):
        assert np.ptp(answers(model, [x])[0]) > 0
        np.testing.assert_allclose(
            answers(loaded, [x])[0], answers(model, [x])[0], rtol=1e-12
        )

        np.testing.assert_allclose(
            answers(load(path), [x])[0], answers(model, [x])[0], rtol=1e-12
        )


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (lambda: sample_networks.mine(1, n_neurons=21), r"4 to 21.*\(saved: .*4 to 20"),
        # one node more, which stands where the input did
        (
            lambda: sample_networks.mine(1, extra=True),
            r"takes 4 values .* in this network they are 1",
        ),
        (lambda: networks.small(), r"answers with 3; in this network they are 64 and"),
        (lambda: sample_networks.mine(1, twice=True), "had other parts than this one"),
    ],
)
def test_a_network_that_does_not_fit_is_left_alone(other, match, tmp_path):
    model = sample_networks.mine(0)
    model.save(tmp_path / "mine")
    other = other()
    before = arrays_of(other)
    with pytest.raises(ValidationError, match=match):
        load(tmp_path / "mine", network=other.network)
    assert_same_arrays(other, before)


def test_a_network_without_the_probe_is_left_alone(tmp_path):
    model = sample_networks.mine(0)
    model.save(tmp_path / "mine")
    other = sample_networks.mine(1).network
    other.probes.clear()
    with pytest.raises(ValidationError, match="0 probes, fewer than the one saved"):
        load(tmp_path / "mine", network=other)
    assert other.ensembles[0].gain is None


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.ensembles[1], "neuron_type", SoftLIFRate(0.5)),
        lambda m: setattr(m.network.connections[-1], "synapse", nengo.Alpha(0.01)),
    ],
    ids=["neurons", "synapse"],
)
def test_a_changed_network_is_not_taken_for_the_original(change, tmp_path):
    """What the function would make is not what was saved."""
    path, model, same = tmp_path / "model", networks.small(), networks.small()
    change(model)
    model.save(path)
    with pytest.raises(ValidationError, match=r"had other parts .* build the same net"):
        load(path, network=same.network)
    assert np.all(same.ensembles[0].gain == 1)
    change(same)
    x = np.linspace(-1, 1, 64)
    for loaded in (load(path, network=same.network), load(path)):
        np.testing.assert_allclose(
            answers(loaded, [x])[0], answers(model, [x])[0], rtol=1e-12
        )
