"""Running a model of `.to_loihi` on images: emulated, or on the chip itself."""

import contextlib
from functools import partial

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from ..evaluation import finite, layer_names, neuron_layers, run_batches
from .conversion import utilization
from .decays import DT
from .emulator import Emulator
from .record import is_for_chip

TARGETS = {
    "loihi-emulator": "our emulator",
    "loihi-weights": "our emulator, only parameters rounded",
    "loihi-reference": "NengoLoihi's emulator",
    "loihi-float": "NengoLoihi's emulator, without rounding",
    "loihi": "Loihi",
}
"""What simulates the chip, by backend."""

ONE_BY_ONE = ("loihi-reference", "loihi-float", "loihi")
"""Backends that simulate one image at a time."""


def check(model, backend, dt):
    """Refuse what a chip cannot be given, or a chip that is not there."""
    if not is_for_chip(model.network):
        raise _error(
            "model",
            f"is not made for the chip, which {backend!r} is about; evaluate "
            "to_loihi(to_spiking(model))",
        )
    if abs(dt - DT) > 1e-9:
        raise _error(
            "dt",
            f"expected {DT:g} s, the only step that NengoLoihi has, got {dt:g} s",
        )
    if backend == "loihi":
        from ..compat import nengo_loihi

        if not nengo_loihi.hardware.HAS_NXSDK:
            raise _error(
                "backend",
                "'loihi' needs Intel's NxSDK, which cannot be imported here; use "
                "'loihi-emulator', which gives the chip's spikes",
            )


def describe(model, backend):
    """What simulates the chip, and what of it the model takes."""
    use = utilization(model)
    layers = neuron_layers(model)
    names = dict(zip(layers, layer_names(layers), strict=True))
    return {
        "target": TARGETS[backend],
        "cores": use.n_cores,
        "chips": use.n_chips,
        "blocks": {
            names[layer.ensemble]: [
                {name: int(n) for name, n in block.items()} for block in blocks
            ]
            for layer, blocks in use.blocks.items()
        },
    }


def run_emulator(backend, watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images on a Loihi chip, with our own emulator, a batch at a time.

    Parameters
    ----------
    backend : str
        "loihi-emulator" or "loihi-weights".
    watched, batches, n_steps, dt, reset, batch_size, seed
        As in `.run_engine`, and so are the yields.
    """
    rounding = backend == "loihi-emulator"
    with Emulator(watched.network, seed, batch_size, False, rounding) as sim:
        yield from run_batches(sim, watched, batches, n_steps, reset, batch_size)


def run_nengo_loihi(target, watched, batches, n_steps, dt, reset, batch_size, seed):
    """Simulate images with NengoLoihi, one after the other.

    Parameters
    ----------
    target : {"sim", "simreal", "loihi"}
        NengoLoihi's emulator, the same without rounding, or the chip.
    watched, batches, n_steps, dt, reset, batch_size, seed
        As in `.run_engine`, and so are the yields. Without reset each image starts
        where the one before it ended.
    """
    from ..compat import nengo_loihi

    shown = np.zeros(watched.input.size_out)
    watched.input.output = lambda t: shown
    with watched.network:
        probes = [nengo.Probe(layer.neurons) for layer in watched.layers]
    types = [layer.neuron_type for layer in watched.layers]
    heights = [getattr(t, "amplitude", 1) / dt for t in types]

    def simulator():
        return nengo_loihi.Simulator(
            watched.network, dt, seed, target=target, progress_bar=False
        )

    def shown_to(sim, image):
        shown[...] = image
        sim.run_steps(n_steps)
        return [sim.data[probe][-n_steps:] for probe in (watched.output, *probes)]

    with contextlib.ExitStack() as stack:
        going_on = None if reset else stack.enter_context(simulator())
        for images in batches:
            outputs, fired = [], np.zeros((len(probes), 2))
            for image in images:
                if reset:  # its simulator cannot go back to the start
                    with simulator() as sim:
                        output, *spikes = shown_to(sim, image)
                else:
                    output, *spikes = shown_to(going_on, image)
                outputs.append(finite(output.copy()))
                # on the host, neurons may fire several times in a step
                fired += watched.count(
                    [
                        np.rint(seen.sum(axis=0, keepdims=True) / height)
                        for seen, height in zip(spikes, heights, strict=True)
                    ]
                )
            yield np.stack(outputs), fired


RUN = {
    "loihi-emulator": partial(run_emulator, "loihi-emulator"),
    "loihi-weights": partial(run_emulator, "loihi-weights"),
    "loihi-reference": partial(run_nengo_loihi, "sim"),
    "loihi-float": partial(run_nengo_loihi, "simreal"),
    "loihi": partial(run_nengo_loihi, "loihi"),
}
"""The backends by name."""


def _error(attr, message):
    return ValidationError(message, attr=attr)
