"""Files that are either the old ones or the new ones, and never run code."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["npz"],
    submod_attrs={
        "arrays": ["read", "sha256", "write"],
        "data_sets": ["read_data_set"],
        "headers": [
            "ArgumentsForm",
            "CheckpointForm",
            "InSpikesForm",
            "ModelForm",
            "convert",
        ],
        "paths": ["check_unpacked", "expanded", "irregular"],
        "records": ["Record"],
        "replacement": ["replace"],
    },
)
