"""The training recipe, less one of its parts, or with one more."""

from nengo_softlif import datasets, experiments
from nengo_softlif.experiments import recipe
from nengo_softlif.experiments.recipe import HELD_AGAINST, PARTS, RECIPE, TUNED

import pytest
from nengo.exceptions import ValidationError
from sample_data import few


def test_every_part_of_the_recipe_is_left_out_once():
    off = {"batch_norm": False, "weight_decay": 0.0, "label_smoothing": 0.0}
    off["averaging"] = 0.0
    assert off.keys() == RECIPE.keys()
    for part, value in off.items():
        (name,) = (n for n, change in PARTS.items() if change == {part: value})
        assert name == f"no-{part.replace('_', '-')}"


def test_augmentation_and_noise_are_left_out():
    data = few(datasets.load("digits"), 60, 40)
    plain = recipe._make("no-augmentation", data, 2, 0)
    assert not plain.flip
    assert plain.ensembles[0].neuron_type.noise.std == 10
    assert recipe._make("no-noise", data, 2, 0).ensembles[0].neuron_type.noise is None
    assert recipe._make("recipe", data, 2, 0).flip


@pytest.mark.slow
def test_all_of_them(tmp_path):
    given = {
        **{"data": "digits", "readouts": ("5:20:40",), "epochs": 1, "batch_size": 32},
        **{"n_examples": 60, "work": tmp_path, "progress_bar": False, "seeds": (0,)},
        **{"width": 4, "tuning_epochs": 1},
    }
    found = experiments.levers(**given)
    assert {row["lever"] for row in found.rows} == {*PARTS, *TUNED}
    assert len(found.rows) == 2 * len(HELD_AGAINST)
    by_name = {(row["lever"], row["readout"]): row for row in found.rows}
    for (name, readout), row in by_name.items():
        other = by_name[HELD_AGAINST[name], readout]
        if name == "recipe":
            assert row["difference_points"] is None
            continue
        points = row["mean_percent"] - other["mean_percent"]
        assert row["difference_points"] == pytest.approx(points)
    # parts that change the training change what comes of it
    wrong = {name: tuple(by_name[name, "rates"]["wrong"]) for name in HELD_AGAINST}
    assert len(set(wrong.values())) > len(wrong) / 2
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"] * len(wrong)
    assert experiments.levers(**given).rows == found.rows
    found.draw(tmp_path / "levers.png")
    for name in HELD_AGAINST:
        assert name in str(found)


def test_a_lever_that_is_not_known():
    with pytest.raises(ValidationError, match="expected one of recipe, no-batch-norm"):
        experiments.levers(levers=("more-layers",))
