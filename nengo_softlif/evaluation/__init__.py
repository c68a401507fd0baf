"""Measuring a model on test images, and what each step towards a chip costs it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backends": ["finite", "run_batches"],
        "counting": ["layer_names", "neuron_layers"],
        "ladder": ["Ladder", "Rung", "explain"],
        "measure": ["evaluate", "presentation_order"],
        "provenance": ["PACKAGES", "versions"],
        "records": ["Difference", "Evaluation", "difference", "wilson"],
        "statistics": ["decide", "readout_steps", "time_to_decide"],
    },
)
