"""Tell what pictures of notebooks show, for those who cannot see them."""

import inspect
import re

from nengo_softlif import figures

from docutils import nodes

NAMES = re.compile(r'(?:label|title)[=(]\s*"([^"{]+)"')
"""Names of axes, of curves and of plots, in code that draws."""


def tell(app, doctree):
    """Give pictures without an alternative text one that says what is drawn where.

    Parameters
    ----------
    app : Sphinx
        Who asks.
    doctree : document
        A page that was read; is changed.
    """
    for image in doctree.findall(nodes.image):
        cell = image.parent
        while cell is not None and cell.get("nb_element") != "cell_code":
            cell = cell.parent
        if cell is not None and "alt" not in image:
            code = next(cell.findall(nodes.literal_block)).astext()
            image["alt"] = f"{_title(cell)}: {describe(code) or _before(cell)}"


def describe(code):
    """Say in words what code draws.

    Parameters
    ----------
    code : str
        What is run.

    Returns
    -------
    str
        What the package's figures in it show, and names of axes and curves; may be
        empty.
    """
    found = []
    for name in dict.fromkeys(re.findall(r"\bfigures\.(\w+)\(", code)):
        first = inspect.getdoc(getattr(figures, name)).splitlines()[0]
        found.append(first.removeprefix("Draw ").rstrip("."))
    return "; ".join([*found, *dict.fromkeys(NAMES.findall(code))])


def _title(node):
    """Of the section that something stands in."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return node.next_node(nodes.title).astext()


def _before(cell):
    """The text that leads to a cell."""
    above = cell.parent[: cell.parent.index(cell)]
    return next(
        n.astext() for n in reversed(above) if isinstance(n, nodes.TextElement)
    ).rstrip(":")
