"""A row for each kind of neurons and noise: `laws` says what holds for all of them."""

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    BernoulliSpiking,
    Dropout,
    GaussianNoise,
    IntegrateAndFire,
    LowpassNoise,
    SoftLIFRate,
)
from nengo_softlif.compat import nengo_loihi

import nengo

SOFT = [
    SoftLIFRate(),
    SoftLIFRate(0.02, 0.05, 0.001, 0.063),  # the papers' CIFAR-10
    SoftLIFRate(0.02, 0.022, 0.002, 0.063),  # and MNIST
    SoftLIFRate(sigma=1e-4),
    SoftLIFRate(sigma=1.0),
    SoftLIFRate(sigma=0.1, tau_ref=0),
    SoftLIFRate(sigma=1e-4, tau_rc=0.005, tau_ref=0, amplitude=2.5),
    SoftLIFRate(sigma=0.3, tau_rc=1.0, tau_ref=0.02, amplitude=10),
]
"""The curve, with parameters of all sizes."""

RATES = [
    nengo.LIFRate(),
    nengo.RectifiedLinear(),
    nengo.Sigmoid(),
    nengo.Tanh(),
    nengo.AdaptiveLIFRate(),
    SoftLIFRate(),
]
SPIKING = [
    nengo.LIF(tau_rc=0.01, tau_ref=0.0013, min_voltage=-0.5, amplitude=0.3),
    nengo.LIF(tau_ref=0),
    nengo.SpikingRectifiedLinear(amplitude=0.01),
    nengo.RegularSpiking(nengo.LIFRate()),
    nengo.RegularSpiking(nengo.RectifiedLinear(), amplitude=0.1),
    nengo.AdaptiveLIF(),
    nengo.Izhikevich(),
    nengo_loihi.LoihiLIF(tau_rc=0.013, min_voltage=-0.5, amplitude=0.3),
    nengo_loihi.LoihiLIF(tau_ref=0.0014),
    nengo_loihi.LoihiLIF(tau_ref=0.0004),
    nengo_loihi.LoihiLIF(tau_ref=0),
    nengo_loihi.neurons.LoihiSpikingRectifiedLinear(),
    IntegrateAndFire(),
    IntegrateAndFire(float("inf"), amplitude=0.3),
    IntegrateAndFire(0.01, initial_state={"voltage": nengo.dists.Uniform(-1, 1.5)}),
]
STOCHASTIC = [
    nengo.PoissonSpiking(nengo.LIFRate()),
    nengo.StochasticSpiking(nengo.LIFRate()),
    BernoulliSpiking(),
    BernoulliSpiking(amplitude=0.3),
]

NOISES = [
    GaussianNoise(),
    GaussianNoise(0),
    LowpassNoise(),
    LowpassNoise(0.003),
    AlphaNoise(),
    AlphaNoise(0.003),
    AlphaRCNoise(),
    AlphaRCNoise(0.02),
    Dropout(),
    Dropout(0, GaussianNoise(3)),
    Dropout(0.25, AlphaNoise(0.002)),
]
