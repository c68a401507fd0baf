"""The state of a training on disk, from which it goes on as if nothing had been."""

import contextlib
import json
import os
from pathlib import Path

from filelock import FileLock, Timeout
from nengo.exceptions import SimulationError, Unconvertible, ValidationError

from .. import blueprints, files
from ..files import expanded
from ..layers import parameters
from ..loading import load
from ..models import copied


class Diverged(SimulationError):
    """A training whose loss or weights became NaN or infinite."""


@contextlib.contextmanager
def claimed(path):
    """Keep a checkpoint to one training, and delete it if that diverges.

    The training that a checkpoint is of would diverge again from there. The claim ends
    with the process, however that ends; a claim within a claim is the same one. The
    file need not exist. What another training claims, and a folder that takes no files,
    are refused.
    """
    path = path and Path(os.path.realpath(expanded(path)))
    if path is None or not path.parent.is_dir():  # which saving will tell
        yield
        return
    lock = FileLock(f"{path}.lock", is_singleton=True)
    mark = Path(lock.lock_file)
    try:
        lock.acquire(blocking=False)
        mark.write_text(str(os.getpid()))
    except Timeout as error:
        if not mark.exists():  # in /proc, what cannot be made looks as if it were taken
            raise ValidationError(
                f"{str(mark)!r} cannot be written, which keeps a checkpoint to one "
                "training; train to a file in another folder",
                attr="checkpoint",
            ) from error
        raise ValidationError(
            f"a training to {str(path)!r} is running{_process(mark)}; wait for it or "
            "stop it, or train to another file",
            attr="checkpoint",
        ) from error
    except OSError:  # no locks in this folder, or no right to write, which saving tells
        pass
    try:
        yield
    except Diverged:
        path.unlink(missing_ok=True)
        raise
    finally:
        if lock.lock_counter == 1:
            with contextlib.suppress(OSError):
                mark.unlink()
        lock.release()


def _process(mark):
    """Say which process claims a checkpoint, if it has told."""
    with contextlib.suppress(OSError, ValueError):
        return f" in process {int(mark.read_text())}"
    return ""


def path_beside(path):
    """Path of the checkpoint of a training that leads to a file."""
    path = path.resolve() if path.is_symlink() else path
    return path.with_name(f"{path.name}.checkpoint")


def unlike(path, wanted):
    """Tell what makes a checkpoint that of another training than is wanted.

    That is what `describe_training` returned. Returns differences in words, or why the
    file cannot be read; nothing if it can be used, or is not there.
    """
    try:
        if path.exists():
            header, _ = files.read(path, "checkpoint", files.CheckpointForm)
            return differences(header["settings"], wanted)
        return ""
    except ValidationError as error:
        return str(error)


def check(path, wanted, force):
    """Refuse the checkpoint of another training than is wanted, or delete it."""
    reason = unlike(path, wanted)
    if reason and not force:
        raise ValidationError(
            f"{str(path)!r} is not the checkpoint of this training ({reason}); "
            "repeat the settings it is of, or add --force to start anew",
            attr="checkpoint",
        )
    if reason:
        path.unlink()


def load_trained(path, wanted, force):
    """Load the model in a file if it is of the training that is wanted.

    None if there is no file, or it is to be replaced (``force``); a file that holds
    something else is refused.
    """
    if force or not path.is_file():
        return None
    try:
        model = load(path)
    except ValidationError:
        found = "something else than such a model"
    else:
        if model.training is None:
            found = "a model of unknown training"
        else:
            # callbacks may change the course of a training, and are known by name only
            without_callbacks = {**wanted, "callbacks": []}
            different = differences(model.training, without_callbacks)
            if not different:
                return model
            found = f"a model of another training ({different})"
    raise ValidationError(
        f"{str(path)!r} holds {found}; name another place with --out, or add --force "
        "to replace it",
        attr="out",
    )


def describe_training(model, data, seed, **settings):
    """Describe what decides the course of a training, as JSON gives it back.

    Parameters
    ----------
    model : Model
        What is trained, as it is before.
    data : Dataset
        What it is trained on.
    seed : int
        Seed of everything random, and of the network if it has none.
    **settings
        Other arguments of `.fit`, as numbers, strings, lists and dicts.
    """
    network, image = model.network, model.input
    if network.seed is None:
        network, twin = copied(network)
        image = twin[image]
        network.seed = seed
    start = [model.scale, model.crop, model.flip]
    if model.shift:  # which earlier versions do not know
        start.append(model.shift)
    arrays = parameters.collect(network, parameters.build(network))
    if model.preprocessing is not None:
        start.append(model.preprocessing.header())
        arrays.update(model.preprocessing.arrays())
    if model.task is not None and model.task.kind != "classification":
        start.append(model.task.header())
        arrays.update({f"task/{k}": v for k, v in model.task.arrays().items()})
    found = {
        "network": model.source or _identify(network, image),
        "start": files.sha256(arrays, text=json.dumps(start, default=_plain)),
        "data": data.sha256,
        "seed": seed,
        **settings,
    }
    if data.task != "classification":  # which earlier versions do not know
        found["task"] = data.task
    return json.loads(json.dumps(found, default=_plain))


def _identify(network, image):
    """Return a checksum of all parts of a network but weights; None if it has none.

    Networks with equal weights may differ in strides, neurons and what else there is.
    """
    try:
        record, arrays = blueprints.draw(network, image)
    except Unconvertible:
        return None
    return files.sha256(arrays, text=json.dumps(record))


def _plain(numbers):
    """Return numbers of NumPy's as those of Python."""
    return numbers.tolist()


def differences(found, wanted):
    """Tell in words how one training differs from another: in what is wanted."""
    return ", ".join(
        _difference(name, found.get(name), value)
        for name, value in wanted.items()
        if found.get(name) != value
    )


def _difference(name, found, wanted):
    """Name a setting, with its values if these are short."""
    numbers = all(isinstance(value, (int, float)) for value in (found, wanted))
    return f"{name} {found} instead of {wanted}" if numbers else name


class Checkpoint:
    """Everything the next epoch depends on.

    Parameters
    ----------
    path : str or Path or None
        The file. Without one, nothing is saved or found.
    settings : dict
        What decides the course of the training, as JSON can hold it. A
        checkpoint with other settings is refused.
    variables : dict of str to tf.Variable
        What changes during training.
    """

    def __init__(self, path, settings, variables):
        self.path = None if path is None else expanded(path)
        self.settings, self.variables = settings, variables

    def save(self, history, stopped=False):
        """Write the state after an epoch.

        The length of the history tells how many are done; a callback may have stopped
        it.
        """
        if self.path is not None:
            header = {
                "settings": self.settings,
                "history": history,
                "stopped": bool(stopped),
            }
            arrays = {name: v.numpy() for name, v in self.variables.items()}
            files.write(self.path, header, arrays, "checkpoint", files.CheckpointForm)

    def restore(self):
        """Take up the state in the file, if there is one; refuse that of others.

        Returns
        -------
        history : dict of str to list of float
            Empty if training starts.
        stopped : bool
            Whether it had been ended.
        """
        if self.path is None or not os.path.exists(self.path):
            return {}, False
        header, arrays = files.read(self.path, "checkpoint", files.CheckpointForm)
        different = differences(header["settings"], self.settings)
        if different or arrays.keys() != self.variables.keys():
            raise ValidationError(
                f"{str(self.path)!r} is the checkpoint of a training with other "
                f"settings ({different or 'variables'}); repeat those, or "
                "delete it to start anew",
                attr="checkpoint",
            )
        unfit = [n for n, v in self.variables.items() if not _same(arrays[n], v)]
        if unfit:
            raise ValidationError(
                f"{str(self.path)!r} is a damaged checkpoint: {', '.join(unfit[:3])} "
                "are of another shape or type; delete it to start anew",
                attr="checkpoint",
            )
        for name, variable in self.variables.items():
            variable.assign(arrays[name])
        return header["history"], header["stopped"]


def _same(array, variable):
    """Whether an array has the shape and type of a variable."""
    return (
        array.shape == variable.shape and array.dtype == variable.dtype.as_numpy_dtype
    )
