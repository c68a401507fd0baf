import pytest
from sample_stacks import NETWORKS, in_spikes


@pytest.fixture(params=NETWORKS)
def spiking(request):
    """Return a network in spikes, whose layers are probed."""
    return in_spikes(request.param).copy()
