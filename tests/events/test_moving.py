"""Images that move: what can be told of them, and when time is needed."""

from nengo_softlif import datasets, events
from nengo_softlif.datasets import Dataset
from nengo_softlif.events import DIRECTIONS, moving

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError
from sample_data import few


@pytest.fixture(scope="module")
def images(data):
    return few(data, 60, 20)


def moved(images, direction, **settings):
    """The frames of images that all move in one direction."""
    sensor = moving._Sensor(**{**SETTINGS, **settings})
    directions = np.full(len(images), DIRECTIONS.index(direction))
    return sensor.see(images, directions, np.float32(images.max()))


SETTINGS = {"n_steps": 30, "rounds": 1.0, "threshold": 0.25, "polarities": 2}
OPPOSITE = {"right": "left", "up": "down"}


def test_labels_tell_direction_or_digit(images):
    direction = events.moving_digits(images)
    digit = events.moving_digits(images, "digit")
    np.testing.assert_array_equal(direction.x_train, digit.x_train)
    np.testing.assert_array_equal(digit.y_train, images.y_train)
    assert direction.n_classes == len(DIRECTIONS)
    assert direction.x_train.shape == (60, 50, 8, 8, 2)
    for i, label in enumerate(direction.y_test):
        alone = moved(images.x_test[i : i + 1], DIRECTIONS[label], n_steps=50)
        if images.x_test[i].max() == images.x_train.max():
            np.testing.assert_array_equal(direction.x_test[i : i + 1], alone)


def test_both_labels_at_once(data):
    both = events.moving_digits(data, "both", n_steps=2)
    direction = events.moving_digits(data, "direction", n_steps=2)
    np.testing.assert_array_equal(both.y_train, 4 * data.y_train + direction.y_train)
    np.testing.assert_array_equal(both.x_train, direction.x_train)


def test_the_seed_decides(images):
    one, same, other = (events.moving_digits(images, seed=s) for s in (3, 3, 4))
    assert one.sha256 == same.sha256
    assert one.sha256 != other.sha256


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_images_go_where_they_are_said_to(direction):
    """A pixel that moves by whole pixels becomes bright where it goes."""
    image = np.zeros((1, 6, 6, 1), np.uint8)
    image[0, 2, 3] = 9
    frames = moved(image, direction, n_steps=6, threshold=1.0)
    step = {"right": (0, 1), "up": (-1, 0), "left": (0, -1), "down": (1, 0)}[direction]
    place = np.array([2, 3])
    for frame in frames[0]:
        after = (place + step) % 6
        expected = np.zeros((6, 6, 2), int)
        expected[(*place, 0)] = expected[(*after, 1)] = 1
        np.testing.assert_array_equal(frame, expected)
        place = after


@given(
    st.integers(1, 40),
    st.integers(1, 3),
    st.floats(0.01, 1),
    st.sampled_from(list(OPPOSITE.items())),
    st.integers(0, 99),
)
def test_sums_of_opposite_motions_are_equal(n_steps, rounds, threshold, ways, seed):
    """Where motion ends where it began; not by chance, but to the last event."""
    pixels = np.random.RandomState(seed).rand(3, 5, 7, 1)
    settings = {"n_steps": n_steps, "rounds": rounds, "threshold": threshold}
    there, back = (moved(pixels, way, **settings).astype(int) for way in ways)
    np.testing.assert_array_equal(there.sum(axis=1), back.sum(axis=1))
    # as one is the other backwards, where dark is bright
    np.testing.assert_array_equal(there, back[:, ::-1, ..., ::-1])
    # and each pixel becomes as dark as bright
    np.testing.assert_array_equal(*np.moveaxis(there.sum(axis=1), -1, 0))


def test_sums_of_a_part_of_a_round_differ(images):
    there, back = (
        moved(images.x_train, way, rounds=0.25).sum(axis=1) for way in ("up", "down")
    )
    assert not np.array_equal(there, back)


def test_events_are_the_levels_that_are_passed(images):
    """Their sum is how much brighter it is in the end than at first."""
    frames = moved(images.x_train, "right", rounds=0.5).astype(int)
    levels = np.floor(images.x_train[..., 0] / np.float32(16) / np.float32(0.25))
    there = np.roll(levels, 4, axis=2)
    change = frames[..., 1].sum(axis=1) - frames[..., 0].sum(axis=1)
    np.testing.assert_array_equal(change, there - levels)


def test_one_polarity_has_the_same_events(images):
    two, one = (events.moving_digits(images, polarities=n) for n in (2, 1))
    np.testing.assert_array_equal(two.x_train.sum(axis=-1, keepdims=True), one.x_train)
    np.testing.assert_array_equal(two.y_train, one.y_train)


def test_any_data_set_can_be_moved():
    """Colours, other shapes and units; nothing but black."""
    x, y = np.random.RandomState(0).rand(80, 4, 6, 3), np.arange(80) % 5
    moved = events.moving_digits(Dataset("own", x, y, x[:9], y[:9]), n_steps=7)
    assert moved.x_train.shape == (80, 7, 4, 6, 2)
    assert moved.name == "moving own"
    assert moved.x_train.any()
    black = Dataset("black", 0 * x, y, 0 * x[:9], y[:9])
    assert not events.moving_digits(black).x_train.any()


def test_time_is_needed_to_tell_directions(data):
    """Nearest means of sums tell the axis, but not which way; those of frames do."""
    moved = events.moving_digits(data, n_steps=20)

    def error(see):
        x_train, x_test = (
            see(x.astype(float)).reshape(len(x), -1)
            for x in (moved.x_train, moved.x_test)
        )
        means = np.stack([x_train[moved.y_train == k].mean(axis=0) for k in range(4)])
        far = ((x_test[:, None] - means) ** 2).sum(axis=2)
        return np.mean(far.argmin(axis=1) != moved.y_test)

    assert error(lambda x: x.sum(axis=1)) > 0.4
    assert error(lambda x: x) < 0.1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"data": "digits"}, r"data: .* datasets\.load\('digits'\), got 'digits'"),
        ({"label": "speed"}, "label: expected direction, digit or both, got 'speed'"),
        ({"n_steps": 0}, "n_steps: "),
        ({"rounds": 0}, "rounds: "),
        ({"rounds": np.nan}, "rounds: "),
        ({"threshold": 0}, "threshold: .* from 0.01 to 1, got 0"),
        ({"threshold": 1.5}, "threshold: "),
        ({"polarities": 3}, "polarities: "),
        ({"seed": -1}, "seed: "),
        ({"n_steps": 10**9}, "n_steps: 80 examples of 1,000,000,000 frames of 8 x 8"),
    ],
)
def test_bad_arguments(images, change, match):
    with pytest.raises(ValidationError, match=f"^{match}"):
        events.moving_digits(**{"data": images, **change})


def test_what_moves_already(images):
    moved = events.moving_digits(images, n_steps=2)
    with pytest.raises(ValidationError, match=r"Dataset of images.* got Dataset"):
        events.moving_digits(moved)
    negative = datasets.Dataset(
        "own", *(-1.0 * images.x_train, images.y_train, images.x_test, images.y_test)
    )
    with pytest.raises(ValidationError, match="darkest value is 0, got -16"):
        events.moving_digits(negative)
