"""The rows of a printed evaluation."""

from ..tables import PrintedTable, in_ms
from .answers import TOLERANCE_PERCENT


def summarise(evaluation):
    """Put the main numbers of an evaluation into a table: with units, and words."""
    rows = [*_errors(evaluation), (), *_firing(evaluation)]
    if evaluation.chip is not None:
        cores, chips = evaluation.chip["cores"], evaluation.chip["chips"]
        by = evaluation.chip["target"]
        where = f"on {chips} chip{'s' * (chips > 1)}, run by {by}"
        rows += [(), ("cores", str(cores), where)]
    return PrintedTable(
        (),
        rows,
        f"{evaluation.network} on {evaluation.n_examples:,} test images of "
        f"{evaluation.dataset}, backend {evaluation.backend}",
        align="lrl",
        below=(f"took {evaluation.seconds:.1f} s",),
    )


def headline(evaluation):
    """Say in short how wrong a model was."""
    if evaluation.task == "regression":
        return f"RMSE {evaluation.rmse:.4g}, R2 {evaluation.r2:.3f}"
    return f"error {evaluation.error_percent:.2f} %"


def _errors(evaluation):
    if evaluation.task == "regression":
        found = _errors_of_values(evaluation)
    else:
        low, high = evaluation.error_interval_percent
        interval = f"95 % interval {low:.2f} to {high:.2f} %"
        found = [("error", f"{evaluation.error_percent:.2f} %", interval)]
    if evaluation.subset_error_percent is not None:
        found[0] = (*found[0][:2], f"of labels, {interval}")
        wrong = f"{evaluation.subset_error_percent:.2f} %"
        found.append(("  of images", wrong, "with at least one wrong label"))
    if evaluation.times is None:
        return found
    for time, error in _course(evaluation):
        found.append((f"  after {in_ms(time)}", error, ""))
    shown, decided = evaluation.presentation_time, evaluation.time_to_decide
    error = "R2" if evaluation.task == "regression" else "error"
    near = f"then within {TOLERANCE_PERCENT:g} points of the final {error}"
    found.append(("presentation time", in_ms(shown), _settings(evaluation)))
    found.append(("time to decide", in_ms(decided), near))
    if evaluation.mean_time is not None:
        sure = f"mean, each image at a confidence of {evaluation.confidence:g}"
        found.append(("time to answer", f"{1000 * evaluation.mean_time:.1f} ms", sure))
    return found


def _firing(evaluation):
    mean = f"{evaluation.mean_rate_hz:.2f} Hz"
    found = [("firing rate", mean, "mean of all neurons")]
    highest = evaluation.highest_rates_hz or {}
    for name, rate in evaluation.rates_hz.items():
        most = f"99.9 % at most {highest[name]:.0f} Hz" if name in highest else ""
        found.append((f"  {name}", f"{rate:.2f} Hz", most))
    if evaluation.spikes_per_image is not None:
        found.append(("spikes", f"{evaluation.spikes_per_image:,.0f}", "per image"))
    for name, meaning in _COUNTS.items():
        count = evaluation.synops_per_image[name]
        if count is not None:
            meaning = f"per image: {meaning}"
            found.append((f"synops, {name}", f"{count:,.0f}", meaning))
    return found


def _course(evaluation):
    """Times and errors at a quarter, half and three quarters of the way."""
    n = len(evaluation.times)
    chosen = sorted({round(n * part) - 1 for part in (0.25, 0.5, 0.75)} - {-1, n - 1})
    if evaluation.task == "regression":
        told = [f"{value:.4g}" for value in evaluation.rmse_over_time]
    else:
        told = [f"{error:.2f} %" for error in evaluation.error_over_time_percent]
    return [(evaluation.times[i], told[i]) for i in chosen]


def _errors_of_values(evaluation):
    low, high = evaluation.r2_interval
    explained = f"95 % interval {low:.3f} to {high:.3f}, of variance"
    found = [("R2", f"{evaluation.r2:.3f}", explained)]
    low, high = evaluation.rmse_interval
    interval = f"95 % interval {low:.4g} to {high:.4g}"
    return [*found, ("RMSE", f"{evaluation.rmse:.4g}", interval)]


def _settings(evaluation):
    settings = f"steps of {in_ms(evaluation.dt)}, synapse {evaluation.synapse}"
    if evaluation.window:
        settings += f", answers from {in_ms(evaluation.window)}"
    if evaluation.reset:
        return settings
    n_rows = evaluation.rows
    if n_rows is None:  # a record that does not tell
        return settings + ", no reset"
    return f"{settings}, no reset, {n_rows} row{'s' * (n_rows > 1)} of images"


_COUNTS = {
    "paper": "weights, as the papers count",
    "direct": "neurons that spikes reach",
}
