"""All that the package refuses and warns of, read off its source."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

NAMES = {
    "ValidationError": "an argument, a model or a file is not as it has to be",
    "Unconvertible": "a network holds what cannot be carried over",
    "BuildError": "a network does not fit on the chip",
    "SimulationError": "a simulation cannot go on",
    "SimulatorClosed": "a simulator is closed",
    "SignalError": "there is no such signal",
    "NengoWarning": "it goes on, but you should know (a warning)",
}
"""Kinds of errors, Nengo's own, and what they mean."""


class Message(NamedTuple):
    """What is said, where, and as what."""

    kind: str
    module: str
    text: str
    line: int


def find(package):
    """All messages of a package, by reading its modules.

    Parameters
    ----------
    package : Path
        Its folder.

    Returns
    -------
    list of Message
        By kind and module. What is put in when an error is raised stands in angle
        brackets.
    """
    found = []
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", None))
            if called == "warn" and len(node.args) > 1:
                called = getattr(node.args[1], "id", None)
            if called in NAMES and node.args:
                text = " ".join(_text(node.args[0]).split())
                if re.sub("<[^<>]*>", "", text).strip(" ,.;:()"):
                    found.append(Message(called, module, text, node.lineno))
    return sorted(found, key=lambda m: (list(NAMES).index(m.kind), m.module, m.line))


def write(package, folder):
    """Write the list that docs/errors.rst includes.

    Parameters
    ----------
    package : Path
        Where the modules are.
    folder : Path
        Where pages include from.
    """
    lines, before = [], None
    for message in find(package):
        if message.kind != before:
            title = f"``{message.kind}``: {NAMES[message.kind]}"
            lines += ["", title, "-" * len(title), "", ".. list-table::"]
            lines += ["   :widths: 75 25", "   :class: messages", ""]
            before = message.kind
        safe = message.text.replace("\\", "\\\\")
        for sign in "*`|_":
            safe = safe.replace(sign, f"\\{sign}")
        lines += [f"   * - {safe}", f"     - ``{message.module}``"]
    (folder / "errors.inc").write_text("\n".join(lines) + "\n")


def _text(node):
    """What an expression says, as far as that is known before it runs."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value)
    return f"<{_brief(node)}>"


def _brief(node):
    """A name for a value: the last of its own names."""
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    attributes = [n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return (attributes or names or ["..."])[0]


if __name__ == "__main__":
    for message in find(Path(__file__).parents[2] / "nengo_softlif"):
        print(message.kind, message.module, message.text)
