"""Damage to bytes, to what JSON holds, and to headers of arrays."""

import copy
import io
import json
import os

import numpy as np

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


# -- arrays ---------------------------------------------------------------------------


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        """Do so."""
        return os.mkdir, ("trapped",)


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
