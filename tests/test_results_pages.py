"""Charts, tables and sentences of the pages of results say what the records say."""

import json
import re
import shutil
from pathlib import Path
from statistics import median

import nengo_softlif as softlif
from nengo_softlif.evaluation import Evaluation

import matplotlib.pyplot as plt
import pytest
from made import chip, curves, showing, speed
from rst_tables import table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"


def includes(module, results, folder):
    """Let a module write what pages include, and return it by name."""
    folder.mkdir()
    module.write(results, folder)
    return {path.stem: path.read_text() for path in folder.glob("*.inc")}


def drawn(name):
    """Draw the chart of an include, and return its axes."""
    module = speed if name.startswith("speed") else chip
    tell, (records, *_), _ = module.MEASURED[name]
    shown = tell(*(showing.find(RESULTS, record) for record in records))
    plt.close("all")
    exec(shown.chart, {})
    return plt.gca()


@pytest.mark.parametrize("module", [speed, chip])
def test_what_is_not_measured_is_said_with_how_to(module, tmp_path):
    empty = tmp_path / "results"
    empty.mkdir()
    for text in includes(module, empty, tmp_path / "out").values():
        assert text.startswith("Not measured yet")
        assert "python -m tests.benchmarks" in text or "nengo-softlif" in text


@pytest.mark.parametrize("module", [speed, chip, curves])
def test_records_of_the_repository_are_all_shown(module, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    found = includes(module, RESULTS, tmp_path / "out")
    assert found
    for name, text in found.items():
        assert "easured yet" not in text, name
        assert ":download:" in text
        plots = text.count(".. plot::")
        told = re.findall(r"^   :alt: (.+)$", text, re.M)
        assert len(told) == plots
        assert all(len(alt.split()) > 4 for alt in told)
        assert plots or name == "speed-agreement"
    plt.close("all")


@pytest.mark.parametrize(
    "name", ["speed-simulation", "speed-training", "chip-seeds", "chip-cores"]
)
def test_charts_can_be_drawn(name, monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    ax = drawn(name)
    assert ax.has_data()
    if name == "speed-simulation":
        report = json.loads((RESULTS / "speed-spiking-cifar10.json").read_text())
        rows = {row["name"]: row for row in report["groups"][0]["systems"]}
        longest = max(bar.get_width() for bar in ax.patches)
        assert longest == median(rows["engine"]["to_baseline"])
        assert len(ax.patches) == len(rows.keys() - {"sgemm"})
    plt.close("all")


def test_text_and_json_of_one_run_are_read_alike():
    """What was printed has fewer digits, and that is all."""
    path = RESULTS / "speed-spiking-cifar10.json"
    full, full_sgemm = speed.read_simulated(json.loads(path.read_text()))
    text = path.with_suffix(".txt").read_text()
    printed, sgemm = speed.read_simulated(text)
    assert printed.keys() == full.keys()
    for key, row in full.items():
        assert printed[key]["rate"] == pytest.approx(row["rate"], abs=0.5)
        assert printed[key]["to_baseline"] == pytest.approx(
            row["to_baseline"], abs=0.005
        )
        assert printed[key]["bound"] == pytest.approx(row["bound"], abs=0.0005)
        assert printed[key]["peak_mb"] == pytest.approx(row["peak_mb"], abs=0.5)
    assert sgemm[2] == pytest.approx(full_sgemm[2], abs=0.5)
    machine = showing.machine
    assert machine(text) == machine(json.loads(path.read_text()))


def test_json_comes_before_text(tmp_path):
    for name in ("speed-spiking-cifar10.json", "speed-spiking-cifar10.txt"):
        shutil.copy(RESULTS / name, tmp_path)
    report = json.loads((tmp_path / "speed-spiking-cifar10.json").read_text())
    (engine,) = (r for r in report["groups"][0]["systems"] if r["name"] == "engine")
    engine["to_baseline"] = [77.0, 78.0, 79.0]
    (tmp_path / "speed-spiking-cifar10.json").write_text(json.dumps(report))
    text = includes(speed, tmp_path, tmp_path / "out")["speed-simulation"]
    assert "78 (77 to 79) times as fast as NengoDL" in " ".join(text.split())


def test_times_by_kind_are_those_that_were_printed():
    text = (RESULTS / "speed-training-profile.txt").read_text()
    shown = speed.profile(text)
    products = re.findall(r"^ +([\d.]+) ms  \S*Conv2D", text, re.M)
    assert f"convolutions {sum(map(float, products)):.1f}" in shown.alt
    assert "BlockUntilReady" not in shown.alt


def test_commands_before_and_now(tmp_path):
    rows = [{"name": "evaluate digits", "seconds": [[4.0, 6.0, 5.0], [1.0, 3.0, 2.0]]}]
    used = {"processor": "P", "cores": 3, "vectors": "avx2"}
    shown = speed.startup({"machine": used, "rows": rows})
    assert "takes 2.0 s of processor time, where it took 5.0 s" in shown.message
    assert shown.below == "On P, 3 cores, AVX2."


def test_the_emulator_is_told_of_as_it_was_printed():
    text = (RESULTS / "speed-emulator-mnist.txt").read_text()
    shown = chip.emulator(text)
    assert "none differ" in shown.message
    assert shown.rows[0] == ("conv1, output", "62,720,000", "1,442,838", "0")
    wrong = chip.emulator(text.replace("(115,137 spikes), 0", "(115,137 spikes), 7"))
    assert "7 differ" in wrong.message


def test_chip_changes_are_paired(tmp_path):
    text = includes(chip, RESULTS, tmp_path / "out")["chip-cifar10"]
    spikes, on_chip = (
        Evaluation.load(RESULTS / f"cifar10-{name}.json")
        for name in ("best-spikes", "best-chip")
    )
    found = softlif.evaluation.difference(spikes, on_chip)
    low, high = found.interval_points
    assert f"{found.points:+.2f} ({low:+.2f} to {high:+.2f})" in text
    ways = [row[0] for row in table(text)[1:]]
    assert ways == ["rates", "spikes", "the emulated chip"]


def test_new_records_take_the_place_of_older_ones(tmp_path):
    """Under the names of docs/made/against.py, with nothing else changed."""
    results = tmp_path / "results"
    results.mkdir()
    for name in ("cifar10-rate", "cifar10-engine", "cifar10-loihi-emulator"):
        shutil.copy(RESULTS / f"{name}.json", results)
    before = includes(curves, results, tmp_path / "before")
    assert "Our best network" not in before["curves-cifar10"]
    assert before["curves-mnist"] == "Nothing measured yet.\n"
    for new, old in (("best-spikes", "engine"), ("paper-spikes", "engine")):
        record = json.loads((RESULTS / f"cifar10-{old}.json").read_text())
        record["network"] = f"net-{new}"
        (results / f"cifar10-{new}.json").write_text(json.dumps(record))
    after = includes(curves, results, tmp_path / "after")["curves-cifar10"]
    best, papers = after.split("The papers' network\n")
    assert "Our best network" in best
    assert "``net-best-spikes``" in best
    assert [row[0] for row in table(best)[1:]] == ["spikes"]
    assert "``net-paper-spikes``" in papers
    assert (
        "cifar10-engine" not in papers.split(".. dropdown::")[1].split(":download:")[1]
    )


def test_confusions_are_the_largest():
    record = Evaluation.load(RESULTS / "mnist-none-spiking.json")
    record.confusion = [[9, 1, 0], [0, 3, 7], [2, 0, 8]]
    shown = curves.confusions(record, "name")
    assert "takes 1 for 2, 7 of 10 times, then 2 for 0, 2 of 10 times" in shown.message
    assert "20 of 30 on its diagonal" in shown.alt


def test_figures_of_experiments_are_theirs(tmp_path):
    found = softlif.experiments.figure1(n_currents=11, progress_bar=False)
    found.save(tmp_path / "figure1.json")
    plt.close("all")
    showing.experiment(str(tmp_path / "figure1.json"))
    lines = [ax.lines for ax in plt.gcf().axes]
    drawn_lines = [ax.lines for ax in found.figure().axes]
    assert [len(a) for a in lines] == [len(a) for a in drawn_lines] != []
    plt.close("all")
