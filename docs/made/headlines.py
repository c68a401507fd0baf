"""The numbers of the front page, from the records that pages tell of."""

import json
import re
from statistics import median


def write(results, folder):
    """Write the cards that docs/index.rst includes.

    Parameters
    ----------
    results : Path
        Where records are.
    folder : Path
        Where pages include from.
    """
    lines = [".. grid:: 1 3 3 3", "   :gutter: 3", ""]
    for number, what, page in find(results):
        lines += [f"   .. grid-item-card:: {number}", f"      :link: {page}"]
        lines += ["      :link-type: doc", "      :text-align: center", ""]
        lines += [f"      {what}", ""]
    (folder / "front.inc").write_text("\n".join(lines))


def find(results):
    """Read each number, what it is, and the page that tells how it was measured."""
    shown = json.loads((results / "spikes-lenet.json").read_text())["results"]
    best = min(shown, key=lambda found: found["error_percent"])
    tasks = json.loads((results / "spikes-speed.json").read_text())["tasks"]
    peers = {row["name"]: row for row in tasks[0]["rows"]}
    emulated = (results / "speed-emulator-mnist.txt").read_text()
    ratio = int(re.search(r"^ratio +(\d+)", emulated, re.MULTILINE).group(1))
    return (
        (
            f"{best['error_percent']:.2f} %",
            "of all MNIST test images are told wrongly in "
            f"{1000 * best['presentation_time']:g} ms, trained in spikes",
            "in_spikes",
        ),
        (
            f"{median(peers['snntorch']['ours_to_it']):.1f} times",
            "as fast as snnTorch, compiled: a training step in spikes, on CPUs",
            "in_spikes",
        ),
        (
            f"{ratio:,} times",
            "as many images in a second on the emulated chip as with NengoLoihi, with "
            "the same spikes",
            "chip",
        ),
    )
