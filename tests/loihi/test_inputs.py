"""Images in spikes: neurons of the chip that stand for pixels."""

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.loihi import conversion

import nengo
import numpy as np
import pytest
from nengo.exceptions import Unconvertible, ValidationError
from references import assert_emulated_alike, assert_same_rates, on_chip, rms
from sample_stacks import NETWORKS, integrator, layer, stacked


@pytest.mark.parametrize(
    "name",
    [
        "convolution with bias",
        "dense with bias",
        "overlapping pooling",
        "5,000 inputs",
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:nengo_loihi")
def test_images_in_spikes(name):
    spiking = softlif.to_spiking(NETWORKS[name]())
    host, chip = softlif.to_loihi(spiking), softlif.to_loihi(spiking, pixel_rate=200)
    labels = [e.label for e in chip.ensembles]
    assert labels == ["image on", "image off", *(e.label for e in host.ensembles)]
    # the same function
    assert_same_rates(chip, spiking)
    # nearly the same rates in spikes
    results = []
    for model in (host, chip):
        with on_chip("sim")(model.network) as sim:
            sim.run(1.0)
            n_blocks = len(sim.model.blocks)
            probes = model.network.all_probes[1:]
            results.append([sim.data[probe][100:].mean(axis=0) for probe in probes])
    assert conversion.utilization(chip).n_cores == n_blocks
    assert n_blocks > conversion.utilization(host).n_cores
    for found, expected in zip(*reversed(results), strict=True):
        assert rms(found - expected) < 0.05 * expected.max()
    told = conversion.changes(chip).layers
    assert "200 Hz for a value of one" in dict(told[chip.ensembles[0]])["place"]
    assert "image -> Lowpass(tau=0.01)" in told[chip.ensembles[2]][0][1]


@pytest.mark.filterwarnings("ignore::UserWarning:nengo_loihi")
def test_our_emulator_takes_images_in_spikes():
    spiking = softlif.to_spiking(NETWORKS["convolution with bias"]())
    chip = softlif.to_loihi(spiking, pixel_rate=100)
    assert_emulated_alike(chip)


@pytest.mark.parametrize("synapse", [None, nengo.Alpha(0.005)], ids=str)
@pytest.mark.parametrize("pixel_rate", [None, 100])
def test_images_that_lead_to_a_deeper_layer_too(pixel_rate, synapse):
    """What they put out when the network is made is no constant."""
    model = NETWORKS["dense with bias"]()
    with model.network:
        nengo.Connection(
            model.input,
            model.ensembles[1].neurons,
            transform=nengo.Dense((40, 128), init=nengo.dists.Gaussian(0, 0.1)),
            synapse=None,
            seed=5,
        )
        third = layer(40, "third")
        weights = nengo.Dense((40, 40), init=2.0)
        nengo.Connection(
            model.ensembles[1].neurons, third.neurons, transform=weights, synapse=None
        )
        nengo.Probe(third.neurons)
    spiking = softlif.to_spiking(model, synapse)
    chip = softlif.to_loihi(spiking, pixel_rate=pixel_rate)
    places = [chip.network.config[e].on_chip for e in chip.ensembles[-3:]]
    assert places == ([True] * 3 if pixel_rate else [False, False, True])
    assert_same_rates(chip, spiking)


def test_images_of_a_plain_network():
    """There, they are what nodes with functions put out."""
    net = integrator()
    chip = softlif.to_loihi(net, pixel_rate=100)
    on_chip = [e.label for e in chip.all_ensembles if chip.config[e].on_chip]
    assert on_chip == ["sender", "memory", "square"]
    into = {}
    for c in chip.all_connections:
        if isinstance(c.post_obj, nengo.ensemble.Neurons):
            into[c.post_obj.ensemble.label] = c.synapse
    assert into["sender"] == nengo.Lowpass(0.01)
    assert into["memory"] == nengo.Lowpass(0.1)


def test_images_that_are_no_nodes_with_functions():
    net = softlif.to_spiking(NETWORKS["dense with bias"]().network)
    softlif.to_loihi(net)
    with pytest.raises(Unconvertible, match=r"no node is an image: .* give a Model"):
        softlif.to_loihi(net, pixel_rate=100)


def test_layers_that_stay_have_no_say_in_the_synapse_of_images():
    spiking = softlif.to_spiking(
        stacked(("dense", 9), ("dense", 8), ("dense", 7), image=(2, 2, 1))
    )
    nengo_loihi.add_params(spiking.network)
    spiking.network.config[spiking.ensembles[1]].on_chip = False
    (into,) = [c for c in spiking.network.all_connections if c.label == "dense2"]
    into.synapse = nengo.LinearFilter([2], [0.01, 1])  # no lowpass stands for it
    chip = softlif.to_loihi(spiking, pixel_rate=100)
    synapses = {
        (c.pre_obj.ensemble.label, c.post_obj.ensemble.label): c.synapse
        for c in chip.network.all_connections
        if isinstance(c.pre_obj, nengo.ensemble.Neurons)
        and isinstance(c.post_obj, nengo.ensemble.Neurons)
    }
    assert synapses == {
        ("image on", "dense1"): nengo.Lowpass(0.01),
        ("image off", "dense1"): nengo.Lowpass(0.01),
        ("dense1", "dense2"): into.synapse,
        ("dense2", "dense3"): nengo.Lowpass(0.01),
    }


def test_no_neurons_are_added_for_layers_that_stay():
    """A second node leads to the first layer, so that it is on the host anyhow."""
    model = NETWORKS["dense with bias"]()
    with model.network:
        time = nengo.Node(np.sin, label="time")
        first = model.ensembles[0].neurons
        weights = np.ones((first.size_in, 1))
        nengo.Connection(time, first, transform=weights, synapse=None)
    chip = softlif.to_loihi(softlif.to_spiking(model), pixel_rate=100)
    assert [e.label for e in chip.ensembles] == ["dense1", "dense2"]


@pytest.mark.parametrize("pixel_rate", [0, -5, np.nan, np.inf, "fast"])
def test_pixel_rates_that_are_none(pixel_rate):
    spiking = softlif.to_spiking(NETWORKS["dense with bias"]())
    with pytest.raises(ValidationError, match="a rate in Hz for a value of one"):
        softlif.to_loihi(spiking, pixel_rate=pixel_rate)
