"""Run the test suites of Nengo and NengoDL on this package.

Nengo's tests judge `SoftLIFRate` as they judge its own neuron types, and
`nengo.LIFRate` takes them too, for comparison. They also judge our `Simulator`, for
all types of neurons; what it cannot simulate is skipped. NengoDL's tests show that it
works on the current stack with `nengo_softlif` loaded. The suites need an older pytest
than ours, so they run in a virtual environment of their own, made on first use.

The exit status is 1 if a test fails that should pass, or if an exception listed here
is not needed any more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# NengoDL's source package builds with none of the setuptools that pip would choose
BUILD = ["setuptools>=77,<81", "wheel"]
# the suites use what pytest 8 removed
TOOLS = ["pytest<8", "pytest-allclose", "pytest-plt", "pytest-rng", "matplotlib"]

PYTEST = "-q -p no:cacheprovider --disable-warnings -o junit_family=xunit1".split()


@dataclass
class Suite:
    """Test modules, how to run them, and which tests cannot pass, and why."""

    modules: list
    options: list = field(default_factory=list)
    neurons: str = None
    baseline: str = None
    exceptions: dict = field(default_factory=dict)


POSITIVE = "a soft LIF neuron fires below its threshold too, at a small positive rate"
NENGO_DL = [
    "-p",
    "nengo_dl_plugin",
    "-o",
    "nengo_simloader=nengo_dl.tests.make_test_sim",
]

SUITES = {
    "nengo-neurons": Suite(
        modules=[
            "nengo.tests.test_neurons",
            "nengo.tests.test_ensemble",
            "nengo.tests.test_connection",
            "nengo.tests.test_solvers",
            "nengo.tests.test_learning_rules",
            "nengo.utils.tests.test_connection",
            "nengo.utils.tests.test_ensemble",
        ],
        neurons="nengo_softlif.SoftLIFRate",
        baseline="nengo.LIFRate",
        exceptions={
            "nengo/tests/test_neurons.py::test_gain_bias[Neurons-True]": POSITIVE,
            "nengo/tests/test_neurons.py::test_gain_bias[Neurons-False]": POSITIVE,
            "nengo/tests/test_learning_rules.py::test_voja_encoders[Neurons]": POSITIVE,
        },
    ),
    "nengo-neurons-in-nengo-dl": Suite(
        modules=[
            "nengo.tests.test_neurons",
            "nengo.tests.test_ensemble",
            "nengo.tests.test_learning_rules",
        ],
        options=NENGO_DL,
        neurons="nengo_softlif.SoftLIFRate",
        baseline="nengo.LIFRate",
        exceptions={
            "nengo/tests/test_learning_rules.py::test_voja_encoders[Neurons]": POSITIVE,
        },
    ),
    "nengo-in-the-engine": Suite(
        modules=[
            "nengo.tests.test_neurons",
            "nengo.tests.test_synapses",
            "nengo.tests.test_transforms_conv",
            "nengo.tests.test_connection",
            "nengo.tests.test_ensemble",
            "nengo.tests.test_node",
            "nengo.tests.test_probe",
        ],
        options=[
            "-p",
            "engine_plugin",
            "-o",
            "nengo_simloader=engine_plugin.make_test_sim",
        ],
    ),
    "nengo-dl": Suite(
        modules=["nengo_dl.tests.test_neurons", "nengo_dl.tests.test_converter"],
        options=NENGO_DL,
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "suites", nargs="*", metavar="suite", help=f"{', '.join(SUITES)}; default: all"
    )
    parser.add_argument(
        "--env", type=Path, default=default_environment(), help="default: %(default)s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    args = parser.parse_args()
    for name in args.suites:
        if name not in SUITES:
            parser.error(f"no suite {name!r}; there are {', '.join(SUITES)}")

    python = make_environment(args.env.absolute())
    reports = [judge(name, python) for name in args.suites or SUITES]

    print_table(reports)
    if args.json:
        result = {"versions": versions(python), "suites": reports}
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return any(report["unexpected"] or report["stale"] for report in reports)


# -- the environment -------------------------------------------------------------------


def default_environment():
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache / "nengo_softlif" / f"peers-{version}"


def make_environment(path):
    """Make or update the environment, unless that is done; return its Python."""
    python = path / ("Scripts" if os.name == "nt" else "bin") / "python"
    recipe = "\n".join([*BUILD, *TOOLS, (ROOT / "pyproject.toml").read_text()])
    done = path / "recipe.txt"
    if not done.exists() or done.read_text() != recipe:
        print(f"Preparing {path}; the first time this takes some minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", path], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *BUILD], check=True)
        # editable, so that the suites see the checkout as it is when they run
        subprocess.run(
            [*pip, "--no-build-isolation", "--editable", ROOT, *TOOLS], check=True
        )
        done.write_text(recipe)
    return python


def versions(python):
    listing = output(python, "-m", "pip", "list", "--format=json")
    wanted = "nengo nengo-dl nengo-loihi nengo_softlif numpy scipy tensorflow tf_keras"
    return {
        package["name"]: package["version"]
        for package in json.loads(listing)
        if package["name"] in wanted.split()
    }


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


# -- the tests -------------------------------------------------------------------------


def judge(name, python):
    """Run a suite, and its baseline, and compare with what is expected."""
    suite = SUITES[name]
    results = run(suite, suite.neurons, python)
    baseline = run(suite, suite.baseline, python) if suite.baseline else {}

    failed = {test for test, outcome in results.items() if outcome == "failed"}
    # what nengo.LIFRate cannot do either is no fault of ours
    blamed = {test for test in failed if baseline.get(test, "passed") == "passed"}
    report = {"suite": name, "neurons": suite.neurons, **count(results)}
    if baseline:
        report["baseline"] = {"neurons": suite.baseline, **count(baseline)}
    return report | {
        "expected": {t: why for t, why in suite.exceptions.items() if t in failed},
        "unexpected": sorted(blamed - set(suite.exceptions)),
        "stale": sorted(set(suite.exceptions) - failed),
    }


def run(suite, neurons, python):
    """Run the tests of a suite, and return the outcome of each.

    The name of the neuron type is left out of the tests' names, so that runs with
    different types can be compared.
    """
    # random seeds are made from the tests' paths: give them those of the repositories
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    options = ["--rootdir", output(python, "-c", code).strip(), "-c", "pytest.ini"]
    options += ["--junitxml=results.xml", *suite.options]
    name = "Neurons"
    if neurons:
        name = neurons.rpartition(".")[2]
        options += ["-o", f"nengo_neurons={neurons}", "-k", name]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pytest.ini").write_text("[pytest]\n")
        done = subprocess.run(
            [python, "-m", "pytest", *PYTEST, *options, "--pyargs", *suite.modules],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE), "TF_CPP_MIN_LOG_LEVEL": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):  # 1: tests have failed
            sys.exit(f"{done.stdout}\npytest ended with status {done.returncode}")
        cases = ElementTree.parse(Path(folder, "results.xml")).iter("testcase")
        return {
            f"{case.get('file')}::{case.get('name')}".replace(
                f"[{name}", "[Neurons"
            ): outcome(case)
            for case in cases
        }


def outcome(case):
    """Return passed, failed, or why a test was skipped."""
    tags = {child.tag: child for child in case}
    if tags.keys() & {"failure", "error"}:
        return "failed"
    return (
        "skipped: " + tags["skipped"].get("message") if "skipped" in tags else "passed"
    )


def count(results):
    kinds = [result.partition(":")[0] for result in results.values()]
    reasons = Counter(
        result.partition(": ")[2]
        for result in results.values()
        if result.startswith("skipped")
    )
    return {
        **{key: kinds.count(key) for key in ("passed", "failed", "skipped")},
        "reasons": dict(reasons.most_common()),
    }


def print_table(reports):
    row = "{:<27}{:<28}{:>8}{:>8}{:>9}{:>10}"
    print(row.format("suite", "neurons", "passed", "failed", "skipped", "expected"))
    for report in reports:
        expected = len(report["expected"])
        for part, n in ((report, expected), (report.get("baseline"), "")):
            if part:
                counts = (part[key] for key in ("passed", "failed", "skipped"))
                print(row.format(report["suite"], part["neurons"] or "", *counts, n))
    for report in reports:
        for why, n in report["reasons"].items():
            print(f"skipped in {report['suite']}: {n}: {why}")
        for test, why in report["expected"].items():
            print(f"expected to fail: {test}: {why}")
        for test in report["unexpected"]:
            print(f"FAILED: {test}")
        for test in report["stale"]:
            print(f"NOT NEEDED: the exception for {test}, which does not fail")


if __name__ == "__main__":
    sys.exit(main())
