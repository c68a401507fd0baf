"""Compiling loops with Numba: once, where it can be kept, and said where it is long."""

import contextlib
import time

from numba import njit
from numba.core import config, event

from ..progress import tell

LONG = 2.0
"""Seconds after which people are told what they wait for."""


def compile_once(function):
    """Compile a function when it is first called, and keep the result on disk.

    Numba keeps it in the user's cache; the environment variable ``NUMBA_CACHE_DIR``
    names another place. Where there is none to write to, every process compiles for
    itself. Other threads run meanwhile.
    """
    settings = {"error_model": "numpy", "nogil": True}
    try:
        with _away_from_the_source():
            compiled = njit(cache=True, **settings)(function)
        _forget_unreadable(compiled)
    except (RuntimeError, OSError):  # "no locator available", or one cannot write there
        compiled = njit(**settings)(function)
    return compiled


@contextlib.contextmanager
def _away_from_the_source():
    """Keep nothing beside the source, which is where Numba would by itself.

    Files there outlive an installed package, and what is left of its folder hides the
    one that is installed next. Versions of Numba that cannot be told keep them there.
    """
    before = getattr(config, "CACHE_LOCATOR_CLASSES", "")
    if not before:
        config.CACHE_LOCATOR_CLASSES = "UserProvidedCacheLocator,UserWideCacheLocator"
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = before


def _forget_unreadable(compiled):
    """Drop what was kept of classes that an upgrade has renamed.

    Numba unpickles it before it looks whether it is of this source at all, so that
    every run would end in an AttributeError.
    """
    cache = getattr(compiled, "_cache", None)
    kept = getattr(cache, "_cache_file", None)
    if kept is not None:
        try:
            kept._load_index()
        except Exception:
            cache.flush()


class Compilation(event.Listener):
    """Measures what compiling takes, and says so once it takes long.

    Attributes
    ----------
    seconds : float
        What it took until now.
    told : bool
        Whether it was said in this process.
    """

    told = False

    def __init__(self, quiet):
        self.seconds = 0.0
        self._quiet = quiet
        self._depth = 0

    def on_start(self, event):
        """Begin, perhaps for the sake of another function."""
        if self._depth == 0:
            self._began = time.perf_counter()
        self._depth += 1
        self._tell(self.seconds + time.perf_counter() - self._began)

    def on_end(self, event):
        """End; perhaps what another thread began before anybody listened."""
        if self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._began
            self._tell(self.seconds)

    def _tell(self, seconds):
        if not (self._quiet or Compilation.told) and seconds > LONG:
            Compilation.told = True
            tell("compiling, once; this takes half a minute")


@contextlib.contextmanager
def compilation(quiet=False):
    """Measure what compiling takes in a ``with`` block; yield a `Compilation`."""
    listener = Compilation(quiet)
    with event.install_listener("numba:compile", listener):
        yield listener
