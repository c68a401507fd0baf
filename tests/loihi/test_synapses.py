from nengo_softlif.loihi.synapses import chip_synapse, substitution

import nengo
import pytest
from nengo.exceptions import Unconvertible


@pytest.mark.parametrize(
    ("synapses", "tau"),
    [
        ([nengo.Alpha(0.005)], 0.01),
        ([nengo.Lowpass(0.005)], 0.005),
        ([nengo.Alpha(0.003), nengo.Lowpass(0.002)], 0.008),
        ([nengo.LinearFilter([0.001, 1], [0.004, 1])], 0.003),
    ],
)
def test_delay_is_kept(synapses, tau):
    assert chip_synapse(synapses).tau == pytest.approx(tau)


def test_no_delay():
    assert chip_synapse([]) is None
    with pytest.raises(Unconvertible, match=r"x: .*changes the mean"):
        chip_synapse([nengo.LinearFilter([3], [0.01, 1])], "x")


@pytest.mark.parametrize("tau", [0.002, 0.003, 0.005, 0.01, 0.02])
def test_alpha_keeps_gain_delay_and_noise(tau):
    found = substitution(nengo.Alpha(tau))
    assert found.chip_synapse == nengo.Lowpass(2 * tau)
    assert found.gain == pytest.approx(1, abs=1e-3)
    assert found.delay == pytest.approx(0, abs=5e-5)
    assert found.noise == pytest.approx(1, abs=0.02)
    assert found.ripple > 1  # what is lost, and not hidden
    assert f"noise variance {100 * (found.noise - 1):+.1f} %" in str(found)


@pytest.mark.parametrize("tau", [0.006, 0.015])
def test_other_time_constants_are_worse(tau):
    found = substitution(nengo.Alpha(0.005), nengo.Lowpass(tau))
    assert abs(found.delay) > 0.003
    assert abs(found.noise - 1) > 0.3
