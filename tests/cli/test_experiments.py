"""The command experiment: its list, its settings, its files."""

import json

from nengo_softlif.experiments import Findings
from nengo_softlif.registry import EXPERIMENTS

import pytest
from command_line import assert_fails


@pytest.fixture(autouse=True)
def squares():
    EXPERIMENTS["squares"] = "toy_experiment:SQUARES"
    yield
    del EXPERIMENTS["squares"]


def test_the_list_tells_of_all(run):
    told = json.loads(run("experiment", "--list", "--json").output)
    assert [row["experiment"] for row in told] == list(EXPERIMENTS)
    assert all(row["shows"] and row["from"] and row["takes"] for row in told)
    text = run("experiment", "--list").output
    for row in told:
        assert row["shows"] in text
    assert run("experiment").output == run("experiment", "--help").output


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_help_tells_of_all_settings(run, name):
    text = run("experiment", name, "--help").output
    for setting in EXPERIMENTS[name].Settings.__dataclass_fields__:
        assert f"--{setting.replace('_', '-')}" in text


def test_files_and_figure(run, tmp_path):
    options = ("--n", 3, "--out", "found.json", "--figure", "found.png")
    result = run("experiment", "squares", *options)
    assert result.exit_code == 0, result.output
    assert "number" in result.output
    record = json.loads((tmp_path / "found.json").read_text())
    assert record["rows"] == [{"number": i, "square": i**2 / 3} for i in range(3)]
    assert record["settings"]["n"] == 3
    assert record["command"].startswith("nengo-softlif")
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "nengo-softlif-work").iterdir())) == 3


def test_figure_and_table_come_from_the_file_alone(run, tmp_path):
    run("experiment", "squares", "--n", 3, "--out", "found.json")
    record = json.loads((tmp_path / "found.json").read_text())
    record["rows"][1]["square"] = 123.5
    (tmp_path / "found.json").write_text(json.dumps(record))
    again = run("experiment", "squares", "--from", "found.json", "--figure", "f.svg")
    assert "123.5" in again.output
    assert (tmp_path / "f.svg").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("cubes",), "there is no experiment 'cubes'"),
        (("square",), "'square' (did you mean squares?); expected one of figure1"),
        (("squares", "--n", 0), "n: expected a whole number from 1"),
        (("squares", "--n", "x"), "n: expected a whole number from 1"),
        (("squares", "--m", 1), "No such option"),
        (("squares", "--out", "no/such/folder"), "is not a folder"),
        (("squares", "--figure", "f.xyz"), "expected a file ending in"),
        (("squares", "--out", "f.svg", "--figure", "f.svg"), "as well"),
        (("squares", "--from", "other.json"), "other.json"),
        (("squares", "--from", "figure1.json"), "holds findings of figure1, not of"),
        (
            ("squares", "--from", "old.json"),
            "of version 0 of squares, but this",
        ),
        (("squares", "--from", "found.json", "--n", 2), "with --from nothing is run"),
        (("decision-time",), "model: is missing"),
        (("figure2", "--seconds", "0.5"), "seconds: expected more than the 1 s"),
    ],
)
def test_bad_input(run, tmp_path, args, message):
    found = EXPERIMENTS["squares"](n=2, progress_bar=False)
    found.save("found.json")
    found.version = 0
    found.save("old.json")
    (tmp_path / "other.json").write_text("{}")
    EXPERIMENTS["figure1"](progress_bar=False).save("figure1.json")
    assert_fails(run("experiment", *args), message)
    assert not list(tmp_path.glob("nengo-softlif-work/squares*"))


def test_a_scheduler_that_is_none(run, tmp_path):
    """Whether Dask is installed or not, it ends in one clear line, and soon."""
    result = run("experiment", "squares", "--scheduler", "tcp://127.0.0.1:9")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    last = result.output.strip().splitlines()[-1]
    assert "no scheduler answers at tcp://127.0.0.1:9" in last or "pip install" in last


def test_records_load_in_python(run, tmp_path):
    run("experiment", "figure1", "--n-currents", 11, "--out", "found.json")
    found = Findings.load(tmp_path / "found.json")
    assert [row["neuron"] for row in found.rows] == ["LIFRate", "SoftLIFRate"]
