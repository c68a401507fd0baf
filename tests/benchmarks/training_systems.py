"""The systems that train the papers' CIFAR-10 network, on images of random numbers.

All train batches of the same size with Adam, decoupled weight decay (not on biases),
and Gaussian noise of 10 Hz on the rates of neurons above threshold.
"""

from importlib.metadata import version

import numpy as np

from .workers import serve

DECAY = 1e-4


class Layers:
    """What `nengo_softlif.fit` does with each batch."""

    name = "as layers, as fit does"
    way = "layers"

    def __init__(self, batch):
        from nengo_softlif import networks
        from nengo_softlif.registry import TRAINERS
        from nengo_softlif.training import Settings

        model, settings = networks.cifar10(seed=0), Settings(batch_size=batch)
        self.trainer = TRAINERS[self.way](
            model.network, model.input, model.output, settings
        )
        self.trainer.compile(_optimizer(self.trainer.biases))
        self.images, self.labels = _data(batch)

    def train(self):
        """Train on the batch once more."""
        self.trainer.train(self.images, self.labels)


class Through(Layers):
    """What `nengo_softlif.fit` does with networks that it cannot read as layers."""

    name = "through NengoDL, as fit does: noop_planner, our builders"
    way = "nengo-dl"


class NengoDL:
    """NengoDL as its users would: pools and local layers as TensorNodes."""

    name = "pools and local layers as TensorNode, stateful=False, use_loop=False"

    def __init__(self, batch):
        from nengo_softlif.compat import nengo_dl, quiet_simulator

        import nengo
        import tensorflow as tf

        keras = tf.keras
        with nengo.Network(seed=0) as net:
            nengo_dl.configure_settings(stateful=False, use_loop=False, trainable=None)
            image = nengo.Node(np.zeros(24 * 24 * 3))
            top, shape = image, (24, 24, 3)
            for _ in range(2):
                conv = nengo.Convolution(
                    64,
                    shape,
                    (5, 5),
                    padding="same",
                    init=nengo.dists.Gaussian(0, (2 / 25 / shape[2]) ** 0.5),
                )
                top, shape = _neurons(net, conv.output_shape.shape, top, conv)
                pool = keras.layers.AveragePooling2D(3, 2, "same")
                top, shape = _tensor_node(nengo_dl, top, shape, pool)
            for n_filters in (64, 32):
                from .plain_keras import Local

                top, shape = _tensor_node(nengo_dl, top, shape, Local(n_filters))
                top, shape = _neurons(net, shape, top, None)
            answer = nengo.Node(size_in=10)
            init = nengo.dists.Gaussian(0, 0.01)
            size = int(np.prod(shape))
            nengo.Connection(
                top, answer, transform=nengo.Dense((10, size), init), synapse=None
            )
            self.probe = nengo.Probe(answer)
        self.sim = quiet_simulator(net, minibatch_size=batch, seed=0)
        self.sim.compile(
            _optimizer([]),
            loss={
                self.probe: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            },
        )
        images, labels = _data(batch)
        names = self.sim.tensor_graph.io_names
        self.x = {
            names[image]: images[:, None],
            "n_steps": np.ones((batch, 1), np.int32),
        }
        self.y = {names[self.probe]: labels[:, None, None]}
        for other in self.sim.tensor_graph.invariant_inputs:
            if other is not image:
                value = np.tile(other.output, (batch, 1, 1)).astype(np.float32)
                self.x[names[other]] = value

    def train(self):
        """Train on the batch once more."""
        self.sim.keras_model.train_on_batch(self.x, self.y)


class Keras:
    """Plain Keras, without Nengo."""

    def __init__(self, batch, local):
        from .plain_keras import plain_keras

        self.name = f"local layers by {local}"
        self.model = plain_keras(batch, local, weight_decay=DECAY)
        self.images, self.labels = _data(batch)
        self.images = self.images.reshape(-1, 24, 24, 3)

    def train(self):
        """Train on the batch once more."""
        self.model.train_on_batch(self.images, self.labels)


class Batches:
    """Runs a system for some batches."""

    def __init__(self, system, batches):
        self.system, self.batches = system, batches
        settings = f"TensorFlow {version('tensorflow')}, {system.name}"
        self.about = {"settings": settings}

    def reset(self):
        """Go on from where it is."""

    def run(self):
        """Train on batches."""
        for _ in range(self.batches):
            self.system.train()


def _neurons(net, shape, top, transform):
    """A layer of neurons, with a bias for each filter."""
    from nengo_softlif import GaussianNoise, SoftLIFRate

    import nengo

    n = int(np.prod(shape))
    ensemble = nengo.Ensemble(
        n,
        1,
        neuron_type=SoftLIFRate(
            tau_rc=0.05, tau_ref=0.001, amplitude=0.063, noise=GaussianNoise(10)
        ),
        gain=np.full(n, 0.825),
        bias=np.ones(n),
    )
    net.config[ensemble].trainable = False
    ones = nengo.Node(np.ones(shape[0] * shape[1]))
    bias = nengo.Convolution(
        shape[2], (*shape[:2], 1), (1, 1), init=np.zeros((1, 1, 1, shape[2]))
    )
    nengo.Connection(ones, ensemble.neurons, transform=bias, synapse=None)
    if transform is None:
        nengo.Connection(top, ensemble.neurons, synapse=None)
    else:
        nengo.Connection(top, ensemble.neurons, transform=transform, synapse=None)
    return ensemble.neurons, tuple(shape)


def _tensor_node(nengo_dl, top, shape, layer):
    out = nengo_dl.Layer(layer)(top, shape_in=tuple(shape), synapse=None)
    return out, tuple(layer.compute_output_shape((None, *shape))[1:])


def _optimizer(biases):
    import tensorflow as tf

    optimizer = tf.keras.optimizers.Adam(1e-3, weight_decay=DECAY)
    if biases:
        optimizer.exclude_from_weight_decay(biases)
    return optimizer


def _data(batch):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch, 24 * 24 * 3)).astype(np.float32)
    return images, rng.integers(0, 10, batch)


SYSTEMS = {"layers": Layers, "through": Through, "nengo-dl": NengoDL, "keras": Keras}


def make(name, threads, batch, batches, **settings):
    """Make one of the systems."""
    return Batches(SYSTEMS[name](batch, **settings), batches)


if __name__ == "__main__":
    serve(make)
