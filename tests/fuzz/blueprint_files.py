"""Files of models with a network in them, damaged in bytes, header or arrays."""

import copy
import json

from nengo_softlif import (
    Model,
    Preprocessing,
    SoftLIFRate,
    Stack,
    blueprints,
    files,
    load,
    to_loihi,
    to_spiking,
)
from nengo_softlif.blueprints import records
from nengo_softlif.files.arrays import FORMAT, VERSION

import msgspec
import nengo
import numpy as np
from safetensors.numpy import save

from .file_damage import altered, as_text, damaged, places

HUGE = 10**6, 10**9, 10**12, 2**31, 2**62, -1, 0
"""Sizes that are claimed, of neurons and all else."""


def two_branches():
    """A network of a stack, and beside it an ensemble that decodes."""
    with nengo.Network(seed=1, label="two branches") as network:
        stack = Stack((4, 4, 2), SoftLIFRate(tau_ref=0.003))
        stack.convolution(3)
        stack.average_pool(2)
        stack.local(2)
        output = stack.readout(3)
        pair = nengo.Ensemble(20, 2, neuron_type=nengo.LIFRate(), label="pair")
        nengo.Connection(stack.input[[0, 5]], pair, synapse=None)
        nengo.Connection(pair, output.obj[:1], function=np.prod, synapse=None)
    preprocessing = Preprocessing((4, 4, 2), 0.5, 2.0)
    return Model(network, stack.input, output, preprocessing, history={"loss": [0.5]})


def for_chips():
    """A network that can go to chips, which know no decoded values of rates."""
    with nengo.Network(seed=2) as network:
        stack = Stack((4, 4, 1), SoftLIFRate())
        stack.convolution(2)
        stack.average_pool(2)
        stack.dense(5)
        output = stack.readout(2)
    return Model(network, stack.input, output)


class Blueprints:
    """The network itself, in spikes, and made for a chip."""

    def __init__(self, folder):
        self.path, self.bases = folder / "model.safetensors", []
        rates = two_branches()
        for model in (rates, to_spiking(rates), to_loihi(to_spiking(for_chips()))):
            model.save(self.path)
            content = self.path.read_bytes()
            self.header, self.arrays = files.read(self.path, "model")
            self.bases.append((content, self.header, self.arrays))
            wrong = self.check()
            assert not wrong, wrong

    def make(self, rng):
        """Write a file; all but those of damaged bytes have a checksum that fits."""
        content, self.header, self.arrays = rng.choice(self.bases)
        what = rng.randrange(10)
        if what == 0:
            self.path.write_bytes(content)
            return
        if what < 4:
            self.path.write_bytes(damaged(content, rng))
            return
        header, self.arrays = copy.deepcopy(self.header), dict(self.arrays)
        if what < 6:
            header["blueprint"] = altered(header["blueprint"], rng)
        elif what == 6:
            self.claim(header["blueprint"], rng)
        elif what == 7:
            self.swap(header["blueprint"], rng)
        elif what == 8:
            self.swap_arrays(rng)
        else:
            header = altered(header, rng)
        record = {"version": VERSION, "kind": "model", "header": header}
        text = as_text(record, rng)
        try:
            plain = json.loads(text)
            plain["sha256"] = files.sha256(self.arrays, text=json.dumps(plain))
            text, self.header = json.dumps(plain), plain["header"]
        except (RecursionError, ValueError):  # too deep, or numbers too long
            self.header = None
        self.path.write_bytes(save(self.arrays, metadata={FORMAT: text}))

    def claim(self, record, rng):
        """Claim huge sizes, in one place or everywhere."""
        sizes = [
            (parent, key)
            for parent, key in places(record)
            if type(parent[key]) is int and parent[key] > 0
        ]
        n = rng.choice([1, 1, 2, len(sizes)])
        size = rng.choice(HUGE)
        for parent, key in rng.sample(sizes, n):
            parent[key] = size

    def swap(self, record, rng):
        """Exchange two values of one kind: names, indices, whole objects."""
        found = list(places(record))
        parent, key = rng.choice(found)
        others = [
            (p, k)
            for p, k in found
            if type(p[k]) is type(parent[key]) and p is not parent
        ]
        if others:
            other, at = rng.choice(others)
            parent[key], other[at] = (
                copy.deepcopy(other[at]),
                copy.deepcopy(parent[key]),
            )

    def swap_arrays(self, rng):
        """Exchange two arrays, or rename or resize one."""
        one, other = rng.sample(sorted(self.arrays), 2)
        match rng.randrange(4):
            case 0 | 1:
                swapped = self.arrays[other], self.arrays[one]
                self.arrays[one], self.arrays[other] = swapped
            case 2:
                self.arrays[rng.choice([one + "x", "blueprint/99"])] = self.arrays.pop(
                    one
                )
            case 3:
                self.arrays[one] = np.resize(self.arrays[one], rng.choice([0, 1, 9999]))

    def check(self):
        """Read it; say what is wrong with what was read.

        It has to be the network that the file describes: written down again it is the
        same.
        """
        model = load(self.path)
        if self.header is None or self.header.get("blueprint") is None:
            return None  # a network that a function makes
        drawn, arrays = blueprints.draw(model.network, model.input)
        found = told(drawn, arrays)
        given = {
            name.removeprefix("blueprint/"): array
            for name, array in self.arrays.items()
            if name.startswith("blueprint/")
        }
        expected = told(self.header["blueprint"], given)
        wrong = difference(found, expected)
        return wrong and f"another network was read: {wrong}"


def told(record, arrays):
    """What a blueprint says, with its arrays in place of their names."""
    plain = msgspec.to_builtins(msgspec.convert(record, records.Network))
    return fill(json.loads(json.dumps(plain)), arrays)  # lists of tuples


def fill(value, arrays):
    """Put arrays in place of their names, numbers in one form."""
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return listed(arrays, value["array"])
        filled = {name: fill(part, arrays) for name, part in value.items()}
        if "type" in value:
            filled.setdefault("arguments", {})
        if isinstance(value.get("slice"), list):
            taken = slice(*filled["slice"])
            filled["slice"] = [taken.start, taken.stop, taken.step]
        for name in ("indices", "output"):
            if isinstance(value.get(name), str) and value[name]:
                filled[name] = listed(arrays, value[name])
        return filled
    if isinstance(value, list):
        return [fill(part, arrays) for part in value]
    return float(value) if type(value) is int else value


def listed(arrays, name):
    """An array as lists; zeros say nothing."""
    array = np.asarray(arrays[name], float)
    return array.tolist() if array.any() else ""


def difference(found, expected, at=""):
    """Name the first place where two of these differ; empty if there is none.

    Arguments that are left out have the value that their class has for them.
    """
    if type(found) is not type(expected) or not isinstance(found, (dict, list)):
        return (
            ""
            if same(found, expected)
            else f"{at} is {found!r:.80}, not {expected!r:.80}"
        )
    if isinstance(found, list):
        found, expected = (dict(enumerate(value)) for value in (found, expected))
    keys = list(expected)
    if not at.endswith("/arguments"):
        keys += [key for key in found if key not in expected]
    for key in keys:
        told_of_parts = "type" in expected or at.startswith("/targets")
        if key not in found and told_of_parts:
            continue  # what later versions may say
        if key not in found or key not in expected:
            return f"{at}/{key} is on one side only"
        wrong = difference(found[key], expected[key], f"{at}/{key}")
        if wrong:
            return wrong
    return ""


def same(found, expected):
    """Whether values are equal, or were understood as what they look like."""
    if found == expected or str(found) == str(expected):
        return True
    try:
        return float(found) == float(expected)
    except (TypeError, ValueError):
        return False
