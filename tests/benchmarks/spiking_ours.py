"""Ours, for `spiking_training`: the same two tasks as `spiking_peers`."""

import time

import nengo_softlif
from nengo_softlif import gradients, layers, networks, training
from nengo_softlif.models import copied
from nengo_softlif.training.in_spikes import InSpikes

import nengo
import numpy as np

from .workers import serve

STEP = 0.001
"""Seconds."""


def ours_lenet(threads, path, steps, neurons, rate, decay):
    """One training step of the LeNet of Lee et al., trained in spikes.

    Parameters
    ----------
    threads : int
        Number of threads; variables of the environment say so as well.
    path : str
        ``.npz`` file with "images" (images, 28, 28), float32 in 0 to 1; "labels"
        (images,); and the initial weights, channels last: "weights0" (5, 5, 1, 20),
        "weights1" (5, 5, 20, 50), "weights2" (2450, 200), "weights3" (200, 10).
    steps : int
        Steps of time.
    neurons : list of (decay, threshold)
        Of each layer of neurons; the threshold of the readout is None.
    rate, decay : float
        Learning rate of gradient descent without momentum, and weight decay.

    Returns
    -------
    object
        With ``about``, a dict with "images" (number of images), "settings" (str) and
        "rates" (share of neurons that fire in a step, for each layer but the readout);
        ``reset()``, which takes the initial weights once more; and ``run()``, which
        encodes the images, goes forward and backward, and changes the weights. The
        loss is the sum of ``(final voltage / steps - one-hot label)**2``; ``run``
        leaves it in ``details``, a dict, as "loss".
    """
    return LeNet(path, steps, neurons, rate, decay)


def ours_onm(threads, n, batch, steps, decay, warm_steps):
    """Forward and backward pass of one layer.

    Parameters
    ----------
    threads : int
        Number of threads.
    n, batch, steps : int
        Inputs and neurons, examples, and steps of time.
    decay : float
        What a neuron's voltage keeps of itself in a step; its threshold is 1.
    warm_steps : int or None
        Steps of the first run, which is not measured.

    Returns
    -------
    object
        As that of `ours_lenet`. Inputs are standard normal, different in each step;
        weights and biases are uniform in +-1 / sqrt(n). ``reset()`` forgets gradients;
        ``run()`` does both passes, of which the second starts from ones for each spike
        and ends with the gradients of weights and biases, and leaves their seconds as
        "forward" and "backward", and "rates" (one), in ``details``.
    """
    return Layer(n, batch, steps, decay, warm_steps)


class LeNet:
    """See `ours_lenet`."""

    def __init__(self, path, steps, neurons, rate, decay):
        import tensorflow as tf

        given = np.load(path)
        self.images, self.labels = given["images"], given["labels"]
        self.weights = [given[f"weights{i}"] for i in range(4)]
        model = networks.lenet(tau_rc=-STEP / np.log(neurons[0][0]))
        network, twin = copied(model.network)
        settings = training.Settings(
            batch_size=len(self.images),
            presentation_time=steps * STEP,
            loss="membrane",
            optimizer=tf.keras.optimizers.SGD(
                rate * len(self.images), weight_decay=decay
            ),
        )
        image, answer = twin[model.input], twin[model.output]
        self.trainer = InSpikes(network, image, answer, settings)
        self.trainer.compile(settings.optimizer)
        self.images = self.images.reshape(len(self.images), -1)
        self.reset()
        bound = self.trainer.unrolled.bind(self._weights(), {})
        course = bound.forward(
            self.images[:8, np.newaxis], steps, rng=np.random.default_rng(0)
        )
        fired = [
            np.count_nonzero(s.values) / s.values.size for s in course.spikes.values()
        ]
        settings = f"nengo_softlif {nengo_softlif.__version__}, leak-corrected"
        about = {"images": len(self.images), "settings": settings, "rates": fired[1:]}
        self.about, self.details = about, {}

    def _weights(self):
        variables = self.trainer.weights.variables
        return {c: v.numpy() for c, v in variables.items()}

    def reset(self):
        """Take the initial weights once more."""
        for variable in self.trainer.keras_model.trainable_weights:
            (fits,) = [w for w in self.weights if _fits(w, variable)]
            variable.assign(fits if fits.ndim == 4 else fits.T)

    def run(self):
        """Take one step of training."""
        self.trainer.start_epoch()
        loss, _ = self.trainer.train(self.images, self.labels)
        self.details = {"loss": float(loss) * len(self.images)}


def _fits(weights, variable):
    """Whether these are the weights of a layer: of matrices, turned round."""
    return tuple(weights.shape) in (tuple(variable.shape), tuple(variable.shape)[::-1])


class Layer:
    """See `ours_onm`."""

    def __init__(self, n, batch, steps, decay, warm_steps):
        rng = np.random.default_rng(0)
        with nengo.Network(seed=0) as network:
            shown = nengo.Node(np.zeros(n))
            ensemble = nengo.Ensemble(
                n,
                1,
                neuron_type=nengo_softlif.IntegrateAndFire(-STEP / np.log(decay)),
                gain=np.ones(n),
                bias=rng.uniform(-1, 1, n) / np.sqrt(n) / STEP,
            )
            bound = 1 / np.sqrt(n)
            weights = nengo.dists.Uniform(-bound, bound)
            dense = nengo.Dense((n, n), init=weights)
            nengo.Connection(shown, ensemble.neurons, transform=dense, synapse=None)
            answer = nengo.Probe(ensemble.neurons)
        read = layers.FeedForward(network, shown, answer, timed=True)
        derivative = gradients.Arctan()
        unrolled = gradients.Unrolled(
            read, layers.parameters.trainable(network), derivative, STEP
        )
        self.bound = unrolled.bind({}, {})
        # spikes are 1 / STEP high, so that weights are those of voltages
        self.inputs = rng.standard_normal((batch, steps, n), np.float32) / STEP
        self.inputs = self.inputs.astype(np.float32)
        self.about = {"images": batch, "settings": repr(derivative)}
        self.details, self.warm_steps = {}, warm_steps

    def reset(self):
        """Nothing is kept."""

    def run(self):
        """Go forward and backward."""
        inputs = self.inputs[:, : self.warm_steps]
        self.warm_steps = None
        start = time.perf_counter()
        course = self.bound.forward(inputs, inputs.shape[1])
        middle = time.perf_counter()
        course.backward(np.full(course.outputs.shape, STEP, np.float32))
        (spikes,) = course.spikes.values()
        self.details = {
            "forward": middle - start,
            "backward": time.perf_counter() - middle,
            "rates": [float(spikes.values.mean())],
        }


TASKS = {"lenet": ours_lenet, "onm": ours_onm}


def make(task, name, **arguments):
    """Make ours for one of the tasks."""
    return TASKS[task](**arguments)


if __name__ == "__main__":
    serve(make)
