"""Networks as NIR graphs, the format in which packages exchange spiking networks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"conversion": ["from_nir", "to_nir"]}
)
