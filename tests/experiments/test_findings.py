"""Findings are one file, from which table and figure are made."""

import json

from nengo_softlif.experiments import Findings

import pytest
from nengo.exceptions import ValidationError


@pytest.fixture
def found(squares):
    return squares(n=3, progress_bar=False)


def test_saved_and_loaded_they_are_the_same(found, tmp_path):
    found.save(tmp_path / "found.json")
    loaded = Findings.load(tmp_path / "found.json")
    assert vars(loaded) == vars(found)
    assert str(loaded) == str(found)
    found.draw(tmp_path / "found.svg")
    loaded.draw(tmp_path / "loaded.svg")
    assert b"<svg" in (tmp_path / "found.svg").read_bytes()
    assert found.settings["n"] == 3
    assert found.versions["nengo"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version: it is of version 2 of squares, but .* version 1"),
        ({"experiment": "square"}, r"'square' \(did you mean squares\?\); expected"),
        ({"settings": {}}, "settings: expected .*seconds"),
        ({"rows": [{"number": 1}]}, "a value does not fit .*square"),
        ({"rows": [{"number": 1, "square": "one"}]}, "a value does not fit"),
    ],
)
def test_other_files_are_refused(found, tmp_path, change, message):
    record = json.loads(found.to_json())
    path = tmp_path / "found.json"
    path.write_text(json.dumps({**record, **change}))
    with pytest.raises(ValidationError, match=message):
        Findings.load(path)
