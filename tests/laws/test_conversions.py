"""Laws 5 and 6: conversions change what they say, and nothing else."""

import nengo_softlif as softlif
from nengo_softlif import SoftLIFRate

import nengo
import numpy as np
import pytest
import sample_stacks
from references import arrays_of, assert_same_arrays, assert_same_rates, nengo_saw
from sample_networks import shaken

RECURRENT = "decoded and recurrent"
CONVERSIONS = {
    "to_spiking": (softlif.to_spiking, sample_stacks.made),
    "to_loihi": (softlif.to_loihi, sample_stacks.in_spikes),
}


def recurrent(convert):
    """A network that keeps its recurrent synapse, which is part of its function."""
    neuron_type = SoftLIFRate() if convert is softlif.to_spiking else nengo.LIF()
    return shaken(sample_stacks.integrator(neuron_type), np.random.RandomState(0), 1e-4)


def state(model):
    """All that could be changed of a network."""
    network = getattr(model, "network", model)
    types = [ensemble.neuron_type for ensemble in network.all_ensembles]
    return types, list(map(repr, network.all_objects)), network.all_objects


@pytest.mark.parametrize("name", [*sample_stacks.NETWORKS, RECURRENT])
@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_conversions_fold_and_leave_their_argument_as_it_is(conversion, name):
    """With rate neurons, what comes out is what went in."""
    convert, make = CONVERSIONS[conversion]
    given = recurrent(convert) if name == RECURRENT else make(name).copy()
    before, arrays = state(given), arrays_of(given)
    found = convert(given)
    assert found is not given
    assert state(given) == before
    assert_same_arrays(given, arrays)
    kwargs = {"n_steps": 20, "synapses": True} if name == RECURRENT else {}
    assert_same_rates(found, given, 1e-10, **kwargs)


def test_soft_neurons_in_a_network_in_spikes_give_the_rate_network():
    given = sample_stacks.made("average pooling, dense")
    found = softlif.to_spiking(given, synapse=None)
    for ensemble, rate in zip(found.ensembles, given.ensembles, strict=True):
        neurons, soft = ensemble.neuron_type, rate.neuron_type
        assert type(neurons) is nengo.LIF
        for attr in ("tau_rc", "tau_ref", "amplitude"):
            assert getattr(neurons, attr) == getattr(soft, attr)
        ensemble.neuron_type = soft
    seen = (nengo_saw(model.network, 2).values() for model in (found, given))
    for a, b in zip(*seen, strict=True):
        np.testing.assert_allclose(a[-1], b[-1], atol=1e-10)


# -- law 6 -----------------------------------------------------------------------------


@pytest.mark.parametrize("J", [1.01, 1.2, 2.0, 5.0, 20.0])
def test_spike_count_follows_the_rate(J):
    """From rest, a LIF neuron has fired within one spike of rate times time."""
    neurons = nengo.LIF(initial_state={"voltage": nengo.dists.Choice([0])})
    with nengo.Network() as net:
        ensemble = nengo.Ensemble(
            1, 1, gain=[1], bias=[J], neuron_type=neurons, encoders=[[1]]
        )
        probe = nengo.Probe(ensemble.neurons)
    dt = 0.001
    with nengo.Simulator(net, dt=dt, progress_bar=False) as sim:
        sim.run(2.0)
        counts = np.cumsum(sim.data[probe][:, 0]) * dt
        expected = nengo.LIFRate().rates(0, [1], [J])[0, 0] * sim.trange()
    # the last spike, and the step it is rounded to
    assert np.all(np.abs(counts - expected) <= 1 + 1e-6)
