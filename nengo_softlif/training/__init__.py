"""Training through TensorFlow."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["checkpoints"],
    submod_attrs={
        "arguments": ["Settings"],
        "loop": ["fit"],
        "optimizers": ["OneCycle"],
        "rates": ["FiringRates", "wanted_rates"],
        "trainers": ["Trainer"],
    },
)
