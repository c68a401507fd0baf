"""Rows as text, in HTML and as JSON."""

import json
from xml.etree import ElementTree

from nengo_softlif.tables import PrintedTable

ROWS = [("conv1", 9, "x\n y"), ("<script>alert(1)</script>", 12.5, 'a & "b"')]


def bodies(table):
    """Cells of a table in HTML, row by row, for each of its bodies."""
    found = ElementTree.fromstring(table._repr_html_())
    return [
        [[cell.text or "" for cell in row] for row in body]
        for body in found.iter("tbody")
    ]


def test_html_is_well_formed_and_holds_text():
    table = PrintedTable(
        ("what", "how many", "how"), ROWS, "1 < 2", "lrl", ("5 > 4", "")
    )
    found = ElementTree.fromstring(table._repr_html_())
    assert found.tag == "table"
    assert found.find("caption").text == "1 < 2"
    assert [cell.text for cell in found.iter("th")] == ["what", "how many", "how"]
    assert bodies(table) == [[[str(cell) for cell in row] for row in ROWS]]
    below = found.find("tfoot")
    assert [row[0].text for row in below] == ["5 > 4", None]
    assert {row[0].get("colspan") for row in below} == {"3"}
    sides = [cell.get("style").split("; ")[0] for cell in found.find("tbody")[0]]
    assert sides == [f"text-align: {side}" for side in ("left", "right", "left")]


def test_text_is_laid_out_in_columns():
    table = PrintedTable(
        ("", "cores", "how"), [("conv1", 9, "a"), ("c", 1000, "bc")], "all"
    )
    assert str(table).splitlines() == [
        "all",
        "",
        "       cores  how",
        "-----------------",
        "conv1      9    a",
        "c       1000   bc",
    ]
    table = PrintedTable(
        ("what", "how"), [("a", "b")], align="ll", below=("in all: 1", "x")
    )
    assert str(table).splitlines() == [
        "what  how",
        "---------",
        "a     b",
        "---------",
        "in all: 1",
        "x",
    ]


def test_an_empty_row_sets_apart():
    table = PrintedTable(
        (), [("a", "1"), (), ("bcd", "23")], "some", below=("took 1 s",)
    )
    assert str(table).splitlines() == [
        *("some", "", "a     1", "", "bcd  23", "", "took 1 s")
    ]
    assert bodies(table) == [[["a", "1"]], [["bcd", "23"]]]
    assert "thead" not in table._repr_html_()


def test_nested_rows_stand_under_their_heading():
    rows = [("conv1", "gain", "1 -> 2"), ("conv1", "synapse", "none"), ("d", "x", "y")]
    table = PrintedTable(("layer", "what", "how"), rows, align="lll", nested=True)
    assert str(table).splitlines() == [
        "conv1",
        "  gain     1 -> 2",
        "  synapse  none",
        "d",
        "  x        y",
    ]
    body = [["conv1", "gain", "1 -> 2"], ["", "synapse", "none"], ["d", "x", "y"]]
    assert bodies(table) == [body]


def test_an_empty_row_parts_equal_headings():
    rows = [("conv", "gain", "1"), (), ("conv", "gain", "2"), ("conv", "bias", "3")]
    table = PrintedTable(("layer", "what", "how"), rows, align="lll", nested=True)
    assert str(table).splitlines() == [
        *("conv", "  gain  1", "conv", "  gain  2", "  bias  3")
    ]
    assert bodies(table) == [
        [["conv", "gain", "1"]],
        [["conv", "gain", "2"], ["", "bias", "3"]],
    ]
    assert len(json.loads(table.to_json())) == 3


def test_json_has_an_object_for_each_row():
    table = PrintedTable(("layer", "cores"), [("conv1", 9), (), ("conv2", 2.5)])
    assert json.loads(table.to_json()) == [
        {"layer": "conv1", "cores": 9},
        {"layer": "conv2", "cores": 2.5},
    ]


def test_nothing_is_a_table_too():
    for nested in (False, True):
        table = PrintedTable((), [], nested=nested)
        assert str(table) == ""
        assert bodies(table) == []
        assert table.to_json() == "[]"
