import copy
import json
import re
import warnings
from xml.etree import ElementTree

import nengo_softlif as softlif
from nengo_softlif import Model
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.layers.parameters import build, collect, install
from nengo_softlif.loihi import conversion, cores
from nengo_softlif.loihi import synapses as chip_synapses

import nengo
import numpy as np
import pytest
from nengo.exceptions import BuildError, NengoWarning, Unconvertible, ValidationError
from references import assert_emulated_alike, assert_same_rates, in_nengo, on_chip, rms
from sample_stacks import NETWORKS, integrator, stacked
from scipy import sparse

# of the largest rate of a layer, in percent
TOLERANCE = {
    ("nengo", "float"): 3,
    ("nengo", "chip"): 3,
    ("float", "chip"): 3,
    ("nengo", "alpha"): 5,
    ("chip", "alpha"): 5,
}


def layer_rates(model, simulator, time=0.4):
    """Rates of layers in Hz, and the mean of the readout."""
    with simulator(model.network) as sim:
        sim.run(time)
        rates = []
        for ensemble, probe in zip(
            model.ensembles, model.network.all_probes[1:], strict=True
        ):
            assert probe.obj == ensemble.neurons
            spikes = sim.data[probe] / ensemble.neuron_type.amplitude
            rates.append(spikes.mean(axis=0))
        return rates, sim.data[model.output].mean(axis=0)


@pytest.mark.filterwarnings("ignore::UserWarning:nengo_loihi")
def test_simulators_agree(spiking):
    chip = softlif.to_loihi(spiking)
    found = {
        "alpha": layer_rates(spiking, in_nengo),
        "nengo": layer_rates(chip, in_nengo),
        "float": layer_rates(chip, on_chip("simreal")),
        "chip": layer_rates(chip, on_chip("sim")),
    }
    for i, ensemble in enumerate(chip.ensembles):
        rates = {name: rates[i] for name, (rates, _) in found.items()}
        largest = rates["alpha"].max()
        assert largest > 40
        for (a, b), percent in TOLERANCE.items():
            difference = 100 * rms(rates[a] - rates[b]) / largest
            assert difference < percent, (ensemble.label, a, b)
    answers = {name: answer for name, (_, answer) in found.items()}
    largest = np.abs(answers["alpha"]).max()
    for (a, b), percent in TOLERANCE.items():
        assert 100 * rms(answers[a] - answers[b]) / largest < 2 * percent, (a, b)


def test_kind_of_argument(spiking):
    model, network = softlif.to_loihi(spiking), softlif.to_loihi(spiking.network)
    assert isinstance(model, Model)
    assert type(network) is nengo.Network
    for net in (model.network, network, model.copy().network):
        first, *others = net.all_ensembles
        first = [e for e in net.all_ensembles if not e.label.startswith("target")]
        assert net.config[first[0]].on_chip is False
        chip = [e for e in net.all_ensembles if net.config[e].on_chip is not False]
        assert chip
        for ensemble in chip:
            assert type(ensemble.neuron_type) is nengo_loihi.LoihiLIF
            assert net.config[ensemble].block_shape is not None
        assert others


@pytest.mark.parametrize(
    "name", ["convolution with bias", "dense with bias", "strided convolution"]
)
def test_weights_are_carried_over(name):
    spiking = softlif.to_spiking(NETWORKS[name]())
    chip = softlif.to_loihi(spiking)
    for ensemble, twin in zip(spiking.ensembles, chip.ensembles, strict=True):
        for attr in ("gain", "bias"):
            np.testing.assert_array_equal(getattr(twin, attr), getattr(ensemble, attr))
        for attr in ("tau_rc", "tau_ref", "amplitude"):
            assert getattr(twin.neuron_type, attr) == getattr(
                ensemble.neuron_type, attr
            )
        (c,) = [
            c for c in spiking.network.all_connections if c.post == ensemble.neurons
        ]
        (t,) = [c for c in chip.network.all_connections if c.post == twin.neurons]
        np.testing.assert_array_equal(t.transform.init, c.transform.init)


def test_first_layer_fires_as_before(spiking):
    """It stays where and as it is, initial voltages included."""
    chip, spikes = softlif.to_loihi(spiking), []
    for model in (spiking, chip):
        with in_nengo(model.network) as sim:
            sim.run(0.05)
            spikes.append(sim.data[model.network.all_probes[1]])
    np.testing.assert_array_equal(*spikes)


def test_synapses():
    spiking = softlif.to_spiking(
        stacked(("dense", 9), ("dense", 8)), nengo.Alpha(0.003)
    )
    for synapse, expected in (
        (None, nengo.Lowpass(0.006)),
        (nengo.Lowpass(0.02), nengo.Lowpass(0.02)),
    ):
        chip = softlif.to_loihi(spiking, synapse=synapse)
        found = [(c.post_obj, c.synapse) for c in chip.network.all_connections]
        assert set(found) == {
            (chip.ensembles[0].neurons, None),
            (chip.ensembles[1].neurons, expected),
            (chip.output.obj, nengo.Alpha(0.003)),
            (chip.output.obj, None),  # the readout's bias
        }


@pytest.mark.filterwarnings("ignore::UserWarning:nengo_loihi")
def test_diagonals_that_lead_to_the_host(rng):
    model = NETWORKS["dense with bias"]()
    scale, last = rng.normal(size=7), model.ensembles[-1].neurons
    with model.network:
        node = nengo.Node(size_in=40)
        nengo.Connection(last[3:10], node[10:17], transform=scale, synapse=0.005)
        probe = nengo.Probe(node)
    chip = softlif.to_loihi(softlif.to_spiking(model))
    probe = chip.network.all_probes[model.network.all_probes.index(probe)]
    assert_same_rates(chip, model)
    seen = []
    for simulator in (on_chip("sim"), softlif.Emulator):
        with simulator(chip.network) as sim:
            sim.run(0.1)
            seen.append(sim.data[probe])
    np.testing.assert_allclose(*seen, rtol=0, atol=1e-9)
    assert np.count_nonzero(seen[0][-1]) > 2


def test_gains_that_differ_go_into_the_weights(rng):
    """A convolution's weights are shared, so they have no room for them."""
    model = NETWORKS["convolution with bias"]()
    ensemble = model.ensembles[1]
    ensemble.gain = rng.uniform(0.5, 1.5, size=ensemble.n_neurons)
    spiking = softlif.to_spiking(model)
    chip = softlif.to_loihi(spiking)
    assert set(chip.ensembles[1].gain) == {1.0}
    assert_same_rates(chip, spiking)
    with on_chip("sim")(chip.network) as sim:
        sim.run(0.01)


def test_recurrent_decoded_network():
    """An integrator whose memory is on the chip, and a decoded function of it."""
    net = integrator()
    chip = softlif.to_loihi(net)
    labels = [e.label for e in chip.all_ensembles if chip.config[e].on_chip]
    assert labels == ["memory", "square"]
    values = []
    for simulator, network in (
        (in_nengo, net),
        (in_nengo, chip),
        (on_chip("simreal"), chip),
    ):
        with simulator(network) as sim:
            sim.run(0.5)
            values.append([sim.data[probe][-1, 0] for probe in network.all_probes])
    assert values[0][0] > 0.1
    np.testing.assert_allclose(values[1], values[0], atol=0.08)
    np.testing.assert_allclose(values[2], values[1], atol=0.08)


def test_constants_in_a_plain_network(rng):
    """Of a network it is not known which node is the image; the first layer's is."""
    model = NETWORKS["convolution with bias"]()
    network = copy.copy(softlif.to_spiking(model.network))
    chip = softlif.to_loihi(network)
    pre = {c.pre_obj for c in chip.all_connections}
    nodes = [node.label for node in chip.all_nodes if node in pre]
    assert nodes == ["image", "conv1 one", "readout3 one"] or len(nodes) == 3
    with in_nengo(chip) as sim:
        sim.run(0.01)


@pytest.mark.parametrize(
    ("neuron_type", "name"),
    [
        (nengo.AdaptiveLIF(), "AdaptiveLIF"),
        (nengo.PoissonSpiking(nengo.Tanh()), "Tanh"),
    ],
)
def test_neurons_the_chip_lacks(neuron_type, name):
    spiking = softlif.to_spiking(stacked(("dense", 9), ("dense", 8)))
    spiking.ensembles[1].neuron_type = neuron_type
    with pytest.raises(Unconvertible, match=rf"dense2.*{name}.*does not have; use"):
        softlif.to_loihi(spiking)
    # they may stay on the host, if something is left for the chip
    nengo_loihi.add_params(spiking.network)
    spiking.network.config[spiking.ensembles[1]].on_chip = False
    why = (
        r"no layer of neurons is left for the chip \(dense1: image leads to it; "
        r"dense2: its on_chip is set to False\); .*pixel_rate=100.*, or leave on_chip"
    )
    with pytest.raises(Unconvertible, match=why):
        softlif.to_loihi(spiking)


def test_what_one_layer_can_do():
    spiking = softlif.to_spiking(stacked(("dense", 9)))
    with pytest.raises(Unconvertible, match=r"\(dense1: image .*\); .*pixel_rate=100"):
        softlif.to_loihi(spiking)
    softlif.to_loihi(spiking, pixel_rate=100)
    nengo_loihi.add_params(spiking.network)
    spiking.network.config[spiking.ensembles[0]].on_chip = False
    for pixel_rate in (None, 100):
        with pytest.raises(Unconvertible, match=r"set to False\); leave on_chip"):
            softlif.to_loihi(spiking, pixel_rate=pixel_rate)


@pytest.mark.parametrize("sparse_weights", [False, True])
def test_neurons_of_any_type_on_the_host(sparse_weights):
    """Some have no amplitude: their spikes are as high as those with one of 1."""
    model = NETWORKS["dense with bias"]()
    (second,) = [c for c in model.network.all_connections if c.label == "dense2"]
    if sparse_weights:
        matrix = sparse.random(40, second.size_in, 0.2, "csr", random_state=1)
        second.transform = nengo.Sparse(matrix.shape, init=matrix)
    spiking = softlif.to_spiking(model)
    first = spiking.ensembles[0]
    first.neuron_type = nengo.Izhikevich()
    first.bias = np.full(first.n_neurons, 10.0)
    chip = softlif.to_loihi(spiking)
    assert isinstance(chip.ensembles[0].neuron_type, nengo.Izhikevich)
    assert_emulated_alike(chip)


def test_synapses_the_chip_lacks():
    spiking = softlif.to_spiking(NETWORKS["two inputs added"]())
    with pytest.raises(Unconvertible, match=r"lowpass synapses only.*Alpha"):
        softlif.to_loihi(spiking, synapse=nengo.Alpha(0.005))
    first, second = [
        c for c in spiking.network.all_connections if c.synapse is not None
    ][:2]
    second.synapse = nengo.Alpha(0.002)
    with pytest.raises(Unconvertible, match=r"target.*4 ms, 10 ms.*one filter"):
        softlif.to_loihi(spiking)
    softlif.to_loihi(spiking, synapse=nengo.Lowpass(0.01))
    first.synapse = second.synapse = nengo.LinearFilter([2], [0.01, 1])
    with pytest.raises(Unconvertible, match=r"target.*changes the mean"):
        softlif.to_loihi(spiking)


def test_probes_the_chip_lacks():
    spiking = softlif.to_spiking(stacked(("dense", 9), ("dense", 8)))
    spiking.network.all_probes[2].sample_every = 0.002
    with pytest.raises(Unconvertible, match="records every 2 ms"):
        softlif.to_loihi(spiking)
    spiking = softlif.to_spiking(NETWORKS["average pooling, convolution"]())
    (folded,) = [c for c in spiking.network.all_connections if c.label == "conv2"]
    with spiking.network:
        nengo.Probe(folded)
    with pytest.raises(Unconvertible, match="folded into others; probe the neurons"):
        softlif.to_loihi(spiking)


@pytest.mark.parametrize("neuron_type", [nengo.LIF(), nengo.SpikingRectifiedLinear()])
@pytest.mark.parametrize("limit", [1024, 7])
@pytest.mark.parametrize("largest", ["weights", "biases", "both"])
def test_the_range_of_numbers_is_that_of_nengo_loihi(
    neuron_type, limit, largest, monkeypatch
):
    monkeypatch.setitem(cores.LIMITS, "compartments", limit)
    refused, accepted = 0, 0
    for exponent in np.arange(-12.0, 12):
        weight, bias = 10 ** (exponent * np.array([largest != "biases", 1]))
        if largest == "weights":
            bias = 0
        with nengo.Network(seed=1) as net:
            settings = {"gain": np.ones(20), "neuron_type": neuron_type}
            bias = bias * np.linspace(-1, 1, 20)
            first = nengo.Ensemble(20, 1, bias=np.ones(20), **settings)
            second = nengo.Ensemble(20, 1, bias=bias, label="second", **settings)
            weights = weight * np.linspace(-1, 1, 400).reshape(20, 20)
            nengo.Connection(
                first.neurons, second.neurons, transform=weights, synapse=0.005
            )
        with monkeypatch.context() as unchecked:
            unchecked.setattr(conversion, "check_range", lambda *args: None)
            chip = softlif.to_loihi(net)
        try:
            on_chip("sim")(chip).close()
        except (AssertionError, BuildError):
            refused += 1
            with pytest.raises(BuildError, match=r"second.* has .*scale the"):
                softlif.to_loihi(net)
        else:
            accepted += 1
            softlif.to_loihi(net)
    assert refused > 0
    assert accepted > 0


@pytest.mark.parametrize("scale", [1e2, 1e6])
def test_large_weights(scale):
    """NengoLoihi cannot express them, and its own error is a bare assertion."""
    model = NETWORKS["dense with bias"]()
    arrays = collect(model.network, build(model.network))
    arrays["connections/2/weights"] *= scale
    install(model.network, arrays)
    spiking = softlif.to_spiking(model)
    if scale > 1e4:
        with pytest.raises(BuildError, match=r"dense2.* weights of up to .*255 times"):
            softlif.to_loihi(spiking)
    else:
        with on_chip("sim")(softlif.to_loihi(spiking).network) as sim:
            sim.run(0.01)


# -- what is told ----------------------------------------------------------------------

POOL = "average pooling {} stride 2, then "
FOLDED = {  # what lies before the last layer, and what becomes of it
    "convolution with bias": None,
    "dense with bias": None,
    "average pooling, convolution": POOL.format("2 x 2 valid")
    + "convolution 3 x 3 same -> convolution 6 x 6 same stride 2",
    "average pooling, dense": POOL.format("2 x 2 valid")
    + "matrix 30 x 64 -> matrix 30 x 256",
    "overlapping pooling": POOL.format("3 x 3 same")
    + "convolution 3 x 3 same -> convolution 7 x 7 same stride 2; for the border "
    "sparse matrix of {1} weights",
    "batch norm": POOL.format("2 x 2 valid") + "matrix 64 x 128 -> matrix 64 x 512",
    "locally connected": "locally connected 3 x 3 same -> sparse matrix of {0} weights",
    "pooling, locally connected": POOL.format("3 x 3 ceil")
    + "locally connected 3 x 3 same -> sparse matrix of {0} weights",
    "strided convolution": None,
    "grouped convolution": "convolution 3 x 3 same in 2 groups -> "
    "convolution 3 x 3 same",
    "two inputs added": None,
    "5,000 inputs": "matrix 25 x 5,000 -> convolution 25 x 10 valid (250 axons, as "
    "4,096 are the most)",
    "pooled readout": None,
}


def test_changes(spiking, request):
    chip = softlif.to_loihi(spiking)
    told = conversion.changes(chip).layers
    nodes = {obj: notes for obj, notes in told.items() if isinstance(obj, nengo.Node)}
    on_chip = [e for e in chip.ensembles if chip.network.config[e].on_chip]
    assert list(told) == [*chip.ensembles, *nodes]
    for ensemble in set(chip.ensembles).difference(on_chip):
        ((what, how),) = told[ensemble]
        assert what == "place"
        assert how.endswith("leads to it; sends its spikes")
    for ensemble in on_chip:
        notes = dict(told[ensemble])
        assert len(notes) == len(told[ensemble])
        assert set(notes) - {"weights", "nodes"} == {
            *("neurons", "voltages", "synapse", "cores")
        }
        assert notes["neurons"] == (
            "LIF -> LoihiLIF, tau_rc 22 ms -> 21.9962 ms (12 bits), tau_ref 2 ms -> "
            "2 ms (whole ms), at most 333 Hz"
        )
        assert notes["voltages"] == "Uniform(low=0, high=1) -> all start at 0"
        assert notes["synapse"] == str(chip_synapses.substitution(nengo.Alpha(0.005)))

    last, name = on_chip[-1], request.node.callspec.params["spiking"]
    notes = dict(told[last])
    made = [c for c in chip.network.all_connections if c.post_obj == last.neurons]
    n_weights = [f"{np.size(c.transform.init.data):,}" for c in made]
    if FOLDED[name] is None:
        assert "weights" not in notes
    else:
        source = made[0].pre_obj.ensemble.label
        expected = f"from {source}: {FOLDED[name].format(*n_weights)}"
        assert notes["weights"] == expected
    assert ("pool" in notes.get("nodes", "")) == ("average pool" in str(FOLDED[name]))
    assert list(nodes.values()) == (
        [[("weights", "average pooling 2 x 2 valid stride 2 of conv2 is done by the "
           "host, behind a node")]]
        if name == "pooled readout"
        else []
    )  # fmt: skip


@pytest.mark.parametrize("limit", [1024, 60])
def test_changes_tell_the_cores(spiking, limit, monkeypatch):
    monkeypatch.setitem(cores.LIMITS, "compartments", limit)
    chip = softlif.to_loihi(spiking)
    told = conversion.changes(chip).layers
    for layer, blocks in conversion.utilization(chip).blocks.items():
        how = dict(told[layer.ensemble])["cores"]
        shape, block = (
            " x ".join(map(str, sizes))
            for sizes in (layer.layout.shape, layer.layout.block)
        )
        assert how.startswith(f"{len(blocks)} for {shape}")
        assert how.endswith(f"blocks of {block}") == (len(blocks) > 1)


def test_changes_are_printed_and_copied(spiking):
    chip = softlif.to_loihi(spiking)
    text = str(conversion.changes(chip))
    n_notes = [len(notes) for notes in conversion.changes(chip).layers.values()]
    assert len(text.splitlines()) == sum(n_notes) + len(n_notes)
    assert str(conversion.changes(chip.copy())) == text
    assert conversion.changes(chip.network.copy()).layers
    again = softlif.to_loihi(spiking.network)
    assert str(conversion.changes(again)).count("-> LoihiLIF") == text.count(
        "-> LoihiLIF"
    )
    for ensemble in spiking.network.all_ensembles:
        ensemble.label = "alike"
    told = str(conversion.changes(softlif.to_loihi(spiking)))
    assert len(told.splitlines()) == len(text.splitlines())


def test_notebooks_show_tables(spiking):
    chip = softlif.to_loihi(spiking)
    told = conversion.changes(chip)
    table = ElementTree.fromstring(told._repr_html_())
    rows = [[cell.text or "" for cell in row] for row in table.iterfind("tbody/tr")]
    notes = [note for of_layer in told.layers.values() for note in of_layer]
    assert [tuple(row[1:]) for row in rows] == notes
    assert [row[0] for row in rows if row[0]] == [obj.label for obj in told.layers]
    use = conversion.utilization(chip)
    table = ElementTree.fromstring(use._repr_html_())
    title, *lines = (line for line in str(use).splitlines() if line.strip("-"))
    assert table.find("caption").text == title
    rows = ["".join(cell.text for cell in row) for row in table.iter("tr")]
    assert rows == [re.sub(" {2,}", "", line) for line in lines]
    found = json.loads(use.table().to_json())
    for row, (layer, blocks) in zip(found, use.blocks.items(), strict=True):
        assert row["layer"] == layer.ensemble.label
        assert row["cores"] == len(blocks)
        fullest = max(block["synapses"] for block in blocks)
        share = 100 * fullest / cores.LIMITS["synapses"]
        assert row["synapses"] == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("pixel_rate", [None, 100])
def test_layers_without_label_have_names(pixel_rate):
    model = NETWORKS["average pooling, convolution"]()
    for obj in [*model.network.all_ensembles, *model.network.all_nodes]:
        obj.label = None
    chip = softlif.to_loihi(softlif.to_spiking(model), pixel_rate=pixel_rate)
    layers = [f"layer {i + 1}" for i in range(len(model.ensembles))]
    assert [e.label for e in chip.ensembles][-len(layers) :] == layers
    for text in (str(conversion.changes(chip)), str(conversion.utilization(chip))):
        assert "unlabeled" not in text
        assert layers[-1] in text
    assert model.ensembles[0].label is None


def test_changes_of_gains_constants_and_decoders(rng):
    model = NETWORKS["convolution with bias"]()
    ensemble = model.ensembles[1]
    ensemble.gain = np.linspace(0.5, 1.5, ensemble.n_neurons)
    told = conversion.changes(softlif.to_loihi(softlif.to_spiking(model.network)))
    conv1, conv2 = map(dict, told.layers.values())
    assert conv1 == {
        "place": "stays on the host: no neurons lead to it; sends its spikes"
    }
    assert conv2["gains"].startswith("0.5 to 1.5, are multiplied into the weights")
    assert conv2["nodes"] == "conv2 one: folded and removed"
    assert "then scale 0.5 to 1.5 -> sparse matrix" in conv2["weights"]
    weights = [c for c in model.network.all_connections if c.label == "conv2 bias"]
    low, high = (f(weights[0].transform.init) for f in (np.min, np.max))
    assert conv2["bias"].startswith("the constant conv2 one becomes part of it: adds")
    assert low != high

    told = conversion.changes(softlif.to_loihi(integrator()))
    _, memory, _, out = told.layers.values()
    assert [how for what, how in memory if what == "weights"] == [
        f"from {name}: matrix 1 x 100, then matrix 100 x 1 -> matrix 100 x 100"
        for name in ("sender", "memory")
    ]
    assert out == [("weights", "decoders of square -> matrix 1 x 100")]


@pytest.mark.parametrize(
    ("synapse", "told"), [(None, None), (nengo.Lowpass(0), "none for Lowpass(tau=0)")]
)
def test_changes_where_no_synapse_is_left(synapse, told):
    spiking = softlif.to_spiking(NETWORKS["dense with bias"](), synapse)
    chip = softlif.to_loihi(spiking)
    assert (
        dict(conversion.changes(chip).layers[chip.ensembles[1]]).get("synapse") == told
    )


def test_changes_of_what_users_choose():
    spiking = softlif.to_spiking(NETWORKS["dense with bias"]())
    chosen = nengo.Lowpass(0.02)
    chip = softlif.to_loihi(spiking, synapse=chosen)
    how = dict(conversion.changes(chip).layers[chip.ensembles[1]])["synapse"]
    assert how == str(chip_synapses.substitution(nengo.Alpha(0.005), chosen))

    spiking = softlif.to_spiking(
        stacked(("dense", 9), ("dense", 8), ("dense", 7), image=(2, 2, 1))
    )
    nengo_loihi.add_params(spiking.network)
    spiking.network.config[spiking.ensembles[1]].on_chip = False
    chip = softlif.to_loihi(spiking)
    told = conversion.changes(chip).layers
    assert told[chip.ensembles[1]] == [
        ("place", "stays on the host: its on_chip is set to False")
    ]


@pytest.mark.parametrize(
    ("tau_ref", "message"),
    [
        (0.002, None),
        (0.0025, "dense2, dense3, 2.5 ms, becomes 2 ms .* 333 Hz instead of 400 Hz"),
        (0.0004, "0.4 ms, becomes 0 ms .* there is none, .* 1,000 Hz instead of 2,500"),
        (0.0, "becomes 0 ms .* up to 1,000 Hz instead of no limit"),
    ],
)
def test_refractory_periods_that_are_rounded(tau_ref, message):
    spiking = softlif.to_spiking(stacked(("dense", 9), ("dense", 8), ("dense", 7)))
    for ensemble in spiking.ensembles:
        ensemble.neuron_type = nengo.LIF(0.02, tau_ref)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NengoWarning)
        chip = softlif.to_loihi(spiking)
    caught = [w for w in caught if w.category is NengoWarning]
    assert len(caught) == (message is not None)
    if message:
        assert re.search(message, str(caught[0].message))
        assert caught[0].filename == __file__
    with on_chip("sim")(chip.network) as sim:
        (block,) = sim.model.objs[chip.ensembles[1]]["in"]
        delay = set(block.compartment.refract_delay)
    (highest,) = (1 / (0.001 * steps) for steps in delay)  # what NengoLoihi sets
    how = dict(conversion.changes(chip).layers[chip.ensembles[1]])["neurons"]
    assert how.endswith(f"at most {highest:,.0f} Hz")


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [softlif.to_loihi, softlif.to_spiking])
@pytest.mark.parametrize("kind", ["Model", "Network", None, "file"])
def test_what_cannot_be_converted(convert, kind):
    chip = softlif.to_loihi(softlif.to_spiking(NETWORKS["dense with bias"]()))
    given = {"Model": chip, "Network": chip.network}.get(kind, kind)
    message = "expected a nengo.Network or a Model, got"
    if given in (chip, chip.network):
        message = "it is what to_loihi returned"
    with pytest.raises(ValidationError, match=message):
        convert(given)


def test_rate_networks_have_no_spikes():
    model = NETWORKS["dense with bias"]()
    with pytest.raises(Unconvertible, match=r"dense2.*to_loihi\(to_spiking\(model\)\)"):
        softlif.to_loihi(model)


@pytest.mark.parametrize("synapse", [np.nan, np.inf, -1, True])
def test_synapses_that_are_none(synapse):
    spiking = softlif.to_spiking(NETWORKS["dense with bias"]())
    with pytest.raises(ValidationError, match="a time constant in seconds"):
        softlif.to_loihi(spiking, synapse=synapse)
