"""The papers' CIFAR-10 network before it could spike, in Keras, which is all it needs.

It has rectified linear units, and as it was, max pooling and local response
normalisation: nothing of that is for spikes, and so it is no Nengo network.
"""

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ..evaluation import BATCH_SIZE, presentation_order
from ..preprocessing import Preprocessing
from ..training import OneCycle, checkpoints
from . import measuring

keras = tf.keras

RADIUS, SCALE, POWER = 4, 0.001, 0.75
"""Of response normalisation across filters: of each to both sides, so nine in all (the
authors' layer file layers-cifar10-11pct.cfg: size 9, scale 0.001, power 0.75)."""


class Local(keras.layers.Layer):
    """Locally connected units: a convolution of 3 x 3 with unshared weights.

    Parameters
    ----------
    n_filters : int
        Number of filters.
    seed : int
        Of the initial weights, those of `.Stack.local`.
    """

    def __init__(self, n_filters, seed):
        super().__init__()
        self.n_filters, self.seed = n_filters, seed

    def build(self, shape):
        """Make weights (rows, columns, inputs, filters), and biases."""
        _, rows, columns, channels = shape
        fan_in = min(3, rows) * min(3, columns) * channels
        self.kernel = self.add_weight(
            "kernel",
            (rows, columns, 9 * channels, self.n_filters),
            initializer=_normal(fan_in, self.seed),
        )
        self.bias = self.add_weight(
            "bias", (rows, columns, self.n_filters), initializer="zeros"
        )

    def call(self, images):
        """Respond to (n, rows, columns, channels)."""
        ones = [1, 1, 1, 1]
        patches = tf.image.extract_patches(images, [1, 3, 3, 1], ones, ones, "SAME")
        return tf.nn.relu(
            tf.einsum("nrci,rcif->nrcf", patches, self.kernel) + self.bias
        )


def make(image_shape, n_classes, scale, normalises, pools_max, seed):
    r"""Make the network.

    Parameters
    ----------
    image_shape : (int, int, int)
        Height, width and channels of what it sees, of a height equal to the width.
    n_classes : int
        Number of classes.
    scale : float
        By what pixels were divided. Those of the paper were not: response
        normalisation counts as it did there.
    normalises : bool
        Whether responses are normalised.
    pools_max : bool
        Whether it takes the largest value in pools, or the average.
    seed : int
        Of the initial weights, which are distributed as those of ``networks.cifar10``.

    Returns
    -------
    tf.keras.Model
        Not yet trained.

    Notes
    -----
    Layers and their order are those of the authors' layers-cifar10-11pct.cfg:
    ``conv - pool - normalise - conv - normalise - pool - local - local - readout``.
    Response normalisation is [1]_

    .. math:: f(u_i) = u_i \left(1 + \frac{\alpha}{9}
              \sum_{|j - i| \leq 4} u_j^2\right)^{-0.75}

    with :math:`\alpha = 0.001` for values in the unit of the pixels. Here these are
    divided by a scale, and with them, as all else but this is linear where it is
    positive, the responses: :math:`\alpha` is multiplied by its square.

    References
    ----------
    .. [1] A. Krizhevsky, documentation of cuda-convnet, "Local response normalization
       layer (across maps)".
    """
    layers, seeds = keras.layers, iter(np.random.SeedSequence(seed).generate_state(5))
    alpha = SCALE / (2 * RADIUS + 1) * scale**2

    def normalise(values):
        if not normalises:
            return values
        return tf.nn.local_response_normalization(values, RADIUS, 1.0, alpha, POWER)

    def convolve(values):
        rows, columns, channels = values.shape[1:]
        start = _normal(min(5, rows) * min(5, columns) * channels, next(seeds))
        return layers.Conv2D(
            64, 5, padding="same", activation="relu", kernel_initializer=start
        )(values)

    def pool(values):
        kind = layers.MaxPooling2D if pools_max else layers.AveragePooling2D
        # the papers' windows hang over the edge, if at all, on one side only
        return kind(3, 2, "valid" if values.shape[1] % 2 else "same")(values)

    image = keras.Input((int(np.prod(image_shape)),))
    values = layers.Reshape(image_shape)(image)
    values = layers.Lambda(normalise)(pool(convolve(values)))
    values = pool(layers.Lambda(normalise)(convolve(values)))
    for n_filters in (64, 32):
        values = Local(n_filters, next(seeds))(values)
    start = keras.initializers.RandomNormal(stddev=0.01, seed=int(next(seeds)))
    answer = layers.Dense(n_classes, kernel_initializer=start)(layers.Flatten()(values))
    return keras.Model(image, answer)


def train(piece, data, checkpoint=None, progress_bar=False):
    """Make and train the network that a piece of work is about.

    Images come in the order, and cropped and mirrored, as in `.fit`, whose default
    optimizer and schedule this has.

    Parameters
    ----------
    piece : dict
        With ``crop``, ``epochs``, ``batch_size``, ``learning_rate`` and ``seed``, and
        ``normalises`` and ``pools_max`` for `make`.
    data : Dataset
        Its training images are used.
    checkpoint : Path, optional
        Keeps the state after each epoch, from which training goes on.
    progress_bar : bool
        Show one.

    Returns
    -------
    model : tf.keras.Model
        The trained network.
    preprocessing : Preprocessing
        Of its images.
    """
    preprocessing = Preprocessing.from_images(
        data.x_train, crop=piece["crop"], flip=True
    )
    model = make(
        preprocessing.output_shape,
        data.n_classes,
        float(np.mean(preprocessing.scale)),
        piece["normalises"],
        piece["pools_max"],
        piece["seed"],
    )
    n_batches = len(data.x_train) // piece["batch_size"]
    schedule = OneCycle(piece["learning_rate"], piece["epochs"] * n_batches)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(True))
    variables = [*model.variables, *optimizer.variables]
    named = {str(i): variable for i, variable in enumerate(variables)}
    with checkpoints.claimed(checkpoint):
        state = checkpoints.Checkpoint(checkpoint, piece, named)
        history, _ = state.restore()
        losses = history.get("loss", [])
        for epoch in range(len(losses), piece["epochs"]):
            losses.append(
                _train_epoch(model, preprocessing, data, piece, epoch, progress_bar)
            )
            state.save({"loss": losses})
    return model, preprocessing


def _train_epoch(model, preprocessing, data, piece, epoch, progress_bar):
    """Train on all images once; return the last loss."""
    rng = np.random.default_rng((piece["seed"], epoch))
    size = piece["batch_size"]
    order = rng.permutation(len(data.x_train))
    batches = order[: len(order) // size * size].reshape(-1, size)
    title = f"epoch {epoch + 1}/{piece['epochs']}"
    for batch in tqdm(batches, title, unit="batch", disable=not progress_bar):
        images = preprocessing.train(data.x_train[batch], rng)
        loss = model.train_on_batch(images, data.y_train[batch])
    return float(loss)


def measure(model, preprocessing, data, n_examples=None):
    """Measure a network on test images, those that `.evaluate` takes, in its order.

    Returns
    -------
    dict
        Fields as of `.measuring.errors`, and ``n_examples``.
    """
    examples = presentation_order(len(data.x_test))[:n_examples]
    answers = [
        model.predict_on_batch(preprocessing.test(data.x_test[part])).argmax(axis=1)
        for part in np.array_split(examples, np.ceil(len(examples) / BATCH_SIZE))
    ]
    wrong = np.concatenate(answers) != data.y_test[examples]
    return {"n_examples": len(examples), **measuring.errors(wrong)}


def _normal(fan_in, seed):
    """Initial weights of He et al., arXiv:1502.01852, 2015, as `.Stack` has them."""
    return keras.initializers.RandomNormal(stddev=np.sqrt(2 / fan_in), seed=int(seed))
