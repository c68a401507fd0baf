"""A real Dask cluster on this machine, for tests that need one."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

PATH = os.pathsep.join([str(Path(__file__).parent), *sys.path])


@contextlib.contextmanager
def _started(command, *options):
    environment = {**os.environ, "PYTHONPATH": PATH}
    run = [sys.executable, "-m", f"distributed.cli.{command}", "--no-dashboard"]
    with subprocess.Popen(
        [*run, *options], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def scheduler(folder):
    """Start a scheduler; gives its address."""
    file = folder / "scheduler.json"
    options = ("--port", "0", "--scheduler-file", str(file))
    with _started("dask_scheduler", "--host", "127.0.0.1", *options) as process:
        while not file.exists():
            assert process.poll() is None
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]


@contextlib.contextmanager
def workers(address, n):
    """Start workers; gives their processes."""
    import distributed

    with contextlib.ExitStack() as stack:
        options = ("--nthreads", "1", "--no-nanny")
        processes = [
            stack.enter_context(_started("dask_worker", address, *options))
            for _ in range(n)
        ]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=300)
        yield processes
