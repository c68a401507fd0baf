"""The documentation is complete, and its examples run."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import textwrap
from pathlib import Path

import nengo_softlif

import pytest

ROOT = Path(__file__).parent.parent

# Parts inside: their names may change without notice. Every other module is public; of
# folders, the names that the reference lists.
INTERNAL = {
    "__main__",
    "checks",
    "cli",
    "files",
    "geometry",
    "images",
    "machine",
    "tables",
}
FOLDERS = {m.name for m in pkgutil.iter_modules(nengo_softlif.__path__) if m.ispkg}
MODULES = {m.name for m in pkgutil.iter_modules(nengo_softlif.__path__)}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def api_pages():
    """Map each module to the names that docs/api lists under it."""
    listed = {}
    for page in (ROOT / "docs" / "api").glob("*.rst"):
        parts = page.read_text().split(".. currentmodule:: nengo_softlif.")[1:]
        for part in parts:
            module, _, text = part.partition("\n")
            names = re.findall(r"^ {3}(\w+)$", text, flags=re.MULTILINE)
            listed.setdefault(module, []).extend(names)
    return listed


@pytest.mark.parametrize("module", sorted(MODULES - FOLDERS - INTERNAL))
def test_every_public_name_is_in_the_reference(module):
    loaded = importlib.import_module(f"nengo_softlif.{module}")
    public = {
        name
        for name, value in vars(loaded).items()
        if not name.startswith(("_", "check_"))
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == loaded.__name__
    }
    listed = api_pages().get(module, [])
    assert public <= set(listed), "add them to docs/api, or give them an underscore"
    assert len(listed) == len(set(listed))
    assert [name for name in listed if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("folder", sorted(FOLDERS - INTERNAL - {"tensors"}))
def test_the_reference_lists_what_stands_in_the_doors(folder):
    door = importlib.import_module(f"nengo_softlif.{folder}")
    listed = api_pages()[folder]
    assert listed
    assert set(listed) <= set(door.__all__)
    for name in listed:
        assert getattr(door, name).__doc__


def test_the_reference_starts_with_what_the_package_exports():
    text = (ROOT / "docs" / "api" / "index.rst").read_text()
    references = set(re.findall(r"`~?([\w.]+)`", text))
    assert set(nengo_softlif.__all__) <= references


def test_internal_modules_exist():
    assert MODULES >= INTERNAL


@pytest.mark.slow
def test_the_readme_runs(tmp_path, monkeypatch, capsys):
    readme = (ROOT / "README.rst").read_text()
    blocks = re.findall(
        r"^\.\. code-block:: python\n\n((?:(?: {3,}.*)?\n)+)", readme, flags=re.M
    )
    assert blocks
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(textwrap.dedent(block), names)  # a reader runs them one after the other
    assert "error" in capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_short_and_stripped(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) <= 15
    for cell in code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.FunctionDef):
                assert len(ast.unparse(node).splitlines()) <= 6, "five and its name"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_in_the_site(path):
    assert f"notebooks/{path.stem}\n" in (ROOT / "docs" / "index.rst").read_text()
