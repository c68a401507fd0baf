import gzip
import inspect
import struct
import subprocess
import sys
import types
import warnings

from nengo_softlif import datasets
from nengo_softlif.datasets import Dataset

import numpy as np
import pytest
from nengo.exceptions import NengoWarning, ValidationError
from sample_data import arrays


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path


@pytest.fixture
def keras_loader(monkeypatch):
    """Put a function in the place of Keras' loader of MNIST."""

    def install(loader):
        module = types.ModuleType("tf_keras.datasets.mnist")
        module.load_data = loader
        for name in ("tf_keras", "tf_keras.datasets"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "tf_keras.datasets.mnist", module)

    return install


def test_digits():
    data = datasets.load("digits")
    assert data.image_shape == (8, 8, 1)
    assert data.n_classes == 10
    assert (len(data.x_train), len(data.x_test)) == (1437, 360)
    assert data.x_train.dtype == np.uint8
    assert (data.x_train.min(), data.x_train.max()) == (0, 16)
    assert repr(data) == (
        "Dataset('digits', 1437 training and 360 test images of 8 x 8 x 1, 10 classes)"
    )


def test_digits_split_parts_the_whole_set_and_never_changes():
    from sklearn.datasets import load_digits

    data = datasets.load("digits")
    assert data.sha256 == datasets.load("digits").sha256
    # errors reported by different versions must be about the same images
    assert data.y_test[:10].tolist() == [7, 9, 4, 7, 0, 2, 6, 1, 3, 1]
    ours = np.concatenate([data.x_train, data.x_test]).reshape(1797, 64)
    ours = np.column_stack([ours, np.concatenate([data.y_train, data.y_test])])
    whole = load_digits()
    whole = np.column_stack([whole.data, whole.target])
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], whole[np.lexsort(whole.T)])


@pytest.mark.parametrize(
    ("name", "image_shape", "n_train"),
    [("mnist", (28, 28, 1), 60000), ("cifar10", (32, 32, 3), 50000)],
)
def test_standard_sets(name, image_shape, n_train):
    if datasets.find(name) is None:
        pytest.skip(f"{name} is not in the Keras cache")
    data = datasets.load(name)
    assert data.name == name
    assert data.image_shape == image_shape
    assert data.n_classes == 10
    assert (len(data.x_train), len(data.x_test)) == (n_train, 10000)
    assert data.y_train.shape == (n_train,)
    assert data.x_train.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, ">f4", bool])
def test_images_keep_type_and_values(dtype):
    given = arrays(x_train=arrays()["x_train"].astype(dtype))
    data = Dataset("own", **given)
    assert data.x_train.dtype == np.dtype(dtype).newbyteorder("=")
    assert data.image_shape == (5, 4, 1)
    np.testing.assert_array_equal(data.x_train[..., 0], given["x_train"])


def test_tables_are_images_of_one_pixel():
    x = np.arange(80.0).reshape(8, 10) ** 2
    data = Dataset("own", **arrays(x_train=x, x_test=x[:4]))
    assert data.image_shape == (1, 1, 10)
    np.testing.assert_array_equal(data.x_train[:, 0, 0], x)
    assert (
        repr(data)
        == "Dataset('own', 8 training and 4 test rows of 10 values, 3 classes)"
    )


def table(n=300):
    """A table of which nothing is to be said."""
    return np.random.RandomState(0).normal(size=(n, 6))


def told(x_train):
    """Make a data set, and return the warnings."""
    labels = np.arange(len(x_train)) % 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Dataset("own", x_train, labels, x_train[10:13], labels[10:13])
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("n", [20, 300, 30_000])
def test_a_value_far_from_all_others_is_told(n):
    x = table(n)
    assert told(x) == []
    x[7, 4] = -1e9
    (warning,) = told(x)
    assert "x_train has a value of -1e+09 in channel 4" in warning
    assert "in 1 of 6 channels" in warning


def test_values_that_float32_does_not_tell_apart_are_told():
    x = table()
    x[:, 2] = 1.6e9 + 100 * x[:, 2]  # a time stamp
    (warning,) = told(x)
    assert "in channel 2" in warning
    assert "which float32 rounds to steps of 128" in warning


@pytest.mark.parametrize(
    "usual",
    [
        np.random.RandomState(0).rand(300, 6) < 0.01,
        np.random.RandomState(0).rand(300, 6) < 0.5,
        np.random.RandomState(0).lognormal(size=(300, 6)),
        np.random.RandomState(0).randint(2**63, size=(300, 6)).astype(np.uint64) * 2,
        np.ones((300, 6)),
    ],
    ids=["rarely", "often", "lognormal", "uint64", "constant"],
)
def test_usual_values_are_not_told(usual):
    assert told(usual) == []
    assert told(usual.astype(np.float64)) == []


@pytest.mark.parametrize(
    ("unit", "suspect"), [(255, True), (1 / 255, True), (2, False), (0, False)]
)
def test_test_images_in_another_unit_are_told(unit, suspect):
    x = np.random.RandomState(0).rand(6, 4, 4)
    labels = np.arange(6) % 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Dataset("own", x, labels, unit * x, labels)
    told = ["if one of them was divided" in str(w.message) for w in caught]
    assert told == [True] * suspect


@pytest.mark.parametrize("n_test", [3, 60])
@pytest.mark.parametrize("in_training", ["varies", "constant", "rarely"])
def test_test_values_far_from_all_in_training_are_told(in_training, n_test):
    """In single columns, also where nothing varies in training."""
    x = np.random.RandomState(0).normal(size=(300, 6))
    far, usual = x[:n_test].copy(), x[:n_test].copy()
    if in_training == "varies":
        far[:, 4] *= 1000
    else:
        x[:, 4], usual[:, 4], far[:, 4] = 0, 3, 1e5
    if in_training == "rarely":
        x[7, 4] = 1e5
    labels = np.arange(300) % 3
    suspect = in_training != "rarely"
    for test, expected in ((usual, False), (far, suspect)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Dataset("own", x, labels, test, labels[:n_test])
        told = [w for w in caught if "x_test has values from" in str(w.message)]
        assert len(told) == expected
        assert all(
            "in channel 4 (counted from 0), where" in str(w.message) for w in told
        )
        assert all(w.filename == __file__ for w in told)


@pytest.mark.parametrize(
    ("shape", "suspect"),
    [
        ((3, 20, 20), True),
        ((1, 28, 28), True),
        ((20, 20, 3), False),
        ((4, 4, 4), False),
        ((1, 100, 8), False),
        ((1, 1, 400), False),
        ((8, 8, 16), False),
    ],
)
def test_channels_that_seem_to_come_first_are_told(shape, suspect):
    x = np.random.RandomState(0).rand(6, *shape)
    labels = np.arange(6) % 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Dataset("own", x, labels, x, labels)
    assert all(warning.filename == __file__ for warning in caught)
    remedies = ["np.moveaxis(x_train, 1, -1)" in str(w.message) for w in caught]
    assert remedies == [True] * suspect


def test_labels_take_one_form():
    reference = Dataset("own", **arrays())
    for form in (
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(np.float32),
        lambda y: y[:, np.newaxis],
        list,
    ):
        data = Dataset("own", **arrays(y_train=form(np.arange(8) % 3)))
        assert data.y_train.dtype == np.int64
        assert data.sha256 == reference.sha256


def test_arrays_are_read_only_and_the_callers_stay_as_they_were():
    given = arrays()
    data = Dataset("own", **given)
    for key, array in given.items():
        with pytest.raises(ValueError, match="read-only"):
            getattr(data, key)[0] = 0
        assert array.flags.writeable


def test_sha256_depends_on_arrays_only():
    data = Dataset("own", **arrays())
    assert data.sha256 == Dataset("other", **arrays()).sha256
    assert len(data.sha256) == 64
    for key, array in arrays().items():
        altered = array.copy()
        altered[0] = altered[1]
        assert Dataset("own", **arrays(**{key: altered})).sha256 != data.sha256


with_nan = np.ones((8, 5, 4))
with_nan[1, 2] = np.nan
with_nan[3, 0, 0] = np.inf


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x_train": np.zeros(8)}, r"x_train: .* got \(8,\); reshape"),
        ({"x_train": np.zeros((8, 20))}, "x_test: .* 1 x 1 x 20 .* got 5 x 4 x 1"),
        (
            {"x_train": np.full((8, 5, 4), 1e300)},
            r"x_train: .* from -1e38 to 1e38.* got 1e\+300 to 1e\+300; divide",
        ),
        ({"x_train": np.zeros((8, 6, 4))}, "x_test: .* 6 x 4 x 1 .* got 5 x 4 x 1"),
        ({"x_test": np.zeros((4, 5, 4, 3))}, "x_test: .* 5 x 4 x 1 .* got 5 x 4 x 3"),
        ({"x_train": with_nan}, "x_train: .* 5 of 160 are NaN or infinite"),
        ({"x_train": np.zeros((8, 5, 4), complex)}, "x_train: .* complex128"),
        (
            {"x_train": np.full((8, 5, 4), None)},
            "x_train: .* real numbers, got .*objec",
        ),
        (
            {"x_train": np.ma.masked_less(np.arange(160.0).reshape(8, 5, 4), 3)},
            "x_train: 3 of 160 values are masked; fill",
        ),
        ({"x_train": [[[1, 2]], [[1]]]}, "x_train: expected one array, got unequal"),
        ({"x_test": np.zeros((0, 5, 4))}, "x_test: .* empty array"),
        ({"x_test": np.zeros((4, 0, 4))}, "x_test: .* empty array"),
        ({"y_train": np.arange(7) % 3}, "y_train: .* 8 images in x_train, got 7 lab"),
        ({"y_test": np.arange(5) % 3}, "y_test: .* 4 images in x_test, got 5 labels"),
        ({"y_train": np.eye(8)}, r"y_train: .* got \(8, 8\); .* argmax"),
        (
            {"y_train": np.arange(8) - 1},
            "y_train: .* got -1; number .*from_arrays",
        ),
        ({"y_train": np.arange(8) / 2}, "y_train: .* got 0.5, 1.5, 2.5, 3.5; number"),
        ({"y_train": np.full(8, np.nan)}, "y_train: .* got nan; number"),
        (
            {"y_train": np.arange(8) - 8},
            "y_train: .* got -8, -7, -6, -5, -4 and 3 more",
        ),
        ({"y_train": list("abcdefgh")}, "y_train: .* real numbers, got type <U1"),
        ({"y_test": [0, 1, 2, 3]}, "y_test: .* got also 3; leave them out"),
        ({"y_train": [0, 1] * 4, "y_test": [0, 3, 1, 2]}, "y_test: .* also 2, 3;"),
        (
            {"y_train": [0, 1, 2, 4] * 2},
            r"y_train: .* 4 makes 5 classes, but only 4 .* \(3 does not\).*"
            r"from_arrays\(x_train, y_train, x_test, y_test\), which counts",
        ),
        (
            {"y_train": [10**6, *range(7)]},
            "y_train: .* makes 1000001 classes, but only 8 of them occur",
        ),
    ],
)
def test_bad_arrays(changes, match):
    with pytest.raises(ValidationError, match=rf"Dataset\.{match}"):
        Dataset("own", **arrays(**changes))


@pytest.mark.parametrize("wrong", [None, 3, np.zeros(3), ["mnist"], b"mnist"])
def test_what_is_no_name(wrong):
    match = rf"mnist, .* \.npz file, got {type(wrong).__name__}; .*from_arrays"
    with pytest.raises(ValidationError, match=match):
        datasets.load(wrong)
    with pytest.raises(
        ValidationError, match=r"Dataset\.name: .* before the arrays, got"
    ):
        Dataset(wrong, **arrays())


@pytest.mark.parametrize("function", [datasets.load, datasets.find])
def test_unknown_name(function):
    with pytest.raises(
        ValidationError,
        match=r"mnist, fashion_mnist, cifar10 or the path of an .npz .* 'mnits'.*"
        r"\(did you mean mnist\?\)",
    ):
        function("mnits")


def test_cached_npz_comes_first(keras_home):
    assert datasets.find("digits") == "built in"
    for name in ("mnist", "fashion_mnist", "cifar10"):
        assert datasets.find(name) is None
        path = keras_home / "datasets" / f"{name}.npz"
        np.savez(path, **arrays())
        assert datasets.find(name) == str(path)
        data = datasets.load(name)
        assert data.name == name
        assert data.image_shape == (5, 4, 1)


def test_default_cache_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = tmp_path / ".keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, **arrays())
    assert datasets.find("mnist") == str(path)


def test_keras_own_files_are_found(keras_home):
    folder = keras_home / "datasets" / "fashion-mnist"
    folder.mkdir()
    for half in ("train", "t10k"):
        assert datasets.find("fashion_mnist") is None
        for part in ("images-idx3", "labels-idx1"):
            (folder / f"{half}-{part}-ubyte.gz").touch()
    assert datasets.find("fashion_mnist") == str(folder)
    archive = keras_home / "datasets" / "cifar-10-batches-py.tar.gz"
    archive.touch()
    assert datasets.find("cifar10") == str(archive)


def test_keras_downloads(keras_home, keras_loader, capsys):
    called = []

    def load_data(path="mnist.npz", cache_dir=None):
        print("Downloading")
        called.append(cache_dir)
        given = arrays()
        return tuple(
            (given[f"x_{part}"], given[f"y_{part}"]) for part in ("train", "test")
        )

    keras_loader(load_data)
    data = datasets.load("mnist")
    assert data.name == "mnist"
    assert data.sha256 == Dataset("own", **arrays()).sha256
    assert called == [str(keras_home)]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Downloading\n")


@pytest.mark.parametrize("failure", [Exception("URL fetch failure"), OSError("denied")])
def test_failed_download(keras_home, keras_loader, failure):
    def load_data():
        raise failure

    keras_loader(load_data)
    with pytest.raises(
        ValidationError,
        match=rf"mnist is not in '{keras_home}.*\({failure}\)\. Offline\? Put mnist",
    ):
        datasets.load("mnist")


def test_interrupted_download(keras_home, keras_loader):
    def load_data():
        raise KeyboardInterrupt("stop")

    keras_loader(load_data)
    with pytest.raises(KeyboardInterrupt, match="stop"):
        datasets.load("mnist")


def test_files_cached_by_keras_itself(keras_home):
    fashion_mnist = pytest.importorskip("tf_keras.datasets.fashion_mnist")
    if "cache_dir" not in inspect.signature(fashion_mnist.load_data).parameters:
        pytest.skip("this tf_keras cannot be told where its files are")
    folder = keras_home / "datasets" / "fashion-mnist"
    folder.mkdir()
    labels = np.arange(6, dtype=np.uint8) % 3
    images = np.arange(6 * 28 * 28).astype(np.uint8).reshape(6, 28, 28)
    for half in ("train", "t10k"):
        for part, header, values in (
            ("images-idx3", struct.pack(">4i", 2051, 6, 28, 28), images),
            ("labels-idx1", struct.pack(">2i", 2049, 6), labels),
        ):
            with gzip.open(folder / f"{half}-{part}-ubyte.gz", "wb") as file:
                file.write(header + values.tobytes())
    data = datasets.load("fashion_mnist")
    np.testing.assert_array_equal(data.x_test[..., 0], images)
    np.testing.assert_array_equal(data.y_train, labels)


def test_import_is_light():
    code = (
        "import sys; from nengo_softlif import datasets, files, preprocessing;"
        "print({'tensorflow', 'tf_keras', 'keras', 'sklearn'} & set(sys.modules))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True).stdout == "set()\n"


# -- frames ----------------------------------------------------------------------------


def frames(**changes):
    """Eight training and four test examples of three frames of 5 x 4 x 2."""
    rng = np.random.RandomState(1)
    shown = {
        "x_train": rng.poisson(1.0, (8, 3, 5, 4, 2)),
        "x_test": rng.poisson(1.0, (4, 3, 5, 4, 2)),
    }
    return arrays(**{**shown, **changes})


def test_frames():
    given = frames()
    data = Dataset("own", **given)
    assert data.n_frames == 3
    assert data.image_shape == (5, 4, 2)
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    assert not data.x_train.flags.writeable
    np.testing.assert_array_equal(data.x_train, given["x_train"])
    assert repr(data) == (
        "Dataset('own', 8 training and 4 test examples of 3 frames of 5 x 4 x 2, "
        "3 classes)"
    )
    assert Dataset("own", **arrays()).n_frames is None


@pytest.mark.parametrize(
    ("low", "high", "given", "dtype"),
    [
        (0, 255, np.int64, np.uint8),
        (0, 256, np.int16, np.uint16),
        (-1, 127, np.int64, np.int8),
        (-1, 200, np.int64, np.int16),
        (0, 1, bool, bool),
        (0, 1, np.float32, np.float32),
        (0, 7, ">u4", np.uint8),
    ],
)
def test_whole_numbers_in_frames_get_small_types(low, high, given, dtype):
    x = np.zeros((8, 3, 5, 4, 2), given)
    x[0, 0, 0, 0], x[-1, 1, 1, 1] = low, high
    data = Dataset("own", **frames(x_train=x))
    assert data.x_train.dtype == dtype
    np.testing.assert_array_equal(data.x_train, x)


def test_equal_frames_have_one_checksum():
    small = {key: array.astype(np.int8) for key, array in frames().items()}
    assert Dataset("own", **frames()).sha256 == Dataset("own", **small).sha256


def test_frames_from_a_file(tmp_path):
    path = tmp_path / "flows.npz"
    np.savez_compressed(path, **frames())
    data = datasets.load(path)
    assert data.n_frames == 3
    assert data.sha256 == Dataset("own", **frames()).sha256


def test_frames_are_summed_and_averaged():
    x_train = 50 * frames()["x_train"]
    data = Dataset("own", **frames(x_train=x_train, x_test=10 * frames()["x_test"]))
    summed, averaged = data.summed(), data.averaged()
    assert (summed.name, averaged.name) == ("own, summed", "own, averaged")
    assert summed.n_frames is averaged.n_frames is None
    assert (summed.x_train.dtype, summed.x_test.dtype) == (np.uint16, np.uint8)
    assert averaged.x_train.dtype == np.float32
    np.testing.assert_array_equal(summed.x_train, x_train.sum(axis=1))
    np.testing.assert_allclose(averaged.x_test, data.x_test.mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(summed.y_test, data.y_test)
    for did in ("summed", "averaged"):
        with pytest.raises(ValidationError, match=f"has no frames that could be {did}"):
            getattr(summed, did)()


def test_channels_that_come_first_in_frames_are_told():
    """As they do in tonic's frames."""
    x = np.random.RandomState(0).poisson(1.0, (8, 3, 2, 10, 12))
    with pytest.warns(NengoWarning, match=r"2 x 10 pixels.*moveaxis\(x_train, 2, -1\)"):
        Dataset("own", **frames(x_train=x, x_test=x[:4]))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"x_test": np.zeros((4, 2, 5, 4, 2))},
            "x_test: .* 3 x 5 x 4 x 2 as in x_train, got 2 x 5 x 4 x 2 .*n_steps",
        ),
        (
            {"x_test": np.zeros((4, 5, 4, 2))},
            "x_test: .* 3 x 5 x 4 x 2 .* got 5 x 4 x",
        ),
        ({"x_test": np.zeros((4, 3, 5, 4, 1))}, "x_test: .* got 3 x 5 x 4 x 1"),
        ({"x_train": np.zeros((8, 1, 3, 5, 4, 2))}, r"x_train: .* frames \(n, n_steps"),
        (
            {"x_train": np.full((8, 3, 5, 4, 2), np.nan)},
            "x_train: .* 960 of 960 are",
        ),
        ({"x_train": np.zeros((8, 0, 5, 4, 2))}, "x_train: .* empty array"),
    ],
)
def test_bad_frames(changes, match):
    with pytest.raises(ValidationError, match=rf"Dataset\.{match}"):
        Dataset("own", **frames(**changes))
