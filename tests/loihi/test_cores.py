"""What layers take of cores is what NengoLoihi counts after building."""

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.loihi import conversion, cores

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, Unconvertible, ValidationError
from references import assert_same_rates, on_chip
from sample_stacks import NETWORKS, gaussian, layer, raw, stacked
from scipy import sparse


@pytest.mark.parametrize("limit", [1024, 60, 7], ids=lambda n: f"{n} neurons a core")
def test_utilization_is_that_of_nengo_loihi(spiking, limit, monkeypatch):
    """What was counted beforehand is what NengoLoihi counts after building."""
    monkeypatch.setitem(cores.LIMITS, "compartments", limit)
    chip = softlif.to_loihi(spiking).network
    counted = conversion.utilization(chip)
    with on_chip("sim")(chip) as sim:
        assert counted.n_cores == len(sim.model.blocks)
        for layer, uses in counted.blocks.items():
            blocks = sim.model.objs[layer.ensemble]["in"]
            for block, use in zip(blocks, uses, strict=True):
                built = {name: n for name, (n, _) in block.utilization().items()}
                assert built == use


def test_weights_are_equal_in_one_block_only(monkeypatch, rng):
    monkeypatch.setitem(cores.LIMITS, "compartments", 10)
    weights = rng.normal(size=(20, 30))
    weights[:10] = weights[:10, :1]
    spiking = softlif.to_spiking(raw(nengo.Dense(weights.shape, init=weights)))
    spiking.network.all_connections[1].transform = nengo.Dense((20, 30), init=weights)
    chip = softlif.to_loihi(spiking)
    (uses,) = conversion.utilization(chip).blocks.values()
    with on_chip("sim")(chip.network) as sim:
        blocks = sim.model.objs[chip.ensembles[-1]]["in"]
    built = [block.utilization()["synapses"][0] for block in blocks]
    assert built == [use["synapses"] for use in uses]
    assert built[0] < built[1]


@pytest.mark.parametrize("limit", [1024, 7])
@pytest.mark.filterwarnings("ignore::UserWarning:nengo_loihi")
def test_utilization_of_layers_that_are_several_images(limit, monkeypatch):
    """Rows first and channels first, added up."""
    monkeypatch.setitem(cores.LIMITS, "compartments", limit)
    first = nengo.Convolution(3, (6, 6, 2), padding="same", init=gaussian(3, 3, 2))
    second = nengo.Convolution(
        3, (2, 6, 6), padding="same", channels_last=False, init=gaussian(3, 3, 2)
    )
    spiking = softlif.to_spiking(raw(first, second))
    chip = softlif.to_loihi(spiking)
    (uses,) = conversion.utilization(chip).blocks.values()
    with on_chip("sim")(chip.network) as sim:
        blocks = sim.model.objs[chip.ensembles[-1]]["in"]
    built = [
        {name: n for name, (n, _) in block.utilization().items()} for block in blocks
    ]
    assert built == uses
    assert_same_rates(chip, spiking)


@pytest.mark.parametrize("order", [slice(None, None, -1), [3, 30, 5]])
def test_orders_that_blocks_do_not_have(order, monkeypatch):
    spiking = softlif.to_spiking(NETWORKS["dense with bias"]())
    with spiking.network:
        nengo.Probe(spiking.ensembles[-1].neurons[order])
    with on_chip("sim")(softlif.to_loihi(spiking).network) as sim:
        sim.run_steps(2)
    monkeypatch.setitem(cores.LIMITS, "compartments", 30)
    with pytest.raises(Unconvertible, match=r"another order .* cut into 2 blocks"):
        softlif.to_loihi(spiking)


def test_weights_are_equal_where_nengo_loihi_rounds_them_alike(monkeypatch):
    """It multiplies by gain and amplitude first; then some are equal, some no more."""
    monkeypatch.setitem(cores.LIMITS, "compartments", 10)
    rng = np.random.RandomState(0)
    one = rng.randn(20, 200) * (rng.uniform(size=(20, 200)) < 0.3)
    other = one * (1 + 4e-8 * rng.uniform(-1, 1, size=200))
    weights = nengo.Sparse((20, 400), init=sparse.coo_matrix(np.hstack([one, other])))
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.zeros(400))
        source, target = layer(400, "source"), layer(20, "target")
        target.gain = np.full(20, 0.825)
        nengo.Connection(image, source.neurons, synapse=None)
        nengo.Connection(source.neurons, target.neurons, transform=weights)
    chip = softlif.to_loihi(softlif.to_spiking(net))
    (uses,) = conversion.utilization(chip).blocks.values()
    with on_chip("sim")(chip) as sim:
        blocks = sim.model.objs[chip.ensembles[1].neurons]["out"]
    built = [block.utilization()["synapses"][0] for block in blocks]
    assert built == [use["synapses"] for use in uses]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("in-axons", r"conv3.*\(8, 8, 4\).*1 neurons, .* 9 input axons, .*has 8"),
        ("synapses", "conv3.* 576 bits of synapses, .*has 300"),
        ("out-axons", "conv2.*output axons, .*has 1"),
    ],
)
def test_what_fits_no_core(limit, message, monkeypatch):
    monkeypatch.setitem(
        cores.LIMITS, limit, int(message.rpartition(" ")[2].strip("has "))
    )
    spiking = softlif.to_spiking(
        stacked(("convolution", 4), ("convolution", 6), ("convolution", 4))
    )
    with pytest.raises(BuildError, match=message):
        softlif.to_loihi(spiking)


@pytest.mark.parametrize("count", [conversion.utilization, conversion.changes])
def test_other_networks_are_refused(count):
    spiking = softlif.to_spiking(NETWORKS["dense with bias"]())
    for other in (spiking, spiking.network):
        with pytest.raises(ValidationError, match="to_loihi"):
            count(other)
    nengo_loihi.add_params(spiking.network)
    with pytest.raises(ValidationError, match="to_loihi"):
        count(spiking)
    with pytest.raises(ValidationError, match="or a Model, got None"):
        count(None)


def test_utilization_is_a_table():
    chip = softlif.to_loihi(softlif.to_spiking(NETWORKS["average pooling, dense"]()))
    table = str(conversion.utilization(chip))
    assert "dense2" in table
    assert table.endswith("1 core, 1 chip of 128 cores")


def test_limits_are_those_of_nengo_loihi():
    block = nengo_loihi.block
    assert cores.LIMITS == {
        "compartments": block.MAX_COMPARTMENTS,
        "in-axons": block.MAX_IN_AXONS,
        "out-axons": block.MAX_OUT_AXONS,
        "synapses": block.MAX_SYNAPSE_BITS,
    }
