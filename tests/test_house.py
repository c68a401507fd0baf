"""The house is what its plan says: doors, names and sizes. Directions: setup.cfg."""

import ast
import importlib.util
from pathlib import Path

import nengo_softlif

import pytest

PACKAGE = Path(nengo_softlif.__file__).parent
BENCHMARKS = sorted((Path(__file__).parent / "benchmarks").glob("*.py"))
PATHS = Path(__file__).parent / "data" / "public-paths.txt"
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def name_of(path):
    return str(path.relative_to(PACKAGE).with_suffix("")).replace("/", ".")


def imports(path):
    """Names that a module takes from others of the package: (module, name).

    Also what it takes of a folder that it has imported as a whole.
    """
    here = path.relative_to(PACKAGE).parts[:-1]
    nodes = list(ast.walk(ast.parse(path.read_text())))
    folders = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            above = here[: len(here) + 1 - node.level]
            module = (*above, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield module, alias.name
                if not module and alias.name in FOLDERS:
                    folders[alias.asname or alias.name] = alias.name
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in folders:
                yield (folders[node.value.id],), node.attr


def absolute_imports(path):
    """Names of the package under which a module imports it as others do."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield from [node.module] * node.module.startswith(PACKAGE.name)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (name for name in names if name.startswith(PACKAGE.name))


def functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def n_lines(function):
    """Lines of code, without documentation and comments."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return sum(len(ast.unparse(node).splitlines()) for node in body)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_other_folders_are_entered_by_their_doors(path):
    here = path.relative_to(PACKAGE).parts[:-1]
    for module, name in imports(path):
        if module and module[0] in FOLDERS and module[:1] != here:
            assert module[1:] == (), f"{'.'.join(module)} is behind a door"
            door = importlib.import_module(f"nengo_softlif.{module[0]}")
            assert name in door.__all__, f"{name} does not stand in {module[0]}'s door"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_keep_what_is_private(path):
    assert list(absolute_imports(path)) == []
    taken = [name for module, name in imports(path) if module or name != "__version__"]
    assert [name for name in taken if name.startswith("_")] == []


def test_nothing_lies_deeper_than_one_folder():
    for path in MODULES:
        here = path.relative_to(PACKAGE).parts[:-1]
        assert not here or here in [(folder,) for folder in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_stands_in_a_door_is_behind_it(folder):
    door = importlib.import_module(f"nengo_softlif.{folder}")
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_are_short(path):
    assert len(path.read_text().splitlines()) <= 400
    long = {f.name: n_lines(f) for f in functions(path) if n_lines(f) > 60}
    assert not long


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_not_called_like_what_they_hold(path):
    tree = ast.parse(path.read_text())
    held = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    assert path.stem not in held


def test_every_folder_is_installed():
    pyproject = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    for folder in FOLDERS:
        assert f'"nengo_softlif.{folder}"' in pyproject


@pytest.mark.parametrize("path", PATHS.read_text().split())
def test_public_paths_stay(path):
    """Those of before there were folders, by which programs of users import."""
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_benchmarks_import_what_there_is(path):
    """They are called by hand, so that nobody else would notice."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module.startswith("nengo_softlif"):
                loaded = importlib.import_module(module)
                for alias in node.names:
                    assert hasattr(loaded, alias.name) or importlib.util.find_spec(
                        f"{module}.{alias.name}"
                    )
            elif node.level and node.module is None:
                for alias in node.names:
                    assert (path.parent / f"{alias.name}.py").exists()
            elif node.level:
                assert (path.parent / f"{node.module}.py").exists()
