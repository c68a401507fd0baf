"""Rates that training keeps to: the penalty is the formula's, and it works."""

from nengo_softlif import SoftLIFRate, Stack, evaluate, networks, to_spiking
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.keras_model import LayeredNetwork
from nengo_softlif.training.loop import fit
from nengo_softlif.training.rates import FiringRates

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

NEURONS = SoftLIFRate(0.1, amplitude=0.05)


def layers_of_two():
    with nengo.Network(seed=0) as net:
        stack = Stack((2, 3, 1), NEURONS, gain=0.7)
        stack.convolution(2)
        stack.local(3)
        output = stack.readout(3, std=1.0)
    return net, stack.input, output


def rates_by_hand(net, x):
    """Of both layers, in Hz, as Nengo has them: (n, n_neurons) each."""
    with net:
        probes = [nengo.Probe(e.neurons) for e in net.all_ensembles]
    image = net.all_nodes[0]
    image.output = lambda t: x[round(t / 0.001) - 1]
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(len(x))
    return [sim.data[probe] / NEURONS.amplitude for probe in probes]


@pytest.mark.parametrize(
    "wanted",
    [
        FiringRates(high=8),
        FiringRates(high=30, low=28, weight=0.3),
        FiringRates(synops=900, weight=2),
        FiringRates(high=1e6, low=1e-6, synops=1e9),
    ],
)
def test_the_penalty_is_that_of_the_formula(wanted, rng):
    net, image, answer = layers_of_two()
    x = rng.normal(size=(4, 6))
    layered = LayeredNetwork(net, image, answer, 4, 0, "float64", rates=wanted)
    layered(x, training=True)
    (penalty,) = layered.penalties
    means = [rates.mean() for rates in rates_by_hand(net, x)]
    # 3 x 3 x 2 weights lead to each of 18 neurons, which lead to three classes
    synops = np.dot(means, [18 * 18, 18 * 3])
    expected = 0
    for mean in means:
        expected += max(mean / (wanted.high or np.inf) - 1, 0) ** 2
        expected += max(1 - mean / wanted.low, 0) ** 2 if wanted.low else 0
    expected += max(synops / (wanted.synops or np.inf) - 1, 0) ** 2
    assert float(penalty) == pytest.approx(wanted.weight * expected, rel=1e-6)
    layered(x, training=False)
    assert layered.penalties == []


def test_of_large_layers_some_images_count(rng, monkeypatch):
    monkeypatch.setattr(
        FiringRates, "n_rates", 30
    )  # two images of 12 values, one of 18
    net, image, answer = layers_of_two()
    x = rng.normal(size=(4, 6))
    wanted = FiringRates(high=1)
    layered = LayeredNetwork(net, image, answer, 4, 0, "float64", rates=wanted)
    layered(x, training=True)
    first, second = rates_by_hand(net, x)
    expected = (first[:2].mean() - 1) ** 2 + (second[:1].mean() - 1) ** 2
    assert float(layered.penalties[0]) == pytest.approx(expected, rel=1e-6)


def test_rates_fall_at_about_the_same_error(data):
    """Of a trained network; what is asked for is at most 10 Hz in each layer."""
    model, found = networks.small(noise=None), []
    for rates in (None, 10):
        settings = {"epochs": 12, "batch_size": 32, "learning_rate": 5e-3}
        fit(model, data, rates=rates, progress_bar=False, **settings)
        found.append(evaluate(to_spiking(model), data, presentation_time=0.2))
    before, after = found
    pairs = zip(after.rates_hz.values(), before.rates_hz.values(), strict=True)
    assert all(new < 0.8 * old for new, old in pairs)
    assert after.mean_rate_hz < 0.5 * before.mean_rate_hz
    assert after.error_percent < before.error_percent + 8


def test_a_number_is_a_highest_rate():
    settings = Settings(rates=20)
    assert settings.rates == FiringRates(high=20)
    described = {"high": 20.0, "low": 0.0, "synops": None, "weight": 1.0}
    assert settings.describe()["rates"] == described
    assert "rates" not in Settings().describe()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FiringRates(), r"high: expected a rate or .*FiringRates\(high=20\)"),
        (lambda: FiringRates(high=-1), "high.*positive rate in Hz, got -1"),
        (lambda: FiringRates(high=5, low=5), "low: .*below high, which is 5 Hz, got 5"),
        (lambda: FiringRates(synops=0), "synops.*positive number per second, got 0"),
        (lambda: FiringRates(high=5, weight=0), "weight.*positive number, got 0"),
        (
            lambda: Settings(rates="few"),
            r"rates.*positive number of Hz, Fir.* got 'few'",
        ),
    ],
)
def test_bad_rates(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_rates_are_for_layers(data):
    with pytest.raises(ValidationError, match="rates: 'nengo-dl' trains without"):
        fit(networks.small(), data, rates=20, trainer="nengo-dl")
