"""Tables as notebooks show them."""

from html import escape


def html(caption, head, rows):
    """Write a table in HTML.

    Parameters
    ----------
    caption : str
        What stands above it.
    head : sequence of str
        What stands over the columns.
    rows : iterable of sequence
        Cells, from left to right; written as `str` writes them.

    Returns
    -------
    str
        A ``<table>``. What is in the cells is text: nothing of it is taken for HTML.
    """
    lines = [
        "<table>",
        f"<caption>{escape(str(caption))}</caption>",
        f"<thead>{_row('th', head)}</thead>",
        "<tbody>",
        *(_row("td", cells) for cells in rows),
        "</tbody>",
        "</table>",
    ]
    return "\n".join(lines)


def _row(tag, cells):
    inside = "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"
