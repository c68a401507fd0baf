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
        shapes = {
            probe: (self.minibatch_size or 1, 0, probe.size_in)
            for probe in self.network.all_probes
        }
        nothing = {p: np.zeros(shape, self.dtype) for p, shape in shapes.items()}
        with self._reading:
            self._joined = {probe: (1, seen) for probe, seen in nothing.items()}
            self._chunks = [(n_steps, nothing)]

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
            if new:
                seen = np.concatenate([seen, *(chunk[obj] for chunk in new)], axis=1)
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
