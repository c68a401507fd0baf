"""The numbers of the README are those of the records in docs/results."""

import re
import textwrap
from pathlib import Path

from nengo_softlif.evaluation import Evaluation, Ladder, difference

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme():
    return " ".join((ROOT / "README.rst").read_text().split())


def record(noise, backend):
    path = ROOT / "docs" / "results" / f"mnist-{noise}-{backend}.json"
    return Evaluation.load(path)


def shown(evaluation):
    low, high = evaluation.error_interval_percent
    return f"{evaluation.error_percent:.2f} ({low:.2f}-{high:.2f})"


@pytest.mark.parametrize(
    ("noise", "name"), [("gaussian", "Gaussian, 10 Hz"), ("none", "none")]
)
def test_table(readme, noise, name):
    rate, spiking = record(noise, "rate"), record(noise, "spiking")
    assert spiking.n_examples == rate.n_examples == 10_000
    assert spiking.synapse == "Alpha(tau=0.005)"
    columns = np.searchsorted(spiking.times, [0.04 - 1e-9, 0.06 - 1e-9])
    early = [f"{spiking.error_over_time_percent[i]:.2f}" for i in columns]
    assert " ".join([name, shown(rate), *early, shown(spiking)]) in readme


def test_differences(readme):
    gaussian, none = (record(noise, "spiking") for noise in ("gaussian", "none"))
    for difference_, form in (
        (difference(record("gaussian", "rate"), gaussian), "(95 % interval {} to {})"),
        (difference(record("none", "rate"), none), "({} to {})"),
        (difference(none, gaussian), "({} to {})"),
    ):
        low, high = (f"{limit:+.2f}" for limit in difference_.interval_points)
        assert f"{difference_.points:+.2f} points {form.format(low, high)}" in readme
    assert f"{gaussian.mean_rate_hz:.1f} Hz on average" in readme
    assert f"{gaussian.spikes_per_image:,.0f} spikes per image" in readme


def test_the_way_onto_loihi(capsys):
    text = (ROOT / "README.rst").read_text().split("Onto Loihi\n")[1]
    code = re.search(r"code-block:: python\n\n((?:(?: {4}.*)?\n)+)", text).group(1)
    code = textwrap.dedent(code)
    assert len([line for line in code.splitlines() if line]) <= 10
    names = {}
    exec(code, names)
    assert "dense2" in capsys.readouterr().out
    assert names["sim"].target == "sim"
    assert np.any(names["sim"].data[names["chip"].output][-1] != 0)


def test_the_table_of_the_chip(readme):
    rungs = Ladder.load(ROOT / "docs" / "results" / "ladder-mnist.json").rungs
    mnist = [rungs[i].evaluation for i in (0, 2, -1)]
    cifar10 = [
        Evaluation.load(ROOT / "docs" / "results" / f"cifar10-{backend}.json")
        for backend in ("rate", "engine", "loihi-emulator")
    ]
    assert [rungs[i].name for i in (2, -1)] == ["spikes", "chip, emulated"]
    for name, each, cell in (
        ("MNIST, 8 epochs", mnist, shown),
        ("CIFAR-10, JPEG copy, 12 epochs", cifar10, shown_shorter),
    ):
        found = difference(each[1], each[2])
        low, high = (f"{limit:+.2f}" for limit in found.interval_points)
        cells = [*map(cell, each), f"{found.points:+.2f} ({low} to {high})"]
        assert " ".join([name, *cells]) in readme


def shown_shorter(evaluation):
    low, high = evaluation.error_interval_percent
    return f"{evaluation.error_percent:.1f} ({low:.1f}-{high:.1f})"
