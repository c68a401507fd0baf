"""Networks from and for other packages of the field."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "keras": ["from_keras"],
        "keras_notes": ["KerasChanges", "LayerNote", "keras_changes"],
        "nir": ["from_nir", "to_nir"],
    },
)
