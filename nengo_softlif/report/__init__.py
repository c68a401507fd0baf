"""One page, a file of HTML, that shows what a network does: to be opened and sent on.

It is written from records: an `.Evaluation`, others of the same images, a `.Ladder`,
the history of a `.Model`, and spike trains of some images, which `watch` records.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "spike_trains": ["Shown", "choose_images", "watch"],
        "writing": ["write"],
        "measuring": ["Measured", "measure"],
    },
)
