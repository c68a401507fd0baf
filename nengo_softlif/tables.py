"""Rows, printed as text, in notebooks, and as JSON."""

import json
from dataclasses import dataclass
from html import escape
from itertools import groupby, zip_longest


@dataclass(frozen=True)
class PrintedTable:
    """Rows of cells, and how they are printed.

    Parameters
    ----------
    head : tuple of str
        Names of the columns; empty if they need none.
    rows : list of tuple
        Cells, from left to right: text, or numbers. An empty row sets apart what comes
        before it and what comes after it.
    title : str
        What stands above.
    align : str
        ``l`` or ``r`` for each column; by default all but the first to the right.
    below : tuple of str
        Lines that stand below.
    nested : bool
        Whether the first cell of a row is a heading, written once for all rows that
        have it in common and follow each other without an empty row.

    Examples
    --------
    >>> from nengo_softlif.tables import PrintedTable
    >>> print(PrintedTable(("layer", "neurons"), [("conv", 288), ("dense", 100)]))
    layer  neurons
    --------------
    conv       288
    dense      100
    """

    head: tuple
    rows: list
    title: str = ""
    align: str = ""
    below: tuple = ()
    nested: bool = False

    def __str__(self):
        """Lay it out as text."""
        lines = list(self._nested() if self.nested else self._lines(self.rows))
        rule = ""
        if self.head and not self.nested:
            lines = list(self._lines([self.head, *self.rows]))
            rule = "-" * max(map(len, lines))
            lines.insert(1, rule)
        title = [self.title, ""] if self.title else []
        below = [rule, *self.below] if self.below else []
        return "\n".join([*title, *lines, *below])

    def _lines(self, rows, first=0):
        """Bring cells under each other; the columns are those from ``first`` on."""
        rows = [list(map(str, row)) for row in rows]
        widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
        for row in rows:
            cells = [
                cell.ljust(width) if self._is_left(i) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=False), first)
            ]
            yield "  ".join(cells).rstrip()

    def _nested(self):
        lines = self._lines([row[1:] for row in self.rows], first=1)
        for heading, rows in groupby(self.rows, key=lambda row: row[:1]):
            yield from map(str, heading)
            inside = [next(lines) for _ in rows]
            yield from (f"  {line}" for line in inside if heading)

    def _is_left(self, column):
        return self.align[column] == "l" if self.align else column == 0

    def _repr_html_(self):
        """Show it in a notebook. What is in the cells is text, none of it HTML."""
        parts = [f"<caption>{escape(self.title)}</caption>"] if self.title else []
        if self.head:
            parts.append(f"<thead>{self._html_row('th', self.head)}</thead>")
        for filled, group in groupby(self._html_rows(), key=bool):
            if filled:
                parts += ["<tbody>", *(self._html_row("td", r) for r in group)]
                parts.append("</tbody>")
        if self.below:
            n_columns = max(map(len, [self.head, *self.rows]))
            rows = (
                self._html_row(f'td colspan="{n_columns}"', [line])
                for line in self.below
            )
            parts += ["<tfoot>", *rows, "</tfoot>"]
        return "\n".join(["<table>", *parts, "</table>"])

    def _html_rows(self):
        """Rows, with a heading in the first that has it only."""
        heading = ()
        for row in self.rows:
            repeated = self.nested and row and row[:1] == heading
            yield ("", *row[1:]) if repeated else row
            heading = row[:1]

    def _html_row(self, tag, cells):
        sides = ("left" if self._is_left(i) else "right" for i in range(len(cells)))
        inside = "".join(
            f'<{tag} style="text-align: {side}; white-space: pre-wrap">'
            f"{escape(str(cell))}</{tag[:2]}>"
            for side, cell in zip(sides, cells, strict=True)
        )
        return f"<tr>{inside}</tr>"

    def to_json(self):
        """Return the rows as JSON text: objects by names of columns, or else lists."""
        rows = [row for row in self.rows if row]
        if self.head:
            rows = [dict(zip(self.head, row, strict=True)) for row in rows]
        return json.dumps(rows)


def format_size(shape):
    """Write a shape as ``24 x 24 x 3``."""
    return " x ".join(map(str, shape))


def in_ms(seconds):
    """Write seconds as ``5 ms``."""
    return f"{1000 * seconds:g} ms"


class Tabular:
    """What is printed as the table that its method ``table`` returns."""

    def __str__(self):
        """Lay it out as text."""
        return str(self.table())

    def _repr_html_(self):
        """Show it in a notebook."""
        return self.table()._repr_html_()
