"""Soft LIF neurons, noise and linear operators in TensorFlow."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "curves": ["Response", "curve", "soft_lif"],
        "neuron_builders": ["noise_counters"],
        "operators": ["Values", "applied"],
    },
)
