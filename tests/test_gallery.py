"""The gallery of figures shows all of them, from code that draws what it says."""

import inspect
import itertools
import re
import textwrap
from pathlib import Path

from nengo_softlif import figures

import matplotlib.pyplot as plt
import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "gallery.rst").read_text()
DRAWING = [
    name
    for name in figures.__all__
    if inspect.isfunction(getattr(figures, name))
    and "ax" in inspect.signature(getattr(figures, name)).parameters
]


def cards():
    """What stands in each card, by its title."""
    found = re.split(r"\.\. grid-item-card:: ", PAGE)[1:]
    return {card.split("\n")[0].strip("`"): card for card in found}


def drawing(text):
    """The code of the first plot in some text: what is indented, below its options."""
    before, _, rest = text.partition(".. plot::\n")
    indent = len(before) - len(before.rstrip(" "))
    inside = itertools.takewhile(
        lambda line: not line or line.startswith(" " * (indent + 3)), rest.split("\n")
    )
    return textwrap.dedent("\n".join(inside).partition("\n\n")[2])


@pytest.mark.parametrize("name", DRAWING)
def test_functions_that_draw_have_a_card(name):
    card = cards()[name]
    assert f":link: nengo_softlif.figures.{name}\n" in card
    assert f"figures.{name}(" in drawing(card)
    assert re.search(r":alt: \w+ ", card)


def test_cards_are_of_functions_that_draw():
    assert sorted(cards()) == sorted(DRAWING)


def test_cards_draw(monkeypatch):
    monkeypatch.chdir(DOCS)
    known = {"np": np, "plt": plt}
    with plt.rc_context():
        exec(drawing(PAGE), known)
        for name, card in cards().items():
            plt.close("all")
            exec(drawing(card), known)
            (number,) = plt.get_fignums()
            ax = plt.figure(number).axes[0]
            assert ax.lines or ax.collections or ax.images or ax.patches, name
    plt.close("all")
