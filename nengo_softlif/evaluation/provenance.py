"""What a record was made with."""

import contextlib
import functools
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("nengo_softlif", "nengo", "nengo-dl", "nengo-loihi"),
    *("tensorflow", "tf_keras", "keras", "numpy", "numba"),
)
"""What simulates and trains."""


def versions():
    """Return the versions of Python and of those `PACKAGES` that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@functools.cache  # what runs is what was there when it was loaded
def commit():
    """Git commit of this package, or None if it does not run from a checkout."""
    git = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent)]
    options = {"capture_output": True, "text": True, "check": True, "timeout": 10}
    try:
        # fails for an installation that merely lies inside some repository
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", Path(__file__).name], **options
        )
        describe = ["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        return subprocess.run([*git, *describe], **options).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def network_name(model):
    """Return the function that made a network, or its label."""
    return (
        model.source["function"] if model.source else model.network.label or "network"
    )


def synapse_names(model):
    """Return the synapses of a network in words."""
    synapses = [c.synapse for c in model.network.all_connections]
    names = dict.fromkeys(str(synapse) for synapse in synapses if synapse is not None)
    return ", ".join(names) or "none"
