"""What training for Loihi aims at: its rates, its weights and its synapse."""

from dataclasses import asdict, dataclass

from ..checks import check_number
from ..noise import AlphaNoise, Dropout, GaussianNoise, LowpassNoise
from ..targets import TrainingTarget

CHIP_NOISE = LowpassNoise(0.01)
"""What spikes look like behind the synapse that stands for ``Alpha(0.005)``.

The chip has lowpass synapses only. That with twice the time constant of an alpha
synapse has the same gain and mean delay, and filters the noise of a Poisson train as
much; the ripple of regular trains, which networks of LIF neurons send, it lets through
more easily: at 100 Hz with 1.7 times the amplitude.
"""


@dataclass(frozen=True)
class LoihiTarget(TrainingTarget):
    r"""What `.fit` takes into account of the chip.

    Layers that images reach through neurons will be on the chip, as `.to_loihi` has it;
    the first stays on the host. In training

    - neurons of the chip fire at its rates, with intervals of whole milliseconds, and
      those of the host at the rates of `nengo.LIF`; gradients are those of soft LIF
      neurons;
    - weights that lead to neurons of the chip are rounded to the 8 bits they will have;
      gradients go to the weights that are not rounded;
    - neurons that lead to the chip have the noise of its lowpass synapse: that of
      `.AlphaNoise` with twice its time constant, and ``LowpassNoise(0.01)`` if a neuron
      has no noise or Gaussian noise. Other noise stays as it was chosen, and so does
      that of neurons that lead to nodes only, whose synapse is on the host;
    - rates on the chip that are too high are penalised.

    Parameters
    ----------
    max_rate : float
        Where the penalty of a rate sets in, in Hz. Rounding an interval up to the next
        step lowers a rate ``r`` by a part of ``r * dt / 2`` on average, and its rates
        are ``r * dt`` apart: at the default of 125 Hz, an interval of eight steps, 6
        and 12 percent.
    rate_weight : float
        Weight of the penalty in the loss, beside a cross-entropy. The penalty of a
        layer is the mean of ``relu(r / max_rate - 1) ** 2`` over the highest thousandth
        of its rates, those above their 99.9th percentile; it is summed over layers. Of
        a large layer it looks at as many examples as have 131,072 rates together.

    Examples
    --------
    >>> softlif.LoihiTarget(max_rate=100.0)
    LoihiTarget(max_rate=100.0, rate_weight=0.1)
    """

    max_rate: float = 125.0
    rate_weight: float = 0.1

    def __post_init__(self):
        """Refuse what is no rate or weight."""
        check_number("max_rate", self.max_rate, "a rate in Hz", 0, low_open=True)
        check_number("rate_weight", self.rate_weight, "0 or a positive number", 0)

    def describe(self):
        """Describe the settings, as JSON holds them."""
        return {"type": "loihi", **asdict(self)}

    def bind(self, feed_forward):
        """Return what the chip changes in a network."""
        from .behaviour import ChipBehaviour

        return ChipBehaviour(self, feed_forward)


def chip_noise(noise):
    """Noise of neurons whose spikes pass a synapse of the chip.

    Parameters
    ----------
    noise : Noise or None
        What they have.

    Returns
    -------
    Noise
        See `LoihiTarget`.

    Examples
    --------
    >>> from nengo_softlif import loihi
    >>> loihi.chip_noise(softlif.AlphaNoise(0.005))
    LowpassNoise(tau_s=0.01)
    """
    if isinstance(noise, Dropout):
        return Dropout(noise.rate, chip_noise(noise.noise))
    if noise is None or isinstance(noise, GaussianNoise):
        return CHIP_NOISE
    if isinstance(noise, AlphaNoise):
        return LowpassNoise(2 * noise.tau_s)
    return noise
