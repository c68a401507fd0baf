"""Events become frames: each is counted once, in the step in which it came."""

from nengo_softlif import events
from nengo_softlif.events import binning

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from numpy.lib import recfunctions
from sample_events import SENSOR, changed, example, examples


def by_hand(given, sensor_size, period, n_steps):
    """Count one event after the other."""
    width, height, n_polarities = sensor_size
    counts = np.zeros((len(given), n_steps, height, width, n_polarities), int)
    for i, one in enumerate(given):
        for event in one:
            place = int(event["y"]), int(event["x"]), int(event["p"])
            counts[(i, int(event["t"]) // period, *place)] += 1
    return counts


@given(
    st.integers(0, 5),
    st.integers(1, 999),
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 2)),
    st.sampled_from([1, 7, 100, 1000, 333_333]),
)
def test_frames_are_those_of_a_plain_loop(n, seed, sensor_size, period):
    given = examples(n, seed, sensor_size=sensor_size, until=50 * period)
    frames = events.frames(given, sensor_size, 1e-6 * period, 50)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, by_hand(given, sensor_size, period, 50))


def test_frames_add_up_to_all_events():
    given = examples(4)
    frames = events.frames(given, SENSOR)
    assert frames.shape == (4, 20, 4, 5, 2)
    assert frames.sum(axis=(1, 2, 3, 4)).tolist() == [0, 20, 40, 60]
    longer = events.frames(given, SENSOR, 0.004)
    np.testing.assert_array_equal(
        longer, frames.reshape(4, 5, 4, 4, 5, 2).sum(axis=2, dtype=np.uint8)
    )


def test_an_event_at_the_border_of_steps_begins_the_next():
    given = changed(example(3), t=np.array([0, 299, 300]))
    frames = events.frames([given], SENSOR, 0.0003)
    assert frames.sum(axis=(2, 3, 4)).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("n", "dtype"), [(255, np.uint8), (256, np.uint16), (70_000, np.uint32)]
)
def test_counts_get_the_smallest_type(n, dtype):
    given = np.zeros(n, example(0).dtype)
    frames = events.frames([example(10), given, example(10)], SENSOR)
    assert frames.dtype == dtype
    assert frames[1].max() == n
    few = events.frames([example(10)], SENSOR, n_steps=frames.shape[1])[0]
    for i in (0, 2):
        np.testing.assert_array_equal(frames[i], few)


def test_no_events_and_no_examples():
    assert events.frames([example(0)] * 2, SENSOR).shape == (2, 1, 4, 5, 2)
    assert events.frames([], SENSOR, n_steps=7).shape == (0, 7, 4, 5, 2)


@pytest.mark.parametrize("missing", [["p"], ["y", "p"]])
def test_what_a_sensor_has_only_one_of_is_not_asked_for(missing):
    given = example(30)
    size = (5, 1 if "y" in missing else 4, 1)
    frames = events.frames([recfunctions.drop_fields(given, missing)], size)
    same = {name: np.zeros(30, np.int16) for name in missing}
    np.testing.assert_array_equal(
        frames, by_hand([changed(given, **same)], size, 1000, frames.shape[1])
    )
    # and one polarity may have any number, as tonic's sounds have 1
    all_one = changed(given, **{**same, "p": np.full(30, 1)})
    np.testing.assert_array_equal(frames, events.frames([all_one], size))


@pytest.mark.parametrize("period", [500, 1000, 1300])
def test_frames_are_those_of_tonic(period):
    transforms = pytest.importorskip("tonic.transforms")
    for seed in range(5):
        given = example(300, seed)
        given["t"][0] = 0  # tonic begins with the first event
        theirs = transforms.ToFrame(
            SENSOR, time_window=period, include_incomplete=True
        )(given)
        ours = events.frames([given], SENSOR, 1e-6 * period)[0]
        np.testing.assert_array_equal(ours, np.moveaxis(theirs, 1, -1))


# -- bad input -------------------------------------------------------------------------

usual = example(50)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([usual, usual[::-1]], r"do not decrease.*np\.sort.*event 1 of example 1 "),
        ([changed(usual, t=usual["t"] - 5000)], "times from 0 on.* example 0"),
        (
            [usual, changed(usual, x=usual["x"] + 2)],
            "x from 0 to 4 .* 5 x 4 x 2 ",
        ),
        ([usual, changed(usual, y=usual["y"] - 1)], "y from 0 to 3 .* got -1 in event"),
        (
            [changed(usual, p=2 * usual["p"].astype(int) - 1)],
            "polarity from 0 to 1 .* got -1 in .*such events in all",
        ),
        ([usual[["x", "y", "p"]]], "fields t, x, y, p .* microseconds.* x int16, y"),
        ([usual[["x", "y", "t"]]], "fields t, x, y, p of whole numbers"),
        ([changed(usual, t=1e-6 * usual["t"])], "whole numbers .* t float64"),
        ([usual.reshape(5, 10)], r"one after the other, .* \(5, 10\)"),
        ([np.zeros((5, 4))], r"example 0 .* \(5, 4\) of float64"),
        ([usual, None], "example 1 .* of object"),
        (None, "events of several examples, got None"),
        (usual, "several examples, got those of one; put them into a list"),
    ],
)
def test_bad_events(given, match):
    with pytest.raises(ValidationError, match=f"^events: .*{match}"):
        events.frames(given, SENSOR)


def test_the_order_is_that_within_examples():
    """The next example begins anew."""
    late, early = example(20), example(20, 1)
    late["t"] += 10**6
    empty = example(0)
    given = [empty, late, empty, empty, early, late, empty]
    frames = events.frames(given, SENSOR, 0.01)
    assert frames.sum(axis=(1, 2, 3, 4)).tolist() == [0, 20, 0, 0, 20, 20, 0]


def test_events_after_the_last_step():
    with pytest.raises(
        ValidationError,
        match=r"before 19,000 microsec.*19 steps of 1,000.*n_steps=20",
    ):
        events.frames([changed(usual, t=np.full(50, 19_000))], SENSOR, n_steps=19)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"sensor_size": (5, 4)}, r"sensor_size: .*\(34, 34, 2\).* got \(5, 4\)"),
        ({"sensor_size": (5, 4, 0)}, "sensor_size: "),
        ({"sensor_size": (5, 4, 2.0)}, "sensor_size: "),
        ({"sensor_size": None}, "sensor_size: .* got None"),
        ({"dt": 0}, "dt: .*positive number of seconds, got 0"),
        ({"dt": "1 ms"}, "dt: .*positive"),
        ({"dt": 1e-7}, "dt: .*whole number of microseconds.* got 1e-07 s"),
        ({"dt": 1.5e-6}, "dt: .*whole number of microseconds"),
        ({"n_steps": 0}, "n_steps: .*from 1"),
        ({"n_steps": 2.5}, "n_steps: .*whole number"),
    ],
)
def test_bad_numbers(change, match):
    with pytest.raises(ValidationError, match=match):
        events.frames(**{"events": [usual], "sensor_size": SENSOR, **change})


def test_frames_that_do_not_fit_memory(monkeypatch):
    monkeypatch.setattr(binning, "memory", lambda: 2 * 20 * 40 - 1)
    with pytest.raises(ValidationError, match="1 examples of 20 frames of 4 x 5 x 2"):
        events.frames([usual], SENSOR, n_steps=20)
    monkeypatch.setattr(binning, "memory", lambda: 2 * 20 * 40)
    events.frames([usual], SENSOR, n_steps=20)
    nanoseconds = changed(usual, t=10**9 * usual["t"])
    with pytest.raises(ValidationError, match="times are in microseconds"):
        events.frames([nanoseconds], SENSOR)
