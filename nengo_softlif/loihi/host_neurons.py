"""The engine's stage for neurons of NengoLoihi that run on the host."""

from ..engine import neurons
from .decays import chip_tau_rc, chip_tau_ref


class LoihiLIF(neurons.LIF):
    """``nengo_loihi.LoihiLIF``: intervals are whole steps, time constants rounded."""

    within_steps = False

    def _time_constants(self):
        lif, dt = self.neuron_type, self.settings.dt
        return chip_tau_rc(lif.tau_rc, dt), chip_tau_ref(lif.tau_ref, dt)
