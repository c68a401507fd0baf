"""Data sets in files: read as they are, or refused before they take memory."""

import math
import os
import zipfile
import zlib

from nengo_softlif import datasets
from nengo_softlif.datasets import Dataset
from nengo_softlif.files import data_sets, paths

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from sample_data import arrays


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    path = tmp_path / "shapes.npz"
    save(path, **arrays(), extra=np.zeros(3))
    for spelling in (path, str(path)):
        data = datasets.load(spelling)
        assert data.name == "shapes"
        assert data.sha256 == Dataset("own", **arrays()).sha256


def test_npz_without_labels(tmp_path):
    path = tmp_path / "shapes.npz"
    np.savez(path, x_train=np.zeros((8, 5, 4)), x_test=np.zeros((4, 5, 4)))
    with pytest.raises(
        ValidationError,
        match=r"Dataset\.y_train: .* y_train, y_test are missing; found x_t",
    ):
        datasets.load(path)


def test_npz_with_pickled_objects(tmp_path):
    path = tmp_path / "shapes.npz"
    np.savez(path, **arrays(y_train=np.array([print] * 8)))
    with pytest.raises(ValidationError, match=r"cannot read .* plain numeric arrays"):
        datasets.load(path)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("key", ["x_train", "y_test", "other"])
def test_pickled_objects_are_not_made(key, tmp_path):
    path, trapped = tmp_path / "shapes.npz", tmp_path / "trapped"
    content = arrays()
    content[key] = np.array([Trap(trapped)] * 8)
    np.savez(path, **content)
    if key == "other":  # and other arrays are not even looked at
        datasets.load(path)
    else:
        with pytest.raises(ValidationError, match=f"{key} is of type object"):
            datasets.load(path)
    assert not trapped.exists()


def npz_with_header(path, key, descr, shape, content=b""):
    """A file of which one array has another header than it should."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    np.savez(path, **{k: v for k, v in arrays().items() if k != key})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{key}.npy", start + content)


@pytest.mark.parametrize(
    ("descr", "shape", "match"),
    [
        ("'<f8'", "(8, 5, 4)", r"x_train .* would take 1280 bytes, and .* has 160 for"),
        ("'|u1'", "(8, -5, -4)", "x_train of shape"),
        ("'|u1'", "(8, 5)", "x_train of shape"),
        ("'|u1'", f"(8, {10**30})", "x_train of shape"),
        ("'|O'", "(8, 5, 4)", "x_train is of type object"),
        ("'<U9999999'", "(8, 5, 4)", "x_train is of type"),
        ("[('a', 'u1')]", "(8, 5, 4)", "x_train is of type"),
        ("'<M8[s]'", "(8, 5, 4)", "x_train is of type datetime64"),
        ("(" * 3000 + ")" * 3000, "(8, 5, 4)", "cannot read"),
        ("__import__('os').mkdir('trapped')", "(8, 5, 4)", "cannot read"),
    ],
)
def test_headers_of_arrays_are_looked_at_first(descr, shape, match, tmp_path):
    path = tmp_path / "shapes.npz"
    npz_with_header(path, "x_train", descr, shape, bytes(160))
    with pytest.raises(ValidationError, match=match):
        datasets.load(path)


def test_labels_are_counted_before_images_are_unpacked(tmp_path):
    """The images are damaged, which is not found because they are not read."""
    path = tmp_path / "shapes.npz"
    x = np.zeros((8, 50, 60), np.uint8)
    np.savez(path, **arrays(x_train=x, y_train=np.arange(7) % 3, x_test=x[:4]))
    content = bytearray(path.read_bytes())
    content[9000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValidationError, match=r"each of the 8 images .*, got 7 labels"):
        datasets.load(path)


def add_zeros(archive, key, shape):
    """Add zeros, packed, in no time."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    stream, size = zlib.compressobj(9, zlib.DEFLATED, -15), 10**6
    content = stream.compress(start) + stream.flush(zlib.Z_FULL_FLUSH)
    block = stream.compress(bytes(size)) + stream.flush(zlib.Z_FULL_FLUSH)
    content += block * (math.prod(shape) // size) + stream.flush()
    archive.writestr(f"{key}.npy", content)
    # what was stored is what deflate would have made
    info = archive.getinfo(f"{key}.npy")
    info.compress_type = zipfile.ZIP_DEFLATED
    info.file_size = len(start) + math.prod(shape)


def test_what_swells_a_thousand_times_is_not_unpacked(tmp_path, monkeypatch):
    """A file of 4 MB that unpacks to 4 GB."""
    monkeypatch.setattr(paths, "memory", lambda: 64e9)
    path, n = tmp_path / "bomb.npz", 10**6
    shapes = {"x_train": (n, 4000, 1), "x_test": (n, 1, 1)}
    with zipfile.ZipFile(path, "w") as archive:
        for key in arrays():
            add_zeros(archive, key, shapes.get(key, (n,)))
    assert path.stat().st_size < 5e6
    with pytest.raises(ValidationError, match=r"take 4\.\d+ GB of memory, .* MB, as"):
        datasets.load(path)
    with zipfile.ZipFile(path) as archive, archive.open("x_train.npy") as file:
        assert file.read(3 * 10**6).count(b"\0") > 2.9e6


@pytest.mark.parametrize("shape", [(60_000_000, 1, 1), (1, 1, 20_000_000)])
def test_checks_of_odd_shapes_take_memory_too(shape, tmp_path):
    """Few bytes to read, but labels become int64, and single images float64."""
    path = tmp_path / "odd.npz"
    x, y = np.zeros(shape, np.uint8), np.zeros(shape[0], np.uint8)
    np.savez_compressed(path, x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    with pytest.raises(
        ValidationError, match=r"1\.\d+ GB of memory, unpacked from 0\."
    ):
        datasets.load(path)


def test_what_does_not_fit_memory_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "shapes.npz"
    np.savez(path, **arrays())
    needed = sum(array.nbytes for array in arrays().values()) + 20 * 8 + 75 * 5 * 4
    monkeypatch.setattr(paths, "memory", lambda: 2 * needed - 1)
    monkeypatch.setattr(data_sets, "irregular", lambda path: None)
    with pytest.raises(ValidationError, match="of which half is left for the work"):
        datasets.load(path)
    monkeypatch.setattr(paths, "memory", lambda: 2 * needed)
    datasets.load(path)


def test_damaged_npz(tmp_path):
    path = tmp_path / "shapes.npz"
    np.savez_compressed(path, **arrays())
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(ValidationError, match="something else or was cut off"):
        datasets.load(path)
    path.write_bytes(content[:150] + b"\xff" + content[151:])
    with pytest.raises(ValidationError, match=r"cannot read .* delete it and get it"):
        datasets.load(path)


def test_not_an_npz(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.zeros(3))
    for wrong, reason in ((path, "something else"), (tmp_path, "a folder")):
        with pytest.raises(ValidationError, match=rf"an .npz file, .* is {reason}"):
            datasets.load(wrong)
    with pytest.raises(ValidationError, match=r"at .*nowhere.npz', found no file"):
        datasets.load(tmp_path / "nowhere.npz")
