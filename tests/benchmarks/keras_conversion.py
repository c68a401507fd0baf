"""Keras models in spikes: `from_keras` beside NengoDL's Converter, on the same models.

``python -m tests.benchmarks.keras_conversion`` trains the small models of
``tests/sample_keras.py`` in tf_keras, which NengoDL takes, and shows the same test
images for the same time, with the same synapse, to what both make of them. NengoDL's
Converter gets scales of firing rates, of which its documentation says to try some; ours
gets one rate. What a converter refuses stands in the report by its error.
"""

import argparse
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_dl, quiet_simulator

import nengo
import numpy as np
import tf_keras
from tests import sample_keras

from . import reports

NEURONS = {"relu": nengo.SpikingRectifiedLinear(), "lif": nengo.LIF()}


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("models", nargs="*", default=list(sample_keras.MODELS))
    add("--epochs", type=int, default=8)
    add("--time", type=float, default=0.5, help="that images are shown, in s")
    add("--max-rate", type=float, default=200.0, help="of from_keras, in Hz")
    add("--scales", type=float, nargs="+", default=[1, 50, 200], help="of NengoDL")
    add("--n-examples", type=int, default=100)
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    rows = []
    for name in args.models:
        data = sample_keras.data_for(name)
        net = sample_keras.trained(name, tf_keras, args.epochs)
        x, y = (part[: args.n_examples] for part in (data.x_test, data.y_test))
        x = x.reshape(-1, *net.input_shape[1:])
        wrong = net.predict(x, verbose=0).argmax(axis=1) != y
        rows.append(tell(model=name, what="Keras", error_percent=100 * wrong.mean()))
        for kind in NEURONS:
            rows.append(tell(model=name, **ours(net, data, kind, args)))
            for scale in args.scales:
                row = nengo_dl_converter(net, x, y, kind, scale, args.time)
                rows.append(tell(model=name, **row))
    reports.write(args, rows=rows)


def tell(**row):
    """Print a row."""
    print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
    return row


def ours(net, data, kind, args):
    """Carry a model over, and measure it in spikes."""
    images = data.x_train.reshape(-1, *net.input_shape[1:])
    model = softlif.from_keras(net, kind, images=images, max_rate=args.max_rate)
    found = softlif.evaluate(
        softlif.to_spiking(model),
        softlif.datasets.Dataset(
            data.name,
            *(data.x_train, data.y_train),
            *(data.x_test[: args.n_examples], data.y_test[: args.n_examples]),
        ),
        presentation_time=args.time,
        progress_bar=False,
    )
    return {
        "what": f"from_keras, {kind}",
        "error_percent": found.error_percent,
        "mean_rate_hz": found.mean_rate_hz,
    }


def nengo_dl_converter(net, x, y, kind, scale, time):
    """Convert with NengoDL, and measure in NengoDL."""
    row = {"what": f"nengo_dl.Converter, {kind}, scale {scale:g}"}
    settings = {
        "inference_only": True,
        "swap_activations": {tf_keras.activations.relu: NEURONS[kind]},
        "scale_firing_rates": scale,
        "synapse": nengo.Alpha(0.005),
    }
    try:
        converter = nengo_dl.Converter(net, allow_fallback=False, **settings)
    except TypeError as error:
        row["refused"] = str(error).partition(".")[0]
        try:  # with TensorFlow's operations where it has no Nengo objects
            converter = nengo_dl.Converter(net, allow_fallback=True, **settings)
        except Exception as error:  # whatever: it is what the report tells
            return {**row, "fails": f"{type(error).__name__}: {error}"}
    n_steps, flat = round(time / 1e-3), x.reshape(len(x), 1, -1)
    (image,), (answer,) = converter.inputs.values(), converter.outputs.values()
    with quiet_simulator(
        converter.net, minibatch_size=len(x), progress_bar=False
    ) as sim:
        shown = np.tile(flat, (1, n_steps, 1))
        answers = sim.predict({image: shown})[answer][:, n_steps // 2 :]
        wrong = answers.mean(axis=1).argmax(axis=1) != y
    return {**row, "error_percent": 100 * float(np.mean(wrong))}


if __name__ == "__main__":
    main()
