"""`nengo_softlif` neurons in NengoDL: rates, gradients and noise."""

import json
import os
import subprocess
import sys

from nengo_softlif import (
    AlphaNoise,
    AlphaRCNoise,
    AveragePool,
    Dropout,
    GaussianNoise,
    LowpassNoise,
    SoftLIFRate,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.tensors.curves import soft_lif
from nengo_softlif.tensors.neuron_builders import noise_counters

import nengo
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

NEURONS = [
    SoftLIFRate(),
    SoftLIFRate(0.02, 0.05, 0.001, 0.063),
    SoftLIFRate(sigma=1e-4),
    SoftLIFRate(sigma=1.0),
    SoftLIFRate(sigma=1e-4, tau_rc=0.005, tau_ref=0, amplitude=2.5),
]


def curve(neuron, J):
    """The soft LIF equations as they stand, for moderate currents."""
    z = neuron.sigma * np.logaddexp(0, (J - 1) / neuron.sigma)
    return neuron.amplitude / (neuron.tau_ref + neuron.tau_rc * np.log1p(1 / z))


def sampled(
    neuron_types,
    J=2.0,
    seeds=None,
    sim_seed=0,
    n_steps=1,
    minibatch_size=2,
    sizes=None,
    n_predictions=1,
    unroll=1,
    **settings,
):
    """Outputs (minibatch, steps, neurons) of parallel ensembles, as in training."""
    settings = {"learning_phase": True, "stateful": False, **settings}
    J = np.asarray(J, dtype=float)
    sizes = [J.size] * len(neuron_types) if sizes is None else sizes
    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(**settings)
        probes = []
        for i, (neuron_type, n) in enumerate(zip(neuron_types, sizes, strict=True)):
            ensemble = nengo.Ensemble(
                n,
                1,
                neuron_type=neuron_type,
                gain=np.ones(n),
                bias=np.broadcast_to(J, n),
                seed=100 + i if seeds is None else seeds[i],
            )
            probes.append(nengo.Probe(ensemble.neurons))
    with nengo_dl.Simulator(
        net,
        seed=sim_seed,
        minibatch_size=minibatch_size,
        unroll_simulation=unroll,
        progress_bar=False,
    ) as sim:
        outs = [sim.predict(n_steps=n_steps, verbose=0) for _ in range(n_predictions)]
    outs = [[out[probe] for probe in probes] for out in outs]
    return outs[0] if n_predictions == 1 else outs


# -- the first wish: import, and train -------------------------------------------------

PLAIN_USE = """
import json
import warnings

import nengo, nengo_softlif, nengo_dl
import numpy as np
import tensorflow as tf
from nengo_softlif import GaussianNoise, SoftLIFRate


class Mine(SoftLIFRate):
    pass


rng = np.random.RandomState(0)
x, y = rng.normal(size=(64, 1, 5)), rng.normal(size=(64, 1, 2))
with nengo.Network(seed=0) as net:
    image = nengo.Node(np.zeros(5))
    paths = []
    for cls in (SoftLIFRate, Mine):
        neuron_type = cls(amplitude=0.05, noise=GaussianNoise(10))
        ensemble = nengo.Ensemble(40, 1, neuron_type=neuron_type)
        answer = nengo.Node(size_in=2)
        first = nengo.Connection(
            image, ensemble.neurons, transform=rng.normal(size=(40, 5)) / 5,
            synapse=None,
        )
        nengo.Connection(
            ensemble.neurons, answer, transform=rng.normal(size=(2, 40)) / 40,
            synapse=None,
        )
        paths.append((ensemble, first, nengo.Probe(answer, label=cls.__name__)))
    rates = [nengo.Probe(ensemble.neurons) for ensemble, _, _ in paths]

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with nengo_dl.Simulator(net, minibatch_size=16, progress_bar=False) as sim:
        before = [sim.data[first].weights for _, first, _ in paths]
        probes = [probe for _, _, probe in paths]
        sim.compile(tf.optimizers.Adam(0.01), loss={p: "mse" for p in probes})
        history = sim.fit(
            {image: x}, {p: y for p in probes}, epochs=5, verbose=0
        ).history
        out, again = (sim.predict({image: x}, verbose=0) for _ in range(2))

        for (ensemble, first, probe), rate, old in zip(paths, rates, before):
            weights = sim.data[first].weights
            built = sim.data[ensemble]
            J = x @ weights.T * built.gain + built.bias
            clean = np.empty_like(J)
            ensemble.neuron_type.step(0.001, J, clean)
            print(json.dumps({
                "warnings": [str(w.message) for w in caught],
                "losses": history[probe.label + "_loss"],
                "changed": np.mean(weights != old),
                "repeats": bool(np.all(out[rate] == again[rate])),
                "error": float(np.max(np.abs(out[rate] - clean))),
            }))
"""


def test_plain_nengo_dl_trains_them_and_subclasses():
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_USE],
        env={k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reports = [json.loads(ln) for ln in done.stdout.splitlines() if ln.startswith("{")]
    assert len(reports) == 2
    for report in reports:
        assert not [w for w in report["warnings"] if "falling back" in w]
        assert report["changed"] > 0.9
        assert report["losses"][-1] < 0.9 * report["losses"][0]
        assert report["repeats"]
        assert report["error"] < 1e-4


# -- rates -----------------------------------------------------------------------------


def convolved(image, kernel):
    """Convolution with padding "same", kernel (3, 3, in, out)."""
    padded = np.pad(image, [(1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.einsum("yxcij,ijcf->yxf", windows, kernel)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 2e-5)])
def test_nengo_nengo_dl_and_numpy_agree(dtype, rtol, rng):
    """On a convolutional network with pooling, and different parameters and noise."""
    image = rng.normal(size=(6, 6, 2))
    kernel, channel = rng.normal(size=(3, 3, 2, 4)) / 3, rng.normal(size=4)
    dense = rng.normal(size=(7, 36)) / 6
    first = SoftLIFRate(0.02, 0.05, 0.001, 0.063, GaussianNoise(10))
    second = SoftLIFRate(0.3, 0.02, 0.002, 1.0, Dropout(0.5, AlphaNoise()))

    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(dtype=dtype, stateful=False)
        pixels, ones = nengo.Node(image.ravel()), nengo.Node(np.ones(36))
        a = nengo.Ensemble(
            144, 1, neuron_type=first, gain=np.full(144, 0.825), bias=np.ones(144)
        )
        b = nengo.Ensemble(7, 1, neuron_type=second, gain=np.ones(7), bias=np.ones(7))
        pooled = nengo.Node(size_in=36)
        for pre, post, transform in [
            (pixels, a.neurons, nengo.Convolution(4, (6, 6, 2), init=kernel,
                                                  padding="same")),
            (ones, a.neurons, nengo.Convolution(4, (6, 6, 1), kernel_size=(1, 1),
                                                init=channel.reshape(1, 1, 1, 4))),
            (a.neurons, pooled, AveragePool((6, 6, 4), 2)),
            (pooled, b.neurons, nengo.Dense((7, 36), init=dense)),
        ]:  # fmt: skip
            nengo.Connection(pre, post, transform=transform, synapse=None)
        probes = [nengo.Probe(a.neurons), nengo.Probe(b.neurons)]

    rates_a = curve(first, 0.825 * (convolved(image, kernel) + channel) + 1)
    averages = rates_a.reshape(3, 2, 3, 2, 4).mean(axis=(1, 3))
    expected = [rates_a.ravel(), curve(second, dense @ averages.ravel() + 1)]
    assert np.ptp(expected[1]) > 1

    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.step()
    with nengo_dl.Simulator(net, minibatch_size=3, progress_bar=False) as dl_sim:
        out = dl_sim.predict(n_steps=2, verbose=0)
    for probe, rates in zip(probes, expected, strict=True):
        np.testing.assert_allclose(sim.data[probe][0], rates, rtol=1e-10)
        assert out[probe].dtype == dtype
        np.testing.assert_allclose(
            out[probe], np.broadcast_to(rates, (3, 2, rates.size)), rtol=rtol
        )


@pytest.mark.parametrize("neuron", NEURONS, ids=repr)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-4)])
def test_rates_and_gradients_of_the_curve(neuron, dtype, rtol):
    """For all currents, deep below threshold and far above; and finite."""
    around = 1 + neuron.sigma * np.linspace(-100, 100, 4001)
    far = np.geomspace(1e-3, 1e30, 200)
    J = np.concatenate([around, far, -far]).astype(dtype)
    parameters = [
        tf.constant(p, dtype) for p in (neuron.sigma, neuron.tau_rc, neuron.tau_ref)
    ]
    upstream = np.linspace(-2, 3, J.size).astype(dtype)
    with tf.GradientTape() as tape:
        x = tf.constant(J)
        tape.watch(x)
        rates = soft_lif(x, *parameters)
    gradient = tape.gradient(rates, x, output_gradients=tf.constant(upstream))

    assert rates.dtype == gradient.dtype == dtype
    assert np.all(np.isfinite(rates))
    assert np.all(rates.numpy() > 0)
    assert np.all(np.isfinite(gradient))
    expected = neuron.rates(J, [1], [0])[:, 0] / neuron.amplitude
    slope = neuron.derivative(J, [1], [0])[:, 0] / neuron.amplitude
    tiny = np.finfo(dtype).tiny  # TensorFlow knows no subnormal numbers
    np.testing.assert_allclose(rates, expected, rtol=rtol, atol=tiny)
    scale = np.abs(upstream) * slope
    assert np.all(np.abs(gradient - upstream * slope) <= rtol * scale + 1e3 * tiny)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_equal_finite_differences(dtype):
    """Of the rates in float64, which are known from elsewhere to be right."""
    J = np.concatenate([np.linspace(0.5, 1.5, 201), [-1e4, -10, -1, 5, 100, 1e4]])
    J = J.astype(dtype)
    with tf.GradientTape() as tape:
        x = tf.constant(J)
        tape.watch(x)
        rates = soft_lif(x, *(tf.constant(p, dtype) for p in (0.02, 0.02, 0.002)))
    gradient = tape.gradient(rates, x).numpy()
    h = 1e-6 * np.maximum(1, np.abs(J.astype(float)))
    rise = [SoftLIFRate().rates(J + s * h, [1], [0])[:, 0] for s in (-1, 1)]
    np.testing.assert_allclose(gradient, (rise[1] - rise[0]) / (2 * h), rtol=1e-4)


def test_gradients_at_the_largest_numbers_are_finite():
    J = np.float32([-3e38, -1e38, 1e38, 3e38])
    with tf.GradientTape() as tape:
        x = tf.constant(J)
        tape.watch(x)
        rates = soft_lif(x, *(tf.constant(p, tf.float32) for p in (0.02, 0.02, 0.002)))
    assert np.all(np.isfinite(rates))
    assert np.all(np.isfinite(tape.gradient(rates, x)))


# -- noise -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_has_the_distribution_of_the_reference(dtype, rng):
    """All models at once, merged by NengoDL with other parameters and without noise."""
    tau_rc = 0.025
    noises = [
        GaussianNoise(),
        None,
        GaussianNoise(np.float64(30)),
        LowpassNoise(),
        AlphaNoise(np.float64(0.003)),
        AlphaRCNoise(),
        AlphaRCNoise(tau_rc),
        AlphaRCNoise(tau_rc * (1 + 1e-6)),
        AlphaRCNoise(tau_rc * (1 - 1e-3)),
        Dropout(0.25),
        Dropout(0.5, LowpassNoise()),
    ]
    neuron_types = [
        SoftLIFRate(0.02 * (1 + i), tau_rc, 0.001 * i, amplitude=0.1 + i, noise=noise)
        for i, noise in enumerate(noises)
    ]
    neuron_types.append(SoftLIFRate(noise=AlphaRCNoise(0.02)))
    J = np.linspace(0.8, 5, 3000)
    outs = sampled(neuron_types, J, dtype=dtype)
    for neuron, out in zip(neuron_types, outs, strict=True):
        assert out.dtype == dtype
        assert np.all(np.isfinite(out))
        clean = curve(neuron, J)
        noise = neuron.noise
        if noise is None:
            np.testing.assert_allclose(out[0, 0], clean, rtol=1e-4)
            continue
        expected = neuron.amplitude * noise.apply(
            *np.broadcast_arrays(clean / neuron.amplitude, np.tile(J, (10, 1))),
            neuron.tau_rc,
            rng,
        )
        # relative to the clean rate, so that currents weigh alike; rounded, as
        # those that are not noisy differ in the last digits of float32
        actual, expected = np.round(out / clean, 3), np.round(expected / clean, 3)
        assert stats.ks_2samp(actual.ravel(), expected.ravel()).pvalue > 1e-3, neuron
        error = actual.std() / np.sqrt(actual.size)
        assert abs(actual.mean() - expected.mean()) < 4 * error
        if not isinstance(noise, Dropout):
            np.testing.assert_allclose(
                out[:, 0, J <= 1], clean[J <= 1] * np.ones((2, 1)), rtol=1e-4
            )


@pytest.fixture(scope="module")
def runs():
    """Noise of simulators with seeds 0, 0 and 1: (minibatch, steps, neurons)."""
    noisy = SoftLIFRate(noise=GaussianNoise())
    return [
        sampled([noisy], np.full(400, 3.0), sim_seed=s, n_steps=4, minibatch_size=3)[0]
        for s in (0, 0, 1)
    ]


def test_noise_is_reproducible_from_the_seed(runs):
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.any(runs[0] == runs[2])


def test_noise_differs_between_neurons_examples_and_steps(runs):
    streams = np.concatenate([run.reshape(-1, 400) for run in runs[1:]])
    correlation = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(correlation).max() < 0.25  # 5 standard deviations
    across = np.corrcoef(streams[:, :-1].ravel(), streams[:, 1:].ravel())[0, 1]
    assert abs(across) < 0.05
    assert len(np.unique(streams)) > 0.99 * streams.size
    for stream in streams:
        assert stream.std() == pytest.approx(10, rel=0.2)


def test_noise_is_the_same_in_a_loop_and_unrolled(runs):
    noisy = SoftLIFRate(noise=GaussianNoise())
    unrolled = sampled(
        [noisy],
        np.full(400, 3.0),
        n_steps=4,
        minibatch_size=3,
        unroll=4,
        use_loop=False,
    )[0]
    np.testing.assert_allclose(unrolled, runs[0], rtol=1e-5)


def test_noise_of_an_ensemble_does_not_depend_on_others():
    """It knows the seeds, and the step; not how NengoDL orders and merges."""

    class Mine(SoftLIFRate):
        pass

    noisy = SoftLIFRate(noise=AlphaNoise())
    alone = sampled([noisy], np.full(50, 3.0), seeds=[7], n_steps=3)[0]
    others = [SoftLIFRate(noise=GaussianNoise()), Mine(noise=GaussianNoise())]
    for planner in ("tree_planner", "noop_planner"):
        with_others = sampled(
            [*others, noisy, SoftLIFRate(0.1), noisy],
            3.0,
            sizes=[20, 60, 50, 50, 30],
            seeds=[5, 6, 7, 8, 9],
            n_steps=3,
            planner=getattr(nengo_dl.graph_optimizer, planner),
        )
        np.testing.assert_allclose(with_others[2], alone, rtol=1e-5)
        assert not np.any(with_others[4] == alone[..., :30])


@pytest.mark.parametrize("seed", [0, 3])
def test_ensembles_with_the_same_seed_have_noise_of_their_own(seed):
    noisy = SoftLIFRate(noise=GaussianNoise())
    outs = sampled([noisy] * 3, np.full(500, 3.0), seeds=[seed] * 3)
    correlation = np.corrcoef([out.ravel() for out in outs]) - np.eye(3)
    assert np.abs(correlation).max() < 0.15


def test_counters_set_which_noise_comes_next():
    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(learning_phase=True, stateful=False)
        neuron_type = SoftLIFRate(noise=Dropout(0.5, GaussianNoise()))
        ensemble = nengo.Ensemble(
            30, 1, neuron_type=neuron_type, gain=np.ones(30), bias=np.full(30, 3.0)
        )
        probe = nengo.Probe(ensemble.neurons)
    with nengo_dl.Simulator(net, minibatch_size=2, progress_bar=False) as sim:
        (counter,) = noise_counters(sim)
        start = counter.numpy()
        first, second = (sim.predict(n_steps=3, verbose=0)[probe] for _ in range(2))
        assert counter.numpy() == start + 6
        counter.assign(start)
        again = sim.predict(n_steps=6, verbose=0)[probe]
    np.testing.assert_array_equal(again, np.concatenate([first, second], axis=1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "settings", [{"learning_phase": None}, {"inference_only": True}], ids=repr
)
def test_inference_is_free_of_noise(settings):
    if "inference_only" in settings:
        settings = {"learning_phase": None, **settings}
    J = np.linspace(0, 4, 50)
    neuron = SoftLIFRate(0.1, amplitude=0.5, noise=Dropout(0.5, GaussianNoise(100)))
    (out,) = sampled([neuron], J, n_steps=2, **settings)
    expected = np.broadcast_to(curve(neuron, J), out.shape)
    np.testing.assert_allclose(out, expected, rtol=1e-4)


def test_gradients_carry_the_mask_of_dropout_and_no_other_noise():
    """One step of plain gradient descent on the sum of all rates."""
    neuron_types = [
        SoftLIFRate(0.1, amplitude=2),
        SoftLIFRate(0.1, noise=GaussianNoise(50)),  # often clipped
        SoftLIFRate(0.1, 0.03, noise=AlphaRCNoise(0.03)),
        SoftLIFRate(0.1, noise=Dropout(0.25)),
        SoftLIFRate(0.2, amplitude=0.5, noise=Dropout(0.5, GaussianNoise())),
    ]
    n = 40
    w = np.linspace(-0.5, 2, n)
    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(learning_phase=True, dtype="float64")
        one = nengo.Node([1])
        connections, probes = [], []
        for neuron_type in neuron_types:
            ensemble = nengo.Ensemble(
                n, 1, neuron_type=neuron_type, gain=np.ones(n), bias=np.ones(n)
            )
            connections.append(
                nengo.Connection(
                    one, ensemble.neurons, transform=w[:, None], synapse=None
                )
            )
            probes.append(nengo.Probe(ensemble.neurons))
    with nengo_dl.Simulator(net, progress_bar=False) as sim:
        (counter,) = noise_counters(sim)
        out = sim.predict(n_steps=1, verbose=0)
        counter.assign(0)
        sim.compile(
            tf.optimizers.SGD(1.0),
            loss=lambda target, rates: tf.reduce_sum(rates, axis=-1),
        )
        target = {probe: np.zeros((1, 1, n)) for probe in probes}
        sim.fit({one: np.ones((1, 1, 1))}, target, verbose=0)
        changes = [sim.data[c].weights[:, 0] - w for c in connections]

    for neuron, change, probe in zip(neuron_types, changes, probes, strict=True):
        expected = -neuron.derivative(w + 1, [1], [0])[:, 0]
        if isinstance(neuron.noise, Dropout):
            mask = out[probe][0, 0] != 0
            assert 0 < mask.sum() < n
            expected = expected * mask / (1 - neuron.noise.rate)
        np.testing.assert_allclose(change, expected, rtol=1e-8, atol=1e-12)


def test_subclasses_with_a_curve_of_their_own_run_in_python():
    """Slowly, but with their curve."""

    class Other(SoftLIFRate):
        def step(self, dt, J, output):
            output[...] = 7 * J

    class Same(SoftLIFRate):
        pass

    J = np.linspace(0, 3, 10)
    with pytest.warns(UserWarning, match="Other'> does not have .*; falling back"):
        outs = sampled([Other(0.1), Same(0.1), SoftLIFRate(0.1)], J)
    np.testing.assert_allclose(outs[0][0, 0], 7 * J, rtol=1e-5)
    np.testing.assert_allclose(outs[1][0, 0], curve(SoftLIFRate(0.1), J), rtol=1e-4)
    np.testing.assert_array_equal(outs[1], outs[2])


def test_spiking_types_that_wrap_one_train_with_its_noise():
    class Mine(SoftLIFRate):
        pass

    neuron_types = [
        nengo.RegularSpiking(Mine(0.1, noise=GaussianNoise())),
        nengo.PoissonSpiking(SoftLIFRate(0.1, noise=GaussianNoise())),
        nengo.RegularSpiking(nengo.LIFRate()),
    ]
    J = np.full(500, 4.0)
    outs = sampled(neuron_types, J, seeds=[1, 1, 1])
    for out in outs[:2]:
        assert out.mean() == pytest.approx(curve(SoftLIFRate(0.1), 4.0), abs=2)
        assert out.std() == pytest.approx(10, rel=0.1)
    assert abs(np.corrcoef(outs[0].ravel(), outs[1].ravel())[0, 1]) < 0.15
    assert outs[2].std() == pytest.approx(0, abs=1e-3)
