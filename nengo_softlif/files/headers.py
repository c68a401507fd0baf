"""What the JSON in files must look like, checked before anything is made of it.

Forms are types: msgspec checks against them what JSON gave, 20,000 numbers in a
quarter of a millisecond. Import this module where a file is read or written, not
before, as it takes time to load. Forms tolerate keys that they do not name: newer
versions may add some.
"""

import sys
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from nengo.exceptions import ValidationError

Positive = Annotated[int, Meta(gt=0)]
Index = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
Scale = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Setting = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
Pair = Annotated[list[Positive], Meta(min_length=2, max_length=2)]
Shape = Annotated[list[Positive], Meta(min_length=3, max_length=3)]
History = dict[str, list[float]]


class NoiseForm(Struct):
    """What `nengo_softlif.noise.to_json` gives; each type has some of the settings."""

    type: str
    std: Setting = 0.0
    tau_s: Setting = 0.0
    rate: Setting = 0.0
    noise: "NoiseForm | None" = None


class ArgumentsForm(Struct):
    """Arguments of a function in `nengo_softlif.networks`."""

    image_shape: Shape
    n_classes: Positive
    noise: NoiseForm | None
    seed: Seed | None
    paper: bool = False
    width: Positive = 1


class InSpikesForm(Struct):
    """Arguments of those of them that are trained in spikes."""

    image_shape: Shape
    n_classes: Positive
    encoding: str
    max_rate: Scale
    tau_rc: Scale
    dropout: Setting
    seed: Seed | None


class SourceForm(Struct):
    """How a network was made; the arguments depend on the function."""

    function: str
    arguments: dict[str, Any]


class PreprocessingForm(Struct):
    """What `Preprocessing.header` gives."""

    image_shape: Shape
    scale: Scale | list[Scale]
    crop: Pair | None
    flip: bool
    shift: Index | None = None
    cutout: Index | None = None


class TaskForm(Struct):
    """What `Task.header` gives."""

    kind: str
    shape: list[Positive]


class ModelForm(Struct):
    """What `Model.save` writes beside the arrays."""

    source: SourceForm | None
    input: Index
    output: Index
    parts: list[str]
    scale: Scale | list[Scale] | None
    crop: Positive | Pair | None
    flip: bool
    history: History | None
    preprocessing: PreprocessingForm | None
    sizes: Pair | None = None
    training: dict[str, Any] | None = None
    task: TaskForm | None = None
    blueprint: dict[str, Any] | None = None
    undrawn: str | None = None
    shift: Index = 0


class CheckpointForm(Struct):
    """What `Checkpoint.save` writes beside the arrays."""

    settings: dict[str, Any]
    history: History
    stopped: bool


def convert(record, form, what, remedy, hook=None):
    """Make an object of a form (one of this module, or a dataclass) of what JSON gave.

    What was expected, such as "the record of an evaluation", and the remedy are for the
    error if it is something else. The hook makes values of types that JSON does not
    have: ``hook(type, value)``.
    """
    try:
        return msgspec.convert(record, form, dec_hook=hook)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise ValidationError(
            f"expected {what}, but a value does not fit ({error}); {remedy}",
            attr="header",
        ) from error
