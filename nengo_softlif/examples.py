"""Examples for training and testing, and what is told of them: plain arrays."""

import os
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from nengo.exceptions import ValidationError

from . import files
from .checks import count_steps
from .conventions import as_array, as_examples, count_classes, part_examples
from .images import check_classes, checked_images, small, warn_of_values
from .tables import format_size
from .tasks import check_kind, checked_targets, describe_kind, find_kind

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
"""What a data set consists of."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images, or frames that change over time, checked on construction.

    Parameters
    ----------
    name : str
        What reports call it.
    x_train, x_test : array_like (n, height, width, channels) or (n, height, width)
        Images, in any numeric type and unit. Greyscale images may leave out the
        channel axis; it is added. Tables (n, values) are held as images of one pixel,
        1 x 1 x values, so that each value is a channel, and signals as images of one
        row, 1 x steps x channels. Or frames (n, n_steps, height,
        width, channels), of which one is shown in each step of time, such as counts
        of events, whose channels are polarities.
    y_train, y_test : array_like (n,) or (n, 1)
        Classes, counted from 0, each of which occurs in training. For other tasks
        ones and zeros (n, n_labels), or values (n, ...) of any shape.
    task : {"classification", "multilabel", "regression"}
        What networks are to tell: one of several classes, any of several labels, or
        values.
    class_names : tuple, optional
        What the classes were called in the arrays that `from_arrays` was given, if not
        0, 1, 2 and so on.

    Raises
    ------
    ValidationError
        If the arrays do not fit together, images or values hold NaN, infinity or
        values beyond 1e38, or labels are not classes that occur in training.

    Warns
    -----
    NengoWarning
        If single values lie far from all others, if float32 does not tell values
        apart, if the channels of images seem to come first, or if training and test
        images, or single channels of them, seem to be in different units.

    Notes
    -----
    The attributes are read-only views: images keep their type, labels are int64. Whole
    numbers in frames get the smallest type that holds them.

    Examples
    --------
    >>> import numpy as np
    >>> from nengo_softlif.datasets import Dataset
    >>> x, y = np.zeros((6, 4, 4)), np.arange(6) % 3
    >>> Dataset("stripes", x, y, x[:3], y[:3])
    Dataset('stripes', 6 training and 3 test images of 4 x 4 x 1, 3 classes)
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    task: str = "classification"
    class_names: tuple | None = None

    def __post_init__(self):
        """Check the arrays and bring them into the same form."""
        if not isinstance(self.name, str):
            raise ValidationError(
                "expected what to call the data set in reports, before the arrays, got "
                f"{type(self.name).__name__}",
                attr="Dataset.name",
            )
        check_kind(self.task, "Dataset.task")
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            images = checked_images(f"Dataset.x_{part}", x)
            targets = checked_targets(f"Dataset.y_{part}", y, self.task)
            if len(images) != len(targets):
                raise ValidationError(
                    f"expected a label for each of the {len(images)} images in "
                    f"x_{part}, got {len(targets)} labels",
                    attr=f"Dataset.y_{part}",
                )
            object.__setattr__(self, f"x_{part}", images)
            object.__setattr__(self, f"y_{part}", targets)
        if self.x_test.shape[1:] != self.x_train.shape[1:]:
            sizes = (format_size(x.shape[1:]) for x in (self.x_train, self.x_test))
            raise ValidationError(
                f"expected images of {next(sizes)} as in x_train, got {next(sizes)} "
                "(height x width x channels, and n_steps before where these are "
                "frames)",
                attr="Dataset.x_test",
            )
        if self.y_test.shape[1:] != self.y_train.shape[1:]:
            raise ValidationError(
                f"expected targets of the shape {self.y_train.shape[1:]} as in "
                f"y_train, got {self.y_test.shape[1:]}",
                attr="Dataset.y_test",
            )
        if self.task == "classification":
            check_classes(self.y_train, self.y_test)
        warn_of_values(self.x_train, self.x_test)

    @classmethod
    def from_arrays(
        cls,
        x,
        y,
        x_test=None,
        y_test=None,
        task=None,
        signals=False,
        name="arrays",
    ):
        """Make a data set of arrays in memory, as scikit-learn takes them.

        Parameters
        ----------
        x : array_like (n, ...)
            Images, tables or frames as `Dataset` has them, or signals. Also lists, data
            frames and sparse matrices.
        y : array_like (n, ...)
            Classes, as whole numbers, text, or a one for the class in each row of
            zeros; or several ones in rows of zeros, for several labels; or values.
        x_test, y_test : array_like, optional
            Examples to test on. By default a fifth of the others, chosen by
            ``np.random.RandomState(0)``; of each class one stays in training.
        task : str, optional
            One of ``tasks.TASKS``. By default `.tasks.find_kind` tells by ``y``; whole
            numbers are classes.
        signals : bool
            Whether ``x`` holds signals (n, n_steps, channels), and no images without
            channels.
        name : str
            What reports call it.

        Returns
        -------
        Dataset
            Classes are counted from 0 in it; ``class_names`` tells what they were.

        Raises
        ------
        ValidationError
            As from `Dataset`; or if it is not clear what the targets are.
        """
        x, y = as_examples("x", x, signals), as_array("y", y)
        if (x_test is None) != (y_test is None):
            missing = "x_test" if x_test is None else "y_test"
            raise ValidationError(
                "expected both x_test and y_test, or neither", attr=f"Dataset.{missing}"
            )
        if x_test is not None:
            x_test = as_examples("x_test", x_test, signals)
            y_test = as_array("y_test", y_test)
        if len(x) != len(y):
            raise ValidationError(
                f"expected a target for each of the {len(x)} examples in x, got "
                f"{len(y)}",
                attr="Dataset.y",
            )
        if task is None:
            task = find_kind(y)
        check_kind(task)
        names = None
        if task == "classification":
            y, y_test, names = count_classes(y, y_test)
        if x_test is None:
            x = checked_images("Dataset.x", x)  # before it is parted, as it was given
            training, test = part_examples(y, task)
            x, y, x_test, y_test = x[training], y[training], x[test], y[test]
        return cls(name, x, y, x_test, y_test, task, names)

    def __repr__(self):
        """Sizes, not the arrays themselves."""
        height, width, channels = self.image_shape
        kind = f"images of {format_size(self.image_shape)}"
        if self.n_frames is not None:
            size = format_size(self.image_shape)
            kind = f"examples of {self.n_frames} frames of {size}"
        elif (height, width) == (1, 1):
            kind = f"rows of {channels} values"
        elif height == 1:
            kind = f"signals of {width} steps of {channels} channels"
        told = describe_kind(self.task, self.n_classes)
        return (
            f"Dataset({self.name!r}, {len(self.x_train)} training and "
            f"{len(self.x_test)} test {kind}, {told})"
        )

    @property
    def image_shape(self):
        """(height, width, channels) in pixels, of an image or a frame."""
        return self.x_train.shape[-3:]

    @property
    def n_frames(self):
        """Number of frames for each example; None if these are images."""
        return self.x_train.shape[1] if self.x_train.ndim == 5 else None

    @property
    def n_classes(self):
        """Number of classes: the largest label in training, plus one.

        For other tasks the number of labels, or of values, that networks answer with.
        """
        if self.task == "classification":
            return int(self.y_train.max()) + 1
        return int(np.prod(self.y_train.shape[1:], dtype=int))

    @cached_property
    def sha256(self):
        """Checksum of the four arrays, in hexadecimal; the name is not part of it."""
        return files.sha256({key: getattr(self, key) for key in ARRAYS})

    def summed(self):
        """Sum all frames of each example.

        Returns
        -------
        Dataset
            Of images, as whole numbers if the frames are.
        """
        return self._over_time("summed", lambda sums: small(sums))

    def averaged(self):
        """Average all frames of each example over time.

        For rate networks that are to be rebuilt in spikes: what is fitted to these
        images, preprocessing included, then takes the frames themselves. On average it
        sees the same.

        Returns
        -------
        Dataset
            Of images, as float32.
        """
        return self._over_time(
            "averaged", lambda sums: (sums / self.n_frames).astype(np.float32)
        )

    def _over_time(self, did, finish):
        if self.n_frames is None:
            raise ValidationError(
                f"{self!r} has no frames that could be {did}", attr="Dataset.x_train"
            )
        # in pieces, as sums take eight times the memory of frames
        x_train, x_test = (
            np.concatenate(
                [finish(x[i : i + 100].sum(axis=1)) for i in range(0, len(x), 100)]
            )
            for x in (self.x_train, self.x_test)
        )
        return replace(self, name=f"{self.name}, {did}", x_train=x_train, x_test=x_test)


def check_data(data, model):
    """Refuse what is not a `.Dataset`, or is not for the answers of the model."""
    if not isinstance(data, Dataset):
        remedy = (
            f"write datasets.load({data!r})"
            if isinstance(data, (str, os.PathLike))
            else "make one of arrays with datasets.Dataset.from_arrays(x, y), or load "
            "one with datasets.load"
        )
        raise ValidationError(
            f"expected a Dataset, got {type(data).__name__}; {remedy}", attr="data"
        )
    task = getattr(model, "task", None)
    if task is not None and task.kind != data.task:
        raise ValidationError(
            f"is for {data.task}, but the model was made for {task.kind}; use other "
            "data, or make another model",
            attr="data",
        )
    n_outputs, size = data.n_classes, model.output.size_in
    if data.task == "classification" and n_outputs > size:
        raise ValidationError(
            f"has {n_outputs} classes, but the model answers with {size}; make the "
            f"network with n_classes={n_outputs}, or use other data",
            attr="data",
        )
    if data.task != "classification" and n_outputs != size:
        raise ValidationError(
            f"has {describe_kind(data.task, n_outputs)}, but the model answers with "
            f"{size}; make the network with n_classes={n_outputs}, or use other data",
            attr="data",
        )
    shape = data.y_train.shape[1:]
    if task is not None and task.shape != shape:
        raise ValidationError(
            f"has targets of the shape {shape}, but the model was made for "
            f"{task.shape}; reshape them",
            attr="data",
        )


def check_frames(data, presentation_time, dt):
    """Refuse to show examples for longer than they have frames, one in each step."""
    if count_steps(presentation_time, dt) > data.n_frames:
        raise ValidationError(
            f"expected at most {data.n_frames * dt:g} s, as {data.name!r} has "
            f"{data.n_frames} frames for each example, one for each step of {dt:g} s; "
            f"got {presentation_time:g} s",
            attr="presentation_time",
        )
