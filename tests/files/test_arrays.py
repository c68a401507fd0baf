import contextlib
import errno
import json
import os
import signal
import stat
import struct
import subprocess
import sys
from pathlib import Path

from nengo_softlif import Evaluation, datasets, files, load
from nengo_softlif.files import headers, paths
from nengo_softlif.files.arrays import FORMAT, VERSION

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nengo.exceptions import ValidationError
from safetensors.numpy import save_file

HEADER = {"network": "mnist", "epochs": 3, "history": [0.5, 0.25], "note": "τ = 5 ms"}
ARRAYS = {"w": np.arange(6.0).reshape(2, 3), "b": np.float32([1, 2])}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
arrays = hnp.arrays(
    st.sampled_from(["f8", ">f4", "f2", "i8", ">i2", "u1", "?", "c8"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    files.write(path, HEADER, ARRAYS, "model")
    return path


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), json_values), st.dictionaries(st.text(), arrays))
def test_round_trip(path, header, arrays):
    files.write(path, header, arrays, "model")
    read_header, read_arrays = files.read(path, "model")
    assert read_header == header
    assert read_arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read_arrays[name], array, strict=False)
        assert read_arrays[name].shape == array.shape
        assert read_arrays[name].dtype == array.dtype.newbyteorder("=")
        assert read_arrays[name].flags.writeable


def test_memory_layout_does_not_matter(path, saved):
    before = saved.read_bytes()
    fortran = {
        "b": np.float32([1, 0, 2, 0])[::2].astype(">f4"),
        "w": np.asfortranarray(ARRAYS["w"]),
    }
    files.write(path, HEADER, fortran, "model")
    assert path.read_bytes() == before
    assert files.sha256(fortran) == files.sha256(ARRAYS)


def test_same_content_gives_same_bytes_in_another_process(saved):
    code = (
        "import numpy as np; from nengo_softlif import files;"
        f"files.write('again', {HEADER!r},"
        "{'w': np.arange(6.0).reshape(2, 3), 'b': np.float32([1, 2])}, 'model')"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    env = {**os.environ, "PYTHONPATH": f"{os.getcwd()}{os.pathsep}{path}"}
    subprocess.run([sys.executable, "-c", code], cwd=saved.parent, check=True, env=env)
    assert (saved.parent / "again").read_bytes() == saved.read_bytes()


def test_checksum_covers_everything():
    w = ARRAYS["w"]
    different = [
        files.sha256({"w": w}),
        files.sha256({"w": w}, text="a"),
        files.sha256({"v": w}),
        files.sha256({"w": w.T}),
        files.sha256({"w": w.ravel()}),
        files.sha256({"w": w.astype(np.float32)}),
        files.sha256({"w": w + np.eye(2, 3)}),
        files.sha256({"w": w, "v": w}),
        files.sha256({}),
    ]
    assert len(set(different)) == len(different)


def test_every_altered_byte_is_noticed(saved):
    original = saved.read_bytes()
    good = files.read(saved, "model")
    for at in range(len(original)):
        altered = bytearray(original)
        altered[at] ^= 1
        saved.write_bytes(altered)
        with pytest.raises(ValidationError, match=r"another copy|file that .* saved"):
            files.read(saved, "model")
    saved.write_bytes(original)
    assert files.read(saved, "model")[0] == good[0]


def test_every_truncation_is_noticed(saved):
    original = saved.read_bytes()
    for length in range(len(original)):
        saved.write_bytes(original[:length])
        match = "truncated" if length > 64 else "truncated|not a safetensors file"
        with pytest.raises(ValidationError, match=match):
            files.read(saved, "model")
    saved.write_bytes(original + b"\0")
    with pytest.raises(ValidationError, match="truncated or damaged"):
        files.read(saved, "model")


def test_missing_file_and_folder(tmp_path, saved):
    with pytest.raises(ValidationError, match=r"nowhere' does not exist; check"):
        files.read(tmp_path / "nowhere", "model")
    with pytest.raises(ValidationError, match="is a folder; give the name of a file"):
        files.read(tmp_path, "model")
    with pytest.raises(ValidationError, match=r"cannot be opened \(Not a directory\)"):
        files.read(saved / "inside", "model")


READERS = """
import sys
from nengo_softlif import Evaluation, datasets, load
from nengo.exceptions import ValidationError
for read in (load, Evaluation.load, datasets.load):
    try:
        read(sys.argv[1])
    except ValidationError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    found = subprocess.run(
        [sys.executable, "-c", READERS, str(tmp_path / "pipe")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert found.stdout.count("is a device or a pipe") == 3


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no such device here")
@pytest.mark.parametrize("read", [load, Evaluation.load, datasets.load])
@pytest.mark.parametrize("linked", [False, True])
def test_devices_are_not_read(read, linked, tmp_path):
    """/dev/zero would never end; /dev/null is refused in the same way."""
    path = Path("/dev/null")
    if linked:
        path = tmp_path / "model.npz"
        path.symlink_to("/dev/null")
    with pytest.raises(ValidationError, match="is a device or a pipe"):
        read(path)


def test_a_file_larger_than_memory_is_not_read(saved, monkeypatch):
    monkeypatch.setattr(paths, "memory", lambda: 2 * saved.stat().st_size - 1)
    with pytest.raises(
        ValidationError, match=r"has 0\.0 GB .* use a machine with more"
    ):
        files.read(saved, "model")
    monkeypatch.setattr(paths, "memory", lambda: 2 * saved.stat().st_size)
    files.read(saved, "model")


def test_a_name_with_a_zero():
    with pytest.raises(ValidationError, match=r"is not the name of a file .*null"):
        files.read("model\0", "model")


@pytest.mark.parametrize("wrong", [None, 3, True])
def test_what_is_no_path(wrong, saved):
    content = files.read(saved, "model")
    for act in (load, Evaluation.load, lambda path: files.write(path, *content, "x")):
        with pytest.raises(ValidationError, match=f"path of a file, got {wrong}"):
            act(wrong)


def test_a_header_may_not_be_of_any_size(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr("nengo_softlif.files.arrays.LARGEST_HEADER", 100)
    with pytest.raises(ValidationError, match=r"header of at most 100 bytes, got \d+"):
        files.write(saved, HEADER, ARRAYS, "model")
    assert saved.read_bytes() == before
    with pytest.raises(ValidationError, match=r"its header would have \d+ bytes"):
        files.read(saved, "model")


def test_the_largest_header_is_read(path):
    header = {"history": {"loss": [1 / 3] * 400_000}}
    files.write(path, header, {}, "model")
    assert path.stat().st_size > 8_000_000
    assert files.read(path, "model")[0] == header


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"stopped": 1}, r"Expected `bool`, got `int` - at `\$\.stopped`"),
        ({"settings": None}, r"Expected `object`, got `null`"),
        ({"history": {"loss": ["a"]}}, r"Expected `float`, got `str`"),
        ({"history": {"loss": [10**400]}}, r"Number out of range"),
    ],
)
def test_headers_of_another_form(path, change, match):
    header = {"settings": {"epochs": 3}, "history": {"loss": [0.5, 3]}, "stopped": True}
    files.write(path, header, {}, "checkpoint", headers.CheckpointForm)
    assert files.read(path, "checkpoint", headers.CheckpointForm)[0] == header
    header |= {"odd": None, **change}
    before = path.read_bytes()
    with pytest.raises(ValidationError, match=f"expected the header of a .*{match}"):
        files.write(path, header, {}, "checkpoint", headers.CheckpointForm)
    assert path.read_bytes() == before
    files.write(path, header, {}, "checkpoint")
    with pytest.raises(ValidationError, match=rf"model\.safetensors', but .*{match}"):
        files.read(path, "checkpoint", headers.CheckpointForm)


@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4" + bytes(100), b"hello " * 20, struct.pack("<Q", 9) * 9]
)
def test_foreign_file(path, content):
    path.write_bytes(content)
    with pytest.raises(ValidationError, match="not a safetensors file"):
        files.read(path, "model")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign_safetensors_file(path, metadata):
    save_file(ARRAYS, path, metadata=metadata)
    with pytest.raises(ValidationError, match="safetensors file of something else"):
        files.read(path, "model")


@pytest.mark.parametrize(
    "record", ["", "[]", "null", "{}", '{"sha256": 1}', "[" * 9999]
)
def test_foreign_header_under_our_name(path, record):
    save_file(ARRAYS, path, metadata={FORMAT: record})
    with pytest.raises(ValidationError, match="altered or damaged"):
        files.read(path, "model")


@pytest.mark.parametrize("name", [b"BF16", b"F8_E4M3", b"F8_E5M2"])
def test_types_numpy_does_not_have(path, name):
    dtype = np.uint16 if name == b"BF16" else np.uint8
    files.write(path, {}, {"w": np.zeros(2, dtype)}, "model")
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header, data = path.read_bytes()[8:][:length], path.read_bytes()[8 + length :]
    header = header.rstrip().replace(b'"U16"', b'"U8"').replace(b"U8", name)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    with pytest.raises(ValidationError, match=r"truncated or damaged|was altered"):
        files.read(path, "model")


def test_another_kind(saved):
    with pytest.raises(
        ValidationError, match=r"expected a checkpoint .* holds a model; give the file"
    ):
        files.read(saved, "checkpoint")


def test_newer_version(saved, monkeypatch):
    monkeypatch.setattr("nengo_softlif.files.arrays.VERSION", VERSION + 1)
    files.write(saved, HEADER, ARRAYS, "model")
    monkeypatch.undo()
    with pytest.raises(ValidationError, match=r"format version 2, .* up to 1; upgrade"):
        files.read(saved, "model")


def test_reading_runs_no_code(path):
    class Trap:
        def __reduce__(self):
            return (os._exit, (1,))

    with pytest.raises(ValidationError, match="'w' is of type object"):
        files.write(path, {}, {"w": np.array([Trap()])}, "model")
    assert not path.exists()


@pytest.mark.parametrize(
    ("header", "arrays", "match"),
    [
        ({"w": np.zeros(2)}, {}, "header that JSON can hold.*turn arrays into lists"),
        ({"a": {1, 2}}, {}, "header that JSON can hold"),
        ({}, {"w": ["a"]}, "'w' is of type <U1"),
        ({}, {"w": np.zeros(2, complex)}, "'w' is of type complex128"),
        ({}, {"__metadata__": np.zeros(2)}, "name '__metadata__'"),
        ({}, {1: np.zeros(2)}, "name 1; choose another string"),
    ],
)
def test_content_that_cannot_be_stored(saved, header, arrays, match):
    before = saved.read_bytes()
    with pytest.raises(ValidationError, match=match):
        files.write(saved, header, arrays, "model")
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("failure", "expected", "match"),
    [
        (OSError(errno.ENOSPC, "No space left"), OSError, "No space left.*free some"),
        (PermissionError(errno.EACCES, "Denied"), PermissionError, "Denied.*you may"),
        (OSError(errno.EIO, "I/O error"), OSError, "I/O error.*another place"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
)
def test_failed_write_leaves_the_old_file(
    saved, monkeypatch, step, failure, expected, match
):
    def fail(*args):
        raise failure

    before = saved.read_bytes()
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(expected, match=match) as caught:
        files.write(saved, HEADER, {"w": np.zeros(9)}, "model")
    if isinstance(failure, OSError):
        assert caught.value.errno == failure.errno
        assert caught.value.filename == str(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


@contextlib.contextmanager
def saving_in_another_process(path):
    """A process in the middle of a save: all is written, until it hears from us."""
    code = (
        "import os; from nengo_softlif import files\n"
        "fsync = os.fsync\n"
        "def wait(file): print('written', flush=True); input(); fsync(file)\n"
        "os.fsync = wait\n"
        f"files.replace({str(path)!r}, b'theirs')"
    )
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **streams) as process:
        assert process.stdout.readline() == "written\n"
        yield process


def test_what_a_killed_save_left_goes_at_the_next(saved):
    before = saved.read_bytes()
    for _ in range(2):
        with saving_in_another_process(saved) as process:
            process.send_signal(signal.SIGKILL)
        assert saved.read_bytes() == before
        assert len(os.listdir(saved.parent)) == 2
    other = saved.with_name("other")
    files.replace(other, b"")
    assert len(os.listdir(saved.parent)) == 3
    files.write(saved, HEADER, ARRAYS, "model")
    assert sorted(os.listdir(saved.parent)) == [saved.name, other.name]


def test_a_save_that_goes_on_elsewhere_is_left_alone(saved):
    with saving_in_another_process(saved) as process:
        for _ in range(3):
            files.replace(saved, b"ours")
        assert saved.read_text() == "ours"
        assert len(os.listdir(saved.parent)) == 2
        process.communicate("\n")
    assert process.returncode == 0
    assert saved.read_text() == "theirs"
    assert os.listdir(saved.parent) == [saved.name]


def test_home_is_where_the_user_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    files.write("~/a model", HEADER, ARRAYS, "model")
    assert os.listdir(tmp_path) == ["a model"]
    assert files.read("~/a model", "model")[0] == HEADER
    for use in (
        lambda path: files.write(path, HEADER, ARRAYS, "model"),
        lambda path: files.read(path, "model"),
    ):
        with pytest.raises(ValidationError, match="home folder of somebody unknown"):
            use("~nosuch/a model")


def test_unwritable_targets(tmp_path, saved):
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        files.replace(tmp_path / "nowhere" / "x.json", b"{}")
    with pytest.raises(NotADirectoryError, match="part of this path is a file"):
        files.replace(saved / "x.json", b"{}")
    with pytest.raises(IsADirectoryError, match="this is a folder"):
        files.replace(tmp_path, b"{}")
    assert os.listdir(tmp_path) == [saved.name]


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="this system has no /dev/full"
)
def test_devices_are_written_to_and_not_replaced():
    with pytest.raises(OSError, match="free some space") as caught:
        files.replace("/dev/full", b"{}")
    assert caught.value.errno == errno.ENOSPC
    files.replace("/dev/null", b"{}")
    for device in ("/dev/full", "/dev/null"):
        assert stat.S_ISCHR(os.stat(device).st_mode)


def test_replace(tmp_path):
    path = tmp_path / "result.json"
    text = json.dumps(HEADER, ensure_ascii=False).encode()
    for _ in range(2):
        files.replace(str(path), text)
        assert path.read_bytes() == text
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_link_goes_on_pointing_to_its_file(tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    files.replace(target, b"old")
    link.symlink_to(target)
    files.replace(link, b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_others_may_read_the_file_if_the_umask_says_so(tmp_path):
    old = os.umask(0o022)
    try:
        files.replace(tmp_path / "x", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644
