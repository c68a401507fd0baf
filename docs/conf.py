"""Settings of Sphinx: ``sphinx-build -W -n --keep-going docs docs/_build``."""

import ast
import importlib.metadata
import json
import os
import re
import sys
from pathlib import Path

import nengo_softlif  # before anything imports nengo_dl
from nengo_softlif import datasets
from nengo_softlif.registry import EXPERIMENTS

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, os.path.dirname(__file__))
from made import (
    against,
    chip,
    commands,
    curves,
    formats,
    headlines,
    in_spikes,
    pictures,
    refusals,
    speed,
    uses,
)

project = "nengo_softlif"
author = "the nengo_softlif contributors"
copyright = author
version = release = importlib.metadata.version("nengo_softlif")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_nb",
    "matplotlib.sphinxext.plot_directive",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "jupyter_execute", "**/.*"]
default_role = "py:obj"

# -- pages -----------------------------------------------------------------------------

html_theme = "furo"
html_title = f"nengo_softlif {release}"
html_static_path = ["_static"]
html_css_files = ["softlif.css"]
html_show_copyright = False
html_domain_indices = False  # the reference lists modules, with what they are for
copybutton_prompt_text = r"\$ |>>> |\.\.\. "  # copied are commands, not what they print
copybutton_prompt_is_regexp = True
html_math_renderer = "mathml"  # below: browsers draw it without a script from the net

# -- API reference ---------------------------------------------------------------------

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
# `difference` and `Difference` are one file where capitals do not count
autosummary_filename_map = {
    "nengo_softlif.evaluation.Difference": "nengo_softlif.evaluation.Difference-class"
}
numpydoc_show_class_members = False
# What is documented as a parameter is one, in this order. (Not PR01, RT01: where one
# line says it all, or the method is that of a base class, there is only that line.)
numpydoc_validation_checks = {"PR02", "PR03"}
numpydoc_validation_exclude = {
    r"\.Dataset$",  # documents its four arrays in pairs
    r"keras\.SoftLIF$",  # and this those of its base, where they are checked
}

# Names of other projects, which only their inventories know
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(nengo|nengo_dl|nengo_loihi|numpy|np|tf|tf_keras|keras|matplotlib|collections)(\..*)?",
    ),
    # forms of dictionaries in records, which the records describe
    (r"py:class", r"nengo_softlif\.evaluation\.consistency\..*"),
    # commands, in the help of the command line
    (r"py:obj", r"nengo-softlif .*|train"),
]
if os.environ.get("SOFTLIF_DOCS_ONLINE"):
    intersphinx_mapping = {
        "matplotlib": ("https://matplotlib.org/stable", None),
        "nengo": ("https://www.nengo.ai/nengo", None),
        "nengo_dl": ("https://www.nengo.ai/nengo-dl", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
    }

# -- figures and notebooks, made anew by the package they describe ---------------------

plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"svg.fonttype": "none", "savefig.transparent": True}

nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # for a cell, on a machine that is busy
nb_execution_cache_path = os.path.join(os.path.dirname(__file__), "_build", ".nb_cache")
nb_output_stderr = "remove"  # what TensorFlow says of the machine
if datasets.find("cifar10") is None:  # its images would be downloaded
    nb_execution_excludepatterns = ["12-*"]
myst_enable_extensions = ["dollarmath"]

# -- what Sphinx lacks -----------------------------------------------------------------


def setup(app):
    """Register mathematics as MathML, and short names in docstrings."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    app.connect("viewcode-follow-imported", _source_of)
    app.connect("missing-reference", _as_users_write)
    app.connect("builder-inited", _copy_notebooks)
    app.connect("builder-inited", _tell_of_the_house)
    app.connect("builder-inited", _tell_what_was_measured)
    app.connect("builder-inited", _tell_of_experiments)
    app.connect("builder-inited", _tell_of_errors)
    app.connect("builder-inited", _tell_of_files)
    app.connect("doctree-read", pictures.tell)
    app.connect("autodoc-process-docstring", uses.tell, priority=900)  # after numpydoc
    app.connect("html-page-context", _level_captions, priority=900)  # after the theme


def _inline_math(writer, node):
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def _block_math(writer, node):
    writer.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}')
    writer.body.append("</div>\n")
    raise SkipNode


def _level_captions(app, pagename, templatename, context, doctree):
    """Say of what level the headings among the links are, as screen readers need it."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )


def _as_users_write(app, env, node, contnode):
    """Find `fit` and `nengo_softlif.fit`, which live in `nengo_softlif.training`."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix(f"{nengo_softlif.__name__}.")
    first, *rest = target.split(".")
    found = getattr(nengo_softlif, first, None)
    if not hasattr(found, "__qualname__"):
        return None
    door = ".".join(found.__module__.split(".")[:2])  # its folder, where it is in one
    name = ".".join([door, found.__qualname__, *rest])
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, "obj", name, node, contnode
    )


def _source_of(app, modname, attribute):
    """Look for what Python itself made, and has no source, where it is told of."""
    obj = sys.modules.get(modname)
    for name in attribute.split("."):
        obj = getattr(obj, name, None)
    return modname if getattr(obj, "__module__", None) == "builtins" else None


def _copy_notebooks(app):
    """Bring notebooks into the site, where what they link to has other paths."""
    folder = Path(app.srcdir, "notebooks")
    folder.mkdir(exist_ok=True)
    sources = {p.name: p for p in Path(app.srcdir).parent.glob("notebooks/*.ipynb")}
    for old in folder.glob("*.ipynb"):
        if old.name not in sources:
            old.unlink()
    for name, path in sources.items():
        text, copy = path.read_text().replace("](../docs/", "](../"), folder / name
        if not copy.exists() or copy.read_text() != text:  # else it is read again
            copy.write_text(text)


def _tell_of_the_house(app):
    """Write what docs/architecture.rst tells of rooms: from docstrings, and counts."""
    folder = Path(app.srcdir, "api", "generated")
    folder.mkdir(parents=True, exist_ok=True)
    package = Path(app.srcdir).parent / "nengo_softlif"
    flat = [path for path in package.glob("*.py") if path.stem != "__init__"]
    lines = _list_modules(flat)
    for door in sorted(package.glob("*/__init__.py")):
        title = f"``{door.parent.name}/``: {_first_line(door)}"
        lines += ["", title, "", *_list_modules(door.parent.glob("[!_]*.py"))]
    (folder / "rooms.inc").write_text("\n".join(lines) + "\n")

    rows = [".. list-table::", "   :header-rows: 1", ""]
    rows += ["   * - ", "     - rooms before", "     - rooms now"]
    rows += ["     - doors before", "     - doors now"]
    results = Path(app.srcdir, "results")
    before = json.loads((results / "rooms-before.json").read_text())
    for way, now in json.loads((results / "rooms.json").read_text()).items():
        rows.append(f"   * - {way}")
        for what in ("rooms", "doors"):
            rows += [f"     - {len(found[what])}" for found in (before[way], now)]
    (folder / "rooms-counted.inc").write_text("\n".join(rows) + "\n")


def _tell_what_was_measured(app):
    """Write the tables and charts of what was measured."""
    source = Path(app.srcdir)
    for page in (in_spikes, against, headlines, speed, chip, curves, commands):
        page.write(source / "results", source / "api" / "generated")


def _tell_of_errors(app):
    """Write the list in docs/errors.rst."""
    source = Path(app.srcdir)
    refusals.write(source.parent / "nengo_softlif", source / "api" / "generated")


def _tell_of_files(app):
    """Write the tables in docs/formats.rst."""
    formats.write(Path(app.srcdir, "api", "generated"))


def _tell_of_experiments(app):
    """Write the list in docs/experiments.rst."""
    lines = [".. list-table::", "   :widths: 20 80", ""]
    for name in EXPERIMENTS:
        known = EXPERIMENTS[name]
        lines += [f"   * - ``{name}``", f"     - {known.shows}", ""]
        lines += [f"       From: {known.paper}", "", f"       Takes {known.takes}."]
    path = Path(app.srcdir, "api", "generated", "experiments.inc")
    path.write_text("\n".join(lines) + "\n")


def _list_modules(paths):
    lines = [".. list-table::", "   :widths: 25 75", "   :class: rooms", ""]
    for path in sorted(paths):
        lines += [f"   * - ``{path.name}``", f"     - {_first_line(path)}"]
    return lines


def _first_line(path):
    line = ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]
    line = re.sub(r" \[\d+\]_", "", line)  # sources, which are told further down
    return line.replace("`.", "`").replace("``", "`").replace("`", "``")
