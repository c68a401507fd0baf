"""Pytest plugin that lets Nengo's tests judge our simulator.

Tests of networks that it cannot simulate are skipped, with its reason.
"""

import re

import nengo_softlif  # isort: skip

import pytest
from nengo.exceptions import Unconvertible


def make_test_sim(request):
    def simulator(network, *args, **kwargs):
        try:
            return nengo_softlif.Simulator(network, *args, dtype="float64", **kwargs)
        except Unconvertible as error:
            reason = str(error).rpartition("layers: ")[2]
            pytest.skip(re.sub(r"<.*> |\(.*\)", "", reason))

    return simulator
