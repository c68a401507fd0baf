"""The house in one picture: rooms, floor by floor, and two ways through them."""

import configparser
import json
from pathlib import Path

from nengo_softlif.figures import BLUE, ORANGE

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

HERE = Path(__file__).parent if "__file__" in globals() else Path.cwd()
ROOT = next(p for p in (HERE, *HERE.parents) if (p / "setup.cfg").exists())
PACKAGE = ROOT / "nengo_softlif"
INK, PAPER, LINE = "#333333", "#f4f4f4", "#bbbbbb"


def floors():
    """Groups of modules and folders, from the top, as import-linter holds them."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["importlinter:contract:layers"]["layers"].split("\n")
    rows = [[room.strip() for room in line.split("|")] for line in lines if line]
    return [row for row in rows if row != ["__main__"]]


def draw(way=None, colour=BLUE):
    """Draw the rooms floor by floor; of a way, those it passes and the doors."""
    rows = floors()
    passed = doors = ()
    if way is not None:
        found = json.loads((ROOT / "docs" / "results" / "rooms.json").read_text())[way]
        passed = found["rooms"]
        doors = [door.split(" -> ") for door in found["doors"]]
    figure, axes = plt.subplots(figsize=(8, 5.4))
    places = {}
    for y, row in enumerate(reversed(rows)):
        for i, room in enumerate(row):
            x = (i + 0.5) * 8 / len(row)
            places[room] = (x, y)
            n_modules = len(list((PACKAGE / room).glob("[!_]*.py")))
            axes.add_patch(
                FancyBboxPatch(
                    (x - 0.7, y - 0.2),
                    1.4,
                    0.4,
                    boxstyle="round,pad=0.06",
                    facecolor=PAPER if n_modules else "white",
                    edgecolor=colour if room in passed else LINE,
                    linewidth=2 if room in passed else 1,
                    zorder=2,
                )
            )
            text = f"{room}/ ({n_modules})" if n_modules else room
            axes.text(x, y, text, ha="center", va="center", fontsize=8.5, color=INK)
    for above, below in doors:
        if above in places and below in places:
            axes.add_patch(_arrow(places[above], places[below], colour))
    axes.set(xlim=(0, 8), ylim=(-0.5, len(rows) - 0.5))
    axes.axis("off")
    figure.tight_layout(pad=0.3)


def _arrow(start, end, colour):
    return FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=9,
        connectionstyle="arc3,rad=0.08",
        shrinkA=14,
        shrinkB=14,
        color=colour,
        alpha=0.6,
        zorder=3,
    )


def whole():
    """All rooms."""
    draw()


def image():
    """The way of an image through `evaluate`."""
    draw("an image through evaluate")


def weight():
    """The way of a weight to the chip."""
    draw("a weight to the emulated chip", ORANGE)
