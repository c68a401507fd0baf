"""Training through NengoDL and TensorFlow."""

import numpy as np
import tensorflow as tf
from nengo.exceptions import SimulationError, ValidationError
from tqdm.auto import tqdm

from . import files, parameters
from .compat import nengo_dl
from .models import Model, copied
from .neuron_builders import noise_counters
from .preprocessing import Preprocessing

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
    learning_rate=1e-3,
    weight_decay=0.0,
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
        model the preprocessing and the history, when training has ended.
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
    learning_rate : float
        Peak of the default optimizer's schedule.
    weight_decay : float
        Decoupled weight decay of the default optimizer: in each step weights
        (not biases) shrink by this part of the learning rate.
    validation_split : float
        Part of the training images, chosen by the seed, kept out of training to
        report the loss and error on.
    callbacks : list of tf.keras.callbacks.Callback
        They may stop the training, as Keras' own do.
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
        The history: ``loss`` and ``error_percent`` of each epoch, while it was
        trained, and ``validation_loss`` and ``validation_error_percent``.

    Raises
    ------
    ValidationError
        If arguments, model and data do not fit together, or the checkpoint is
        of another training.
    SimulationError
        If the loss becomes NaN or infinite.
    """
    if not isinstance(model, Model):
        raise ValidationError(
            f"expected a Model, got {model!r}; wrap a network as "
            "Model(network, input=node, output=probe)",
            attr="model",
        )
    _check_settings(epochs, batch_size, validation_split, learning_rate, weight_decay)
    preprocessing = _preprocessing(model, data)
    training, validation = _split(len(data.x_train), validation_split, seed)
    if len(training) < batch_size:
        raise ValidationError(
            f"{len(training)} training images do not fill one batch of {batch_size}; "
            "choose a smaller one",
            attr="batch_size",
        )
    n_batches = len(training) // batch_size

    # NengoDL's settings are part of a network's configuration: leave the user's be
    network, twin = copied(model.network)
    if network.seed is None:
        network.seed = seed
    with network:
        # A rate network is run for one step, and unmerged operators read and
        # write whole arrays instead of slices, which is several times faster.
        nengo_dl.configure_settings(
            stateful=False,
            use_loop=False,
            planner=nengo_dl.graph_optimizer.noop_planner,
        )
    with nengo_dl.Simulator(
        network, minibatch_size=batch_size, seed=seed, progress_bar=False
    ) as sim:
        images = _Feeder(sim, twin[model.input], twin[model.output], preprocessing)
        if optimizer is None:
            schedule = OneCycle(learning_rate, epochs * n_batches)
            optimizer = keras.optimizers.Adam(
                schedule, weight_decay=weight_decay or None
            )
            optimizer.exclude_from_weight_decay(_biases(sim, network, images.node))
        sim.compile(
            optimizer=_keras2(optimizer),
            loss={
                images.probe: keras.losses.SparseCategoricalCrossentropy(
                    from_logits=True
                )
            },
            metrics={images.probe: keras.metrics.SparseCategoricalAccuracy("accuracy")},
        )
        settings = {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": _describe(sim.keras_model.optimizer),
            "validation_split": validation_split,
            "seed": seed,
            "data": data.sha256,
            "weights": [list(w.shape) for w in sim.keras_model.trainable_weights],
            "neurons": [repr(e.neuron_type) for e in network.all_ensembles],
            "preprocessing": preprocessing.header(),
        }
        state = _State(sim, settings, checkpoint)
        history = state.restore()
        callbacks = keras.callbacks.CallbackList(
            list(callbacks), model=sim.keras_model, epochs=epochs
        )
        callbacks.on_train_begin()
        for epoch in range(len(history.get("loss", ())), epochs):
            callbacks.on_epoch_begin(epoch)
            rng = np.random.default_rng((seed, epoch))
            order = rng.permutation(training)[: n_batches * batch_size]
            batches = order.reshape(n_batches, batch_size)
            title = f"epoch {epoch + 1}/{epochs}"
            with tqdm(batches, title, unit="batch", disable=not progress_bar) as bar:
                logs = _train(sim, images, data, bar, rng, callbacks)
                if len(validation):
                    logs.update(_validate(images, data, validation))
                    bar.set_postfix(_rounded(logs))
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            state.save(history)
            callbacks.on_epoch_end(epoch, logs)
            if sim.keras_model.stop_training:
                break
        callbacks.on_train_end()
        arrays = parameters.collect(network, sim.data)

    parameters.install(model.network, arrays)
    model.preprocessing = preprocessing
    model.history = history
    return history


class _Feeder:
    """Turns images into what the Keras model of a simulator takes and gives."""

    def __init__(self, sim, node, probe, preprocessing):
        self.sim, self.node, self.probe = sim, node, probe
        self.preprocessing = preprocessing
        self.batch_size = sim.minibatch_size
        names = sim.tensor_graph.io_names
        self.input_name, self.output_name = names[node], names[probe]
        self.constant = {"n_steps": np.ones((self.batch_size, 1), np.int32)}
        for other in sim.tensor_graph.invariant_inputs:
            if other is not node:
                self.constant[names[other]] = np.tile(
                    _constant(other), (self.batch_size, 1, 1)
                ).astype(np.float32)

    def inputs(self, x):
        """Inputs for a batch of prepared images, one step long."""
        return {**self.constant, self.input_name: x[:, np.newaxis]}

    def targets(self, labels):
        return {self.output_name: labels[:, np.newaxis, np.newaxis]}

    def answers(self, images):
        """Class values of any number of images, without noise."""
        answers = []
        for start in range(0, len(images), self.batch_size):
            x = self.preprocessing.test(images[start : start + self.batch_size])
            missing = self.batch_size - len(x)
            full = np.pad(x, [(0, missing), (0, 0)])
            out = self.sim.keras_model.predict_on_batch(self.inputs(full))
            out = out[self.output_name] if isinstance(out, dict) else out[0]
            answers.append(out[: len(x), -1])
        return np.concatenate(answers)


class _State:
    """What a checkpoint holds: everything the next epoch depends on."""

    def __init__(self, sim, settings, path):
        self.settings, self.path = settings, path
        optimizer = sim.keras_model.optimizer
        optimizer.build(sim.keras_model.trainable_weights)
        self.variables = {
            f"{kind}/{i}": variable
            for kind, variables in (
                ("weights", sim.keras_model.weights),
                ("optimizer", optimizer.variables),
                ("noise", noise_counters(sim)),
            )
            for i, variable in enumerate(
                variables() if callable(variables) else variables
            )
        }

    def save(self, history):
        if self.path is not None:
            header = {"settings": self.settings, "history": history}
            arrays = {name: v.numpy() for name, v in self.variables.items()}
            files.write(self.path, header, arrays, kind="checkpoint")

    def restore(self):
        """Take up a checkpoint if there is one, and return its history."""
        if self.path is None or not tf.io.gfile.exists(str(self.path)):
            return {}
        header, arrays = files.read(self.path, kind="checkpoint")
        found = header["settings"]
        different = [k for k, v in self.settings.items() if found.get(k) != v]
        if different or arrays.keys() != self.variables.keys():
            what = ", ".join(different) or "variables"
            raise ValidationError(
                f"{str(self.path)!r} is the checkpoint of a training with other "
                f"settings ({what}); repeat those, or delete it to start anew",
                attr="checkpoint",
            )
        for name, variable in self.variables.items():
            variable.assign(arrays[name])
        return header["history"]


def _train(sim, images, data, bar, rng, callbacks):
    """Train on the batches of one epoch, which come through the progress bar."""
    sim.keras_model.reset_metrics()
    for i, batch in enumerate(bar):
        callbacks.on_train_batch_begin(i)
        result = sim.keras_model.train_on_batch(
            images.inputs(images.preprocessing.train(data.x_train[batch], rng)),
            images.targets(data.y_train[batch]),
            reset_metrics=False,
            return_dict=True,
        )
        logs = {
            "loss": float(result["loss"]),
            "error_percent": 100
            * (1 - float(result[f"{images.output_name}_accuracy"])),
        }
        if not np.isfinite(logs["loss"]):
            raise SimulationError(
                f"training diverged: the loss became {logs['loss']} in batch {i + 1} "
                f"of {bar.desc}. Lower the learning rate, or scale the images or the "
                "initial weights down; the model is left as it was."
            )
        bar.set_postfix(_rounded(logs), refresh=False)
        callbacks.on_train_batch_end(i, logs)
    return logs


def _validate(images, data, validation):
    """Loss and error on images that are not trained on."""
    answers = images.answers(data.x_train[validation]).astype(np.float64)
    labels = data.y_train[validation]
    largest = answers.max(axis=1)
    log_sum = largest + np.log(np.exp(answers - largest[:, None]).sum(axis=1))
    loss = np.mean(log_sum - answers[np.arange(len(labels)), labels])
    error = np.mean(answers.argmax(axis=1) != labels)
    return {
        "validation_loss": float(loss),
        "validation_error_percent": float(100 * error),
    }


def _biases(sim, network, input_node):
    """Variables of NengoDL's that hold no weights, only biases.

    A bias is a weight from a node that puts out a constant.
    """
    weights = set()
    for connection in network.all_connections:
        pre = connection.pre_obj
        constant = getattr(pre, "size_in", 1) == 0 and pre is not input_node
        if connection.has_weights and not constant:
            signal = sim.model.sig[connection]["weights"]
            weights.add(
                id(sim.tensor_graph.base_params[sim.tensor_graph.signals[signal].key])
            )
    return [v for v in sim.keras_model.trainable_weights if id(v) not in weights]


def _preprocessing(model, data):
    """Preprocessing of the model, or that of the data for a new model."""
    preprocessing = model.preprocessing
    if preprocessing is None:
        preprocessing = Preprocessing.from_images(
            data.x_train, crop=model.crop, flip=model.flip
        )
    else:
        preprocessing.test(data.x_train[:1])  # raises if the size is another
    if preprocessing.size != model.input.size_out:
        raise ValidationError(
            f"the images of {data.name!r} have {preprocessing.size} values after "
            f"cropping, but the model's input takes {model.input.size_out}; make the "
            f"network for images of {preprocessing.output_shape}",
            attr="data",
        )
    if data.n_classes > model.output.size_in:
        raise ValidationError(
            f"{data.name!r} has {data.n_classes} classes, but the model answers with "
            f"{model.output.size_in}; make the network with n_classes={data.n_classes}",
            attr="data",
        )
    return preprocessing


def _check_settings(epochs, batch_size, validation_split, learning_rate, weight_decay):
    for name, value, good, wanted in (
        ("epochs", epochs, epochs >= 1, "at least 1"),
        ("batch_size", batch_size, batch_size >= 1, "at least 1"),
        ("validation_split", validation_split, 0 <= validation_split < 1, "in [0, 1)"),
        ("learning_rate", learning_rate, learning_rate > 0, "positive"),
        ("weight_decay", weight_decay, weight_decay >= 0, "0 or more"),
    ):
        if not good:
            raise ValidationError(f"must be {wanted}, got {value!r}", attr=name)


def _split(n_images, validation_split, seed):
    """Indices to train on, and to validate on; data files may be sorted by class."""
    order = np.random.default_rng(seed).permutation(n_images)
    n_validation = round(validation_split * n_images)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def _keras2(optimizer):
    """Refuse optimizers of Keras 3, which NengoDL's Keras cannot use."""
    if isinstance(optimizer, (str, keras.optimizers.Optimizer)):
        return optimizer
    raise ValidationError(
        f"expected an optimizer of tf.keras or its name, got {optimizer!r} of "
        f"{type(optimizer).__module__}; take it from tensorflow.keras.optimizers "
        "(tf_keras), as NengoDL runs on Keras 2",
        attr="optimizer",
    )


def _describe(optimizer):
    """Settings of an optimizer, as JSON holds them."""
    config = keras.optimizers.serialize(optimizer)
    return repr(config)


def _constant(node):
    if callable(node.output) or node.output is None:
        raise ValidationError(
            f"{node} changes in time, but training takes one step per image; only the "
            "model's input may vary",
            attr="network",
        )
    return np.asarray(node.output)


def _cosine(start, end, done):
    done = tf.clip_by_value(done, 0.0, 1.0)
    return end + (start - end) * (1 + tf.cos(np.pi * done)) / 2


def _rounded(logs):
    return {name.replace("_percent", ""): _short(name, v) for name, v in logs.items()}


def _short(name, value):
    return f"{value:.2f}%" if name.endswith("percent") else f"{value:.4f}"
