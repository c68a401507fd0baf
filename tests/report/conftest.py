from nengo_softlif import Ladder, evaluate, explain, networks, to_spiking
from nengo_softlif.preprocessing import Preprocessing

import pytest
from html_pages import Parsed
from sample_data import BRIEF


@pytest.fixture(scope="session")
def rate(data):
    """Weights as they were drawn, and a history as `fit` leaves it."""
    model = networks.small(noise=None, seed=1)
    model.preprocessing = Preprocessing.from_images(data.x_train)
    model.history = {
        "loss": [2.25, 1.125],
        "error_percent": [80.5, 40.25],
        "validation_loss": [2.125, 1.0625],
        "validation_error_percent": [75.5, 37.75],
    }
    return model


@pytest.fixture(scope="session")
def spiking(rate):
    return to_spiking(rate)


@pytest.fixture(scope="session")
def result(spiking, data):
    return evaluate(spiking, data, **{**BRIEF, "n_examples": 40})


@pytest.fixture(scope="session")
def ladder(rate, data) -> Ladder:
    return explain(
        rate, data, presentation_time=0.03, n_examples=40, progress_bar=False
    )


@pytest.fixture(scope="session")
def path(ladder, spiking, data, tmp_path_factory):
    """A page with all there can be of digits."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    spikes = next(r.evaluation for r in ladder.rungs if r.evaluation.times)
    spikes.report(path, spiking, data, ladder=ladder, n_images=12)
    return path


@pytest.fixture(scope="session")
def page(path):
    return Parsed(path.read_text(encoding="utf-8"))
