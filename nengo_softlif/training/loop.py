"""Training through TensorFlow."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from .. import files
from ..datasets import check_data
from ..layers import parameters
from ..models import check_model, check_timeless, copied
from ..targets import training_target
from . import arguments
from .checkpoints import Checkpoint, Diverged, claimed, record
from .trainers import route

keras = tf.keras


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that warms up, then falls to almost nothing.

    Parameters
    ----------
    peak : float
        Highest rate, reached after 30 % of the training.
    n_steps : int
        Batches in the whole training.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-Convergence", arXiv:1708.07120,
       2017. The cosine form is that of PyTorch's and fastai's schedules.
    """

    warm_up = 0.3
    start = 1 / 25
    end = 1e-4

    def __init__(self, peak, n_steps):
        self.peak = peak
        self.n_steps = n_steps

    def __call__(self, step):
        """Rate at a step, counted from zero."""
        done = tf.cast(step, tf.float32) / self.n_steps
        rising = _cosine(self.start, 1.0, done / self.warm_up)
        falling = _cosine(1.0, self.end, (done - self.warm_up) / (1 - self.warm_up))
        return self.peak * tf.where(done < self.warm_up, rising, falling)

    def get_config(self):
        """Arguments, by which Keras saves and compares schedules."""
        return {"peak": self.peak, "n_steps": self.n_steps}


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
):
    """Train a model on labelled images.

    The loss is the cross-entropy of the softmax over the model's output. What
    training draws is a function of the seed: the order and the crops of the
    images of (seed, epoch), the noise of (seed, ensemble, step).

    Parameters
    ----------
    model : Model
        Trained in place: its network receives the trained weights, and the
        model the preprocessing, the history and what decided the training, when it
        has ended.
    data : Dataset
        Its training images are used.
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
        Normalise what comes into each layer of neurons over the examples of a batch,
        for each filter, or each neuron of dense layers. When training has ended this
        is folded into weights and biases. For feed-forward layers of `.SoftLIFRate`.
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
        Show a bar for each epoch.

    Returns
    -------
    dict of str to list of float
        The history: ``loss`` (with what a target adds) and ``error_percent`` of each
        epoch, while it was trained, and ``validation_loss`` and
        ``validation_error_percent``.

    Raises
    ------
    ValidationError
        If arguments, model and data do not fit together, or the checkpoint is
        of another training, or of one that is running.
    SimulationError
        If the loss becomes NaN or infinite. A checkpoint is deleted then.
    """
    check_model(model)
    check_data(data, model)
    check_timeless(model, "model", "train the rate network, then call to_spiking")
    arguments.check(epochs, batch_size, batch_norm, validation_split, seed, checkpoint)
    target = training_target(target, batch_norm)
    epochs, batch_size, seed = int(epochs), int(batch_size), int(seed)
    validation_split = float(validation_split)
    optimizer, learning_rate, weight_decay = arguments.checked_optimizer(
        optimizer, learning_rate, weight_decay
    )
    callbacks = arguments.checked_callbacks(callbacks, optimizer)
    training, validation = arguments.split(
        len(data.x_train), validation_split, seed, batch_size
    )
    preprocessing = arguments.preprocessing_of(model, data, training)
    n_batches = len(training) // batch_size

    training_record = record(
        model,
        data,
        seed,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer and arguments.describe(optimizer),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch_norm=bool(batch_norm),
        target=target and target.describe(),
        validation_split=validation_split,
    )
    # NengoDL's settings are part of a network's configuration: leave the user's be
    network, twin = copied(model.network)
    if network.seed is None:
        network.seed = seed
    image, answer = twin[model.input], twin[model.output]
    with (
        claimed(checkpoint),
        closing(
            route(network, image, answer, batch_size, seed, batch_norm, target)
        ) as way,
    ):
        if optimizer is None:
            schedule = OneCycle(learning_rate, epochs * n_batches)
            optimizer = keras.optimizers.Adam(
                schedule, weight_decay=weight_decay or None
            )
            optimizer.exclude_from_weight_decay(way.biases)
        keras_model = way.keras_model
        n_parameters = sum(np.prod(v.shape) for v in keras_model.trainable_weights)
        # One pass over memory instead of ten, but a fifth of a second for each variable
        # to compile it
        optimizer.jit_compile = bool(n_parameters * epochs * n_batches > 1e8)
        way.compile(optimizer)
        checkpoint = Checkpoint(
            checkpoint,
            {
                **training_record,
                "optimizer of Keras": arguments.describe(optimizer),
                **_describe_network(way, network, preprocessing),
            },
            way.variables(),
        )
        history, stopped = checkpoint.restore()
        # also tells now, and not after an epoch, if it cannot be written
        checkpoint.save(history, stopped)
        called = [type(callback).__name__ for callback in callbacks]
        callbacks = keras.callbacks.CallbackList(
            callbacks, model=keras_model, epochs=epochs
        )
        callbacks.on_train_begin()
        keras_model.stop_training = stopped
        for epoch in range(len(history.get("loss", ())), epochs):
            if keras_model.stop_training:
                break
            callbacks.on_epoch_begin(epoch)
            rng = np.random.default_rng((seed, epoch))
            order = rng.permutation(training)[: n_batches * batch_size]
            batches = order.reshape(n_batches, batch_size)
            title = f"epoch {epoch + 1}/{epochs}"
            with tqdm(
                desc=title, total=n_batches, unit="batch", disable=not progress_bar
            ) as bar:
                prepared = _prepared(data, batches, preprocessing, rng)
                logs = _train(way, prepared, bar, callbacks)
                if len(validation):
                    answers = way.answers(data.x_train[validation], preprocessing)
                    logs.update(_validated(answers, data.y_train[validation]))
                    bar.set_postfix(_rounded(logs))
                _check_finite(keras_model, logs, title)
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            callbacks.on_epoch_end(epoch, {**logs, **_as_keras(logs)})
            # last, because callbacks may change the learning rate
            checkpoint.save(history, keras_model.stop_training)
        callbacks.on_train_end()
        if optimizer.use_ema:  # their averages are what was asked for
            optimizer.finalize_variable_values(keras_model.trainable_variables)
        arrays = parameters.collect(network, way.data)

    parameters.install(model.network, arrays)
    model.preprocessing = preprocessing
    model.history = history
    model.training = {**training_record, "callbacks": called}
    return history


def _describe_network(way, network, preprocessing):
    """What of a network decides the course of training, as JSON holds it."""
    weights = {str(i): w.numpy() for i, w in enumerate(way.keras_model.weights)}
    return {
        "initial weights": files.sha256(weights),
        "neurons and connections": parameters.describe(network),
        "noise seeds": way.noise_seeds,
        "preprocessing": preprocessing.header(),
        "mean image": files.sha256(preprocessing.arrays()),
    }


def _prepared(data, batches, preprocessing, rng):
    """Images and labels of batches, the next of which a thread prepares meanwhile."""

    def prepare(batch):
        return preprocessing.train(data.x_train[batch], rng), data.y_train[batch]

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(prepare, batches[0])
        for batch in batches[1:]:
            ready, coming = coming.result(), pool.submit(prepare, batch)
            yield ready
        yield coming.result()


def _train(way, prepared, bar, callbacks):
    """Train on the batches of one epoch."""
    way.keras_model.reset_metrics()
    for i, (images, labels) in enumerate(prepared):
        callbacks.on_train_batch_begin(i)
        loss, accuracy = way.train(images, labels)
        if not np.isfinite(loss):
            raise _diverged(f"the loss became {loss} in batch {i + 1}")
        logs = {"loss": loss, "error_percent": 100 * (1 - accuracy)}
        bar.set_postfix(_rounded(logs), refresh=False)
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


def _validated(answers, labels):
    """Loss and error on images that are not trained on."""
    answers = answers.astype(np.float64)
    largest = answers.max(axis=1)
    log_sum = largest + np.log(np.exp(answers - largest[:, None]).sum(axis=1))
    loss = np.mean(log_sum - answers[np.arange(len(labels)), labels])
    error = np.mean(answers.argmax(axis=1) != labels)
    return {
        "validation_loss": float(loss),
        "validation_error_percent": float(100 * error),
    }


def _cosine(start, end, done):
    done = tf.clip_by_value(done, 0.0, 1.0)
    return end + (start - end) * (1 + tf.cos(np.pi * done)) / 2


def _as_keras(logs):
    """Validation under the names by which Keras' callbacks look for it."""
    return {
        name.replace("validation_", "val_"): value
        for name, value in logs.items()
        if name.startswith("validation_")
    }


def _rounded(logs):
    return {name.replace("_percent", ""): _short(name, v) for name, v in logs.items()}


def _short(name, value):
    return f"{value:.2f}%" if name.endswith("percent") else f"{value:.4f}"
