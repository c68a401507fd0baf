"""What is recorded of images is what Nengo's simulator gives, spike by spike."""

from dataclasses import replace

from nengo_softlif import evaluate, report, to_loihi
from nengo_softlif.evaluation import presentation_order
from nengo_softlif.report.spike_trains import choose_neurons

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from sample_data import BRIEF


def test_recorded_spikes_are_those_of_nengo(spiking, data, result):
    (shown,) = report.watch(spiking, data, result, [5], n_neurons=30)
    image = data.x_test[presentation_order(len(data.x_test))[5]]
    np.testing.assert_array_equal(shown.image, image)
    model = spiking.copy()
    model.network.seed = model.network.seed or result.seed
    model.input.output = model.preprocessing.test(image[None])[0]
    with model.network:
        probes = [nengo.Probe(e.neurons) for e in model.ensembles]
    with nengo.Simulator(model.network, progress_bar=False) as sim:
        sim.run(result.presentation_time, progress_bar=False)
    np.testing.assert_allclose(
        shown.outputs, sim.data[model.output], rtol=1e-3, atol=1e-3
    )
    for probe, ensemble in zip(probes, model.ensembles, strict=True):
        name = ensemble.label
        chosen = shown.neurons[name]
        assert shown.n_neurons[name] == ensemble.n_neurons
        assert len(chosen) == 30
        spikes = sim.data[probe][:, chosen].T > 0
        assert spikes.sum() > 10
        # in float32 a spike may come a step earlier or later
        assert np.mean(shown.spikes[name] == spikes) > 0.995


def test_answers_are_those_of_the_evaluation(spiking, data, result):
    places = list(range(0, 40, 3))
    shown = report.watch(spiking, data, result, places)
    for found in shown:
        assert found.label == result.labels[found.place]
        # every step is told, evaluations have every fifth
        np.testing.assert_array_equal(
            found.answers[4::5], result.predictions_over_time[found.place]
        )


def test_a_window_has_no_answers_before_it(spiking, data):
    settings = {**BRIEF, "window": 0.02}
    result = evaluate(spiking, data, **settings)
    (shown,) = report.watch(spiking, data, result, [2])
    assert len(shown.answers) == 60 - 19  # from the step that ends at 20 ms on
    np.testing.assert_array_equal(shown.answers[::5], result.predictions_over_time[2])


def test_spikes_on_the_chip_are_counted_alike(spiking, data):
    chip = to_loihi(spiking)
    settings = {"presentation_time": 0.03, "n_examples": 1, "progress_bar": False}
    result = evaluate(chip, data, **settings)
    (shown,) = report.watch(chip, data, result, [0], n_neurons=5000)
    assert sum(s.sum() for s in shown.spikes.values()) == result.spikes_per_image
    reference = evaluate(chip, data, "loihi-reference", **settings)
    for name, counts in reference.spike_histograms.items():
        fired = shown.spikes[name].sum(axis=1)
        np.testing.assert_array_equal(np.bincount(fired), counts)


def test_neurons_are_of_all_channels():
    """Evenly spaced ones would all be of one channel of a convolution."""
    chosen = choose_neurons(64 * 16, 64)
    assert np.all(np.diff(chosen) > 0)
    assert len(np.unique(chosen % 16)) > 8
    assert set(choose_neurons(64 * 16, 20)) <= set(chosen)
    np.testing.assert_array_equal(choose_neurons(5, 60), np.arange(5))


@pytest.mark.parametrize(("n_wrong", "n_right"), [(0, 9), (9, 0), (3, 20), (30, 20)])
@pytest.mark.parametrize("n", [1, 8, 100])
def test_wrong_images_come_first(result, n_wrong, n_right, n):
    rng = np.random.RandomState(0)
    labels = rng.randint(10, size=n_wrong + n_right)
    predictions = labels.copy()
    wrong = rng.permutation(len(labels))[:n_wrong]
    predictions[wrong] = (predictions[wrong] + rng.randint(1, 9, size=n_wrong)) % 10
    found = replace(result, labels=labels.tolist(), predictions=predictions.tolist())
    places = report.choose_images(found, n)
    assert len(places) == len(set(places)) == min(n, len(labels))
    is_wrong = np.isin(places, wrong)
    assert np.all(np.diff(is_wrong.astype(int)) <= 0)
    assert is_wrong.sum() <= max(0.75 * n, n - n_right)
    assert is_wrong.sum() >= min(n_wrong, int(0.75 * n))
    pairs = [(labels[i], predictions[i]) for i in places[: is_wrong.sum()]]
    different = len(set(zip(labels[wrong], predictions[wrong], strict=True)))
    assert len(set(pairs)) == min(different, len(pairs))


def test_other_data_are_refused(spiking, data, result):
    other = replace(data, x_test=data.x_test[::-1])
    with pytest.raises(ValidationError, match="data: expected the data that were eval"):
        report.watch(spiking, other, result, [0])


def test_backends_that_do_not_record_are_refused(spiking, data, result):
    found = replace(result, backend="nengo")
    with pytest.raises(ValidationError, match="'nengo' does not record single neurons"):
        report.watch(spiking, data, found, [0])
