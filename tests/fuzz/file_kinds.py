"""Kinds of files that are damaged: each makes one, reads it, and says what is wrong."""

import copy
import json
import math
import warnings
import zipfile
from pathlib import Path

from nengo_softlif import Evaluation, Model, datasets, files, load, networks
from nengo_softlif.files.arrays import FORMAT, VERSION
from nengo_softlif.noise import AlphaNoise, Dropout
from nengo_softlif.preprocessing import Preprocessing

import nengo
import numpy as np
from safetensors.numpy import save

from .blueprint_files import Blueprints
from .file_damage import Trap, altered, as_text, damaged, npy, npy_header, npy_start

DATA = Path(__file__).parents[1] / "data"

TYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8"]


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
            networks.lenet((4, 4, 1), 2),
            own(),
        ):
            if model.input.size_out == 32:
                model.history = {"loss": [0.5, 0.25], "error_percent": [3, 1]}
                model.preprocessing = Preprocessing((6, 6, 2), [0.5, 1], 2.0, 4)
                model.crop, model.flip, model.scale = (4, 4), True, 3.0
            model.save(self.path)
            header, arrays = files.read(self.path, "model")
            # and as earlier versions did, which only named networks
            for base in ((header, arrays), without_blueprint(header, arrays)):
                self.header, self.arrays = base
                self.own = is_own(self.header)
                self.bases.append(base)
                files.write(self.path, *base, "model")
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
        self.own = isinstance(self.header, dict) and is_own(self.header)
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
            if "noise" in arguments:
                header["source"]["function"] = rng.choice(["mnist", "cifar10"])
                arguments["paper"] = False
            else:
                header["source"]["function"] = rng.choice(["vgg9", "resnet11"])
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


def without_blueprint(header, arrays):
    """What an earlier version would have written."""
    header = {name: value for name, value in header.items() if name != "blueprint"}
    return header, {n: a for n, a in arrays.items() if not n.startswith("blueprint/")}


def is_own(header):
    """Whether a file holds the weights of a network only."""
    return header.get("source") is None and header.get("blueprint") is None


def own():
    """A small network that no function of the package made."""
    with nengo.Network(seed=0) as network:
        image = nengo.Node(np.zeros(4))
        layer = nengo.Ensemble(3, 1, gain=np.ones(3), bias=np.ones(3))
        nengo.Connection(image, layer.neurons, transform=np.ones((3, 4)), synapse=None)
        readout = nengo.Node(size_in=2)
        nengo.Connection(layer.neurons, readout, transform=np.ones((2, 3)))
        answer = nengo.Probe(readout)
    return Model(network, image, answer)


def difference(model, header, arrays):
    """Say how a model differs from what a file holds."""
    network, found = model.network, {}
    for i, ensemble in enumerate(network.all_ensembles):
        for name in ("gain", "bias", "encoders"):
            found[f"ensembles/{i}/{name}"] = getattr(ensemble, name)
    for i, connection in enumerate(network.all_connections):
        if not connection.has_weights:
            continue
        weights = connection.transform.init
        if isinstance(weights, nengo.transforms.SparseMatrix):
            weights = weights.data
        found[f"connections/{i}/weights"] = weights
    parts = dict.fromkeys(("scale", "crop", "flip", "history"))
    found["parts"] = {name: getattr(model, name) for name in parts}
    expected = {"parts": {name: header[name] for name in parts}}
    others = "preprocessing/", "blueprint/"
    expected |= {n: a for n, a in arrays.items() if not n.startswith(others)}
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


KINDS = {
    "models": (Models, 1),
    "headers": (Headers, 5),
    "blueprints": (Blueprints, 1),
    "data": (DataSets, 10),
    "archives": (Archives, 10),
    "records": (Records, 5),
}
"""What there is, and how many fewer there are of it."""
