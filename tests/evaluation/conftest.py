from nengo_softlif import Preprocessing, evaluate, networks, to_spiking

import pytest
from sample_data import BRIEF


@pytest.fixture(scope="session")
def rate(data):
    model = networks.small(noise=None)
    model.preprocessing = Preprocessing.from_images(data.x_train)
    return model


@pytest.fixture(scope="session")
def spiking(rate):
    return to_spiking(rate)


@pytest.fixture(scope="session")
def result(spiking, data):
    return evaluate(spiking, data, batch_size=7, **BRIEF)


@pytest.fixture(scope="session")
def reference(spiking, data):
    return evaluate(spiking, data, "nengo", **BRIEF)
