"""What others write and read: networks in the formats of the field."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "nir": ["from_nir", "to_nir"],
    },
)
