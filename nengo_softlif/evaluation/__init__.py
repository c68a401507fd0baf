"""Measuring a model on test images, and what each step towards a chip costs it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backends": [
            "ENGINE",
            "RATE",
            "Backend",
            "Engine",
            "Prepared",
            "Shown",
            "backend_of",
            "check_finite",
            "run_batches",
        ],
        "counting": ["Watched", "layer_names", "neuron_layers"],
        "ladder": ["Ladder", "Rung", "explain"],
        "measurement": ["evaluate", "measure"],
        "predicting": ["predict"],
        "presentation": ["BATCH_SIZE", "Presentation", "presentation_order"],
        "provenance": ["PACKAGES", "commit", "versions"],
        "rungs": ["Step"],
        "results": ["Difference", "Evaluation", "difference", "paired", "wilson"],
        "answers": [
            "confidences",
            "decide",
            "readout_steps",
            "stop",
            "time_to_decide",
        ],
    },
)
