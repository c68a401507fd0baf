"""Figures of neurons, noise and results.

Each function draws on Matplotlib axes that it is given, or on a new figure's, and
returns them; none changes Matplotlib's settings. What is drawn has been computed
before: by a neuron type, a simulator, or `.evaluate`.

This module is not imported by ``import nengo_softlif``::

    from nengo_softlif import figures
"""

from .activity import answer, raster, rate_histograms
from .canvas import (
    BLUE,
    COLOURS,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    check_ending,
    save_figure,
)
from .chips import cores
from .demonstration import save_demo
from .evaluations import (
    confusion,
    error_against_spikes,
    error_over_time,
    firing_rates,
)
from .ladders import ladder, save_ladder
from .learning import learning_curve
from .neurons import spike_noise, tuning_curve, tuning_slope

__all__ = [
    "BLUE",
    "COLOURS",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SKY",
    "answer",
    "check_ending",
    "confusion",
    "cores",
    "error_against_spikes",
    "error_over_time",
    "firing_rates",
    "ladder",
    "learning_curve",
    "raster",
    "rate_histograms",
    "save_demo",
    "save_figure",
    "save_ladder",
    "spike_noise",
    "tuning_curve",
    "tuning_slope",
]
