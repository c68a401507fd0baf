"""Evaluation and Difference: what was found, with intervals."""

from dataclasses import dataclass

import numpy as np
from nengo.exceptions import ValidationError

from ..files import Record
from ..registry import REPORTS
from ..tables import PrintedTable, Tabular
from .answers import RECORD_EVERY, Z
from .consistency import Chip, Synops, check_parts
from .errors import half_interval
from .summary import headline, summarise

OF_CLASSES = (
    *("error_percent", "error_interval_percent", "error_over_time_percent"),
    *("confusion", "labels", "predictions", "predictions_over_time"),
)
"""Fields of classes, which are None for other tasks; labels have errors, too."""


@dataclass(eq=False, repr=False)
class Evaluation(Record, Tabular):
    """What `evaluate` measured. Print it, or save it as JSON.

    Fields that need time are None for the backend "rate", and those of other tasks,
    from ``rmse`` on, for classes.

    Parameters
    ----------
    dataset : str
        Name of the data set.
    network : str
        Function of `nengo_softlif.networks` that made the network, or its label.
    backend : str
        What simulated it.
    synapse : str
        Synapses behind neurons, ``"none"`` if there are none.
    n_examples : int
        Number of test images.
    error_percent : float
        Images classified wrongly at the end of their presentation, in percent. Of
        several labels, those of them that are wrong.
    error_interval_percent : list of float
        Its 95 % interval (`wilson`).
    presentation_time : float
        How long each image was shown, in seconds.
    time_to_decide : float
        First time in seconds after which the error stays within 0.5 points of
        its final value; of values, that is what part of their variance is not
        explained.
    dt : float
        Time step in seconds.
    rates_hz : dict of str to float
        Mean rate of each layer over its neurons, images and time.
    mean_rate_hz : float
        Mean rate of all neurons.
    spikes_per_image : float
        Number of spikes of all neurons.
    synops_per_image : dict of str to float
        Number of synaptic operations: ``paper`` counts the synapses of the
        network, pooling free (`.n_synapses`); of models for a chip, whose pooling
        is folded, those of the folded weights. ``direct`` counts the neurons
        and readout values that each spike reaches (`.fan_out`). None for
        networks they cannot read.
    seconds : float
        What the evaluation took, without compiling anything.
    seed : int
        Seed it was given.
    versions : dict of str to str
        Versions of Python and of packages.
    commit : str or None
        Git commit of this package, ending in ``-dirty`` if files had changed;
        None if it is not run from a checkout.
    data_sha256 : str
        Checksum of the data set.
    command : str or None
        Command line, if it came from there.
    window : float
        Start of the readout window in seconds.
    reset : bool
        Whether each image started from the initial state.
    batch_size : int
        Number of images simulated side by side.
    times : list of float
        Times in seconds at which the error was recorded.
    error_over_time_percent : list of float
        Error at these times.
    confusion : list of list of int
        Number of images by true class (row) and answer (column).
    labels, predictions : list of int
        True class and final answer for each image, in the order in which they
        were shown (`.presentation_order`).
    predictions_over_time : (n_examples, n_times) ndarray of int
        Answers at ``times``.
    chip : dict or None
        Of models on Loihi: the ``target`` that simulated the chip, the number of
        ``cores`` and ``chips``, for each layer its ``blocks`` and what they take of
        a core, and what a core has (``limits``).
    highest_rates_hz : dict of str to float, or None
        Rate of each layer that all but a thousandth of its neurons and images stay
        at or below, while an image is shown: the 99.9th percentile. None for backends
        that do not tell neurons apart ("nengo-dl", "nengo", "rate").
    rows : int or None
        In how many rows images were shown back to back: each takes every ``rows``-th
        image. None if each image started from the initial state (``reset``).
    layer_synops : dict of str to float, or None
        The ``direct`` synops of an image, by the layer whose spikes they are of.
    confidence : float or None
        Enough for an image to be answered for good. ``predictions`` and the error are
        then those of these answers. None if all were shown to the end.
    mean_time : float or None
        When that was, in seconds, on average over the images.
    task : {"classification", "multilabel", "regression"}
        What was told of the images.
    subset_error_percent : float or None
        Images of which at least one of several labels is wrong.
    rmse, r2 : float or None
        Of values, the root of the mean squared error in their unit, and the part of
        their variance that is explained, the mean over values.
    rmse_interval, r2_interval : list of float, or None
        Their 95 % intervals, by the mean of what examples contribute.
    rmse_over_time, r2_over_time : list of float, or None
        Both at ``times``.
    targets, answers : list of list of float, or None
        What was wanted, and what was answered at the end, for each image, in the order
        in which they were shown, flattened.
    spike_histograms : dict of str to list of int, or None
        For each layer, how many of its neurons fired 0, 1, 2... times while an image
        was shown, all images together. None as for ``highest_rates_hz``.
    silent_neurons : dict of str to int, or None
        How many neurons of each layer fired for none of the images.
    """

    _called = "an evaluation"

    dataset: str
    network: str
    backend: str
    synapse: str
    n_examples: int
    error_percent: float | None
    error_interval_percent: list[float] | None
    presentation_time: float | None
    time_to_decide: float | None
    dt: float | None
    rates_hz: dict[str, float]
    mean_rate_hz: float
    spikes_per_image: float | None
    synops_per_image: Synops
    seconds: float
    seed: int
    versions: dict[str, str]
    commit: str | None
    data_sha256: str
    command: str | None
    window: float | None
    reset: bool | None
    batch_size: int
    times: list[float] | None
    error_over_time_percent: list[float] | None
    confusion: list[list[int]] | None
    labels: list[int] | None
    predictions: list[int] | None
    predictions_over_time: np.ndarray | None
    chip: Chip | None = None
    highest_rates_hz: dict[str, float] | None = None
    rows: int | None = None
    layer_synops: dict[str, float] | None = None
    confidence: float | None = None
    mean_time: float | None = None
    task: str = "classification"
    subset_error_percent: float | None = None
    rmse: float | None = None
    r2: float | None = None
    rmse_interval: list[float] | None = None
    r2_interval: list[float] | None = None
    rmse_over_time: list[float] | None = None
    r2_over_time: list[float] | None = None
    targets: list[list[float]] | None = None
    answers: list[list[float]] | None = None
    spike_histograms: dict[str, list[int]] | None = None
    silent_neurons: dict[str, int] | None = None

    def __repr__(self):
        """Say what was measured, and the error."""
        return (
            f"<Evaluation of {self.network} on {self.n_examples} images of "
            f"{self.dataset} with {self.backend}: {headline(self)}>"
        )

    def table(self):
        """Put the main numbers into a `.tables.PrintedTable`."""
        return summarise(self)

    def report(self, path, model=None, data=None, **more):
        """Write a page of HTML that shows what was measured.

        Parameters
        ----------
        path : str or Path
            The file.
        model : Model, optional
            What was evaluated.
        data : Dataset, optional
            Whose images were shown.
        **more
            Other records, and settings: see `nengo_softlif.report.write`.
        """
        if self.task != "classification":
            raise ValidationError(
                f"pages tell of classes, but this is of {self.task}; print it, or save "
                "it as JSON",
                attr="evaluation",
            )
        REPORTS["html"](self, path, model, data, **more)

    def _check(self):
        check_parts(self)


def wilson(n_wrong, n):
    """95 % interval of a proportion, after Wilson 1927.

    Parameters
    ----------
    n_wrong : int
        Number of cases.
    n : int
        Out of how many.

    Returns
    -------
    low, high : float
        Between zero and one.
    """
    p = n_wrong / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


@dataclass(frozen=True)
class Difference(Tabular):
    """How much the error of one evaluation exceeds that of another.

    Parameters
    ----------
    points : float
        Difference of the errors, in percentage points; of values, of the part of their
        variance that is not explained.
    interval_points : (float, float)
        Its 95 % interval.
    n_examples : int
        Number of images both classified.
    """

    points: float
    interval_points: tuple[float, float]
    n_examples: int

    def __str__(self):
        """Number and interval."""
        return f"{self.points:+.2f} points (95 % interval {self._interval()})"

    def brief(self):
        """Return number and interval, without the words."""
        return f"{self.points:+.2f} ({self._interval()})"

    def table(self):
        """Put it into a `.tables.PrintedTable` of one row."""
        row = f"{self.points:+.2f}", self._interval(), self.n_examples
        head = "points", "95 % interval", "images"
        return PrintedTable(head, [row], "Difference of errors")

    def _interval(self):
        low, high = self.interval_points
        return f"{low:+.2f} to {high:+.2f}"


def difference(a, b, time=None):
    r"""Difference of two errors on the same images, ``b - a``.

    Only images on which exactly one of the two is wrong count, so that the
    interval is much narrower than those of the errors themselves.

    Parameters
    ----------
    a, b : Evaluation
        Of the same images.
    time : float, optional
        Compare the answers at this time, in seconds, instead of the final ones.
        Evaluations without time have one answer only.

    Returns
    -------
    Difference
        With the adjusted Wald interval for paired proportions [1]_; of labels and
        values with that of the mean of the differences.

    Raises
    ------
    ValidationError
        If these are no evaluations, the images are not the same, or the time was not
        recorded.

    References
    ----------
    .. [1] D. G. Bonett and R. M. Price, "Adjusted Wald Confidence Interval for a
       Difference of Binomial Proportions Based on Paired Data", Journal of
       Educational and Behavioral Statistics 37(4), 2012.
    """
    for attr, evaluation in (("a", a), ("b", b)):
        if not isinstance(evaluation, Evaluation):
            raise ValidationError(
                "expected an Evaluation, as evaluate returns or Evaluation.load, got "
                f"{evaluation!r}",
                attr=attr,
            )
    for attr in ("data_sha256", "n_examples"):
        values = getattr(a, attr), getattr(b, attr)
        if values[0] != values[1]:
            raise ValidationError(
                f"expected evaluations of the same images, got {values[0]} and "
                f"{values[1]}; evaluate both models on the same data",
                attr=attr,
            )
    if a.task != b.task:
        raise ValidationError(
            f"expected evaluations of the same task, got {a.task} and {b.task}",
            attr="b",
        )
    if a.task != "classification":
        return _mean_difference(a, b, time)
    return paired(*(_answers(e, time) != np.array(e.labels) for e in (a, b)))


def _mean_difference(a, b, time):
    """Difference of the errors of labels or values, of final answers."""
    if time is not None:
        raise ValidationError(
            f"answers of {a.task} are kept for the end only; leave it out", attr="time"
        )
    targets = np.array(a.targets)
    errors = [np.square(np.array(e.answers) - targets) for e in (a, b)]
    if a.task == "regression":
        variance = targets.var(axis=0)
        errors = [e / np.where(variance > 0, variance, 1) for e in errors]
    worse = 100 * (errors[1] - errors[0]).mean(axis=1)
    mean, half = float(worse.mean()), half_interval(worse)
    return Difference(mean, (mean - half, mean + half), len(worse))


def paired(wrong_a, wrong_b):
    """Difference of two errors on the same images, of which each is wrong on some.

    Parameters
    ----------
    wrong_a, wrong_b : (n_examples,) ndarray of bool
        Whether images are classified wrongly.

    Returns
    -------
    Difference
        ``b - a``, as `difference` has it.
    """
    n = len(wrong_a)
    only_a = np.count_nonzero(wrong_a & ~wrong_b)
    only_b = np.count_nonzero(wrong_b & ~wrong_a)
    p_a, p_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    centre = p_b - p_a
    half = Z * np.sqrt((p_a + p_b - centre**2) / (n + 2))
    return Difference(
        100 * (only_b - only_a) / n,
        (100 * max(-1.0, float(centre - half)), 100 * min(1.0, float(centre + half))),
        n,
    )


def _answers(evaluation, time):
    if time is None or evaluation.times is None:
        return np.array(evaluation.predictions)
    column = np.flatnonzero(np.isclose(evaluation.times, time, rtol=0, atol=1e-6))
    if len(column) != 1:
        raise ValidationError(
            f"expected one of the recorded times, {evaluation.times[0]:g} to "
            f"{evaluation.times[-1]:g} s every {RECORD_EVERY:g} s, got {time!r}",
            attr="time",
        )
    return evaluation.predictions_over_time[:, column[0]]
