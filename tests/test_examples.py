"""Data sets of arrays in memory, as scikit-learn takes them."""

import warnings

from nengo_softlif import Preprocessing, datasets
from nengo_softlif.datasets import Dataset

import numpy as np
import pytest
from nengo.exceptions import NengoWarning, ValidationError
from scipy import sparse
from sklearn.utils.multiclass import type_of_target

N = 60


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, 5))


def test_a_fifth_is_kept_for_testing(x, rng):
    y = rng.randint(3, size=N)
    data = Dataset.from_arrays(x, y)
    assert (len(data.x_train), len(data.x_test)) == (48, 12)
    assert data.task == "classification"
    assert data.class_names is None
    # what is told of examples stays with them, and none is lost or comes twice
    together = np.concatenate([data.x_train, data.x_test])[:, 0, 0]
    told = np.concatenate([data.y_train, data.y_test])
    place = [np.flatnonzero((x == row).all(axis=1)).item() for row in together]
    assert sorted(place) == list(range(N))
    np.testing.assert_array_equal(told, y[place])
    assert data.sha256 == Dataset.from_arrays(x, y).sha256


def test_one_class_is_told_of(x):
    with pytest.warns(NengoWarning, match="all examples are of one class"):
        assert "1 class)" in repr(Dataset.from_arrays(x, ["a"] * N))


def test_each_class_stays_in_training(x):
    y = np.zeros(N, int)
    for i in range(N):  # wherever the only one is
        y[:] = 0
        y[i] = 1
        assert Dataset.from_arrays(x, y).y_train.sum() == 1


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "c"], ("a", "b", "c")),
        (np.array(["b", "a", "c"], dtype=object), ("a", "b", "c")),
        ([5, -1, 7], (-1, 5, 7)),
        ([2.0, 1.0, 3.0], (1.0, 2.0, 3.0)),
        ([[1], [0], [2]], None),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], None),
        ([True, False, True], (False, True)),
    ],
)
def test_labels_of_any_kind_are_counted(x, labels, names):
    given = np.array(labels)[np.arange(N) % 3]
    data = Dataset.from_arrays(x, given, x[:6], given[:6])
    assert data.class_names == names
    expected = [1, 0, 1 if isinstance(labels[0], bool) else 2]
    assert data.y_test.tolist() == expected * 2
    assert data.y_train.dtype == np.int64


@pytest.mark.parametrize(
    "y",
    [
        np.arange(N) % 2,
        np.arange(N) % 4,
        np.arange(N) % 4 / 1.0,
        np.linspace(0, 1, N),
        np.linspace(0, 1, 3 * N).reshape(N, 3),
        np.array(list("abc") * (N // 3)),
        np.arange(2 * N).reshape(N, 2) % 3 % 2,
    ],
)
def test_tasks_are_told_as_scikit_learn_tells_them(x, y):
    task = {
        "binary": "classification",
        "multiclass": "classification",
        "multilabel-indicator": "multilabel",
        "continuous": "regression",
        "continuous-multioutput": "regression",
    }[type_of_target(y)]
    assert Dataset.from_arrays(x, y).task == task


def test_lists_sparse_matrices_and_columns_of_several_types(x, rng):
    y = list("ab") * (N // 2)
    expected = Dataset.from_arrays(x, y)
    for given in (x.tolist(), sparse.csr_array(x), x.astype(object)):
        assert Dataset.from_arrays(given, y).sha256 == expected.sha256


def test_signals_have_steps_and_channels(rng):
    x, y = rng.normal(size=(N, 20, 3)), np.arange(N) % 2
    data = Dataset.from_arrays(x, y, x, y, signals=True)
    assert data.image_shape == (1, 20, 3)
    assert "signals of 20 steps of 3 channels" in repr(data)
    # and are taken as they were given by what was fitted to them
    prepared = Preprocessing.from_images(data.x_train)
    np.testing.assert_array_equal(prepared.test(x), prepared.test(data.x_test))
    # without the word they are images without channels
    assert Dataset.from_arrays(x, y).image_shape == (20, 3, 1)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3)])
def test_values_have_any_shape(x, rng, shape, tmp_path):
    y = rng.normal(size=(N, *shape))
    data = Dataset.from_arrays(x, y)
    assert data.task == "regression"
    assert data.y_train.shape[1:] == shape
    assert data.n_classes == np.prod(shape)
    assert f"{data.n_classes} target" in repr(data)
    # files tell it as well
    arrays = {name: getattr(data, name) for name in datasets.ARRAYS}
    np.savez(tmp_path / "own.npz", **arrays)
    assert datasets.load(tmp_path / "own.npz").sha256 == data.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.arange(N - 1.0)}, "a target for each of the 60 examples .* got 59"),
        ({"y": np.r_[np.nan, np.arange(0.5, N - 1)]}, "finite values, but 1 of"),
        ({"y": np.r_[np.inf, np.arange(0.5, N - 1)]}, "finite values, but 1 of"),
        ({"y": np.arange(N * 1.0)}, "classes, of which 60 .* task='regression'"),
        ({"y": np.arange(2 * N).reshape(N, 2)}, "whole numbers in columns"),
        ({"y": np.array([["a", "b"]] * N)}, "text of shape"),
        ({"y": np.zeros((N, 3)), "task": "classification"}, "one label for each"),
        ({"y": np.full((N, 3), 2), "task": "multilabel"}, "ones and zeros.* got 2"),
        ({"y": np.zeros(N), "task": "multilabel"}, "ones and zeros.* shape"),
        ({"y": np.full(N, 0.5), "task": "classification"}, "not whole, or missing"),
        ({"y": [None, "a"] * (N // 2)}, "missing"),
        ({"y": np.array(["a", 1] * (N // 2), dtype=object)}, "labels of one type"),
        ({"task": "clustering"}, "expected one of classification"),
        ({"x": "abc"}, "a row for each example"),
        ({"x": np.zeros(N)}, r"Dataset.x: expected images .* got \(60,\)"),
        ({"x": np.full((N, 2), np.nan)}, "Dataset.x: .* 120 of 120 are NaN"),
        ({"x": np.full((N, 2), "a")}, "real numbers"),
        ({"x": np.full((N, 2), "a", dtype=object)}, "make numbers of text"),
        ({"x": np.zeros((N, 4, 4, 1)), "signals": True}, "expected signals"),
        ({"x_test": np.zeros((2, 5))}, "both x_test and y_test"),
        ({"x": np.zeros((3, 5)), "y": list("aba")}, "too few to keep a fifth"),
    ],
)
def test_bad_arrays_are_refused(x, change, message):
    given = {"x": x, "y": np.arange(N) % 3, **change}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValidationError, match=message):
            Dataset.from_arrays(**given)


def test_text_that_occurs_only_in_the_test_set_is_refused(x):
    y = np.array(list("ab") * (N // 2))
    with pytest.raises(ValidationError, match="occur in training, got also c, d; "):
        Dataset.from_arrays(x, y, x[:3], ["c", "a", "d"])


def test_targets_of_another_shape_are_refused_for_testing(x, rng):
    y = rng.normal(size=(N, 3))
    with pytest.raises(ValidationError, match=r"shape \(3,\) as in y_train, got \(2,"):
        Dataset.from_arrays(x, y, x, y[:, :2])


def test_warnings_point_at_the_user(x):
    x[3, 2] = 1e9
    with pytest.warns(NengoWarning, match="a value of 1e") as caught:
        Dataset.from_arrays(x, np.arange(N) % 3, x[:3], [0, 1, 2])
    assert all(warning.filename == __file__ for warning in caught)
