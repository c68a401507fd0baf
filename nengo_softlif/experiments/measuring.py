"""What experiments with trained models share: files with checksums, and evaluation."""

import base64
import hashlib
import math
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError

from .. import datasets, named, networks
from ..checks import count_steps
from ..datasets import check_data
from ..evaluation import ENGINE, Presentation, decide, measure, wilson
from ..loading import locate
from ..spiking import to_spiking
from ..tables import in_ms


def identify(model, data):
    """Tell a model file and a data set apart from all others, as parts of pieces.

    Parameters
    ----------
    model : str
        Path of a file that `Model.save` wrote, of rate neurons.
    data : str
        Name of a data set, or its file.

    Returns
    -------
    dict
        ``model`` and ``data``, and the checksums of both.

    Raises
    ------
    ValidationError
        If they do not fit together.
    """
    found, images = networks.load(model), datasets.load(data)
    check_data(images, found)
    if found.spikes:
        raise ValidationError(
            f"expected a model of rate neurons, which is rebuilt in spikes, but "
            f"{model!r} holds spiking ones",
            attr="model",
        )
    return {
        "model": model,
        "model_sha256": _sha256(model),
        "data": data,
        "data_sha256": images.sha256,
    }


def load(piece):
    """Load the model and the data of a piece, if they are still those.

    Workers on other machines may have other files under these names.
    """
    if not Path(locate(piece["model"])).is_file():
        raise ValidationError(
            f"expected the file {piece['model']!r} on this worker, too; put it into a "
            "folder that all workers see",
            attr="model",
        )
    if _sha256(piece["model"]) != piece["model_sha256"]:
        raise _changed("model", piece)
    return networks.load(piece["model"]), load_data(piece)


def load_data(piece):
    """Load the data of a piece, if they are still those."""
    data = datasets.load(piece["data"])
    if data.sha256 != piece["data_sha256"]:
        raise _changed("data", piece)
    return data


def _changed(what, piece):
    return ValidationError(
        f"{piece[what]!r} is not what it was when the work began, or another one on "
        "this worker; give all workers the same files, and run the experiment again",
        attr=what,
    )


def evaluate_in_spikes(
    model, data, synapse, shown, progress_bar=False, seen=None, n_examples=None, seed=0
):
    """Rebuild a model in spikes, and measure it.

    Parameters
    ----------
    model, data
        As `load` returned them.
    synapse : str
        In words, as the command line takes it.
    shown : (float, float, float)
        Seconds that each image is shown, of a step, and where the window starts.
    progress_bar : bool
        Show one.
    seen : callable, optional
        Is given the outputs of each batch.
    n_examples : int, optional
        Test images; all by default.
    seed : int
        Of the simulation.

    Returns
    -------
    Evaluation
        The record.
    """
    presentation_time, dt, window = shown
    spiking = to_spiking(model, read_synapse(synapse))
    presentation = Presentation(
        presentation_time, dt, window, n_examples=n_examples, seed=seed
    )
    title = synapse if progress_bar else None
    return measure(spiking, data, ENGINE, presentation, title, seen=seen)[0]


def evaluate_readout(model, data, piece, progress_bar=False):
    """Rebuild a model in spikes, and measure it with one of the papers' readouts.

    Parameters
    ----------
    model, data
        As `load` returned them.
    piece : dict
        With ``readout`` (`read_readout`), ``dt``, ``n_examples`` and ``seed``.
    progress_bar : bool
        Show one.

    Returns
    -------
    dict
        Fields of an `Evaluation` that are numbers, the errors among them those of the
        mean output from start to end of the readout; and ``wrong``, see `pack`.
    """
    synapse, start, end = read_readout(piece["readout"])
    dt, n_steps = piece["dt"], count_steps(end, piece["dt"])
    first = max(1, math.ceil(start / dt - 1e-6))  # as `readout_steps` has it
    answers = []

    def note(outputs):
        answers.append(decide(outputs, np.array([n_steps]), np.array([first]))[:, 0])

    options = {"n_examples": piece["n_examples"], "seed": piece["seed"]}
    found = evaluate_in_spikes(
        model, data, synapse, (end, dt, 0.0), progress_bar, note, **options
    )
    wrong = np.concatenate(answers) != np.array(found.labels)
    return {**numbers(found), **errors(wrong)}


def numbers(evaluation):
    """Fields of an `Evaluation` that do not depend on the readout."""
    return {
        name: getattr(evaluation, name)
        for name in (
            *("network", "dataset", "n_examples", "presentation_time", "rates_hz"),
            *("mean_rate_hz", "spikes_per_image", "synops_per_image"),
        )
    }


def errors(wrong):
    """Error in percent, its 95 % interval, and which images are wrong (`pack`)."""
    interval = wilson(int(np.count_nonzero(wrong)), len(wrong))
    return {
        "error_percent": float(100 * np.mean(wrong)),
        "error_interval_percent": [100 * p for p in interval],
        "wrong": pack(wrong),
    }


def pack(flags):
    """Write which images are wrong as text, a bit for each."""
    return base64.b64encode(np.packbits(flags)).decode()


def unpack(text, n):
    """Undo `pack` for ``n`` images."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=n) > 0


def check_readouts(readouts, dt):
    """Refuse readouts that do not end with a step."""
    for readout in readouts:
        count_steps(read_readout(readout)[2], dt)


def read_readout(text):
    """Read ``5:100:200``: a synapse in words, start and end of the mean in seconds.

    The papers write (tau_s, t_c, t_p) in ms; a time constant of zero is no synapse.
    """
    tau, start, end = (float(part) / 1000 for part in text.split(":"))
    return f"alpha:{tau:g}" if tau > 0 else "none", start, end


def read_synapse(text):
    """Make a synapse of a text; None leaves each connection what it has."""
    return named.read(text, named.SYNAPSES, "synapse")


def name_synapse(text):
    """Write a synapse for tables: ``alpha 5 ms``."""
    synapse = read_synapse(text)
    if synapse is None:
        return "none"
    return f"{text.partition(':')[0]} {in_ms(synapse.tau)}"


def _sha256(path):
    return hashlib.sha256(Path(locate(path)).read_bytes()).hexdigest()
