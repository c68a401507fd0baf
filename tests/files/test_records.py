"""Records as JSON: what is read, and what is refused."""

import base64
import json
import zlib
from pathlib import Path

from nengo_softlif import Evaluation
from nengo_softlif.evaluation.ladder import Ladder
from nengo_softlif.files import paths, records

import numpy as np
import pytest
from nengo.exceptions import ValidationError

DATA = Path(__file__).parents[1] / "data"
RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.fixture
def record():
    return json.loads((DATA / "small-evaluation.json").read_text())


def loads(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Evaluation.load(path)


@pytest.mark.parametrize(
    "path", [*RESULTS.glob("*emulator.json")], ids=lambda p: p.stem
)
def test_older_records_are_read_as_they_are(path):
    expected = json.loads(path.read_text())
    found = json.loads(Evaluation.load(path).to_json())
    packed, again = (r.pop("predictions_over_time") for r in (expected, found))
    assert {name: found[name] for name in expected} == expected
    assert again == packed


def test_an_older_ladder_is_read_as_it_is():
    path = RESULTS / "ladder-mnist.json"
    ladder, expected = Ladder.load(path), json.loads(path.read_text())["rungs"]
    for rung, old in zip(ladder.rungs, expected, strict=True):
        assert (rung.name, rung.deviations) == (old["name"], old["deviations"])
        assert rung.evaluation.labels == old["evaluation"]["labels"]
        assert rung.evaluation.rates_hz == old["evaluation"]["rates_hz"]
    assert "all together" in str(ladder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: "[" * 100_000 + "]" * 100_000, "expected JSON, but maximum rec"),
        (lambda t: t[:-2] + ', "odd": ' + "[" * 100_000 + "]" * 100_000 + "}", "recur"),
        (lambda t: t.replace('"seed": 0', '"seed": 0, "seed": 1'), "a key comes twice"),
        (lambda t: t.replace('"seed": 0', '"seed": NaN'), "NaN is no finite number"),
        (lambda t: t.replace('"dt": 0.001', '"dt": 1e999'), "1e999 is no finite"),
        (lambda t: t.replace('"seed": 0', '"seed": ' + "9" * 5000), "expected JSON"),
        (lambda t: t.replace('"dt": 0.001', '"dt": ' + "9" * 400), "out of range"),
        (lambda t: t.encode().replace(b"small", b"sm\xffall"), "'utf-8' codec"),
        (lambda t: "", "expected JSON"),
    ],
)
def test_odd_json(change, match, tmp_path):
    text = change((DATA / "small-evaluation.json").read_text())
    with pytest.raises(ValidationError, match=rf"other\.json' is not the .*{match}"):
        loads(tmp_path / "other.json", text)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dataset": 3}, r"Expected `str`, got `int` - at `\$\.dataset`"),
        (
            {"labels": {}},
            r"Expected `array( \| null)?`, got `object` - at `\$\.labels`",
        ),
        ({"labels": [0] * 9 + [0.5]}, r"Expected `int`.*\$\.labels\[9\]"),
        ({"labels": [0] * 9}, "expected 10 numbers for 10 images"),
        (
            {"n_examples": 0, "labels": [], "predictions": []},
            "answers of 0 images",
        ),
        ({"error_interval_percent": [1]}, "error_interval_percent: expected 2 num"),
        ({"error_over_time_percent": None}, "error_over_time_percent: expected"),
        ({"times": [0.001]}, "answers of 10 images at 1 times"),
        ({"predictions_over_time": None}, "answers of 10 images at"),
        ({"time_to_decide": None}, "time_to_decide: expected seconds"),
        ({"synops_per_image": {"paper": 1}}, "missing required field `direct`"),
        ({"confusion": [[1, 2], [3]]}, "as many answers as classes"),
        ({"confusion": [[1]]}, "labels: expected classes from 0 to 0, got"),
        ({"confusion": [[0, 0], [0, 0]]}, "confusion: expected the numbers of labels"),
        ({"labels": [-1] * 10}, "labels: expected classes from 0 to 1, got -1 to -1"),
        (
            {"predictions": [10**9] * 10},
            "predictions: expected classes from 0 to 1",
        ),
        ({"rows": -5}, "rows: expected rows of images, got -5"),
        ({"chip": {}}, "missing required field"),
        ({"rates_hz": {"conv1": "x"}}, r"Expected `float`, got `str`"),
    ],
)
def test_parts_that_do_not_fit(record, change, match, tmp_path):
    with pytest.raises(ValidationError, match=match):
        loads(tmp_path / "other.json", json.dumps({**record, **change}))


def test_answers_over_time_are_classes(record):
    answers = np.full((10, len(record["times"])), 2)
    record["predictions_over_time"] = records.packed(answers)
    with pytest.raises(ValidationError, match=r"over_time: .* from 0 to 1"):
        Evaluation.from_json(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dtype": "O"}, "expected whole numbers, got the type 'O'"),
        ({"dtype": "<f8"}, "expected whole numbers"),
        ({"dtype": "(9999999,)i8"}, "expected whole numbers"),
        ({"dtype": 3}, "expected whole numbers"),
        ({"shape": [10, 10**12]}, "would take 1e.04 GB of memory"),
        ({"shape": [10, 10**4000]}, "GB of memory"),
        ({"shape": [10, 10**8]}, "1 GB of memory, unpacked from"),
        ({"shape": [-1]}, "expected a shape"),
        ({"shape": [10, 1]}, "do not fill their shape"),
        ({"shape": 10}, "expected a shape"),
        ({"zlib_base64": "AA"}, "padding"),
        ({"zlib_base64": "ä"}, "ASCII"),
        ({"zlib_base64": 3}, ""),
        ({"zlib_base64": "AAAA"}, "packed answers are damaged"),
        ({"odd": 3}, "expected zlib_base64, dtype, shape of an array"),
    ],
)
def test_packed_answers(record, change, match, tmp_path):
    record["predictions_over_time"].update(change)
    with pytest.raises(ValidationError, match=rf"other\.json' is not the .*{match}"):
        loads(tmp_path / "other.json", json.dumps(record))


def test_no_more_is_unpacked_than_is_declared(record, tmp_path):
    """A megabyte of zeros, packed, in place of the answers."""
    bomb = base64.b64encode(zlib.compress(bytes(10**6))).decode()
    record["predictions_over_time"]["zlib_base64"] = bomb
    with pytest.raises(ValidationError, match="do not fill their shape"):
        loads(tmp_path / "other.json", json.dumps(record))


def test_packing(rng):
    for dtype in (np.uint8, np.int16, np.int64):
        array = rng.randint(100, size=(7, 3)).astype(dtype)
        found = records._unpacked(None, json.loads(json.dumps(records.packed(array))))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, array)


def test_a_text_larger_than_memory_is_not_read(monkeypatch):
    monkeypatch.setattr(paths, "memory", lambda: 10_000)
    with pytest.raises(ValidationError, match="may take 25 times as much memory"):
        Evaluation.load(DATA / "small-evaluation.json")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Evaluation.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda rungs: rungs.clear(), "expected at least one rung"),
        (lambda rungs: rungs[1].update(name=3), r"\$\.rungs\[1\]\.name"),
        (lambda rungs: rungs[1]["evaluation"].update(seed="x"), r"evaluation\.seed"),
        (lambda rungs: rungs[1]["evaluation"]["labels"].pop(), "labels: expected"),
        (lambda rungs: rungs[1]["difference"]["interval_points"].pop(), "length 2"),
        (lambda rungs: rungs[1].update(deviations={"conv1": None}), "deviations"),
    ],
)
def test_ladders_whose_parts_do_not_fit(change, match):
    record = json.loads((RESULTS / "ladder-mnist.json").read_text())
    change(record["rungs"])
    with pytest.raises(ValidationError, match=match):
        Ladder.from_json(json.dumps(record))
