"""Tables of what was measured, from the files of benchmarks."""

import json
from statistics import median

from .showing import table


def write(results, folder):
    """Write a table for each file, or how to make the file where there is none.

    Parameters
    ----------
    results : Path
        Where benchmarks have put their JSON files.
    folder : Path
        Where pages include tables from.
    """
    for name, (tell, command) in TABLES.items():
        path = results / f"{name}.json"
        if path.exists():
            lines = tell(json.loads(path.read_text()))
            made = f"Made by ``{command}``, in ``docs/results/{path.name}``."
        else:
            lines = []
            made = f"Not measured yet: ``{command} --json docs/results/{path.name}``."
        (folder / f"{name}.inc").write_text("\n".join([*lines, "", made, ""]))


def _table(head, rows):
    return table(head, rows).splitlines()


def _error(record):
    low, high = record["error_interval_percent"]
    return f"{record['error_percent']:.2f} ({low:.2f}-{high:.2f})"


def _spikes(record):
    synops = record["synops_per_image"]["direct"]
    return f"{record['spikes_per_image']:,.0f}", f"{synops:,.0f}"


def _ms(seconds):
    return f"{1000 * float(seconds):g} ms"


def _lenet(report):
    head = "shown for", "error, %", "mean rate, Hz", "spikes", "synops"
    rows = [
        (
            _ms(record["presentation_time"]),
            _error(record),
            f"{record['mean_rate_hz']:.1f}",
            *_spikes(record),
        )
        for record in report["results"]
    ]
    used = report["settings"]
    said = (
        f"{used['epochs']} epochs at {_ms(used['time'])}, loss {used['loss']}, seed "
        f"{used['seed']}, in {report['training_hours']:.1f} hours."
    )
    return [*_table(head, rows), "", said]


def _tuned(report):
    times = sorted({time for row in report["rows"] for time in row["errors_percent"]})
    times.sort(key=float)
    shown = _ms(report["settings"]["time"])
    head = "", *map(_ms, times), f"shown for {shown}", "spikes", "synops", "hours"
    rows = []
    for row in report["rows"]:
        errors = (row["errors_percent"].get(time) for time in times)
        cells = ["" if error is None else f"{error:.2f}" for error in errors]
        hours = row.get("processor_hours")
        hours = "" if hours is None else f"{hours:.1f}"
        short = row["short"]
        rows.append([row["name"], *cells, _error(short), *_spikes(short), hours])
    used = report["settings"]
    epochs = ", ".join(
        f"{len(row['history']['loss'])} of {row['name']}"
        for row in report["rows"]
        if "history" in row
    )
    said = (
        f"Synapse {used['synapse']}. Epochs at {shown}: {epochs}; learning rate "
        f"{used['learning_rate']:g}, seed {used['seed']}. Hours are of the processor."
    )
    return [*_table(head, rows), "", said]


def _sparse(report):
    head = "", "layer", "rate, Hz", "spikes", "synops"
    rows = []
    for record in report["rows"]:
        shown = record["presentation_time"]
        name = f"{record['name']}: {_error(record)} % after {_ms(shown)}"
        for layer, rate in record["rates_hz"].items():
            spikes = rate * shown * record["neurons"][layer]
            counts = f"{spikes:,.0f}", f"{record['layer_synops'][layer]:,.0f}"
            rows.append((name, layer, f"{rate:.1f}", *counts))
            name = ""
        rows.append(("", "all", f"{record['mean_rate_hz']:.1f}", *_spikes(record)))
    return _table(head, rows)


def _moving(report):
    head = "to tell", *(f"{way}, %" for way in report["ways"])
    rows = [
        (row["label"], *(_error(row[way]) for way in report["ways"]))
        for row in report["rows"]
    ]
    used = report["settings"]
    said = (
        f"{used['train']:,} examples to train with, {used['test']:,} to test; "
        f"{used['steps']} steps, {used['epochs']} epochs, seed {used['seed']}."
    )
    return [*_table(head, rows), "", said]


def _costs(report):
    head = "varied", "", "s a step", "us an image and step", "peak MB", "firing, %"
    rows = []
    for row in report["rows"]:
        rates = " ".join(f"{100 * rate:.1f}" for rate in row["rates"])
        cost = f"{row['seconds']:.3f}", f"{row['microseconds']:.0f}"
        peak = f"{row['peak_mb']:,.0f}"
        rows.append((row["varied"], row[row["varied"]], *cost, peak, rates))
    return _table(head, rows)


def _deep(report):
    head = "", "neurons", "loss, epoch by epoch", "images/s", "MB", "hours of all"
    rows = [
        (
            row["network"],
            f"{row['neurons']:,}",
            " ".join(f"{loss:.3f}" for loss in row["loss"]),
            f"{row['images_per_second']:.2f}",
            f"{row['peak_mb']:,.0f}",
            f"{row['hours_of_all']:,.0f}",
        )
        for row in report["rows"]
    ]
    return _table(head, rows)


def _leak(report):
    head = "left after a step", "with, %", "without, %", "difference, points"
    rows = []
    for found in report["rows"]:
        if "without_minus_with_percent" in found:
            errors = [
                " ".join(
                    f"{row['error_percent']:.2f}"
                    for row in report["rows"]
                    if row["leak"] == found["leak"] and row.get("corrects") is corrects
                )
                for corrects in (True, False)
            ]
            difference = found["without_minus_with_percent"]
            error = found["standard_error_percent"]
            cell = f"{difference:+.2f} (standard error {error:.2f})"
            rows.append((f"{found['leak']:g}", *errors, cell))
    return _table(head, rows)


def _speed(report):
    head = "task", "", "seconds", "ours is faster by", "peak MB"
    rows = []
    for task in report["tasks"]:
        sizes = [f"{task[key]} {word}" for key, word in _SIZES.items() if key in task]
        name = f"{task['task']}, {', '.join(sizes)}"
        for row in task["rows"]:
            ratio = row.get("ours_to_it")
            faster = "" if ratio is None else f"{median(ratio):.2f}"
            seconds = f"{median(row['seconds']):.3f}"
            rows.append((name, row["name"], seconds, faster, f"{row['peak_mb']:.0f}"))
    return _table(head, rows)


def _keras(report):
    head = "", "Keras, %", "answers of rates differ by", "in spikes, %", "rate, Hz"
    rows = []
    for start in report["rows"]:
        key = "from_keras, "
        if not start["what"].startswith(key) or not start["what"].endswith(", rates"):
            continue
        what = start["what"].removesuffix(", rates")
        found = [row for row in report["rows"] if row["model"] == start["model"]]
        neurons = what.removeprefix(key)
        spikes, *few = (row for row in found if row["what"] == what)
        chip = next(row for row in found if row["what"] == f"{what}, emulator")
        on_chip = f"{chip['error_percent']:.2f}"
        if few:
            on_chip += f" (in spikes {few[0]['error_percent']:.2f})"
        rows.append(
            (
                f"{start['model']}, {neurons}, {_ms(spikes['time'])}",
                f"{found[0]['error_percent']:.2f}",
                f"{start['difference']:.1g}",
                _error(spikes),
                f"{spikes['mean_rate_hz']:.0f}",
                on_chip,
                _converted(found, "lif" if neurons == "soft" else neurons),
            )
        )
    used = report["settings"]
    said = (
        f"Keras' models after {used['epochs']} epochs, on MNIST 2. Answers of rates "
        "differ by parts of the largest, where they are greater than one. Errors on "
        f"{used['n_mnist']:,} test images of MNIST, and all of the others; on the "
        f"chip, of the first {used['n_emulator']}; of NengoDL's Converter, which takes "
        f"long, of the first {used['n_nengo_dl']}, with scales of firing rates of "
        f"{' and '.join(f'{scale:g}' for scale in used['scales'])}."
    )
    head += "on the emulated chip, %", "NengoDL's Converter, %"
    return [*_table(head, rows), "", said]


def _converted(found, neurons):
    """What NengoDL makes of a model, beside Keras on the same images."""
    rows = [
        row
        for row in found
        if row["what"].startswith(f"nengo_dl.Converter, {neurons}, ")
    ]
    if any("fails" in row for row in rows):
        return rows[0]["fails"].split(": ", 1)[1]
    errors = ", ".join(f"{row['error_percent']:.0f}" for row in rows)
    same = [row for row in found if row["what"] == "Keras"][-1]
    text = f"{errors} (Keras {same['error_percent']:.0f})"
    if any("activation" in row.get("refused", "") for row in rows):
        return f"{text}, not in spikes: its neurons remain TensorFlow's"
    return text


_SIZES = {"n": "neurons", "steps": "steps", "batch": "examples"}
_RUN = "python -m tests.benchmarks"
TABLES = {
    "keras-conversion": (_keras, f"{_RUN}.keras_conversion"),
    "spikes-lenet": (_lenet, f"{_RUN}.spiking_lenet --model lenet.safetensors"),
    "spikes-tuned-mnist": (
        _tuned,
        f"{_RUN}.fine_tuning mnist.safetensors --data mnist",
    ),
    "spikes-tuned-cifar10": (
        _tuned,
        f"{_RUN}.fine_tuning cifar10.safetensors --data cifar10",
    ),
    "spikes-sparse": (_sparse, f"{_RUN}.sparse_events lenet.safetensors"),
    "spikes-moving": (_moving, f"{_RUN}.moving_digits"),
    "spikes-costs": (_costs, f"{_RUN}.spiking_costs"),
    "spikes-leak": (_leak, f"{_RUN}.leak_correction"),
    "spikes-deep": (_deep, f"{_RUN}.spiking_deep"),
    "spikes-speed": (_speed, f"{_RUN}.spiking_training --neurons 512"),
    "spikes-speed-large": (
        _speed,
        f"{_RUN}.spiking_training --tasks onm --neurons 16384",
    ),
}
"""From names of files to what makes a table of them, and what writes them."""
