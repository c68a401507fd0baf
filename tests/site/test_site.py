"""The built documentation, page by page in a browser.

SOFTLIF_SITE=docs/_build python -m pytest tests/site

SOFTLIF_AXE is the path of axe.min.js of npm's axe-core, which knows what screen readers
and weak eyes need.
"""

import base64
import io
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib.pyplot as plt
import pytest
from browsers import CHROMIUM, browser

SITE = Path(os.environ.get("SOFTLIF_SITE", ".")).resolve()
AXE = os.environ.get("SOFTLIF_AXE")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "SOFTLIF_SITE" not in os.environ,
        reason="SOFTLIF_SITE does not name the folder of a built documentation",
    ),
    pytest.mark.skipif(
        CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"
    ),
]

# one page of each kind
KINDS = [
    "index.html",
    "notebooks/04-watch-it-spike.html",
    "against_the_papers.html",
    "chip.html",
    "cifar10.html",
    "loihi.html",
    "speed.html",
    "errors.html",
    "gallery.html",
    "formats.html",
    "cli.html",
    "api/evaluation.html",
    "api/generated/nengo_softlif.neurons.SoftLIFRate.html",
]

LINKS = """[...document.querySelectorAll('[href], [src]')].map(
    (node) => node.getAttribute('href') ?? node.getAttribute('src'))"""
IDS = "[...document.querySelectorAll('[id]')].map((node) => node.id)"

# What stands out of the column of text, and is in no box that scrolls. The theme lets
# headings and tables stand out by half a letter.
BEYOND = """(() => {
    const article = document.querySelector('article');
    const limit = Math.min(article.getBoundingClientRect().right + 8, innerWidth);
    const scrolls = (node) => node !== article && (
        getComputedStyle(node).overflowX !== 'visible' || scrolls(node.parentElement));
    const found = [...article.querySelectorAll('*')].filter((node) =>
        node.getBoundingClientRect().right > limit && !scrolls(node.parentElement)
    ).map((node) => node.outerHTML.slice(0, 100));
    const page = document.documentElement.scrollWidth;
    return page > innerWidth ? [`the page is ${page} wide`, ...found] : found;
})()"""

# Where pictures stand on the page, and what is said of them
PICTURES = """[...document.querySelectorAll(
    'article img:not([src*="_static/"])')].map((image) => {
    const {x, y, width, height} = image.getBoundingClientRect();
    return {source: image.getAttribute('src'), alt: image.alt,
        drawn: image.naturalWidth > 0,
        clip: {x: x + scrollX, y: y + scrollY, width, height, scale: 0.25}};
})"""

# What browsers do themselves (boxes that scroll take the focus), and what docutils does
# (a list of citations has no items)
FINDINGS = """axe.run({exclude: ['.citation-list']}, {
    resultTypes: ['violations'],
    rules: {'scrollable-region-focusable': {enabled: false}},
}).then((found) => found.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => [one.help, ...one.nodes.map((node) => node.html.slice(0, 100))]))"""


class Site:
    """What was seen on all pages, by their paths; of what is wrong, a list."""

    def __init__(self, window):
        self.links, self.ids, self.pictures = {}, {}, {}
        self.complaints, self.beyond = [], []
        for path in sorted(SITE.rglob("*.html")):
            window.open(path, 1280)
            self.links[path] = window.run(LINKS)
            self.ids[path] = set(window.run(IDS))
            self._measure(window, path)
            self.pictures[path] = window.run(PICTURES)
            for picture in self.pictures[path]:
                picture["light"] = self._brightness(window, picture["clip"])
            window.paint(dark=True)
            for picture in self.pictures[path]:
                picture["dark"] = self._brightness(window, picture["clip"])
            window.resize(390)
            self._measure(window, path)
            self.complaints += [(path.name, said) for said in window.complaints()]

    def _measure(self, window, path):
        width = window.run("innerWidth")
        for node in window.run(BEYOND):
            self.beyond.append(f"{path.relative_to(SITE)}, {width} pixels: {node}")

    def _brightness(self, window, clip):
        """The mean brightness of what is seen there, between 0 and 1."""
        shot = window.call(
            "Page.captureScreenshot", clip=clip, captureBeyondViewport=True
        )
        png = io.BytesIO(base64.b64decode(shot["data"]))
        return plt.imread(png, format="png")[..., :3].mean()


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as window:
        yield window


@pytest.fixture(scope="module")
def site(window):
    return Site(window)


def test_it_is_the_documentation(site):
    assert {SITE / page for page in KINDS} <= site.links.keys()


def test_nothing_is_wrong_and_nothing_is_from_elsewhere(site):
    assert site.complaints == []


def test_nothing_is_wider_than_the_screen(site):
    assert site.beyond == []


def test_what_is_linked_is_there(site):
    lost, files = set(), {str(path) for path in SITE.rglob("*")}
    for page, links in site.links.items():
        for link in set(links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = os.path.normpath(page.parent / unquote(parts.path))
            target = Path(target) if parts.path else page
            anchor = unquote(parts.fragment)
            known = not anchor or anchor in site.ids.get(target, ())
            if str(target) not in files or not known:
                lost.add(f"{page.relative_to(SITE)}: {link}")
    assert sorted(lost) == []


def test_pictures_are_drawn_and_told_in_words(site):
    pictures = [one for found in site.pictures.values() for one in found]
    assert len(pictures) > 20
    for picture in pictures:
        assert picture["drawn"], picture
        assert len(picture["alt"].split()) >= 4, picture
        assert "_images/" not in picture["alt"]


def test_pictures_are_dark_in_the_dark(site):
    for page, pictures in site.pictures.items():
        for picture in pictures:
            assert picture["dark"] < 0.5 < picture["light"], (page, picture)


@pytest.mark.skipif(AXE is None, reason="SOFTLIF_AXE does not name axe.min.js")
@pytest.mark.parametrize("page", KINDS)
def test_everyone_can_read_it(window, page):
    window.open(SITE / page, 1280)
    window.run(f"{Path(AXE).read_text()}; 0")
    assert window.run(FINDINGS) == []
    window.paint(dark=True)
    assert window.run(FINDINGS) == []
