"""Pytest plugin that stands in for the conftest of NengoDL's repository.

Its tests ship with the package, the conftest with the options they ask for does not.
"""

import nengo_softlif  # noqa: F401  # isort: skip  (nengo_dl loads only after it)

import pytest
import tensorflow as tf

OPTIONS = {
    "--dtype": "float32",
    "--device": None,
    "--unroll-simulation": 1,
    "--inference-only": False,
    "--performance": False,
}


def pytest_addoption(parser):
    for name, default in OPTIONS.items():
        parser.addoption(name, default=default)


def pytest_configure(config):
    for marker in ("training", "performance", "gpu"):
        config.addinivalue_line("markers", f"{marker}: a marker of NengoDL's")


def pytest_runtest_setup(item):
    for marker in ("performance", "gpu"):
        if item.get_closest_marker(marker):
            pytest.skip(f"needs NengoDL's {marker} machine")


@pytest.fixture(autouse=True)
def _clear_session():
    yield
    tf.keras.backend.clear_session()
