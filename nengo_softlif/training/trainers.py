"""The two ways to train a network with Keras: as layers, or through NengoDL."""

import warnings
from functools import partial

import nengo
import numpy as np
import tensorflow as tf
from nengo.exceptions import NengoWarning, Unconvertible, ValidationError

from ..compat import nengo_dl, quiet_simulator
from ..layers import check_gains
from ..tensors import noise_counters
from .layered import Lowering


def route(network, image, answer, batch_size, seed, batch_norm=False, target=None):
    """Take the fastest route that a network can go.

    Parameters
    ----------
    network : nengo.Network
        The network; its configuration may be changed.
    image : nengo.Node
        Takes the images.
    answer : nengo.Probe
        Gives the class values.
    batch_size : int
        Size of all batches.
    seed : int
        Seed of the noise.
    batch_norm : bool
        Normalise what comes into each layer of neurons.
    target : LoihiTarget, optional
        Train for the chip.

    Returns
    -------
    AsLayers or ThroughNengoDL
        To be closed when training has ended.

    Raises
    ------
    ValidationError
        If the network has an input that changes in time, or batch normalisation or
        training for the chip are wanted where they are not possible.
    """
    for node in network.all_nodes:
        constant = node.size_in > 0 or isinstance(node.output, np.ndarray)
        if not constant and node is not image:
            raise ValidationError(
                f"{node} changes in time, but training takes one step per image; only "
                "the model's input may vary",
                attr="network",
            )
    try:
        return AsLayers(network, image, answer, batch_size, seed, batch_norm, target)
    except Unconvertible as reason:
        if batch_norm or target:
            raise ValidationError(
                f"needs a network of feed-forward layers of SoftLIFRate: {reason}; "
                "change that, or train without",
                attr="batch_norm" if batch_norm else "target",
            ) from reason
        warnings.warn(
            NengoWarning(f"training through NengoDL, which is slower: {reason}"),
            stacklevel=3,
        )
        return ThroughNengoDL(network, image, answer, batch_size, seed)


class _Route:
    """What training needs of a network.

    Attributes
    ----------
    keras_model : tf.keras.Model
        What is trained.
    biases : list of tf.Variable
        Trained variables that are no weights.
    counters : list of tf.Variable
        Say which noise comes next.
    noise_seeds : list of list of int
        From which the noise of each ensemble is made.
    data : mapping
        From Nengo's objects to what was built and trained.
    output_name : str or None
        What Keras calls the output, if it has a name.
    """

    output_name = None

    def __init__(self, batch_size):
        self.batch_size = batch_size

    def compile(self, optimizer):
        """Set the optimizer, the loss and the metrics of the Keras model."""
        loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics = [tf.keras.metrics.SparseCategoricalAccuracy("accuracy")]
        if self.output_name is not None:
            loss, metrics = {self.output_name: loss}, {self.output_name: metrics}
        self.keras_model.compile(optimizer, loss=loss, metrics=metrics)

    def answers(self, images, preprocessing):
        """Class values of any number of images, without noise."""
        answers = []
        for start in range(0, len(images), self.batch_size):
            x = preprocessing.test(images[start : start + self.batch_size])
            missing = self.batch_size - len(x)
            answers.append(self.predict(np.pad(x, [(0, missing), (0, 0)]))[: len(x)])
        return np.concatenate(answers)

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

    def close(self):
        """Free what is held."""


class AsLayers(_Route):
    """Training of a feed-forward network in the form TensorFlow computes fastest."""

    def __init__(
        self, network, image, answer, batch_size, seed, batch_norm=False, target=None
    ):
        super().__init__(batch_size)
        lowering = partial(target.layered(), target=target) if target else Lowering
        self._lowering = lowering(
            network, image, answer, batch_size, seed, _dtype(network), batch_norm
        )
        self.keras_model = self._lowering.keras_model
        self.biases = self._lowering.biases
        self.counters = [self._lowering.passes]
        self.noise_seeds = [list(seeds) for seeds in self._lowering.noise_seeds]

    @property
    def data(self):
        """See `_Route`."""
        return self._lowering.data

    def compile(self, optimizer):
        """See `_Route`."""
        super().compile(optimizer)
        # Keras' train_on_batch makes a data set of every batch, which takes longer
        # than a step of a small network
        self._step = tf.function(self._train_step, autograph=False)

    def _train_step(self, x, labels):
        logs = self.keras_model.train_step((x, labels))
        self.keras_model._train_counter.assign_add(1)  # callbacks look at it
        return logs["loss"], logs["accuracy"]

    def train(self, x, labels):
        """See `_Route`."""
        # tensors, for users who have switched tf.function off
        loss, accuracy = self._step(tf.constant(x), tf.constant(labels))
        return float(loss), float(accuracy)

    def predict(self, x):
        """Class values of one batch, without noise."""
        return self.keras_model.predict_on_batch(x)


class ThroughNengoDL(_Route):
    """Training of any network that NengoDL can simulate."""

    def __init__(self, network, image, answer, batch_size, seed):
        super().__init__(batch_size)
        with network:
            # A rate network is run for one step, and unmerged operators read and
            # write whole arrays instead of slices, which is several times faster.
            nengo_dl.configure_settings(
                stateful=False,
                use_loop=False,
                planner=nengo_dl.graph_optimizer.noop_planner,
            )
        sim = self._sim = quiet_simulator(
            network, minibatch_size=batch_size, seed=seed, progress_bar=False
        )
        try:
            check_gains(network, sim.model.params)
        except ValidationError:
            self.close()
            raise
        self.keras_model, self.data = sim.keras_model, sim.data
        names = sim.tensor_graph.io_names
        self._input_name, self.output_name = names[image], names[answer]
        self._constant = {"n_steps": np.ones((batch_size, 1), np.int32)}
        for node in sim.tensor_graph.invariant_inputs:
            if node is not image:
                self._constant[names[node]] = np.tile(
                    node.output, (batch_size, 1, 1)
                ).astype(np.float32)
        self.counters = noise_counters(sim)
        self.noise_seeds = [
            [int(seed) for seed in op.noise_seed]
            for op in sim.model.operators
            if hasattr(op, "noise_seed")
        ]
        self.biases = self._without_weights(network, image)

    def train(self, x, labels):
        """Train on one batch; return the loss and accuracy so far in this epoch."""
        result = self.keras_model.train_on_batch(
            self._inputs(x),
            {self.output_name: labels[:, np.newaxis, np.newaxis]},
            reset_metrics=False,
            return_dict=True,
        )
        return float(result["loss"]), float(result[f"{self.output_name}_accuracy"])

    def predict(self, x):
        """Class values of one batch, without noise."""
        out = self.keras_model.predict_on_batch(self._inputs(x))
        out = out[self.output_name] if isinstance(out, dict) else out[0]
        return out[:, -1]

    def close(self):
        """Close the simulator."""
        self._sim.close()

    def _inputs(self, x):
        return {**self._constant, self._input_name: x[:, np.newaxis]}

    def _without_weights(self, network, image):
        """Variables of NengoDL's that hold no weights, only biases.

        A bias is a weight from a node that puts out a constant.
        """
        weights = set()
        for connection in network.all_connections:
            pre = connection.pre_obj
            constant = getattr(pre, "size_in", 1) == 0 and pre is not image
            if connection.has_weights and not constant:
                signal = self._sim.model.sig[connection]["weights"]
                graph = self._sim.tensor_graph
                weights.add(id(graph.base_params[graph.signals[signal].key]))
        return [v for v in self.keras_model.trainable_weights if id(v) not in weights]


def _dtype(network):
    """Floating point type in which NengoDL is set to train a network."""
    if nengo.Network not in network.config.params:
        return "float32"
    return getattr(network.config[nengo.Network], "dtype", "float32")
