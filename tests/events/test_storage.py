"""Events in files: read as they were, or refused with a reason."""

from nengo_softlif import datasets, events
from nengo_softlif.datasets import Dataset

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from sample_events import SENSOR, changed, example, examples

LABELS = {"y_train": np.arange(6) % 3, "y_test": np.arange(4) % 3}


def save(path, **changes):
    arguments = {
        "train": examples(6),
        "test": examples(4, 50),
        "sensor_size": SENSOR,
        **LABELS,
        **changes,
    }
    events.save(path, **arguments)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gestures.npz"


def test_a_file_gives_the_frames_of_its_events(path):
    save(path)
    data = datasets.load(path)
    expected = Dataset(
        "gestures",
        x_train=events.frames(examples(6), SENSOR, n_steps=20),
        x_test=events.frames(examples(4, 50), SENSOR, n_steps=20),
        **LABELS,
    )
    assert data.sha256 == expected.sha256
    assert data.name == "gestures"
    assert data.x_train.dtype == np.uint8


def test_a_file_has_the_form_that_is_documented(path):
    save(path, dt=0.002)
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    assert set(arrays) == set(events.ARRAYS)
    for part, given in (("train", examples(6)), ("test", examples(4, 50))):
        table, offsets = arrays[f"events_{part}"], arrays[f"offsets_{part}"]
        for i, one in enumerate(given):
            np.testing.assert_array_equal(
                table[offsets[i] : offsets[i + 1]],
                np.stack([one[name] for name in "txyp"], axis=1),
            )
        assert table.dtype == np.uint16  # times are below 20,000
    assert arrays["sensor_size"].tolist() == [5, 4, 2]
    assert (arrays["dt"], arrays["n_steps"]) == (0.002, 10)


def test_other_frames_can_be_made_of_a_file(path):
    save(path, n_steps=25)
    assert datasets.load(path).n_frames == 25
    assert datasets.load(path, dt=0.005).n_frames == 5  # the same time
    assert datasets.load(path, dt=0.006).n_frames == 5
    assert datasets.load(path, n_steps=30).n_frames == 30
    data = datasets.load(path, dt=0.01, n_steps=2)
    np.testing.assert_array_equal(
        data.x_train, events.frames(examples(6), SENSOR, 0.01, 2)
    )
    with pytest.raises(ValidationError, match=r"before 15,000.*n_steps=4.*longer"):
        datasets.load(path, dt=0.005, n_steps=3)


@pytest.mark.parametrize("known", [True, False])
def test_what_holds_no_events_makes_no_frames(known, tmp_path):
    name = "digits"
    if not known:
        name = tmp_path / "images.npz"
        x, y = np.zeros((3, 4, 5, 1)), np.arange(3)
        np.savez(name, x_train=x, y_train=y, x_test=x, y_test=y)
        datasets.load(name)
    for change, attr in (({"dt": 0.001}, "dt"), ({"n_steps": 9}, "n_steps")):
        with pytest.raises(ValidationError, match=f"^{attr}: .* holds no events"):
            datasets.load(name, **change)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"train": [example(9)[::-1]] * 6}, "^train: .*do not decrease"),
        (
            {"test": [changed(example(9), x=np.full(9, 5))] * 4},
            "^test: .*x from",
        ),
        ({"train": examples(5)}, "^y_train: .* each of the 5 examples, got 6 labels"),
        ({"y_test": [0, 1, 2]}, "^y_test: .* each of the 4 examples, got 3 labels"),
        ({"y_train": np.arange(6) - 1}, "^y_train: .* got -1; number"),
        ({"y_test": [0, 1, 2, 3]}, "y_test: .* got also 3"),
        ({"y_train": [0, 2] * 3}, "y_train: .*1 does not"),
        ({"sensor_size": (5, 4)}, "^sensor_size: "),
        ({"dt": -1}, "^dt: "),
        ({"n_steps": 3}, "^train: .* before 3,000 .*n_steps=20"),
    ],
)
def test_what_is_not_written(path, change, match):
    path.write_bytes(b"before")
    with pytest.raises(ValidationError, match=match):
        save(path, **change)
    assert path.read_bytes() == b"before"


def rewrite(path, **changes):
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})


def table(part, path, row, column, value):
    with np.load(path) as file:
        array = file[f"events_{part}"].astype(np.int64)
    array[row, column] = value
    return {f"events_{part}": array}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("train", 25, 0, 10**9), r"events_train: .* decrease.*event 6 of example 2"),
        (("test", 119, 0, 10**6), r"events_test: .* before 20,000 microseconds"),
        (
            ("test", 7, 0, -1),
            "events_test: .*from 0 .* -1 in event 7 of example 1",
        ),
        (("test", 7, 1, 5), r"events_test: .*x from 0 to 4"),
        (("test", 7, 2, -3), r"events_test: .*y from 0 to 3"),
        (("train", 7, 3, 2), r"events_train: .*polarity from 0 to 1 .* got 2"),
    ],
)
def test_damaged_events(path, change, match):
    save(path)
    rewrite(path, **table(change[0], path, *change[1:]))
    with pytest.raises(ValidationError, match=rf"Dataset\.{match}"):
        datasets.load(path)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"offsets_test": None}, "offsets_test: .* offsets_test is missing"),
        ({"y_test": None, "dt": None}, "y_test: .* y_test, dt are missing"),
        ({"events_test": np.zeros(40)}, r"events_test: .*\(n_events, 4\).* \(40,\)"),
        ({"events_test": np.zeros((120, 4))}, "events_test: .* of float64"),
        ({"events_test": np.zeros((120, 3), int)}, r"events_test: .* \(120, 3\)"),
        ({"offsets_test": np.array([0, 0, 20, 60, 119])}, "offsets_test: .* 120 event"),
        ({"offsets_test": np.array([0, 30, 20, 60, 120])}, "offsets_test: .*decrease"),
        ({"offsets_test": np.array([1, 1, 20, 60, 120])}, "offsets_test: .*from 0"),
        ({"offsets_test": np.zeros(0, int)}, "offsets_test: "),
        ({"offsets_test": np.zeros((5, 1), int)}, "offsets_test: "),
        ({"offsets_test": np.linspace(0, 120, 5)}, "offsets_test: "),
        ({"y_test": np.arange(3)}, "y_test: .* 4 examples, got 3 labels"),
        ({"sensor_size": np.array([5, 4])}, "sensor_size: "),
        ({"dt": np.array([0.001])}, r"dt, n_steps: .* one number each"),
        ({"n_steps": np.array(0)}, "n_steps: .*from 1"),
        ({"n_steps": np.array(2.5)}, "n_steps: .*whole"),
    ],
)
def test_damaged_files(path, changes, match):
    save(path)
    rewrite(path, **changes)
    with pytest.raises(ValidationError, match=rf"Dataset\.{match}"):
        datasets.load(path)


def test_frames_are_not_made_beyond_memory(path):
    save(path)
    rewrite(path, n_steps=np.array(10**12))
    with pytest.raises(ValidationError, match=r"frames of 4 x 5 x 2 take .* GB"):
        datasets.load(path)
