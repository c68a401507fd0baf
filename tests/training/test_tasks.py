"""Values and labels are trained, and evaluated in rates, in spikes and on the chip."""

import nengo_softlif as softlif
from nengo_softlif import datasets, evaluate, fit, to_loihi, to_spiking
from nengo_softlif.evaluation import Evaluation, difference

import numpy as np
import pytest
import tensorflow as tf
from nengo.exceptions import ValidationError
from sample_tasks import along_time, dense, houses, marks, waves
from sklearn import metrics
from trainings import Interrupt, not_of_layers

SETTINGS = {
    "epochs": 12,
    "batch_size": 20,
    "learning_rate": 0.01,
    "validation_split": 0.1,
    "progress_bar": False,
}
SHORT = {**SETTINGS, "epochs": 2}


@pytest.fixture(scope="module")
def trained():
    """Data and trained models of each task."""
    found = {}
    for make, network in ((houses, dense), (waves, along_time), (marks, dense)):
        data = make()
        model = network(data)
        fit(model, data, **SETTINGS)
        found[make.__name__] = data, model
    return found


def told(model, data, **settings):
    return evaluate(model, data, progress_bar=False, **settings)


@pytest.mark.parametrize(("name", "least"), [("houses", 0.6), ("waves", 0.9)])
def test_values_in_rates_spikes_and_on_the_chip(trained, name, least):
    data, model = trained[name]
    spiking = to_spiking(model)
    rates = told(model, data, backend="rate")
    spikes = told(spiking, data, presentation_time=0.1)
    chip = told(to_loihi(spiking), data, presentation_time=0.1)
    for found in (rates, spikes, chip):
        assert found.r2 > least
        assert found.error_percent is None
        low, high = found.rmse_interval
        assert low < found.rmse < high
        # against scikit-learn, in the unit of the data
        answers, targets = np.array(found.answers), np.array(found.targets)
        np.testing.assert_allclose(found.r2, metrics.r2_score(targets, answers))
        order = softlif.evaluation.presentation_order(len(data.y_test))
        wanted = data.y_test[order].reshape(targets.shape)
        np.testing.assert_array_equal(targets, wanted)
    assert spikes.backend == "engine"
    assert chip.backend == "loihi-emulator"
    assert "R2" in str(chip)
    # spikes are not the rates, but tell nearly the same
    assert spikes.answers != rates.answers
    assert abs(spikes.r2 - rates.r2) < 0.1


def test_errors_of_values_become_small_in_time(trained):
    data, model = trained["waves"]
    found = told(to_spiking(model), data, presentation_time=0.1)
    assert len(found.rmse_over_time) == len(found.r2_over_time) == len(found.times)
    assert found.rmse_over_time[0] > 2 * found.rmse_over_time[-1]
    np.testing.assert_allclose(found.rmse_over_time[-1], found.rmse)
    np.testing.assert_allclose(found.r2_over_time[-1], found.r2)
    assert 0.01 < found.time_to_decide < 0.1


@pytest.mark.parametrize("name", ["waves", "marks"])
def test_nengo_and_nengo_dl_answer_as_the_engine(trained, name):
    data, model = trained[name]
    settings = {"n_examples": 4, "presentation_time": 0.04}
    engine, nengo_dl, nengo = (
        told(to_spiking(model), data, backend=backend, **settings)
        for backend in ("engine", "nengo-dl", "nengo")
    )
    for other in (nengo_dl, nengo):
        assert other.spikes_per_image == pytest.approx(engine.spikes_per_image, rel=0.1)
        np.testing.assert_allclose(other.answers, engine.answers, atol=0.2)


def test_several_labels(trained):
    data, model = trained["marks"]
    spiking = to_spiking(model)
    for found in (
        told(model, data, backend="rate"),
        told(spiking, data, presentation_time=0.1),
        told(to_loihi(spiking), data, presentation_time=0.1),
    ):
        assert found.error_percent < 15  # chance is 50 %
        answers, targets = np.array(found.answers), np.array(found.targets)
        loss = metrics.hamming_loss(targets, answers)
        np.testing.assert_allclose(found.error_percent, 100 * loss)
        exact = metrics.accuracy_score(targets, answers)
        np.testing.assert_allclose(found.subset_error_percent, 100 * (1 - exact))
        low, high = found.error_interval_percent
        assert low < found.error_percent < high
        assert "at least one wrong label" in str(found)


@pytest.mark.parametrize("name", ["houses", "marks"])
def test_records_of_other_tasks_are_kept(trained, name, tmp_path):
    data, model = trained[name]
    for settings in ({"backend": "rate"}, {"presentation_time": 0.02}):
        timed = to_spiking(model) if "backend" not in settings else model
        found = told(timed, data, **settings)
        found.save(tmp_path / "found.json")
        again = Evaluation.load(tmp_path / "found.json")
        assert again.to_json() == found.to_json()
        again.answers = again.answers[1:]
        with pytest.raises(ValidationError, match="answers"):
            Evaluation.from_json(again.to_json())


@pytest.mark.parametrize("name", ["houses", "marks"])
def test_differences_are_paired(trained, name):
    data, model = trained[name]
    rates = told(model, data, backend="rate")
    spikes = told(to_spiking(model), data, presentation_time=0.05)
    found = difference(rates, spikes)
    errors = [100 * (1 - e.r2) if name == "houses" else e.error_percent
              for e in (rates, spikes)]  # fmt: skip
    np.testing.assert_allclose(found.points, errors[1] - errors[0], atol=1e-9)
    # narrower than that of independent ones would be
    low, high = found.interval_points
    if name == "houses":
        assert high - low < 100 * np.diff(rates.r2_interval).item()
    assert low <= found.points <= high
    assert difference(rates, rates).points == 0


def test_a_trained_model_is_kept_with_its_unit(trained, tmp_path):
    data, model = trained["houses"]
    model.save(tmp_path / "model.safetensors")
    loaded = softlif.load(tmp_path / "model.safetensors")
    answers = [told(m, data, backend="rate").answers for m in (model, loaded)]
    assert answers[0] == answers[1]
    assert "1 target" in repr(loaded)
    # prices are beyond the range of the numbers that weights may be rounded to
    model.save(tmp_path / "small.safetensors", dtype="float16")
    rounded = softlif.load(tmp_path / "small.safetensors")
    assert told(rounded, data, backend="rate").r2 == pytest.approx(
        told(model, data, backend="rate").r2, abs=0.01
    )


@pytest.mark.parametrize("make", [houses, marks])
def test_layers_train_as_nengo_dl_does(make):
    data, histories = make(), []
    for trainer in ("layers", "nengo-dl"):
        model = dense(data)
        for ensemble in model.ensembles:  # noise is drawn alike, but not summed alike
            ensemble.neuron_type = softlif.SoftLIFRate(amplitude=0.01)
        histories.append(fit(model, data, trainer=trainer, **SHORT))
    layers, nengo_dl = histories
    assert layers.keys() == nengo_dl.keys()
    assert ("rmse" in layers) == (make is houses)
    for name in layers:
        np.testing.assert_allclose(layers[name], nengo_dl[name], rtol=1e-3)


def test_the_history_tells_the_unit_of_values(trained):
    _, model = trained["houses"]
    history = model.history
    assert history.keys() == {"loss", "rmse", "validation_loss", "validation_rmse"}
    # the loss has the variance of the targets for its unit
    factor = np.sqrt(history["validation_loss"][-1]) * model.task.scale
    np.testing.assert_allclose(history["validation_rmse"][-1], factor, rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        ("mean-squared-error", lambda e: np.mean(e**2)),
        ("mean_absolute_error", lambda e: np.mean(np.abs(e))),
        (tf.keras.losses.LogCosh(), lambda e: np.mean(np.log(np.cosh(e)))),
    ],
)
def test_other_losses(loss, function):
    data, model = houses(), dense(houses())
    settings = {**SHORT, "optimizer": tf.keras.optimizers.SGD(0.0), "epochs": 1}
    del settings["learning_rate"]
    history = fit(model, data, loss=loss, **settings)
    # with a learning rate of zero the model is what was validated
    answers = np.array(told(model, data, backend="rate").answers)
    targets = data.y_test[softlif.evaluation.presentation_order(len(data.y_test))]
    errors = (answers[:, 0] - targets) / model.task.unit
    # on other examples, whose distribution is the same
    assert history["loss"][0] == pytest.approx(function(errors), rel=0.5)
    described = model.training["loss"]
    assert described == (loss if isinstance(loss, str) else described)
    assert "LogCosh" in str(described) or isinstance(loss, str)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (houses, {"loss": "cross-entropy"}, "'mean-squared-error' for regression"),
        (houses, {"loss": "binary_crossentropy"}, "for regression, or a loss of Keras"),
        (houses, {"loss": "quadratic"}, "one of Keras' losses .* got 'quadratic'"),
        (houses, {"loss": 3}, "expected a name such as 'mean-squared-error'"),
        (houses, {"loss": "membrane"}, "is for training in spikes"),
        (houses, {"label_smoothing": 0.1}, "is for 'cross-entropy'"),
        (houses, {"mixup": 0.2}, "mixup: is for classes, not regression"),
        (marks, {"loss": "hinge", "label_smoothing": 0.1}, "is for 'cross-entropy'"),
        (houses, {"trainer": "spikes"}, "'spikes' trains for classification, but"),
        (houses, {"presentation_time": 0.01, "loss": "huber"}, "expected one of cross"),
        (houses, {"presentation_time": 0.01}, "trains for classification, but"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(make, settings, message):
    data = make()
    with pytest.raises(ValidationError, match=message):
        fit(dense(data), data, **{**SHORT, **settings})


def test_losses_of_classes():
    digits = datasets.load("digits")
    with pytest.raises(ValidationError, match="'cross-entropy' for classification"):
        fit(not_of_layers(), digits, loss="mean-squared-error", **SHORT)


def test_models_and_data_of_different_tasks_are_refused(trained):
    data, model = trained["houses"]
    classes = datasets.Dataset(
        "classes",
        data.x_train,
        np.arange(len(data.x_train)) % 1,
        data.x_test,
        np.zeros(len(data.x_test)),
    )
    for call in (fit, told):
        with pytest.raises(ValidationError, match="is for classification, but the"):
            call(model, classes)
    several = marks()
    with pytest.raises(ValidationError, match="3 labels, but the model answers with 1"):
        fit(dense(houses()), several, **SHORT)
    with pytest.raises(ValidationError, match="confidence: is for classes"):
        told(to_spiking(model), data, confidence=0.9)
    with pytest.raises(ValidationError, match="rungs compare errors of classes"):
        softlif.explain(model, data)
    with pytest.raises(ValidationError, match="pages tell of classes"):
        told(model, data, backend="rate").report("page.html")


def test_training_goes_on_to_the_same_values(tmp_path):
    data, path = houses(200), tmp_path / "checkpoint"
    whole, stopped = dense(data), dense(data)
    fit(whole, data, **SHORT)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, data, checkpoint=path, callbacks=Interrupt(1), **SHORT)
    history = fit(stopped, data, checkpoint=path, **SHORT)
    assert history == whole.history
    found = [told(m, data, backend="rate").answers for m in (whole, stopped)]
    assert found[0] == found[1]
    # what is trained on has the same inputs, but other targets
    other = datasets.Dataset(
        "other", data.x_train, 2 * data.y_train, data.x_test, data.y_test, data.task
    )
    with pytest.raises(ValidationError, match="with other settings"):
        fit(dense(data), other, checkpoint=path, **SHORT)


def test_training_for_the_chip_takes_values():
    two = along_time(waves())  # the second layer is on the chip
    history = fit(two, waves(), target="loihi", **SHORT)
    assert history["rmse"][-1] < history["rmse"][0]
