"""Thousands of damaged and hostile files, in processes of their own.

More of them: ``python -m tests.fuzz.files --n 100000 --seed 1``. What 10,000 files with
networks in them gave, of ``--kind blueprints --n 10000``, is in
``docs/results/damaged-model-files.json``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        ("models", 10_000),
        ("headers", 2_000),
        ("blueprints", 2_000),
        ("data", 1_000),
        ("archives", 1_000),
        ("records", 2_000),
    ],
)
def test_files_are_refused_or_read_as_they_are(kind, n):
    """With errors of ours, in less than 1 GB, and without doing anything else."""
    command = [sys.executable, "-m", "tests.fuzz.files", "--kind", kind, "--n", str(n)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{n:,} files" in done.stdout
    assert " 0 equal" not in done.stdout
