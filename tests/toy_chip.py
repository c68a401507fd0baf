"""A chip that there is not, whose weights have four bits: all that a target takes."""

from nengo_softlif.evaluation import Engine
from nengo_softlif.layers import parameters
from nengo_softlif.targets import Target, check_unmade

import nengo
import numpy as np
from nengo.exceptions import Unconvertible, ValidationError
from nengo.params import BoolParam


def to_toy(model):
    """Round the weights of a spiking model."""
    check_unmade(model)
    for ensemble in model.ensembles:
        if not isinstance(ensemble.neuron_type, nengo.LIF):
            raise Unconvertible(f"{ensemble}: the toy has nengo.LIF neurons only")
    chip = model.copy()
    arrays = parameters.collect(chip.network, parameters.build(chip.network))
    for name, array in arrays.items():
        if name.endswith("weights"):
            scale = max(np.abs(array).max() / 7, np.finfo(float).tiny)
            arrays[name] = scale * np.rint(array / scale)
    parameters.install(chip.network, arrays)
    chip.network.config[nengo.Ensemble].set_param("on_toy", BoolParam("on_toy", True))
    return chip


class Emulator(Engine):
    """Its emulator is our simulator: only weights are rounded."""

    name = "toy-emulator"

    def check(self, model, presentation):
        """Refuse what was not made for it."""
        if not TOY.takes(model.network):
            raise ValidationError("call to_toy(model) first", attr="model")


class Toy(Target):
    """The toy chip."""

    name = "toy"
    conversion = "to_toy"
    backends = {"toy-emulator": "toy_chip:EMULATOR"}  # noqa: RUF012
    backend_help = "toy-emulator: on the toy chip."

    def takes(self, network):
        """Whether `to_toy` made it."""
        return hasattr(network.config[nengo.Ensemble], "on_toy")

    def convert(self, model):
        """Call `to_toy`."""
        return to_toy(model)


EMULATOR, TOY = Emulator(), Toy()
