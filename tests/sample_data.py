"""Data sets that several test files need."""

from nengo_softlif.datasets import Dataset

import numpy as np

BRIEF = {"presentation_time": 0.06, "n_examples": 7, "progress_bar": False}
"""Settings of an evaluation that takes no time."""


def arrays(**changes):
    """Return eight training and four test images of 5 x 4, three classes."""
    rng = np.random.RandomState(0)
    return {
        "x_train": rng.randint(256, size=(8, 5, 4)).astype(np.uint8),
        "y_train": np.arange(8) % 3,
        "x_test": rng.randint(256, size=(4, 5, 4)).astype(np.uint8),
        "y_test": np.arange(4) % 3,
        **changes,
    }


def few(data, n_train, n_test):
    """The first images of a data set."""
    return Dataset(
        f"some {data.name}",
        *(data.x_train[:n_train], data.y_train[:n_train]),
        *(data.x_test[:n_test], data.y_test[:n_test]),
    )
