"""Data of other tasks than classes, and small models for them."""

from nengo_softlif import AlphaNoise, Model, SoftLIFRate, Stack
from nengo_softlif.datasets import Dataset

import nengo
import numpy as np


def houses(n=500):
    """Prices of houses by eight values of very different units, as California's."""
    rng = np.random.RandomState(0)
    income, rooms = rng.lognormal(1.2, 0.45, n), rng.lognormal(1.65, 0.3, n)
    age, latitude = rng.uniform(1, 52, n), rng.uniform(32.5, 42, n)
    people, occupants = rng.lognormal(7, 0.5, n), rng.lognormal(1, 0.25, n)
    longitude = -114 - 0.8 * (latitude - 32) - rng.uniform(0, 4, n)
    bedrooms = rooms * rng.uniform(0.18, 0.25, n)
    coast = np.exp(-(((latitude - 34) / 1.5) ** 2))
    price = 0.4 * income + 0.01 * age - 0.3 * np.log(occupants) + 0.8 * coast
    price = 1e5 * (price + 0.1 * rng.randn(n))
    where = latitude, longitude
    x = np.stack([income, age, rooms, bedrooms, people, occupants, *where], axis=1)
    return Dataset.from_arrays(x, price, name="houses")


def waves(n=500, n_steps=16):
    """Signals of two channels, and sine and cosine of the phase of their wave."""
    rng = np.random.RandomState(0)
    phase, steps = rng.uniform(0, 2 * np.pi, n), np.arange(n_steps)
    angle = 2 * np.pi * steps / 8 + phase[:, np.newaxis]
    x = np.stack([np.sin(angle), np.cos(angle) * 5 + 2], axis=2)
    x += 0.05 * rng.randn(*x.shape)
    y = np.stack([[np.sin(phase)], [np.cos(phase)]]).transpose(2, 0, 1)  # (n, 2, 1)
    return Dataset.from_arrays(x, y, signals=True, name="waves")


def marks(n=500):
    """Which of three sums of the six values of a row are positive."""
    rng = np.random.RandomState(0)
    x = rng.randn(n, 6)
    return Dataset.from_arrays(x, x[:, :3] + x[:, 3:] > 0, name="marks")


def dense(data):
    """Two layers of neurons, and a readout that fits the data."""
    with nengo.Network(seed=0) as net:
        stack = Stack(data.image_shape, _neurons())
        stack.dense(40)
        stack.dense(40)
        output = stack.readout(data.n_classes)
    return Model(net, stack.input, output)


def along_time(data):
    """A convolution along time, a pool, and a layer of neurons."""
    with nengo.Network(seed=0) as net:
        stack = Stack(data.image_shape, _neurons(), signals=True)
        stack.convolution(6, kernel_size=5)
        stack.average_pool(2)
        stack.dense(32)
        output = stack.readout(data.n_classes)
    return Model(net, stack.input, output)


def _neurons():
    return SoftLIFRate(0.02, amplitude=0.01, noise=AlphaNoise(0.005))
