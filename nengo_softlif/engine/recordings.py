"""What probes saw, chunk by chunk."""

import threading
from collections.abc import Mapping

import numpy as np


class Recordings(Mapping):
    """What probes saw, and what Nengo built.

    Chunks are complete: a run that is interrupted in the middle of one has not added
    it, for no probe. May be read while another thread simulates.

    Parameters
    ----------
    built : dict
        From objects to what Nengo built of them.
    network : nengo.Network
        Whose probes.
    minibatch_size : int or None
        Number of examples; without it, what probes saw has no axis for them.
    dtype : dtype
        Of what they saw.
    """

    def __init__(self, built, network, minibatch_size, dtype):
        self.built, self.network = built, network
        self.minibatch_size, self.dtype = minibatch_size, dtype
        self._reading = threading.Lock()
        self.clear(n_steps=0)

    def clear(self, n_steps):
        """Forget what probes saw until now, after so many steps."""
        with self._reading:
            self._joined = dict.fromkeys(self.network.all_probes, (1, None))
            self._chunks = [(n_steps, {})]

    def append(self, seen, n_steps):
        """Add a chunk of so many steps: (n_examples, n, size) for each probe."""
        # at a stroke, so that no interruption can come between steps and values
        self._chunks.append((self.n_steps + n_steps, seen))

    @property
    def n_steps(self):
        """Steps simulated so far."""
        return self._chunks[-1][0]

    def __getitem__(self, obj):
        """What a probe saw, or what Nengo built of an object."""
        if obj not in self._joined:
            return self.built[obj]
        with self._reading:
            n, seen = self._joined[obj]
            new = [chunk for _, chunk in self._chunks[n:]]
            parts = [chunk[obj] for chunk in new]
            if seen is not None:
                parts.insert(0, seen)
            if not parts:
                shape = (self.minibatch_size or 1, 0, obj.size_in)
                parts = [np.zeros(shape, self.dtype)]
            seen = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
            if new:
                self._joined[obj] = n + len(new), seen
                for chunk in new:
                    del chunk[obj]  # frees memory
        return seen if self.minibatch_size is not None else seen[0]

    def __iter__(self):
        """All objects that were built."""
        return iter(self.built)

    def __len__(self):
        """Their number."""
        return len(self.built)
