"""What a model answered, example by example, and how wrong that was: by the task."""

import numpy as np

from ..tasks import Task
from .answers import (
    average,
    confidences,
    decide,
    readout_steps,
    stop,
    time_to_decide,
)
from .errors import explained, r2, rmse
from .presentation import presentation_order
from .results import wilson


class Answers:
    """Answers to a task: a subclass notes them, and says what an evaluation tells.

    Parameters
    ----------
    model, data, backend, presentation
        As for `.measure`.
    """

    def __init__(self, model, data, backend, presentation):
        self.presentation, self.timed = presentation, backend.timed
        n_steps = presentation.n_time_steps if self.timed else 1
        window = presentation.window if self.timed else 0
        self.steps, self.first = readout_steps(n_steps, presentation.dt, window)
        self.times = self.steps * presentation.dt
        n_examples, self.size = presentation.n_examples, model.output.size_in
        self.examples = presentation_order(len(data.x_test))[:n_examples]
        self.labels = data.y_test[self.examples]
        shape = data.y_train.shape[1:]
        self.task = Task(data.task, shape) if model.task is None else model.task
        self.n_done = 0

    def add(self, outputs):
        """Note the answers to the next examples."""
        new = slice(self.n_done, self.n_done + len(outputs))
        self._add(new, outputs)
        self.n_done = new.stop

    def record(self):
        """What an `.Evaluation` tells of them."""
        over_time = self._over_time()
        if self.timed:
            shown = self.presentation
            over_time |= {
                "presentation_time": float(shown.presentation_time),
                "dt": float(shown.dt),
                "window": float(shown.window),
                "reset": bool(shown.reset),
                "rows": None if shown.reset else shown.batch_size,
                "times": np.round(self.times, 9).tolist(),
                "confidence": shown.confidence,
            }
        else:
            names = "presentation_time dt window reset rows times confidence"
            over_time = dict.fromkeys([*over_time, *names.split()])
        return {"task": self.task.kind, **self._final(), **over_time}


class Classes(Answers):
    """The class of each example."""

    def __init__(self, model, data, backend, presentation):
        super().__init__(model, data, backend, presentation)
        n_examples = presentation.n_examples
        self.predictions = np.empty(
            (n_examples, len(self.steps)), np.min_scalar_type(self.size - 1)
        )
        self.stops = np.full(n_examples, len(self.steps) - 1)
        self.n_wrong = 0

    def _add(self, new, outputs):
        self.predictions[new] = decide(outputs, self.steps, self.first)
        if self.presentation.confidence is not None:
            sure = confidences(outputs, self.steps, self.first)
            self.stops[new] = stop(sure, self.presentation.confidence)
        wrong = self._answers(new) != self.labels[new]
        self.n_wrong += int(np.count_nonzero(wrong))

    def _answers(self, images):
        """Answers for good."""
        stops = self.stops[images, np.newaxis]
        return np.take_along_axis(self.predictions[images], stops, axis=1)[:, 0]

    def progress(self):
        """Error of the images so far, by its name."""
        return {"error": f"{100 * self.n_wrong / self.n_done:.2f} %"}

    def _final(self):
        answers = self._answers(slice(None))
        confusion = np.zeros((self.size, self.size), dtype=int)
        np.add.at(confusion, (self.labels, answers), 1)
        interval = wilson(self.n_wrong, self.n_done)
        return {
            "error_percent": 100 * self.n_wrong / self.n_done,
            "error_interval_percent": [100 * p for p in interval],
            "confusion": confusion.tolist(),
            "labels": self.labels.tolist(),
            "predictions": answers.tolist(),
        }

    def _over_time(self):
        errors = 100 * np.mean(self.predictions != self.labels[:, None], axis=0)
        mean_time = None
        if self.presentation.confidence is not None:
            mean_time = float(self.times[self.stops].mean())
        return {
            "time_to_decide": time_to_decide(self.times, errors),
            "error_over_time_percent": errors.tolist(),
            "predictions_over_time": self.predictions,
            "mean_time": mean_time,
        }


class Labels(Answers):
    """Which of several labels each example has: those with a positive mean output."""

    def __init__(self, model, data, backend, presentation):
        super().__init__(model, data, backend, presentation)
        n_examples = presentation.n_examples
        self.answers = np.empty((n_examples, self.size), np.uint8)
        self.wrong = np.empty((n_examples, len(self.steps)))

    def _add(self, new, outputs):
        given = average(outputs, self.steps, self.first) > 0
        wrong = given != self.labels[new][:, np.newaxis]
        self.wrong[new] = wrong.mean(axis=2)
        self.answers[new] = given[:, -1]

    def progress(self):
        """Part of the labels so far that is wrong, by its name."""
        return {"error": f"{100 * self.wrong[: self.n_done, -1].mean():.2f} %"}

    def _final(self):
        parts = self.wrong[:, -1]
        # parts of examples vary less than right and wrong would, so that it is no
        # narrower than it should be
        interval = wilson(parts.sum(), len(parts))
        return {
            "error_percent": float(100 * parts.mean()),
            "error_interval_percent": [100 * p for p in interval],
            "subset_error_percent": float(100 * np.mean(parts > 0)),
            **_kept(self.labels, self.answers),
        }

    def _over_time(self):
        errors = 100 * self.wrong.mean(axis=0)
        return {
            "time_to_decide": time_to_decide(self.times, errors),
            "error_over_time_percent": errors.tolist(),
        }


class Values(Answers):
    """Values of each example: the mean output, in the unit of the targets."""

    def __init__(self, model, data, backend, presentation):
        super().__init__(model, data, backend, presentation)
        targets = self.labels.reshape(len(self.labels), -1)
        self.targets = targets.astype(np.float64)
        self.answers = np.empty_like(self.targets)
        self.squares = np.zeros((len(self.steps), self.size))

    def _add(self, new, outputs):
        means = self.task.decode(average(outputs, self.steps, self.first))
        self.answers[new] = means[:, -1]
        means -= self.targets[new][:, np.newaxis]
        self.squares += np.square(means).sum(axis=0)

    def progress(self):
        """Root of the mean squared error so far, by its name."""
        return {"rmse": f"{np.sqrt(self.squares[-1].mean() / self.n_done):.4g}"}

    def _final(self):
        residuals = self.answers - self.targets
        found_rmse, found_r2 = rmse(residuals), r2(residuals, self.targets)
        return {
            "rmse": found_rmse[0],
            "rmse_interval": found_rmse[1],
            "r2": found_r2[0],
            "r2_interval": found_r2[1],
            **_kept(self.targets, self.answers),
        }

    def _over_time(self):
        squares = self.squares / self.n_done
        parts = explained(squares, self.targets).mean(axis=1)
        return {
            "time_to_decide": time_to_decide(self.times, 100 * (1 - parts)),
            "rmse_over_time": np.sqrt(squares.mean(axis=1)).tolist(),
            "r2_over_time": parts.tolist(),
        }


def _kept(targets, answers):
    kept = {"targets": targets, "answers": answers}
    return {name: values.astype(float).tolist() for name, values in kept.items()}


ANSWERS = {"classification": Classes, "multilabel": Labels, "regression": Values}
"""What notes the answers to each task."""
