"""A chip that there is not, whose weights have four bits: all that a target takes."""

from nengo_softlif.evaluation import Engine
from nengo_softlif.layers import parameters
from nengo_softlif.targets import Target, TrainingTarget, check_unmade

import nengo
import numpy as np
from nengo.exceptions import Unconvertible
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
            arrays[name] = rounded(array, np.max, np)
    parameters.install(chip.network, arrays)
    chip.network.config[nengo.Ensemble].set_param("on_toy", BoolParam("on_toy", True))
    return chip


def rounded(weights, highest, maths):
    """Round to whole parts of a seventh of the highest, with NumPy or TensorFlow."""
    scale = highest(maths.abs(weights)) / 7 + 1e-12
    return scale * maths.round(weights / scale)


class ToyTraining(TrainingTarget):
    """Training sees rounded weights; gradients go to those that are not."""

    def describe(self):
        return {"type": "toy"}

    def apply_weights(self, weights):
        import tensorflow as tf

        new = {c: rounded(w, tf.reduce_max, tf) for c, w in weights.items()}
        return {c: w + tf.stop_gradient(new[c] - w) for c, w in weights.items()}


class Toy(Target):
    name, conversion, convert = "toy", "to_toy", staticmethod(to_toy)
    backends = {"toy-emulator": "toy_chip:EMULATOR"}  # noqa: RUF012
    backend_help = "toy-emulator: on the toy chip."
    training = ToyTraining

    def takes(self, network):
        return hasattr(network.config[nengo.Ensemble], "on_toy")


EMULATOR, TOY = Engine(), Toy()  # our simulator emulates it
EMULATOR.name = "toy-emulator"
