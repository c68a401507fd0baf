"""The page that lays published and measured side by side says what the records say."""

import json
import re
import shutil
from pathlib import Path

from nengo_softlif import experiments
from nengo_softlif.evaluation import Evaluation
from nengo_softlif.experiments.published import DERIVED, NUMBERS, QUOTED, READ

import pytest
from made import against, ledger, records
from rst_tables import table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"


@pytest.fixture
def page(tmp_path):
    """Write the page from some records; of a table its cells, else the text."""
    results = tmp_path / "results"
    results.mkdir()

    def write(part, *names, **records):
        for name in names:
            shutil.copy(RESULTS / f"{name}.json", results)
        for name, record in records.items():
            path = results / f"{name.replace('_', '-')}.json"
            path.write_text(json.dumps(record))
        against.write(results, tmp_path)
        text = (tmp_path / f"against-{part}.inc").read_text()
        if part not in against.ROWS:
            return text
        return table(text)

    return write


def error_of(name):
    return Evaluation.load(RESULTS / f"{name}.json").error_percent


def changed(name, **fields):
    return json.loads((RESULTS / f"{name}.json").read_text()) | fields


def test_what_is_not_measured_does_not_appear(page):
    assert page("cifar10") == []
    assert "Nothing measured yet" in page("findings")
    _, only = page("cifar10", "cifar10-rate")
    assert only[0].startswith("error as rates, %, the papers' network")
    assert "12 epochs" not in only[0]
    assert "Nothing measured yet" in page("findings")


def test_rows_have_what_the_records_have(page):
    names = "cifar10-rate", "cifar10-engine", "trainings"
    rows = {row[0]: row for row in page("cifar10", *names)[1:] if row[0]}
    conditions = " (12 epochs, JPEG copy)"
    error = rows[f"error as rates, %, the papers' network{conditions}"]
    assert error[1].startswith(f"{error_of('cifar10-rate'):.2f} (")
    lost = rows[f"from rates to spikes, points, the papers' network{conditions}"]
    points = error_of("cifar10-engine") - error_of("cifar10-rate")
    assert lost[1].startswith(f"{points:+.2f} (")
    assert lost[5] == "``cifar10-rate``, ``cifar10-engine``"


@pytest.mark.parametrize(
    ("percent", "interval", "words"),
    [
        (0.8, (0.7, 0.87), ["better", "better"]),
        (1.0, (0.8, 1.2), ["better", "the same within chance"]),
        (1.7, (1.64, 1.8), ["worse", "worse"]),
    ],
)
def test_better_and_worse(page, percent, interval, words):
    """Against 1.63 and 0.88 %."""
    fields = {"error_percent": percent, "error_interval_percent": interval}
    spikes = changed("mnist-gaussian-spiking", **fields)
    rows = page("mnist", mnist_gaussian_spiking=spikes)[1:]
    assert [row[2] for row in rows[:2]] == words
    assert [row[3] for row in rows[:2]] == ["1.63", "0.88"]


def test_few_images_prove_little(page):
    """One wrong of 50 may be as good as anything."""
    *_, mnist = page("chip", "mnist-plain-emulator")
    assert mnist[2] == "the same within chance"


def test_a_new_result_takes_the_place_of_an_older_one(page):
    best = changed("cifar10-engine", error_percent=9.9)
    best["error_interval_percent"] = [9.3, 10.5]
    cells = page("cifar10", "cifar10-engine", cifar10_paper_spikes=best)
    assert cells[1][1] == "9.90 (9.30 to 10.50)"
    assert cells[1][2] == "better"


def test_findings_say_no_more_than_the_intervals(page):
    none, gaussian = "mnist-none-spiking", "mnist-gaussian-spiking"
    text = page("findings", none, gaussian)
    assert "after 200 ms it made no difference beyond chance: +0.05" in text
    # the same answers but for a hundred images, all of them wrong
    worse = changed(gaussian)
    right = [i for i in range(10_000) if worse["labels"][i] == worse["predictions"][i]]
    for i in right[:100]:
        answer = worse["predictions"][i]
        worse["predictions"][i] = (answer + 1) % 10
        worse["confusion"][answer][answer] -= 1
        worse["confusion"][answer][(answer + 1) % 10] += 1
    worse["predictions_over_time"] = worse["error_over_time_percent"] = None
    worse["times"] = None
    spikes = Evaluation.from_json(json.dumps(worse))
    effect = ledger._effect
    paired = records.paired
    before = Evaluation.load(RESULTS / f"{gaussian}.json")
    assert effect(paired(before, spikes)).startswith("raised the error: +1.00 (")
    assert effect(paired(spikes, before)).startswith("lowered the error: -1.00 (")


def test_every_finding_of_the_repository_can_be_told(page):
    names = [path.stem for path in RESULTS.glob("*.json")]
    text = page("findings", *names)
    there = [group for _, group in ledger.LEDGER if set(group) <= set(names)]
    assert len(re.findall(r"^- ", text, flags=re.M)) == len(there) > 8


def test_tables_of_experiments_are_theirs(page, tmp_path):
    found = experiments.figure1(n_currents=11, progress_bar=False)
    found.save(tmp_path / "results" / "figure1.json")
    text = page("experiments")
    assert "(``figure1.json``): " in text
    assert 'showing.experiment("results/figure1.json")' in text
    for line in str(found).splitlines():
        assert line.strip() in text


def test_experiments_with_seeds_are_told_of(page):
    """The differences between rows, and how many of them may be chance."""
    rows = [
        {"noise": "none", "readout": "rates", "difference_points": None},
        {"noise": "a", "difference_points": -0.5, "interval_points": [-0.8, -0.2]},
        {"noise": "b", "difference_points": 0.1, "interval_points": [-0.2, 0.4]},
    ]
    found = experiments.figure1(n_currents=3, progress_bar=False)
    found.rows = [{"readout": "rates", **row} for row in rows]
    found.settings = {"data": "mnist", "seeds": [0, 1, 2], "epochs": 12}
    text = ledger._over_seeds(found)
    assert "on mnist, 3 seeds, 12 epochs" in text
    assert "``a`` (rates) lowered the error: -0.50 (-0.80 to -0.20) points" in text
    assert "1 of 2 made none beyond chance" in text
    assert "``b``" not in text


def test_published_numbers_have_sources():
    rows = [row for rows in against.ROWS.values() for row in rows]
    assert {name for row in rows for name in row.published} <= NUMBERS.keys()
    for known in NUMBERS.values():
        assert known.source
        assert known.work
        assert known.sure in (READ, QUOTED, DERIVED)
