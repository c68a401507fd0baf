"""Settings of experiments: plain values, which Python and the command line check."""

import dataclasses
from dataclasses import field

from nengo.exceptions import ValidationError

from .. import datasets, named
from ..checks import LARGEST_SEED, check_number, check_whole, suggest
from ..files import expanded
from ..loading import locate
from ..registry import TRAINED


class Kind:
    """A kind of settings: how they are read from text, and checked.

    Attributes
    ----------
    metavar : str
        What stands for a value in the help of the command line.

    Examples
    --------
    >>> from nengo_softlif.experiments import settings
    >>> settings.COUNT.read("n_trials", "12")
    12
    """

    metavar = "TEXT"

    def read(self, name, text):
        """Make a value of the setting of this name out of text."""
        return self.check(name, text)

    def check(self, name, value):
        """Return a value in its plain form, or refuse it: ValidationError."""
        if not isinstance(value, str) or not value:
            raise ValidationError(f"expected a name, got {value!r}", attr=name)
        return value

    def write(self, value):
        """Write a value as the command line takes it."""
        return f"{value:g}" if isinstance(value, float) else str(value)


class Number(Kind):
    """A number from ``low`` on, or above it (``low_open``), and below ``high``."""

    metavar = "NUMBER"

    def __init__(self, what, low=0, **limits):
        self.what, self.low, self.limits = what, low, limits

    def read(self, name, text):
        """See `Kind.read`."""
        try:
            value = float(text)
        except ValueError:
            value = text
        return self.check(name, value)

    def check(self, name, value):
        """See `Kind.check`."""
        check_number(name, value, self.what, self.low, **self.limits)
        return float(value)


class Whole(Kind):
    """A whole number from ``low`` to ``high``."""

    metavar = "NUMBER"

    def __init__(self, low=1, high=10**9):
        self.low, self.high = low, high

    def read(self, name, text):
        """See `Kind.read`."""
        try:
            value = int(text)
        except ValueError:
            value = text
        return self.check(name, value)

    def check(self, name, value):
        """See `Kind.check`."""
        check_whole(name, value, self.low, self.high)
        return int(value)


class Choice(Kind):
    """One of some names."""

    metavar = "NAME"

    def __init__(self, *names):
        self.names = names

    def check(self, name, value):
        """See `Kind.check`."""
        if value not in self.names:
            raise ValidationError(
                f"expected one of {', '.join(self.names)}, got {value!r}", attr=name
            )
        return value


class Named(Kind):
    """A noise or a synapse in words, of those in `named`."""

    def __init__(self, kinds):
        self.kinds = kinds

    def check(self, name, value):
        """See `Kind.check`."""
        named.read(value, self.kinds, name)
        return value


class Readout(Kind):
    """Time constant of an alpha synapse, start and end of the readout, all in ms."""

    metavar = "TAU:FROM:TO"

    def check(self, name, value):
        """See `Kind.check`."""
        try:
            tau, start, end = map(float, value.split(":"))
            fits = 0 <= tau < 1e6 and 0 <= start < end < 1e6
        except (AttributeError, ValueError):
            fits = False
        if not fits:
            raise ValidationError(
                "expected the time constant of an alpha synapse (0 for none), start "
                f"and end of the readout, in ms, such as 5:100:200, got {value!r}",
                attr=name,
            )
        return value


class File(Kind):
    """A file that has to be there; its full path, as workers have other folders."""

    metavar = "FILE"

    def check(self, name, value):
        """See `Kind.check`."""
        path = expanded(value)
        if not path.is_file():
            raise ValidationError(
                f"expected a file, but there is none at {str(path)!r}", attr=name
            )
        return str(path.resolve())


class ModelFile(File):
    """The file of a model, or the name of one that comes with the package."""

    def check(self, name, value):
        """See `Kind.check`."""
        path = super().check(name, locate(value))
        # by its name each machine finds its own, and records tell of no folder
        return value if value in TRAINED else path


class Data(File):
    """A data set: a name that `datasets.load` understands, or a file."""

    metavar = "DATA"

    def check(self, name, value):
        """See `Kind.check`."""
        return value if value in datasets.KNOWN else super().check(name, value)


class Optional(Kind):
    """What may be left out: None."""

    def __init__(self, kind):
        self.kind, self.metavar = kind, kind.metavar

    def read(self, name, text):
        """See `Kind.read`."""
        return self.kind.read(name, text)

    def check(self, name, value):
        """See `Kind.check`."""
        return None if value is None else self.kind.check(name, value)


class Several(Kind):
    """Some values of a kind, each once; with commas between them in text."""

    def __init__(self, kind):
        self.kind = kind
        self.metavar = f"{kind.metavar},..."

    def read(self, name, text):
        """See `Kind.read`."""
        values = [self.kind.read(name, part.strip()) for part in text.split(",")]
        return self.check(name, values)

    def check(self, name, value):
        """See `Kind.check`."""
        if not isinstance(value, (list, tuple)) or not value:
            raise ValidationError(
                f"expected a list of one or more values, got {value!r}", attr=name
            )
        values = [self.kind.check(name, part) for part in value]
        if len(set(values)) < len(values):
            raise ValidationError(f"expected each once, got {value!r}", attr=name)
        return values

    def write(self, value):
        """See `Kind.write`."""
        return ",".join(map(self.kind.write, value))


SECONDS = Number("a positive number of seconds", low_open=True)
POSITIVE = Number("a positive number", low_open=True)
REAL = Number("a number", low=-1e9, high=1e9)
COUNT = Whole()
SEED = Whole(0, LARGEST_SEED)
SYNAPSE = Named(named.SYNAPSES)
NOISE = Named(named.NOISES)
TEXT = Kind()


def setting(default, kind, help):
    """Make a field of a dataclass of settings.

    Parameters
    ----------
    default : object
        A plain value; for several a tuple. ``dataclasses.MISSING`` for what has to be
        given.
    kind : Kind
        Reads and checks values.
    help : str
        What it is, with its unit.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from nengo_softlif.experiments import settings
    >>> @dataclass
    ... class Settings:
    ...     n_trials: int = settings.setting(5, settings.COUNT, "trials")
    >>> Settings().n_trials
    5
    """
    return field(default=default, metadata={"kind": kind, "help": help})


def make_settings(cls, given):
    """Make settings of what was given by name, checked; the others by default.

    Parameters
    ----------
    cls : type
        A dataclass whose fields `setting` made.
    given : dict
        From names to values.

    Raises
    ------
    ValidationError
        If there is no such setting, one is missing, or a value is none of its kind.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in given:
        if name not in fields:
            raise ValidationError(
                f"there is no setting {name!r}{suggest(name, fields)}; expected "
                f"{', '.join(fields) or 'none'}",
                attr="settings",
            )
    values = {}
    for name, known in fields.items():
        value = given.get(name, known.default)
        if value is dataclasses.MISSING:
            raise ValidationError(f"is missing: {known.metadata['help']}", attr=name)
        values[name] = known.metadata["kind"].check(name, value)
    return cls(**values)
