"""Parts of random networks for the engine: each function draws one."""

import nengo_softlif as softlif

import nengo
import numpy as np


def process(draw, size):
    seed = None if draw.chance(0.4) else int(draw.randint(100))
    return draw.pick(
        nengo.processes.WhiteNoise(nengo.dists.Gaussian(0, 1), scale=False, seed=seed),
        nengo.processes.FilteredNoise(nengo.Alpha(0.01), seed=seed),
        nengo.processes.BrownNoise(nengo.dists.Gaussian(0, 5), seed=seed),
        nengo.processes.WhiteSignal(0.5, 20, rms=1, seed=seed),
        nengo.processes.PresentInput(draw.randn(3, size), 0.0071),
    )


def neuron_type(draw, stochastic):
    rates = [
        nengo.LIFRate(tau_rc=draw.uniform(0.01, 0.03)),
        nengo.RectifiedLinear(),
        softlif.SoftLIFRate(sigma=draw.uniform(0.01, 0.2)),
    ]
    spiking = [
        nengo.LIF(),
        nengo.LIF(
            tau_rc=draw.uniform(0.003, 0.05),
            tau_ref=draw.uniform(0, 0.005),
            min_voltage=-draw.rand(),
            amplitude=draw.uniform(0.2, 2),
            initial_state={"voltage": nengo.dists.Uniform(-1, 1)},
        ),
        nengo.LIF(tau_ref=draw.pick(0, 0.001, 0.002)),
        nengo.AdaptiveLIF(tau_n=0.05, inc_n=draw.uniform(0.01, 0.2)),
        nengo.SpikingRectifiedLinear(amplitude=draw.uniform(0.1, 2)),
        nengo.RegularSpiking(draw.pick(*rates), amplitude=draw.uniform(0.1, 2)),
        nengo.Izhikevich(reset_recovery=draw.uniform(4, 10)),
        softlif.IntegrateAndFire(
            draw.pick(np.inf, draw.uniform(0.01, 0.1)), amplitude=draw.uniform(0.2, 2)
        ),
    ]
    others = [
        *rates,
        nengo.Sigmoid(),
        nengo.Tanh(),
        nengo.AdaptiveLIFRate(inc_n=draw.uniform(0.01, 0.2)),
    ]
    if stochastic:
        kinds = [nengo.StochasticSpiking, nengo.PoissonSpiking]
        around = draw.pick(*kinds)(draw.pick(*rates))
        bernoulli = softlif.BernoulliSpiking(draw.uniform(0.2, 2))
        spiking = [draw.pick(around, around, bernoulli), *spiking[:2]]
    return draw.pick(*draw.pick(spiking, spiking, others))


def sliced(draw, obj):
    n = obj.size_out
    step = int(draw.pick(-3, -2, -1, -1, 1, 2))
    start, stop = sorted(draw.randint(0, n + 1, 2))
    picks = [slice(None, None, step), slice(None, None, -1)]
    if stop > start:
        picks.append(slice(start, stop))
        picks.append(draw.permutation(n)[start:stop].tolist())
    return obj[draw.pick(*picks)]


def repeated(draw, obj):
    """Pick as many values, but some of them several times."""
    whole = getattr(obj, "obj", obj)
    if isinstance(whole, nengo.Ensemble) or draw.chance(0.8):
        return obj
    n = obj.size_out or obj.size_in
    return whole[draw.randint(whole.size_out, size=n).tolist()]


def synapse(draw):
    tau = draw.uniform(0.002, 0.02)
    linear = nengo.LinearFilter
    method = draw.pick("zoh", "bilinear", "euler", "backward_diff")
    common = [None, nengo.Lowpass(tau), nengo.Lowpass(0.005), nengo.Alpha(tau)]
    return draw.pick(
        *common,
        *common,
        nengo.Lowpass(0),
        nengo.Lowpass(1e-4),
        linear([1], [tau**3, 3 * tau**2, 3 * tau, 1]),
        linear([tau / 2, 1], [tau**2, 1.3 * tau, 1], method=method),
        linear([tau / 3, 1], [tau, 1], method=method),  # passes some on at once
        linear([0.3], [1, -0.7], analog=False),
        linear([0.2, 0.1], [1, -0.7], analog=False),
        linear([0.1, 0.05, 0.1], [1, -0.9, 0.2], analog=False),
    )


def dense(draw, n, size, n_out=None):
    n_out = n_out or int(draw.pick(3, 8, 12, 16, 24, 36))
    return draw.randn(n_out, n) / np.sqrt(n) / size * 2, n_out


def one_by_one(draw, n, size):
    scale = draw.uniform(0.5, 1.5, n) if draw.chance(0.5) else 1.3
    return scale / size, n


def sparse(draw, n, size):
    n_out = int(draw.pick(5, 12, 24))
    places = np.argwhere(draw.rand(n_out, n) < 0.3)
    if not len(places):
        return dense(draw, n, size)
    init = draw.randn(len(places)) / size
    return nengo.Sparse((n_out, n), indices=places, init=init), n_out


def image(draw, n):
    """Rows, columns and channels of an image of n values."""
    shapes = [
        (rows, columns, n // rows // columns)
        for rows in range(1, n + 1)
        for columns in range(1, n // rows + 1)
        if n % (rows * columns) == 0
    ]
    large = [shape for shape in shapes if min(shape[:2]) > 1]
    return draw.pick(*large or shapes)


def window(draw, shape):
    return tuple(int(draw.randint(1, min(n, 3) + 1)) for n in shape[:2])


def convolution(draw, n, size):
    rows, columns, channels = image(draw, n)
    last, groups = draw.chance(0.5), 1
    if channels % 2 == 0 and draw.chance(0.3):
        groups = 2
    n_filters = int(draw.pick(2, 4))
    spatial = (rows, columns)
    if draw.chance(0.2):
        spatial = (rows * columns,)
    kernel = window(draw, (*spatial, 9))[: len(spatial)]
    init = draw.randn(*kernel, channels // groups, n_filters) / size
    transform = nengo.Convolution(
        n_filters,
        (*spatial, channels) if last else (channels, *spatial),
        kernel_size=kernel,
        strides=window(draw, (2, 2))[: len(spatial)],
        padding=draw.pick("same", "valid"),
        channels_last=last,
        groups=groups,
        init=init,
    )
    return transform, transform.size_out


def pool(draw, n, _):
    shape = image(draw, n)
    padding = draw.pick("same", "valid", "ceil")
    size = window(draw, shape)
    pool = softlif.AveragePool(shape, size, window(draw, size), padding)
    return pool, pool.size_out


def local(draw, n, size):
    shape = image(draw, n)
    local = softlif.LocallyConnected(
        int(draw.pick(1, 3)),
        shape,
        window(draw, shape),
        window(draw, (2, 2)),
        draw.pick("same", "valid"),
        nengo.dists.Gaussian(0, 1 / size),
    )
    return local, local.size_out


class Wave:
    """A function of time."""

    def __init__(self, phases):
        self.phases = phases

    def __call__(self, t):
        return np.sin(50 * t + self.phases)
