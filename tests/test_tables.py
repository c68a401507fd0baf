"""Tables in HTML."""

from xml.etree import ElementTree

from nengo_softlif import tables


def test_tables_are_well_formed_and_hold_text():
    rows = [("<script>alert(1)</script>", 'a & "b"'), (3, "x\n y")]
    table = ElementTree.fromstring(tables.html("1 < 2", ("what", "how"), rows))
    assert table.tag == "table"
    assert table.find("caption").text == "1 < 2"
    assert [cell.text for cell in table.iter("th")] == ["what", "how"]
    body = [[cell.text for cell in row] for row in table.find("tbody")]
    assert body == [[str(cell) for cell in row] for row in rows]
