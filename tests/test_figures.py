"""Figures show the numbers they were given, with units."""

import itertools
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

from nengo_softlif import figures
from nengo_softlif.evaluation import wilson
from nengo_softlif.neurons import SoftLIFRate
from nengo_softlif.noise import AlphaNoise

import matplotlib.pyplot as plt
import nengo
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nengo.exceptions import ValidationError
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
        error_interval_percent=[1.5, 4.0],
        n_examples=1000,
        presentation_time=times[-1],
        spikes_per_image=1234.0,
        times=None if timeless else times,
        error_over_time_percent=None if timeless else [90.0, 10.0, 2.5],
        rates_hz={"conv1": 12.5, "dense2": 30.0},
        highest_rates_hz=None,
        confusion=[[490, 10], [15, 485]],
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


def test_one_evaluation_needs_no_list(ax):
    figures.error_over_time(evaluation(), ax)
    assert len(ax.lines) == 1


def test_the_legend_tells_of_other_numbers_of_images(ax):
    few = evaluation("nengo")
    few.n_examples = 100
    figures.error_over_time([evaluation(), few], ax)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [
        "nengo-dl: 2.50 % of 1,000 images",
        "nengo: 2.50 % of 100 images",
    ]


def test_errors_have_the_interval_of_their_time(ax):
    found = evaluation()
    figures.error_over_time([found], ax)
    band = ax.collections[0].get_paths()[0].vertices
    for time, error in zip(found.times, found.error_over_time_percent, strict=True):
        for edge in wilson(10 * error, 1000):
            point = 1000 * time, 100 * edge
            assert np.isclose(band, point).all(axis=1).any()


def test_errors_of_few_percent_have_room(ax):
    figures.error_over_time([evaluation()], ax)
    assert ax.get_yscale() == "log"


def test_no_error_is_drawn_as_half_an_image(ax):
    found = evaluation()
    found.error_over_time_percent = [90.0, 10.0, 0.0]
    figures.error_over_time([found], ax)
    assert ax.lines[0].get_ydata()[-1] == 0.05


def test_errors_that_are_close_have_a_plain_axis(ax):
    found = evaluation()
    found.error_over_time_percent = [30.0, 31.0, 30.5]
    figures.error_over_time([found], ax)
    assert ax.get_yscale() == "linear"


def test_numbers_do_not_overlap_in_a_column():
    figure, ax = plt.subplots(figsize=(3.5, 2.6), layout="constrained")
    few, many = evaluation(), evaluation()
    few.spikes_per_image, many.spikes_per_image = 42_440, 106_226
    figures.error_against_spikes([few, many], ax)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
    assert len(boxes) > 2
    for left, right in itertools.pairwise(boxes):
        assert left.x1 < right.x0
    plt.close(figure)


def test_error_against_spikes(ax):
    short, long = evaluation(), evaluation()
    long.spikes_per_image, long.presentation_time, long.error_percent = 2000, 0.2, 2.0
    figures.error_against_spikes([long, short], ax, label="a")
    x, y = ax.lines[0].get_data()
    assert [*x] == [1234, 2000]
    assert [*y] == [2.5, 2.0]
    assert [text.get_text() for text in ax.texts] == ["15 ms", "200 ms"]


def test_confusion_shows_all_images_and_shades_those_that_are_wrong(ax):
    found = evaluation()
    figures.confusion(found, ax)
    shown = {text.get_position()[::-1]: text.get_text() for text in ax.texts}
    for place, count in np.ndenumerate(found.confusion):
        assert shown[place] == str(count)
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 10], [15, 0]])


HISTORY = {"loss": [2.0, 1.0], "error_percent": [50.0, 20.0]}


def test_learning_curve(ax):
    history = {**HISTORY, "validation_error_percent": [40.0, 25.0]}
    figures.learning_curve(history, ax)
    assert [[*line.get_xdata()] for line in ax.lines] == [[1, 2], [1, 2]]
    assert [[*line.get_ydata()] for line in ax.lines] == [[50, 20], [40, 25]]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["training, as it ran", "validation", "loss"]


def test_learning_curve_of_what_was_not_trained(ax):
    for history in ({}, None):
        with pytest.raises(ValidationError, match="what fit returned"):
            figures.learning_curve(history, ax)


def test_cores_are_drawn_one_by_one(ax):
    full = [0.25] * 130
    utilization = SimpleNamespace(
        n_chips=2,
        shares={
            "conv2": {"compartments": full, "synapses": [0.5] * 130},
            "dense3": {"compartments": [1.0], "synapses": [0.1]},
        },
    )
    figures.cores(utilization, ax)
    picture = np.asarray(ax.images[0].get_array())
    assert np.count_nonzero((picture < 1).any(axis=-1)) == 131
    first, last = picture[0, 0], picture[0, 17 + 2]  # the third of the second chip
    np.testing.assert_allclose(first, 1 - 0.6 * (1 - np.array(to_rgb(figures.BLUE))))
    np.testing.assert_allclose(last, to_rgb(figures.ORANGE))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [
        "conv2: 130 cores, synapses 50%",
        "dense3: 1 core, compartments 100%",
    ]


@pytest.mark.parametrize("ending", ["pdf", "svg", "png"])
def test_figures_are_saved_at_the_width_of_a_column(ax, tmp_path, ending):
    figures.firing_rates(evaluation(), ax)
    path = tmp_path / f"rates.{ending}"
    before = ax.figure.get_size_inches()
    figures.save_figure(ax.figure, path, width=3.5)
    np.testing.assert_array_equal(ax.figure.get_size_inches(), before)
    if ending == "svg":
        assert f'width="{3.5 * 72:g}pt"' in path.read_text()
    elif ending == "png":
        assert plt.imread(path).shape[1] == 3.5 * 150


def test_error_over_time_takes_any_iterable_and_labels(ax):
    figures.error_over_time(iter([evaluation(), evaluation()]), ax, iter("ab"))
    assert [line.get_label()[0] for line in ax.lines] == ["a", "b"]
    with pytest.raises(ValidationError, match="names as evaluations, 1, got 2"):
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
    # beside what is drawn, wherever lines are
    assert not ax.get_legend().get_window_extent().overlaps(ax.get_window_extent())
    assert "ms" in ax.get_xlabel()


TIMES = np.arange(1, 6) * 0.001


def test_raster_draws_each_spike_of_neurons_that_fire(ax):
    fired = np.zeros((5, 6))
    fired[[0, 2, 4], [1, 1, 3]] = 1000
    figures.raster(TIMES, {"conv1": fired, "dense2": np.zeros((5, 4))}, ax)
    drawn = [c.get_positions() for c in ax.collections]
    assert [list(np.round(d, 9)) for d in drawn] == [[1, 3], [5], []]
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["conv1\n2 of 6", "dense2\n0 of 4"]
    assert "ms" in ax.get_xlabel()


@pytest.mark.parametrize(("n", "n_drawn"), [(100, 7), (7, 7), (3, 3)])
def test_raster_draws_no_more_neurons_than_asked_for(ax, n, n_drawn):
    figures.raster(TIMES, {"dense": np.ones((5, n))}, ax, n_shown=7)
    assert len(ax.collections) == n_drawn
    assert ax.get_yticklabels()[0].get_text() == f"dense\n{n_drawn} of {n}"


def test_rate_histograms_count_spikes_and_silence(ax):
    fired = np.zeros((2, 5, 3))  # examples, steps, neurons
    fired[0, :, 1] = 63.0  # an amplitude makes no difference
    fired[1, [0, 2], 2] = 63.0
    figures.rate_histograms(TIMES, {"a": fired, "b": np.zeros((5, 4))}, ax)
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["a\n67% silent", "b\n100% silent"]
    # 7 spikes of 6 neurons in 5 ms
    assert [text.get_text() for text in ax.texts] == ["233.3 Hz", "0.0 Hz"]
    tops, edges, _ = ax.patches[0].get_data()
    centres = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(centres[tops < 0], [400, 1000])
    assert "Hz" in ax.get_xlabel()


@pytest.mark.parametrize("highest", [1, 39, 41, 200])
def test_bars_are_equally_wide_in_spikes(ax, highest):
    fired = np.triu(np.ones((highest, highest)))  # one spike, two spikes, and so on
    figures.rate_histograms(0.001 * np.arange(1, highest + 2), {"a": fired}, ax)
    tops = ax.patches[0].get_data().values
    assert len(tops) <= 40
    full = tops[:-1]  # the last may reach past the highest
    np.testing.assert_allclose(full, full[:1].repeat(len(full)))


@pytest.mark.parametrize("draw", [figures.raster, figures.rate_histograms])
def test_spikes_without_names_are_refused(ax, draw):
    message = r"spikes: .*a dict .* such as \{'dense': .*, got ndarray"
    with pytest.raises(ValidationError, match=message):
        draw(np.arange(3), np.ones((3, 2)), ax)


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
