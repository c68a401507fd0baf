"""The networks of the papers that cannot spike, and those that can, side by side."""

from nengo_softlif import datasets, experiments
from nengo_softlif.experiments.modifying import MODIFIED, NOISES, PLAIN

import numpy as np
import pytest
from nengo.exceptions import ValidationError

# what of a piece the plain networks need
PIECE = {
    **{"crop": 6, "epochs": 2, "batch_size": 32, "learning_rate": 1e-3, "seed": 0},
    **PLAIN["original"],
}


@pytest.fixture(scope="module")
def plain_networks():
    from nengo_softlif.experiments import plain_networks

    return plain_networks


def windows(images, size, stride=1):
    """(n, rows, columns, size, size, channels) of images that are filled up already."""
    found = np.lib.stride_tricks.sliding_window_view(images, (size, size), (1, 2))
    return found[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def fill(images, before, after, value=0.0):
    width = (before, after)
    return np.pad(images, ((0, 0), width, width, (0, 0)), constant_values=value)


def convolve(images, kernel, bias):
    seen = windows(fill(images, 2, 2), 5)
    return np.maximum(0, np.einsum("nrcxyi,xyif->nrcf", seen, kernel) + bias)


def local(images, kernel, bias):
    seen = windows(fill(images, 1, 1), 3).reshape(*images.shape[:3], -1)
    return np.maximum(0, np.einsum("nrci,rcif->nrcf", seen, kernel) + bias)


def pool(images, takes_max):
    """3 x 3 with stride 2, hanging over the last edge where sides are even."""
    over = 1 - images.shape[1] % 2
    seen = windows(fill(images, 0, over, np.nan), 3, stride=2)
    return (np.nanmax if takes_max else np.nanmean)(seen, axis=(3, 4))


def normalise(images, alpha):
    squares = np.pad(images**2, ((0, 0), (0, 0), (0, 0), (4, 4)))
    n_filters = images.shape[-1]
    total = sum(squares[..., i : i + n_filters] for i in range(9))
    return images * (1 + alpha / 9 * total) ** -0.75


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("side", [7, 8])
def test_the_network_is_the_papers(name, side, plain_networks, rng):
    """Layer by layer in NumPy, with other weights than it starts with."""
    scale = 20.0
    model = plain_networks.make((side, side, 2), 5, scale, seed=0, **PLAIN[name])
    shapes = [w.shape for w in model.get_weights()]
    assert shapes[:4] == [(5, 5, 2, 64), (64,), (5, 5, 64, 64), (64,)]
    model.set_weights([rng.normal(0, 0.1, shape) for shape in shapes])
    images = rng.normal(size=(3, side, side, 2))
    weights = model.get_weights()
    takes_max = PLAIN[name]["pools_max"]
    alpha = 0.001 * scale**2 if PLAIN[name]["normalises"] else 0.0
    values = normalise(pool(convolve(images, *weights[:2]), takes_max), alpha)
    values = pool(normalise(convolve(values, *weights[2:4]), alpha), takes_max)
    values = local(local(values, *weights[4:6]), *weights[6:8])
    expected = values.reshape(3, -1) @ weights[8] + weights[9]
    found = model.predict_on_batch(images.reshape(3, -1))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_initial_weights(plain_networks):
    make = plain_networks.make
    first, again, other = (
        make((8, 8, 3), 10, 1.0, True, True, seed).get_weights() for seed in (0, 0, 1)
    )
    for i, fan_in in ((0, 75), (2, 16 * 64), (4, 4 * 64)):
        std = np.sqrt(2 / fan_in)
        np.testing.assert_allclose(first[i].std(), std, rtol=0.05)
        np.testing.assert_array_equal(first[i], again[i])
        assert np.all(first[i] != other[i])


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on(plain_networks, tmp_path, monkeypatch):
    data, path = datasets.load("digits"), tmp_path / "state"
    whole, preprocessing = plain_networks.train(PIECE, data)
    found = plain_networks.measure(whole, preprocessing, data)
    assert found["n_examples"] == len(data.x_test)
    assert found["error_percent"] < 75  # of ten classes, in two epochs

    def stop(*args):
        raise KeyboardInterrupt

    once = plain_networks._train_epoch
    calls = []

    def train_epoch(*args):
        calls.append(args)
        return once(*args) if len(calls) < 2 else stop()

    monkeypatch.setattr(plain_networks, "_train_epoch", train_epoch)
    with pytest.raises(KeyboardInterrupt):
        plain_networks.train(PIECE, data, path)
    monkeypatch.setattr(plain_networks, "_train_epoch", once)
    rest, _ = plain_networks.train(PIECE, data, path)
    for a, b in zip(whole.get_weights(), rest.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    with pytest.raises(ValidationError, match="training with other settings"):
        plain_networks.train({**PIECE, "seed": 1}, data, path)


@pytest.mark.slow
def test_all_of_them(tmp_path):
    given = {
        **{"data": "digits", "readouts": ("5:20:40",), "epochs": 1, "batch_size": 32},
        **{"n_examples": 60, "work": tmp_path, "progress_bar": False},
    }
    found = experiments.modifications(learning_rate=3e-3, **given)
    names = {row["modification"] for row in found.rows}
    assert names == {*PLAIN, *NOISES}
    for row in found.rows:
        name, rates = row["modification"], row["readout"] == "rates"
        assert row["n_examples"] == 60
        assert (row["mean_rates_hz"][0] is None) == (name in PLAIN)
        compared = name in MODIFIED and (rates or name != "soft-lif")
        assert (row["difference_points"] is not None) == compared
        assert row["published_percent"] is None  # which are of CIFAR-10
    assert len(found.rows) == len(PLAIN) + 2 * len(NOISES)
    assert not list(tmp_path.glob("*.checkpoint"))
    assert experiments.modifications(learning_rate=3e-3, **given).rows == found.rows
    found.draw(tmp_path / "modifications.png")
    for name in names:
        assert name in str(found)


def test_images_that_are_not_square(tmp_path):
    path = tmp_path / "wide.npz"
    x, y = np.zeros((20, 8, 9, 1), np.uint8), np.arange(20) % 2
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(ValidationError, match=r"expected square images .* got 8 x 9"):
        experiments.modifications(data=str(path))
