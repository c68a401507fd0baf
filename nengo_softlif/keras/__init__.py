"""Keras models made networks, and layers of soft LIF neurons for Keras.

Import it before ``keras.models.load_model``, which then knows these layers.
"""

import lazy_loader

from .activations import AMPLITUDE, LegacySoftLIF, SoftLIF

__getattr__, __dir__, _later = lazy_loader.attach(
    __name__,
    submod_attrs={
        "conversion": ["from_keras"],
        "notes": ["KerasChanges", "LayerNote", "changes"],
    },
)
__all__ = ["AMPLITUDE", "LegacySoftLIF", "SoftLIF", *_later]
