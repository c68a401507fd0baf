"""`nengo_softlif.layers.parameters`: what Nengo built, taken out and put back."""

import warnings

from nengo_softlif import (
    AveragePool,
    Emulator,
    GaussianNoise,
    LocallyConnected,
    Preprocessing,
    Simulator,
    SoftLIFRate,
    load,
    to_loihi,
    to_spiking,
)
from nengo_softlif.compat import nengo_dl
from nengo_softlif.layers.parameters import (
    build,
    collect,
    describe_parts,
    install,
    trainable,
    with_weights,
)
from nengo_softlif.networks import small

import nengo
import numpy as np
import pytest
import scipy.sparse
from nengo.exceptions import Unconvertible, ValidationError


def convolutional(seed=0):
    """Convolution, pooling, local and dense layers, with biases from nodes of ones."""
    neuron_type = SoftLIFRate(0.1, amplitude=0.1, noise=GaussianNoise())
    with nengo.Network(seed=seed) as net:
        image = nengo.Node(lambda t: np.sin(np.arange(72) * 40 * t), label="image")
        conv = nengo.Convolution(3, (6, 6, 2), padding="same")
        local = LocallyConnected(2, (3, 3, 3), kernel_size=2)
        a = nengo.Ensemble(
            108, 1, neuron_type=neuron_type, gain=np.full(108, 0.8), bias=np.ones(108)
        )
        b = nengo.Ensemble(8, 1, neuron_type=neuron_type)
        pool = nengo.Node(size_in=27)
        bias = nengo.Convolution(3, (6, 6, 1), kernel_size=(1, 1))
        answer = nengo.Node(size_in=4)
        for pre, post, transform in [
            (image, a.neurons, conv),
            (nengo.Node(np.ones(36)), a.neurons, bias),
            (a.neurons, pool, AveragePool((6, 6, 3), 2)),
            (pool, b.neurons, local),
            (b.neurons, answer, nengo.Dense((4, 8), init=nengo.dists.Gaussian(0, 1))),
        ]:
            nengo.Connection(pre, post, transform=transform, synapse=None)
        for target in (a.neurons, b.neurons, answer):
            nengo.Probe(target)
    return net


def decoded(seed=0):
    """The Neural Engineering Framework: functions, transforms, slices, learning."""
    with nengo.Network(seed=seed) as net:
        net.config[nengo.Ensemble].neuron_type = SoftLIFRate(0.1)
        node = nengo.Node(lambda t: [np.sin(40 * t), np.cos(30 * t)])
        a = nengo.Ensemble(50, 2, radius=1.5, max_rates=nengo.dists.Uniform(150, 250))
        b = nengo.Ensemble(40, 3, intercepts=nengo.dists.Uniform(-0.5, 0.5))
        with nengo.Network():
            c = nengo.Ensemble(30, 1, neuron_type=nengo.LIFRate(), seed=7)
            direct = nengo.Ensemble(1, 2, neuron_type=nengo.Direct())
        answer = nengo.Node(size_in=2)
        nengo.Connection(node, a)
        nengo.Connection(node, c, function=lambda x: x[0] * x[1], transform=0.5)
        # a function of one dimension into three
        nengo.Connection(a, b, function=np.prod, transform=np.ones((3, 1)))
        # three dimensions into one
        nengo.Connection(a, c, function=lambda x: [*x, 1], transform=[[1, 2, 3]])
        alpha = nengo.Alpha(0.01)
        nengo.Connection(a[1], b[[2, 0]], transform=[[1], [-1]], synapse=alpha)
        nengo.Connection(b[::2], a, transform=[[0, 0.1], [0.2, 0]])
        points = np.linspace(-1, 1, 20)[:, None]
        nengo.Connection(c, answer[0], eval_points=points, function=points**2)
        nengo.Connection(c, a.neurons, transform=np.linspace(-1, 1, 50)[:, None])
        nengo.Connection(a.neurons[5:15], b.neurons[::4], transform=1e-3 * np.eye(10))
        nengo.Connection(a, direct, transform=2)
        nengo.Connection(direct, answer, function=np.square, transform=[0.1, 0.2])
        learned = nengo.Connection(
            b, answer[1], function=lambda x: 0, learning_rule_type=nengo.PES(1e-3)
        )
        nengo.Connection(node[0], learned.learning_rule)
        for ensemble in (a, b, c):
            nengo.Probe(ensemble.neurons)
        for target in (answer, a, b[1:], direct):
            nengo.Probe(target)
    return net


def recurrent(seed=0):
    """An integrator, and neurons that inhibit each other."""
    with nengo.Network(seed=seed) as net:
        node = nengo.Node(lambda t: np.sin(30 * t))
        a = nengo.Ensemble(60, 1, neuron_type=SoftLIFRate(0.05, noise=GaussianNoise()))
        nengo.Connection(node, a, transform=0.1)
        nengo.Connection(a, a, synapse=0.1)
        nengo.Connection(
            a.neurons,
            a.neurons,
            transform=nengo.dists.Gaussian(-1e-4, 1e-4),
            synapse=nengo.Alpha(0.005),
        )
        nengo.Probe(a.neurons)
        nengo.Probe(a, synapse=0.01)
    return net


def sparse(seed=0):
    """Sparse matrices in all forms, transposed convolution, short forms of dense."""
    rng = np.random.RandomState(0)  # where weights are is not part of the arrays
    matrix = scipy.sparse.random(6, 6, 0.5, random_state=rng, format="coo")
    order = rng.permutation(matrix.nnz)
    matrix = scipy.sparse.coo_matrix(
        (matrix.data[order], (matrix.row[order], matrix.col[order])), (6, 6)
    )
    indices = [(5, 0), (0, 3), (2, 2), (0, 1), (5, 5)]
    with nengo.Network(seed=seed) as net:
        node = nengo.Node(lambda t: np.sin(np.arange(6) * 40 * t))
        for transform in [
            nengo.Sparse((6, 6), init=matrix),
            nengo.Sparse((6, 6), init=matrix.tocsr()),
            nengo.Sparse((6, 6), init=matrix.tocsc()),
            nengo.Sparse((6, 6), indices=indices, init=np.arange(1.0, 6)),
            nengo.Sparse((6, 6), indices=indices, init=nengo.dists.Uniform(0, 1)),
            nengo.transforms.ConvolutionTranspose(1, (3, 2, 1), padding="same"),
            2.0,
            np.arange(6.0),
            None,
        ]:
            target = nengo.Node(size_in=6)
            nengo.Connection(node, target, transform=transform, synapse=None)
            nengo.Probe(target)
    return net


NETWORKS = [convolutional, decoded, recurrent, sparse]
networks = pytest.mark.parametrize("make", NETWORKS)


def run(net, n_steps=30):
    """What a network's probes show."""
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run_steps(n_steps)
    return [sim.data[probe] for probe in net.all_probes]


def assert_same(first, second, **kwargs):
    if isinstance(first, dict):
        assert list(first) == list(second)
        first, second = first.values(), second.values()
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, **kwargs)


@networks
def test_installing_changes_no_output(make):
    net = make()
    before = run(net)
    assert all(np.ptp(out) > 0 for out in before)
    arrays = collect(net, build(net))
    install(net, arrays)
    assert_same(run(net), before, rtol=0, atol=1e-10)
    assert_same(collect(net, build(net)), arrays, rtol=1e-14)


@networks
def test_installing_makes_a_network_the_other(make):
    """Whatever its own seed would have drawn."""
    net, other = make(seed=0), make(seed=1)
    other.seed = None
    before = run(net)
    assert not np.allclose(run(other)[0], before[0]) or make is sparse
    install(other, collect(net, build(net)))
    # a short form in Nengo's memory may differ from run to run, the output not
    assert_same(run(other), before, rtol=0, atol=1e-10)


@networks
def test_weights_stay_when_the_neurons_change(make):
    net = make()
    arrays = collect(net, build(net))
    ensembles = [e for e in net.all_ensembles if e.neuron_type != nengo.Direct()]

    for ensemble in ensembles:
        ensemble.neuron_type = nengo.LIF(tau_rc=0.03)
    changed = collect(net, build(net))
    if make in (decoded, recurrent):  # else this test could not fail
        assert not np.allclose(changed["ensembles/0/gain"], arrays["ensembles/0/gain"])

    install(net, arrays)
    assert_same(collect(net, build(net)), arrays, rtol=1e-14)


@pytest.mark.parametrize("make", [decoded, recurrent])
def test_trained_parameters_come_back_as_they_are(make, rng):
    """Encoders that training made longer, too."""
    net = make()
    arrays = collect(net, build(net))
    for array in arrays.values():
        array *= rng.uniform(0.5, 2, size=array.shape)
    install(net, arrays)
    assert_same(collect(net, build(net)), arrays, rtol=1e-14)


@networks
def test_copies_can_be_installed_to(make):
    net = make()
    arrays = collect(net, build(net))
    twin = net.copy(add_to_container=False)
    install(twin, arrays)
    assert_same(run(twin), run(net), rtol=0, atol=1e-10)
    gains = [ensemble.gain for ensemble in net.all_ensembles]
    assert all(gain is None or make is convolutional for gain in gains)


@networks
def test_installing_is_silent_and_draws_nothing(make):
    net = make()
    arrays = collect(net, build(net))
    np.random.seed(0)
    state = np.random.get_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        install(net, arrays)
        after = np.random.get_state()
        build(net)
    assert np.array_equal(state[1], after[1])
    assert state[2:] == after[2:]


@networks
def test_arrays_do_not_share_memory_with_the_network(make):
    net = make()
    arrays = collect(net, build(net))
    before = run(net)
    install(net, arrays)
    saved = {name: array.copy() for name, array in arrays.items()}
    for array in arrays.values():
        array += 1
    assert_same(run(net), before, rtol=0, atol=1e-10)
    assert_same(collect(net, build(net)), saved, rtol=1e-14)


@networks
def test_descriptions_outlive_installing_and_copying(make):
    net = make()
    before = describe_parts(net)
    assert describe_parts(net.copy(add_to_container=False)) == before
    assert describe_parts(make(seed=1)) == before
    install(net, collect(net, build(net)))
    assert describe_parts(net) == before
    for other in NETWORKS:
        assert (describe_parts(other()) == before) == (other is make)


def test_names_count_all_objects_and_leave_out_what_is_not_trained():
    net = convolutional()
    arrays = collect(net, build(net))
    parts = [f"ensembles/{i}/{a}" for i in (0, 1) for a in ("gain", "bias", "encoders")]
    # connection 2 pools
    assert list(arrays) == parts + [f"connections/{i}/weights" for i in (0, 1, 3, 4)]
    assert arrays["connections/0/weights"].shape == (3, 3, 2, 3)
    assert arrays["connections/1/weights"].shape == (1, 1, 1, 3)
    assert arrays["connections/3/weights"].shape == (2 * 2 * 2 * 2 * 3 * 2,)
    assert arrays["connections/4/weights"].shape == (4, 8)

    net = decoded()
    arrays = collect(net, build(net))
    direct = net.all_ensembles.index(net.networks[0].ensembles[1])
    assert f"ensembles/{direct}/gain" not in arrays
    assert len([name for name in arrays if name.endswith("gain")]) == 3
    probes = [i for i, p in enumerate(net.all_probes) if p.obj in net.ensembles]
    assert probes == [4, 5]
    assert arrays["probes/4/weights"].shape == (2, 50)
    assert arrays["probes/5/weights"].shape == (2, 40)
    assert sum(name.startswith("probes") for name in arrays) == 2
    unweighted = [i for i, c in enumerate(net.all_connections) if not c.has_weights]
    assert unweighted
    assert all(f"connections/{i}/weights" not in arrays for i in unweighted)


def test_what_is_collected_is_what_nengo_built(seed):
    net = decoded(seed)
    built = build(net)
    arrays = collect(net, built)
    for i, ensemble in enumerate(net.all_ensembles):
        if isinstance(ensemble.neuron_type, nengo.Direct):
            continue
        for attr in ("gain", "bias", "encoders"):
            np.testing.assert_array_equal(
                arrays[f"ensembles/{i}/{attr}"], getattr(built[ensemble], attr)
            )
    with nengo.Simulator(net, progress_bar=False) as sim:
        assert_same(collect(net, sim.data), arrays, rtol=0)


@pytest.mark.parametrize("make", [convolutional, decoded, sparse])
def test_what_nengo_dl_holds_can_be_installed(make):
    """As after training, in float32."""
    net = make()
    with net:
        nengo_dl.configure_settings(dtype="float32")
    before = run(net, 5)
    with nengo_dl.Simulator(net, progress_bar=False) as sim:
        arrays = collect(net, sim.data)
    assert_same(arrays, collect(net, build(net)), rtol=1e-4, atol=1e-6)
    install(net, arrays)
    assert_same(run(net, 5), before, rtol=1e-3, atol=1e-3)


# -- what does not fit -----------------------------------------------------------------


def same_network(net, before):
    """Whether a network is what it was."""
    assert_same(collect(net, build(net)), before, rtol=0)
    untouched = [not isinstance(c.solver, nengo.solvers.NoSolver)
                 for c in net.all_connections]  # fmt: skip
    return all(untouched) and all(e.normalize_encoders for e in net.all_ensembles)


def without(name):
    return lambda arrays: {k: v for k, v in arrays.items() if k != name}


@pytest.mark.parametrize(
    ("alter", "match"),
    [
        (without("ensembles/0/gain"), r"1 of its .* \(ensembles/0/gain\), and 0 fit"),
        (without("connections/2/weights"), r"1 of its .*connections/2/weights"),
        (lambda a: {**a, "ensembles/9/gain": 1}, r"1 fit nothing \(ensembles/9/gain\)"),
        (lambda a: {}, r"missing \(connections/\d+/weights, .*\.\.\.\), and 0 fit"),
        (
            lambda a: {**a, "ensembles/0/bias": np.zeros(49)},
            r"Ensemble.* needs bias of shape \(50,\), got \(49,\)",
        ),
        (
            lambda a: {**a, "ensembles/1/encoders": np.zeros((40, 2))},
            r"Ensemble.* needs encoders of shape \(40, 3\), got \(40, 2\)",
        ),
        (
            lambda a: {**a, "connections/2/weights": np.zeros((50, 3))},
            r"Connection.* needs weights of shape \(3, 50\), got \(50, 3\)",
        ),
    ],
)
def test_other_arrays(alter, match):
    net = decoded()
    before = collect(net, build(net))
    with pytest.raises(ValidationError, match=match):
        install(net, alter(before))
    assert same_network(net, before)


@pytest.mark.parametrize("wrong", [0, 1, 3, 4])
def test_other_shapes_of_weights(wrong):
    net = convolutional()
    before = collect(net, build(net))
    name = f"connections/{wrong}/weights"
    with pytest.raises(ValidationError, match=r"needs weights of shape .* build"):
        install(net, {**before, name: np.zeros(1)})
    assert same_network(net, before)


@pytest.mark.parametrize("other", [convolutional, recurrent, sparse])
def test_arrays_of_another_network(other):
    net, other = decoded(), other()
    before = collect(net, build(net))
    with pytest.raises(ValidationError, match="has other objects than the one these"):
        install(net, collect(other, build(other)))
    assert same_network(net, before)


def test_solvers_for_full_weights(seed):
    with nengo.Network(seed=seed) as net:
        a, b = (nengo.Ensemble(10, 1, neuron_type=SoftLIFRate()) for _ in range(2))
        nengo.Connection(a, b, solver=nengo.solvers.LstsqL2(weights=True))
    arrays = collect(net, build(net))
    with pytest.raises(Unconvertible, match="solves for full connection weights"):
        install(net, arrays)
    assert a.gain is None


# -- transforms ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (nengo.Dense((2, 3), init=nengo.dists.Uniform(0, 1)), (2, 3)),
        (nengo.Dense((3, 3), init=2.0), ()),
        (nengo.Dense((3, 3), init=np.ones(3)), (3,)),
        (nengo.Sparse((4, 5), indices=[(0, 1), (3, 2)]), (2,)),
        (nengo.Convolution(2, (4, 4, 3), channels_last=False), (3, 3, 3, 2)),
        (
            nengo.Convolution(2, (4, 4, 3), (2, 3), (1, 2), "same"),
            (2, 3, 3, 2),
        ),
        (nengo.transforms.ConvolutionTranspose(2, (4, 4, 3)), (3, 3, 3, 2)),
        (LocallyConnected(2, (4, 4, 3), padding="same"), (100 * 3 * 2,)),
    ],
)
def test_with_weights_keeps_everything_else(transform, shape, rng):
    weights = rng.normal(size=shape)
    new = with_weights(transform, weights)
    assert type(new) is type(transform)
    assert repr(new) == repr(transform)
    assert (new.size_in, new.size_out) == (transform.size_in, transform.size_out)
    sample = new.sample()
    np.testing.assert_array_equal(getattr(sample, "data", sample), weights)
    if hasattr(transform, "output_shape"):
        assert new.output_shape.shape == transform.output_shape.shape
    if isinstance(transform, nengo.Sparse):
        np.testing.assert_array_equal(new.init.indices, transform.init.indices)


def test_trainable_is_what_nengo_dl_marks():
    """In nested networks, with settings for classes and for objects."""
    with nengo.Network(seed=0) as outer:
        nengo_dl.configure_settings(trainable=None)
        a, b = nengo.Ensemble(5, 1), nengo.Ensemble(5, 1)
        outer.config[a].trainable = False
        outer.config[b.neurons].trainable = False
        with nengo.Network():
            c = nengo.Ensemble(5, 1)
        with nengo.Network():
            nengo_dl.configure_settings(trainable=False)
            d = nengo.Ensemble(5, 1)
            with nengo.Network() as innermost:
                nengo_dl.configure_settings(trainable=None)
                e, f = nengo.Ensemble(5, 1), nengo.Ensemble(5, 1)
                innermost.config[nengo.Connection].trainable = True
                innermost.config[f].trainable = True
                inside = nengo.Connection(e, f)
        outside = nengo.Connection(a.neurons, d.neurons, transform=1)
        outer.config[outside].trainable = False
    found = trainable(outer)
    with nengo_dl.Simulator(outer, progress_bar=False) as sim:
        signals = sim.model.sig
        expected = {
            **{c: bool(signals[c]["weights"].trainable) for c in (inside, outside)},
            **{
                obj: bool(signals[obj][name].trainable)
                for ensemble in (a, b, c, d, e, f)
                for obj, name in ((ensemble, "encoders"), (ensemble.neurons, "bias"))
            },
        }
    assert found == expected
    assert set(found.values()) == {True, False}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bias", [0.5, -0.5, -3.0])
@pytest.mark.parametrize("run", ["saving", "spikes", "chip"])
def test_nengo_does_not_warn_of_trained_biases(bias, run, rng, tmp_path):
    """Of neurons that fire for no decoded value it says that gains are too small."""
    model = small(noise=None)
    model.preprocessing = Preprocessing((8, 8, 1), 0, 1)
    for ensemble in model.ensembles:
        ensemble.gain = np.full(ensemble.n_neurons, 0.2)
        ensemble.bias = np.full(ensemble.n_neurons, bias)
    if run == "saving":
        model.save(tmp_path / "model.safetensors")
        load(tmp_path / "model.safetensors")
    elif run == "spikes":
        with Simulator(to_spiking(model).network, minibatch_size=1) as sim:
            sim.step()
    else:
        Emulator(to_loihi(to_spiking(model)).network, progress_bar=False).close()
