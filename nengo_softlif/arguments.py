"""Checks of arguments that several functions take."""

import os

from nengo.exceptions import ValidationError

from .datasets import Dataset
from .models import Model


def check_model(model):
    """Refuse what is not a `.Model`, and say how to make one."""
    if not isinstance(model, Model):
        raise ValidationError(
            f"expected a Model, got {model!r}; wrap a network of your own in "
            "Model(network, input=node, output=probe)",
            attr="model",
        )


def check_data(data, model):
    """Refuse what is not a `.Dataset`, or has more classes than the model."""
    if not isinstance(data, Dataset):
        remedy = (
            f"write datasets.load({data!r})"
            if isinstance(data, (str, os.PathLike))
            else "make one of arrays with datasets.Dataset(name, x_train, y_train, "
            "x_test, y_test), or load one with datasets.load"
        )
        raise ValidationError(
            f"expected a Dataset, got {type(data).__name__}; {remedy}", attr="data"
        )
    if data.n_classes > model.output.size_in:
        raise ValidationError(
            f"has {data.n_classes} classes, but the model answers with "
            f"{model.output.size_in}; make the network with "
            f"n_classes={data.n_classes}, or use other data",
            attr="data",
        )


def check_timeless(model, attr, instead):
    """Refuse networks that need time to answer: spiking ones, and with synapses.

    Parameters
    ----------
    model : Model
        The model.
    attr : str
        Argument to name in the error.
    instead : str
        What to do about spiking neurons.
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
