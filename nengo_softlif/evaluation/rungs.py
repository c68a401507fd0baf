"""The first networks on the way from a trained model to a chip."""

from dataclasses import dataclass

from ..layers import parameters
from ..models import Model
from ..neurons import partner
from .backends import ENGINE, RATE, Backend


@dataclass(frozen=True)
class Step:
    """One step of the way down, before it is measured.

    Attributes
    ----------
    name, change : str
        As those of `.Rung`.
    model : Model
        What is measured.
    backend : Backend
        What runs it.

    Examples
    --------
    >>> from nengo_softlif import evaluation
    >>> evaluation.Step("rates", "as trained", model, evaluation.RATE).name
    'rates'
    """

    name: str
    change: str
    model: Model
    backend: Backend


def steps(model, spiking, synapse):
    """Go from a model of rate neurons to ``spiking``, which `.to_spiking` made of it.

    The synapse is the one that was given. Returns a list of `Step`.
    """
    trained = "as trained, without noise"
    if any(partner(e.neuron_type, "hard") for e in model.ensembles):
        change = "rates of LIF neurons, not smoothed around threshold"
        rates = [
            Step("soft LIF rates", trained, model, RATE),
            Step("LIF rates", change, _hard(model), RATE),
        ]
    else:
        rates = [Step("rates", trained, model, RATE)]
    behind = (
        "no synapse" if synapse is None else f"{synapse} where there was no synapse"
    )
    change = f"spiking neurons, and {behind}"
    return [*rates, Step("spikes", change, spiking, ENGINE)]


def _hard(model):
    """The same network with the rates of LIF neurons."""
    hard = model.copy()
    built = parameters.build(hard.network)
    parameters.install(hard.network, parameters.collect(hard.network, built))
    for ensemble in hard.ensembles:
        rates = partner(ensemble.neuron_type, "hard")
        if rates is not None:
            ensemble.neuron_type = rates
    return hard
