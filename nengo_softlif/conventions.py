"""Arrays as scikit-learn takes them: what examples and their labels may be."""

import numpy as np
from nengo.exceptions import ValidationError

from .images import some

N_PARTS = 5
"""Of examples that are not parted, one of so many parts is for testing."""


def as_array(name, values):
    """Make an array of what scikit-learn takes for one."""
    if np.ma.is_masked(values):
        return values  # which is refused with the number of what is masked
    if hasattr(values, "toarray"):  # a sparse matrix
        values = values.toarray()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValidationError(
            f"expected one array, got unequal parts ({error})", attr=f"Dataset.{name}"
        ) from error
    if array.ndim == 0:
        raise ValidationError(
            f"expected an array with a row for each example, got {values!r}",
            attr=f"Dataset.{name}",
        )
    return array


def as_examples(name, values, signals):
    """Make numbers of examples; of signals images of one row."""
    array = as_array(name, values)
    if array.dtype == object:  # of data frames with columns of several types
        try:
            array = array.astype(float)
        except (TypeError, ValueError) as error:
            raise ValidationError(
                f"expected an array of real numbers ({error}); make numbers of text",
                attr=f"Dataset.{name}",
            ) from error
    if not signals:
        return array
    if array.ndim != 3:
        raise ValidationError(
            f"expected signals (n, n_steps, channels), got {array.shape}; give one "
            "channel an axis of its own",
            attr=f"Dataset.{name}",
        )
    return array[:, np.newaxis]


def count_classes(y, y_test):
    """Count classes from 0: labels, those to test on, and the names that they had."""
    given = [_in_one_column(y) for y in (y, y_test) if y is not None]
    for name, labels in zip(("y", "y_test"), given, strict=False):
        _check_labels(name, labels)
    try:
        names, counted = np.unique(given[0], return_inverse=True)
    except TypeError as error:
        raise ValidationError(
            f"expected labels of one type ({error}); make text of all",
            attr="Dataset.y",
        ) from error
    if len(given) > 1:
        unseen = np.array([name not in set(names.tolist()) for name in given[1]])
        if unseen.any():
            raise ValidationError(
                "expected classes that occur in training, got also "
                f"{some(np.unique(given[1][unseen].astype(str)))}; leave them out or "
                "add training examples of them",
                attr="Dataset.y_test",
            )
        y_test = np.searchsorted(names, given[1])
    usual = names.dtype.kind in "iuf" and np.array_equal(names, np.arange(len(names)))
    return counted, y_test, None if usual else tuple(names.tolist())


def _in_one_column(y):
    """One label of each example, of those in one column, or of ones in rows."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "biuf":
        if np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1):
            return y.argmax(axis=1)
    if y.ndim != 1:
        raise ValidationError(
            "expected one label for each example, (n,), (n, 1) or a single one in each "
            f"row of zeros, got shape {y.shape}",
            attr="Dataset.y",
        )
    return y


def _check_labels(name, labels):
    if len(labels) == 0:
        raise ValidationError("expected labels, got none", attr=f"Dataset.{name}")
    whole = labels.dtype.kind != "f" or np.all(np.floor(labels) == labels)
    missing = labels.dtype == object and any(x is None or x != x for x in labels)
    if not whole or missing:
        raise ValidationError(
            "expected classes, got numbers that are not whole, or missing; give "
            "task='regression' if these are values",
            attr=f"Dataset.{name}",
        )


def part_examples(y, task):
    """Indices of examples to train on, and to test on."""
    order = np.random.RandomState(0).permutation(len(y))
    if task == "classification":
        first = np.unique(y[order], return_index=True)[1]
        order = np.concatenate([order[first], np.delete(order, first)])
    n_test = len(y) // N_PARTS
    if n_test == 0 or (task == "classification" and len(first) > len(y) - n_test):
        raise ValidationError(
            f"{len(y)} examples are too few to keep a fifth for testing; give x_test "
            "and y_test",
            attr="Dataset.x",
        )
    return order[:-n_test], order[-n_test:]
