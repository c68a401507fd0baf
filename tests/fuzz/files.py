"""Damaged and hostile files: each is refused with a sentence, or read as what it says.

    python -m tests.fuzz.files --n 10000

Every file is made from its kind, the seed and its number alone. One that fails is
named by them; ``--kind KIND --seed SEED --first NUMBER --n 1`` makes it again. What
reading takes beyond 1 GB, or does beside reading, counts as failure.
"""

import os
import random
import sys
import tempfile
import warnings
from functools import cache, partial
from pathlib import Path

from nengo.exceptions import NengoException

from . import running
from .file_kinds import KINDS
from .running import Result

ROOM = 10**9
"""Bytes that reading may take beyond what is there before."""


class Watch:
    """Notices what reading a file does beside reading."""

    ALLOWED = (
        "open",
        "object.",
        "compile",
        "os.scandir",
        "tempfile.",
        "gc.",
        "sys._",
        "builtins.id",
    )

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self._see)

    def _see(self, event, args):
        if not self.on:
            return
        writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or not event.startswith(self.ALLOWED):
            self.seen.append(f"{event} {args!r:.80}")


def limit_memory():
    """Set a limit to memory, where the system has one."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + ROOM
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


@cache
def _prepared(name):
    """What makes and reads files of a kind; limits memory from here on."""
    folder = tempfile.TemporaryDirectory()
    kind = KINDS[name][0](Path(folder.name))
    kind.folder = folder  # is removed with it
    wrong = kind.check()  # of a sound file; imports what is imported late
    assert not wrong, wrong
    warnings.simplefilter("ignore")
    limit_memory()
    return kind


_watch = cache(Watch)


def check(name, seed, number):
    """Make and read a file of a kind.

    Returns
    -------
    Result
        Whose ``seed`` is the number.
    """
    result, kind, watch = Result(number, name), _prepared(name), _watch()
    kind.make(random.Random(f"{name} {seed} {number}"))
    watch.seen.clear()
    watch.on = True
    try:
        result.fault = kind.check() or ""
    except NengoException as error:
        result.refused = str(error)
        result.fault = "" if result.refused else "an error without words"
    except BaseException as error:
        result.fault = f"{type(error).__name__}: {error}"
    finally:
        watch.on = False
    if watch.seen:
        result.fault = f"it did {'; '.join(watch.seen[:3])}"
    if result.fault:
        result.fault = ascii(result.fault)[:300]
    result.counts["equal"] = int(not (result.fault or result.refused))
    return result


def plan(given):
    """All kinds, or the one that is asked for."""
    for name in [given.kind] if given.kind else KINDS:
        n = given.n if given.kind else given.n // KINDS[name][1]
        yield f"files ({name})", n, partial(check, name, given.seed)


if __name__ == "__main__":
    options = running.options(__doc__, n=10_000)
    options.add_argument("--kind", choices=KINDS, help="only this kind, and N of it")
    options.add_argument("--seed", type=int, default=0)
    sys.exit(running.main(options, plan))
