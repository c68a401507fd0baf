"""What keeps a simulation from being wrong: one change at a time, whole or refused."""

import threading
from contextlib import contextmanager

from nengo.exceptions import SimulationError


class Guard:
    """Lets one thread at a time change a state, and knows whether it was to the end."""

    def __init__(self):
        self._lock = threading.Lock()  # held by who changes the state
        self._whole = True  # whether all stages have reached the same time

    @contextmanager
    def alone(self):
        """Refuse a second thread, or a node's function, what would disturb a run."""
        if not self._lock.acquire(blocking=False):
            raise SimulationError(
                "the simulator is in use, by another thread or by the run that called "
                "this function; wait for its end, or give each thread a simulator"
            )
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def changing(self):
        """Change a state that is not whole until the end of the ``with`` block."""
        self._whole = False
        yield
        self._whole = True

    def check_whole(self, what):
        """Refuse what layers at different times would falsify."""
        if not self._whole:
            raise SimulationError(
                f"cannot {what}: a run is going on, or the last one was interrupted "
                "and left layers at different times; call reset()"
            )
