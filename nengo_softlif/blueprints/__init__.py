"""Networks written down object by object, and made again without their code."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"building": ["build"], "drawing": ["draw"]},
)
