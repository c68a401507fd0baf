"""Damaged and hostile files: each is refused with a sentence, or read as what it says.

    python -m tests.fuzz.files --n 10000

Every file is made from its kind, the seed and its number alone. One that fails is
named by them; ``--kind KIND --seed SEED --first NUMBER --n 1`` makes it again. What
reading takes beyond 1 GB, or does beside reading, counts as failure.
"""

import argparse
import copy
import io
import json
import math
import os
import random
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

from nengo_softlif import Evaluation, datasets, files, load, networks
from nengo_softlif.files.arrays import FORMAT, VERSION
from nengo_softlif.noise import AlphaNoise, Dropout
from nengo_softlif.preprocessing import Preprocessing

import nengo
import numpy as np
from nengo.exceptions import NengoException
from safetensors.numpy import save

ROOM = 10**9
"""Bytes that reading may take beyond what is there before."""

DATA = Path(__file__).parents[1] / "data"

DEEP = "\x00deep"
"""Stands for lists within lists, which no JSON writer writes."""

ODD_VALUES = [
    *(None, True, False, 0, -1, 1, 2, 4, 8, 3.5, 0.0, -2.5, float("nan"), float("inf")),
    *(1e308, 10**6, 10**9, 2**31, 2**32, 2**63, 2**64, 10**400, -(10**400)),
    *("", "a", "\ud800", "small", "mnist", "cifar10", "load", "__import__", "x" * 9999),
    *([], {}, [[]], [1] * 999, [1, 2], [4, 4, 2], [4, 4, 2.0], [1e9, 1, 1], [True] * 3),
    *([10**5, 10**5, 3], [10**9, 10**9, 10**9], [0, 4, 4], [-4, -4, 2], ["4", 4, 2]),
    *({"type": "GaussianNoise"}, {"type": "GaussianNoise", "std": 5.0}, {"type": None}),
    {"type": "GaussianNoise", "std": float("nan")},
    {"type": "Dropout", "rate": 0.5, "noise": {"type": "AlphaNoise", "tau_s": 1}},
    {"type": "Dropout", "rate": 2, "noise": None},
    {"type": "Dropout", "rate": 0.5, "noise": {"type": "Dropout", "rate": 0.5}},
    {"type": "AlphaNoise", "tau_s": 0.003, "odd": 1},
    {"function": "mnist", "arguments": {}},
    DEEP,
]

TYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8"]


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        """Do so."""
        return os.mkdir, ("trapped",)


# -- damage to bytes, and to what JSON holds -------------------------------------------


def damaged(content, rng):
    """Bytes with a few changes, more of them at the beginning, where headers are."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        size = len(content)
        at = rng.randrange(rng.choice([16, 3000, size, size]) % size + 1)
        length = rng.choice([1, 2, 8, 64, 4096])
        piece = content[at : at + length]
        other = rng.randrange(size)
        match rng.randrange(8):
            case 0 | 1:
                content[at % size] ^= 1 << rng.randrange(8)
            case 2:
                del content[rng.choice([at, size - length]) :]
            case 3:
                content[at:at] = rng.choice([rng.randbytes(length), bytes(length)])
            case 4:
                content[at : at + length] = rng.randbytes(len(piece))
            case 5:
                del content[at : at + length]
            case 6:
                content[at : at + length] = content[other : other + length]
                content[other : other + length] = piece
            case 7:
                content += rng.choice([rng.randbytes(length), content[-length:]])
        if not content:
            break
    return bytes(content)


def places(value):
    """All dicts and lists within a value, with each of their keys."""
    if isinstance(value, (dict, list)):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in list(keys):
            yield value, key
            yield from places(value[key])


def altered(record, rng):
    """Alter what JSON holds, in one to three places."""
    record = copy.deepcopy(record)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        # a key first, so that long lists are not altered more often than others
        parents = [p for p in places(record) if isinstance(p[0], dict)]
        if not parents:
            break
        parent, key = rng.choice(parents)
        while isinstance(parent[key], list) and parent[key] and rng.random() < 0.6:
            parent, key = parent[key], rng.randrange(len(parent[key]))
        value = parent[key]
        match rng.randrange(6):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[rng.choice(["odd", "training", "\ud800"])] = parent[key]
            case 2 if isinstance(value, list):
                parent[key] = value + value[-1:] if rng.random() < 0.5 else value[:-1]
            case 3 if isinstance(value, (int, float)):
                parent[key] = value * rng.choice([-1, 2, 1000, 10**9])
            case _:
                parent[key] = copy.deepcopy(rng.choice(ODD_VALUES))
    return record


def as_text(record, rng):
    """JSON with deep lists where they are wanted."""
    depth = rng.choice([100, 900, 3000, 10**5])
    return json.dumps(record).replace(json.dumps(DEEP), "[" * depth + "]" * depth)


# -- models ----------------------------------------------------------------------------


class Models:
    """Model files, of which the bytes are damaged."""

    def __init__(self, folder):
        self.path = folder / "model.safetensors"
        self.original = (DATA / "small-model.safetensors").read_bytes()
        self.path.write_bytes(self.original)
        self.expected = files.read(self.path, "model")

    def make(self, rng):
        """Write a file."""
        same = rng.random() < 0.01
        content = self.original if same else damaged(self.original, rng)
        self.path.write_bytes(content)

    def check(self):
        """Read it; say what is wrong with what was read."""
        return difference(load(self.path), *self.expected)


class Headers:
    """Model files that are sound, but for what their headers and arrays say."""

    def __init__(self, folder):
        self.path = folder / "model.safetensors"
        self.bases = []
        noise = Dropout(0.1, AlphaNoise(0.003))
        for model in (
            networks.small((4, 4, 2), 3, noise),
            networks.small((1, 2, 1), 2),
            own(),
        ):
            if model.input.size_out == 32:
                model.history = {"loss": [0.5, 0.25], "error_percent": [3, 1]}
                model.preprocessing = Preprocessing((6, 6, 2), [0.5, 1], 2.0, 4)
                model.crop, model.flip, model.scale = (4, 4), True, 3.0
            model.save(self.path)
            self.header, self.arrays = files.read(self.path, "model")
            self.bases.append((self.header, self.arrays))
            self.own = self.header["source"] is None
            assert not self.check()

    def make(self, rng):
        """Write a file, with a checksum that fits wherever one can be taken."""
        self.own = False
        header, self.arrays = rng.choice(self.bases)
        self.arrays = dict(self.arrays)
        what = rng.randrange(8)
        record = {"version": VERSION, "kind": "model", "header": header}
        if what < 4:
            record["header"] = altered(header, rng)
        elif what == 4:
            record["header"] = self.other_sizes(header, rng)
        elif what == 5:
            record = altered(record, rng)
        else:
            self.alter_arrays(rng)
            if what == 7:
                record["header"] = altered(header, rng)
        text = as_text(record, rng)
        try:
            plain = json.loads(text)
            self.header = plain.get("header")
            plain["sha256"] = files.sha256(self.arrays, text=json.dumps(plain))
            text = json.dumps(plain)
        except (RecursionError, ValueError):  # too deep, or numbers too long
            self.header = None
        self.own = isinstance(self.header, dict) and self.header.get("source") is None
        self.path.write_bytes(save(self.arrays, metadata={FORMAT: text}))

    def other_sizes(self, header, rng):
        """Tell of other sizes, the same ones everywhere."""
        header = copy.deepcopy(header)
        if header["source"] is None:
            return altered(header, rng)
        arguments = header["source"]["arguments"]
        sides = [1, 2, 3, 4, 5, 6, 100, 20_000, 10**6, 10**18]
        shape = [rng.choice(sides) for _ in range(3)]
        if rng.random() < 0.3:
            shape = arguments["image_shape"]
        n_classes = rng.choice([arguments["n_classes"], 1, 7, 10**9, 10**18])
        arguments.update(image_shape=shape, n_classes=n_classes)
        header["sizes"] = [math.prod(shape), n_classes]
        if rng.random() < 0.3:
            header["source"]["function"] = rng.choice(["mnist", "cifar10"])
            arguments["paper"] = False
        return header

    def alter_arrays(self, rng):
        """Give some arrays other types, shapes, values or names."""
        for _ in range(rng.choice([1, 1, 3])):
            name = rng.choice(sorted(self.arrays))
            array = self.arrays.pop(name)
            match rng.randrange(9):
                case 0 | 1:
                    with np.errstate(all="ignore"):
                        array = array.astype(rng.choice(TYPES))
                case 2:
                    array = array.reshape(rng.choice([(-1,), (1, -1), (-1, 1, 1)]))
                case 3:
                    array = np.ascontiguousarray(array.T)
                case 4:
                    array = np.resize(array, rng.choice([(), (0,), (1,), (7, 3)]))
                case 5:
                    bad = [np.nan, np.inf, -np.inf, 1e308, -0.0, 1e-310]
                    array = array.astype(float)
                    array.flat[: rng.choice([1, 9**9])] = rng.choice(bad)
                case 6:
                    name = rng.choice([f"{name}x", "odd", "preprocessing/mean", "\n"])
                case 7:
                    continue
                case 8:
                    self.arrays[f"{name}/more"] = array
            self.arrays[name] = array

    def check(self):
        """Read it; say what is wrong with what was read."""
        network = own().network if self.own else None
        return difference(load(self.path, network), self.header, self.arrays)


def own():
    """A small network that no function of the package made."""
    with nengo.Network(seed=0) as network:
        image = nengo.Node(np.zeros(4))
        layer = nengo.Ensemble(3, 1, gain=np.ones(3), bias=np.ones(3))
        nengo.Connection(image, layer.neurons, transform=np.ones((3, 4)), synapse=None)
        readout = nengo.Node(size_in=2)
        nengo.Connection(layer.neurons, readout, transform=np.ones((2, 3)))
        answer = nengo.Probe(readout)
    return networks.Model(network, image, answer)


def difference(model, header, arrays):
    """Say how a model differs from what a file holds."""
    network, found = model.network, {}
    for i, ensemble in enumerate(network.all_ensembles):
        for name in ("gain", "bias", "encoders"):
            found[f"ensembles/{i}/{name}"] = getattr(ensemble, name)
    for i, connection in enumerate(network.all_connections):
        weights = connection.transform.init
        if isinstance(weights, nengo.transforms.SparseMatrix):
            weights = weights.data
        found[f"connections/{i}/weights"] = weights
    parts = dict.fromkeys(("scale", "crop", "flip", "history"))
    found["parts"] = {name: getattr(model, name) for name in parts}
    expected = {"parts": {name: header[name] for name in parts}}
    expected |= {n: a for n, a in arrays.items() if not n.startswith("preprocessing/")}
    if header["preprocessing"] is not None:
        found["preprocessing"] = model.preprocessing.header()
        found["mean"] = model.preprocessing.mean
        expected["mean"] = np.float32(arrays["preprocessing/mean"])
        expected["preprocessing"] = {
            name: header["preprocessing"][name] for name in found["preprocessing"]
        }
    for name, value in expected.items():
        if isinstance(value, dict):
            same = _numbers(found[name]) == _numbers(value)
        else:
            same = np.array_equal(found[name], value)
        if not same:
            return f"another {name} was read: {found[name]!r:.99} from {value!r:.99}"
    return None


def _numbers(value):
    """Make lists of tuples, and floats of whole numbers."""
    return json.loads(json.dumps(value), parse_int=float)


# -- data sets -------------------------------------------------------------------------


def images():
    """A small data set."""
    rng = np.random.RandomState(0)
    return {
        "x_train": rng.randint(256, size=(12, 3, 4)).astype(np.uint8),
        "y_train": np.arange(12) % 3,
        "x_test": rng.randint(256, size=(6, 3, 4)).astype(np.uint8),
        "y_test": np.arange(6) % 3,
    }


class DataSets:
    """Data sets, of which the bytes are damaged."""

    def __init__(self, folder):
        self.path = folder / "data.npz"
        self.originals = []
        for write in (np.savez, np.savez_compressed):
            write(self.path, **images())
            self.originals.append(self.path.read_bytes())
        self.expected = images()

    def make(self, rng):
        """Write a file."""
        self.path.write_bytes(damaged(rng.choice(self.originals), rng))

    def check(self):
        """Read it; say what is wrong with what was read."""
        data = datasets.load(self.path)
        for name, array in self.expected.items():
            if not np.array_equal(getattr(data, name).ravel(), np.ravel(array)):
                return f"another {name} was read"
        return None


class Archives(DataSets):
    """Zip files that are sound, but for what their headers say."""

    def make(self, rng):
        """Write a file."""
        arrays, chosen = images(), rng.choice(list(images()))
        entries = {name: npy(array) for name, array in arrays.items()}
        self.expected, lie, way = dict(arrays), None, zipfile.ZIP_DEFLATED
        array = arrays[chosen]
        match rng.randrange(9):
            case 0 | 1:
                entries[chosen] = npy_header(array, rng) + array.tobytes()
                self.expected = {}
            case 2:
                dtype = rng.choice([*TYPES, ">f8", ">i4", "S3", "U2", "M8[s]", "i4,f8"])
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    array = array.astype(dtype)
                entries[chosen], self.expected = npy(array), {}
            case 3:
                shapes = [(), (0,), (12,), (6, 1), (2, 3, 4)]
                array = np.resize(array, rng.choice(shapes))
                entries[chosen], self.expected[chosen] = npy(array), array
            case 4:
                array = np.array([Trap()] * len(array))
                entries[chosen] = rng.choice([npy(array), npy(array)[128:]])
            case 5:
                lie = rng.choice([0, 1, 100, 2**31, 2**32 - 2, 2**40])
            case 6:
                ways = [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
                way = rng.choice(ways)
            case 7:
                del entries[chosen]
                entries[rng.choice(["odd", f"{chosen}x", f"a/{chosen}"])] = b""
            case 8:
                # zeros, most of them more than may be unpacked
                n = rng.choice([10**4, 10**8, 4 * 10**9, 10**12, 10**18])
                header = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 1, 1)}"
                start = npy_start((header % n).encode())
                chosen, lie = "x_train", len(start) + n
                entries[chosen], self.expected = start + bytes(10**4), {}
        with zipfile.ZipFile(self.path, "w", way) as archive:
            for name, content in entries.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    archive.writestr(f"{name}.npy", content)
            if lie is not None:
                archive.getinfo(f"{chosen}.npy").file_size = lie


def npy(array):
    """An array as NumPy writes it."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_start(header, version=b"\x01\x00"):
    """What comes before the numbers."""
    size = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + size + header


def npy_header(array, rng):
    """A header that is not that of the array."""
    n = rng.choice([0, 1, -1, 12, 10**6, 10**10, 2**63, 10**30])
    shapes = [f"({n},)", f"({n}, {n})", f"(12, {n}, 1)", "(True, 3, 4)", "12"]
    shape = rng.choice(shapes)
    descr = rng.choice([repr(array.dtype.str), "'|O'", "'<U99999999'", "'|V9'", "'x'"])
    order = rng.choice(["False", "True", "1"])
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"
    odd = [
        *("", "{", "(" * 5000 + ")" * 5000, "-" * 9000 + "1", "[" * 150, "'''", "\x00"),
        *(
            "__import__('os').mkdir('trapped')",
            "{1: 2}",
            header[:-9],
            header + " " * 70,
        ),
        *(header.replace("12", "12L"), "\xff" * 20, "9" * 9999),
    ]
    header = rng.choice([header, rng.choice(odd)]).encode("latin1")
    return npy_start(header, rng.choice([b"\x01\x00"] * 4 + [b"\x02\x00", b"\x03\x00"]))


# -- records ---------------------------------------------------------------------------


class Records:
    """Records of evaluations, of which the text or the values are damaged."""

    def __init__(self, folder):
        self.path = folder / "record.json"
        self.original = (DATA / "small-evaluation.json").read_bytes()
        self.record = json.loads(self.original)
        self.path.write_bytes(self.original)

    def make(self, rng):
        """Write a file."""
        if rng.random() < 0.3:
            content = damaged(self.original, rng)
        else:
            content = as_text(altered(self.record, rng), rng).encode()
        self.path.write_bytes(content)

    def check(self):
        """Read it; say what is wrong with what was read."""
        evaluation = Evaluation.load(self.path)
        str(evaluation)
        found, expected = (
            json.loads(evaluation.to_json()),
            json.loads(self.path.read_bytes()),
        )
        for name in found.keys() & expected.keys() - {"predictions_over_time"}:
            value = expected[name]
            if isinstance(found[name], dict):  # what it does not know is left out
                value = {key: value[key] for key in found[name]}
            if _numbers(found[name]) != _numbers(value):
                return f"another {name} was read"
        return None


# -- running ---------------------------------------------------------------------------

KINDS = {
    "models": (Models, 1),
    "headers": (Headers, 5),
    "data": (DataSets, 10),
    "archives": (Archives, 10),
    "records": (Records, 5),
}
"""What there is, and how many fewer there are of it."""


class Watch:
    """Notices what reading a file does beside reading."""

    ALLOWED = (
        "open",
        "object.",
        "compile",
        "os.scandir",
        "tempfile.",
        "gc.",
        "sys._",
        "builtins.id",
    )

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self._see)

    def _see(self, event, args):
        if not self.on:
            return
        writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or not event.startswith(self.ALLOWED):
            self.seen.append(f"{event} {args!r:.80}")


def limit_memory():
    """Set a limit to memory, where the system has one."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + ROOM
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def outcome(kind, watch):
    """Read a file: "refused", "equal", or what went wrong."""
    watch.seen.clear()
    watch.on = True
    try:
        wrong = kind.check()
    except NengoException as error:
        wrong, result = None if str(error) else "an error without words", "refused"
    except BaseException as error:
        wrong = f"{type(error).__name__}: {error}"
    else:
        result = "equal"
    finally:
        watch.on = False
    if watch.seen:
        wrong = f"it did {'; '.join(watch.seen[:3])}"
    return wrong or result


def run(name, n, seed, first, watch):
    """Make and read files of one kind; return whether all went well."""
    start, counts, n_shown = time.process_time(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        kind = KINDS[name][0](Path(folder))
        wrong = kind.check()  # of a sound file; imports what is imported late
        assert not wrong, wrong
        limit_memory()
        for i in range(first, first + n):
            kind.make(random.Random(f"{name} {seed} {i}"))
            found = outcome(kind, watch)
            if found not in ("refused", "equal"):
                n_shown += 1
                if n_shown <= 20:
                    print(f"{name}, seed {seed}, number {i}: {found!a:.300}")
                found = "wrong"
            counts[found] += 1
    seconds = time.process_time() - start
    print(
        f"{name}, seed {seed}: {n} files from number {first}: {counts['refused']} "
        f"refused, {counts['equal']} equal, {counts['wrong']} wrong; {seconds:.1f} s",
        flush=True,
    )
    return not counts["wrong"]


def main():
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000, help="models; fewer of others")
    parser.add_argument("--kind", choices=KINDS, help="only this kind, and N of it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    watch, good = Watch(), True
    for name in [given.kind] if given.kind else KINDS:
        n = given.n if given.kind else given.n // KINDS[name][1]
        good &= run(name, n, given.seed, given.first, watch)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
