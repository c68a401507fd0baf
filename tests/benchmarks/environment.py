"""The virtual environment of the PyTorch peers, made on first use."""

import os
import subprocess
import sys
from pathlib import Path

# known to work together: snntorch 1.0.0, norse 1.1.0, spikingjelly 2.0.0
PACKAGES = ["torch==2.13.0", "snntorch", "norse", "spikingjelly"]


def default_path():
    """Where the environment is put, for this version of Python."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache / "nengo_softlif" / f"torch-{version}"


def make(path):
    """Make the environment, unless that is done.

    Parameters
    ----------
    path : Path
        Its folder.

    Returns
    -------
    Path
        Its Python.

    Raises
    ------
    subprocess.CalledProcessError
        If the packages cannot be installed.
    """
    python = path / ("Scripts" if os.name == "nt" else "bin") / "python"
    recipe, done = "\n".join(PACKAGES), path / "recipe.txt"
    if not done.exists() or done.read_text() != recipe:
        print(f"Preparing {path}; the first time this takes some minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", path], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        done.write_text(recipe)
    return python
