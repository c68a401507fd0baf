"""How a network was made, in its model."""

import inspect
from functools import wraps

import numpy as np

from .. import noise as noises
from ..checks import LARGEST_SEED, check_whole


def recorded(function):
    """Note in the model how it was made, so that `load` can make it again."""
    signature = inspect.signature(function)

    @wraps(function)
    def made(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        if call.arguments["seed"] is not None:
            check_whole("seed", call.arguments["seed"], 0, LARGEST_SEED)
        model = function(*args, **kwargs)
        # as JSON has them: lists, and no numbers of NumPy's
        arguments = {
            name: noises.to_json(value)
            if name == "noise"
            else np.asarray(value).tolist()
            for name, value in call.arguments.items()
        }
        model.source = {"function": function.__name__, "arguments": arguments}
        return model

    return made
