"""The numbers of the README are those of the records in docs/results."""

import json
import re
from pathlib import Path
from statistics import median

from nengo_softlif.evaluation import Evaluation
from nengo_softlif.experiments.published import NUMBERS

import pytest
from made import headlines

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"


@pytest.fixture(scope="module")
def readme():
    return " ".join((ROOT / "README.rst").read_text().split())


def row(what, published, by, record, form):
    low, high = record["error_interval_percent"]
    numbers = (form.format(n) for n in (record["error_percent"], low, high))
    here = "{} % ({}-{})".format(*numbers)
    return f"{what} {NUMBERS[published].value} % ({by}) {here}"


def evaluation(name):
    found = Evaluation.load(RESULTS / f"{name}.json")
    assert found.n_examples == 10_000
    return vars(found)


def test_table(readme):
    (lenet,) = (
        found
        for found in json.loads((RESULTS / "spikes-lenet.json").read_text())["results"]
        if found["presentation_time"] == 0.05
    )
    for line in (
        row(
            "MNIST, converted, in spikes",
            "mnist-spikes-2016",
            "2016",
            evaluation("mnist-gaussian-spiking"),
            "{:.2f}",
        ),
        row(
            "MNIST, trained in spikes, 50 ms",
            "mnist-lee",
            "Lee et al.",
            lenet,
            "{:.2f}",
        ),
        row(
            "MNIST, on Loihi, emulated",
            "mnist-loihi",
            f"{NUMBERS['mnist-loihi'].images} images",
            evaluation("mnist-plain-emulator"),
            "{:.2f}",
        ),
        row(
            "CIFAR-10, converted, in spikes",
            "cifar10-spikes-2016",
            "2016",
            evaluation("cifar10-best-spikes"),
            "{:.1f}",
        ),
    ):
        assert line in readme
    theirs = evaluation("cifar10-engine")["error_percent"]
    assert f"of which 12 epochs instead of 520 left {theirs:.1f} % wrong" in readme


def test_speed(readme):
    tasks = json.loads((RESULTS / "spikes-speed.json").read_text())["tasks"]
    (lenet,) = (task for task in tasks if task["task"] == "lenet")
    (peer,) = (r for r in lenet["rows"] if r["name"] == "snntorch")
    assert f"takes {median(peer['ours_to_it']):.1f} times less than snnTorch" in readme
    said = (RESULTS / "speed-emulator-mnist.txt").read_text()
    ratio = int(re.search(r"^ratio +(\d+)", said, re.M).group(1))
    assert f"shows {ratio:,} times as many images" in readme


def test_the_front_page_has_the_same_numbers(readme):
    for number, _, page in headlines.find(RESULTS):
        assert number.removesuffix(" times") in readme
        assert (ROOT / "docs" / f"{page}.rst").exists()


def test_what_it_prints(readme):
    """Seconds and machines differ; what is measured has the same names."""
    text = (ROOT / "README.rst").read_text()
    printed = text.split("print(result)\n\n::\n\n")[1].split("\n\nThe model stays")[0]
    found = Evaluation.load(RESULTS / "digits-readme.json")
    assert printed.replace("\n    ", "\n").strip() == str(found).strip()


def test_it_is_short(readme):
    assert len(readme.split()) < 650
    assert (ROOT / "docs" / "front.svg").stat().st_size < 400_000
