"""A report from outside of the package is written from rows, whatever the record."""

import json
from pathlib import Path
from xml.etree import ElementTree

import nengo_softlif as softlif
from nengo_softlif import layers, loihi

import pytest

DATA = Path(__file__).parent / "data"


def page(records):
    """One page of all records, each as its rows."""
    tables = [record.table()._repr_html_() for record in records]
    return f"<html><body>{''.join(tables)}</body></html>"


@pytest.fixture(scope="module")
def records():
    model = softlif.networks.small(seed=0)
    chip = softlif.to_loihi(softlif.to_spiking(model))
    evaluation = softlif.Evaluation.load(DATA / "small-evaluation.json")
    return [
        evaluation,
        softlif.difference(evaluation, evaluation),
        layers.describe(model),
        loihi.changes(chip),
        loihi.utilization(chip),
    ]


def test_all_records_are_on_one_page(records):
    tables = ElementTree.fromstring(page(records)).findall("body/table")
    assert len(tables) == len(records)
    for table, record in zip(tables, records, strict=True):
        cells = [cell.text or "" for cell in table.iter() if cell.tag in ("td", "th")]
        for row in record.table().rows:
            assert all(str(cell) in cells for cell in row)


def test_rows_are_plain(records):
    for record in records:
        table = record.table()
        rows = json.loads(table.to_json())
        assert len(rows) == sum(map(bool, table.rows)) > 0
