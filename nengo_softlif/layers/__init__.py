"""The one reading of a feed-forward network, and what its connections do."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["folding", "operators", "parameters", "synops"],
    submod_attrs={
        "description": [
            "DescribedInput",
            "DescribedLayer",
            "Description",
            "Part",
            "describe",
            "name_objects",
        ],
        "feedforward": ["FeedForward", "find_leading_to"],
        "parameters": ["check_gains"],
        "synops": ["connection_synapses", "fan_out", "n_synapses"],
        "graph": ["Built", "Input", "Layer", "read_connection"],
        "reading": ["read"],
    },
)
