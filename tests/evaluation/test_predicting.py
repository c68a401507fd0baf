"""What is asked of examples of which nothing else is known."""

import nengo_softlif as softlif

import numpy as np
import pytest
from nengo.exceptions import ValidationError


@pytest.mark.parametrize(
    ("pick", "got"),
    [
        (lambda x: x[0], "shape \\(8, 8, 1\\)"),
        (lambda x: x[0].ravel(), "shape \\(64,\\)"),
        (lambda x: 3.5, "3.5"),
    ],
)
def test_one_example_is_asked_for_as_a_row(spiking, data, pick, got):
    message = f"x: .*array \\(n, 8, 8\\), got {got}; .* x.reshape\\(1, 8, 8\\)"
    with pytest.raises(ValidationError, match=message):
        softlif.predict(spiking, pick(data.x_test), presentation_time=0.01)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((2, 8, 8), np.nan), "x: expected finite pixels"),
        (np.zeros((0, 8, 8)), "x: expected images, got an empty array"),
    ],
)
def test_examples_are_named_as_they_were_given(spiking, x, message):
    with pytest.raises(ValidationError, match=message):
        softlif.predict(spiking, x, presentation_time=0.01)


def test_a_row_is_answered_as_an_image(spiking, data):
    x = data.x_test[:1]
    one, same = (
        softlif.predict(spiking, rows, presentation_time=0.01)
        for rows in (x, x.reshape(1, 8, 8))
    )
    assert one.shape == (1, 10)
    np.testing.assert_array_equal(one, same)
