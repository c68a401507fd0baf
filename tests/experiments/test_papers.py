"""What experiments say is held against closed forms, and against published numbers."""

from nengo_softlif import SoftLIFRate, experiments, networks
from nengo_softlif.experiments import costs, energy
from nengo_softlif.layers import n_synapses

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.special import softmax


def test_curves_and_their_derivatives():
    lif, soft = experiments.figure1(n_currents=10_001, progress_bar=False).rows
    for row, neuron in (
        (lif, nengo.LIFRate(0.03, 0.002)),
        (soft, SoftLIFRate(0.01, 0.03, 0.002)),
    ):
        J, rates = np.array(row["currents"]), np.array(row["rates_hz"])
        np.testing.assert_allclose(rates, neuron.rates(J, [1.0], [0.0])[:, 0])
        far = np.abs(J - 1) > 0.02 if row is lif else J > 0
        found, finite = np.array(row["slopes_hz"]), np.gradient(rates, J)
        np.testing.assert_allclose(found[far][1:-1], finite[far][1:-1], rtol=2e-3)
        assert row["steepest_hz"] == max(row["slopes_hz"])
    # at the threshold LIF climbs without bound, and the steeper the nearer
    assert lif["steepest_hz"] > 20 * soft["steepest_hz"]


@pytest.mark.slow
def test_filtered_trains_and_models():
    """The paper's protocol, with fewer currents and half of the time."""
    found = experiments.figure2(
        n_currents=6, seconds=5.5, progress_bar=False, noises=("alpha:0.003", "none")
    )
    for row in found.rows:
        J, spikes = row["current"], row["spikes"]
        rate = 1 / (0.004 + 0.02 * np.log1p(1 / (J - 1))) if J > 1 else 0
        np.testing.assert_allclose(row["rate_hz"], rate)
        np.testing.assert_allclose(spikes["mean"], rate, rtol=0.01)
        model = row["noises"]["alpha:0.003"]
        for name in ("mean", "std", "median", "lower", "upper"):
            np.testing.assert_allclose(model[name], spikes[name], rtol=0.02, err_msg=J)
        assert row["noises"]["none"]["std"] == pytest.approx(0, abs=1e-9)


# of the papers' networks: mean rates in Hz, and efficiencies by milliseconds
CIFAR10 = [173.3, 99.0, 9.7, 7.2], {200: 0.76, 150: 0.98, 80: 1.64, 60: 2.04}
MNIST = [4.6, 15.6, 4.2], {200: 5.94, 100: 10.24, 60: 14.42}


@pytest.mark.parametrize(
    ("make", "n_inputs", "n_all", "published"),
    [
        (networks.mnist, 313_600, 11_623_200, MNIST),
        (networks.cifar10, 2_764_800, 19_512_576, CIFAR10),
    ],
)
def test_the_papers_efficiency(make, n_inputs, n_all, published):
    """Hunsberger's thesis: sizes, rates, and the table of efficiencies."""
    rates, efficiencies = published
    model = make()
    assert costs.count_inputs(model) == n_inputs
    synapses = list(n_synapses(model.network).values())
    assert n_inputs + sum(synapses) == n_all
    for ms, expected in efficiencies.items():
        synops = np.dot(synapses, rates) * ms / 1000
        found = energy.efficiency(
            n_all, n_inputs, model.network.n_neurons, synops, ms / 1000
        )
        # tables are cut to two digits, and rates are given to one
        np.testing.assert_allclose(found["with_input"], expected, rtol=0.015)
        assert found["without_input"] > found["with_input"]


def test_joules_are_operations_times_constants():
    loihi, truenorth, _ = energy.DEVICES
    assert energy.joules(loihi, 1e6, 0) == pytest.approx(23.6e-6)
    assert energy.joules(loihi, 0, 1e6) == pytest.approx(81e-6)
    assert energy.joules(truenorth, 1e6, 1e9) == pytest.approx(26e-6)


@pytest.fixture(scope="module")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "digits.safetensors"
    model.save(path)
    return str(path)


def test_early_exit(model_file, data):
    """With hardly any confidence the first answer counts, with all of it the last."""
    found = experiments.decision_time(
        model=model_file,
        data="digits",
        synapses=("alpha:0.005",),
        presentation_time=0.05,
        confidences=(0.05, 0.2, 0.999999),
        n_examples=30,
        progress_bar=False,
    )
    (row,) = found.rows
    soon, between, never = row["exits"]
    errors, times = row["error_over_time_percent"], row["times"]
    assert soon["error_percent"] == pytest.approx(errors[0])
    assert soon["mean_time"] == pytest.approx(times[0])
    assert soon["stopped_percent"] == 100
    assert never["error_percent"] == pytest.approx(errors[-1])
    assert never["mean_time"] == pytest.approx(0.05)
    assert never["stopped_percent"] == 0
    assert times[0] <= between["mean_time"] <= 0.05
    assert found.data_sha256 == [data.sha256]
    assert "digits" in str(found)


def test_models_of_the_package_are_recorded_by_name(monkeypatch, model_file):
    """Not by the folder that the package happens to be in."""
    from nengo_softlif import loading
    from nengo_softlif.experiments import settings

    for module in (loading, settings):
        monkeypatch.setattr(module, "TRAINED", {"digits-best": model_file})
    found = experiments.decision_time(
        model="digits-best",
        data="digits",
        synapses=("alpha:0.002",),
        presentation_time=0.03,
        n_examples=20,
        progress_bar=False,
    )
    assert found.settings["model"] == "digits-best"
    assert found.rows[0]["n_examples"] == 20


def test_faster_neurons_are_shown_images_for_less_time(model_file):
    """And fire as many spikes, but for what steps of the same length round off."""
    found = experiments.decision_time(
        model=model_file,
        data="digits",
        synapses=("alpha:0.004", "none"),
        speeds=(1.0, 2.0),
        presentation_time=0.08,
        n_examples=40,
        progress_bar=False,
    )
    rows = {(row["speed"], row["synapse"]): row for row in found.rows}
    assert list(rows) == [
        (1.0, "alpha:0.004"),
        (1.0, "none"),
        (2.0, "alpha:0.002"),
        (2.0, "none"),
    ]
    as_trained, fast = rows[1.0, "alpha:0.004"], rows[2.0, "alpha:0.002"]
    assert (as_trained["times"][-1], fast["times"][-1]) == (0.08, 0.04)
    assert fast["mean_rate_hz"] == pytest.approx(
        2 * as_trained["mean_rate_hz"], rel=0.1
    )
    assert abs(fast["error_percent"] - as_trained["error_percent"]) <= 10
    legend = found.figure().axes[0].get_legend().get_texts()
    assert "neurons x 2" in legend[-1].get_text()


def test_confidence_is_the_softmax_of_the_mean_output(rng):
    from nengo_softlif.evaluation import confidences, decide, readout_steps, stop

    outputs = 5 * rng.normal(size=(20, 30, 4))
    steps, first = readout_steps(30, 0.001)
    found = confidences(outputs, steps, first)
    for i, (last, start) in enumerate(zip(steps, first, strict=True)):
        probable = softmax(outputs[:, start - 1 : last].mean(axis=1), axis=1)
        np.testing.assert_allclose(found[:, i], probable.max(axis=1))
        answers = decide(outputs, steps, first)[:, i]
        np.testing.assert_array_equal(answers, probable.argmax(axis=1))
    for confidence in (0.3, 0.6, 0.9):
        for row, at in zip(found, stop(found, confidence), strict=True):
            assert np.all(row[:at] < confidence)
            assert row[at] >= confidence or at == len(steps) - 1


def test_rates_and_energy(model_file):
    found = experiments.rates_and_energy(
        model=model_file,
        data="digits",
        readouts=("5:10:40", "0:5:20"),
        n_examples=20,
        progress_bar=False,
    )
    for row, seconds in zip(found.rows, (0.04, 0.02), strict=True):
        n = sum(layer["n_neurons"] for layer in row["layers"])
        spikes = sum(x["spikes_per_neuron"] * x["n_neurons"] for x in row["layers"])
        assert spikes == pytest.approx(row["spikes_per_image"])
        assert row["spikes_per_neuron"] * n == pytest.approx(spikes)
        synops = sum(
            layer["rate_hz"] * layer["n_synapses"] * seconds for layer in row["layers"]
        )
        assert row["synops_per_image"]["paper"] == pytest.approx(synops)
        loihi = row["synops_per_image"]["direct"] * 23.6e-12 + n * seconds * 81e-9
        assert row["joules_per_image"]["Loihi"] == pytest.approx(loihi)
    assert "Davies" in str(found)


def test_models_that_are_not_for_it(model_file, tmp_path):
    with pytest.raises(ValidationError, match="model: expected a file, but there is"):
        experiments.decision_time(model="none.safetensors", data="digits")
    with pytest.raises(ValidationError, match="data: expected a file, but there is"):
        experiments.decision_time(model=model_file, data="digit")
    spiking = networks.lenet((8, 8, 1))
    spiking.save(tmp_path / "spiking.safetensors")
    with pytest.raises(ValidationError, match="expected a model of rate neurons"):
        experiments.rates_and_energy(
            model=str(tmp_path / "spiking.safetensors"), data="digits"
        )


def test_a_model_that_was_replaced_meanwhile(model_file, model, tmp_path):
    known = experiments.rates_and_energy
    piece = {
        **{"model": model_file, "model_sha256": "other", "data": "digits"},
        "data_sha256": "any",
    }
    with pytest.raises(ValidationError, match="is not what it was when the work began"):
        known.measure(piece)


@pytest.mark.slow
def test_noise_in_training(tmp_path):
    given = {
        **{"data": "digits", "network": "small", "noises": ("none", "gaussian:10")},
        **{"readouts": ("5:20:40",), "epochs": 1, "n_examples": 50, "seeds": (0, 1)},
        **{"work": tmp_path, "progress_bar": False},
    }
    found = experiments.noise(**given)
    assert len(found.rows) == 4
    for row in found.rows:
        assert len(row["errors_percent"]) == 2
        assert row["mean_percent"] == pytest.approx(np.mean(row["errors_percent"]))
        if row["noise"] == "none":
            assert row["difference_points"] is None
        else:
            low, high = row["interval_points"]
            assert low <= row["difference_points"] <= high
    assert not list(tmp_path.glob("*.checkpoint"))
    assert experiments.noise(**given).rows == found.rows
    found.draw(tmp_path / "noise.png")
    assert "gaussian:10" in str(found)
