"""Models from files."""

from itertools import zip_longest
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from . import blueprints, files
from .checks import network_of
from .layers import parameters
from .models import Model
from .preprocessing import Preprocessing
from .registry import TRAINED
from .tasks import Task

MAKERS = {}
"""What makes networks again, by the names that files give them, from path, header and
arrays of a file: `.networks` enters its functions here. A file can name no other."""


def load(path, network=None):
    """Load a model that `.Model.save` wrote, or one that comes with the package.

    Parameters
    ----------
    path : str or Path
        The file; or the name of a trained model in ``registry.TRAINED``.
    network : nengo.Network or Model, optional
        The same network, built by the same code, to put the weights into; it is
        changed. Only networks that no file can hold need it.

    Returns
    -------
    Model
        The model as it was saved.

    Raises
    ------
    ValidationError
        If the file is not a model of this version, or is damaged, or the network
        does not fit. Sizes are compared before anything is made.

    Examples
    --------
    >>> model.save("digits.safetensors")
    >>> softlif.load("digits.safetensors").preprocessing == model.preprocessing
    True
    >>> len(softlif.load("mnist-lenet").ensembles)  # comes with the package
    6
    """
    own = network is not None
    if own:
        network = network_of(network)
    path = locate(path)
    header, arrays = files.read(path, "model", files.ModelForm)
    arrays = {name: _widened(array) for name, array in arrays.items()}
    drawn = _take(arrays, "blueprint/")
    _check_numbers(path, arrays)
    if not own:
        network = _remake(path, header, arrays, drawn)
    model = _make_model(path, network, header, arrays)
    model.source = None if own else header["source"]
    check_sizes(path, header, [model.input.size_out, model.output.size_in])
    _check_parts(path, header, network, own)
    parameters.install(network, arrays)
    return model


def locate(path):
    """Find the file of a model that comes with the package.

    Parameters
    ----------
    path : str or Path
        A name in ``registry.TRAINED``, or a path.

    Returns
    -------
    str or Path
        The file of that name, or the path as it was given.

    Raises
    ------
    ValidationError
        If it is one word that is neither a known name nor a file.

    Examples
    --------
    >>> from nengo_softlif.loading import locate
    >>> locate("mnist-lenet").name
    'mnist-lenet.safetensors'
    """
    if not isinstance(path, str):
        return path
    if path in TRAINED:
        return Path(__file__).parent / TRAINED[path]
    as_path = Path(path)
    is_word = path == as_path.name and not as_path.suffix
    if is_word and not as_path.exists():
        raise ValidationError(
            f"expected the path of a file, or one of {', '.join(TRAINED)}, got "
            f"{path!r}",
            attr="path",
        )
    return path


def _widened(array):
    """Return what a file holds in float16 as Nengo and all else compute with."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _remake(path, header, arrays, drawn):
    """Make the network that a file holds, or names."""
    if header.get("blueprint") is not None:
        sizes = {name: array.shape for name, array in arrays.items()}
        return blueprints.build(header["blueprint"], drawn, sizes)
    if header["source"] is None:
        reason = header.get("undrawn")
        raise ValidationError(
            f"{str(path)!r} holds the weights of a network of your own"
            f"{f' ({reason})' if reason else ''}: build it and call "
            "load(path, network=net)",
            attr="network",
        )
    name = header["source"]["function"]
    if name not in MAKERS:
        raise ValidationError(
            f"{str(path)!r} names the network {name!r}, but this version "
            f"knows {', '.join(MAKERS)}; upgrade nengo_softlif",
            attr="network",
        )
    return MAKERS[name](path, header, arrays).network


def _take(arrays, prefix):
    """Take the arrays whose names begin like this out of the others."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def _restore_preprocessing(header, arrays):
    """Restore what images go through, and take its arrays out of the others."""
    mean = _take(arrays, "preprocessing/")
    if header["preprocessing"] is None:
        return None
    return Preprocessing.from_file(header["preprocessing"], mean)


def _restore_task(header, arrays):
    """Restore what the answers mean, and take its arrays out of the others."""
    found = _take(arrays, "task/")
    if header.get("task") is None:  # as in files of earlier versions
        return None
    return Task.from_file(header["task"], found)


def _make_model(path, network, header, arrays):
    """Put a network into a model, with what the header says."""
    nodes, probes = network.all_nodes, network.all_probes
    if header["input"] >= len(nodes) or header["output"] >= len(probes):
        raise ValidationError(
            f"the network has {len(nodes)} nodes and {len(probes)} probes, fewer than "
            f"the one saved in {str(path)!r}; build the same network",
            attr="network",
        )
    return Model(
        network,
        nodes[header["input"]],
        probes[header["output"]],
        _restore_preprocessing(header, arrays),
        scale=header["scale"],
        crop=header["crop"],
        flip=header["flip"],
        shift=header.get("shift", 0),
        history=header["history"],
        training=header.get("training"),  # files of earlier versions have none
        task=_restore_task(header, arrays),
    )


def _check_numbers(path, arrays):
    """Refuse what is not numbers that a network can have."""
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.float64):
            wrong = f"of type {array.dtype}"
        elif not np.isfinite(array).all():
            wrong = "infinite or NaN"
        else:
            continue
        raise ValidationError(
            f"expected finite numbers in {str(path)!r}, but {name} is {wrong}; did "
            "training diverge? Use another copy, or train again",
            attr="path",
        )


def check_sizes(path, header, sizes):
    """Refuse a network that takes or answers other than the saved one."""
    saved = header.get("sizes") or sizes
    if saved != sizes:
        raise ValidationError(
            f"the model saved in {str(path)!r} takes {saved[0]} values and answers "
            f"with {saved[1]}; in this network they are {sizes[0]} and {sizes[1]}; "
            "build the same network",
            attr="network",
        )


def _check_parts(path, header, network, own):
    """Refuse a network of other parts than the saved one."""
    pairs = zip_longest(
        parameters.describe_parts(network), header["parts"], fillvalue="nothing"
    )
    different = [f"{a} (saved: {b})" for a, b in pairs if a != b]
    if different:
        raise ValidationError(
            f"the network saved in {str(path)!r} had other parts than this one: "
            f"{'; '.join(different[:3])}; "
            + (
                "build the same network"
                if own
                else "it was changed after it was made, so build it and call "
                "load(path, network=net)"
            ),
            attr="network",
        )
