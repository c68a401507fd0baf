"""Systems in processes of their own, told by lines of text when to run.

Each system under test has a process for itself: its memory can be measured, its
threads limited, and it can live in another environment. All stay alive while they are
measured, so that they can take turns. The parent writes an empty line for each run; the
child answers with one line of JSON. Only the standard library is used here.
"""

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)

# glibc returns large arrays to the kernel at once, and gets them back page by page:
# up to a tenth of the time of a system that allocates in every step. The same for all
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**28),
}


class Absent(Exception):
    """The system cannot be measured here."""


class Worker:
    """A system in a process of its own, warmed up and ready to run.

    Parameters
    ----------
    name : str
        Name of the system.
    module : str
        Module that serves it.
    threads : int
        Number of threads, and of processors that the process may use.
    python : str or Path
        Interpreter.
    variables : dict, optional
        More variables of its environment.
    limit : float, optional
        Seconds after which a system that is not ready is given up.
    **arguments
        For the function that makes the system, beside its name and threads.

    Attributes
    ----------
    about : dict
        What the system says of itself: "settings", "images" and "answer".
    seconds : list of float
        Time of each run.
    details : list of dict
        What the system noted of each run, if it notes anything.
    peak_mb : float
        Largest resident memory so far.

    Raises
    ------
    Absent
        If the system is not installed, or fails.
    """

    def __init__(
        self,
        name,
        module,
        threads,
        python=sys.executable,
        variables=None,
        limit=None,
        **arguments,
    ):
        self.name, self.threads = name, threads
        self.seconds, self.details, self.peak_mb = [], [], None
        env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        env |= MALLOC | dict.fromkeys(THREADS, str(threads)) | (variables or {})
        arguments |= {"name": name, "threads": threads}
        self._process = subprocess.Popen(
            [python, "-m", module, json.dumps(arguments)],
            cwd=ROOT,
            env=env | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        timer = threading.Timer(limit or 0, self._process.kill)
        try:
            if limit:
                timer.start()
            self.about = self._receive()
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()

    def run(self):
        """Run the system once from its initial state."""
        time.sleep(0.3)  # the threads of the one before still wait for more work
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        answer = self._receive()
        self.seconds.append(answer["seconds"])
        self.details.append(answer["details"])
        self.peak_mb = answer["peak_mb"]

    def close(self):
        """End the process, unless it has ended."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _receive(self):
        line = self._process.stdout.readline()
        if not line:
            raise Absent(f"its process ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Absent(answer["error"])
        return answer


def serve(make):
    """Be the child: make the system, warm it up, and run it whenever asked.

    Parameters
    ----------
    make : callable
        Gets the arguments of `Worker` by keyword, and returns an object with ``about``
        (dict), ``reset()`` and ``run()``. The latter returns outputs of shape (images,
        steps, classes), or None. It may leave what it noted in ``details`` (dict).
    """
    arguments = json.loads(sys.argv[1])
    # What libraries print must not mix with our lines
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: arguments["threads"]])

    def send(**answer):
        channel.write(json.dumps(answer) + "\n")

    try:
        system = make(**arguments)
        answer = _answer(system.run())
    except Exception as error:
        traceback.print_exc()
        message = " ".join(str(error).split())
        send(error=f"{type(error).__name__}: {message:.300}")
        return
    send(answer=answer, **system.about)
    for _ in sys.stdin:
        system.reset()
        start = time.perf_counter()
        system.run()
        seconds = time.perf_counter() - start
        details = getattr(system, "details", None)
        send(seconds=seconds, peak_mb=_peak_mb(), details=details)


def _answer(outputs):
    """What the network made of the first image: the mean of the later half."""
    if outputs is None:
        return None
    return [float(x) for x in outputs[0, outputs.shape[1] // 2 :].mean(axis=0)]


def _peak_mb():
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent had before its exec
        (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())
        return int(peak) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
