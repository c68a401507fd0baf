import nengo_softlif as softlif

import pytest
from sample_stacks import NETWORKS

_made = {}


@pytest.fixture(params=NETWORKS)
def spiking(request):
    """Return a network in spikes, whose layers are probed."""
    name = request.param
    if name not in _made:
        _made[name] = softlif.to_spiking(NETWORKS[name]())
    return _made[name].copy()
