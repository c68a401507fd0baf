"""Keras models in spikes: `from_keras` beside NengoDL's Converter, on the same models.

``python -m tests.benchmarks.keras_conversion`` trains the small models of
``tests/sample_keras.py`` in tf_keras, which NengoDL takes, and one of soft LIF neurons
on MNIST. All test images, with the same synapse, are shown to what `from_keras` makes
of them, in rates, in spikes, and on the emulated chip; some, for NengoDL is slow, to
what its Converter makes of them. That gets scales of firing rates, of which its
documentation says to try some; ours gets one rate. What a converter refuses stands in
the report by its error.
"""

import argparse
import dataclasses
import warnings
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.compat import nengo_dl, quiet_simulator

import nengo
import numpy as np
import tf_keras
from tests import sample_keras

from . import reports

NEURONS = {"relu": nengo.SpikingRectifiedLinear(), "lif": nengo.LIF()}
MNIST = "soft, MNIST"


def main():
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("models", nargs="*", default=[*sample_keras.MODELS, MNIST])
    add("--epochs", type=int, default=8, help="but 2 on MNIST")
    add("--time", type=float, default=0.5, help="that images are shown, in s")
    add("--soft-time", type=float, default=0.2, help="to soft LIF neurons, in s")
    add("--max-rate", type=float, default=200.0, help="of from_keras, in Hz")
    add("--scales", type=float, nargs="+", default=[1, 50, 200], help="of NengoDL")
    add("--n-mnist", type=int, default=2000, help="test images of MNIST")
    add("--n-emulator", type=int, default=500, help="images for the emulated chip")
    add("--n-nengo-dl", type=int, default=100, help="images for NengoDL")
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    rows = []
    for name in args.models:
        net, data = trained(name, args)
        soft = name.startswith("soft")
        time = args.soft_time if soft else args.time
        x = data.x_test.reshape(-1, *net.input_shape[1:])
        right = net.predict(x, verbose=0).argmax(axis=1) == data.y_test
        error = 100 * np.mean(~right)
        rows.append(tell(model=name, what="Keras", n=len(x), error_percent=error))
        for kind in ["lif"] if soft else NEURONS:
            for row in ours(net, data, kind, soft, time, args):
                rows.append(tell(model=name, **row))
        few = args.n_nengo_dl
        error = 100 * np.mean(~right[:few])
        rows.append(tell(model=name, what="Keras", n=few, error_percent=error))
        for kind in ["lif"] if soft else NEURONS:
            for scale in args.scales:
                row = nengo_dl_converter(
                    net, x[:few], data.y_test[:few], kind, scale, time
                )
                rows.append(tell(model=name, **row))
        reports.write(args, rows=rows)  # all so far, as others take long


def tell(**row):
    """Print a row."""
    print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
    return row


def trained(name, args):
    """Train a model in plain Keras; return it, and its data, of values from 0 to 1."""
    if name != MNIST:
        net = sample_keras.trained(name, tf_keras, args.epochs)
        return net, sample_keras.data_for(name)
    data = softlif.datasets.load("mnist")
    n = args.n_mnist
    parts = data.x_train, data.y_train, data.x_test[:n], data.y_test[:n]
    x_train, y_train, x_test, y_test = parts
    data = softlif.datasets.Dataset(
        "MNIST",
        *(np.float32(x_train) / 255, y_train),
        *(np.float32(x_test) / 255, y_test),
    )
    tf_keras.utils.set_random_seed(1)
    net = sample_keras.soft(tf_keras, data.image_shape)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(tf_keras.optimizers.Adam(1e-3), loss)
    net.fit(data.x_train, data.y_train, epochs=2, batch_size=64, verbose=2)
    return net, data


def ours(net, data, kind, soft, time, args):
    """Carry a model over, and measure it in rates, in spikes, and on the chip."""
    images = data.x_train.reshape(-1, *net.input_shape[1:])
    model = softlif.from_keras(net, kind, images=images, max_rate=args.max_rate)
    neurons = "soft" if soft else kind
    what = {"what": f"from_keras, {neurons}", "time": time}
    changed = difference(net, model, data)
    rates = evaluate(model, data, backend="rate")
    yield {"what": f"from_keras, {neurons}, rates", "difference": changed, **rates}
    spiking = softlif.to_spiking(model)
    yield {**what, **evaluate(spiking, data, presentation_time=time)}
    some = dataclasses.replace(
        data,
        x_test=data.x_test[: args.n_emulator],
        y_test=data.y_test[: args.n_emulator],
    )
    if len(some.x_test) < len(data.x_test):
        yield {**what, **evaluate(spiking, some, presentation_time=time)}
    what["what"] += ", emulator"
    yield {**what, **evaluate(softlif.to_loihi(spiking), some, presentation_time=time)}


def difference(net, model, data):
    """Largest difference of rates' answers from Keras', in parts of the largest."""
    x = data.x_test[:100]
    expected = net.predict(x.reshape(-1, *net.input_shape[1:]), verbose=0)
    with softlif.Simulator(
        model.network, minibatch_size=len(x), dtype="float64", progress_bar=False
    ) as sim:
        sim.run_steps(1, {model.input: model.preprocessing.test(x)[:, None]})
        answers = sim.data[model.output][:, -1]
    if net.layers[-1].get_config().get("activation") == "softmax":
        powers = np.exp(answers - answers.max(axis=1, keepdims=True))
        answers = powers / powers.sum(axis=1, keepdims=True)
    return float(np.max(np.abs(answers - expected)) / max(1, np.max(np.abs(expected))))


def evaluate(model, data, **settings):
    """Return error, its interval and the mean rate."""
    with warnings.catch_warnings():  # of rates that are high for the chip
        warnings.simplefilter("ignore", nengo.exceptions.NengoWarning)
        found = softlif.evaluate(model, data, progress_bar=False, **settings)
    return {
        "n": found.n_examples,
        "error_percent": found.error_percent,
        "error_interval_percent": found.error_interval_percent,
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
    except TypeError as error:  # a layer that has no Nengo objects
        row["refused"] = str(error).partition(".")[0]
        try:  # with TensorFlow's operations where it has no Nengo objects
            converter = nengo_dl.Converter(net, allow_fallback=True, **settings)
        except Exception as error:  # whatever: it is what the report tells
            return {**row, "fails": f"{type(error).__name__}: {error}"}
    except Exception as error:
        return {**row, "fails": f"{type(error).__name__}: {error}"}
    n_steps, flat = round(time / 1e-3), x.reshape(len(x), 1, -1)
    (image,), (answer,) = converter.inputs.values(), converter.outputs.values()
    with quiet_simulator(
        converter.net, minibatch_size=len(x), progress_bar=False
    ) as sim:
        shown = np.tile(flat, (1, n_steps, 1))
        answers = sim.predict({image: shown})[answer][:, n_steps // 2 :]
        wrong = answers.mean(axis=1).argmax(axis=1) != y
    row |= {"time": time, "n": len(x)}
    return {**row, "error_percent": 100 * float(np.mean(wrong))}


if __name__ == "__main__":
    main()
