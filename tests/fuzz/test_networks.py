"""The engine against Nengo, on random networks; a command for more is in the module."""

import json

import pytest
from fuzz import engine_networks, running
from fuzz import networks as random_networks

N_NETWORKS = 300


@pytest.mark.parametrize("seed", range(N_NETWORKS))
def test_the_engine_sees_what_nengo_sees(seed):
    """Law 7, for everything that probes can see."""
    result = random_networks.check(seed)
    assert not result.fault, f"seed {seed}: {result.fault}"
    assert result.counts["values"] > 0


def test_faults_are_found(monkeypatch):
    """An engine that is wrong in one value does not pass."""
    seen = random_networks.seen_by_us

    def wrong(example):
        ours = seen(example)
        probe = example.network.all_probes[0]
        ours[0][probe][-1, 0] += 1e-3 + ours[0][probe].max()
        return ours

    monkeypatch.setattr(random_networks, "seen_by_us", wrong)
    result = random_networks.check(0)
    assert "probes differ" in result.fault


def test_the_command_records_what_it_did(monkeypatch, tmp_path, capsys):
    path = tmp_path / "record.json"
    arguments = ["--n", "2", "--first", "5", "--out", str(path)]
    monkeypatch.setattr("sys.argv", ["random_networks", *arguments])
    options = running.options(random_networks.__doc__)
    assert running.main(options, random_networks.plan) == 0
    (record,) = json.loads(path.read_text())["results"]
    assert record["n"] == 2
    assert record["counts"]["values"] > 0
    assert record["failed"] == []
    assert "2 networks: " in capsys.readouterr().out


def test_the_generator_makes_everything():
    """Of what networks may consist of, nothing is missing in those of the tests."""
    examples = [engine_networks.make(seed) for seed in range(N_NETWORKS)]
    networks = [example.network for example in examples]
    connections = [c for net in networks for c in net.all_connections]
    ensembles = [e for net in networks for e in net.all_ensembles]
    nodes = [n for net in networks for n in net.all_nodes]
    probes = [p for net in networks for p in net.all_probes]

    def kinds(values):
        return {type(value).__name__ for value in values}

    assert kinds(c.transform for c in connections) >= {
        *("AveragePool", "Convolution", "Dense", "LocallyConnected", "NoTransform"),
        "Sparse",
    }
    assert kinds(e.neuron_type for e in ensembles) >= {
        *("AdaptiveLIF", "AdaptiveLIFRate", "BernoulliSpiking", "IntegrateAndFire"),
        *("Izhikevich", "LIF", "LIFRate"),
        *("PoissonSpiking", "RectifiedLinear", "RegularSpiking", "Sigmoid"),
        *("SoftLIFRate", "SpikingRectifiedLinear", "StochasticSpiking", "Tanh"),
    }
    assert kinds(c.synapse for c in connections) == {
        *("Alpha", "LinearFilter", "Lowpass", "NoneType")
    }
    assert kinds(n.output for n in nodes) >= {
        *("BrownNoise", "FilteredNoise", "NoneType", "PresentInput", "WhiteNoise"),
        *("WhiteSignal", "Wave", "ndarray"),
    }
    assert {p.attr for p in probes} >= {
        *("decoded_output", "input", "output", "voltage", "adaptation", "recovery"),
        "refractory_time",
    }
    assert kinds(p.target for p in probes) >= {"Connection", "ObjView"}
    slices = [c.pre_slice for c in connections]
    assert any(isinstance(s, slice) and (s.step or 1) < 0 for s in slices)
    assert any(isinstance(s, list) and len(set(s)) < len(s) for s in slices)
    posts = [c.post_slice for c in connections]
    assert any(isinstance(s, list) for s in posts)
    assert {e.n_examples for e in examples} == {1, 2, 3}
    assert any(c.solver.weights for c in connections)
    assert any(net.networks for net in networks)
    assert {e.rehearsed for e in examples} == {False, True}
