"""How well Lee et al.'s LeNet learns MNIST in spikes.

``python -m tests.benchmarks.spiking_lenet --model lenet.safetensors`` trains it from
scratch, with a checkpoint beside the model so that it may be cut into pieces, and
evaluates it on all test images for several presentation times. The images that are
trained on are moved by up to two pixels, which the authors do not do; they train for
125 epochs instead.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.networks import lenet

from . import reports


def main():
    """Train, evaluate, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--model", type=Path, required=True, help="where the trained model goes")
    add("--epochs", type=int, default=25)
    add("--time", type=float, default=0.03, help="of an example in training, in s")
    add("--learning-rate", type=float, default=1e-3)
    add("--dropout", type=float, default=0.0)
    add("--shift", type=int, default=2)
    add("--encoding", default="poisson")
    add("--loss", default="membrane")
    add("--seed", type=int, default=0)
    add("--times", type=float, nargs="+", default=[0.02, 0.03, 0.05])
    add("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    data = softlif.datasets.load("mnist")
    model = lenet(encoding=args.encoding, dropout=args.dropout, seed=args.seed)
    model.preprocessing = replace(model.preprocessing, shift=args.shift)
    clock = args.model.with_suffix(".seconds")
    start = time.time() - (float(clock.read_text()) if clock.exists() else 0)
    softlif.fit(
        model,
        data,
        epochs=args.epochs,
        batch_size=64,
        learning_rate=args.learning_rate,
        presentation_time=args.time,
        loss=args.loss,
        seed=args.seed,
        checkpoint=args.model.with_suffix(".checkpoint"),
        callbacks=[_keep_time(clock, start)],
    )
    model.save(args.model)
    results = []
    for presentation_time in args.times:
        result = softlif.evaluate(model, data, presentation_time=presentation_time)
        print(result)
        results.append(reports.brief(result))
    reports.write(
        args,
        training_hours=float(clock.read_text()) / 3600,
        history=model.history,
        results=results,
    )


def _keep_time(path, start):
    """Note how long training has taken so far, over all pieces."""
    import tensorflow as tf

    return tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: path.write_text(f"{time.time() - start:.0f}\n")
    )


if __name__ == "__main__":
    main()
