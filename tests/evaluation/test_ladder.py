"""The ladder measures the networks it names, on the same images, and adds up."""

import errno
import os
import warnings
from xml.etree import ElementTree

import nengo_softlif as softlif
from nengo_softlif import figures
from nengo_softlif.evaluation import ladder
from nengo_softlif.loihi import rungs

import matplotlib.pyplot as plt
import nengo
import numpy as np
import pytest
from nengo.exceptions import NengoWarning, Unconvertible, ValidationError

SHORT = {"presentation_time": 0.05, "n_examples": 30, "progress_bar": False}


@pytest.fixture(scope="module")
def found(model, data):
    before = ladder.COMPARED
    ladder.COMPARED = 2
    try:
        return softlif.explain(model, data, **SHORT)
    finally:
        ladder.COMPARED = before


def names(found):
    return [rung.name for rung in found.rungs]


def test_rungs_are_the_networks_they_are_named_after(found, model, data):
    spiking = softlif.to_spiking(model)
    chip = softlif.to_loihi(spiking)
    for name, network, backend in (
        ("soft LIF rates", model, "rate"),
        ("spikes", spiking, "nengo-dl"),
        ("chip's neurons", chip, "engine"),
        ("chip's weights", chip, "loihi-weights"),
        ("chip, emulated", chip, "loihi-emulator"),
    ):
        rung = found.rungs[names(found).index(name)]
        alone = softlif.evaluate(network, data, backend=backend, **SHORT)
        assert rung.evaluation.predictions == alone.predictions
        assert rung.evaluation.mean_rate_hz == pytest.approx(
            alone.mean_rate_hz, rel=1e-3
        )


def test_all_is_about_the_same_images_and_adds_up(found):
    evaluations = [rung.evaluation for rung in found.rungs]
    assert len({tuple(e.labels) for e in evaluations}) == 1
    first, *others = found.rungs
    assert first.difference is None
    assert first.deviations is None
    total = sum(rung.difference.points for rung in others)
    assert total == pytest.approx(
        evaluations[-1].error_percent - evaluations[0].error_percent
    )


def test_a_layer_deviates_where_it_is_changed(found):
    deviations = {rung.name: rung.deviations for rung in found.rungs[1:]}
    assert 0 < deviations["LIF rates"]["conv1"] < 20
    # it stays on the host, as it is
    for name in names(found)[3:]:
        assert deviations[name]["conv1"] == 0
    for name in ("spikes", "chip's synapse", "chip's neurons"):
        assert deviations[name]["dense3"] > 0
    for rung in found.rungs[1:4]:
        layer, deviation = rung.largest_deviation
        assert deviation == max(rung.deviations.values()) == rung.deviations[layer]


def test_deviations_are_those_of_nengos_simulator(found, model, data):
    """Rates of two images, simulated by Nengo, from synapse to neurons of the chip."""
    spiking = softlif.to_spiking(model)
    chip = softlif.to_loihi(spiking)
    before = chip.copy()
    for ensemble, twin in zip(before.ensembles, spiking.ensembles, strict=True):
        ensemble.neuron_type = twin.neuron_type
    examples = softlif.evaluation.presentation_order(len(data.x_test))[:2]
    rates = []
    for network in (before, chip):
        with network.network:
            probe = nengo.Probe(network.ensembles[-1].neurons)
        seen = []
        for image in model.preprocessing.test(data.x_test[examples]):
            network.input.output = image
            with nengo.Simulator(network.network, progress_bar=False) as sim:
                sim.run_steps(50)
            seen.append(sim.data[probe].mean(axis=0))
        rates.append(np.array(seen) / network.ensembles[-1].neuron_type.amplitude)
    above, below = rates
    expected = np.sqrt(np.mean((below - above) ** 2) / np.mean(above**2))
    rung = found.rungs[names(found).index("chip's neurons")]
    assert rung.deviations["dense3"] == pytest.approx(100 * expected, rel=0.02)


def test_what_is_hard_already_has_no_rung_of_its_own(data):
    with nengo.Network(seed=0) as net:
        stack = softlif.Stack((8, 8, 1), neuron_type=nengo.LIFRate(amplitude=0.01))
        stack.dense(30)
        stack.dense(20)
        hard = softlif.Model(net, input=stack.input, output=stack.readout(10))
    hard.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    found = softlif.explain(hard, data, **SHORT)
    assert names(found)[:2] == ["rates", "spikes"]


def test_it_can_be_saved_and_loaded(found, tmp_path):
    path = tmp_path / "ladder.json"
    found.save(path)
    again = softlif.Ladder.load(path)
    assert str(again) == str(found)
    assert again.to_json() == found.to_json()


@pytest.mark.parametrize(
    "text", ["", "{}", '{"rungs": []}', '{"rungs": [{"name": "x"}]}', "[1]"]
)
def test_other_files_are_refused(text, tmp_path):
    path = tmp_path / "ladder.json"
    path.write_text(text)
    with pytest.raises(ValidationError, match="ladder"):
        softlif.Ladder.load(path)


def test_a_figure_that_fails_leaves_the_old_one(found, tmp_path, monkeypatch):
    path = tmp_path / "ladder.svg"
    figures.save_ladder(found, path)
    before = path.read_bytes()
    assert before.startswith(b"<?xml")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="free some space"):
        figures.save_ladder(found, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["ladder.svg"]
    with pytest.raises(ValidationError, match=r"expected a file ending in .*\.svg"):
        figures.save_ladder(found, tmp_path / "ladder")


def test_text_and_figure_show_each_rung(found):
    text = str(found)
    ax = figures.ladder(found)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    changes = [bars[0] for bars in ax.containers]
    plt.close(ax.figure)
    for i, (point, rung) in enumerate(zip(changes, found.rungs[1:], strict=True)):
        assert point.get_xydata().tolist() == [[rung.difference.points, i + 1]]
        low, high = rung.difference.interval_points
        assert (point.get_markerfacecolor() == "white") == (low <= 0 <= high)
    assert labels == names(found)
    for rung in found.rungs:
        assert rung.name in text
        assert rung.change in text
        assert f"{rung.evaluation.error_percent:.2f}" in text
    assert max(map(len, text.splitlines())) <= 100


def test_notebooks_show_each_rung(found):
    table = ElementTree.fromstring(found._repr_html_())
    cells = [[cell.text or "" for cell in row] for row in table.iter("tr")]
    text = str(found)
    assert all(cell in text for row in cells for cell in row)
    assert all(any(rung.name in row[0] for row in cells) for rung in found.rungs)
    assert [row[0].split("  ")[1] for row in cells[-len(found.rungs) :]] == [
        rung.change for rung in found.rungs
    ]


def test_what_cannot_be_made_for_the_chip_is_refused_at_once(data, monkeypatch):
    with nengo.Network(seed=0) as net:
        stack = softlif.Stack((8, 8, 1))
        stack.dense(30)
        model = softlif.Model(net, input=stack.input, output=stack.readout(10))
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    monkeypatch.setattr(ladder, "measure", None)  # nothing is measured
    with pytest.raises(Unconvertible, match="no layer of neurons is left"):
        softlif.explain(model, data, **SHORT)


def skipping(neuron_type=None, between="image"):
    """A network whose image, or first layer, also leads to the third layer."""
    with nengo.Network(seed=0) as net:
        image = nengo.Node(np.zeros(64))
        layers = [
            nengo.Ensemble(
                20, 1, neuron_type=neuron_type or softlif.SoftLIFRate(), label=name
            )
            for name in "abcd"
        ]
        rng = np.random.RandomState(0)
        for pre, post in zip([image, *layers], layers, strict=False):
            pre = getattr(pre, "neurons", pre)
            weights = 0.02 * rng.randn(20, pre.size_out)
            nengo.Connection(pre, post.neurons, transform=weights, synapse=None)
        if between:
            weights = 0.02 * rng.randn(20, 64)
            nengo.Connection(image, layers[2].neurons, transform=weights, synapse=None)
        output = nengo.Node(size_in=10)
        weights = rng.randn(10, 20)
        nengo.Connection(layers[-1].neurons, output, transform=weights, synapse=None)
        return softlif.Model(net, image, nengo.Probe(output))


def prepared(model, data):
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    return model


def test_what_cannot_be_emulated_is_refused_first(data, monkeypatch):
    """A layer on the host between two on the chip."""
    model = prepared(skipping(), data)
    monkeypatch.setattr(ladder, "measure", None)  # nothing is measured
    with pytest.raises(Unconvertible, match="brings to the host"):
        softlif.explain(model, data, **SHORT)


def test_rungs_run_in_order_and_each_network_once(data, model, monkeypatch):
    """Also the rates of single neurons come from there."""
    run, built = [], []
    measure, build = ladder.measure, rungs.Emulator

    def measured(*args, title, **settings):
        run.append(title)
        return measure(*args, title=None, **settings)

    def emulator(*args, **settings):
        built.append(args)
        return build(*args, **settings)

    monkeypatch.setattr(ladder, "measure", measured)
    monkeypatch.setattr(rungs, "Emulator", emulator)
    found = softlif.explain(model, data, **{**SHORT, "progress_bar": True})
    n = len(found.rungs)
    assert run == [f"{i}/{n} {name}" for i, name in enumerate(names(found), 1)]
    assert len(built) == 1


def test_arguments_are_checked(data, model):
    with pytest.raises(ValidationError, match="Model"):
        softlif.explain(model.network, data, **SHORT)
    with pytest.raises(ValidationError, match="rate model that was trained"):
        softlif.explain(softlif.to_spiking(model), data, **SHORT)
    looped = model.copy()
    with looped.network:
        neurons = looped.ensembles[-1].neurons
        nengo.Connection(neurons, neurons, synapse=0.1)
    with pytest.raises(Unconvertible):
        softlif.explain(looped, data, **SHORT)


def test_other_neurons_are_named(data):
    model = prepared(skipping(nengo.RectifiedLinear(), between=None), data)
    found = softlif.explain(model, data, synapse=None, **SHORT)
    change = {rung.name: rung.change for rung in found.rungs}
    assert "no synapse" in change["spikes"]
    assert "no synapse to neurons" in change["chip's synapse"]
    assert "LoihiSpikingRectifiedLinear" in change["chip's neurons"]
    assert "time constants" not in change["chip's neurons"]


def test_networks_without_a_seed_are_the_same_on_all_rungs(data):
    model = prepared(skipping(between=None), data)
    model.network.seed = None
    found = softlif.explain(model, data, batch_size=7, **SHORT)
    assert max(found.rungs[1].deviations.values()) < 50
    assert model.network.seed is None


def test_the_last_rung_alone_warns_of_high_rates(data):
    model = prepared(skipping(between=None), data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NengoWarning)
        softlif.explain(model, data, **SHORT)
    layers = [str(w.message).split()[0] for w in caught if "333 Hz" in str(w.message)]
    assert layers
    assert len(layers) == len(set(layers))


@pytest.mark.parametrize(
    ("above", "below", "percent"), [(0, 0, 0), (0, 5, 100), (5, 0, 100), (4, 5, 25)]
)
def test_deviation(above, below, percent):
    found = ladder._deviation(np.full((3, 2), above), np.full((3, 2), below))
    assert found == pytest.approx(percent)
