"""What benchmarks of training in spikes share: some of the data, and their reports."""

import json
from dataclasses import replace
from pathlib import Path

import nengo_softlif as softlif

import numpy as np

from . import machine

SINGLE = "predictions_over_time", "predictions", "labels"
"""Answers to single images, which are many."""


def take(name, n_train, n_test=None, seed=0):
    """Take some images of a data set, and all or some to test with."""
    data, rng = softlif.datasets.load(name), np.random.default_rng(seed)
    train = rng.permutation(len(data.x_train))[:n_train]
    some = replace(data, x_train=data.x_train[train], y_train=data.y_train[train])
    if n_test is None:
        return some
    test = rng.permutation(len(data.x_test))[:n_test]
    return replace(some, x_test=data.x_test[test], y_test=data.y_test[test])


def brief(result):
    """Return an evaluation as JSON holds it, without answers to single images."""
    record = json.loads(result.to_json())
    return {key: value for key, value in record.items() if key not in SINGLE}


def write(args, **parts):
    """Write settings, the machine and what was measured to the file ``args.json``."""
    if args.json is None:
        return
    settings = {k: v for k, v in vars(args).items() if not isinstance(v, Path)}
    report = {"settings": settings, "machine": machine.describe(), **parts}
    args.json.write_text(json.dumps(report, indent=1, default=str) + "\n")
