"""Parts that tests of experiments share."""

from nengo_softlif.registry import EXPERIMENTS

import pytest


@pytest.fixture
def squares():
    """An experiment that takes no time, in the table as a package would put it."""
    EXPERIMENTS["squares"] = "toy_experiment:SQUARES"
    yield EXPERIMENTS["squares"]
    del EXPERIMENTS["squares"]


@pytest.fixture
def apart(squares, monkeypatch):
    """The same, whose pieces are done in other processes."""
    monkeypatch.setattr(type(squares), "side_by_side", True)
    return squares


@pytest.fixture
def log(tmp_path):
    """Where the squares write what they do."""
    path = tmp_path / "log"
    path.touch()
    return path
