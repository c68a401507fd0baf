"""What docs/formats.rst tells of files is what is in them."""

import json
from typing import Annotated, Any, Literal

from nengo_softlif import Evaluation, Ladder, files, networks

import msgspec.inspect
import numpy as np
import pytest
from made import formats
from rst_tables import table
from safetensors import safe_open
from test_docs import ROOT

RESULTS = ROOT / "docs" / "results"


def top(form):
    """Names of a form's own fields, in their order."""
    return [name for name, *_ in formats.rows(form) if "." not in name]


def header(path):
    with safe_open(str(path), framework="np") as file:
        return json.loads(file.metadata()["nengo_softlif"])["header"]


def test_models_hold_the_fields(tmp_path):
    networks.small().save(tmp_path / "a.safetensors")
    found = header(tmp_path / "a.safetensors")
    assert sorted(found) == sorted(top(files.ModelForm))
    assert found["source"]["arguments"].keys() <= set(top(files.ArgumentsForm))
    inside = {n for n, *_ in formats.rows(files.ModelForm) if n.startswith("source.")}
    assert inside == {f"source.{name}" for name in found["source"]}


@pytest.mark.parametrize(
    ("form", "name"), [(Evaluation, "digits-readme"), (Ladder, "ladder-mnist")]
)
def test_records_hold_the_fields(form, name):
    written = json.loads(form.load(RESULTS / f"{name}.json").to_json())
    assert list(written) == top(form)


def test_what_may_be_missing_may():
    text = json.loads((RESULTS / "digits-readme.json").read_text())
    optional = [name for name, _, missing in formats.rows(Evaluation) if missing]
    assert optional
    kept = {name: value for name, value in text.items() if name not in optional}
    assert Evaluation.from_json(json.dumps(kept)).error_percent == text["error_percent"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, msgspec.Meta(ge=0, lt=2**32)], "at least 0 and below 4,294"),
        (Annotated[float, msgspec.Meta(gt=0, le=1e308)], "number above 0"),
        (float | list[int] | None, "number, or list: whole number, or null"),
        (tuple[float, int], "list: number; whole number"),
        (dict[str, Any], "object by name: anything"),
        (np.ndarray, "packed array"),
    ],
)
def test_kinds_in_words(kind, words):
    assert words in formats.describe(msgspec.inspect.type_info(kind))


def test_kinds_without_words_are_noticed():
    with pytest.raises(KeyError):
        formats.describe(msgspec.inspect.type_info(Literal["a"]))


def test_all_that_is_written_is_included(tmp_path):
    formats.write(tmp_path)
    page = (ROOT / "docs" / "formats.rst").read_text()
    written = sorted(path.name for path in tmp_path.iterdir())
    for name in written:
        assert f".. include:: api/generated/{name}\n" in page
    rows = table((tmp_path / "format-checkpoint.inc").read_text())
    names = [row[0].strip("`") for row in rows]
    assert names == ["settings", "history", "stopped"]
