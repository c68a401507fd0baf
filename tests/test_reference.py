"""What the reference lists has an example, and examples print what they say."""

import doctest
import importlib
import re

import matplotlib.pyplot as plt
import pytest
from api_pages import PAGES, listed

# Names without an example, and why; it is to become shorter
WITHOUT = {
    "evaluation.Prepared": "what backends hand to each other; its module is full",
    "gradients.Back": "what `Unrolled` does with an operator: see its tests",
}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
INDEX = next(page for page in PAGES if page.stem == "index")
BY_PAGE = {page.stem: listed(page) for page in PAGES}
NAMES = {
    f"{module}.{name}": page
    for page in PAGES
    for module, names in BY_PAGE[page.stem].items()
    for name in names
    if not name.isupper()  # constants
}


@pytest.fixture(scope="session")
def known():
    """What examples take for granted: what those of docs/api/index.rst leave."""
    test = on_page(INDEX)
    run(test, {}, clear_globs=False)
    return test.globs


def on_page(page):
    """The examples of a page itself, without those of what it lists."""
    return doctest.DocTestParser().get_doctest(
        page.read_text(), {}, page.stem, str(page), 0
    )


def of_object(name):
    """The examples of a class or function, and of its methods."""
    module, _, attribute = name.rpartition(".")
    loaded = importlib.import_module(f"nengo_softlif.{module}")
    tests = doctest.DocTestFinder().find(getattr(loaded, attribute), name, module=False)
    return [test for test in tests if test.examples]


def run(test, names, clear_globs=True):
    test.globs, printed = dict(names), []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, out=printed.append, clear_globs=clear_globs)
    assert not printed, "".join(printed)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_the_reference_lists_has_an_example(name, known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tests = of_object(name)
    for test in tests:
        run(test, known)
    plt.close("all")
    shown = {test.name for test in tests}
    for example in on_page(NAMES[name]).examples:
        shown |= set(re.findall(r"\w+", example.source + example.want))
    has_example = name in shown or name.rpartition(".")[2] in shown
    assert has_example != (name in WITHOUT), "neither, or both"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != INDEX], ids=lambda page: page.stem
)
def test_examples_on_pages_run(page, known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(on_page(page), known)


def test_what_has_no_example_is_in_the_reference():
    assert set(WITHOUT) <= set(NAMES)


def test_an_example_that_prints_something_else_fails(known):
    test = doctest.DocTestParser().get_doctest(
        ">>> len(model.ensembles)\n4\n", {}, "wrong", None, 0
    )
    with pytest.raises(AssertionError, match="Expected"):
        run(test, known)
