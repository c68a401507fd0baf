"""What docs/cli.rst shows that commands print is what they print."""

import json
import re
import shlex
from pathlib import Path

from nengo_softlif.cli import demonstration

import pytest
from made import commands

DOCS = Path(__file__).parents[2] / "docs"
RECORD = json.loads((DOCS / "results" / "commands.json").read_text())
WORDS = (
    (r"[+-]?\d[\d,]*(\.\d+)?(e-?\d+)?", "#"),
    (r"\b(conv|dense)#", "layer"),  # which one deviates most
    (r"-{2,}", ""),  # as wide as what is above
    (r"\s+", " "),
)


def words(text):
    """What does not depend on the machine, or on how long was trained."""
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    return text.strip()


def test_the_page_shows_all_commands(tmp_path):
    assert tuple(RECORD) == commands.LINES
    commands.write(DOCS / "results", tmp_path)
    page = (DOCS / "cli.rst").read_text()
    shown = list(tmp_path.glob("*.inc"))
    assert len(shown) == len(RECORD) == page.count("api/generated/command-")
    for path in shown:
        assert f".. include:: api/generated/{path.name}\n" in page
        assert path.read_text().splitlines()[2].startswith("   $ nengo-softlif ")


@pytest.mark.slow
def test_commands_still_print_that(run, monkeypatch):
    """In their order, since one needs the file of another; trained for one epoch."""
    monkeypatch.setitem(demonstration._DEMO, "epochs", 1)
    for line, expected in RECORD.items():
        done = run(*shlex.split(line.replace("--epochs 8", "--epochs 1")))
        assert done.exit_code == 0, done.output
        assert words(commands.without_seconds(done.stdout)) == words(expected)
