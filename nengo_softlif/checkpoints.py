"""The state of a training on disk, from which it goes on as if nothing had been."""

import os

from nengo.exceptions import ValidationError

from . import files


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
        self.path, self.settings, self.variables = path, settings, variables

    def save(self, history, stopped=False):
        """Write the state after an epoch.

        Parameters
        ----------
        history : dict of str to list of float
            The history so far; its length tells how many epochs are done.
        stopped : bool
            Whether a callback has ended the training.
        """
        if self.path is not None:
            from .headers import Checkpoint as form  # takes time to load

            header = {
                "settings": self.settings,
                "history": history,
                "stopped": bool(stopped),
            }
            arrays = {name: v.numpy() for name, v in self.variables.items()}
            files.write(self.path, header, arrays, "checkpoint", form)

    def restore(self):
        """Take up the state in the file, if there is one.

        Returns
        -------
        history : dict of str to list of float
            Empty if training starts.
        stopped : bool
            Whether it had been ended.

        Raises
        ------
        ValidationError
            If the file is of another training, or damaged.
        """
        from .headers import Checkpoint as form  # takes time to load

        if self.path is None or not os.path.exists(self.path):
            return {}, False
        header, arrays = files.read(self.path, "checkpoint", form)
        found = header["settings"]
        different = [k for k, v in self.settings.items() if found.get(k) != v]
        if different or arrays.keys() != self.variables.keys():
            raise ValidationError(
                f"{str(self.path)!r} is the checkpoint of a training with other "
                f"settings ({', '.join(different) or 'variables'}); repeat those, or "
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
