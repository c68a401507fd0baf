"""What the reference in docs/api lists."""

import re
from pathlib import Path

PAGES = sorted((Path(__file__).parent.parent / "docs" / "api").glob("*.rst"))


def listed(page):
    """Map each module to the names that a page lists under it."""
    names = {}
    for part in page.read_text().split(".. currentmodule:: nengo_softlif.")[1:]:
        module, _, text = part.partition("\n")
        found = re.findall(r"^ {3}(\w+)$", text, flags=re.MULTILINE)
        names.setdefault(module, []).extend(found)
    return names


def api_pages():
    """Map each module to the names that docs/api lists under it."""
    everything = {}
    for page in PAGES:
        for module, names in listed(page).items():
            everything.setdefault(module, []).extend(names)
    return everything
