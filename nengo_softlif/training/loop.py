"""Training of models, whatever the way."""

import time
from contextlib import closing

import numpy as np
import tensorflow as tf

from .. import files
from ..datasets import check_data
from ..layers import parameters
from ..models import check_model, copied
from ..progress import Progress, tell
from .arguments import Settings, check_callbacks, check_checkpoint
from .averaging import WeightAverages
from .batches import TrainingImages
from .checkpoints import Checkpoint, Diverged, claimed, describe_training
from .losses import name_measure
from .optimizers import describe_optimizer, make_optimizer
from .trainers import find_trainers, make_trainer


def fit(
    model,
    data,
    epochs=10,
    batch_size=128,
    optimizer=None,
    learning_rate=None,
    weight_decay=None,
    batch_norm=False,
    target=None,
    validation_split=0.0,
    callbacks=(),
    seed=0,
    checkpoint=None,
    progress_bar=True,
    trainer=None,
    presentation_time=None,
    dt=0.001,
    derivative=None,
    loss=None,
    label_smoothing=0.0,
    averaging=0.0,
    rates=None,
    sigma_start=None,
    mixup=0.0,
):
    """Train a model on labelled images.

    The loss is the cross-entropy of the softmax over the model's output. Of several
    labels it is that of the sigmoid of each, and of values their squared error.
    Networks of spiking neurons are trained in spikes, if a presentation time is given.
    What training draws is a function of the seed: the order and the crops of the images
    of (seed, epoch), the noise of (seed, ensemble, step).

    Parameters
    ----------
    model : Model
        Trained in place: its network receives the trained weights, and the
        model the preprocessing, the history and what decided the training, when it
        has ended.
    data : Dataset
        Its training images are used. Frames that change in time are for training in
        spikes: one is shown in each step.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images in a step of the optimizer. What is left over at the end of an
        epoch is left out; the next epoch shuffles anew.
    optimizer : tf.keras.optimizers.Optimizer or str, optional
        Adam with the `OneCycle` schedule by default. Give your own to use
        another schedule.
    learning_rate : float, optional
        Peak of the default optimizer's schedule, 1e-3 by default. An optimizer that is
        given has a rate of its own; to give both is an error.
    weight_decay : float, optional
        Decoupled weight decay of the default optimizer, 0 by default: in each step
        weights (not biases) shrink by this part of the learning rate. An error if an
        optimizer is given.
    batch_norm : bool
        Normalise what comes into each layer of neurons through weights, over the
        examples of a batch, for each filter, or each neuron of dense layers. When
        training has ended this is folded into weights and biases. For feed-forward
        layers of `.SoftLIFRate`.
    target : str or LoihiTarget, optional
        With "loihi", or a `.LoihiTarget` of other settings, train for the chip: against
        its rates, its 8-bit weights and its synapse. Best with a model that is trained
        already, and a lower learning rate. For feed-forward layers of `.SoftLIFRate`.
    validation_split : float
        Part of the training images, chosen by the seed, kept out of training to
        report the loss and error on. Mean and scale of the preprocessing come from the
        others.
    callbacks : tf.keras.callbacks.Callback or list of them, optional
        They may stop the training, as Keras' own do, and find validation under
        Keras' names (``val_loss``) as well. What they remember themselves, such as
        the patience of EarlyStopping, is not part of a checkpoint.
    seed : int
        Seed of everything random.
    checkpoint : str or Path, optional
        File to save the state of training to after each epoch. If it is there
        already, training goes on from it, to weights that equal those of an
        uninterrupted training to the last bit.
    progress_bar : bool
        Show a bar for each epoch and, to train in spikes, say before how many steps of
        how many examples are computed at a time, and about what memory that takes.
    trainer : str, optional
        The way to train: "layers", which puts feed-forward layers of `.SoftLIFRate` to
        TensorFlow in their fastest form, "spikes", which trains networks of spiking
        neurons as they run, or "nengo-dl", which trains all that NengoDL simulates in
        one step. By default the first that takes the network. Packages may add their
        own, see `.Trainer`.
    presentation_time : float, optional
        To train in spikes: how long each example is shown, in seconds.
    dt : float
        To train in spikes: time step in seconds, and that of `.evaluate`.
    derivative : str or Derivative, optional
        To train in spikes: what stands for the derivative of a spike, one of
        ``registry.DERIVATIVES``. By default "leak-corrected" for networks of
        `.IntegrateAndFire`, and "soft-lif" for others.
    loss : str or tf.keras.losses.Loss, optional
        "cross-entropy" for classes and labels (default), "mean-squared-error" for
        values (default), in units in which their variance is one, or for labels; or
        another of Keras, by name such as "huber". Those that are given themselves get
        classes as whole numbers. To train in spikes: "cross-entropy" of what
        `.evaluate` decides by (default), or "membrane", Lee et al.'s squared error of
        the last output over the number of steps.
    label_smoothing : float
        Part of each label that is spread over all classes, 0 by default; 0.1 is usual.
        It counts in training only, and there in the ``loss`` of the history. Not for
        training in spikes.
    averaging : float
        The model receives an exponential moving average of its weights, with a time
        constant of so many epochs: about the last ones. Mean and variance of batch
        normalisation are measured again for it, on a hundred batches. By default, 0, it
        receives the last weights. What is validated is what it would receive.
    rates : float or FiringRates, optional
        Highest mean rate of each layer in Hz, or a range, or a budget of synaptic
        operations, see `.FiringRates`: a penalty on what is beyond is added to the
        loss. For feed-forward layers of `.SoftLIFRate`.
    sigma_start : float, optional
        Start with this smoothing of curves, which falls to that of the neurons in the
        first half of the training. For neurons with a hard threshold, a ``sigma`` of
        0.01 or less, which train badly from the start. The neurons, and what is
        validated, stay as they are. For feed-forward layers of `.SoftLIFRate`.
    mixup : float
        Mix each image with another one of the batch, and their losses by the same parts
        (arXiv:1710.09412): alpha of the Beta distribution that parts are drawn from, 0
        by default; 0.2 is usual. It keeps long trainings from learning images by heart.
        Errors in training are then of the larger part. What batch normalisation takes
        from training is measured again on images that are not mixed. For classes, and
        feed-forward layers of `.SoftLIFRate`.

    Returns
    -------
    dict of str to list of float
        The history: ``loss`` (with what a target and rates add) and ``error_percent``
        of each epoch, while it was trained, and ``validation_loss`` and
        ``validation_error_percent``. Of labels the error is the part of them that is
        wrong; of values it is ``rmse``, the root of the mean squared error in their
        unit.

    Raises
    ------
    ValidationError
        If arguments, model and data do not fit together, or the checkpoint is
        of another training, or of one that is running.
    SimulationError
        If the loss becomes NaN or infinite. A checkpoint is deleted then.

    Warns
    -----
    NengoWarning
        If each epoch leaves out more than a twentieth of the images, as they do not
        fill a batch.

    Examples
    --------
    >>> model = softlif.networks.small()
    >>> history = softlif.fit(model, data, epochs=1, progress_bar=False)
    >>> sorted(history), len(history["loss"])
    (['error_percent', 'loss'], 1)
    """
    check_model(model)
    check_data(data, model)
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch_norm=batch_norm,
        target=target,
        validation_split=validation_split,
        seed=seed,
        trainer=trainer,
        presentation_time=presentation_time,
        dt=dt,
        derivative=derivative,
        loss=loss,
        label_smoothing=label_smoothing,
        averaging=averaging,
        rates=rates,
        sigma_start=sigma_start,
        mixup=mixup,
    )
    check_checkpoint(checkpoint)
    callbacks = check_callbacks(callbacks, settings.optimizer)
    ways = find_trainers(model, data, settings)
    images = TrainingImages(model, data, settings)
    decided_by = describe_training(model, data, **settings.describe())
    # NengoDL's settings are part of a network's configuration: leave the user's be
    network, twin = copied(model.network)
    if network.seed is None:
        network.seed = settings.seed
    image, answer = twin[model.input], twin[model.output]
    with (
        claimed(checkpoint),
        closing(make_trainer(ways, network, image, answer, settings)) as way,
    ):
        way.task = images.task
        optimizer = make_optimizer(settings, way, images.n_batches)
        way.plan(settings.epochs * images.n_batches)
        way.compile(optimizer)
        start = _describe_start(way, optimizer, network, images.preprocessing)
        work = way.describe_work(data) if progress_bar else None
        if work:
            tell(work)
        averages = WeightAverages(
            way, settings.averaging, images.n_batches, bool(settings.mixup)
        )
        variables = {**way.variables(), **averages.variables()}
        state = Checkpoint(checkpoint, {**decided_by, **start}, variables)
        history = _train_epochs(
            way, images, settings, callbacks, state, averages, progress_bar
        )
        if optimizer.use_ema:  # their averages are what was asked for
            optimizer.finalize_variable_values(way.keras_model.trainable_variables)
        arrays = parameters.collect(network, way.data)

    parameters.install(model.network, arrays)
    model.preprocessing, model.task = images.preprocessing, images.task
    model.history = history
    called = [type(callback).__name__ for callback in callbacks]
    model.training = {**decided_by, "callbacks": called}
    return history


def _describe_start(way, optimizer, network, preprocessing):
    """What else decides the course of training, as JSON holds it."""
    weights = {str(i): w.numpy() for i, w in enumerate(way.keras_model.weights)}
    return {
        "optimizer of Keras": describe_optimizer(optimizer),
        "initial weights": files.sha256(weights),
        "neurons and connections": parameters.describe_parts(network),
        "noise seeds": list(way.noise_seeds),
        **way.decides,
        "preprocessing": preprocessing.header(),
        "mean image": files.sha256(preprocessing.arrays()),
    }


def _train_epochs(way, images, settings, callbacks, checkpoint, averages, progress_bar):
    """Go on from a checkpoint to the end of training; return the history.

    What the model shall receive is then in the variables.
    """
    keras_model, epochs = way.keras_model, settings.epochs
    history, stopped = checkpoint.restore()
    # also tells now, and not after an epoch, if it cannot be written
    checkpoint.save(history, stopped)
    callbacks = tf.keras.callbacks.CallbackList(
        callbacks, model=keras_model, epochs=epochs
    )
    callbacks.on_train_begin()
    keras_model.stop_training = stopped
    first, began = len(history.get("loss", ())), time.perf_counter()
    for epoch in range(first, epochs):
        if keras_model.stop_training:
            break
        callbacks.on_epoch_begin(epoch)
        title = f"epoch {epoch + 1}/{epochs}"
        with Progress(
            f"{title}{_time_left(began, epoch - first, epochs - epoch)}",
            images.n_batches,
            "batch",
            progress_bar,
        ) as bar:
            logs = _train(way, images.shuffle(epoch), bar, callbacks, averages)
            if images.n_validation:
                with averages.in_use(images.shuffle(epoch, mixed=False)):
                    logs.update(images.validate(way))
            bar.set_postfix(_shorten(logs))
            _check_finite(keras_model, logs, title)
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        callbacks.on_epoch_end(epoch, {**logs, **_name_as_keras(logs)})
        # last, because callbacks may change the learning rate
        checkpoint.save(history, keras_model.stop_training)
    callbacks.on_train_end()
    averages.install(images.shuffle(len(history["loss"]) - 1, mixed=False))
    return history


def _time_left(began, n_done, n_left):
    """Tell how long the epochs that are left will take, if that is known yet."""
    if not n_done:
        return ""
    seconds = (time.perf_counter() - began) / n_done * n_left
    return f", {Progress.format_interval(seconds)} left for all"


def _train(way, batches, bar, callbacks, averages):
    """Train on the batches of one epoch."""
    way.start_epoch()
    for i, (images, labels) in enumerate(batches):
        callbacks.on_train_batch_begin(i)
        loss, measure = way.train(images, labels)
        averages.update()
        if not np.isfinite(loss):
            raise _diverged(f"the loss became {loss} in batch {i + 1}")
        logs = {"loss": loss, **name_measure(way.task.kind, measure)}
        bar.set_postfix(_shorten(logs), refresh=False)
        bar.update()
        callbacks.on_train_batch_end(i, logs)
    return logs


def _check_finite(keras_model, logs, title):
    """The loss is that before the last step; see where that has led."""
    finite = all(np.isfinite(v.numpy()).all() for v in keras_model.weights)
    if not finite or not np.all(np.isfinite(list(logs.values()))):
        raise _diverged(f"weights or loss became infinite or NaN in {title}")


def _diverged(what):
    return Diverged(
        f"training diverged: {what}. Lower the learning rate, or scale the images or "
        "the initial weights down. The model is left as it was; a checkpoint is "
        "deleted, as training would diverge again from there."
    )


def _name_as_keras(logs):
    """Validation under the names by which Keras' callbacks look for it."""
    return {
        name.replace("validation_", "val_"): value
        for name, value in logs.items()
        if name.startswith("validation_")
    }


def _shorten(logs):
    return {
        name.replace("_percent", ""): _shorten_value(name, v)
        for name, v in logs.items()
    }


def _shorten_value(name, value):
    return f"{value:.2f}%" if name.endswith("percent") else f"{value:.4f}"
