"""Law 2: NumPy, Nengo, NengoDL and the engine give the same rates."""

from nengo_softlif import Simulator, SoftLIFRate
from nengo_softlif.compat import nengo_dl

import nengo
import numpy as np
import pytest
from kinds import NOISES, RATES, SOFT
from sample_networks import connect, images, neurons, normal

TYPES = [*RATES, *SOFT[1:], *(SoftLIFRate(0.1, noise=noise) for noise in NOISES)]


@pytest.fixture(scope="module")
def seen():
    """Rates that each simulator gives, of all types side by side, by type."""
    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(dtype="float64")
        image = nengo.Node(images(1)[0, 0])
        for i, neuron_type in enumerate(TYPES):
            layer = connect(image, neurons(30, neuron_type, i), normal(30, 72), None)
            nengo.Probe(layer)

    def saw(sim):
        with sim:
            sim.run_steps(1)
            return [sim.data[probe].reshape(30) for probe in net.probes]

    return {
        "currents": [
            e.gain * (normal(30, 72) @ images(1)[0, 0]) + e.bias for e in net.ensembles
        ],
        "Nengo": saw(nengo.Simulator(net, progress_bar=False)),
        "NengoDL": saw(nengo_dl.Simulator(net, progress_bar=False)),
        "engine": saw(Simulator(net, dtype="float64", progress_bar=False)),
    }


@pytest.mark.filterwarnings("ignore:.*falling back to Python:UserWarning")
@pytest.mark.parametrize("simulator", ["Nengo", "NengoDL", "engine"])
@pytest.mark.parametrize("i", range(len(TYPES)), ids=[repr(t) for t in TYPES])
def test_rates_are_those_of_numpy(i, simulator, seen):
    J = seen["currents"][i]
    assert np.ptp(J) > 1
    expected = TYPES[i].rates(J, [1], [0]).ravel()
    np.testing.assert_allclose(seen[simulator][i], expected, rtol=1e-9, atol=1e-12)
