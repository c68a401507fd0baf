"""Evaluating models: the backends agree, and records say what was measured."""

import json
import warnings
from dataclasses import fields, replace
from xml.etree import ElementTree

from nengo_softlif import Model, Preprocessing, datasets, networks, to_spiking
from nengo_softlif.compat import nengo_dl
from nengo_softlif.evaluation import backends
from nengo_softlif.evaluation.answers import decide, readout_steps
from nengo_softlif.evaluation.measurement import evaluate
from nengo_softlif.evaluation.presentation import Presentation, presentation_order
from nengo_softlif.evaluation.results import Difference, Evaluation, difference
from nengo_softlif.layers import synops

import nengo
import numpy as np
import pytest
from nengo.exceptions import NengoWarning, SimulationError, ValidationError
from sample_data import BRIEF


def some(data, order):
    """The data set with its test images in another order."""
    return replace(data, x_test=data.x_test[order], y_test=data.y_test[order])


def shown(data, n):
    """The first images that an evaluation shows."""
    return data.x_test[presentation_order(len(data.x_test))[:n]]


def same(a, b, *but):
    """Assert that two records agree, but for some fields."""
    a, b = (json.loads(x.to_json()) for x in (a, b))
    for name in ("seconds", *but):
        del a[name], b[name]
    assert a == b


def close(a, b):
    """Assert that two records agree as far as float32 goes."""
    np.testing.assert_array_equal(a.predictions_over_time, b.predictions_over_time)
    assert a.rates_hz == pytest.approx(b.rates_hz, rel=1e-3)
    assert a.spikes_per_image == pytest.approx(b.spikes_per_image, rel=1e-3)
    assert a.synops_per_image == pytest.approx(b.synops_per_image, rel=1e-3)


def by_hand(model, images, n_steps):
    """Outputs and number of spikes of images shown back to back."""
    model = model.copy()
    model.input.output = lambda t: images[
        min(int((t - 5e-4) / (n_steps * 1e-3)), len(images) - 1)
    ]
    with model.network:
        spikes = [nengo.Probe(e.neurons) for e in model.ensembles]
    with nengo.Simulator(model.network, progress_bar=False) as sim:
        sim.run_steps(n_steps * len(images), progress_bar=False)
    outputs = sim.data[model.output].reshape(len(images), n_steps, -1)
    counts = [
        np.count_nonzero(sim.data[p].reshape(len(images), -1), axis=1) for p in spikes
    ]
    return outputs, np.array(counts)


# -- backends --------------------------------------------------------------------------


def test_the_engine_agrees_with_nengo(result, reference):
    assert result.backend == "engine"
    close(result, reference)


def test_nengo_dl_agrees_with_nengo(spiking, data, reference):
    close(evaluate(spiking, data, "nengo-dl", **BRIEF), reference)


def test_histograms_tell_all_spikes(result, spiking, reference):
    """Also how many neurons there are, and which never fire."""
    for ensemble, (name, counts) in zip(
        spiking.ensembles, result.spike_histograms.items(), strict=True
    ):
        assert sum(counts) == ensemble.n_neurons * result.n_examples
        assert 0 <= result.silent_neurons[name] <= counts[0] / result.n_examples
        n_spikes = np.arange(len(counts)) @ counts / sum(counts)
        assert n_spikes / result.presentation_time == pytest.approx(
            result.rates_hz[name]
        )
    assert reference.spike_histograms is None  # it tells sums only
    assert reference.silent_neurons is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spike_histograms": {"other": [1]}}, "expected the layers of rates_hz"),
        ({"silent_neurons": {}}, "expected the layers of rates_hz"),
        ({"spike_histograms": -1}, "expected numbers of neurons"),
        ({"silent_neurons": -1}, "expected numbers of neurons"),
    ],
)
def test_damaged_histograms_are_refused(result, change, message):
    ((name, value),) = change.items()
    if value == -1:
        value = dict.fromkeys(result.rates_hz, -1)
        if name == "spike_histograms":
            value = {layer: [3, -1] for layer in result.rates_hz}
    text = replace(result, **{name: value}).to_json()
    with pytest.raises(ValidationError, match=f"{name}: {message}"):
        Evaluation.from_json(text)


def test_nengo_agrees_with_a_simulation_by_hand(spiking, data, reference):
    """Also that watching a network leaves its initial voltages as they are."""
    images = spiking.preprocessing.test(shown(data, 7))
    steps, first = readout_steps(60, 0.001)
    n_spikes = 0
    for i, image in enumerate(images):
        outputs, counts = by_hand(spiking, image[None], 60)
        n_spikes = n_spikes + counts[:, 0]
        np.testing.assert_array_equal(
            reference.predictions_over_time[i], decide(outputs, steps, first)[0]
        )
    n_neurons = [e.n_neurons for e in spiking.ensembles]
    np.testing.assert_allclose(
        list(reference.rates_hz.values()), n_spikes / n_neurons / 7 / 0.06
    )
    assert reference.spikes_per_image == pytest.approx(n_spikes.sum() / 7)


def test_what_is_said_of_layers_is_of_all_neurons(spiking, data, result, reference):
    """The highest rates are a percentile; each spike reaches what its neuron does."""
    model = spiking.copy()
    with model.network:
        probes = [nengo.Probe(e.neurons) for e in model.ensembles]
    counts = [[] for _ in probes]
    for image in spiking.preprocessing.test(shown(data, 7)):
        model.input.output = image
        with nengo.Simulator(model.network, progress_bar=False) as sim:
            sim.run_steps(60, progress_bar=False)
            for probe, count in zip(probes, counts, strict=True):
                count.append(np.count_nonzero(sim.data[probe], axis=0))
    expected = [
        np.percentile(count, 99.9, method="inverted_cdf") / 0.06 for count in counts
    ]
    assert list(result.highest_rates_hz.values()) == pytest.approx(expected)
    assert result.highest_rates_hz.keys() == result.rates_hz.keys()
    assert all(f"at most {rate:.0f} Hz" in str(result) for rate in expected)
    reached = synops.fan_out(spiking.network)
    operations = [
        np.dot(count, reached[e]).mean()
        for e, count in zip(spiking.ensembles, counts, strict=True)
    ]
    for found in (result, reference):
        assert list(found.layer_synops.values()) == pytest.approx(operations, rel=1e-3)
        assert found.layer_synops.keys() == found.rates_hz.keys()
        total = sum(found.layer_synops.values())
        assert total == pytest.approx(found.synops_per_image["direct"])
    # the other simulators sum over neurons as they go
    assert reference.highest_rates_hz is None
    assert "at most" not in str(reference)


def test_back_to_back_agrees_with_a_simulation_by_hand(spiking, data, reference):
    images = spiking.preprocessing.test(shown(data, 7))
    outputs, counts = by_hand(spiking, images, 60)
    expected = decide(outputs, *readout_steps(60, 0.001))
    rows = evaluate(spiking, data, batch_size=1, reset=False, **BRIEF)
    in_nengo = evaluate(spiking, data, "nengo", reset=False, **BRIEF)
    np.testing.assert_array_equal(in_nengo.predictions_over_time, expected)
    assert in_nengo.spikes_per_image == pytest.approx(counts.sum() / 7)
    close(rows, in_nengo)
    assert in_nengo.spikes_per_image != reference.spikes_per_image


@pytest.mark.parametrize("backend", ["engine", "nengo-dl", "nengo"])
def test_without_reset_all_images_are_in_one_row(spiking, data, backend):
    """Also where they would all fit into one batch."""
    images = spiking.preprocessing.test(shown(data, 7))
    outputs, counts = by_hand(spiking, images, 60)
    expected = decide(outputs, *readout_steps(60, 0.001))
    result = evaluate(spiking, data, backend, reset=False, **BRIEF)
    np.testing.assert_array_equal(result.predictions_over_time, expected)
    assert result.spikes_per_image == pytest.approx(counts.sum() / 7, rel=1e-3)
    assert result.rows == result.batch_size == 1
    assert "no reset, 1 row of images" in str(result)


def test_rows_of_images(spiking, data, result):
    """Each row takes every third image; the last batch is filled up, uncounted."""
    images = spiking.preprocessing.test(shown(data, 7))
    expected = np.zeros((7, len(readout_steps(60, 0.001)[0])), int)
    n_spikes = 0
    for row in range(3):
        outputs, counts = by_hand(spiking, images[row::3], 60)
        expected[row::3] = decide(outputs, *readout_steps(60, 0.001))
        n_spikes += counts.sum()
    for backend in ("engine", "nengo-dl"):
        found = evaluate(spiking, data, backend, reset=False, batch_size=3, **BRIEF)
        np.testing.assert_array_equal(found.predictions_over_time, expected)
        assert found.spikes_per_image == pytest.approx(n_spikes / 7, rel=1e-3)
        assert found.rows == 3
        assert "3 rows of images" in str(found)
    assert result.rows is None
    assert "row" not in str(result)


def test_batches_order_and_chunks_do_not_matter(spiking, data, result, monkeypatch):
    """The last batch is filled up, and what fills it is not counted."""
    monkeypatch.setattr(backends, "LONGEST_CHUNK", 13)
    first = presentation_order(len(data.x_test))[:7]
    other = evaluate(spiking, some(data, first), batch_size=3, **BRIEF)
    order = presentation_order(7)
    assert other.labels == [result.labels[i] for i in order]
    other.predictions_over_time = other.predictions_over_time[np.argsort(order)]
    close(other, result)
    assert other.error_percent == result.error_percent
    assert other.error_interval_percent == result.error_interval_percent


def test_repeating_gives_the_same_bits(spiking, data, result):
    same(evaluate(spiking, data, batch_size=7, **BRIEF), result)


def test_the_model_is_left_as_it_is(rate, data):
    model = to_spiking(rate)
    with model.network:
        nengo.Probe(model.ensembles[0].neurons)
    before = model.network.all_objects
    image = model.input.output.copy()
    evaluate(model, data, "nengo", 0.002, n_examples=1, progress_bar=False)
    assert model.network.all_objects == before
    np.testing.assert_array_equal(model.input.output, image)


def test_rates_are_those_of_nengo(rate, data):
    result = evaluate(
        rate, data, "rate", n_examples=5, batch_size=2, progress_bar=False
    )
    model = rate.copy()
    images = rate.preprocessing.test(shown(data, 5))
    model.input.output = lambda t: images[round(t / 0.001) - 1]
    with model.network:
        probes = [nengo.Probe(e.neurons) for e in model.ensembles]
    with nengo.Simulator(model.network, progress_bar=False) as sim:
        sim.run_steps(5, progress_bar=False)
    assert result.predictions == sim.data[model.output].argmax(axis=1).tolist()
    np.testing.assert_allclose(
        list(result.rates_hz.values()),
        [sim.data[probe].mean() / 0.063 for probe in probes],
        rtol=1e-4,
    )
    assert result.presentation_time is None
    assert result.spikes_per_image is None
    assert result.synops_per_image == {"paper": None, "direct": None}


def test_rates_do_not_need_nengo_dl(rate, data, monkeypatch):
    """NengoDL takes a view that is turned round for the whole."""
    straight = rate.copy()
    weights = np.random.RandomState(0).randn(10, 64)
    straight.network.all_connections[-2].transform = weights
    turned = straight.copy()
    readout = turned.network.all_connections[-2]
    with turned.network:
        node = nengo.Node(size_in=64)
        nengo.Connection(readout.pre[::-1], node, synapse=None)
        nengo.Connection(node, readout.post, transform=weights[:, ::-1], synapse=None)
    turned.network.connections.remove(readout)
    settings = {"n_examples": 40, "progress_bar": False}
    monkeypatch.setattr(backends, "_nengo_dl_simulator", None)
    a, b = (evaluate(model, data, "rate", **settings) for model in (straight, turned))
    assert len(set(a.predictions)) > 1
    assert a.predictions == b.predictions
    assert a.rates_hz == b.rates_hz


def test_rates_that_the_engine_cannot_compute_nengo_dl_computes(rate, data):
    """Each image from the initial state."""
    model = rate.copy()
    with model.network:
        node = nengo.Node(lambda t, x: x, size_in=64)
        nengo.Connection(model.ensembles[-1].neurons, node, synapse=None)
        nengo.Connection(node, nengo.Node(size_in=64), synapse=None)
    settings = {"n_examples": 7, "batch_size": 3, "progress_bar": False}
    with pytest.warns(NengoWarning, match="nengo-dl, which is slower"):
        found = evaluate(model, data, "rate", **settings)
    expected = evaluate(rate, data, "rate", **settings)
    assert found.backend == "rate"
    assert found.predictions == expected.predictions
    assert found.rates_hz == pytest.approx(expected.rates_hz, rel=1e-5)


def test_a_network_of_ones_own(data):
    """Decoded ensembles, in a network without seed or labels, with float64."""
    with nengo.Network() as net:
        nengo_dl.configure_settings(dtype="float64")
        image = nengo.Node(np.zeros(64))
        ensembles = [nengo.Ensemble(20, 1) for _ in range(2)]
        answer = nengo.Node(size_in=10)
        for ensemble in ensembles:
            nengo.Connection(image, ensemble, transform=np.full((1, 64), 0.05))
            nengo.Connection(ensemble, answer, transform=np.eye(10)[:, :1])
        model = Model(net, image, nengo.Probe(answer, synapse=0.01))
    model.preprocessing = Preprocessing.from_images(data.x_train)
    a, b, c = (
        evaluate(model, data, backend, 0.05, n_examples=3, seed=4, progress_bar=False)
        for backend in ("nengo-dl", "nengo", "engine")
    )
    close(a, b)
    close(c, b)
    assert list(a.rates_hz) == ["layer 1", "layer 2"]
    assert a.spikes_per_image > 0
    assert a.synops_per_image == pytest.approx(
        {"paper": a.spikes_per_image * 10, "direct": a.spikes_per_image}
    )
    images = [model.preprocessing.test(shown(data, 3))]
    presentation = Presentation(0.002, 0.001, batch_size=3, seed=4)
    for backend in (backends.ENGINE, backends.NENGO_DL):
        watched = backend.watch(model, seed=4)
        watched.fan_out = [np.zeros(20), np.zeros(20)]
        outputs, _ = next(backend.run(watched, images, presentation))
        assert outputs.dtype == np.float64


def test_what_the_engine_cannot_do_nengo_dl_does(spiking, data):
    model = spiking.copy()
    with model.network:
        neurons = model.ensembles[-1].neurons
        nengo.Connection(neurons, neurons, transform=0.01, synapse=0.005)
    with pytest.warns(NengoWarning, match="nengo-dl, which is slower.*dense3.*loop"):
        result = evaluate(model, data, "engine", 0.01, n_examples=1, progress_bar=False)
    assert result.backend == "nengo-dl"


def test_what_cannot_be_counted_is_none(rate, data):
    model = to_spiking(rate)
    with model.network:
        odd = nengo.Node(lambda t, x: x, size_in=64)
        nengo.Connection(model.ensembles[-1].neurons, odd)
        nengo.Connection(odd, nengo.Node(size_in=64))
    with pytest.warns(NengoWarning, match="not counted"):
        result = evaluate(model, data, "nengo", 0.01, n_examples=1, progress_bar=False)
    assert result.synops_per_image["direct"] is None
    assert result.layer_synops is None
    assert "synops" not in str(
        replace(result, synops_per_image={"paper": None, "direct": None})
    )
    assert result.spikes_per_image is not None


def test_damaged_weights_are_noticed(rate, data):
    model = rate.copy()
    readout = model.network.all_connections[-2]
    readout.transform = np.full((10, 64), 3e38)
    with pytest.raises(SimulationError, match="NaN or infinity"):
        evaluate(model, data, "rate", n_examples=1, progress_bar=False)


def test_ctrl_c_closes_the_simulator(spiking, data, monkeypatch):
    closed = []

    def interrupted(*args):
        try:
            yield np.zeros((2, 60, 10)), np.zeros((3, 2))
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    monkeypatch.setattr(backends.NENGO, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(spiking, data, "nengo", **BRIEF)
    assert closed


# -- the record ------------------------------------------------------------------------


def test_round_trip(result, tmp_path):
    path = tmp_path / "result.json"
    result.save(path)
    loaded = Evaluation.load(path)
    same(loaded, result)
    for field in fields(Evaluation):
        a, b = getattr(loaded, field.name), getattr(result, field.name)
        assert type(a) is type(b), field.name
        assert np.all(a == b)
    assert difference(result, loaded, time=0.02).points == 0


def test_records_from_before_there_were_rows(spiking, data, tmp_path):
    result = evaluate(spiking, data, reset=False, **BRIEF)
    record = json.loads(result.to_json())
    del record["rows"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(record))
    old = Evaluation.load(path)
    assert old.rows is None
    assert "no reset" in str(old)
    assert "row" not in str(old)


def test_json_has_the_agreed_fields(result):
    record = json.loads(result.to_json())
    assert set(record) >= {
        *("dataset", "network", "backend", "synapse", "n_examples", "error_percent"),
        *("error_interval_percent", "presentation_time", "time_to_decide", "dt"),
        *("rates_hz", "mean_rate_hz", "spikes_per_image", "synops_per_image"),
        *("seconds", "seed", "versions", "commit", "data_sha256", "command"),
    }
    assert record["dataset"] == "digits"
    assert record["network"] == "small"
    assert record["synapse"] == "Alpha(tau=0.005)"
    assert set(record["versions"]) >= {"python", "nengo", "nengo_softlif"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"predictions_over_time": null, "odd": 1}', "\x00\xff"],
)
def test_load_refuses_other_files(text, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(text, encoding="latin1")
    with pytest.raises(ValidationError, match=r"other\.json.*not the record"):
        Evaluation.load(path)


@pytest.mark.parametrize(
    "damage", [{"shape": [9, 9]}, {"zlib_base64": "eJw"}, {"dtype": "O"}]
)
def test_load_refuses_damaged_predictions(result, damage, tmp_path):
    record = json.loads(result.to_json())
    record["predictions_over_time"].update(damage)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ValidationError, match="damaged"):
        Evaluation.load(path)


def test_table(result, rate, data):
    table = str(result)
    assert f"{result.error_percent:.2f} %" in table
    assert "95 % interval" in table
    assert "time to decide" in table
    assert "conv1" in table
    assert all(len(line) <= 88 for line in table.splitlines())
    timeless = evaluate(rate, data, "rate", n_examples=1, progress_bar=False)
    assert "time to decide" not in str(timeless)
    assert "None" not in table + str(timeless)


def cells(html):
    """The rows of a table in HTML."""
    table = ElementTree.fromstring(html)
    return [[cell.text or "" for cell in row] for row in table.iter("tr")]


@pytest.mark.parametrize("backend", ["engine", "rate"])
def test_notebooks_show_what_print_does(result, rate, data, backend):
    if backend == "rate":
        result = evaluate(rate, data, "rate", n_examples=1, progress_bar=False)
    rows = cells(result._repr_html_())
    lines = [line.split() for line in str(result).splitlines()[1:] if line]
    assert [" ".join(row).split() for row in rows] == lines


def test_notebooks_show_differences(result):
    found = Difference(0.5, (-1.0, 2.0), 9)
    assert cells(found._repr_html_())[1] == ["+0.50", "-1.00 to +2.00", "9"]


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"presentation_time": 0}, r"presentation_time.*positive"),
        ({"presentation_time": -0.2}, r"presentation_time.*positive"),
        ({"presentation_time": float("nan")}, r"presentation_time.*positive"),
        ({"presentation_time": "long"}, r"presentation_time.*positive"),
        ({"presentation_time": 0.0105}, "multiple of dt"),
        ({"presentation_time": 0.0001}, "multiple of dt"),
        ({"dt": 0}, "dt.*positive"),
        ({"dt": -0.001}, "dt.*positive"),
        ({"backend": "brian"}, "engine, nengo-dl, .*, loihi, got 'brian'"),
        ({"backend": ["nengo"]}, "one of engine, nengo-dl, nengo, rate"),
        ({"backend": "rate"}, "rate.*neurons.*conv1.*LIF"),
        ({"n_examples": 0}, "n_examples.*from 1 to 360, got 0"),
        ({"n_examples": 361}, "n_examples.*from 1 to 360, got 361"),
        ({"n_examples": 1.5}, "n_examples.*whole number"),
        ({"batch_size": 0}, "batch_size.*from 1"),
        ({"batch_size": 7, "reset": False}, "7 rows of 7 images.*one row, or"),
        (
            {"batch_size": 2, "reset": False, "backend": "nengo"},
            "'nengo' shows one image at a time.*one row of images, not 2",
        ),
        ({"seed": -1}, "seed.*from 0"),
        ({"window": 0.06}, r"window.*end of the presentation at 0\.06 s"),
        ({"window": -0.01}, "window.*from 0"),
        ({"window": None}, "window.*got None"),
        ({"model": nengo.Network()}, r"model.*Model\(network"),
        ({"data": np.zeros((3, 8, 8))}, r"data.*Dataset.*ndarray"),
    ],
)
def test_bad_arguments(spiking, data, change, match):
    arguments = {"model": spiking, "data": data, **BRIEF, **change}
    with pytest.raises(ValidationError, match=match):
        evaluate(**arguments)


def test_models_and_data_that_do_not_fit(rate, spiking, data):
    with pytest.raises(ValidationError, match="no preprocessing: fit it"):
        evaluate(networks.small(), data, "rate")

    ones = np.ones((20, 9, 9))
    larger = datasets.Dataset(
        "larger", ones, np.arange(20) % 10, ones, np.arange(20) % 10
    )
    with pytest.raises(ValidationError, match="expected images of 8 x 8"):
        evaluate(spiking, larger)

    other = spiking.copy()
    other.preprocessing = Preprocessing.from_images(larger.x_train, scale=1)
    with pytest.raises(ValidationError, match=r"81 numbers.*takes 64"):
        evaluate(other, larger)

    y_train, y_test = (np.arange(len(y)) % 13 for y in (data.y_train, data.y_test))
    more = replace(data, y_train=y_train, y_test=y_test)
    with pytest.raises(ValidationError, match=r"13 classes.*answers with 10"):
        evaluate(spiking, more)

    filtered = rate.copy()
    filtered.network.all_connections[2].synapse = nengo.Alpha(0.005)
    with pytest.raises(ValidationError, match=r"answers in one step.*Alpha"):
        evaluate(filtered, data, "rate")

    with nengo.Network() as net:
        image, answer = nengo.Node(np.zeros(64)), nengo.Node(size_in=10)
        empty = Model(net, image, nengo.Probe(answer))
    empty.preprocessing = spiking.preprocessing
    with pytest.raises(ValidationError, match="no neurons"):
        evaluate(empty, data)


def test_rate_neurons_are_computed_and_not_simulated(rate, data):
    found = evaluate(rate, data, n_examples=9, progress_bar=False)
    assert found.backend == "rate"
    assert found.times is None


@pytest.mark.parametrize("backend", ["engine", "nengo-dl", "nengo"])
def test_rate_neurons_have_no_spikes_to_count(rate, data, backend):
    with pytest.raises(ValidationError, match=r"to_spiking\(model\).*backend='rate'"):
        evaluate(rate, data, backend, **BRIEF)


def test_steps_too_long_for_the_neurons(spiking, data):
    with pytest.warns(NengoWarning, match=r"conv1.*500 Hz.*only 250 Hz"):
        evaluate(spiking, data, "nengo", 0.02, 0.004, n_examples=1, progress_bar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NengoWarning)
        evaluate(spiking, data, "nengo", 0.02, 0.002, n_examples=1, progress_bar=False)


def test_sorted_files_are_shown_shuffled(rate, data):
    by_class = some(data, np.argsort(data.y_test, kind="stable"))
    result = evaluate(rate, by_class, "rate", n_examples=40, progress_bar=False)
    assert len(set(result.labels)) >= 8
    assert result.labels == by_class.y_test[presentation_order(360)[:40]].tolist()


def test_early_exit(spiking, data):
    """Of no account but for when images are answered for good, and with what."""
    whole = evaluate(spiking, data, **BRIEF)
    for confidence in (0.05, 0.3, 0.999999):
        found = evaluate(spiking, data, confidence=confidence, **BRIEF)
        same_but = ("error_percent", "error_interval_percent", "confusion")
        same(whole, found, *same_but, "predictions", "confidence", "mean_time")
        assert whole.times[0] <= found.mean_time <= whole.times[-1] + 1e-9
        for answer, answers in zip(
            found.predictions, found.predictions_over_time, strict=True
        ):
            assert answer in answers
        wrong = np.array(found.predictions) != np.array(found.labels)
        assert found.error_percent == pytest.approx(100 * wrong.mean())
        assert "time to answer" in str(found)
        if confidence == 0.05:  # less than one of ten classes has at least
            assert found.mean_time == pytest.approx(whole.times[0])
            np.testing.assert_array_equal(
                found.predictions, whole.predictions_over_time[:, 0]
            )
    assert found.predictions == whole.predictions
    assert found.mean_time == pytest.approx(whole.times[-1])
    assert whole.mean_time is None
    assert Evaluation.from_json(found.to_json()).mean_time == found.mean_time


@pytest.mark.parametrize("confidence", [0, 1, -0.5, np.nan, "high", True])
def test_bad_confidence(spiking, data, confidence):
    with pytest.raises(ValidationError, match="confidence: expected a probability"):
        evaluate(spiking, data, confidence=confidence, **BRIEF)


def test_no_early_exit_without_time(model, data):
    with pytest.raises(ValidationError, match="'rate' answers at once"):
        evaluate(model, data, "rate", confidence=0.9)
