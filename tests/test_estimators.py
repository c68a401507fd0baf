"""`SpikingClassifier` is an estimator of scikit-learn's."""

import pickle

from nengo_softlif import SpikingClassifier, networks
from nengo_softlif.estimators import dense_layer

import numpy as np
import pytest
from nengo.exceptions import ValidationError
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

QUICK = {"epochs": 2, "presentation_time": 0.02, "random_state": 0}


@pytest.mark.slow
@parametrize_with_checks([SpikingClassifier(presentation_time=0.05, random_state=0)])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return data.data[:600], data.target[:600]


@pytest.fixture(scope="module")
def fitted(digits):
    x, y = digits
    return SpikingClassifier(random_state=0).fit(x[:400], y[:400])


@pytest.mark.slow
def test_digits_in_a_pipeline(digits):
    """About as good as scikit-learn's linear model on the same parts."""
    scores, linear = (
        cross_val_score(make_pipeline(MinMaxScaler(), estimator), *digits, cv=3)
        for estimator in (SpikingClassifier(random_state=0), LogisticRegression())
    )
    assert scores.shape == (3,)
    assert scores.mean() > linear.mean() - 0.05


def test_spikes_answer_like_rates(digits, fitted):
    x, y = digits
    assert any(e.neuron_type.spiking for e in fitted.model_.ensembles)
    in_rates = SpikingClassifier(presentation_time=None, random_state=0)
    in_rates.fit(x[:400], y[:400])
    chances = [e.predict_proba(x[400:]) for e in (fitted, in_rates)]
    for each in chances:
        np.testing.assert_allclose(each.sum(axis=1), 1)
    same = np.mean(chances[0].argmax(axis=1) == chances[1].argmax(axis=1))
    assert same > 0.9
    assert np.any(chances[0] != chances[1])
    linear = LogisticRegression(max_iter=1000).fit(x[:400], y[:400])
    assert fitted.score(x[400:], y[400:]) > linear.score(x[400:], y[400:]) - 0.08


def test_the_random_state_decides(digits):
    x, y = digits[0][:60], digits[1][:60]
    chances = [
        SpikingClassifier(**{**QUICK, "random_state": state}).fit(x, y).predict_proba(x)
        for state in (0, 0, 1)
    ]
    np.testing.assert_array_equal(chances[0], chances[1])
    assert np.any(chances[0] != chances[2])


def test_labels_may_be_text(digits):
    x, y = digits
    names = np.array([f"digit {label}" for label in y[:60]])
    found = SpikingClassifier(**QUICK).fit(x[:60], names).predict(x[:60])
    assert set(found) <= set(names)


def test_images_and_other_networks(digits):
    x, y = digits
    images = x[:60].reshape(-1, 8, 8)
    estimator = SpikingClassifier(networks.small, **QUICK).fit(images, y[:60])
    assert len(estimator.model_.ensembles) == 3
    assert estimator.predict(images[:3]).shape == (3,)
    with pytest.raises(ValueError, match="features"):
        estimator.predict(images[:, :6])


def test_it_is_pickled_and_cloned(digits, fitted):
    x = digits[0][400:410]
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert clone(fitted).get_params() == fitted.get_params()


def test_settings_that_make_no_sense_are_refused(digits):
    x, y = digits[0][:60], digits[1][:60]
    with pytest.raises(ValidationError, match="epochs"):
        SpikingClassifier(epochs=0).fit(x, y)
    with pytest.raises(ValidationError, match="presentation_time"):
        SpikingClassifier(**{**QUICK, "presentation_time": -1.0}).fit(x, y).predict(x)


def test_the_network_that_is_used_unless_told_otherwise():
    model = dense_layer((1, 1, 7), 3)
    assert (model.input.size_out, model.output.size_in) == (7, 3)
