"""Trainings that several test files start, stop and compare."""

import os
import signal

from nengo_softlif import AlphaNoise, Model, SoftLIFRate, Stack
from nengo_softlif.training.arguments import Settings
from nengo_softlif.training.as_layers import AsLayers

import nengo
import numpy as np
import tensorflow as tf

SETTINGS = {"epochs": 3, "batch_size": 64, "progress_bar": False}
STOPPED = {**SETTINGS, "batch_norm": False, "validation_split": 0.1}
"""Of a training that is stopped, and goes on."""


class Interrupt(tf.keras.callbacks.Callback):
    """Press Ctrl-C, or pull the plug, in the middle of an epoch."""

    def __init__(self, epoch, plug=False):
        super().__init__()
        self.epoch, self.plug = epoch, plug

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch == self.epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now and batch == 2:
            if self.plug:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt


def not_of_layers():
    """A model that trains through NengoDL, for its sparse connection."""
    with nengo.Network(seed=0) as net:
        stack = Stack((8, 8, 1), SoftLIFRate(0.02, amplitude=0.05, noise=AlphaNoise()))
        hidden = stack.dense(40)
        output = stack.readout(10)
        each = np.stack([np.arange(40) % 10, np.arange(40)], axis=1)
        transform = nengo.Sparse((10, 40), indices=each, init=np.zeros(40))
        nengo.Connection(hidden.neurons, output.obj, transform=transform, synapse=None)
    return Model(net, stack.input, output)


def dense(trainer=AsLayers, **settings):
    """A way to train a network of one layer of neurons, without noise."""
    with nengo.Network(seed=0) as net:
        stack = Stack((2, 3, 1), SoftLIFRate(0.1, amplitude=0.05))
        stack.dense(5)
        output = stack.readout(3, std=1.0)
    way = trainer(net, stack.input, output, Settings(batch_size=8, **settings))
    way.compile(tf.keras.optimizers.SGD(0.5))
    return way
