"""What is packed is what was recorded, and no more of it than there is room for."""

import base64
from dataclasses import replace

from nengo_softlif.report.packing import pack
from nengo_softlif.report.spike_trains import Shown, choose_neurons

import numpy as np
import pytest

N_STEPS = 57
SIZES = {"first": 300, "second": 12}


@pytest.fixture
def shown():
    rng = np.random.RandomState(0)
    neurons = {name: choose_neurons(size, 60) for name, size in SIZES.items()}
    return [
        Shown(
            place=i,
            label=i % 3,
            image=rng.randint(17, size=(6, 5, 1)),
            neurons=neurons,
            n_neurons=SIZES,
            spikes={n: rng.rand(len(c), N_STEPS) < 0.1 for n, c in neurons.items()},
            outputs=rng.normal(size=(N_STEPS, 3)),
            answers=rng.randint(3, size=N_STEPS),
        )
        for i in range(7)
    ]


@pytest.fixture
def found(result):
    return replace(result, predictions=[1] * 40)


def array(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_all_is_packed_where_there_is_room(shown, found):
    packed = pack(shown, found, 10**6)
    assert packed.layers == [
        {"name": "first", "shown": 60, "total": 300},
        {"name": "second", "shown": 12, "total": 12},
    ]
    assert packed.image == {"height": 6, "width": 5, "channels": 1, "frames": 1}
    assert len(packed.images) == 7
    for image, original in zip(packed.images, shown, strict=True):
        for text, spikes in zip(image["spikes"], original.spikes.values(), strict=True):
            bits = np.unpackbits(array(text, np.uint8), count=spikes.size)
            np.testing.assert_array_equal(bits.reshape(spikes.shape), spikes)
        low, high = image["range"]
        outputs = low + array(image["outputs"], "<u2") / 65535 * (high - low)
        np.testing.assert_allclose(outputs, original.outputs.ravel(), atol=1e-4)
        np.testing.assert_array_equal(array(image["answers"], "<u2"), original.answers)
        pixels = array(image["pixels"], np.uint8)
        np.testing.assert_allclose(pixels / 255 * 16, original.image.ravel(), atol=0.04)


def size(packed):
    return sum(
        len(text)
        for image in packed.images
        for text in [image["pixels"], image["outputs"], image["answers"]]
        + image["spikes"]
    )


@pytest.mark.parametrize("n_bytes", [20_000, 12_000, 9_000, 5_000, 3_000])
def test_neurons_are_dropped_first_then_images(shown, found, n_bytes):
    packed = pack(shown, found, n_bytes)
    assert 0 < size(packed) <= n_bytes
    if len(packed.images) < 7:
        assert packed.layers[0]["shown"] == 10
    assert [image["place"] for image in packed.images] == list(
        range(len(packed.images))
    )
    # those that are left are the same neurons of all images
    kept = np.isin(
        shown[0].neurons["first"], choose_neurons(300, packed.layers[0]["shown"])
    )
    spikes = shown[0].spikes["first"][kept]
    bits = np.unpackbits(
        array(packed.images[0]["spikes"][0], np.uint8), count=spikes.size
    )
    np.testing.assert_array_equal(bits.reshape(spikes.shape), spikes)


def test_nothing_fits_into_nothing(shown, found):
    assert pack(shown, found, 100).images == []


def test_sides_of_large_images_are_bounded(shown, found):
    rng = np.random.RandomState(0)
    large = [replace(s, image=rng.rand(224, 100, 3)) for s in shown]
    assert pack(large, found, 10**6).image == {
        "height": 56,
        "width": 50,
        "channels": 3,
        "frames": 1,
    }


def test_tables_are_a_row_and_frames_stay(shown, found):
    rng = np.random.RandomState(0)
    table = [replace(s, image=rng.rand(1, 1, 20)) for s in shown]
    size = {"height": 1, "width": 20, "channels": 1, "frames": 1}
    assert pack(table, found, 10**6).image == size
    frames = [replace(s, image=rng.randint(3, size=(N_STEPS, 4, 5, 2))) for s in shown]
    size = {"height": 4, "width": 5, "channels": 2, "frames": N_STEPS}
    assert pack(frames, found, 10**6).image == size


def test_what_never_changes_is_packed(shown, found):
    same = [
        replace(s, image=np.ones((4, 4, 1)), outputs=np.zeros((N_STEPS, 3)))
        for s in shown
    ]
    packed = pack(same, found, 10**6)
    assert not array(packed.images[0]["pixels"], np.uint8).any()
    assert packed.images[0]["range"] == [0.0, 0.0]
