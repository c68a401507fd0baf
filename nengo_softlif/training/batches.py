"""The images of a training: which are trained on, in which order, and how prepared."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from nengo.exceptions import NengoWarning, ValidationError

from ..datasets import check_frames
from ..preprocessing import Preprocessing
from ..tasks import Task
from .losses import measure, mix


class TrainingImages:
    """Images to train on, and to validate on.

    Attributes
    ----------
    preprocessing : Preprocessing
        That of the model, or for a new model that of the data.
    task : Task
        What they are told of the same way.
    n_batches : int
        In an epoch; what does not fill a batch is left out.
    n_validation : int
        Images to validate on.
    """

    def __init__(self, model, data, settings):
        self._data, self._settings = data, settings
        self._x = _find_shown(data, settings)
        self._training, self._validation = split_images(
            len(data.x_train),
            settings.validation_split,
            settings.seed,
            settings.batch_size,
        )
        self.preprocessing = _find_preprocessing(
            model, data, self._training, settings.dt
        )
        self.task = model.task
        if self.task is None:
            self.task = Task.of(data.task, data.y_train[self._training])
        self.n_batches = len(self._training) // settings.batch_size
        _warn_of_rest(len(self._training), settings.batch_size)
        self.n_validation = len(self._validation)

    def shuffle(self, epoch, mixed=True):
        """Yield images and labels of an epoch's batches, in an order of its own.

        These are (batch_size, size) images or, of data that change over time, frames
        (batch_size, n_steps, size). They are mixed if the settings say so, and unless
        they are wanted as they are.

        A thread prepares the next ones meanwhile.
        """
        rng = np.random.default_rng((self._settings.seed, epoch))
        size = self._settings.batch_size
        order = rng.permutation(self._training)[: self.n_batches * size]
        batches = order.reshape(self.n_batches, size)
        x, y = self._x, self._data.y_train

        def prepare(batch):
            images = self.preprocessing.train(x[batch], rng)
            targets = self.task.encode(y[batch])
            if mixed and self._settings.mixup:
                return mix(images, targets, self._settings.mixup, rng)
            return images, targets

        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(prepare, batches[0])
            for batch in batches[1:]:
                ready, coming = coming.result(), pool.submit(prepare, batch)
                yield ready
            yield coming.result()

    def validate(self, trainer):
        """Measure loss and error on images that are not trained on."""
        images = self._x[self._validation]
        labels = self.task.encode(self._data.y_train[self._validation])
        answers = trainer.answers(images, self.preprocessing).astype(np.float64)
        found = {"loss": trainer.validation_loss(answers, labels)}
        found.update(measure(self.task, answers, labels))
        return {f"validation_{name}": value for name, value in found.items()}


def _warn_of_rest(n_images, batch_size):
    """Say how many images each epoch leaves out, if they are more than a twentieth."""
    left = n_images % batch_size
    if left <= n_images / 20:
        return
    # much smaller ones would train otherwise
    better = min(
        range(batch_size, (batch_size - 1) // 2, -1), key=lambda size: n_images % size
    )
    rest = n_images % better
    fewer = f"leave out {rest}" if rest else "use all"
    warnings.warn(
        f"{left} of {n_images} training examples are left out of each epoch, others "
        f"each time, as they do not fill a batch of {batch_size}; batch_size={better} "
        f"would {fewer}",
        NengoWarning,
        stacklevel=4,  # of whoever calls fit
    )


def split_images(n_images, validation_split, seed, batch_size):
    """Choose images to train on, and to validate on; return their sorted indices.

    The seed decides which: data files may be sorted by class.
    """
    order = np.random.default_rng(seed).permutation(n_images)
    n_validation = round(validation_split * n_images)
    training, validation = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    if len(training) < batch_size:
        raise ValidationError(
            f"{len(training)} training images do not fill one batch of {batch_size}; "
            "choose a smaller one",
            attr="batch_size",
        )
    return training, validation


def _find_shown(data, settings):
    """Find what is shown of training data: of frames, those of the first steps."""
    if data.n_frames is None or settings.presentation_time is None:
        return data.x_train
    check_frames(data, settings.presentation_time, settings.dt)
    return data.x_train[:, : settings.n_steps]


def _find_preprocessing(model, data, training, dt):
    """Take the preprocessing of the model, or for a new model that of the data.

    Mean and scale come from the images that are trained on, as those kept to validate
    on must not have a say in anything. Events in frames become spikes, for any dt.
    """
    preprocessing = model.preprocessing
    if preprocessing is None:
        events = data.n_frames is not None
        # of frames nothing is measured, and a copy could take much memory
        whole = events or len(training) == len(data.x_train)
        preprocessing = Preprocessing.from_images(
            data.x_train if whole else data.x_train[training],
            scale=dt if events and model.scale is None else model.scale,
            crop=model.crop,
            flip=model.flip,
            shift=model.shift,
        )
    else:
        preprocessing.test(data.x_train[:1])  # raises if the size is another
    if preprocessing.size != model.input.size_out:
        raise ValidationError(
            f"the images of {data.name!r} have {preprocessing.size} values after "
            f"cropping, but the model's input takes {model.input.size_out}; make the "
            f"network for images of {preprocessing.output_shape}, or its input "
            f"nengo.Node(np.zeros({preprocessing.size}))",
            attr="data",
        )
    return preprocessing
