"""A test set shown by the workers of a cluster, as it is shown here."""

import json

from nengo_softlif import evaluate
from nengo_softlif.evaluation.counting import Tally

import clusters
import numpy as np
import pytest
from nengo.exceptions import ValidationError


def test_counts_of_parts_are_those_of_the_whole(rng):
    fan_out = [rng.randint(9, size=5), rng.randint(9, size=3)]
    batches = [[rng.randint(7, size=(4, len(f))) for f in fan_out] for _ in range(6)]
    whole, merged = Tally(fan_out), Tally(fan_out)
    for counts in batches:
        whole.add(counts)
        part = Tally(fan_out)
        part.add(counts)
        merged.add(part)
    np.testing.assert_array_equal(merged.fired, whole.fired)
    assert merged.highest_counts() == whole.highest_counts()
    assert merged.histograms() == whole.histograms()
    assert merged.n_silent() == whole.n_silent()
    for i, f in enumerate(fan_out):
        counts = np.concatenate([batch[i] for batch in batches])
        np.testing.assert_array_equal(
            whole.fired[i], [counts.sum(), (counts @ f).sum()]
        )
        assert whole.histograms()[i] == np.bincount(counts.ravel()).tolist()
        assert whole.n_silent()[i] == np.sum(~counts.any(axis=0))
        place = int(np.ceil(0.999 * counts.size)) - 1
        assert whole.highest_counts()[i] == np.sort(counts.ravel())[place]


def test_rows_of_images_are_not_shared(spiking, data):
    with pytest.raises(ValidationError, match="scheduler: without reset images"):
        evaluate(spiking, data, reset=False, scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_cluster_finds_what_we_find(spiking, data, tmp_path):
    pytest.importorskip("distributed", reason="Dask's distributed is not installed")
    shown = {"presentation_time": 0.03, "batch_size": 7, "n_examples": 150}
    here = evaluate(spiking, data, progress_bar=False, **shown)
    with clusters.scheduler(tmp_path) as address, clusters.workers(address, 2):
        there = evaluate(spiking, data, progress_bar=False, scheduler=address, **shown)
    records = [json.loads(found.to_json()) for found in (here, there)]
    for record in records:
        del record["seconds"]
    assert records[0] == records[1]
