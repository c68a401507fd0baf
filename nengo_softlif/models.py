"""A network, and what must be known beside it to use it."""

import copy
import warnings
from itertools import zip_longest
from types import NoneType

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from . import files
from .checks import network_of
from .layers import parameters
from .preprocessing import Preprocessing


class Model:
    """A Nengo network that classifies images, with what belongs to it.

    The network is an ordinary `nengo.Network`, and remains the model: change it,
    simulate it, put it into another. This record says which of its nodes takes
    the image, which probe gives the answer, and how images were prepared.

    Parameters
    ----------
    network : nengo.Network or Model
        The network; of a model, its network.
    input : nengo.Node
        Takes the image. A node without input whose output has the size of a
        prepared image; what it puts out is replaced by images.
    output : nengo.Probe
        Gives one number per class; the largest is the answer.
    preprocessing : Preprocessing, optional
        How images are prepared. `fit` takes it from the training images if it
        is not given.
    scale : float or sequence of float, optional
        What `fit` gives to `Preprocessing.from_images`.
    crop : int or (int, int), optional
        What `fit` gives to `Preprocessing.from_images`.
    flip : bool
        What `fit` gives to `Preprocessing.from_images`.
    history : dict, optional
        What `fit` recorded, a list of numbers for each name.
    source : dict, optional
        The function of `nengo_softlif.networks` that made the network, and its
        arguments, from which `load` makes it again.
    training : dict, optional
        What `fit` recorded of what decided the training: settings, and checksums of
        data and initial weights. Equal trainings have equal ones.

    Raises
    ------
    ValidationError
        If ``input`` or ``output`` are not of this network, or not a node
        without input and a probe.
    """

    def __init__(
        self,
        network,
        input,
        output,
        preprocessing=None,
        scale=None,
        crop=None,
        flip=False,
        history=None,
        source=None,
        training=None,
    ):
        network = network_of(network)
        if input not in network.all_nodes or input.size_in > 0:
            raise ValidationError(
                "expected one node of the network that takes no input, such as "
                f"nengo.Node(np.zeros(784)); got {input!r}",
                attr="Model.input",
            )
        if output not in network.all_probes:
            raise ValidationError(
                f"expected a probe of the network; got {output!r}",
                attr="Model.output",
            )
        if isinstance(output.obj, nengo.Ensemble):
            raise ValidationError(
                "expected a probe on a node or on neurons; a probe on an ensemble has "
                "decoders that are not trained: connect the ensemble to "
                "nengo.Node(size_in=n_classes), and probe that",
                attr="Model.output",
            )
        if not isinstance(preprocessing, (Preprocessing, NoneType)):
            raise ValidationError(
                "expected a Preprocessing, as from Preprocessing.from_images, got "
                f"{preprocessing!r}",
                attr="Model.preprocessing",
            )
        self.network = network
        self.input = input
        self.output = output
        self.preprocessing = preprocessing
        self.scale = scale
        self.crop = crop
        self.flip = flip
        self.history = history
        self.source = source
        self.training = training

    def __repr__(self):
        """Sizes of the network."""
        layers = [f"{e.label or 'ensemble'} {e.n_neurons}" for e in self.ensembles]
        made = f"{self.source['function']}, " if self.source else ""
        return (
            f"Model({made}{self.input.size_out} inputs, {' - '.join(layers)} neurons, "
            f"{self.output.size_in} classes)"
        )

    @property
    def ensembles(self):
        """All ensembles of the network; its layers, in the order they were made."""
        return self.network.all_ensembles

    def copy(self):
        """Return a model around a copy of the network.

        Returns
        -------
        Model
            It shares nothing that could be changed with this one.
        """
        network, twin = copied(self.network)
        return Model(
            network,
            twin[self.input],
            twin[self.output],
            self.preprocessing,
            scale=self.scale,
            crop=self.crop,
            flip=self.flip,
            history=copy.deepcopy(self.history),
            source=copy.deepcopy(self.source),
            training=copy.deepcopy(self.training),
        )

    def save(self, path):
        """Write weights, preprocessing and history to one file.

        The network itself is written only as the name of the function that made
        it. Networks of your own, changed ones and those of `.to_spiking` are
        loaded with ``load(path, network=net)``; it is simplest to save the rate
        model and to rebuild it in spikes.

        Parameters
        ----------
        path : str or Path
            A file name; ``.safetensors`` is its usual ending. An earlier file
            survives if writing fails.

        Raises
        ------
        ValidationError
            If ``scale``, ``crop``, ``flip`` or ``history`` are not of the kind that
            `Model` says.
        OSError
            If the file cannot be written.
        """
        arrays = parameters.collect(self.network, parameters.build(self.network))
        header = {
            "source": self.source,
            "input": self.network.all_nodes.index(self.input),
            "output": self.network.all_probes.index(self.output),
            "parts": parameters.describe_parts(self.network),
            "sizes": [self.input.size_out, self.output.size_in],
            # as JSON has them: lists, and no numbers of NumPy's
            "scale": np.asarray(self.scale).tolist(),
            "crop": np.asarray(self.crop).tolist(),
            "flip": bool(self.flip),
            "history": self.history,
            "training": self.training,
            "preprocessing": None,
        }
        if self.preprocessing is not None:
            header["preprocessing"] = self.preprocessing.header()
            for name, array in self.preprocessing.arrays().items():
                arrays[f"preprocessing/{name}"] = array
        files.write(path, header, arrays, "model", files.ModelForm)


MAKERS = {}
"""What makes networks again, by the names that files give them, from path, header and
arrays of a file: `.networks` enters its functions here. A file can name no other."""


def load(path, network=None):
    """Load a model that `.Model.save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    network : nengo.Network or Model, optional
        For a model whose network no function of `.networks` made: the same
        network, built by the same code. It is changed: it receives the weights.

    Returns
    -------
    Model
        The model as it was saved.

    Raises
    ------
    ValidationError
        If the file is not a model of this version, or is damaged, or the network
        does not fit. Sizes are compared before anything is made.
    """
    own = network is not None
    if own:
        network = network_of(network)
    header, arrays = files.read(path, "model", files.ModelForm)
    _check_numbers(path, arrays)
    if not own:
        network = _remake(path, header, arrays).network
    model = _make_model(path, network, header, arrays)
    model.source = None if own else header["source"]
    check_sizes(path, header, [model.input.size_out, model.output.size_in])
    _check_parts(path, header, network, own)
    parameters.install(network, arrays)
    return model


def _remake(path, header, arrays):
    """Make the network that a file names."""
    if header["source"] is None:
        raise ValidationError(
            f"{str(path)!r} holds the weights of a network of your own: build it and "
            "call load(path, network=net)",
            attr="network",
        )
    name = header["source"]["function"]
    if name not in MAKERS:
        raise ValidationError(
            f"{str(path)!r} names the network {name!r}, but this version "
            f"knows {', '.join(MAKERS)}; upgrade nengo_softlif",
            attr="network",
        )
    return MAKERS[name](path, header, arrays)


def _restore_preprocessing(header, arrays):
    """Restore what images go through, and take its arrays out of the others."""
    mean = {
        name.removeprefix("preprocessing/"): arrays.pop(name)
        for name in list(arrays)
        if name.startswith("preprocessing/")
    }
    if header["preprocessing"] is None:
        return None
    return Preprocessing.from_file(header["preprocessing"], mean)


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
        history=header["history"],
        training=header.get("training"),  # files of earlier versions have none
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


def copied(network):
    """Copy a network.

    Parameters
    ----------
    network : nengo.Network
        Left as it is.

    Returns
    -------
    copy : nengo.Network
        The copy.
    twin : dict
        From each object of ``network`` to its counterpart in ``copy``.
    """
    with warnings.catch_warnings():
        # nengo warns of sizes that it itself restores
        warnings.filterwarnings("ignore", "'Node.size_out' is being overwritten")
        copy = network.copy(add_to_container=False)
    twin = {}
    for kind in ("ensembles", "nodes", "probes", "connections", "networks"):
        pairs = zip(
            getattr(network, f"all_{kind}"), getattr(copy, f"all_{kind}"), strict=True
        )
        twin.update(pairs)
    return copy, twin


def check_model(model):
    """Refuse what is not a `.Model`, and say how to make one."""
    if not isinstance(model, Model):
        raise ValidationError(
            f"expected a Model, got {model!r}; wrap a network of your own in "
            "Model(network, input=node, output=probe)",
            attr="model",
        )


def check_timeless(model, attr, instead):
    """Refuse networks that need time to answer: spiking ones, and with synapses.

    The error names the argument, and what to do instead about spiking neurons.
    """
    for ensemble in model.ensembles:
        if ensemble.neuron_type.spiking:
            raise ValidationError(
                f"rate neurons are needed, but {ensemble} has "
                f"{ensemble.neuron_type}; {instead}",
                attr=attr,
            )
    for obj in [*model.network.all_connections, model.output]:
        if obj.synapse is not None:
            raise ValidationError(
                f"a rate network answers in one step, but {obj} has the synapse "
                f"{obj.synapse}; set it to None (to_spiking adds synapses)",
                attr=attr,
            )
