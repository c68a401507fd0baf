"""What more than one test file needs: data, and models that are no test's own."""

import copy
import pickle

import nengo_softlif as softlif
from nengo_softlif import Preprocessing, datasets, networks

import nengo
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


@pytest.fixture(params=["copy", "deepcopy", "pickle", "repr"])
def duplicate(request):
    """Make the same value again."""
    names = {name: getattr(softlif, name) for name in softlif.__all__}
    return {
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "pickle": lambda value: pickle.loads(pickle.dumps(value)),
        "repr": lambda value: eval(repr(value), {"nengo": nengo, **names}),
    }[request.param]
