"""Networks over time, on random networks; a command for more is in the module."""

from functools import lru_cache

from nengo_softlif.gradients import operators, unrolled

import pytest
from fuzz import gradients as random_gradients
from fuzz import spike_networks

N_NETWORKS = 60

checked = lru_cache(random_gradients.check)


@pytest.mark.parametrize("seed", range(N_NETWORKS))
def test_spikes_and_gradients_are_those_of_others(seed):
    assert not checked(seed).fault


def test_enough_is_compared():
    counts = [checked(seed).counts for seed in range(N_NETWORKS)]
    for name in ("spikes", "in_numpy", "in_tensors"):
        assert sum(of_one[name] for of_one in counts) > 1000
    assert sum(of_one["ties"] for of_one in counts) < N_NETWORKS / 20


@pytest.mark.parametrize("kind", ["_Matrix", "_Convolution", "_Pool", "_Local"])
def test_wrong_gradients_are_noticed(monkeypatch, kind):
    """Of what an operator gets, whatever it is."""
    kind = getattr(operators, kind)
    original = kind.by_values

    def altered(self, delta):
        return 1.0001 * original(self, delta)

    monkeypatch.setattr(kind, "by_values", altered)
    faults = (random_gradients.check(seed).fault for seed in range(N_NETWORKS))
    assert any("gradient by" in fault for fault in faults)


def test_wrong_spikes_are_noticed(monkeypatch):
    original = unrolled.Course._shift

    def altered(self, layer, total):
        return 1.001 * original(self, layer, total)

    monkeypatch.setattr(unrolled.Course, "_shift", altered)
    faults = [random_gradients.check(seed).fault for seed in range(10)]
    assert any("fire otherwise" in fault for fault in faults)


def test_the_generator_makes_everything():
    """Of what networks may consist of, nothing is missing in those of the tests."""
    examples = [spike_networks.make(seed) for seed in range(N_NETWORKS)]
    networks = [example.network for example in examples]
    connections = [c for net in networks for c in net.all_connections]
    ensembles = [e for net in networks for e in net.all_ensembles]

    def kinds(values):
        return {type(value).__name__ for value in values}

    assert kinds(c.transform for c in connections) >= {
        *("AveragePool", "Convolution", "Dense", "LocallyConnected"),
    }
    assert kinds(e.neuron_type for e in ensembles) == {
        *("BernoulliSpiking", "IntegrateAndFire", "LIF")
    }
    assert kinds(c.synapse for c in connections) == {
        *("Alpha", "LinearFilter", "Lowpass", "NoneType")
    }
    assert kinds(e.derivative for e in examples) == {
        *("Arctan", "FastSigmoid", "LeakCorrected", "MeasuredRates", "SoftLIF"),
        "Triangular",
    }
    assert any(example.answer.slice is not None for example in examples)
    assert {example.images.shape[1] for example in examples} >= {1, 2, 15, 30}
