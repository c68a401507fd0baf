"""Figures show the numbers they were given, with units."""

from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

from nengo_softlif import figures
from nengo_softlif.neurons import SoftLIFRate
from nengo_softlif.noise import AlphaNoise

import matplotlib.pyplot as plt
import nengo
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy.integrate import trapezoid


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def evaluation(backend="nengo-dl", timeless=False):
    times = [0.005, 0.01, 0.015]
    return SimpleNamespace(
        backend=backend,
        error_percent=2.5,
        times=None if timeless else times,
        error_over_time_percent=None if timeless else [90.0, 10.0, 2.5],
        rates_hz={"conv1": 12.5, "dense2": 30.0},
    )


@pytest.mark.parametrize("neuron_type", [nengo.LIFRate(), SoftLIFRate(sigma=0.1)])
def test_tuning_curve_is_the_neurons_rate(ax, neuron_type):
    J = np.linspace(0, 3, 50)
    assert figures.tuning_curve(neuron_type, J, ax) is ax
    x, y = ax.lines[0].get_data()
    np.testing.assert_array_equal(x, J)
    np.testing.assert_array_equal(y, neuron_type.rates(J, [1], [0])[:, 0])
    assert ax.lines[0].get_label() == type(neuron_type).__name__
    assert "Hz" in ax.get_ylabel()


def test_tuning_curve_says_when_an_amplitude_scales_it(ax):
    figures.tuning_curve(SoftLIFRate(amplitude=0.063), ax=ax)
    assert "0.063" in ax.get_ylabel()


def test_slope_is_the_neurons_derivative(ax):
    neuron_type, J = SoftLIFRate(), np.linspace(0, 3, 50)
    figures.tuning_slope(neuron_type, J, ax, color="k")
    derivative = neuron_type.derivative(J, np.ones(1), np.zeros(1))[:, 0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), derivative)
    assert ax.lines[0].get_color() == "k"


def test_slope_integrates_to_the_curve(ax):
    J = np.linspace(0.5, 1.5, 10001)
    for i, neuron_type in enumerate([nengo.LIFRate(), SoftLIFRate()]):
        figures.tuning_slope(neuron_type, J, ax)
        rates = neuron_type.rates(J, [1], [0])[:, 0]
        total = trapezoid(ax.lines[i].get_ydata(), J)
        np.testing.assert_allclose(total, rates[-1] - rates[0], rtol=1e-3)


def test_spike_noise_shows_mean_quartiles_and_extremes(ax):
    rng = np.random.RandomState(0)
    J = np.linspace(1.1, 5, 20)
    rates = SoftLIFRate().rates(J, [1], [0])[:, 0]
    samples = AlphaNoise().apply(np.tile(rates, (500, 1)), np.tile(J, (500, 1)), 0, rng)
    figures.spike_noise(J, samples, ax, label="alpha")

    mean, low, high = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(mean, samples.mean(axis=0))
    np.testing.assert_array_equal([low, high], [samples.min(axis=0), samples.max(0)])
    band = ax.collections[0].get_paths()[0].vertices
    for q in (25, 75):
        for point in zip(J, np.percentile(samples, q, axis=0), strict=True):
            assert np.isclose(band, point).all(axis=1).any()
    assert "Hz" in ax.get_ylabel()


def test_error_over_time(ax):
    rate = evaluation("rate", timeless=True)
    figures.error_over_time([rate, evaluation()], ax)
    dashed, line = ax.lines
    assert dashed.get_linestyle() == "--"
    assert set(dashed.get_ydata()) == {2.5}
    np.testing.assert_allclose(line.get_xdata(), [5, 10, 15])
    np.testing.assert_array_equal(line.get_ydata(), [90, 10, 2.5])
    assert "ms" in ax.get_xlabel()
    assert "%" in ax.get_ylabel()
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["rate: 2.50 %", "nengo-dl: 2.50 %"]


def test_error_over_time_takes_any_iterable_and_labels(ax):
    figures.error_over_time(iter([evaluation(), evaluation()]), ax, iter("ab"))
    assert [line.get_label()[0] for line in ax.lines] == ["a", "b"]
    with pytest.raises(ValueError, match="argument"):
        figures.error_over_time([evaluation()], ax, ["a", "b"])


def test_firing_rates(ax):
    figures.firing_rates(evaluation(), ax)
    assert [bar.get_height() for bar in ax.patches] == [12.5, 30]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["conv1", "dense2"]
    assert "Hz" in ax.get_ylabel()


@pytest.mark.parametrize("label", [0, 2])
def test_answer_marks_the_true_class(ax, label):
    outputs = np.random.RandomState(0).normal(size=(5, 3))
    figures.answer(np.arange(1, 6) * 0.001, outputs, ax, label)
    for i, line in enumerate(ax.lines):
        np.testing.assert_array_equal(line.get_ydata(), outputs[:, i])
    strong = max(ax.lines, key=lambda line: line.get_linewidth())
    assert strong is ax.lines[label]
    assert len(ax.get_legend().get_texts()) == 2
    assert "ms" in ax.get_xlabel()


def test_without_axes_a_new_figure_is_made():
    before = plt.get_fignums()
    for draw in (
        lambda: figures.tuning_curve(nengo.LIFRate()),
        lambda: figures.error_over_time([evaluation()]),
        lambda: figures.firing_rates(evaluation()),
    ):
        assert draw().figure.number not in before
    plt.close("all")


def test_colours_differ_in_lightness_or_hue():
    colours = np.array([to_rgb(c) for c in figures.COLOURS])
    distances = np.linalg.norm(colours[:, None] - colours, axis=2)
    assert distances[~np.eye(len(colours), dtype=bool)].min() > 0.25


def test_nothing_global_changes():
    before = dict(plt.rcParams)
    figures.tuning_curve(SoftLIFRate())
    figures.error_over_time([evaluation()])
    plt.close("all")
    assert dict(plt.rcParams) == before
