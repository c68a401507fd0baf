"""Rates of neurons, noise and linear operators in TensorFlow."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "curves": [
            "CURVES",
            "Curve",
            "Response",
            "curve",
            "noisy",
            "soft_lif",
        ],
        "neuron_builders": ["BUILDERS", "noise_counters", "noise_seeds"],
        "operators": ["Values", "make_form"],
        "over_time": [
            "OVER_TIME",
            "back_through_membrane",
            "back_to_input",
            "filtered",
            "sum_to",
        ],
    },
)
