from nengo_softlif import datasets, networks
from nengo_softlif.cli.commands import main
from nengo_softlif.preprocessing import Preprocessing

import numpy as np
import pytest
from click.testing import CliRunner


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return run


@pytest.fixture
def model_file(tmp_path):
    """Weights as they were drawn: there is something to evaluate."""
    model = networks.small(noise=None)
    digits = datasets.load("digits")
    model.preprocessing = Preprocessing.from_images(digits.x_train)
    path = tmp_path / "digits.safetensors"
    model.save(path)
    return path


@pytest.fixture
def stripes(tmp_path):
    """A data set the package has never met: three kinds of stripes, 12 x 9 pixels."""
    rng = np.random.RandomState(0)
    y, x = np.mgrid[:12, :9]
    patterns = np.stack([y % 2, x % 2, (x + y) % 2]) * 255.0
    labels = rng.randint(3, size=260)
    images = patterns[labels] + 20 * rng.normal(size=(260, 12, 9))
    path = tmp_path / "stripes.npz"
    np.savez(
        path,
        x_train=images[:200],
        y_train=labels[:200],
        x_test=images[200:],
        y_test=labels[200:],
    )
    return path
