"""Settings: plain values, checked alike in Python and on the command line."""

from nengo_softlif.experiments.settings import (
    COUNT,
    NOISE,
    SECONDS,
    SEED,
    SYNAPSE,
    File,
    Optional,
    Several,
)

import pytest
from nengo.exceptions import ValidationError


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SECONDS, "5e-3", 0.005),
        (COUNT, "12", 12),
        (SYNAPSE, "alpha:0.005", "alpha:0.005"),
        (NOISE, "none", "none"),
        (Several(SECONDS), "1,2.5", [1.0, 2.5]),
        (Several(SYNAPSE), "none, lowpass:0.1", ["none", "lowpass:0.1"]),
        (Optional(COUNT), "3", 3),
    ],
)
def test_text_and_values(kind, text, value):
    assert kind.read("it", text) == value
    assert kind.check("it", value) == value
    assert kind.read("it", kind.write(value)) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (SECONDS, "0", "it: expected a positive number of seconds, got 0.0"),
        (SECONDS, "nan", "it: expected a positive number of seconds, got nan"),
        (SECONDS, "soon", "it: expected a positive number of seconds, got 'soon'"),
        (COUNT, "1.5", "it: expected a whole number from 1 to 1000000000, got '1.5'"),
        (SEED, "-1", "it: expected a whole number from 0"),
        (SYNAPSE, "alpha:0", "it: expected none, alpha:NUMBER, lowpass:NUMBER"),
        (NOISE, "white", "it: expected none, gaussian:NUMBER"),
        (Several(COUNT), "1,1", "it: expected each once"),
        (Several(COUNT), "1,", "it: expected a whole number"),
        (File(), "nowhere.safetensors", "it: expected a file, but there is none"),
    ],
)
def test_bad_text(kind, text, message):
    with pytest.raises(ValidationError, match=message):
        kind.read("it", text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"m": 3}, r"there is no setting 'm'.*expected n, seconds"),
        ({"second": 3}, r"'second' \(did you mean seconds\?\)"),
        ({"n": True}, "n: expected a whole number"),
        ({"n": "3"}, "n: expected a whole number"),
        ({"seconds": float("inf")}, "seconds: expected a positive number"),
    ],
)
def test_bad_settings(squares, given, message):
    with pytest.raises(ValidationError, match=message):
        squares(**given)
