"""Running a model of `.to_loihi` on images: emulated, or on the chip itself."""

import contextlib

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .. import compat
from ..evaluation import (
    Backend,
    Shown,
    check_finite,
    layer_names,
    neuron_layers,
    run_batches,
)
from .conversion import utilization
from .cores import LIMITS
from .decays import DT
from .emulator import Emulator
from .neurons import warn_of_high_rates
from .target import LOIHI


class ChipBackend(Backend):
    """What runs models of `.to_loihi`.

    Parameters
    ----------
    name : str
        Of the backend.
    described : str
        What simulates the chip, in words.
    """

    shows_frames = True

    def __init__(self, name, described):
        self.name, self.described = name, described

    def check(self, model, presentation):
        """Refuse what a chip cannot be given."""
        if not LOIHI.takes(model.network):
            raise ValidationError(
                f"is not made for the chip, which {self.name!r} is about; evaluate "
                "to_loihi(to_spiking(model))",
                attr="model",
            )
        if abs(presentation.dt - DT) > 1e-9:
            raise ValidationError(
                f"expected {DT:g} s, the only step that NengoLoihi has, got "
                f"{presentation.dt:g} s",
                attr="dt",
            )

    def describe(self, model):
        """What simulates the chip, and what of it the model takes."""
        use = utilization(model)
        layers = neuron_layers(model)
        names = dict(zip(layers, layer_names(layers), strict=True))
        return {
            "target": self.described,
            "cores": use.n_cores,
            "chips": use.n_chips,
            "limits": dict(LIMITS),
            "blocks": {
                names[layer.ensemble]: [
                    {name: int(n) for name, n in block.items()} for block in blocks
                ]
                for layer, blocks in use.blocks.items()
            },
        }

    def check_rates(self, model, highest):
        """Warn of rates that whole steps make coarse, or cut off."""
        warn_of_high_rates(model.network, highest)


class Emulated(ChipBackend):
    """Our own emulator, a batch at a time.

    Parameters
    ----------
    name, described : str
        See `ChipBackend`.
    rounding : bool
        Whether currents and voltages are whole numbers, as on the chip.
    """

    records = True

    def __init__(self, name, described, rounding):
        super().__init__(name, described)
        self.rounding = rounding

    def run(self, watched, batches, presentation):
        """See `.Backend.run`."""
        seed, batch_size = presentation.seed, presentation.batch_size
        with Emulator(watched.network, seed, batch_size, False, self.rounding) as sim:
            yield from run_batches(sim, watched, batches, presentation)


class NengoLoihi(ChipBackend):
    """NengoLoihi's emulator, or the chip, one image after the other.

    Parameters
    ----------
    name, described : str
        See `ChipBackend`.
    target : {"sim", "simreal", "loihi"}
        NengoLoihi's emulator, the same without rounding, or the chip.
    """

    one_by_one = True

    def __init__(self, name, described, target):
        super().__init__(name, described)
        self.target = target

    def check(self, model, presentation):
        """Refuse a chip that is not there, too."""
        super().check(model, presentation)
        if self.target == "loihi":
            if not compat.nengo_loihi.hardware.HAS_NXSDK:
                raise ValidationError(
                    "'loihi' needs Intel's NxSDK, which cannot be imported here; use "
                    "'loihi-emulator', which gives the chip's spikes",
                    attr="backend",
                )

    def run(self, watched, batches, presentation):
        """See `.Backend.run`. Without reset images start where the one before ended."""
        shown = Shown(watched.input, presentation)
        with watched.network:
            probes = [nengo.Probe(layer.neurons) for layer in watched.layers]
        types = [layer.neuron_type for layer in watched.layers]
        heights = [getattr(t, "amplitude", 1) / presentation.dt for t in types]
        n_steps = presentation.n_time_steps

        def shown_to(sim, image):
            shown.image = image
            sim.run_steps(n_steps)
            seen = [sim.data[probe][-n_steps:] for probe in (watched.output, *probes)]
            return check_finite(seen[0].copy()), *(
                spikes.sum(axis=0) for spikes in seen[1:]
            )

        with contextlib.ExitStack() as stack:
            going_on = None
            if not presentation.reset:
                simulator = self._simulator(watched, presentation)
                going_on = stack.enter_context(simulator)
            for images in batches:
                seen = []
                for image in images:
                    if going_on is not None:
                        seen.append(shown_to(going_on, image))
                        continue
                    # its simulator cannot go back to the start
                    with self._simulator(watched, presentation) as sim:
                        seen.append(shown_to(sim, image))
                outputs, *spikes = map(np.stack, zip(*seen, strict=True))
                # on the host, neurons may fire several times in a step
                pairs = zip(spikes, heights, strict=True)
                yield outputs, [np.rint(total / height) for total, height in pairs]

    def _simulator(self, watched, presentation):
        return compat.nengo_loihi.Simulator(
            watched.network,
            presentation.dt,
            presentation.seed,
            target=self.target,
            progress_bar=False,
        )


EMULATOR = Emulated("loihi-emulator", "our emulator", rounding=True)
WEIGHTS = Emulated(
    "loihi-weights", "our emulator, only parameters rounded", rounding=False
)
REFERENCE = NengoLoihi("loihi-reference", "NengoLoihi's emulator", "sim")
FLOAT = NengoLoihi("loihi-float", "NengoLoihi's emulator, without rounding", "simreal")
CHIP = NengoLoihi("loihi", "Loihi", "loihi")
