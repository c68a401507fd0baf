"""Data sets in ``.npz`` files: read as they are, or refused before they take memory."""

import math
import zipfile

from nengo.exceptions import ValidationError

from ..tables import format_size
from . import npz
from .paths import irregular


def read_data_set(path, kinds):
    """Read the arrays of a data set.

    Parameters
    ----------
    path : Path
        The file.
    kinds : dict of str to list of str
        Names of the arrays that there must be, by one that tells the kind. If none of
        these is there, it is the first.

    Returns
    -------
    dict of str to ndarray
        The arrays.

    Raises
    ------
    ValidationError
        If there is no such file, or it is damaged, incomplete, or too large.
    """
    if not path.exists():
        raise ValidationError(
            f"expected a data set at {str(path)!r}, found no file", attr="Dataset.name"
        )
    odd = irregular(path)
    if odd:
        raise ValidationError(
            f"expected an .npz file, but {str(path)!r} {odd[0]}; {odd[1]}",
            attr="Dataset.name",
        )
    if not zipfile.is_zipfile(path):
        raise ValidationError(
            f"expected an .npz file, but {str(path)!r} is something else or was cut "
            "off; write one with np.savez(path, x_train=..., y_train=..., x_test=..., "
            "y_test=...)",
            attr="Dataset.name",
        )
    try:
        with zipfile.ZipFile(path) as file:
            found = _declared(path, file, kinds)
            what = f"the data set {str(path)!r}"
            return npz.read(file, found, what, _needed_beside(found))
    except ValidationError:
        raise
    except npz.DAMAGED as error:
        raise ValidationError(
            f"cannot read {str(path)!r} ({error}); it must hold plain numeric arrays. "
            "If it is damaged, delete it and get it again",
            attr="Dataset.name",
        ) from error


def _declared(path, file, kinds):
    """Return what the open file says of its arrays, if these are a data set's."""
    names = npz.names(file)
    needed = next(
        (kinds[key] for key in kinds if key in names), next(iter(kinds.values()))
    )
    missing = [key for key in needed if key not in names]
    if missing:
        raise ValidationError(
            f"expected the arrays {', '.join(needed)} in {str(path)!r}, but "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            f"missing; found {', '.join(names[:9]) or 'none'}",
            attr=f"Dataset.{missing[0]}",
        )
    found = {key: npz.declared(file, key) for key in needed}
    for part in ("train", "test"):
        if f"x_{part}" not in found:
            continue
        n_images, n_labels = (found[f"{x}_{part}"].shape[:1] for x in "xy")
        if n_images != n_labels:
            raise ValidationError(
                f"expected a label for each of the {format_size(n_images)} images in "
                f"x_{part}, got {format_size(n_labels)} labels",
                attr=f"Dataset.y_{part}",
            )
    return found


def _needed_beside(found):
    """Bytes that checks take beside the arrays: measured."""
    beside = 20 * math.prod(found["y_train"].shape)
    if "x_train" in found:
        # of labels and of single images: much where each image is a pixel, or one
        # image is everything
        return beside + 75 * math.prod(found["x_train"].shape[1:][-3:])
    return beside + 60 * math.prod(found["events_train"].shape[:1])
