import pytest
from sample_data import few


@pytest.fixture(scope="session")
def data(data):
    """Some digits, so that training takes no time."""
    return few(data, 400, 100)
