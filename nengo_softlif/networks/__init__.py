"""Networks to train: those of the papers, and a small one.

Each function returns a `.Model` around a plain `nengo.Network`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "hunsberger": ["DEFAULT_NOISE", "cifar10", "mnist", "patch_shape", "small"],
        "lee": ["lenet", "resnet11", "resnet9", "vgg9"],
        "recipes": ["from_recipe", "read_recipe"],
        "remaking": ["FUNCTIONS", "load"],
        "residual": ["resnet"],
    },
)
