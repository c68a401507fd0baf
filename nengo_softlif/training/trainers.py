"""What a way to train must do, and the choice of one."""

import warnings
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import tensorflow as tf
from nengo.exceptions import NengoWarning, Unconvertible, ValidationError

from ..gradients import CrossEntropy
from ..models import check_timeless
from ..registry import TRAINERS
from ..tasks import Task
from .losses import Mixed, check_loss, find_loss, find_metric, find_mixed_metric


class Trainer(ABC):
    """A way to train networks; an object of it trains one.

    A subclass says what it can train and how a step goes, and a row in
    ``registry.TRAINERS`` says where it is. `.fit` does all else, with the variables of
    a Keras model: optimizer, order of the images, history, callbacks and checkpoints.

    Parameters
    ----------
    network : nengo.Network
        A copy of the model's, which may be changed; it has a seed.
    image : nengo.Node
        Takes the images.
    answer : nengo.Probe
        Gives the class values.
    settings : Settings
        The arguments of `.fit`.

    Attributes
    ----------
    name : str
        That of its row.
    options : frozenset of str
        Of the arguments of `.fit` that not every way has, those that this one has:
        ``"batch_norm"``, ``"target"``, ``"label_smoothing"``, ``"rates"``,
        ``"sigma_start"``, ``"presentation_time"``, ``"derivative"``, ``"loss"``.
    takes_frames : bool
        Whether it trains on frames over time, which come as (batch_size, n_steps,
        size), too.
    tasks : frozenset of str
        What it trains for, of ``tasks.TASKS``.
    networks : str
        What it trains, in words, for errors.
    warning : str or None
        What is said if it takes the place of another, followed by the reason.
    keras_model : tf.keras.Model
        Has the variables: what is trained, in ``trainable_weights``, and what else
        decides the next step.
    biases : list of tf.Variable
        Trained variables that are no weights, which do not decay.
    counters : list of tf.Variable
        Say which noise comes next.
    noise_seeds : list of list of int
        From which the noise of each ensemble is made.
    decides : dict
        What else decides the course of a training to the last bit, as JSON holds it:
        with other values a checkpoint is refused.
    output_name : str or None
        What Keras calls the output, if it has a name.
    loss : Loss or None
        By which answers are judged that are not trained on; if None, by that of Keras.
    task : Task
        What the answers mean. `.fit` sets it, before it calls `compile`.

    Raises
    ------
    Unconvertible
        If the network turns out to be none that can be trained in this way, with the
        reason. Then the next way is tried.
    """

    name = None
    options = frozenset()
    takes_frames = False
    tasks = frozenset({"classification"})
    networks = "other networks"
    warning = None
    biases = ()
    counters = ()
    noise_seeds = ()
    decides: ClassVar[dict] = {}
    output_name = None
    loss = CrossEntropy()
    task = Task("classification")

    @classmethod
    def check(cls, model, settings):
        """Refuse what is not for this way, before anything is built.

        Parameters
        ----------
        model : Model
            What is to be trained.
        settings : Settings
            The arguments of `.fit`.

        Raises
        ------
        ValidationError
            If it is none for this way, or lacks an argument. It is told if there is no
            other way. Unless a subclass says otherwise: if one step per image does not
            train it.
        """
        check_timeless(
            model,
            "model",
            "train the rate network and call to_spiking, or train in spikes by giving "
            "a presentation_time",
        )
        for node in model.network.all_nodes:
            constant = node.size_in > 0 or isinstance(node.output, np.ndarray)
            if not constant and node is not model.input:
                raise ValidationError(
                    f"{node} changes in time, but training takes one step per image; "
                    "only the model's input may vary",
                    attr="network",
                )

    @abstractmethod
    def __init__(self, network, image, answer, settings):
        self.batch_size = settings.batch_size
        self.label_smoothing = settings.label_smoothing
        self.given_loss = settings.loss
        self.mixes = bool(settings.mixup)

    @property
    @abstractmethod
    def data(self):
        """Mapping from Nengo's objects to what was built and trained, of NumPy arrays.

        As in ``nengo.Simulator.data``: ensembles with ``gain``, ``bias`` and
        ``encoders``, connections with ``weights``.
        """

    @abstractmethod
    def train(self, images, labels):
        """Train on one batch.

        Parameters
        ----------
        images : (batch_size, size) ndarray
            Prepared images.
        labels : (batch_size,) ndarray of int, or (batch_size, size) ndarray
            Their classes; or labels or values, if it has such ``tasks``. Of images that
            are mixed, what ``losses.mix`` gave.

        Returns
        -------
        loss, accuracy : float
            So far in this epoch; of values their mean squared error in their unit.
        """

    @abstractmethod
    def predict(self, images):
        """Answer one batch, without noise.

        Parameters
        ----------
        images : (batch_size, size) ndarray
            Prepared images.

        Returns
        -------
        (batch_size, n_classes) ndarray
            Class values.
        """

    def compile(self, optimizer):
        """Set the optimizer, the loss and the metrics of the Keras model."""
        loss = find_loss(self.given_loss, self.task.kind, self.label_smoothing)
        if self.given_loss is not None or self.task.kind != "classification":
            self.loss = None
        metrics = [find_metric(self.task)]
        if self.mixes:
            loss, metrics = Mixed(loss), [find_mixed_metric()]
        if self.output_name is not None:
            loss, metrics = {self.output_name: loss}, {self.output_name: metrics}
        self.keras_model.compile(optimizer, loss=loss, metrics=metrics)

    def plan(self, n_steps):  # noqa: B027 (not every one has to)
        """Learn, before the first, how many steps the whole training takes."""

    def settle(self, batches):  # noqa: B027 (not every one has to)
        """Measure again what was measured of layers, as the weights are others now.

        That is mean and variance of batch normalisation. Nothing else may change.

        Parameters
        ----------
        batches : iterable of (batch_size, size) ndarray
            Prepared images; not to be asked for if there is nothing to measure.
        """

    def describe_work(self, data):
        """Say how much work it is; said before training, where there are progress bars.

        Parameters
        ----------
        data : Dataset
            What is trained on.

        Returns
        -------
        str or None
        """
        return None

    def start_epoch(self):
        """Forget the loss and accuracy of the epoch before."""
        self.keras_model.reset_metrics()

    def answers(self, images, preprocessing):
        """Class values of any number of images, without noise."""
        answers = []
        for start in range(0, len(images), self.batch_size):
            x = preprocessing.test(images[start : start + self.batch_size])
            missing = self.batch_size - len(x)
            padded = np.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1))
            answers.append(self.predict(padded)[: len(x)])
        return np.concatenate(answers)

    def validation_loss(self, answers, targets):
        """Mean loss of answers, (n, size), that are not trained on."""
        if self.loss is not None:
            return float(np.mean(self.loss.values(answers, targets)[0]))
        loss = find_loss(self.given_loss, self.task.kind)
        return float(loss(tf.constant(targets), tf.constant(answers, tf.float32)))

    def variables(self):
        """Everything that changes during training, by name."""
        optimizer = self.keras_model.optimizer
        optimizer.build(self.keras_model.trainable_weights)
        rate = optimizer._learning_rate  # a variable, unless it follows a schedule
        known = optimizer.variables
        known = list(known() if callable(known) else known)
        groups = {
            "weights": self.keras_model.weights,
            "optimizer": known,
            "learning_rate": [rate] if isinstance(rate, tf.Variable) else [],
            "noise": self.counters,
        }
        listed = {id(v) for group in groups.values() for v in group}
        # Nadam has one that it does not tell
        groups["optimizer's own"] = [
            value
            for value in vars(optimizer).values()
            if isinstance(value, tf.Variable) and id(value) not in listed
        ]
        return {
            f"{name}/{i}": variable
            for name, group in groups.items()
            for i, variable in enumerate(group)
        }

    def close(self):  # noqa: B027 (not every one has to)
        """Free what is held."""


def find_trainers(model, data, settings):
    """Find the ways to train a model, as far as can be told before it is built.

    Returns subclasses of `Trainer`, in the order of their table. If there is none, the
    reason of the first is raised of those that have all options that were asked for.
    """
    if settings.presentation_time is None:
        check_loss(settings.loss, data.task, settings.label_smoothing)
    if settings.mixup and data.task != "classification":
        raise ValidationError(f"is for classes, not {data.task}", attr="mixup")
    names = list(TRAINERS) if settings.trainer is None else [settings.trainer]
    found, refusals, lacking = [], [], []
    for name in names:
        trainer = TRAINERS.find(name, "trainer")
        missing = [o for o in settings.options if o not in trainer.options]
        if missing:
            lacking.append((trainer, missing[0]))
            continue
        try:
            _check_task(trainer, data)
            _check_frames(trainer, data)
            trainer.check(model, settings)
        except ValidationError as error:
            refusals.append(error)
        else:
            found.append(trainer)
    if not found and refusals:
        raise refusals[0]
    if not found:
        raise _lack(settings, *lacking[0])
    return found


def _lack(settings, trainer, option):
    """Make the error for options that a way to train does not have."""
    if settings.trainer is None and len(settings.options) > 1:
        return ValidationError(
            f"no way to train has {' and '.join(settings.options)}; leave one out",
            attr=settings.options[0],
        )
    able = [repr(n) for n in TRAINERS if option in TRAINERS[n].options]
    return ValidationError(
        f"{trainer.name!r} trains without; train with {' or '.join(able)}, or leave it "
        "out",
        attr=option,
    )


def _check_task(trainer, data):
    if data.task not in trainer.tasks:
        able = [repr(n) for n in TRAINERS if data.task in TRAINERS[n].tasks]
        raise ValidationError(
            f"{trainer.name!r} trains for {' and '.join(sorted(trainer.tasks))}, but "
            f"{data.name!r} is for {data.task}; train a rate network with "
            f"{' or '.join(able)}, and call to_spiking",
            attr="data",
        )


def _check_frames(trainer, data):
    if data.n_frames is not None and not trainer.takes_frames:
        able = [repr(n) for n in TRAINERS if TRAINERS[n].takes_frames]
        instead = f"train with {' or '.join(able)}, or " if able else "train "
        raise ValidationError(
            f"{trainer.name!r} trains in one step per image, but {data.name!r} has "
            f"{data.n_frames} frames for each example; {instead}on data.averaged()",
            attr="data",
        )


def make_trainer(trainers, network, image, answer, settings):
    """Make the first of several trainers that takes a network, or refuse it."""
    reasons = []
    for trainer in trainers:
        try:
            made = trainer(network, image, answer, settings)
        except Unconvertible as reason:
            reasons.append(reason)
            continue
        if reasons and trainer.warning:
            warning = NengoWarning(f"{trainer.warning}: {reasons[0]}")
            warnings.warn(warning, stacklevel=3)
        return made
    # spiking networks are not trained without a time
    instead = "" if settings.presentation_time else ", or train without"
    raise ValidationError(
        f"needs a network of {trainers[0].networks}: {reasons[0]}; change that"
        f"{instead}",
        attr=next(iter(settings.options), "trainer"),
    ) from reasons[0]
