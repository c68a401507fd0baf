"""What the rest of the package asks of Loihi. Light: the rest of this folder is not."""

import nengo

from ..targets import Target
from .decays import DT


class Loihi(Target):
    """Loihi: the chip, NengoLoihi's emulator, and ours."""

    name = "loihi"
    conversion = "to_loihi"
    step = DT
    backends = {  # noqa: RUF012 (see Target)
        "loihi-emulator": "nengo_softlif.loihi.backends:EMULATOR",
        "loihi-weights": "nengo_softlif.loihi.backends:WEIGHTS",
        "loihi-reference": "nengo_softlif.loihi.backends:REFERENCE",
        "loihi-float": "nengo_softlif.loihi.backends:FLOAT",
        "loihi": "nengo_softlif.loihi.backends:CHIP",
    }
    backend_help = (
        "loihi-emulator: on Loihi, many images at a time; loihi-weights: with no more "
        "of its rounding than that of weights and other parameters. loihi-reference, "
        "loihi-float: with NengoLoihi's emulator, with and without rounding. loihi: on "
        "the chip."
    )

    def takes(self, network):
        """Whether a network has NengoLoihi's settings, as `.to_loihi` leaves them."""
        return hasattr(network.config[nengo.Ensemble], "on_chip")

    def has_made(self, network):
        """Whether `.to_loihi` returned a network: settings alone anyone can make."""
        from .notes import Changes

        return bool(Changes.of(network).layers)

    def convert(self, model):
        """Call `.to_loihi`."""
        from .conversion import to_loihi

        return to_loihi(model)

    def describe(self, network):
        """NengoLoihi's settings of ensembles, and what `.to_loihi` noted."""
        from .settings import describe

        return describe(network)

    def restore(self, network, found):
        """Give a network what `describe` returned of one like it."""
        from .settings import restore

        restore(network, found)

    def rungs(self, spiking, chip, synapse, presentation):
        """The chip's synapse, neurons, weights and arithmetic, one after the other."""
        from .rungs import steps

        return steps(spiking, chip, presentation)

    def training(self):
        """Return a `.LoihiTarget`."""
        from .training import LoihiTarget

        return LoihiTarget()


LOIHI = Loihi()
