"""Loihi, the first hardware target: conversion, cores, emulator, training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "conversion": ["changes", "to_loihi", "utilization"],
        "cores": ["Utilization"],
        "decays": ["DT"],
        "emulator": ["Emulator"],
        "neurons": ["CHIP_NEURONS"],
        "rates": ["CHIP_CURVES"],
        "record": ["Changes"],
        "synapses": ["Substitution", "chip_synapse", "substitution"],
        "training": ["LoihiTarget", "chip_noise"],
    },
)
