"""What is said of training in spikes, and what no memory holds."""

import re

from nengo_softlif import events, fit, networks
from nengo_softlif.gradients import Unrolled
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.registry import DERIVATIVES
from nengo_softlif.training import in_spikes

import numpy as np
import pytest
from nengo.exceptions import ValidationError

SETTINGS = {"epochs": 1, "batch_size": 200, "presentation_time": 0.005}
SAID = r"in spikes: 5 steps, (\d+) examples at a time, in about (\S+) GB of memory\n"


def told(model, frames):
    feed_forward = FeedForward(model.network, model.input, model.output, timed=True)
    trainable = parameters.trainable(model.network)
    derivative = DERIVATIVES["leak-corrected"]()
    unrolled = Unrolled(feed_forward, trainable, derivative, 0.001)
    return unrolled.n_bytes(5, frames), unrolled.n_bytes_shared


@pytest.mark.parametrize("frames", [False, True])
def test_memory_is_told_before_training(data, frames, capsys, monkeypatch):
    monkeypatch.setattr(in_spikes, "TOGETHER", 6_000_000)
    if frames:
        data = events.moving_digits(data, n_steps=5)
    model = networks.lenet(data.image_shape, data.n_classes, encoding="constant")
    fit(model, data, **SETTINGS)
    said = capsys.readouterr().err
    number, gigabytes = re.match(SAID, said).groups()
    n_parts = int(np.ceil(200 / (6_000_000 // told(model, True)[0])))
    assert n_parts > 1
    assert int(number) == np.ceil(200 / n_parts)
    each, shared = told(model, frames)
    assert float(gigabytes) == pytest.approx(1e-9 * (int(number) * each + shared), 0.1)


def test_without_progress_bars_nothing_is_said(data, capsys):
    fit(networks.lenet((8, 8, 1)), data, progress_bar=False, **SETTINGS)
    assert capsys.readouterr() == ("", "")


def test_ways_without_time_say_nothing(data, capsys):
    fit(networks.small(), data, 1, 200)
    assert capsys.readouterr().err.lstrip("\r").startswith("epoch 1/1")


def test_what_no_memory_holds_is_refused(data):
    message = r"presentation_time: .*100000000 steps .* GB, but the machine has .* GB"
    with pytest.raises(ValidationError, match=f"{message}; show examples for a short"):
        fit(networks.lenet((8, 8, 1)), data, **{**SETTINGS, "presentation_time": 1e5})
