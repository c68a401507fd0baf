"""The documentation is complete, and its examples run."""

import ast
import contextlib
import importlib
import inspect
import io
import json
import pkgutil
import re
import shlex
import textwrap
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.cli.commands import main
from nengo_softlif.neurons import FAMILIES
from nengo_softlif.registry import PARTS
from nengo_softlif.tensors import CURVES

import click
import matplotlib.pyplot as plt
import nengo
import pytest
from api_pages import api_pages
from made import in_spikes, refusals, uses
from nengo.exceptions import NengoException
from rst_tables import table

ROOT = Path(__file__).parent.parent

# Parts inside: their names may change without notice. Every other module is public; of
# folders, the names that the reference lists.
INTERNAL = {
    "__main__",
    "checks",
    "cli",
    "conventions",
    "examples",
    "files",
    "geometry",
    "images",
    "machine",
    "named",
    "progress",
    "tables",
    "workers",
}
FOLDERS = {m.name for m in pkgutil.iter_modules(softlif.__path__) if m.ispkg}
MODULES = {m.name for m in pkgutil.iter_modules(softlif.__path__)}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


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
    assert set(softlif.__all__) <= references


def test_internal_modules_exist():
    assert MODULES >= INTERNAL


LITERAL = r"((?:(?: {3,}.*)?\n)+)"


def blocks(page):
    """Pieces of Python on a page, in their order, each with what it shall print."""
    text = (ROOT / page).read_text()
    block = rf"^\.\. code-block:: python\n\n{LITERAL}"
    block += rf"(?:\.\. code-block:: text\n\n{LITERAL})?"
    return re.findall(block, text, flags=re.MULTILINE)


PAGES = [
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]
    if "generated" not in path.parts and blocks(path)
]


@pytest.fixture
def known(tmp_path):
    """What pages take for granted: a trained model, images, a file of others."""
    data = softlif.datasets.load("digits")
    model = softlif.networks.small()
    softlif.fit(model, data, epochs=2, batch_size=32, progress_bar=False)
    spiking = softlif.to_spiking(model)
    softlif.to_nir(
        softlif.to_spiking(softlif.networks.small()), tmp_path / "theirs.nir"
    )
    names = {"nengo": nengo, "nengo_softlif": softlif, "softlif": softlif}
    return names | {
        "data": data,
        "model": model,
        "spiking": spiking,
        "images": spiking.preprocessing.test(data.x_test[:64]),
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_pages_run(page, known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for known_kinds in (FAMILIES, CURVES, PARTS):  # where pages add rows
        monkeypatch.setattr(known_kinds, "_rows", dict(known_kinds.rows))
    for block, expected in blocks(page):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(textwrap.dedent(block), known)  # a reader runs one after the other
        if expected:
            assert printed.getvalue().rstrip() == textwrap.dedent(expected).rstrip()
    plt.close("all")


FILE = ".safetensors"  # which a reader has, and nobody here


def commands():
    """What pages tell to type."""
    pages = [ROOT / "README.rst", *(ROOT / "docs").rglob("*.rst")]
    texts = [path.read_text() for path in pages if "generated" not in path.parts]
    lines = "".join(texts).replace("\\\n", "").splitlines()
    found = {line.partition("#")[0].strip() for line in lines}
    return sorted(line for line in found if line.startswith("nengo-softlif "))


@pytest.mark.parametrize("line", commands())
def test_commands_that_pages_tell_are_known(line):
    command, args = main, shlex.split(line)[1:]
    while isinstance(command, click.Group) and not args[0].startswith("-"):
        _, command, args = command.resolve_command(click.Context(command), args)
    given, _, order = command.make_parser(click.Context(command)).parse_args(args)
    for param in set(order):
        value = given[param.name]
        if not (isinstance(param.type, click.Path) or str(value).endswith(FILE)):
            param.type_cast_value(click.Context(command), value)


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


def test_errors_that_people_see_are_on_the_page():
    patterns = {
        re.compile(
            re.sub(r"<[^<>]*>", ".*", re.escape(message.text)), re.S
        ): message.kind
        for message in refusals.find(Path(softlif.__file__).parent)
    }
    model, data = softlif.networks.small(), softlif.datasets.load("digits")
    looped = softlif.to_spiking(model)
    with looped.network:
        nengo.Connection(looped.ensembles[0].neurons, looped.ensembles[0].neurons)
    for call in (
        lambda: softlif.datasets.load("nothing"),
        lambda: softlif.evaluate(model, data),  # not trained
        lambda: softlif.fit(model, data, epochs=0),
        lambda: softlif.fit(softlif.to_spiking(model), data),
        lambda: softlif.to_loihi(model),
        lambda: softlif.fit(looped, data, presentation_time=0.01),
    ):
        with pytest.raises(NengoException) as raised:
            call()
        kind, text = type(raised.value).__name__, str(raised.value)
        kinds = {k for pattern, k in patterns.items() if pattern.search(text)}
        assert kind in kinds, f"{kind}: {text}"


# Two rows of what benchmarks write, with numbers that are easily told apart
RECORD = {
    "presentation_time": 0.05,
    "error_percent": 1.25,
    "error_interval_percent": [1.0, 1.5],
    "mean_rate_hz": 21.5,
    "spikes_per_image": 4321.4,
    "synops_per_image": {"paper": 1, "direct": 98765.4},
}
REPORTS = {
    "spikes-lenet": {
        "settings": {"epochs": 3, "time": 0.03, "loss": "membrane", "seed": 0},
        "training_hours": 2.46,
        "results": [RECORD],
    },
    "spikes-tuned-mnist": {
        "settings": {
            "epochs": [3],
            "time": 0.03,
            "synapse": "None",
            "seed": 0,
            "learning_rate": 3e-4,
        },
        "rows": [
            {"name": "a", "errors_percent": {"0.01": 7.125, "0.2": 2}, "short": RECORD},
            {
                "name": "b",
                "errors_percent": {"0.01": 6},
                "short": RECORD,
                "processor_hours": 1.54,
                "history": {"loss": [1.0, 0.5]},
            },
        ],
    },
    "spikes-sparse": {
        "rows": [
            {
                **RECORD,
                "name": "converted",
                "rates_hz": {"conv1": 20.0, "dense2": 5.0},
                "layer_synops": {"conv1": 90_000, "dense2": 8765},
                "neurons": {"conv1": 1000, "dense2": 200},
            }
        ]
    },
    "spikes-moving": {
        "ways": ["in spikes", "converted"],
        "settings": {"train": 6400, "test": 2000, "steps": 30, "epochs": 3, "seed": 0},
        "rows": [{"label": "direction", "in spikes": RECORD, "converted": RECORD}],
    },
    "spikes-costs": {
        "rows": [
            {
                "varied": "steps",
                "steps": 50,
                "seconds": 0.25,
                "microseconds": 78.125,
                "peak_mb": 1234.5,
                "rates": [0.125, 0.0031],
            }
        ]
    },
    "spikes-leak": {
        "rows": [
            {"leak": 0.9, "corrects": True, "error_percent": 3.25},
            {"leak": 0.9, "corrects": False, "error_percent": 4.5},
            {
                "leak": 0.9,
                "without_minus_with_percent": 1.25,
                "standard_error_percent": 0.125,
            },
        ]
    },
    "spikes-deep": {
        "rows": [
            {
                "network": "vgg9",
                "neurons": 123456,
                "loss": [1.5, 0.75],
                "images_per_second": 2.25,
                "peak_mb": 1234.5,
                "hours_of_all": 999.4,
            }
        ]
    },
    "spikes-speed": {
        "tasks": [
            {
                "task": "onm",
                "n": 512,
                "steps": 500,
                "batch": 16,
                "rows": [
                    {"name": "ours", "seconds": [1.0, 2.0, 4.0], "peak_mb": 321.0},
                    {
                        "name": "peer",
                        "seconds": [5.0, 6.0, 8.0],
                        "peak_mb": 654.0,
                        "ours_to_it": [5.0, 3.0, 2.0],
                    },
                ],
            }
        ]
    },
}
CELLS = {
    "spikes-lenet": ["50 ms", "1.25 (1.00-1.50)", "21.5", "4,321", "98,765"],
    "spikes-tuned-mnist": ["b", "6.00", "", "1.25 (1.00-1.50)", "4,321", "98,765"],
    "spikes-sparse": ["", "all", "21.5", "4,321", "98,765"],
    "spikes-moving": ["direction", "1.25 (1.00-1.50)", "1.25 (1.00-1.50)"],
    "spikes-costs": ["steps", "50", "0.250", "78", "1,234", "12.5 0.3"],
    "spikes-leak": ["0.9", "3.25", "4.50", "+1.25 (standard error 0.12)"],
    "spikes-deep": ["vgg9", "123,456", "1.500 0.750", "2.25", "1,234", "999"],
    "spikes-speed": ["onm, 512 neurons, 500 steps, 16 examples", "peer", "6.000"],
}


@pytest.mark.parametrize("name", REPORTS)
def test_tables_of_training_in_spikes(name, tmp_path):
    in_spikes.write(tmp_path, tmp_path)
    assert "Not measured yet" in (tmp_path / f"{name}.inc").read_text()
    (tmp_path / f"{name}.json").write_text(json.dumps(REPORTS[name]))
    in_spikes.write(tmp_path, tmp_path)
    text = (tmp_path / f"{name}.inc").read_text()
    assert "Not measured yet" not in text
    rows = table(text)
    assert len({len(row) for row in rows}) == 1
    assert rows[-1][: len(CELLS[name])] == CELLS[name]


def test_the_reference_tells_where_things_are_used(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["softlif.fit in words"]},
        {"cell_type": "code", "source": ["softlif.evaluate(model)\n", "raster(x)"]},
    ]
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "one.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    block = ".. code-block:: {}\n\n   {}\n\nfigures.raster, in words.\n"
    (tmp_path / "two.rst").write_text(
        block.format("python", "from nengo_softlif.figures import raster")
        + block.format("bash", "softlif.fit")
    )
    pages = uses.read(tmp_path)
    figures = importlib.import_module("nengo_softlif.figures")
    for name, obj, expected in (
        ("evaluation.evaluate", softlif.evaluate, ["notebooks/one"]),
        ("other.evaluate", None, []),
        ("figures.raster", figures.raster, ["two"]),
        ("training.fit", softlif.fit, []),
    ):
        assert uses.find(pages, f"nengo_softlif.{name}", obj) == expected
