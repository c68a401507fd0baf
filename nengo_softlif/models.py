"""A network, and what must be known beside it to use it."""

import copy
import warnings
from types import NoneType

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError

from . import blueprints, files
from .checks import network_of
from .layers import parameters
from .preprocessing import Preprocessing
from .tasks import Task, describe_kind


class Model:
    """A Nengo network that tells something of images, with what belongs to it.

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
        Gives one number per class, of which the largest is the answer; or per label,
        or value, see `.Task`.
    preprocessing : Preprocessing, optional
        How images are prepared. `fit` takes it from the training images if it
        is not given.
    scale : float or sequence of float, optional
        What `fit` gives to `Preprocessing.from_images`.
    crop : int or (int, int), optional
        What `fit` gives to `Preprocessing.from_images`.
    flip : bool
        What `fit` gives to `Preprocessing.from_images`.
    shift : int
        What `fit` gives to `Preprocessing.from_images`.
    history : dict, optional
        What `fit` recorded, a list of numbers for each name.
    source : dict, optional
        The function of `nengo_softlif.networks` that made the network, and its
        arguments, from which `load` makes it again.
    training : dict, optional
        What `fit` recorded of what decided the training: settings, and checksums of
        data and initial weights. Equal trainings have equal ones.
    task : Task, optional
        What the numbers mean that the network answers with. `fit` takes it from the
        data if it is not given.

    Raises
    ------
    ValidationError
        If ``input`` or ``output`` are not of this network, or not a node
        without input and a probe.

    Examples
    --------
    >>> model.save("digits.safetensors")
    >>> softlif.load("digits.safetensors")
    Model(small, 64 inputs, conv1 1024 - conv2 512 - dense3 64 neurons, 10 classes)
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
        shift=0,
        history=None,
        source=None,
        training=None,
        task=None,
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
        if not isinstance(task, (Task, NoneType)):
            raise ValidationError(
                f"expected a Task, or None, got {task!r}", attr="Model.task"
            )
        self.network = network
        self.input = input
        self.output = output
        self.preprocessing = preprocessing
        self.scale = scale
        self.crop = crop
        self.flip = flip
        self.shift = shift
        self.history = history
        self.source = source
        self.training = training
        self.task = task

    @property
    def spikes(self):
        """Whether any of its neurons spike."""
        return any(ensemble.neuron_type.spiking for ensemble in self.ensembles)

    def __repr__(self):
        """Sizes of the network."""
        layers = [f"{e.label or 'ensemble'} {e.n_neurons}" for e in self.ensembles]
        kind = "classification" if self.task is None else self.task.kind
        made = f"{self.source['function']}, " if self.source else ""
        return (
            f"Model({made}{self.input.size_out} inputs, {' - '.join(layers)} neurons, "
            f"{describe_kind(kind, self.output.size_in)})"
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
            shift=self.shift,
            history=copy.deepcopy(self.history),
            source=copy.deepcopy(self.source),
            training=copy.deepcopy(self.training),
            task=self.task,
        )

    def save(self, path, dtype=None):
        """Write the network, preprocessing and history to one file.

        The network is written object by object, so that `load` needs nothing but the
        file. A network that runs code of its own, such as nodes with functions, or that
        learns, cannot be written: of that only the weights are, to be loaded with
        ``load(path, network=net)``.

        Parameters
        ----------
        path : str or Path
            A file name; ``.safetensors`` is its usual ending. An earlier file
            survives if writing fails.
        dtype : {"float16", "float32", "float64"}, optional
            How exact numbers are in the file; by default as they are, float64 for the
            most part. With "float16", three digits, it takes a quarter of that.

        Raises
        ------
        ValidationError
            If ``scale``, ``crop``, ``flip``, ``shift`` or ``history`` are not of the
            kind that `Model` says, or a number is beyond the range of ``dtype``.
        OSError
            If the file cannot be written.
        """
        arrays = parameters.collect(self.network, parameters.build(self.network))
        blueprint, reason = None, None
        try:
            blueprint, drawn = blueprints.draw(self.network, self.input)
            arrays |= {f"blueprint/{name}": array for name, array in drawn.items()}
        except Unconvertible as error:
            reason = str(error)
        header = {
            "source": self.source,
            "blueprint": blueprint,
            "undrawn": reason,
            "input": self.network.all_nodes.index(self.input),
            "output": self.network.all_probes.index(self.output),
            "parts": parameters.describe_parts(self.network),
            "sizes": [self.input.size_out, self.output.size_in],
            # as JSON has them: lists, and no numbers of NumPy's
            "scale": np.asarray(self.scale).tolist(),
            "crop": np.asarray(self.crop).tolist(),
            "flip": bool(self.flip),
            "shift": self.shift,
            "history": self.history,
            "training": self.training,
            "preprocessing": None,
            "task": None,
        }
        if self.preprocessing is not None:
            header["preprocessing"] = self.preprocessing.header()
            for name, array in self.preprocessing.arrays().items():
                arrays[f"preprocessing/{name}"] = array
        if dtype is not None:
            arrays = {name: _rounded(array, dtype) for name, array in arrays.items()}
        # in full, as units may be beyond the range of the weights
        if self.task is not None:
            header["task"] = self.task.header()
            for name, array in self.task.arrays().items():
                arrays[f"task/{name}"] = array
        files.write(path, header, arrays, "model", files.ModelForm)


def _rounded(array, dtype):
    """Bring an array to another precision, if it is of numbers that have one."""
    if dtype not in ("float16", "float32", "float64"):
        raise ValidationError(
            f'expected "float16", "float32" or "float64", got {dtype!r}', attr="dtype"
        )
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # which is refused
        rounded = array.astype(dtype)
    if not np.array_equal(np.isfinite(rounded), np.isfinite(array)):
        raise ValidationError(
            f"numbers up to {np.abs(array).max():g} are beyond the range of {dtype}; "
            "save it with more digits",
            attr="dtype",
        )
    return rounded


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

    Examples
    --------
    >>> from nengo_softlif.models import copied
    >>> copy, twin = copied(model.network)
    >>> twin[model.input].size_out
    64
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


def check_rates(model, attr, instead):
    """Refuse spiking networks.

    The error names the argument, and what to do instead.
    """
    for ensemble in model.ensembles:
        if ensemble.neuron_type.spiking:
            raise ValidationError(
                f"rate neurons are needed, but {ensemble} has "
                f"{ensemble.neuron_type}; {instead}",
                attr=attr,
            )


def check_prepared(model):
    """Refuse models of which nobody knows how images are prepared for them."""
    if model.preprocessing is None:
        raise ValidationError(
            "how images are prepared is not known; train the model first",
            attr="model",
        )


def check_timeless(model, attr, instead):
    """Refuse networks that need time: spiking ones, with loops, and with synapses.

    The error names the argument, and what to do instead about spiking neurons.
    """
    check_rates(model, attr, instead)
    _check_no_loop(model.network, attr)
    for obj in [*model.network.all_connections, model.output]:
        if obj.synapse is not None:
            raise ValidationError(
                f"a rate network answers in one step, but {obj} has the synapse "
                f"{obj.synapse}; set it to None (to_spiking adds synapses)",
                attr=attr,
            )


def _check_no_loop(network, attr):
    """Refuse networks in which something leads back to itself."""
    leads_to = {}
    for connection in network.all_connections:
        pre, post = (
            getattr(obj, "ensemble", obj)
            for obj in (connection.pre_obj, connection.post_obj)
        )
        leads_to.setdefault(pre, []).append((post, connection))
    for start, first in leads_to.items():
        reached, ahead = set(), list(first)
        while ahead:
            post, connection = ahead.pop()
            if post is start:
                raise ValidationError(
                    f"expected a feed-forward network, but {connection} closes a loop; "
                    "take it out, or train with a package for recurrent networks",
                    attr=attr,
                )
            if post not in reached:
                reached.add(post)
                ahead.extend(leads_to.get(post, ()))
