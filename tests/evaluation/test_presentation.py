"""How long what is shown, if nobody says."""

from nengo_softlif import evaluate, events, networks, to_spiking
from nengo_softlif.preprocessing import Preprocessing

import pytest
from nengo.exceptions import NengoWarning
from sample_data import few

IN_SPIKES = {"presentation_time": 0.006, "dt": 0.0005}
IN_RATES = {"presentation_time": None, "dt": 0.001}


@pytest.mark.parametrize(
    ("training", "given", "shown"),
    [
        (None, {}, (0.2, 0.001)),
        (IN_RATES, {}, (0.2, 0.001)),
        (IN_RATES, {"dt": 0.002}, (0.2, 0.002)),
        (IN_SPIKES, {}, (0.006, 0.0005)),
        (IN_SPIKES, {"dt": 0.002}, (0.006, 0.002)),
        (IN_SPIKES, {"presentation_time": 0.004}, (0.004, 0.0005)),
        ({"presentation_time": 0.006}, {}, (0.006, 0.001)),
    ],
)
def test_images_are_shown_as_in_training(model, data, training, given, shown):
    spiking = to_spiking(model)
    spiking.training = training
    result = evaluate(spiking, data, n_examples=2, progress_bar=False, **given)
    assert (result.presentation_time, result.dt) == shown


def test_milliseconds_are_not_taken_for_seconds_in_silence(model, data):
    spiking = to_spiking(model)
    shown = {"dt": 0.1, "n_examples": 1, "progress_bar": False}
    with pytest.warns(NengoWarning, match=r"for 20 s, 200 steps; .*time=0\.02"):
        evaluate(spiking, data, presentation_time=20, **shown)


@pytest.mark.parametrize(
    ("training", "shown"), [(None, 7), ({"presentation_time": 0.004, "dt": 0.001}, 4)]
)
def test_frames_are_shown_as_in_training(data, training, shown):
    moving = events.moving_digits(few(data, 60, 5), n_steps=7)
    spiking = to_spiking(networks.small(moving.image_shape, moving.n_classes))
    spiking.preprocessing = Preprocessing.from_images(moving.x_train, scale=0.001)
    spiking.training = training
    result = evaluate(spiking, moving, progress_bar=False)
    assert result.presentation_time == pytest.approx(shown / 1000)
