"""Which pages use what the reference has: told at its end."""

import json
import re
from functools import lru_cache
from pathlib import Path

import nengo_softlif

SOURCES = "notebooks/*.ipynb", "howto/*.rst", "explain/*.rst", "*.rst"
"""Where code is, in the order in which it is told of."""

MOST = 6
"""Pages told of for one name; those that everything is used on say little."""


@lru_cache(maxsize=1)
def read(folder):
    """Read the code of all pages.

    Parameters
    ----------
    folder : Path
        Of the documentation.

    Returns
    -------
    dict of str to str
        From names of pages, as Sphinx has them, to what is code on them.
    """
    found = {}
    for pattern in SOURCES:
        for path in sorted(folder.glob(pattern)):
            text = path.read_text()
            if path.suffix == ".ipynb":
                cells = json.loads(text)["cells"]
                code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
            else:
                code = re.findall(
                    r"^\.\. code-block:: python\n((?: .*|\n)*)", text, re.M
                )
            found[str(path.relative_to(folder).with_suffix(""))] = "\n".join(code)
    return found


def find(pages, name, obj):
    """Find the pages whose code uses an object.

    Parameters
    ----------
    pages : dict of str to str
        What `read` returned.
    name : str
        Its name in the reference, such as ``nengo_softlif.evaluation.evaluate``.
    obj : object
        The object.

    Returns
    -------
    list of str
        Names of pages.
    """
    *_, door, short = name.split(".")
    doors = [door]
    if getattr(nengo_softlif, short, None) is obj:
        doors.append("softlif")
    used = re.compile(rf"\b({'|'.join(doors)})\.{short}\b|\bimport .*\b{short}\b")
    return [page for page, code in pages.items() if used.search(code)][:MOST]


def tell(app, what, name, obj, options, lines):
    """Add the pages to a docstring, as Sphinx reads it."""
    if what not in ("function", "class") or not name.startswith("nengo_softlif."):
        return
    pages = find(read(Path(app.srcdir)), name, obj)
    if pages:
        listed = ", ".join(f":doc:`/{page}`" for page in pages)
        lines += ["", ".. rubric:: Used in", "", listed, ""]
