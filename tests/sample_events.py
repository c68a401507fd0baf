"""Events that several test files need."""

import numpy as np

DTYPE = [("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)]
"""As tonic gives them."""

SENSOR = (5, 4, 2)
"""Width, height and polarities."""


def example(n, seed=0, sensor_size=SENSOR, until=20_000):
    """Events in order, before a time in microseconds."""
    rng = np.random.RandomState(seed)
    events = np.empty(n, DTYPE)
    events["t"] = np.sort(rng.randint(until, size=n))
    for name, size in zip("xyp", sensor_size, strict=True):
        events[name] = rng.randint(size, size=n)
    return events


def examples(n, seed=0, **kwargs):
    """Some with few events, the first with none."""
    return [example(20 * i, seed + i, **kwargs) for i in range(n)]


def changed(events, **columns):
    """The same events, but for a field."""
    columns = {name: events[name] for name in events.dtype.names} | columns
    new = np.empty(len(events), [(name, x.dtype) for name, x in columns.items()])
    for name, values in columns.items():
        new[name] = values
    return new
