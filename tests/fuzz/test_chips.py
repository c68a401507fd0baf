"""Random networks for the chip; ``python -m tests.fuzz.chips`` tries more."""

from functools import lru_cache

from nengo_softlif.layers import folding
from nengo_softlif.loihi import blocks

import pytest
from fuzz import chips as random_chips

SEEDS = range(100)

checked = lru_cache(random_chips.check)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_value_is_wrong(seed):
    assert not checked(seed).fault


def test_enough_is_compared():
    records = [checked(seed) for seed in SEEDS]
    for kind in ("Spiking", "Written"):
        of_kind = [record for record in records if record.kind == kind]
        refused = [record for record in of_kind if record.refused]
        assert len(of_kind) > len(SEEDS) / 4
        assert len(refused) < len(of_kind) / 3
        for what in ("spikes", "voltages", "others"):
            assert sum(record.counts[what] for record in of_kind) > 1000


def test_other_thresholds_are_noticed(monkeypatch):
    read = blocks.read

    def altered(model):
        on_chip = read(model)
        for population in on_chip.populations:
            population.threshold //= 2
        return on_chip

    monkeypatch.setattr(blocks, "read", altered)
    assert any(random_chips.check(seed).fault for seed in range(5))


def test_other_weights_are_noticed(monkeypatch):
    matrix = folding.matrix

    def altered(path, size_in):
        return 1.0001 * matrix(path, size_in)

    monkeypatch.setattr(folding, "matrix", altered)
    wrong = [random_chips.check(seed).fault for seed in range(5)]
    assert any("folding" in message for message in wrong)
