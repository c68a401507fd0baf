"""The chip's numbers are those that NengoLoihi sets."""

from nengo_softlif.compat import nengo_loihi
from nengo_softlif.loihi.decays import (
    DECAY_MAX,
    chip_tau_rc,
    chip_tau_ref,
    current_decay,
    voltage_decay,
)

import nengo
import numpy as np
import pytest

TAUS = [0.0004, 0.003, 0.0137, 0.02, 0.04, 0.3, 3.0]


def compartment(synapse, tau_rc=0.02):
    """Neurons on the chip behind a synapse, as NengoLoihi has them in integers."""
    neurons = nengo_loihi.LoihiLIF(tau_rc=tau_rc)
    with nengo.Network(seed=0) as net:
        sender = nengo.Ensemble(3, 1)
        receiver = nengo.Ensemble(2, 1, neuron_type=neurons)
        nengo.Connection(
            sender.neurons,
            receiver.neurons,
            transform=np.full((2, 3), 0.01),
            synapse=synapse,
        )
        nengo_loihi.add_params(net)
        net.config[sender].on_chip = False
    with nengo_loihi.Simulator(net, target="sim", progress_bar=False) as sim:
        (block,) = sim.model.blocks
    return block.compartment


@pytest.mark.parametrize("tau", [0.0, *TAUS])
def test_decay_of_the_current(tau):
    found = compartment(nengo.Lowpass(tau) if tau else None)
    assert set(found.decay_u) == {current_decay(tau)}


@pytest.mark.parametrize("tau", TAUS)
def test_decay_of_the_voltage(tau):
    assert set(compartment(None, tau).decay_v) == {voltage_decay(tau)}


def test_decays_have_12_bits():
    for tau in (1e-9, 1e9):
        assert 0 <= current_decay(tau) <= DECAY_MAX
        assert 0 <= voltage_decay(tau) <= DECAY_MAX


@pytest.mark.parametrize("dt", [0.001, 0.0005])
@pytest.mark.parametrize("tau", TAUS)
def test_time_constants_of_rates(tau, dt):
    neurons = nengo_loihi.neurons
    assert chip_tau_rc(tau, dt) == neurons.discretize_tau_rc(tau, dt)
    assert chip_tau_ref(tau, dt) == neurons.discretize_tau_ref(tau, dt)
