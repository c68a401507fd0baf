"""What is told of examples: the class of each, several labels, or values."""

import math
from dataclasses import dataclass

import numpy as np
from nengo.exceptions import ValidationError

from .images import checked_labels, real_numbers, some

TASKS = ("classification", "multilabel", "regression")
"""What networks are trained for, in the words of scikit-learn."""


@dataclass(frozen=True, eq=False)
class Task:
    """What the numbers mean that a network answers with.

    Parameters
    ----------
    kind : {"classification", "multilabel", "regression"}
        One of several classes, the largest number; any of several labels, the positive
        numbers; or values. A softmax makes probabilities of the first, a sigmoid of the
        second.
    shape : tuple of int
        Of what is told of one example: ``()`` for a class, ``(n_labels,)``, or that of
        the values, which networks give in C order.
    mean : ndarray, optional
        Of regression, the values that the answer zero stands for, of that shape; zero
        by default.
    scale : ndarray, optional
        Of regression, what the answer one adds to them, one for each place along the
        last axis; one by default.
    """

    kind: str
    shape: tuple = ()
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    def __post_init__(self):
        """Fill in that answers are values as they are, if nothing else is said."""
        if self.kind == "regression":
            for name, usual in (("mean", np.zeros), ("scale", np.ones)):
                if getattr(self, name) is None:
                    shape = self.shape if name == "mean" else self.shape[-1:]
                    object.__setattr__(self, name, usual(shape))

    @classmethod
    def of(cls, kind, targets):
        """Take what is needed from the targets of training.

        Values get units in which they have zero mean, and unit variance along all axes
        but the last: each value of (n, n_values) counts as much as the others.
        """
        shape = targets.shape[1:]
        if kind != "regression":
            return cls(kind, shape)
        mean = targets.mean(axis=0, dtype=np.float64)
        beside = tuple(range(max(targets.ndim - 1, 1)))
        scale = np.sqrt(np.mean((targets - mean) ** 2, axis=beside))
        # of what is constant, rounding leaves a little
        constant = scale <= 1e-9 * np.abs(targets).max(axis=beside)
        return cls(kind, shape, mean, np.where(constant, 1.0, scale))

    @property
    def size(self):
        """Numbers that a network answers with; of classes at least one."""
        return math.prod(self.shape)

    def describe(self):
        """Describe it for people, in a few words."""
        return describe_kind(self.kind, self.size)

    def encode(self, targets):
        """Make of targets what a network is to answer.

        Parameters
        ----------
        targets : (n, ...) ndarray
            As a data set has them.

        Returns
        -------
        (n,) ndarray of int, or (n, size) ndarray of float32
            Classes, or numbers.
        """
        if self.kind == "classification":
            return targets
        if self.kind == "regression":
            targets = (targets - self.mean) / self.scale
        return targets.reshape(len(targets), self.size).astype(np.float32)

    def decode(self, answers):
        """Give numbers of a network, (..., size), the unit of the values, in float64.

        Those of classes and labels stay as they are.
        """
        if self.kind != "regression":
            return answers
        return answers * self.unit + self.mean.reshape(-1)

    @property
    def unit(self):
        """The scale of each value, (size,)."""
        return np.broadcast_to(self.scale, self.shape).reshape(-1)

    def blank(self, n):
        """Return targets of n examples of which nothing is known: zeros."""
        dtype = float if self.kind == "regression" else int
        return np.zeros((n, *self.shape), dtype)

    def header(self):
        """Return what `arrays` does not, as JSON can hold it."""
        return {"kind": self.kind, "shape": list(self.shape)}

    def arrays(self):
        """Return mean and scale of values, by these names."""
        if self.kind != "regression":
            return {}
        return {"mean": np.asarray(self.mean), "scale": np.asarray(self.scale)}

    @classmethod
    def from_file(cls, header, arrays):
        """Restore what `header` and `arrays` gave; refuse what does not fit."""
        task = cls(header["kind"], tuple(header["shape"]))
        task._check_shape()
        if task.kind != "regression":
            return task
        found = [arrays.get(name) for name in ("mean", "scale")]
        wanted = [task.shape, task.shape[-1:]]
        shapes = [None if a is None else a.shape for a in found]
        if shapes != wanted or not np.all(found[1] > 0):
            raise ValidationError(
                f"expected mean and positive scale of the shapes {wanted} for values, "
                f"got {shapes}; save the model again",
                attr="Model.task",
            )
        return cls(task.kind, task.shape, *found)

    def _check_shape(self):
        n_axes = {"classification": (0,), "multilabel": (1,)}.get(self.kind)
        wrong = n_axes is not None and len(self.shape) not in n_axes
        if self.kind not in TASKS or wrong:
            raise ValidationError(
                f"expected one of {', '.join(TASKS)} with a shape that fits, got "
                f"{self.kind!r} of {self.shape}",
                attr="Model.task",
            )


def describe_kind(kind, size):
    """Describe a task in a few words: ``10 classes``, ``3 labels``, ``1 target``."""
    if kind == "regression":
        return f"{size} target{'s' * (size != 1)}"
    one, many = ("label", "labels") if kind == "multilabel" else ("class", "classes")
    return f"{size} {one if size == 1 else many}"


def check_kind(kind, attr="task"):
    """Refuse what is no task."""
    if kind not in TASKS:
        raise ValidationError(
            f"expected one of {', '.join(TASKS)}, got {kind!r}", attr=attr
        )


def find_kind(targets):
    """Tell what a task is by its targets, as scikit-learn does.

    Parameters
    ----------
    targets : (n, ...) ndarray
        Of training.

    Returns
    -------
    str
        One of `TASKS`. What is text or whole, (n,) or (n, 1), is classes; ones and
        zeros in columns are one class in each row, or labels; all else is values.

    Raises
    ------
    ValidationError
        If it could be either: whole numbers in columns, or with hardly one twice.
    """
    columns = targets[:, 0] if targets.shape[1:] == (1,) else targets
    text, whole = targets.dtype.kind in "OUS", _is_whole(targets)
    if columns.ndim == 1 and (text or whole):
        n_classes = len(np.unique(columns)) if targets.dtype.kind == "f" else 0
        if n_classes > max(len(targets) / 2, 20):
            raise _unclear(
                f"the whole numbers may be classes, of which {n_classes} in "
                f"{len(targets)} examples are many, or values"
            )
        return "classification"
    if text:
        raise _unclear(f"text of shape {targets.shape} is neither classes nor labels")
    if columns.ndim == 2 and whole:
        if np.all((columns == 0) | (columns == 1)):
            once = np.all(np.count_nonzero(columns, axis=1) == 1)
            return "classification" if once else "multilabel"
        if targets.dtype.kind in "iu":
            raise _unclear("whole numbers in columns may be several classes, or values")
    return "regression"


def _is_whole(values):
    if values.dtype.kind != "f":
        return values.dtype.kind in "biu"
    return bool(np.all(np.floor(values) == values))  # not of NaN


def _unclear(what):
    return ValidationError(
        f"{what}; say which, as in task='regression' (values of any shape), "
        "'classification' (one class each) or 'multilabel' (ones and zeros)",
        attr="task",
    )


def checked_targets(attr, values, kind):
    """Refuse targets that are none for a task; return others, read-only.

    Classes are int64 (n,), labels uint8 (n, n_labels), and values keep their type.
    """
    if kind == "classification":
        return checked_labels(attr, values)
    array = real_numbers(attr, values)
    if array.ndim == 0 or array.size == 0:
        raise ValidationError(
            f"expected a target for each example, got shape {array.shape}", attr=attr
        )
    if kind == "multilabel":
        wrong = (array != 0) & (array != 1)  # NaN is wrong, too
        if array.ndim != 2 or wrong.any():
            got = f"shape {array.shape}"
            if array.ndim == 2:
                got = some(np.unique(array[wrong]))
            raise ValidationError(
                f"expected ones and zeros, (n, n_labels), got {got}", attr=attr
            )
        array = array.astype(np.uint8)
    else:
        array = array.astype(array.dtype.newbyteorder("="), copy=False).view()
        _check_values(attr, array)
    array.flags.writeable = False
    return array


def _check_values(attr, values):
    n_bad = values.size - np.count_nonzero(np.isfinite(values))
    if n_bad:
        raise ValidationError(
            f"expected finite values, but {n_bad} of {values.size} are NaN or "
            "infinite; remove these examples, or fill them in",
            attr=attr,
        )
    if np.abs(values).max() > 1e38:
        raise ValidationError(
            "expected values from -1e38 to 1e38, which float32 can hold; divide them "
            "by a unit",
            attr=attr,
        )
