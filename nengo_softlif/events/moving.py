"""A small sensor over which images move."""

import dataclasses

import numpy as np
from nengo.exceptions import ValidationError

from ..checks import LARGEST_SEED, check_number, check_whole
from .binning import check_memory

DIRECTIONS = ("right", "up", "left", "down")
"""In which `moving_digits` move; with the label "direction" these are the classes."""

# axis of images (n, height, width), and which way along it
_AXES = {"right": (2, 1), "up": (1, -1), "left": (2, -1), "down": (1, 1)}

_PARTS = 256  # of a pixel: few enough that float32 holds what lies between exactly


def moving_digits(
    data,
    label="direction",
    n_steps=50,
    rounds=1.0,
    threshold=0.25,
    polarities=2,
    seed=0,
):
    """Move images over a sensor that tells where it becomes brighter or darker.

    Each image moves at one speed in one of `DIRECTIONS`, drawn at random; what leaves
    the sensor at one side comes in at the other. A pixel sends an event for each level
    of brightness that it passes.

    Parameters
    ----------
    data : Dataset
        Of images, such as ``datasets.load("mnist")``. The sensor has their size;
        channels are averaged.
    label : {"direction", "digit", "both"}
        What is to be told: the place of the direction in `DIRECTIONS`, the class of
        the image, or ``4 * class + direction``.
    n_steps : int
        Frames for each example.
    rounds : float
        How often an image goes round the sensor meanwhile. See the notes.
    threshold : float
        How far apart the levels are, from 0.01 to 1. The darkest value is 0, and the
        brightest of the training images 1.
    polarities : {2, 1}
        Whether events tell darker (channel 0) from brighter (channel 1).
    seed : int
        Decides the directions.

    Returns
    -------
    Dataset
        Frames (n, n_steps, height, width, polarities), the numbers of events.

    Raises
    ------
    ValidationError
        If data or settings are not as they should be, or frames would take more than
        half of the machine's memory.

    Notes
    -----
    With a whole number of ``rounds`` each pixel becomes darker as often as brighter,
    and what moves back passes the same places in the opposite order: **summed over
    time, the frames of opposite motions are equal.** No network that sees only sums,
    such as one of rate neurons, can tell left from right then; one that sees the frames
    can. The sum has also lost much of the shape of the image, which is smeared along
    its way. With a part of a round, such as 0.25, the sum shows the digit, and where it
    was first and last.

    Brightness between pixels is interpolated linearly. Unlike in a camera, levels are
    the same for all pixels and do not depend on the event before; that is what makes
    motions reversible to the last event.

    Examples
    --------
    >>> from nengo_softlif import datasets, events
    >>> events.moving_digits(datasets.load("digits"), n_steps=20).x_train.shape
    (1437, 20, 8, 8, 2)
    """
    _check_images(data)
    check_whole("n_steps", n_steps, 1)
    check_number("rounds", rounds, "a positive number", 0, low_open=True)
    check_number("threshold", threshold, "a number from 0.01 to 1", 0.01, high=1.0001)
    check_whole("polarities", polarities, 1, 2)
    check_whole("seed", seed, 0, LARGEST_SEED)
    if label not in ("direction", "digit", "both"):
        raise ValidationError(
            f"expected direction, digit or both, got {label!r}", attr="label"
        )
    n_all = len(data.x_train) + len(data.x_test)
    check_memory((n_all, n_steps, *data.image_shape[:2], polarities), "n_steps")
    sensor = _Sensor(int(n_steps), rounds, threshold, polarities)
    brightest = np.float32(data.x_train.max() or 1)
    rng = np.random.RandomState(seed)
    made = {}
    for part in ("train", "test"):
        images, classes = (getattr(data, f"{x}_{part}") for x in "xy")
        directions = rng.randint(len(DIRECTIONS), size=len(images))
        made[f"x_{part}"] = sensor.see(images, directions, brightest)
        made[f"y_{part}"] = {
            "direction": directions,
            "digit": classes,
            "both": len(DIRECTIONS) * classes + directions,
        }[label]
    return dataclasses.replace(data, name=f"moving {data.name}", **made)


@dataclasses.dataclass(frozen=True)
class _Sensor:
    """What `moving_digits` says of motion and sensor."""

    n_steps: int
    rounds: float
    threshold: float
    polarities: int

    def see(self, images, directions, brightest):
        """Return frames of images (n, height, width, channels) that move."""
        n, height, width, _ = images.shape
        seen = np.empty((n, self.n_steps, height, width, self.polarities), np.uint8)
        for number, direction in enumerate(DIRECTIONS):
            chosen = np.flatnonzero(directions == number)
            for some in np.array_split(chosen, len(chosen) // 100 + 1):
                bright = images[some].mean(axis=-1, dtype=np.float32) / brightest
                seen[some] = self._move(np.minimum(bright, 1), direction)
        return seen

    def _move(self, images, direction):
        """Return frames of images (n, height, width) that move in one direction."""
        axis, sign = _AXES[direction]
        n, height, width = images.shape
        seen = np.empty((n, self.n_steps, height, width, self.polarities), np.uint8)
        before = self._levels(images)
        for k, place in enumerate(self._places(images.shape[axis])[1:]):
            after = self._levels(_shift(images, axis, sign * int(place)))
            change = after - before
            if self.polarities == 2:
                seen[:, k, ..., 0] = np.maximum(-change, 0)
                seen[:, k, ..., 1] = np.maximum(change, 0)
            else:
                seen[:, k, ..., 0] = abs(change)
            before = after
        return seen

    def _levels(self, images):
        """How many thresholds the brightness is above 0."""
        return np.floor(images / np.float32(self.threshold)).astype(np.int16)

    def _places(self, size):
        """Where an image is after each step, in parts of a pixel."""
        n_steps, way = self.n_steps, round(self.rounds * size * _PARTS)
        half = np.rint(np.arange(n_steps // 2 + 1) * (way / n_steps)).astype(int)
        # mirrored: what moves back comes to the same places to the last bit
        return np.concatenate([half, way - half[: n_steps - n_steps // 2][::-1]])


def _shift(images, axis, place):
    """Shift images by parts of a pixel; what lies between pixels is interpolated."""
    whole, part = divmod(int(place), _PARTS)
    near = np.roll(images, whole, axis)
    if part == 0:
        return near
    part = np.float32(part / _PARTS)
    return (1 - part) * near + part * np.roll(near, 1, axis)


def _check_images(data):
    """Refuse what is no `.Dataset` of images."""
    if not hasattr(data, "x_train") or data.n_frames is not None:
        raise ValidationError(
            "expected a Dataset of images, such as datasets.load('digits'), got "
            f"{data!r}",
            attr="data",
        )
    if data.x_train.min() < 0 or data.x_test.min() < 0:
        raise ValidationError(
            "expected images whose darkest value is 0, got "
            f"{min(data.x_train.min(), data.x_test.min()):g}; subtract the least",
            attr="data",
        )
