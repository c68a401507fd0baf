"""The engine's stage for neurons of NengoLoihi that run on the host."""

from ..engine import neurons
from .decays import chip_tau_rc, chip_tau_ref


class LoihiLIF(neurons.LIF):
    """``nengo_loihi.LoihiLIF``: intervals are whole steps, time constants rounded."""

    within_steps = False

    @staticmethod
    def time_constants(neurons, dt):
        """Time constants as the chip rounds them, in seconds."""
        return chip_tau_rc(neurons.tau_rc, dt), chip_tau_ref(neurons.tau_ref, dt)
