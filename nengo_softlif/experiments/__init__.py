"""What the papers show, and what this package adds, by one command each."""

import lazy_loader

from ..registry import EXPERIMENTS

_attribute, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["energy"],
    submod_attrs={
        "base": ["Experiment"],
        "costs": ["count_inputs"],
        "findings": ["Findings"],
        "settings": ["Kind", "setting"],
    },
)


def _as_python_has_it(name):
    return name.replace("-", "_")


__all__ += [_as_python_has_it(name) for name in EXPERIMENTS]


def __getattr__(name):
    """Find an experiment, under its name in Python, or what serves them."""
    for known in EXPERIMENTS:
        if _as_python_has_it(known) == name:
            return EXPERIMENTS[known]
    return _attribute(name)
