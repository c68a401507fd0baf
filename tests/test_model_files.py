"""Files of models: what in them is refused, and what of earlier versions is read."""

import math
import tracemalloc
from pathlib import Path

from nengo_softlif import (
    Evaluation,
    SoftLIFRate,
    evaluate,
    files,
    load,
    networks,
    to_spiking,
)
from nengo_softlif.datasets import Dataset

import numpy as np
import pytest
from nengo.exceptions import ValidationError


def altered(path, alter):
    """Write the file anew with another header, and a checksum that fits.

    And as earlier versions did, which only named the network.
    """
    header, arrays = files.read(path, "model")
    del header["blueprint"]
    arrays = {n: a for n, a in arrays.items() if not n.startswith("blueprint/")}
    alter(header)
    files.write(path, header, arrays, "model")


def test_files_of_other_versions(tmp_path):
    path = tmp_path / "model"
    networks.small().save(path)
    altered(path, lambda h: h["source"].update(function="alexnet"))
    with pytest.raises(
        ValidationError, match="the network 'alexnet', but this version knows small, mn"
    ):
        load(path)

    networks.small().save(path)
    altered(path, lambda h: h["source"]["arguments"].update(depth=3))
    with pytest.raises(ValidationError, match="'small' the arguments depth, which"):
        load(path)

    networks.small().save(path)
    altered(path, lambda h: h["source"]["arguments"]["noise"].update(type="Shot"))
    with pytest.raises(ValidationError, match="unknown noise 'Shot'"):
        load(path)

    networks.small().save(path)
    altered(path, lambda h: h["source"]["arguments"].update(n_classes=11))
    with pytest.raises(ValidationError, match="they are 64 and 11"):
        load(path)


@pytest.mark.parametrize(
    ("shape", "n_classes", "match"),
    [
        ([20_000, 20_000, 3], 10, r"images .* would take 9\.6 GB of memory, unpacked"),
        ([10**9, 10**9, 10**9], 10, "GB of memory"),
        ([8, 8, 10**6], 10, "GB of memory"),
        (
            [1000, 1000, 1],
            10,
            r"ensembles/0/gain of shape \(16000000,\), not \(1024",
        ),
        ([8, 8, 2], 10, r"has connections/0/weights of shape \(3, 3, 2, 16\), not \(3"),
        ([8, 8, 1], 10**9, r"weights of shape \(1000000000, 64\), not \(10, 64\)"),
    ],
)
@pytest.mark.parametrize("consistent", [True, False])
def test_a_file_gets_no_more_memory_than_it_has(
    shape, n_classes, match, consistent, tmp_path
):
    """Whatever its header says: sizes are compared before anything is made."""
    path = tmp_path / "model"
    networks.small().save(path)

    def alter(header):
        header["source"]["arguments"].update(image_shape=shape, n_classes=n_classes)
        if consistent:
            header["sizes"] = [math.prod(shape), n_classes]

    altered(path, alter)
    tracemalloc.start()
    try:
        with pytest.raises(
            ValidationError, match=match if consistent else "in this network they are"
        ):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda h: h.pop("parts"), "missing required field `parts`"),
        (lambda h: h.update(source=3), r"Expected `object \| null`, got `int`"),
        (lambda h: h.update(input=-1), r"Expected `int` >= 0 - at `\$.input`"),
        (lambda h: h.update(flip="yes"), "Expected `bool`"),
        (lambda h: h.update(shift=-1), "Expected `int` >= 0"),
        (lambda h: h.update(scale=[1.0, 0.0]), "Expected `float` > 0"),
        (lambda h: h.update(crop=[8]), "of length >= 2"),
        (lambda h: h.update(history={"loss": 3}), "Expected `array`, got `int`"),
        (lambda h: h.update(preprocessing={}), "missing required field"),
        (lambda h: h["parts"].pop(), "had other parts .*nothing|nothing .*had other"),
        (lambda h: h["source"].pop("function"), "missing required field `function`"),
        (lambda h: h["source"]["arguments"].pop("noise"), "required field `noise`"),
        (lambda h: h["source"]["arguments"].update(seed=-1), "Expected `int` >= 0"),
        (lambda h: h["source"]["arguments"].update(seed=2**32), "Expected `int` <="),
        (lambda h: h["source"]["arguments"].update(n_classes=0), "Expected `int` >= 1"),
        (lambda h: h["source"]["arguments"].update(n_classes=True), "got `bool`"),
        (lambda h: h["source"]["arguments"].update(image_shape=[8]), "length >= 3"),
        (
            lambda h: h["source"]["arguments"].update(image_shape="8"),
            "Expected `array`",
        ),
        (lambda h: h["source"]["arguments"].update(noise={"std": 5}), "field `type`"),
        (
            lambda h: h["source"]["arguments"]["noise"].update(std=float("nan")),
            "Expected `float` >= 0",
        ),
        (
            lambda h: h["source"]["arguments"]["noise"].update(tau_s=1),
            "expected std of GaussianNoise, got std, tau_s",
        ),
    ],
)
def test_headers_of_another_form(change, match, tmp_path):
    path = tmp_path / "model"
    networks.small().save(path)
    altered(path, change)
    with pytest.raises(ValidationError, match=match):
        load(path)


def test_keys_of_later_versions_are_ignored(tmp_path):
    path = tmp_path / "model"
    networks.small((4, 4, 1), 2).save(path)
    altered(path, lambda h: h.update(odd=[[3]]))
    assert load(path).output.size_in == 2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a: np.where(a > 0, np.nan, a), "weights is infinite or NaN; did train"),
        (lambda a: np.where(a > 0, np.inf, a), "weights is infinite or NaN"),
        (lambda a: a.astype(np.complex64), "weights is of type complex64"),
        (lambda a: a.astype(np.int8), "weights is of type int8"),
        (lambda a: np.float16(a) * np.float16("inf"), "weights is infinite or NaN"),
        (lambda a: a.astype(bool), "weights is of type bool"),
        (lambda a: a.ravel(), r"weights of shape"),
        (lambda a: a[..., None], r"weights of shape"),
        (lambda a: a[:0], r"weights of shape"),
        (lambda a: np.float64(3), r"weights of shape"),
    ],
)
def test_arrays_that_no_network_has(change, match, tmp_path):
    path = tmp_path / "model"
    networks.small().save(path)
    header, arrays = files.read(path, "model")
    for name in ("connections/0/weights", "connections/8/weights"):
        files.write(path, header, {**arrays, name: change(arrays[name])}, "model")
        with pytest.raises(ValidationError, match=match):
            load(path)
        with pytest.raises(ValidationError, match=r"is infinite|is of type|of shape"):
            load(path, network=networks.small().network)


def test_what_cannot_be_loaded_is_not_saved(tmp_path):
    path, model = tmp_path / "model", networks.small()
    for name, value in {"history": {"loss": 3}, "crop": -1, "scale": -2.0}.items():
        other = model.copy()
        setattr(other, name, value)
        with pytest.raises(ValidationError, match=rf"`\$.{name}.*; correct it"):
            other.save(path)
    assert not path.exists()


DATA = Path(__file__).parent / "data"


def test_an_older_model_is_read_as_it_was():
    """Trained and evaluated with the first version; its answers are beside it."""
    rng = np.random.RandomState(0)
    x = rng.randint(0, 256, size=(40, 2, 1, 1)).astype(np.uint8)
    y = (x[:, 0, 0, 0] > x[:, 1, 0, 0]).astype(np.int64)
    data = Dataset("brighter", x[:30], y[:30], x[30:], y[30:])
    model = load(DATA / "small-model.safetensors")
    assert len(model.history["loss"]) == 3
    assert model.source["arguments"]["noise"] == {"type": "AlphaNoise", "tau_s": 0.003}
    expected = Evaluation.load(DATA / "small-evaluation.json")
    found = evaluate(
        to_spiking(model), data, presentation_time=0.05, progress_bar=False
    )
    assert found.predictions == expected.predictions
    assert found.times == expected.times
    np.testing.assert_array_equal(
        found.predictions_over_time, expected.predictions_over_time
    )
    assert found.rates_hz == pytest.approx(expected.rates_hz, rel=1e-3)
    assert found.data_sha256 == expected.data_sha256


def test_names_in_files_are_only_those_of_the_list(tmp_path):
    """A file cannot call what else is in the module."""
    path = tmp_path / "model"
    for name in ("load", "Stack", "__import__", "nengo.Network"):
        networks.small().save(path)
        altered(path, lambda h, name=name: h["source"].update(function=name))
        with pytest.raises(ValidationError, match=f"names the network '{name}'"):
            load(path)
    assert set(networks.FUNCTIONS) == {
        *("small", "mnist", "cifar10", "resnet"),
        *("lenet", "vgg9", "resnet9", "resnet11"),
    }


def test_a_changed_network_is_not_replaced_silently(tmp_path):
    """A file that only names a function of ours, after whose call it was changed."""
    model = networks.small((4, 4, 1), n_classes=3)
    soft = SoftLIFRate(sigma=0.3, tau_rc=0.05)
    model.ensembles[0].neuron_type = soft
    model.save(tmp_path / "changed")
    assert load(tmp_path / "changed").ensembles[0].neuron_type == soft
    altered(tmp_path / "changed", lambda h: None)
    with pytest.raises(ValidationError, match=r"sigma=0\.3.*changed after it was made"):
        load(tmp_path / "changed")
    own = networks.small((4, 4, 1), n_classes=3).network
    own.all_ensembles[0].neuron_type = soft
    loaded = load(tmp_path / "changed", network=own)
    assert loaded.ensembles[0].neuron_type == soft
