"""Training and spikes behind scikit-learn's methods."""

import nengo
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .datasets import Dataset
from .evaluation import predict
from .models import Model
from .neurons import SoftLIFRate
from .noise import AlphaNoise
from .spiking import to_spiking
from .stack import Stack
from .training import fit


def dense_layer(image_shape, n_classes, n_neurons=128):
    """Make a network of one layer of soft LIF neurons.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels; of a table 1, 1 and its values.
    n_classes, n_neurons : int
        Number of classes, and of neurons.

    Returns
    -------
    Model
        The untrained network.

    Examples
    --------
    >>> from nengo_softlif.estimators import dense_layer
    >>> dense_layer((1, 1, 4), n_classes=3, n_neurons=20)
    Model(4 inputs, dense1 20 neurons, 3 classes)
    """
    neurons = SoftLIFRate(amplitude=0.01, noise=AlphaNoise(0.005))
    with nengo.Network(label="dense", seed=0) as net:
        stack = Stack(image_shape, neurons)
        stack.dense(n_neurons)
        output = stack.readout(n_classes)
    return Model(net, stack.input, output)


class SpikingClassifier(ClassifierMixin, BaseEstimator):
    """A classifier as scikit-learn has them, which answers in spikes.

    It trains soft LIF neurons (`.fit`), rebuilds them in spikes (`.to_spiking`) and
    simulates these, as `nengo_softlif.evaluation.predict` does.

    Parameters
    ----------
    network : callable, optional
        Makes the `.Model` that is trained, called with ``image_shape=`` and
        ``n_classes=``, such as `.networks.small`. By default `dense_layer`.
    epochs, batch_size, learning_rate
        As for `.fit`; there may be fewer examples than a batch takes.
    presentation_time : float or None
        How long each example is shown to the spiking network, in seconds. None for the
        answers of rate neurons, without time.
    random_state : int, numpy.random.RandomState or None
        From which the seed of training is drawn.

    Attributes
    ----------
    classes_ : (n_classes,) ndarray
        The labels.
    n_features_in_ : int
        Columns of ``X`` that it was trained on.
    model_ : Model
        The trained model: with spiking neurons, unless there is no time.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = data.x_train[:200].reshape(200, -1), data.y_train[:200]
    >>> cross_val_score(softlif.SpikingClassifier(epochs=1), X, y, cv=2).shape
    (2,)
    """

    def __init__(
        self,
        network=None,
        epochs=20,
        batch_size=32,
        learning_rate=0.005,
        presentation_time=0.1,
        random_state=None,
    ):
        self.network = network
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.presentation_time = presentation_time
        self.random_state = random_state

    def fit(self, X, y):
        """Train, and rebuild in spikes.

        Parameters
        ----------
        X : array_like (n, n_features), or images (n, height, width[, channels])
            Examples.
        y : array_like (n,)
            Their labels, of any kind.

        Returns
        -------
        SpikingClassifier
            This one.
        """
        X, y = validate_data(self, X, y, allow_nd=True, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, y = np.unique(y, return_inverse=True)
        data = Dataset("arrays", X, y, X, y)
        make = dense_layer if self.network is None else self.network
        model = make(image_shape=data.image_shape, n_classes=data.n_classes)
        fit(
            model,
            data,
            self.epochs,
            min(self.batch_size, len(X)),
            learning_rate=self.learning_rate,
            seed=int(check_random_state(self.random_state).randint(2**31)),
            progress_bar=False,
        )
        in_spikes = self.presentation_time is not None
        self.model_ = to_spiking(model) if in_spikes else model
        return self

    def predict(self, X):
        """Return labels, (n,), of examples like those of `fit`."""
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_[places]

    def predict_proba(self, X):
        """Return probabilities, (n, n_classes): the softmax of the mean output."""
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, reset=False)
        answers = predict(
            self.model_,
            X,
            "rate" if self.presentation_time is None else None,
            self.presentation_time,
        )
        chances = np.exp(answers - answers.max(axis=1, keepdims=True))
        return chances / chances.sum(axis=1, keepdims=True)
