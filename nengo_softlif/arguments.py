"""Checks of arguments that several functions take."""

import numbers

import numpy as np
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
        raise ValidationError(
            f"expected a Dataset, as from datasets.load, got {type(data).__name__}",
            attr="data",
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


def check_number(attr, value, what, low, low_open=False, high=np.inf):
    """Refuse what is not a number in ``[low, high)``, or with low_open above low."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not low <= value < high or (low_open and value == low):
        raise ValidationError(f"expected {what}, got {value!r}", attr=attr)


def check_whole(attr, value, low, high=None):
    """Refuse what is not a whole number from low to high."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        limits = f"from {low} on" if high is None else f"from {low} to {high}"
        raise ValidationError(
            f"expected a whole number {limits}, got {value!r}", attr=attr
        )


LARGEST_SEED = 2**32 - 1
"""Seeds are those of NumPy's RandomState."""
