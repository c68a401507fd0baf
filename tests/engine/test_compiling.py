"""Compiled code is kept where that is possible, and compiling is told and not timed."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nengo_softlif
from nengo_softlif.engine import compiling

import numpy as np
import pytest
from numba import njit
from numba.core import config, event

PACKAGE = Path(nengo_softlif.__file__).parent

RUN = """
import nengo_softlif, nengo, numba
with nengo.Network() as net:
    node = nengo.Node([1.5])
    ensemble = nengo.Ensemble(1, 1, gain=[1], bias=[0])
    nengo.Connection(node, ensemble.neurons, synapse=0.005)
with nengo_softlif.Simulator(net, progress_bar=False) as sim:
    sim.run_steps(100)
    print("fired", sim.spike_counts(ensemble).item())
"""


def run(folder, **environment):
    """Simulate something in another process; return what it printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        **environment,
    }
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def read_only(tmp_path):
    """A copy of the package beside which nothing can be written, even by root."""
    folder = tmp_path / "installed"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=ignored)
    for source in (folder / PACKAGE.name).rglob("__init__.py"):
        (source.parent / "__pycache__").touch()
    return folder


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(config, "CACHE_LOCATOR_CLASSES"), reason="Numba cannot be told where"
)
def test_nothing_is_left_beside_an_installation(tmp_path):
    """It would outlive the package, and hide the next one."""
    folder, home = tmp_path / "installed", tmp_path / "home"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=ignored)
    settings = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    assert "fired" in run(folder, **settings)
    assert not list(folder.rglob("*.nb[ci]"))
    assert list(home.rglob("neuron_kernels*.nbc"))


@pytest.mark.slow
def test_a_read_only_installation_keeps_compiled_code_with_the_user(
    read_only, tmp_path
):
    home = tmp_path / "home"
    home.mkdir()
    settings = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    assert "fired" in run(read_only, **settings)
    kept = {p: p.stat().st_mtime_ns for p in home.rglob("neuron_kernels*.nbc")}
    assert kept
    run(read_only, **settings)
    again = {p: p.stat().st_mtime_ns for p in home.rglob("neuron_kernels*.nbc")}
    assert again == kept


@pytest.mark.slow
def test_where_nothing_can_be_written_all_is_compiled_anew(read_only):
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": f"{os.devnull}/cache"}
    assert "fired" in run(read_only, **nowhere)


@pytest.mark.slow
def test_what_was_kept_of_classes_that_are_gone_is_forgotten(tmp_path):
    """As after an upgrade: Numba's files stay where they are."""
    source = """
        from typing import NamedTuple
        import numpy as np
        from nengo_softlif.engine import compile_once

        class Before(NamedTuple):
            values: np.ndarray

        @compile_once
        def total(given):
            return given.values.sum()

        print("total", total(Before(np.ones(3))))
    """
    source = textwrap.dedent(source)
    module = tmp_path / "of_others.py"
    cache = tmp_path / "cache"
    for text in (source, source, source.replace("Before", "After")):
        module.write_text(text)
        done = subprocess.run(
            [sys.executable, "-c", "import of_others"],
            env={
                **os.environ,
                "NUMBA_CACHE_DIR": str(cache),
                "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
            },
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert "total 3.0" in done.stdout, done.stderr
    assert list(cache.rglob("*.nbi"))


def test_compiling_is_measured_and_told(monkeypatch, capsys):
    monkeypatch.setattr(compiling, "LONG", 0.0)
    monkeypatch.setattr(compiling.Compilation, "told", False)

    @njit  # nothing kept on disk
    def function(array):
        return 2 * array

    with compiling.compilation() as first:
        function(np.ones(3))
    assert first.seconds > 0
    assert capsys.readouterr().err.count("compiling, once") == 1
    with compiling.compilation() as second:
        function(np.ones(3))
    assert second.seconds == 0
    with compiling.compilation(quiet=True) as third:
        function(np.ones(3, np.float32))
    assert third.seconds > 0
    with compiling.compilation() as fourth:
        function(np.ones(3, np.int32))
    assert fourth.seconds > 0  # but said it is once in a process
    assert not capsys.readouterr().err


def test_what_another_thread_began_to_compile_before():
    with compiling.compilation(quiet=True) as found:
        for tell in (event.end_event, event.start_event, event.end_event):
            tell("numba:compile")
    assert 0 < found.seconds < 1
