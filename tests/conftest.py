"""What more than one test file needs: data, and models that are no test's own."""

from nengo_softlif import Preprocessing, datasets, networks

import pytest


@pytest.fixture(scope="session")
def data():
    """The digits that come with scikit-learn."""
    return datasets.load("digits")


@pytest.fixture(scope="session")
def model(data):
    """A model with the weights that were drawn: there is something to evaluate."""
    model = networks.small(seed=1)
    model.preprocessing = Preprocessing.from_images(data.x_train)
    return model
