"""Rate networks as ONNX files, which runtimes of every kind of machine run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"conversion": ["to_onnx"]}
)
