"""A real Dask scheduler and workers do the pieces, with the same results."""

import socket
import subprocess
import sys
import time

import clusters
import pytest

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

N = 12


@pytest.fixture
def scheduler(tmp_path):
    with clusters.scheduler(tmp_path) as address:
        yield address


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(squares, scheduler, log, tmp_path):
    given = {"n": N, "seconds": 0.3, "log": str(log), "progress_bar": False}
    with clusters.workers(scheduler, 2) as (first, _):
        with subprocess.Popen([sys.executable, "-c", KILL, str(log), str(first.pid)]):
            found = squares(work=tmp_path / "work", scheduler=scheduler, **given)
    assert first.wait() != 0
    assert found.rows == squares(**{**given, "log": "none"}).rows
    done = [line.split() for line in log.read_text().splitlines()]
    assert {int(number) for number, _ in done} == set(range(N))
    assert len({process for _, process in done}) == 2
    assert len(list((tmp_path / "work").glob("*.json"))) == N


KILL = """
import os, signal, sys, time
while str(sys.argv[2]) not in open(sys.argv[1]).read().split():
    time.sleep(0.05)
os.kill(int(sys.argv[2]), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_scheduler_without_workers(squares, scheduler):
    with pytest.raises(ConnectionError, match="has no workers; start some with 'dask"):
        squares(scheduler=scheduler)


@pytest.mark.parametrize("listens", [True, False])
def test_a_scheduler_that_does_not_answer(squares, listens):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listens:
            taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        start = time.perf_counter()
        with pytest.raises(ConnectionError, match=f"no scheduler answers at {address}"):
            squares(scheduler=address)
        assert time.perf_counter() - start < 60  # ten seconds, and a busy machine


@pytest.mark.parametrize("address", ["", "there", "tcp://", "tcp://nowhere", 7])
def test_what_is_no_address(squares, address):
    with pytest.raises((ValueError, OSError), match="scheduler"):
        squares(scheduler=address)
