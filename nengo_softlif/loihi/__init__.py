"""Loihi, the first hardware target: conversion, cores, emulator, training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "conversion": ["changes", "to_loihi", "utilization"],
        "cores": ["Utilization"],
        "decays": [
            "chip_tau_rc",
            "chip_tau_ref",
            "current_decay",
            "voltage_decay",
        ],
        "emulator": ["Emulator"],
        "neurons": ["CHIP_NEURONS", "ChipNeurons"],
        "rates": ["CHIP_CURVES"],
        "notes": ["Changes"],
        "synapses": ["Substitution", "chip_synapse", "substitution"],
        "training": ["LoihiTarget", "chip_noise"],
        "tuning": ["with_chip_neurons"],
    },
)
