"""The page holds what the records hold, needs nothing else, and stays small."""

import base64
import gzip
import json
import os
import re
from dataclasses import replace
from pathlib import Path

from nengo_softlif import Evaluation, Ladder, evaluate, report
from nengo_softlif.evaluation import difference, wilson
from nengo_softlif.experiments import energy
from nengo_softlif.report import writing

import numpy as np
import pytest
from html_pages import Parsed
from nengo.exceptions import ValidationError
from sample_data import BRIEF

OLD = Path(__file__).parents[1] / "data" / "small-evaluation.json"


@pytest.fixture(scope="session")
def spikes(ladder):
    return next(r.evaluation for r in ladder.rungs if r.evaluation.times)


def sections(page):
    keys = ("time", "player", "rates", "confusion", "ladder", "training", "energy")
    return [key for key in (*keys, "chip", "papers", "provenance") if key in page.ids]


# -- one file, small, and sound --------------------------------------------------------


def test_the_page_needs_no_other_file(path, page):
    assert path.stat().st_size < 1_000_000
    assert page.addresses == ["data:,"]
    assert set(page.ids) >= {"plots", "played", "records"}
    assert len(page.ids) == len(set(page.ids))
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    for reference in ("http://", "https://", "url(//", "@import", " src="):
        assert reference not in text.replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in text
    assert "<thead>" in text
    assert "&lt;" not in page.text


def test_all_sections_are_there(page):
    assert sections(page) == [
        *("time", "player", "rates", "confusion", "ladder", "training", "energy"),
        *("chip", "provenance"),
    ]


def test_what_has_no_record_is_left_out(tmp_path):
    old = Evaluation.load(OLD)
    old.report(tmp_path / "old.html")
    page = Parsed((tmp_path / "old.html").read_text())
    assert sections(page) == ["time", "confusion", "provenance"]
    assert page.scripts["played"] == "null"


def test_rates_alone_have_a_page(rate, data, tmp_path):
    found = evaluate(rate, data, "rate", n_examples=40, progress_bar=False)
    found.report(tmp_path / "rate.html", rate, data)
    page = Parsed((tmp_path / "rate.html").read_text())
    assert sections(page) == ["confusion", "training", "provenance"]
    assert f"{found.error_percent:.2f} % of 40 test images are answered" in page.text


# -- numbers ---------------------------------------------------------------------------


def test_the_verdict_is_that_of_the_records(page, spikes, ladder):
    low, high = spikes.error_interval_percent
    chip, first = ladder.rungs[-1].evaluation, ladder.rungs[0].evaluation
    tiles = [
        "error in spikes",
        f"{spikes.error_percent:.2f} %",
        f"{low:.2f} to {high:.2f} %",
        "error on the chip",
        f"{chip.error_percent:.2f} %",
    ]
    assert " ".join(tiles) in page.text
    for said in (
        f"within 0.5 points after {1000 * spikes.time_to_decide:g} ms of 30 ms shown",
        f"spikes per image {spikes.spikes_per_image:,.0f} 1,600 neurons",
    ):
        assert said in page.text
    for pair, against in (((first, spikes), "its rates"), ((spikes, chip), "spikes")):
        worse = difference(*pair)
        low, high = worse.interval_points
        chance = "may be chance" if low <= 0 <= high else "is no chance"
        points = f"{worse.points:+.2f} points ({low:+.2f} to {high:+.2f})"
        assert f"{points} against {against}, which {chance}" in page.text


def test_the_verdict_on_a_chip_is_of_the_chip(ladder, tmp_path):
    chip, rates = ladder.rungs[-1].evaluation, ladder.rungs[0].evaluation
    chip.report(tmp_path / "chip.html", others=rates)
    page = Parsed((tmp_path / "chip.html").read_text())
    assert f"On the chip, {chip.error_percent:.2f} % of 40 test images" in page.text
    assert f"error on the chip {chip.error_percent:.2f} %" in page.text
    assert "error in spikes" not in page.text


def test_errors_over_time_are_those_of_the_records(page, spikes, ladder):
    names = [ladder.rungs[i].name for i in (0, 2, -1)]
    rows = page.table("time", *names)
    assert [row[0] for row in rows] == [f"{1000 * t:g} ms" for t in spikes.times]
    curves = [ladder.rungs[i].evaluation for i in (0, 2, -1)]
    for k, row in enumerate(rows):
        for cell, found in zip(row[1:], curves, strict=True):
            error = found.error_percent
            if found.times is not None:
                error = found.error_over_time_percent[k]
            low, high = wilson(round(0.4 * error), 40)
            assert cell == f"{error:.2f} % ({100 * low:.2f} to {100 * high:.2f} %)"
    drawn = json.loads(page.scripts["plots"])[0]["series"]
    assert [series["name"] for series in drawn] == names
    for series, found in zip(drawn[1:], curves[1:], strict=True):
        assert series["y"] == found.error_over_time_percent
        np.testing.assert_allclose(series["x"], 1000 * np.array(found.times))


def test_images_are_those_answered_wrongly_first(page, spikes):
    rows = page.table("image", "class", "answer")
    places = report.choose_images(spikes, 12)
    assert [int(row[0]) - 1 for row in rows] == places
    played = json.loads(page.scripts["played"])
    for row, image, place in zip(rows, played["images"], places, strict=True):
        label, answer = spikes.labels[place], spikes.predictions[place]
        assert row[1:3] == [str(label), str(answer)]
        assert (image["label"], image["answer"]) == (label, answer)
        n_spikes = [
            np.unpackbits(np.frombuffer(base64.b64decode(s), np.uint8)).sum()
            for s in image["spikes"]
        ]
        assert row[3:] == [str(n) for n in n_spikes]
    shown = "60 of 1,024 in conv1, 60 of 512 in conv2, 60 of 64 in dense3"
    assert shown in page.text
    assert "12 of 40 images" in page.text


def test_rates_are_those_of_the_records(page, spikes, ladder):
    rows = page.table("", "layer", "neurons")
    evaluations = [spikes, ladder.rungs[-1].evaluation]
    cells = [row[1:] for row in rows]
    expected = [
        [
            name,
            f"{sum(counts) // 40:,}",
            f"{found.rates_hz[name]:.1f} Hz",
            f"{found.highest_rates_hz[name]:.1f} Hz",
            f"{100 * found.silent_neurons[name] * 40 / sum(counts):.1f} %",
            f"{100 * counts[0] / sum(counts):.1f} %",
        ]
        for found in evaluations
        for name, counts in found.spike_histograms.items()
    ]
    assert cells == expected
    plots = json.loads(page.scripts["plots"])
    (drawn,) = (plot for plot in plots if plot["kind"] == "histograms")
    for choice, found in zip(drawn["choices"], evaluations, strict=True):
        for layer in choice["layers"]:
            counts = found.spike_histograms[layer["name"]]
            assert sum(layer["bars"]) == pytest.approx(
                100 * sum(counts[1:]) / sum(counts)
            )


def test_the_matrix_is_that_of_the_record(page, spikes):
    rows = page.table("", *map(str, range(10)))
    counts = [[int(cell or 0) for cell in row[1:]] for row in rows]
    assert counts == spikes.confusion


def test_the_ladder_is_that_of_the_record(page, ladder):
    table = ladder.table()
    rows = page.table("", "error %", "points (95 % interval)")
    assert rows == [[str(cell) for cell in row] for row in table.rows]
    for rung in ladder.rungs:
        assert rung.change in page.text


def test_training_is_that_of_the_history(page, rate):
    rows = page.table("epoch", "loss", "validation_loss")
    assert rows == [["1", "2.25", "2.125"], ["2", "1.125", "1.062"]]
    rows = page.table("epoch", "error_percent", "validation_error_percent")
    assert rows == [["1", "80.5", "75.5"], ["2", "40.25", "37.75"]]


def test_energy_is_operations_times_constants(page, spikes):
    rows = page.table("layer", "synaptic operations", "updates of neurons")
    n_neurons = {"conv1": 1024, "conv2": 512, "dense3": 64}
    assert rows == [
        [name, f"{spikes.layer_synops[name]:,.0f}", f"{30 * n:,}"]
        for name, n in n_neurons.items()
    ]
    updates, synops = 30 * 1600, spikes.synops_per_image["direct"]
    plots = json.loads(page.scripts["plots"])
    devices = next(p for p in plots if p["kind"] == "bars" and "updates" in p["parts"])
    against = next(plot for plot in plots if plot.get("logx"))
    for device, row, series in zip(
        energy.DEVICES, devices["rows"], against["series"], strict=True
    ):
        whole = synops * device.synop + updates * device.update
        assert sum(row["values"]) == pytest.approx(whole)
        assert series["x"][-1] == pytest.approx(1e6 * whole)
        assert series["y"] == spikes.error_over_time_percent
        assert device.source in page.text


def test_cores_are_those_of_the_record(page, ladder):
    chip = ladder.rungs[-1].evaluation.chip
    rows = page.table("layer", "cores", "compartments")
    assert sum(int(row[1]) for row in rows) == chip["cores"]
    plots = json.loads(page.scripts["plots"])
    (drawn,) = (plot for plot in plots if plot["kind"] == "cores")
    for layer, row in zip(drawn["layers"], rows, strict=True):
        blocks = chip["blocks"][layer["name"]]
        most = max(block["synapses"] for block in blocks)
        assert row[2 + drawn["limits"].index("synapses")].startswith(f"{most:,} of")
        for core, block in zip(layer["cores"], blocks, strict=True):
            parts = [100 * block[n] / chip["limits"][n] for n in drawn["limits"]]
            np.testing.assert_allclose(core, parts, atol=0.051)


@pytest.mark.parametrize(
    ("name", "error"), [("mnist", "0.88 %"), ("cifar10", "16.46 %")]
)
def test_papers_are_compared_with(spikes, name, error, tmp_path):
    replace(spikes, dataset=name).report(tmp_path / "page.html")
    page = Parsed((tmp_path / "page.html").read_text())
    rows = page.table("in spikes", "images", "error")
    assert rows[0][2] == f"{spikes.error_percent:.2f} %"
    assert rows[1][2] == error
    low, high = wilson(round(100 * float(error[:-2])), 10_000)
    assert rows[1][3] == f"{100 * low:.2f} to {100 * high:.2f} %"


def test_records_are_inside(page, spikes, ladder):
    held = json.loads(gzip.decompress(base64.b64decode(page.scripts["records"])))
    found = Evaluation.from_json(json.dumps(held["evaluations"]["spikes"]))
    assert found.to_json() == spikes.to_json()
    assert Ladder.from_json(json.dumps(held["ladder"])).to_json() == ladder.to_json()
    for value in (spikes.data_sha256, str(spikes.seed), spikes.versions["nengo"]):
        assert value in page.text


# -- what else may come ----------------------------------------------------------------


def test_names_are_text(spikes, ladder, spiking, data, tmp_path):
    """A name that would end a script, or begin one, is shown as it is."""
    evil = "</script><script>alert(1)</script><img src=x> {{ 7 * 7 }}"
    fields = ("rates_hz", "highest_rates_hz", "spike_histograms", "silent_neurons")
    renamed = {
        name: dict(zip([evil, "b", "c"], getattr(spikes, name).values(), strict=True))
        for name in (*fields, "layer_synops")
    }
    found = replace(spikes, dataset=evil, network=evil, command=evil, **renamed)
    found.report(tmp_path / "page.html", ladder=ladder, notes=[evil])
    page = Parsed((tmp_path / "page.html").read_text())
    assert page.tags.count("script") == 4
    assert "img" not in page.tags
    assert page.text.count(evil) >= 4
    plots = json.loads(page.scripts["plots"])
    assert plots[1]["choices"][0]["layers"][0]["name"] == evil


def test_a_page_is_never_too_large(spikes, spiking, data, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    spikes.report(path, spiking, data, n_images=30)
    whole = path.stat().st_size
    assert "30 of 40 images" in (text := Parsed(path.read_text()).text)
    assert "60 of 1,024 in conv1" in text
    for less, all_images in ((6_000, True), (60_000, False)):
        monkeypatch.setattr(writing, "N_BYTES", whole - less)
        spikes.report(path, spiking, data, n_images=30)
        assert path.stat().st_size <= whole - less
        text = Parsed(path.read_text()).text
        n_images = int(re.search(r"(\d+) of 40 images", text)[1])
        n_neurons = int(re.search(r"(\d+) of 1,024 in conv1", text)[1])
        if all_images:
            assert (n_images, 10 <= n_neurons < 60) == (30, True)
        else:
            assert (0 < n_images < 30, n_neurons) == (True, 10)


def test_classes_beyond_a_matrix_are_listed(spikes, tmp_path):
    n = 40
    rng = np.random.RandomState(0)
    labels, answers = rng.randint(n, size=(2, 40))
    counts = np.zeros((n, n), dtype=int)
    np.add.at(counts, (labels, answers), 1)
    replace(
        spikes,
        confusion=counts.tolist(),
        labels=labels.tolist(),
        predictions=answers.tolist(),
    ).report(tmp_path / "page.html")
    page = Parsed((tmp_path / "page.html").read_text())
    rows = [[int(cell) for cell in row] for row in page.table("class", "answer")]
    assert len(rows) == 30
    for label, answer, count in rows:
        assert label != answer
        assert counts[label, answer] == count


def test_backends_that_do_not_record_are_told(spiking, data, tmp_path):
    found = evaluate(spiking, data, "nengo", **{**BRIEF, "n_examples": 2})
    found.report(tmp_path / "page.html", spiking, data)
    page = Parsed((tmp_path / "page.html").read_text())
    assert "player" not in page.ids
    assert "'nengo' does not record single neurons" in page.text


# -- errors come before anything is shown, and leave what was there --------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_images": -1}, "n_images: expected a whole number from 0"),
        ({"others": ["spikes"]}, "others: expected an Evaluation, as evaluate returns"),
        ({"ladder": 3}, "ladder: expected a Ladder, as explain returns, got 3"),
        ({"model": 3}, "model: expected a Model, got 3"),
        ({"data": "digits"}, "data: expected a Dataset, got str"),
    ],
)
def test_bad_arguments_are_refused(spikes, spiking, data, tmp_path, change, message):
    path = tmp_path / "page.html"
    path.write_text("what was there")
    with pytest.raises(ValidationError, match=message):
        spikes.report(path, **{"model": spiking, "data": data, **change})
    assert os.listdir(tmp_path) == ["page.html"]
    assert path.read_text() == "what was there"


def test_evaluations_of_other_images_are_refused(spikes, result, spiking, tmp_path):
    fewer = replace(result, n_examples=39)
    with pytest.raises(ValidationError, match="others: expected evaluations of"):
        spikes.report(tmp_path / "page.html", others=[fewer])
    other = replace(result, data_sha256="0" * 64)
    with pytest.raises(ValidationError, match=r"others: .* but data_sha256 is '0000"):
        spikes.report(tmp_path / "page.html", others=[other])


def test_a_ladder_of_other_images_is_refused(spikes, ladder, tmp_path):
    fewer = replace(spikes, n_examples=39)
    with pytest.raises(ValidationError, match="ladder: expected evaluations of"):
        fewer.report(tmp_path / "page.html", ladder=ladder)


def test_a_missing_folder_is_told_at_once(spikes, tmp_path):
    with pytest.raises(ValidationError, match=r"path: .* is not a folder; create it"):
        spikes.report(tmp_path / "missing" / "page.html")


def test_models_are_measured_in_all_their_forms(rate, data):
    shown = {"n_examples": 4, "presentation_time": 0.01, "progress_bar": False}
    found = report.measure(rate, data, None, target=None, **shown)
    assert [e.backend for e in (found.evaluation, *found.others)] == ["engine", "rate"]
    spiking = found.model
    found = report.measure(spiking, data, None, **shown)
    assert [e.backend for e in (found.evaluation, *found.others)] == [
        "engine",
        "loihi-emulator",
    ]
