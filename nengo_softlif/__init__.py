"""Deep spiking networks in Nengo: train with soft LIF neurons, rebuild in spikes."""

from importlib import import_module, metadata

from . import compat

compat.install()  # first: from here on nengo_dl and nengo_loihi can be imported

from . import datasets, events, networks, noise, transforms  # noqa: E402
from .loihi import LoihiTarget  # noqa: E402
from .models import Model  # noqa: E402
from .networks import load  # noqa: E402 (which makes networks again)
from .neurons import SoftLIFRate  # noqa: E402
from .noise import (  # noqa: E402
    AlphaNoise,
    AlphaRCNoise,
    Dropout,
    GaussianNoise,
    LowpassNoise,
)
from .preprocessing import Preprocessing  # noqa: E402
from .spiking_neurons import BernoulliSpiking, IntegrateAndFire  # noqa: E402
from .stack import Stack  # noqa: E402
from .transforms import AveragePool, LocallyConnected  # noqa: E402

__version__ = metadata.version("nengo_softlif")

# what needs TensorFlow, or imports much: loaded when it is asked for
_LATER = {
    "fit": "training",
    "to_spiking": "spiking",
    "rescale_rates": "rescaling",
    "speed_up": "rescaling",
    "calibrate_noise": "calibration",
    "to_loihi": "loihi",
    "evaluate": "evaluation",
    "Evaluation": "evaluation",
    "predict": "evaluation",
    "difference": "evaluation",
    "explain": "evaluation",
    "Ladder": "evaluation",
    "Simulator": "engine",
    "Emulator": "loihi",
    "from_keras": "keras",
    "from_nir": "nir",
    "to_nir": "nir",
    "SpikingClassifier": "estimators",
    "to_onnx": "onnx",
}

__all__ = [
    "AlphaNoise",
    "AlphaRCNoise",
    "AveragePool",
    "BernoulliSpiking",
    "Dropout",
    "Emulator",
    "Evaluation",
    "GaussianNoise",
    "IntegrateAndFire",
    "Ladder",
    "LocallyConnected",
    "LoihiTarget",
    "LowpassNoise",
    "Model",
    "Preprocessing",
    "Simulator",
    "SoftLIFRate",
    "SpikingClassifier",
    "Stack",
    "calibrate_noise",
    "datasets",
    "difference",
    "evaluate",
    "events",
    "experiments",
    "explain",
    "fit",
    "from_keras",
    "from_nir",
    "load",
    "networks",
    "noise",
    "predict",
    "rescale_rates",
    "speed_up",
    "to_loihi",
    "to_nir",
    "to_onnx",
    "to_spiking",
    "transforms",
]


def __getattr__(name):
    """Import what takes long on first use."""
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    if name in ("evaluation", "experiments", "figures", "keras", "report"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
