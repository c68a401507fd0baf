"""What answers mean: classes, labels, or values in their unit."""

import nengo_softlif as softlif
from nengo_softlif.tasks import Task

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from sample_tasks import dense, houses

SHAPES = [(), (1,), (3,), (4, 2), (2, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_get_unit_variance_and_come_back(rng, shape):
    targets = rng.normal(7, 1e4, size=(50, *shape)) * np.arange(1, 1 + (*shape, 1)[-1])
    if shape == ():
        targets = targets.ravel()[:50]
    task = Task.of("regression", targets)
    wanted = task.encode(targets)
    assert wanted.dtype == np.float32
    assert wanted.shape == (50, task.size)
    np.testing.assert_allclose(wanted.mean(axis=0), 0, atol=1e-6)
    # all along the axes but the last, so that the others keep their proportion
    by_last = wanted.reshape(-1, (*shape, 1)[-1])
    np.testing.assert_allclose(np.mean(by_last**2, axis=0), 1, rtol=1e-5)
    back = task.decode(wanted.astype(float)).reshape(targets.shape)
    np.testing.assert_allclose(back, targets, rtol=1e-5, atol=1e-2)


def test_values_that_never_change_keep_their_unit():
    task = Task.of("regression", np.stack([np.full(9, 1e6), np.arange(9.0)], axis=1))
    assert task.scale[0] == 1
    assert np.all(np.isfinite(task.encode(np.full((2, 2), 1e6))))


def test_values_are_as_they_are_unless_told_otherwise(rng):
    answers = rng.normal(size=(5, 4))
    np.testing.assert_array_equal(Task("regression", (2, 2)).decode(answers), answers)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression", None])
def test_files_keep_the_task(rng, tmp_path, kind, shape):
    model, path = dense(houses()), tmp_path / "model.safetensors"
    if kind is not None:
        given = {"classification": (), "multilabel": (3,), "regression": shape}[kind]
        model.task = Task.of(kind, rng.normal(size=(20, *given)))
    softlif.to_spiking(model).save(path)
    found = softlif.load(path).task
    if kind is None:
        assert found is None
        return
    assert (found.kind, found.shape) == (model.task.kind, model.task.shape)
    answers = rng.normal(size=(3, model.task.size))
    np.testing.assert_array_equal(found.decode(answers), model.task.decode(answers))


@pytest.mark.parametrize(
    ("header", "arrays", "message"),
    [
        ({"kind": "clustering", "shape": []}, {}, "expected one of"),
        ({"kind": "classification", "shape": [3]}, {}, "a shape that fits"),
        ({"kind": "multilabel", "shape": []}, {}, "a shape that fits"),
        ({"kind": "regression", "shape": [3]}, {}, "mean and positive scale"),
        (
            {"kind": "regression", "shape": [2]},
            {"mean": np.zeros(2), "scale": np.zeros(2)},
            "positive scale",
        ),
        (
            {"kind": "regression", "shape": [10**9]},
            {"mean": np.zeros(2), "scale": np.ones(2)},
            "mean and positive scale",
        ),
    ],
)
def test_damaged_tasks_are_refused(header, arrays, message):
    with pytest.raises(ValidationError, match=message):
        Task.from_file(header, arrays)


def test_a_model_takes_no_other_task():
    model = dense(houses())
    with pytest.raises(ValidationError, match="expected a Task"):
        softlif.Model(model.network, model.input, model.output, task="regression")
