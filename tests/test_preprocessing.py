import json
import pickle
import time

from nengo_softlif import files
from nengo_softlif.preprocessing import Preprocessing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nengo.exceptions import ValidationError


def pictures(n, shape, seed=0):
    return np.random.RandomState(seed).randint(256, size=(n, *shape)).astype(np.uint8)


def generator(seed=0):
    return np.random.default_rng(seed)


@st.composite
def preprocessings(draw):
    h, w, c = (draw(st.integers(1, top)) for top in (7, 7, 3))
    number = st.floats(-300, 300, width=32)
    mean = draw(
        number
        | st.lists(number, min_size=c, max_size=c)
        | st.integers(0, 99).map(lambda seed: pictures(1, (h, w, c), seed)[0] / 3)
    )
    positive = st.floats(0.1, 300)
    n_scales = h * w if c == 1 and 1 in (h, w) else c
    scale = draw(positive | st.lists(positive, min_size=n_scales, max_size=n_scales))
    crop = draw(st.none() | st.tuples(st.integers(1, h), st.integers(1, w)))
    return Preprocessing((h, w, c), mean, scale, crop, draw(st.booleans()))


@given(preprocessings())
def test_test_is_centre_of_standardised_image(pre):
    images = pictures(3, pre.image_shape)
    one_each = np.size(pre.scale) in (1, pre.image_shape[2])
    scale = pre.scale if one_each else np.reshape(pre.scale, pre.image_shape)
    whole = (images - np.float64(pre.mean)) / scale
    (h, w, _), (height, width, _) = pre.image_shape, pre.output_shape
    top, left = (h - height) // 2, (w - width) // 2
    centre = whole[:, top : top + height, left : left + width]
    result = pre.test(images)
    assert result.shape == (3, pre.size)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, centre.reshape(3, -1), rtol=1e-5, atol=1e-3)


@given(preprocessings())
def test_train_gives_a_part_of_the_standardised_image(pre):
    images = pictures(4, pre.image_shape)
    whole = Preprocessing(pre.image_shape, pre.mean, pre.scale).test(images)
    results = pre.train(images, generator())
    (h, w, _), (height, width, _) = pre.image_shape, pre.output_shape
    for image, result in zip(whole, results, strict=True):
        image = image.reshape(pre.image_shape)
        parts = [
            image[top : top + height, left : left + width]
            for top in range(h - height + 1)
            for left in range(w - width + 1)
        ]
        if pre.flip:
            parts += [part[:, ::-1] for part in parts]
        assert any(np.array_equal(part.ravel(), result) for part in parts)


@given(preprocessings(), st.integers(0, 2**32))
def test_same_rng_state_gives_same_images(pre, seed):
    images = pictures(4, pre.image_shape)
    first = pre.train(images, generator(seed))
    np.testing.assert_array_equal(first, pre.train(images, generator(seed)))


@given(preprocessings())
def test_train_is_test_without_crop_and_flip(pre):
    plain = Preprocessing(pre.image_shape, pre.mean, pre.scale)
    images = pictures(4, pre.image_shape)
    np.testing.assert_array_equal(plain.train(images, generator()), plain.test(images))
    whole = Preprocessing(pre.image_shape, pre.mean, pre.scale, pre.image_shape[:2])
    np.testing.assert_array_equal(whole.train(images, generator()), plain.test(images))


@given(preprocessings())
def test_images_do_not_depend_on_their_batch(pre):
    images = pictures(5, pre.image_shape)
    np.testing.assert_array_equal(pre.test(images)[2:3], pre.test(images[2:3]))


@given(preprocessings())
def test_round_trip(pre):
    header = json.loads(json.dumps(pre.header()))
    back = Preprocessing.from_file(header, pre.arrays())
    assert back == pre
    assert hash(back) == hash(pre)
    assert pickle.loads(pickle.dumps(pre)) == pre


def test_round_trip_through_a_file(tmp_path):
    pre = Preprocessing.from_images(pictures(9, (6, 5, 3)), crop=4, flip=True)
    files.write(tmp_path / "model", pre.header(), pre.arrays(), "model")
    assert Preprocessing.from_file(*files.read(tmp_path / "model", "model")) == pre


def test_equal_by_value():
    same = {
        "image_shape": (6, 5, 1),
        "mean": 3.0,
        "scale": 2.0,
        "crop": 4,
        "flip": True,
    }
    pre = Preprocessing(**same)
    for change in (
        {"image_shape": (5, 6, 1)},
        {"mean": 3.5},
        {"mean": np.full((6, 5), 3.0)},
        {"scale": 1.0},
        {"scale": [3.0]},
        {"crop": None},
        {"flip": False},
    ):
        assert Preprocessing(**{**same, **change}) != pre
    assert Preprocessing(**{**same, "image_shape": (6, 5), "crop": (4, 4)}) == pre
    assert pre != 3


def test_every_crop_and_mirror_image_occurs_equally_often():
    pre = Preprocessing((5, 4, 1), 0, 1, crop=(3, 2), flip=True)
    image = np.arange(20).reshape(1, 5, 4, 1)
    results = pre.train(np.repeat(image, 18000, axis=0), generator())
    _, counts = np.unique(results, axis=0, return_counts=True)
    assert len(counts) == 3 * 3 * 2
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(1000))


def test_from_images_standardises():
    images = pictures(2500, (6, 5, 3)) // np.arange(1, 4, dtype=np.uint8)
    pre = Preprocessing.from_images(images)
    results = pre.test(images)
    np.testing.assert_allclose(results.mean(axis=0, dtype=float), 0, atol=1e-5)
    by_channel = results.reshape(-1, 3)
    np.testing.assert_allclose(by_channel.std(axis=0, dtype=float), 1, rtol=1e-6)
    np.testing.assert_allclose(pre.mean, images.mean(axis=0), rtol=1e-6)
    left = images - images.mean(axis=0)
    np.testing.assert_allclose(pre.scale, left.std(axis=(0, 1, 2)))
    assert Preprocessing.from_images(images, scale=16).scale == 16
    assert Preprocessing.from_images(images, scale=[1, 2, 3]).scale == (1, 2, 3)


def test_the_scale_of_a_single_channel_is_one_number():
    """To the last bit that of all pixels, with which earlier models were trained."""
    images = pictures(2500, (6, 5, 1))
    mean = images.mean(axis=0, dtype=np.float64)
    squares = sum(np.sum((images[i : i + 1000] - mean) ** 2) for i in (0, 1000, 2000))
    scale = Preprocessing.from_images(images).scale
    assert scale == np.sqrt(squares / images.size)
    assert isinstance(scale, float)


@pytest.mark.parametrize("shape", [(1, 1, 6), (1, 6, 1), (6, 1, 1)])
def test_tables_have_a_scale_for_each_value(shape):
    spreads = 10.0 ** np.arange(-3, 3)
    x = 5 + spreads * generator().normal(size=(400, 6))
    images = x.reshape(-1, *shape)
    pre = Preprocessing.from_images(x if shape == (1, 1, 6) else images)
    assert pre.image_shape == shape
    np.testing.assert_allclose(pre.scale, x.std(axis=0))
    for result in (pre.test(images), pre.train(images, generator())):
        np.testing.assert_allclose(result.std(axis=0), 1, rtol=1e-3)
    if shape == (1, 1, 6):
        np.testing.assert_array_equal(pre.test(x), pre.test(images))


def test_crops_of_a_row_keep_the_scale_of_their_pixels():
    scale = np.arange(1.0, 8.0)
    pre = Preprocessing((1, 7, 1), 0, scale, crop=(1, 5), flip=True)
    np.testing.assert_array_equal(pre.test(scale.reshape(1, 1, 7, 1)), np.ones((1, 5)))
    ones = pre.train(np.tile(scale.reshape(1, 1, 7, 1), (99, 1, 1, 1)), generator())
    np.testing.assert_array_equal(ones, np.ones((99, 5)))


def test_what_is_constant_is_not_scaled():
    images = generator().normal(size=(50, 6, 5, 3))
    images[..., 1] = np.linspace(0, 0.1, 30).reshape(6, 5)  # mean is not quite exact
    pre = Preprocessing.from_images(images)
    assert pre.scale[1] == 1
    np.testing.assert_allclose(pre.test(images).reshape(-1, 3)[:, 1], 0, atol=1e-7)


def test_what_float32_rounds_away_is_not_blown_up():
    x = 1.6e9 + generator().normal(size=(500, 2)) * [1, 1e4]
    pre = Preprocessing.from_images(x)
    assert np.abs(pre.test(x)).max() < 6
    np.testing.assert_allclose(pre.scale[1], x[:, 1].std())


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_what_float32_cannot_hold_is_refused(bad):
    images = np.zeros((2, 6, 5))
    images[1, 2, 3] = bad
    pre = Preprocessing((6, 5), 0, 1)
    with pytest.raises(ValidationError, match="1 of 60 prepared pixels are NaN or bey"):
        pre.test(images)
    with pytest.raises(ValidationError, match=r"images: .* real numbers, got type <U1"):
        pre.test(np.full((2, 6, 5), "a"))


def test_channel_axis_may_be_missing():
    images = pictures(7, (6, 5, 1))
    pre = Preprocessing.from_images(images, crop=3, flip=True)
    assert Preprocessing.from_images(images[..., 0], crop=3, flip=True) == pre
    assert Preprocessing((6, 5), pre.mean[..., 0], pre.scale, 3, True) == pre
    np.testing.assert_array_equal(pre.test(images[..., 0]), pre.test(images))
    np.testing.assert_array_equal(
        pre.train(images[..., 0], generator()), pre.train(images, generator())
    )


def test_shapes():
    pre = Preprocessing((32, 30, 3), 128, 50, crop=(24, 20))
    assert pre.output_shape == (24, 20, 3)
    assert pre.size == 1440
    assert Preprocessing((32, 30, 3), 128, 50).output_shape == (32, 30, 3)


def test_arguments_are_neither_kept_nor_altered():
    mean = np.ones((6, 5, 1), dtype=np.float32)
    pre = Preprocessing((6, 5, 1), mean, 1)
    mean[:] = 9
    assert np.all(pre.mean == 1)
    with pytest.raises(ValueError, match="read-only"):
        pre.mean[:] = 9
    images = np.ones((2, 6, 5, 1), dtype=np.float32)
    pre.test(images)
    pre.train(images, generator())
    assert np.all(images == 1)


def test_fast():
    images = pictures(128, (32, 32, 3))
    pre = Preprocessing.from_images(images, crop=24, flip=True)
    rng = generator()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        pre.train(images, rng)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"image_shape": (6,)}, r"image_shape: .* got \(6,\)"),
        ({"image_shape": (6, 5.5, 3)}, "image_shape: expected .* whole pixels"),
        ({"image_shape": (6, 0, 3)}, "image_shape: expected .* whole pixels"),
        (
            {"mean": np.zeros((5, 6, 3))},
            r"mean: .* \(6, 5, 3\) .* got shape \(5, 6, 3\)",
        ),
        ({"mean": np.zeros((6, 5))}, r"mean: .* got shape \(6, 5\)"),
        ({"mean": np.nan}, "mean: expected finite numbers"),
        ({"scale": 0}, "scale: expected a positive number, got 0"),
        ({"scale": -1.0}, "scale: expected a positive number, got -1.0"),
        ({"scale": np.nan}, "scale: expected a positive number, got nan"),
        ({"scale": 1e-300}, "scale: expected a positive number, got 1e-300"),
        ({"scale": [1, 0, 1]}, "scale: expected a positive number, got 0"),
        ({"scale": [1, 2]}, r"scale: .* one number, or 3 for .* got shape \(2,\)"),
        ({"scale": None}, "scale: expected an array of real numbers, got type object"),
        ({"scale": "1"}, "scale: expected an array of real numbers, got type <U1"),
        ({"mean": "1"}, "mean: expected an array of real numbers, got type <U1"),
        ({"mean": None}, "mean: expected an array of real numbers, got type object"),
        ({"crop": 6}, "crop: .* within 6 x 5, got 6"),
        ({"crop": (6, 5, 3)}, r"crop: .* got \(6, 5, 3\)"),
        ({"crop": 0}, "crop: .* got 0"),
        ({"crop": 2.5}, "crop: .* got 2.5"),
        ({"crop": "4"}, "crop: .* got '4'"),
    ],
)
def test_bad_settings(changes, match):
    settings = {"image_shape": (6, 5, 3), "mean": 0, "scale": 1, **changes}
    with pytest.raises(ValidationError, match=rf"Preprocessing\.{match}"):
        Preprocessing(**settings)


@pytest.mark.parametrize(
    "shape", [(2, 5, 6, 3), (2, 6, 5), (6, 5, 3), (2, 90), (2, 6, 5, 1)]
)
def test_images_of_another_size(shape):
    pre = Preprocessing((6, 5, 3), 0, 1, crop=3)
    came = " x ".join(map(str, shape[1:]))
    for prepare in (pre.test, lambda images: pre.train(images, generator())):
        with pytest.raises(ValidationError, match=f"of 6 x 5 x 3 .*, got {came} in"):
            prepare(np.zeros(shape))


def test_images_without_statistics():
    with pytest.raises(ValidationError, match=r"images are the same.*give a scale"):
        Preprocessing.from_images(np.ones((4, 6, 5)))
    with pytest.raises(ValidationError, match=r"expected images of shape .* \(30,\)"):
        Preprocessing.from_images(np.ones(30))
    with pytest.raises(ValidationError, match="mean: expected finite"):
        Preprocessing.from_images(np.full((4, 6, 5), np.nan))


def test_incomplete_file():
    pre = Preprocessing((6, 5, 3), 0, 1)
    with pytest.raises(
        ValidationError, match=r"Preprocessing\.mean: missing in the file"
    ):
        Preprocessing.from_file(pre.header(), {})
    with pytest.raises(ValidationError, match=r"Preprocessing\.scale: missing"):
        Preprocessing.from_file({"image_shape": [6, 5, 3]}, pre.arrays())


def test_cutout_is_a_square_of_nothing():
    """Its centre is anywhere, so that each pixel is as likely as the formula says."""
    pre = Preprocessing((6, 5, 2), 0, 1.0, cutout=3)
    images = np.ones((4000, 6, 5, 2))
    cut = pre.train(images, generator()).reshape(images.shape) == 0
    assert np.array_equal(cut[..., 0], cut[..., 1])
    rows, columns = cut[..., 0].any(axis=2), cut[..., 0].any(axis=1)
    assert np.array_equal(cut[..., 0], rows[:, :, None] & columns[:, None])
    assert set(rows.sum(axis=1)) == set(columns.sum(axis=1)) == {2, 3}
    # of the starts from -1 on, those that reach a pixel: two at the edges, three inside
    each = np.outer([2, 3, 3, 3, 3, 2], [2, 3, 3, 3, 2]) / 30
    np.testing.assert_allclose(cut[..., 0].mean(axis=0), each, atol=0.03)


def test_cutout_comes_on_top_of_what_else_is_drawn():
    images = 1 + pictures(50, (6, 5, 2))
    settings = {"crop": (4, 3), "flip": True, "shift": 1}
    plain = Preprocessing((6, 5, 2), 0, 1.0, **settings).train(images, generator())
    pre = Preprocessing((6, 5, 2), 0, 1.0, **settings, cutout=2)
    cut = pre.train(images, generator())
    assert np.all((cut == plain) | (cut == 0))
    assert not np.array_equal(cut, plain)
    np.testing.assert_array_equal(pre.test(images), pre.test(images))
    again = Preprocessing.from_file(pre.header(), pre.arrays())
    assert again == pre
    assert pre.header()["cutout"] == 2
    assert "cutout" not in Preprocessing((6, 5, 2), 0, 1.0).header()
    with pytest.raises(ValidationError, match=r"cutout.*0 or a whole number.*got 1\.5"):
        Preprocessing((6, 5, 2), 0, 1.0, cutout=1.5)


# -- frames ----------------------------------------------------------------------------


def test_each_frame_is_an_image():
    frames = pictures(4, (3, 6, 5, 2))
    for pre in (
        Preprocessing((6, 5, 2), pictures(1, (6, 5, 2), 3)[0], (2.0, 3.0), (3, 4)),
        Preprocessing((6, 5, 2), 0, 0.001),
    ):
        prepared = pre.test(frames)
        assert prepared.shape == (4, 3, pre.size)
        for k in range(3):
            np.testing.assert_array_equal(prepared[:, k], pre.test(frames[:, k]))


def test_frames_of_an_example_are_cropped_and_mirrored_alike():
    mean = pictures(1, (6, 5, 2), 3)[0]
    pre = Preprocessing((6, 5, 2), mean, 2.0, (3, 4), flip=True, shift=2, cutout=2)
    frames = pictures(20, (3, 6, 5, 2))
    prepared = pre.train(frames, generator())
    assert prepared.shape == (20, 3, pre.size)
    for k in range(3):
        alone = pre.train(frames[:, k], generator())
        np.testing.assert_array_equal(prepared[:, k], alone)


def test_the_average_of_prepared_frames_is_the_prepared_average():
    """So that what is trained on averages may be shown frames."""
    frames = pictures(9, (7, 6, 5, 2))
    average = frames.mean(axis=1)
    pre = Preprocessing.from_images(average, crop=4)
    np.testing.assert_allclose(
        pre.test(frames).mean(axis=1), pre.test(average), rtol=1e-4, atol=1e-5
    )


def test_events_become_spikes():
    frames = np.zeros((3, 4, 6, 5, 2), np.uint8)
    frames[0, 1, 2, 3, 1] = 2
    pre = Preprocessing.from_images(frames)
    assert pre == Preprocessing((6, 5, 2), 0, 0.001)
    prepared = pre.test(frames)
    assert prepared.max() == np.float32(2) / np.float32(0.001)
    assert np.count_nonzero(prepared) == 1
    assert Preprocessing.from_images(frames, scale=0.5, crop=3, flip=True) == (
        Preprocessing((6, 5, 2), 0, 0.5, 3, True)
    )


def test_frames_of_another_size():
    pre = Preprocessing((6, 5, 2), 0, 1)
    with pytest.raises(ValidationError, match=r"n_steps, .*got 4 x 6 x 5 x 1 in"):
        pre.test(np.zeros((3, 4, 6, 5, 1)))
    with pytest.raises(ValidationError, match="expected images of shape"):
        Preprocessing.from_images(np.zeros((0, 4, 6, 5, 2)))
