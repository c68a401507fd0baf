"""Loihi, the first hardware target: conversion, cores, emulator, training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["backends"],
    submod_attrs={
        "conversion": ["changes", "to_loihi", "utilization"],
        "cores": ["Utilization"],
        "decays": ["DT"],
        "emulator": ["Emulator"],
        "layered": ["ChipLowering"],
        "neurons": ["CHIP_NEURONS", "warn_of_high_rates"],
        "rates": ["CHIP_CURVES"],
        "record": ["Changes", "checked", "is_for_chip"],
        "synapses": ["Substitution", "chip_synapse", "substitution"],
        "training": ["LoihiTarget", "checked_target", "chip_noise"],
        "unfolded": ["UnfoldedSimulator"],
    },
)
