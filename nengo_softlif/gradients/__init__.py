"""The engine run backwards: gradients of a loss through spikes and time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "derivatives": [
            "Arctan",
            "Derivative",
            "FastSigmoid",
            "LeakCorrected",
            "MeasuredRates",
            "SoftLIF",
            "ThroughRates",
            "ThroughVoltage",
            "Triangular",
        ],
        "losses": ["CrossEntropy", "Loss", "Membrane"],
        "neurons": ["TIMED", "TimedNeurons"],
        "operators": ["Back"],
        "unrolled": ["Unrolled"],
    },
)
